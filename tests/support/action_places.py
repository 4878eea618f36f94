"""What actions are carried out with in tests: connections by name, and nothing else of the world."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from seamwatch.adapters.actions.factory import ActionPlace
from seamwatch.adapters.connections import EnvironmentConnections


def place_with(
    connections: Mapping[str, Mapping[str, Any] | str] | None = None,
    *,
    project_dir: Path = Path(),
    incident_id: str = "INC-1",
    records: Sequence[tuple[str, str]] = (),
) -> ActionPlace:
    """Return a place with these connections; the pipeline's database is `routes`."""
    env = {
        f"AIRFLOW_CONN_{name.upper()}": one if isinstance(one, str) else json.dumps(one)
        for name, one in (connections or {}).items()
    }
    return ActionPlace(
        pipeline="returns",
        database="routes",
        connections=EnvironmentConnections(env),
        incident_id=incident_id,
        project_dir=project_dir,
        records=records,
    )


def database_connection(url: str) -> dict[str, Any]:
    """Return the connection that leads to a database."""
    parsed = sa.make_url(url)
    if parsed.get_backend_name() == "sqlite":
        return {"conn_type": "sqlite", "host": parsed.database}
    info = {"conn_type": "postgres", "login": parsed.username, "password": parsed.password, "schema": parsed.database}
    # The server of the tests listens on a socket in a folder, which its URL names in its query.
    return info | {"host": parsed.host, "port": parsed.port, "extra": {"sqlalchemy_query": dict(parsed.query)}}
