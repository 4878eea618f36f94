"""Which incidents nobody took on in time, so that the reliability owner is called."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime

from seamwatch.core.incident_life import ChangeKind, Incident, IncidentChange
from seamwatch.core.quiet_hours import quiet_until
from seamwatch.spec.escalation import EscalationRules
from seamwatch.spec.quiet_hours import QuietHours
from seamwatch.vocabulary import Door, IncidentSeverity, IncidentState


def due_escalations(
    incidents: Iterable[Incident], rules: EscalationRules, *, now: datetime, quiet_hours: Sequence[QuietHours] = ()
) -> list[IncidentChange]:
    """Return the incidents that have waited too long for somebody, marked as escalated, oldest first.

    Each is escalated once for each severity that it reaches until it is open anew. One that was never rated waits for
    its rating: how soon somebody is needed is not known. Nobody is called because of planned work.

    Args:
        incidents: Of one pipeline, in whatever state.
        rules: Of that pipeline.
        now: Aware time.
        quiet_hours: Of that pipeline. What they hold nobody could take on before their end: it counts from there.
    """
    due = [one for one in incidents if _is_due(one, rules, now, quiet_hours)]
    return [
        IncidentChange(
            kind=ChangeKind.ESCALATED,
            incident=replace(one, escalated=one.severity, updated_at=now),
            door=Door.CLOCK,
            why=f"{one.severity}, nobody took it on since {_told_at(one, quiet_hours).isoformat(timespec='minutes')}",
        )
        for one in sorted(due, key=_called_at)
    ]


def _is_due(incident: Incident, rules: EscalationRules, now: datetime, quiet_hours: Sequence[QuietHours]) -> bool:
    severity, before = incident.severity, incident.escalated
    if incident.state is not IncidentState.OPEN or severity is None or incident.maintenance is not None:
        return False
    if before is not None and before.rank <= severity.rank:
        return False
    wait = rules.after.of(severity)
    return wait is not None and now - _told_at(incident, quiet_hours) >= wait


def _told_at(incident: Incident, quiet_hours: Sequence[QuietHours]) -> datetime:
    """Return when somebody could know of it: at the end of quiet hours, but for what passes them."""
    called_at = _called_at(incident)
    if incident.severity is IncidentSeverity.SEV1:
        return called_at
    return quiet_until(quiet_hours, called_at) or called_at


def _called_at(incident: Incident) -> datetime:
    """Return when somebody was called last: it opened, came back, or got more severe."""
    return incident.called_at or incident.opened_at
