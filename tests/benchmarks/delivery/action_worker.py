"""One deed in a process of its own, which may be killed by SIGKILL wherever it is."""

from __future__ import annotations

import json
import multiprocessing
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from typing import Any

from delivery.action_schedules import Deed
from file_notifier import FileNotifier
from seamwatch.adapters.connections import EnvironmentConnections
from seamwatch.engine.deps import Deps
from seamwatch.errors import SeamwatchError
from seamwatch.spec.load import load_project
from seamwatch.store.repo import Store

_IMPORTED = (
    *("seamwatch.engine.runbook_steps", "seamwatch.engine.window_runs", "seamwatch.validation.suites", "httpx"),
    *("great_expectations", "sqlalchemy.dialects.postgresql.psycopg2", "sqlalchemy.dialects.sqlite"),
)
"""What a worker would import on its way, besides what is imported here."""
FAILED, RAISED = 3, 4
"""Codes with which a worker ends: an error of ours, which is tried again, and any other error."""


@dataclass(frozen=True, kw_only=True)
class Place:
    """What a worker is told of its world."""

    project: Path
    root: Path
    """Of the schedule."""
    store_url: str
    connections: Mapping[str, Mapping[str, Any]]
    now: datetime

    @property
    def words(self) -> Path:
        """Return the file in which a worker says what was no error of ours."""
        return self.root / "raised.txt"


def start_worker(deed: Deed, place: Place) -> ForkServerProcess:
    """Return a process that does it; all modules are imported already where it comes from."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["__main__", __name__, *_IMPORTED])
    worker = context.Process(target=_do, args=(deed, place))
    worker.start()
    return worker


def _do(deed: Deed, place: Place) -> None:
    began = time.monotonic()
    store = Store.open(place.store_url, migrate_first=False)
    env = {f"AIRFLOW_CONN_{name.upper()}": json.dumps(one) for name, one in place.connections.items()}
    deps = Deps(
        project=load_project(place.project),
        connections=EnvironmentConnections(env),
        store=store,
        data_dir=place.root / "data",
        ui_url="http://127.0.0.1:8080",
        clock=lambda: place.now + timedelta(seconds=time.monotonic() - began),
        notifier=partial(_notifier, place.root / "messages.jsonl"),
    )
    try:
        deed(deps)
    except SeamwatchError:
        sys.exit(FAILED)
    except Exception as error:  # the benchmark goes on, and says it
        place.words.write_text(f"{type(error).__name__}: {error}")
        sys.exit(RAISED)
    finally:
        store.close()


def _notifier(path: Path, connection: str) -> FileNotifier:
    del connection
    return FileNotifier(path)
