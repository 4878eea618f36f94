"""What tests of the pages inside Airflow share: the store behind them, rights, and forms as a person sends them."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest
import sqlalchemy as sa

from seamwatch.core.incident_life import Incident
from seamwatch.store.repo import Store

Client = Callable[[str | None], httpx.Client]


def every_path(incident: Incident) -> list[str]:
    return [
        "/seamwatch/",
        "/seamwatch/incidents",
        "/seamwatch/dags/parcels__validate",
        f"/seamwatch/incidents/{incident.id}",
        f"/seamwatch/incidents/{incident.id}?form=json",
        "/seamwatch/data-docs/parcels/index.html",
    ]


def store_of(project: Path) -> Store:
    return Store.open(f"sqlite:///{project / 'data' / 'seamwatch.db'}")


def forget(project: Path, *patterns: str) -> None:
    """Delete the incidents with such ids."""
    engine = sa.create_engine(f"sqlite:///{project / 'data' / 'seamwatch.db'}")
    with engine.begin() as connection:
        for table, column in (("seamwatch_incident_events", "incident_id"), ("seamwatch_incidents", "id")):
            for pattern in patterns:
                connection.execute(sa.text(f"DELETE FROM {table} WHERE {column} LIKE :pattern"), {"pattern": pattern})
    engine.dispose()


def deny(monkeypatch: pytest.MonkeyPatch, dag_id: str) -> None:
    """Make Airflow's auth manager, the system outside, refuse one DAG; the simple one knows roles only."""
    from airflow.api_fastapi.app import get_auth_manager

    manager = get_auth_manager()
    allowed = manager.is_authorized_dag

    def is_authorized(**asked: object) -> bool:
        return getattr(asked.get("details"), "id", None) != dag_id and allowed(**asked)  # type: ignore[arg-type]

    monkeypatch.setattr(manager, "is_authorized_dag", is_authorized)


def ask(client: Client, incident: Incident, role: str = "admin", **form: str) -> httpx.Response:
    return client(role).post(f"/seamwatch/incidents/{incident.id}/act", data=form)


def shown_after(client: Client, answer: httpx.Response) -> str:
    assert answer.status_code == 303, answer.text
    return client("admin").get(answer.headers["location"]).text


def outcome(page: str) -> str:
    found = re.search(r'<p role="status" class="outcome[ a-z]*">(.*?)</p>', page)
    return found[1] if found else ""
