"""How steps and actions of a runbook are said to have ended."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from seamwatch.core.action_life import ActionPlan, ActionRun
from seamwatch.core.runbooks import StepFinding, StepRun, StepState
from seamwatch.report.links import Links
from seamwatch.report.runbook import action_sentence, runbook_facts
from seamwatch.vocabulary import ActionState, RunbookKind

AT = datetime(2026, 11, 23, 8, tzinfo=UTC)
LINKS = Links(report="r", incidents="i", dag="d", data_docs="s/")


def step(name: str, state: StepState) -> StepRun:
    finding = StepFinding(state=state, text="as it is")
    return StepRun(
        incident_id="i",
        run="1",
        runbook=RunbookKind.MODEL_DEGRADATION,
        number=1,
        name=name,
        finding=finding,
        began_at=AT,
        ended_at=AT,
    )


def action(state: ActionState, why: str) -> ActionRun:
    return ActionRun(
        id="i/roll_back/1",
        incident_id="i",
        pipeline="triage",
        name="roll_back",
        runbook=RunbookKind.MODEL_DEGRADATION.value,
        state=state,
        plan=ActionPlan(target="x", before="1", after="2", does="Sets it to 2"),
        proposed_at=AT,
        updated_at=AT,
        answer_by=AT,
        why=why,
    )


@pytest.mark.parametrize(
    ("name", "state", "title", "mark"),
    [
        ("input_drift", StepState.FOUND, "Input drift", "found"),
        ("input_drift", StepState.CLEAR, "Input drift", "not found"),
        ("tell_owner", StepState.FOUND, "Notify the owner", "done"),
        ("tell_owner", StepState.UNKNOWN, "Notify the owner", "not known"),
        ("roll_back", StepState.FOUND, "Roll back", "proposed"),
        ("roll_back", StepState.CLEAR, "Roll back", "not needed"),
        ("roll_back", StepState.FAILED, "Roll back", "failed"),
    ],
)
def test_what_was_sent_or_proposed_was_not_found(name: str, state: StepState, title: str, mark: str) -> None:
    facts = runbook_facts([step(name, state)], [action(ActionState.WAITING, "")], LINKS)
    assert facts is not None
    assert (facts.steps[0].title, facts.steps[0].state_text) == (title, mark)


def test_that_nothing_was_changed_is_said_once() -> None:
    over = action(ActionState.OBSOLETE, "its incident is resolved already; nothing was changed")
    assert action_sentence(over) == (
        "Sets it to 2: no longer needed; its incident is resolved already; nothing was changed"
    )
    assert action_sentence(action(ActionState.OBSOLETE, "")) == "Sets it to 2: no longer needed, nothing was changed"
