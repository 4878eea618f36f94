"""Open a database for the store, and bring it to the newest migration."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy.exc import ArgumentError, DatabaseError, NoSuchModuleError

from seamwatch.errors import StoreError

VERSION_TABLE = "seamwatch_version"
_LOCK = 0x5EA3_BA7C
"""Advisory lock of PostgreSQL under which migrations run, so that two processes never migrate at once."""
_BUSY_S = 30.0


def open_engine(url: sa.URL | str) -> sa.Engine:
    """Return an engine for the store; SQLite in WAL mode, its writers queueing instead of failing.

    Raises:
        StoreError: If the URL is none, or names a database that cannot hold the store.
    """
    target = _target(url)
    if target.get_backend_name() == "postgresql":
        return _engine(target, pool_pre_ping=True)
    if target.database and target.database != ":memory:":
        folder = Path(target.database).parent
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            msg = f"the folder {folder} of the store cannot be made: {error.strerror}; correct the store's URL"
            raise StoreError(msg) from error
    engine = _engine(target, connect_args={"timeout": _BUSY_S})

    @sa.event.listens_for(engine, "connect")
    def _configure(connection: Any, _: Any) -> None:
        # The driver's own transactions begin late and turn into writers half way, which deadlocks: begin ourselves.
        connection.isolation_level = None
        for pragma in (
            "journal_mode=WAL",
            "synchronous=NORMAL",
            f"busy_timeout={int(_BUSY_S * 1000)}",
            "foreign_keys=ON",
        ):
            _retry_locked(lambda pragma=pragma: connection.execute(f"PRAGMA {pragma}"))

    @sa.event.listens_for(engine, "begin")
    def _begin(connection: sa.Connection) -> None:
        is_writing = connection.get_execution_options().get("is_writing", False)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if is_writing else "BEGIN")

    return engine


def _target(url: sa.URL | str) -> sa.URL:
    example = "sqlite:////data/seamwatch.db or postgresql+psycopg2://user@host/seamwatch"
    try:
        target = sa.make_url(url)
    except ArgumentError as error:
        msg = f"the store's URL cannot be read; write it as {example}"  # it may hold a password: not repeated here
        raise StoreError(msg) from error
    if target.get_backend_name() not in ("sqlite", "postgresql"):
        msg = f"the store cannot be kept in {target.get_backend_name()}; use SQLite or PostgreSQL, as {example}"
        raise StoreError(msg)
    return target


def _engine(target: sa.URL, **options: Any) -> sa.Engine:
    try:
        # NaN is no JSON: PostgreSQL refuses it, and SQLite must not hide that.
        return sa.create_engine(target, json_serializer=partial(json.dumps, allow_nan=False), **options)
    except (ModuleNotFoundError, NoSuchModuleError) as error:
        msg = f"the driver of {target.drivername} is not installed ({error}); `pip install seamwatch[postgres]`"
        raise StoreError(msg) from error


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
    try:
        with engine.connect().execution_options(is_writing=True) as connection, connection.begin():
            if engine.dialect.name == "postgresql":
                connection.execute(sa.text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
            with _quiet_alembic():
                yield connection
    except DatabaseError as error:
        msg = f"the store at {engine.url!r} cannot be migrated: {str(error.orig).splitlines()[0]}"
        raise StoreError(msg) from error


@contextmanager
def _quiet_alembic() -> Iterator[None]:
    """Keep out of the log what every start would say; under the lock, or threads would keep each other's level."""
    log = logging.getLogger("alembic")
    before = log.level
    log.setLevel(logging.WARNING)
    try:
        yield
    finally:
        log.setLevel(before)


def require_head(engine: sa.Engine) -> None:
    """Raise StoreError unless the store is at the newest migration."""
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    head = ScriptDirectory.from_config(config).get_current_head()
    try:
        with engine.connect() as connection:
            context = MigrationContext.configure(connection, opts={"version_table": VERSION_TABLE})
            current = context.get_current_revision()
    except DatabaseError as error:
        msg = f"the store at {engine.url!r} does not answer: {str(error.orig).splitlines()[0]}"
        raise StoreError(msg) from error
    if current != head:
        msg = f"the store at {engine.url!r} is at revision {current or 'none'}, not {head}; run `seamwatch migrate`"
        raise StoreError(msg)
