"""The outbox: a message is put here with the fact that it tells, and sent afterwards, once."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import aliased

from seamwatch.core.deliveries import Delivery, DeliveryPart
from seamwatch.core.incidents import ChangeKind
from seamwatch.store.budget import Transactions
from seamwatch.store.dialect import insert_or_ignore
from seamwatch.store.tables import DeliveryRow
from seamwatch.vocabulary import DeliveryState


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
    ) -> bool:
        """Put a message into the outbox; return False if one with this key was there already."""
        values = {
            "incident_id": incident_id,
            "dedupe_key": dedupe_key,
            "part": part.value,
            "change": change.value,
            "channel": channel,
            "connection": connection,
            "state": DeliveryState.PENDING.value,
            "attempts": 0,
            "next_attempt_at": now,
            "created_at": now,
        }
        with self._writing() as database:
            done: Any = database.execute(insert_or_ignore(database, DeliveryRow, values, ["dedupe_key"]))
            return bool(done.rowcount)

    def claim_deliveries(self: Transactions, now: datetime, *, lease: timedelta, limit: int = 20) -> list[Delivery]:
        """Return messages that are due, leased to the caller, oldest first; no two callers get the same one.

        Of one incident only the oldest unsent message is due: an update never overtakes the message that it updates.
        A lease that ran out (its worker died) is due again.
        """
        older = aliased(DeliveryRow)
        is_first = ~sa.exists().where(
            older.incident_id == DeliveryRow.incident_id,
            older.state == DeliveryState.PENDING.value,
            older.id < DeliveryRow.id,
        )
        is_due = sa.and_(
            DeliveryRow.state == DeliveryState.PENDING.value,
            DeliveryRow.next_attempt_at <= now,
            sa.or_(DeliveryRow.lease_until.is_(None), DeliveryRow.lease_until <= now),
            is_first,
        )
        with self._writing() as connection:
            wanted = sa.select(DeliveryRow.id).where(is_due).order_by(DeliveryRow.id).limit(limit)
            ids = list(connection.scalars(wanted.with_for_update(skip_locked=True)))
            claimed = (
                sa.update(DeliveryRow)
                .where(DeliveryRow.id.in_(ids))
                .values(lease_until=now + lease, attempts=DeliveryRow.attempts + 1)
            )
            connection.execute(claimed)
            rows = connection.execute(sa.select(DeliveryRow.__table__).where(DeliveryRow.id.in_(ids)))
            return sorted((_delivery(row) for row in rows.mappings()), key=lambda d: d.id)

    def mark_sent(self: Transactions, delivery_id: int, *, message_id: str, now: datetime) -> None:
        """Note that a message arrived, and its id there."""
        values = {
            "state": DeliveryState.SENT.value,
            "message_id": message_id,
            "sent_at": now,
            "lease_until": None,
            "last_error": None,
        }
        with self._writing() as connection:
            connection.execute(sa.update(DeliveryRow).filter_by(id=delivery_id).values(**values))

    def mark_failed(self: Transactions, delivery_id: int, *, error: str, retry_at: datetime | None) -> None:
        """Note that a message did not arrive; tried again at `retry_at`, or given up where that is None."""
        values: dict[str, Any] = {"last_error": error, "lease_until": None}
        values |= {"state": DeliveryState.FAILED.value} if retry_at is None else {"next_attempt_at": retry_at}
        with self._writing() as connection:
            connection.execute(sa.update(DeliveryRow).filter_by(id=delivery_id).values(**values))

    def deliveries(self: Transactions, incident_id: str) -> list[Delivery]:
        """Return the messages of an incident, oldest first."""
        statement = sa.select(DeliveryRow.__table__).filter_by(incident_id=incident_id).order_by(DeliveryRow.id)
        with self._reading() as connection:
            return [_delivery(row) for row in connection.execute(statement).mappings()]

    def n_pending_deliveries(self: Transactions) -> int:
        """Return how many messages still wait."""
        statement = sa.select(sa.func.count()).select_from(DeliveryRow).filter_by(state=DeliveryState.PENDING.value)
        with self._reading() as connection:
            return int(connection.scalar(statement) or 0)

    def head_message(self: Transactions, incident_id: str) -> str | None:
        """Return the id of the incident's message, the newest where it had to be posted anew; None if none was sent."""
        statement = (
            sa.select(DeliveryRow.message_id)
            .filter_by(incident_id=incident_id, part=DeliveryPart.HEAD.value, state=DeliveryState.SENT.value)
            .order_by(DeliveryRow.id.desc())
            .limit(1)
        )
        with self._reading() as connection:
            return connection.scalar(statement)


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
    )
