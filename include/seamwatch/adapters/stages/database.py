"""Engines that only read, or may write, and the errors of their drivers told to a person."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal
from urllib.parse import quote

import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError, SQLAlchemyError

from seamwatch.adapters.stages.extremes import keep_extremes
from seamwatch.errors import AdapterError, StageError
from seamwatch.statement_deadline import STATEMENT_S, postgres_deadlines

_STEPS = 100_000
"""Of SQLite's machine, between two looks at the clock: a few milliseconds."""
_LOCK_S = 5.0
"""Longest wait for a lock on an SQLite file, its driver's own default."""
_FINAL = ("authentication failed", "does not exist", "no such", "syntax error", "unable to open", "not a database")
"""Words of operational errors that trying again does not mend."""


def open_read_only(url: sa.URL, *, label: str, deadline_s: float = STATEMENT_S) -> sa.Engine:
    """Return an engine that connects when it is first used, and refuses to write where its driver can.

    A statement that takes longer than `deadline_s` is ended, by PostgreSQL and in SQLite.

    Values that Python has no type for come as text: times of PostgreSQL beyond Python's years, text of SQLite that is
    not UTF-8 as bytes.

    Raises:
        StageError: If it is an SQLite file that does not exist; SQLite would create it.
        AdapterError: If the driver is not installed.
    """
    return _create(url, label=label, deadline_s=deadline_s, mode="ro")


def open_for_writing(url: sa.URL, *, label: str, deadline_s: float = STATEMENT_S) -> sa.Engine:
    """Return an engine as `open_read_only` does, but one that may write.

    A transaction with the execution option `is_writing` locks an SQLite file from its start, so that what it reads
    stays until it is over; elsewhere rows are locked by `FOR UPDATE`.

    Raises:
        StageError: If it is an SQLite file that does not exist; SQLite would create it.
        AdapterError: If the driver is not installed.
    """
    engine = _create(url, label=label, deadline_s=deadline_s, mode="rw")
    if url.get_backend_name() == "sqlite":
        _begin_at_once(engine)
    return engine


def _create(url: sa.URL, *, label: str, deadline_s: float, mode: Literal["ro", "rw"]) -> sa.Engine:
    arguments: dict[str, Any] = {"pool_pre_ping": True}
    if url.get_backend_name() == "sqlite" and url.database and url.database != ":memory:":
        path = Path(url.database)
        if not path.is_file():
            msg = f"connection {label!r}: no SQLite file at {path}"
            raise StageError(msg)
        address = f"file:{quote(str(path.absolute()))}?mode={mode}"
        arguments["creator"] = lambda: _open_sqlite(address, min(deadline_s, _LOCK_S))
    if url.get_backend_name() == "postgresql":
        arguments["execution_options"] = {"postgresql_readonly": mode == "ro"}
        arguments["connect_args"] = postgres_deadlines(url.get_driver_name(), url.query, deadline_s)
    try:
        engine = sa.create_engine(url, **arguments)
    except (ImportError, SQLAlchemyError) as error:
        msg = f"connection {label!r}: the driver {url.drivername!r} is not installed ({_first_line(error, url)})"
        raise AdapterError(msg) from error
    keep_extremes(engine)
    if url.get_backend_name() == "sqlite":
        _end_long_statements(engine, deadline_s)
    return engine


def _begin_at_once(engine: sa.Engine) -> None:
    """Let transactions of SQLite begin where SQLAlchemy begins them, and not with the first statement that writes."""

    @sa.event.listens_for(engine, "connect")
    def _leave_to_us(connection: Any, _: Any) -> None:
        connection.isolation_level = None

    @sa.event.listens_for(engine, "begin")
    def _begin(connection: sa.Connection) -> None:
        is_writing = connection.get_execution_options().get("is_writing", False)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if is_writing else "BEGIN")


def _end_long_statements(engine: sa.Engine, deadline_s: float) -> None:
    """Let SQLite look at the clock now and then while it computes."""

    @sa.event.listens_for(engine, "before_cursor_execute")
    def _start(connection: sa.Connection, *_: Any) -> None:
        ends = time.monotonic() + deadline_s
        driver: Any = connection.connection.dbapi_connection
        driver.set_progress_handler(lambda: time.monotonic() > ends, _STEPS)


def _open_sqlite(address: str, lock_s: float) -> sqlite3.Connection:
    connection = sqlite3.connect(address, uri=True, check_same_thread=False, timeout=lock_s)
    connection.text_factory = _text_or_bytes
    return connection


def _text_or_bytes(raw: bytes) -> str | bytes:
    """Return the text, or its bytes as they are where they are no UTF-8: one such cell must not hide all others."""
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return raw


@contextmanager
def told_plainly(where: str, url: sa.URL, *, doing: str = "read") -> Iterator[None]:
    """Turn whatever using a database raises into a StageError without statement, parameters and password.

    Drivers raise errors of Python's own too, as ValueError for a value that they cannot convert.

    Args:
        where: Connection and relation, for the message.
        url: Of the database.
        doing: What is done to it: `read` or `written`.
    """
    try:
        yield
    except AdapterError:
        raise
    except DBAPIError as error:
        text = _first_line(error.orig or error, url)
        is_outage = error.connection_invalidated or isinstance(error, OperationalError | InterfaceError)
        retryable = is_outage and not any(word in text for word in _FINAL)
        msg = f"{where} cannot be {doing}: {text}"
        raise StageError(msg, retryable=retryable) from error
    except SQLAlchemyError as error:
        msg = f"{where} cannot be {doing}: {_first_line(error, url)}"
        raise StageError(msg) from error
    except Exception as error:
        msg = f"{where} cannot be {doing}: {type(error).__name__}: {_first_line(error, url)}"
        raise StageError(msg) from error


def _first_line(error: BaseException, url: sa.URL) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    text = lines[0] if lines else type(error).__name__
    return text.replace(str(url.password), "***") if url.password else text
