"""Stage tables in any database that SQLAlchemy speaks to; read only, in chunks, by window or by key."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

import pandas as pd
import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError, NoSuchTableError, SQLAlchemyError

from seamwatch.adapters.stages.times import TimeForm, as_bound, detect_form, find_time_column, parse_times
from seamwatch.errors import AdapterError, StageError

_CHUNK = 50_000
_KEYS_AT_ONCE = 500
"""Below every database's limit on bound parameters."""
_PROBED = 200
"""Rows looked at to see how a column holds its times."""

__all__ = ["SqlStageSource", "find_time_column"]


class SqlStageSource:
    """One database, opened for reading."""

    def __init__(self, url: sa.URL | str, *, label: str = "") -> None:
        """Connect lazily.

        Args:
            url: SQLAlchemy URL.
            label: Connection id, for messages.

        Raises:
            StageError: If it is an SQLite file that does not exist; it is never created.
            AdapterError: If the driver is not installed.
        """
        self._url = sa.make_url(url)
        self._label = label or self._url.get_backend_name()
        self._forms: dict[tuple[str, str], TimeForm] = {}
        self._columns: dict[str, dict[str, str]] = {}
        if self._url.get_backend_name() == "sqlite":
            path = self._url.database
            if path and path != ":memory:" and not Path(path).is_file():
                msg = f"connection {self._label!r}: no SQLite file at {path}"
                raise StageError(msg)
        try:
            self._engine = sa.create_engine(self._url, pool_pre_ping=True)
        except (ModuleNotFoundError, SQLAlchemyError) as error:
            msg = f"connection {self._label!r}: the driver {self._url.drivername!r} is not installed ({error})"
            raise AdapterError(msg) from error

    def close(self) -> None:
        """Close every connection."""
        self._engine.dispose()

    def columns(self, relation: str, *, is_query: bool) -> Mapping[str, str]:
        """Return column name to type family: `text`, `number`, `time`, `json`, `boolean` or `other`."""
        if relation not in self._columns:
            with self._reading(relation if not is_query else "its query"):
                self._columns[relation] = self._find_columns(relation, is_query=is_query)
        return self._columns[relation]

    def _find_columns(self, relation: str, *, is_query: bool) -> dict[str, str]:
        if not is_query:
            schema, _, table = relation.rpartition(".")
            found = sa.inspect(self._engine).get_columns(table, schema=schema or None)
            return {column["name"]: _family(column["type"]) for column in found}
        # A query's column types are not known to the database's catalogue: they are read off its first rows.
        with self._engine.connect() as connection:
            result = connection.execute(sa.text(_as_subquery(relation, where="", limit=_PROBED)))
            names = list(result.keys())
            rows = result.fetchall()
        return {name: _family_of_values([row[n] for row in rows]) for n, name in enumerate(names)}

    def read(
        self,
        relation: str,
        *,
        is_query: bool,
        columns: Sequence[str] | None,
        time: str | None = None,
        start: datetime | None = None,
        end: datetime | None = None,
        key: str | None = None,
        keys: Iterable[object] | None = None,
        limit: int | None = None,
    ) -> pd.DataFrame:
        """Return rows of a table, view or query.

        Args:
            relation: `table`, `schema.table`, or a SELECT.
            is_query: Whether it is a SELECT.
            columns: Only these; None for all.
            time: Column of aware UTC times in the result.
            start: First moment, with `time`.
            end: First moment after, with `time`.
            key: Column for `keys`.
            keys: Only rows with one of these keys; looked up in chunks.
            limit: At most this many rows.

        Raises:
            StageError: Naming the connection and the relation: no such table or column, or a database that does not
                answer (retryable).
        """
        where_told = f"connection {self._label!r}, {'its query' if is_query else relation}"
        known = self.columns(relation, is_query=is_query)
        wanted = list(columns) if columns is not None else list(known)
        for name in dict.fromkeys([*wanted, *(c for c in (time, key) if c)]):
            if name not in known:
                raise StageError(_unknown_column(where_told, name, known))
        if time and time not in wanted:
            wanted.append(time)
        form = self._time_form(relation, time, is_query=is_query) if time else None
        source = self._selectable(relation, wanted, is_query=is_query)
        frames = []
        with self._reading(relation if not is_query else "its query"), self._engine.connect() as connection:
            for statement in _statements(source, wanted, time, form, start, end, key, keys, limit):
                streamed = connection.execution_options(stream_results=True)
                frames += list(pd.read_sql(statement, streamed, chunksize=_CHUNK, coerce_float=False))
        filled = [frame for frame in frames if len(frame)]
        rows = pd.concat(filled, ignore_index=True) if filled else pd.DataFrame(columns=wanted)
        if time and form is not None:
            rows[time] = parse_times(rows[time], form, where=f"{where_told}, column {time!r}")
        return rows

    def window_query(
        self, relation: str, *, is_query: bool, time: str | None, start: datetime | None, end: datetime | None
    ) -> str:
        """Return a SELECT, as text in the database's own dialect, of the rows that `read` gives for the window."""
        source = self._selectable(relation, list(self.columns(relation, is_query=is_query)), is_query=is_query)
        statement = sa.select(sa.text("*")).select_from(source)
        if time is not None:
            form = self._time_form(relation, time, is_query=is_query)
            statement = _within(statement, sa.column(time), form, start, end)
        return str(statement.compile(self._engine, compile_kwargs={"literal_binds": True}))

    def _selectable(self, relation: str, columns: Sequence[str], *, is_query: bool) -> sa.FromClause:
        if is_query:
            return sa.text(relation.strip().rstrip(";")).columns(*(sa.column(c) for c in columns)).subquery("stage")
        schema, _, table = relation.rpartition(".")
        return sa.table(table, *(sa.column(c) for c in columns), schema=schema or None)

    def _time_form(self, relation: str, time: str, *, is_query: bool) -> TimeForm:
        if (relation, time) not in self._forms:
            known = self.columns(relation, is_query=is_query)
            where = f"connection {self._label!r}, {'its query' if is_query else relation}, column {time!r}"
            if time not in known:
                raise StageError(_unknown_column(where, time, known))
            source = self._selectable(relation, [time], is_query=is_query)
            column = source.c[time]
            statement = sa.select(column).where(column.is_not(None)).limit(_PROBED)
            with self._reading(relation if not is_query else "its query"), self._engine.connect() as connection:
                values = [row[0] for row in connection.execute(statement)]
            try:
                self._forms[(relation, time)] = detect_form(values, where=where)
            except StageError as error:
                msg = str(error) if str(error).startswith("connection") else f"{where}: {error}"
                raise StageError(msg) from error
        return self._forms[(relation, time)]

    @contextmanager
    def _reading(self, what: str) -> Iterator[None]:
        """Tell a database's error to a person: no SQL, no parameters, no password."""
        where = f"connection {self._label!r}, {what}"
        try:
            yield
        except NoSuchTableError as error:
            raise StageError(self._no_table(what)) from error
        except DBAPIError as error:
            text = str(error.orig).strip().splitlines()[0] if error.orig else type(error).__name__
            if "no such table" in text or "does not exist" in text:
                raise StageError(f"{self._no_table(what)} ({text})") from error
            is_passing = error.connection_invalidated or isinstance(error, sa.exc.OperationalError)
            msg = f"{where} cannot be read: {text}"
            raise StageError(msg, retryable=is_passing) from error
        except SQLAlchemyError as error:
            msg = f"{where} cannot be read: {type(error).__name__}"
            raise StageError(msg) from error

    def _no_table(self, what: str) -> str:
        try:
            tables = [*sa.inspect(self._engine).get_table_names(), *sa.inspect(self._engine).get_view_names()]
        except SQLAlchemyError:
            tables = []
        near = difflib.get_close_matches(what, tables, n=3) or tables[:8]
        return f"connection {self._label!r} has no table {what!r}; known: {', '.join(near) or 'none'}"


