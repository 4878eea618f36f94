"""Events and debits of objectives, what people ruled of them, and the last look."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import pandas as pd
import sqlalchemy as sa

from seamwatch.core.slo.events import BUCKET_COLUMNS, Events
from seamwatch.core.slo.ledger import Debit, Ruling
from seamwatch.core.slo.policy import GateAnswer, Override
from seamwatch.core.slo.status import SloStatus
from seamwatch.store.budget import Transactions
from seamwatch.store.codec import from_json, to_json
from seamwatch.store.tables import DebitRow, GateAnswerRow, OverrideRow, RulingRow, SloBucketRow, SloStatusRow
from seamwatch.vocabulary import DebitKind, GateState

_AT_ONCE = 400


@dataclass(frozen=True, kw_only=True)
class LastLook:
    """What the next look goes on from."""

    looked_at: datetime
    late_at: datetime
    status: SloStatus


class SloStore:
    """The part of the store that keeps objectives."""

    def last_look(self: Transactions, pipeline: str) -> LastLook | None:
        """Return the last look at a pipeline's objectives; None before the first."""
        with self._reading() as connection:
            row = connection.execute(sa.select(SloStatusRow.__table__).filter_by(pipeline=pipeline)).one_or_none()
            if row is None:
                return None
            return LastLook(looked_at=row.looked_at, late_at=row.late_at, status=from_json(SloStatus, row.status))

    def save_look(self: Transactions, status: SloStatus, *, late_at: datetime) -> None:
        """Replace the last look."""
        values = {
            "pipeline": status.pipeline,
            "looked_at": status.at,
            "late_at": late_at,
            "status": to_json(status),
        }
        with self._writing() as connection:
            connection.execute(sa.delete(SloStatusRow).filter_by(pipeline=status.pipeline))
            connection.execute(sa.insert(SloStatusRow).values(**values))

    def post_events(
        self: Transactions, pipeline: str, objective: str, events: Events, *, start: datetime, end: datetime
    ) -> None:
        """Replace what is known of an objective from `start` to `end`: a look that is repeated counts nothing twice.

        A debit that stays keeps the time at which it was first told, and the incident that it belongs to.
        """
        place = {"pipeline": pipeline, "objective": objective}
        with self._writing() as connection:
            old = {
                (row.record, row.kind): (row.told_at, row.incident)
                for row in connection.execute(
                    sa.select(DebitRow.record, DebitRow.kind, DebitRow.told_at, DebitRow.incident)
                    .filter_by(**place)
                    .where(DebitRow.at >= start, DebitRow.at < end)
                )
            }
            for table, time in ((SloBucketRow, SloBucketRow.start_at), (DebitRow, DebitRow.at)):
                connection.execute(sa.delete(table).filter_by(**place).where(time >= start, time < end))
            if len(events.buckets):
                rows = [
                    {
                        **place,
                        **{str(name): value for name, value in row.items()},
                        "start_at": row["start_at"].to_pydatetime(),
                    }
                    for row in events.buckets.to_dict("records")
                ]
                connection.execute(sa.insert(SloBucketRow), rows)
            debits = [
                {
                    **place,
                    "kind": one.kind.value,
                    "record": one.record,
                    "at": one.at,
                    "told_at": old.get((one.record, one.kind.value), (one.told_at, None))[0],
                    "amount": one.amount,
                    "incident": old.get((one.record, one.kind.value), (None, one.incident))[1],
                }
                for one in events.debits
            ]
            if debits:
                connection.execute(sa.insert(DebitRow), debits)

    def slo_buckets(self: Transactions, pipeline: str, objective: str, *, since: datetime) -> pd.DataFrame:
        """Return an objective's events by five minutes, oldest first."""
        columns = [getattr(SloBucketRow, name) for name in BUCKET_COLUMNS]
        statement = (
            sa.select(*columns)
            .filter_by(pipeline=pipeline, objective=objective)
            .where(SloBucketRow.start_at >= since)
            .order_by(SloBucketRow.start_at)
        )
        with self._reading() as connection:
            frame = pd.DataFrame([tuple(row) for row in connection.execute(statement)], columns=list(BUCKET_COLUMNS))
        frame["start_at"] = pd.to_datetime(frame["start_at"], utc=True)
        return frame.astype(dict.fromkeys(BUCKET_COLUMNS[1:], "float64"))

    def objective_sums(
        self: Transactions, pipeline: str, *, since: datetime, until: datetime, length: timedelta
    ) -> dict[str, pd.DataFrame]:
        """Return the events of every objective of a pipeline in spans of a length, oldest first; none: left out.

        Args:
            pipeline: Its name.
            since: First moment, aware.
            until: First moment after.
            length: Whole minutes; spans begin at multiples of it since 1970 in UTC.
        """
        seconds = int(length.total_seconds())
        with self._reading() as connection:
            span = _number_of_span(connection, SloBucketRow.start_at, seconds)
            sums = [sa.func.sum(getattr(SloBucketRow, name)) for name in BUCKET_COLUMNS[1:]]
            statement = (
                sa.select(SloBucketRow.objective, span, *sums)
                .where(SloBucketRow.pipeline == pipeline)
                .where(SloBucketRow.start_at >= since, SloBucketRow.start_at < until)
                .group_by(SloBucketRow.objective, span)
            )
            rows = [tuple(row) for row in connection.execute(statement)]
        frame = pd.DataFrame(rows, columns=["objective", *BUCKET_COLUMNS])
        frame["start_at"] = pd.to_datetime(frame["start_at"].astype("int64") * seconds, unit="s", utc=True)
        frame = frame.sort_values("start_at", ignore_index=True)
        return {
            str(name): part.drop(columns="objective").astype(dict.fromkeys(BUCKET_COLUMNS[1:], "float64"))
            for name, part in frame.groupby("objective")
        }

    def debits(self: Transactions, pipeline: str, *, objective: str | None = None, since: datetime) -> list[Debit]:
        """Return the debits since a moment, oldest first."""
        statement = sa.select(DebitRow.__table__).filter_by(pipeline=pipeline).where(DebitRow.at >= since)
        if objective is not None:
            statement = statement.where(DebitRow.objective == objective)
        with self._reading() as connection:
            return [
                Debit(
                    objective=row.objective,
                    kind=DebitKind(row.kind),
                    record=row.record,
                    at=row.at,
                    told_at=row.told_at,
                    amount=row.amount,
                    incident=row.incident,
                )
                for row in connection.execute(statement.order_by(DebitRow.at, DebitRow.id))
            ]

    def link_debits(self: Transactions, pipeline: str, incident: str, records: Collection[str]) -> int:
        """Note which incident the debits of some records belong to; return how many debits."""
        n = 0
        with self._writing() as connection:
            for part in _parts(records):
                update = sa.update(DebitRow).filter_by(pipeline=pipeline).where(DebitRow.record.in_(part))
                n += connection.execute(update.values(incident=incident)).rowcount
        return n

    def rule(self: Transactions, pipeline: str, ruling: Ruling) -> None:
        """Keep what a person decided of an incident's debits."""
        with self._writing() as connection:
            connection.execute(sa.insert(RulingRow).values(pipeline=pipeline, **vars(ruling)))

    def rulings(self: Transactions, pipeline: str) -> list[Ruling]:
        """Return all rulings, oldest first."""
        statement = sa.select(RulingRow.__table__).filter_by(pipeline=pipeline).order_by(RulingRow.id)
        with self._reading() as connection:
            return [
                Ruling(incident=row.incident, is_void=row.is_void, reason=row.reason, by=row.by, at=row.at)
                for row in connection.execute(statement)
            ]

    def add_override(self: Transactions, pipeline: str, override: Override) -> None:
        """Keep an override."""
        with self._writing() as connection:
            connection.execute(sa.insert(OverrideRow).values(pipeline=pipeline, **vars(override)))

    def overrides(self: Transactions, pipeline: str) -> list[Override]:
        """Return every override that was ever given, oldest first."""
        statement = sa.select(OverrideRow.__table__).filter_by(pipeline=pipeline).order_by(OverrideRow.id)
        with self._reading() as connection:
            return [
                Override(objective=row.objective, reason=row.reason, by=row.by, at=row.at, until=row.until)
                for row in connection.execute(statement)
            ]

    def add_gate_answer(self: Transactions, pipeline: str, answer: GateAnswer) -> None:
        """Keep what the gate said to a release."""
        with self._writing() as connection:
            connection.execute(sa.insert(GateAnswerRow).values(pipeline=pipeline, **vars(answer)))

    def gate_answers(self: Transactions, pipeline: str, *, since: datetime, until: datetime) -> list[GateAnswer]:
        """Return what the gate said to releases from `since` to before `until`, oldest first."""
        statement = (
            sa.select(GateAnswerRow.__table__)
            .filter_by(pipeline=pipeline)
            .where(GateAnswerRow.at >= since, GateAnswerRow.at < until)
            .order_by(GateAnswerRow.at, GateAnswerRow.id)
        )
        with self._reading() as connection:
            return [
                GateAnswer(
                    at=row.at,
                    is_allowed=row.is_allowed,
                    state=GateState(row.state),
                    reason=row.reason,
                    release=row.release,
                )
                for row in connection.execute(statement)
            ]


def _number_of_span(connection: sa.Connection, time: Any, seconds: int) -> sa.ColumnElement[Any]:
    """Return how many whole spans lie between 1970 and a time, which is kept as UTC without zone."""
    if connection.dialect.name == "sqlite":
        return sa.cast(sa.func.strftime("%s", time), sa.Integer).op("/")(seconds)
    return sa.func.floor(sa.extract("epoch", time) / seconds)


def _parts(records: Collection[str]) -> Iterator[Sequence[str]]:
    names = sorted(set(records))
    yield from (names[start : start + _AT_ONCE] for start in range(0, len(names), _AT_ONCE))
