"""Put what happened to incidents into the outbox: the head is changed, and some of it is said in its thread too."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

from seamwatch.core.deliveries import parts_of
from seamwatch.core.incident_life import ChangeKind, Incident, IncidentChange
from seamwatch.core.quiet_hours import quiet_until
from seamwatch.core.results import Window
from seamwatch.core.slo.alert_incidents import ExplainedAlert
from seamwatch.engine.deps import Deps
from seamwatch.spec.pipeline import Pipeline
from seamwatch.vocabulary import AlertSeverity, IncidentSeverity

HELD_FOR = timedelta(seconds=45)
"""What detectors say again and again is held together for so long; what opens an incident, or a person did, is not."""


def announce(deps: Deps, pipeline: Pipeline, changes: Iterable[IncidentChange], window: Window, now: datetime) -> None:
    """Put the messages of what detectors changed into the outbox."""
    for change in changes:
        hold = HELD_FOR if change.kind in (ChangeKind.UPDATED, ChangeKind.SEVERITY_LOWERED) else timedelta()
        not_before = _not_before(pipeline, now + hold, is_page=_is_page(change.incident))
        _enqueue(deps, pipeline, change.incident.id, change.kind, _occasion(change, window), now, not_before)


def announce_action(deps: Deps, change: IncidentChange) -> None:
    """Put the messages of what a person or the clock changed into the outbox; each is said once."""
    pipeline = deps.project.pipelines.get(change.incident.pipeline)
    if pipeline is None:
        return
    at = change.incident.updated_at
    # Who acts is awake, and wants to see it.
    not_before = _not_before(pipeline, at, is_page=change.by is not None or _is_page(change.incident))
    _enqueue(deps, pipeline, change.incident.id, change.kind, f"{change.kind}/{at:%Y%m%d%H%M%S%f}", at, not_before)


def announce_alerts(deps: Deps, pipeline: Pipeline, alerts: Iterable[ExplainedAlert], now: datetime) -> None:
    """Put alerts that an open incident explains into its thread, each once."""
    for alert in alerts:
        occasion = f"{alert.objective}/{alert.severity}/{alert.since:%Y%m%d%H%M}"
        not_before = _not_before(pipeline, now, is_page=alert.severity is AlertSeverity.PAGE)
        _enqueue(deps, pipeline, alert.incident, ChangeKind.ALERTED, occasion, now, not_before)


def _is_page(incident: Incident) -> bool:
    return incident.severity is IncidentSeverity.SEV1


def _not_before(pipeline: Pipeline, at: datetime, *, is_page: bool) -> datetime:
    """Return when something may be told: at the end of quiet hours, unless it is a page."""
    return at if is_page else quiet_until(pipeline.quiet_hours, at) or at


def _enqueue(
    deps: Deps,
    pipeline: Pipeline,
    incident_id: str,
    kind: ChangeKind,
    occasion: str,
    now: datetime,
    not_before: datetime,
) -> None:
    if pipeline.slack is None:
        return
    for part in parts_of(kind):
        deps.store.enqueue_delivery(
            incident_id,
            dedupe_key=f"{incident_id}/{occasion}/{part}",
            part=part,
            change=kind,
            channel=pipeline.slack.channel,
            connection=pipeline.slack.connection,
            now=now,
            not_before=not_before,
        )


def _occasion(change: IncidentChange, window: Window) -> str:
    """Return what makes the message of a change one message: opening is said once, anything else once a window.

    A window that is run again shows the incident that it opened as updated; that is no news. That an incident is over
    or back is, each time: the same window may be run again after its repair, and once more.
    """
    incident: Incident = change.incident
    if change.kind in (
        ChangeKind.RESOLVED,
        ChangeKind.REOPENED,
        ChangeKind.SEVERITY_RAISED,
        ChangeKind.SEVERITY_LOWERED,
    ):
        return f"{change.kind}/{window.id}/{incident.updated_at:%Y%m%d%H%M%S%f}"
    is_opening = change.kind is ChangeKind.OPENED or (
        change.kind is ChangeKind.UPDATED and window == incident.first_window
    )
    return ChangeKind.OPENED if is_opening else f"{change.kind}/{window.id}"
