"""A look at objectives and watches over 30 days: only what is new, everything anew, and one SQL aggregate.

Runnable alone: `python tests/benchmarks/slo/tick.py [EVENTS]`.
"""

from __future__ import annotations

import os
import resource
import sqlite3
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np

ROOT = Path(__file__).parents[3]
sys.path[:0] = [str(Path(__file__).parents[1]), str(ROOT / "tests/support"), str(ROOT / "include")]

from write_page import Figure  # noqa: E402

from file_notifier import FileNotifier  # noqa: E402
from seamwatch.adapters.connections import EnvironmentConnections  # noqa: E402
from seamwatch.engine.deps import Deps  # noqa: E402
from seamwatch.engine.slo import look_at_objectives  # noqa: E402
from seamwatch.spec.load import load_project  # noqa: E402
from seamwatch.spec.pipeline import Pipeline  # noqa: E402
from seamwatch.store.repo import Store  # noqa: E402

DAYS = 30
END = datetime(2026, 11, 1, tzinfo=UTC)
START = END - timedelta(days=DAYS)
TICK = timedelta(minutes=5)
EVENTS, SHORT_EVENTS = 10_000_000, 100_000
_AT_ONCE = 200_000
PIPELINE = """\
pipeline: tick
database: tick_db
key: id
stages:
  - {name: requests, kind: source, table: requests, time: at}
  - {name: answers, kind: model, table: answers, time: at, endpoint: nowhere, request: body, response: answer,
     latency_ms: latency_ms, cost_usd: cost_usd, model: model, input_tokens: tokens_in, output_tokens: tokens_out,
     status: status}
outcome: {truth: {table: labels, time: at}, compare: {answer: label}, late_after: 1h}
settle: 15m
segments: [requests.tenant]
slos:
  - {kind: accuracy, goal: 0.9, over: 30d}
  - {kind: latency, p95: 5s, over: 30d}
  - {kind: cost, per_query_usd: 0.01, over: 30d}
  - {kind: availability, goal: 0.99, over: 30d}
"""
_WITHOUT_WATCHES = "monitoring: {latency: false, cost: false, drift: false, injection: false}\n"
AGGREGATE = """
SELECT strftime('%s', r.at) / 300, count(*), sum(a.answer = l.label), sum(a.latency_ms <= 5000), sum(a.cost_usd <= 0.01)
FROM requests r JOIN answers a ON a.id = r.id LEFT JOIN labels l ON l.id = r.id
GROUP BY 1
"""
NOTES = f"""\
The tick: a pipeline of a source, a model and a truth table in SQLite, {DAYS} days of events, four objectives.
`tick_incremental` is a look five minutes after the last one, median of rounds, the hourly search for late truths among
them; its rivals are a first look at all of it (`everything_anew`) and one SQL aggregate over the same tables that only
counts (`sql_aggregate`). `tick_with_watches` is the same with every watch, on a tenth of the events. Also the most
memory that the process had."""


