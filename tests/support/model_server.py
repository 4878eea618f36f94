"""A real HTTP server on loopback that plays a model endpoint, well-behaved or not, and remembers what it was sent."""

from __future__ import annotations

import json
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest


@dataclass(frozen=True)
class Seen:
    """A request as it arrived."""

    path: str
    headers: dict[str, str]
    body: bytes


@dataclass(frozen=True)
class Reply:
    """What the server does with a request."""

    body: bytes | str | dict[str, Any] | list[Any] = b""
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    content_type: str = "application/json"
    cut_after: int | None = None
    """Close the connection after so many bytes of the body; 0: before the status line."""
    hang_after: int | None = None
    """Send so many bytes of the body and then nothing more; 0: not even the status line."""
    drip_s: float | None = None
    """Send the body byte by byte, with so long a pause between two."""
    meet: threading.Barrier | None = None
    """Wait until so many requests are under way."""

    @property
    def content(self) -> bytes:
        if isinstance(self.body, bytes):
            return self.body
        return (self.body if isinstance(self.body, str) else json.dumps(self.body)).encode()


Behaviour = Reply | Callable[[Seen], Reply]


class ModelServer(ThreadingHTTPServer):
    """Gives the replies in turn, the last one for ever."""

    daemon_threads = False
    request_queue_size = 128  # with the default of 5, many connections at once wait a second for a second try

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.replies: list[Behaviour] = [Reply({})]
        self.requests: list[Seen] = []
        self.n_connections = 0
        self.most_at_once = 0
        self.is_closing = threading.Event()
        self._at_once = 0
        self._lock = threading.Lock()
        self._thread = threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.01})
        self._thread.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def plays(self, *replies: Behaviour) -> None:
        self.replies = list(replies)

    def enter(self, seen: Seen) -> Reply:
        with self._lock:
            self.requests.append(seen)
            self._at_once += 1
            self.most_at_once = max(self.most_at_once, self._at_once)
            behaviour = self.replies.pop(0) if len(self.replies) > 1 else self.replies[0]
        return behaviour if isinstance(behaviour, Reply) else behaviour(seen)

    def leave(self) -> None:
        with self._lock:
            self._at_once -= 1

    def handle_error(self, request: Any, client_address: Any) -> None:
        # A client that ran out of patience closes its side; anything else is a mistake of a test.
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)

    def close(self) -> None:
        self.is_closing.set()
        self.shutdown()
        self._thread.join()
        self.server_close()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # else every answer on a kept connection waits 40 ms for an acknowledgement
    server: ModelServer

    def setup(self) -> None:
        super().setup()
        self.server.n_connections += 1

    def log_message(self, *_: Any) -> None:
        """Say nothing."""

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        seen = Seen(self.path, {name.lower(): value for name, value in self.headers.items()}, body)
        reply = self.server.enter(seen)
        try:
            self._play(reply)
        finally:
            self.server.leave()

    def _play(self, reply: Reply) -> None:
        if reply.meet is not None:
            reply.meet.wait(timeout=20)
        if reply.hang_after == 0:
            self._hang()
            return
        if reply.cut_after == 0:
            self.close_connection = True
            return
        self.send_response(reply.status)
        self.send_header("Content-Type", reply.content_type)
        self.send_header("Content-Length", str(len(reply.content)))
        for name, value in reply.headers.items():
            self.send_header(name, value)
        self.end_headers()
        if reply.hang_after is not None:
            self.wfile.write(reply.content[: reply.hang_after])
            self.wfile.flush()
            self._hang()
        elif reply.cut_after is not None:
            self.wfile.write(reply.content[: reply.cut_after])
            self.close_connection = True
        elif reply.drip_s is not None:
            for byte in reply.content:
                self.wfile.write(bytes([byte]))
                self.server.is_closing.wait(timeout=reply.drip_s)
        else:
            self.wfile.write(reply.content)

    def _hang(self) -> None:
        self.server.is_closing.wait(timeout=60)
        self.close_connection = True


@pytest.fixture
def model_server() -> Iterator[ModelServer]:
    server = ModelServer()
    yield server
    server.close()


def chat_body(text: str | None = "billing", **more: Any) -> dict[str, Any]:
    """Return an OpenAI-compatible response body."""
    return {
        "id": "c1",
        "model": "gpt-4o-mini",
        "choices": [{"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 100, "completion_tokens": 20, "prompt_tokens_details": {"cached_tokens": 40}},
    } | more
