"""The DAG that looks after the store, run by Airflow: a sound store is purged, a damaged one is not."""

from __future__ import annotations

import sqlite3
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from parcels import write_project
from seamwatch.core.results import Window
from seamwatch.store.repo import Store
from seamwatch.vocabulary import RecurringJob

if TYPE_CHECKING:
    from airflow.dag_processing.dagbag import DagBag

ROOT = Path(__file__).parents[2]

pytestmark = [
    pytest.mark.integration,
    pytest.mark.usefixtures("airflow_database"),
    # Of Airflow's own code when it runs a DAG in this process.
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
]


@pytest.fixture
def bag(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> DagBag:
    from airflow.dag_processing.dagbag import DagBag

    write_project(tmp_path)
    monkeypatch.setenv("SEAMWATCH_PROJECT_DIR", str(tmp_path))
    monkeypatch.setenv("SEAMWATCH_DATA_DIR", str(tmp_path / "data"))
    return DagBag(str(ROOT / "dags"))


def _run(bag: DagBag) -> dict[str, str]:
    done = bag.dags["seamwatch__maintenance"].test()
    return {task.task_id: str(task.state) for task in done.get_task_instances()}


def test_old_windows_go_from_a_sound_store_and_none_from_a_damaged_one(bag: DagBag, tmp_path: Path) -> None:
    file = tmp_path / "data" / "seamwatch.db"
    now = datetime.now(UTC)
    old, young = (Window(start=now - timedelta(days=age + 1), end=now - timedelta(days=age)) for age in (181, 179))
    store = Store.open(f"sqlite:///{file}", migrate_first=True)
    for window in (old, young):
        store.begin_window("parcels", window, now=now - timedelta(days=2))
    assert _run(bag) == {"check-store": "success", "purge-store": "success"}
    assert store.windows("parcels") == [young]
    assert set(store.heartbeats().ended) == {("seamwatch", RecurringJob.MAINTENANCE, None)}
    store.begin_window("parcels", old, now=now - timedelta(days=2))
    store.close()
    with sqlite3.connect(file) as connection:
        (page,) = connection.execute("SELECT rootpage FROM sqlite_schema WHERE name = 'seamwatch_overrides'").fetchone()
        (size,) = connection.execute("PRAGMA page_size").fetchone()
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()
    with file.open("r+b") as raw:
        raw.seek((page - 1) * size)
        raw.write(b"\xa5" * size)
    assert _run(bag) == {"check-store": "failed", "purge-store": "upstream_failed"}
    store = Store.open(f"sqlite:///{file}")
    assert len(store.windows("parcels")) == 2
    store.close()
