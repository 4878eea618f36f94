"""Planned work by a real store: kept, marked, refunded, told to nobody; told as new where it lasts beyond."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from file_notifier import FileNotifier
from parcels import WINDOW, fill_database, make_deps, write_project
from seamwatch.core.slo.ledger import Ledger
from seamwatch.engine.attribute import attribute_window
from seamwatch.engine.deliver import deliver_pending
from seamwatch.engine.deps import Deps
from seamwatch.engine.incidents import decide_incidents
from seamwatch.report import sentences

pytestmark = pytest.mark.integration


def _planned(root: Path, text: str, hours: int) -> Deps:
    """Return dependencies on the project whose planned work begins with the window, for so many hours."""
    begins, ends = (at.isoformat() for at in (WINDOW.start, WINDOW.start + timedelta(hours=hours)))
    work = f'\nmaintenance: [{{from: "{begins}", to: "{ends}", reason: new code table}}]\n'
    (root / "include" / "pipelines" / "parcels.yaml").write_text(text + work)
    env = {"AIRFLOW_CONN_PARCELS_DB": f"sqlite:///{root / 'parcels.db'}"}
    # The shorter the work is planned, the later it is looked at.
    return make_deps(root, env, now=WINDOW.end + timedelta(hours=26 - hours))


def test_an_incident_of_planned_work_is_told_to_nobody_until_it_lasts_beyond(tmp_path: Path) -> None:
    write_project(tmp_path)
    text = (tmp_path / "include" / "pipelines" / "parcels.yaml").read_text()
    fill_database(f"sqlite:///{tmp_path / 'parcels.db'}", "code_table")
    deps = _planned(tmp_path, text, 24)
    pipeline = deps.project.pipeline("parcels")
    attribute_window(deps, pipeline, WINDOW)
    for _ in range(2):
        decide_incidents(deps, pipeline, WINDOW)
        deliver_pending(deps)
    (incident,) = deps.store.incidents("parcels")
    assert incident.maintenance == "new code table"
    assert sentences.state(incident).endswith("within planned work (new code table): nobody is notified")
    assert FileNotifier(tmp_path / "messages.jsonl").lines() == []
    (ruling,) = deps.store.rulings("parcels")
    assert (ruling.incident, ruling.is_void, ruling.by) == (incident.id, True, "maintenance")

    shorter = _planned(tmp_path, text, 2)
    for _ in range(2):
        decide_incidents(shorter, shorter.project.pipeline("parcels"), WINDOW)
        deliver_pending(shorter)
    (incident,) = shorter.store.incidents("parcels")
    assert incident.maintenance is None
    posts = [line for line in FileNotifier(tmp_path / "messages.jsonl").lines() if line["do"] == "post"]
    assert [line["thread"] is None for line in posts] == [True, False]
    assert not Ledger().post(shorter.store.rulings("parcels")).is_void(incident.id)
    assert len(list(shorter.store.rulings("parcels"))) == 2
