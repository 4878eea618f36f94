"""What changed most since last week."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime
from math import nan
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from past_incidents import WEEK, at
from seamwatch.core.agreed_actions import AgreedAction, AgreedState, Recurrence
from seamwatch.core.weekly_review.changes import Change, Changed, changes_since
from seamwatch.core.weekly_review.facts import (
    AgreedWeek,
    CostWeek,
    IncidentsWeek,
    ObjectiveWeek,
    PipelineWeek,
    QualityWeek,
    WeeklyReview,
)

C = Changed
UNKNOWN = (None, None, None, None)


def incidents(
    n_opened: int = 0, before: tuple[float | None, ...] = UNKNOWN, *, not_ai: int = 0, last_not_ai: float | None = None
) -> IncidentsWeek:
    return IncidentsWeek(
        n_opened=n_opened,
        n_reopened=0,
        n_resolved=0,
        n_open_at_end=0,
        n_void=0,
        by_responsibility={},
        by_severity={},
        n_looked_like_ai=not_ai,
        n_not_ai=not_ai,
        not_ai={},
        n_ai=0,
        n_ai_unknown=0,
        opened_before=before,
        not_ai_before=(None, None, None, last_not_ai),
    )


def budget(before: float | None, left: float | None) -> ObjectiveWeek:
    return ObjectiveWeek(
        objective="right_queue",
        kind="accuracy",
        goal=0.9,
        events=100,
        judged=100,
        bad=1,
        sli=0.99,
        before=UNKNOWN,
        left=left,
        left_before=(None, None, None, before),
        spent=None,
    )


def quality(before: float | None, accuracy: float | None = 0.8) -> QualityWeek:
    return QualityWeek(
        n_answers=100,
        n_judged=100 if accuracy is not None else 0,
        n_wrong=20,
        accuracy=accuracy,
        low=None if accuracy is None else accuracy - 0.1,
        high=None if accuracy is None else accuracy + 0.1,
        is_sampled=False,
        before=(None, None, None, before),
    )


def cost(before: float | None, usd: float, *, n_hours: int = 168) -> CostWeek:
    return CostWeek(
        usd=usd,
        n_calls=1,
        n_records=1,
        n_unpriced=0,
        n_hours=n_hours,
        before=(None, None, None, before),
        month=date(2026, 11, 1),
        month_usd=None,
        forecast_usd=None,
    )


def pipeline(name: str = "desk", **more: Any) -> PipelineWeek:
    return PipelineWeek(pipeline=name, **{"incidents": incidents(), **more})


def review(*weeks: PipelineWeek, made_at: datetime | None = None, **more: Any) -> WeeklyReview:
    everything = more.pop("everything", pipeline("all pipelines"))
    made_at = at(7, 6) if made_at is None else made_at
    return WeeklyReview(week=WEEK, made_at=made_at, everything=everything, pipelines=weeks, **more)


def agreed(due: date, *, pipeline_name: str | None = "desk", **more: Any) -> AgreedWeek:
    ended = more.pop("ended", False)
    action = AgreedAction(
        id="x",
        pipeline=pipeline_name,
        text="Pin the model's version",
        owner="ann",
        due_on=due,
        agreed_at=at(-7),
        agreed_by="bob",
        week=WEEK.before().name,
        incident="a",
        state=AgreedState.DONE if ended else AgreedState.OPEN,
    )
    return AgreedWeek(action=action, **{"is_overdue": False, "recurrence": None, **more})


@pytest.mark.parametrize(
    ("week", "changed"),
    [
        pytest.param({}, [], id="nothing is known"),
        pytest.param({"objectives": (budget(0.4, -0.1),)}, [(C.BUDGET_SPENT, 0.4, -0.1)], id="budget spent"),
        pytest.param({"objectives": (budget(0.1, 0.0),)}, [(C.BUDGET_SPENT, 0.1, 0.0)], id="nothing left"),
        pytest.param({"objectives": (budget(-0.2, -0.3),)}, [], id="spent already"),
        pytest.param({"objectives": (budget(-0.2, 0.3),)}, [(C.BUDGET_RECOVERED, -0.2, 0.3)], id="not any more"),
        pytest.param({"objectives": (budget(0.9, 0.5),)}, [(C.BUDGET_FELL, 0.9, 0.5)], id="much less is left"),
        pytest.param({"objectives": (budget(0.9, 0.8),)}, [], id="a little less is left"),
        pytest.param({"objectives": (budget(None, -0.1), budget(0.4, None))}, [], id="budget of an unknown week"),
        pytest.param({"objectives": (budget(nan, -0.1),)}, [], id="budget that is no number"),
        pytest.param({"quality": quality(0.95)}, [(C.ACCURACY_FELL, 0.95, 0.8)], id="accuracy fell"),
        pytest.param({"quality": quality(0.65)}, [(C.ACCURACY_ROSE, 0.65, 0.8)], id="accuracy rose"),
        pytest.param({"quality": quality(0.85)}, [], id="accuracy within its interval"),
        pytest.param({"quality": quality(None)}, [], id="accuracy of an unknown week"),
        pytest.param({"quality": quality(0.95, None)}, [], id="nothing judged"),
        pytest.param({"cost": cost(10, 14)}, [(C.COST_ROSE, 10, 14)], id="dearer"),
        pytest.param({"cost": cost(14, 10)}, [(C.COST_FELL, 14, 10)], id="cheaper"),
        pytest.param({"cost": cost(10, 11)}, [], id="a little dearer"),
        pytest.param({"cost": cost(0, 10)}, [(C.COST_ROSE, 0, 10)], id="cost nothing before"),
        pytest.param({"cost": cost(0, 0)}, [], id="costs nothing"),
        pytest.param({"cost": cost(10, 0, n_hours=0)}, [], id="nobody looked at what it cost"),
        pytest.param({"cost": cost(None, 10)}, [], id="cost of an unknown week"),
        pytest.param({"incidents": incidents(5, (0, 1, 1, 0))}, [(C.MORE_INCIDENTS, 0.5, 5)], id="more incidents"),
        pytest.param({"incidents": incidents(0, (3, 2, 3, 4))}, [(C.FEWER_INCIDENTS, 3, 0)], id="fewer incidents"),
        pytest.param({"incidents": incidents(12, (10, 9, 11, 10))}, [], id="as many as by chance"),
        pytest.param({"incidents": incidents(1, (0, 0, 0, 0))}, [], id="one incident"),
        pytest.param({"incidents": incidents(9, (None, None, None, 0))}, [], id="one week before"),
        pytest.param({"incidents": incidents(not_ai=2, last_not_ai=1)}, [(C.NOT_AI, 1, 2)], id="not the AI"),
        pytest.param({"incidents": incidents(not_ai=1, last_not_ai=1)}, [], id="not the AI, as last week"),
        pytest.param({"incidents": incidents(not_ai=2)}, [], id="not the AI, last week unknown"),
        pytest.param({"n_records": 0, "records_before": (9, 9)}, [(C.RECORDS_STOPPED, 9, 0)], id="no traffic"),
        pytest.param({"n_records": None, "records_before": (9, 9)}, [], id="traffic unknown"),
        pytest.param({"n_records": 0, "records_before": (9, 0)}, [], id="no traffic as last week"),
    ],
)
def test_what_changed(week: dict[str, Any], changed: list[tuple[Changed, float, float]]) -> None:
    found = changes_since(review(pipeline(**week)))
    assert [(one.kind, one.before, one.now) for one in found] == changed
    assert {one.pipeline for one in found} <= {"desk"}


@pytest.mark.parametrize(
    ("one", "kinds"),
    [
        pytest.param(agreed(date(2026, 11, 4), is_overdue=True), [C.ACTION_OVERDUE], id="since this week"),
        pytest.param(agreed(date(2026, 11, 8), is_overdue=True), [C.ACTION_OVERDUE], id="due on the last day"),
        pytest.param(agreed(date(2026, 11, 1), is_overdue=True), [], id="due on the last day of last week"),
        pytest.param(agreed(date(2026, 11, 4)), [], id="not overdue"),
        pytest.param(agreed(date(2026, 10, 20), is_overdue=True), [], id="since long"),
        pytest.param(agreed(date(2026, 11, 4), pipeline_name=None, is_overdue=True), [C.ACTION_OVERDUE], id="of all"),
        pytest.param(
            agreed(date(2026, 11, 4), ended=True, recurrence=Recurrence.CAME_BACK), [C.CAUSE_CAME_BACK], id="came back"
        ),
        pytest.param(agreed(date(2026, 11, 4), ended=True, recurrence=Recurrence.STAYED_AWAY), [], id="stayed away"),
        pytest.param(agreed(date(2026, 11, 4), ended=True, recurrence=Recurrence.UNKNOWN), [], id="nothing judged"),
    ],
)
def test_what_was_agreed(one: AgreedWeek, kinds: list[Changed]) -> None:
    found = changes_since(review(agreed=(one,)))
    assert [(each.kind, each.pipeline, each.subject, each.incident) for each in found] == [
        (kind, one.action.pipeline, "Pin the model's version", "a") for kind in kinds
    ]


def test_of_a_week_that_is_not_over_nothing_is_said_to_be_less() -> None:
    week = pipeline(
        cost=cost(14, 1), incidents=incidents(0, (4, 4, 4, 4)), n_records=0, records_before=(9,), objectives=()
    )
    assert changes_since(review(week, made_at=at(2))) == ()
    assert len(changes_since(review(week))) == 3


def test_a_change_that_is_little_of_what_all_cost_matters_to_nobody() -> None:
    everything = pipeline("all pipelines", cost=cost(1000, 1000))
    assert changes_since(review(pipeline(cost=cost(1, 2)), everything=everything)) == ()
    assert len(changes_since(review(pipeline(cost=cost(100, 200)), everything=everything))) == 1


def test_what_matters_most_is_first_and_of_a_kind_that_which_is_largest() -> None:
    weeks = [
        pipeline("a", cost=cost(100, 140), quality=quality(0.95)),
        pipeline("b", cost=cost(100, 240), objectives=(budget(0.1, -0.1),)),
        pipeline("c", objectives=(budget(0.9, -0.1), budget(-0.5, 0.9))),
        pipeline("d"),
    ]
    one = agreed(date(2026, 11, 4), recurrence=Recurrence.CAME_BACK, ended=True)
    assert [(each.kind, each.pipeline) for each in changes_since(review(*weeks, agreed=(one,)))] == [
        (C.BUDGET_SPENT, "c"),
        (C.BUDGET_SPENT, "b"),
        (C.CAUSE_CAME_BACK, "desk"),
        (C.ACCURACY_FELL, "a"),
        (C.COST_ROSE, "b"),
        (C.COST_ROSE, "a"),
        (C.BUDGET_RECOVERED, "c"),
    ]


def test_fifty_pipelines_of_which_nothing_is_known() -> None:
    assert changes_since(review(*(pipeline(str(number)) for number in range(50)))) == ()


_FIGURE = st.none() | st.floats(allow_nan=True, allow_infinity=True) | st.floats(-1, 1)


@example(None, None, 5e-324, 5e-324, 0, ["a", "b", "c"])
@given(_FIGURE, _FIGURE, st.floats(0, 1e6), st.none() | st.floats(0, 1e6), st.integers(0, 99), st.permutations("abc"))
def test_whatever_the_figures_each_change_has_two_that_differ(
    left: float | None, before: float | None, usd: float, usd_before: float | None, n: int, names: list[str]
) -> None:
    week = pipeline(
        objectives=(budget(before, left),), cost=cost(usd_before, usd), incidents=incidents(n, (n, 0, None, 3))
    )
    weeks = [replace(week, pipeline=name) for name in names]
    found = changes_since(review(*weeks))
    assert all(isinstance(one, Change) and one.before != one.now for one in found)
    assert None not in {figure for one in found for figure in (one.before, one.now)}
    assert found == changes_since(review(*sorted(weeks, key=lambda one: one.pipeline)))
