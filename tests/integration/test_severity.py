"""Severity from the store to the channel: set when an incident opens, raised by a burning budget, told once."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from file_notifier import FileNotifier
from help_desk import FAULT, PIPELINE, Desk, make_desk
from seamwatch.core.incident_life import ChangeKind
from seamwatch.engine.deliver import deliver_pending
from seamwatch.engine.incidents import decide_on_watches, render_report, report_of
from seamwatch.engine.slo import look_at_objectives
from seamwatch.vocabulary import IncidentSeverity

pytestmark = pytest.mark.integration
TOLD = """\
slack: {channel: "#incidents", connection: slack_test}
owners: {reliability: "@U0REL"}
slos: [{kind: latency, p95: 6s, over: 7d}]
severity: {unknown: sev4, page: sev1, ticket: sev2}
"""


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    """A service whose lookups become slow, so that its budget begins to burn after the incident has opened."""
    text = PIPELINE.replace("monitoring:", f"{TOLD}monitoring:\n  drift: false\n  cost: false\n  injection: false")
    return make_desk(tmp_path, "lookup", until=FAULT + timedelta(hours=3), pipeline=text)


def _step(desk: Desk, now: datetime) -> None:
    deps = replace(desk.deps, clock=lambda: now)
    look_at_objectives(deps, desk.pipeline, now=now)
    decide_on_watches(deps, desk.pipeline)
    deliver_pending(deps)


def test_a_budget_that_begins_to_burn_raises_the_severity_of_its_incident_once(desk: Desk, tmp_path: Path) -> None:
    for number in range(1, 9):
        _step(desk, FAULT + number * timedelta(minutes=20))
    (incident,) = desk.deps.store.incidents("help")
    assert incident.severity is IncidentSeverity.SEV1
    all_events = desk.deps.store.incident_events(incident.id)
    events = [one for one in all_events if one.kind not in (ChangeKind.UPDATED, ChangeKind.ESCALATED)]
    kinds = [one.kind for one in events]
    assert kinds[0] == ChangeKind.OPENED
    assert kinds.count(ChangeKind.SEVERITY_RAISED) == len(kinds) - 1 >= 1
    assert events[-1].why.endswith("to sev1")
    lines = FileNotifier(tmp_path / "messages.jsonl").lines()
    # The alert is told in the same reply.
    replies = [json.dumps(line["blocks"]) for line in lines if line.get("thread")]
    told = [reply for reply in replies if "More severe than before" in reply]
    assert len(told) == kinds.count(ChangeKind.SEVERITY_RAISED)
    made = report_of(desk.deps, desk.pipeline, incident)
    assert "sev1, impact not known yet" in render_report(made, "html")
    assert "| Severity | sev1" in render_report(made, "md")
