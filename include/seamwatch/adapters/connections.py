"""Airflow connections from the environment, without Airflow: `AIRFLOW_CONN_<ID>` as JSON or as a URI."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from typing import Any
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

from sqlalchemy import URL, make_url
from sqlalchemy.exc import ArgumentError

from seamwatch.adapters.base import ConnectionInfo
from seamwatch.errors import AdapterError, ConnectionNotFound
from seamwatch.secret_redaction import SECRETS

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
    "bigquery": "bigquery",
    "gcpbigquery": "bigquery",
    "databricks": "databricks",
}
"""Airflow's connection types and SQLAlchemy's dialects."""
_URL_OPTIONS = frozenset(
    {
        *("sslmode", "sslrootcert", "sslcert", "sslkey", "options", "application_name", "connect_timeout"),
        *("charset", "driver", "Encrypt", "TrustServerCertificate", "warehouse", "role", "http_path", "catalog"),
    }
)
"""Extras that drivers take in the URL. Others are Airflow's own, and a driver would refuse them."""


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
            info = _from_json(conn_id, value) if value.startswith("{") else _from_uri(conn_id, value)
            learn_secrets(info)
            return info
        except (ValueError, TypeError, AttributeError) as error:
            # The cause is left out on purpose: its text may hold part of the value, which is a secret.
            msg = (
                f"{variable} holds neither a connection's JSON nor its URI ({type(error).__name__}; the value is not "
                "shown); percent-encode special characters in a URI, or use JSON"
            )
            raise AdapterError(msg) from None


def learn_secrets(info: ConnectionInfo) -> None:
    """Let no message of this process hold what is secret in a connection."""
    SECRETS.learn(info.password, login=info.login)
    SECRETS.learn_options(info.extra)
    if info.host and "://" in info.host:
        SECRETS.learn_url(info.host)


def _from_json(conn_id: str, value: str) -> ConnectionInfo:
    given = json.loads(value)
    extra = given.get("extra") or {}
    port = given.get("port")
    return ConnectionInfo(
        conn_id=conn_id,
        conn_type=_normalise_type(given.get("conn_type") or ""),
        host=given.get("host"),
        port=int(port) if port else None,
        login=given.get("login"),
        password=given.get("password"),
        schema=given.get("schema"),
        extra=dict(json.loads(extra) if isinstance(extra, str) else extra),
    )


def _from_uri(conn_id: str, value: str) -> ConnectionInfo:
    """Return what a URI says, by the rules of Airflow's own `Connection.from_uri`.

    A host may carry a scheme of its own, as in `http://https://api.example.com`: that one stays part of the host.
    """
    scheme, separator, rest = value.partition("://")
    if not separator or rest.count("://") > 1:
        msg = "a URI has one scheme, and at most one more for the host"
        raise ValueError(msg)
    inner, is_nested, _ = rest.partition("://")
    if is_nested and ("@" in inner or ":" in inner):
        msg = "a login stands behind the scheme of the host"
        raise ValueError(msg)
    parts = urlsplit(rest if is_nested else f"//{rest}")
    host = _host(parts) or None
    query: dict[str, Any] = dict(parse_qsl(parts.query, keep_blank_values=True))
    return ConnectionInfo(
        conn_id=conn_id,
        conn_type=_normalise_type(scheme),
        host=f"{parts.scheme}://{host}" if is_nested and host else host,
        port=parts.port,
        login=unquote(parts.username) if parts.username else None,
        password=unquote(parts.password) if parts.password else None,
        schema=unquote(parts.path[1:]) or None,
        extra=dict(json.loads(query["__extra__"])) if "__extra__" in query else query,
    )


def _normalise_type(conn_type: str) -> str:
    conn_type = conn_type.lower()
    return "postgres" if conn_type == "postgresql" else conn_type.replace("-", "_")


def _host(parts: SplitResult) -> str:
    """Return the host; one that is a path in disguise (`sqlite://%2Ftmp%2FDemo.db`) keeps its capital letters."""
    host = unquote(parts.hostname or "")
    if "/" in host:
        host = unquote(parts.netloc.rpartition("@")[2].partition(":")[0])
    return host


def database_url(info: ConnectionInfo) -> URL:
    """Return the SQLAlchemy URL of a database connection.

    The extras `sqlalchemy_scheme` and `sqlalchemy_query` mean what they mean to Airflow's own database hooks.

    Raises:
        AdapterError: If its type is no database that SQLAlchemy is known to read here.
    """
    conn_type = info.conn_type
    if conn_type.partition("+")[0] == "sqlite":
        # JSON form names the file as host; a URI with three slashes names it as schema.
        return URL.create(conn_type, database=info.host or info.schema or None)
    scheme = info.extra.get("sqlalchemy_scheme") or (conn_type if "+" in conn_type else _DRIVERS.get(conn_type))
    if not scheme:
        known = ", ".join(["sqlite", *sorted(_DRIVERS)])
        msg = (
            f"connection {info.conn_id!r} is of type {info.conn_type!r}, which is no database known here; "
            f"known: {known}; for another one name its dialect in the extra 'sqlalchemy_scheme'"
        )
        raise AdapterError(msg)
    try:
        drivername = make_url(f"{scheme}://").drivername
    except ArgumentError as error:
        msg = f"connection {info.conn_id!r}: {scheme!r} is no SQLAlchemy dialect; it looks like postgresql+psycopg2"
        raise AdapterError(msg) from error
    options = {name: str(value) for name, value in info.extra.items() if name in _URL_OPTIONS}
    query = info.extra.get("sqlalchemy_query") or {}
    if not isinstance(query, Mapping):
        msg = f"connection {info.conn_id!r}: the extra 'sqlalchemy_query' must be an object of names and values"
        raise AdapterError(msg)
    return URL.create(
        drivername,
        username=info.login,
        password=info.password,
        # These two name a tenant where other databases name a server.
        host=info.host or _text(info.extra.get("account")) or _text(info.extra.get("project")),
        port=info.port,
        database=info.schema,
        query=options | {str(name): str(value) for name, value in query.items()},
    )


def _text(value: object) -> str | None:
    return str(value) if value else None


def base_url(info: ConnectionInfo) -> str:
    """Return the web address of an HTTP connection, without a slash at its end.

    The host may hold the scheme already; else the connection's schema (`http`, `https`) names it, or its type, or it
    is `http`. Any other schema is a path: who writes `http://127.0.0.1:8000/v1` means just that address.

    Raises:
        AdapterError: If the connection has no host, or no address can be made of it.
    """
    if not info.host:
        msg = f"connection {info.conn_id!r} has no host; give it the address of the model endpoint"
        raise AdapterError(msg)
    schema = (info.schema or "").strip("/")
    scheme = schema if schema in ("http", "https") else "https" if info.conn_type == "https" else "http"
    try:
        parts = urlsplit(info.host if "://" in info.host else f"{scheme}://{info.host}")
        port = parts.port or info.port
    except ValueError:
        parts, port = urlsplit(""), None
    if parts.scheme not in ("http", "https") or not parts.hostname:
        msg = f"connection {info.conn_id!r}: its host is no web address; it looks like https://api.example.com"
        raise AdapterError(msg)
    netloc = parts.netloc if parts.port or not port else f"{parts.netloc}:{port}"
    path = parts.path.rstrip("/") if schema in ("", "http", "https") else f"{parts.path.rstrip('/')}/{schema}"
    return f"{parts.scheme}://{netloc}{path}"
