"""Mistakes that people make in a project, each planted alone, and what `seamwatch check` must say of it."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

PIPELINE = "include/pipelines/desk.yaml"
FUNCTIONS = "include/mappings/desk.py"
FIELD_MAP = "include/mappings/result.yaml"
SUITE = "expectations/desk/tickets.json"

YAML_TEXT = """\
pipeline: desk
description: Sends tickets to a queue.
schedule: "*/15 * * * *"
start_date: "2026-01-01"
database: desk_dw
owners: {reliability: "@U012AB", model: "!subteam^S01"}
key: id
settle: 30m
stages:
  - {name: tickets, kind: source, table: tickets, time: created_at}
  - {name: request, kind: mapping, table: requests, time: mapped_at, reference: "desk:to_request"}
  - {name: prompt, kind: prompt, table: calls, time: called_at, request: request, reference: "desk:to_prompt"}
  - name: model
    kind: model
    table: calls
    time: called_at
    request: request
    response: response
    status: status
    endpoint: "python:desk:model"
  - {name: result, kind: mapping, table: results, time: decided_at, reference: result.yaml}
outcome:
  truth: labels
  compare: {queue: queue}
  late_after: 7d
benchmark: {table: benchmark, truth: {queue: queue}, baseline_accuracy: 0.95}
segments: [tickets.tier]
slos:
  - {name: accuracy, kind: accuracy, goal: 0.9, over: 28d}
  - {name: fast, kind: latency, p95: 5s, over: 28d}
"""
FUNCTION_TEXT = """\
import json


def to_request(row):
    return {"body": row["body"], "amount_eur": row["amount_cents"] / 100, "opened_on": row["opened_on"]}


def to_prompt(row):
    return {"model": "m-1", "messages": [{"role": "user", "content": row["body"]}]}


def model(request):
    text = request["messages"][-1]["content"]
    known = ("billing", "fraud", "network", "refunds")
    return json.dumps({"queue": next(name for name in known if name in text)})
"""
MAP_TEXT = """\
fields:
  queue: {from: answer.queue, lookup: {billing: "Q1", fraud: "Q2", network: "NO", refunds: "007"}}
"""
SUITE_TEXT = {
    "name": "tickets",
    "expectations": [
        {"type": "expect_column_values_to_not_be_null", "kwargs": {"column": "body"}},
        {"type": "expect_column_values_to_be_in_set", "kwargs": {"column": "tier", "value_set": ["gold", "basic"]}},
    ],
    "meta": {},
}
_QUEUES = {"billing": "Q1", "fraud": "Q2", "network": "NO", "refunds": "007"}
_N = 60


@dataclass(frozen=True, kw_only=True)
class Mistake:
    """One mistake, and the words that a message about it must hold."""

    name: str
    file: str
    """Where it must be told to stand."""
    change: Callable[[Path], None]
    says: tuple[str, ...]
    """Regular expressions, case-insensitive; all must be found in one problem's text."""
    has_line: bool = True


def write_healthy(root: Path) -> None:
    """Write the project without a mistake, with its database."""
    files = {
        PIPELINE: YAML_TEXT,
        FUNCTIONS: FUNCTION_TEXT,
        FIELD_MAP: MAP_TEXT,
        SUITE: json.dumps(SUITE_TEXT, indent=2),
    }
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    database = sqlite3.connect(root / "desk.db")
    columns = {
        "tickets": "id INTEGER, created_at TEXT, body TEXT, amount_cents INTEGER, tier TEXT, opened_on TEXT",
        "requests": "id INTEGER, mapped_at TEXT, body TEXT, amount_eur REAL, opened_on TEXT",
        "calls": "id INTEGER, called_at TEXT, request TEXT, response TEXT, status TEXT",
        "results": "id INTEGER, decided_at TEXT, queue TEXT",
        "labels": "id INTEGER, queue TEXT",
        "benchmark": "id INTEGER, body TEXT, amount_cents INTEGER, tier TEXT, opened_on TEXT, queue TEXT",
    }
    for table, kinds in columns.items():
        database.execute(f"CREATE TABLE {table} ({kinds})")
    for number in range(_N):
        topic = tuple(_QUEUES)[number % 4]
        at = f"2026-03-02T{number // 60:02d}:{number % 60:02d}:00"
        body, tier = f"a question about {topic}, number {number}", ("gold", "basic")[number % 2]
        request = json.dumps({"model": "m-1", "messages": [{"role": "user", "content": body}]})
        said = json.dumps({"queue": topic})
        rows = {
            "tickets": (number, at, body, 100 * number, tier, "2026-03-01"),
            "requests": (number, at, body, float(number), "2026-03-01"),
            "calls": (number, at, request, said, "200"),
            "results": (number, at, _QUEUES[topic]),
            "labels": (number, _QUEUES[topic]),
            "benchmark": (10_000 + number, body, 100 * number, tier, "2026-03-01", _QUEUES[topic]),
        }
        for table, row in rows.items():
            database.execute(f"INSERT INTO {table} VALUES ({', '.join('?' * len(row))})", row)
    database.commit()
    database.close()


