"""Delete what is too old to be kept, in small transactions, and give its space back."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from datetime import datetime
from typing import Any, Protocol, TypeVar

import sqlalchemy as sa

from seamwatch.core.incident_life import ChangeKind, Incident
from seamwatch.core.retention import Limits
from seamwatch.store.budget import Transactions
from seamwatch.store.codec import from_json
from seamwatch.store.failures import store_failures
from seamwatch.store.tables import (
    ActionRow,
    AggregateRow,
    AnswerRow,
    BudgetRow,
    ButtonPressRow,
    CauseRow,
    DebitRow,
    DeliveryRow,
    DiscrepancyRow,
    DocumentFaultRow,
    EvaluationRow,
    FreshnessCheckRow,
    GateAnswerRow,
    IncidentEventRow,
    IncidentRow,
    LabelRow,
    ReservationRow,
    ReviewDrawRow,
    ReviewItemRow,
    RunbookStepRow,
    SloBucketRow,
    StageResultRow,
    VerdictRow,
    VerdictSampleRow,
    WatchReportRow,
    WindowRow,
)

_ROWS_AT_ONCE = 5_000
"""Deleted in one transaction, some tens of milliseconds; a window goes whole, however many records it has."""
_NAMED_AT_ONCE = 400
"""Values named in one statement: below every database's limit on bound parameters."""
_PAUSE_S = 0.02
"""Between two transactions, so that a writer of SQLite that waits gets its turn."""
_PAGES_AT_ONCE = 2_000
_FREE_SHARE = 0.2
"""Share of an SQLite file that may be free: the next days fill it again."""
_FEW_PAGES = 1_000
"""Free space that is not worth giving back."""
T = TypeVar("T")
Rows = tuple[str, type[Any], tuple[sa.ColumnElement[bool], ...]]
"""What rows are, their table, and which of them."""


class Decisions(Transactions, Protocol):
    """What forgetting shares with the other parts of the store."""

    _engine: sa.Engine

    def deciding(self, pipeline: str) -> AbstractContextManager[None]:
        """Make one transaction of the block, in which nobody else decides on the pipeline's incidents."""
        ...


class RetentionStore:
    """The part of the store that forgets."""

    def pipelines(self: Transactions) -> set[str]:
        """Return the names of all pipelines that the store knows something of."""
        tables: tuple[type[Any], ...] = (
            WindowRow,
            SloBucketRow,
            AggregateRow,
            IncidentRow,
            FreshnessCheckRow,
            BudgetRow,
            GateAnswerRow,
        )
        with self._reading() as connection:
            return {name for table in tables for name in connection.scalars(sa.select(table.pipeline).distinct())}

    def purge(self: Decisions, pipeline: str, limits: Limits, *, is_dry_run: bool = False) -> dict[str, int]:
        """Return how many rows of a pipeline were too old, and are deleted, by what they are.

        Open incidents stay, and so does what an incident that stays rests on: its last window, watch report or check,
        and its messages. Baselines, rulings and overrides stay, and what a day has spent.

        Args:
            pipeline: Its name.
            limits: From when on what stays.
            is_dry_run: Only count.
        """
        counts: Counter[str] = Counter()

        def block() -> AbstractContextManager[None]:
            return nullcontext() if is_dry_run else self.deciding(pipeline)

        for ids in _parts(sorted(_expired(_incidents(self, pipeline), limits)), _NAMED_AT_ONCE):
            with block():  # read again: one of them may have reopened
                still = [one for one in ids if one in _expired(_incidents(self, pipeline), limits)]
                for rows in _of_incidents(still):
                    counts[rows[0]] += _count(self, rows) if is_dry_run else _delete(self, rows)
        for windows in _old_windows(self, pipeline, limits):
            with block():  # one of them may have a new incident
                held = {one.last_window.id for one in _kept(_incidents(self, pipeline), limits)}
                for rows in _of_windows(pipeline, [window for window in windows if window not in held]):
                    counts[rows[0]] += _count(self, rows) if is_dry_run else _delete(self, rows)
        for rows in _of_age(self, pipeline, limits):
            counts[rows[0]] += _count(self, rows) if is_dry_run else _delete_in_batches(self, rows)
        return {what: n for what, n in counts.items() if n}

    def begin_age_of_answers(self: Transactions, now: datetime) -> None:
        """Let cached answers whose age is not known grow old from now on."""
        with self._writing() as connection:
            connection.execute(sa.update(AnswerRow).where(AnswerRow.created_at.is_(None)).values(created_at=now))

    def give_back_space(self: Decisions) -> int:
        """Return by how many bytes an SQLite file became smaller; PostgreSQL fills freed space again by itself."""
        if self._engine.dialect.name != "sqlite":
            return 0
        with store_failures(self._engine.url):
            connection = self._engine.raw_connection()
            try:
                return _shrink(connection)
            finally:
                connection.close()


