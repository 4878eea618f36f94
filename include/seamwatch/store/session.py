"""Open a database for the store, and bring it to the newest migration."""

from __future__ import annotations

import json
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
from sqlalchemy.exc import ArgumentError, NoSuchModuleError

from seamwatch.errors import DataContractError, StoreError
from seamwatch.secret_redaction import SECRETS
from seamwatch.store.failures import damaged, show_url, store_failures

VERSION_TABLE = "seamwatch_version"
_LOCK = 0x5EA3_BA7C
"""Advisory lock of PostgreSQL under which migrations run, so that two processes never migrate at once."""
_BUSY_S = 30.0
"""How long a transaction waits for another one's lock, before it fails as one that may be tried again."""


def open_engine(url: sa.URL | str) -> sa.Engine:
    """Return an engine for the store; SQLite in WAL mode, its writers queueing instead of failing.

    Args:
        url: Where it lies. SQLite's own option `?timeout=5` says for how many seconds to wait for a lock.

    Raises:
        StoreError: If the URL is none, or names a database that cannot hold the store.
    """
    target = _target(url)
    if target.get_backend_name() == "postgresql":
        return _postgres_engine(target)
    wait_s = _wait_s(target)
    _make_folder(target)
    engine = _engine(target, connect_args={"timeout": wait_s})

    @sa.event.listens_for(engine, "connect")
    def _configure(connection: Any, _: Any) -> None:
        # The driver's own transactions begin late and turn into writers half way, which deadlocks: begin ourselves.
        connection.isolation_level = None
        pages: list[int] = []
        _retry_locked(lambda: pages.extend(connection.execute("PRAGMA page_count").fetchone()), wait_s)
        for pragma in (
            # Only a file that nothing was written into yet takes it, and one that may only be read refuses it.
            *(("auto_vacuum=INCREMENTAL",) if pages == [0] else ()),
            "journal_mode=WAL",
            "synchronous=NORMAL",
            f"busy_timeout={int(wait_s * 1000)}",
            "foreign_keys=ON",
        ):
            _retry_locked(lambda pragma=pragma: connection.execute(f"PRAGMA {pragma}"), wait_s)

    @sa.event.listens_for(engine, "begin")
    def _begin(connection: sa.Connection) -> None:
        is_writing = connection.get_execution_options().get("is_writing", False)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if is_writing else "BEGIN")

    return engine


def _target(url: sa.URL | str) -> sa.URL:
    example = "sqlite:////data/seamwatch.db or postgresql+psycopg2://user@host/seamwatch"
    try:
        target = sa.make_url(url)
        SECRETS.learn_url(target.render_as_string(hide_password=False))
    except ArgumentError as error:
        msg = f"the store's URL cannot be read; write it as {example}"  # it may hold a password: not repeated here
        raise StoreError(msg) from error
    if target.get_backend_name() not in ("sqlite", "postgresql"):
        msg = f"the store cannot be kept in {target.get_backend_name()}; use SQLite or PostgreSQL, as {example}"
        raise StoreError(msg)
    if target.host and "@" in target.host:
        msg = "the store's URL cannot be read: a sign of user or password is not encoded; write @ as %40, / as %2F"
        raise StoreError(msg)
    return target


def _wait_s(target: sa.URL) -> float:
    given = target.query.get("timeout", str(_BUSY_S))
    try:
        wait_s = float(str(given))
    except ValueError:
        wait_s = -1.0
    if not 0.0 <= wait_s <= 3600.0:
        msg = "the store's URL has a timeout that is none; write the seconds to wait for a lock, as ?timeout=5"
        raise StoreError(msg)
    return wait_s


def _make_folder(target: sa.URL) -> None:
    if not target.database or target.database == ":memory:" or "uri" in target.query:
        return
    folder = Path(target.database).parent
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "it is no path"
        msg = f"the folder {folder} of the store cannot be made: {reason}; correct the store's URL"
        raise StoreError(msg) from error


