"""Which agreed actions a week's review shows, and whether the causes that they were to take away came back."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from seamwatch.core.agreed_actions import AgreedAction, AgreedState, Recurrence, is_overdue
from seamwatch.core.incident_life import ChangeKind, Incident
from seamwatch.core.incident_timeline import IncidentEvent
from seamwatch.core.results import Window
from seamwatch.core.weekly_review.facts import AgreedWeek
from seamwatch.core.weekly_review.week import ReviewWeek
from seamwatch.errors import DataContractError
from seamwatch.vocabulary import IncidentState, Responsibility

ATTRIBUTION, DOCUMENTS = "attribution", "documents"
Judged = Mapping[tuple[str, str], datetime]
"""By pipeline and detector (`ATTRIBUTION`, `DOCUMENTS` or a watch), when the newest span that it judged began."""

_STATES: Mapping[str, IncidentState] = {
    ChangeKind.OPENED: IncidentState.OPEN,
    ChangeKind.REOPENED: IncidentState.OPEN,
    ChangeKind.SPLIT: IncidentState.OPEN,
    ChangeKind.UNMUTED: IncidentState.OPEN,
    ChangeKind.ACKNOWLEDGED: IncidentState.ACKNOWLEDGED,
    ChangeKind.MUTED: IncidentState.MUTED,
    ChangeKind.MITIGATED: IncidentState.MITIGATED,
    ChangeKind.RESOLVED: IncidentState.RESOLVED,
    ChangeKind.MERGED: IncidentState.MERGED,
    ChangeKind.VOIDED: IncidentState.VOIDED,
}
"""What an incident is after an event, as far as it matters here; any other event leaves it as it was."""
_NEVER = datetime.min.replace(tzinfo=UTC)
_SHOWS = (ChangeKind.UPDATED, ChangeKind.SEVERITY_RAISED, ChangeKind.SEVERITY_LOWERED)
"""What a window that shows an open incident does to it."""


def agreed_week(
    actions: Iterable[AgreedAction],
    incidents: Iterable[Incident],
    events: Iterable[IncidentEvent],
    *,
    judged: Judged,
    week: ReviewWeek,
    now: datetime,
) -> tuple[AgreedWeek, ...]:
    """Return the agreed actions that a week's review shows: overdue ones first, then open ones, then those that ended.

    Shown are those that were open at its begin, or agreed, done or dropped in it. One that is linked to an incident is
    shown again in the week after it was done, and in any later one in which its cause came back.

    Args:
        actions: As they stood at the end of the week.
        incidents: Of all pipelines, in whatever state, as far as the store has them.
        events: Of those incidents, oldest first, up to the end of the week.
        judged: What detectors judged.
        week: The week.
        now: Aware; a week that is not over yet is shown as it is by now.
    """
    known = {one.id: one for one in incidents}
    by_incident: dict[str, list[IncidentEvent]] = defaultdict(list)
    for event in events:
        by_incident[event.incident_id].append(event)
    end = min(now, week.window.end)
    today = end.astimezone(ZoneInfo(week.time_zone)).date()
    found = []
    for action in actions:
        if action.agreed_at >= week.window.end:
            continue
        said = recurrence(action, known, by_incident, judged=judged)
        if _is_shown(action, said, known, by_incident, week):
            found.append(AgreedWeek(action=action, is_overdue=is_overdue(action, today), recurrence=said))
    return tuple(sorted(found, key=_place))


def agreed_by_now(
    told: Iterable[AgreedWeek], actions: Iterable[AgreedAction], *, week: ReviewWeek, now: datetime
) -> tuple[AgreedWeek, ...]:
    """Return the agreed actions that a closed week told of as they stand now, and those that its review agreed on.

    Whether a cause came back is as it was told, as long as the action still stands as it did.

    Args:
        told: As the week was told.
        actions: As they are now; of one that is missing, what was told stays.
        week: The week.
        now: Aware.
    """
    today = now.astimezone(ZoneInfo(week.time_zone)).date()
    present = {one.id: one for one in actions}
    before = {one.action.id: one for one in told}
    found = []
    for one in before.values():
        action = present.get(one.action.id, one.action)
        is_as_told = (action.state, action.ended_at) == (one.action.state, one.action.ended_at)
        said = one.recurrence if is_as_told else None
        found.append(AgreedWeek(action=action, is_overdue=is_overdue(action, today), recurrence=said))
    found += [
        AgreedWeek(action=one, is_overdue=is_overdue(one, today), recurrence=None)
        for one in present.values()
        if one.week == week.name and one.id not in before
    ]
    return tuple(found)


def recurrence(
    action: AgreedAction,
    incidents: Mapping[str, Incident],
    events: Mapping[str, Sequence[IncidentEvent]],
    *,
    judged: Judged,
) -> Recurrence | None:
    """Return whether the cause of an action's incident came back after the action was done.

    None where it is linked to none, or not done. The incident is that into which it was merged by now. A cause is back
    where its incident was opened again, where a window that began later shows it, or where another incident of the same
    cause was opened, as happens when it was away for long; one that was called nobody's fault does not count.

    Args:
        action: The action.
        incidents: By id; one that is too old to be kept is missing.
        events: By id of the incident, oldest first.
        judged: What detectors judged.
    """
    if action.incident is None or action.state is not AgreedState.DONE or action.ended_at is None:
        return None
    cause = _followed(action.incident, incidents)
    if cause is None:
        return Recurrence.UNKNOWN
    same = [one for one in incidents.values() if one.id in (cause.id, action.incident) or _is_same_cause(one, cause)]
    lives = [_life(one, events.get(one.id, ()), action.ended_at) for one in same]
    if any(is_seen for _, is_seen in lives):
        return Recurrence.CAME_BACK
    is_open = any(state.is_open for state, _ in lives)
    is_judged = any(judged.get((cause.pipeline, one), _NEVER) >= action.ended_at for one in _detectors(cause))
    return Recurrence.STAYED_AWAY if is_judged and not is_open else Recurrence.UNKNOWN


def _followed(incident_id: str, incidents: Mapping[str, Incident]) -> Incident | None:
    """Return the incident that has the cause by now; None where it is not kept any more."""
    found, passed = incidents.get(incident_id), {incident_id}
    while found is not None and found.state is IncidentState.MERGED and found.merged_into not in passed:
        passed.add(found.merged_into or "")
        found = incidents.get(found.merged_into or "")
    return found


def _is_same_cause(one: Incident, cause: Incident) -> bool:
    """Return whether two incidents of a pipeline are of one cause: by fingerprint, or by place, kind and fields."""
    if one.pipeline != cause.pipeline:
        return False
    # A later incident of the same cause has a number behind its fingerprint.
    if one.fingerprint.partition(".")[0] == cause.fingerprint.partition(".")[0]:
        return True
    place, its_place = (
        (each.watch, each.responsibility, each.stage, each.kind, not each.fields) for each in (one, cause)
    )
    return place == its_place and (not cause.fields or not set(one.fields).isdisjoint(cause.fields))


def _detectors(cause: Incident) -> tuple[str, ...]:
    """Return what would show the cause of an incident."""
    if cause.watch is not None:
        return (cause.watch,)
    return (ATTRIBUTION, DOCUMENTS) if cause.responsibility is Responsibility.KNOWLEDGE_BASE else (ATTRIBUTION,)


def _life(incident: Incident, events: Sequence[IncidentEvent], since: datetime) -> tuple[IncidentState, bool]:
    """Return what an incident is after its events, and whether one of them after a moment shows that the cause is back.

    Without any event kept it is what it is now.
    """
    state = incident.state if not events else IncidentState.OPEN
    is_seen = False
    for event in events:
        if event.at > since and _is_back(event, state, since):
            is_seen = True
        state = _STATES.get(event.kind, state)
        if state is IncidentState.VOIDED:
            is_seen = False
    return state, is_seen


def _is_back(event: IncidentEvent, before: IncidentState, since: datetime) -> bool:
    """Return whether an event shows the cause in what came after a moment."""
    window = _window(event)
    if event.by is not None:  # of a person: it is back only where it was thought to be gone
        is_thought_gone = before in (IncidentState.RESOLVED, IncidentState.MITIGATED)
        return event.kind == ChangeKind.REOPENED and is_thought_gone
    if event.kind in (ChangeKind.OPENED, ChangeKind.REOPENED):
        return window is None or window.end > since
    # A span that began before holds records from before.
    return event.kind in _SHOWS and before.is_open and window is not None and window.start >= since


def _window(event: IncidentEvent) -> Window | None:
    """Return the window that an event rests on; None where it rests on none, or its name cannot be read."""
    try:
        return None if event.window is None else Window.from_id(event.window)
    except (ValueError, DataContractError):
        return None


def _is_shown(
    action: AgreedAction,
    said: Recurrence | None,
    incidents: Mapping[str, Incident],
    events: Mapping[str, Sequence[IncidentEvent]],
    week: ReviewWeek,
) -> bool:
    start = week.window.start
    if action.ended_at is None or action.ended_at >= start:
        return True
    if said is None:
        return False
    if action.ended_at >= week.before().window.start:
        return True
    if said is not Recurrence.CAME_BACK:
        return False
    earlier = {name: [one for one in found if one.at < start] for name, found in events.items()}
    there = {name: one for name, one in incidents.items() if one.opened_at < start}
    return recurrence(action, there, earlier, judged={}) is not Recurrence.CAME_BACK


def _place(shown: AgreedWeek) -> tuple[bool, bool, object, datetime, str]:
    action = shown.action
    is_over = action.state is not AgreedState.OPEN
    return not shown.is_overdue, is_over, action.due_on, action.agreed_at, action.id
