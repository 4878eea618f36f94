"""Slack's signed requests at the plugin: who signed decides, not who is logged in."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from parcels import WINDOW, make_deps
from plugin_pages import Client
from seamwatch.core.incident_life import Incident
from seamwatch.report.block_kit import AGREE_ID
from seamwatch.store.repo import Store
from seamwatch.vocabulary import Door, IncidentState
from seamwatch_demo.slack_messages import SlackMessage
from seamwatch_demo.slack_receiver import SlackReceiver
from slack_presses import payload_of, signed, submission_of

SECRET = "8f742231b10e8888abcd99yyyzzz85a5"

pytestmark = [
    pytest.mark.integration,
    # Of Airflow's own API server.
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
]


@dataclass
class Desk:
    """A Slack whose people press buttons, and an API server that Slack tells of it."""

    store: Store
    slack: SlackReceiver
    http: httpx.Client
    incident_id: str

    @property
    def head(self) -> SlackMessage:
        (head,) = [one for one in self.slack.messages if one.thread_ts is None]
        return head

    @property
    def incident(self) -> Incident:
        found = self.store.incident(self.incident_id)
        assert found is not None
        return found

    def payload(self, action: str = "ack", *, user: str = "U0ADA") -> dict[str, Any]:
        return payload_of(self.head, action, user=user)

    def send(self, payload: dict[str, Any], *, at: float | None = None, secret: str = SECRET) -> httpx.Response:
        body, headers = signed(payload, secret, at=time.time() if at is None else at)
        return self.http.post("/seamwatch/slack/actions", content=body, headers=headers)


@pytest.fixture
def desk(own_project: Path, client: Client, monkeypatch: pytest.MonkeyPatch) -> Iterator[Desk]:
    file = own_project / "include/pipelines/parcels.yaml"
    text = file.read_text()
    file.write_text(
        text.replace("connection: slack_test}", 'connection: slack_test, actions: true, may_act: "@U0ADA"}')
    )
    with SlackReceiver() as slack:
        extra = {"base_url": f"{slack.url}/api/", "signing_secret": SECRET}
        known = json.dumps({"conn_type": "slack", "password": "xoxb-1", "extra": extra})
        monkeypatch.setenv("AIRFLOW_CONN_SLACK_TEST", known)
        monkeypatch.setenv("SEAMWATCH_PROJECT_DIR", str(own_project))
        monkeypatch.setenv("SEAMWATCH_DATA_DIR", str(own_project / "data"))
        yield _told(own_project, slack, client(None), known)


def _told(root: Path, slack: SlackReceiver, http: httpx.Client, known: str) -> Desk:
    from dataclasses import replace

    from seamwatch.adapters.notify.slack import SlackNotifier
    from seamwatch.engine.deliver import deliver_incident

    env = {"AIRFLOW_CONN_SLACK_TEST": known}
    deps = make_deps(root, env, store_url=f"sqlite:///{root / 'data' / 'seamwatch.db'}", now=None)
    deps = replace(deps, notifier=lambda conn_id: SlackNotifier(deps.connections.get(conn_id)))
    (incident,) = deps.store.incidents("parcels")
    deliver_incident(deps, incident.id)
    assert incident.last_window == WINDOW
    return Desk(store=deps.store, slack=slack, http=http, incident_id=incident.id)


def test_a_signed_press_counts_without_a_login_of_airflow(desk: Desk) -> None:
    assert desk.send(desk.payload()).status_code == 200
    assert desk.incident.state is IncidentState.ACKNOWLEDGED
    (event,) = [one for one in desk.store.incident_events(desk.incident_id) if one.by]
    assert (event.by, event.door) == ("ada (U0ADA)", Door.SLACK)
    assert "Acknowledged by ada" in json.dumps(desk.head.blocks)


def test_the_same_request_again_has_no_second_effect(desk: Desk) -> None:
    payload = desk.payload()
    assert [desk.send(payload).status_code for _ in range(3)] == [200, 200, 200]
    assert len([one for one in desk.store.incident_events(desk.incident_id) if one.by]) == 1


@pytest.mark.parametrize("age_s", [301, 3600, -330, 10**9])
def test_a_request_that_is_too_old_changes_nothing(desk: Desk, age_s: int) -> None:
    payload = desk.payload()
    assert desk.send(payload, at=time.time() - age_s).status_code == 401
    assert desk.incident.state is IncidentState.OPEN
    assert desk.store.presses_to_carry_out() == []


def test_a_forged_signature_changes_nothing(desk: Desk) -> None:
    assert desk.send(desk.payload(), secret="another").status_code == 401
    assert desk.incident.state is IncidentState.OPEN


def test_a_signature_of_another_body_changes_nothing(desk: Desk) -> None:
    _, headers = signed(desk.payload("ack"), SECRET, at=time.time())
    body, _ = signed(desk.payload("resolve"), SECRET, at=time.time())
    assert desk.http.post("/seamwatch/slack/actions", content=body, headers=headers).status_code == 401
    assert desk.incident.state is IncidentState.OPEN


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"X-Slack-Signature": "v0="},
        {"X-Slack-Request-Timestamp": "soon", "X-Slack-Signature": "v0=00"},
        {"X-Slack-Request-Timestamp": "9" * 400, "X-Slack-Signature": "v0=00"},
        {"X-Slack-Request-Timestamp": "-1", "X-Slack-Signature": "v0=00"},
        {"X-Slack-Request-Timestamp": "NOW", "X-Slack-Signature": "v0=ü".encode()},
    ],
)
@pytest.mark.parametrize("body", [b"", b"payload={}", b"\xff\xfe", b"x" * 1_000_000])
def test_a_request_without_a_sound_signature_gets_401(desk: Desk, headers: dict[str, Any], body: bytes) -> None:
    now = {name: str(int(time.time())) if value == "NOW" else value for name, value in headers.items()}
    assert desk.http.post("/seamwatch/slack/actions", content=body, headers=now).status_code == 401


def test_a_body_larger_than_any_of_slack_is_not_read_to_its_end(desk: Desk) -> None:
    assert desk.http.post("/seamwatch/slack/actions", content=b"x" * 5_000_000).status_code == 413


def test_a_payload_of_a_million_characters_is_taken(desk: Desk) -> None:
    payload = desk.payload()
    payload["user"]["username"] = payload["message"]["text"] = "x" * 1_000_000
    assert desk.send(payload).status_code == 200
    assert desk.incident.state is IncidentState.ACKNOWLEDGED


def test_a_press_without_permission_is_told_to_that_person_alone(desk: Desk) -> None:
    assert desk.send(desk.payload(user="U0EVE")).status_code == 200
    assert desk.incident.state is IncidentState.OPEN
    (private,) = desk.slack.workspace.private
    assert private.user == "U0EVE"


def test_a_secret_that_another_app_signed_with_signs_nothing_once_it_is_replaced(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    extra = {"base_url": f"{desk.slack.url}/api/", "signing_secret": ""}
    known = json.dumps({"conn_type": "slack", "password": "xoxb-1", "extra": extra})
    monkeypatch.setenv("AIRFLOW_CONN_SLACK_TEST", known)
    assert desk.send(desk.payload(), secret="").status_code == 401
    assert desk.send(desk.payload()).status_code == 401
    assert desk.incident.state is IncidentState.OPEN


def test_a_missing_connection_signs_nothing(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AIRFLOW_CONN_SLACK_TEST")
    assert desk.send(desk.payload()).status_code == 401


def test_a_link_that_was_pressed_is_taken_and_does_nothing(desk: Desk) -> None:
    payload = desk.payload()
    payload["actions"] = [{"type": "button", "action_id": "Xy1", "action_ts": "1.1"}]
    assert desk.send(payload).status_code == 200
    assert desk.incident.state is IncidentState.OPEN


def test_reading_is_not_offered(desk: Desk) -> None:
    for path in ("/seamwatch/slack/actions", "/seamwatch/slack/", "/seamwatch/slack/docs"):
        assert desk.http.get(path).status_code in (404, 405), path


def test_a_void_is_asked_for_by_a_form_and_counts_once_when_it_is_sent(desk: Desk) -> None:
    trigger = desk.slack.workspace.new_trigger()
    assert desk.send(payload_of(desk.head, "more", user="U0ADA", choice="void", trigger=trigger)).status_code == 200
    (form,) = desk.slack.workspace.forms
    payload = submission_of(form, user="U0ADA", why="a planned test")
    answers = [desk.send(payload) for _ in range(3)]
    assert [(one.status_code, one.content) for one in answers] == [(200, b"")] * 3  # an empty answer closes the form
    assert desk.incident.state is IncidentState.VOIDED
    (event,) = [one for one in desk.store.incident_events(desk.incident_id) if one.by]
    assert (event.by, event.door, event.why) == ("ada (U0ADA)", Door.SLACK, "a planned test")


def test_a_forged_form_changes_nothing_and_a_forged_choice_opens_none(desk: Desk) -> None:
    trigger = desk.slack.workspace.new_trigger()
    choice = payload_of(desk.head, "more", user="U0ADA", choice="void", trigger=trigger)
    assert desk.send(choice, secret="another").status_code == 401
    assert desk.slack.workspace.forms == []
    assert desk.send(choice).status_code == 200
    (form,) = desk.slack.workspace.forms
    sent = submission_of(form, user="U0ADA", why="a planned test")
    assert desk.send(sent, secret="another").status_code == 401
    assert desk.send(sent, at=time.time() - 301).status_code == 401
    assert desk.incident.state is IncidentState.OPEN


def test_a_choice_without_permission_opens_no_form_and_is_said(desk: Desk) -> None:
    trigger = desk.slack.workspace.new_trigger()
    assert desk.send(payload_of(desk.head, "more", user="U0EVE", choice="void", trigger=trigger)).status_code == 200
    assert desk.slack.workspace.forms == []
    assert [one.user for one in desk.slack.workspace.private] == ["U0EVE"]


def _agree(desk: Desk, *, user: str = "U0ADA") -> dict[str, Any]:
    """Return the payload of the form of an agreed action, filled in and sent."""
    values = {
        "text": {"text": {"value": "Pin the version"}},
        "owner": {"owner": {"value": "ada"}},
        "due": {"due": {"selected_date": "2999-12-31"}},
        "incident": {"incident": {"selected_option": {"value": desk.incident_id}}},
    }
    about = json.dumps({"week": "2026-W01", "channel": desk.head.channel_id})
    view = {"id": "V1", "callback_id": AGREE_ID, "private_metadata": about, "state": {"values": values}}
    return {"type": "view_submission", "user": {"id": user, "username": "ada"}, "view": view}


def test_a_signed_form_of_an_agreed_action_is_kept_once(desk: Desk) -> None:
    assert [desk.send(_agree(desk)).status_code for _ in range(3)] == [200, 200, 200]
    (one,) = desk.store.agreed_actions()
    assert (one.incident, one.agreed_by, one.pipeline) == (desk.incident_id, "ada (U0ADA)", "parcels")


def test_a_form_of_an_agreed_action_that_is_not_signed_or_not_permitted_is_not_kept(desk: Desk) -> None:
    assert desk.send(_agree(desk), secret="another").status_code == 401
    assert desk.send(_agree(desk, user="U0EVE")).status_code == 200
    assert desk.store.agreed_actions() == []


def test_a_signed_press_opens_the_form_of_an_agreed_action(desk: Desk) -> None:
    pressed = {
        "type": "block_actions",
        "user": {"id": "U0ADA", "username": "ada"},
        "container": {"channel_id": desk.head.channel_id},
        "trigger_id": desk.slack.workspace.new_trigger(),
        "actions": [{"type": "button", "action_id": AGREE_ID, "value": "2026-W01"}],
    }
    assert desk.send(pressed).status_code == 200
    (form,) = desk.slack.workspace.forms
    assert form.view["callback_id"] == AGREE_ID
