"""Put what happened to incidents into the outbox: the head is changed, and some of it is said in its thread too."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from seamwatch.core.deliveries import DeliveryPart, parts_of
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
        told = _Telling(kind=change.kind, at=now + hold, passes=_is_page(change.incident))
        _enqueue(deps, pipeline, change.incident.id, told, _occasion(change, window), now)


def announce_action(deps: Deps, change: IncidentChange) -> None:
    """Put the messages of what a person or the clock changed into the outbox; each is said once."""
    pipeline = deps.project.pipelines.get(change.incident.pipeline)
    if pipeline is None:
        return
    at = change.incident.updated_at
    # Who acts is awake, and wants to see it.
    told = _Telling(kind=change.kind, at=at, passes=change.by is not None or _is_page(change.incident))
    _enqueue(deps, pipeline, change.incident.id, told, f"{change.kind}/{at:%Y%m%d%H%M%S%f}", at)


def announce_alerts(deps: Deps, pipeline: Pipeline, alerts: Iterable[ExplainedAlert], now: datetime) -> None:
    """Put alerts that an open incident explains into its thread, each once."""
    for alert in alerts:
        occasion = f"{alert.objective}/{alert.severity}/{alert.since:%Y%m%d%H%M}"
        told = _Telling(kind=ChangeKind.ALERTED, at=now, passes=alert.severity is AlertSeverity.PAGE)
        _enqueue(deps, pipeline, alert.incident, told, occasion, now)


def announce_step(
    deps: Deps, pipeline_name: str, incident_id: str, kind: ChangeKind, occasion: str, *, is_by_person: bool = False
) -> None:
    """Put the messages of what a runbook or an action did into the outbox; each occasion is said once."""
    pipeline, incident = deps.project.pipelines.get(pipeline_name), deps.store.incident(incident_id)
    if pipeline is None or incident is None:
        return
    now = deps.clock()
    told = _Telling(kind=kind, at=now, passes=is_by_person or _is_page(incident))
    _enqueue(deps, pipeline, incident_id, told, f"{kind}/{occasion}", now)


def _is_page(incident: Incident) -> bool:
    return incident.severity is IncidentSeverity.SEV1


@dataclass(frozen=True, kw_only=True)
class _Telling:
    """What is told of an incident, and when."""

    kind: ChangeKind
    at: datetime
    """Not before; at the end of quiet hours that hold it."""
    passes: bool
    """Whether quiet hours do not hold it."""


def _enqueue(deps: Deps, pipeline: Pipeline, incident_id: str, told: _Telling, occasion: str, now: datetime) -> None:
    slack = pipeline.slack
    if slack is None:
        return
    until = None if told.passes else quiet_until(pipeline.quiet_hours, told.at)
    parts, digest = parts_of(told.kind), None
    # What changes the head alone calls nobody, and needs no digest.
    if until is not None and DeliveryPart.THREAD in parts:
        digest = deps.store.enqueue_digest(
            incident_id, channel=slack.channel, connection=slack.connection, now=now, due_at=until
        )
    for part in parts:
        deps.store.enqueue_delivery(
            incident_id,
            dedupe_key=f"{incident_id}/{occasion}/{part}",
            part=part,
            change=told.kind,
            channel=slack.channel,
            connection=slack.connection,
            now=now,
            not_before=until or told.at,
            held_for=digest,
            passes=told.passes,
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
