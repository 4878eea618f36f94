"""A store whose database fails says so in one sentence, keeps nothing half, and goes on once the failure has passed."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from parcels import write_project
from seamwatch.core.results import Attribution, IsolationResult, StageResult, Verdict, Window
from seamwatch.errors import StoreError
from seamwatch.store.repo import Store
from seamwatch.store.session import VERSION_TABLE, migrate, open_engine
from seamwatch.vocabulary import Responsibility

NOW = datetime(2026, 3, 2, 8, tzinfo=UTC)
WINDOW = Window(start=NOW - timedelta(days=1), end=NOW)
SECRET = "value-of-a-record"


def _attribution(n: int, text: str = SECRET) -> Attribution:
    verdict = {"responsibility": Responsibility.MODEL, "stage": "model", "confidence": 0.9}
    return Attribution(
        pipeline="p",
        window=WINDOW,
        n_observed=100,
        n_failing=n,
        n_pending=0,
        n_examined=n,
        causes=(),
        isolation=IsolationResult(stage=None, model=None, calls=0, cost_usd=None),
        verdicts=tuple(Verdict(key=f"{text}-{number}", explanation=text, **verdict) for number in range(n)),
    )


def _save(store: Store, n: int = 2) -> None:
    store.begin_window("p", WINDOW, now=NOW)
    store.save_attribution(_attribution(n), now=NOW)


def _decide(store: Store) -> None:
    with store.deciding("p"):
        store.begin_window("p", WINDOW, now=NOW)


USES: dict[str, Callable[[Store], object]] = {
    "read": lambda store: store.attribution("p", WINDOW),
    "write": _save,
    "decide": _decide,
    "list": lambda store: store.incidents(),
}


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Return the file of a store that holds one window, with its write-ahead log written back."""
    path = tmp_path / "store.db"
    store = Store.open(f"sqlite:///{path}", migrate_first=True)
    _save(store)
    store.close()
    return path


def _open(path: Path) -> Store:
    return Store.open(f"sqlite:///{path}?timeout=0.2")


@contextmanager
def _lock(path: Path) -> Iterator[None]:
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    try:
        yield
    finally:
        other.close()


def _message(act: Callable[[], object]) -> str:
    with pytest.raises(StoreError) as caught:
        act()
    shown = "".join(traceback.format_exception(caught.value))
    assert SECRET not in shown.replace(__file__, "")
    return str(caught.value)


def test_a_lock_that_is_held_for_too_long_is_told_and_the_same_store_works_after_it(file: Path) -> None:
    store = _open(file)
    for use in (_save, _decide):
        with _lock(file):
            message = _message(lambda use=use: use(store))
            assert store.attribution("p", WINDOW) == _attribution(2)  # readers go on
        assert message.startswith(f"the store at sqlite:///{file}: another process held it for too long (SQLITE_BUSY")
        assert "try again" in message
        use(store)
    store.close()


def test_a_decision_whose_own_code_fails_is_no_failure_of_the_store(file: Path) -> None:
    store = _open(file)

    def fail() -> None:
        with store.deciding("p"):
            store.begin_window("other", WINDOW, now=NOW)
            raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        fail()
    assert store.windows("other") == []
    store.close()


def test_a_disk_that_is_full_in_the_middle_keeps_what_was_before(file: Path) -> None:
    store = _open(file)

    @sa.event.listens_for(store._engine, "begin")
    def _limit(connection: sa.Connection) -> None:
        pages = connection.exec_driver_sql("PRAGMA page_count").scalar_one()
        connection.exec_driver_sql(f"PRAGMA max_page_count={int(pages) + 2}")

    message = _message(lambda: _save(store, 5000))
    assert "there is no space left for it (SQLITE_FULL: database or disk is full); free space" in message
    assert store.attribution("p", WINDOW) == _attribution(2)
    sa.event.remove(store._engine, "begin", _limit)
    with store._engine.connect() as connection:
        connection.exec_driver_sql("PRAGMA max_page_count=1000000")
    _save(store, 5000)
    store.close()


