"""The one statement that SQLite and PostgreSQL write differently."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite


def insert_or_ignore(
    connection: sa.Connection, table: type[Any], values: dict[str, Any], index: Sequence[str]
) -> sa.Executable:
    """Return an INSERT that changes nothing where the unique columns are taken already."""
    if connection.dialect.name == "postgresql":
        return postgresql.insert(table).values(**values).on_conflict_do_nothing(index_elements=list(index))
    return sqlite.insert(table).values(**values).on_conflict_do_nothing(index_elements=list(index))
