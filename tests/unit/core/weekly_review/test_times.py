"""How long incidents took until they were noticed, understood, taken on, fixed and over; and the slowest of them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import pytest
from hypothesis import given

from past_incidents import WEEK, WEEKS, at, event, incident, stories
from seamwatch.core.incident_life import ChangeKind, Incident
from seamwatch.core.incident_timeline import IncidentEvent
from seamwatch.core.weekly_review.facts import Phase, TimeTo
from seamwatch.core.weekly_review.times import slowest, times_to
from seamwatch.vocabulary import IncidentState, Responsibility

K, P, R = ChangeKind, Phase, Responsibility
HOUR = 3600.0


def times(events: Sequence[IncidentEvent], **known: Any) -> dict[Phase, TimeTo]:
    return {one.phase: one for one in times_to([incident(**known)], events, WEEKS)}


@pytest.mark.parametrize(
    ("onset", "opened", "hours", "n_unknown"),
    [
        pytest.param(at(0), at(1), 24.0, 0, id="known"),
        pytest.param(at(-3), at(1), 96.0, 0, id="from before the week"),
        pytest.param(None, at(1), None, 1, id="no onset"),
        pytest.param(at(1), at(1), None, 1, id="not before the opening"),
        pytest.param(at(2), at(1), None, 1, id="after the opening"),
        pytest.param(at(0).replace(tzinfo=None), at(1), 24.0, 0, id="naive"),
        pytest.param(at(-2), at(-1), None, 0, id="opened before"),
    ],
)
def test_to_detect(onset: datetime | None, opened: datetime, hours: float | None, n_unknown: int) -> None:
    detect = times([event(K.OPENED, opened)], onset=onset)[P.DETECT]
    assert (detect.median_s, detect.n_unknown) == (None if hours is None else hours * HOUR, n_unknown)
    assert detect.n == (hours is not None)


@pytest.mark.parametrize(
    ("said", "hours", "n_unknown"),
    [
        pytest.param([R.MODEL], 0.0, 0, id="by the opening"),
        pytest.param([R.UNDETERMINED, R.UNDETERMINED, R.PROVIDER, R.MODEL], 2.0, 0, id="later"),
        # A step of a runbook says nothing of whose it is.
        pytest.param([R.UNDETERMINED, None, R.PROVIDER], 2.0, 0, id="after what names nobody"),
        pytest.param([None], None, 1, id="not kept"),
        pytest.param([None, R.PROVIDER], None, 1, id="not kept at first"),
        pytest.param([R.UNDETERMINED, R.UNDETERMINED], None, 0, id="undetermined still"),
    ],
)
def test_to_attribute(said: list[Responsibility | None], hours: float | None, n_unknown: int) -> None:
    kinds = [K.OPENED, *[K.UPDATED] * len(said)]
    events = [event(kinds[n], at(0, n), whose=whose) for n, whose in enumerate(said)]
    attribute = times(events)[P.ATTRIBUTE]
    assert (attribute.median_s, attribute.n_unknown) == (None if hours is None else hours * HOUR, n_unknown)


def test_what_is_undetermined_and_was_not_kept_has_come_through_nothing() -> None:
    attribute = times([event(K.OPENED, at(0), whose=None)], responsibility=R.UNDETERMINED)[P.ATTRIBUTE]
    assert (attribute.n, attribute.n_unknown) == (0, 0)


@pytest.mark.parametrize(
    ("events", "phase", "hours"),
    [
        pytest.param([(K.ACKNOWLEDGED, 3)], P.ACKNOWLEDGE, [3.0], id="taken on"),
        pytest.param([(K.ACKNOWLEDGED, 3), (K.ACKNOWLEDGED, 5)], P.ACKNOWLEDGE, [3.0], id="by the first person"),
        pytest.param([(K.REOPENED, 4), (K.ACKNOWLEDGED, 5)], P.ACKNOWLEDGE, [1.0], id="since it came back"),
        pytest.param(
            [(K.ACKNOWLEDGED, 1), (K.RESOLVED, 2), (K.REOPENED, 4), (K.ACKNOWLEDGED, 7)],
            P.ACKNOWLEDGE,
            [1.0, 3.0],
            id="twice",
        ),
        pytest.param([(K.ACTION_DONE, 3), (K.MITIGATED, 4)], P.MITIGATE, [3.0], id="by an action"),
        pytest.param([(K.MITIGATED, 4)], P.MITIGATE, [4.0], id="by a person"),
        pytest.param([(K.RESOLVED, 2), (K.ACTION_DONE, 3)], P.MITIGATE, [], id="too late"),
        pytest.param([(K.RESOLVED, 5)], P.RESOLVE, [5.0], id="over"),
        pytest.param([(K.RESOLVED, 5), (K.RESOLVED, 6)], P.RESOLVE, [5.0], id="said twice"),
        pytest.param([(K.MITIGATED, 1), (K.REOPENED, 2), (K.RESOLVED, 5)], P.RESOLVE, [5.0], id="a fix did not help"),
        pytest.param([(K.RESOLVED, 5), (K.REOPENED, 7), (K.RESOLVED, 8)], P.RESOLVE, [1.0, 5.0], id="over twice"),
        pytest.param([(K.MERGED, 1), (K.SPLIT, 2), (K.RESOLVED, 5)], P.RESOLVE, [3.0], id="split again"),
        pytest.param([(K.ACKNOWLEDGED, 1), (K.VOIDED, 2)], P.ACKNOWLEDGE, [], id="void"),
        pytest.param([(K.ACKNOWLEDGED, 1), (K.MERGED, 2)], P.ACKNOWLEDGE, [], id="merged"),
        pytest.param([(K.ACKNOWLEDGED, 8 * 24)], P.ACKNOWLEDGE, [], id="after the week"),
        pytest.param([(K.RESOLVED, -5)], P.RESOLVE, [], id="clocks run backwards"),
    ],
)
def test_from_the_opening(events: list[tuple[ChangeKind, float]], phase: Phase, hours: list[float]) -> None:
    told = [event(K.OPENED, at(0)), *(event(kind, at(0, hour), by="ann") for kind, hour in events)]
    found = times(told)[phase]
    assert found.n == len(hours)
    assert found.worst_s == (max(hours) * HOUR if hours else None)
    assert found.median_s == (sum(hours) / len(hours) * HOUR if hours else None)


def test_nobody_takes_it_on_who_is_no_person() -> None:
    assert times([event(K.OPENED, at(0)), event(K.ACKNOWLEDGED, at(0, 1))])[P.ACKNOWLEDGE].n == 0


def test_where_clocks_run_backwards_the_time_is_unknown() -> None:
    resolve = times([event(K.OPENED, at(1)), event(K.RESOLVED, at(0))])[P.RESOLVE]
    assert (resolve.n, resolve.n_unknown, resolve.median_s, resolve.worst_s) == (0, 1, None, None)


def test_medians_of_the_weeks_before_are_of_what_ended_in_them() -> None:
    known = [incident(name, opened=at(-30)) for name in "abcd"]
    events = [event(K.OPENED, at(-30), of=name) for name in "abcd"]
    events += [event(K.RESOLVED, at(day), of=name) for name, day in (("a", -27), ("b", -26), ("c", -29), ("d", 1))]
    resolve = next(one for one in times_to(known, events, WEEKS) if one.phase is P.RESOLVE)
    assert (resolve.n, resolve.median_s) == (1, 31 * 24 * HOUR)
    # What was over five weeks before is of none of these weeks.
    assert resolve.before == (3.5 * 24 * HOUR, None, None, None)


@pytest.mark.parametrize(
    ("known", "events", "took", "longest", "steps"),
    [
        pytest.param(
            incident(onset=at(-1)),
            [
                event(K.OPENED, at(0), whose=R.UNDETERMINED),
                event(K.UPDATED, at(0, 6), whose=R.INTEGRATION),
                event(K.ACKNOWLEDGED, at(0, 10), by="ann"),
                event(K.MITIGATED, at(3), by="ann"),
                event(K.RESOLVED, at(3, 12)),
            ],
            108.0,
            (P.MITIGATE, 62.0),
            {P.DETECT: 24.0, P.ATTRIBUTE: 6.0, P.ACKNOWLEDGE: 4.0, P.MITIGATE: 62.0, P.RESOLVE: 12.0},
            id="every step",
        ),
        pytest.param(
            incident(),
            [event(K.OPENED, at(5))],
            48.0,
            (P.ACKNOWLEDGE, 48.0),
            {P.DETECT: None, P.ATTRIBUTE: 0.0, P.ACKNOWLEDGE: None, P.MITIGATE: None, P.RESOLVE: None},
            id="nobody took it on",
        ),
        pytest.param(
            incident(),
            [event(K.OPENED, at(5), whose=None)],
            48.0,
            (P.ACKNOWLEDGE, 48.0),
            {P.DETECT: None, P.ATTRIBUTE: None, P.ACKNOWLEDGE: None, P.MITIGATE: None, P.RESOLVE: None},
            id="whether somebody was named is not known",
        ),
        pytest.param(
            incident(responsibility=R.UNDETERMINED),
            [event(K.OPENED, at(5), whose=R.UNDETERMINED)],
            48.0,
            (P.ATTRIBUTE, 48.0),
            {P.DETECT: None, P.ATTRIBUTE: None, P.ACKNOWLEDGE: None, P.MITIGATE: None, P.RESOLVE: None},
            id="nobody was named",
        ),
        pytest.param(
            incident(),
            [event(K.OPENED, at(5)), event(K.MITIGATED, at(5, 1), by="ann")],
            48.0,
            (P.RESOLVE, 47.0),
            {P.DETECT: None, P.ATTRIBUTE: 0.0, P.ACKNOWLEDGE: None, P.MITIGATE: 1.0, P.RESOLVE: None},
            id="fixed and not over",
        ),
        pytest.param(
            incident(),
            [
                event(K.OPENED, at(0), whose=R.UNDETERMINED),
                event(K.ACKNOWLEDGED, at(0, 1), whose=R.UNDETERMINED, by="ann"),
                event(K.UPDATED, at(0, 5)),
                event(K.RESOLVED, at(0, 6)),
            ],
            6.0,
            (P.ATTRIBUTE, 5.0),
            {P.DETECT: None, P.ATTRIBUTE: 5.0, P.ACKNOWLEDGE: 0.0, P.MITIGATE: None, P.RESOLVE: 1.0},
            id="taken on before anybody was named",
        ),
    ],
)
def test_the_steps_of_a_slow_incident(
    known: Incident,
    events: list[IncidentEvent],
    took: float,
    longest: tuple[Phase, float],
    steps: dict[Phase, float | None],
) -> None:
    (slow,) = slowest([known], events, WEEK)
    assert slow.took_s == took * HOUR
    assert (slow.longest, slow.longest_s) == (longest[0], longest[1] * HOUR)
    assert {one: None if seconds is None else seconds / HOUR for one, seconds in slow.steps.items()} == steps


def test_the_three_that_took_longest_with_how_often_they_came_back_and_nobody_came() -> None:
    known = [incident(name) for name in "abcdefg"]
    events = [event(K.OPENED, at(-n), of=name) for n, name in enumerate("abcdefg")]
    events += [
        event(K.RESOLVED, at(-5), of="g"),
        event(K.VOIDED, at(1), of="f"),
        event(K.RESOLVED, at(-4), of="e"),
        event(K.ESCALATED, at(-3), of="e"),
        event(K.REOPENED, at(-3), of="e"),
        event(K.RESOLVED, at(1), of="d"),
    ]
    found = slowest(known, events, WEEK)
    assert [(one.incident.id, one.is_over, one.n_reopened, one.n_escalated) for one in found] == [
        ("e", False, 1, 1),
        ("c", False, 0, 0),
        ("b", False, 0, 0),
    ]
    assert len(slowest(known, events, WEEK, n=10)) == 5


@given(stories())
def test_no_time_is_negative_and_all_steps_fit_into_the_whole(
    story: tuple[list[Incident], list[IncidentEvent]],
) -> None:
    for one in times_to(*story, WEEKS):
        assert (one.n == 0) == (one.median_s is None) == (one.worst_s is None)
        assert all(value is None or value >= 0 for value in (one.median_s, one.worst_s, *one.before))
        assert len(one.before) == len(WEEKS) - 1
    for slow in slowest(*story, WEEK, n=10):
        assert slow.took_s >= 0
        assert slow.longest_s >= 0
        assert all(seconds is None or seconds >= 0 for seconds in slow.steps.values())
        assert slow.is_over == (slow.incident.state is not None and not slow.incident.state.is_open)


def test_of_nothing_there_are_no_times() -> None:
    assert {(one.n, one.median_s, one.before) for one in times_to([], [], WEEKS)} == {(0, None, (None,) * 4)}
    assert slowest([], [], WEEK) == ()
    assert slowest([incident(state=IncidentState.VOIDED, resolved_at=at(1))], [], WEEK) == ()
