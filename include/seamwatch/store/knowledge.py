"""Documents of knowledge bases, what was wrong with them and when, and the checks that found it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import pandas as pd
import sqlalchemy as sa

from seamwatch.core.documents import INDEX_COLUMNS, SOURCE_COLUMNS, Known
from seamwatch.core.freshness import FINDING_COLUMNS, Update, moment
from seamwatch.core.freshness_results import FreshnessCheck
from seamwatch.store.budget import Transactions
from seamwatch.store.codec import from_json, to_json
from seamwatch.store.tables import DocumentFaultRow, DocumentRow, FreshnessCheckRow, IndexedRow

_AT_ONCE = 400
"""Documents named in one statement: below every database's limit on bound parameters."""
_TIMES = ("changed_at", "expires_at", "indexed_at", "since", "until")


@dataclass(frozen=True, kw_only=True)
class LastCheck:
    """Where the next check goes on."""

    checked_at: datetime
    full_at: datetime | None
    """Last full sweep."""
    source_watermark: str | None
    index_watermark: str | None


class KnownDocuments(Mapping[str, Known]):
    """What is known of the source's documents by raw id; read when it is first asked for, as many sources never do."""

    def __init__(self, read: Callable[[], dict[str, Known]]) -> None:
        """Read nothing yet."""
        self._read = read
        self._found: dict[str, Known] | None = None

    @property
    def _known(self) -> dict[str, Known]:
        if self._found is None:
            self._found = self._read()
        return self._found

    def __getitem__(self, raw: str) -> Known:
        return self._known[raw]

    def __iter__(self) -> Iterator[str]:
        return iter(self._known)

    def __len__(self) -> int:
        return len(self._known)


