"""The outbox: a message is put here with the fact that it tells, and sent afterwards, once."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import aliased

from seamwatch.core.deliveries import Delivery, DeliveryPart
from seamwatch.core.incident_life import ChangeKind
from seamwatch.store import outgoing
from seamwatch.store.budget import Transactions
from seamwatch.store.dialect import insert_or_ignore
from seamwatch.store.outgoing import ARRIVED, UNSENT, has_failed, is_due, leased, was_never_tried
from seamwatch.store.tables import DeliveryRow
from seamwatch.vocabulary import DeliveryState

_DIGEST_TRIES = 3
"""So many tries of a digest that fail are waited for; then what it was to tell is told by itself."""


@dataclass(frozen=True, kw_only=True)
class Undelivered:
    """A message that did not arrive so far, and why."""

    incident_id: str
    part: DeliveryPart
    channel: str
    state: DeliveryState
    attempts: int
    since: datetime
    last_error: str
    next_attempt_at: datetime

    @property
    def is_given_up(self) -> bool:
        """Whether it is tried again only when a person says so, or the incident changes."""
        return self.state is DeliveryState.FAILED


class DeliveryStore:
    """The part of the store that keeps messages."""

    def enqueue_delivery(
        self: Transactions,
        incident_id: str,
        *,
        dedupe_key: str,
        part: DeliveryPart,
        change: ChangeKind,
        channel: str,
        connection: str,
        now: datetime,
        not_before: datetime | None = None,
        held_for: int | None = None,
        passes: bool = False,
    ) -> bool:
        """Put a message into the outbox; return False if one with this key was there already.

        It may be sent from `not_before` on, or with another message of the incident that is sent earlier: what of the
        incident was held for longer, and never tried, is due with it.

        Args:
            incident_id: Of which it tells.
            dedupe_key: Of this message alone.
            part: Of the incident's conversation.
            change: What it tells.
            channel: Where to.
            connection: Through which.
            now: Aware time.
            not_before: When it may be sent; None: now.
            held_for: The digest before which it is not sent, nor what else of the incident was never tried.
            passes: Whether no digest holds it or what else of the incident was never tried.
        """
        due_at = not_before or now
        values = {
            "incident_id": incident_id,
            "dedupe_key": dedupe_key,
            "part": part.value,
            "change": change.value,
            "channel": channel,
            "connection": connection,
            "state": DeliveryState.PENDING.value,
            "attempts": 0,
            "next_attempt_at": due_at,
            "created_at": now,
            "held_for": held_for,
        }
        with self._writing() as database:
            done: Any = database.execute(insert_or_ignore(database, DeliveryRow, values, ["dedupe_key"]))
            if done.rowcount:
                _send_together(database, incident_id, due_at, held_for, passes=passes)
            return bool(done.rowcount)

    def enqueue_digest(
        self: Transactions, incident_id: str, *, channel: str, connection: str, now: datetime, due_at: datetime
    ) -> int:
        """Return the id of the digest of a channel that is due at the end of quiet hours; the first caller makes it.

        Args:
            incident_id: The first that it is to tell of.
            channel: Where to.
            connection: Through which.
            now: Aware time.
            due_at: When the quiet hours end.
        """
        key = f"digest/{connection}/{channel}/{due_at:%Y%m%d%H%M}"
        values = {
            "incident_id": incident_id,
            "dedupe_key": key,
            "part": DeliveryPart.DIGEST.value,
            "change": ChangeKind.UPDATED.value,
            "channel": channel,
            "connection": connection,
            "state": DeliveryState.PENDING.value,
            "attempts": 0,
            "next_attempt_at": due_at,
            "created_at": now,
        }
        with self._writing() as database:
            database.execute(insert_or_ignore(database, DeliveryRow, values, ["dedupe_key"]))
            return int(database.execute(sa.select(DeliveryRow.id).filter_by(dedupe_key=key)).scalar_one())

    def held_for(self: Transactions, digest_id: int) -> list[Delivery]:
        """Return the messages that a digest holds and nobody has sent, oldest first."""
        statement = sa.select(DeliveryRow.__table__).where(
            DeliveryRow.held_for == digest_id, DeliveryRow.state.in_(UNSENT), DeliveryRow.post_began_at.is_(None)
        )
        with self._reading() as connection:
            return [_delivery(row) for row in connection.execute(statement.order_by(DeliveryRow.id)).mappings()]

    def claim_delivery(
        self: Transactions,
        now: datetime,
        *,
        lease: timedelta,
        owner: str,
        not_through: Collection[tuple[str, str]] = (),
        incident_id: str | None = None,
    ) -> Delivery | None:
        """Return a message that is due, leased to the caller; None where there is none. No two callers get the same.

        Of one incident only one message is due: its head before what is added to the thread, and the older one first.
        A lease that ran out (its worker died) is due again, after all others that were due meanwhile.

        Args:
            now: Aware time.
            lease: How long nobody else gets it.
            owner: Id of the caller, for `renew_lease`.
            not_through: Connections and channels that ask for a pause.
            incident_id: Of this incident only; None: of any.
        """
        due = _is_due(now)
        if incident_id is not None:
            due = sa.and_(due, DeliveryRow.incident_id == incident_id)
        with self._writing() as connection:
            row = outgoing.claim(
                connection, DeliveryRow, due, now=now, lease=lease, owner=owner, not_through=not_through
            )
            return None if row is None else _delivery(row)

    def renew_lease(self: Transactions, delivery_id: int, *, owner: str, until: datetime) -> bool:
        """Keep a message for longer; return False where another caller has it by now."""
        with self._writing() as connection:
            return outgoing.renew_lease(connection, DeliveryRow, delivery_id, owner=owner, until=until)

    def waiting_with(self: Transactions, delivery: Delivery) -> list[Delivery]:
        """Return the messages of the same part of the same incident that one message can tell, oldest first.

        The message itself is among them; so is what was given up, and no message of which a post began.
        """
        statement = (
            sa.select(DeliveryRow.__table__)
            .where(
                DeliveryRow.incident_id == delivery.incident_id,
                DeliveryRow.part == delivery.part.value,
                DeliveryRow.state.in_(UNSENT),
                sa.or_(DeliveryRow.post_began_at.is_(None), DeliveryRow.id == delivery.id),
            )
            .order_by(DeliveryRow.id)
        )
        with self._reading() as connection:
            return [_delivery(row) for row in connection.execute(statement).mappings()]

    def begin_post(
        self: Transactions,
        delivery_id: int,
        *,
        owner: str,
        token: str,
        tells: Sequence[int],
        now: datetime,
        until: datetime,
        channel: str,
        connection: str,
        thread: str | None = None,
    ) -> bool:
        """Note, before a message is posted, that it is; return False where another caller has it by now.

        Args:
            delivery_id: The message.
            owner: Who claimed it.
            token: By which it can be found in the channel.
            tells: Other messages that it tells.
            now: Aware time.
            until: End of the lease from here.
            channel: Where it is posted.
            connection: Through which.
            thread: The head in whose thread it is posted.
        """
        values = {"token": token, "post_began_at": now, "lease_until": until, "next_attempt_at": until}
        place = {"channel": channel, "connection": connection, "thread": thread}
        with self._writing() as database:
            if not database.execute(leased(DeliveryRow, delivery_id, owner).values(**values, **place)).rowcount:
                return False
            database.execute(sa.update(DeliveryRow).filter_by(told_by=delivery_id).values(told_by=None))
            _set_told_by(database, delivery_id, tells)
            return True

    def adopt_message(self: Transactions, delivery_id: int, *, message_id: str) -> None:
        """Note that a post of unknown end did arrive, before anything else is done with it."""
        with self._writing() as connection:
            found = sa.update(DeliveryRow).filter_by(id=delivery_id)
            connection.execute(found.values(message_id=message_id, post_began_at=None))

    def no_message_arrived(self: Transactions, delivery_id: int) -> None:
        """Note that a post did not arrive, and never will."""
        with self._writing() as connection:
            connection.execute(sa.update(DeliveryRow).filter_by(id=delivery_id).values(post_began_at=None))

    def mark_sent(
        self: Transactions,
        delivery_id: int,
        *,
        owner: str,
        message_id: str,
        now: datetime,
        tells: Sequence[int] = (),
        recheck_at: datetime | None = None,
        recheck_if_lost_at: datetime | None = None,
    ) -> None:
        """Note that a message arrived, and its id there; with it those that it tells.

        Where another caller has the message by now, it may have posted it too: then the channel is looked into again.

        Args:
            delivery_id: The message.
            owner: Who claimed it.
            message_id: As the notifier named it.
            now: Aware time.
            tells: Other messages that it told, besides those that were named when its post began.
            recheck_at: When to look whether the channel holds it twice; None: it cannot.
            recheck_if_lost_at: The same, where another caller has the message.
        """
        with self._writing() as connection:
            _set_told_by(connection, delivery_id, tells)
            connection.execute(
                sa.update(DeliveryRow)
                .where(DeliveryRow.told_by == delivery_id, DeliveryRow.state.in_(UNSENT))
                .values(state=DeliveryState.TOLD.value, sent_at=now, **ARRIVED)
            )
            outgoing.note_sent(
                connection,
                DeliveryRow,
                delivery_id,
                owner=owner,
                message_id=message_id,
                now=now,
                recheck_at=recheck_at,
                recheck_if_lost_at=recheck_if_lost_at,
            )

    def mark_failed(
        self: Transactions,
        delivery_id: int,
        *,
        owner: str,
        error: str | None,
        retry_at: datetime | None,
        is_try: bool = True,
        settled_at: datetime | None = None,
    ) -> None:
        """Note that a message did not arrive, or that nobody knows; tried again at `retry_at`, or given up at None.

        Nothing is noted where another caller has the message by now.

        Args:
            delivery_id: The message.
            owner: Who claimed it.
            error: What went wrong, or that the channel asked for a pause; None: nothing.
            retry_at: When to try again.
            is_try: Whether it counts as a try.
            settled_at: Until when the channel may still take it; nobody sends it before, whoever asks for that.
        """
        with self._writing() as connection:
            outgoing.note_failed(
                connection,
                DeliveryRow,
                delivery_id,
                owner=owner,
                error=error,
                retry_at=retry_at,
                is_try=is_try,
                settled_at=settled_at,
            )

    def retry_deliveries(self: Transactions, *, now: datetime, incident_id: str | None = None) -> int:
        """Make all that waits or was given up due now, of one incident or of all; return how many messages."""
        which = () if incident_id is None else (DeliveryRow.incident_id == incident_id,)
        with self._writing() as connection:
            return outgoing.retry(connection, DeliveryRow, *which, now=now)

    def drop_deliveries(
        self: Transactions,
        incident_id: str,
        *,
        reason: str,
        now: datetime,
        recheck_after: timedelta = timedelta(minutes=10),
        only: int | None = None,
    ) -> int:
        """Note that the messages of an incident need not be sent any more; return how many there were.

        Of a post of unknown end, what arrived is deleted later. `only` is the one message that is meant.
        """
        # A digest tells of other incidents too.
        which = DeliveryRow.part != DeliveryPart.DIGEST.value if only is None else DeliveryRow.id == only
        which = sa.and_(DeliveryRow.incident_id == incident_id, which)
        with self._writing() as connection:
            return outgoing.drop(connection, DeliveryRow, which, reason=reason, now=now, recheck_after=recheck_after)

    def deliveries(self: Transactions, incident_id: str) -> list[Delivery]:
        """Return the messages of an incident, oldest first."""
        statement = sa.select(DeliveryRow.__table__).filter_by(incident_id=incident_id).order_by(DeliveryRow.id)
        with self._reading() as connection:
            return [_delivery(row) for row in connection.execute(statement).mappings()]

    def n_pending_deliveries(self: Transactions) -> int:
        """Return how many messages still wait."""
        with self._reading() as connection:
            return outgoing.count_pending(connection, DeliveryRow)

    def count_undelivered(self: Transactions, *, now: datetime) -> tuple[int, int]:
        """Return how many messages `undelivered` would return, and how many of them were given up."""
        with self._reading() as connection:
            return outgoing.count_undelivered(connection, DeliveryRow, now)

    def undelivered(
        self: Transactions, incident_ids: Collection[str] | None = None, *, now: datetime, limit: int | None = None
    ) -> list[Undelivered]:
        """Return messages that no try could deliver, that wait for long, or that were given up, oldest first.

        Args:
            incident_ids: Of these incidents; None: of all.
            now: Aware time.
            limit: At most so many; None: all.
        """
        statement = sa.select(DeliveryRow).where(has_failed(DeliveryRow, now)).order_by(DeliveryRow.id).limit(limit)
        if incident_ids is not None:
            statement = statement.where(DeliveryRow.incident_id.in_(list(incident_ids)))
        with self._reading() as connection:
            return [
                Undelivered(
                    incident_id=row.incident_id,
                    part=DeliveryPart(row.part),
                    channel=row.channel,
                    state=DeliveryState(row.state),
                    attempts=row.attempts,
                    since=row.created_at,
                    last_error=row.last_error or "no try has ended yet",
                    next_attempt_at=row.next_attempt_at,
                )
                for row in connection.execute(statement)
            ]

    def told_in_a_second_way(self: Transactions) -> dict[str, tuple[int, int]]:
        """Return, of incidents told in a second way, how often that they are open, and how often that they are over."""
        is_over = DeliveryRow.change == ChangeKind.RESOLVED.value
        n_over = sa.func.sum(sa.case((is_over, 1), else_=0))
        statement = (
            sa.select(DeliveryRow.incident_id, sa.func.count(), n_over)
            .where(DeliveryRow.part == DeliveryPart.SECOND_WAY.value)
            .group_by(DeliveryRow.incident_id)
        )
        with self._reading() as connection:
            return {name: (int(n) - int(over), int(over)) for name, n, over in connection.execute(statement)}

    def head_message(self: Transactions, incident_id: str) -> str | None:
        """Return the id of the incident's message, the newest where it had to be posted anew; None if there is none."""
        statement = (
            sa.select(DeliveryRow.message_id)
            .filter_by(incident_id=incident_id, part=DeliveryPart.HEAD.value)
            .where(DeliveryRow.message_id.is_not(None))
            .order_by(DeliveryRow.id.desc())
            .limit(1)
        )
        with self._reading() as connection:
            return connection.scalar(statement)

    def forget_head(
        self: Transactions, incident_id: str, *, message_id: str, now: datetime, recheck_after: timedelta
    ) -> None:
        """Note that the incident's message is gone, or not ours to change; what is left of it is deleted later."""
        with self._writing() as connection:
            gone = sa.update(DeliveryRow).filter_by(
                incident_id=incident_id, part=DeliveryPart.HEAD.value, message_id=message_id
            )
            connection.execute(gone.values(message_id=None, recheck_at=now + recheck_after, sent_at=now))

    def n_forgotten_heads(self: Transactions, incident_id: str, *, since: datetime) -> int:
        """Return how many messages of an incident were found to be gone, or not ours to change, since a moment."""
        gone = (
            sa.select(sa.func.count())
            .select_from(DeliveryRow)
            .filter_by(
                incident_id=incident_id, part=DeliveryPart.HEAD.value, state=DeliveryState.SENT.value, message_id=None
            )
        )
        with self._reading() as connection:
            return int(connection.scalar(gone.where(DeliveryRow.sent_at >= since)) or 0)

    def last_head(self: Transactions, *, connection: str, channel: str) -> str | None:
        """Return the id of any head that was posted to a channel; it names the channel as the notifier knows it."""
        statement = (
            sa.select(DeliveryRow.message_id)
            .filter_by(connection=connection, channel=channel, part=DeliveryPart.HEAD.value)
            .where(DeliveryRow.message_id.is_not(None), DeliveryRow.token.is_not(None))
            .order_by(DeliveryRow.id.desc())
            .limit(1)
        )
        with self._reading() as database:
            return database.scalar(statement)

    def claim_recheck(self: Transactions, now: datetime, *, again_at: datetime) -> Delivery | None:
        """Return a sent message that the channel may hold twice, to be looked for now, and again at `again_at`."""
        with self._writing() as connection:
            row = outgoing.claim_recheck(connection, DeliveryRow, now, again_at=again_at)
            return None if row is None else _delivery(row)

    def recheck_delivery(self: Transactions, delivery_id: int, *, at: datetime | None) -> None:
        """Set when to look whether the channel holds a message twice; None: it was found to hold it once."""
        with self._writing() as connection:
            connection.execute(sa.update(DeliveryRow).filter_by(id=delivery_id).values(recheck_at=at))


