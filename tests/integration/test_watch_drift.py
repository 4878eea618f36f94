"""The drift watch by the whole engine: a real warehouse and store, look after look, drift at different stages."""

from __future__ import annotations

import json
import random
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import sqlalchemy as sa

from model_server import ModelServer, Reply, Seen
from parcels import make_deps
from seamwatch.core.finding import Finding
from seamwatch.core.results import Window
from seamwatch.core.watch.results import WatchReport
from seamwatch.engine.deps import Deps
from seamwatch.engine.incidents import decide_on_watches
from seamwatch.engine.reading import StageReader
from seamwatch.engine.runbook_steps import STEP_FUNCTIONS
from seamwatch.engine.watch.drift import look
from seamwatch.engine.watch.reading import WatchRead
from seamwatch.engine.window import WindowReader
from seamwatch.report.runbook_watch_texts import input_drift
from seamwatch.spec.load import load_project
from seamwatch.spec.pipeline import Pipeline
from seamwatch.vocabulary import Responsibility, StepState, Watch

pytestmark = pytest.mark.integration
START = datetime(2026, 1, 5, tzinfo=UTC)
DAY = timedelta(days=1)
LAST = 9
"""Day, from 0, of the last look of most tests; what they tell of began the day before."""
PIPELINE = """\
pipeline: tickets
database: dw
key: id
stages:
  - {name: crm, kind: source, table: crm, time: at}
  - {name: request, kind: mapping, table: request}
  - {name: search, kind: retrieval, table: search, documents: docs}
  - {name: writer, kind: model, table: calls, input: [request, search], request: body, response: reply, endpoint: llm}
segments: [crm.tier]
settle: 1h
monitoring: {drift: {reference: 14d MORE}}
"""
WORDS = ("invoice", "parcel", "router", "phone", "refund", "address", "delay", "broken", "order", "change", "bill")


@dataclass(frozen=True)
class Strike:
    """What happens from a day on."""

    fault: str
    day: int


def rows_of(day: int, n: int, strike: Strike | None, rng: random.Random) -> dict[str, list[dict[str, Any]]]:
    """Return the rows of one day by table; `right` is what a judge would say."""
    made: dict[str, list[dict[str, Any]]] = {name: [] for name in ("crm", "request", "search", "calls", "right")}
    fault = strike.fault if strike is not None and day >= strike.day else ""
    for number in range(n):
        key = f"d{day}-{number}"
        at = f"{START + day * DAY + number * DAY / n:%Y-%m-%dT%H:%M:%S}"
        code, tier = rng.choice("AAABBC"), rng.choice(["gold", "basic"])
        cents = int(rng.lognormvariate(7, 0.6))
        note = " ".join(rng.choices(WORDS, k=rng.randrange(4, 14)))
        is_right = rng.random() > 0.06
        if fault == "new_code" and rng.random() < 0.25:
            code, is_right = "X", rng.random() > 0.6
        if fault == "german":
            note = f"die Rechnung ist nicht da und ich warte auf den Paket {note}" if rng.random() < 0.5 else note
        if fault == "basic_cents" and tier == "basic":
            cents *= 3
        made["crm"].append({"id": key, "code": code, "tier": tier, "cents": cents, "note": note, "at": at})
        amount: float | None = cents / 100
        if fault == "no_amount" and rng.random() < 0.3:
            amount = None
        made["request"].append({"id": key, "product": {"A": "net", "B": "mob"}.get(code, "fin"), "amount": amount,
                                "at": at})  # fmt: skip
        score = rng.gauss(0.8, 0.05) - (0.1 if fault == "scores" else 0.0)
        docs = [{"id": f"doc{rng.randrange(4)}", "score": round(score, 3)}]
        made["search"].append({"id": key, "docs": json.dumps(docs), "at": at})
        reply = json.dumps({"queue": rng.choices(["q1", "q2", "q3"], [6, 3, 1])[0]})
        if fault == "labels" and rng.random() < 0.4:
            reply = json.dumps({"queue": "q3"})
        if fault == "refusals" and rng.random() < 0.2:
            reply = "I'm sorry, but I can't help with that."
        made["calls"].append({"id": key, "body": json.dumps({"input": note}), "reply": reply, "at": at})
        made["right"].append({"id": key, "is_right": is_right})
    return made


