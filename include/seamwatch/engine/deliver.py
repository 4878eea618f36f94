"""Send what waits in the outbox. Each message stands by itself: whatever happens to one stops no other."""

from __future__ import annotations

import logging
import time
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from uuid import uuid4

from seamwatch.core.deliveries import Delivery, DeliveryPart, Outgoing, retry_wait
from seamwatch.engine.actions import settle_actions
from seamwatch.engine.button_presses import carry_out_recorded
from seamwatch.engine.conversation import Conversation
from seamwatch.engine.deps import Deps
from seamwatch.engine.digest import tell_digest
from seamwatch.engine.escalation import escalate
from seamwatch.engine.incident_actions import end_mutes
from seamwatch.engine.incidents import LastReport
from seamwatch.engine.posting import LEASE, SETTLED_AFTER, LeaseLost, NotYet, Outbox, channel_of, delete_surplus
from seamwatch.engine.second_way import call_second_ways, tell_second_way
from seamwatch.engine.weekly_digest import tell_weekly_digest
from seamwatch.errors import NotifyError, StoreError
from seamwatch.secret_redaction import SECRETS

_LOG = logging.getLogger(__name__)
_MOST_FAILURES = 3
"""In a row; then a channel gets no message for the rest of a run, so that a dead one does not hold up the others."""
_MOST_TRIES = 180
"""With the waits above, a week of a channel that takes nothing."""
_RECHECK_EVERY = timedelta(minutes=10)
_RECHECK_FOR = timedelta(days=1)
_SHOWN = 5
_AT_ONCE = timedelta(seconds=30)
_TICK = timedelta(minutes=4)
"""Less than the time between two runs of the delivery's DAG."""


@dataclass(frozen=True, kw_only=True)
class DeliverySummary:
    """What became of the messages that were due."""

    n_sent: int
    n_failed: int
    """Given up until now; the store keeps why."""
    n_waiting: int
    """Still in the outbox, to be tried again."""
    errors: tuple[str, ...] = ()
    """Why messages could not be sent now."""
    n_undelivered: int = 0
    """What no try could deliver until now; those of `errors` among them."""
    undelivered: tuple[str, ...] = ()
    """The oldest of these, each with its incident, channel and reason."""


@dataclass(kw_only=True)
class _Tick:
    """One run over the outbox."""

    deps: Deps
    end: datetime
    """What is not sent before waits for the next run."""
    owner: str = field(default_factory=lambda: uuid4().hex)
    n_sent: int = 0
    errors: list[str] = field(default_factory=list)
    pauses: dict[tuple[str, str], datetime] = field(default_factory=dict)
    """By connection and channel, until when it wants no message, or gets none in this run."""
    reports: LastReport = field(default_factory=LastReport)
    n_failures: Counter[tuple[str, str]] = field(default_factory=Counter)
    """By connection and channel, messages that failed since the last one that did not."""


@dataclass(frozen=True, kw_only=True)
class _Leased:
    """A message that this run has, and how it is sent."""

    message: Outgoing
    outbox: Outbox
    send: Callable[[], bool]
    """Returns False where nothing is to be said any more."""


def deliver_pending(
    deps: Deps, *, sleep: Callable[[float], None] = time.sleep, for_at_most: timedelta = _TICK
) -> DeliverySummary:
    """Return what was sent; a message that cannot be sent now stays in the outbox and stops no other.

    Args:
        deps: The world outside.
        sleep: Waits for so many seconds, where a channel asks for a pause; no message is leased meanwhile.
        for_at_most: What is not sent within this time waits for the next run.

    Raises:
        StoreError: If the store itself fails.
    """
    end = deps.clock() + for_at_most
    end_mutes(deps, deps.project.pipelines)
    tick = _Tick(deps=deps, end=end)
    tick.errors += carry_out_recorded(deps)
    tick.errors += escalate(deps, deps.project.pipelines)
    tick.errors += settle_actions(deps, deps.project.pipelines)
    tick.errors += call_second_ways(deps)
    while (now := deps.clock()) < end:
        tick.pauses = {place: until for place, until in tick.pauses.items() if until > now}
        leased = _claim(tick, now)
        if leased is not None:
            _deliver(tick, leased)
            continue
        until = min(tick.pauses.values(), default=end)
        if until >= end:
            break
        sleep((until - now).total_seconds())
    for outbox in (deps.store, deps.store.weekly_digests):
        _look_again(deps, outbox, end)
    return _summary(tick)


def _summary(tick: _Tick) -> DeliverySummary:
    store, digests, now = tick.deps.store, tick.deps.store.weekly_digests, tick.deps.clock()
    counts = (store.count_undelivered(now=now), digests.count_undelivered(now=now))
    late = [f"{one.incident_id}, {one.channel}: {one.last_error}" for one in store.undelivered(now=now, limit=_SHOWN)]
    late += [
        f"digest of {one.week}, {one.channel}: {one.last_error or 'no try has ended yet'}"
        for one in digests.undelivered(now=now, limit=_SHOWN)
    ]
    return DeliverySummary(
        n_sent=tick.n_sent,
        n_failed=sum(n_failed for _, n_failed in counts),
        n_waiting=store.n_pending_deliveries() + digests.n_pending(),
        errors=tuple(tick.errors),
        n_undelivered=sum(n for n, _ in counts),
        undelivered=tuple(late[:_SHOWN]),
    )


def deliver_incident(deps: Deps, incident_id: str) -> None:
    """Send what waits of one incident now, because a person who acts wants to see it; see `deliver_incidents`."""
    deliver_incidents(deps, [incident_id])


