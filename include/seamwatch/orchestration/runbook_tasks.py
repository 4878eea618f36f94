"""What the tasks of runbooks do; a step of the same name in `steps` each."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from airflow.sdk.exceptions import AirflowFailException

from seamwatch.core.incident_life import Incident, IncidentChange
from seamwatch.core.runbooks import runbook_of
from seamwatch.engine.actions import action_id, answer, carry_out, check, is_blocked, settle_actions
from seamwatch.engine.deliver import deliver_incident
from seamwatch.engine.deps import Deps
from seamwatch.engine.incidents import write_reports_of
from seamwatch.engine.runbooks import RunbookRun, run_steps, runbooks_to_call
from seamwatch.errors import AdapterError, DataContractError
from seamwatch.orchestration.deps import open_deps
from seamwatch.report.runbook import action_sentence, title_of
from seamwatch.report.text import visible
from seamwatch.spec.pipeline import Pipeline
from seamwatch.spec.runbooks import RunbookPart, parts_of, steps_of
from seamwatch.vocabulary import ActionState, Door, RunbookKind, StepState

if TYPE_CHECKING:
    from airflow.sdk import Context

    from seamwatch.orchestration.operators import StepOperator

CHANGES = "changes"
"""Under this name a task that decides shows what last happened, by incident."""
_RED = (ActionState.ESCALATED, ActionState.UNDONE)
"""What an action that did not go well ends as."""


def called_runbooks(
    deps: Deps, pipeline: Pipeline, changes: Iterable[IncidentChange], context: Context
) -> list[list[str]]:
    """Return the incidents whose runbooks are to be run, each with the name of its run; what changed is shown beside.

    Airflow maps tasks over nothing but what a task returns.
    """
    context["ti"].xcom_push(key=CHANGES, value={one.incident.id: one.kind.value for one in changes})
    return [list(one) for one in runbooks_to_call(deps, pipeline)]


def call_runbook(task: StepOperator, context: Context) -> None:
    """Start the runbook of one incident; the run is named by what called for it, so that it is started once."""
    from airflow.providers.standard.operators.trigger_dagrun import TriggerDagRunOperator

    incident_id, run = task.window
    assert task.dag_to_run is not None
    TriggerDagRunOperator(
        task_id="call",
        trigger_dag_id=task.dag_to_run,
        trigger_run_id=run,
        conf={"incident": incident_id},
        skip_when_already_exists=True,
    ).execute(context)


def pick_runbook(task: StepOperator, context: Context) -> str:
    """Lead to the task group of the incident's kind: the groups of all other kinds are skipped."""
    from airflow.sdk.exceptions import DownstreamTasksSkipped

    with open_deps(task.project_dir) as deps:
        kind = runbook_of(_incident(deps, task, context))
    others = [(one, -1) for one in context["task"].downstream_task_ids if not one.startswith(f"{kind.value}.")]
    task.log.info("the runbook for this incident is %s", kind.value)
    raise DownstreamTasksSkipped(tasks=others)  # type: ignore[no-untyped-call]


def run_runbook_part(task: StepOperator, context: Context) -> dict[str, str]:
    """Run the steps of one part; red where one of them broke, once all others have run."""
    pipeline = Pipeline.model_validate(task.pipeline)
    with open_deps(task.project_dir) as deps:
        incident = _incident(deps, task, context)
        ran = run_steps(deps, pipeline, incident, _part(task, pipeline).steps, _run(task, context))
        _show(deps, pipeline, incident)
    for one in ran:
        task.log.info("%s: %s", one.name, visible(one.finding.text))
    failed = [f"- {one.name}: {one.finding.text}" for one in ran if one.finding.state is StepState.FAILED]
    if failed:
        raise AirflowFailException("\n".join(["steps that failed; the others ran:", *map(visible, failed)]))
    return {one.name: one.finding.text for one in ran}


