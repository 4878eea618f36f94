"""What holds of every message on its way to a channel: leased to one worker, noted before it is posted, sent once."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from seamwatch.store.tables import DeliveryRow, WeeklyDigestRow
from seamwatch.vocabulary import DeliveryState

Table = type[DeliveryRow] | type[WeeklyDigestRow]
UNSENT = (DeliveryState.PENDING.value, DeliveryState.FAILED.value)
ARRIVED: dict[str, Any] = {"lease_until": None, "lease_owner": None, "last_error": None, "post_began_at": None}
"""What a message that arrived no longer has."""
_LATE_AFTER = timedelta(minutes=15)


def was_never_tried(table: Table) -> sa.ColumnElement[bool]:
    """Return whether nobody has begun with a message: it waits for its time."""
    return sa.and_(
        table.state == DeliveryState.PENDING.value,
        table.attempts == 0,
        table.last_error.is_(None),
        table.lease_until.is_(None),
        table.post_began_at.is_(None),
    )


def has_failed(table: Table, now: datetime) -> sa.ColumnElement[bool]:
    """Return whether no try could deliver a message until now, it waits for long, or it was given up."""
    # Held on purpose, as through quiet hours, is not late.
    is_held = sa.and_(was_never_tried(table), table.next_attempt_at > now - _LATE_AFTER)
    has_waited = sa.and_(table.created_at <= now - _LATE_AFTER, ~is_held)
    is_late = sa.or_(table.attempts > 0, has_waited)
    is_waiting = table.state == DeliveryState.PENDING.value
    return sa.or_(table.state == DeliveryState.FAILED.value, sa.and_(is_waiting, is_late))


def is_free(table: Table, now: datetime) -> sa.ColumnElement[bool]:
    """Return whether no worker has a message."""
    return sa.or_(table.lease_until.is_(None), table.lease_until <= now)


def is_due(table: Table, now: datetime) -> sa.ColumnElement[bool]:
    """Return whether a message is to be sent now, as far as it alone tells."""
    return sa.and_(table.state == DeliveryState.PENDING.value, table.next_attempt_at <= now, is_free(table, now))


def claim(
    connection: sa.Connection,
    table: Table,
    due: sa.ColumnElement[bool],
    *,
    now: datetime,
    lease: timedelta,
    owner: str,
    not_through: Collection[tuple[str, str]],
) -> sa.RowMapping | None:
    """Return the message that is due for longest, leased to the caller; None where there is none."""
    wanted = sa.select(table.id).where(due)
    for through, channel in not_through:
        wanted = wanted.where(sa.or_(table.connection != through, table.channel != channel))
    wanted = wanted.order_by(table.next_attempt_at, table.id).limit(1)
    found = connection.scalar(wanted.with_for_update(skip_locked=True))
    if found is None:
        return None
    until = now + lease
    values = {"lease_until": until, "lease_owner": owner, "next_attempt_at": until}
    connection.execute(sa.update(table).filter_by(id=found).values(**values))
    return connection.execute(sa.select(table.__table__).filter_by(id=found)).mappings().one()


def leased(table: Table, message: int, owner: str) -> sa.Update:
    """Return an update of a message that does nothing where another caller has it by now."""
    return sa.update(table).filter_by(id=message, lease_owner=owner, state=DeliveryState.PENDING.value)


def renew_lease(connection: sa.Connection, table: Table, message: int, *, owner: str, until: datetime) -> bool:
    """Keep a message for longer; return False where another caller has it by now."""
    values = {"lease_until": until, "next_attempt_at": until}
    return bool(connection.execute(leased(table, message, owner).values(**values)).rowcount)


def note_sent(
    connection: sa.Connection,
    table: Table,
    message: int,
    *,
    owner: str,
    message_id: str,
    now: datetime,
    recheck_at: datetime | None,
    recheck_if_lost_at: datetime | None,
) -> None:
    """Note that a message arrived; where another caller has it by now, it may be there twice."""
    has_it = connection.scalar(sa.select(table.lease_owner).filter_by(id=message)) == owner
    again = recheck_at if has_it else recheck_if_lost_at
    values = {"state": DeliveryState.SENT.value, "message_id": message_id, "recheck_at": again, "sent_at": now}
    connection.execute(sa.update(table).filter_by(id=message).values(**values, **ARRIVED))


def note_failed(
    connection: sa.Connection,
    table: Table,
    message: int,
    *,
    owner: str,
    error: str | None,
    retry_at: datetime | None,
    is_try: bool,
    settled_at: datetime | None,
) -> None:
    """Note that a message did not arrive, or that nobody knows; nothing where another caller has it by now."""
    values: dict[str, Any] = {"lease_until": settled_at, "lease_owner": None}
    if error is not None:
        values["last_error"] = error
    if is_try:
        values["attempts"] = table.attempts + 1
    values |= {"state": DeliveryState.FAILED.value} if retry_at is None else {"next_attempt_at": retry_at}
    connection.execute(sa.update(table).filter_by(id=message, lease_owner=owner).values(**values))


def retry(connection: sa.Connection, table: Table, *which: sa.ColumnElement[bool], now: datetime) -> int:
    """Make all of some messages that waits or was given up due now; return how many messages.

    Tries are counted anew; what is leased, or may still be taken by its channel, waits for that.
    """
    due = sa.case((is_free(table, now), now), else_=table.lease_until)
    values = {"state": DeliveryState.PENDING.value, "next_attempt_at": due, "attempts": 0}
    return int(connection.execute(sa.update(table).where(table.state.in_(UNSENT), *which).values(**values)).rowcount)


def drop(
    connection: sa.Connection,
    table: Table,
    *which: sa.ColumnElement[bool],
    reason: str,
    now: datetime,
    recheck_after: timedelta,
) -> int:
    """Note that some messages need not be sent any more; of a post of unknown end, what arrived is deleted later."""
    recheck_at = sa.case((table.post_began_at.is_not(None), now + recheck_after), else_=None)
    values = {"state": DeliveryState.DROPPED.value, "last_error": reason, "sent_at": now, "recheck_at": recheck_at}
    return int(connection.execute(sa.update(table).where(table.state.in_(UNSENT), *which).values(**values)).rowcount)


def count_pending(connection: sa.Connection, table: Table) -> int:
    """Return how many messages still wait."""
    waiting = sa.select(sa.func.count()).select_from(table).where(table.state == DeliveryState.PENDING.value)
    return int(connection.scalar(waiting) or 0)


def count_undelivered(connection: sa.Connection, table: Table, now: datetime) -> tuple[int, int]:
    """Return how many messages `has_failed` finds, and how many of them were given up."""
    n_given_up = sa.func.coalesce(sa.func.sum(sa.case((table.state == DeliveryState.FAILED.value, 1), else_=0)), 0)
    n, n_failed = connection.execute(
        sa.select(sa.func.count(), n_given_up).select_from(table).where(has_failed(table, now))
    ).one()
    return int(n), int(n_failed)


def claim_recheck(
    connection: sa.Connection, table: Table, now: datetime, *, again_at: datetime
) -> sa.RowMapping | None:
    """Return a message that is over and that the channel may hold twice, to be looked for now and at `again_at`."""
    over = (DeliveryState.SENT.value, DeliveryState.DROPPED.value)
    due = sa.select(table.id).where(table.recheck_at <= now, table.state.in_(over))
    found = connection.scalar(due.order_by(table.recheck_at).limit(1).with_for_update(skip_locked=True))
    if found is None:
        return None
    connection.execute(sa.update(table).filter_by(id=found).values(recheck_at=again_at))
    return connection.execute(sa.select(table.__table__).filter_by(id=found)).mappings().one()
