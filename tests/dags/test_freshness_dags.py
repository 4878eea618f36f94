"""The freshness DAG and its runbook, run by Airflow on the demo's policy assistant."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from seamwatch.store.repo import Store
from seamwatch.vocabulary import IncidentState
from seamwatch_demo.policies.documents import POPULAR
from seamwatch_demo.policies.world import PolicyWorld

if TYPE_CHECKING:
    from airflow.dag_processing.dagbag import DagBag

ROOT = Path(__file__).parents[2]
START = datetime(2026, 11, 3, tzinfo=UTC)
CONF = {"from": START.isoformat(), "to": (START + timedelta(days=1)).isoformat()}

pytestmark = [
    pytest.mark.integration,
    pytest.mark.usefixtures("airflow_database"),
    # Of Airflow's own code when it runs a DAG in this process.
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
]


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PolicyWorld]:
    folder = tmp_path_factory.mktemp("policies")
    with PolicyWorld(folder, warehouse_url=f"sqlite:///{folder / 'dw.db'}") as world:
        world.live_day(date(2026, 11, 3), "stale_policy")
        yield world


@pytest.fixture
def bag(world: PolicyWorld, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> DagBag:
    from airflow.dag_processing.dagbag import DagBag

    for name, value in world.connections().items():
        monkeypatch.setenv(name, value)
    database = {"conn_type": "sqlite", "host": str(world.url.database)}
    monkeypatch.setenv("AIRFLOW_CONN_SUPPORT_DW", json.dumps(database))
    monkeypatch.setenv("SEAMWATCH_PROJECT_DIR", str(ROOT))
    monkeypatch.setenv("SEAMWATCH_DATA_DIR", str(tmp_path / "data"))
    # Nobody listens: messages wait in the outbox.
    slack = {"conn_type": "slack", "password": "xoxb-test", "extra": {"base_url": "http://127.0.0.1:9/api/"}}
    monkeypatch.setenv("AIRFLOW_CONN_SLACK_API_DEFAULT", json.dumps(slack))
    return DagBag(str(ROOT / "dags"))


def run(bag: DagBag, part: str) -> dict[str, str]:
    dag = bag.dags[f"policy_assistant__{part}"]
    for task in dag.tasks:
        task.retries = 0
    done = dag.test(run_conf=CONF)
    return {task.task_id: str(task.state) for task in done.get_task_instances()}


def test_a_stale_policy_turns_the_gate_red_opens_an_incident_and_calls_the_runbook(bag: DagBag, tmp_path: Path) -> None:
    states = run(bag, "freshness")
    assert states["policies.check"] == "success"
    assert states["policies.gate"] == "failed"
    assert states["policies.decide"] == "success"
    assert states["policies.call-runbook"] == "success"
    assert runs("policy_assistant__runbook") == 1
    store = Store.open(f"sqlite:///{tmp_path / 'data' / 'seamwatch.db'}")
    (incident,) = store.incidents("policy_assistant")
    assert (incident.state, incident.stage, incident.fields) == (IncidentState.OPEN, "kb_lookup", (POPULAR,))
    assert (tmp_path / "data" / "reports" / incident.id / "report.html").is_file()
    store.close()
    assert run(bag, "freshness")["policies.call-runbook"] == "skipped"
    assert runs("policy_assistant__runbook") == 1


def runs(dag_id: str) -> int:
    """Return how many runs of a DAG Airflow has."""
    import sqlalchemy as sa
    from airflow.models.dagrun import DagRun
    from airflow.utils.session import create_session

    with create_session() as session:
        return int(session.scalar(sa.select(sa.func.count()).select_from(DagRun).filter_by(dag_id=dag_id)) or 0)
