"""How many incidents a week had, whose they were, and which of them looked like a failure of the AI and were not."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from seamwatch.core.incident_life import ChangeKind, Incident
from seamwatch.core.incident_timeline import IncidentEvent
from seamwatch.core.results import Window
from seamwatch.core.weekly_review.facts import DriftWeek, IncidentLine, IncidentsWeek
from seamwatch.core.weekly_review.incident_history import IncidentHistory, PastIncident, histories
from seamwatch.core.weekly_review.week import ReviewWeek
from seamwatch.vocabulary import IncidentSeverity, Responsibility, Watch

UNRATED = "unrated"
"""The severity of incidents that were never rated."""
_ACCURACY = "accuracy"
"""The name of an accuracy objective that has none of its own."""
_UNDECIDED = (Responsibility.MODEL, Responsibility.UNDETERMINED)
"""Whose an incident is that looked like a failure of the AI, and of which nobody knows better."""


def incidents_week(
    incidents: Sequence[Incident],
    events: Sequence[IncidentEvent],
    weeks: Sequence[ReviewWeek],
    *,
    accuracy: Mapping[str, Collection[str]] | None = None,
) -> IncidentsWeek:
    """Return what happened to incidents in the last of some weeks, and beside it how many there were before.

    Args:
        incidents: As they are now, in any order.
        events: All of theirs up to the end of the last week, in the order in which they were kept.
        weeks: Oldest first, the week itself last; one at least.
        accuracy: By pipeline, the names of its accuracy objectives; of a pipeline that is not there, `accuracy`.

    An incident counts once in each number, however often it was opened or resolved in the week. Void incidents, and
    those that were merged into others by the end of the week, are in no number but `n_void`. Whose an incident is, and
    how severe, is what was said of it last before the end of its week.

    An incident looked like a failure of the AI where answers were wrong by it (`answers_were_wrong`); it is the
    model's own, or undetermined, or it is not the AI's: then something else is named as the cause. So always
    `n_looked_like_ai == n_not_ai + n_ai + n_ai_unknown`.
    """
    known = histories(incidents, events)
    *earlier, week = [_count(known, one.window, accuracy or {}) for one in weeks]
    return replace(
        week,
        opened_before=tuple(float(one.n_opened) for one in earlier),
        not_ai_before=tuple(float(one.n_not_ai) for one in earlier),
    )


def answers_were_wrong(incident: Incident, accuracy: Collection[str] = (_ACCURACY,)) -> bool:
    """Return whether wrong answers showed an incident, so that the AI was the first suspect.

    They did where attribution found its cause among wrong answers, first or later, or where it is the alert on an
    accuracy objective. A check of a knowledge base, a seam and other watches see no answer judged. Of incidents from
    before this was kept, those of attribution count; of a knowledge base nobody knows what found it, and none counts.
    """
    if incident.watch is Watch.BUDGET and incident.kind in accuracy:
        return True
    if incident.has_wrong_answers is not None:
        return incident.has_wrong_answers
    found = [
        (incident.watch, incident.responsibility),
        *((one.watch, one.responsibility) for one in incident.also_seen),
    ]
    return any(watch is None and whose is not Responsibility.KNOWLEDGE_BASE for watch, whose in found)


def incident_lines(
    incidents: Sequence[Incident], events: Sequence[IncidentEvent], week: ReviewWeek
) -> tuple[IncidentLine, ...]:
    """Return the incidents that were opened, reopened or resolved in a week, or open at its end.

    Void and merged ones are left out. The most severe come first, then those that are open, then the oldest.
    """
    window = week.window
    found = [
        past
        for history in histories(incidents, events)
        if (past := history.at(window.end)) is not None
        and past.counts
        and (past.state.is_open or _was_touched(history, window))
    ]
    return tuple(sorted((line_of(past) for past in found), key=order_of_lines))


def drift_of(incidents: Sequence[Incident], events: Sequence[IncidentEvent], week: ReviewWeek) -> tuple[DriftWeek, ...]:
    """Return the drifts of a week, those of most records first.

    They are the incidents that the drift watch found and that were open at any time of the week, and the others that
    were, and by which it saw drift in the week.
    """
    window = week.window
    found = []
    for history in histories(incidents, events):
        past = history.at(window.end)
        if past is not None and past.counts and (past.ended_at is None or past.ended_at >= window.start):
            found += _drifts(past.incident, window)
    return tuple(sorted(found, key=lambda one: (-one.n_records, one.incident, one.headline)))


def line_of(past: PastIncident) -> IncidentLine:
    """Return an incident in a line, as it was at that time; its headline and its records are those of now."""
    return IncidentLine(
        id=past.incident.id,
        pipeline=past.incident.pipeline,
        headline=past.incident.headline,
        responsibility=past.verdict.responsibility,
        stage=past.verdict.stage,
        state=past.state,
        severity=past.verdict.severity,
        opened_at=past.opened_at,
        resolved_at=past.ended_at,
        n_records=past.incident.n_records,
    )


def order_of_lines(line: IncidentLine) -> tuple[int, bool, datetime, str]:
    """Return what puts the most severe lines first, then those that are open, then the oldest."""
    rank = len(IncidentSeverity) if line.severity is None else line.severity.rank
    return rank, not line.state.is_open, line.opened_at, line.id


def _count(known: Iterable[IncidentHistory], window: Window, accuracy: Mapping[str, Collection[str]]) -> IncidentsWeek:
    """Return the counts of one week, without those of the weeks before."""
    n = Counter[str]()
    whose, severities, not_ai = Counter[Responsibility](), Counter[str](), Counter[Responsibility]()
    for history in known:
        past = history.at(window.end)
        if past is None:
            continue
        is_opened = history.count(ChangeKind.OPENED, window) > 0
        is_reopened = history.count(ChangeKind.REOPENED, window) > 0
        n["void"] += is_opened and past.is_void
        if not past.counts:
            continue
        n["opened"] += is_opened
        n["reopened"] += is_reopened
        n["resolved"] += history.count(ChangeKind.RESOLVED, window) > 0
        n["open"] += past.state.is_open
        if not (is_opened or is_reopened):
            continue
        responsibility = past.verdict.responsibility
        whose[responsibility] += 1
        severities[past.verdict.severity or UNRATED] += 1
        if answers_were_wrong(past.incident, accuracy.get(past.incident.pipeline, (_ACCURACY,))):
            n["ai"] += responsibility is Responsibility.MODEL
            n["unknown"] += responsibility is Responsibility.UNDETERMINED
            not_ai.update([] if responsibility in _UNDECIDED else [responsibility])
    return IncidentsWeek(
        n_opened=n["opened"],
        n_reopened=n["reopened"],
        n_resolved=n["resolved"],
        n_open_at_end=n["open"],
        n_void=n["void"],
        by_responsibility=dict(whose),
        by_severity={str(one): severities[one] for one in (*IncidentSeverity, UNRATED) if one in severities},
        n_looked_like_ai=n["ai"] + n["unknown"] + not_ai.total(),
        n_not_ai=not_ai.total(),
        not_ai=dict(not_ai),
        n_ai=n["ai"],
        n_ai_unknown=n["unknown"],
        opened_before=(),
        not_ai_before=(),
    )


def _was_touched(history: IncidentHistory, window: Window) -> bool:
    return any(history.count(kind, window) for kind in (ChangeKind.OPENED, ChangeKind.REOPENED, ChangeKind.RESOLVED))


def _drifts(incident: Incident, window: Window) -> list[DriftWeek]:
    """Return the drift that an incident is, or by which others saw it in a window."""
    if incident.watch is Watch.DRIFT:
        return [
            DriftWeek(
                incident=incident.id,
                stage=incident.stage,
                field=incident.fields[0] if incident.fields else None,
                kind=incident.kind,
                headline=incident.headline,
                n_records=incident.n_records,
            )
        ]
    return [
        DriftWeek(
            incident=incident.id,
            stage=seen.stage,
            field=None,
            kind=None,
            headline=seen.headline,
            n_records=incident.n_records,
        )
        for seen in incident.also_seen
        if seen.watch is Watch.DRIFT and seen.window.start < window.end and seen.window.end > window.start
    ]
