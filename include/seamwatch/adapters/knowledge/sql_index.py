"""Chunks in a table; of PostgreSQL with pgvector also the dimension of their vectors.

They are counted by the database: of a million chunks only one row for each document version travels.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import pandas as pd
import sqlalchemy as sa
from sqlalchemy.exc import SAWarning

from seamwatch.adapters.connections import database_url
from seamwatch.adapters.knowledge.chunks import (
    OVERLAP,
    chunk_place,
    future_note,
    next_bound,
    number_of,
    unknown_names,
    whole_numbers,
)
from seamwatch.adapters.knowledge.place import Place
from seamwatch.adapters.stages.database import open_read_only, told_plainly
from seamwatch.adapters.stages.sql import SqlStageSource
from seamwatch.adapters.stages.times import TimeForm, detect_form, parse_times, within
from seamwatch.core.documents import IndexListing, index_frame
from seamwatch.core.records.comparison import is_null, strict_text
from seamwatch.errors import KnowledgeError, StageError
from seamwatch.plurals import plural
from seamwatch.spec.knowledge import SqlIndex

_AT_ONCE = 500
"""Documents asked for in one statement; below every database's limit on bound parameters."""
_PROBED = 200
"""Rows looked at to see how times are held; and the earliest and the latest: a change of form comes with time."""
_FIXED_VECTOR = re.compile(r"(?:^|\.)(?:vector|halfvec|sparsevec)\((\d+)\)$")
"""A column type of pgvector that says the dimension of every vector in it."""
_JSON_LENGTH = {
    "sqlite": "json_array_length",
    "postgresql": "json_array_length",
    "duckdb": "json_array_length",
    "mysql": "json_length",
    "mariadb": "json_length",
}
"""By dialect, the function that counts the elements of a JSON list."""


