"""An incident's runbook in words: what its steps found, what waits for whom, what was changed, and how to undo it."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from seamwatch.core.action_life import ActionRun
from seamwatch.core.runbooks import StepRun
from seamwatch.report import numbers
from seamwatch.report.action_results import person
from seamwatch.report.links import Links
from seamwatch.vocabulary import ActionState, RunbookKind, StepState

_TITLES: Mapping[str, str] = {
    RunbookKind.MODEL_DEGRADATION.value: "Model degradation",
    RunbookKind.COST_SPIKE.value: "Cost spike",
    RunbookKind.INTEGRATION_FAILURE.value: "Integration failure",
    RunbookKind.LATENCY_SPIKE.value: "Latency spike",
    RunbookKind.STALE_KNOWLEDGE_BASE.value: "Stale knowledge base",
    RunbookKind.PROMPT_INJECTION.value: "Prompt injection",
    RunbookKind.PROVIDER_FAILURE.value: "Provider failure",
    RunbookKind.SOURCE_DATA.value: "Source data",
    RunbookKind.UNDETERMINED.value: "Not determined",
}
_STATES: Mapping[ActionState, str] = {
    ActionState.WAITING: "waits for approval",
    ActionState.BLOCKED: "waits for another action",
    ActionState.IMPOSSIBLE: "nothing to do",
    ActionState.APPROVED: "approved",
    ActionState.REJECTED: "rejected, nothing was changed",
    ActionState.EXPIRED: "not answered in time, nothing was changed",
    ActionState.OBSOLETE: "no longer needed, nothing was changed",
    ActionState.RUNNING: "being carried out",
    ActionState.DONE: "carried out, being checked",
    ActionState.HELPED: "carried out, and it helped",
    ActionState.UNDOING: "being undone",
    ActionState.UNDONE: "undone",
    ActionState.ESCALATED: "a person must look",
}
_MARKS: Mapping[StepState, str] = {
    StepState.FOUND: "found",
    StepState.CLEAR: "not found",
    StepState.UNKNOWN: "not known",
    StepState.FAILED: "failed",
    StepState.NOTE: "note",
}
_STEP_TITLES: Mapping[str, str] = {
    "tell_owner": "Notify the owner",
    "tell_stakeholders": "Notify the stakeholders",
    "tell_root_cause": "Announce the root cause",
}
"""Of steps whose names are no words for people; every other name is."""
_CAN_UNDO = (ActionState.DONE, ActionState.HELPED, ActionState.UNDOING, ActionState.ESCALATED)


@dataclass(frozen=True, kw_only=True)
class ActionFacts:
    """One action, ready to be laid out."""

    id: str
    title: str
    state: ActionState
    state_text: str
    sentence: str
    """What it does, how far it is, and what that rests on."""
    does: str
    way_back: str
    """How it is undone; `none` where it cannot be."""
    answer_by: str
    answered: str
    """Who answered, by which way; empty where nobody did."""
    task_url: str | None
    """Airflow's task that waits for the answer, where it is one."""
    can_undo: bool

    @property
    def is_waiting(self) -> bool:
        """Return whether a person's answer is awaited."""
        return self.state is ActionState.WAITING


@dataclass(frozen=True, kw_only=True)
class StepFacts:
    """One step, ready to be laid out."""

    title: str
    state: StepState
    state_text: str
    text: str
    details: tuple[str, ...]
    at: str
    task_url: str | None


@dataclass(frozen=True, kw_only=True)
class RunbookFacts:
    """What a runbook has done for an incident so far: its last run, and all actions."""

    title: str
    steps: tuple[StepFacts, ...]
    actions: tuple[ActionFacts, ...]

    @property
    def waiting(self) -> tuple[ActionFacts, ...]:
        """Return what a person's answer is awaited for."""
        return tuple(one for one in self.actions if one.is_waiting)

    @property
    def found(self) -> tuple[StepFacts, ...]:
        """Return the steps that found something which matters."""
        return tuple(one for one in self.steps if one.state is StepState.FOUND)


def runbook_facts(steps: Sequence[StepRun], actions: Sequence[ActionRun], links: Links) -> RunbookFacts | None:
    """Return what the last run of a runbook found, and every action; None where none ran.

    Args:
        steps: Of all runs, in the order in which they ran.
        actions: Of the incident, oldest first.
        links: Where Airflow is.
    """
    if not steps and not actions:
        return None
    last = steps[-1].run if steps else None
    names = frozenset(one.name for one in actions)
    kind = steps[-1].runbook.value if steps else actions[-1].runbook
    return RunbookFacts(
        title=_TITLES.get(kind, kind),
        steps=tuple(_step(one, names, links) for one in sorted(steps, key=lambda one: one.number) if one.run == last),
        actions=tuple(_action(one, links) for one in actions),
    )


def action_sentence(action: ActionRun) -> str:
    """Return what an action does, how far it is, and what that rests on, as one sentence."""
    does = "" if action.plan is None else action.plan.does
    state = _STATES[action.state]
    because = action.why if action.why and action.why not in (does, "approved", "rejected") else ""
    if "nothing was changed" in because:  # the reason says it too
        state = state.removesuffix(", nothing was changed")
    head = f"{does}: {state}" if does else state[:1].upper() + state[1:]
    return f"{head}; {because}" if because else head


def runbook_title(kind: RunbookKind) -> str:
    """Return the name of a kind of runbook, for people."""
    return _TITLES[kind.value]


def step_line(step: StepRun) -> str:
    """Return one line on a step that ran."""
    return f"{title_of(step.name)} ({_mark(step)}): {step.finding.text}"


def _mark(step: StepRun, actions: Collection[str] = ()) -> str:
    """Return how a step ended: what was sent was not found, and neither was what an action proposes."""
    state = step.finding.state
    if step.name in actions:
        return {StepState.FOUND: "proposed", StepState.CLEAR: "not needed"}.get(state, _MARKS[state])
    return "done" if step.name in _STEP_TITLES and state is StepState.FOUND else _MARKS[state]


def title_of(name: str) -> str:
    """Return the name of a step or an action as words."""
    words = _STEP_TITLES.get(name) or name.replace("_", " ").strip()
    return f"{words[:1].upper()}{words[1:]}"


def finding_lines(steps: Iterable[StepFacts], *, most: int) -> tuple[str, ...]:
    """Return what steps found, a line each; what two of them say alike is said once."""
    once = {one.text: one for one in reversed(list(steps))}
    return tuple(f"{one.title}: {one.text}" for one in list(reversed(once.values()))[:most])


def _action(action: ActionRun, links: Links) -> ActionFacts:
    plan = action.plan
    undoes = "" if plan is None else plan.undoes
    answered = "" if action.answered_by is None else person(action.answered_by, action.door)
    return ActionFacts(
        id=action.id,
        title=title_of(action.name),
        state=action.state,
        state_text=_STATES[action.state],
        sentence=action_sentence(action),
        does="" if plan is None else plan.does,
        way_back=undoes or "none",
        answer_by=numbers.moment(action.answer_by),
        answered=answered,
        task_url=None if action.task is None else links.task(action.task),
        can_undo=bool(undoes) and action.state in _CAN_UNDO and action.began_at is not None,
    )


def _step(step: StepRun, actions: Collection[str], links: Links) -> StepFacts:
    return StepFacts(
        title=title_of(step.name),
        state=step.finding.state,
        state_text=_mark(step, actions),
        text=step.finding.text,
        details=step.finding.details,
        at=numbers.moment(step.ended_at),
        task_url=None if step.task is None else links.task(step.task),
    )