class KnowledgeStore:
    """The part of the store that keeps knowledge bases."""

    def last_check(self: Transactions, pipeline: str, knowledge_base: str) -> LastCheck | None:
        """Return where the next check goes on; None before the first."""
        table, place = FreshnessCheckRow, {"pipeline": pipeline, "knowledge_base": knowledge_base}
        newest = sa.select(table).filter_by(**place).order_by(table.checked_at.desc()).limit(1)
        full = sa.select(sa.func.max(table.checked_at)).filter_by(**place, is_full=True)
        with self._reading() as connection:
            row = connection.execute(newest).one_or_none()
            if row is None:
                return None
            return LastCheck(
                checked_at=row.checked_at,
                full_at=connection.scalar(full),
                source_watermark=row.source_watermark,
                index_watermark=row.index_watermark,
            )

    def known_documents(self: Transactions, pipeline: str, knowledge_base: str) -> KnownDocuments:
        """Return version and content hash of the source's documents by raw id."""
        columns = (DocumentRow.raw, DocumentRow.version, DocumentRow.content_hash)
        statement = sa.select(*columns).filter_by(pipeline=pipeline, knowledge_base=knowledge_base)

        def read() -> dict[str, Known]:
            with self._reading() as connection:
                rows = connection.execute(statement.where(DocumentRow.version.is_not(None)))
                return {raw: Known(str(version), content) for raw, version, content in rows}

        return KnownDocuments(read)

    def documents(
        self: Transactions, pipeline: str, knowledge_base: str, among: Collection[str] | None = None
    ) -> pd.DataFrame:
        """Return the source's documents: index shared id; columns raw and `SOURCE_COLUMNS`."""
        names = ("document", "raw", *SOURCE_COLUMNS)
        rows = _rows(self, DocumentRow, names, pipeline, knowledge_base, among)
        return _frame(rows, names).set_index("document")

    def indexed(
        self: Transactions, pipeline: str, knowledge_base: str, among: Collection[str] | None = None
    ) -> pd.DataFrame:
        """Return the versions in the index: columns raw and `INDEX_COLUMNS`, with shared ids."""
        names = ("raw", *INDEX_COLUMNS)
        frame = _frame(_rows(self, IndexedRow, names, pipeline, knowledge_base, among), names)
        for name in ("n_chunks", "n_expected", "dimension"):
            frame[name] = pd.to_numeric(frame[name]).astype("float64")
        return frame

    def which_documents(self: Transactions, pipeline: str, knowledge_base: str, among: Collection[str]) -> set[str]:
        """Return those of some shared ids that the source or the index had at the last check."""
        found: set[str] = set()
        with self._reading() as connection:
            for table in (DocumentRow, IndexedRow):
                statement = sa.select(table.document).filter_by(pipeline=pipeline, knowledge_base=knowledge_base)
                for part in _parts(among):
                    assert part is not None
                    found.update(connection.scalars(statement.where(table.document.in_(part))))
        return found

    def expired_documents(self: Transactions, pipeline: str, knowledge_base: str, *, by: datetime) -> list[str]:
        """Return the shared ids of documents that are past their own date."""
        statement = sa.select(DocumentRow.document).filter_by(pipeline=pipeline, knowledge_base=knowledge_base)
        with self._reading() as connection:
            return list(connection.scalars(statement.where(DocumentRow.expires_at <= by)))

    def document_findings(
        self: Transactions,
        pipeline: str,
        knowledge_base: str,
        *,
        among: Collection[str] | None = None,
        since: datetime | None = None,
    ) -> pd.DataFrame:
        """Return the open findings, with those that ended after `since`: columns id and `FINDING_COLUMNS`."""
        going: sa.ColumnElement[bool] = DocumentFaultRow.until.is_(None)
        if since is not None:
            going = sa.or_(going, DocumentFaultRow.until > since)
        names = ("id", *FINDING_COLUMNS)
        return _frame(_rows(self, DocumentFaultRow, names, pipeline, knowledge_base, among, going), names)

    def knowledge_counts(self: Transactions, pipeline: str, knowledge_base: str) -> tuple[int, int, dict[str, int]]:
        """Return how many documents the source and the index hold, and how many have each reason now."""

        def of(table: type[Any]) -> tuple[sa.ColumnElement[bool], ...]:
            return table.pipeline == pipeline, table.knowledge_base == knowledge_base

        at_source = sa.select(sa.func.count(DocumentRow.document)).where(*of(DocumentRow))
        indexed = sa.select(sa.func.count(sa.distinct(IndexedRow.document))).where(*of(IndexedRow))
        reasons = (
            sa.select(DocumentFaultRow.reason, sa.func.count(sa.distinct(DocumentFaultRow.document)))
            .where(*of(DocumentFaultRow), DocumentFaultRow.until.is_(None))
            .group_by(DocumentFaultRow.reason)
        )
        with self._reading() as connection:
            return (
                connection.scalar(at_source) or 0,
                connection.scalar(indexed) or 0,
                {reason: n for reason, n in connection.execute(reasons)},
            )

    def document_clocks(
        self: Transactions,
        pipeline: str,
        knowledge_base: str,
        *,
        changed_since: datetime | None = None,
        among: Collection[str] | None = None,
    ) -> pd.DataFrame:
        """Return the times of documents: index shared id; columns changed_at, indexed_at, content_hash and raw."""
        latest = (
            sa.select(IndexedRow.document, sa.func.max(IndexedRow.indexed_at).label("indexed_at"))
            .where(IndexedRow.pipeline == pipeline, IndexedRow.knowledge_base == knowledge_base)
            .group_by(IndexedRow.document)
            .subquery()
        )
        columns = (DocumentRow.document, DocumentRow.changed_at, DocumentRow.content_hash, DocumentRow.raw)
        statement = (
            sa.select(*columns, latest.c.indexed_at)
            .join(latest, latest.c.document == DocumentRow.document, isouter=True)
            .where(DocumentRow.pipeline == pipeline, DocumentRow.knowledge_base == knowledge_base)
        )
        if changed_since is not None:
            statement = statement.where(DocumentRow.changed_at >= changed_since)
        with self._reading() as connection:
            rows = [
                tuple(row)
                for part in _parts(among)
                for row in connection.execute(
                    statement if part is None else statement.where(DocumentRow.document.in_(part))
                )
            ]
        return _frame(rows, ("document", "changed_at", "content_hash", "raw", "indexed_at")).set_index("document")

    def save_check(
        self: Transactions,
        check: FreshnessCheck,
        *,
        source: pd.DataFrame,
        index: pd.DataFrame,
        touched: Collection[str],
        update: Update,
        source_watermark: str | None,
        index_watermark: str | None,
    ) -> None:
        """Replace what is known of the touched documents, and keep what the check found, in one transaction.

        Args:
            check: What it found.
            source: The touched documents that the source holds, as `documents`.
            index: Their versions in the index, as `indexed`.
            touched: Shared ids of all that is replaced; one that is in neither frame is gone.
            update: Findings that begin and end.
            source_watermark: Where the next listing goes on.
            index_watermark: The same of the index.
        """
        place = {"pipeline": check.pipeline, "knowledge_base": check.knowledge_base}
        numbers = index.groupby("document").cumcount()
        tables: tuple[type[DocumentRow] | type[IndexedRow], ...] = (DocumentRow, IndexedRow)
        with self._writing() as connection:
            for table in tables:
                for part in _parts(touched):
                    assert part is not None
                    connection.execute(sa.delete(table).filter_by(**place).where(table.document.in_(part)))
            for rows, into in (
                (_plain(source.rename_axis("document").reset_index()), DocumentRow),
                (_plain(index.assign(number=numbers)), IndexedRow),
                (_plain(update.opened[list(FINDING_COLUMNS)]), DocumentFaultRow),
            ):
                if rows:
                    connection.execute(sa.insert(into), [{**place, **row} for row in rows])
            for row in _plain(update.closed[["id", "until"]]) if len(update.closed) else []:
                connection.execute(sa.update(DocumentFaultRow).filter_by(id=row["id"]).values(until=row["until"]))
            connection.execute(sa.delete(FreshnessCheckRow).filter_by(**place, checked_at=check.checked_at))
            connection.execute(
                sa.insert(FreshnessCheckRow).values(
                    **place,
                    checked_at=check.checked_at,
                    is_full=check.is_full,
                    source_watermark=source_watermark,
                    index_watermark=index_watermark,
                    result=to_json(check),
                )
            )

    def rewrite_check(self: Transactions, check: FreshnessCheck) -> None:
        """Replace what a check found by the same with its figures."""
        place = {"pipeline": check.pipeline, "knowledge_base": check.knowledge_base, "checked_at": check.checked_at}
        with self._writing() as connection:
            connection.execute(sa.update(FreshnessCheckRow).filter_by(**place).values(result=to_json(check)))

    def checks_at(self: Transactions, pipeline: str, at: datetime) -> list[FreshnessCheck]:
        """Return what the checks of a moment found, of all knowledge bases."""
        statement = sa.select(FreshnessCheckRow.result).filter_by(pipeline=pipeline, checked_at=at)
        with self._reading() as connection:
            return [from_json(FreshnessCheck, row) for row in connection.scalars(statement)]

    def freshness_checks(
        self: Transactions, pipeline: str, knowledge_base: str, limit: int = 1
    ) -> list[FreshnessCheck]:
        """Return what the last checks found, newest first."""
        statement = (
            sa.select(FreshnessCheckRow.result)
            .filter_by(pipeline=pipeline, knowledge_base=knowledge_base)
            .order_by(FreshnessCheckRow.checked_at.desc())
            .limit(limit)
        )
        with self._reading() as connection:
            return [from_json(FreshnessCheck, row) for row in connection.scalars(statement)]


