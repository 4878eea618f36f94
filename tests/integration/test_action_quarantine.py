"""Keys of affected records in a table: SQLite and PostgreSQL, written whole or not at all, and taken away again."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from threading import Thread

import pytest
import sqlalchemy as sa

from action_places import database_connection, place_with
from seamwatch.adapters.actions.base import ActionImpossible, ActionTarget
from seamwatch.adapters.actions.factory import action_target
from seamwatch.core.action_life import Standing
from seamwatch.errors import AdapterError
from seamwatch.spec.actions import Quarantine

pytestmark = pytest.mark.integration
RECORDS = [("T-1", "request"), ("T-2", "request"), ("T-1", "result"), ("Größe '漢字' 🙂", "request")]


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
    yield engine
    engine.dispose()


def target_of(url: str, records: Sequence[tuple[str, str]] = (), *, incident: str = "INC-1") -> ActionTarget:
    action = Quarantine(kind="quarantine", table="quarantined")
    connections = {"routes": database_connection(url)}
    return action_target(action, place_with(connections, incident_id=incident, records=records))


def rows_in(engine: sa.Engine) -> list[tuple[str, ...]]:
    with engine.connect() as connection:
        found = connection.exec_driver_sql("SELECT action, incident, record, stage FROM quarantined ORDER BY 1, 3")
        return [tuple(row) for row in found]


def test_records_are_written_once_and_deleted(url: str, database: sa.Engine) -> None:
    plan = target_of(url, RECORDS).plan()
    assert plan.does == "Writes the keys of 3 affected records into table quarantined, which is made for it"
    assert target_of(url).look(plan, "k1") is Standing.AS_BEFORE
    assert not sa.inspect(database).has_table("quarantined")

    for _ in range(2):  # as after it was killed between writing and noting
        target_of(url).apply(plan, "k1")
    assert sorted(rows_in(database)) == sorted(
        [
            ("k1", "INC-1", "T-1", "request"),
            ("k1", "INC-1", "T-2", "request"),
            ("k1", "INC-1", "Größe '漢字' 🙂", "request"),
        ]
    )
    assert target_of(url).look(plan, "k1") is Standing.APPLIED

    other = target_of(url, [("T-1", "request")], incident="INC-2").plan()
    assert other.does == "Writes the keys of 1 affected record into table quarantined"
    assert other.target != plan.target
    target_of(url, incident="INC-2").apply(other, "k2")
    for _ in range(2):
        target_of(url).undo(plan, "k1")
    assert rows_in(database) == [("k2", "INC-2", "T-1", "request")]
    assert target_of(url).look(plan, "k1") is Standing.AS_BEFORE


def test_rows_that_somebody_deleted_are_seen_and_written_again(url: str, database: sa.Engine) -> None:
    plan = target_of(url, RECORDS).plan()
    target_of(url).apply(plan, "k1")
    with database.begin() as connection:
        connection.exec_driver_sql("DELETE FROM quarantined WHERE record = 'T-2'")
    assert target_of(url).look(plan, "k1") is Standing.OTHER
    target_of(url).apply(plan, "k1")
    assert target_of(url).look(plan, "k1") is Standing.APPLIED
    with database.begin() as connection:
        connection.exec_driver_sql("DROP TABLE quarantined")
    assert target_of(url).look(plan, "k1") is Standing.AS_BEFORE
    target_of(url).undo(plan, "k1")


def test_of_two_at_once_one_writes(url: str, database: sa.Engine) -> None:
    many = [(f"T-{n}", "request") for n in range(3_000)]
    plan = target_of(url, many).plan()
    target_of(url).apply(target_of(url, [("T-0", "request")]).plan(), "k0")

    def run() -> None:
        with suppress(AdapterError):  # the other one wrote the same keys first
            target_of(url).apply(plan, "k1")

    threads = [Thread(target=run) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert target_of(url).look(plan, "k1") is Standing.APPLIED
    assert len(rows_in(database)) == 3_001


def test_a_table_of_another_form_is_left_alone(url: str, database: sa.Engine) -> None:
    with database.begin() as connection:
        connection.exec_driver_sql("CREATE TABLE quarantined (record VARCHAR(40))")
    plan = target_of(url, RECORDS).plan()
    with pytest.raises(AdapterError, match="cannot be written"):
        target_of(url).apply(plan, "k1")
    assert target_of(url).look(plan, "k1") is Standing.UNKNOWN
    with database.connect() as connection:
        assert connection.exec_driver_sql("SELECT COUNT(*) FROM quarantined").scalar() == 0


@pytest.mark.parametrize(
    ("n", "words"), [(0, "there is nothing to quarantine"), (100_001, "more than the 100,000 that are quarantined")]
)
def test_nothing_and_too_much_are_said(url: str, n: int, words: str) -> None:
    with pytest.raises(ActionImpossible, match=words):
        target_of(url, [(f"T-{one}", "request") for one in range(n)]).plan()


def test_a_database_that_is_down_tells_nothing(tmp_path: Path) -> None:
    action = Quarantine(kind="quarantine", table="quarantined")
    info = "postgres://ops:hunter2hunter2@127.0.0.1:1/routes"
    target = action_target(action, place_with({"routes": info}, records=RECORDS))
    with pytest.raises(AdapterError) as down:
        target.plan()
    assert "hunter2" not in str(down.value)