def _postgres_engine(target: sa.URL) -> sa.Engine:
    engine = _engine(target, pool_pre_ping=True)

    @sa.event.listens_for(engine, "begin")
    def _begin(connection: sa.Connection) -> None:
        connection.exec_driver_sql(f"SET LOCAL lock_timeout = '{_BUSY_S:g}s'")

    return engine


def _json_text(value: Any) -> str:
    # NaN is no JSON: PostgreSQL refuses it, and SQLite must not hide that.
    try:
        return json.dumps(value, allow_nan=False)
    except ValueError as error:
        msg = f"the store takes numbers that JSON has a form for; got NaN or infinity ({error})"
        raise DataContractError(msg) from error


def _engine(target: sa.URL, **options: Any) -> sa.Engine:
    try:
        return sa.create_engine(target, json_serializer=_json_text, hide_parameters=True, **options)
    except (ModuleNotFoundError, NoSuchModuleError) as error:
        msg = f"the driver of {target.drivername} is not installed ({error}); `pip install seamwatch[postgres]`"
        raise StoreError(msg) from error


def _retry_locked(action: Any, wait_s: float) -> None:
    """Run an action that SQLite refuses at once, without waiting, while another process changes the journal mode."""
    import sqlite3  # noqa: PLC0415 - only where the store is SQLite

    deadline = time.monotonic() + wait_s
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
    """Bring the store to a revision; safe when several processes do it at once.

    Raises:
        StoreError: If the database refuses, or a newer version of Seamwatch has migrated the store already.
    """
    down = revision in ("base",) or revision.startswith("-")
    with _migration_lock(engine) as connection:
        _refuse_newer(connection)
        config = _config()
        config.attributes["connection"] = connection
        (command.downgrade if down else command.upgrade)(config, revision)


@contextmanager
def _migration_lock(engine: sa.Engine) -> Iterator[sa.Connection]:
    writers = engine.execution_options(is_writing=True)
    with store_failures(engine.url), writers.connect() as connection, connection.begin():
        if engine.dialect.name == "postgresql":
            connection.exec_driver_sql("SET LOCAL lock_timeout = 0")  # a long migration is worth waiting for
            connection.execute(sa.text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
        with _quiet_alembic():
            yield connection


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
    with store_failures(engine.url), engine.connect() as connection:
        current = _refuse_newer(connection)
    head = ScriptDirectory.from_config(_config()).get_current_head()
    if current != head:
        found = current or "none"
        msg = f"the store at {show_url(engine.url)} is at revision {found}, not {head}; run `seamwatch migrate`"
        raise StoreError(msg)


def require_undamaged(engine: sa.Engine) -> None:
    """Raise StoreError if SQLite finds damage in the store's file; reads all of it. PostgreSQL watches its own."""
    if engine.dialect.name != "sqlite":
        return
    with store_failures(engine.url), engine.connect() as connection:
        found = list(connection.exec_driver_sql("PRAGMA quick_check(1)").scalars())
    if found != ["ok"]:
        raise StoreError(damaged(engine.url, str(found[0]) if found else "no answer"))


def _refuse_newer(connection: sa.Connection) -> str | None:
    """Return the store's revision; StoreError if this version of Seamwatch does not know it."""
    context = MigrationContext.configure(connection, opts={"version_table": VERSION_TABLE})
    current = context.get_current_revision()
    scripts = ScriptDirectory.from_config(_config())
    known = {script.revision for script in scripts.walk_revisions()}
    if current is not None and current not in known:
        place, newest = show_url(connection.engine.url), scripts.get_current_head()
        msg = (
            f"the store at {place} is at revision {current}, which this version of Seamwatch does not know (newest: "
            f"{newest}): a newer version has migrated it; use that version, or a backup"
        )
        raise StoreError(msg)
    return current


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    return config