def replace(file: str, old: str, new: str) -> Callable[[Path], None]:
    """Return the change of a part of a file; it must stand there."""

    def change(root: Path) -> None:
        text = (root / file).read_text(encoding="utf-8")
        assert old in text, (file, old)
        (root / file).write_text(text.replace(old, new), encoding="utf-8")

    return change


def sql(*statements: str) -> Callable[[Path], None]:
    """Return a change of the database."""

    def change(root: Path) -> None:
        with sqlite3.connect(root / "desk.db") as database:
            for statement in statements:
                database.execute(statement)
        database.close()

    return change


def both(*changes: Callable[[Path], None]) -> Callable[[Path], None]:
    def change(root: Path) -> None:
        for one in changes:
            one(root)

    return change


def suite_of(*expectations: Mapping[str, object], **more: object) -> Callable[[Path], None]:
    """Return the change of the suite to these expectations."""

    def change(root: Path) -> None:
        text = json.dumps({"name": "tickets", "expectations": list(expectations), "meta": {}, **more}, indent=2)
        (root / SUITE).write_text(text, encoding="utf-8")

    return change


def write(file: str, content: bytes) -> Callable[[Path], None]:
    def change(root: Path) -> None:
        (root / file).parent.mkdir(parents=True, exist_ok=True)
        (root / file).write_bytes(content)

    return change


def make_mistakes() -> list[Mistake]:
    """Return every mistake."""
    found = [*_units(), *_yaml(), *_names(), *_references(), *_rows(), *_suites(), *_others()]
    assert len({mistake.name for mistake in found}) == len(found)
    return found


def _yaml_mistake(name: str, old: str, new: str, *says: str) -> Mistake:
    return Mistake(name=name, file=PIPELINE, change=replace(PIPELINE, old, new), says=says)


def _units() -> Iterator[Mistake]:
    for where, old, new, likely in (
        ("period of an objective", "goal: 0.9, over: 28d", "goal: 0.9, over: 28", "28d"),
        ("late_after", "late_after: 7d", "late_after: 7", "7d"),
        ("settle", "settle: 30m", "settle: 30", "30(s|m)"),
        ("latency threshold", "p95: 5s", "p95: 500", "500ms"),
        ("quoted threshold", "p95: 5s", 'p95: "500"', "500ms"),
        ("unknown unit", "p95: 5s", "p95: 5sec0", "5s|ms"),
        ("negative duration", "settle: 30m", "settle: -30m", "30m|negative|duration"),
    ):
        yield _yaml_mistake(f"duration: {where}", old, new, likely)


def _yaml() -> Iterator[Mistake]:
    yield _yaml_mistake(
        "impossible date", 'start_date: "2026-01-01"', "start_date: 2026-02-30", "start_date|2026-02-30"
    )
    yield _yaml_mistake("tab", "  truth: labels", "\ttruth: labels", "tab")
    yield _yaml_mistake("key twice", "key: id\n", "key: id\nkey: number\n", "key|twice|duplicate")
    yield _yaml_mistake(
        "colon in plain text", "description: Sends tickets", "description: Sends: tickets", "quot|colon|mapping"
    )
    yield _yaml_mistake("name is a list", "pipeline: desk", "pipeline: [desk]", "pipeline|text|string")
    yield Mistake(
        name="not UTF-8",
        file=PIPELINE,
        change=write(PIPELINE, YAML_TEXT.replace("Sends", "Schickt für").encode("latin-1")),
        says=("utf-8",),
        has_line=False,
    )
    yield Mistake(
        name="empty file", file=PIPELINE, change=write(PIPELINE, b""), says=("mapping|empty",), has_line=False
    )
    yield Mistake(
        name="two documents",
        file=PIPELINE,
        change=write(PIPELINE, (YAML_TEXT + "---\n" + YAML_TEXT).encode()),
        says=("document",),
        has_line=False,
    )


