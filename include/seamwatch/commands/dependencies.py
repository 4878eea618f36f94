"""What a command works on: settings, the project, the store and connections from the environment."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from seamwatch.commands.options import parse_moment
from seamwatch.settings import Settings

if TYPE_CHECKING:
    from seamwatch.adapters.base import Notifier
    from seamwatch.core.results import Window
    from seamwatch.engine.deps import Deps
    from seamwatch.spec.load import Project
    from seamwatch.spec.pipeline import Pipeline


def settings_of(project: Path | None) -> Settings:
    """Return the settings of the environment, for the project folder that an option names."""
    return Settings.from_env(project_dir=project)


def project_of(settings: Settings) -> Project:
    """Return the project: its pipelines, and the files that cannot be read."""
    from seamwatch.spec.load import load_project

    return load_project(settings.project_dir)


def store_url(settings: Settings) -> Any:
    """Return the store's URL: the connection `seamwatch_store`, where there is one, else the settings'."""
    from seamwatch.adapters.connections import EnvironmentConnections, database_url
    from seamwatch.errors import ConnectionNotFound

    try:
        return database_url(EnvironmentConnections().get("seamwatch_store"))
    except ConnectionNotFound:
        return settings.store_url


@contextmanager
def open_deps(settings: Settings) -> Iterator[Deps]:
    """Give what the engine works with, on connections from the environment and a store at its newest migration."""
    from seamwatch.adapters.connections import EnvironmentConnections
    from seamwatch.engine.deps import Deps
    from seamwatch.store.repo import Store

    connections = EnvironmentConnections()

    def notifier(conn_id: str) -> Notifier:
        from seamwatch.adapters.notify.slack import SlackNotifier

        return SlackNotifier(connections.get(conn_id))

    store = Store.open(store_url(settings), migrate_first=True)
    try:
        yield Deps(
            project=project_of(settings),
            connections=connections,
            store=store,
            data_dir=settings.data_dir,
            ui_url=settings.ui_url,
            clock=lambda: datetime.now(UTC),
            notifier=notifier,
            heartbeat_url=settings.heartbeat_url,
        )
    finally:
        store.close()


def open_airflow_deps(settings: Settings) -> AbstractContextManager[Deps]:
    """Give the same on Airflow's own connections, for a process that runs as one of Airflow's services."""
    os.environ.setdefault("_AIRFLOW_PROCESS_CONTEXT", "server")  # as Airflow's own: its database holds connections
    from seamwatch.orchestration import deps

    return deps.open_deps(settings.project_dir)


@contextmanager
def open_window_deps(
    project: Path | None, pipeline: str, start: str, end: str
) -> Iterator[tuple[Deps, Pipeline, Window]]:
    """Give what `open_deps` gives, with a pipeline and the window that two options name."""
    from seamwatch.core.results import Window

    window = Window(start=parse_moment(start, "--from"), end=parse_moment(end, "--to"))
    with open_deps(settings_of(project)) as deps:
        yield deps, deps.project.pipeline(pipeline), window
