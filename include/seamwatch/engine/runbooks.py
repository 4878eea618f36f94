"""Run the steps of an incident's runbook: each computed, kept in the timeline, and no obstacle to the next."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass
from datetime import timedelta

from seamwatch.adapters.actions.base import ActionImpossible
from seamwatch.adapters.actions.factory import action_target
from seamwatch.core.action_life import ActionRun
from seamwatch.core.incident_life import ChangeKind, Incident
from seamwatch.core.runbooks import StepFinding, StepRun, runbook_of
from seamwatch.engine.action_targets import action_place, open_target
from seamwatch.engine.actions import action_id, propose
from seamwatch.engine.announcements import announce_step
from seamwatch.engine.deps import Deps
from seamwatch.engine.references import load_function
from seamwatch.engine.runbook_steps import PLANNED_CALLS, STEP_FUNCTIONS
from seamwatch.engine.runbook_tellings import TELLINGS
from seamwatch.errors import SeamwatchError
from seamwatch.report.runbook import action_sentence
from seamwatch.report.text import shortened, visible
from seamwatch.secret_redaction import SECRETS
from seamwatch.spec.actions import DagRun
from seamwatch.spec.pipeline import Pipeline
from seamwatch.spec.runbooks import RunbookPart, RunbookStep, parts_of, step_name, steps_of
from seamwatch.vocabulary import ActionState, IncidentState, StepState

_CALLED_WITHIN = timedelta(days=1)
"""An incident that nobody ran a runbook for since then is not called for any more: it would be of no help."""
_MOST_CALLED = 50
_TEXT_CHARS = 500
_MOST_DETAILS = 6


@dataclass(frozen=True, kw_only=True)
class RunbookRun:
    """One run of a runbook."""

    id: str
    """The same for all its steps."""
    task: str | None = None
    """Airflow's task that runs it, as `dag/run/task`; None: it is run by hand."""


def runbooks_to_call(deps: Deps, pipeline: Pipeline) -> list[tuple[str, str]]:
    """Return the open incidents whose runbook was not run since they were called, each with the name of its run.

    A run is named by what called for it, so that whoever starts it a second time starts nothing.
    """
    found: list[tuple[str, str]] = []
    since = deps.clock() - _CALLED_WITHIN
    states = [state for state in IncidentState if state.is_open]
    for incident in deps.store.incidents(pipeline.pipeline, states, limit=_MOST_CALLED):
        called = max(incident.called_at or incident.opened_at, incident.opened_at)
        if called < since or incident.maintenance is not None:
            continue
        if any(one.began_at >= called for one in deps.store.runbook_steps(incident.id)):
            continue
        found.append((incident.id, f"{incident.id}__{called:%Y%m%dT%H%M%S%f}"))
    return found


def run_steps(
    deps: Deps,
    pipeline: Pipeline,
    incident: Incident,
    steps: Iterable[tuple[int, RunbookStep]],
    run: RunbookRun,
    *,
    is_dry: bool = False,
    tell: Callable[[StepRun], None] = lambda _: None,
) -> list[StepRun]:
    """Return what steps found, each kept as it ends; one that breaks says so and stops no other.

    Args:
        deps: What it needs.
        pipeline: Of the incident.
        incident: For which they are run.
        steps: With their number in the runbook.
        run: Of which they are a part.
        is_dry: Nothing is kept, told, proposed, or handed to the team's own DAGs and functions; no model is called.
        tell: Called as each ends.
    """
    ran: list[StepRun] = []
    for number, step in steps:
        began = deps.clock()
        try:
            finding = _finding(deps, pipeline, incident, step, run, is_dry=is_dry)
        except Exception as error:  # its own failure, and no other step's
            finding = StepFinding(state=StepState.FAILED, text=f"the step failed: {_said(error)}")
        done = StepRun(
            incident_id=incident.id,
            run=run.id,
            runbook=runbook_of(incident),
            number=number,
            name=step_name(step),
            finding=_presentable(step, finding),
            began_at=began,
            ended_at=deps.clock(),
            task=run.task,
        )
        if not is_dry:
            deps.store.save_step(done)
            if done.finding.state is StepState.FAILED:
                occasion = f"{run.id}/{done.name}"
                announce_step(deps, pipeline.pipeline, incident.id, ChangeKind.STEP_FAILED, occasion)
        tell(done)
        ran.append(done)
    return ran


def run_by_hand(
    deps: Deps,
    pipeline: Pipeline,
    incident: Incident,
    *,
    is_dry: bool = False,
    tell: Callable[[StepRun], None] = lambda _: None,
) -> list[StepRun]:
    """Return what an incident's runbook found, run outside Airflow up to the first action that waits for an answer.

    A dry run goes through all steps, and keeps nothing.
    """
    run = RunbookRun(id=f"by hand {deps.clock():%Y%m%dT%H%M%S%f}")
    return _run_parts(deps, pipeline, incident, _parts(pipeline, incident), run, is_dry=is_dry, tell=tell)


