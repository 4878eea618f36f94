"""How long incidents took: from their onset until they were noticed, understood, taken on, fixed and over."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from statistics import median

from seamwatch.core.incident_life import ChangeKind, Incident
from seamwatch.core.incident_timeline import IncidentEvent
from seamwatch.core.results import Window
from seamwatch.core.weekly_review.facts import Phase, SlowIncident, TimeTo
from seamwatch.core.weekly_review.incident_history import (
    ENDS,
    OPENINGS,
    IncidentHistory,
    PastIncident,
    aware,
    histories,
)
from seamwatch.core.weekly_review.incidents import line_of
from seamwatch.core.weekly_review.week import ReviewWeek
from seamwatch.vocabulary import Responsibility

_FIXES = frozenset({ChangeKind.MITIGATED.value, ChangeKind.ACTION_DONE.value})


@dataclass(frozen=True, kw_only=True)
class Passage:
    """An incident came through a phase."""

    phase: Phase
    ended_at: datetime
    seconds: float | None
    """None: nobody knows."""


def times_to(
    incidents: Sequence[Incident], events: Sequence[IncidentEvent], weeks: Sequence[ReviewWeek]
) -> tuple[TimeTo, ...]:
    """Return how long each phase took in the last of some weeks, and beside it the medians of the weeks before.

    Args:
        incidents: As they are now, in any order.
        events: All of theirs up to the end of the last week, in the order in which they were kept.
        weeks: Oldest first, the week itself last; one at least.

    A phase belongs to the week in which it ended, and an incident that came through it twice counts twice. Those that
    are void at the end of the week, or merged into another, are left out. What each phase is: `passages`.
    """
    known = [(history, tuple(passages(history))) for history in histories(incidents, events)]
    by_week = [_seconds(known, week.window) for week in weeks]
    return tuple(_time_to(phase, [one[phase] for one in by_week]) for phase in Phase)


def passages(history: IncidentHistory) -> Iterator[Passage]:
    """Yield each time that an incident came through a phase.

    - detect: from the onset to the first opening; unknown where there is no onset, or none before the opening.
    - attribute: from the first opening to the first event that names somebody; 0 where the opening does, and unknown
      where what it said was not kept. Of an incident that is undetermined still there is none.
    - acknowledge: from the last opening or reopening to the first person who took it on after it.
    - mitigate: from the same to the first fix after it, a person's or an action's.
    - resolve: from the opening, or the reopening after it was over, to its end; a fix that did not help in between
      makes it no shorter.

    Where clocks run backwards the time is unknown.
    """
    yield from _before_people(history)
    began_at = called_at = history.events[0].at
    is_over, done = False, set[Phase]()
    for event in history.events:
        if event.kind in OPENINGS:
            began_at = event.at if is_over else began_at
            called_at, is_over, done = event.at, False, set()
        elif event.kind in ENDS:
            if event.kind == ChangeKind.RESOLVED.value and not is_over:
                yield Passage(phase=Phase.RESOLVE, ended_at=event.at, seconds=_between(began_at, event.at))
            is_over = True
        elif not is_over and (phase := _phase_of(event)) is not None and phase not in done:
            done.add(phase)
            yield Passage(phase=phase, ended_at=event.at, seconds=_between(called_at, event.at))


def slowest(
    incidents: Sequence[Incident], events: Sequence[IncidentEvent], week: ReviewWeek, n: int = 3
) -> tuple[SlowIncident, ...]:
    """Return those incidents that took longest of all that were resolved in a week or open at its end.

    Args:
        incidents: As they are now, in any order.
        events: All of theirs up to the end of the week, in the order in which they were kept.
        week: The week.
        n: So many at most.

    The steps follow each other, from the onset to the first end that lasted: what was done before the step before it
    took no time. Of one that is open, the step that it waits for counts among the longest, and is None in `steps`.
    Void and merged incidents are left out.
    """
    window = week.window
    found = []
    for history in histories(incidents, events):
        past = history.at(window.end)
        if past is None or not past.counts:
            continue
        if past.ended_at is None or window.start <= past.ended_at:
            found.append(_slow(history, past, window.end))
    return tuple(sorted(found, key=lambda one: (-one.took_s, one.incident.id))[:n])


def _before_people(history: IncidentHistory) -> Iterator[Passage]:
    """Yield how long an incident took to be noticed, and until somebody was named."""
    opened = _opening(history)
    onset = history.incident.onset
    yield Passage(
        phase=Phase.DETECT,
        ended_at=opened.at,
        seconds=None if onset is None else _between(aware(onset), opened.at) or None,
    )
    named = next((one for one in history.events if _names_somebody(one)), None)
    if opened.verdict is None:
        if named is not None or history.incident.responsibility is not Responsibility.UNDETERMINED:
            yield Passage(phase=Phase.ATTRIBUTE, ended_at=opened.at, seconds=None)
    elif named is not None:
        yield Passage(phase=Phase.ATTRIBUTE, ended_at=named.at, seconds=_between(opened.at, named.at))


def _opening(history: IncidentHistory) -> IncidentEvent:
    return next(one for one in history.events if one.kind == ChangeKind.OPENED.value)


def _names_somebody(event: IncidentEvent) -> bool:
    return event.verdict is not None and event.verdict.responsibility is not Responsibility.UNDETERMINED


def _phase_of(event: IncidentEvent) -> Phase | None:
    """Return the phase that an event of an open incident ends."""
    if event.kind == ChangeKind.ACKNOWLEDGED.value and event.by is not None:
        return Phase.ACKNOWLEDGE
    return Phase.MITIGATE if event.kind in _FIXES else None


def _between(start: datetime, end: datetime) -> float | None:
    """Return the seconds from one moment to another; None where it lies before."""
    return (end - start).total_seconds() if end >= start else None


def _seconds(
    known: Iterable[tuple[IncidentHistory, tuple[Passage, ...]]], window: Window
) -> dict[Phase, list[float | None]]:
    """Return how long each passage took that ended in a window."""
    found: dict[Phase, list[float | None]] = {phase: [] for phase in Phase}
    for history, ways in known:
        inside = [one for one in ways if window.start <= one.ended_at < window.end]
        past = history.at(window.end) if inside else None
        if past is not None and past.counts:
            for one in inside:
                found[one.phase].append(one.seconds)
    return found


def _time_to(phase: Phase, by_week: Sequence[Sequence[float | None]]) -> TimeTo:
    known = [[one for one in week if one is not None] for week in by_week]
    medians = [median(week) if week else None for week in known]
    return TimeTo(
        phase=phase,
        n=len(known[-1]),
        median_s=medians[-1],
        worst_s=max(known[-1], default=None),
        n_unknown=len(by_week[-1]) - len(known[-1]),
        before=tuple(medians[:-1]),
    )


def _slow(history: IncidentHistory, past: PastIncident, end: datetime) -> SlowIncident:
    """Return how long an incident took up to the end of a week, step by step."""
    until = past.ended_at or end
    onset = history.incident.onset
    begin = min(past.opened_at, aware(onset)) if onset is not None else past.opened_at
    steps, last = _steps(history, past, begin, end)
    spans = {phase: seconds for phase, seconds in steps.items() if seconds is not None}
    if past.ended_at is None:
        spans[_waits_for(history, steps)] = max((end - last).total_seconds(), 0.0)
    longest = max(spans, key=lambda phase: spans[phase], default=None)
    return SlowIncident(
        incident=line_of(past),
        took_s=max((until - begin).total_seconds(), 0.0),
        is_over=past.ended_at is not None,
        longest=longest,
        longest_s=0.0 if longest is None else spans[longest],
        steps=steps,
        n_escalated=_n(history, ChangeKind.ESCALATED, end),
        n_reopened=_n(history, ChangeKind.REOPENED, end),
    )


def _steps(
    history: IncidentHistory, past: PastIncident, begin: datetime, end: datetime
) -> tuple[Mapping[Phase, float | None], datetime]:
    """Return how long each step took after the one before it, and when the last of them was taken."""
    events = [one for one in history.events if one.at < end]
    reached: dict[Phase, datetime | None] = {
        Phase.ATTRIBUTE: next((one.at for one in events if _names_somebody(one)), None),
        Phase.ACKNOWLEDGE: next((one.at for one in events if _phase_of(one) is Phase.ACKNOWLEDGE), None),
        Phase.MITIGATE: next((one.at for one in events if _phase_of(one) is Phase.MITIGATE), None),
        Phase.RESOLVE: past.ended_at,
    }
    if _opening(history).verdict is None:
        reached[Phase.ATTRIBUTE] = None
    last = past.opened_at
    steps: dict[Phase, float | None] = {
        Phase.DETECT: (last - begin).total_seconds() if begin < last else None,
    }
    for phase, at in reached.items():
        steps[phase] = None if at is None else max((at - last).total_seconds(), 0.0)
        last = last if at is None else max(last, at)
    return steps, last


def _waits_for(history: IncidentHistory, steps: Mapping[Phase, float | None]) -> Phase:
    """Return the step that follows the last one that an open incident took."""
    order = list(Phase)
    taken = max((order.index(phase) for phase, seconds in steps.items() if seconds is not None), default=0)
    follows = order[taken + 1]
    # Whether somebody was named is not known, so that nobody can say that it waits for that.
    is_unknown = follows is Phase.ATTRIBUTE and _opening(history).verdict is None
    return Phase.ACKNOWLEDGE if is_unknown else follows


def _n(history: IncidentHistory, kind: ChangeKind, end: datetime) -> int:
    return sum(one.kind == kind.value and one.at < end for one in history.events)
