"""The digests of weekly reviews on their way to the channels: one a week and channel, sent once."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

import sqlalchemy as sa

from seamwatch.core.deliveries import WeeklyDigest
from seamwatch.errors import StoreError
from seamwatch.store import outgoing
from seamwatch.store.budget import Transactions
from seamwatch.store.dialect import insert_or_ignore
from seamwatch.store.tables import WeeklyDigestRow
from seamwatch.vocabulary import DeliveryState

Place = tuple[str, str]
"""Channel and connection."""
_INDEX = ("week", "channel", "connection")


class HandOver(StrEnum):
    """What became of handing pipelines over to the digest of another channel."""

    DONE = "done"
    BUSY = "busy"
    """That digest is on its way: nobody knows yet what it tells."""
    TOO_LATE = "too_late"
    """That channel has had its digest of the week."""


class WeeklyDigestStore:
    """The part of the store that keeps the digests of weekly reviews."""

    @property
    def weekly_digests(self: Transactions) -> WeeklyDigests:
        """Return the outbox of these digests."""
        return WeeklyDigests(self)


class WeeklyDigests:
    """An outbox as that of incidents is, one message a week and channel."""

    def __init__(self, store: Transactions) -> None:
        """Take the store that keeps them."""
        self._store = store

    def add(self, week: str, places: Mapping[Place, Sequence[str]], *, now: datetime) -> int:
        """Put the digests of a week into the outbox; return how many there are now that were not there before.

        A pipeline that a digest of the week tells of already is left out, wherever that goes: it is told of once.
        """
        n = 0
        with self._store._writing() as connection:
            told = sa.select(WeeklyDigestRow.pipelines).filter_by(week=week)
            known = {name for names in connection.scalars(told) for name in names}
            for place, names in sorted(places.items()):
                new = [name for name in names if name not in known]
                if new:
                    n += _insert(connection, week, place, new, now)
        return n

    def of_week(self, week: str) -> list[WeeklyDigest]:
        """Return the digests of a week, sent ones too, oldest first."""
        statement = sa.select(WeeklyDigestRow.__table__).filter_by(week=week).order_by(WeeklyDigestRow.id)
        with self._store._reading() as connection:
            return [_digest(row) for row in connection.execute(statement).mappings()]

    def sent(self, *, since_week: str) -> list[WeeklyDigest]:
        """Return the digests of a week and of later ones that a channel holds, newest week first.

        Args:
            since_week: Name of the oldest week.
        """
        table = WeeklyDigestRow
        held = (table.week >= since_week, table.state == DeliveryState.SENT.value, table.message_id.is_not(None))
        statement = sa.select(table.__table__).where(*held).order_by(table.week.desc(), table.id)
        with self._store._reading() as connection:
            return [_digest(row) for row in connection.execute(statement).mappings()]

    def claim(
        self, now: datetime, *, lease: timedelta, owner: str, not_through: Collection[Place] = ()
    ) -> WeeklyDigest | None:
        """Return a digest that is due, leased to the caller; None where there is none.

        Args:
            now: Aware time.
            lease: How long nobody else gets it.
            owner: Id of the caller, for `renew_lease`.
            not_through: Connections and channels that ask for a pause.
        """
        due = outgoing.is_due(WeeklyDigestRow, now)
        with self._store._writing() as connection:
            row = outgoing.claim(
                connection, WeeklyDigestRow, due, now=now, lease=lease, owner=owner, not_through=not_through
            )
            return None if row is None else _digest(row)

    def hand_over(
        self, digest: WeeklyDigest, place: Place, pipelines: Sequence[str], *, owner: str, now: datetime
    ) -> HandOver:
        """Leave it to the digest of another channel to tell of some pipelines of a leased one.

        Args:
            digest: Nothing of it is in its channel.
            place: Where the pipelines tell their incidents by now.
            pipelines: Some of the digest's.
            owner: Who leased it.
            now: Aware time.

        Raises:
            StoreError: If another worker changed one of the two meanwhile; nothing is changed then.
        """
        with self._store._writing() as connection:
            there = sa.select(WeeklyDigestRow.__table__).filter_by(
                week=digest.week, channel=place[0], connection=place[1]
            )
            other = connection.execute(there.with_for_update()).one_or_none()
            is_open = other is None or other.state in outgoing.UNSENT or not other.pipelines
            if not is_open:
                return HandOver.TOO_LATE
            if other is not None and (other.post_began_at or (other.lease_until and other.lease_until > now)):
                return HandOver.BUSY
            left = [name for name in digest.pipelines if name not in pipelines]
            mine = outgoing.leased(WeeklyDigestRow, digest.id, owner).values(pipelines=left)
            if other is None:
                n = _insert(connection, digest.week, place, pipelines, now)
            else:
                n = connection.execute(_add_to(other, pipelines, now)).rowcount
            if not n or not connection.execute(mine).rowcount:
                msg = f"the digest of {digest.week} for {digest.channel} was changed by another worker"
                raise StoreError(msg)
            return HandOver.DONE

    def renew_lease(self, digest_id: int, *, owner: str, until: datetime) -> bool:
        """Keep a digest for longer; return False where another caller has it by now."""
        with self._store._writing() as connection:
            return outgoing.renew_lease(connection, WeeklyDigestRow, digest_id, owner=owner, until=until)

    def begin_post(
        self,
        digest_id: int,
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
        """Note, before a digest is posted, that it is; return False where another caller has it by now.

        It tells no other message, has no thread, and is posted where it was meant for.
        """
        del tells, channel, connection, thread
        values = {"token": token, "post_began_at": now, "lease_until": until, "next_attempt_at": until}
        with self._store._writing() as database:
            mine = outgoing.leased(WeeklyDigestRow, digest_id, owner)
            return bool(database.execute(mine.values(**values)).rowcount)

    def no_message_arrived(self, digest_id: int) -> None:
        """Note that a post did not arrive, and never will."""
        with self._store._writing() as connection:
            connection.execute(sa.update(WeeklyDigestRow).filter_by(id=digest_id).values(post_began_at=None))

    def mark_sent(
        self,
        digest_id: int,
        *,
        owner: str,
        message_id: str,
        now: datetime,
        tells: Sequence[int] = (),
        recheck_at: datetime | None = None,
        recheck_if_lost_at: datetime | None = None,
    ) -> None:
        """Note that a digest arrived, and its id there; see `DeliveryStore.mark_sent`."""
        del tells
        with self._store._writing() as connection:
            outgoing.note_sent(
                connection,
                WeeklyDigestRow,
                digest_id,
                owner=owner,
                message_id=message_id,
                now=now,
                recheck_at=recheck_at,
                recheck_if_lost_at=recheck_if_lost_at,
            )

    def mark_failed(
        self,
        digest_id: int,
        *,
        owner: str,
        error: str | None,
        retry_at: datetime | None,
        is_try: bool = True,
        settled_at: datetime | None = None,
    ) -> None:
        """Note that a digest did not arrive, or that nobody knows; see `DeliveryStore.mark_failed`."""
        with self._store._writing() as connection:
            outgoing.note_failed(
                connection,
                WeeklyDigestRow,
                digest_id,
                owner=owner,
                error=error,
                retry_at=retry_at,
                is_try=is_try,
                settled_at=settled_at,
            )

    def retry(self, *, now: datetime) -> int:
        """Make all that waits or was given up due now; return how many."""
        with self._store._writing() as connection:
            return outgoing.retry(connection, WeeklyDigestRow, now=now)

    def drop(
        self,
        *,
        week: str | None = None,
        only: int | None = None,
        reason: str,
        now: datetime,
        recheck_after: timedelta = timedelta(minutes=10),
    ) -> int:
        """Note that the digests of a week, or the one that is meant, need not be sent any more; return how many."""
        which = WeeklyDigestRow.week == week if only is None else WeeklyDigestRow.id == only
        with self._store._writing() as connection:
            return outgoing.drop(
                connection, WeeklyDigestRow, which, reason=reason, now=now, recheck_after=recheck_after
            )

    def n_pending(self) -> int:
        """Return how many digests still wait."""
        with self._store._reading() as connection:
            return outgoing.count_pending(connection, WeeklyDigestRow)

    def count_undelivered(self, *, now: datetime) -> tuple[int, int]:
        """Return how many digests `undelivered` would return, and how many of them were given up."""
        with self._store._reading() as connection:
            return outgoing.count_undelivered(connection, WeeklyDigestRow, now)

    def undelivered(self, *, now: datetime, limit: int | None = None) -> list[WeeklyDigest]:
        """Return digests that no try could deliver, that wait for long, or that were given up, oldest first."""
        late = sa.select(WeeklyDigestRow.__table__).where(outgoing.has_failed(WeeklyDigestRow, now))
        with self._store._reading() as connection:
            rows = connection.execute(late.order_by(WeeklyDigestRow.id).limit(limit)).mappings()
            return [_digest(row) for row in rows]

    def purge(self, *, before_week: str, is_dry_run: bool = False) -> int:
        """Return how many digests of weeks before one were sent, dropped or given up, and are deleted.

        Args:
            before_week: Name of the oldest week whose digests stay.
            is_dry_run: Only count.
        """
        table = WeeklyDigestRow
        old = (table.week < before_week, table.state != DeliveryState.PENDING.value)
        if is_dry_run:
            with self._store._reading() as connection:
                return connection.scalar(sa.select(sa.func.count()).select_from(table).where(*old)) or 0
        with self._store._writing() as connection:
            return connection.execute(sa.delete(table).where(*old)).rowcount

    def last_posted(self, *, connection: str, channel: str) -> str | None:
        """Return the id of any digest in a channel; it names the channel as the notifier knows it."""
        newest = (
            sa.select(WeeklyDigestRow.message_id)
            .filter_by(connection=connection, channel=channel)
            .where(WeeklyDigestRow.message_id.is_not(None))
            .order_by(WeeklyDigestRow.id.desc())
            .limit(1)
        )
        with self._store._reading() as database:
            return database.scalar(newest)

    def claim_recheck(self, now: datetime, *, again_at: datetime) -> WeeklyDigest | None:
        """Return a digest that the channel may hold twice, to be looked for now, and again at `again_at`."""
        with self._store._writing() as connection:
            row = outgoing.claim_recheck(connection, WeeklyDigestRow, now, again_at=again_at)
            return None if row is None else _digest(row)

    def recheck_delivery(self, digest_id: int, *, at: datetime | None) -> None:
        """Set when to look whether the channel holds a digest twice; None: it was found to hold it once."""
        with self._store._writing() as connection:
            connection.execute(sa.update(WeeklyDigestRow).filter_by(id=digest_id).values(recheck_at=at))


def _insert(connection: sa.Connection, week: str, place: Place, pipelines: Sequence[str], now: datetime) -> int:
    values = {
        "week": week,
        "channel": place[0],
        "connection": place[1],
        "pipelines": list(pipelines),
        "state": DeliveryState.PENDING.value,
        "attempts": 0,
        "next_attempt_at": now,
        "created_at": now,
    }
    done: Any = connection.execute(insert_or_ignore(connection, WeeklyDigestRow, values, _INDEX))
    return int(done.rowcount)


def _add_to(other: Any, pipelines: Sequence[str], now: datetime) -> sa.Update:
    """Return what lets a digest tell of more pipelines; one that had none any more is to be sent after all."""
    values: dict[str, Any] = {
        "pipelines": [*other.pipelines, *(one for one in pipelines if one not in other.pipelines)]
    }
    if other.state not in outgoing.UNSENT:
        values |= {"state": DeliveryState.PENDING.value, "next_attempt_at": now, "sent_at": None, "last_error": None}
    return sa.update(WeeklyDigestRow).filter_by(id=other.id).values(**values)


def _digest(row: Any) -> WeeklyDigest:
    return WeeklyDigest(
        id=row["id"],
        week=row["week"],
        pipelines=tuple(row["pipelines"]),
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
    )
