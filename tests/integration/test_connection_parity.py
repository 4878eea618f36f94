"""A connection in the environment means the same to Seamwatch as it does to Airflow."""

from __future__ import annotations

import json

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from seamwatch.adapters.connections import EnvironmentConnections

pytestmark = pytest.mark.integration


def fields_by_airflow(value: str) -> tuple[object, ...]:
    from airflow.sdk import Connection

    known = Connection.from_json(value, conn_id="c") if value[0] == "{" else Connection.from_uri(value, conn_id="c")
    named = (known.conn_type, known.host, known.port, known.login, known.password, known.schema)
    # Airflow keeps an absent part of a URI as empty text, and an absent part of JSON as None.
    return (*(part or None for part in named), json.loads(known.extra) if known.extra else {})


def fields_by_seamwatch(value: str) -> tuple[object, ...]:
    info = EnvironmentConnections({"AIRFLOW_CONN_C": value}).get("c")
    named = (info.conn_type, info.host, info.port, info.login, info.password, info.schema)
    return (*(part or None for part in named), dict(info.extra))


@pytest.mark.parametrize(
    "value",
    [
        "postgres://user:p%40ss%2Fw%25@Host.Example:5432/data%20base?sslmode=require&a=b%26c",
        "postgresql://user@host/db",
        "postgresql+psycopg2://user:pw@host/db",
        "google-cloud-platform://?project=x",
        "http://https%3A%2F%2FApi.example.com%2FV1/https",
        "http://https://api.example.com:8443/schema?x=1",
        "http://user:pw@api.example.com:8080/https",
        "https://api.example.com",
        "sqlite:////abs/Path/Store.db",
        "sqlite:///relative.db",
        "sqlite://%2Fabs%2FPath%2FStore.db",
        "sqlite://",
        "aws://KEY:sec%2Fret@/?region_name=eu-west-1&empty=",
        "http://h/?__extra__=%7B%22headers%22%3A+%7B%22X%22%3A+%22y%22%7D%7D",
        "slack://:xoxb-1@",
        "http://user:p+w@h/a+b?c=d+e",
        '{"conn_type": "postgresql", "host": "Host", "port": "5432", "login": "u", "password": "p/%", "schema": "d"}',
        '{"conn_type": "google-cloud-platform", "extra": {"project": "x", "n": {"deep": [1]}}}',
        '{"conn_type": "http", "host": "https://api.example.com/v1", "extra": "{\\"a\\": 1}"}',
        '{"conn_type": "sqlite", "host": "/abs/Path/Store.db", "extra": null, "port": null}',
        '{"conn_type": "sqlite", "host": "x", "extra": "", "port": ""}',
    ],
)
def test_known_forms_mean_the_same(value: str) -> None:
    assert fields_by_seamwatch(value) == fields_by_airflow(value)


text = st.text(st.characters(min_codepoint=32, max_codepoint=0x2FF, exclude_categories=["Cs"]), min_size=1, max_size=12)


@settings(deadline=None, max_examples=150)
@given(
    conn_type=st.sampled_from(["http", "postgres", "my_db", "sqlite"]),
    host=st.none() | st.from_regex(r"[a-z][a-z0-9.]{0,10}", fullmatch=True),
    port=st.none() | st.integers(1, 65535),
    login=st.none() | text,
    password=st.none() | text,
    schema=st.none() | text,
    extra=st.none() | st.dictionaries(text, text | st.integers() | st.lists(st.integers(), max_size=2), max_size=3),
)
@example("http", "h", None, None, "://", None, None)
def test_what_airflow_writes_is_read_back(
    conn_type: str,
    host: str | None,
    port: int | None,
    login: str | None,
    password: str | None,
    schema: str | None,
    extra: dict[str, object] | None,
) -> None:
    from airflow.sdk import Connection

    written = Connection(
        conn_id="c",
        conn_type=conn_type,
        host=host,
        port=port,
        login=login,
        password=password,
        schema=schema,
        extra=json.dumps(extra) if extra else None,
    )
    expected = (conn_type, host, port, login, password, schema, extra or {})
    assert fields_by_seamwatch(written.as_json()) == expected
    uri = written.get_uri()
    assert fields_by_seamwatch(uri) == fields_by_airflow(uri)
