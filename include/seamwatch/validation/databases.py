"""How a database and a query are handed to Great Expectations: to be read only, and not to be misread."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from sqlalchemy import URL

from seamwatch.statement_deadline import postgres_deadlines

_PARAMETER = re.compile(r"(?<![:\w\\]):\w+(?!:)")
"""What SQLAlchemy takes for a parameter in a text, also within quotes. Escapes do not survive Great Expectations."""
_HARMLESS = re.compile(r"\bI?LIKE\s+'[^'\\]*'", re.IGNORECASE)
"""Where a percent sign means the same when it is doubled."""


def read_only(url: URL) -> tuple[str, dict[str, Any]]:
    """Return the address and engine options with which a database refuses to write, where its driver can."""
    options: dict[str, Any] = {}
    if url.get_backend_name() == "sqlite" and url.database and url.database != ":memory:":
        # Opened in the usual way, a file that does not exist would be created.
        url = url.set(database=f"file:{Path(url.database).absolute()}", query={"mode": "ro", "uri": "true"})
    if url.get_backend_name() == "postgresql":
        options["execution_options"] = {"postgresql_readonly": True}
        options["connect_args"] = postgres_deadlines(url.get_driver_name(), url.query)
    # A dollar sign would be taken for a variable of Great Expectations' own configuration.
    return url.render_as_string(hide_password=False).replace("$", r"\$"), options


def close_source(source: Any) -> None:
    """Close a data source's connections: one engine tried the connection, another one ran the expectations."""
    if source.execution_engine is not None:
        source.execution_engine.close()
    if source._engine is not None:
        source._engine.dispose()


def refuse_misread(query: str, url: URL) -> None:
    """Raise ValueError for what a person's query may say and Great Expectations would hand on as something else."""
    if (found := _PARAMETER.search(query)) is not None:
        msg = f"Great Expectations takes {found[0]!r} in the stage's query for a parameter; put the query into a view"
        raise ValueError(msg)
    if url.get_dialect()().paramstyle in ("format", "pyformat") and "%" in _HARMLESS.sub("", query):
        msg = (
            "Great Expectations doubles the % in the stage's query, which then means another; put the query into a view"
        )
        raise ValueError(msg)


def quoted(name: str, url: URL) -> str:
    """Return a table's name in its database's quotes: without them Great Expectations takes it for small letters."""
    return str(url.get_dialect()().identifier_preparer.quote_identifier(name))
