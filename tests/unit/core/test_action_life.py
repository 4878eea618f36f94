"""The life of an action: nothing begins without approval, and what began never ends unseen."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seamwatch.core.action_life import FINAL, ActionEvent, ActionPlan, ActionRun, move
from seamwatch.vocabulary import ActionState, Door

_AT = datetime(2026, 3, 2, 9, tzinfo=UTC)
_BEGUN = {ActionState.HELPED, ActionState.UNDONE, ActionState.ESCALATED}


def _action(state: ActionState = ActionState.WAITING) -> ActionRun:
    return ActionRun(
        id="returns-1/roll_back/1",
        incident_id="returns-1",
        pipeline="returns",
        name="roll_back",
        runbook="model_degradation",
        state=state,
        plan=ActionPlan(target="mlflow:returns@champion", before='"7"', after='"6"', does="7 to 6", undoes="6 to 7"),
        proposed_at=_AT,
        updated_at=_AT,
        answer_by=_AT + timedelta(hours=1),
    )


def test_approval_keeps_who_it_was_and_by_which_door() -> None:
    approved = move(_action(), ActionEvent.APPROVE, at=_AT, by="U1", door=Door.SLACK)

    assert approved is not None
    assert (approved.state, approved.answered_by, approved.door) == (ActionState.APPROVED, "U1", Door.SLACK)


def test_answer_after_its_time_counts_no_more() -> None:
    assert move(_action(), ActionEvent.APPROVE, at=_AT + timedelta(hours=2), by="U1", door=Door.SLACK) is None


@pytest.mark.parametrize("second", [ActionEvent.APPROVE, ActionEvent.REJECT])
def test_second_answer_changes_nothing(second: ActionEvent) -> None:
    first = move(_action(), ActionEvent.REJECT, at=_AT, by="U1", door=Door.SLACK)

    assert first is not None
    assert move(first, second, at=_AT, by="U2", door=Door.AIRFLOW) is None


def test_action_without_a_way_back_is_escalated_where_it_did_not_help() -> None:
    after = move(_action(ActionState.DONE), ActionEvent.NO_HELP, at=_AT, can_undo=False)

    assert after is not None
    assert after.state is ActionState.ESCALATED
    assert move(_action(ActionState.HELPED), ActionEvent.UNDO, at=_AT, can_undo=False) is None


@given(events=st.lists(st.sampled_from(list(ActionEvent)), max_size=30), can_undo=st.booleans())
def test_whatever_happens_nothing_begins_unapproved_and_what_began_ends_seen(
    events: list[ActionEvent], can_undo: bool
) -> None:
    action, was_approved, n_begun = _action(), False, 0
    for event in events:
        after = move(action, event, at=_AT, by="U1", door=Door.SLACK, can_undo=can_undo)
        if after is None:
            continue
        was_approved |= after.state is ActionState.APPROVED
        n_begun += event is ActionEvent.BEGIN
        assert after.state is not ActionState.RUNNING or was_approved
        action = after
    assert n_begun <= 1
    if action.state in FINAL and action.began_at is not None:
        assert action.state in _BEGUN