def run_on(
    deps: Deps, pipeline: Pipeline, incident: Incident, action: ActionRun, *, tell: Callable[[StepRun], None]
) -> list[StepRun]:
    """Return what the steps after an action found, where its runbook is run by hand and the action is answered."""
    before = [one for one in deps.store.runbook_steps(incident.id) if one.name == action.name]
    if not before:
        return []
    parts = [one for one in _parts(pipeline, incident) if one.steps[0][0] > before[-1].number]
    return _run_parts(deps, pipeline, incident, parts, RunbookRun(id=before[-1].run), is_dry=False, tell=tell)


def _parts(pipeline: Pipeline, incident: Incident) -> tuple[RunbookPart, ...]:
    return parts_of(steps_of(pipeline.runbooks, runbook_of(incident)), pipeline.actions)


def _run_parts(
    deps: Deps,
    pipeline: Pipeline,
    incident: Incident,
    parts: Iterable[RunbookPart],
    run: RunbookRun,
    *,
    is_dry: bool,
    tell: Callable[[StepRun], None],
) -> list[StepRun]:
    ran: list[StepRun] = []
    for part in parts:
        ran += run_steps(deps, pipeline, incident, part.steps, run, is_dry=is_dry, tell=tell)
        if part.is_action and not is_dry:
            action = deps.store.action(action_id(incident.id, part.steps[0][1].action or "", run.id))
            if action is not None and not action.is_over:
                break
    return ran


def _finding(
    deps: Deps, pipeline: Pipeline, incident: Incident, step: RunbookStep, run: RunbookRun, *, is_dry: bool
) -> StepFinding:
    if step.step is not None and step.step in TELLINGS:
        return TELLINGS[step.step](deps, pipeline, incident, is_dry=is_dry)
    if step.step is not None:
        functions = {**STEP_FUNCTIONS, **PLANNED_CALLS} if is_dry else STEP_FUNCTIONS
        return functions[step.step](deps, pipeline, incident)
    if step.action is not None:
        return _action(deps, pipeline, incident, step.action, run, is_dry=is_dry)
    if step.dag is not None:
        return _dag(deps, pipeline, incident, step.dag, run, is_dry=is_dry)
    if step.function is not None:
        return _function(deps, incident, step.function, is_dry=is_dry)
    return StepFinding(state=StepState.NOTE, text=step.note or "")


def _action(
    deps: Deps, pipeline: Pipeline, incident: Incident, name: str, run: RunbookRun, *, is_dry: bool
) -> StepFinding:
    if name not in pipeline.actions:
        text = f"no action {name} is defined in the pipeline file, so that nothing can be changed by it"
        return StepFinding(state=StepState.UNKNOWN, text=text)
    if is_dry:
        return dry_run(deps, pipeline, incident, name)
    action = propose(deps, pipeline, incident, name, run=run.id, task=run.task)
    return StepFinding(state=_STATES.get(action.state, StepState.FOUND), text=action_sentence(action))


_STATES: Mapping[ActionState, StepState] = {
    ActionState.IMPOSSIBLE: StepState.CLEAR,
    ActionState.ESCALATED: StepState.FAILED,
}
"""By an action's state, what its step found; every other one is something."""


def dry_run(deps: Deps, pipeline: Pipeline, incident: Incident, name: str) -> StepFinding:
    """Return what an action would do, from what is outside now; nothing is changed or kept."""
    try:
        plan = open_target(deps, pipeline, incident, name).plan()
    except ActionImpossible as error:
        return StepFinding(state=StepState.CLEAR, text=str(error))
    back = f"Back: {plan.undoes}" if plan.undoes else "There is no way back."
    return StepFinding(state=StepState.FOUND, text=f"Would wait for approval: {plan.does}", details=(back,))


def _dag(deps: Deps, pipeline: Pipeline, incident: Incident, dag: str, run: RunbookRun, *, is_dry: bool) -> StepFinding:
    spec = DagRun(kind="dag", dag=dag)
    if is_dry:
        return StepFinding(state=StepState.NOTE, text=f"Would run the DAG {dag} and wait for it.")
    target = action_target(spec, action_place(deps, pipeline, incident))
    said = target.apply(target.plan(), f"{incident.id}/{dag}/{run.id}")
    return StepFinding(state=StepState.FOUND, text=f"DAG {dag}: {said}")


def _function(deps: Deps, incident: Incident, name: str, *, is_dry: bool) -> StepFinding:
    if is_dry:
        return StepFinding(state=StepState.NOTE, text=f"Would call {name}.")
    said = load_function(deps.project, name)(asdict(incident))
    if said is None:
        return StepFinding(state=StepState.CLEAR, text=f"{name} found nothing")
    lines = [line for line in str(said).splitlines() if line.strip()] or [""]
    return StepFinding(state=StepState.FOUND, text=lines[0], details=tuple(lines[1:]))


def _presentable(step: RunbookStep, finding: StepFinding) -> StepFinding:
    """Return a finding within bounds, with the note and the link that the runbook has beside it."""
    beside = [text for text in (step.note, step.link) if text and text != finding.text]
    details = [*finding.details[:_MOST_DETAILS], *beside]
    return StepFinding(
        state=finding.state,
        text=shortened(visible(SECRETS.redact(finding.text)), _TEXT_CHARS),
        details=tuple(shortened(visible(SECRETS.redact(line)), _TEXT_CHARS) for line in details),
    )


def _said(error: Exception) -> str:
    return str(error) if isinstance(error, SeamwatchError) else f"{type(error).__name__}: {error}"
