"""Open a database for the store, and bring it to the newest migration."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy.exc import OperationalError

from seamwatch.errors import StoreError

VERSION_TABLE = "seamwatch_version"
_LOCK = 0x5EA3_BA7C
"""Advisory lock of PostgreSQL under which migrations run, so that two processes never migrate at once."""
_BUSY_S = 30.0


def open_engine(url: sa.URL | str) -> sa.Engine:
    """Return an engine for the store; SQLite in WAL mode, its writers queueing instead of failing."""
    target = sa.make_url(url)
    if target.get_backend_name() != "sqlite":
        return sa.create_engine(target, pool_pre_ping=True)
    if target.database and target.database != ":memory:":
        Path(target.database).parent.mkdir(parents=True, exist_ok=True)
    engine = sa.create_engine(target, connect_args={"timeout": _BUSY_S})

    @sa.event.listens_for(engine, "connect")
    def _configure(connection: Any, _: Any) -> None:
        # The driver's own transactions begin late and turn into writers half way, which deadlocks: begin ourselves.
        connection.isolation_level = None
        for pragma in ("journal_mode=WAL", f"busy_timeout={int(_BUSY_S * 1000)}", "foreign_keys=ON"):
            _retry_locked(lambda pragma=pragma: connection.execute(f"PRAGMA {pragma}"))

    @sa.event.listens_for(engine, "begin")
    def _begin(connection: sa.Connection) -> None:
        is_writing = connection.get_execution_options().get("is_writing", False)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if is_writing else "BEGIN")

    return engine


def _retry_locked(action: Any) -> None:
    """Run an action that SQLite refuses at once, without waiting, while another process changes the journal mode."""
    import sqlite3  # noqa: PLC0415 - only where the store is SQLite

    deadline = time.monotonic() + _BUSY_S
    while True:
        try:
            action()
        except sqlite3.OperationalError as error:
            if "locked" not in str(error) or time.monotonic() > deadline:
                raise
            time.sleep(0.02)
        else:
            return


def migrate(engine: sa.Engine, revision: str = "head") -> None:
    """Bring the store to a revision; safe when several processes do it at once."""
    down = revision in ("base",) or revision.startswith("-")
    with _migration_lock(engine) as connection:
        config = Config()
        config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
        config.attributes["connection"] = connection
        (command.downgrade if down else command.upgrade)(config, revision)


@contextmanager
def _migration_lock(engine: sa.Engine) -> Iterator[sa.Connection]:
    alembic_log = logging.getLogger("alembic")
    before = alembic_log.level
    alembic_log.setLevel(logging.WARNING)
    try:
        with engine.connect().execution_options(is_writing=True) as connection, connection.begin():
            if engine.dialect.name == "postgresql":
                connection.execute(sa.text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
            yield connection
    except OperationalError as error:
        msg = f"the store at {engine.url!r} cannot be migrated: {str(error.orig).splitlines()[0]}"
        raise StoreError(msg) from error
    finally:
        alembic_log.setLevel(before)


def require_head(engine: sa.Engine) -> None:
    """Raise StoreError unless the store is at the newest migration."""
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    head = ScriptDirectory.from_config(config).get_current_head()
    try:
        with engine.connect() as connection:
            context = MigrationContext.configure(connection, opts={"version_table": VERSION_TABLE})
            current = context.get_current_revision()
    except OperationalError as error:
        msg = f"the store at {engine.url!r} does not answer: {str(error.orig).splitlines()[0]}"
        raise StoreError(msg) from error
    if current != head:
        msg = f"the store at {engine.url!r} is at revision {current or 'none'}, not {head}; run `seamwatch migrate`"
        raise StoreError(msg)
