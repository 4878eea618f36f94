"""A database that an action may write to: transactions that hold what they read, and errors without secrets."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import sqlalchemy as sa

from seamwatch.adapters.base import ConnectionInfo
from seamwatch.adapters.connections import database_url
from seamwatch.adapters.stages.database import open_for_writing, told_plainly

_PORTS = {"postgresql": 5432, "mysql": 3306, "mssql": 1433, "oracle": 1521, "redshift": 5439, "trino": 8080}


class WritableDatabase:
    """Opened for one statement or transaction at a time; no connection is kept."""

    def __init__(self, info: ConnectionInfo, *, timeout_s: float) -> None:
        """Take the place; nothing is opened yet.

        Args:
            info: Its connection.
            timeout_s: Longest that a statement may take, or wait for a lock.

        Raises:
            AdapterError: If the connection names no database.
        """
        self._url, self._label, self._timeout_s = database_url(info), info.conn_id, timeout_s

    @contextmanager
    def transaction(self, relation: str, *, is_writing: bool = False) -> Iterator[sa.Connection]:
        """Yield a connection in a transaction, committed at the end, rolled back if anything fails.

        Args:
            relation: The table, for messages.
            is_writing: In SQLite the whole file is locked from the start: nobody writes between reading and writing.

        Raises:
            AdapterError: If the database refuses, cannot be reached or takes too long.
        """
        where = f"connection {self._label!r}, table {relation}"
        doing = "written" if is_writing else "read"
        with told_plainly(where, self._url, doing=doing):
            engine = open_for_writing(self._url, label=self._label, deadline_s=self._timeout_s)
            try:
                with engine.connect().execution_options(is_writing=is_writing) as connection, connection.begin():
                    yield connection
            finally:
                engine.dispose()

    def identity_of(self, relation: str) -> str:
        """Return place and table, the same for every connection that leads there: without login and options."""
        url = self._url
        schema, _, table = relation.rpartition(".")
        backend = url.get_backend_name()
        if backend == "sqlite":
            # SQLite takes names in any case.
            return f"sqlite:///{Path(url.database or '').absolute()}/{relation.lower().removeprefix('main.')}"
        if not schema:
            with self.transaction(relation) as connection:
                schema = sa.inspect(connection).default_schema_name or ""
        port = url.port or _PORTS.get(backend) or ""
        return f"{backend}://{(url.host or '').lower()}:{port}/{url.database or ''}/{schema}.{table}"