def propose_action(task: StepOperator, context: Context) -> str:
    """Propose an action; hand over what a person reads before answering, an empty text where nothing is to approve."""
    pipeline = Pipeline.model_validate(task.pipeline)
    part = _part(task, pipeline)
    run = _run(task, context, waits_in=f"{task.task_id}_approve")
    with open_deps(task.project_dir) as deps:
        incident = _incident(deps, task, context)
        known = action_id(incident.id, part.steps[0][1].action or "", run.id)
        settle_actions(deps, [pipeline.pipeline])
        if not is_blocked(deps, known):
            run_steps(deps, pipeline, incident, part.steps, run)
            _show(deps, pipeline, incident)
        action = deps.store.action(known)
        if action is not None and action.state is ActionState.BLOCKED:
            raise AdapterError(action_sentence(action), retryable=True)
        link = f"{deps.ui_url.rstrip('/')}/seamwatch/incidents/{incident.id}"
    if action is None or action.state is not ActionState.WAITING or action.plan is None:
        _hand_over(context, subject="Nothing to approve", text="")
        return "nothing to approve" if action is None else action.state.value
    spec = pipeline.actions[action.name]
    lines = [
        action.plan.does,
        f"Back: {action.plan.undoes}" if action.plan.undoes else "There is no way back.",
        *([spec.note] if spec.note else []),
        f"For the incident: {incident.headline} ([report]({link}))",
    ]
    subject = f"{pipeline.pipeline}: {title_of(action.name)}?"
    _hand_over(context, subject=subject, text="\n\n".join(map(visible, lines)))
    return action.state.value


def carry_out_action(task: StepOperator, context: Context) -> str:
    """Keep the answer and carry the action out where it was approved; return its state."""
    pipeline = Pipeline.model_validate(task.pipeline)
    proposal = f"{task.stage}.{task.part}"
    reply: Any = context["ti"].xcom_pull(task_ids=f"{proposal}_approve")
    with open_deps(task.project_dir) as deps:
        incident = _incident(deps, task, context)
        known = action_id(incident.id, _part(task, pipeline).steps[0][1].action or "", _run(task, context).id)
        action = deps.store.action(known)
        if action is None:
            return "nothing was proposed"
        _take_answer(deps, known, reply)
        settle_actions(deps, [pipeline.pipeline])
        action = carry_out(deps, known)
        _show(deps, pipeline, incident)
    task.log.info("%s", visible(action_sentence(action)))
    return action.state.value


def check_action(task: StepOperator, context: Context) -> str:
    """Measure whether the action helped; red where it did not, or nothing tells how far it came."""
    pipeline = Pipeline.model_validate(task.pipeline)
    with open_deps(task.project_dir) as deps:
        incident = _incident(deps, task, context)
        known = action_id(incident.id, _part(task, pipeline).steps[0][1].action or "", _run(task, context).id)
        if deps.store.action(known) is None:
            return "nothing was proposed"
        action = check(deps, known)
        _show(deps, pipeline, incident)
    said = visible(action_sentence(action))
    if action.state in _RED:
        raise AirflowFailException(said)
    task.log.info("%s", said)
    return action.state.value


def _show(deps: Deps, pipeline: Pipeline, incident: Incident) -> None:
    """Let the incident's message and its report show what was just done."""
    deliver_incident(deps, incident.id)
    write_reports_of(deps, pipeline, [deps.store.incident(incident.id) or incident])


def _hand_over(context: Context, **texts: str) -> None:
    for name, text in texts.items():
        context["ti"].xcom_push(key=name, value=text)


def _take_answer(deps: Deps, known: str, reply: Any) -> None:
    """Keep a person's answer, as Airflow has it; one that nobody gave is none."""
    from seamwatch.orchestration.approval import APPROVE, SLACK_USER

    chosen = (reply or {}).get("chosen_options") or []
    slack_user = ((reply or {}).get("params_input") or {}).get(SLACK_USER)
    user = (reply or {}).get("responded_by_user") or {}
    by = slack_user or user.get("name") or user.get("id")
    if chosen and by:
        door = Door.SLACK if slack_user else Door.AIRFLOW
        answer(deps, known, approves=chosen == [APPROVE], by=str(by), door=door)


def _incident(deps: Deps, task: StepOperator, context: Context) -> Incident:
    given = (context.get("params") or {}).get("incident")
    found = deps.store.incident(str(given)) if given else None
    name = (task.pipeline or {}).get("pipeline")
    if found is None or found.pipeline != name:
        what = f"no incident {given!r} of {name}" if given else "fill in the param 'incident'"
        raise DataContractError(f"{task.dag_id}: {what}; `seamwatch incidents {name}` lists them")
    return found


def _part(task: StepOperator, pipeline: Pipeline) -> RunbookPart:
    parts = parts_of(steps_of(pipeline.runbooks, RunbookKind(task.stage or "")), pipeline.actions)
    return next(one for one in parts if one.name == task.part)


def _run(task: StepOperator, context: Context, *, waits_in: str | None = None) -> RunbookRun:
    run = str(context["dag_run"].run_id)
    return RunbookRun(id=run, task=f"{task.dag_id}/{run}/{waits_in or task.task_id}")
