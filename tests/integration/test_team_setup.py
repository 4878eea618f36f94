"""The set-up for a team really runs: a window goes from a table to Slack through the services of docker-compose.yml."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
import sqlalchemy as sa

from compose_processes import ComposeProcesses
from parcels import KEEP_ALL, PIPELINE, WINDOW, fill_database, write_project
from seamwatch_demo.airflow import wait_until
from seamwatch_demo.slack_receiver import SlackReceiver

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def slack() -> Iterator[SlackReceiver]:
    with SlackReceiver() as receiver:
        yield receiver


@pytest.fixture(scope="module")
def team(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ComposeProcesses]:
    project = tmp_path_factory.mktemp("project")
    write_project(project, pipeline=f"{PIPELINE}schedule: '@yearly'\n")
    (project / "include/settings.yaml").write_text(KEEP_ALL)
    with ComposeProcesses(tmp_path_factory.mktemp("team"), project) as running:
        yield running


@pytest.fixture(scope="module")
def client(team: ComposeProcesses) -> Iterator[httpx.Client]:
    with team.log_in() as found:
        yield found


@pytest.fixture(scope="module")
def runs(team: ComposeProcesses, client: httpx.Client, slack: SlackReceiver) -> dict[str, dict[str, Any]]:
    """Do what operations.md tells an administrator to do, and wait until a window has reached its end."""
    warehouse = sa.make_url(team.database("parcels"))
    fill_database(warehouse.render_as_string(hide_password=False), "code_table", n=120)
    for connection in (
        {
            "connection_id": "parcels_db",
            "conn_type": "postgres",
            "host": warehouse.host,
            "port": warehouse.port,
            "schema": warehouse.database,
            "login": warehouse.username,
            "password": str(warehouse.password),
        },
        {
            "connection_id": "slack_test",
            "conn_type": "slack",
            "password": "xoxb-test",
            "extra": json.dumps({"base_url": f"{slack.url}/api/"}),
        },
    ):
        client.post("/api/v2/connections", json=connection).raise_for_status()
    parts = ("validate", "isolate", "incidents")
    for name in [*(f"parcels__{part}" for part in parts), "seamwatch__delivery"]:
        wait_until(
            lambda name=name: client.patch(f"/api/v2/dags/{name}", json={"is_paused": False}).is_success,
            within_s=120,
            what=f"{name} was not parsed; see {team.log('airflow-dag-processor')}",
        )
    conf = {"from": WINDOW.start.isoformat(), "to": WINDOW.end.isoformat()}
    body = {"dag_run_id": "by-hand", "logical_date": None, "conf": conf}
    client.post("/api/v2/dags/parcels__validate/dagRuns", json=body).raise_for_status()
    return {
        part: wait_until(
            lambda part=part: _ended(client, f"parcels__{part}"),
            within_s=300,
            what=f"{part} did not end; see {team.log('airflow-worker')}",
        )
        for part in parts
    }


def _ended(client: httpx.Client, dag_id: str) -> dict[str, Any] | None:
    runs: list[dict[str, Any]] = client.get(f"/api/v2/dags/{dag_id}/dagRuns").json()["dag_runs"]
    return next((run for run in runs if run["state"] in ("success", "failed")), None)


def test_a_window_goes_from_the_table_to_slack(
    runs: dict[str, dict[str, Any]], client: httpx.Client, slack: SlackReceiver
) -> None:
    path = f"/api/v2/dags/parcels__validate/dagRuns/{runs['validate']['dag_run_id']}/taskInstances"
    states = {task["task_id"]: task["state"] for task in client.get(path).json()["task_instances"]}
    assert {name for name, state in states.items() if state != "success"} == {"request.gate"}
    assert states["request.gate"] == "failed"
    assert (runs["isolate"]["state"], runs["incidents"]["state"]) == ("success", "success")
    (head,) = [message for message in slack.messages if message.thread_ts is None]
    assert "Integration failure at request" in head.text


def test_every_service_is_still_up(runs: dict[str, dict[str, Any]], team: ComposeProcesses) -> None:
    assert team.still_running() == dict.fromkeys(team.still_running(), True)
    assert len(team.still_running()) == 6
    assert team.failing_health_checks() == {}


def test_the_pages_are_behind_the_login_of_fab(
    runs: dict[str, dict[str, Any]], team: ComposeProcesses, client: httpx.Client
) -> None:
    assert httpx.get(f"{team.url}/seamwatch/incidents").status_code == 401
    page = client.get("/seamwatch/incidents")
    assert page.status_code == 200
    assert "Integration failure at request" in page.text


def test_the_status_says_what_ran_and_what_is_still_awaited(
    runs: dict[str, dict[str, Any]], team: ComposeProcesses
) -> None:
    done = team.run("airflow-scheduler", ["seamwatch", "status", "--json", "-"], within_s=120)
    assert done.returncode == 0, done.stdout + done.stderr
    states = {job["job"]: job["state"] for job in json.loads(done.stdout)["jobs"]}
    assert states == {
        "delivery": "ok",
        "validate": "awaited",
        "isolate": "ok",
        "incidents": "ok",
        "slo": "awaited",
    }
