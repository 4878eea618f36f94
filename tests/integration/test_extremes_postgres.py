"""A whole pipeline in PostgreSQL whose columns hold what Python has no type for: it is checked and attributed."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import sqlalchemy as sa

from parcels import WINDOW, fill_database, make_deps, write_project
from seamwatch.engine.attribute import attribute_window
from seamwatch.engine.check import check_project
from seamwatch.engine.deps import Deps
from seamwatch.errors import ProblemLevel

pytestmark = pytest.mark.integration

EXTREMES = """
ALTER TABLE orders ADD COLUMN expires_at timestamptz DEFAULT '275760-09-13 00:00+00';
ALTER TABLE orders ADD COLUMN valid_until timestamp DEFAULT 'infinity';
ALTER TABLE orders ADD COLUMN born date DEFAULT '0044-03-15 BC';
ALTER TABLE orders ADD COLUMN day date DEFAULT '2026-01-05';
ALTER TABLE calls ALTER COLUMN answer TYPE bytea USING convert_to(answer, 'UTF8');
ALTER TABLE calls ALTER COLUMN body TYPE bytea USING convert_to(body, 'UTF8');
"""


@pytest.fixture(params=["postgresql+psycopg2", "postgresql+psycopg"])
def url(request: pytest.FixtureRequest, postgres_database: Callable[[], str]) -> sa.URL:
    url = sa.make_url(postgres_database()).set(drivername=request.param)
    fill_database(url.render_as_string(hide_password=False), "code_table", n=90)
    change(url, EXTREMES)
    return url


@pytest.fixture
def deps(url: sa.URL, tmp_path: Path) -> Deps:
    write_project(tmp_path)
    extra = {"sqlalchemy_scheme": url.drivername, "sqlalchemy_query": dict(url.query)}
    database = {"conn_type": "postgres", "login": url.username, "schema": url.database, "extra": extra}
    slack = {"conn_type": "slack", "password": "x"}
    connections = {"AIRFLOW_CONN_PARCELS_DB": json.dumps(database), "AIRFLOW_CONN_SLACK_TEST": json.dumps(slack)}
    return make_deps(tmp_path, connections)


def change(url: sa.URL, statements: str) -> None:
    engine = sa.create_engine(url)
    with engine.begin() as connection:
        for statement in filter(str.strip, statements.split(";")):
            connection.exec_driver_sql(statement)
    engine.dispose()


def test_what_python_has_no_type_for_hides_no_fault(deps: Deps) -> None:
    found = attribute_window(deps, deps.project.pipeline("parcels"), WINDOW)
    assert found.n_observed == 90
    assert found.leading is not None
    assert (found.leading.stage, found.leading.fields) == ("request", ("product",))


def test_check_tries_it(deps: Deps) -> None:
    found = check_project(deps.project, deps.connections)
    assert [str(one) for one in found if one.level is ProblemLevel.ERROR] == []
    assert {one.path for one in found if one.level is ProblemLevel.NOTE} >= {"stages.request.time"}


def test_a_date_is_no_row_time(deps: Deps, url: sa.URL) -> None:
    change(
        url, "ALTER TABLE results DROP COLUMN created_at; ALTER TABLE results ADD COLUMN due date DEFAULT '2020-01-01'"
    )
    found = attribute_window(deps, deps.project.pipeline("parcels"), WINDOW)
    assert found.leading is not None
    assert (found.leading.stage, found.leading.fields) == ("request", ("product",))


def test_keys_of_type_uuid_and_text_are_the_same_records(deps: Deps, url: sa.URL) -> None:
    as_uuid = "md5(id::text)::uuid"
    tables = ("orders", "requests", "calls", "results", "routing", "labels")
    for number, table in enumerate(tables):
        kind, cast = ("text", "::text") if number % 2 else ("uuid", "")
        change(url, f"ALTER TABLE {table} ALTER COLUMN id TYPE {kind} USING {as_uuid}{cast}")
    found = attribute_window(deps, deps.project.pipeline("parcels"), WINDOW)
    assert found.leading is not None
    assert (found.leading.stage, found.leading.fields) == ("request", ("product",))
    assert [str(one) for one in check_project(deps.project, deps.connections) if one.level is ProblemLevel.ERROR] == []
