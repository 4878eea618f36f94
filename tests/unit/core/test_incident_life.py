"""The table of an incident's life: what people and the clock may do with it, and what detectors make of it then."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seamwatch.core.incident_life import (
    ChangeKind,
    Incident,
    IncidentChange,
    Request,
    act,
    allowed_actions,
    over,
    reopened,
    shown_again,
    still_fails,
    unmuted,
)
from seamwatch.core.results import Window
from seamwatch.vocabulary import Door, IncidentAction, IncidentState, Refusal, Responsibility

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
O, A, M, F, R, G, V = (  # noqa: E741
    IncidentState.OPEN,
    IncidentState.ACKNOWLEDGED,
    IncidentState.MUTED,
    IncidentState.MITIGATED,
    IncidentState.RESOLVED,
    IncidentState.MERGED,
    IncidentState.VOIDED,
)


def _incident(state: IncidentState = O, **more: Any) -> Incident:
    window = Window(start=NOW - 3 * HOUR, end=NOW - 2 * HOUR)
    values: dict[str, Any] = {
        "id": "parcels-1",
        "fingerprint": "f1",
        "pipeline": "parcels",
        "responsibility": Responsibility.INTEGRATION,
        "stage": "request",
        "fields": ("product",),
        "state": state,
        "headline": "Integration failure at request",
        "confidence": 0.97,
        "opened_at": NOW - 2 * HOUR,
        "updated_at": NOW - 2 * HOUR,
        "first_window": window,
        "last_window": window,
        "n_records": 30,
    }
    return Incident(**{**values, **more})


OTHER = _incident(id="parcels-2", fingerprint="f2", stage="sink")


def _request(action: IncidentAction, **more: Any) -> Request:
    values: dict[str, Any] = {
        "until": NOW + 4 * HOUR if action is IncidentAction.MUTE else None,
        "into": OTHER if action is IncidentAction.MERGE else None,
        "responsibility": Responsibility.MODEL if action is IncidentAction.WRONG else None,
    }
    return Request(action=action, by="ada", door=Door.SLACK, at=NOW, **{**values, **more})


def _done(incident: Incident, action: IncidentAction, **more: Any) -> Incident:
    change = act(incident, _request(action, **more))
    assert isinstance(change, IncidentChange), change
    return change.incident


@pytest.mark.parametrize(
    ("action", "becomes"),
    [
        (IncidentAction.ACKNOWLEDGE, {O: A, M: A}),
        (IncidentAction.MUTE, {O: M, A: M, M: M, F: M}),
        (IncidentAction.MITIGATE, {O: F, A: F, M: F, F: F}),
        (IncidentAction.RESOLVE, {O: R, A: R, M: R, F: R}),
        (IncidentAction.REOPEN, {M: O, F: O, R: O, V: O}),
        (IncidentAction.MERGE, {O: G, A: G, M: G, F: G, R: G}),
        (IncidentAction.SPLIT, {G: O}),
        (IncidentAction.VOID, {O: V, A: V, M: V, F: V, R: V}),
        (IncidentAction.WRONG, {state: state for state in IncidentState}),
        (IncidentAction.CONFIRM, {state: state for state in IncidentState}),
    ],
)
def test_what_a_person_asks_for_is_done_in_these_states_and_refused_in_all_others(
    action: IncidentAction, becomes: dict[IncidentState, IncidentState]
) -> None:
    for state in IncidentState:
        change = act(_incident(state), _request(action))
        if state in becomes:
            assert isinstance(change, IncidentChange)
            assert change.incident.state is becomes[state]
            assert (change.by, change.door, change.incident.updated_at) == ("ada", Door.SLACK, NOW)
            assert action in allowed_actions(state)
        else:
            assert isinstance(change, Refusal)
            assert action not in allowed_actions(state)


@pytest.mark.parametrize(
    ("request_", "refusal"),
    [
        (_request(IncidentAction.MUTE, until=None), Refusal.NO_END),
        (_request(IncidentAction.MUTE, until=NOW - HOUR), Refusal.END_OUT_OF_RANGE),
        (_request(IncidentAction.MUTE, until=NOW + timedelta(days=15)), Refusal.END_OUT_OF_RANGE),
        (_request(IncidentAction.MERGE, into=None), Refusal.NO_SUCH_TARGET),
        (_request(IncidentAction.MERGE, into=_incident()), Refusal.NO_SUCH_TARGET),
        (_request(IncidentAction.MERGE, into=replace(OTHER, pipeline="bench")), Refusal.NO_SUCH_TARGET),
        (_request(IncidentAction.MERGE, into=replace(OTHER, state=R)), Refusal.TARGET_IS_OVER),
        (_request(IncidentAction.WRONG, responsibility=None), Refusal.NO_RESPONSIBILITY),
    ],
)
def test_a_request_that_lacks_something_changes_nothing(request_: Request, refusal: Refusal) -> None:
    assert act(_incident(), request_) is refusal


def test_a_mute_ends_at_its_time_and_leaves_the_incident_as_it_was() -> None:
    taken = _done(_incident(), IncidentAction.ACKNOWLEDGE)
    muted = _done(taken, IncidentAction.MUTE)
    longer = _done(muted, IncidentAction.MUTE, until=NOW + 6 * HOUR)
    assert unmuted(longer, now=NOW + 5 * HOUR) is None
    ended = unmuted(longer, now=NOW + 6 * HOUR)
    assert ended is not None
    assert (ended.kind, ended.door, ended.by) == (ChangeKind.UNMUTED, Door.CLOCK, None)
    assert ended.incident == replace(taken, updated_at=NOW + 6 * HOUR)


def test_a_fix_is_judged_by_windows_that_began_after_it() -> None:
    fixed = _done(_incident(), IncidentAction.MITIGATE)
    straddling, after = (Window(start=NOW + d, end=NOW + d + HOUR) for d in (-HOUR / 2, timedelta()))
    assert shown_again(fixed, straddling, is_news=True).state is F
    assert shown_again(fixed, after, is_news=True) == reopened(fixed)
    gone = over(fixed, now=NOW + HOUR)
    assert gone is not None
    assert (gone.state, gone.resolved_at, gone.resolved_by) == (R, NOW + HOUR, None)


def test_what_a_person_called_resolved_opens_again_by_a_window_that_began_later_only() -> None:
    before = _incident()
    resolved = _done(before, IncidentAction.RESOLVE)
    assert still_fails(before)
    assert (resolved.resolved_by, resolved.resolved_at) == ("ada", NOW)
    straddling, after = (Window(start=NOW + d, end=NOW + d + HOUR) for d in (-HOUR / 2, timedelta()))
    assert shown_again(resolved, straddling, is_news=True).state is R
    again = shown_again(resolved, after, is_news=True)
    assert (again.state, again.resolved_by, again.resolved_at) == (O, None, None)
    # What detectors called over is back with whatever window shows it.
    by_detectors = over(before, now=NOW)
    assert by_detectors is not None
    assert shown_again(by_detectors, straddling, is_news=True).state is O
    assert shown_again(by_detectors, straddling, is_news=False).state is R


def test_a_voided_incident_stays_so_until_its_cause_was_gone() -> None:
    voided = _done(_incident(), IncidentAction.VOID, why="a planned test")
    window = Window(start=NOW, end=NOW + HOUR)
    assert shown_again(voided, window, is_news=True) == voided
    gone = over(voided, now=NOW + HOUR)
    assert gone is not None
    assert shown_again(gone, Window(start=NOW + 2 * HOUR, end=NOW + 3 * HOUR), is_news=True).state is O


def test_a_merged_incident_is_left_alone_by_detectors_and_can_be_split_off() -> None:
    merged = _done(_incident(), IncidentAction.MERGE)
    assert (merged.merged_into, merged.is_open) == ("parcels-2", False)
    assert over(merged, now=NOW) is None
    assert _done(merged, IncidentAction.SPLIT) == replace(reopened(merged), updated_at=NOW, called_at=NOW)


@pytest.mark.parametrize("action", [IncidentAction.WRONG, IncidentAction.CONFIRM])
def test_what_a_person_says_of_a_verdict_leaves_the_incident_as_it_was(action: IncidentAction) -> None:
    for state in IncidentState:
        before = _incident(state, mitigated_at=NOW - HOUR, acknowledged_by="bob", muted_until=NOW + HOUR)
        assert _done(before, action) == replace(before, updated_at=NOW)


def test_the_audit_trail_says_until_when_into_what_and_whose_it_was() -> None:
    told = {
        action: change.why
        for action in IncidentAction
        if isinstance(change := act(_incident(), _request(action, why="reason")), IncidentChange)
    }
    assert told[IncidentAction.MUTE] == "until 2026-03-02T16:00+00:00: reason"
    assert told[IncidentAction.MERGE] == "into parcels-2: reason"
    assert told[IncidentAction.WRONG] == "really model: reason"
    assert told[IncidentAction.RESOLVE] == "reason"
    assert told[IncidentAction.CONFIRM] == "reason"


@given(st.lists(st.sampled_from(IncidentAction), max_size=12))
def test_whatever_people_do_one_thing_after_the_other_leaves_a_sound_incident(actions: list[IncidentAction]) -> None:
    incident = _incident()
    for step, action in enumerate(actions):
        change = act(incident, replace(_request(action), at=NOW + step * timedelta(minutes=1)))
        if isinstance(change, IncidentChange):
            incident = change.incident
        assert (incident.muted_until is not None) == (incident.state is M)
        assert (incident.merged_into is not None) == (incident.state is G)
        assert (incident.resolved_at is not None) == (incident.state in (R, G, V))
        assert incident.mitigated_at is not None or incident.state is not F
        assert incident.muted_from is not M


def test_the_documented_table_is_this_one() -> None:
    page = (Path(__file__).parents[3] / "docs/incidents.md").read_text(encoding="utf-8")
    rows = [
        [cell.strip() for cell in line.strip("|").split("|")] for line in page.splitlines() if line.startswith("| ")
    ]
    head = next(row for row in rows if row[0] == "state")
    documented = {row[0]: dict(zip(head[1:], row[1:], strict=True)) for row in rows if len(row) == len(head)}
    names = {"acknowledge": IncidentAction.ACKNOWLEDGE}
    for state in IncidentState:
        for heading in head[1:-2]:
            change = act(_incident(state), _request(names.get(heading) or IncidentAction(heading)))
            becomes = change.incident.state.value if isinstance(change, IncidentChange) else ""
            assert documented[state.value][heading] == becomes, (state, heading)
        gone = over(_incident(state), now=NOW)
        assert documented[state.value]["no longer seen"] == ("" if gone is None else gone.state.value)
        if state is not G:
            window = Window(start=NOW + HOUR, end=NOW + 2 * HOUR)
            incident = _incident(state, mitigated_at=NOW, resolved_at=NOW)
            assert documented[state.value]["seen again"] == shown_again(incident, window, is_news=True).state.value