def _incidents(store: Transactions, pipeline: str) -> list[Incident]:
    with store._reading() as connection:
        statement = sa.select(IncidentRow.incident).filter_by(pipeline=pipeline)
        return [from_json(Incident, row) for row in connection.scalars(statement)]


def _expired(incidents: Sequence[Incident], limits: Limits) -> set[str]:
    """Return the ids of those that were resolved too long ago."""
    return {
        one.id
        for one in incidents
        if not one.is_open and max(one.resolved_at or one.updated_at, one.updated_at) < limits.incidents
    }


def _kept(incidents: Sequence[Incident], limits: Limits) -> list[Incident]:
    gone = _expired(incidents, limits)
    return [one for one in incidents if one.id not in gone]


def _of_incidents(ids: Sequence[str]) -> list[Rows]:
    """Return incidents and what belongs to them, in the order in which foreign keys let them go."""
    return [
        ("messages", DeliveryRow, (DeliveryRow.incident_id.in_(ids),)),
        ("pressed buttons", ButtonPressRow, (ButtonPressRow.incident_id.in_(ids),)),
        ("incident events", IncidentEventRow, (IncidentEventRow.incident_id.in_(ids),)),
        ("actions", ActionRow, (ActionRow.incident_id.in_(ids),)),
        ("runbook steps", RunbookStepRow, (RunbookStepRow.incident_id.in_(ids),)),
        ("verdicts drawn", VerdictSampleRow, (VerdictSampleRow.incident_id.in_(ids),)),
        ("incidents", IncidentRow, (IncidentRow.id.in_(ids),)),
    ]


def _of_windows(pipeline: str, windows: Sequence[str]) -> list[Rows]:
    tables: tuple[tuple[str, type[Any]], ...] = (
        ("verdicts", VerdictRow),
        ("discrepancies", DiscrepancyRow),
        ("stage results", StageResultRow),
        ("causes", CauseRow),
        ("windows", WindowRow),
    )
    return [(what, table, (table.pipeline == pipeline, table.window.in_(windows))) for what, table in tables]


def _old_windows(store: Transactions, pipeline: str, limits: Limits) -> list[list[str]]:
    """Return the ids of windows that ended too long ago, oldest first, in groups of as many rows as go at once."""
    is_old = (WindowRow.pipeline == pipeline, WindowRow.end_at < limits.records, WindowRow.begun_at < limits.begun)
    rows: Counter[str] = Counter()
    with store._reading() as connection:
        old = list(connection.scalars(sa.select(WindowRow.window).where(*is_old).order_by(WindowRow.start_at)))
        tables: tuple[type[Any], ...] = (VerdictRow, DiscrepancyRow)
        for part in _parts(old, _NAMED_AT_ONCE):
            for table in tables:
                inside = (table.pipeline == pipeline, table.window.in_(part))
                counted = sa.select(table.window, sa.func.count()).where(*inside).group_by(table.window)
                rows.update({window: n for window, n in connection.execute(counted)})
    groups: list[list[str]] = []
    size = 0
    for window in old:
        if not groups or size + rows[window] > _ROWS_AT_ONCE or len(groups[-1]) == _NAMED_AT_ONCE:
            groups.append([])
            size = 0
        groups[-1].append(window)
        size += rows[window]
    return groups


