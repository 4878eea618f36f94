"""What goes wrong in the store's database, as a StoreError that says what happened and what to do.

One place for all of it: whatever fails between the beginning and the end of a transaction ends as a StoreError. The
tables below choose words only; a failure that none of them knows is told too, by its code. A driver's own text may
repeat values of records, so it is shown only where it cannot.
"""

from __future__ import annotations

import re
import traceback
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import StatementError

from seamwatch.errors import SeamwatchError, StoreError

_LOCKED = (
    "another process held it for too long",
    "try again; where it happens often, look for a process that hangs, or keep the store in PostgreSQL",
)
_FULL = ("there is no space left for it", "free space on its disk, or run `seamwatch purge` once there is some")
_DAMAGED = (
    "it is damaged",
    "stop what writes to it, keep a copy, and restore a backup (SQLite: `sqlite3 FILE .recover` saves what can be)",
)
_FORBIDDEN = ("it may not be written or read", "give the user who runs Seamwatch the right to write it and its folder")
_UNREACHABLE = ("it does not answer", "see that the database runs and that the store's URL is right, then try again")
_LOST = (
    "the connection to it was lost",
    "see that the database runs, then try again: a change that was being saved is there whole or not at all",
)
_OTHER_SCHEMA = ("its tables are not those of this version", "run `seamwatch migrate`")
_BROKEN_DISK = ("its disk failed to read or write", "look at the disk and the log of the system, then try again")
_BUSY_SERVER = ("its server takes no more connections", "try again, or let the server take more")
_REFUSED = ("a statement was refused", "try again; where it stays, report it with this message")
_UNREADABLE = (
    "what it holds cannot be read",
    "where `seamwatch migrate` finds no damage, another version of Seamwatch wrote it: use that version",
)

_SQLITE = {
    "SQLITE_BUSY": _LOCKED,
    "SQLITE_LOCKED": _LOCKED,
    "SQLITE_FULL": _FULL,
    "SQLITE_CORRUPT": _DAMAGED,
    "SQLITE_NOTADB": _DAMAGED,
    "SQLITE_READONLY": _FORBIDDEN,
    "SQLITE_PERM": _FORBIDDEN,
    "SQLITE_AUTH": _FORBIDDEN,
    "SQLITE_CANTOPEN": _FORBIDDEN,
    "SQLITE_IOERR": _BROKEN_DISK,
    "SQLITE_SCHEMA": _OTHER_SCHEMA,
}
"""By the first two words of the extended code (SQLITE_IOERR_WRITE): https://www.sqlite.org/rescode.html."""
_POSTGRES = {
    "08": _LOST,
    "22": _UNREADABLE,
    "25006": _FORBIDDEN,
    "28": _UNREACHABLE,
    "3D": _UNREACHABLE,
    "40": _LOCKED,
    "42501": _FORBIDDEN,
    "42P01": _OTHER_SCHEMA,
    "42703": _OTHER_SCHEMA,
    "53": _BUSY_SERVER,
    "53100": _FULL,
    "55P03": _LOCKED,
    "57014": _LOCKED,
    "57P": _LOST,
    "58": _BROKEN_DISK,
    "XX001": _DAMAGED,
    "XX002": _DAMAGED,
}
"""By the longest beginning of the SQLSTATE: PostgreSQL's manual, appendix A."""
_TELLS_VALUES = ("22",)
"""Classes whose primary text repeats the value that was refused; all others name tables, columns and files only."""
_MOST_CHARS = 300
_PACKAGE = Path(__file__).parents[1]


def show_url(url: sa.URL) -> str:
    """Return where a database lies, without user, password and options: each of them may be a secret."""
    if url.get_backend_name() == "sqlite":
        return f"sqlite:///{url.database or ':memory:'}"
    port = f":{url.port}" if url.port else ""
    name = url.database if url.database and re.fullmatch(r"[\w.-]+", url.database) else "..."
    return f"{url.get_backend_name()}://{url.host or ''}{port}/{name}"


def damaged(url: sa.URL, found: str) -> str:
    """Return the message on a file in which a check found damage."""
    return _sentence(_DAMAGED, _one_line(found), url)