@dataclass
class Desk:
    deps: Deps
    pipeline: Pipeline
    engine: sa.Engine
    looked_at: datetime | None = None

    def fill(self, days: range, strike: Strike | None = None, *, n: int = 150) -> None:
        for day in days:
            for table, rows in rows_of(day, n, strike, random.Random(f"{day}")).items():
                pd.DataFrame(rows).to_sql(table, self.engine, if_exists="append", index=False)

    def look(self, now: datetime) -> WatchReport:
        """Look as the schedule does: from the full hour before what the last look had to leave open."""
        settle = self.pipeline.settle
        since = START if self.looked_at is None else self.looked_at - settle
        start = since.replace(minute=0, second=0, microsecond=0)
        report = look(self.deps, self.pipeline, read_from(self.deps, self.pipeline, start, now, self.engine), now=now)
        self.deps.store.save_watch_report(report)
        self.looked_at = now
        return report

    def look_daily(self, days: range) -> list[WatchReport]:
        return [self.look(START + (day + 1) * DAY + timedelta(hours=1, minutes=5)) for day in days]


def read_from(deps: Deps, pipeline: Pipeline, start: datetime, end: datetime, engine: sa.Engine) -> WatchRead:
    reader = StageReader(pipeline, deps.connections)
    data = WindowReader(reader, Window(start=start, end=end)).read()
    reader.close()
    times = data.stages[pipeline.first_stage.name].times
    right = pd.read_sql("SELECT id, is_right FROM right", engine).set_index("id")["is_right"].astype(bool)
    records = pd.DataFrame({"at": times, "is_right": right.reindex(times.index).astype(object)})
    return WatchRead(start=start, end=end, stages=data.stages, records=records)


def make_desk(folder: Path, *, more: str = "", env: dict[str, str] | None = None) -> Desk:
    (folder / "include/pipelines").mkdir(parents=True)
    (folder / "include/pipelines/tickets.yaml").write_text(PIPELINE.replace(" MORE", more))
    url = f"sqlite:///{folder / 'dw.db'}"
    deps = make_deps(folder, {"AIRFLOW_CONN_DW": url, **(env or {})})
    engine = sa.create_engine(url)
    for table, rows in rows_of(0, 1, None, random.Random(1)).items():
        pd.DataFrame(rows).iloc[:0].to_sql(table, engine, index=False)
    return Desk(deps, load_project(folder).pipeline("tickets"), engine)


@pytest.fixture
def desk(tmp_path: Path) -> Any:
    made = make_desk(tmp_path)
    yield made
    made.engine.dispose()


def test_healthy_days_are_judged_and_nothing_is_found(desk: Desk) -> None:
    desk.fill(range(12))
    reports = desk.look_daily(range(12))
    assert all(not one.findings for one in reports)
    assert [one.compared is None for one in reports] == [True] * 3 + [False] * 9
    assert (reports[-1].window.start, reports[-1].n_records) == (START + 11 * DAY, 150)
    facts = {one.label: one.value for one in reports[-1].facts}
    assert facts["columns drifted"] == 0
    assert facts["periods of reference"] == 11
    # Of the retrieval its first document and how many there are, of the model its answer and the label in it.
    assert facts["columns looked at"] == 4 + 2 + 3 + 2


CASES = [
    ("new_code", Responsibility.SOURCE_DATA, "crm", "code", "new_category", True),
    ("german", Responsibility.SOURCE_DATA, "crm", "note", "language", False),
    ("no_amount", Responsibility.INTEGRATION, "request", "amount", "missing_values", False),
    ("scores", Responsibility.KNOWLEDGE_BASE, "search", "docs.0.score", "shift", False),
    ("labels", Responsibility.MODEL, "writer", "answer.queue", "label_mix", False),
    ("refusals", Responsibility.PROVIDER, "writer", "answer", "refusals", False),
]


