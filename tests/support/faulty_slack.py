"""A Slack whose calls fail on purpose, before or after Slack took them, on a clock that a test sets.

The address may begin with the process id of the caller: then a fault can kill it between Slack's yes and its note.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import struct
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self
from urllib.parse import parse_qsl, urlsplit

from seamwatch_demo.slack_messages import SlackMessage
from seamwatch_demo.slack_workspace import Workspace

LATE_S = 30.0
"""A request whose caller saw the connection break is taken up to so many seconds later."""


@dataclass(frozen=True)
class Fault:
    """What becomes of one call."""

    kind: str
    """refuse, limit, status, reset, late: Slack takes nothing, or later; taken_*: it does, and the answer is lost."""
    detail: str = ""


@dataclass
class FaultySlack:
    """`with FaultySlack() as slack: slack.url`; `plan` says what becomes of each call, None that it goes well."""

    plan: Callable[[str, Mapping[str, Any]], Fault | None] = lambda *_: None
    clock: Callable[[], float] = time.time
    scopes: tuple[str, ...] = ("chat:write", "channels:history", "channels:read", "usergroups:read")
    calls: list[str] = field(default_factory=list)
    _late: list[tuple[float, str, dict[str, Any]]] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        self.workspace = Workspace(clock=self.clock, scopes=self.scopes)
        handler = type("Handler", (_Handler,), {"slack": self})
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)

    @property
    def url(self) -> str:
        """Return the base URL of the API."""
        return f"http://127.0.0.1:{self._server.server_address[1]}/api/"

    def url_of(self, pid: int) -> str:
        """Return the base URL for one process, which a fault may kill."""
        return f"http://127.0.0.1:{self._server.server_address[1]}/{pid}/api/"

    @property
    def heads(self) -> list[SlackMessage]:
        """Return the messages at top level, without those of which only replies are left."""
        return [one for one in self.workspace.messages if one.thread_ts is None and not one.is_deleted]

    def replies(self, head: SlackMessage) -> list[SlackMessage]:
        """Return the messages below one."""
        return [m for m in self.workspace.messages if (m.channel_id, m.thread_ts) == (head.channel_id, head.ts)]

    def take_late_calls(self) -> None:
        """Take the calls whose time has come."""
        now = self.clock()
        with self._lock:
            due = [one for one in self._late if one[0] <= now]
            self._late = [one for one in self._late if one[0] > now]
        for _, method, arguments in due:
            self.workspace.answer(method, arguments)

    def take(self, method: str, arguments: dict[str, Any], fault: Fault | None) -> dict[str, Any] | None:
        """Return Slack's answer where it takes the call, now or later."""
        self.take_late_calls()
        self.calls.append(method)
        if fault is None or fault.kind.startswith("taken_"):
            return self.workspace.answer(method, arguments)[0]
        if fault.kind == "late":
            with self._lock:
                self._late.append((self.clock() + LATE_S, method, arguments))
        return None

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


class _Handler(BaseHTTPRequestHandler):
    slack: FaultySlack

    def do_GET(self) -> None:
        self._serve({})

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self._serve(json.loads(body or b"{}"))

    def _serve(self, arguments: dict[str, Any]) -> None:
        address = urlsplit(self.path)
        before, _, method = address.path.rpartition("/api/")
        arguments = dict(parse_qsl(address.query)) | arguments
        fault = self.slack.plan(method, arguments)
        answer = self.slack.take(method, arguments, fault)
        kind = "" if fault is None else fault.kind
        detail = "" if fault is None else fault.detail
        if kind in ("reset", "late", "taken_reset"):
            self._reset()
        elif kind == "taken_kill":
            with suppress(ValueError, ProcessLookupError):
                os.kill(int(before.strip("/")), signal.SIGKILL)
            self._reset()
        elif kind == "limit":
            self._answer(429, b'{"ok": false, "error": "ratelimited"}', {"Retry-After": detail})
        elif kind in ("status", "taken_status"):
            self._answer(int(detail), b"<html>busy</html>", {"Content-Type": "text/html"})
        elif kind == "refuse":
            self._answer(200, json.dumps({"ok": False, "error": detail}).encode())
        elif kind == "taken_garbage":
            self._answer(200, detail.encode())
        elif kind == "taken_cut":
            self._answer(200, json.dumps(answer).encode()[:20], {"Content-Length": "2000"})
        else:
            self._answer(200, json.dumps(answer).encode())

    def _answer(self, status: int, body: bytes, headers: dict[str, str] | None = None) -> None:
        known = {"Content-Type": "application/json", "Content-Length": str(len(body))}
        known["X-OAuth-Scopes"] = ",".join(self.slack.workspace.scopes)
        with suppress(OSError):
            self.send_response(status)
            for name, value in {**known, **(headers or {})}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)
        self.close_connection = True

    def _reset(self) -> None:
        """Break the connection off as a crashed peer does: with a reset, not with an end."""
        self.close_connection = True
        with suppress(OSError):
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        with suppress(OSError):
            self.connection.close()

    def log_message(self, format: str, *args: object) -> None:
        """Write nothing."""
