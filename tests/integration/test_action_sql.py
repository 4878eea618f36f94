"""Setting one column of one row: SQLite and PostgreSQL, with others who write, locks and broken connections."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Barrier, Thread
from typing import Any

import pytest
import sqlalchemy as sa

from action_places import database_connection, place_with
from seamwatch.adapters.actions.base import ActionImpossible, ActionTarget
from seamwatch.adapters.actions.factory import action_target
from seamwatch.core.action_life import ActionPlan, Standing
from seamwatch.errors import AdapterError
from seamwatch.spec.actions import SqlValue

pytestmark = pytest.mark.integration

TABLE = """
CREATE TABLE model_routes (
  route VARCHAR(40), tenant VARCHAR(40), model TEXT, previous_model TEXT, weight NUMERIC(6, 2), is_on BOOLEAN
)
"""


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        (tmp_path / "routes.db").touch()
        return f"sqlite:///{tmp_path / 'routes.db'}"
    make: Callable[[], str] = request.getfixturevalue("postgres_database")
    return make()


@pytest.fixture
def database(url: str) -> Iterator[sa.Engine]:
    engine = sa.create_engine(url)
    with engine.begin() as connection:
        connection.exec_driver_sql(TABLE)
        insert = sa.text("INSERT INTO model_routes VALUES (:route, :tenant, :model, :previous, 1.5, :is_on)")
        for route, tenant, model in (("returns", "a", "gpt-b"), ("refunds", "a", "gpt-b"), ("refunds", "b", "gpt-b")):
            row = {"route": route, "tenant": tenant, "model": model, "previous": "gpt-a", "is_on": True}
            connection.execute(insert, row)
    yield engine
    engine.dispose()


def target_of(url: str, **fields: Any) -> ActionTarget:
    given = {"table": "model_routes", "where": {"route": "returns"}, "column": "model", "value": "gpt-a"} | fields
    action = SqlValue.model_validate({"kind": "sql"} | {name: one for name, one in given.items() if one is not ...})
    return action_target(action, place_with({"routes": database_connection(url)}))


def value_in(engine: sa.Engine, column: str = "model", route: str = "returns") -> Any:
    with engine.connect() as connection:
        return connection.execute(sa.text(f"SELECT {column} FROM model_routes WHERE route = :r"), {"r": route}).scalar()


def set_by_somebody(engine: sa.Engine, model: str | None) -> None:
    with engine.begin() as connection:
        connection.execute(sa.text("UPDATE model_routes SET model = :m WHERE route = 'returns'"), {"m": model})


def test_a_value_is_planned_set_and_set_back(url: str, database: sa.Engine) -> None:
    target = target_of(url)
    plan = target.plan()
    assert plan.does == "Sets model_routes.model from 'gpt-b' to 'gpt-a' where route = 'returns'"
    assert plan.undoes == "Sets model_routes.model back to 'gpt-b' where route = 'returns'"
    assert (plan.before, plan.after) == ('"gpt-b"', '"gpt-a"')
    assert target.look(plan, "k") is Standing.AS_BEFORE
    assert value_in(database) == "gpt-b"

    assert target.apply(plan, "k") == "model_routes.model is 'gpt-a' now"
    assert target.look(plan, "k") is Standing.APPLIED
    assert value_in(database) == "gpt-a"
    assert value_in(database, route="refunds") == "gpt-b"

    target.undo(plan, "k")
    assert target.look(plan, "k") is Standing.AS_BEFORE
    assert value_in(database) == "gpt-b"


def test_it_may_be_carried_out_and_undone_again_after_it_was_killed(url: str, database: sa.Engine) -> None:
    plan = target_of(url).plan()
    target_of(url).apply(plan, "k")
    assert target_of(url).apply(plan, "k") == "model_routes.model was 'gpt-a' already"
    target_of(url).undo(plan, "k")
    target_of(url).undo(plan, "k")
    assert value_in(database) == "gpt-b"


def test_what_somebody_set_meanwhile_stays(url: str, database: sa.Engine) -> None:
    target = target_of(url)
    plan = target.plan()
    set_by_somebody(database, "gpt-c")
    assert target.look(plan, "k") is Standing.OTHER
    with pytest.raises(AdapterError, match="'gpt-c', neither 'gpt-b' nor 'gpt-a': somebody changed it"):
        target.apply(plan, "k")
    with pytest.raises(AdapterError, match="somebody changed it"):
        target.undo(plan, "k")
    set_by_somebody(database, None)
    assert target.look(plan, "k") is Standing.OTHER
    with pytest.raises(AdapterError, match="is null, neither"):
        target.apply(plan, "k")
    assert value_in(database) is None


def test_of_many_writers_at_once_none_overwrites_another(url: str, database: sa.Engine) -> None:
    plans = [target_of(url, value=f"gpt-{n}").plan() for n in range(6)]
    ready, said = Barrier(6), [""] * 6

    def run(n: int) -> None:
        target = target_of(url, value=f"gpt-{n}")
        ready.wait(timeout=20)
        try:
            said[n] = target.apply(plans[n], f"k{n}")
        except AdapterError as error:
            said[n] = f"refused: {error}"

    threads = [Thread(target=run, args=(n,)) for n in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    winners = [n for n in range(6) if not said[n].startswith("refused")]
    assert len(winners) == 1, said
    assert value_in(database) == f"gpt-{winners[0]}"


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"value": "gpt-b"}, "model_routes.model is 'gpt-b' already"),
        ({"value": ..., "value_from": "model"}, "is 'gpt-b' already"),
    ],
)
def test_nothing_to_do_is_said(url: str, database: sa.Engine, fields: dict[str, Any], words: str) -> None:
    with pytest.raises(ActionImpossible, match=words):
        target_of(url, **fields).plan()


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"where": {"route": "claims"}}, "has no row where route = 'claims'"),
        ({"where": {"route": "refunds"}}, "has more than one row where route = 'refunds'"),
        ({"where": {"tenant": None}}, "has no row where tenant = null"),
        ({"table": "routes"}, "table routes cannot be read"),
        ({"column": "modle"}, "cannot be read"),
    ],
)
def test_what_is_not_there_is_said(url: str, database: sa.Engine, fields: dict[str, Any], words: str) -> None:
    with pytest.raises(AdapterError, match=words):
        target_of(url, **fields).plan()


def test_a_row_that_is_gone_or_doubled_is_neither(url: str, database: sa.Engine) -> None:
    target = target_of(url)
    plan = target.plan()
    with database.begin() as connection:
        connection.exec_driver_sql("UPDATE model_routes SET route = 'returns' WHERE tenant = 'b'")
    assert target.look(plan, "k") is Standing.OTHER
    with database.begin() as connection:
        connection.exec_driver_sql("DELETE FROM model_routes")
    assert target.look(plan, "k") is Standing.OTHER
    with pytest.raises(AdapterError, match="has no row"):
        target.apply(plan, "k")
    with database.begin() as connection:
        connection.exec_driver_sql("DROP TABLE model_routes")
    assert target.look(plan, "k") is Standing.UNKNOWN


@pytest.mark.parametrize(
    ("fields", "after"),
    [
        ({"where": {"route": "refunds", "tenant": "b"}}, "gpt-a"),
        ({"value": ..., "value_from": "previous_model"}, "gpt-a"),
        ({"column": "weight", "value": 0.25}, 0.25),
        ({"column": "weight", "value": 0}, 0),
        ({"column": "is_on", "value": False}, False),
        (
            {"value": "Größe 'ä' \"x\" ; DROP TABLE model_routes; -- 漢字 🙂"},
            "Größe 'ä' \"x\" ; DROP TABLE model_routes; -- 漢字 🙂",
        ),
        ({"value": "x" * 1_000_000}, "x" * 1_000_000),
    ],
    ids=["two columns", "of the row", "decimal", "zero", "boolean", "unicode and quotes", "a megabyte"],
)
def test_values_of_every_kind_go_there_and_back(
    url: str, database: sa.Engine, fields: dict[str, Any], after: Any
) -> None:
    target = target_of(url, **fields)
    plan = target.plan()
    assert len(plan.does) < 400
    target.apply(plan, "k")
    assert target.look(plan, "k") is Standing.APPLIED
    with pytest.raises(ActionImpossible, match="already"):
        target.plan()
    target.undo(plan, "k")
    assert target.look(plan, "k") is Standing.AS_BEFORE
    assert json.loads(plan.after) == after


def test_a_value_that_the_column_changes_is_not_written(url: str, database: sa.Engine) -> None:
    target = target_of(url, column="weight", value=0.123)
    if database.dialect.name == "sqlite":
        target = target_of(url, value=7)  # its NUMERIC rounds nothing, but its TEXT makes text of numbers
    plan = target.plan()
    with pytest.raises(AdapterError, match="so nothing was changed; write the value as its column holds it"):
        target.apply(plan, "k")
    assert target.look(plan, "k") is Standing.AS_BEFORE
    assert (value_in(database), float(value_in(database, "weight"))) == ("gpt-b", 1.5)


def test_a_lock_of_somebody_else_ends_in_words(url: str, database: sa.Engine) -> None:
    target = target_of(url, timeout="500ms")
    plan = target.plan()
    with database.connect() as other:
        if database.dialect.name == "sqlite":
            other.exec_driver_sql("BEGIN IMMEDIATE")
        else:
            other.exec_driver_sql("SELECT * FROM model_routes FOR UPDATE")
        with pytest.raises(AdapterError, match="cannot be written") as refused:
            target.apply(plan, "k")
        assert refused.value.retryable
        other.rollback()
    assert target.look(plan, "k") is Standing.AS_BEFORE
    target.apply(plan, "k")


def test_one_row_has_one_name(url: str, database: sa.Engine) -> None:
    target = target_of(url).plan().target
    assert target.endswith("/model/[route=returns]")
    assert "model_routes" in target
    schema = "main" if database.dialect.name == "sqlite" else "public"
    assert target_of(url, table=f"{schema}.model_routes", value="gpt-z").plan().target == target
    other = target_of(url, where={"tenant": "a", "route": "refunds"}).plan().target
    assert other == target_of(url, where={"route": "refunds", "tenant": "a"}).plan().target != target


def test_a_database_that_is_down_tells_nothing_and_no_secret() -> None:
    action = SqlValue(kind="sql", table="t", where={"a": 1}, column="b", value=1)
    target = action_target(action, place_with({"routes": "postgres://ops:hunter2hunter2@127.0.0.1:1/routes"}))
    with pytest.raises(AdapterError, match="cannot be read") as down:
        target.plan()
    assert down.value.retryable
    assert "hunter2" not in str(down.value)
    plan = ActionPlan(target="t", before="1", after="2", does="")
    assert target.look(plan, "k") is Standing.UNKNOWN
    with pytest.raises(AdapterError):
        target.apply(plan, "k")


def test_a_reader_may_not_write(postgres_database: Callable[[], str]) -> None:
    url = postgres_database()
    engine = sa.create_engine(url)
    with engine.begin() as connection:
        connection.exec_driver_sql(TABLE)
        connection.exec_driver_sql("INSERT INTO model_routes (route, model) VALUES ('returns', 'gpt-b')")
        connection.exec_driver_sql("DROP ROLE IF EXISTS reader_of_routes")
        connection.exec_driver_sql("CREATE ROLE reader_of_routes LOGIN PASSWORD 'only-reads-1'")
        connection.exec_driver_sql("GRANT SELECT ON model_routes TO reader_of_routes")
    reader = sa.make_url(url).set(username="reader_of_routes", password="only-reads-1")
    target = target_of(reader.render_as_string(hide_password=False))
    plan = target.plan()
    with pytest.raises(AdapterError, match="permission denied") as refused:
        target.apply(plan, "k")
    assert "only-reads-1" not in str(refused.value)
    assert target.look(plan, "k") is Standing.AS_BEFORE
    with engine.begin() as connection:
        connection.exec_driver_sql("REVOKE ALL ON model_routes FROM reader_of_routes")
        connection.exec_driver_sql("DROP ROLE reader_of_routes")
    engine.dispose()