@pytest.mark.parametrize(("fault", "owner", "stage", "column", "pattern", "hurts"), CASES)
def test_drift_is_found_on_its_first_days_at_the_stage_where_it_began(
    desk: Desk, fault: str, owner: Responsibility, stage: str, column: str, pattern: str, hurts: bool
) -> None:
    desk.fill(range(LAST + 1), Strike(fault, LAST - 1))
    reports = desk.look_daily(range(LAST + 1))
    assert not any(one.findings for one in reports[: LAST - 1])
    (found,) = reports[LAST].findings
    assert (found.responsibility, found.stage, found.kind) == (owner, stage, pattern)
    assert found.fields[0] == column
    assert found.onset is not None
    assert abs(found.onset - (START + (LAST - 1) * DAY)) <= DAY
    assert ("wrong against" in found.headline) == hurts
    assert len(found.headline) <= 150
    assert found.steps
    assert_fit_to_tell(reports[LAST], found)


def assert_fit_to_tell(report: WatchReport, found: Finding) -> None:
    (main,) = [one for one in report.tables if one.is_main]
    assert 1 <= len(main.rows) <= 8
    assert all(len(row) == len(table.columns) for table in report.tables for row in table.rows)
    assert report.charts[0].mark is not None
    assert set(found.keys) <= {f"d{LAST}-{number}" for number in range(150)}


def test_a_drift_of_one_segment_names_it(desk: Desk) -> None:
    desk.fill(range(LAST + 1), Strike("basic_cents", LAST - 1))
    (found,) = desk.look_daily(range(LAST + 1))[-1].findings
    assert (found.stage, found.fields[0]) == ("crm", "cents")
    assert "tier basic" in found.headline


def test_looks_every_few_hours_keep_what_one_look_a_day_keeps(tmp_path: Path) -> None:
    often, daily = make_desk(tmp_path / "often"), make_desk(tmp_path / "daily")
    for one in (often, daily):
        one.fill(range(6), Strike("new_code", 5))
    now = START
    while now < START + 6 * DAY + timedelta(hours=2):
        now += timedelta(hours=3, minutes=35)
        again = often.look(now)
    often.look(now)  # a repeated look counts nothing twice
    once = daily.look_daily(range(6))[-1]
    assert again == once
    mine, theirs = (
        one.deps.store.aggregates("tickets", Watch.DRIFT, since=START, until=START + 6 * DAY) for one in (often, daily)
    )
    assert mine == theirs
    assert {one.start_at for one in mine} == {START + day * DAY for day in range(6)}


def test_between_periods_the_last_report_is_returned_without_a_test(desk: Desk) -> None:
    desk.fill(range(6))
    last = desk.look_daily(range(5))[-1]
    assert desk.look(START + 5 * DAY + timedelta(hours=20)) == last


def test_long_texts_are_never_kept(desk: Desk) -> None:
    desk.fill(range(2))
    desk.look(START + DAY + timedelta(hours=12))
    kept = json.dumps([one.data for one in desk.deps.store.aggregates("tickets", Watch.DRIFT, since=START)])
    notes = [row["note"] for row in rows_of(0, 150, None, random.Random("0"))["crm"]]
    assert not [note for note in notes if note in kept]
    assert "gold" in kept


def test_no_records_and_a_column_that_is_gone_are_said(desk: Desk) -> None:
    report = desk.look(START + DAY)
    assert (report.findings, report.compared) == ((), None)
    assert "first period" in report.notes[-1]
    desk.fill(range(1, 9))
    desk.look_daily(range(8))
    quiet = desk.look_daily(range(9, 10))[-1]  # a day without a record
    assert (quiet.findings, quiet.compared) == ((), None)
    assert "too few records" in quiet.notes[-1]


