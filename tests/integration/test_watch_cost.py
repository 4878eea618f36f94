"""The cost watch on a real warehouse and store, look after look: loops, jumps, their source, and over again."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import sqlalchemy as sa

from parcels import make_deps
from seamwatch.core.results import Window
from seamwatch.core.runbooks import StepFinding
from seamwatch.core.slo.events import RECORD_COLUMNS
from seamwatch.core.watch.loops import Loop
from seamwatch.core.watch.results import WatchReport
from seamwatch.engine.deps import Deps
from seamwatch.engine.incidents import decide_on_watches
from seamwatch.engine.reading import StageReader
from seamwatch.engine.runbook_steps import STEP_FUNCTIONS
from seamwatch.engine.watch.cost import look
from seamwatch.engine.watch.cost_calls import record_costs, tariffs
from seamwatch.engine.watch.new_calls import look_at_new_calls
from seamwatch.engine.watch.reading import WatchRead
from seamwatch.engine.window import WindowReader
from seamwatch.report.runbook_watch_texts import cost_source
from seamwatch.spec.load import load_project
from seamwatch.spec.monitoring import Monitoring
from seamwatch.spec.pipeline import Pipeline
from seamwatch.vocabulary import Responsibility, StepState, Watch

pytestmark = pytest.mark.integration
START = datetime(2026, 3, 2, tzinfo=UTC)
FAULT = START + timedelta(days=4, hours=9, minutes=20)
PIPELINE = """\
pipeline: desk
database: dw
key: id
stages:
  - {name: question, kind: source, table: questions, time: asked_at}
  - {name: prompt, kind: prompt, table: calls, time: called_at, request: body}
  - {name: llm, kind: model, table: calls, time: called_at, request: body, response: response, status: status,
     endpoint: {connection: "desk:model", protocol: openai_chat}}
  - {name: reply, kind: sink, table: replies, time: sent_at}
segments: [question.workflow, llm.prompt_version]
slos:
  - {kind: cost, name: day, per_day_usd: 2.0, time_zone: Europe/Berlin}
