"""Runs of DAGs as actions, over Airflow's own API server and one that fails as told: once, waited for, found again."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import httpx
import pytest

from action_places import place_with
from airflow_rest_server import AirflowRestServer, airflow_rest
from json_config_server import JsonConfigServer, config_server
from seamwatch.adapters.actions.base import ActionImpossible, ActionTarget
from seamwatch.adapters.actions.factory import action_target
from seamwatch.core.action_life import Standing
from seamwatch.errors import AdapterError
from seamwatch.spec.actions import DagRun
from seamwatch_demo.airflow import free_port, wait_until

pytestmark = pytest.mark.integration
__all__ = ["airflow_rest", "config_server"]


def target_of(url: str, *, password: str = "admin", login: str | None = "admin", **fields: Any) -> ActionTarget:
    action = DagRun.model_validate({"kind": "dag", "dag": "retrain", "timeout": "20s"} | fields)
    info = {"conn_type": "http", "host": url, "login": login, "password": password}
    return action_target(action, place_with({"airflow_api": info}, incident_id="INC-7"))


def test_a_dag_is_run_once_waited_for_and_undone(airflow_rest: AirflowRestServer) -> None:
    target = target_of(airflow_rest.url, undo_dag="restore")
    plan = target.plan()
    assert plan.does == "Runs DAG retrain and waits for it, 20 seconds at most"
    assert plan.undoes == "Runs DAG restore"
    assert target.look(plan, "a1") is Standing.AS_BEFORE
    assert airflow_rest.n_started == 0

    assert target.apply(plan, "a1") == "run seamwatch__a1 of DAG retrain succeeded"
    target_of(airflow_rest.url).apply(plan, "a1")
    assert airflow_rest.n_started == 1
    assert airflow_rest.runs["retrain", "seamwatch__a1"]["conf"] == {
        "action": "a1",
        "incident": "INC-7",
        "pipeline": "returns",
    }
    assert target.look(plan, "a1") is Standing.APPLIED
    assert target.look(plan, "a2") is Standing.AS_BEFORE

    for _ in range(2):
        target.undo(plan, "a1")
    assert airflow_rest.n_started == 2
    assert target.look(plan, "a1") is Standing.AS_BEFORE


REAL_DAGS = """
from airflow.sdk import DAG
from airflow.providers.standard.operators.empty import EmptyOperator

for name in ("retrain", "restore", "asleep"):
    with DAG(name, schedule=None, is_paused_upon_creation=name == "asleep") as dag:
        EmptyOperator(task_id="done")
    globals()[name] = dag
"""


@pytest.fixture(scope="module")
def airflow_url(airflow_database: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Serve Airflow's own API on loopback, with a login and three DAGs; no scheduler runs them."""
    import uvicorn
    from airflow.api_fastapi.app import cached_app
    from airflow.dag_processing.bundles.manager import DagBundlesManager
    from airflow.dag_processing.dagbag import DagBag, sync_bag_to_db

    folder = tmp_path_factory.mktemp("airflow")
    (folder / "dags.py").write_text(REAL_DAGS)
    (folder / "passwords.json").write_text(json.dumps({"admin": "admin"}))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS", "admin:admin")
        patch.setenv("AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE", str(folder / "passwords.json"))
        DagBundlesManager().sync_bundles_to_db()
        sync_bag_to_db(DagBag(str(folder), bundle_path=folder, bundle_name="dags-folder"), "dags-folder", None)
        port = free_port()
        config = uvicorn.Config(cached_app(), host="127.0.0.1", port=port, log_level="warning", lifespan="off")
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run)
        thread.start()
        wait_until(lambda: server.started, within_s=60, what="Airflow's API did not start")
        yield f"http://127.0.0.1:{port}"
        server.should_exit = True
        thread.join()


