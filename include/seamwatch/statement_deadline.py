"""How long databases outside may compute or stay silent, in the words of their drivers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

STATEMENT_S = 900.0
"""Longest that a statement on a stage's table may take."""
_CONNECT_S = 30


def postgres_deadlines(driver: str, query: Mapping[str, Any], deadline_s: float = STATEMENT_S) -> dict[str, Any]:
    """Return what the driver is told so that no connection, statement or lost network holds a reader for ever.

    Args:
        driver: Name of the driver; others than psycopg's do not take what libpq takes, and get nothing.
        query: Options of the connection's URL; what they set themselves stands.
        deadline_s: Of one statement.
    """
    if driver not in ("psycopg2", "psycopg"):
        return {}
    usual = {
        "connect_timeout": _CONNECT_S,
        "keepalives_idle": _CONNECT_S,
        "keepalives_interval": 10,
        "keepalives_count": 3,
        "tcp_user_timeout": 60_000,
    }
    found: dict[str, Any] = {name: value for name, value in usual.items() if name not in query}
    options = str(query.get("options", ""))
    if "statement_timeout" not in options:
        found["options"] = f"{options} -c statement_timeout={deadline_s * 1000:.0f}".strip()
    return found
