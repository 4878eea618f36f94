"""Airflow connections from the environment, without Airflow: `AIRFLOW_CONN_<ID>` as JSON or as a URI."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from sqlalchemy import URL, make_url
from sqlalchemy.exc import ArgumentError

from seamwatch.adapters.base import ConnectionInfo
from seamwatch.errors import AdapterError, ConnectionNotFound

_DRIVERS = {
    "postgres": "postgresql+psycopg2",
    "postgresql": "postgresql+psycopg2",
    "mysql": "mysql",
    "mssql": "mssql+pyodbc",
    "snowflake": "snowflake",
    "redshift": "redshift+redshift_connector",
    "trino": "trino",
    "oracle": "oracle+oracledb",
    "duckdb": "duckdb",
}
"""Airflow's connection types and SQLAlchemy's dialects."""


class EnvironmentConnections:
    """Connections that stand in the environment, in the forms that Airflow reads."""

    def __init__(self, env: Mapping[str, str] | None = None) -> None:
        """Read from `env`, default the process's environment, at the time of each look-up."""
        self._env = os.environ if env is None else env

    def get(self, conn_id: str) -> ConnectionInfo:
        """Return the connection of that id.

        Raises:
            ConnectionNotFound: If its variable is not set.
            AdapterError: If the variable is neither JSON nor a URI; its value is never shown.
        """
        variable = f"AIRFLOW_CONN_{conn_id.upper()}"
        value = self._env.get(variable)
        if not value:
            msg = (
                f"no connection {conn_id!r}: {variable} is not set; set it to a URI as "
                'postgresql://user:password@host/name, or to JSON as {"conn_type": "http", "host": "..."}'
            )
            raise ConnectionNotFound(msg)
        try:
            return _from_json(conn_id, value) if value.lstrip().startswith("{") else _from_uri(conn_id, value)
        except (ValueError, TypeError, AttributeError) as error:
            # The cause is left out on purpose: its text may hold part of the value, which is a secret.
            msg = f"{variable} is neither a connection's JSON nor its URI ({type(error).__name__})"
            raise AdapterError(msg) from None


def _from_json(conn_id: str, value: str) -> ConnectionInfo:
    given = json.loads(value)
    extra = given.get("extra") or {}
    port = given.get("port")
    return ConnectionInfo(
        conn_id=conn_id,
        conn_type=str(given["conn_type"] if "conn_type" in given else "").replace("-", "_"),
        host=given.get("host"),
        port=int(port) if port not in (None, "") else None,
        login=given.get("login"),
        password=given.get("password"),
        schema=given.get("schema"),
        extra=json.loads(extra) if isinstance(extra, str) else dict(extra),
    )


def _from_uri(conn_id: str, value: str) -> ConnectionInfo:
    if "://" not in value and not value.startswith("sqlite:"):
        msg = "no scheme"
        raise ValueError(msg)
    parts = urlsplit(value)
    conn_type = parts.scheme.replace("-", "_")
    host = unquote(parts.hostname or "") or None
    # Airflow writes the scheme of a web address into the host: http://https%3A%2F%2Fapi.example.com
    query: dict[str, Any] = dict(parse_qsl(parts.query, keep_blank_values=True))
    if "__extra__" in query:
        query = json.loads(query["__extra__"])
    return ConnectionInfo(
        conn_id=conn_id,
        conn_type=conn_type,
        host=host,
        port=parts.port,
        login=unquote(parts.username) if parts.username else None,
        password=unquote(parts.password) if parts.password else None,
        schema=unquote(parts.path[1:]) or None,
        extra=query,
    )


def database_url(info: ConnectionInfo) -> URL:
    """Return the SQLAlchemy URL of a database connection.

    Raises:
        AdapterError: If its type is no database that SQLAlchemy is known to read here.
    """
    conn_type = info.conn_type.casefold()
    if conn_type.startswith("sqlite"):
        path = info.host or info.schema or ""
        is_open = info.host in (None, "") or info.host == "localhost"
        return URL.create("sqlite", database=(info.schema or "") if is_open and info.schema else path)
    scheme = info.extra.get("sqlalchemy_scheme") or (_DRIVERS.get(conn_type) if "+" not in conn_type else conn_type)
    if not scheme:
        known = ", ".join(["sqlite", *sorted(_DRIVERS)])
        msg = (
            f"connection {info.conn_id!r} is of type {info.conn_type!r}, which is no database known here; "
            f"known: {known}; for another one name its dialect in the extra 'sqlalchemy_scheme'"
        )
        raise AdapterError(msg)
    query = {
        name: str(value)
        for name, value in info.extra.items()
        if name in ("sslmode", "sslrootcert", "options", "application_name", "charset", "driver", "connect_timeout")
    }
    try:
        url = URL.create(
            make_url(f"{scheme}://").drivername,
            username=info.login,
            password=info.password,
            host=info.host,
            port=info.port,
            database=info.schema,
            query=query,
        )
    except ArgumentError as error:
        msg = f"connection {info.conn_id!r}: {scheme!r} is no SQLAlchemy dialect"
        raise AdapterError(msg) from error
    return url


def base_url(info: ConnectionInfo) -> str:
    """Return the web address of an HTTP connection, without a slash at its end.

    The host may hold the scheme already; else the connection's schema names it, or its type (`https`), or `http`.

    Raises:
        AdapterError: If the connection has no host.
    """
    if not info.host:
        msg = f"connection {info.conn_id!r} has no host; give it the address of the model endpoint"
        raise AdapterError(msg)
    host = info.host
    if "://" not in host:
        scheme = info.schema or ("https" if info.conn_type == "https" else "http")
        host = f"{scheme}://{host}"
    if info.port:
        parts = urlsplit(host)
        if parts.port is None:
            host = parts._replace(netloc=f"{parts.netloc}:{info.port}").geturl()
    return host.rstrip("/")
