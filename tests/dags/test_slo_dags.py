"""The DAG of the objectives, run by Airflow on a small pipeline whose budget is spent."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from parcels import PIPELINE, WINDOW, fill_database, write_project
from seamwatch.store.repo import Store
from seamwatch.vocabulary import GateState

if TYPE_CHECKING:
    from airflow.dag_processing.dagbag import DagBag

ROOT = Path(__file__).parents[2]
CONF = {"from": WINDOW.start.isoformat(), "to": WINDOW.end.isoformat()}

pytestmark = [
    pytest.mark.integration,
    pytest.mark.usefixtures("airflow_database"),
    # Of Airflow's own code when it runs a DAG in this process.
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
]


@pytest.fixture
def bag(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> DagBag:
    from airflow.dag_processing.dagbag import DagBag

    write_project(tmp_path, pipeline=f"{PIPELINE}slos: [{{kind: accuracy, goal: 0.9, over: 1d}}]\n")
    fill_database(f"sqlite:///{tmp_path / 'parcels.db'}", "code_table", n=300)
    monkeypatch.setenv("SEAMWATCH_PROJECT_DIR", str(tmp_path))
    monkeypatch.setenv("SEAMWATCH_DATA_DIR", str(tmp_path / "data"))
    database = {"conn_type": "sqlite", "host": str(tmp_path / "parcels.db")}
    monkeypatch.setenv("AIRFLOW_CONN_PARCELS_DB", json.dumps(database))
    return DagBag(str(ROOT / "dags"))


def test_a_spent_budget_turns_the_gate_red_and_is_kept(bag: DagBag, tmp_path: Path) -> None:
    dag = bag.dags["parcels__slo"]
    assert [asset.uri for asset in dag.get_task("gate").outlets] == ["seamwatch://parcels/releasable"]
    done = dag.test(run_conf=CONF)
    states = {task.task_id: str(task.state) for task in done.get_task_instances()}
    # No incident calls for its runbook.
    assert states == {
        "look": "success",
        "gate": "failed",
        "decide": "success",
        "deliver": "success",
        "call-runbook": "skipped",
    }
    store = Store.open(f"sqlite:///{tmp_path / 'data' / 'seamwatch.db'}")
    look = store.last_look("parcels")
    store.close()
    assert look is not None
    assert (look.looked_at, look.status.gate.allowed) == (WINDOW.end, False)
    assert look.status.at - look.status.objectives[0].window_start == timedelta(days=1)


def test_the_gate_keeps_its_answer_to_a_run_that_names_a_release_and_to_no_other(bag: DagBag, tmp_path: Path) -> None:
    dag = bag.dags["parcels__slo"]
    for conf in (CONF, {**CONF, "release": "2026.11.4"}):
        dag.test(run_conf=conf)
    store = Store.open(f"sqlite:///{tmp_path / 'data' / 'seamwatch.db'}")
    now = datetime.now(UTC)
    kept = store.gate_answers("parcels", since=now - timedelta(hours=1), until=now)
    store.close()
    assert [(one.release, one.is_allowed, one.state) for one in kept] == [("2026.11.4", False, GateState.FROZEN)]


def test_a_pipeline_that_promises_nothing_is_watched_and_has_no_gate(tmp_path: Path, bag: DagBag) -> None:
    from airflow.dag_processing.dagbag import DagBag

    write_project(tmp_path)
    ids = set(DagBag(str(ROOT / "dags")).dags["parcels__slo"].task_ids)
    assert ids == {"look", "decide", "deliver", "call-runbook"}


def test_a_pipeline_without_objectives_and_watches_has_no_such_dag(tmp_path: Path, bag: DagBag) -> None:
    from airflow.dag_processing.dagbag import DagBag

    off = "monitoring: {latency: false, cost: false, drift: false, injection: false}"
    write_project(tmp_path, pipeline=f"{PIPELINE}{off}\n")
    assert "parcels__slo" not in DagBag(str(ROOT / "dags")).dags
