"""A small pipeline to test on: parcels are routed by a rule-based model that is wrong on a known share of inputs.

Nothing here is random beyond a seed, and the injected fault is known only to the test that asks for it.
"""

from __future__ import annotations

import json
import random
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from seamwatch.adapters.connections import EnvironmentConnections
from seamwatch.core.results import Window
from seamwatch.engine.deps import Deps
from seamwatch.spec.load import load_project
from seamwatch.store.repo import Store

START = datetime(2026, 1, 5, tzinfo=UTC)
WINDOW = Window(start=START, end=START + timedelta(days=1))
OPENED: list[Store] = []
"""Stores that `make_deps` opened; a fixture of all tests closes them."""
PRODUCTS = {"A": "router", "B": "phone", "C": "bill"}
QUEUES = {"net": "Q1", "mob": "Q2", "fin": "Q3", "fraud": "Q4", "misc": "Q5"}

PIPELINE = """\
pipeline: parcels
description: Routes parcels to a queue.
database: parcels_db
key: id
owners: {reliability: "@U0REL", integration: "!subteam^S0INT", model: "@U0MOD"}
slack: {channel: "#incidents", connection: slack_test}
stages:
  - {name: orders, kind: source, table: orders, time: created_at}
  - {name: request, kind: mapping, table: requests, reference: parcels_request.yaml}
  - {name: prompt, kind: prompt, table: calls, request: body, reference: "parcels:to_prompt"}
  - {name: router_model, kind: model, table: calls, request: body, response: answer, status: status, endpoint: ENDPOINT}
  - {name: result, kind: mapping, table: results, reference: "parcels:to_result"}
  - {name: routing, kind: sink, table: routing}
outcome: {truth: labels, compare: {queue: queue}}
benchmark: {table: benchmark, truth: {queue: queue}, baseline_accuracy: 0.95, sample: 60}
isolation: {max_calls_per_run: 2000}
"""

KEEP_ALL = "store: {keep: 3650d}\n"
"""Settings for an Airflow with a scheduler: it purges the store as it starts, and the windows here are long past."""

FIELD_MAP = """\
fields:
  product: {from: code, lookup: {A: router, B: phone, C: bill}, default: other}
  amount: {from: cents, cast: number, scale: 0.01, round: 2}
"""

FUNCTIONS = """\
import json
import zlib


def to_prompt(request: dict) -> dict:
    text = f"{request['product']} {request['amount']}"
    return {"model": "rules-1", "messages": [{"role": "user", "content": text}], "temperature": 0}


def model(body):
    product, amount = body["messages"][0]["content"].split()
    queue = {"router": "net", "phone": "mob", "bill": "fin"}.get(product, "misc")
    if float(amount) > 500:
        queue = "fraud"
    if zlib.crc32(f"{product}{float(amount)}".encode()) % 20 == 0:
        queue = "misc"
    return json.dumps({"queue": queue})


def to_result(answer: dict) -> dict:
    codes = {"net": "Q1", "mob": "Q2", "fin": "Q3", "fraud": "Q4", "misc": "Q5"}
    return {"queue": codes[json.loads(answer["answer"])["queue"]]}
"""

SUITE = {
    "name": "orders",
    "expectations": [
        {"type": "expect_column_values_to_be_in_set", "kwargs": {"column": "code", "value_set": ["A", "B", "C"]}},
        {
            "type": "expect_column_values_to_be_between",
            "kwargs": {"column": "cents", "min_value": 1, "max_value": 10_000_000},
            "severity": "warning",
        },
    ],
}


def answer_of(product: str, amount: float) -> str:
    """Return what the model says: a rule, and a fixed 5 % of inputs on which it is wrong."""
    queue = {"router": "net", "phone": "mob", "bill": "fin"}.get(product, "misc")
    if amount > 500:
        queue = "fraud"
    if zlib.crc32(f"{product}{float(amount)}".encode()) % 20 == 0:
        queue = "misc"
    return json.dumps({"queue": queue})