"""
TABLES = {
    "questions": "id INTEGER, workflow TEXT, asked_at TEXT",
    "calls": "id INTEGER, body TEXT, response TEXT, status TEXT, prompt_version TEXT, called_at TEXT",
    "replies": "id INTEGER, text TEXT, sent_at TEXT",
}


@dataclass
class Desk:
    """A project whose warehouse is filled as time goes by."""

    deps: Deps
    pipeline: Pipeline
    engine: sa.Engine
    fault: str
    per_hour: int = 30
    over: datetime = START + timedelta(days=400)
    rng: np.random.Generator = field(default_factory=lambda: np.random.default_rng(5))
    flowed: datetime = START
    number: int = 0
    waiting: list[tuple[datetime, str, dict[str, Any]]] = field(default_factory=list)
    looked_at: datetime | None = None

    def look(self, now: datetime) -> WatchReport:
        """Let records come until now, read what is new, look, and save the report, as the tick does."""
        self.flow(now)
        start = START if self.looked_at is None else self.looked_at - self.pipeline.settle
        read = self.read(Window(start=start.replace(minute=0, second=0, microsecond=0), end=now))
        report = look(self.deps, self.pipeline, read, now=now)
        self.deps.store.save_watch_report(report)
        self.looked_at = now
        return report

    def read(self, window: Window) -> WatchRead:
        reader = StageReader(self.pipeline, self.deps.connections)
        try:
            stages = WindowReader(reader, window).read().stages
        finally:
            reader.close()
        first = stages[self.pipeline.first_stage.name]
        records = pd.DataFrame(index=first.payload.index, columns=list(RECORD_COLUMNS), dtype=object)
        records["at"] = pd.to_datetime(first.times, utc=True)
        return WatchRead(start=window.start, end=window.end, stages=stages, records=records)

    def flow(self, until: datetime) -> None:
        while self.flowed < until:
            self._ask(self.number, self.flowed, self.fault if FAULT <= self.flowed < self.over else "")
            share = 5 if self.fault == "volume" and FAULT <= self.flowed < self.over else 1
            self.number, self.flowed = self.number + 1, self.flowed + timedelta(hours=1) / self.per_hour / share
        due = [one for one in self.waiting if one[0] <= until]
        self.waiting = [one for one in self.waiting if one[0] > until]
        with self.engine.begin() as connection:
            for name in TABLES:
                rows = [row for _, table, row in due if table == name]
                if rows:
                    places = ", ".join(f":{column}" for column in rows[0])
                    connection.execute(sa.text(f"INSERT INTO {name} VALUES ({places})"), rows)

    def _ask(self, key: int, at: datetime, fault: str) -> None:
        workflow = "ads" if fault == "volume" and key % 5 else str(self.rng.choice(["mail", "chat", "web"]))
        version = "v7" if fault in ("loop", "growing", "longer") and key % 3 == 0 else "v6"
        self._put(at, "questions", id=key, workflow=workflow, asked_at=text(at))
        size, n_out = self.rng.lognormal(6.5, 0.3), self.rng.lognormal(4.5, 0.3)
        calls = [(0, round(size), round(n_out), "200")]
        if fault == "loop" and version == "v7":
            calls = [(0, round(size), round(n_out), "200")] * 200
        if fault == "growing" and version == "v7":
            calls = [(number, round(size * (1 + number)), round(n_out), "200") for number in range(200)]
        if fault == "retries" and key % 2:
            calls = [(0, 0, 0, "429")] * 12 + calls
        if fault == "longer" and version == "v7":
            calls = [(0, round(size * 12), round(n_out), "200")]
        if fault in ("mix", "switch"):
            calls = [(0, round(size), round(n_out), "gpt-4.1")]
        for step, (number, n_in, out, status) in enumerate(calls):
            at += timedelta(seconds=7 if step else 2)
            self._call(key, at, version, number, n_in, out, status)
        if len(calls) < 100:
            self._put(at, "replies", id=key, text="yes", sent_at=text(at))

    def _call(self, key: int, at: datetime, version: str, number: int, n_in: int, n_out: int, status: str) -> None:
        model, status = (status, "200") if status.startswith("gpt") else ("gpt-4o-mini", status)
        asked = "gpt-4o-mini" if self.fault == "switch" else model
        messages = [{"role": "user", "content": f"question {key}"}] * (1 + number)
        answer = {
            "model": model,
            "choices": [{"message": {"content": "yes"}, "finish_reason": "stop"}],
            "usage": {"prompt_tokens": n_in, "completion_tokens": n_out},
        }
        self._put(
            at,
            "calls",
            id=key,
            body=json.dumps({"model": asked, "messages": messages}),
            response=json.dumps(answer) if status == "200" else None,
            status=status,
            prompt_version=version,
            called_at=text(at),
        )

    def _put(self, at: datetime, table: str, **row: Any) -> None:
        self.waiting.append((at, table, row))


def text(at: datetime) -> str:
    return f"{at:%Y-%m-%dT%H:%M:%S.%f}"


def make_desk(folder: Path, fault: str = "", *, pipeline: str = PIPELINE, **more: Any) -> Desk:
    for name in ("include/pipelines", "include/mappings"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    (folder / "include/pipelines/desk.yaml").write_text(pipeline)
    (folder / "include/mappings/desk.py").write_text("def model(body):\n    return 'yes'\n")
    url = f"sqlite:///{folder / 'dw.db'}"
    engine = sa.create_engine(url)
    with engine.begin() as connection:
        for name, columns in TABLES.items():
            connection.execute(sa.text(f"CREATE TABLE {name} ({columns})"))
    deps = make_deps(folder, {"AIRFLOW_CONN_DW": url})
    return Desk(deps, load_project(folder).pipeline("desk"), engine, fault, **more)


def looks(desk: Desk, start: datetime, end: datetime, *, minutes: int = 5) -> list[WatchReport]:
    found, now = [], start
    while now <= end:
        found.append(desk.look(now))
        now += timedelta(minutes=minutes)
    return found


@pytest.mark.parametrize(
    ("fault", "responsibility", "pattern", "fields"),
    [
        ("loop", Responsibility.INTEGRATION, "retry_loop", ("prompt_version=v7",)),
        ("growing", Responsibility.INTEGRATION, "growing_context", ("prompt_version=v7",)),
        ("retries", Responsibility.PROVIDER, "retries_after_errors", ()),
    ],
)
def test_a_loop_is_found_within_fifty_calls_of_its_start_and_its_source_named(
    tmp_path: Path, fault: str, responsibility: Responsibility, pattern: str, fields: tuple[str, ...]
) -> None:
    desk = make_desk(tmp_path, fault)
    assert desk.look(FAULT).findings == ()
    reports = looks(desk, FAULT + timedelta(minutes=2), FAULT + timedelta(minutes=30))
    first = next(report for report in reports if report.findings)
    (found,) = reports[-1].findings
    assert (found.responsibility, found.stage, found.kind) == (responsibility, "llm", pattern)
    assert found.fields == fields
    assert len(found.headline) <= 150
    assert found.onset is not None
    assert abs(found.onset - FAULT) <= timedelta(minutes=10)
    assert found.steps
    loops = next(table for table in first.tables if table.title == "Loops")
    assert all(int(row[2] or 0) <= 50 for row in loops.rows)
    assert "Calls per record" not in {fact.label for fact in first.facts}, "no whole hour has the loop yet"


def test_a_loop_is_found_as_soon_as_its_calls_were_written_and_only_until_it_was_told(tmp_path: Path) -> None:
    desk = make_desk(tmp_path, "growing")
    assert desk.look(FAULT).findings == ()
    assert look_at_new_calls(desk.deps, desk.pipeline, now=FAULT) == []
    now, found = FAULT, []
    while not found:
        now += timedelta(seconds=10)
        desk.flow(now)
        found = look_at_new_calls(desk.deps, desk.pipeline, now=now)
    kind, _, n_calls = found[0]
    assert (kind, n_calls) in {(Loop.GROWTH, n) for n in (8, 9)}
    assert [one.kind for one in desk.look(now).findings] == [kind.value]
    assert look_at_new_calls(desk.deps, desk.pipeline, now=now) == []


def test_before_a_first_look_by_the_clock_and_without_a_cost_watch_no_new_call_is_a_loop(tmp_path: Path) -> None:
    desk = make_desk(tmp_path, "growing")
    now = FAULT + timedelta(hours=1)
    desk.flow(now)
    assert look_at_new_calls(desk.deps, desk.pipeline, now=now) == []
    unwatched = desk.pipeline.model_copy(update={"monitoring": Monitoring(cost=None)})
    assert look_at_new_calls(desk.deps, unwatched, now=now) == []


def test_longer_requests_of_one_prompt_version_are_named_with_what_they_cost_and_end(tmp_path: Path) -> None:
    over = FAULT + timedelta(hours=4)
    desk = make_desk(tmp_path, "longer", over=over)
    desk.look(FAULT)
    reports = looks(desk, FAULT + timedelta(minutes=15), over, minutes=15)
    first = next(number for number, report in enumerate(reports) if report.findings)
    assert first <= 8  # within two hours
    assert all(len(report.findings) == 1 for report in reports[first:])
    found = reports[-1].findings[0]
    assert (found.responsibility, found.stage, found.kind) == (
        Responsibility.INTEGRATION,
        "prompt",
        "longer_requests",
    )
    assert found.fields == ("prompt_version=v7",)
    assert found.onset is not None
    assert abs(found.onset - FAULT) <= timedelta(hours=1)
    assert len({(one.findings[0].kind, one.findings[0].fields) for one in reports[first:]}) == 1
    table = next(one for one in reports[-1].tables if one.is_main)
    parts = [float(row[3] or 0.0) for row in table.rows]
    assert sum(parts[:-1]) == pytest.approx(parts[-1], abs=1e-9)
    assert len(table.rows) <= 8
    facts = {fact.label: fact for fact in reports[-1].facts}
    assert float(facts["Cost per hour"].value or 0) > 2 * parts[-1] / 3
    assert "bound $2.00" in facts["Projected today"].note
    after = looks(desk, over + timedelta(minutes=30), over + timedelta(hours=6), minutes=30)
    ended = next(number for number, report in enumerate(after) if not report.findings)
    assert ended <= 8
    assert not any(report.findings for report in after[ended:])


@pytest.mark.parametrize(
    ("fault", "responsibility", "stage", "pattern", "fields"),
    [
        ("volume", Responsibility.SOURCE_DATA, "question", "volume", ("workflow=ads",)),
        ("mix", Responsibility.INTEGRATION, "llm", "model_mix", ("model=gpt-4.1",)),
        ("switch", Responsibility.PROVIDER, "llm", "model_mix", ("model=gpt-4.1",)),
    ],
)
def test_a_jump_is_told_by_what_it_is_made_of(
    tmp_path: Path, fault: str, responsibility: Responsibility, stage: str, pattern: str, fields: tuple[str, ...]
) -> None:
    desk = make_desk(tmp_path, fault)
    assert desk.look(FAULT).findings == ()
    report = looks(desk, FAULT + timedelta(hours=1), FAULT + timedelta(hours=3), minutes=30)[-1]
    (found,) = report.findings
    assert (found.responsibility, found.stage, found.kind) == (responsibility, stage, pattern)
    assert found.fields == fields


def test_looking_often_keeps_what_one_look_keeps(tmp_path: Path) -> None:
    end = START + timedelta(hours=20, minutes=20)
    kept = []
    for name in ("often", "once"):
        (tmp_path / name).mkdir()
        desk = make_desk(tmp_path / name)
        if name == "often":
            looks(desk, START + timedelta(minutes=40), end, minutes=50)
        desk.look(end)
        kept.append(desk.deps.store.aggregates("desk", Watch.COST, since=START))
    assert kept[0] == kept[1]
    assert len(kept[0]) == 21


def test_a_look_at_the_full_hour_may_be_repeated_and_what_it_found_is_no_past(tmp_path: Path) -> None:
    desk = make_desk(tmp_path, "loop")
    desk.look(FAULT)
    hour = FAULT + timedelta(minutes=40)
    reports = [desk.look(now) for now in (FAULT + timedelta(minutes=20), hour, hour)]
    assert all(report.findings for report in reports)
    first, again = (report.findings[0] for report in reports[1:])
    assert (first.kind, first.fields, first.onset) == (again.kind, again.fields, again.onset)
    assert first.n_records == again.n_records
    kept = desk.deps.store.aggregates("desk", Watch.COST, since=START)
    assert len({one.start_at for one in kept}) == len(kept)
    assert [one.start_at for one in kept if one.data["found_since"]] == [hour - timedelta(hours=1)]


def test_a_record_costs_what_all_its_attempts_cost(tmp_path: Path) -> None:
    desk = make_desk(tmp_path, "loop")
    desk.flow(FAULT + timedelta(minutes=10))
    read = desk.read(Window(start=FAULT.replace(minute=0), end=FAULT + timedelta(minutes=10)))
    assert desk.pipeline.monitoring.cost is not None
    costs = record_costs(desk.pipeline, read.stages, tariffs(desk.pipeline.monitoring.cost))
    with desk.engine.connect() as connection:
        rows = connection.execute(sa.text("SELECT id, response FROM calls WHERE called_at >= '2026-03-06T09:00'")).all()
    wanted: dict[int, float] = {}
    for key, answer in rows:
        usage = json.loads(answer)["usage"]
        usd = usage["prompt_tokens"] * 0.15e-6 + usage["completion_tokens"] * 0.6e-6
        wanted[key] = wanted.get(key, 0.0) + usd
    assert max(wanted.values()) > 10 * min(wanted.values())
    for key in read.records.index:
        assert costs.get(key, 0.0) == pytest.approx(wanted.get(key, 0.0))


def test_nothing_recorded_an_unknown_model_and_missing_columns_are_said(tmp_path: Path) -> None:
    bare = PIPELINE.replace("[question.workflow, llm.prompt_version]", "[question.nothing]")
    desk = make_desk(tmp_path, pipeline=bare)
    desk.looked_at = START - timedelta(days=3)
    empty = desk.look(desk.looked_at + timedelta(minutes=5))
    assert (empty.findings, empty.compared, empty.n_records) == ((), None, 0)
    desk.flow(START + timedelta(hours=30))
    with desk.engine.begin() as connection:
        connection.execute(sa.text("UPDATE calls SET response = replace(response, 'gpt-4o-mini', 'own-1')"))
        connection.execute(sa.text("UPDATE calls SET body = replace(body, 'gpt-4o-mini', 'own-1')"))
    desk.looked_at = None
    report = desk.look(START + timedelta(hours=30))
    assert report.findings == ()
    assert any("900 calls of model own-1 have no known price" in note for note in report.notes)
    assert any("question.nothing is no source" in note for note in report.notes)


def _steps(desk: Desk, *names: str) -> list[StepFinding]:
    """Return what steps of the runbook find for the one incident of three hours with the fault."""
    now = FAULT + timedelta(hours=3)
    for moment in (FAULT, FAULT + timedelta(hours=1), now):
        desk.look(moment)
    deps = replace(desk.deps, clock=lambda: now)
    decide_on_watches(deps, desk.pipeline)
    (incident,) = deps.store.incidents("desk")
    return [STEP_FUNCTIONS[name](deps, desk.pipeline, incident) for name in names]


def test_the_runbook_of_a_loop_names_its_records_its_source_and_what_changed(tmp_path: Path) -> None:
    desk = make_desk(tmp_path, "loop")
    source, loops, volume, changed = _steps(desk, "cost_source", "retry_loops", "input_volume", "correlated_changes")
    headline = (
        "Retry loop of prompt_version=v7: 30 records sent the same request up to 200 times, $0.27 an hour instead of "
        "$0.0048"
    )
    assert (source.state, source.text) == (StepState.FOUND, headline)
    assert source.details[-1] == "prompt_version v7: records 8.67, records before 0, USD per hour $0.27, before $0.00"
    assert (loops.state, loops.text) == (StepState.FOUND, headline)
    assert loops.details[0].startswith("record 3162: kind retry loop, calls 200, USD $0.0")
    assert (volume.state, volume.text) == (
        StepState.CLEAR,
        "30 records an hour from 2026-03-06 09:00 to 12:00 UTC, usually 30 at these hours: no spike.",
    )
    assert (changed.state, changed.text) == (
        StepState.FOUND,
        "llm.prompt_version changed at 2026-03-06 09:24 UTC, when it began (2026-03-06 09:24 UTC).",
    )
    assert changed.details == (
        "At 2026-03-06 09:24 UTC llm.prompt_version changed from v6 to v7 (p < 0.0001 that it coincides with the "
        "records since then by chance).",
    )


def test_the_runbook_of_a_spike_of_records_names_who_sends_them_and_clears_loops(tmp_path: Path) -> None:
    desk = make_desk(tmp_path, "volume")
    source, loops, volume, affected = _steps(desk, "cost_source", "retry_loops", "input_volume", "affected_records")
    assert source.text.startswith("More records of workflow=ads: 137 an hour instead of 30 an hour, ")
    assert (loops.state, loops.text) == (
        StepState.CLEAR,
        "No record asked the model again and again in 2026-03-06 09:00 to 12:20 UTC.",
    )
    assert volume == StepFinding(
        state=StepState.FOUND,
        text="137 records an hour from 2026-03-06 09:00 to 12:00 UTC, usually 30 at these hours: 4.6 times as many.",
        details=("On the 4 days before it was 30 to 30 an hour.",),
    )
    assert affected.details[1] == "By segment nothing is known: not every affected record is named."


def test_costs_that_nobody_can_price_are_unknown_not_as_usual(tmp_path: Path) -> None:
    desk = make_desk(tmp_path)
    rename = sa.text("UPDATE calls SET response = REPLACE(response, :a, :b), body = REPLACE(body, :a, :b)")
    for moment in (FAULT, FAULT + timedelta(hours=1)):
        desk.flow(moment)
        with desk.engine.begin() as connection:
            connection.execute(rename, {"a": "gpt-4o-mini", "b": "in-house"})
        desk.look(moment)
    report = desk.deps.store.last_watch_report("desk", Watch.COST)
    assert report is not None
    assert cost_source(report).state is StepState.UNKNOWN
