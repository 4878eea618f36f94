"""The store: everything Seamwatch knows of windows, verdicts, incidents and messages."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import asdict, fields
from datetime import datetime
from typing import Any, Self

import numpy as np
import pandas as pd
import sqlalchemy as sa

from seamwatch.core.benchmark import BenchmarkResult
from seamwatch.core.records.comparison import strict_text
from seamwatch.core.records.reconciliation import DISCREPANCY_COLUMNS
from seamwatch.core.results import Attribution, StageResult, Verdict, Window
from seamwatch.core.revisits import PendingWindow
from seamwatch.errors import StoreError
from seamwatch.store.actions import ActionStore
from seamwatch.store.agreed_actions import AgreedActionStore
from seamwatch.store.budget import BudgetStore
from seamwatch.store.button_presses import ButtonPressStore
from seamwatch.store.codec import from_json, to_json
from seamwatch.store.deliveries import DeliveryStore
from seamwatch.store.dialect import insert_or_ignore, lock_incidents, reading_engine
from seamwatch.store.failures import store_failures, transaction
from seamwatch.store.heartbeats import HeartbeatStore
from seamwatch.store.incidents import IncidentStore
from seamwatch.store.knowledge import KnowledgeStore
from seamwatch.store.retention import RetentionStore
from seamwatch.store.review import ReviewStore
from seamwatch.store.session import migrate, open_engine, require_head, require_undamaged
from seamwatch.store.slo import SloStore
from seamwatch.store.tables import (
    BaselineResultRow,
    BaselineRow,
    CauseRow,
    DiscrepancyRow,
    StageResultRow,
    VerdictRow,
    WindowRow,
)
from seamwatch.store.verdict_samples import VerdictSampleStore
from seamwatch.store.watch import WatchStore
from seamwatch.store.weekly_digests import WeeklyDigestStore
from seamwatch.store.weekly_reviews import WeeklyReviewStore
from seamwatch.vocabulary import DiscrepancyKind, Responsibility

_DISCREPANCIES_KEPT = 1_000
"""Rows kept for one field of one stage of one window; the counts in the stage's result are whole."""
_FORM_ONLY_KEPT = 20
"""The same for fields that differ in form alone: they blame nobody, and mostly every record has them."""
_TEXT = 4000
"""Characters of a value kept with a discrepancy."""


