"""The latency watch on a real warehouse and store, look after look: slower, by whom, and over again."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

import pytest

from help_desk import FAULT, OVER, PIPELINE, START, Desk, make_desk
from seamwatch.core.finding import Finding
from seamwatch.core.results import Window
from seamwatch.core.watch.results import WatchReport
from seamwatch.engine.watch.latency import look
from seamwatch.vocabulary import Responsibility, Watch

pytestmark = pytest.mark.integration


def looks(desk: Desk, start: datetime, end: datetime, *, minutes: int = 15) -> list[WatchReport]:
    found, now = [], start
    while now <= end:
        found.append(desk.look(now))
        now += timedelta(minutes=minutes)
    return found


@pytest.mark.parametrize(
    ("fault", "responsibility", "stage", "pattern", "words"),
    [
        ("provider", Responsibility.PROVIDER, "llm", "provider_slow", "first token grew from"),
        ("lookup", Responsibility.KNOWLEDGE_BASE, "lookup", "stage_slow", "at lookup"),
        ("retries", Responsibility.PROVIDER, "llm", "timeouts", "made again"),
        ("loop", Responsibility.INTEGRATION, "llm", "repeated_calls", "does not take the answer"),
        ("longer", Responsibility.MODEL, "llm", "longer_answers", "gem-2, which did not answer before"),
    ],
)
def test_a_slower_pipeline_is_found_soon_and_its_source_named(
    tmp_path: Path, fault: str, responsibility: Responsibility, stage: str, pattern: str, words: str
) -> None:
    desk = make_desk(tmp_path, fault, until=FAULT + timedelta(hours=2))
    quiet = desk.look(FAULT)
    assert quiet.findings == ()
    assert quiet.compared is not None
    reports = looks(desk, FAULT + timedelta(minutes=15), FAULT + timedelta(hours=2))
    first = next(number for number, report in enumerate(reports) if report.findings)
    assert first <= 5  # within 90 minutes, 45 records
    assert all(report.findings for report in reports[first:])
    found: Finding = reports[-1].findings[0]
    assert (found.responsibility, found.stage, found.kind) == (responsibility, stage, pattern)
    assert words in found.explanation
    assert len(found.headline) <= 150
    assert found.confidence >= 0.8
    assert found.onset is not None
    assert abs(found.onset - FAULT) <= timedelta(minutes=12)
    assert all(int(key) * 120 >= (FAULT - START).total_seconds() for key in found.keys)
    table = next(one for one in reports[-1].tables if one.is_main)
    assert len(table.rows) <= 8
    change = [float(row[3] or 0.0) for row in table.rows]
    assert sum(change[:-1]) == pytest.approx(change[-1])
    facts = {fact.label: fact.value for fact in reports[-1].facts}
    assert change[-1] == pytest.approx(float(facts["P95 now"] or 0) - float(facts["P95 before"] or 0))
    if fault == "retries":
        assert facts["Timeouts"] == facts["Retries"] != 0


def test_what_is_over_is_found_no_more_and_too_few_records_leave_it_open(tmp_path: Path) -> None:
    desk = make_desk(tmp_path, "lookup", until=OVER + timedelta(hours=4))
    desk.look(FAULT)
    assert looks(desk, FAULT + timedelta(minutes=30), OVER, minutes=30)[-1].findings
    reports = looks(desk, OVER + timedelta(minutes=15), OVER + timedelta(hours=4))
    over = next(number for number, report in enumerate(reports) if not report.findings)
    assert over <= 7  # within two hours
    assert not any(report.findings for report in reports[over:])
    assert reports[-1].still == ()
    # Hours that were slow are no reference: what is compared with is as fast as before.
    facts = {fact.label: fact.value for fact in reports[-1].facts}
    assert float(facts["P95 before"] or 0.0) < 4.0
    # No question comes any more: what was found then is neither there nor over.
    (tmp_path / "other").mkdir()
    dry = make_desk(tmp_path / "other", "lookup", until=FAULT + timedelta(hours=2))
    dry.look(FAULT)
    (pattern,) = {one.kind for one in looks(dry, FAULT + timedelta(hours=1), FAULT + timedelta(hours=2))[-1].findings}
    late = dry.look(FAULT + timedelta(days=2))
    assert (late.findings, late.still) == ((), (pattern,))


def test_looking_often_keeps_what_one_look_keeps(tmp_path: Path) -> None:
    end = START + timedelta(hours=14, minutes=20)
    often, once = (make_desk(tmp_path / name, "", until=end) for name in _folders(tmp_path))
    looks(often, START + timedelta(minutes=40), end, minutes=20)
    often.look(end)
    once.look(end)
    for series in ("hour", "sample"):
        mine, theirs = (
            [
                (one.start_at, one.data)
                for one in desk.deps.store.aggregates("help", Watch.LATENCY, since=START, series=series)
            ]
            for desk in (often, once)
        )
        assert mine == theirs
    assert often.hours() == 15


def test_a_look_at_the_full_hour_may_be_repeated_and_what_was_found_stays_marked(tmp_path: Path) -> None:
    desk = make_desk(tmp_path, "provider", until=FAULT + timedelta(minutes=90))
    desk.look(FAULT)
    now = FAULT + timedelta(minutes=90)
    window = Window(start=now - timedelta(hours=2), end=now)
    first, again = (look(desk.deps, desk.pipeline, desk.read(window), now=now) for _ in range(2))
    assert first.findings
    assert first == again
    # An hour later nothing more was asked: the marks stay, and leave the slow hours out of what is compared with.
    later = now + timedelta(hours=1)
    desk.looked_at = now
    desk.look(later)
    rows = desk.deps.store.aggregates("help", Watch.LATENCY, since=FAULT, series="hour")
    assert any("found_since" in one.data for one in rows)


def _folders(tmp_path: Path) -> tuple[str, str]:
    for name in ("often", "once"):
        (tmp_path / name).mkdir()
    return "often", "once"


def test_no_record_no_past_and_no_column_are_said_and_break_nothing(tmp_path: Path) -> None:
    blind = PIPELINE.replace("latency_ms: ms, ", "").replace("llm.ttft_ms", "llm.first_ms")
    desk = make_desk(tmp_path, "", until=START + timedelta(hours=3), pipeline=blind)
    nothing = desk.look(START + timedelta(seconds=1))
    assert (nothing.findings, nothing.compared, nothing.n_records) == ((), None, 0)
    report = desk.look(START + timedelta(hours=3))
    assert (report.findings, report.compared) == ((), None)
    text = " ".join(report.notes)
    for words in (
        "llm names no latency_ms",
        "llm.first_ms was not found",
        "too little of a past",
        "prompt: no time of",
    ):
        assert words in text
    empty = desk.look(START + timedelta(days=30))
    assert (empty.findings, empty.n_records) == ((), 0)
