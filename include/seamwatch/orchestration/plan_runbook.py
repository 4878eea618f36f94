"""Which tasks the runbooks of a pipeline are: their steps, and their actions with the answers of people before them."""

from __future__ import annotations

from seamwatch.orchestration.dag_plan import DagPlan, TaskPlan
from seamwatch.orchestration.plan_dag import pipeline_dag
from seamwatch.spec.pipeline import Pipeline
from seamwatch.spec.runbooks import RunbookPart, parts_of, steps_of
from seamwatch.vocabulary import RunbookKind, StageKind

_UNLESS_SKIPPED = "none_skipped"
"""Runs whether what is before it went well or not, but in the groups of other kinds of runbook."""
_PROPOSED_AGAIN = 300
"""An action that waits for another one on the same target is looked at again so often, every ten minutes at last."""


def plan_runbook(pipeline: Pipeline) -> DagPlan:
    """A task group a kind of runbook; the first task leads to that of the run's incident.

    A step that broke is red and lets the others go on: all but the first run unless what is before them was skipped.
    The end of the group fails with any of them, so that the run does.
    """
    tasks = [TaskPlan(id="pick", step="pick_runbook")]
    for kind in _runbook_kinds(pipeline):
        before, group = "pick", list[TaskPlan]()
        for part in parts_of(steps_of(pipeline.runbooks, kind), pipeline.actions):
            made = _action_tasks(pipeline, kind, part, before) if part.is_action else _part_tasks(kind, part, before)
            group += made
            before = made[-1].full_id
        after = tuple(one.full_id for one in group)
        tasks += [*group, TaskPlan(id="end", group=kind.value, step="", kind="end", after=after)]
    return pipeline_dag(
        pipeline,
        "runbook",
        "Runs the runbook of an incident: its steps by themselves, its actions once a person approved.",
        tuple(tasks),
        max_active_runs=16,
        is_about_incident=True,
    )


def _runbook_kinds(pipeline: Pipeline) -> tuple[RunbookKind, ...]:
    """Return the kinds of runbook that an incident of the pipeline can call for."""
    has_model = any(stage.kind is StageKind.MODEL for stage in pipeline.stages)
    monitoring = pipeline.monitoring
    wanted = {
        RunbookKind.MODEL_DEGRADATION: has_model,
        RunbookKind.COST_SPIKE: monitoring.cost is not None,
        RunbookKind.LATENCY_SPIKE: monitoring.latency is not None,
        RunbookKind.STALE_KNOWLEDGE_BASE: bool(pipeline.knowledge_bases),
        RunbookKind.PROMPT_INJECTION: has_model or monitoring.injection is not None,
        RunbookKind.PROVIDER_FAILURE: has_model,
    }
    return tuple(kind for kind in RunbookKind if wanted.get(kind, True))


def _part_tasks(kind: RunbookKind, part: RunbookPart, before: str) -> list[TaskPlan]:
    return [_runbook_task(kind, part.name, "run_runbook_part", part, before)]


def _action_tasks(pipeline: Pipeline, kind: RunbookKind, part: RunbookPart, before: str) -> list[TaskPlan]:
    """Propose, wait for the answer, carry out, check: each a task, so that everybody sees where it is."""
    action = part.steps[0][1].action
    assert action is not None
    propose = _runbook_task(kind, part.name, "propose_action", part, before, retries=_PROPOSED_AGAIN)
    approve = TaskPlan(
        id=f"{part.name}_approve",
        group=kind.value,
        step="",
        stage=kind.value,
        part=part.name,
        after=(propose.full_id,),
        kind="approval",
        text_from=propose.full_id,
        timeout=pipeline.actions[action].approve_within,
        trigger_rule=_UNLESS_SKIPPED,
        retries=0,
    )
    carry_out = _runbook_task(kind, f"{part.name}_carry_out", "carry_out_action", part, approve.full_id)
    check = _runbook_task(kind, f"{part.name}_check", "check_action", part, carry_out.full_id)
    return [propose, approve, carry_out, check]


def _runbook_task(
    kind: RunbookKind, name: str, step: str, part: RunbookPart, before: str, *, retries: int = 2
) -> TaskPlan:
    return TaskPlan(
        id=name,
        group=kind.value,
        step=step,
        stage=kind.value,
        part=part.name,
        after=(before,),
        trigger_rule="all_success" if before == "pick" else _UNLESS_SKIPPED,
        retries=retries,
    )
