"""What people agree to do: added, done, dropped, opened again or changed, by whichever door."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import date

from seamwatch.core.agreed_actions import (
    AgreedAction,
    AgreedActionEvent,
    AgreedChange,
    AgreedRefusal,
    AgreedRequest,
    AgreedState,
    AgreedWish,
    agree,
    change,
)
from seamwatch.core.incident_life import Incident
from seamwatch.core.incident_timeline import IncidentEvent
from seamwatch.core.weekly_review.agreed import agreed_week
from seamwatch.core.weekly_review.facts import AgreedWeek
from seamwatch.core.weekly_review.week import ReviewWeek
from seamwatch.engine.deps import Deps
from seamwatch.engine.weekly_review.calendar import last_week, review_today
from seamwatch.vocabulary import Door, IncidentState

_MOST_ID_CHARS = 300


@dataclass(frozen=True, kw_only=True)
class AgreedResult:
    """What became of a request."""

    action: AgreedAction | None
    """As it is now; None: there is none."""
    refusal: AgreedRefusal | None = None
    """Why nothing changed; None: it is done."""
    is_new: bool = True
    """False: the same was agreed before, as where a form was sent twice."""


def add_agreed_action(
    deps: Deps,
    *,
    text: str,
    owner: str,
    due_on: date | None,
    by: str,
    door: Door,
    pipeline: str | None = None,
    incident: str | None = None,
    week: ReviewWeek | None = None,
    token: str = "",
) -> AgreedResult:
    """Return what was agreed, saved; the same form sent twice is one action.

    Args:
        deps: What it needs.
        text: What is to be done.
        owner: Who does it.
        due_on: Until when.
        by: Who says so, as the audit trail names them; whether they may is for the door to say.
        door: The way by which it came.
        pipeline: What it is about; None: that of the incident, or all pipelines.
        incident: Id of the incident whose cause it is to take away; of one that was merged, the other is meant.
        week: The week whose review agreed on it; None: the last one that is over.
        token: Of the form that was sent.
    """
    about = _about(deps, pipeline, incident)
    if isinstance(about, AgreedRefusal):
        return AgreedResult(action=None, refusal=about)
    name, cause = about
    found = agree(
        text=text,
        owner=owner,
        due_on=due_on,
        pipeline=name,
        incident=cause,
        week=(week or last_week(deps)).name,
        by=by,
        at=deps.clock(),
        today=review_today(deps),
        token=token,
    )
    if isinstance(found, AgreedRefusal):
        return AgreedResult(action=None, refusal=found)
    added = AgreedActionEvent(action=found, kind=AgreedChange.ADDED, by=by, door=door, at=found.agreed_at)
    if deps.store.add_agreed_action(added):
        return AgreedResult(action=found)
    return AgreedResult(action=deps.store.agreed_action(found.id), is_new=False)


def change_agreed_action(
    deps: Deps,
    action_id: str,
    wish: AgreedWish,
    *,
    by: str,
    door: Door,
    why: str = "",
    due_on: date | None = None,
    owner: str | None = None,
) -> AgreedResult:
    """Return what became of a person's request, saved; of two who end the same one at once, the first has.

    Args:
        deps: What it needs.
        action_id: The agreed action.
        wish: What is asked for.
        by: Who asks, as the audit trail names them; whether they may is for the door to say.
        door: The way by which it came.
        why: What they say of it.
        due_on: Another date.
        owner: Another owner.
    """
    known = agreed_action(deps, action_id)
    if known is None:
        return AgreedResult(action=None, refusal=AgreedRefusal.NO_SUCH_ACTION)
    with deps.store.deciding(known.pipeline or ""):
        action = deps.store.agreed_action(known.id) or known  # read again: another may have been quicker
        request = AgreedRequest(
            wish=wish,
            by=by,
            door=door,
            at=deps.clock(),
            today=review_today(deps),
            why=why,
            due_on=due_on,
            owner=owner,
        )
        event = change(action, request)
        if isinstance(event, AgreedRefusal):
            return AgreedResult(action=action, refusal=event)
        deps.store.change_agreed_action(event)
    return AgreedResult(action=event.action)


def agreed_action(deps: Deps, action_id: str) -> AgreedAction | None:
    """Return an agreed action; None where there is none of that id."""
    return deps.store.agreed_action(action_id) if _is_sound(action_id) else None


def agreed_of_week(
    deps: Deps,
    week: ReviewWeek,
    incidents: Iterable[Incident],
    events: Iterable[IncidentEvent],
    *,
    pipelines: Collection[str] | None = None,
) -> tuple[AgreedWeek, ...]:
    """Return what the review of a week shows of agreed actions.

    Args:
        deps: What it needs.
        week: Which.
        incidents: Of the week and the weeks before; those that actions are linked to are read where they are missing.
        events: All of theirs up to the end of the week, oldest first.
        pipelines: Of these, and what is about all pipelines; None: of any.
    """
    until = week.window.end
    actions = deps.store.agreed_actions(pipelines=pipelines, until=until)
    known, happened = {one.id: one for one in incidents}, list(events)
    for action in actions:
        if action.incident is not None and action.state is AgreedState.DONE:
            for one in _chain(deps, action.incident, known):
                if one.id not in known:
                    known[one.id] = one
                    happened += [each for each in deps.store.incident_events(one.id) if each.at < until]
    linked = {one.pipeline for one in actions if one.incident is not None and one.pipeline is not None}
    judged = deps.store.newest_judged(sorted(linked), until=until) if linked else {}
    return agreed_week(actions, known.values(), happened, judged=judged, week=week, now=deps.clock())


def _about(deps: Deps, pipeline: str | None, incident: str | None) -> tuple[str | None, str | None] | AgreedRefusal:
    """Return pipeline and incident of what is agreed, or why they cannot be."""
    if not incident:
        is_known = not pipeline or pipeline in deps.project.pipelines or pipeline in deps.store.pipelines()
        return (pipeline or None, None) if is_known else AgreedRefusal.NO_SUCH_PIPELINE
    found = _incident(deps, incident)
    if found is None:
        return AgreedRefusal.NO_SUCH_INCIDENT
    return (found.pipeline, found.id) if pipeline in (None, "", found.pipeline) else AgreedRefusal.OTHER_PIPELINE


def _incident(deps: Deps, incident_id: str) -> Incident | None:
    """Return the incident of an id, or the one that it was merged into, or None."""
    found = _chain(deps, incident_id, {}) if _is_sound(incident_id) else []
    return found[-1] if found else None


def _chain(deps: Deps, incident_id: str, known: Mapping[str, Incident]) -> list[Incident]:
    """Return an incident, the one that it was merged into, and so on, as far as the store has them."""
    found: list[Incident] = []
    name: str | None = incident_id
    while name is not None and name not in {one.id for one in found}:
        one = known.get(name) or deps.store.incident(name)
        if one is None:
            break
        found.append(one)
        name = one.merged_into if one.state is IncidentState.MERGED else None
    return found


def _is_sound(text: str) -> bool:
    """Return whether a text can be an id: PostgreSQL takes no NUL, and nobody's id is longer."""
    return 0 < len(text) <= _MOST_ID_CHARS and text.isprintable()
