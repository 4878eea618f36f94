"""Who is called when nobody takes an incident on in time: by severity, once, and never where somebody did."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seamwatch.core.deliveries import told_changes
from seamwatch.core.escalation import due_escalations
from seamwatch.core.incident_life import ChangeKind, Incident, Request, act, unmuted
from seamwatch.core.results import Window
from seamwatch.spec.escalation import EscalationRules
from seamwatch.spec.quiet_hours import QuietHours
from seamwatch.vocabulary import Door, IncidentAction, IncidentSeverity, IncidentState, Responsibility

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
RULES = EscalationRules()
SEV1, SEV2, SEV3, SEV4 = IncidentSeverity


def _incident(waits: timedelta, **more: Any) -> Incident:
    opened = NOW - waits
    window = Window(start=opened - timedelta(hours=1), end=opened)
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
        "opened_at": opened,
        "updated_at": opened,
        "first_window": window,
        "last_window": window,
        "n_records": 30,
        "severity": SEV1,
    }
    return Incident(**{**values, **more})


@pytest.mark.parametrize(
    ("opened", "severity", "due"),
    [
        pytest.param(time(23), SEV1, timedelta(minutes=15), id="a page passes"),
        pytest.param(time(23), SEV2, timedelta(hours=9), id="an hour after the quiet hours"),
        pytest.param(time(21, 30), SEV2, timedelta(hours=1), id="told before they began"),
        pytest.param(time(7), SEV2, timedelta(hours=1), id="told at their end"),
    ],
)
def test_what_quiet_hours_held_counts_from_their_end(opened: time, severity: IncidentSeverity, due: timedelta) -> None:
    quiet = [QuietHours(time_zone="UTC", begins=time(22), ends=time(7))]
    at = datetime.combine(NOW.date(), opened, tzinfo=UTC)
    incident = _incident(NOW - at, severity=severity)
    assert not due_escalations([incident], RULES, now=at + due - MINUTE, quiet_hours=quiet)
    assert len(due_escalations([incident], RULES, now=at + due, quiet_hours=quiet)) == 1


@pytest.mark.parametrize(
    ("waits", "more", "is_due"),
    [
        (15 * MINUTE, {}, True),
        (14 * MINUTE, {}, False),
        (59 * MINUTE, {"severity": SEV2}, False),
        (60 * MINUTE, {"severity": SEV2}, True),
        (9999 * MINUTE, {"severity": SEV3}, False),
        (9999 * MINUTE, {"severity": None}, False),
        (9999 * MINUTE, {"escalated": SEV1}, False),
        (9999 * MINUTE, {"escalated": SEV2}, True),  # more severe since: once for each
        (9999 * MINUTE, {"severity": SEV2, "escalated": SEV1}, False),
        (9999 * MINUTE, {"called_at": NOW - 14 * MINUTE}, False),  # it came back, or got worse
        *((9999 * MINUTE, {"state": state}, False) for state in IncidentState if state is not IncidentState.OPEN),
    ],
)
def test_an_incident_that_nobody_takes_on_is_escalated(waits: timedelta, more: dict[str, Any], is_due: bool) -> None:
    assert bool(due_escalations([_incident(waits, **more)], RULES, now=NOW)) is is_due


def test_an_escalation_is_kept_with_its_door_and_reason() -> None:
    (change,) = due_escalations([_incident(20 * MINUTE)], RULES, now=NOW)
    assert (change.kind, change.door, change.by) == (ChangeKind.ESCALATED, Door.CLOCK, None)
    assert change.why == "sev1, nobody took it on since 2026-03-02T11:40+00:00"
    assert change.incident.state is IncidentState.OPEN


def test_what_is_open_anew_waits_anew() -> None:
    escalated = _incident(999 * MINUTE, escalated=SEV1)
    for action in (IncidentAction.RESOLVE, IncidentAction.REOPEN):
        change = act(escalated, Request(action=action, by="ana", door=Door.SLACK, at=NOW))
        assert not isinstance(change, str)
        escalated = change.incident
    assert (escalated.escalated, escalated.called_at) == (None, NOW)
    muted = replace(escalated, state=IncidentState.MUTED, muted_until=NOW, called_at=None)
    ended = unmuted(muted, now=NOW)
    assert ended is not None
    assert ended.incident.called_at == NOW


@given(
    waits=st.integers(0, 10_000),
    severity=st.sampled_from(list(IncidentSeverity)),
    before=st.sampled_from([None, *IncidentSeverity]),
    state=st.sampled_from(list(IncidentState)),
)
def test_escalating_twice_is_escalating_once(
    waits: int, severity: IncidentSeverity, before: IncidentSeverity | None, state: IncidentState
) -> None:
    known = _incident(waits * MINUTE, severity=severity, escalated=before, state=state)
    escalated = due_escalations([known], RULES, now=NOW)
    assert due_escalations([one.incident for one in escalated], RULES, now=NOW + 9999 * MINUTE) == []


def test_a_time_of_null_is_never() -> None:
    rules = EscalationRules.model_validate({"after": {"sev1": None, "sev3": "1d"}})
    assert due_escalations([_incident(9999 * MINUTE)], rules, now=NOW) == []
    assert len(due_escalations([_incident(timedelta(days=1), severity=SEV3)], rules, now=NOW)) == 1


def test_an_escalation_is_told_whatever_else_waits_but_not_of_what_is_over() -> None:
    opened, raised = ChangeKind.OPENED, ChangeKind.SEVERITY_RAISED
    assert told_changes([opened, ChangeKind.ESCALATED, raised]) == (opened, raised, ChangeKind.ESCALATED)
    assert told_changes([ChangeKind.ESCALATED, ChangeKind.RESOLVED]) == (ChangeKind.RESOLVED,)
    assert told_changes([ChangeKind.ESCALATED]) == (ChangeKind.ESCALATED,)