def true_queue(code: str, cents: int) -> str:
    """Return the right queue of an order."""
    return "Q4" if cents > 50_000 else {"A": "Q1", "B": "Q2", "C": "Q3"}[code]


@dataclass
class Record:
    """One order on its way; a fault changes it where it strikes."""

    number: int
    at: datetime
    code: str
    cents: int
    product: str = ""
    amount: float = 0.0
    text: str = ""
    answer: str | None = None
    status: str = "ok"
    queue: str | None = None
    routed: str | None = None
    lost_at: str | None = None
    true_queue: str = ""
    extra_calls: list[tuple[str | None, str]] = field(default_factory=list)


def _flow(record: Record, fault: str, is_struck: bool, say: Callable[[str, float], str]) -> None:
    """Carry an order through the pipeline, with the fault at its own place."""
    struck = fault if is_struck else ""
    if struck == "source_garbled":
        record.code = "\ufffd\ufffd"
    if struck == "source_larger":
        record.cents *= 100
    is_third = record.number % 3 == 0
    _make_request(record, struck)
    record.answer = say(*_words(record.text))
    if struck == "provider" and is_third:
        record.answer, record.status = None, "503"
    if struck == "retried" and is_third:
        record.extra_calls = [(None, "503"), (None, "timeout")]
    record.queue = QUEUES[json.loads(record.answer)["queue"]] if record.answer else "Q5"
    if struck == "result" and record.queue == "Q1":
        record.queue = "Q2"
    record.routed = "Q3" if struck == "sink" and record.queue == "Q1" else record.queue
    if struck == "bad_source" and is_third:
        record.code = "??"


def _make_request(record: Record, struck: str) -> None:
    record.product, record.amount = PRODUCTS.get(record.code, "other"), round(record.cents * 0.01, 2)
    if struck == "code_table" and record.code == "B":
        record.product = "bill"
    if struck == "unit":
        record.amount = float(record.cents)
    if struck == "format_only":
        record.product = f" {record.product.upper()} "
    if struck == "lost" and record.number % 4 == 0:
        record.lost_at = "requests"
    record.text = f"{record.product} 0.0" if struck == "prompt" else f"{record.product.strip().lower()} {record.amount}"


def _words(text: str) -> tuple[str, float]:
    product, amount = text.split()
    return product, float(amount)


def slipping(rate: float, rng: random.Random) -> Callable[[str, float], str]:
    """Return a model that says something else than usual at this rate."""

    def say(product: str, amount: float) -> str:
        usual = json.loads(answer_of(product, amount))["queue"]
        others = [queue for queue in QUEUES if queue != usual]
        return json.dumps({"queue": rng.choice(others) if rng.random() < rate else usual})

    return say


