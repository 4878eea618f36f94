"""An incident as it was at a time: told by its events up to then, not by what became of it since.

So a week of last year is counted today as it was counted then. Events are read in the order in which they were kept,
also where their times run backwards; one of a kind that a later version wrote changes no state.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from seamwatch.core.incident_life import ChangeKind, Incident
from seamwatch.core.incident_timeline import IncidentEvent, ToldVerdict
from seamwatch.core.results import Window
from seamwatch.vocabulary import IncidentState

OPENINGS = frozenset({ChangeKind.OPENED.value, ChangeKind.REOPENED.value, ChangeKind.SPLIT.value})
"""From each of them on somebody is awaited."""
ENDS = frozenset({ChangeKind.RESOLVED.value, ChangeKind.MERGED.value, ChangeKind.VOIDED.value})
_BECOMES: Mapping[str, IncidentState] = {
    **dict.fromkeys(OPENINGS, IncidentState.OPEN),
    ChangeKind.ACKNOWLEDGED.value: IncidentState.ACKNOWLEDGED,
    ChangeKind.MUTED.value: IncidentState.MUTED,
    ChangeKind.MITIGATED.value: IncidentState.MITIGATED,
    ChangeKind.RESOLVED.value: IncidentState.RESOLVED,
    ChangeKind.MERGED.value: IncidentState.MERGED,
    ChangeKind.VOIDED.value: IncidentState.VOIDED,
}
_END_OF_STATE = {
    IncidentState.RESOLVED: ChangeKind.RESOLVED,
    IncidentState.MERGED: ChangeKind.MERGED,
    IncidentState.VOIDED: ChangeKind.VOIDED,
}


@dataclass(frozen=True, kw_only=True)
class PastIncident:
    """An incident at a moment of the past."""

    incident: Incident
    """As it is now."""
    state: IncidentState
    verdict: ToldVerdict
    """The last one up to then that was kept; else what the incident says now."""
    opened_at: datetime
    """First."""
    ended_at: datetime | None
    """When it was over last; None: it was open."""
    is_void: bool
    """Whether it was called nobody's fault, and is not open again since."""

    @property
    def counts(self) -> bool:
        """Return whether it is counted as an incident: it is not void, and no other one has its cause."""
        return not self.is_void and self.state is not IncidentState.MERGED


@dataclass(frozen=True, kw_only=True)
class IncidentHistory:
    """An incident, and what happened to it."""

    incident: Incident
    events: tuple[IncidentEvent, ...]
    """In the order in which they were kept, with aware times; the opening first."""

    def at(self, end: datetime) -> PastIncident | None:
        """Return it as it was just before a moment; None: it was not open yet."""
        state: IncidentState | None = None
        before_mute = IncidentState.OPEN
        verdict: ToldVerdict | None = None
        opened_at: datetime | None = None
        ended_at: datetime | None = None
        is_void = False
        for event in self.events:
            if event.at >= end:
                continue
            verdict = event.verdict or verdict
            if event.kind == ChangeKind.MUTED.value and state is not IncidentState.MUTED:
                before_mute = state or IncidentState.OPEN
            becomes = before_mute if event.kind == ChangeKind.UNMUTED.value else _BECOMES.get(event.kind)
            is_over = state is not None and not state.is_open
            if becomes is None or (is_over and becomes.is_open and event.kind not in OPENINGS):
                continue
            state, opened_at = becomes, opened_at or event.at
            ended_at = event.at if event.kind in ENDS else None
            # A detector may say of a void incident that it is over: it stays nobody's fault.
            is_void = event.kind == ChangeKind.VOIDED.value or (is_void and event.kind not in OPENINGS)
        if state is None or opened_at is None:
            return None
        return PastIncident(
            incident=self.incident,
            state=state,
            verdict=verdict or ToldVerdict.of(self.incident),
            opened_at=opened_at,
            ended_at=ended_at,
            is_void=is_void,
        )

    def now(self) -> PastIncident:
        """Return it as it was after all that happened to it."""
        past = self.at(datetime.max.replace(tzinfo=UTC))
        assert past is not None  # its opening is among the events
        return past

    def count(self, kind: ChangeKind, window: Window) -> int:
        """Return how often something happened to it in [start, end)."""
        return sum(event.kind == kind.value and window.start <= event.at < window.end for event in self.events)


def histories(incidents: Iterable[Incident], events: Iterable[IncidentEvent]) -> tuple[IncidentHistory, ...]:
    """Return the history of each incident, in their order; events of others are left out.

    Args:
        incidents: As they are now.
        events: Of each of them all, in the order in which they were kept. A time without a zone is one of UTC. Where
            the opening is missing it is taken from the incident, and where every event is, its end is, too.
    """
    known: dict[str, list[IncidentEvent]] = defaultdict(list)
    for event in events:
        known[event.incident_id].append(event if event.at.tzinfo is not None else replace(event, at=aware(event.at)))
    return tuple(_history(incident, known.get(incident.id, [])) for incident in incidents)


def aware(moment: datetime) -> datetime:
    """Return a moment with its time zone; one without is of UTC."""
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)


def _history(incident: Incident, events: list[IncidentEvent]) -> IncidentHistory:
    if any(event.kind == ChangeKind.OPENED.value for event in events):
        return IncidentHistory(incident=incident, events=tuple(events))
    opening = _made_up(incident, ChangeKind.OPENED, incident.opened_at)
    end = _END_OF_STATE.get(incident.state)
    if not events and end is not None:
        events = [_made_up(incident, end, incident.resolved_at or incident.updated_at)]
    return IncidentHistory(incident=incident, events=(opening, *events))


def _made_up(incident: Incident, kind: ChangeKind, at: datetime) -> IncidentEvent:
    return IncidentEvent(incident_id=incident.id, kind=kind.value, window=None, by=None, at=aware(at))
