"""When recurring jobs last ended well, and what else tells whether Seamwatch still works."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from seamwatch.core.watcher_status import SHARED, Outbox, WindowCount
from seamwatch.store.budget import Transactions
from seamwatch.store.dialect import insert_or_ignore
from seamwatch.store.outgoing import Table, was_never_tried
from seamwatch.store.tables import (
    DeliveryRow,
    FreshnessCheckRow,
    HeartbeatRow,
    IncidentRow,
    SloStatusRow,
    WeeklyDigestRow,
    WindowRow,
)
from seamwatch.vocabulary import DeliveryState, RecurringJob

_KNOWN = "known"
"""Part of the mark that says since when a pipeline is known."""
_WINDOWS_COUNTED = 3000


@dataclass(frozen=True, kw_only=True)
class Heartbeats:
    """What is known of when jobs ran."""

    ended: dict[tuple[str, RecurringJob, str | None], datetime]
    """Last good end by pipeline, job and knowledge base."""
    known_since: dict[str, datetime]
    """When a pipeline was first seen by a job of all pipelines."""

    def has(self, pipeline: str) -> bool:
        """Return whether any job of the pipeline ever left a mark."""
        return any(name == pipeline for name, _, _ in self.ended)


@dataclass(frozen=True, kw_only=True)
class WindowTimes:
    """When windows of a pipeline were last worked on for the first time, not counting those that were done again."""

    begun_at: datetime | None
    attributed_at: datetime | None
    """Begin of the newest of those that were attributed."""


class HeartbeatStore:
    """The part of the store that tells whether Seamwatch itself still works."""

    def note_end(
        self: Transactions, pipeline: str, job: RecurringJob, *, now: datetime, subject: str | None = None
    ) -> None:
        """Note that a job ended well; an earlier time never replaces a later one."""
        key = {"pipeline": pipeline, "part": job.value if subject is None else f"{job.value}/{subject}"}
        with self._writing() as connection:
            connection.execute(insert_or_ignore(connection, HeartbeatRow, {**key, "at": now}, list(key)))
            later = sa.update(HeartbeatRow).filter_by(**key).where(HeartbeatRow.at < now)
            connection.execute(later.values(at=now))

    def note_pipelines(self: Transactions, pipelines: Iterable[str], *, now: datetime) -> None:
        """Note since when pipelines are known; a second time changes nothing."""
        known = sa.select(HeartbeatRow.pipeline).filter_by(part=_KNOWN)
        with self._reading() as connection:
            new = sorted(set(pipelines) - set(connection.scalars(known)))
        if not new:
            return
        with self._writing() as connection:
            for name in new:
                values = {"pipeline": name, "part": _KNOWN, "at": now}
                connection.execute(insert_or_ignore(connection, HeartbeatRow, values, ["pipeline", "part"]))

    def heartbeats(self: Transactions) -> Heartbeats:
        """Return when jobs last ended well; a job of no known name, as of a newer version, is left out."""
        with self._reading() as connection:
            rows = connection.execute(sa.select(HeartbeatRow.pipeline, HeartbeatRow.part, HeartbeatRow.at)).all()
        names = {job.value for job in RecurringJob}
        ended = {}
        for pipeline, part, at in rows:
            job, _, subject = part.partition("/")
            if job in names:
                ended[pipeline, RecurringJob(job), subject or None] = at
        return Heartbeats(ended=ended, known_since={pipeline: at for pipeline, part, at in rows if part == _KNOWN})

    def window_times(self: Transactions, pipeline: str) -> WindowTimes:
        """Return when windows were last begun, and last begun and attributed."""
        newest = sa.select(
            sa.func.max(WindowRow.begun_at),
            sa.func.max(sa.case((WindowRow.attributed_at.is_not(None), WindowRow.begun_at))),
        ).filter_by(pipeline=pipeline)
        with self._reading() as connection:
            begun_at, attributed_at = connection.execute(newest).one()
        return WindowTimes(begun_at=begun_at, attributed_at=attributed_at)

    def window_counts(self: Transactions, pipeline: str) -> list[WindowCount]:
        """Return how many records the attributed windows had, newest first, a bounded number of them."""
        statement = (
            sa.select(WindowRow.start_at, WindowRow.end_at, WindowRow.n_judged, WindowRow.n_pending)
            .where(WindowRow.pipeline == pipeline, WindowRow.n_judged.is_not(None))
            .order_by(WindowRow.start_at.desc())
            .limit(_WINDOWS_COUNTED)
        )
        with self._reading() as connection:
            return [
                WindowCount(start=start, end=end, n_records=(judged or 0) + (pending or 0))
                for start, end, judged, pending in connection.execute(statement)
            ]

    def looked_at(self: Transactions, pipeline: str) -> datetime | None:
        """Return when the objectives of a pipeline were last looked at."""
        with self._reading() as connection:
            return connection.scalar(sa.select(SloStatusRow.looked_at).filter_by(pipeline=pipeline))

    def freshness_checked_at(self: Transactions, pipeline: str, knowledge_base: str) -> datetime | None:
        """Return when a knowledge base was last checked."""
        newest = sa.select(sa.func.max(FreshnessCheckRow.checked_at))
        with self._reading() as connection:
            return connection.scalar(newest.filter_by(pipeline=pipeline, knowledge_base=knowledge_base))

    def outboxes(self: Transactions, *, now: datetime) -> list[Outbox]:
        """Return the messages that did not arrive, by pipeline; one that lacks none is left out.

        What is held on purpose, as through quiet hours, is not among them. Digests of weekly reviews stand last.
        """
        of_incidents = (
            sa.select(IncidentRow.pipeline, *_undelivered(DeliveryRow, now))
            .select_from(DeliveryRow)
            .join(IncidentRow, IncidentRow.id == DeliveryRow.incident_id)
            .group_by(IncidentRow.pipeline)
            .order_by(IncidentRow.pipeline)
        )
        digests = sa.select(sa.literal(SHARED), *_undelivered(WeeklyDigestRow, now))
        with self._reading() as connection:
            rows = [*connection.execute(of_incidents), *connection.execute(digests)]
        return [
            Outbox(pipeline=pipeline, n_waiting=waiting, oldest_at=oldest, n_given_up=lost)
            for pipeline, waiting, oldest, lost in rows
            if waiting or lost
        ]


def _undelivered(table: Table, now: datetime) -> tuple[sa.ColumnElement[Any], ...]:
    """Return how many messages wait, since when the oldest one does, and how many were given up."""
    is_held = sa.and_(was_never_tried(table), table.next_attempt_at > now)
    waits = sa.and_(table.state == DeliveryState.PENDING.value, ~is_held)
    since = sa.case((was_never_tried(table), table.next_attempt_at), else_=table.created_at)
    given_up = table.state == DeliveryState.FAILED.value
    return (
        sa.func.count(sa.case((waits, 1))),
        sa.func.min(sa.case((waits, since))),
        sa.func.count(sa.case((given_up, 1))),
    )
