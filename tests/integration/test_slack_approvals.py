"""Answers to actions by buttons in Slack: by who may, once, through Airflow's own task where one waits."""

from __future__ import annotations

import json
import shutil
import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from seamwatch.adapters.connections import EnvironmentConnections
from seamwatch.core.action_life import ActionRun
from seamwatch.engine.actions import carry_out, propose
from seamwatch.engine.deliver import deliver_pending
from seamwatch.engine.slack_actions import handle_action
from seamwatch.vocabulary import ActionState, Door
from slack_desk import Desk, attribute_parcels, open_desk
from slack_presses import payload_of

pytestmark = pytest.mark.integration
ACTIONS = """
actions:
  route_back: {kind: sql, table: model_routes, where: {name: parcels}, column: model, value: first, approve_within: 1h}
"""
TASK = "parcels__runbook/parcels-1/integration_failure.route_back_approve"
TASK_PATH = "parcels__runbook/dagRuns/parcels-1/taskInstances/integration_failure.route_back_approve"


class Airflow(ThreadingHTTPServer):
    """The one call of Airflow's API that answers a waiting task: it takes the first answer."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.answers: list[tuple[str, Any]] = []
        self.status = 200
        threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()


class _Handler(BaseHTTPRequestHandler):
    server: Airflow

    def log_message(self, *_: Any) -> None:
        """Say nothing."""

    def do_PATCH(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        is_first = not self.server.answers
        status = self.server.status if self.server.status != 200 else 200 if is_first else 409
        if status == 200:
            self.server.answers.append((self.path, body))
        said = b"{}"
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(said)))
        self.end_headers()
        self.wfile.write(said)


@pytest.fixture
def airflow() -> Iterator[Airflow]:
    server = Airflow()
    yield server
    server.shutdown()
    server.server_close()


@pytest.fixture(scope="module")
def attributed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = attribute_parcels(tmp_path_factory.mktemp("attributed"))
    pipeline = root / "include" / "pipelines" / "parcels.yaml"
    pipeline.write_text(pipeline.read_text() + ACTIONS)
    with sa.create_engine(f"sqlite:///{root / 'parcels.db'}").begin() as connection:
        connection.execute(sa.text("create table model_routes (name text primary key, model text)"))
        connection.execute(sa.text("insert into model_routes values ('parcels', 'second')"))
    return root


@pytest.fixture
def desk(attributed: Path, tmp_path: Path, airflow: Airflow) -> Iterator[Desk]:
    with open_desk(Path(shutil.copytree(attributed, tmp_path / "project"))) as desk:
        connections = {
            "AIRFLOW_CONN_PARCELS_DB": f"sqlite:///{desk.root / 'parcels.db'}",
            "AIRFLOW_CONN_AIRFLOW_API": json.dumps(
                {"conn_type": "http", "host": f"http://127.0.0.1:{airflow.server_port}", "password": "token"}
            ),
        }
        desk.deps = replace(desk.deps, connections=EnvironmentConnections(connections))
        yield desk


def wait_for_answer(desk: Desk, *, task: str | None = None) -> ActionRun:
    pipeline = desk.deps.project.pipeline("parcels")
    action = propose(desk.deps, pipeline, desk.incident, "route_back", run="run", task=task)
    deliver_pending(desk.deps)
    return action


def state(desk: Desk, action: ActionRun) -> ActionState:
    now = desk.deps.store.action(action.id)
    assert now is not None
    return now.state


def test_button_answers_the_waiting_task_and_is_gone_for_all(desk: Desk, airflow: Airflow) -> None:
    action = wait_for_answer(desk, task=TASK)
    desk.press("approve")

    ((path, body),) = airflow.answers
    assert path == f"/api/v2/dags/{TASK_PATH}/-1/hitlDetails"
    assert body == {"chosen_options": ["Approve"], "params_input": {"slack_user": "ada (U0ADA)"}}
    kept = desk.deps.store.action(action.id)
    assert kept is not None
    assert (kept.state, kept.answered_by, kept.door) == (ActionState.APPROVED, "ada (U0ADA)", Door.SLACK)
    shown = json.dumps(desk.head.blocks)
    assert "approved by ada (U0ADA) in Slack" in shown
    assert "seamwatch:approve" not in shown


def test_second_person_is_told_that_the_first_answer_counts(desk: Desk, airflow: Airflow) -> None:
    action = wait_for_answer(desk, task=TASK)
    reject = payload_of(desk.head, "reject", user="U0TEAM", name="team")
    desk.press("approve")
    reply = handle_action(desk.deps, reject)

    assert not reply.is_done
    assert reply.text.startswith("Nothing changed by your answer.")
    assert desk.private[-1][0] == "U0TEAM"
    assert (len(airflow.answers), state(desk, action)) == (1, ActionState.APPROVED)


def test_press_without_permission_never_reaches_airflow(desk: Desk, airflow: Airflow) -> None:
    action = wait_for_answer(desk, task=TASK)
    reply = desk.press("approve", user="U0EVE")

    assert not reply.is_done
    assert airflow.answers == []
    assert state(desk, action) is ActionState.WAITING
    assert desk.private[-1][0] == "U0EVE"


def test_answer_that_airflow_had_already_is_no_second_one(desk: Desk, airflow: Airflow) -> None:
    action = wait_for_answer(desk, task=TASK)
    airflow.answers.append(("in Airflow's own form", None))
    reply = desk.press("approve")

    assert not reply.is_done
    assert state(desk, action) is ActionState.WAITING


def test_airflow_that_is_down_loses_no_press(desk: Desk, airflow: Airflow) -> None:
    action = wait_for_answer(desk, task=TASK)
    airflow.status = 503
    reply = desk.press("approve")
    before = state(desk, action)
    airflow.status = 200
    desk.now[0] += timedelta(minutes=5)
    deliver_pending(desk.deps)

    assert "tried again" in reply.text
    assert (before, state(desk, action)) == (ActionState.WAITING, ActionState.APPROVED)
    assert len(airflow.answers) == 1


def test_press_after_the_time_out_changes_nothing(desk: Desk) -> None:
    action = wait_for_answer(desk)
    payload = payload_of(desk.head, "approve", user="U0ADA")
    desk.now[0] += timedelta(hours=2)
    reply = handle_action(desk.deps, payload)
    deliver_pending(desk.deps)
    carry_out(desk.deps, action.id)

    assert not reply.is_done
    assert state(desk, action) is ActionState.EXPIRED


def test_action_that_no_task_waits_for_is_carried_out_by_the_next_delivery(desk: Desk) -> None:
    action = wait_for_answer(desk)
    desk.press("approve")
    desk.now[0] += timedelta(minutes=6)
    deliver_pending(desk.deps)

    assert state(desk, action) is ActionState.DONE
    with sa.create_engine(f"sqlite:///{desk.root / 'parcels.db'}").connect() as connection:
        assert connection.scalar(sa.text("select model from model_routes")) == "first"