def _rows(
    store: Transactions,
    table: type[Any],
    names: tuple[str, ...],
    pipeline: str,
    knowledge_base: str,
    among: Collection[str] | None,
    where: sa.ColumnElement[bool] | None = None,
) -> list[tuple[Any, ...]]:
    statement = sa.select(*(getattr(table, name) for name in names)).filter_by(
        pipeline=pipeline, knowledge_base=knowledge_base
    )
    if where is not None:
        statement = statement.where(where)
    with store._reading() as connection:
        return [
            tuple(row)
            for part in _parts(among)
            for row in connection.execute(statement if part is None else statement.where(table.document.in_(part)))
        ]


def _parts(among: Collection[str] | None) -> Iterator[list[str] | None]:
    """Yield the documents in parts that one statement can name; None stands for all of them."""
    if among is None:
        yield None
        return
    names = sorted(set(among))
    yield from (names[start : start + _AT_ONCE] for start in range(0, len(names), _AT_ONCE))


def _frame(rows: list[tuple[Any, ...]], names: tuple[str, ...]) -> pd.DataFrame:
    frame = pd.DataFrame(rows, columns=list(names), dtype=object)
    for name in names:
        if name in _TIMES:
            frame[name] = pd.to_datetime(frame[name], utc=True)
    return frame


def _plain(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """Return the rows as what the database takes: datetimes, and None for what is not there."""
    columns = {
        name: [moment(value) for value in frame[name]]
        if name in _TIMES
        else [None if value is None or value != value else value for value in frame[name].tolist()]  # noqa: PLR0124
        for name in frame.columns
    }
    return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]
