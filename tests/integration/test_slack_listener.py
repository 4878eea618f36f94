"""`seamwatch slack` as a process, against a local Slack that speaks Socket Mode."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from parcels import PIPELINE, WINDOW, fill_database, make_deps, write_project
from seamwatch.adapters.notify.slack import SlackNotifier
from seamwatch.core.incident_life import Incident
from seamwatch.engine.attribute import attribute_window
from seamwatch.engine.deliver import deliver_pending
from seamwatch.engine.deps import Deps
from seamwatch.engine.incidents import decide_incidents
from seamwatch.engine.slack_actions import record_action
from seamwatch.vocabulary import IncidentState
from seamwatch_demo.slack_messages import SlackMessage
from seamwatch_demo.slack_receiver import SlackReceiver
from slack_presses import payload_of, submission_of
from slack_socket_server import SlackSocketServer, wait_for

pytestmark = pytest.mark.integration

INCLUDE = Path(__file__).parents[2] / "include"
SLACK = '{channel: "#incidents", connection: slack_test, actions: true, may_act: ["@U0ADA"]}'


@dataclass
class Desk:
    """A project with an incident, the Slack that was told of it, and its socket."""

    root: Path
    deps: Deps
    slack: SlackReceiver
    socket: SlackSocketServer
    env: dict[str, str]

    @property
    def incident(self) -> Incident:
        return next(one for one in self.deps.store.incidents("parcels") if one.headline.startswith("Integration"))

    @property
    def head(self) -> SlackMessage:
        return next(one for one in self.slack.messages if one.thread_ts is None and "Integration" in one.text)

    def payload(self, action: str = "ack", **more: Any) -> dict[str, Any]:
        return payload_of(self.head, action, user=more.pop("user", "U0ADA"), **more)

    def start(self) -> subprocess.Popen[str]:
        command = [sys.executable, "-c", "from seamwatch.cli import main; main()", "slack", "--project", str(self.root)]
        return subprocess.Popen(command, env=self.env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def listening(self) -> subprocess.Popen[str]:
        """Return the process once Slack can reach it."""
        process = self.start()
        wait_for(lambda: self.socket.n_opened == 1 or process.poll() is not None)
        if process.poll() is not None:
            raise AssertionError("".join(process.communicate()))
        return process

    def end(self, process: subprocess.Popen[str], number: int = signal.SIGTERM) -> tuple[int, str]:
        process.send_signal(number)
        out, err = process.communicate(timeout=30)
        return process.returncode, out + err


@pytest.fixture(scope="module")
def attributed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("attributed")
    write_project(root, pipeline=PIPELINE.replace('{channel: "#incidents", connection: slack_test}', SLACK))
    url = f"sqlite:///{root / 'parcels.db'}"
    fill_database(url, "code_table")
    deps = make_deps(root, {"AIRFLOW_CONN_PARCELS_DB": url})
    attribute_window(deps, deps.project.pipeline("parcels"), WINDOW)
    decide_incidents(deps, deps.project.pipeline("parcels"), WINDOW)
    deps.store.close()
    return root


@pytest.fixture
def desk(attributed: Path, tmp_path: Path) -> Iterator[Desk]:
    root = tmp_path / "project"
    shutil.copytree(attributed, root)
    with SlackReceiver() as slack, SlackSocketServer() as socket:
        slack.workspace.socket_url = socket.url
        extra = {"base_url": f"{slack.url}/api/", "app_token": "xapp-1-local-token"}
        known = json.dumps({"conn_type": "slack", "password": "xoxb-local-token", "extra": extra})
        env = {
            "PATH": os.environ["PATH"],
            "PYTHONPATH": str(INCLUDE),
            "AIRFLOW_HOME": str(tmp_path / "no-airflow"),
            "AIRFLOW_CONN_SLACK_TEST": known,
            "SEAMWATCH_STORE_URL": f"sqlite:///{root / 'store.db'}",
        }
        deps = make_deps(root, {"AIRFLOW_CONN_SLACK_TEST": known})
        deps = replace(deps, notifier=lambda conn_id: SlackNotifier(deps.connections.get(conn_id)))
        deliver_pending(deps)
        yield Desk(root=root, deps=deps, slack=slack, socket=socket, env=env)


def test_a_press_is_acknowledged_carried_out_and_shown(desk: Desk) -> None:
    process = desk.listening()
    try:
        desk.socket.tell(desk.payload(), envelope="e1")
        wait_for(lambda: desk.incident.state is IncidentState.ACKNOWLEDGED)
        assert desk.socket.acknowledged == ["e1"]
        wait_for(lambda: "Acknowledged by ada" in json.dumps(desk.head.blocks))
    finally:
        code, said = desk.end(process)
    assert code == 0, said
    assert "listening to Slack by connection slack_test" in said
    assert "token" not in said
    assert "Traceback" not in said


def test_a_form_is_opened_and_what_is_sent_by_it_is_carried_out(desk: Desk) -> None:
    process = desk.listening()
    try:
        trigger = desk.slack.workspace.new_trigger()
        desk.socket.tell(desk.payload("more", choice="void", trigger=trigger), envelope="e1")
        wait_for(lambda: len(desk.slack.workspace.forms) == 1)
        (form,) = desk.slack.workspace.forms
        desk.socket.tell(submission_of(form, user="U0ADA", why="a planned test"), envelope="e2")
        wait_for(lambda: desk.incident.state is IncidentState.VOIDED)
        assert desk.socket.acknowledged == ["e1", "e2"]
    finally:
        code, said = desk.end(process)
    assert code == 0, said


def test_a_lost_connection_is_opened_again_and_a_press_told_twice_has_one_effect(desk: Desk) -> None:
    process = desk.listening()
    try:
        payload = desk.payload("wrong", choice="model")
        desk.socket.tell(payload, envelope="e1")
        wait_for(lambda: len(desk.socket.acknowledged) == 1)
        desk.socket.drop()
        wait_for(lambda: desk.socket.n_opened == 2)
        desk.socket.tell(payload, envelope="e2")
        wait_for(lambda: len(desk.socket.acknowledged) == 2)
        desk.socket.say('{"type": "disconnect", "reason": "refresh_requested"}')
        wait_for(lambda: desk.socket.n_opened == 3)
        desk.socket.tell(desk.payload("ack"), envelope="e3")
        wait_for(lambda: desk.incident.state is IncidentState.ACKNOWLEDGED)
    finally:
        code, said = desk.end(process)
    assert code == 0, said
    by_people = [one.kind for one in desk.deps.store.incident_events(desk.incident.id) if one.by]
    assert by_people == ["called_wrong", "acknowledged"]


def test_what_cannot_be_read_stops_nothing(desk: Desk) -> None:
    process = desk.listening()
    try:
        for text in (
            "not json",
            "[]",
            "{",
            '{"type": "interactive", "envelope_id": 7, "payload": [1]}',
            "x" * 1_000_000,
        ):
            desk.socket.say(text)
        desk.socket.tell({"type": "message_action"}, envelope="e1")
        desk.socket.tell({}, envelope="e2", kind="events_api")
        desk.socket.tell(desk.payload(), envelope="e3")
        wait_for(lambda: desk.incident.state is IncidentState.ACKNOWLEDGED)
        wait_for(lambda: set(desk.socket.acknowledged) >= {"e1", "e2", "e3"})
    finally:
        code, said = desk.end(process)
    assert code == 0, said


def test_its_next_start_carries_out_what_was_recorded(desk: Desk) -> None:
    today = replace(desk.deps, clock=lambda: datetime.now(UTC))
    assert record_action(today, desk.payload(), connection="slack_test") is not None
    code, said = desk.end(desk.listening(), signal.SIGINT)
    assert (code, "Traceback" in said) == (0, False), said
    assert desk.incident.state is IncidentState.ACKNOWLEDGED


def test_who_may_act_is_read_again_for_each_press(desk: Desk) -> None:
    process = desk.listening()
    try:
        desk.socket.tell(desk.payload(user="U0NEW"), envelope="e1")
        wait_for(lambda: len(desk.slack.workspace.private) == 1)
        file = desk.root / "include/pipelines/parcels.yaml"
        file.write_text(file.read_text().replace('"@U0ADA"', '"@U0ADA", "@U0NEW"'))
        desk.socket.tell(desk.payload(user="U0NEW"), envelope="e2")
        wait_for(lambda: desk.incident.state is IncidentState.ACKNOWLEDGED)
    finally:
        desk.end(process)


def test_a_token_that_slack_refuses_ends_it_with_what_to_do(desk: Desk) -> None:
    desk.slack.workspace.socket_url = None
    process = desk.start()
    out, err = process.communicate(timeout=60)
    assert process.returncode == 1, out + err
    assert "app_token" in err
    assert "Traceback" not in err


def test_without_an_app_token_or_without_buttons_it_says_what_is_missing(desk: Desk) -> None:
    known = json.loads(desk.env["AIRFLOW_CONN_SLACK_TEST"])
    del known["extra"]["app_token"]
    desk.env["AIRFLOW_CONN_SLACK_TEST"] = json.dumps(known)
    process = desk.start()
    _, err = process.communicate(timeout=60)
    assert (process.returncode, "xapp-" in err) == (1, True)
    file = desk.root / "include/pipelines/parcels.yaml"
    file.write_text(file.read_text().replace(", actions: true", ""))
    process = desk.start()
    _, err = process.communicate(timeout=60)
    assert (process.returncode, "actions: true" in err) == (1, True)