class Store(
    BudgetStore,
    IncidentStore,
    ActionStore,
    AgreedActionStore,
    DeliveryStore,
    ButtonPressStore,
    HeartbeatStore,
    KnowledgeStore,
    RetentionStore,
    ReviewStore,
    SloStore,
    VerdictSampleStore,
    WatchStore,
    WeeklyReviewStore,
    WeeklyDigestStore,
):
    """One database, by SQLAlchemy: SQLite by default, PostgreSQL for teams."""

    def __init__(self, engine: sa.Engine) -> None:
        """Take an engine; use `open`."""
        self._engine = engine
        self._readers = reading_engine(engine)
        self._writers = engine.execution_options(is_writing=True)
        self._joined = threading.local()

    @classmethod
    def open(cls, url: sa.URL | str, *, migrate_first: bool = False) -> Self:
        """Return the store at a SQLAlchemy URL.

        Args:
            url: Where it lies; an SQLite file is created.
            migrate_first: Bring it to the newest migration first.

        Raises:
            StoreError: If it does not answer, or is not at the newest migration.
        """
        engine = open_engine(url)
        try:
            if migrate_first:
                migrate(engine)
            require_head(engine)
        except BaseException:
            engine.dispose()
            raise
        return cls(engine)

    def close(self) -> None:
        """Close every connection."""
        self._engine.dispose()

    def require_undamaged(self) -> None:
        """Raise StoreError if the file of an SQLite store is damaged; reads all of it."""
        require_undamaged(self._engine)

    @contextmanager
    def deciding(self, pipeline: str) -> Iterator[None]:
        """Make one transaction of all that this thread does with the store inside the block.

        What is read, decided and written on the incidents of a pipeline happens as if nobody else was there: another
        decider of the pipeline, or a person who acknowledges, waits. An error leaves the store as it was. A block
        inside of another one is a part of it.
        """
        joined: sa.Connection | None = getattr(self._joined, "connection", None)
        if joined is not None:
            with store_failures(self._engine.url):
                lock_incidents(joined, pipeline)
            yield
            return
        with transaction(self._writers) as connection:
            with store_failures(self._engine.url):
                lock_incidents(connection, pipeline)
            self._joined.connection = connection
            try:
                yield
            finally:
                del self._joined.connection

    @contextmanager
    def together(self) -> Iterator[None]:
        """Make one transaction of all that this thread does with the store inside the block.

        An error leaves the store as it was. Inside of another such block it is a part of that.
        """
        if getattr(self._joined, "connection", None) is not None:
            yield
            return
        with store_failures(self._engine.url), transaction(self._writers) as connection:
            self._joined.connection = connection
            try:
                yield
            finally:
                del self._joined.connection

    @contextmanager
    def _reading(self) -> Iterator[sa.Connection]:
        """Give a transaction that sees one moment of the store; whatever fails inside it is a StoreError."""
        with store_failures(self._engine.url), self._transaction(self._readers) as connection:
            yield connection

    @contextmanager
    def _writing(self) -> Iterator[sa.Connection]:
        """Give a transaction that is a writer from its start, so that two of them queue and never deadlock.

        Whatever fails inside it is a StoreError, and none of it is kept.
        """
        with store_failures(self._engine.url), self._transaction(self._writers) as connection:
            yield connection

    def _transaction(self, engine: sa.Engine) -> AbstractContextManager[sa.Connection]:
        """Return a transaction of its own, or the one of the `deciding` block that this thread is in."""
        joined: sa.Connection | None = getattr(self._joined, "connection", None)
        return transaction(engine) if joined is None else nullcontext(joined)

    # Windows and what validation found

    def begin_window(self, pipeline: str, window: Window, *, now: datetime) -> None:
        """Note that a window is looked at; a second time changes nothing."""
        with self._writing() as connection:
            self._ensure_window(connection, pipeline, window, now)

    def _ensure_window(self, connection: sa.Connection, pipeline: str, window: Window, now: datetime) -> None:
        values = {
            "pipeline": pipeline,
            "window": window.id,
            "start_at": window.start,
            "end_at": window.end,
            "begun_at": now,
        }
        connection.execute(insert_or_ignore(connection, WindowRow, values, ["pipeline", "window"]))

    def windows(self, pipeline: str, limit: int = 50) -> list[Window]:
        """Return the windows of a pipeline, newest first."""
        statement = (
            sa.select(WindowRow.start_at, WindowRow.end_at)
            .where(WindowRow.pipeline == pipeline)
            .order_by(WindowRow.start_at.desc())
            .limit(limit)
        )
        with self._reading() as connection:
            return [Window(start=start, end=end) for start, end in connection.execute(statement)]

    def save_stage_result(
        self, pipeline: str, window: Window, result: StageResult, discrepancies: pd.DataFrame | None = None
    ) -> None:
        """Replace what is known of one stage in one window, in one transaction; StoreError if it was not begun."""
        place = {"pipeline": pipeline, "window": window.id, "stage": result.stage}
        rows = _discrepancy_rows(place, discrepancies)
        with self._writing() as connection:
            _lock_window(connection, pipeline, window)
            for table in (StageResultRow, DiscrepancyRow):
                connection.execute(sa.delete(table).filter_by(**place))
            connection.execute(sa.insert(StageResultRow).values(**place, result=to_json(result)))
            if rows:
                connection.execute(sa.insert(DiscrepancyRow), rows)

    def stage_results(self, pipeline: str, window: Window) -> list[StageResult]:
        """Return what validation found in a window, by stage name."""
        statement = (
            sa.select(StageResultRow.result)
            .filter_by(pipeline=pipeline, window=window.id)
            .order_by(StageResultRow.stage)
        )
        with self._reading() as connection:
            return [from_json(StageResult, row) for row in connection.scalars(statement)]

    def discrepancies(self, pipeline: str, window: Window, stage: str | None = None) -> pd.DataFrame:
        """Return the fields that differed: key, stage, field, recorded, expected, kind."""
        columns = [getattr(DiscrepancyRow, name) for name in DISCREPANCY_COLUMNS]
        statement = sa.select(*columns).filter_by(pipeline=pipeline, window=window.id).order_by(DiscrepancyRow.id)
        if stage is not None:
            statement = statement.where(DiscrepancyRow.stage == stage)
        with self._reading() as connection:
            return pd.DataFrame(connection.execute(statement).all(), columns=list(DISCREPANCY_COLUMNS))

    # Attribution

    def save_attribution(self, attribution: Attribution, *, now: datetime) -> None:
        """Replace the attribution of a window, in one transaction: of two runs that meet, the later one stands whole.

        Raises:
            StoreError: If the window was not begun.
        """
        place = {"pipeline": attribution.pipeline, "window": attribution.window.id}
        verdicts = [
            {
                **place,
                "number": number,
                "key": verdict.key,
                "responsibility": verdict.responsibility.value,
                "stage": verdict.stage,
                "confidence": verdict.confidence,
                "verdict": to_json(verdict),
            }
            for number, verdict in enumerate(attribution.verdicts)
        ]
        causes = [
            {
                **place,
                "number": number,
                "responsibility": cause.responsibility.value,
                "stage": cause.stage,
                "n_records": cause.n_records,
                "by_part": list(cause.rate.n_by_part) if cause.rate is not None else [],
                "is_change": cause.is_change,
                "fields": list(cause.fields),
                "pattern": cause.kind,
            }
            for number, cause in enumerate(attribution.causes)
        ]
        with self._writing() as connection:
            _lock_window(connection, attribution.pipeline, attribution.window)
            connection.execute(
                sa.update(WindowRow)
                .filter_by(**place)
                .values(
                    attribution=to_json(attribution, without=frozenset({"verdicts"})),
                    n_judged=attribution.n_observed - attribution.n_pending,
                    n_failing=attribution.n_failing,
                    n_pending=attribution.n_pending,
                    judged_by_part=[n_judged for _, _, n_judged in attribution.failing_by_time],
                    attributed_at=now,
                )
            )
            for table, rows in ((VerdictRow, verdicts), (CauseRow, causes)):
                connection.execute(sa.delete(table).filter_by(**place))
                if rows:
                    connection.execute(sa.insert(table), rows)

    def pending_windows(self, pipeline: str, *, since: datetime) -> list[PendingWindow]:
        """Return the windows that ended after `since` and had pending records when they were last attributed."""
        statement = (
            sa.select(WindowRow.start_at, WindowRow.end_at, WindowRow.attributed_at)
            .where(WindowRow.pipeline == pipeline, WindowRow.end_at > since, WindowRow.n_pending > 0)
            .order_by(WindowRow.start_at)
        )
        with self._reading() as connection:
            return [
                PendingWindow(window=Window(start=start, end=end), attributed_at=at)
                for start, end, at in connection.execute(statement)
                if at is not None
            ]

    def attribution(self, pipeline: str, window: Window) -> Attribution | None:
        """Return the attribution of a window, or None if there is none yet."""
        with self._reading() as connection:
            data = connection.scalar(sa.select(WindowRow.attribution).filter_by(pipeline=pipeline, window=window.id))
            if data is None:
                return None
            statement = (
                sa.select(VerdictRow.verdict).filter_by(pipeline=pipeline, window=window.id).order_by(VerdictRow.number)
            )
            return from_json(Attribution, {**data, "verdicts": list(connection.scalars(statement))})

    def is_attributed(self, pipeline: str, window: Window) -> bool:
        """Return whether there is an attribution of a window."""
        statement = sa.select(WindowRow.attributed_at).filter_by(pipeline=pipeline, window=window.id)
        with self._reading() as connection:
            return connection.scalar(statement) is not None

    def verdicts(self, pipeline: str, window: Window) -> list[Verdict]:
        """Return the verdicts of a window, in the order of the records."""
        statement = (
            sa.select(VerdictRow.verdict).filter_by(pipeline=pipeline, window=window.id).order_by(VerdictRow.number)
        )
        with self._reading() as connection:
            return [from_json(Verdict, row) for row in connection.scalars(statement)]

    def records_of_cause(
        self, pipeline: str, span: Window, responsibility: Responsibility, stage: str | None
    ) -> set[str]:
        """Return the keys of the records, of all windows within a span, whose verdict names one cause."""
        windows = sa.select(WindowRow.window).where(
            WindowRow.pipeline == pipeline, WindowRow.start_at >= span.start, WindowRow.end_at <= span.end
        )
        statement = (
            sa.select(VerdictRow.key)
            .filter_by(pipeline=pipeline, responsibility=responsibility.value, stage=stage)
            .where(VerdictRow.window.in_(windows))
            .distinct()
        )
        with self._reading() as connection:
            return set(connection.scalars(statement))

    def records_of_verdicts(self, pipeline: str, span: Window) -> pd.DataFrame:
        """Return whose the failing records of the windows that overlap a span are, one row a verdict, oldest first.

        Columns: start_at and end_at of the window, key, responsibility, stage (None: none), fields (tuple of names).
        """
        fields = VerdictRow.verdict["fields"]
        statement = (
            sa.select(
                WindowRow.start_at,
                WindowRow.end_at,
                VerdictRow.key,
                VerdictRow.responsibility,
                VerdictRow.stage,
                fields,
            )
            .join(WindowRow, sa.and_(WindowRow.pipeline == VerdictRow.pipeline, WindowRow.window == VerdictRow.window))
            .where(VerdictRow.pipeline == pipeline, WindowRow.start_at < span.end, WindowRow.end_at > span.start)
            .order_by(WindowRow.start_at, VerdictRow.number)
        )
        with self._reading() as connection:
            rows = [(*row[:5], tuple(row[5] or ())) for row in connection.execute(statement)]
        return pd.DataFrame(
            rows, columns=["start_at", "end_at", "key", "responsibility", "stage", "fields"], dtype=object
        )

    def cause_history(self, pipeline: str, before: datetime, limit: int = 200) -> pd.DataFrame:
        """Return the causes of earlier windows, oldest first; a window without a cause has one row of nulls.

        Columns: window_start, window_end, n_judged, judged_by_part, n_failing, responsibility, stage, n_records,
        by_part, is_change, fields, pattern.
        """
        recent = (
            sa.select(WindowRow)
            .where(WindowRow.pipeline == pipeline, WindowRow.end_at <= before, WindowRow.n_judged.is_not(None))
            .order_by(WindowRow.start_at.desc())
            .limit(limit)
            .subquery()
        )
        statement = (
            sa.select(
                recent.c.start_at.label("window_start"),
                recent.c.end_at.label("window_end"),
                recent.c.n_judged,
                recent.c.judged_by_part,
                recent.c.n_failing,
                CauseRow.responsibility,
                CauseRow.stage,
                CauseRow.n_records,
                CauseRow.by_part,
                CauseRow.is_change,
                CauseRow.fields,
                CauseRow.pattern,
            )
            .join(
                CauseRow, (CauseRow.pipeline == recent.c.pipeline) & (CauseRow.window == recent.c.window), isouter=True
            )
            .order_by(recent.c.start_at, CauseRow.number)
        )
        with self._reading() as connection:
            result = connection.execute(statement)
            return pd.DataFrame(result.all(), columns=list(result.keys()))

    # Baselines and answers

    def save_baseline(
        self, pipeline: str, accuracy: float, n: int, *, now: datetime, results: Sequence[BenchmarkResult] = ()
    ) -> None:
        """Accept an accuracy as the pipeline's baseline, with what became of each input where that is known."""
        rows = [{"pipeline": pipeline, "number": number, **asdict(one)} for number, one in enumerate(results)]
        with self._writing() as connection:
            for table in (BaselineRow, BaselineResultRow):
                connection.execute(sa.delete(table).filter_by(pipeline=pipeline))
            connection.execute(
                sa.insert(BaselineRow).values(pipeline=pipeline, accuracy=accuracy, n=n, measured_at=now)
            )
            if rows:
                connection.execute(sa.insert(BaselineResultRow), rows)

    def baseline_results(self, pipeline: str) -> list[BenchmarkResult]:
        """Return what became of each input of the baseline; empty where it was accepted without."""
        columns = [getattr(BaselineResultRow, one.name) for one in fields(BenchmarkResult)]
        statement = sa.select(*columns).filter_by(pipeline=pipeline).order_by(BaselineResultRow.number)
        with self._reading() as connection:
            return [BenchmarkResult(**row) for row in connection.execute(statement).mappings()]

    def baseline(self, pipeline: str) -> tuple[float, int] | None:
        """Return the accepted accuracy and how many records it was measured on."""
        with self._reading() as connection:
            statement = sa.select(BaselineRow.accuracy, BaselineRow.n).filter_by(pipeline=pipeline)
            row = connection.execute(statement).one_or_none()
        return None if row is None else (row[0], row[1])


