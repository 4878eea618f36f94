"""Stage tables in any database that SQLAlchemy speaks to; read only, in chunks, by window or by key."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

import pandas as pd
import sqlalchemy as sa
from sqlalchemy.exc import NoSuchTableError

from seamwatch.adapters.stages.columns import (
    UUID,
    family_of_type,
    family_of_values,
    is_uuid,
    join_frames,
    to_frame,
)
from seamwatch.adapters.stages.database import open_read_only, told_plainly
from seamwatch.adapters.stages.key_forms import key_expression
from seamwatch.adapters.stages.statements import as_subquery
from seamwatch.adapters.stages.times import (
    TimeForm,
    detect_form,
    parse_times,
    require_within,
    within,
)
from seamwatch.errors import StageError
from seamwatch.spec.base import KeyForm

_CHUNK = 50_000
_KEYS_AT_ONCE = 500
"""Below every database's limit on bound parameters."""
_PROBED = 200
"""Rows looked at to see how a column holds its values."""
_PROBED_ENDS = 20
"""And of the oldest and the newest times: a change of form comes with time."""
_QUERY_CHARS = 70
"""Of a query, to know it among those of a pipeline."""


def _shown_query(query: str) -> str:
    text = " ".join(query.split())
    return f"query {text if len(text) <= _QUERY_CHARS else f'{text[:_QUERY_CHARS]}...'!r}"