def _is_due(now: datetime) -> sa.ColumnElement[bool]:
    other = aliased(DeliveryRow)
    # What may be in the channel is looked for before anything else of its kind is sent.
    is_open, other_is_open = DeliveryRow.post_began_at.is_not(None), other.post_began_at.is_not(None)
    is_older = sa.and_(other.id < DeliveryRow.id, is_open == other_is_open)
    goes_before = sa.or_(
        sa.and_(other.part == DeliveryRow.part, sa.or_(is_older, sa.and_(other_is_open, ~is_open))),
        sa.and_(other.part == DeliveryPart.HEAD.value, DeliveryRow.part == DeliveryPart.THREAD.value),
        sa.and_(other.part == DeliveryRow.part, other.id != DeliveryRow.id, other.lease_until > now),
    )
    is_held_back = sa.exists().where(
        other.incident_id == DeliveryRow.incident_id, other.state == DeliveryState.PENDING.value, goes_before
    )
    return sa.and_(is_due(DeliveryRow, now), ~is_held_back, ~_waits_for_digest())


def _waits_for_digest() -> sa.ColumnElement[bool]:
    """Return whether a digest goes before a message: not one that fails again and again, unless it may be there."""
    digest = aliased(DeliveryRow)
    may_be_there = sa.and_(DeliveryRow.told_by == digest.id, digest.post_began_at.is_not(None))
    return sa.exists().where(
        digest.id == DeliveryRow.held_for,
        digest.state == DeliveryState.PENDING.value,
        sa.or_(digest.attempts < _DIGEST_TRIES, may_be_there),
    )