def records(
    n: int, fault: str, *, seed: int = 1, onset: int | None = None, say: Callable[[str, float], str] = answer_of
) -> Iterator[Record]:
    """Yield `n` orders of a day; the fault strikes those from `onset` on."""
    rng = random.Random(seed)
    step = timedelta(days=1) / n
    for number in range(n):
        record = Record(number, START + step * number, rng.choice("ABC"), rng.randrange(100, 80_000))
        record.true_queue = true_queue(record.code, record.cents)
        _flow(record, fault, number >= (n // 3 if onset is None else onset), say)
        yield record


TABLES = {
    "orders": "id INTEGER, code TEXT, cents INTEGER, created_at {time}",
    "requests": "id INTEGER, product TEXT, amount DOUBLE PRECISION, created_at {time}",
    "calls": "id INTEGER, body TEXT, answer TEXT, status TEXT, created_at {time}",
    "results": "id INTEGER, queue TEXT, created_at {time}",
    "routing": "id INTEGER, queue TEXT, created_at {time}",
    "labels": "id INTEGER, queue TEXT",
    "benchmark": "id INTEGER, code TEXT, cents INTEGER, queue TEXT",
}


def fill_database(
    url: str,
    fault: str,
    *,
    n: int = 300,
    seed: int = 1,
    unlabelled: int = 5,
    onset: int | None = None,
    say: Callable[[str, float], str] = answer_of,
) -> None:
    """Create the tables of one day at a database, with one fault from the order `onset` on."""
    engine = sa.create_engine(url)
    is_sqlite = engine.dialect.name == "sqlite"
    rows: dict[str, list[dict[str, Any]]] = {name: [] for name in TABLES}
    for record in records(n, fault, seed=seed, onset=onset, say=say):
        at: Any = f"{record.at:%Y-%m-%dT%H:%M:%S}" if is_sqlite else record.at
        body = json.dumps(
            {"model": "rules-1", "messages": [{"role": "user", "content": record.text}], "temperature": 0}
        )
        rows["orders"].append({"id": record.number, "code": record.code, "cents": record.cents, "created_at": at})
        if record.number < n - unlabelled:
            rows["labels"].append({"id": record.number, "queue": record.true_queue})
        if record.lost_at:
            continue
        rows["requests"].append(
            {"id": record.number, "product": record.product, "amount": record.amount, "created_at": at}
        )
        for answer, status in [*record.extra_calls, (record.answer, record.status)]:
            rows["calls"].append(
                {"id": record.number, "body": body, "answer": answer, "status": status, "created_at": at}
            )
        rows["results"].append({"id": record.number, "queue": record.queue, "created_at": at})
        rows["routing"].append({"id": record.number, "queue": record.routed, "created_at": at})
    rng = random.Random(99)
    for number in range(200):
        code, cents = rng.choice("ABC"), rng.randrange(100, 80_000)
        rows["benchmark"].append(
            {"id": 100_000 + number, "code": code, "cents": cents, "queue": true_queue(code, cents)}
        )
    with engine.begin() as connection:
        for name, columns in TABLES.items():
            connection.execute(sa.text(f"DROP TABLE IF EXISTS {name}"))
            form = columns.format(time="TEXT" if is_sqlite else "TIMESTAMPTZ")
            connection.execute(sa.text(f"CREATE TABLE {name} ({form})"))
            if rows[name]:
                names = list(rows[name][0])
                places = ", ".join(f":{column}" for column in names)
                connection.execute(sa.text(f"INSERT INTO {name} ({', '.join(names)}) VALUES ({places})"), rows[name])
    engine.dispose()


def write_project(root: Path, *, endpoint: str = '"python:parcels:model"', pipeline: str = PIPELINE) -> None:
    """Write the pipeline file, its references and its suite below `root`."""
    for folder in ("include/pipelines", "include/mappings", "expectations/parcels"):
        (root / folder).mkdir(parents=True, exist_ok=True)
    (root / "include/pipelines/parcels.yaml").write_text(pipeline.replace("ENDPOINT", endpoint))
    (root / "include/mappings/parcels_request.yaml").write_text(FIELD_MAP)
    (root / "include/mappings/parcels.py").write_text(FUNCTIONS)
    (root / "expectations/parcels/orders.json").write_text(json.dumps(SUITE, indent=2))


def make_deps(root: Path, env: dict[str, str], *, store_url: str | None = None, now: datetime | None = None) -> Deps:
    """Return dependencies on the project at `root`, with connections from `env` and a notifier into files."""
    from file_notifier import FileNotifier

    store = Store.open(store_url or f"sqlite:///{root / 'store.db'}", migrate_first=True)
    OPENED.append(store)
    return Deps(
        project=load_project(root),
        connections=EnvironmentConnections(env),
        store=store,
        data_dir=root / "data",
        ui_url="http://127.0.0.1:8080",
        clock=lambda: now or WINDOW.end + timedelta(hours=2),
        notifier=lambda _: FileNotifier(root / "messages.jsonl"),
    )
