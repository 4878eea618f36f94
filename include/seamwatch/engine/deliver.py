"""Send what waits in the outbox: a head message per incident, changed in place, the details in its thread."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from seamwatch.core.deliveries import Delivery, DeliveryPart
from seamwatch.engine.deps import Deps
from seamwatch.engine.incidents import report_of
from seamwatch.errors import AdapterError, MessageGone, SpecError, StoreError
from seamwatch.report import block_kit
from seamwatch.report.message import incident_message

_LEASE = timedelta(minutes=2)
"""Longer than any sending takes; a worker that died leaves its messages to another after it."""
_FIRST_RETRY = timedelta(seconds=15)
_LAST_RETRY = timedelta(hours=1)
_ATTEMPTS = 12
"""With the waits above, about half a day of a channel that is down."""


@dataclass(frozen=True, kw_only=True)
class DeliverySummary:
    """What became of the messages that were due."""

    n_sent: int
    n_failed: int
    """Given up; the store keeps why."""
    n_waiting: int
    """Still in the outbox, to be tried again."""
    errors: tuple[str, ...] = ()


def deliver_pending(deps: Deps) -> DeliverySummary:
    """Return what was sent; a message that cannot be sent now stays in the outbox and stops no other."""
    n_sent, n_failed, errors = 0, 0, []
    while due := deps.store.claim_deliveries(deps.clock(), lease=_LEASE):
        for delivery in due:
            try:
                message_id = _send(deps, delivery)
            except (AdapterError, SpecError, StoreError) as error:
                n_failed += _failed(deps, delivery, error)
                errors.append(f"{delivery.channel}: {error}")
                continue
            deps.store.mark_sent(delivery.id, message_id=message_id, now=deps.clock())
            n_sent += 1
    return DeliverySummary(
        n_sent=n_sent, n_failed=n_failed, n_waiting=deps.store.n_pending_deliveries(), errors=tuple(errors)
    )


def _send(deps: Deps, delivery: Delivery) -> str:
    """Return the id under which the message now stands."""
    incident = deps.store.incident(delivery.incident_id)
    if incident is None:
        msg = f"message {delivery.id} tells of incident {delivery.incident_id!r}, which does not exist"
        raise StoreError(msg)
    report = report_of(deps, deps.project.pipeline(incident.pipeline), incident)
    message = incident_message(report, delivery.change)
    notifier = deps.notifier(delivery.connection)
    head = deps.store.head_message(incident.id)
    if delivery.part is DeliveryPart.HEAD:
        blocks = block_kit.render(message.head)
        if head is None:
            return notifier.post(delivery.channel, block_kit.fallback(message.fallback), blocks)
        try:
            notifier.update(delivery.channel, head, block_kit.fallback(message.fallback), blocks)
        except MessageGone:
            return notifier.post(delivery.channel, block_kit.fallback(message.fallback), blocks)
        return head
    if head is None:
        msg = f"the message of incident {incident.id} was not sent, so nothing can be added to its thread"
        raise StoreError(msg)
    text = block_kit.fallback(message.thread_fallback)
    return notifier.post(delivery.channel, text, block_kit.render(message.thread), thread=head)


def _failed(deps: Deps, delivery: Delivery, error: Exception) -> bool:
    """Note the failure; return whether the message is given up."""
    is_passing = isinstance(error, AdapterError) and error.retryable and delivery.attempts < _ATTEMPTS
    retry_at = deps.clock() + retry_wait(delivery.attempts) if is_passing else None
    deps.store.mark_failed(delivery.id, error=str(error), retry_at=retry_at)
    return not is_passing


def retry_wait(attempts: int) -> timedelta:
    """Return how long to wait after that many attempts: doubling, at most an hour."""
    doubled: timedelta = _FIRST_RETRY * 2 ** max(attempts - 1, 0)
    return min(doubled, _LAST_RETRY)
