"""One column of one row, as in a routing table."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import sqlalchemy as sa

from seamwatch.adapters.actions.compare_and_set import CompareAndSet, TargetGone, same, shown
from seamwatch.adapters.actions.writable_database import WritableDatabase
from seamwatch.core.action_life import ActionPlan
from seamwatch.errors import AdapterError
from seamwatch.plurals import plural
from seamwatch.spec.actions import SqlValue


class SqlValueTarget(CompareAndSet):
    """A row is locked, compared, updated and read again in one transaction, which is rolled back if any of it fails."""

    def __init__(self, spec: SqlValue, database: WritableDatabase) -> None:
        """Take the place; nothing is read yet."""
        self._spec, self._database = spec, database
        schema, _, name = spec.table.rpartition(".")
        named = dict.fromkeys((spec.column, *spec.where, *([spec.value_from] if spec.value_from else [])))
        self._table = sa.table(name, *(sa.column(one) for one in named), schema=schema or None)

    @property
    def _name(self) -> str:
        return f"{self._spec.table}.{self._spec.column}"

    @property
    def _where(self) -> str:
        return " and ".join(f"{name} = {shown(value)}" for name, value in self._spec.where.items())

    def plan(self) -> ActionPlan:
        """Return what would be set, from the row as it is.

        Raises:
            ActionImpossible: If it is so already.
            AdapterError: If there is no such row, more than one, or it cannot be read.
        """
        with self._database.transaction(self._spec.table) as connection:
            row = self._row(connection)
        now = row[self._spec.column]
        wanted = row[self._spec.value_from] if self._spec.value_from else self._spec.value
        return self._change(
            self._target,
            now,
            wanted,
            does=f"Sets {self._name} from {shown(now)} to {shown(wanted)} where {self._where}",
            undoes=f"Sets {self._name} back to {shown(now)} where {self._where}",
        )

    @property
    def _target(self) -> str:
        place = self._database.identity_of(self._spec.table)
        where = ",".join(f"{name}={value}" for name, value in sorted(self._spec.where.items()))
        return f"sql:{place}/{self._spec.column}/[{where}]"

    def _read(self) -> Any:
        with self._database.transaction(self._spec.table) as connection:
            return self._row(connection)[self._spec.column]

    def _row(self, connection: sa.Connection, *, is_locked: bool = False) -> dict[str, Any]:
        """Return the one row as JSON data; TargetGone where there is none, or more than one."""
        statement = sa.select(*self._table.c).where(*self._conditions).limit(2)
        rows = connection.execute(statement.with_for_update() if is_locked else statement).mappings().all()
        if len(rows) != 1:
            n = "no row" if not rows else "more than one row"
            msg = f"{self._spec.table} has {n} where {self._where}; correct where, so that it names exactly one"
            raise TargetGone(msg)
        return {str(name): _as_json_data(value) for name, value in rows[0].items()}

    @property
    def _conditions(self) -> list[sa.ColumnElement[bool]]:
        # `== None` becomes IS NULL.
        return [self._table.c[name] == value for name, value in self._spec.where.items()]

    def _same(self, left: Any, right: Any) -> bool:
        # Some databases keep true as 1.
        return same(_without_booleans(left), _without_booleans(right))

    def _write(self, now: Any, wanted: Any) -> None:
        column = self._table.c[self._spec.column]
        with self._database.transaction(self._spec.table, is_writing=True) as connection:
            found = self._row(connection, is_locked=True)[self._spec.column]
            if not self._same(found, now):
                msg = f"{self._name} is {shown(found)}, no longer {shown(now)}: somebody changed it; left as it is"
                raise AdapterError(msg)
            # For databases without row locks the comparison is part of the statement; not every type has one.
            is_still = [column == found] if found is None or isinstance(found, bool | int | str) else []
            update = sa.update(self._table).where(*self._conditions, *is_still).values({column.name: _as_sql(wanted)})
            n_changed = connection.execute(update).rowcount
            made = self._row(connection)[self._spec.column]
            if n_changed != 1 or not self._same(made, wanted):
                msg = (
                    f"{self._name} becomes {shown(made)} where {shown(wanted)} is written "
                    f"({plural(n_changed, 'row')} changed), "
                    "so nothing was changed; write the value as its column holds it"
                )
                raise AdapterError(msg)


def _as_json_data(value: Any) -> Any:
    """Return a value of a database in a form that JSON keeps, and that the database takes back."""
    if isinstance(value, bytes | bytearray | memoryview):
        msg = "a column of bytes cannot be set by an action; name a column of text or numbers"
        raise AdapterError(msg)
    if value is None or isinstance(value, bool | int | float | str | dict | list):
        return value
    if isinstance(value, Decimal) and value.is_finite():
        if value == value.to_integral_value():
            return int(value)
        return float(value) if Decimal(str(float(value))) == value else str(value)
    return str(value)


def _as_sql(value: Any) -> Any:
    return json.dumps(value) if isinstance(value, dict | list) else value


def _without_booleans(value: Any) -> Any:
    return int(value) if isinstance(value, bool) else value
