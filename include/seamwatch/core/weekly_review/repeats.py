"""Where the same kind of fault came again and again."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field

from seamwatch.core.incident_life import ChangeKind, Incident
from seamwatch.core.incident_timeline import IncidentEvent
from seamwatch.core.results import Window
from seamwatch.core.weekly_review.facts import RepeatOffender
from seamwatch.core.weekly_review.incident_history import IncidentHistory, histories
from seamwatch.core.weekly_review.week import ReviewWeek
from seamwatch.vocabulary import Responsibility

_LEAST_TIMES = 2


@dataclass(kw_only=True)
class _Place:
    """What came at one place so far."""

    n_times: int = 0
    n_this_week: int = 0
    incidents: list[IncidentHistory] = field(default_factory=list)


def repeat_offenders(
    incidents: Sequence[Incident], events: Sequence[IncidentEvent], weeks: Sequence[ReviewWeek]
) -> tuple[RepeatOffender, ...]:
    """Return the places where a kind of fault came twice or oftener in some weeks, and once at least in the last.

    Args:
        incidents: As they are now, in any order.
        events: All of theirs up to the end of the last week, in the order in which they were kept.
        weeks: Oldest first, the week itself last; one at least.

    A fault comes with each opening and reopening of an incident of its pipeline, responsibility, stage and kind, as
    they were said last before the end of the last week; void and merged incidents are left out. What came most often
    is first.
    """
    span = Window(start=weeks[0].window.start, end=weeks[-1].window.end)
    places: dict[tuple[str, Responsibility, str | None, str | None], _Place] = defaultdict(_Place)
    for history in histories(incidents, events):
        past = history.at(span.end)
        n = _comings(history, span)
        if past is None or not past.counts or not n:
            continue
        said = past.verdict
        place = places[history.incident.pipeline, said.responsibility, said.stage, history.incident.kind]
        place.n_times += n
        place.n_this_week += _comings(history, weeks[-1].window)
        place.incidents.append(history)
    found = [
        RepeatOffender(
            pipeline=pipeline,
            responsibility=responsibility,
            stage=stage,
            kind=kind,
            n_times=place.n_times,
            n_this_week=place.n_this_week,
            incidents=tuple(one.incident.id for one in sorted(place.incidents, key=_age)),
        )
        for (pipeline, responsibility, stage, kind), place in places.items()
        if place.n_times >= _LEAST_TIMES and place.n_this_week
    ]
    return tuple(sorted(found, key=lambda one: (-one.n_times, -one.n_this_week, one.pipeline, one.incidents)))


def _comings(history: IncidentHistory, window: Window) -> int:
    return history.count(ChangeKind.OPENED, window) + history.count(ChangeKind.REOPENED, window)


def _age(history: IncidentHistory) -> tuple[float, str]:
    return history.events[0].at.timestamp(), history.incident.id
