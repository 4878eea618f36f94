"""A job that stopped stands on every page of whoever may see its pipeline."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from plugin_pages import Client, deny, store_of
from seamwatch.core.incident_life import Incident
from seamwatch.core.watcher_status import SHARED
from seamwatch.vocabulary import RecurringJob

pytestmark = [
    pytest.mark.integration,
    # Of Airflow's own API server.
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
]


def test_a_job_that_stopped_stands_on_every_page_of_whoever_may_see_its_pipeline(
    client: Client, incident: Incident, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    viewer, now = client("viewer"), datetime.now(UTC)
    store = store_of(project)
    store.note_end(SHARED, RecurringJob.DELIVERY, now=now)
    for pipeline in ("parcels", "letters"):
        store.note_end(pipeline, RecurringJob.SLO, now=now - timedelta(minutes=20))
    store.note_end("letters", RecurringJob.SLO, now=now)
    said = f"No look at the objectives and watches of parcels since {now - timedelta(minutes=20):%Y-%m-%d %H:%M} UTC"
    for path in ("/seamwatch/incidents", f"/seamwatch/incidents/{incident.id}", "/seamwatch/dags/parcels__isolate"):
        page = viewer.get(path).text
        assert page.count('role="alert"') == 1, path
        assert said in page, path
    assert 'role="alert"' not in viewer.get("/seamwatch/dags/letters__isolate").text
    with paused("parcels__slo"):
        assert "the DAG parcels__slo is paused" in viewer.get("/seamwatch/incidents").text
    store.note_end("parcels", RecurringJob.SLO, now=now)
    assert 'role="alert"' not in viewer.get("/seamwatch/incidents").text
    store.close()


def test_a_job_that_stopped_is_not_told_to_who_may_not_see_its_pipeline(
    client: Client, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    viewer, now = client("viewer"), datetime.now(UTC)
    text = (project / "include/pipelines/parcels.yaml").read_text().replace("pipeline: parcels", "pipeline: secret")
    (project / "include/pipelines/secret.yaml").write_text(text)
    store = store_of(project)
    store.note_end("secret", RecurringJob.SLO, now=now - timedelta(minutes=20))
    store.close()
    try:
        assert "letters__slo" not in viewer.get("/seamwatch/incidents").text
        assert "secret__slo" in viewer.get("/seamwatch/incidents").text
        deny(monkeypatch, "secret__incidents")
        assert "secret" not in viewer.get("/seamwatch/incidents").text
    finally:
        (project / "include/pipelines/secret.yaml").unlink()


@contextmanager
def paused(dag_id: str) -> Iterator[None]:
    """Pause a DAG in Airflow's own database."""
    from airflow.models.dag import DagModel
    from airflow.models.dagbundle import DagBundleModel
    from airflow.utils.session import create_session

    with create_session() as session:
        session.merge(DagBundleModel(name="tests"))
        session.flush()
        # Tests of DAGs in the same process may have left it there.
        session.merge(DagModel(dag_id=dag_id, is_paused=True, bundle_name="tests"))
    try:
        yield
    finally:
        with create_session() as session:
            session.get(DagModel, dag_id).is_paused = False
