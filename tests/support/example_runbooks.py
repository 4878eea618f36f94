"""Example incidents whose runbooks wait for a person, or have proved a repair."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from example_causes import model, resolved
from example_parts import NOW, Example
from seamwatch.core.action_life import ActionPlan, ActionRun
from seamwatch.core.incident_life import ChangeKind, allowed_actions
from seamwatch.core.runbooks import StepFinding, StepRun
from seamwatch.report.runbook import runbook_facts
from seamwatch.vocabulary import ActionState, Door, IncidentState, RunbookKind, StepState


def steps(runbook: RunbookKind, *found: tuple[str, StepState, str]) -> list[StepRun]:
    """Return steps that one run in Airflow made in turn."""
    return [
        StepRun(
            incident_id="x",
            run="run-1",
            runbook=runbook,
            number=number,
            name=name,
            finding=StepFinding(state=state, text=text, details=("one fact behind it",) if number == 1 else ()),
            began_at=NOW,
            ended_at=NOW + timedelta(minutes=number),
            task=f"support_triage__runbook/run-1/{runbook.value}.investigate",
        )
        for number, (name, state, text) in enumerate(found, start=1)
    ]


def action(name: str, runbook: RunbookKind, state: ActionState, *, does: str, undoes: str, **more: object) -> ActionRun:
    plan = ActionPlan(target="x", before="1", after="2", does=does, undoes=undoes)
    known = ActionRun(
        id=f"support_triage-202611230800-1/{name}/1",
        incident_id="support_triage-202611230800-1",
        pipeline="support_triage",
        name=name,
        runbook=runbook.value,
        state=state,
        plan=plan,
        proposed_at=NOW,
        updated_at=NOW,
        answer_by=NOW + timedelta(hours=24),
        task=f"support_triage__runbook/run-1/{runbook.value}.{name}_approve",
    )
    return replace(known, **more)  # type: ignore[arg-type]


def approval() -> Example:
    """A runbook that waits for a person, in a pipeline whose messages have buttons."""
    kind, known = RunbookKind.MODEL_DEGRADATION, model().report
    ran = steps(
        kind,
        ("benchmark", StepState.FOUND, "71 of 100 benchmark inputs right, usually 94.7 (p < 0.0001): it got worse."),
        ("input_drift", StepState.UNKNOWN, "Drift is not watched; add `monitoring.drift`."),
        ("cache_state", StepState.FAILED, "the step failed: RuntimeError: the cache is gone"),
    )
    waits = action(
        "roll_back",
        kind,
        ActionState.WAITING,
        does="Points alias champion of model triage from version 7 to version 6",
        undoes="Points alias champion of model triage back to version 7",
    )
    actions = allowed_actions(IncidentState.OPEN)
    shown = replace(known, runbook=runbook_facts(ran, [waits], known.links), actions=actions)
    return Example(report=shown, change=ChangeKind.ACTION_PROPOSED)


def proved() -> Example:
    """A repair that the window, run again, has proved."""
    kind, known = RunbookKind.INTEGRATION_FAILURE, resolved().report
    ran = steps(kind, ("tell_root_cause", StepState.FOUND, "those who were told of it know the root cause"))
    helped = action(
        "run_again",
        kind,
        ActionState.HELPED,
        does="Runs 1 window of support_triage again",
        undoes="",
        why="its windows no longer show the cause",
        answered_by="ada (U012AB)",
        door=Door.SLACK,
        began_at=NOW,
    )
    return Example(
        report=replace(known, runbook=runbook_facts(ran, [helped], known.links)), change=ChangeKind.ROOT_CAUSE_TOLD
    )