@contextmanager
def store_failures(url: sa.URL) -> Iterator[None]:
    """Let nothing out of the block but errors that are told to a person; what failed in the database is a StoreError.

    Raises:
        StoreError: For every failure but those that were raised as a SeamwatchError.
    """
    try:
        yield
    except SeamwatchError:
        raise
    except StatementError as error:
        if isinstance(error.orig, SeamwatchError):  # a value that a column's own type refuses
            raise error.orig from None
        # Not chained: the driver's error may repeat values, and a traceback would print it.
        raise StoreError(_told(error, url)) from None
    except Exception as error:
        raise StoreError(_told(error, url)) from None


def _told(error: Exception, url: sa.URL) -> str:
    return _sentence(*_reason(error), url)


@contextmanager
def transaction(engine: sa.Engine) -> Iterator[sa.Connection]:
    """Give a transaction whose own beginning and end fail as StoreErrors; what fails inside undoes it and passes on."""
    begun = engine.begin()
    with store_failures(engine.url):
        connection = begun.__enter__()
    try:
        yield connection
    except BaseException as error:
        with suppress(StoreError), store_failures(engine.url):  # a connection that is gone has undone it already
            begun.__exit__(type(error), error, error.__traceback__)
        raise
    with store_failures(engine.url):
        begun.__exit__(None, None, None)


def _sentence(words: tuple[str, str], got: str, url: sa.URL) -> str:
    """Return: where, what is wrong, what was got, what to do."""
    what, to_do = words
    return f"the store at {show_url(url)}: {what} ({_without_secrets(got, url)}); {to_do}"


def _reason(error: Exception) -> tuple[tuple[str, str], str]:
    """Return what happened and what to do, and what the database said."""
    if not isinstance(error, StatementError):
        # Rows that came but cannot be understood (a cut JSON text), and errors of SQLAlchemy itself.
        is_database = isinstance(error, sa.exc.SQLAlchemyError)
        return _REFUSED if is_database else _UNREADABLE, f"{type(error).__name__} at {_line(error)}"
    driver: Any = error.orig
    if hasattr(driver, "pgcode"):
        return _postgres_reason(driver)
    code = getattr(driver, "sqlite_errorname", None)
    if code is None:  # Python's own refusals, as of text that is no UTF-8, repeat what they refuse
        is_unreadable = "decode" in str(driver)
        return _UNREADABLE if is_unreadable else _REFUSED, type(driver).__name__
    text = _one_line(driver)
    if re.match(r"no such (table|column)|table \S+ has no column", text):
        return _OTHER_SCHEMA, f"{code}: {text}"
    return _SQLITE.get("_".join(code.split("_")[:2]), _REFUSED), f"{code}: {text}"


def _postgres_reason(driver: Any) -> tuple[tuple[str, str], str]:
    code, text = driver.pgcode, _one_line(driver)
    if code is None:  # no answer of the server: the connection was never made, or has ended
        return _UNREACHABLE if re.match(r"connection to server .* failed|could not", text) else _LOST, text
    known = [start for start in _POSTGRES if code.startswith(start)]
    words = _POSTGRES[max(known, key=len)] if known else _REFUSED
    said = "" if code.startswith(_TELLS_VALUES) else f": {driver.diag.message_primary or ''}"
    return words, f"SQLSTATE {code}{said}"


def _line(error: BaseException) -> str:
    """Return the line of Seamwatch from which the error came: all that is told of one whose text may hold values."""
    frames = traceback.extract_tb(error.__traceback__)
    ours = [frame for frame in frames if _PACKAGE in Path(frame.filename).parents] or frames
    return f"{Path(ours[-1].filename).name}:{ours[-1].lineno}" if ours else "?"


def _one_line(said: object) -> str:
    return " ".join(str(said).split())[:_MOST_CHARS] or type(said).__name__


def _without_secrets(text: str, url: sa.URL) -> str:
    """Return the text without what only the URL knows: an address that was cut wrongly repeats parts of a password."""
    options = [value for given in url.query.values() for value in ([given] if isinstance(given, str) else given)]
    for secret in (str(url.password or ""), *options):
        text = text.replace(secret, "***") if len(secret) > 2 else text
    return text
