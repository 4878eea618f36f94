"""A running Airflow in a real browser: the chain of DAGs, the red gate, the incident in the UI behind its login."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from playwright.sync_api import Page, sync_playwright

from parcels import KEEP_ALL, PIPELINE, WINDOW, fill_database, write_project
from seamwatch.core.results import Window
from seamwatch_demo.airflow import Standalone, airflow_env, free_port, wait_until
from seamwatch_demo.slack_receiver import SlackReceiver

pytestmark = [pytest.mark.integration, pytest.mark.browser]


@pytest.fixture(scope="module")
def slack() -> Iterator[SlackReceiver]:
    with SlackReceiver() as receiver:
        yield receiver


@pytest.fixture(scope="module")
def airflow(tmp_path_factory: pytest.TempPathFactory, slack: SlackReceiver) -> Iterator[Standalone]:
    root = tmp_path_factory.mktemp("standalone")
    write_project(root, pipeline=f"{PIPELINE}slos: [{{kind: accuracy, goal: 0.9, over: 7d}}]\n")
    (root / "include/settings.yaml").write_text(KEEP_ALL)
    (root / "include/pipelines/broken.yaml").write_text("pipeline: broken\nkey: id\nstages: 3\n")
    fill_database(f"sqlite:///{root / 'parcels.db'}", "code_table", n=120)
    env = airflow_env(
        root / "airflow",
        root,
        port=free_port(),
        data_dir=root / "data",
        users={"admin": "admin", "viewer": "viewer"},
    )
    slack_connection = {"conn_type": "slack", "password": "xoxb-test", "extra": {"base_url": f"{slack.url}/api/"}}
    env |= {
        "AIRFLOW_CONN_PARCELS_DB": json.dumps({"conn_type": "sqlite", "host": str(root / "parcels.db")}),
        "AIRFLOW_CONN_SLACK_TEST": json.dumps(slack_connection),
    }
    with Standalone(env, root / "standalone.log") as running:
        yield running


@pytest.fixture(scope="module")
def runs(airflow: Standalone) -> dict[str, dict[str, Any]]:
    """Trigger the first DAG as a person would, and wait until its assets have carried the window to the end."""
    with airflow.client("admin") as client:
        wait_until(
            lambda: client.get("/api/v2/dags/parcels__incidents").status_code == 200,
            within_s=120,
            what="the DAGs were not parsed",
        )
        _trigger(client, WINDOW)
        found: dict[str, dict[str, Any]] = {}
        for part in ("validate", "isolate", "incidents"):
            found[part] = wait_until(
                lambda part=part: _finished_run(client, f"parcels__{part}"), within_s=240, what=f"{part} did not end"
            )
        return found


def _trigger(client: httpx.Client, window: Window) -> None:
    body = {
        "dag_run_id": window.id,
        "logical_date": None,
        "conf": {"from": window.start.isoformat(), "to": window.end.isoformat()},
    }
    # Airflow's own SQLite may be locked for a moment while the DAGs are parsed; the id keeps it one run.
    wait_until(
        lambda: client.post("/api/v2/dags/parcels__validate/dagRuns", json=body).status_code in (200, 409),
        within_s=60,
        what="the run was not accepted",
    )


def _finished_run(client: httpx.Client, dag_id: str) -> dict[str, Any] | None:
    done = [run for run in _runs(client, dag_id) if run["state"] in ("success", "failed")]
    return done[0] if done else None


def _runs(client: httpx.Client, dag_id: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = client.get(f"/api/v2/dags/{dag_id}/dagRuns").json()["dag_runs"]
    return found


def _states(client: httpx.Client, run: dict[str, Any]) -> dict[str, str]:
    path = f"/api/v2/dags/{run['dag_id']}/dagRuns/{run['dag_run_id']}/taskInstances"
    return {task["task_id"]: task["state"] for task in client.get(path).json()["task_instances"]}


def _log(client: httpx.Client, run: dict[str, Any], task: str) -> str:
    path = f"/api/v2/dags/{run['dag_id']}/dagRuns/{run['dag_run_id']}/taskInstances/{task}/logs/1"
    return client.get(path, headers={"Accept": "text/plain"}).text[-2000:]


def test_a_broken_stage_is_red_and_attribution_ran_all_the_same(
    airflow: Standalone, runs: dict[str, dict[str, Any]]
) -> None:
    with airflow.client("admin") as client:
        states = _states(client, runs["validate"])
        failed = {name: _log(client, runs["validate"], name) for name, state in states.items() if state != "success"}
    assert list(failed) == ["request.gate"], failed
    assert states["request.gate"] == "failed"
    assert runs["isolate"]["run_type"] == "asset_triggered"
    assert (runs["isolate"]["state"], runs["incidents"]["state"]) == ("success", "success")


def test_the_incident_was_told_in_slack_once(runs: dict[str, dict[str, Any]], slack: SlackReceiver) -> None:
    assert runs["incidents"]["state"] == "success"
    heads = [message for message in slack.messages if message.thread_ts is None]
    assert len(heads) == 1
    assert "Integration failure at request" in heads[0].text


def test_the_task_leads_to_the_report(airflow: Standalone, runs: dict[str, dict[str, Any]]) -> None:
    run = runs["incidents"]
    with airflow.client("admin") as client:
        path = f"/api/v2/dags/{run['dag_id']}/dagRuns/{run['dag_run_id']}/taskInstances"
        links = {name: client.get(f"{path}/{name}/links").json()["extra_links"] for name in ("decide", "deliver")}
        assert links["decide"] == {"Root-cause report": f"{airflow.url}/seamwatch/incidents/{_incident(airflow)}"}
        assert links["deliver"] == {}


def test_objectives_and_watches_are_looked_at_on_schedule(airflow: Standalone, runs: dict[str, dict[str, Any]]) -> None:
    with airflow.client("admin") as client:
        run = wait_until(
            lambda: next((one for one in _runs(client, "parcels__slo") if one["state"] == "success"), None),
            within_s=120,
            what="no scheduled look at the objectives ended",
        )
        states = _states(client, run)
    assert run["run_type"] == "scheduled"
    # Another DAG may have called the runbook of the open incident already.
    assert states.pop("call-runbook") in ("success", "skipped")
    assert states == dict.fromkeys(("look", "gate", "decide", "deliver"), "success")


def test_the_incident_started_its_runbook_and_the_scheduler_ran_the_one_of_its_kind(
    airflow: Standalone, runs: dict[str, dict[str, Any]]
) -> None:
    assert runs["incidents"]["state"] == "success"
    with airflow.client("admin") as client:
        run = wait_until(
            lambda: _finished_run(client, "parcels__runbook"), within_s=120, what="no runbook was run to its end"
        )
        states = _states(client, run)
    assert run["conf"]["incident"] == _incident(airflow)
    assert run["state"] == "success"
    ran = {name for name, state in states.items() if state == "success"}
    assert ran == {"pick", "integration_failure.investigate", "integration_failure.end"}


def test_windows_that_queue_up_are_all_carried_to_the_end(airflow: Standalone, runs: dict[str, dict[str, Any]]) -> None:
    days = [Window(start=WINDOW.start - timedelta(days=n), end=WINDOW.end - timedelta(days=n)) for n in (1, 2, 3)]
    expected = {window.id for window in (WINDOW, *days)}
    with airflow.client("admin") as client:
        for window in days:
            _trigger(client, window)
        wait_until(
            lambda: _windows_decided(client) == expected, within_s=120, what="not every window reached the incidents"
        )


def _windows_decided(client: httpx.Client) -> set[str]:
    """Return the windows that successful runs decided on."""
    dag_id, found = "parcels__incidents", set[str]()
    for run in client.get(f"/api/v2/dags/{dag_id}/dagRuns", params={"state": "success"}).json()["dag_runs"]:
        path = f"/api/v2/dags/{dag_id}/dagRuns/{run['dag_run_id']}/taskInstances/decide/xcomEntries/windows"
        found |= set(client.get(path, params={"deserialize": True}).json()["value"])
    return found


def test_a_broken_pipeline_file_is_an_import_error_and_stops_no_other(airflow: Standalone) -> None:
    with airflow.client("admin") as client:
        errors = client.get("/api/v2/importErrors").json()["import_errors"]
    assert [Path(error["filename"]).name for error in errors] == ["reliability_problems.py"]
    assert "broken.yaml:3" in errors[0]["stack_trace"]


def test_anonymous_callers_see_nothing_and_viewers_change_nothing(
    airflow: Standalone, runs: dict[str, dict[str, Any]]
) -> None:
    incident = _incident(airflow)
    for path in ("incidents", f"incidents/{incident}", "data-docs/parcels/index.html"):
        assert httpx.get(f"{airflow.url}/seamwatch/{path}").status_code == 401
    with airflow.client("viewer") as viewer:
        assert viewer.get(f"/seamwatch/incidents/{incident}").status_code == 200
        assert viewer.post(f"/seamwatch/incidents/{incident}/acknowledge").status_code == 403


def _incident(airflow: Standalone) -> str:
    with airflow.client("admin") as client:
        page = client.get("/seamwatch/incidents").text
    return page.split('href="/seamwatch/incidents/')[1].split('"')[0]


@pytest.fixture
def page() -> Iterator[Page]:
    """A browser in which nobody is logged in."""
    browser_path = next((p for n in ("chromium", "chromium-browser", "google-chrome") if (p := shutil.which(n))), None)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=browser_path, args=["--no-sandbox", "--disable-gpu"])
        page = browser.new_page(viewport={"width": 1400, "height": 1000})
        page.set_default_timeout(60_000)
        yield page
        browser.close()


def _log_in(page: Page, address: str) -> None:
    """Follow a link as somebody who has to log in first, and arrive."""
    page.goto(address)
    page.fill('input[name="username"]', "admin")
    page.fill('input[name="password"]', "admin")
    page.click('button[type="submit"]')
    page.wait_for_url(address)


def _keep(page: Page, path: Path) -> None:
    page.screenshot(path=path)
    assert path.stat().st_size > 10_000


def test_a_link_from_slack_leads_through_the_login_to_the_report(
    page: Page, airflow: Standalone, runs: dict[str, dict[str, Any]], tmp_path: Path
) -> None:
    _log_in(page, f"{airflow.url}/seamwatch/incidents/{_incident(airflow)}")
    page.locator("h1").filter(has_text="Integration failure at request").wait_for()
    page.get_by_role("link", name="All incidents").click()
    page.wait_for_url(f"{airflow.url}/seamwatch/incidents")
    page.get_by_text("Integration failure at request").first.wait_for()
    _keep(page, tmp_path / "list.png")


def test_a_person_finds_the_report_in_the_airflow_ui(
    page: Page, airflow: Standalone, runs: dict[str, dict[str, Any]], tmp_path: Path
) -> None:
    _log_in(page, f"{airflow.url}/")
    page.get_by_role("link", name="Incidents", exact=True).click()
    page.wait_for_url(f"{airflow.url}/plugin/seamwatch**")
    frame = page.frame_locator("iframe")
    frame.get_by_role("link", name="Integration failure at request").click()
    frame.locator("h1").filter(has_text="Integration failure at request").wait_for()
    _keep(page, tmp_path / "report.png")
    frame.get_by_role("link", name="All incidents").click()
    frame.get_by_role("heading", name="Incidents", exact=True).wait_for()


def test_a_dag_shows_its_red_gate_and_its_own_incidents(
    page: Page, airflow: Standalone, runs: dict[str, dict[str, Any]], tmp_path: Path
) -> None:
    _log_in(page, f"{airflow.url}/")
    page.goto(f"{airflow.url}/dags/parcels__validate/runs/{runs['validate']['dag_run_id']}")
    page.get_by_role("link", name="request.gate").first.wait_for()
    _keep(page, tmp_path / "run.png")
    page.goto(f"{airflow.url}/dags/parcels__validate/plugin/seamwatch-dag")
    page.frame_locator("iframe").get_by_text("Integration failure at request").first.wait_for()
    _keep(page, tmp_path / "tab.png")
