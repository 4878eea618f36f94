"""How long the list of incidents and the overview take beside many open ones, for who may see one of two pipelines."""

from __future__ import annotations

import os
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from starlette.testclient import TestClient

_ROUNDS = 7


def measure(project: Path, *, hidden: str, n_shown: int) -> tuple[float, float]:
    """Return the median seconds of the list and of the overview, from a whole Airflow API server in this process.

    Args:
        project: Its store is `store.db`.
        hidden: Name of the pipeline that the reader may not see.
        n_shown: Open incidents of the others, which the page must count.
    """
    with tempfile.TemporaryDirectory(prefix="seamwatch-airflow-") as home:
        root = Path(__file__).parents[3]
        # Airflow reads its settings when it is first imported.
        os.environ |= {
            "AIRFLOW_HOME": home,
            "AIRFLOW__API_AUTH__JWT_SECRET": "only-for-benchmarks-" * 4,
            "AIRFLOW__CORE__DAGS_FOLDER": str(root / "dags"),
            "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
            "AIRFLOW__CORE__PLUGINS_FOLDER": str(root / "plugins"),
            "AIRFLOW__USAGE_DATA_COLLECTION__ENABLED": "False",
            "AIRFLOW_CONN_SEAMWATCH_STORE": f"sqlite:///{project / 'store.db'}",
            "SEAMWATCH_PROJECT_DIR": str(project),
            "SEAMWATCH_DATA_DIR": str(project / "data"),
        }
        return _seconds_of_pages(hidden, n_shown)


def _seconds_of_pages(hidden: str, n_shown: int) -> tuple[float, float]:
    from airflow.api_fastapi.app import cached_app, get_auth_manager
    from airflow.api_fastapi.auth.managers.simple.user import SimpleAuthManagerUser
    from airflow.utils.db import initdb
    from starlette.testclient import TestClient

    initdb()
    app, manager = cached_app(), get_auth_manager()
    allowed = manager.is_authorized_dag

    def is_authorized(**asked: object) -> bool:
        # The simple auth manager, the system outside, knows roles only.
        name = str(getattr(asked.get("details"), "id", ""))
        return not name.startswith(hidden) and allowed(**asked)  # type: ignore[arg-type]

    manager.is_authorized_dag = is_authorized  # type: ignore[method-assign]
    token = manager.generate_jwt(SimpleAuthManagerUser(username="viewer", role="VIEWER"))
    client = TestClient(app, headers={"Authorization": f"Bearer {token}"}, follow_redirects=False)
    return (
        _seconds(client, "/seamwatch/incidents", f"{n_shown} not resolved"),
        _seconds(client, "/seamwatch/", f"{n_shown:,} open"),
    )


def _seconds(client: TestClient, path: str, said: str) -> float:
    seconds = []
    for _ in range(_ROUNDS):
        started = time.perf_counter()
        answer = client.get(path)
        seconds.append(time.perf_counter() - started)
        if answer.status_code != 200 or said not in answer.text:
            msg = f"{path} does not say {said!r} (status {answer.status_code})"
            raise RuntimeError(msg)
    return sorted(seconds)[_ROUNDS // 2]
