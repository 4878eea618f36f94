"""Which incidents lie within planned work, and which only touch it."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from pydantic import ValidationError

from seamwatch.core.escalation import due_escalations
from seamwatch.core.incident_life import ChangeKind, Incident, IncidentChange
from seamwatch.core.maintenance import mark_maintenance
from seamwatch.core.results import Window
from seamwatch.spec.escalation import EscalationRules
from seamwatch.spec.maintenance import MaintenanceWindow
from seamwatch.vocabulary import IncidentSeverity, IncidentState, Responsibility, Watch

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
WORK = MaintenanceWindow(begins=NOW - 2 * HOUR, ends=NOW, reason="new code table")
OPENED, REOPENED, UPDATED = ChangeKind.OPENED, ChangeKind.REOPENED, ChangeKind.UPDATED


def _window(start: float, end: float) -> Window:
    """Return a window by its hours from the end of the work."""
    return Window(start=NOW + start * HOUR, end=NOW + end * HOUR)


def _incident(window: Window, **more: Any) -> Incident:
    values: dict[str, Any] = {
        "id": "parcels-1",
        "fingerprint": "f1",
        "pipeline": "parcels",
        "responsibility": Responsibility.INTEGRATION,
        "stage": "request",
        "fields": (),
        "state": IncidentState.OPEN,
        "headline": "Integration failure at request",
        "confidence": 0.9,
        "opened_at": window.end,
        "updated_at": window.end,
        "first_window": window,
        "last_window": window,
        "n_records": 30,
    }
    return Incident(**{**values, **more})


def _mark(kind: ChangeKind, incident: Incident, before: Incident | None = None) -> str | None:
    known = {} if before is None else {before.id: before}
    (change,) = mark_maintenance([IncidentChange(kind=kind, incident=incident)], known, [WORK])
    return change.incident.maintenance


@pytest.mark.parametrize(
    ("start", "end", "expected"),
    [
        (-2, 0, WORK.reason),
        (-1.5, -0.5, WORK.reason),
        (-3, -1, None),  # began before
        (-1, 1, None),  # lasts beyond
        (-4, -2, None),
        (0, 1, None),
    ],
)
def test_an_incident_lies_within_the_work_where_its_window_does(start: float, end: float, expected: str | None) -> None:
    assert _mark(OPENED, _incident(_window(start, end))) == expected


def test_of_a_watch_the_onset_counts_not_how_far_it_looks_back() -> None:
    look = _incident(_window(-72, -1), watch=Watch.LATENCY)
    assert _mark(OPENED, replace(look, onset=NOW - 1.5 * HOUR)) == WORK.reason
    assert _mark(OPENED, replace(look, onset=NOW - 5 * HOUR)) is None
    assert _mark(OPENED, replace(look, last_window=_window(-72, 1), onset=NOW - 1.5 * HOUR)) is None


def test_what_was_told_before_stays_told_and_what_lasts_beyond_is_marked_no_longer() -> None:
    told = _incident(_window(-4, -3))
    assert _mark(UPDATED, replace(told, last_window=_window(-2, -1)), told) is None
    marked = _incident(_window(-2, -1), maintenance=WORK.reason)
    assert _mark(UPDATED, replace(marked, last_window=_window(-1, 0)), marked) == WORK.reason
    assert _mark(UPDATED, replace(marked, last_window=_window(0, 1)), marked) is None
    over = replace(marked, state=IncidentState.RESOLVED)
    assert _mark(ChangeKind.RESOLVED, over, marked) == WORK.reason
    assert _mark(REOPENED, replace(marked, last_window=_window(5, 6)), over) is None


def test_planned_work_calls_nobody() -> None:
    incident = _incident(_window(-2, -1), severity=IncidentSeverity.SEV1)
    assert len(due_escalations([incident], EscalationRules(), now=NOW)) == 1
    assert due_escalations([replace(incident, maintenance=WORK.reason)], EscalationRules(), now=NOW) == []


@pytest.mark.parametrize(
    ("given_text", "problem"),
    [
        ({"from": "2026-03-02T22:00"}, "no moment with its time zone"),
        ({"from": "tomorrow"}, "no moment with its time zone"),
        ({"from": 5}, "must be a moment"),
        ({"to": "2026-03-01T00:00Z"}, "must end after it begins"),
        ({"reason": " "}, "pattern"),
    ],
)
def test_work_that_nobody_can_read_is_refused(given_text: dict[str, Any], problem: str) -> None:
    sound = {"from": "2026-03-02T22:00Z", "to": "2026-03-03T02:00+01:00", "reason": "x"}
    with pytest.raises(ValidationError, match=problem):
        MaintenanceWindow.model_validate({**sound, **given_text})


def test_where_nobody_knows_when_it_began_all_that_a_watch_looked_at_must_lie_within_the_work() -> None:
    assert _mark(OPENED, _incident(_window(-72, -1), watch=Watch.INJECTION)) is None
    assert _mark(OPENED, _incident(_window(-2, -1), watch=Watch.INJECTION)) == WORK.reason
    at_its_end = _incident(_window(-72, -1), watch=Watch.INJECTION, onset=NOW - HOUR)
    assert _mark(OPENED, at_its_end) == WORK.reason
