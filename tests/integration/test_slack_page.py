"""The local Slack's page as people use it: they press, forms open, and what comes of it is seen; in another run too."""

from __future__ import annotations

import json
import re
import shutil
import threading
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import httpx
import pytest

from parcels import make_deps
from seamwatch.adapters.notify.slack import SlackNotifier
from seamwatch.adapters.notify.slack_signature import is_signed
from seamwatch.core.incident_life import Incident
from seamwatch.engine.deliver import deliver_pending
from seamwatch.engine.deps import Deps
from seamwatch.engine.slack_actions import handle_action
from seamwatch.vocabulary import IncidentState
from seamwatch_demo.slack_app import SlackApp
from seamwatch_demo.slack_receiver import SlackReceiver
from slack_desk import attribute_parcels

pytestmark = pytest.mark.integration

SECRET = "8f742231b10e8888abcd99yyyzzz85a5"


@dataclass
class Page:
    """The page of the local Slack, and the app that it tells of presses."""

    slack: SlackReceiver
    deps: Deps

    @property
    def incident(self) -> Incident:
        return next(one for one in self.deps.store.incidents("parcels") if one.headline.startswith("Integration"))

    def text(self, path: str = "/") -> str:
        return httpx.get(f"{self.slack.url}{path}").text

    def post(self, path: str, *, origin: str = "", **fields: str) -> httpx.Response:
        headers = {"Origin": origin or self.slack.url}
        return httpx.post(f"{self.slack.url}{path}", data=fields, headers=headers, timeout=30)

    def press(self, label: str) -> httpx.Response:
        """Press a button or choice of the incident's message by what it says."""
        (head,) = [one for one in self.slack.messages if one.thread_ts is None and "Integration" in one.text]
        (article,) = re.findall(rf'id="m{head.ts}">(.*?)</article>', self.text(), re.DOTALL)
        (place,) = re.findall(r'name="message" value="([^"]+)"', article)
        found = re.findall(rf'value="([^"]+)"[^>]*>{re.escape(label)}<', article)
        return self.post("/press", message=place, pressed=found[0])


@pytest.fixture(scope="module")
def attributed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return attribute_parcels(tmp_path_factory.mktemp("attributed"))


@pytest.fixture
def page(attributed: Path, tmp_path: Path) -> Iterator[Page]:
    root = Path(shutil.copytree(attributed, tmp_path / "project"))
    with SlackReceiver(log=tmp_path / "slack.jsonl") as slack:
        known = json.dumps({"conn_type": "slack", "password": "xoxb-1", "extra": {"base_url": f"{slack.url}/api/"}})
        deps = make_deps(root, {"AIRFLOW_CONN_SLACK_TEST": known})
        deps = replace(deps, notifier=lambda conn_id: SlackNotifier(deps.connections.get(conn_id)))
        deliver_pending(deps)

        class App(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                timestamp, signature = self.headers["X-Slack-Request-Timestamp"], self.headers["X-Slack-Signature"]
                is_sound = is_signed(SECRET, body, timestamp=timestamp, signature=signature, now=datetime.now(UTC))
                self.send_response(200 if is_sound else 401)
                self.send_header("Content-Length", "0")
                self.end_headers()
                if is_sound:
                    handle_action(deps, json.loads(parse_qs(body.decode())["payload"][0]))

            def log_message(self, format: str, *args: Any) -> None:
                """Write nothing."""

        server = HTTPServer(("127.0.0.1", 0), App)
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        url = f"http://127.0.0.1:{server.server_address[1]}"
        slack.workspace.app = SlackApp(request_url=url, signing_secret=SECRET, user="U0ADA", name="ada")
        yield Page(slack=slack, deps=deps)
        server.shutdown()
        server.server_close()


def test_a_button_on_the_page_is_pressed(page: Page) -> None:
    answer = page.press("Acknowledge")
    assert answer.status_code == 303
    assert page.incident.state is IncidentState.ACKNOWLEDGED
    assert "Acknowledged by ada (U0ADA)" in page.text()


def test_a_form_opens_and_is_sent(page: Page) -> None:
    answer = page.press("Void: nobody's fault …".replace("'", "&#39;"))
    assert answer.headers["location"].startswith("/form/")
    form = page.text(answer.headers["location"])
    assert "Void this incident" in form
    (name,) = re.findall(r'name="form" value="([^"]+)"', form)
    assert page.post("/send", form=name, why="a planned test").status_code == 303
    assert page.incident.state is IncidentState.VOIDED


def test_what_is_said_to_one_person_alone_is_on_the_page(page: Page) -> None:
    app = page.slack.workspace.app
    assert app is not None
    page.slack.workspace.app = replace(app, user="U0EVE")
    page.press("Acknowledge")
    assert page.incident.state is IncidentState.OPEN
    assert "Only visible to @U0EVE" in page.text()


def test_another_site_presses_nothing(page: Page) -> None:
    for origin in ("http://evil.example", "null"):
        assert page.post("/press", origin=origin, message="x", pressed="seamwatch:ack").status_code == 403
    assert page.post("/press", message="no:such", pressed="seamwatch:ack").status_code == 502
    assert page.post("/send", form="no-such").status_code == 502
    assert page.incident.state is IncidentState.OPEN


def test_an_app_that_refuses_or_is_gone_is_said(page: Page) -> None:
    app = page.slack.workspace.app
    assert app is not None
    for broken in (replace(app, signing_secret="another"), replace(app, request_url="http://127.0.0.1:9/")):
        page.slack.workspace.app = broken
        assert page.press("Acknowledge").status_code == 502
    page.slack.workspace.app = None
    assert page.post("/press", message="x", pressed="seamwatch:ack").status_code == 403
    assert 'type="submit"' not in page.text()


def test_a_later_run_shows_what_an_earlier_one_held_and_goes_on_with_it(page: Page, tmp_path: Path) -> None:
    page.press("Acknowledge")
    with SlackReceiver(log=tmp_path / "later.jsonl") as later:
        later.workspace.restore(tmp_path / "slack.jsonl")
        later.workspace.restore(tmp_path / "none.jsonl")
        before = [(one.channel_id, one.ts, one.thread_ts, one.text, one.blocks) for one in page.slack.messages]
        assert [(one.channel_id, one.ts, one.thread_ts, one.text, one.blocks) for one in later.messages] == before
        assert not (tmp_path / "later.jsonl").exists()
        extra = {"base_url": f"{later.url}/api/"}
        known = replace(page.deps.connections.get("slack_test"), extra=extra)
        head = next(one for one in later.messages if one.thread_ts is None)
        SlackNotifier(known).update("#incidents", f"{head.channel_id}:{head.ts}", "changed", [])
        assert head.text == "changed"
