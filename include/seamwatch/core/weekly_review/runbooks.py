"""What runbooks did in a week: which steps and actions failed, waited for people, or were overridden by them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from seamwatch.core.action_life import ActionRun
from seamwatch.core.incident_life import ChangeKind
from seamwatch.core.incident_timeline import IncidentEvent
from seamwatch.core.results import Window
from seamwatch.core.runbooks import StepRun
from seamwatch.core.weekly_review.facts import RunbooksWeek, StepTold
from seamwatch.core.weekly_review.incident_history import ENDS, OPENINGS, aware
from seamwatch.core.weekly_review.week import ReviewWeek
from seamwatch.vocabulary import ActionState, RunbookKind, StepState

_KINDS = frozenset(kind.value for kind in ChangeKind if kind.value.startswith("action_"))
_WAITING = (ActionState.WAITING, ActionState.BLOCKED)


@dataclass(frozen=True, kw_only=True)
class _Action:
    """An action, and what was kept of its way."""

    action: ActionRun
    events: tuple[IncidentEvent, ...]
    """In the order in which they were kept."""
    is_incident_over: bool
    """Whether its incident was over when the action was moved last."""

    def told(self, at: datetime, text: str, *, by: str | None = None) -> StepTold:
        return StepTold(
            incident=self.action.incident_id,
            pipeline=self.action.pipeline,
            runbook=_runbook(self.action.runbook),
            name=self.action.name,
            at=at,
            by=by,
            text=text,
        )


def runbooks_week(
    steps: Sequence[StepRun], actions: Sequence[ActionRun], events: Sequence[IncidentEvent], week: ReviewWeek
) -> RunbooksWeek:
    """Return what runbooks did in a week, each list oldest first.

    Args:
        steps: As they ran; those that began in other weeks are left out.
        actions: As they are now, also from earlier weeks.
        events: Of their incidents, up to the end of the week, in the order in which they were kept.
        week: The week.

    - failed: steps that broke; actions that were escalated, or undone by nobody's wish as they did not help.
    - waited: actions that nobody had answered at the end of the week, or that run out of time in it.
    - overridden: actions that a person rejected or took back; or did by hand, so that an approved one was not begun
      although its incident was open.
    - n_helped: the actions that were found to have helped.

    What was escalated, undone, taken back or helped is told by the events; two runs of one action for one incident
    have their events together, from the time at which each was proposed.
    """
    window = week.window
    ran = [one for one in steps if window.start <= aware(one.began_at) < window.end]
    known = _with_events(actions, events)
    failed = [_told_of_step(one) for one in ran if one.finding.state is StepState.FAILED]
    failed += [told for one in known for told in _failed(one, window)]
    return RunbooksWeek(
        n_runs=len({(one.incident_id, one.run) for one in ran}),
        n_steps=len(ran),
        n_actions=sum(window.start <= aware(one.proposed_at) < window.end for one in actions),
        n_helped=sum(any(True for _ in _happened(one, ChangeKind.ACTION_HELPED, window)) for one in known),
        failed=_sorted(failed),
        waited=_sorted(told for one in known for told in _waited(one, window)),
        overridden=_sorted(told for one in known for told in _overridden(one, window)),
    )


def _with_events(actions: Iterable[ActionRun], events: Iterable[IncidentEvent]) -> list[_Action]:
    """Return each action with its events; an event names its action first, and belongs to the latest run of it."""
    by_place: dict[tuple[str, str], list[IncidentEvent]] = defaultdict(list)
    states: dict[str, list[IncidentEvent]] = defaultdict(list)
    for event in events:
        if event.kind in _KINDS:
            by_place[event.incident_id, event.why.partition(":")[0]].append(event)
        elif event.kind in OPENINGS | ENDS:
            states[event.incident_id].append(event)
    runs: dict[tuple[str, str], list[ActionRun]] = defaultdict(list)
    for action in sorted(actions, key=lambda one: (aware(one.proposed_at), one.id)):
        runs[action.incident_id, action.name].append(action)
    found = []
    for place, same in runs.items():
        begins = [aware(one.proposed_at) for one in same]
        for number, action in enumerate(same):
            until = begins[number + 1] if number + 1 < len(begins) else None
            mine = [
                one
                for one in by_place[place]
                if aware(one.at) >= begins[number] and (until is None or aware(one.at) < until)
            ]
            found.append(
                _Action(
                    action=action,
                    events=tuple(mine),
                    is_incident_over=_is_over(states[action.incident_id], aware(action.updated_at)),
                )
            )
    return found


def _is_over(events: Iterable[IncidentEvent], at: datetime) -> bool:
    """Return whether the last event of an incident's life up to a moment is an end of it."""
    kinds = [one.kind for one in events if aware(one.at) <= at]
    return bool(kinds) and kinds[-1] in ENDS


