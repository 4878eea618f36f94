"""Tell an incident in a second way, where its channel does not take its message for long."""

from __future__ import annotations

from datetime import datetime

from seamwatch.adapters.notify.second_way import Alarm, open_second_way
from seamwatch.core.deliveries import Delivery, DeliveryPart
from seamwatch.core.incidents import ChangeKind, Incident
from seamwatch.engine.deps import Deps
from seamwatch.errors import StoreError
from seamwatch.report.links import Links
from seamwatch.spec.pipeline import Pipeline
from seamwatch.vocabulary import IncidentState


def call_second_ways(deps: Deps) -> None:
    """Put into the outbox what is to be told in a second way now: what waits for too long, and what of it is over."""
    now = deps.clock()
    for late in deps.store.undelivered():
        incident = deps.store.incident(late.incident_id)
        pipeline = None if incident is None else deps.project.pipelines.get(incident.pipeline)
        if incident is None or pipeline is None or pipeline.second_way is None:
            continue
        if late.part is DeliveryPart.HEAD and now - late.since >= pipeline.second_way.after:
            _enqueue(deps, pipeline, incident, now)
    for incident_id in deps.store.told_in_a_second_way():
        incident = deps.store.incident(incident_id)
        if incident is None or incident.state is not IncidentState.RESOLVED:
            continue
        if (pipeline := deps.project.pipelines.get(incident.pipeline)) is not None and pipeline.second_way is not None:
            _enqueue(deps, pipeline, incident, now)


def tell_second_way(deps: Deps, delivery: Delivery, incident: Incident, *, owner: str) -> None:
    """Tell a leased message of the outbox in its pipeline's second way.

    Raises:
        StoreError: If the pipeline names none by now.
        AdapterError: If it cannot be told.
    """
    way = deps.project.pipeline(incident.pipeline).second_way
    if way is None:
        msg = f"{incident.pipeline} names no second_way by now"
        raise StoreError(msg)
    late = [one for one in deps.store.undelivered([incident.id]) if one.part is DeliveryPart.HEAD]
    alarm = Alarm(
        incident=incident.id,
        pipeline=incident.pipeline,
        headline=incident.headline,
        is_resolved=incident.state is IncidentState.RESOLVED,
        reason=(late[0].last_error if late else None) or "its channel takes messages again",
        link=Links.under(deps.ui_url, pipeline=incident.pipeline, incident_id=incident.id).report,
        opened_at=incident.opened_at,
    )
    open_second_way(way, deps.connections).tell(alarm)
    deps.store.mark_sent(delivery.id, owner=owner, message_id=incident.id, now=deps.clock())


def _enqueue(deps: Deps, pipeline: Pipeline, incident: Incident, now: datetime) -> None:
    way = pipeline.second_way
    assert way is not None
    is_resolved = incident.state is IncidentState.RESOLVED
    spell = incident.resolved_at if is_resolved else incident.opened_at
    deps.store.enqueue_delivery(
        incident.id,
        dedupe_key=f"{incident.id}/second_way/{'resolved' if is_resolved else 'open'}/{spell}",
        part=DeliveryPart.SECOND_WAY,
        change=ChangeKind.RESOLVED if is_resolved else ChangeKind.OPENED,
        channel=(way.webhook or way.notifier or ""),
        connection=way.webhook or "",
        now=now,
    )