def _overwrite(path: Path, table: str) -> None:
    """Overwrite the first pages of a table and of its indexes."""
    with sqlite3.connect(path) as connection:
        pages = connection.execute("SELECT rootpage FROM sqlite_schema WHERE tbl_name = ?", (table,)).fetchall()
        (size,) = connection.execute("PRAGMA page_size").fetchone()
    connection.close()
    with path.open("r+b") as raw:
        for (page,) in pages:
            raw.seek((page - 1) * size)
            raw.write(b"\xa5" * size)


@pytest.mark.parametrize("use", USES)
def test_a_damaged_page_is_told_at_every_use(file: Path, use: str) -> None:
    for table in ("seamwatch_windows", "seamwatch_verdicts", "seamwatch_incidents"):
        _overwrite(file, table)
    store = _open(file)
    message = _message(lambda: USES[use](store))
    assert "it is damaged (SQLITE_CORRUPT: database disk image is malformed); stop what writes to it" in message
    store.close()


def test_damage_that_no_statement_met_yet_is_found_by_the_check_of_the_file(file: Path) -> None:
    store = _open(file)
    store.require_undamaged()
    store.close()
    _overwrite(file, "seamwatch_overrides")
    store = _open(file)
    assert "it is damaged" in _message(store.require_undamaged)
    store.close()


@pytest.mark.parametrize("written", ['{"cut', '{"key": "value-of-a-record"}', b"\xff\xfe-value-of-a-record"])
def test_a_row_that_cannot_be_understood_is_told_without_what_it_holds(file: Path, written: str | bytes) -> None:
    with sqlite3.connect(file) as connection:
        connection.execute("UPDATE seamwatch_verdicts SET verdict = CAST(? AS TEXT)", (written,))
    connection.close()
    store = _open(file)
    assert "what it holds cannot be read" in _message(lambda: store.attribution("p", WINDOW))
    store.close()


def test_a_directory_in_place_of_the_file_is_told(tmp_path: Path) -> None:
    (tmp_path / "store.db").mkdir()
    message = _message(lambda: _open(tmp_path / "store.db"))
    assert "it may not be written or read (SQLITE_CANTOPEN: unable to open database file)" in message


def test_a_file_that_may_only_be_read_can_be_read_and_says_that_it_cannot_be_written(file: Path) -> None:
    keeper = sqlite3.connect(file)  # keeps the log and its index, which a reader may not make
    keeper.execute("SELECT count(*) FROM seamwatch_windows").fetchone()
    store = Store.open(f"sqlite:///file:{file}?mode=ro&uri=true")
    assert store.attribution("p", WINDOW) == _attribution(2)
    message = _message(lambda: _save(store))
    assert "may not be written or read (SQLITE_READONLY: attempt to write a readonly database)" in message
    store.close()
    keeper.close()
    assert not Path("file:").exists()


def test_tables_of_another_version_are_told(file: Path) -> None:
    with sqlite3.connect(file) as connection:
        connection.execute("ALTER TABLE seamwatch_verdicts RENAME COLUMN confidence TO certainty")
        connection.execute("DROP TABLE seamwatch_incident_events")
        connection.execute("DROP TABLE seamwatch_deliveries")
    connection.close()
    store = _open(file)
    assert "its tables are not those of this version" in _message(lambda: _save(store))
    assert store.attribution("p", WINDOW) == _attribution(2)
    assert "run `seamwatch migrate`" in _message(lambda: store.incident_events("i"))
    store.close()


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'other.db'}"
    make: Callable[[], str] = request.getfixturevalue("postgres_database")
    return make()


@pytest.mark.parametrize("migrate_first", [False, True])
def test_a_store_that_a_newer_version_migrated_is_told(url: str, migrate_first: bool) -> None:
    engine = open_engine(url)
    migrate(engine)
    with engine.begin() as connection:
        connection.exec_driver_sql(f"UPDATE {VERSION_TABLE} SET version_num = '9001'")
    engine.dispose()
    message = _message(lambda: Store.open(url, migrate_first=migrate_first))
    assert "is at revision 9001, which this version of Seamwatch does not know" in message
    assert "a newer version has migrated it; use that version, or a backup" in message