def test_a_change_that_stays_becomes_the_reference_and_one_that_goes_is_over(desk: Desk) -> None:
    desk.fill(range(19), Strike("labels", 8))
    reports = desk.look_daily(range(19))
    is_found = [bool(one.findings) for one in reports]
    first = is_found.index(True)
    assert first <= 10
    assert all(is_found[first:14])
    assert not any(is_found[16:])  # half of 14 days after it began
    assert any("now the reference" in note for one in reports for note in one.notes)


def test_embeddings_find_another_meaning(tmp_path: Path, model_server: ModelServer) -> None:
    def embed(seen: Seen) -> Reply:
        texts = json.loads(seen.body)["input"]
        data = [{"index": n, "embedding": [one.count(w) + 0.1 for w in WORDS]} for n, one in enumerate(texts)]
        return Reply({"data": data})

    model_server.plays(embed)
    env = {"AIRFLOW_CONN_EMB": model_server.url}
    desk = make_desk(tmp_path / "p", more=', embedding: "emb/v1/embeddings"', env=env)
    desk.fill(range(5))
    desk.look_daily(range(5))
    asked = [text for one in model_server.requests for text in json.loads(one.body)["input"]]
    assert len(asked) == len(set(asked)) > 500  # no text is asked for twice
    kept = desk.deps.store.aggregates("tickets", Watch.DRIFT, since=START, series="period/crm")
    assert "note|meaning_3" in kept[-1].data["features"]
    model_server.plays(Reply({"error": "x"}, status=500))
    desk.fill(range(5, 6))
    (report,) = desk.look_daily(range(5, 6))
    assert any("embeddings endpoint" in note for note in report.notes)


def test_the_runbook_tells_drift_of_what_reaches_the_model_and_clears_what_does_not(desk: Desk) -> None:
    desk.fill(range(LAST + 1), Strike("new_code", LAST - 1))
    desk.look_daily(range(LAST + 1))
    deps = replace(desk.deps, clock=lambda: START + (LAST + 1) * DAY + timedelta(hours=2))
    decide_on_watches(deps, desk.pipeline)
    (incident,) = deps.store.incidents("tickets")
    found = STEP_FUNCTIONS["input_drift"](deps, desk.pipeline, incident)
    assert (found.state, found.text) == (
        StepState.FOUND,
        "New values in crm.code (X): 0.0% to 23.3%; 61% of them wrong against 5% (since 2026-01-13 00:00 UTC)",
    )
    assert found.details[1] == "It hurts: 61.4% of the records that look new are wrong, 5.2% of the others."
    early = replace(incident, watch=None, onset=START + (LAST + 3) * DAY)
    late = STEP_FUNCTIONS["input_drift"](deps, desk.pipeline, early)
    assert (late.state, late.text) == (
        StepState.UNKNOWN,
        "Whether inputs drifted is not known: drift was last evaluated for 2026-01-14 00:00 to 2026-01-15 00:00 UTC, "
        "before the incident began.",
    )


def test_the_runbook_clears_inputs_that_look_as_before_and_says_where_nothing_was_judged(desk: Desk) -> None:
    desk.fill(range(LAST + 1), Strike("labels", LAST - 1))
    reports = desk.look_daily(range(LAST + 1))
    first = input_drift(reports[0], (), ("crm", "request"))
    assert (first.state, first.text) == (
        StepState.UNKNOWN,
        "Drift was not judged for 2026-01-05 00:00 to 2026-01-06 00:00 UTC.",
    )
    clear = input_drift(reports[LAST], (), ("crm", "request"))
    assert (clear.state, clear.text) == (
        StepState.CLEAR,
        "Nothing drifted at crm and request in 2026-01-14 00:00 to 2026-01-15 00:00 UTC, compared with 2026-01-05 "
        "00:00 to 2026-01-14 00:00 UTC.",
    )
