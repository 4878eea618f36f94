"""Tell an incident in a second way, where its channel does not take its message for long."""

from __future__ import annotations

from datetime import datetime

from seamwatch.adapters.notify.second_way import Alarm, open_second_way
from seamwatch.core.deliveries import Delivery, DeliveryPart
from seamwatch.core.incident_life import ChangeKind, Incident
from seamwatch.engine.deps import Deps
from seamwatch.report.links import Links
from seamwatch.secret_redaction import SECRETS
from seamwatch.spec.second_way import SecondWay
from seamwatch.vocabulary import IncidentState


def call_second_ways(deps: Deps) -> list[str]:
    """Put into the outbox what is to be told in a second way now: what waits for too long, and what of it is over.

    Returns what kept single incidents from it; the others go on.
    """
    ways = {name for name, pipeline in deps.project.pipelines.items() if pipeline.second_way is not None}
    if not ways:
        return []
    now, told, errors = deps.clock(), deps.store.told_in_a_second_way(), []
    late: dict[str, datetime] = {}
    for one in deps.store.undelivered(now=now):
        if one.part is DeliveryPart.HEAD:
            late.setdefault(one.incident_id, one.since)
    to_end = {name for name, (n_open, n_over) in told.items() if n_open > n_over}
    for incident_id in sorted(late.keys() | to_end):
        try:
            _call(deps, incident_id, late.get(incident_id), told.get(incident_id, (0, 0)), now)
        except Exception as error:
            errors.append(f"second way of {incident_id}: {SECRETS.redact(str(error))}")
    return errors


def _call(deps: Deps, incident_id: str, late_since: datetime | None, told: tuple[int, int], now: datetime) -> None:
    n_open, n_over = told
    incident = deps.store.incident(incident_id)
    pipeline = None if incident is None else deps.project.pipelines.get(incident.pipeline)
    way = None if pipeline is None else pipeline.second_way
    if incident is None or way is None:
        return
    is_over = not incident.is_open
    if n_open > n_over:
        if is_over:
            _enqueue(deps, way, incident, ChangeKind.RESOLVED, n_over, now)
    elif not is_over and late_since is not None and now - late_since >= way.after:
        _enqueue(deps, way, incident, ChangeKind.OPENED, n_open, now)


def tell_second_way(deps: Deps, delivery: Delivery, incident: Incident, *, owner: str) -> bool:
    """Tell a leased message of the outbox in its pipeline's second way, or return False where that is needless by now.

    Raises:
        SpecError: If the pipeline has no sound file.
        AdapterError: If it cannot be told.
    """
    way = deps.project.pipeline(incident.pipeline).second_way
    now, is_over = deps.clock(), incident.state is IncidentState.RESOLVED
    if way is None or (is_over and delivery.change is not ChangeKind.RESOLVED):
        reason = "no second way is named by now" if way is None else "the incident was over before it was sent"
        deps.store.drop_deliveries(incident.id, reason=reason, now=now, only=delivery.id)
        return False
    late = [one for one in deps.store.undelivered([incident.id], now=now) if one.part is DeliveryPart.HEAD]
    alarm = Alarm(
        incident=incident.id,
        pipeline=incident.pipeline,
        headline=incident.headline,
        is_resolved=delivery.change is ChangeKind.RESOLVED,
        reason=late[0].last_error if late else "its channel takes messages again",
        link=Links.under(deps.ui_url, pipeline=incident.pipeline, incident_id=incident.id).report,
        opened_at=incident.opened_at,
    )
    open_second_way(way, deps.connections).tell(alarm)
    deps.store.mark_sent(delivery.id, owner=owner, message_id=incident.id, now=deps.clock())
    return True


def _enqueue(deps: Deps, way: SecondWay, incident: Incident, change: ChangeKind, n_before: int, now: datetime) -> None:
    deps.store.enqueue_delivery(
        incident.id,
        dedupe_key=f"{incident.id}/second_way/{change}/{n_before}",
        part=DeliveryPart.SECOND_WAY,
        change=change,
        channel=way.webhook or way.notifier or "",
        connection=way.webhook or "",
        now=now,
    )
