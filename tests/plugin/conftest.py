"""A whole Airflow API server in this process, with the plugin as Airflow loads it, over a project with one incident."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import httpx
import pytest

from parcels import PIPELINE, WINDOW, fill_database, make_deps, write_project
from plugin_pages import Client, forget, store_of
from seamwatch.core.incident_life import ChangeKind, Incident, IncidentChange
from seamwatch.engine.attribute import attribute_window
from seamwatch.engine.incidents import decide_incidents
from seamwatch.engine.validate import check_stage
from seamwatch.vocabulary import IncidentState


@pytest.fixture(scope="session")
def untouched(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two pipelines of the same kind, both with the same fault in the same window."""
    root = tmp_path_factory.mktemp("plugin")
    write_project(root)
    text = PIPELINE.replace("ENDPOINT", '"python:parcels:model"').replace("pipeline: parcels", "pipeline: letters")
    (root / "include/pipelines/letters.yaml").write_text(text)
    url = f"sqlite:///{root / 'parcels.db'}"
    fill_database(url, "code_table", n=120)
    deps = make_deps(root, {"AIRFLOW_CONN_PARCELS_DB": url}, store_url=f"sqlite:///{root / 'data' / 'seamwatch.db'}")
    for pipeline in deps.project.pipelines.values():
        for stage in pipeline.stages:
            check_stage(deps, pipeline, stage, WINDOW)
        attribute_window(deps, pipeline, WINDOW)
        decide_incidents(deps, pipeline, WINDOW)
    deps.store.close()
    return root


@pytest.fixture(scope="session")
def project(untouched: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the project that tests of pages share."""
    return Path(shutil.copytree(untouched, tmp_path_factory.mktemp("shared") / "plugin"))


@pytest.fixture
def incident(project: Path) -> Incident:
    deps = make_deps(project, {}, store_url=f"sqlite:///{project / 'data' / 'seamwatch.db'}")
    (found,) = deps.store.incidents("parcels")
    deps.store.close()
    return found


@pytest.fixture
def client(project: Path, airflow_database: None, monkeypatch: pytest.MonkeyPatch) -> Client:
    """Return clients by role; None is somebody who is not logged in."""
    from airflow.api_fastapi.app import cached_app, get_auth_manager
    from airflow.api_fastapi.auth.managers.simple.user import SimpleAuthManagerUser
    from starlette.testclient import TestClient

    monkeypatch.setenv("SEAMWATCH_PROJECT_DIR", str(project))
    monkeypatch.setenv("SEAMWATCH_DATA_DIR", str(project / "data"))
    app = cached_app()

    def make(role: str | None) -> httpx.Client:
        headers = {}
        if role is not None:
            token = get_auth_manager().generate_jwt(SimpleAuthManagerUser(username=role, role=role.upper()))
            headers["Authorization"] = f"Bearer {token}"
        return TestClient(app, headers=headers, follow_redirects=False)

    return make


@pytest.fixture
def own_project(untouched: Path, tmp_path: Path) -> Path:
    """Return a project of a test's own, which it may change."""
    return Path(shutil.copytree(untouched, tmp_path / "own"))


@pytest.fixture
def actor(project: Path, incident: Incident) -> Iterator[Incident]:
    """An open incident to act on, which is as it was afterwards."""
    store = store_of(project)
    fresh = replace(incident, state=IncidentState.OPEN, acknowledged_by=None)

    def restore() -> None:
        store.apply_changes([IncidentChange(kind=ChangeKind.UPDATED, incident=fresh)], window=incident.last_window)

    restore()
    yield fresh
    restore()
    store.close()
    forget(project, "parcels-other")