def figures(*, short: bool, seed: int, events: int | None = None) -> dict[str, Figure]:
    """Return seconds of an incremental look, of everything anew and of one SQL aggregate; and peak memory in GiB."""
    n = events or (SHORT_EVENTS if short else EVENTS)
    bare = _measure(n, seed, _WITHOUT_WATCHES)
    watched = _measure(n // 10, seed, "")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    return {
        "tick_incremental": bare,
        "tick_events": Figure(n, n, n, "events in 30 days", {}),
        "tick_with_watches": watched,
        "tick_with_watches_events": Figure(n // 10, n // 10, n // 10, "events in 30 days", {}),
        "tick_peak_memory": Figure(peak, peak, peak, "GiB", {}),
    }


def _measure(n: int, seed: int, more: str) -> Figure:
    """Return the seconds of looks one after the other over so many events, beside the two rivals."""
    with tempfile.TemporaryDirectory(dir=os.environ.get("TMPDIR")) as folder:
        root = Path(folder)
        _write_project(root, more)
        _write_events(root / "tick.db", n, seed)
        aggregate = _timed_aggregate(root / "tick.db")
        deps = _deps(root)
        pipeline = deps.project.pipeline("tick")
        anew = _timed_look(deps, pipeline, END)
        rounds = [_timed_look(deps, pipeline, END + number * TICK) for number in range(1, 14)]
        deps.store.close()
    rival = {"everything_anew": anew, "sql_aggregate": aggregate}
    return Figure(float(np.median(rounds)), min(rounds), max(rounds), "s", rival)


def _timed_look(deps: Deps, pipeline: Pipeline, now: datetime) -> float:
    started = time.perf_counter()
    look_at_objectives(deps, pipeline, now=now)
    return time.perf_counter() - started


def _timed_aggregate(path: Path) -> float:
    with sqlite3.connect(path) as connection:
        started = time.perf_counter()
        rows = connection.execute(AGGREGATE).fetchall()
        seconds = time.perf_counter() - started
    assert rows
    return seconds


def _write_project(root: Path, more: str) -> None:
    (root / "include" / "pipelines").mkdir(parents=True)
    (root / "include" / "pipelines" / "tick.yaml").write_text(PIPELINE + more, encoding="utf-8")


def _deps(root: Path) -> Deps:
    connections = {
        "AIRFLOW_CONN_TICK_DB": f"sqlite:///{root / 'tick.db'}",
        "AIRFLOW_CONN_NOWHERE": "http://127.0.0.1:9",
    }
    return Deps(
        project=load_project(root),
        connections=EnvironmentConnections(connections),
        store=Store.open(f"sqlite:///{root / 'store.db'}", migrate_first=True),
        data_dir=root / "data",
        ui_url="http://127.0.0.1:8080",
        clock=lambda: END,
        notifier=lambda _: FileNotifier(root / "messages.jsonl"),
    )


def _write_events(path: Path, n: int, seed: int) -> None:
    """Write events spread evenly over the days and a little beyond, so that every tick has new ones."""
    with sqlite3.connect(path) as connection:
        connection.executescript(
            "PRAGMA journal_mode=OFF; PRAGMA synchronous=OFF;"
            "CREATE TABLE requests (id INTEGER PRIMARY KEY, at TIMESTAMP, tenant TEXT);"
            "CREATE TABLE answers (id INTEGER PRIMARY KEY, at TIMESTAMP, body TEXT, answer TEXT, latency_ms REAL,"
            " cost_usd REAL, model TEXT, tokens_in INTEGER, tokens_out INTEGER, status INTEGER);"
            "CREATE TABLE labels (id INTEGER PRIMARY KEY, at TIMESTAMP, label TEXT);"
        )
        for requests, answers, labels in _events(n, np.random.default_rng(seed)):
            connection.executemany("INSERT INTO requests VALUES (?, ?, ?)", requests)
            connection.executemany("INSERT INTO answers VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", answers)
            connection.executemany("INSERT INTO labels VALUES (?, ?, ?)", labels)
        connection.executescript(
            "CREATE INDEX r_at ON requests (at); CREATE INDEX a_at ON answers (at); CREATE INDEX l_at ON labels (at);"
        )


def _events(n: int, draw: np.random.Generator) -> Iterator[tuple[list[tuple[object, ...]], ...]]:
    span = (END - START) + 16 * TICK
    step = span.total_seconds() * 1000 / (n * (span / (END - START)))
    first = np.datetime64(START.replace(tzinfo=None), "ms")
    for begin in range(0, int(n * (span / (END - START))), _AT_ONCE):
        ids = np.arange(begin, min(begin + _AT_ONCE, int(n * (span / (END - START)))))
        at = first + (ids * step).astype("timedelta64[ms]")
        latency = np.round(draw.lognormal(6.5, 0.6, len(ids)), 1)
        tokens_in, tokens_out = draw.poisson(600, len(ids)), draw.poisson(80, len(ids))
        label = draw.integers(0, 5, len(ids))
        answer = np.where(draw.random(len(ids)) < 0.05, (label + 1) % 5, label)
        requested = _texts(at)
        answered = _texts(at + latency.astype("timedelta64[ms]"))
        labelled = _texts(at + np.timedelta64(120, "s"))
        cost = np.round(tokens_in * 1.5e-7 + tokens_out * 6e-7, 9)
        keys = ids.tolist()
        tenants = [f"tenant{one}" for one in draw.integers(0, 4, len(ids))]
        models = ["small"] * len(keys)
        yield (
            list(zip(keys, requested, tenants, strict=True)),
            list(
                zip(
                    keys,
                    answered,
                    ["{}"] * len(keys),
                    [f"q{one}" for one in answer],
                    latency.tolist(),
                    cost.tolist(),
                    models,
                    tokens_in.tolist(),
                    tokens_out.tolist(),
                    [200] * len(keys),
                    strict=True,
                )
            ),
            list(zip(keys, labelled, [f"q{one}" for one in label], strict=True)),
        )


def _texts(at: np.ndarray) -> list[str]:
    return [one.replace("T", " ") for one in np.datetime_as_string(at, unit="ms").tolist()]


if __name__ == "__main__":
    size = int(sys.argv[1]) if len(sys.argv) > 1 else SHORT_EVENTS
    for name, figure in figures(short=False, seed=1, events=size).items():
        print(name, figure)
