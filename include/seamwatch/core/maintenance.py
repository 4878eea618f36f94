"""Which incidents lie within planned work: kept and marked, told to nobody, and refunded."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from seamwatch.core.incident_life import ChangeKind, Incident, IncidentChange
from seamwatch.spec.maintenance import MaintenanceWindow
from seamwatch.vocabulary import Watch


def mark_maintenance(
    changes: Iterable[IncidentChange], before: Mapping[str, Incident], windows: Sequence[MaintenanceWindow]
) -> list[IncidentChange]:
    """Return what detectors changed, with the reason of the planned work within which each incident lies.

    An incident that opens, or comes back, lies within it where the window that shows it does; one that was told of
    before, or lasts beyond the work, does not. One that is over stays as it is marked.

    Args:
        changes: By detectors.
        before: The incidents as they were, by id.
        windows: Planned work of the pipeline.
    """
    return [_marked(change, before.get(change.incident.id), windows) for change in changes]


def _marked(change: IncidentChange, before: Incident | None, windows: Sequence[MaintenanceWindow]) -> IncidentChange:
    incident = change.incident
    if not incident.is_open:
        return change
    is_new = change.kind in (ChangeKind.OPENED, ChangeKind.REOPENED)
    may_be_marked = is_new or (before is not None and before.maintenance is not None)
    reason = _reason(*_shown_in(incident), windows) if may_be_marked else None
    return replace(change, incident=replace(incident, maintenance=reason))


def _shown_in(incident: Incident) -> tuple[datetime, datetime]:
    """Return the time that must lie within the work: a watch looks further back than what it found reaches.

    Where nobody knows when it began, all that was looked at must.
    """
    last = incident.last_window
    if incident.watch in (None, Watch.SEAM) or incident.onset is None:
        return last.start, last.end
    return min(incident.onset, last.end), last.end


def _reason(start: datetime, end: datetime, windows: Sequence[MaintenanceWindow]) -> str | None:
    return next((one.reason for one in windows if one.begins <= start and end <= one.ends), None)
