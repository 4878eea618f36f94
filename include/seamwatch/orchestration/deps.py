"""The world outside, as Airflow knows it: connections from its secrets backends, settings from its environment."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from airflow.sdk import ObjectStoragePath
from airflow.sdk.bases.hook import BaseHook
from airflow.sdk.exceptions import AirflowNotFoundException
from airflow.sdk.log import mask_secret

from seamwatch.adapters.base import ConnectionInfo, Notifier
from seamwatch.adapters.connections import database_url, learn_secrets
from seamwatch.engine.deps import Deps
from seamwatch.errors import ConnectionNotFound
from seamwatch.secret_redaction import SECRETS, redact_logs
from seamwatch.settings import Settings
from seamwatch.spec.load import load_project
from seamwatch.store.repo import Store

STORE_CONNECTION = "seamwatch_store"


class AirflowConnections:
    """Airflow's connections: metadata database, environment, or a secrets backend."""

    def get(self, conn_id: str) -> ConnectionInfo:
        """Return the connection; ConnectionNotFound if Airflow knows none of that id."""
        try:
            found = BaseHook.get_connection(conn_id)
        except AirflowNotFoundException as error:
            variable = f"AIRFLOW_CONN_{conn_id.upper()}"
            msg = f"Airflow has no connection {conn_id!r}; add it under Admin, Connections, or as {variable}"
            raise ConnectionNotFound(msg) from error
        info = ConnectionInfo(
            conn_id=conn_id,
            conn_type=(found.conn_type or "").replace("-", "_"),
            host=found.host,
            port=found.port,
            login=found.login,
            password=found.password,
            schema=found.schema,
            extra=json.loads(found.extra) if found.extra else {},
        )
        learn_secrets(info)
        for form in SECRETS.written:  # tracebacks in the logs of tasks are written by Airflow, whose masker knows fewer
            mask_secret(form)
        return info


def open_store(settings: Settings) -> Store:
    """Return the store: the connection `seamwatch_store`, where there is one, else the settings' own."""
    try:
        return Store.open(database_url(AirflowConnections().get(STORE_CONNECTION)), migrate_first=True)
    except ConnectionNotFound:
        return Store.open(settings.store_url, migrate_first=True)


@contextmanager
def open_deps(project_dir: str | Path) -> Iterator[Deps]:
    """Give what the use cases need inside a task, and close the store afterwards."""
    redact_logs()
    settings = Settings.from_env(project_dir=Path(project_dir))
    connections = AirflowConnections()

    def notifier(conn_id: str) -> Notifier:
        from seamwatch.adapters.notify.slack import SlackNotifier

        return SlackNotifier(connections.get(conn_id))

    store = open_store(settings)
    try:
        yield Deps(
            project=load_project(settings.project_dir),
            connections=connections,
            store=store,
            data_dir=settings.data_dir,
            ui_url=settings.ui_url,
            clock=lambda: datetime.now(UTC),
            notifier=notifier,
            object_path=ObjectStoragePath,
            heartbeat_url=settings.heartbeat_url,
        )
    finally:
        store.close()
