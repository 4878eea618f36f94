"""From a slower stage to the messages in a channel: looks, incidents, alerts, reports and the page of objectives."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from file_notifier import FileNotifier
from help_desk import FAULT, OVER, PIPELINE, Desk, make_desk
from seamwatch.core.incident_life import ChangeKind
from seamwatch.core.results import Window
from seamwatch.engine.deliver import deliver_pending
from seamwatch.engine.incidents import decide_on_watches, render_report, report_of
from seamwatch.engine.new_records import NewRecords
from seamwatch.engine.new_records import _read as original_read
from seamwatch.engine.runbook_steps import STEP_FUNCTIONS
from seamwatch.engine.slo import look_at_objectives
from seamwatch.engine.slo_page import slo_page
from seamwatch.engine.watch import run
from seamwatch.errors import WatchError
from seamwatch.spec.monitoring import Monitoring
from seamwatch.vocabulary import IncidentState, Responsibility, StepState, Watch

pytestmark = pytest.mark.integration
TOLD = """\
slack: {channel: "#incidents", connection: slack_test}
owners: {knowledge_base: "@U0KB", reliability: "@U0REL"}
slos: [{kind: latency, p95: 6s, over: 7d}]
"""


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    """A service whose lookups are slow for three hours of its fourth day."""
    text = PIPELINE.replace("monitoring:", f"{TOLD}monitoring:\n  drift: false\n  cost: false\n  injection: false")
    return make_desk(tmp_path, "lookup", until=OVER + timedelta(hours=8), pipeline=text)


def _step(desk: Desk, now: datetime) -> list[ChangeKind]:
    deps = replace(desk.deps, clock=lambda: now)
    look_at_objectives(deps, desk.pipeline, now=now)
    changes = decide_on_watches(deps, desk.pipeline)
    deliver_pending(deps)
    return [change.kind for change in changes]


def _texts(tmp_path: Path) -> list[tuple[str, str]]:
    lines = FileNotifier(tmp_path / "messages.jsonl").lines()
    return [(line["do"] if line.get("thread") is None else "thread", line["text"]) for line in lines]


def test_a_slow_stage_is_one_incident_told_once_with_its_alert_and_its_end(desk: Desk, tmp_path: Path) -> None:
    assert _step(desk, FAULT) == []
    assert _texts(tmp_path) == []
    kinds = [_step(desk, FAULT + number * timedelta(minutes=20)) for number in range(1, 9)]
    assert [kind for step in kinds for kind in step].count(ChangeKind.OPENED) == 1
    (incident,) = desk.deps.store.incidents("help")
    assert (incident.watch, incident.responsibility, incident.stage) == (
        Watch.LATENCY,
        Responsibility.KNOWLEDGE_BASE,
        "lookup",
    )
    told = _texts(tmp_path)
    posts = [text for do, text in told if do == "post"]
    assert len(posts) == 1
    assert "lookup" in posts[0]
    threads = [text for do, text in told if do == "thread"]
    assert threads[0].startswith("Evidence for: ")
    assert [text for text in threads[1:] if text.startswith("An error budget burns by this: ")]
    assert len(threads) == len(set(threads)) <= 4, "an alert is told once, however often it is seen"
    steps = [_step(desk, OVER + number * timedelta(minutes=30)) for number in range(1, 12)]
    assert [ChangeKind.RESOLVED] in steps
    assert [one.state for one in desk.deps.store.incidents("help")] == [IncidentState.RESOLVED]
    last = [text for do, text in _texts(tmp_path) if do == "update"][-1]
    assert last.startswith("help: Resolved: ")


def test_deciding_again_on_the_same_look_says_nothing_new(desk: Desk, tmp_path: Path) -> None:
    for number in range(6):
        _step(desk, FAULT + number * timedelta(minutes=30))
    before = _texts(tmp_path)
    assert before
    now = FAULT + timedelta(minutes=150)
    deps = replace(desk.deps, clock=lambda: now)
    assert set(change.kind for change in decide_on_watches(deps, desk.pipeline)) == {ChangeKind.UPDATED}
    deliver_pending(deps)
    assert _texts(tmp_path) == before


def test_report_and_page_show_quantiles_what_carries_the_shift_and_the_budget(desk: Desk) -> None:
    for number in range(6):
        _step(desk, FAULT + number * timedelta(minutes=30))
    (incident,) = desk.deps.store.incidents("help")
    report = report_of(desk.deps, desk.pipeline, incident)
    page = render_report(report, "html")
    for text in ("What was measured", "P95", "lookup", "Error budgets", "<svg"):
        assert text in page
    assert "latency: " in render_report(report, "md")
    assert report.owner.mention == "@U0KB"
    assert report.next_steps
    shown = slo_page(desk.deps, desk.pipeline)
    for text in ("Error budget left: latency", incident.headline, "Latency"):
        assert text in shown
    kept = desk.deps.store.last_watch_report("help", Watch.LATENCY)
    assert kept is not None
    assert kept.window == incident.last_window


def test_a_watch_that_cannot_look_stops_no_objective_and_goes_on_from_where_it_was(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object, **__: object) -> None:
        msg = "value"
        raise KeyError(msg)

    _step(desk, FAULT - timedelta(hours=3))
    with monkeypatch.context() as patch:
        patch.setitem(run.LOOKS, Watch.LATENCY, broken)
        with pytest.raises(WatchError, match="latency: KeyError\\('value'\\)"):
            look_at_objectives(desk.deps, desk.pipeline, now=FAULT)
    last = desk.deps.store.last_look("help")
    assert last is not None
    assert last.looked_at == FAULT
    assert last.status.objectives[0].events > 0
    look_at_objectives(desk.deps, desk.pipeline, now=FAULT + timedelta(minutes=5))
    hours = {
        one.start_at for one in desk.deps.store.aggregates("help", Watch.LATENCY, since=FAULT - timedelta(hours=6))
    }
    assert {FAULT.replace(minute=0) - timedelta(hours=n) for n in range(3)} <= hours


def test_a_look_reads_what_is_new_whatever_a_watch_has_judged(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[Window] = []
    monkeypatch.setattr("seamwatch.engine.new_records._read", lambda *given: _noted(read, *given))
    pipeline = desk.pipeline.model_copy(update={"monitoring": Monitoring()})
    look_at_objectives(desk.deps, pipeline, now=FAULT)
    assert read[0].start == FAULT.replace(minute=0) - timedelta(days=28)
    read.clear()
    look_at_objectives(desk.deps, pipeline, now=FAULT + timedelta(minutes=5))
    assert [window.start for window in read] == [(FAULT - pipeline.settle).replace(minute=0)]


def _noted(read: list[Window], *given: Any) -> NewRecords:
    read.append(given[2])
    return original_read(*given)


def test_the_runbook_of_a_slow_stage_says_where_the_time_goes_and_clears_the_volume(desk: Desk) -> None:
    for number in range(6):
        _step(desk, FAULT + number * timedelta(minutes=30))
    (incident,) = desk.deps.store.incidents("help")
    source, volume, changed, cost, drift = (
        STEP_FUNCTIONS[name](desk.deps, desk.pipeline, incident)
        for name in ("latency_source", "input_volume", "correlated_changes", "cost_source", "input_drift")
    )
    assert source.state is StepState.FOUND
    assert source.text.startswith("Slow stage lookup: P95 ")
    assert "Slow records spend " in source.details[1]
    assert [line for line in source.details if line.startswith("part lookup: before ")]
    assert volume.state is StepState.CLEAR
    assert volume.text.startswith("30 records an hour from 2026-03-05 ")
    assert changed.state is StepState.CLEAR
    assert cost.text == (
        "What calls cost is not known: cost is not watched; remove `cost: false` from `monitoring` in help.yaml."
    )
    assert drift.state is StepState.UNKNOWN
