"""Which agreed actions come back in a week's review, and whether the causes came back that they were to take away."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seamwatch.core.agreed_actions import AgreedAction, AgreedState, Recurrence
from seamwatch.core.incident_life import Incident
from seamwatch.core.incident_timeline import IncidentEvent
from seamwatch.core.results import Window
from seamwatch.core.weekly_review.agreed import ATTRIBUTION, DOCUMENTS, agreed_by_now, agreed_week, recurrence
from seamwatch.core.weekly_review.facts import AgreedWeek
from seamwatch.core.weekly_review.week import ReviewWeek
from seamwatch.vocabulary import IncidentState, Responsibility, Watch

WEEK = ReviewWeek.of("2026-W46")
MONDAY = WEEK.window.start
DAY, HOUR = timedelta(days=1), timedelta(hours=1)
DONE_AT = MONDAY + 2 * DAY + 9 * HOUR
AFTER = {("parcels", ATTRIBUTION): DONE_AT + HOUR}


def window(start: datetime, length: timedelta = DAY) -> Window:
    return Window(start=start, end=start + length)


def incident(name: str = "a", **more: Any) -> Incident:
    first = window(MONDAY - 3 * DAY)
    values: dict[str, Any] = {
        "id": name,
        "fingerprint": "f1",
        "pipeline": "parcels",
        "responsibility": Responsibility.INTEGRATION,
        "stage": "request",
        "fields": ("product",),
        "state": IncidentState.RESOLVED,
        "headline": "Integration failure at request",
        "confidence": 0.97,
        "opened_at": first.end,
        "updated_at": first.end,
        "first_window": first,
        "last_window": first,
        "n_records": 30,
    }
    return Incident(**{**values, **more})


def event(
    kind: str, at: datetime, *, of: str = "a", by: str | None = None, seen: Window | None = None
) -> IncidentEvent:
    return IncidentEvent(incident_id=of, kind=kind, window=None if seen is None else seen.id, by=by, at=at)


OPENED = event("opened", MONDAY - 2 * DAY, seen=window(MONDAY - 3 * DAY))
RESOLVED = event("resolved", DONE_AT + 20 * HOUR, seen=window(DONE_AT - 5 * HOUR))


def action(name: str = "x", **more: Any) -> AgreedAction:
    values: dict[str, Any] = {
        "pipeline": "parcels",
        "text": "Pin the version",
        "owner": "ada",
        "due_on": MONDAY.date() + 4 * DAY,
        "agreed_at": MONDAY - 5 * DAY,
        "agreed_by": "bob",
        "week": "2026-W44",
    }
    return AgreedAction(id=name, **{**values, **more})


def done(name: str = "x", at: datetime = DONE_AT, **more: Any) -> AgreedAction:
    return action(name, **{"incident": "a", "state": AgreedState.DONE, "ended_at": at, "ended_by": "ada", **more})


def said(
    *events: IncidentEvent,
    others: tuple[Incident, ...] = (),
    judged: dict[tuple[str, str], datetime] | None = None,
    of: AgreedAction | None = None,
    cause: Incident | None = None,
) -> Recurrence | None:
    known = {one.id: one for one in (cause or incident(), *others)}
    found: dict[str, list[IncidentEvent]] = {}
    for one in events:
        found.setdefault(one.incident_id, []).append(one)
    return recurrence(of or done(), known, found, judged=AFTER if judged is None else judged)


def test_a_cause_that_no_later_window_shows_stayed_away() -> None:
    assert said(OPENED, RESOLVED) is Recurrence.STAYED_AWAY


@pytest.mark.parametrize(
    ("why", "events"),
    [
        ("opened again", [RESOLVED, event("reopened", DONE_AT + 2 * DAY, seen=window(DONE_AT + DAY))]),
        ("opened again without its window", [RESOLVED, event("reopened", DONE_AT + 2 * DAY)]),
        ("a name of a window that nobody can read", [RESOLVED, replace(event("reopened", DONE_AT + DAY), window="?")]),
        ("by a person", [RESOLVED, event("reopened", DONE_AT + 2 * DAY, by="ada")]),
        (
            "a fix that did not help, by a person",
            [event("mitigated", DONE_AT, by="ada"), event("reopened", DONE_AT + DAY, by="ada")],
        ),
        ("never gone", [event("updated", DONE_AT + 2 * DAY, seen=window(DONE_AT))]),
        ("never gone, and worse", [event("severity_raised", DONE_AT + 2 * DAY, seen=window(DONE_AT))]),
        (
            "back and over again",
            [
                RESOLVED,
                event("reopened", DONE_AT + 2 * DAY, seen=window(DONE_AT + DAY)),
                event("resolved", DONE_AT + 3 * DAY, seen=window(DONE_AT + 2 * DAY)),
            ],
        ),
    ],
)
def test_a_cause_is_back(why: str, events: list[IncidentEvent]) -> None:
    assert said(OPENED, *events) is Recurrence.CAME_BACK, why


@pytest.mark.parametrize(
    ("why", "events"),
    [
        ("still open, and nothing later shows it", []),
        ("the window holds records from before", [event("updated", DONE_AT + DAY, seen=window(DONE_AT - HOUR))]),
        ("a window of before, run again", [event("updated", DONE_AT + DAY, seen=window(DONE_AT - 2 * DAY))]),
        (
            "unmuted by a person",
            [event("muted", DONE_AT - HOUR, by="ada"), event("reopened", DONE_AT + HOUR, by="ada")],
        ),
    ],
)
def test_of_what_is_open_and_not_shown_since_nothing_is_known(why: str, events: list[IncidentEvent]) -> None:
    assert said(OPENED, *events) is Recurrence.UNKNOWN, why


@pytest.mark.parametrize(
    "judged",
    [{}, {("parcels", ATTRIBUTION): DONE_AT - HOUR}, {("other", ATTRIBUTION): MONDAY + 9 * DAY}],
    ids=["nothing", "before", "another pipeline"],
)
def test_without_a_window_judged_since_nothing_is_known(judged: dict[tuple[str, str], datetime]) -> None:
    assert said(OPENED, RESOLVED, judged=judged) is Recurrence.UNKNOWN


@pytest.mark.parametrize(
    ("more", "detector", "known"),
    [
        ({"watch": Watch.COST}, Watch.COST, True),
        ({"watch": Watch.COST}, ATTRIBUTION, False),
        ({"watch": Watch.COST}, Watch.LATENCY, False),
        ({"responsibility": Responsibility.KNOWLEDGE_BASE}, DOCUMENTS, True),
        ({"responsibility": Responsibility.KNOWLEDGE_BASE}, ATTRIBUTION, True),
        ({}, DOCUMENTS, False),
    ],
)
def test_only_what_would_show_the_cause_can_say_that_it_stayed_away(
    more: dict[str, Any], detector: str, known: bool
) -> None:
    found = said(OPENED, RESOLVED, cause=incident(**more), judged={("parcels", detector): DONE_AT + HOUR})
    assert found is (Recurrence.STAYED_AWAY if known else Recurrence.UNKNOWN)


@pytest.mark.parametrize(
    ("why", "more", "is_back"),
    [
        ("the same cause, away for long", {"fingerprint": "f1.2"}, True),
        ("the same place, kind and field", {"fingerprint": "f9"}, True),
        ("another field", {"fingerprint": "f9", "fields": ("amount",)}, False),
        ("another stage", {"fingerprint": "f9", "stage": "prompt"}, False),
        ("another fault", {"fingerprint": "f9", "responsibility": Responsibility.MODEL}, False),
        ("another detector", {"fingerprint": "f9", "watch": Watch.DRIFT}, False),
        ("another pipeline", {"pipeline": "other"}, False),
    ],
)
def test_another_incident_of_the_same_cause_brings_it_back(why: str, more: dict[str, Any], is_back: bool) -> None:
    opened = event("opened", DONE_AT + 2 * DAY, of="b", seen=window(DONE_AT + DAY))
    found = said(OPENED, RESOLVED, opened, others=(incident("b", state=IncidentState.OPEN, **more),))
    assert (found is Recurrence.CAME_BACK) == is_back, why


def test_of_a_watch_the_kind_tells_causes_apart() -> None:
    cause = incident(watch=Watch.COST, kind="more_tokens", fields=())
    other = incident("b", fingerprint="f9", watch=Watch.COST, kind="dearer_model", fields=(), state=IncidentState.OPEN)
    opened = event("opened", DONE_AT + 2 * DAY, of="b")
    judged = {("parcels", "cost"): DONE_AT + HOUR}
    assert said(OPENED, RESOLVED, opened, cause=cause, others=(other,), judged=judged) is Recurrence.STAYED_AWAY
    same = replace(other, kind="more_tokens")
    assert said(OPENED, RESOLVED, opened, cause=cause, others=(same,), judged=judged) is Recurrence.CAME_BACK


def test_an_incident_of_records_from_before_brings_nothing_back() -> None:
    opened = event("opened", DONE_AT + 2 * DAY, of="b", seen=window(DONE_AT - 9 * DAY))
    assert said(OPENED, RESOLVED, opened, others=(incident("b", fingerprint="f1.2"),)) is not Recurrence.CAME_BACK


def test_what_was_called_nobodys_fault_brings_nothing_back() -> None:
    back = event("reopened", DONE_AT + 2 * DAY, seen=window(DONE_AT + DAY))
    voided = event("voided", DONE_AT + 3 * DAY, by="ada")
    assert said(OPENED, RESOLVED, back, voided) is Recurrence.STAYED_AWAY


def test_a_merged_incident_is_followed_to_the_one_that_has_its_cause() -> None:
    merged = incident(state=IncidentState.MERGED, merged_into="b")
    host = incident("b", fingerprint="f9", stage="prompt", state=IncidentState.OPEN)
    last = event("merged", MONDAY, by="ada")
    opened = event("opened", MONDAY - 2 * DAY, of="b")
    shown = event("updated", DONE_AT + 2 * DAY, of="b", seen=window(DONE_AT + DAY))
    resolved = event("resolved", DONE_AT + 2 * DAY, of="b")
    assert said(OPENED, last, opened, shown, cause=merged, others=(host,)) is Recurrence.CAME_BACK
    assert said(OPENED, last, opened, resolved, cause=merged, others=(host,)) is Recurrence.STAYED_AWAY
    assert said(OPENED, last, opened, cause=merged, others=(host,)) is Recurrence.UNKNOWN


@pytest.mark.parametrize("into", ["a", "b", "gone"])
def test_merges_that_lead_nowhere_end(into: str) -> None:
    merged = incident(state=IncidentState.MERGED, merged_into="b")
    other = incident("b", state=IncidentState.MERGED, merged_into=into)
    assert said(OPENED, cause=merged, others=(other,)) in (Recurrence.UNKNOWN, Recurrence.STAYED_AWAY)


def test_of_an_incident_that_is_too_old_to_be_kept_nothing_is_known() -> None:
    assert said(of=done(incident="gone")) is Recurrence.UNKNOWN


@pytest.mark.parametrize(
    "of",
    [
        done(incident=None),
        action(incident="a"),
        done(state=AgreedState.DROPPED),
    ],
    ids=["linked to none", "not done", "dropped"],
)
def test_nothing_is_said_where_there_is_nothing_to_check(of: AgreedAction) -> None:
    assert said(OPENED, event("reopened", DONE_AT + DAY), of=of) is None


def shown(
    *actions: AgreedAction, now: datetime = MONDAY + 8 * DAY, events: tuple[IncidentEvent, ...] = ()
) -> list[str]:
    found = agreed_week(actions, [incident()], events, judged={}, week=WEEK, now=now)
    return [one.action.id for one in found]


@pytest.mark.parametrize(
    ("why", "one", "is_shown"),
    [
        ("open since before", action(), True),
        ("open for a year", action(agreed_at=MONDAY - 365 * DAY), True),
        ("agreed in it", action(agreed_at=MONDAY + DAY), True),
        ("agreed later", action(agreed_at=MONDAY + 7 * DAY), False),
        ("done in it", done(incident=None), True),
        ("done in its first moment", done(at=MONDAY, incident=None), True),
        ("dropped in it", done(state=AgreedState.DROPPED), True),
        ("done the week before", done(at=MONDAY - HOUR, incident=None), False),
        ("done the week before, and its cause is checked", done(at=MONDAY - HOUR), True),
        ("dropped the week before", done(at=MONDAY - HOUR, state=AgreedState.DROPPED), False),
        ("done long before", done(at=MONDAY - 8 * DAY), False),
    ],
)
def test_what_a_week_shows(why: str, one: AgreedAction, is_shown: bool) -> None:
    assert (shown(one) == ["x"]) == is_shown, why


def test_an_action_of_long_ago_is_shown_in_the_week_in_which_its_cause_came_back() -> None:
    of = done(at=MONDAY - 20 * DAY)
    opened = event("opened", MONDAY - 25 * DAY)
    resolved = event("resolved", MONDAY - 19 * DAY)
    back = event("reopened", MONDAY + DAY, seen=window(MONDAY))
    assert shown(of, events=(opened, resolved, back)) == ["x"]
    earlier = event("reopened", MONDAY - DAY, seen=window(MONDAY - 2 * DAY))
    assert shown(of, events=(opened, resolved, earlier, event("updated", MONDAY + DAY, seen=window(MONDAY)))) == []


def test_overdue_ones_come_first_then_open_ones_then_those_that_ended() -> None:
    sunday = WEEK.first_day + 6 * DAY
    actions = (
        done("ended", incident=None),
        action("later", due_on=sunday + 9 * DAY),
        action("soon", due_on=sunday + DAY),
        action("late", due_on=sunday),
        action("very late", due_on=sunday - 90 * DAY),
    )
    assert shown(*actions) == ["very late", "late", "soon", "later", "ended"]
    found = agreed_week(actions, [], [], judged={}, week=WEEK, now=MONDAY + 8 * DAY)
    assert [one.is_overdue for one in found] == [True, True, False, False, False]


def test_in_a_week_that_goes_on_nothing_is_overdue_before_its_day_is_over() -> None:
    due = action(due_on=date(2026, 11, 13))
    (before,) = agreed_week([due], [], [], judged={}, week=WEEK, now=datetime(2026, 11, 13, 23, tzinfo=UTC))
    (after,) = agreed_week([due], [], [], judged={}, week=WEEK, now=datetime(2026, 11, 14, 0, tzinfo=UTC))
    assert (before.is_overdue, after.is_overdue) == (False, True)


def test_the_day_is_that_of_the_reviews_time_zone() -> None:
    week = ReviewWeek.of("2026-W46", time_zone="Asia/Tokyo")
    due = action(due_on=date(2026, 11, 13))
    (found,) = agreed_week([due], [], [], judged={}, week=week, now=datetime(2026, 11, 13, 15, tzinfo=UTC))
    assert found.is_overdue


_KINDS = ("opened", "updated", "reopened", "resolved", "muted", "mitigated", "voided", "merged", "of_a_later_version")
EVENTS = st.lists(
    st.builds(
        lambda kind, hours, by, start: event(
            kind, DONE_AT + hours * HOUR, by=by, seen=None if start is None else window(DONE_AT + start * HOUR)
        ),
        st.sampled_from(_KINDS),
        st.integers(-100, 100),
        st.sampled_from([None, "ada"]),
        st.none() | st.integers(-100, 100),
    ),
    max_size=8,
).map(lambda found: sorted(found, key=lambda one: one.at))


@given(EVENTS)
def test_stayed_away_is_never_said_of_what_nobody_judged_since(events: list[IncidentEvent]) -> None:
    assert said(*events, judged={}) in (Recurrence.CAME_BACK, Recurrence.UNKNOWN)


@given(EVENTS)
def test_nothing_from_before_the_action_was_done_brings_its_cause_back(events: list[IncidentEvent]) -> None:
    assert said(*[one for one in events if one.at <= DONE_AT]) is not Recurrence.CAME_BACK


def test_a_told_week_shows_its_actions_as_they_stand_and_what_its_review_agreed_on() -> None:
    still, gone, back = action("still"), action("gone"), action("back", state=AgreedState.DONE, ended_at=DONE_AT)
    told = [
        AgreedWeek(action=still, is_overdue=False, recurrence=None),
        AgreedWeek(action=gone, is_overdue=False, recurrence=None),
        AgreedWeek(action=back, is_overdue=False, recurrence=Recurrence.CAME_BACK),
    ]
    reopened = replace(back, state=AgreedState.OPEN, ended_at=None)
    new, other = action("new", week=WEEK.name, agreed_at=WEEK.window.end + HOUR), action("other")
    now = WEEK.window.end + DAY
    shown = agreed_by_now(told, [still, reopened, new, other], week=WEEK, now=now)
    assert [(one.action, one.is_overdue, one.recurrence) for one in shown] == [
        (still, True, None),
        (gone, True, None),  # nobody keeps it any more: as it was told
        (reopened, True, None),
        (new, True, None),
    ]
    (as_told,) = agreed_by_now(told[2:], [back], week=WEEK, now=now)
    assert as_told == told[2]