def _send_together(
    connection: sa.Connection, incident_id: str, at: datetime, held_for: int | None, *, passes: bool
) -> None:
    """Let what was never tried of an incident be due with its newest message, before or after a digest as that is."""
    waiting = sa.and_(
        was_never_tried(DeliveryRow),
        DeliveryRow.incident_id == incident_id,
        DeliveryRow.part != DeliveryPart.DIGEST.value,
        DeliveryRow.told_by.is_(None),
    )
    joins = DeliveryRow.next_attempt_at > at
    if passes:
        joins = sa.or_(joins, DeliveryRow.held_for.is_not(None))
    if held_for is not None:
        joins = sa.or_(joins, DeliveryRow.next_attempt_at == at)
    connection.execute(sa.update(DeliveryRow).where(waiting, joins).values(next_attempt_at=at, held_for=held_for))


def _set_told_by(connection: sa.Connection, delivery_id: int, tells: Sequence[int]) -> None:
    others = [one for one in tells if one != delivery_id]
    if others:
        told = sa.update(DeliveryRow).where(DeliveryRow.id.in_(others), DeliveryRow.state.in_(UNSENT))
        connection.execute(told.values(told_by=delivery_id))


def _delivery(row: Any) -> Delivery:
    return Delivery(
        id=row["id"],
        incident_id=row["incident_id"],
        part=DeliveryPart(row["part"]),
        change=ChangeKind(row["change"]),
        channel=row["channel"],
        connection=row["connection"],
        state=DeliveryState(row["state"]),
        attempts=row["attempts"],
        created_at=row["created_at"],
        sent_at=row["sent_at"],
        message_id=row["message_id"],
        last_error=row["last_error"],
        token=row["token"],
        post_began_at=row["post_began_at"],
        thread=row["thread"],
    )
