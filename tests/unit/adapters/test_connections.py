from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from seamwatch.adapters.base import ConnectionInfo
from seamwatch.adapters.connections import EnvironmentConnections, base_url, database_url
from seamwatch.errors import AdapterError, ConnectionNotFound


def connection(value: str | dict[str, Any]) -> ConnectionInfo:
    text = value if isinstance(value, str) else json.dumps(value)
    return EnvironmentConnections({"AIRFLOW_CONN_MY_DB": text}).get("my_db")


def test_uri_is_taken_apart_and_decoded() -> None:
    info = connection("my-sql://an%40a:p%2Fw%3A%25@Db.Example:3307/sch%20ema?charset=utf8&empty=&a=%26")
    assert (info.conn_type, info.host, info.port) == ("my_sql", "db.example", 3307)
    assert (info.login, info.password, info.schema) == ("an@a", "p/w:%", "sch ema")
    assert info.extra == {"charset": "utf8", "empty": "", "a": "&"}


def test_json_is_taken_as_it_is() -> None:
    info = connection({"conn_type": "google-cloud", "host": "H", "port": "80", "extra": '{"a": {"b": 1}}'})
    assert (info.conn_type, info.host, info.port, info.extra) == ("google_cloud", "H", 80, {"a": {"b": 1}})


def test_extra_in_one_piece() -> None:
    assert connection("http://h/?__extra__=%7B%22a%22%3A+%7B%22b%22%3A+1%7D%7D").extra == {"a": {"b": 1}}


def test_password_is_never_shown() -> None:
    assert "s3cret" not in repr(connection("postgres://u:s3cret@h/d?token=s3cret"))


@pytest.mark.parametrize("env", [{}, {"AIRFLOW_CONN_MY_DB": ""}])
def test_missing_connection_names_the_variable_and_the_forms(env: dict[str, str]) -> None:
    with pytest.raises(ConnectionNotFound, match=r"AIRFLOW_CONN_MY_DB is not set.*postgresql://.*conn_type"):
        EnvironmentConnections(env).get("my_db")


@pytest.mark.parametrize(
    "value",
    [
        '{"conn_type": "http", "password": "s3cret"',
        '{"conn_type": "http", "port": "s3cret"}',
        '{"conn_type": "http", "extra": "s3cret"}',
        '{"conn_type": "http", "extra": ["s3cret"]}',
        "s3cret",
        "postgres://u:p@h:s3cret/d",
        "http://https://u:p://s3cret",
        "http://u:s3cret@https://h",
        "http://h/?__extra__=s3cret",
        "http://[s3cret",
    ],
)
def test_malformed_connection_is_told_without_its_value(value: str) -> None:
    with pytest.raises(AdapterError, match="AIRFLOW_CONN_MY_DB") as caught:
        connection(value)
    assert "s3cret" not in str(caught.value)
    assert caught.value.__suppress_context__


@pytest.mark.parametrize(
    ("value", "url"),
    [
        ("sqlite:////data/Store.db", "sqlite:////data/Store.db"),
        ("sqlite:///data/store.db", "sqlite:///data/store.db"),
        ("sqlite://%2Fdata%2FStore.db", "sqlite:////data/Store.db"),
        ({"conn_type": "sqlite", "host": "/data/Store.db"}, "sqlite:////data/Store.db"),
        ({"conn_type": "sqlite", "host": "store.db"}, "sqlite:///store.db"),
        ("sqlite://", "sqlite://"),
        (
            "postgres://u:p%40@h:5433/d?sslmode=require&cursor=x",
            "postgresql+psycopg2://u:p%40@h:5433/d?sslmode=require",
        ),
        ("postgresql://u@h/d", "postgresql+psycopg2://u@h/d"),
        ("postgresql+psycopg2://u@h/d", "postgresql+psycopg2://u@h/d"),
        ("postgresql+psycopg://u@h/d", "postgresql+psycopg://u@h/d"),
        ("mysql://u@h/d?charset=utf8mb4", "mysql://u@h/d?charset=utf8mb4"),
        ("mssql://u@h/d", "mssql+pyodbc://u@h/d"),
        (
            {"conn_type": "snowflake", "login": "u", "schema": "d", "extra": {"account": "acme", "warehouse": "w"}},
            "snowflake://u@acme/d?warehouse=w",
        ),
        ({"conn_type": "bigquery", "extra": {"project": "acme"}}, "bigquery://acme"),
        ({"conn_type": "generic", "host": "h", "extra": {"sqlalchemy_scheme": "mysql+pymysql"}}, "mysql+pymysql://h"),
        (
            {"conn_type": "postgres", "host": "h", "extra": {"sqlalchemy_query": {"gssencmode": "disable"}}},
            "postgresql+psycopg2://h?gssencmode=disable",
        ),
    ],
)
def test_database_url(value: str | dict[str, Any], url: str) -> None:
    assert database_url(connection(value)).render_as_string(hide_password=False) == url


def test_database_url_opens_an_absolute_and_a_relative_sqlite_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for value in (f"sqlite:///{tmp_path}/Abs.db", "sqlite:///rel.db", {"conn_type": "sqlite", "host": "Json.db"}):
        engine = sa.create_engine(database_url(connection(value)))
        with engine.begin() as opened:
            opened.execute(sa.text("create table t (a)"))
        engine.dispose()
    assert {path.name for path in tmp_path.iterdir()} == {"Abs.db", "rel.db", "Json.db"}


@pytest.mark.parametrize(
    ("value", "word"),
    [
        ("ftp://h/d", "'ftp', which is no database"),
        ({"conn_type": ""}, "no database"),
        ({"conn_type": "x", "extra": {"sqlalchemy_scheme": "no such"}}, "no SQLAlchemy dialect"),
        ({"conn_type": "postgres", "extra": {"sqlalchemy_query": "x"}}, "sqlalchemy_query"),
    ],
)
def test_what_is_no_database_is_told(value: str | dict[str, Any], word: str) -> None:
    with pytest.raises(AdapterError, match=f"'my_db'.*{word}"):
        database_url(connection(value))


@pytest.mark.parametrize(
    ("value", "url"),
    [
        ("http://127.0.0.1:8000", "http://127.0.0.1:8000"),
        ("http://127.0.0.1:8000/v1", "http://127.0.0.1:8000/v1"),
        ("https://api.example.com/v1/", "https://api.example.com/v1"),
        ("http://https%3A%2F%2Fapi.example.com%2Fv1%2F", "https://api.example.com/v1"),
        ("http://https://api.example.com:8443", "https://api.example.com:8443"),
        ("http://api.example.com/https", "https://api.example.com"),
        (
            {"conn_type": "http", "host": "api.example.com", "schema": "https", "port": 8443},
            "https://api.example.com:8443",
        ),
        ({"conn_type": "http", "host": "https://api.example.com/base"}, "https://api.example.com/base"),
        ({"conn_type": "generic", "host": "model:8080"}, "http://model:8080"),
        ({"conn_type": "http", "host": "http://model:8080", "port": 9}, "http://model:8080"),
    ],
)
def test_base_url(value: str | dict[str, Any], url: str) -> None:
    assert base_url(connection(value)) == url


@pytest.mark.parametrize("host", [None, "", "ftp://files", "http://", "http://h:port"])
def test_what_is_no_web_address_is_told(host: str | None) -> None:
    with pytest.raises(AdapterError, match="'my_db'"):
        base_url(connection({"conn_type": "http", "host": host}))