def _happened(one: _Action, kind: ChangeKind, window: Window) -> Iterable[IncidentEvent]:
    return (event for event in one.events if event.kind == kind.value and _is_in(event.at, window))


def _failed(one: _Action, window: Window) -> Iterable[StepTold]:
    for event in _happened(one, ChangeKind.ACTION_ESCALATED, window):
        yield one.told(aware(event.at), _text(event))
    for event in _happened(one, ChangeKind.ACTION_UNDONE, window):
        if not any(_is_taken_back(before) for before in one.events if before.at <= event.at):
            yield one.told(aware(event.at), _text(event))


def _waited(one: _Action, window: Window) -> Iterable[StepTold]:
    action, proposed_at = one.action, aware(one.action.proposed_at)
    text = action.why or ("" if action.plan is None else action.plan.does)
    if action.state is ActionState.EXPIRED and _is_in(action.updated_at, window):
        yield one.told(proposed_at, text)
    if proposed_at >= window.end:
        return
    if aware(action.updated_at) < window.end:
        is_waiting = action.state in _WAITING
    else:
        # What became of it since is no matter of this week.
        kinds = [event.kind for event in one.events if aware(event.at) < window.end]
        is_waiting = kinds[-1:] == [ChangeKind.ACTION_PROPOSED.value]
        text = "" if action.plan is None else action.plan.does
    if is_waiting:
        yield one.told(proposed_at, text)


def _overridden(one: _Action, window: Window) -> Iterable[StepTold]:
    action = one.action
    is_by_hand = action.state is ActionState.OBSOLETE and action.answered_by is not None and not one.is_incident_over
    if _is_in(action.updated_at, window):
        if action.state is ActionState.REJECTED:
            yield one.told(aware(action.updated_at), action.why, by=action.answered_by)
        elif is_by_hand:
            yield one.told(aware(action.updated_at), action.why)
    for event in _happened(one, ChangeKind.ACTION_BEGUN, window):
        if _is_taken_back(event):
            yield one.told(aware(event.at), _text(event), by=event.by)


def _is_taken_back(event: IncidentEvent) -> bool:
    """Return whether a person took an action back: one that was approved is begun by no person, but by a task."""
    return event.kind == ChangeKind.ACTION_BEGUN.value and event.by is not None


def _told_of_step(step: StepRun) -> StepTold:
    return StepTold(
        incident=step.incident_id,
        pipeline=_pipeline_of(step.incident_id),
        runbook=step.runbook,
        name=step.name,
        at=aware(step.began_at),
        by=None,
        text=step.finding.text,
    )


def _pipeline_of(incident_id: str) -> str:
    """Return the pipeline that the id of an incident names, before its time and its cause."""
    return incident_id.rsplit("-", 2)[0]


def _runbook(name: str) -> RunbookKind | None:
    """Return the kind of a runbook; None for one that a later version knows."""
    kinds: Mapping[str, RunbookKind] = {kind.value: kind for kind in RunbookKind}
    return kinds.get(name)


def _text(event: IncidentEvent) -> str:
    """Return what was said of an action, without its name."""
    return event.why.partition(":")[2].strip()


def _is_in(at: datetime, window: Window) -> bool:
    return window.start <= aware(at) < window.end


def _sorted(told: Iterable[StepTold]) -> tuple[StepTold, ...]:
    return tuple(sorted(told, key=lambda one: (one.at, one.incident, one.name)))
