"""How severe an incident is, from what it does: records harmed, error budgets that burn, and whether it gets worse."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import datetime

from seamwatch.core.incident_life import ChangeKind, Incident, IncidentChange
from seamwatch.spec.severity import SeverityLevel, SeverityRules
from seamwatch.vocabulary import AlertSeverity, IncidentSeverity

FiringAlert = Callable[[Incident], AlertSeverity | None]
"""The worst alert on an error budget that fires by an incident; None: none does."""

_KEPT_FROM = 0.8
"""A severity is lowered only below this part of its threshold: a share that wavers around it changes nothing."""


def severity_of(incident: Incident, rules: SeverityRules, alert: AlertSeverity | None) -> IncidentSeverity:
    """Return how severe an incident is as its latest window shows it.

    Args:
        incident: Its own severity until now, if any, is kept unless the harm is clearly below it.
        rules: Of its pipeline.
        alert: The worst alert on an error budget that fires by it.

    No known outcome is unknown harm, which is never none: it counts as at least `rules.unknown`.
    """
    by_harm = _by_harm(incident, rules, 1.0)
    before = incident.severity
    if before is not None and before.rank < by_harm.rank:
        by_harm = max(before, _by_harm(incident, rules, _KEPT_FROM), key=lambda level: level.rank)
    at_least = [by_harm]
    if alert is not None:
        at_least.append(rules.page if alert is AlertSeverity.PAGE else rules.ticket)
    if incident.share is None:
        at_least.append(rules.unknown)
    return min(at_least, key=lambda level: level.rank)


def _by_harm(incident: Incident, rules: SeverityRules, part: float) -> IncidentSeverity:
    """Return the severity of the records harmed, where every threshold counts from a part of it on."""
    share, levels = incident.share, list(IncidentSeverity)
    if share is None:
        return IncidentSeverity.SEV4
    reached = next(
        (
            severity
            for severity, level in zip(levels, (rules.sev1, rules.sev2, rules.sev3), strict=False)
            if _reaches(incident.n_records, share, level, part)
        ),
        IncidentSeverity.SEV4,
    )
    first = incident.first_share
    is_worse = first is not None and share > first and share >= part * rules.worse_by * first
    # Twice of very little is very little.
    is_worse = is_worse and incident.n_records >= part * rules.sev3.least_records
    return levels[max(reached.rank - 1, 0)] if is_worse else reached


def _reaches(n_records: int, share: float, level: SeverityLevel, part: float) -> bool:
    has_share = share >= part * level.share and n_records >= part * level.least_records
    return has_share or n_records >= part * level.many_records


def rate_changes(
    changes: Iterable[IncidentChange], rules: SeverityRules, alert_of: FiringAlert
) -> list[IncidentChange]:
    """Return what detectors changed, with the severity of every open incident; that it changed is an entry of its own.

    An incident that opens, or comes back, has a severity from the start; that is no change.
    """
    rated: list[IncidentChange] = []
    for change in changes:
        incident = change.incident
        if not incident.is_open:
            rated.append(change)
            continue
        is_new = change.kind in (ChangeKind.OPENED, ChangeKind.REOPENED)
        if is_new:
            called_at = incident.updated_at
            incident = replace(incident, severity=None, first_share=incident.share, called_at=called_at)
        after = _rated(incident, rules, alert_of, now=incident.updated_at)
        rated.append(replace(change, incident=after))
        rated += _severity_change(incident, after)
    return rated


def rate_again(
    incidents: Iterable[Incident], rules: SeverityRules, alert_of: FiringAlert, *, now: datetime
) -> list[IncidentChange]:
    """Return the open incidents whose severity is another by now, as where an error budget began to burn by them."""
    changes: list[IncidentChange] = []
    for incident in incidents:
        # One that was never rated is with its next window.
        if incident.is_open and incident.severity is not None:
            after = _rated(incident, rules, alert_of, now=now)
            changes += _severity_change(incident, replace(after, updated_at=now))
    return changes


def _rated(incident: Incident, rules: SeverityRules, alert_of: FiringAlert, *, now: datetime) -> Incident:
    after = replace(incident, severity=severity_of(incident, rules, alert_of(incident)))
    return replace(after, called_at=now) if _is_raised(incident, after) else after


def _is_raised(before: Incident, after: Incident) -> bool:
    return before.severity is not None and after.severity is not None and after.severity.rank < before.severity.rank


def _severity_change(before: Incident, after: Incident) -> list[IncidentChange]:
    if before.severity is None or after.severity is None or before.severity is after.severity:
        return []
    kind = ChangeKind.SEVERITY_RAISED if _is_raised(before, after) else ChangeKind.SEVERITY_LOWERED
    return [IncidentChange(kind=kind, incident=after, why=f"{before.severity} to {after.severity}")]