def _names() -> Iterator[Mistake]:
    yield _yaml_mistake("cron of six wrong fields", '"*/15 * * * *"', '"*/15 * * *"', "schedule|cron")
    yield _yaml_mistake("cron minute 61", '"*/15 * * * *"', '"61 * * * *"', "61|cron")
    yield _yaml_mistake("preset misspelt", '"*/15 * * * *"', '"@hourley"', "@hourly")
    yield _yaml_mistake("mention is a name", '"@U012AB"', '"@anna"', "@U|user id|mention")
    yield _yaml_mistake("mention is an e-mail", '"@U012AB"', '"anna@example.com"', "@U|user id|mention")
    yield _yaml_mistake("owner of an unknown part", 'model: "!subteam', 'modell: "!subteam', "model")
    yield _yaml_mistake("unknown key", "settle: 30m", "setle: 30m", "settle")
    yield _yaml_mistake("unknown stage kind", "kind: prompt", "kind: promt", "prompt")
    yield _yaml_mistake("unknown objective kind", "kind: accuracy", "kind: acuracy", "accuracy")
    yield _yaml_mistake("objective in percent", "goal: 0.9,", "goal: 90,", "0.9|less than|0 (and|to) 1|below 1")
    yield _yaml_mistake("segment of an unknown stage", "[tickets.tier]", "[ticket.tier]", "tickets")
    yield _yaml_mistake("segment of an unknown column", "[tickets.tier]", "[tickets.teir]", "tier")
    yield _yaml_mistake("unknown connection", "database: desk_dw", "database: desk_dwh", "desk_dwh")


def _references() -> Iterator[Mistake]:
    yield _yaml_mistake("reference file missing", "desk:to_request", "dsk:to_request", "desk|dsk")
    yield _yaml_mistake("reference function missing", "desk:to_request", "desk:to_requst", "to_request")
    yield Mistake(
        name="output is no column",
        file=FUNCTIONS,
        change=replace(FUNCTIONS, '"body": row["body"], "amount', '"text": row["body"], "amount'),
        says=("text", "body|column"),
        has_line=False,
    )
    yield Mistake(
        name="map makes no column",
        file=FIELD_MAP,
        change=replace(FIELD_MAP, "queue: {from", "queue_id: {from"),
        says=("queue_id", "queue"),
        has_line=False,
    )
    yield Mistake(
        name="map reads an unknown field",
        file=FIELD_MAP,
        change=replace(FIELD_MAP, "answer.queue", "anwser.queue"),
        says=("anwser|answer",),
        has_line=False,
    )
    yield Mistake(
        name="map path gives null",
        file=FIELD_MAP,
        change=replace(FIELD_MAP, "answer.queue", "answer.que"),
        says=("answer.que",),
        has_line=False,
    )
    yield Mistake(
        name="function raises on every row",
        file=FUNCTIONS,
        change=replace(FUNCTIONS, 'row["amount_cents"]', 'row["amount"]'),
        says=("amount", "raise|KeyError|cannot"),
        has_line=False,
    )
    yield Mistake(
        name="function disagrees with every row",
        file=FUNCTIONS,
        change=replace(FUNCTIONS, "/ 100", "/ 10"),
        says=("amount_eur", "differ|disagree|contradict"),
        has_line=False,
    )
    yield Mistake(
        name="function returns a list",
        file=FUNCTIONS,
        change=replace(FUNCTIONS, 'return {"model": "m-1", "messages"', 'return ["m-1"] and {"message"'),
        says=("to_prompt|prompt",),
        has_line=False,
    )
    yield Mistake(
        name="syntax error",
        file=FUNCTIONS,
        change=replace(FUNCTIONS, "def to_prompt(row):", "def to_prompt(row)"),
        says=("syntax|expected ':'",),
    )
    yield Mistake(
        name="import of what is not there",
        file=FUNCTIONS,
        change=replace(FUNCTIONS, "import json\n", "import json\nimport companylib\n"),
        says=("companylib",),
        has_line=False,
    )


