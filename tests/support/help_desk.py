"""A service of questions and answers on a real warehouse and store, of which one stage is slow for three hours."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import sqlalchemy as sa

from parcels import make_deps
from seamwatch.core.results import Window
from seamwatch.core.slo.events import RECORD_COLUMNS
from seamwatch.core.watch.results import WatchReport
from seamwatch.engine.deps import Deps
from seamwatch.engine.reading import StageReader
from seamwatch.engine.watch.latency import look
from seamwatch.engine.watch.reading import WatchRead
from seamwatch.engine.window import WindowReader
from seamwatch.spec.load import load_project
from seamwatch.spec.pipeline import Pipeline
from seamwatch.vocabulary import Watch

START = datetime(2026, 3, 2, tzinfo=UTC)
FAULT = START + timedelta(days=3, hours=9, minutes=30)
OVER = FAULT + timedelta(hours=3)
PIPELINE = """\
pipeline: help
database: dw
key: id
stages:
  - {name: question, kind: source, table: questions, time: asked_at}
  - {name: lookup, kind: retrieval, table: lookups, time: found_at}
  - {name: prompt, kind: prompt, table: calls, time: called_at, request: body}
  - {name: llm, kind: model, table: calls, time: called_at, request: body, response: answer, status: status,
     model: model, latency_ms: ms, input_tokens: tokens_in, output_tokens: tokens_out, endpoint: "python:help:model"}
  - {name: reply, kind: sink, table: replies, time: sent_at}
monitoring:
  latency: {least_change: 0.5, ttft: llm.ttft_ms}
"""
TABLES = {
    "questions": "id INTEGER, text TEXT, asked_at TEXT",
    "lookups": "id INTEGER, documents TEXT, found_at TEXT",
    "calls": "id INTEGER, body TEXT, answer TEXT, status TEXT, model TEXT, ms REAL, ttft_ms REAL, tokens_in INTEGER, "
    "tokens_out INTEGER, called_at TEXT",
    "replies": "id INTEGER, text TEXT, sent_at TEXT",
}


def warehouse(url: str, fault: str, *, until: datetime, per_hour: int = 30) -> None:
    """Fill the tables of a service with questions at an even pace; from `FAULT` to `OVER` one stage is slow."""
    rng = np.random.default_rng(11)
    rows: dict[str, list[dict[str, Any]]] = {name: [] for name in TABLES}
    at, number = START, 0
    while at < until:
        _ask(rows, number, at, fault if FAULT <= at < OVER else "", rng)
        at, number = at + timedelta(hours=1) / per_hour, number + 1
    engine = sa.create_engine(url)
    with engine.begin() as connection:
        for name, columns in TABLES.items():
            connection.execute(sa.text(f"CREATE TABLE {name} ({columns})"))
            places = ", ".join(f":{column}" for column in rows[name][0])
            connection.execute(sa.text(f"INSERT INTO {name} VALUES ({places})"), rows[name])
    engine.dispose()


def _ask(rows: dict[str, list[dict[str, Any]]], key: int, at: datetime, fault: str, rng: np.random.Generator) -> None:
    asked, usual = at, rng.lognormal(0.0, 0.4, 4)
    at += timedelta(seconds=0.3 * usual[0] + (6.0 * usual[3] if fault == "lookup" else 0.0))
    found = at
    tokens = round(120 * usual[1] * (4 if fault == "longer" else 1))
    ttft = 0.4 * usual[2] * (10 if fault == "provider" else 1)
    took = ttft + 0.01 * tokens
    calls = []
    if fault == "retries" and key % 3:
        at += timedelta(seconds=0.1)
        calls.append((at + timedelta(seconds=5), "timeout", 5.0))
        at += timedelta(seconds=6)
    if fault == "loop" and key % 3:
        for _ in range(4):
            at += timedelta(seconds=0.1 + took)
            calls.append((at, "ok", took))
    at += timedelta(seconds=0.1 + took)
    calls.append((at, "ok", took))
    sent = at + timedelta(seconds=0.2 * usual[3])
    rows["questions"].append({"id": key, "text": "?", "asked_at": f"{asked:%Y-%m-%dT%H:%M:%S.%f}"})
    rows["lookups"].append({"id": key, "documents": "[]", "found_at": f"{found:%Y-%m-%dT%H:%M:%S.%f}"})
    for ended, status, seconds in calls:
        rows["calls"].append(
            {
                "id": key,
                "body": '{"messages": []}',
                "answer": "yes" if status == "ok" else None,
                "status": status,
                "model": "gem-2" if fault == "longer" else "gem-1",
                "ms": seconds * 1000,
                "ttft_ms": ttft * 1000,
                "tokens_in": 800,
                "tokens_out": tokens,
                "called_at": f"{ended:%Y-%m-%dT%H:%M:%S.%f}",
            }
        )
    rows["replies"].append({"id": key, "text": "yes", "sent_at": f"{sent:%Y-%m-%dT%H:%M:%S.%f}"})


@dataclass
class Desk:
    """A project, and the look before."""

    deps: Deps
    pipeline: Pipeline
    looked_at: datetime | None = None

    def look(self, now: datetime) -> WatchReport:
        """Read what is new, look, and save the report, as the tick does."""
        start = START if self.looked_at is None else self.looked_at - self.pipeline.settle
        window = Window(start=start.replace(minute=0, second=0, microsecond=0), end=now)
        report = look(self.deps, self.pipeline, self.read(window), now=now)
        self.deps.store.save_watch_report(report)
        self.looked_at = now
        return report

    def read(self, window: Window) -> WatchRead:
        reader = StageReader(self.pipeline, self.deps.connections)
        try:
            stages = WindowReader(reader, window).read().stages
        finally:
            reader.close()
        first, last = (stages[one.name] for one in (self.pipeline.first_stage, self.pipeline.final_stage))
        records = pd.DataFrame(index=first.payload.index, columns=list(RECORD_COLUMNS), dtype=object)
        records["at"] = pd.to_datetime(first.times, utc=True)
        ended = pd.to_datetime(last.times.reindex(records.index), utc=True)
        # What will be sent is not sent yet.
        records["seconds"] = (ended - records["at"]).dt.total_seconds().where(ended <= window.end)
        records["is_done"] = records["seconds"].notna()
        return WatchRead(start=window.start, end=window.end, stages=stages, records=records)

    def hours(self) -> int:
        return len(self.deps.store.aggregates("help", Watch.LATENCY, since=START, series="hour"))


def make_desk(folder: Path, fault: str, *, until: datetime, pipeline: str = PIPELINE) -> Desk:
    for name in ("include/pipelines", "include/mappings"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    (folder / "include/pipelines/help.yaml").write_text(pipeline)
    (folder / "include/mappings/help.py").write_text("def model(body):\n    return 'yes'\n")
    url = f"sqlite:///{folder / 'dw.db'}"
    warehouse(url, fault, until=until)
    return Desk(make_deps(folder, {"AIRFLOW_CONN_DW": url}), load_project(folder).pipeline("help"))