class SqlDocumentIndex:
    """A table with a row for each chunk."""

    def __init__(self, spec: SqlIndex, place: Place) -> None:
        """Take the table; nothing is read yet.

        Raises:
            ConnectionNotFound, AdapterError: If its database is not known, or its driver not installed.
            KnowledgeError: If it is an SQLite file that does not exist.
        """
        self._spec, self._place = spec, place
        self._label = spec.database or place.database
        self._url = database_url(place.connections.get(self._label))
        with self._told():
            self._engine = open_read_only(self._url, label=self._label)
            self._catalogue = SqlStageSource(self._url, label=self._label)

    def listing(self, since: str | None) -> IndexListing:
        """Return the document versions, or all those of documents with a chunk not older than the watermark.

        Raises:
            KnowledgeError: If it does not answer (retryable), lacks the table or a column, or a column holds no times
                or no numbers where it should.
        """
        spec, now = self._spec, datetime.now(UTC)
        with self._told():
            table, families = self._table()
            times = table.c[spec.indexed_at] if spec.indexed_at else None
            form = self._form(times, families) if times is not None else None
            is_complete = since is None or times is None
            statement, is_measured = self._versions(table, families)
            if since is not None and times is not None and form is not None:
                recent = within(times, form, datetime.fromisoformat(since), None, dialect=self._engine.dialect.name)
                document = table.c[spec.document]
                statement = statement.where(document.in_(sa.select(document).where(*recent)))
            with self._engine.connect() as connection:
                rows = [dict(row) for row in connection.execute(statement).mappings()]
                notes = self._counts(connection, table) if is_complete else []
            newest = self._times_of(rows, form)
        if not is_measured:
            notes.append(f"{self._engine.dialect.name} does not say how long {spec.vector} is; name index.dimension")
        if newest is not None and newest > now + OVERLAP:
            notes.append(future_note(newest))
        versions = [self._version(row) for row in rows]
        mark = next_bound(newest, now).isoformat() if newest is not None else since
        return IndexListing(
            versions=index_frame(versions),
            is_complete=is_complete,
            watermark=mark if times is not None else None,
            notes=tuple(notes),
        )

    def read(self, documents: Sequence[str]) -> dict[str, list[str]]:
        """Return the texts of the chunks, in the order of their numbers; else of the table's key, or its rows."""
        spec = self._spec
        if spec.text is None or not documents:
            return {}
        found: dict[str, list[tuple[tuple[float, str], str]]] = {}
        with self._told(), self._engine.connect() as connection:
            table, families = self._table()
            document = table.c[spec.document]
            number = table.c[spec.chunk] if spec.chunk else sa.null()
            statement = sa.select(document, number, table.c[spec.text])
            for row_order in self._row_order(connection, table):
                statement = statement.order_by(row_order)
            wanted, compared = self._ids(documents, document, families[spec.document])
            for first in range(0, len(wanted), _AT_ONCE):
                part = statement.where(compared.in_(wanted[first : first + _AT_ONCE]))
                for raw, place, text in connection.execute(part):
                    if not is_null(text):
                        found.setdefault(str(strict_text(raw)), []).append((chunk_place(place), str(text)))
        return {raw: [text for _, text in sorted(chunks, key=lambda one: one[0])] for raw, chunks in found.items()}

    def documents_of(self, chunks: Sequence[str]) -> dict[str, str]:
        """Return by the id of a chunk the raw id of its document; nothing where the file names no column of ids."""
        spec = self._spec
        if spec.chunk_id is None or not chunks:
            return {}
        found: dict[str, str] = {}
        with self._told(), self._engine.connect() as connection:
            table, families = self._table()
            own, document = table.c[spec.chunk_id], table.c[spec.document]
            wanted, compared = self._ids(chunks, own, families[spec.chunk_id])
            for first in range(0, len(wanted), _AT_ONCE):
                statement = sa.select(own, document).where(
                    compared.in_(wanted[first : first + _AT_ONCE]), document.is_not(None)
                )
                for chunk, raw in connection.execute(statement):
                    found[str(strict_text(chunk))] = str(strict_text(raw))
        return found

    def close(self) -> None:
        """Close every connection."""
        self._engine.dispose()
        self._catalogue.close()

    def _table(self) -> tuple[sa.TableClause, dict[str, str]]:
        """Return the table and the families of its columns; KnowledgeError if it lacks one that the file names."""
        spec = self._spec
        with warnings.catch_warnings():
            # SQLAlchemy does not know pgvector's types, and need not.
            warnings.filterwarnings("ignore", "Did not recognize type", SAWarning)
            families = dict(self._catalogue.columns(spec.table, is_query=False))
        named = (
            *(spec.document, spec.content_hash, spec.indexed_at, spec.chunk, spec.chunks, spec.embedding_model),
            *(spec.text, spec.vector, spec.dimension, spec.chunk_id),
        )
        missing = list(dict.fromkeys(name for name in named if name is not None and name not in families))
        if missing:
            told = unknown_names(missing, list(families), what="column")
            msg = f"{self._place.name}: the index {spec.table} has {told}"
            raise KnowledgeError(msg)
        schema, _, name = spec.table.rpartition(".")
        return sa.table(name, *(sa.column(column) for column in families), schema=schema or None), families

    def _versions(self, table: sa.TableClause, families: Mapping[str, str]) -> tuple[sa.Select[Any], bool]:
        """Return the SELECT of all document versions, and whether it knows the dimension as far as it was asked to."""
        spec = self._spec
        parts: dict[str, sa.ColumnElement[Any]] = {"document": table.c[spec.document]}
        if spec.content_hash is not None:
            parts["content_hash"] = table.c[spec.content_hash]
        if spec.embedding_model is not None:
            parts["embedding_model"] = table.c[spec.embedding_model]
        dimension = self._dimension(table, families)
        if dimension is not None:
            parts["dimension"] = dimension
        sums = [_count(table.c[spec.chunk] if spec.chunk else None).label("n_chunks")]
        if spec.chunks is not None:
            expected = table.c[spec.chunks]
            is_text = families[spec.chunks] == "text"
            sums.append(sa.func.max(sa.cast(expected, sa.Integer) if is_text else expected).label("n_expected"))
        if spec.indexed_at is not None:
            sums.append(sa.func.max(table.c[spec.indexed_at]).label("indexed_at"))
        groups = [part.label(name) for name, part in parts.items()]
        statement = sa.select(*groups, *sums).where(table.c[spec.document].is_not(None)).group_by(*parts.values())
        return statement, dimension is not None or spec.vector is None

    def _dimension(self, table: sa.TableClause, families: Mapping[str, str]) -> sa.ColumnElement[Any] | None:
        """Return how long a chunk's vector is; None as far as the database cannot say so."""
        spec, dialect = self._spec, self._engine.dialect.name
        if spec.dimension is not None:
            return table.c[spec.dimension]
        if spec.vector is None:
            return None
        column = table.c[spec.vector]
        kind = self._postgres_type(table, spec.vector) if dialect == "postgresql" else ""
        if fixed := _FIXED_VECTOR.search(kind):
            # The type says it: no vector needs to be fetched from where long values are kept.
            return sa.case((column.is_not(None), sa.literal_column(fixed[1])))
        if kind.endswith("[]"):
            return sa.func.cardinality(column)
        if dialect == "postgresql" and families[spec.vector] not in ("text", "json"):
            return sa.func.vector_dims(column)
        if dialect not in _JSON_LENGTH:
            return None
        listed = sa.cast(column, sa.JSON) if dialect == "postgresql" else column
        return sa.Function(_JSON_LENGTH[dialect], listed)

    def _postgres_type(self, table: sa.TableClause, column: str) -> str:
        """Return the type of a column as PostgreSQL writes it, as `vector(384)` or `real[]`."""
        relation = self._engine.dialect.identifier_preparer.format_table(table)
        statement = sa.text(
            "SELECT format_type(atttypid, atttypmod) FROM pg_attribute "
            "WHERE attrelid = to_regclass(:relation) AND attname = :column"
        )
        with self._engine.connect() as connection:
            return str(connection.scalar(statement, {"relation": relation, "column": column}) or "")

    def _form(self, times: sa.ColumnElement[Any], families: Mapping[str, str]) -> TimeForm:
        """Return how the times are held, by some of them, the earliest and the latest."""
        name = self._spec.indexed_at or ""
        with self._engine.connect() as connection:
            values = list(connection.scalars(sa.select(times).where(times.is_not(None)).limit(_PROBED)))
            if values and isinstance(values[0], str | int | float):
                for end in (sa.func.min(times), sa.func.max(times)):
                    values.append(connection.scalar(sa.select(end)))
        return detect_form(values, family=families[name], where=f"column {name!r}")

    def _counts(self, connection: sa.Connection, table: sa.TableClause) -> list[str]:
        """Return what to say of an empty table, and of rows without a document or a time."""
        spec = self._spec
        count = sa.func.count
        timed = count(table.c[spec.indexed_at]) if spec.indexed_at else count()
        n_rows, n_named, n_timed = connection.execute(
            sa.select(count(), count(table.c[spec.document]), timed).select_from(table)
        ).one()
        notes = []
        if not n_rows:
            notes.append("the index holds no chunk")
        if n_named < n_rows:
            notes.append(
                f"{plural(n_rows - n_named, 'chunk of the index names', 'chunks of the index name')} no "
                "document, left out"
            )
        if n_timed < n_rows:
            notes.append(
                f"{plural(n_rows - n_timed, 'chunk has', 'chunks have')} no time in {spec.indexed_at}; "
                "only a full sweep sees such change"
            )
        return notes

    def _times_of(self, rows: list[dict[str, Any]], form: TimeForm | None) -> datetime | None:
        """Write aware times into the rows; return the newest."""
        if form is None or not rows:
            return None
        times = parse_times(pd.Series([row["indexed_at"] for row in rows], dtype=object), form)
        for row, at in zip(rows, times, strict=True):
            if pd.isna(at) and not is_null(row["indexed_at"]):
                msg = f"column {self._spec.indexed_at!r} holds a value that is no time: {str(row['indexed_at'])[:40]!r}"
                raise StageError(msg)
            row["indexed_at"] = at
        newest = times.max()
        return None if pd.isna(newest) else pd.Timestamp(newest).to_pydatetime()

    def _version(self, row: dict[str, Any]) -> dict[str, Any]:
        """Return a row with ids and hashes as text, and counts as numbers."""
        version = dict(row)
        for name in ("document", "content_hash", "embedding_model"):
            version[name] = strict_text(row.get(name))
        for name in ("n_expected", "dimension"):
            value = row.get(name)
            version[name] = None if is_null(value) else number_of(value)
            if version[name] is None and not is_null(value):
                column = self._spec.chunks if name == "n_expected" else self._spec.dimension
                msg = f"{self._place.name}: {self._spec.table}.{column} holds {str(value)[:40]!r}, which is no number"
                raise KnowledgeError(msg)
        return version

    def _ids(
        self, documents: Sequence[str], column: sa.ColumnElement[Any], family: str
    ) -> tuple[list[Any], sa.ColumnElement[Any]]:
        """Return ids as the column holds them, and what to compare with them."""
        if self._engine.dialect.name == "sqlite":
            return [*documents, *whole_numbers(documents)], column  # a column may hold both
        if family == "number":
            return list(whole_numbers(documents)), column
        # Of another type, as uuid, a text that is none would be refused.
        return list(documents), column if family == "text" else sa.cast(column, sa.Text)

    def _row_order(self, connection: sa.Connection, table: sa.TableClause) -> list[sa.ColumnElement[Any]]:
        """Return what the rows of a table are in order by, as far as it has an order."""
        catalogue = sa.inspect(connection)
        schema = table.schema
        if table.name not in catalogue.get_table_names(schema):
            return []  # a view has the order of its own SELECT
        key = catalogue.get_pk_constraint(table.name, schema=schema)["constrained_columns"]
        if key:
            return [table.c[name] for name in key]
        row = {"sqlite": "rowid", "postgresql": "ctid"}.get(self._engine.dialect.name)
        return [sa.literal_column(row)] if row else []

    @contextmanager
    def _told(self) -> Iterator[None]:
        try:
            with told_plainly(f"connection {self._label!r}, {self._spec.table}", self._url):
                yield
        except StageError as error:
            msg = f"{self._place.name}: the index cannot be read: {error}"
            raise KnowledgeError(msg, retryable=error.retryable) from error


def _count(number: sa.ColumnElement[Any] | None) -> sa.ColumnElement[int]:
    """Return how many chunks there are: rows with the same number are one, those without a number one each."""
    if number is None:
        return sa.func.count()
    return sa.func.count(number.distinct()) + sa.func.count() - sa.func.count(number)
