"""What the gate said of releases in a week."""

from __future__ import annotations

from datetime import datetime

import pytest

from past_incidents import WEEK, at
from seamwatch.core.slo.policy import GateAnswer, Override
from seamwatch.core.weekly_review.gate import gate_week
from seamwatch.vocabulary import GateState


def answer(when: datetime, *, is_allowed: bool, release: str | None = "v7") -> GateAnswer:
    state = GateState.OK if is_allowed else GateState.FROZEN
    return GateAnswer(at=when, is_allowed=is_allowed, state=state, reason="accuracy: spent", release=release)


def test_what_was_asked_in_the_week_and_what_was_held() -> None:
    answers = [
        answer(at(7), is_allowed=False),
        answer(at(3), is_allowed=False, release=None),
        answer(at(2), is_allowed=True),
        answer(at(0), is_allowed=False),
        answer(at(-0.1), is_allowed=False),
    ]
    week = gate_week("desk", answers, [], WEEK)
    assert (week.n_asked, week.n_held) == (3, 2)
    assert [(one.pipeline, one.at, one.release) for one in week.held] == [("desk", at(0), "v7"), ("desk", at(3), None)]


@pytest.mark.parametrize(
    ("given", "until", "is_shown"),
    [
        pytest.param(at(1), at(2), True, id="within"),
        pytest.param(at(-3), at(1), True, id="from before"),
        pytest.param(at(6), at(9), True, id="beyond"),
        pytest.param(at(-3), at(9), True, id="all of it"),
        pytest.param(at(-3), at(0), False, id="over as it begins"),
        pytest.param(at(7), at(8), False, id="given as the next begins"),
    ],
)
def test_overrides_with_their_names(given: datetime, until: datetime, *, is_shown: bool) -> None:
    override = Override(reason="the fix", by="ann", at=given, until=until, objective="accuracy")
    shown = gate_week("desk", [], [override], WEEK).overrides
    assert [(one.by, one.reason, one.objective, one.at, one.until) for one in shown] == (
        [("ann", "the fix", "accuracy", given, until)] if is_shown else []
    )


def test_nobody_asked() -> None:
    week = gate_week("desk", [], [], WEEK)
    assert (week.n_asked, week.n_held, week.held, week.overrides) == (0, 0, (), ())
