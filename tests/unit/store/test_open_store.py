"""A store that cannot be opened says why, and what would be right."""

from __future__ import annotations

import logging
import sys
from pathlib import Path

import pytest

from seamwatch.errors import StoreError
from seamwatch.store.repo import Store
from seamwatch.store.session import migrate, open_engine


def test_a_url_that_is_none_is_not_repeated_as_it_may_hold_a_password() -> None:
    with pytest.raises(StoreError, match=r"cannot be read; write it as sqlite:////") as caught:
        Store.open("postgresql//user:hunter2@host")
    assert "hunter2" not in str(caught.value)


def test_a_database_that_is_not_supported_is_named_with_those_that_are() -> None:
    with pytest.raises(StoreError, match="cannot be kept in mysql; use SQLite or PostgreSQL"):
        Store.open("mysql+pymysql://host/db")


def test_a_driver_that_is_missing_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "psycopg2", None)
    with pytest.raises(StoreError, match=r"driver of postgresql\+psycopg2 is not installed"):
        Store.open("postgresql+psycopg2://host/db")


def test_a_driver_that_does_not_exist_is_named() -> None:
    with pytest.raises(StoreError, match=r"driver of postgresql\+nonsense is not installed"):
        Store.open("postgresql+nonsense://host/db")


@pytest.mark.parametrize("migrate_first", [False, True])
def test_a_file_that_is_no_database_is_refused(tmp_path: Path, migrate_first: bool) -> None:
    (tmp_path / "notes.txt").write_text("these are notes, no database. " * 100)
    with pytest.raises(StoreError, match="file is not a database"):
        Store.open(f"sqlite:///{tmp_path / 'notes.txt'}", migrate_first=migrate_first)


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match=r"the folder .*file/below of the store cannot be made: Not a directory"):
        Store.open(f"sqlite:///{tmp_path / 'file' / 'below' / 'store.db'}")


@pytest.mark.parametrize("migrate_first", [False, True])
def test_a_server_that_is_down_is_named_without_its_password(migrate_first: bool) -> None:
    with pytest.raises(StoreError, match=r"127\.0\.0\.1") as caught:
        Store.open("postgresql+psycopg2://user:hunter2@127.0.0.1:1/db", migrate_first=migrate_first)
    assert "hunter2" not in str(caught.value)


def test_migrating_leaves_the_logging_of_others_alone(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    caplog.set_level(logging.INFO, logger="alembic")
    handlers = list(logging.getLogger().handlers)
    engine = open_engine(f"sqlite:///{tmp_path / 'store.db'}")
    migrate(engine)
    engine.dispose()
    assert logging.getLogger("alembic").level == logging.INFO
    assert logging.getLogger().handlers == handlers
    assert [record.message for record in caplog.records if record.name.startswith("alembic")] == []
