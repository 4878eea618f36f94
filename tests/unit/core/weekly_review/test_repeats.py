"""Where the same kind of fault came again and again."""

from __future__ import annotations

import pytest
from hypothesis import given

from past_incidents import WEEKS, at, event, incident, stories
from seamwatch.core.incident_life import ChangeKind, Incident
from seamwatch.core.incident_timeline import IncidentEvent
from seamwatch.core.weekly_review.repeats import repeat_offenders
from seamwatch.vocabulary import Responsibility

K, R = ChangeKind, Responsibility


@pytest.mark.parametrize(
    ("known", "events", "times"),
    [
        pytest.param([incident()], [event(K.OPENED, at(1))], [], id="once"),
        pytest.param(
            [incident()],
            [event(K.OPENED, at(1)), event(K.RESOLVED, at(2)), event(K.REOPENED, at(3))],
            [(2, 2, ("a",))],
            id="came back in the week",
        ),
        pytest.param(
            [incident()],
            [event(K.OPENED, at(-20)), event(K.RESOLVED, at(-19)), event(K.REOPENED, at(3))],
            [(2, 1, ("a",))],
            id="came back after weeks",
        ),
        pytest.param(
            [incident()],
            [event(K.OPENED, at(-40)), event(K.RESOLVED, at(-39)), event(K.REOPENED, at(3))],
            [],
            id="came before these weeks",
        ),
        pytest.param([incident()], [event(K.OPENED, at(-9)), event(K.REOPENED, at(-3))], [], id="not in the week"),
        pytest.param(
            [incident("a"), incident("b")],
            [event(K.OPENED, at(-9)), event(K.OPENED, at(3), of="b")],
            [(2, 1, ("a", "b"))],
            id="two incidents",
        ),
        pytest.param(
            [incident("a"), incident("b", pipeline="returns")],
            [event(K.OPENED, at(-9)), event(K.OPENED, at(3), of="b")],
            [],
            id="two pipelines",
        ),
        pytest.param(
            [incident("a"), incident("b", kind="retry_loop")],
            [event(K.OPENED, at(-9)), event(K.OPENED, at(3), of="b")],
            [],
            id="two kinds",
        ),
        pytest.param(
            [incident("a"), incident("b")],
            [event(K.OPENED, at(-9)), event(K.OPENED, at(3), of="b", whose=R.INTEGRATION)],
            [],
            id="two responsibilities",
        ),
        pytest.param(
            [incident("a"), incident("b")],
            [
                event(K.OPENED, at(-9), whose=R.UNDETERMINED),
                event(K.OPENED, at(3), of="b"),
                event(K.UPDATED, at(4), whose=R.MODEL),
            ],
            [(2, 1, ("a", "b"))],
            id="one by the end of the week",
        ),
        pytest.param(
            [incident()],
            [event(K.OPENED, at(1)), event(K.REOPENED, at(2)), event(K.VOIDED, at(3))],
            [],
            id="void",
        ),
        pytest.param(
            [incident("a"), incident("b")],
            [event(K.OPENED, at(-9)), event(K.OPENED, at(3), of="b"), event(K.MERGED, at(4), of="b")],
            [],
            id="merged",
        ),
        pytest.param([], [event(K.OPENED, at(1)), event(K.REOPENED, at(3))], [], id="of no known incident"),
    ],
)
def test_what_came_again(
    known: list[Incident], events: list[IncidentEvent], times: list[tuple[int, int, tuple[str, ...]]]
) -> None:
    found = repeat_offenders(known, events, WEEKS)
    assert [(one.n_times, one.n_this_week, one.incidents) for one in found] == times


def test_what_came_most_often_is_first() -> None:
    known = [incident("a"), incident("b", stage="sink")]
    events = [event(K.OPENED, at(day)) for day in (1, 2)]
    events += [IncidentEvent(incident_id="b", kind=K.REOPENED, window=None, by=None, at=at(day)) for day in (-3, 1, 2)]
    assert [(one.stage, one.n_times) for one in repeat_offenders(known, events, WEEKS)] == [("sink", 4), ("triage", 2)]


@given(stories())
def test_each_came_twice_or_oftener_and_in_the_week(story: tuple[list[Incident], list[IncidentEvent]]) -> None:
    found = repeat_offenders(*story, WEEKS)
    named = [name for one in found for name in one.incidents]
    assert len(named) == len(set(named))
    for one in found:
        assert one.n_times >= max(2, one.n_this_week, len(one.incidents))
        assert one.n_this_week >= 1
