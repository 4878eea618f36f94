"""Times that a database can hold and Python cannot: they are read as the database's own text.

PostgreSQL has years up to 294276, years before Christ and `infinity`. Its drivers raise on some of them, which would
hide every other row, and take others for the last moment of the year 9999, which they are not.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import MAXYEAR, MINYEAR, UTC, datetime
from typing import Any

import sqlalchemy as sa

_EDGES = (MINYEAR, MAXYEAR)
_TYPES = ("date", "timestamp", "timestamptz", "time", "timetz")


def keep_extremes(engine: sa.Engine) -> None:
    """Have every new connection read times beyond Python's range as text; other databases are left as they are."""
    setup = {"psycopg2": _setup_psycopg2, "psycopg": _setup_psycopg}.get(engine.dialect.driver)
    if engine.dialect.name == "postgresql" and setup is not None:
        sa.event.listen(engine, "connect", lambda connection, _: setup(connection))


def _setup_psycopg2(connection: Any) -> None:
    from psycopg2 import extensions  # noqa: PLC0415 - only where it is the driver

    for cast in (extensions.PYDATE, extensions.PYDATETIME, extensions.PYDATETIMETZ, extensions.PYTIME):
        kept = extensions.new_type(cast.values, cast.name, _or_text(cast))
        extensions.register_type(kept, connection)


def _or_text(cast: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
    def read(text: str | None, cursor: Any) -> Any:
        if text is None or text.endswith("infinity"):
            return text
        try:
            return _within_python(cast(text, cursor))
        except Exception:  # whatever it cannot make of it: the text stays
            return text

    return read


def _setup_psycopg(connection: Any) -> None:
    from psycopg.pq import Format  # noqa: PLC0415 - only where it is the driver

    for name in _TYPES:
        oid = connection.adapters.types[name].oid
        loader: Any = connection.adapters.get_loader(oid, Format.TEXT)
        connection.adapters.register_loader(oid, _loader_or_text(loader))


def _loader_or_text(kind: Any) -> Any:
    from psycopg.adapt import Loader  # noqa: PLC0415 - only where it is the driver

    class OrText(Loader):
        """The driver's own loader, but for what it refuses; it cannot be derived from where it is compiled."""

        def __init__(self, oid: int, context: Any = None) -> None:
            super().__init__(oid, context)
            self._own = kind(oid, context)

        def load(self, data: Any) -> Any:
            try:
                return _within_python(self._own.load(data))
            except Exception:  # whatever it cannot make of it: the text stays
                return bytes(data).decode()

    return OrText


def _within_python(value: Any) -> Any:
    """Return the value; OverflowError if it has a moment at its own offset, and none in UTC."""
    if isinstance(value, datetime) and value.year in _EDGES and value.tzinfo is not None:
        value.astimezone(UTC)
    return value
