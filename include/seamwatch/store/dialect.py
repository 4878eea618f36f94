"""What SQLite and PostgreSQL say differently."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

_DECISIONS = 0x5EA3
"""Space of the advisory locks under which the incidents of a pipeline are decided."""


def insert_or_ignore(
    connection: sa.Connection, table: type[Any] | sa.Table, values: dict[str, Any], index: Sequence[str]
) -> sa.Executable:
    """Return an INSERT that changes nothing where the unique columns are taken already."""
    if connection.dialect.name == "postgresql":
        return postgresql.insert(table).values(**values).on_conflict_do_nothing(index_elements=list(index))
    return sqlite.insert(table).values(**values).on_conflict_do_nothing(index_elements=list(index))


def lock_incidents(connection: sa.Connection, pipeline: str) -> None:
    """Wait until no other transaction decides on the incidents of a pipeline; SQLite has but one writer anyway."""
    if connection.dialect.name == "postgresql":
        statement = sa.text("SELECT pg_advisory_xact_lock(:space, hashtext(:pipeline))")
        connection.execute(statement, {"space": _DECISIONS, "pipeline": pipeline})


def reading_engine(engine: sa.Engine) -> sa.Engine:
    """Return the engine for readers: all statements of one transaction see the same moment, as SQLite's do anyway."""
    if engine.dialect.name == "postgresql":
        return engine.execution_options(isolation_level="REPEATABLE READ")
    return engine