class SqlStageSource:
    """One database, opened for reading.

    Decimals are read as numbers (see `columns.to_frame`), JSON columns as the driver gives them: objects or text.
    """

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
        self._engine = open_read_only(self._url, label=self._label)
        self._forms: dict[tuple[str, str], TimeForm] = {}
        self._columns: dict[str, dict[str, str]] = {}
        self._uuids: dict[str, frozenset[str]] = {}

    def close(self) -> None:
        """Close every connection."""
        self._engine.dispose()

    def columns(self, relation: str, *, is_query: bool) -> Mapping[str, str]:
        """Return column name to type family: `text`, `number`, `time`, `json`, `boolean` or `other`."""
        if relation not in self._columns:
            where = self._where(relation, is_query=is_query)
            with told_plainly(where, self._url):
                found = self._columns_of_query(relation) if is_query else self._columns_of_table(relation)
            names = [name for name, _ in found]
            self._uuids[relation] = frozenset(name for name, family in found if family == UUID)
            twice = sorted({name for name in names if names.count(name) > 1})
            if twice:
                msg = f"{where} gives two columns the name {', '.join(twice)}; rename one with AS"
                raise StageError(msg)
            self._columns[relation] = {name: "other" if family == UUID else family for name, family in found}
        return self._columns[relation]

    def _columns_of_table(self, relation: str) -> list[tuple[str, str]]:
        schema, _, table = relation.rpartition(".")
        inspector = sa.inspect(self._engine)
        try:
            found = inspector.get_columns(table, schema=schema or None)
        except NoSuchTableError as error:
            tables = [*inspector.get_table_names(schema or None), *inspector.get_view_names(schema or None)]
            near = difflib.get_close_matches(table, tables, n=3) or tables[:8]
            place = f" in schema {schema!r}" if schema else ""
            msg = f"connection {self._label!r} has no table {relation!r}; known{place}: {', '.join(near) or 'none'}"
            raise StageError(msg) from error
        return [(str(column["name"]), family_of_type(column["type"])) for column in found]

    def _columns_of_query(self, query: str) -> list[tuple[str, str]]:
        # The catalogue does not know a query's column types: they are read off its first rows.
        statement = sa.select(sa.text("*")).select_from(as_subquery(query, [])).limit(_PROBED)
        with self._engine.connect() as connection:
            result = connection.execute(statement)
            names, rows = list(result.keys()), result.fetchall()
        return [(name, family_of_values([row[n] for row in rows])) for n, name in enumerate(names)]

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
        key_form: KeyForm = "exact",
        limit: int | None = None,
        newest_first: bool = False,
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
            key_form: In which the column's keys are compared with those given, which are in it.
            limit: At most this many rows; with `keys`, of each chunk of them.
            newest_first: Whether the rows come in falling order of `time`, for use with `limit`.

        A time that cannot be read comes as NaT, as one that is null does.

        Raises:
            StageError: Naming the connection, the relation and where it is known the column: no such table or column,
                a time column whose values are mostly no times or of several forms, a value that the driver cannot
                hand out, or a database that does not answer (retryable).
        """
        where = self._where(relation, is_query=is_query)
        known = self.columns(relation, is_query=is_query)
        wanted = list(dict.fromkeys([*(columns if columns is not None else known), *((time,) if time else ())]))
        self._require(wanted + ([key] if key else []), known, where)
        form = self._time_form(relation, time, is_query=is_query) if time else None
        source = self._selectable(relation, [*wanted, *((key,) if key else ())], is_query=is_query)
        statement = sa.select(*(source.c[name] for name in wanted))
        if time and form:
            statement = statement.where(*within(source.c[time], form, start, end, dialect=self._engine.dialect.name))
        if time and newest_first:
            statement = statement.order_by(source.c[time].desc())
        if keys is not None and key in self._uuids.get(relation, ()):
            keys = [one for one in keys if is_uuid(one)]  # a database refuses to compare with any other text
        column = self._key_column(source.c[key], key_form, where) if key else None
        statements = list(_by_keys(statement.limit(limit), column, keys))
        rows = self._fetch(statements, wanted, where)
        if time and form:
            rows[time] = parse_times(rows[time], form)
            require_within(rows[time], form, start, end, where=f"{where}, column {time!r}")
        return rows

    def _key_column(self, column: sa.ColumnElement[Any], form: KeyForm, where: str) -> sa.ColumnElement[Any]:
        if form == "exact":
            return column
        dialect = self._engine.dialect.name
        found = key_expression(column, form, dialect=dialect)
        if found is None:
            msg = f"{where}: {dialect} cannot look keys up by key_form: {form}; bring them into one form in a query"
            raise StageError(msg)
        return found

    def _fetch(self, statements: Sequence[sa.Select[Any]], names: Sequence[str], where: str) -> pd.DataFrame:
        """Return all rows of the statements, which select these columns."""
        try:
            return self._fetch_all(statements, names, where)
        except StageError as error:
            # A value that a driver cannot convert is an error of its own, which names no column.
            refused = [] if error.retryable else [n for n in names if not self._is_readable(statements, n)]
            if not refused or len(refused) == len(names):
                raise
            msg = f"{where}, column {', '.join(map(repr, refused))}: {error}; cast it to text in a query"
            raise StageError(msg) from error

    def _is_readable(self, statements: Sequence[sa.Select[Any]], name: str) -> bool:
        try:
            self._fetch_all([s.with_only_columns(s.selected_columns[name]) for s in statements], [name], "")
        except StageError:
            return False
        return True

    def _fetch_all(self, statements: Sequence[sa.Select[Any]], names: Sequence[str], where: str) -> pd.DataFrame:
        frames: list[pd.DataFrame] = []
        with told_plainly(where, self._url), self._engine.connect() as connection:
            streaming = connection.execution_options(stream_results=True)
            for statement in statements:
                frames += (to_frame(names, chunk) for chunk in streaming.execute(statement).partitions(_CHUNK))
        return join_frames(frames, names)

    def window_query(
        self,
        relation: str,
        *,
        is_query: bool,
        time: str | None,
        start: datetime | None,
        end: datetime | None,
        limit: int | None = None,
    ) -> str:
        """Return a SELECT, as text in the database's own dialect, of the rows that `read` gives for the window."""
        source = self._selectable(relation, list(self.columns(relation, is_query=is_query)), is_query=is_query)
        statement = sa.select(sa.text("*")).select_from(source).limit(limit)
        dialect: Any = self._engine.dialect
        if time:
            form = self._time_form(relation, time, is_query=is_query)
            statement = statement.where(*within(source.c[time], form, start, end, dialect=dialect.name))
        # In the style `named` no percent sign is doubled: the text is the statement itself, not a driver's format.
        written = type(dialect)(paramstyle="named")
        return str(statement.compile(dialect=written, compile_kwargs={"literal_binds": True}))

    def _time_form(self, relation: str, time: str, *, is_query: bool) -> TimeForm:
        if (relation, time) not in self._forms:
            where = self._where(relation, is_query=is_query)
            known = self.columns(relation, is_query=is_query)
            self._require([time], known, where)
            column = self._selectable(relation, [time], is_query=is_query).c[time]
            some = sa.select(column).where(column.is_not(None))
            with told_plainly(where, self._url), self._engine.connect() as connection:
                values = list(connection.scalars(some.limit(_PROBED)))
                if values and isinstance(values[0], str | int | float):
                    for order in (column.asc(), column.desc()):
                        values += connection.scalars(some.order_by(order).limit(_PROBED_ENDS))
            form = detect_form(values, family=known[time], where=f"{where}, column {time!r}")
            if not values:
                return form  # not kept: rows may come, and show another one
            self._forms[(relation, time)] = form
        return self._forms[(relation, time)]

    def _selectable(self, relation: str, names: Sequence[str], *, is_query: bool) -> sa.FromClause:
        """Return the relation with these columns; only of UUIDs is the type said, since drivers differ in them."""
        uuids = self._uuids.get(relation, frozenset())
        columns = [sa.column(n, sa.Uuid(as_uuid=False)) if n in uuids else sa.column(n) for n in dict.fromkeys(names)]
        if is_query:
            return as_subquery(relation, columns)
        schema, _, table = relation.rpartition(".")
        return sa.table(table, *columns, schema=schema or None)

    def _where(self, relation: str, *, is_query: bool) -> str:
        return f"connection {self._label!r}, {_shown_query(relation) if is_query else relation}"

    def _require(self, names: Sequence[str], known: Mapping[str, str], where: str) -> None:
        for name in names:
            if name not in known:
                near = difflib.get_close_matches(name, list(known), n=1)
                hint = f"; did you mean {near[0]!r}?" if near else ";"
                msg = f"{where} has no column {name!r}{hint} known: {', '.join(known)}"
                raise StageError(msg)


def _by_keys(
    statement: sa.Select[Any], key: sa.ColumnElement[Any] | None, keys: Iterable[object] | None
) -> Iterator[sa.Select[Any]]:
    """Yield the statement, or one for each chunk of keys; numpy's numbers as Python's, which drivers know."""
    if key is None or keys is None:
        yield statement
        return
    plain = dict.fromkeys(k.item() if hasattr(k, "item") else k for k in keys)
    wanted = [k for k in plain if k is not None]
    for first in range(0, len(wanted), _KEYS_AT_ONCE):
        yield statement.where(key.in_(wanted[first : first + _KEYS_AT_ONCE]))