def test_a_value_that_a_database_refuses_is_told_without_it(url: str) -> None:
    store = Store.open(url, migrate_first=True)
    with store._engine.begin() as connection:
        connection.exec_driver_sql(
            "CREATE UNIQUE INDEX never_twice ON seamwatch_verdicts (responsibility)"
        )  # so that the second of two verdicts is refused
    message = _message(lambda: _save(store))
    assert "a statement was refused" in message
    assert store.attribution("p", WINDOW) is None
    store.close()


@pytest.fixture
def postgres(postgres_database: Callable[[], str]) -> Iterator[tuple[Store, sa.Engine]]:
    """Return a store on PostgreSQL that holds one window, and an engine of somebody else."""
    url = postgres_database()
    store = Store.open(url, migrate_first=True)
    _save(store)
    other = sa.create_engine(url, isolation_level="AUTOCOMMIT")
    yield store, other
    store.close()
    other.dispose()


def _end_connections(other: sa.Engine) -> None:
    with other.connect() as connection:
        connection.exec_driver_sql(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )


def test_a_connection_that_ended_between_two_uses_is_made_anew(postgres: tuple[Store, sa.Engine]) -> None:
    store, other = postgres
    for use in USES.values():
        _end_connections(other)
        use(store)


def test_a_connection_that_ends_inside_a_transaction_is_told_and_nothing_of_it_is_kept(
    postgres: tuple[Store, sa.Engine],
) -> None:
    store, other = postgres

    def decide() -> None:
        with store.deciding("p"):
            store.begin_window("other", WINDOW, now=NOW)
            _end_connections(other)
            store.save_stage_result("other", WINDOW, StageResult(stage=SECRET, n_records=1))

    assert "the connection to it was lost" in _message(decide)

    def commit() -> None:
        with store.deciding("p"):
            store.begin_window("other", WINDOW, now=NOW)
            _end_connections(other)

    assert "the connection to it was lost" in _message(commit)
    assert store.windows("other") == []
    assert store.attribution("p", WINDOW) == _attribution(2)
    _decide(store)


def test_a_lock_of_postgresql_is_not_waited_for_without_end(
    postgres: tuple[Store, sa.Engine], monkeypatch: pytest.MonkeyPatch
) -> None:
    store, other = postgres
    sa.event.listen(store._engine, "begin", lambda c: c.exec_driver_sql("SET LOCAL lock_timeout = '200ms'"))
    with other.connect().execution_options(isolation_level="READ COMMITTED") as holder, holder.begin():
        holder.exec_driver_sql("LOCK TABLE seamwatch_windows IN ACCESS EXCLUSIVE MODE")
        for use in (_save, _decide, lambda store: store.windows("p")):
            assert "another process held it for too long (SQLSTATE 55P03" in _message(lambda use=use: use(store))
    _save(store)


def test_a_server_without_the_database_is_told_without_the_password(postgres_database: Callable[[], str]) -> None:
    url = sa.make_url(postgres_database())
    query = {**url.query, "application_name": "hunter3-of-an-option"}
    gone = url.set(database="no_such_database", password="hunter2", query=query)
    message = _message(lambda: Store.open(gone))
    assert "does not answer" in message
    assert "no_such_database" in message
    assert "hunter" not in message


def _run(project: Path, url: str, *arguments: str) -> tuple[int, str]:
    environment = {"SEAMWATCH_STORE_URL": url, "PATH": "", "PYTHONPATH": ":".join(sys.path)}
    command = [sys.executable, "-c", "from seamwatch.cli import main; main()", *arguments, "--project", str(project)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120, check=False)
    return done.returncode, done.stdout + done.stderr


@pytest.mark.parametrize("command", ["incidents", "deliver", "migrate"])
def test_the_command_line_ends_with_the_sentence_and_an_exit_code(tmp_path: Path, file: Path, command: str) -> None:
    write_project(tmp_path)
    _overwrite(file, "seamwatch_incidents")
    _overwrite(file, "seamwatch_deliveries")
    code, output = _run(tmp_path, f"sqlite:///{file}", command)
    assert code == 1
    assert output.startswith(f"seamwatch: the store at sqlite:///{file}: it is damaged")
    assert "Traceback" not in output
    assert output.count("\n") == 1
