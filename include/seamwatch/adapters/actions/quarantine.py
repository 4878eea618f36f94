"""The keys of affected records in a table, so that what reads it can leave them out."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime

import sqlalchemy as sa

from seamwatch.adapters.actions.base import ActionImpossible
from seamwatch.adapters.actions.compare_and_set import as_json
from seamwatch.adapters.actions.writable_database import WritableDatabase
from seamwatch.core.action_life import ActionPlan, Standing
from seamwatch.plurals import plural
from seamwatch.spec.actions import Quarantine

MOST_RECORDS = 100_000
"""More are no quarantine of records but a pipeline to be stopped."""
_AT_ONCE = 1_000


class QuarantineTarget:
    """One transaction writes all rows of an action, and another one takes them away: there is no half."""

    def __init__(
        self, spec: Quarantine, database: WritableDatabase, *, incident_id: str, records: Sequence[tuple[str, str]]
    ) -> None:
        """Take what is to be written.

        Args:
            spec: The action.
            database: Where its table is.
            incident_id: Of the incident that affected them.
            records: Key and stage of each affected record; only a plan is made of them, which then holds them.
        """
        self._spec, self._database, self._incident_id = spec, database, incident_id
        self._records = records
        schema, _, name = spec.table.rpartition(".")
        self._table = sa.Table(
            name,
            sa.MetaData(),
            sa.Column("action", sa.String(200), primary_key=True),
            sa.Column("record", sa.String(500), primary_key=True),
            sa.Column("incident", sa.String(200), nullable=False),
            sa.Column("stage", sa.String(200), nullable=False),
            sa.Column("at", sa.DateTime(timezone=True), nullable=False),
            schema=schema or None,
        )

    def plan(self) -> ActionPlan:
        """Return what would be written.

        Raises:
            ActionImpossible: If there are no affected records, or too many.
            AdapterError: If the database cannot be read.
        """
        stages: dict[str, str] = {}
        for record, stage in self._records:
            stages.setdefault(record, stage)
        n = len(stages)
        if not n:
            msg = "no affected record is known by its key: there is nothing to quarantine"
            raise ActionImpossible(msg)
        if n > MOST_RECORDS:
            msg = f"{n:,} records are affected, more than the {MOST_RECORDS:,} that are quarantined one by one"
            raise ActionImpossible(msg)
        with self._database.transaction(self._spec.table) as connection:
            made = "" if self._exists(connection) else ", which is made for it"
        keys = plural(n, "affected record")
        return ActionPlan(
            target=f"quarantine:{self._database.identity_of(self._spec.table)}/[incident={self._incident_id}]",
            before="[]",
            after=as_json(list(stages.items())),
            does=f"Writes the keys of {keys} into table {self._spec.table}{made}",
            undoes=f"Deletes these rows from table {self._spec.table}",
        )

    def look(self, plan: ActionPlan, key: str) -> Standing:
        """Return whether all rows of the action are there, or none."""
        try:
            with self._database.transaction(self._spec.table) as connection:
                n = self._count(connection, key) if self._exists(connection) else 0
        except Exception:  # whatever hinders reading: nothing is known then
            return Standing.UNKNOWN
        if n == 0:
            return Standing.AS_BEFORE
        return Standing.APPLIED if n == len(json.loads(plan.after)) else Standing.OTHER

    def apply(self, plan: ActionPlan, key: str) -> str:
        """Write the rows that are not there yet.

        Raises:
            AdapterError: If the database refuses; nothing is written then.
        """
        records = json.loads(plan.after)
        now = datetime.now(UTC)
        with self._database.transaction(self._spec.table, is_writing=True) as connection:
            self._table.create(connection, checkfirst=True)
            of_action = self._table.c.action == key
            known = set(connection.scalars(sa.select(self._table.c.record).where(of_action)))
            rows = [
                {"action": key, "incident": self._incident_id, "record": record, "stage": stage, "at": now}
                for record, stage in records
                if record not in known
            ]
            for first in range(0, len(rows), _AT_ONCE):
                connection.execute(sa.insert(self._table), rows[first : first + _AT_ONCE])
        return f"{plural(len(records), 'record is', 'records are')} in table {self._spec.table} now"

    def undo(self, plan: ActionPlan, key: str) -> str:
        """Delete the rows of the action.

        Raises:
            AdapterError: If the database refuses; nothing is deleted then.
        """
        del plan
        with self._database.transaction(self._spec.table, is_writing=True) as connection:
            n = 0
            if self._exists(connection):
                n = connection.execute(sa.delete(self._table).where(self._table.c.action == key)).rowcount
        return f"{plural(n, 'record was', 'records were')} deleted from table {self._spec.table}"

    def _exists(self, connection: sa.Connection) -> bool:
        return sa.inspect(connection).has_table(self._table.name, schema=self._table.schema)

    def _count(self, connection: sa.Connection, key: str) -> int:
        statement = sa.select(sa.func.count()).select_from(self._table).where(self._table.c.action == key)
        return connection.scalar(statement) or 0
