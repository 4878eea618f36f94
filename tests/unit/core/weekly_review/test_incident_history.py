"""An incident as it was at a moment of the past, by its events up to then."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from past_incidents import at, event, incident, stories
from seamwatch.core.incident_life import (
    ChangeKind,
    Incident,
    IncidentChange,
    Request,
    act,
    over,
    shown_again,
    unmuted,
)
from seamwatch.core.incident_timeline import IncidentEvent
from seamwatch.core.results import Window
from seamwatch.core.weekly_review.incident_history import histories
from seamwatch.vocabulary import Door, IncidentAction, IncidentState, Responsibility

K, S = ChangeKind, IncidentState


@pytest.mark.parametrize(
    ("kinds", "state", "is_void"),
    [
        ([K.OPENED], S.OPEN, False),
        ([K.OPENED, K.UPDATED, K.RUNBOOK_STEP], S.OPEN, False),
        ([K.OPENED, K.ACKNOWLEDGED], S.ACKNOWLEDGED, False),
        ([K.OPENED, K.MUTED], S.MUTED, False),
        ([K.OPENED, K.ACKNOWLEDGED, K.MUTED, K.UNMUTED], S.ACKNOWLEDGED, False),
        # A mute that is made longer still ends in what was before the first.
        ([K.OPENED, K.ACKNOWLEDGED, K.MUTED, K.MUTED, K.UNMUTED], S.ACKNOWLEDGED, False),
        ([K.OPENED, K.MITIGATED], S.MITIGATED, False),
        ([K.OPENED, K.MITIGATED, K.REOPENED], S.OPEN, False),
        ([K.OPENED, K.RESOLVED], S.RESOLVED, False),
        ([K.OPENED, K.RESOLVED, K.REOPENED], S.OPEN, False),
        ([K.OPENED, K.MERGED], S.MERGED, False),
        ([K.OPENED, K.MERGED, K.SPLIT], S.OPEN, False),
        ([K.OPENED, K.VOIDED], S.VOIDED, True),
        # That its cause is gone makes it nobody's fault all the same.
        ([K.OPENED, K.VOIDED, K.RESOLVED], S.RESOLVED, True),
        ([K.OPENED, K.VOIDED, K.REOPENED], S.OPEN, False),
        # Nobody takes on what is over, so that it is open again only where somebody says so.
        ([K.OPENED, K.RESOLVED, K.ACKNOWLEDGED], S.RESOLVED, False),
        ([K.OPENED, K.MUTED, K.RESOLVED, K.UNMUTED], S.RESOLVED, False),
        ([K.OPENED, K.CALLED_WRONG, "teleported"], S.OPEN, False),
    ],
)
def test_the_state_is_told_by_the_events(kinds: list[str], state: IncidentState, *, is_void: bool) -> None:
    events = [event(kind, at(0, hour)) for hour, kind in enumerate(kinds)]
    (history,) = histories([incident(state=S.VOIDED)], events)
    past = history.at(at(7))
    assert past is not None
    assert (past.state, past.is_void) == (state, is_void)
    assert (past.ended_at is None) == state.is_open


@pytest.mark.parametrize(
    ("moment", "state"),
    [
        (at(-1), None),
        (at(0), None),
        (at(0, 0.5), S.OPEN),
        # Half open: what happens at the moment is not before it.
        (at(1), S.OPEN),
        (at(1, 1), S.RESOLVED),
        (at(3), S.OPEN),
    ],
)
def test_what_comes_later_changes_nothing(moment: datetime, state: IncidentState | None) -> None:
    events = [event(K.OPENED, at(0)), event(K.RESOLVED, at(1)), event(K.REOPENED, at(2))]
    (history,) = histories([incident()], events)
    past = history.at(moment)
    assert (None if past is None else past.state) == state


def test_the_verdict_is_the_last_that_was_kept_by_then() -> None:
    events = [
        event(K.OPENED, at(0), whose=Responsibility.UNDETERMINED),
        event(K.RUNBOOK_STEP, at(1), whose=None),
        event(K.UPDATED, at(2), whose=Responsibility.INTEGRATION),
    ]
    (history,) = histories([incident(responsibility=Responsibility.MODEL)], events)
    said = [None if (past := history.at(at(day))) is None else past.verdict.responsibility for day in (0.5, 1.5, 3)]
    assert said == [Responsibility.UNDETERMINED, Responsibility.UNDETERMINED, Responsibility.INTEGRATION]


def test_where_no_verdict_was_kept_it_is_the_incidents_own() -> None:
    (history,) = histories([incident(responsibility=Responsibility.PROVIDER)], [event(K.OPENED, at(0), whose=None)])
    past = history.at(at(7))
    assert past is not None
    assert past.verdict.responsibility is Responsibility.PROVIDER


@pytest.mark.parametrize(
    ("events", "state", "at_end"),
    [
        ([], S.OPEN, (S.OPEN, at(0))),
        ([], S.ACKNOWLEDGED, (S.OPEN, at(0))),
        ([], S.RESOLVED, (S.RESOLVED, at(0))),
        ([], S.MERGED, (S.MERGED, at(0))),
        ([event(K.RESOLVED, at(1))], S.OPEN, (S.RESOLVED, at(0))),
    ],
)
def test_without_its_events_an_incident_tells_what_it_knows(
    events: list[IncidentEvent], state: IncidentState, at_end: tuple[IncidentState, datetime]
) -> None:
    (history,) = histories([incident(state=state, resolved_at=None if state.is_open else at(1))], events)
    past = history.at(at(7))
    assert past is not None
    assert (past.state, past.opened_at) == at_end


def test_a_time_without_a_zone_is_one_of_utc() -> None:
    (history,) = histories([incident()], [event(K.OPENED, at(2).replace(tzinfo=None))])
    assert history.at(at(2)) is None
    assert history.at(at(2, 1)) is not None


@given(stories())
def test_an_incident_has_not_ended_before_it_is_open_and_is_over_exactly_when_it_ended(story) -> None:
    for history in histories(*story):
        for day in (-20, 0, 7):
            past = history.at(at(day))
            if past is not None:
                assert (past.ended_at is None) == past.state.is_open
                assert past.opened_at < at(day)
                assert not past.is_void or not past.state.is_open


def _followed(known: Incident, what: IncidentAction | str, when: datetime) -> IncidentChange | None:
    """Return what a person, the clock or a detector makes of an incident; None where it changes nothing."""
    if isinstance(what, IncidentAction):
        request = Request(
            action=what,
            by="ann",
            door=Door.SLACK,
            at=when,
            until=when + timedelta(hours=1),
            into=incident("other"),
            responsibility=Responsibility.PROVIDER,
        )
        asked = act(known, request)
        return asked if isinstance(asked, IncidentChange) else None
    if what == "clock":
        return unmuted(known, now=when)
    if what == "gone":
        ended = over(known, now=when)
        return None if ended is None else IncidentChange(kind=K.RESOLVED, incident=ended)
    if known.state is S.MERGED:  # what shows its cause is told to the other
        return None
    shown = shown_again(known, Window(start=when, end=when + timedelta(hours=1)), is_news=True)
    is_reopened = shown.state is S.OPEN and known.state is not S.OPEN
    return IncidentChange(kind=K.REOPENED if is_reopened else K.UPDATED, incident=shown)


@given(st.lists(st.sampled_from([*IncidentAction, "clock", "gone", "shown"]), max_size=12))
def test_the_events_of_a_life_tell_the_state_that_it_led_to_at_every_step(life: list[IncidentAction | str]) -> None:
    known, events = incident(), [event(K.OPENED, at(0))]
    states = [known.state]
    for hour, what in enumerate(life):
        change = _followed(known, what, at(0, 2 * hour + 1))
        if change is not None:
            known = change.incident
            events.append(event(change.kind, at(0, 2 * hour + 1), by=change.by))
        states.append(known.state)
    (history,) = histories([known], events)
    told = [None if (past := history.at(at(0, 2 * hour))) is None else past.state for hour in range(1, len(life) + 1)]
    assert told == states[1:]
    assert history.now().state == known.state