def _rows() -> Iterator[Mistake]:
    yield _yaml_mistake("table missing", "table: results", "table: reslts", "reslts|results")
    yield _yaml_mistake("column missing", "response: response", "response: respons", "response")
    yield _yaml_mistake("text column as time", "time: created_at", "time: body", "body", "time|date")
    yield _yaml_mistake("final field missing", "compare: {queue: queue}\n", "compare: {queu: queue}\n", "queue")
    yield _yaml_mistake("truth column missing", "compare: {queue: queue}\n", "compare: {queue: que}\n", "queue")
    yield _yaml_mistake("benchmark table missing", "table: benchmark", "table: benchmrk", "benchm")
    labels = "stages|labels|outcome|truth"
    for name, form, likely in (
        ("leading zeros", "printf('%05d', id)", "zero"),
        ("upper case and blank", "'T-' || id", "match|key"),
        ("decimal point", "id || '.0'", "number|decimal|7.0|whole|\\.0"),
    ):
        yield Mistake(
            name=f"keys of labels: {name}",
            file=PIPELINE,
            change=sql(
                "ALTER TABLE labels RENAME TO old_labels",
                f"CREATE TABLE labels AS SELECT {form} AS id, queue FROM old_labels",
            ),
            says=("key", likely),
        )
    yield Mistake(
        name="keys between stages",
        file=PIPELINE,
        change=sql("UPDATE results SET id = id + 100000"),
        says=("key|record|match|lost",),
    )
    yield Mistake(
        name="truth of another type",
        file=PIPELINE,
        change=sql(
            "ALTER TABLE labels RENAME TO old_labels",
            "CREATE TABLE labels AS SELECT id, CAST(id % 4 AS INTEGER) AS queue FROM old_labels",
        ),
        says=(labels, "type|number|text|never equal|none of|integer"),
    )
    yield Mistake(
        name="query ends in a comment",
        file=PIPELINE,
        change=replace(PIPELINE, "table: results", 'query: "SELECT * FROM reslts -- all"'),
        says=("reslts",),
    )
    yield Mistake(
        name="request column is no JSON",
        file=PIPELINE,
        change=sql("UPDATE calls SET request = 'sent'"),
        says=("request", "JSON|read|differ|disagree|prompt"),
    )
    yield Mistake(
        name="status words of no known meaning",
        file=PIPELINE,
        change=sql("UPDATE calls SET status = 'zzz'"),
        says=("status", "zzz"),
    )
    yield Mistake(
        name="answers cannot be read",
        file=PIPELINE,
        change=sql("UPDATE calls SET response = '<memory at 0x7f00>'"),
        says=("answer|response|result",),
    )


def _suites() -> Iterator[Mistake]:
    body = {"type": "expect_column_values_to_not_be_null", "kwargs": {"column": "bodi"}}
    yield Mistake(
        name="suite: column missing", file=SUITE, change=suite_of(body), says=("bodi", "body"), has_line=False
    )
    for name, expectation, says in (
        ("old key", {"expectation_type": "expect_column_values_to_not_be_null", "kwargs": {"column": "body"}}, "type"),
        ("unknown type", {"type": "expect_column_values_to_not_be_nul", "kwargs": {"column": "body"}}, "not_be_null"),
        ("wrong argument", {"type": "expect_column_values_to_not_be_null", "kwargs": {"col": "body"}}, "col"),
        ("bounds missing", {"type": "expect_column_values_to_be_in_set", "kwargs": {"column": "tier"}}, "value_set"),
    ):
        yield Mistake(name=f"suite: {name}", file=SUITE, change=suite_of(expectation), says=(says,), has_line=False)
    yield Mistake(
        name="suite: older form",
        file=SUITE,
        change=write(
            SUITE,
            json.dumps(
                {
                    "expectation_suite_name": "tickets",
                    "expectations": [
                        {"expectation_type": "expect_column_values_to_not_be_null", "kwargs": {"column": "body"}}
                    ],
                }
            ).encode(),
        ),
        says=("expectation_suite_name|expectation_type", "name|type"),
        has_line=False,
    )
    yield Mistake(name="suite: no JSON", file=SUITE, change=write(SUITE, b"{"), says=("JSON",), has_line=False)
    yield Mistake(
        name="suite: of no stage",
        file="expectations/desk/tikets.json",
        change=write("expectations/desk/tikets.json", json.dumps(SUITE_TEXT).encode()),
        says=("tickets",),
        has_line=False,
    )


def _others() -> Iterator[Mistake]:
    prices = "monitoring:\n  cost: {prices: {m-1: {input: 1.0, output: 2.0}}}\n"
    yield Mistake(
        name="price keys misspelt",
        file=PIPELINE,
        change=write(PIPELINE, (YAML_TEXT + prices).encode()),
        says=("input",),
    )
    yield _yaml_mistake("owner missing", 'owners: {reliability: "@U012AB", ', "owners: {", "owner|reliability")
    yield _yaml_mistake(
        "baseline in percent", "baseline_accuracy: 0.95", "baseline_accuracy: 95", "baseline_accuracy|1"
    )