def _statements(
    source: sa.FromClause,
    wanted: Sequence[str],
    time: str | None,
    form: TimeForm | None,
    start: datetime | None,
    end: datetime | None,
    key: str | None,
    keys: Iterable[object] | None,
    limit: int | None,
) -> Iterator[sa.Select[Any]]:
    statement: sa.Select[Any] = sa.select(*(sa.column(name) for name in wanted)).select_from(source)
    if time and form is not None:
        statement = _within(statement, sa.column(time), form, start, end)
    if limit is not None:
        statement = statement.limit(limit)
    if key is None or keys is None:
        yield statement
        return
    every = list(keys)
    for first in range(0, len(every), _KEYS_AT_ONCE):
        yield statement.where(sa.column(key).in_(every[first : first + _KEYS_AT_ONCE]))


def _within(
    statement: sa.Select[Any],
    column: sa.ColumnClause[Any],
    form: TimeForm,
    start: datetime | None,
    end: datetime | None,
) -> sa.Select[Any]:
    kind: Any = {
        TimeForm.NATIVE: sa.DateTime(),
        TimeForm.NATIVE_AWARE: sa.DateTime(timezone=True),
    }.get(form)
    if start is not None:
        bound = as_bound(start, form)
        statement = statement.where(column >= (sa.literal(bound, kind) if kind else sa.literal(bound)))
    if end is not None:
        bound = as_bound(end, form)
        statement = statement.where(column < (sa.literal(bound, kind) if kind else sa.literal(bound)))
    return statement


def _as_subquery(query: str, *, where: str, limit: int) -> str:
    return f"SELECT * FROM ({query.strip().rstrip(';')}) AS stage {where} LIMIT {limit}"  # noqa: S608 - the user's own query


def _unknown_column(where: str, name: str, known: Mapping[str, str]) -> str:
    near = difflib.get_close_matches(name, list(known), n=1)
    hint = f"; did you mean {near[0]!r}?" if near else ""
    return f"{where} has no column {name!r}{hint} Known: {', '.join(known)}"


def _family(kind: sa.types.TypeEngine[Any]) -> str:
    families: tuple[tuple[type[Any], str], ...] = (
        (sa.Boolean, "boolean"),
        (sa.JSON, "json"),
        (sa.DateTime, "time"),
        (sa.Date, "time"),
        (sa.Numeric, "number"),
        (sa.Float, "number"),
        (sa.Integer, "number"),
        (sa.String, "text"),
    )
    return next((family for base, family in families if isinstance(kind, base)), "other")


def _family_of_values(values: list[Any]) -> str:
    known = [value for value in values if value is not None]
    if not known:
        return "other"
    if all(isinstance(value, bool) for value in known):
        return "boolean"
    if all(isinstance(value, dict | list) for value in known):
        return "json"
    if all(isinstance(value, datetime) for value in known):
        return "time"
    if all(hasattr(value, "__float__") for value in known):
        return "number"
    return "text" if all(isinstance(value, str) for value in known) else "other"