def set_state(url: str, dag: str, run_id: str, state: str) -> None:
    """End a run, as a scheduler or a person would, once it is there."""
    credentials = {"username": "admin", "password": "admin"}
    token = httpx.post(f"{url}/auth/token", json=credentials, timeout=60).json()["access_token"]
    with httpx.Client(base_url=url, headers={"Authorization": f"Bearer {token}"}, timeout=60) as client:
        path = f"/api/v2/dags/{dag}/dagRuns/{run_id}"
        wait_until(lambda: client.get(path).status_code == 200, within_s=60, what="the run was not started")
        client.patch(path, json={"state": state}).raise_for_status()


@pytest.mark.filterwarnings("ignore")  # Airflow's own, of its migrations, its routes and its login
def test_airflow_itself_takes_the_calls(airflow_url: str) -> None:
    target = target_of(airflow_url, undo_dag="restore", timeout="90s")
    plan = target.plan()
    assert target.look(plan, "a1") is Standing.AS_BEFORE
    for dag, run_id, move in (
        ("retrain", "seamwatch__a1", target.apply),
        ("restore", "seamwatch__a1__undo", target.undo),
    ):
        ending = threading.Thread(target=set_state, args=(airflow_url, dag, run_id, "success"))
        ending.start()
        for _ in range(2):
            assert move(plan, "a1") == f"run {run_id} of DAG {dag} succeeded"
        ending.join()
        assert target.look(plan, "a1") is (Standing.APPLIED if dag == "retrain" else Standing.AS_BEFORE)

    ending = threading.Thread(target=set_state, args=(airflow_url, "retrain", "seamwatch__a2", "failed"))
    ending.start()
    with pytest.raises(AdapterError, match="failed; its log in Airflow says why"):
        target.apply(plan, "a2")
    ending.join()
    assert target.look(plan, "a2") is Standing.OTHER

    for dag, words in (("retrian", "Airflow has no DAG retrian"), ("asleep", "DAG asleep is paused")):
        with pytest.raises(ActionImpossible, match=words):
            target_of(airflow_url, dag=dag).plan()
    with pytest.raises(AdapterError, match="answered 401") as refused:
        target_of(airflow_url, password="hunter2hunter2").plan()
    assert "hunter2" not in str(refused.value)


def test_a_run_that_is_under_way_is_waited_for_by_whoever_looks(airflow_rest: AirflowRestServer) -> None:
    target = target_of(airflow_rest.url)
    plan = target.plan()
    airflow_rest.start("retrain", {"dag_run_id": "seamwatch__a1"})  # by one that was killed while it waited
    assert target.look(plan, "a1") is Standing.APPLIED
    target.apply(plan, "a1")
    assert airflow_rest.n_started == 1


def test_an_error_after_the_start_is_found_again(airflow_rest: AirflowRestServer) -> None:
    target = target_of(airflow_rest.url)
    plan = target.plan()
    airflow_rest.fails_after_start = True
    with pytest.raises(AdapterError, match="answered 500"):
        target.apply(plan, "a1")
    assert target.look(plan, "a1") is Standing.APPLIED
    assert airflow_rest.n_started == 1


def test_a_run_that_fails_is_neither(airflow_rest: AirflowRestServer) -> None:
    airflow_rest.ends_as = "failed"
    target = target_of(airflow_rest.url, undo_dag="restore")
    plan = target.plan()
    with pytest.raises(AdapterError, match="run seamwatch__a1 of DAG retrain failed; its log in Airflow says why"):
        target.apply(plan, "a1")
    assert target.look(plan, "a1") is Standing.OTHER
    with pytest.raises(AdapterError, match="of DAG restore failed"):
        target.undo(plan, "a1")
    assert target.look(plan, "a1") is Standing.OTHER


def test_a_run_that_takes_too_long_is_unknown(airflow_rest: AirflowRestServer) -> None:
    airflow_rest.looks_until_over = 10_000
    target = target_of(airflow_rest.url, timeout="1s")
    plan = target.plan()
    with pytest.raises(AdapterError, match="is running after 1 second; it goes on in Airflow"):
        target.apply(plan, "a1")
    assert target.look(plan, "a1") is Standing.UNKNOWN
    airflow_rest.start("retrain", {"dag_run_id": "seamwatch__old"}, age=timedelta(hours=2))
    assert target.look(plan, "old") is Standing.UNKNOWN