def deliver_incidents(deps: Deps, incident_ids: Iterable[str]) -> None:
    """Send what is due of some incidents now; it ends with the first that fails, and all that is left waits as ever.

    Raises:
        StoreError: If the store itself fails.
    """
    tick = _Tick(deps=deps, end=deps.clock() + _AT_ONCE)
    for incident_id in incident_ids:
        while not tick.errors and not tick.pauses and (now := deps.clock()) < tick.end:
            delivery = deps.store.claim_delivery(now, lease=LEASE, owner=tick.owner, incident_id=incident_id)
            if delivery is None:
                break
            _deliver(tick, _of_incident(tick, delivery))


def describe_undelivered(summary: DeliverySummary) -> str:
    """Return what could not be sent, why, and what to do, for a person."""
    n = summary.n_undelivered or len(summary.errors)
    told = (summary.undelivered or summary.errors)[:_SHOWN]
    n_more, shown = n - len(told), "\n".join(told)
    return (
        f"not delivered: {n:,}, of them given up: {summary.n_failed:,}\n{shown}"
        + (f"\nand {n_more:,} more" if n_more > 0 else "")
        + "\nFix the cause; they are sent by themselves then, or at once by `seamwatch deliver --retry`. "
        "`seamwatch deliver --drop INCIDENT` says that the messages of an incident need not be sent; with a week, as "
        "2026-W45, that its digests need not."
    )


def _claim(tick: _Tick, now: datetime) -> _Leased | None:
    """Return the message that is due: those of incidents go before digests of weeks."""
    pauses, digests = list(tick.pauses), tick.deps.store.weekly_digests
    delivery = tick.deps.store.claim_delivery(now, lease=LEASE, owner=tick.owner, not_through=pauses)
    if delivery is not None:
        return _of_incident(tick, delivery)
    digest = digests.claim(now, lease=LEASE, owner=tick.owner, not_through=pauses)
    if digest is None:
        return None
    send = partial(tell_weekly_digest, tick.deps, digest, owner=tick.owner)
    return _Leased(message=digest, outbox=digests, send=send)


def _of_incident(tick: _Tick, delivery: Delivery) -> _Leased:
    return _Leased(message=delivery, outbox=tick.deps.store, send=partial(_send, tick, delivery))


def _deliver(tick: _Tick, leased: _Leased) -> None:
    """Send one message, and note what became of it."""
    outbox, owner, message = leased.outbox, tick.owner, leased.message
    place = (message.connection, message.channel)
    try:
        is_sent = leased.send()
    except LeaseLost:
        return
    except NotYet as later:
        outbox.mark_failed(message.id, owner=owner, error=None, retry_at=later.at, is_try=later.is_try)
    except NotifyError as error:
        if error.wait_s is None:
            _failed(tick, leased, error, may_have_arrived=error.may_have_arrived)
            tick.n_failures[place] += 1
            if tick.n_failures[place] >= _MOST_FAILURES:
                tick.pauses[place] = tick.end
            return
        until = tick.deps.clock() + timedelta(seconds=error.wait_s)
        tick.pauses[place] = until
        outbox.mark_failed(message.id, owner=owner, error=str(error), retry_at=until, is_try=False)
    except Exception as error:
        _failed(tick, leased, error, may_have_arrived=True)
    else:
        tick.n_sent += is_sent
        tick.n_failures[place] = 0


def _send(tick: _Tick, delivery: Delivery) -> bool:
    if delivery.part is DeliveryPart.DIGEST:
        return tell_digest(tick.deps, delivery, owner=tick.owner)
    incident = tick.deps.store.incident(delivery.incident_id)
    if incident is None:
        msg = f"message {delivery.id} tells of incident {delivery.incident_id!r}, which does not exist"
        raise StoreError(msg)
    if delivery.part is DeliveryPart.SECOND_WAY:
        return tell_second_way(tick.deps, delivery, incident, owner=tick.owner)
    conversation = Conversation(
        deps=tick.deps,
        outbox=tick.deps.store,
        owner=tick.owner,
        delivery=delivery,
        to=channel_of(tick.deps, delivery, incident.pipeline),
        incident=incident,
        reports=tick.reports,
    )
    if delivery.part is DeliveryPart.HEAD:
        conversation.tell_head()
    else:
        conversation.tell_thread()
    return True


def _failed(tick: _Tick, leased: _Leased, error: Exception, *, may_have_arrived: bool) -> None:
    message = leased.message
    now, said = tick.deps.clock(), SECRETS.redact(str(error) or type(error).__name__)
    tick.errors.append(f"{message.channel}: {said}")
    wait = retry_wait(message.attempts + 1)
    retry_at = now + (max(wait, SETTLED_AFTER) if may_have_arrived else wait)
    settled_at = now + SETTLED_AFTER if may_have_arrived else None
    is_given_up = message.attempts + 1 >= _MOST_TRIES
    leased.outbox.mark_failed(
        message.id,
        owner=tick.owner,
        error=said,
        retry_at=None if is_given_up else retry_at,
        settled_at=settled_at,
    )


def _look_again(deps: Deps, outbox: Outbox, end: datetime) -> None:
    """Delete what a channel holds twice since a post that seemed lost arrived in the end; what fails waits."""
    while (now := deps.clock()) < end:
        sent = outbox.claim_recheck(now, again_at=now + _RECHECK_EVERY)
        if sent is None:
            return
        try:
            delete_surplus(deps, sent)
        except Exception as error:
            # Every message was told: that one may be there twice makes no run red.
            _LOG.warning("%s: whether a message is there twice could not be seen: %s", sent.channel, error)
            if sent.sent_at is not None and now - sent.sent_at < _RECHECK_FOR:
                if isinstance(error, NotifyError) and error.wait_s is not None:
                    return
                continue
        outbox.recheck_delivery(sent.id, at=None)
