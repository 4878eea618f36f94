"""The overview of all pipelines, and the page of objectives."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
import sqlalchemy as sa
from pydantic import TypeAdapter

from parcels import WINDOW, make_deps
from plugin_pages import Client, ask, deny, store_of
from seamwatch.core.incident_life import ChangeKind, Incident, IncidentChange
from seamwatch.engine.slo import look_at_objectives
from seamwatch.spec.objectives import Objective

pytestmark = [
    pytest.mark.integration,
    # Of Airflow's own API server.
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
]


def overview(client: Client, role: str = "viewer") -> dict[str, str]:
    """Return the rows of the overview by pipeline, in their order."""
    answer = client(role).get("/seamwatch/")
    assert answer.status_code == 200, answer.text
    rows = re.findall(
        r'<th scope="row" role="rowheader"><a href="[^"]*">(.*?)</a>(.*?)</tr>', answer.text, flags=re.DOTALL
    )
    return dict(rows)


def test_the_overview_has_a_row_for_every_pipeline_and_leads_on(client: Client, actor: Incident) -> None:
    rows = overview(client)
    assert {"parcels", "letters"} <= set(rows)
    assert "1 open" in rows["parcels"]
    assert 'href="/seamwatch/incidents?pipeline=parcels&amp;state=open"' in rows["parcels"]
    assert "Slack user U0REL" in rows["parcels"]
    assert ask(client, actor, action="ack").status_code == 303
    rows = overview(client)
    assert list(rows).index("letters") < list(rows).index("parcels")
    assert "1 acknowledged" in rows["parcels"]


def test_the_overview_leaves_out_what_a_person_may_not_read(
    client: Client, actor: Incident, monkeypatch: pytest.MonkeyPatch
) -> None:
    deny(monkeypatch, "parcels__incidents")
    assert "parcels" not in overview(client)
    assert "letters" in overview(client)
    assert "pipeline=parcels" not in client("viewer").get("/seamwatch/").text
    deny(monkeypatch, "letters__incidents")
    assert "There is no pipeline that you may see." in client("viewer").get("/seamwatch/").text


def test_a_file_with_a_mistake_and_a_pipeline_without_a_file_have_a_row_that_says_so(
    client: Client, actor: Incident, project: Path
) -> None:
    file = project / "include" / "pipelines" / "broken.yaml"
    file.write_text("pipeline: broken\nstages: 7\n")
    store = store_of(project)
    gone = replace(actor, id="parcels-other", fingerprint="other", pipeline="<b>gone", headline="x")
    store.apply_changes([IncidentChange(kind=ChangeKind.OPENED, incident=gone)], window=actor.last_window)
    store.close()
    try:
        rows = overview(client)
    finally:
        file.unlink()
    assert "Its file has a mistake" in rows["broken"]
    assert "unowned" not in rows["broken"]
    assert "It has no file any more" in rows["&lt;b&gt;gone"]
    assert "1 open" in rows["&lt;b&gt;gone"]


def test_results_of_one_pipeline_that_cannot_be_read_hide_no_other(
    client: Client, actor: Incident, project: Path
) -> None:
    engine = sa.create_engine(f"sqlite:///{project / 'data' / 'seamwatch.db'}")
    today = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    values = {"at": today.replace(tzinfo=None).isoformat(sep=" ", timespec="microseconds")}
    with engine.begin() as connection:
        connection.execute(
            sa.text(
                "INSERT INTO seamwatch_aggregates (pipeline, watch, series, start_at, data) "
                "VALUES ('letters', 'cost', 'hour', :at, '[7]')"
            ),
            values,
        )
    try:
        rows = overview(client)
    finally:
        with engine.begin() as connection:
            connection.execute(sa.text("DELETE FROM seamwatch_aggregates WHERE pipeline = 'letters'"))
        engine.dispose()
    assert {"parcels", "letters"} <= set(rows)
    assert "1 open" in rows["letters"]
    assert "What is kept of it cannot be read" in rows["letters"]
    assert rows["letters"].count("<span>not known</span>") == 3
    assert "cannot be read" not in rows["parcels"]


def test_the_page_of_objectives_shows_budgets_charts_and_the_gate_to_whoever_may_see_the_pipeline(
    client: Client, incident: Incident, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = "/seamwatch/objectives/parcels"
    viewer = client("viewer")
    unseen = viewer.get(page)
    assert unseen.status_code == 409
    assert "seamwatch slo parcels" in unseen.text
    assert viewer.get("/seamwatch/objectives/unknown").status_code == 404
    deps = make_deps(
        project,
        {"AIRFLOW_CONN_PARCELS_DB": f"sqlite:///{project / 'parcels.db'}"},
        store_url=f"sqlite:///{project / 'data' / 'seamwatch.db'}",
    )
    pipeline = deps.project.pipeline("parcels")
    objective = TypeAdapter(Objective).validate_python({"kind": "accuracy", "goal": 0.9, "over": "1d"})
    look_at_objectives(deps, pipeline.model_copy(update={"slos": (objective,)}), now=WINDOW.end)
    deps.store.close()
    shown = viewer.get(page)
    assert shown.status_code == 200
    for text in ("Releases are frozen", "Error budget left: accuracy", incident.id, "<svg"):
        assert text in shown.text
    assert "default-src 'none'" in shown.headers["Content-Security-Policy"]
    deny(monkeypatch, "parcels__incidents")
    assert viewer.get(page).status_code == 404