def _of_age(store: Transactions, pipeline: str, limits: Limits) -> Iterator[Rows]:
    """Yield what goes by its own age; incidents and windows that went already are not among it."""
    incidents, old = _incidents(store, pipeline), limits.records
    kept = _kept(incidents, limits)
    yield (
        "cached answers",
        AnswerRow,
        (AnswerRow.scope.startswith(f"{pipeline}/", autoescape=True), AnswerRow.created_at < old),
    )
    # Opening, resolving and what people did stays with the incident; of one that goes on, every look is an update.
    own = sa.select(IncidentRow.id).filter_by(pipeline=pipeline)
    is_update = (IncidentEventRow.kind == ChangeKind.UPDATED.value, IncidentEventRow.at < old)
    others = _not_among(IncidentEventRow.incident_id, sorted(_expired(incidents, limits)))
    yield "incident events", IncidentEventRow, (IncidentEventRow.incident_id.in_(own), *is_update, *others)

    day = f"{old:%Y-%m-%d}"
    of_run = (ReservationRow.pipeline == pipeline,)
    last_day = sa.func.max(ReservationRow.day)
    ended = sa.select(sa.literal("run:") + ReservationRow.run).where(*of_run).group_by(ReservationRow.run)
    yield (
        "budgets of runs",
        BudgetRow,
        (BudgetRow.pipeline == pipeline, BudgetRow.scope.in_(ended.having(last_day < day))),
    )
    yield "reserved calls", ReservationRow, (*of_run, ReservationRow.day < day)

    newest: Any = sa.select(WatchReportRow.watch, sa.func.max(WatchReportRow.end_at)).where(
        WatchReportRow.pipeline == pipeline
    )
    spans = [(one.last_window.start, one.last_window.end) for one in kept if one.watch is not None]
    yield (
        "watch reports",
        WatchReportRow,
        (
            WatchReportRow.pipeline == pipeline,
            WatchReportRow.end_at < old,
            sa.tuple_(WatchReportRow.watch, WatchReportRow.end_at).not_in(newest.group_by(WatchReportRow.watch)),
            *_not_among(sa.tuple_(WatchReportRow.start_at, WatchReportRow.end_at), spans),
        ),
    )
    checks, place = FreshnessCheckRow, (FreshnessCheckRow.knowledge_base, FreshnessCheckRow.checked_at)
    last: Any = sa.select(checks.knowledge_base, sa.func.max(checks.checked_at)).where(checks.pipeline == pipeline)
    moments = [one.last_window.end for one in kept if one.watch is None and one.last_window.end < old]
    yield (
        "freshness checks",
        checks,
        (
            checks.pipeline == pipeline,
            checks.checked_at < old,
            sa.tuple_(*place).not_in(last.group_by(checks.knowledge_base)),
            sa.tuple_(*place).not_in(last.where(checks.is_full).group_by(checks.knowledge_base)),
            *_not_among(checks.checked_at, moments),
        ),
    )
    yield "document findings", DocumentFaultRow, (DocumentFaultRow.pipeline == pipeline, DocumentFaultRow.until < old)
    yield "evaluations", EvaluationRow, (EvaluationRow.pipeline == pipeline, EvaluationRow.end_at < old)
    if limits.labels is not None:
        judged = limits.labels
        yield "drawn spans", ReviewDrawRow, (ReviewDrawRow.pipeline == pipeline, ReviewDrawRow.end_at < judged)
        yield "answers to judge", ReviewItemRow, (ReviewItemRow.pipeline == pipeline, ReviewItemRow.record_at < judged)
        yield "labels", LabelRow, (LabelRow.pipeline == pipeline, LabelRow.at < judged)
    if limits.sums is not None:
        yield (
            "events of objectives",
            SloBucketRow,
            (SloBucketRow.pipeline == pipeline, SloBucketRow.start_at < limits.sums),
        )
        yield "answers of the gate", GateAnswerRow, (GateAnswerRow.pipeline == pipeline, GateAnswerRow.at < limits.sums)
        yield "debits", DebitRow, (DebitRow.pipeline == pipeline, DebitRow.at < limits.sums)
        yield "sums of watches", AggregateRow, (AggregateRow.pipeline == pipeline, AggregateRow.start_at < limits.sums)


def _not_among(place: Any, values: Sequence[Any]) -> list[sa.ColumnElement[bool]]:
    return [place.not_in(part) for part in _parts(values, _NAMED_AT_ONCE)]


def _count(store: Transactions, rows: Rows) -> int:
    _, table, where = rows
    with store._reading() as connection:
        return int(connection.scalar(sa.select(sa.func.count()).select_from(table).where(*where)) or 0)


def _delete(store: Transactions, rows: Rows) -> int:
    _, table, where = rows
    with store._writing() as connection:
        return connection.execute(sa.delete(table).where(*where)).rowcount


def _delete_in_batches(store: Transactions, rows: Rows) -> int:
    """Return how many rows were deleted, each batch in a transaction of its own."""
    _, table, where = rows
    key = sa.tuple_(*sa.inspect(table).primary_key)
    n = 0
    while True:
        batch = sa.select(*sa.inspect(table).primary_key).where(*where).limit(_ROWS_AT_ONCE)
        with store._writing() as connection:
            done = connection.execute(sa.delete(table).where(key.in_(batch))).rowcount
        n += done
        if done < _ROWS_AT_ONCE:
            return n
        time.sleep(_PAUSE_S)


def _shrink(connection: Any) -> int:
    """Return by how many bytes the file became smaller."""

    def ask(pragma: str) -> int:
        return int(connection.cursor().execute(f"PRAGMA {pragma}").fetchone()[0])

    before, size = ask("page_count"), ask("page_size")
    surplus = ask("freelist_count") - max(int(before * _FREE_SHARE), _FEW_PAGES)
    if surplus <= 0:
        return 0
    cursor = connection.cursor()
    if ask("auto_vacuum") == 0:  # a file from before pages could be given back one by one: written anew, once
        cursor.execute("PRAGMA auto_vacuum=INCREMENTAL")
        cursor.execute("VACUUM")
    else:
        for _ in range(-(-surplus // _PAGES_AT_ONCE)):
            # A statement without columns is stepped once by `execute`, which frees one page; a script to its end.
            cursor.executescript(f"PRAGMA incremental_vacuum({_PAGES_AT_ONCE})")
            time.sleep(_PAUSE_S)
    cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    return (before - ask("page_count")) * size


def _parts(values: Sequence[T], size: int) -> Iterator[Sequence[T]]:
    yield from (values[start : start + size] for start in range(0, len(values), size))
