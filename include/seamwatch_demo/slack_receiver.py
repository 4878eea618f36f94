"""A Slack-compatible receiver on loopback: takes messages by Slack's own API, holds them to its limits, shows them.

python -m seamwatch_demo.slack_receiver --port 8899 --log build/demo/slack.jsonl
"""

from __future__ import annotations

import argparse
import json
import threading
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.parse import parse_qsl, urlsplit

import httpx

from seamwatch_demo.slack_app import SlackApp
from seamwatch_demo.slack_messages import Json, SlackMessage
from seamwatch_demo.slack_page import render_form, render_page
from seamwatch_demo.slack_workspace import Workspace, refused

_MOST_BODY_BYTES = 4_000_000


class SlackReceiver:
    """The receiver as a server in a thread of its own: `with SlackReceiver() as receiver: receiver.url`."""

    def __init__(self, *, port: int = 0, log: Path | None = None, least_gap_s: float = 0.0) -> None:
        """Bind to loopback; port 0 takes any free one."""
        self.workspace = Workspace(log=log, least_gap_s=least_gap_s)
        handler = type("Handler", (_Handler,), {"workspace": self.workspace})
        self._server = ThreadingHTTPServer(("127.0.0.1", port), handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, name="slack-receiver", daemon=True
        )

    @property
    def url(self) -> str:
        """Return the address of the page; the API is below `/api/`."""
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    @property
    def messages(self) -> list[SlackMessage]:
        """Return every message as it stands now, in the order of posting."""
        return list(self.workspace.messages)

    def save_page(self, path: Path) -> None:
        """Write the page of all channels as one HTML file."""
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(render_page(self.workspace.threads()), encoding="utf-8")

    def start(self) -> None:
        """Answer requests until `stop`."""
        self._thread.start()

    def stop(self) -> None:
        """Answer no more."""
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def wait(self) -> None:
        """Block until another thread stops the receiver."""
        self._thread.join()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


class _Handler(BaseHTTPRequestHandler):
    """One request; a subclass of each server names the workspace."""

    workspace: Workspace

    def do_GET(self) -> None:
        address = urlsplit(self.path)
        if address.path.startswith("/api/"):
            self._call(address.path, dict(parse_qsl(address.query)))
            return
        form = next((one for one in self.workspace.forms if address.path == f"/form/{one.id}"), None)
        if form is not None:
            self._send(200, "text/html; charset=utf-8", render_form(form).encode())
            return
        if address.path != "/":
            self._send(404, "text/plain; charset=utf-8", b"not found\n")
            return
        self._send(200, "text/html; charset=utf-8", self._page().encode())

    def do_POST(self) -> None:
        address = urlsplit(self.path)
        path = address.path
        if path not in ("/press", "/send") and not path.startswith("/api/"):
            self._send(404, "text/plain; charset=utf-8", b"not found\n")
            return
        size = int(self.headers.get("Content-Length") or 0)
        if size > _MOST_BODY_BYTES:
            self._send(413, "text/plain; charset=utf-8", b"too large\n")
            return
        body = self.rfile.read(size)
        if not path.startswith("/api/"):
            self._take_press(path, dict(parse_qsl(body.decode(errors="replace"))))
            return
        arguments = _arguments(self.headers.get("Content-Type", ""), body)
        self._call(path, None if arguments is None else dict(parse_qsl(address.query)) | arguments)

    def _page(self) -> str:
        workspace = self.workspace
        return render_page(workspace.threads(), private=workspace.private, is_live=workspace.app is not None)

    def _take_press(self, path: str, fields: Mapping[str, str]) -> None:
        """Tell the app what somebody pressed or sent on this page, and show what came of it."""
        app = self.workspace.app
        if app is None or self.headers.get("Origin") != f"http://{self.headers.get('Host')}":
            self._send(403, "text/plain; charset=utf-8", b"buttons are pressed on this page, while an app listens\n")
            return
        try:
            address = self._pressed(app, fields) if path == "/press" else self._sent(app, fields)
        except (LookupError, httpx.HTTPError) as error:
            text = f"the press came to nothing: {error}\n"
            self._send(502, "text/plain; charset=utf-8", text.encode())
            return
        self._send(303, "text/plain; charset=utf-8", b"", {"Location": address})

    def _pressed(self, app: SlackApp, fields: Mapping[str, str]) -> str:
        """Return the address to go to after a press; LookupError where there is no such button."""
        channel, _, ts = fields.get("message", "").partition(":")
        found = (one for one in self.workspace.messages if (one.channel_id, one.ts) == (channel, ts))
        message = next(found, None)
        action_id, _, value = (fields.get("pressed") or fields.get("chosen", "")).partition(" ")
        if message is None:
            msg = "no such message"
            raise LookupError(msg)
        form = app.press(self.workspace, message, action_id, value)
        return f"/#m{message.ts}" if form is None else f"/form/{form.id}"

    def _sent(self, app: SlackApp, fields: Mapping[str, str]) -> str:
        """Return the address to go to after a form was sent; LookupError where there is no such form."""
        form = next((one for one in self.workspace.forms if one.id == fields.get("form")), None)
        if form is None:
            msg = "no such form"
            raise LookupError(msg)
        app.send(self.workspace, form, why=fields.get("why", ""), into=fields.get("into"))
        return "/"

    def _call(self, path: str, arguments: Json | None) -> None:
        if not self.headers.get("Authorization", "").removeprefix("Bearer ").strip():
            self._answer(refused("not_authed"))
            return
        if arguments is None:
            self._answer(refused("invalid_json"))
            return
        answer, wait_s = self.workspace.answer(path.removeprefix("/api/"), arguments)
        self._answer(answer, wait_s)

    def _answer(self, answer: Json, wait_s: float | None = None) -> None:
        extra = {} if wait_s is None else {"Retry-After": str(max(1, round(wait_s)))}
        extra["X-OAuth-Scopes"] = ",".join(self.workspace.scopes)
        status = 200 if wait_s is None else 429
        self._send(status, "application/json; charset=utf-8", json.dumps(answer).encode(), extra)

    def _send(self, status: int, kind: str, body: bytes, extra: Mapping[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in {"Content-Type": kind, "Content-Length": str(len(body)), **(extra or {})}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Write nothing: the page and the log file tell what came."""


def _arguments(kind: str, body: bytes) -> Json | None:
    """Return a call's arguments from a JSON or form body; None if it is neither."""
    try:
        if kind.startswith("application/json"):
            found = json.loads(body or b"{}")  # the client sends no body for a call without arguments
            return found if isinstance(found, dict) else None
        found = dict(parse_qsl(body.decode(), keep_blank_values=True))
        for name in {"blocks", "metadata", "view"} & set(found):
            found[name] = json.loads(found[name])
    except ValueError:
        return None
    return found


def main(arguments: list[str] | None = None) -> None:
    """Run the receiver until it is interrupted."""
    parser = argparse.ArgumentParser(prog="python -m seamwatch_demo.slack_receiver", description=__doc__)
    parser.add_argument("--port", type=int, default=0, help="0 takes any free one")
    parser.add_argument("--log", type=Path, help="JSON lines file of every call")
    parser.add_argument("--least-gap", type=float, default=1.0, metavar="SECONDS", help="between posts to a channel")
    options = parser.parse_args(arguments)
    with SlackReceiver(port=options.port, log=options.log, least_gap_s=options.least_gap) as receiver:
        print(f"Messages: {receiver.url}/   API: {receiver.url}/api/", flush=True)
        try:
            receiver.wait()
        except KeyboardInterrupt:
            print("stopped", flush=True)


if __name__ == "__main__":
    main()
