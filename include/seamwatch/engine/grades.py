"""Put verdicts of a week before people by chance, and grade all verdicts of a year."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from seamwatch.core.action_life import ActionRun
from seamwatch.core.grade_estimates import grades
from seamwatch.core.grades import Grade, JudgedVerdict, NotGraded
from seamwatch.core.incident_life import ChangeKind, Incident
from seamwatch.core.incident_timeline import IncidentEvent
from seamwatch.core.verdict_evidence import FixResult, action_result, is_candidate, judge_verdict
from seamwatch.core.verdict_sampling import DrawnVerdict, draw_by_chance
from seamwatch.core.weekly_review.week import ReviewWeek
from seamwatch.engine.announcements import announce_step
from seamwatch.engine.deps import Deps

WEEKS = 52
"""Weeks whose verdicts are graded, the last one included."""
_DRAW = "(verdicts of a week)"
"""Under which name one drawer waits for another; no pipeline can have it."""
_ACTIONS_OVER = frozenset(
    {ChangeKind.ACTION_HELPED.value, ChangeKind.ACTION_UNDONE.value, ChangeKind.ACTION_ESCALATED.value}
)


def draw_verdicts(deps: Deps, week: ReviewWeek) -> tuple[DrawnVerdict, ...]:
    """Return the verdicts of a week that are put before people; a week is drawn once, and the same ones again after it.

    Nothing is drawn of a week that is not over, since later verdicts of it would have no chance, nor where
    `weekly_review.verdicts` in the settings is 0 or the settings have mistakes.
    """
    settings, now = deps.project.settings, deps.clock()
    if settings is None or not settings.weekly_review.verdicts or now < week.window.end:
        return ()
    with deps.store.deciding(_DRAW):
        known = deps.store.drawn_verdicts(week=week.name)
        if known:
            return tuple(known)
        start, end = week.window.start, week.window.end
        known_incidents, trail = deps.store.incidents_between(start, now)
        opened = {one.id: one for one in known_incidents if start <= one.opened_at < end}
        events = _by_incident(trail)
        told = {
            one.id: verdict
            for one in opened.values()
            if (verdict := is_candidate(one, events.get(one.id, ()), at=now)) is not None
        }
        taken = draw_by_chance(
            {name: verdict.responsibility for name, verdict in told.items()},
            n=settings.weekly_review.verdicts,
            salt=f"{deps.project.root.name}/{week.name}",
        )
        drawn = tuple(
            DrawnVerdict(
                week=week.name,
                incident_id=name,
                pipeline=opened[name].pipeline,
                probability=probability,
                drawn_at=now,
                verdict=told[name],
            )
            for name, probability in sorted(taken.items())
        )
        deps.store.save_drawn_verdicts(drawn)
        for one in drawn:
            if opened[one.incident_id].maintenance is None:
                announce_step(deps, one.pipeline, one.incident_id, ChangeKind.VERDICT_DRAWN, week.name)
    return drawn


def current_grades(deps: Deps, *, until: datetime, time_zone: str) -> tuple[Grade, ...]:
    """Return the grades of the verdicts of a year: of all first, then by responsibility.

    Args:
        deps: What it needs.
        until: The end of the last week; what people said and fixes did later counts for nothing.
        time_zone: In which weeks begin.
    """
    last = ReviewWeek.containing(until, time_zone=time_zone)
    first = last.before(WEEKS if last.window.start == until else WEEKS - 1)
    since = first.window.start
    incidents, trail = deps.store.incidents_between(since, until)
    opened = [one for one in incidents if one.opened_at >= since]
    events = _by_incident(trail)
    drawn = [one for one in deps.store.drawn_verdicts(since_week=first.name) if one.drawn_at < until]
    by_incident = {one.incident_id: one for one in drawn}
    drawn_at = {one.week: one.drawn_at for one in reversed(drawn)}
    judged: list[JudgedVerdict] = []
    reasons: list[NotGraded] = []
    for incident in opened:
        mine = events.get(incident.id, [])
        found = judge_verdict(
            incident,
            mine,
            until=until,
            actions=_action_results(deps, incident, mine),
            drawn=by_incident.get(incident.id),
            week_drawn_at=drawn_at.get(ReviewWeek.containing(incident.opened_at, time_zone=time_zone).name),
        )
        if isinstance(found, NotGraded):
            reasons.append(found)
        else:
            judged.append(found)
    return grades(judged, reasons)


def awaits_judgement(deps: Deps, incident: Incident, events: Sequence[IncidentEvent]) -> bool:
    """Return whether the verdict of an incident was drawn for people to judge, and nobody has done so since."""
    drawn = deps.store.drawn_verdict(incident.id)
    return drawn is not None and is_candidate(incident, events, at=deps.clock()) is not None


def _by_incident(events: Iterable[IncidentEvent]) -> Mapping[str, list[IncidentEvent]]:
    found: dict[str, list[IncidentEvent]] = defaultdict(list)
    for one in events:
        found[one.incident_id].append(one)
    return found


def _action_results(deps: Deps, incident: Incident, events: Sequence[IncidentEvent]) -> list[FixResult]:
    """Return what the actions of an incident tell; nothing is read where none is over."""
    if not any(one.kind in _ACTIONS_OVER for one in events):
        return []
    results = (_action_result(deps, one, events) for one in deps.store.actions_of(incident.id))
    return [one for one in results if one is not None]


def _action_result(deps: Deps, action: ActionRun, events: Sequence[IncidentEvent]) -> FixResult | None:
    pipeline = deps.project.pipelines.get(action.pipeline)
    spec = None if pipeline is None else pipeline.actions.get(action.name)
    if spec is None:
        return None
    return action_result(action, kind=spec.kind, check=spec.check, events=events)
