"""Chunks in a table; of PostgreSQL with pgvector also the dimension of their vectors.

They are counted by the database: of a million chunks only one row for each document version travels.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any

import pandas as pd
import sqlalchemy as sa

from seamwatch.adapters.connections import database_url
from seamwatch.adapters.knowledge.place import Place
from seamwatch.adapters.stages.database import open_read_only, told_plainly
from seamwatch.adapters.stages.sql import SqlStageSource
from seamwatch.adapters.stages.times import TimeForm, detect_form, parse_times, within
from seamwatch.core.compare import is_null, strict_text
from seamwatch.core.documents import IndexListing, index_frame
from seamwatch.errors import KnowledgeError, StageError
from seamwatch.spec.knowledge import SqlIndex

_AT_ONCE = 500
_PROBED = 200
_OVERLAP = timedelta(minutes=10)
"""How much earlier than the newest chunk a later one may claim to be: transactions end out of order."""
_FOREVER = timedelta(days=36500)


class SqlDocumentIndex:
    """A table with a row for each chunk."""

    def __init__(self, spec: SqlIndex, place: Place) -> None:
        """Take the table; nothing is read yet.

        Raises:
            ConnectionNotFound, AdapterError: If its database is not known.
        """
        self._spec, self._place = spec, place
        self._label = spec.database or place.database
        self._url = database_url(place.connections.get(self._label))
        self._engine = open_read_only(self._url, label=self._label)
        self._catalogue = SqlStageSource(self._url, label=self._label)

    def listing(self, since: str | None) -> IndexListing:
        """Return the document versions, or all those of documents with a chunk not older than the watermark."""
        spec = self._spec
        table, families = self._table()
        times = table.c[spec.indexed_at] if spec.indexed_at else None
        form = self._form(times, families) if times is not None else None
        document = table.c[spec.document]
        statement = self._versions(table, families).where(document.is_not(None))
        if since is not None and times is not None and form is not None:
            start = datetime.fromisoformat(since) - _OVERLAP
            recent = within(times, form, start, start + _FOREVER, dialect=self._engine.dialect.name)
            statement = statement.where(document.in_(sa.select(document).where(*recent)))
        is_complete = since is None or times is None
        nulls = sa.select(sa.func.count()).select_from(table).where(document.is_(None))
        with self._told(), self._engine.connect() as connection:
            rows = [dict(row) for row in connection.execute(statement).mappings()]
            n_null = connection.scalar(nulls) if is_complete else 0
        frame = pd.DataFrame(rows, columns=[column.name for column in statement.selected_columns], dtype=object)
        if form is not None:
            where = f"{self._place.name}: {spec.table}.{spec.indexed_at}"
            frame["indexed_at"] = parse_times(frame["indexed_at"], form, where=where)
        frame["document"] = [strict_text(one) for one in frame["document"]]
        newest = frame["indexed_at"].max() if form is not None and len(frame) else None
        mark = since if newest is None or pd.isna(newest) else pd.Timestamp(newest).isoformat()
        records = frame.to_dict("records")
        return IndexListing(
            versions=index_frame([{str(name): value for name, value in row.items()} for row in records]),
            is_complete=is_complete,
            watermark=mark if times is not None else None,
            notes=(f"{n_null} chunks of the index name no document; they are left out",) if n_null else (),
        )

    def read(self, documents: Sequence[str]) -> dict[str, list[str]]:
        """Return the texts of the chunks, in the order of their numbers."""
        spec = self._spec
        if spec.text is None or not documents:
            return {}
        table, families = self._table()
        document, number = table.c[spec.document], table.c[spec.chunk] if spec.chunk else None
        statement = sa.select(document, table.c[spec.text])
        order = [document, *([number] if number is not None else [])]
        found: dict[str, list[str]] = {}
        is_number = families[spec.document] == "number"
        wanted: list[Any] = [int(one) for one in documents if one.isdigit()] if is_number else list(documents)
        with self._told(), self._engine.connect() as connection:
            for first in range(0, len(wanted), _AT_ONCE):
                part = statement.where(document.in_(wanted[first : first + _AT_ONCE])).order_by(*order)
                for one, text in connection.execute(part):
                    if not is_null(text):
                        found.setdefault(str(strict_text(one)), []).append(str(text))
        return found

    def close(self) -> None:
        """Close every connection."""
        self._engine.dispose()
        self._catalogue.close()

    def _table(self) -> tuple[sa.TableClause, dict[str, str]]:
        """Return the table and the families of its columns; KnowledgeError if it lacks one that the file names."""
        spec = self._spec
        with self._told():
            families = dict(self._catalogue.columns(spec.table, is_query=False))
        named = (
            *(spec.document, spec.content_hash, spec.indexed_at, spec.chunk, spec.chunks, spec.embedding_model),
            *(spec.text, spec.vector, spec.dimension),
        )
        missing = [name for name in named if name is not None and name not in families]
        if missing:
            msg = (
                f"{self._place.name}: the index {spec.table} has no column {', '.join(missing)}; "
                f"known: {', '.join(families)}"
            )
            raise KnowledgeError(msg)
        schema, _, name = spec.table.rpartition(".")
        return sa.table(name, *(sa.column(column) for column in families), schema=schema or None), families

    def _versions(self, table: sa.TableClause, families: dict[str, str]) -> sa.Select[Any]:
        spec = self._spec
        parts: dict[str, sa.ColumnElement[Any]] = {"document": table.c[spec.document]}
        if spec.content_hash is not None:
            parts["content_hash"] = table.c[spec.content_hash]
        if spec.embedding_model is not None:
            parts["embedding_model"] = table.c[spec.embedding_model]
        dimension = self._dimension(table, families)
        if dimension is not None:
            parts["dimension"] = dimension
        count = table.c[spec.chunk].distinct() if spec.chunk else sa.text("*")
        sums: list[sa.ColumnElement[Any]] = [sa.func.count(count).label("n_chunks")]
        if spec.chunks is not None:
            sums.append(sa.func.max(table.c[spec.chunks]).label("n_expected"))
        if spec.indexed_at is not None:
            sums.append(sa.func.max(table.c[spec.indexed_at]).label("indexed_at"))
        groups = [part.label(name) for name, part in parts.items()]
        return sa.select(*groups, *sums).select_from(table).group_by(*parts.values())

    def _dimension(self, table: sa.TableClause, families: dict[str, str]) -> sa.ColumnElement[Any] | None:
        """Return how long a chunk's vector is, as far as the database can say so."""
        spec = self._spec
        if spec.dimension is not None:
            return table.c[spec.dimension]
        if spec.vector is None:
            return None
        column = table.c[spec.vector]
        if families[spec.vector] in ("text", "json"):
            is_sqlite = self._engine.dialect.name == "sqlite"
            return sa.func.json_array_length(column if is_sqlite else sa.cast(column, sa.JSON))
        return sa.func.vector_dims(column)

    def _form(self, times: sa.ColumnElement[Any], families: dict[str, str]) -> TimeForm:
        name = self._spec.indexed_at or ""
        with self._told(), self._engine.connect() as connection:
            values = list(connection.scalars(sa.select(times).where(times.is_not(None)).limit(_PROBED)))
            return detect_form(values, family=families[name], where=f"{self._place.name}: {self._spec.table}.{name}")

    @contextmanager
    def _told(self) -> Iterator[None]:
        try:
            with told_plainly(f"connection {self._label!r}, {self._spec.table}", self._url):
                yield
        except StageError as error:
            msg = f"{self._place.name}: the index cannot be read: {error}"
            raise KnowledgeError(msg, retryable=error.retryable) from error