def _lock_window(connection: sa.Connection, pipeline: str, window: Window) -> None:
    """Make writers of one window wait for each other, so that their results are never mixed."""
    statement = sa.select(WindowRow.window).filter_by(pipeline=pipeline, window=window.id).with_for_update()
    if connection.scalar(statement) is None:
        msg = f"window {window.id} of {pipeline} was not begun, so nothing can be saved for it; call begin_window first"
        raise StoreError(msg)


def _discrepancy_rows(place: dict[str, str], discrepancies: pd.DataFrame | None) -> list[dict[str, Any]]:
    if discrepancies is None or not len(discrepancies):
        return []
    is_form_only = (discrepancies["kind"].astype(str) == DiscrepancyKind.FORMAT.value).to_numpy()
    most = np.where(is_form_only, _FORM_ONLY_KEPT, _DISCREPANCIES_KEPT)
    kept = discrepancies[(discrepancies.groupby(["field", is_form_only], sort=False).cumcount() < most).to_numpy()]
    return [
        {
            **place,
            "key": str(row.key),
            "field": str(row.field),
            "recorded": _cut(row.recorded),
            "expected": _cut(row.expected),
            "kind": str(row.kind),
        }
        for row in kept.itertuples(index=False)
    ]


def _cut(value: Any) -> str | None:
    text = strict_text(value)
    return text if text is None or len(text) <= _TEXT else f"{text[: _TEXT - 3]}..."
