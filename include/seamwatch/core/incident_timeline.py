"""What happened to an incident, in the order in which it did, with what detectors repeat folded together."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby

from seamwatch.core.incident_life import ChangeKind, Incident
from seamwatch.core.results import Window
from seamwatch.vocabulary import Door, IncidentSeverity, Responsibility


@dataclass(frozen=True, kw_only=True)
class ToldVerdict:
    """Whose an incident was said to be at some time."""

    responsibility: Responsibility
    stage: str | None
    fields: tuple[str, ...] = ()
    confidence: float
    """As it was stated, 0 to 1."""
    severity: IncidentSeverity | None = None

    @classmethod
    def of(cls, incident: Incident) -> ToldVerdict:
        """Return what an incident says now."""
        return cls(
            responsibility=incident.responsibility,
            stage=incident.stage,
            fields=incident.fields,
            confidence=incident.confidence,
            severity=incident.severity,
        )


@dataclass(frozen=True, kw_only=True)
class IncidentEvent:
    """One thing that happened to an incident."""

    incident_id: str
    kind: str
    window: str | None
    """What the change rests on, where it is a window."""
    by: str | None
    """Person, where it was one."""
    at: datetime
    door: Door | None = None
    """None where it happened before this was kept."""
    why: str = ""
    verdict: ToldVerdict | None = None
    """Whose it was said to be then; None where that was not kept."""


@dataclass(frozen=True, kw_only=True)
class TimelineEntry:
    """One thing that happened, or a row of updates by detectors."""

    kind: str
    """As `ChangeKind`; another one comes from a later version, and is shown as it is."""
    at: datetime
    last_at: datetime
    """When the last one of a row was kept; of a single event its own time."""
    by: str | None = None
    door: Door | None = None
    why: str = ""
    n_windows: int = 0
    """Different windows or looks that the entry rests on."""
    span: Window | None = None
    """From the begin of the first of them to the end of the last; None where there is none, or none can be read."""


def fold_events(events: Iterable[IncidentEvent]) -> tuple[TimelineEntry, ...]:
    """Return the timeline of an incident, oldest first: updates by detectors in a row are one entry.

    Args:
        events: Of one incident, oldest first. What a person did is never folded.
    """
    entries: list[TimelineEntry] = []
    for is_repeated, group in groupby(events, key=_is_repeated):
        row = list(group)
        entries += [_entry(row)] if is_repeated else [_entry([event]) for event in row]
    return tuple(entries)


def _is_repeated(event: IncidentEvent) -> bool:
    return event.by is None and event.kind == ChangeKind.UPDATED.value


def _entry(row: Sequence[IncidentEvent]) -> TimelineEntry:
    first, last = row[0], row[-1]
    ids = dict.fromkeys(event.window for event in row if event.window is not None)
    windows = [window for name in ids if (window := _window(name)) is not None]
    span = Window(start=min(one.start for one in windows), end=max(one.end for one in windows)) if windows else None
    return TimelineEntry(
        kind=first.kind,
        at=first.at,
        last_at=last.at,
        by=first.by,
        door=first.door,
        why=first.why,
        n_windows=len(ids),
        span=span,
    )


def _window(name: str) -> Window | None:
    """Return the window of an id; None for one that cannot be read, which is counted all the same."""
    try:
        return Window.from_id(name)
    except ValueError:
        return None
