"""What runbooks did in a week: what failed, waited or was overridden."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from past_incidents import WEEK, at, event
from seamwatch.core.action_life import ActionPlan, ActionRun
from seamwatch.core.incident_life import ChangeKind
from seamwatch.core.incident_timeline import IncidentEvent
from seamwatch.core.runbooks import StepFinding, StepRun
from seamwatch.core.weekly_review.facts import StepTold
from seamwatch.core.weekly_review.runbooks import runbooks_week
from seamwatch.vocabulary import ActionState, RunbookKind, StepState

K, S = ChangeKind, ActionState
INCIDENT = "help-desk-202611030000-abcdef"
PLAN = ActionPlan(target="router", before="{}", after="{}", does="Route to the model of before.", undoes="Route back.")


def step(name: str, when: datetime, *, state: StepState = StepState.FOUND, run: str = "r1") -> StepRun:
    return StepRun(
        incident_id=INCIDENT,
        run=run,
        runbook=RunbookKind.MODEL_DEGRADATION,
        number=1,
        name=name,
        finding=StepFinding(state=state, text=f"what {name} found"),
        began_at=when,
        ended_at=when + timedelta(minutes=1),
    )


def action(
    state: ActionState, *, proposed: datetime | None = None, moved: datetime | None = None, **more: Any
) -> ActionRun:
    proposed = at(1) if proposed is None else proposed
    values: dict[str, Any] = {"runbook": "model_degradation", "plan": PLAN, "id": f"{INCIDENT}/route/1", **more}
    return ActionRun(
        incident_id=INCIDENT,
        pipeline="help-desk",
        name="route",
        state=state,
        proposed_at=proposed,
        updated_at=proposed if moved is None else moved,
        answer_by=proposed + timedelta(hours=4),
        **values,
    )


def told(kind: ChangeKind, when: datetime, why: str = "route: said", *, by: str | None = None) -> IncidentEvent:
    return IncidentEvent(incident_id=INCIDENT, kind=kind, window=None, by=by, at=when, why=why)


def names(shown: tuple[StepTold, ...]) -> list[tuple[str, datetime, str | None]]:
    return [(one.name, one.at, one.by) for one in shown]


def test_steps_of_the_week_are_counted_and_those_that_broke_are_named() -> None:
    steps = [
        step("look", at(3), state=StepState.FAILED),
        step("look", at(1), state=StepState.FAILED, run="r0"),
        step("compare", at(3, 1)),
        step("early", at(-0.1), state=StepState.FAILED),
        step("late", at(7), state=StepState.FAILED),
    ]
    week = runbooks_week(steps, [], [], WEEK)
    assert (week.n_runs, week.n_steps, week.n_actions, week.n_helped) == (2, 3, 0, 0)
    assert names(week.failed) == [("look", at(1), None), ("look", at(3), None)]
    assert {(one.pipeline, one.incident, one.runbook, one.text) for one in week.failed} == {
        ("help-desk", INCIDENT, RunbookKind.MODEL_DEGRADATION, "what look found")
    }


@pytest.mark.parametrize(
    ("run", "events", "part", "shown"),
    [
        pytest.param(action(S.WAITING), [], "waited", [("route", at(1), None)], id="nobody answered"),
        pytest.param(
            action(S.BLOCKED, proposed=at(-20)), [], "waited", [("route", at(-20), None)], id="waits for another"
        ),
        pytest.param(action(S.WAITING, proposed=at(7)), [], "waited", [], id="proposed later"),
        pytest.param(action(S.EXPIRED, moved=at(2)), [], "waited", [("route", at(1), None)], id="run out of time"),
        pytest.param(action(S.EXPIRED, moved=at(-2), proposed=at(-3)), [], "waited", [], id="run out of time before"),
        pytest.param(action(S.HELPED, moved=at(2)), [], "waited", [], id="answered"),
        pytest.param(
            action(S.HELPED, moved=at(9)),
            [told(K.ACTION_PROPOSED, at(1)), told(K.ACTION_ANSWERED, at(8))],
            "waited",
            [("route", at(1), None)],
            id="answered after the week",
        ),
        pytest.param(
            action(S.HELPED, moved=at(9)),
            [told(K.ACTION_PROPOSED, at(1)), told(K.ACTION_ANSWERED, at(2)), told(K.ACTION_BEGUN, at(8))],
            "waited",
            [],
            id="answered in the week and begun after it",
        ),
        pytest.param(action(S.HELPED, moved=at(9)), [], "waited", [], id="nothing tells when it was answered"),
        pytest.param(
            action(S.REJECTED, moved=at(2), answered_by="ann", why="rejected"),
            [],
            "overridden",
            [("route", at(2), "ann")],
            id="rejected",
        ),
        pytest.param(action(S.REJECTED, moved=at(8), answered_by="ann"), [], "overridden", [], id="rejected later"),
        pytest.param(
            action(S.OBSOLETE, moved=at(2), answered_by="ann"),
            [event(K.OPENED, at(0), of=INCIDENT)],
            "overridden",
            [("route", at(2), None)],
            id="done by hand",
        ),
        pytest.param(
            action(S.OBSOLETE, moved=at(2), answered_by="ann"),
            [event(K.OPENED, at(0), of=INCIDENT), event(K.RESOLVED, at(1.5), of=INCIDENT)],
            "overridden",
            [],
            id="its incident was over",
        ),
        pytest.param(action(S.OBSOLETE, moved=at(2)), [], "overridden", [], id="never approved"),
        pytest.param(
            action(S.UNDONE, moved=at(3)),
            [told(K.ACTION_BEGUN, at(2)), told(K.ACTION_BEGUN, at(3), "route: taken back", by="bob")],
            "overridden",
            [("route", at(3), "bob")],
            id="taken back",
        ),
        pytest.param(
            action(S.ESCALATED, moved=at(3)),
            [told(K.ACTION_ESCALATED, at(3), "route: it failed: no answer")],
            "failed",
            [("route", at(3), None)],
            id="failed",
        ),
        pytest.param(
            action(S.UNDONE, moved=at(3)),
            [told(K.ACTION_BEGUN, at(2)), told(K.ACTION_UNDONE, at(3))],
            "failed",
            [("route", at(3), None)],
            id="did not help",
        ),
        pytest.param(
            action(S.UNDONE, moved=at(3)),
            [told(K.ACTION_BEGUN, at(3), by="bob"), told(K.ACTION_UNDONE, at(3))],
            "failed",
            [],
            id="taken back is no failure",
        ),
        pytest.param(
            action(S.ESCALATED, moved=at(3)),
            [told(K.ACTION_ESCALATED, at(3), "other: it failed")],
            "failed",
            [],
            id="another action's",
        ),
        pytest.param(
            action(S.ESCALATED, runbook="teleport"),
            [told(K.ACTION_ESCALATED, at(3))],
            "failed",
            [("route", at(3), None)],
            id="of a runbook of a later version",
        ),
    ],
)
def test_what_became_of_actions(
    run: ActionRun, events: list[IncidentEvent], part: str, shown: list[tuple[str, datetime, str | None]]
) -> None:
    assert names(getattr(runbooks_week([], [run], events, WEEK), part)) == shown


def test_what_was_said_of_it_stands_without_its_name() -> None:
    events = [told(K.ACTION_ESCALATED, at(3), "route: it failed: no answer")]
    (failed,) = runbooks_week([], [action(S.ESCALATED)], events, WEEK).failed
    assert failed.text == "it failed: no answer"


def test_two_runs_of_one_action_have_their_own_events() -> None:
    runs = [
        action(S.ESCALATED, proposed=at(1), moved=at(1, 2), id="1"),
        action(S.HELPED, proposed=at(2), moved=at(2, 2), id="2"),
    ]
    events = [
        told(K.ACTION_PROPOSED, at(1)),
        told(K.ACTION_ESCALATED, at(1, 2)),
        told(K.ACTION_PROPOSED, at(2)),
        told(K.ACTION_HELPED, at(2, 2)),
    ]
    week = runbooks_week([], runs, events, WEEK)
    assert (week.n_actions, week.n_helped, len(week.failed), len(week.waited)) == (2, 1, 1, 0)


def test_a_week_without_runbooks() -> None:
    week = runbooks_week([], [], [event(K.OPENED, at(1))], WEEK)
    assert (week.n_runs, week.n_steps, week.failed, week.waited, week.overridden) == (0, 0, (), (), ())


@given(
    st.lists(
        st.builds(
            told,
            st.sampled_from(ChangeKind),
            st.floats(-9, 9).map(at),
            st.sampled_from(["route: said", "other: said", "", ":"]),
            by=st.none() | st.just("ann"),
        ),
        max_size=12,
    ),
    st.sampled_from(ActionState),
    st.floats(-9, 7).map(at),
    st.floats(0, 5),
)
def test_all_that_is_told_happened_by_the_end_of_the_week(
    events: list[IncidentEvent], state: ActionState, proposed: datetime, after: float
) -> None:
    run = action(state, proposed=proposed, moved=proposed + timedelta(days=after), answered_by="ann")
    week = runbooks_week([], [run], events, WEEK)
    assert all(one.at < WEEK.window.end for one in (*week.failed, *week.waited, *week.overridden))
    assert all(one.at >= WEEK.window.start for one in (*week.failed, *week.overridden))
    assert len(week.waited) <= 1
    assert week.n_helped <= 1