def test_an_api_server_that_is_restarted_ends_no_run(airflow_rest: AirflowRestServer) -> None:
    target = target_of(airflow_rest.url)
    plan = target.plan()
    airflow_rest.looks_until_over = 2

    def restart() -> None:
        airflow_rest.fails["GET"] = 2

    timer = threading.Timer(0.3, restart)
    timer.start()
    assert target.apply(plan, "a1").endswith("succeeded")
    timer.join()


def test_a_token_that_ran_out_is_fetched_anew(airflow_rest: AirflowRestServer) -> None:
    target = target_of(airflow_rest.url)
    plan = target.plan()
    airflow_rest.token = "another"
    target.apply(plan, "a1")
    assert airflow_rest.n_tokens == 2


def test_a_connection_without_login_holds_a_token(airflow_rest: AirflowRestServer) -> None:
    airflow_rest.token = "token-of-a-person-123"
    target = target_of(airflow_rest.url, login=None, password="token-of-a-person-123")
    target.apply(target.plan(), "a1")
    assert airflow_rest.n_tokens == 0


@pytest.mark.parametrize(
    ("dag", "words"), [("retrian", "Airflow has no DAG retrian"), ("asleep", "DAG asleep is paused")]
)
def test_a_dag_that_would_not_run_is_said(airflow_rest: AirflowRestServer, dag: str, words: str) -> None:
    airflow_rest.dags["asleep"] = {"is_paused": True}
    with pytest.raises(ActionImpossible, match=words):
        target_of(airflow_rest.url, dag=dag).plan()
    with pytest.raises(ActionImpossible, match=words):
        target_of(airflow_rest.url, undo_dag=dag).plan()


def test_without_an_undo_dag_it_cannot_be_undone(airflow_rest: AirflowRestServer) -> None:
    target = target_of(airflow_rest.url)
    plan = target.plan()
    assert plan.undoes == ""
    with pytest.raises(AdapterError, match="has no undo_dag"):
        target.undo(plan, "a1")


def test_wrong_credentials_and_an_airflow_that_is_down(airflow_rest: AirflowRestServer) -> None:
    plan = target_of(airflow_rest.url).plan()
    wrong = target_of(airflow_rest.url, password="hunter2hunter2")
    with pytest.raises(AdapterError, match="POST /auth/token answered 401") as refused:
        wrong.apply(plan, "a1")
    assert "hunter2" not in str(refused.value)
    assert wrong.look(plan, "a1") is Standing.UNKNOWN
    down = target_of("http://127.0.0.1:1")
    assert down.look(plan, "a1") is Standing.UNKNOWN
    with pytest.raises(AdapterError, match="refuses connections"):
        down.plan()
    assert airflow_rest.n_started == 0


def test_names_that_airflow_would_refuse(airflow_rest: AirflowRestServer) -> None:
    target = target_of(airflow_rest.url)
    plan = target.plan()
    for key in ("INC 7/a", "INC-7/a", "ä" * 400):
        target.apply(plan, key)
    names = [name for _, name in airflow_rest.runs]
    assert len(set(names)) == 3
    assert all(len(name) <= 220 and "/" not in name for name in names)


def test_a_proxy_whose_airflow_is_away_says_nothing_of_runs(
    airflow_rest: AirflowRestServer, config_server: JsonConfigServer
) -> None:
    """It answers 404 as well: taken for `no such run`, a run that goes on would be said not to have begun."""
    plan = target_of(airflow_rest.url).plan()
    config_server.documents["/auth/token"] = {}
    away = target_of(config_server.url, login=None, password="token-of-a-person-123")
    assert away.look(plan, "a1") is Standing.UNKNOWN
    with pytest.raises(AdapterError, match="does not answer as Airflow does"):
        away.plan()
