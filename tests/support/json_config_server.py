"""A real HTTP server on loopback that keeps JSON documents, as configuration services do, and fails as it is told."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Literal

import pytest

Fault = Literal["hang", "error_before", "error_after", "garbage", "ignore", "cut", "redirect"]


class JsonConfigServer(ThreadingHTTPServer):
    """Documents by path, with ETags; the faults are used up in turn, one for each request."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.documents: dict[str, Any] = {}
        self.token: str | None = None
        self.has_etags = True
        self.as_text: str | None = None
        """What reads answer, word for word."""
        self.n_lagging_reads = 0
        """How many reads after a write still show what was there before it, as a cache does."""
        self.lagging: list[Any] = []
        self.faults: dict[str, list[Fault]] = {}
        """By method."""
        self.n_written = 0
        self.headers_seen: list[dict[str, str]] = []
        self.set_by_somebody: dict[int, Any] = {}
        """By number of the read from now on: what somebody else puts in the document's place right after it."""
        self.n_read = 0
        self.is_closing = threading.Event()
        self._thread = threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        self._thread.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Clients that lost patience close their side."""

    def close(self) -> None:
        self.is_closing.set()
        self.shutdown()
        self._thread.join()
        self.server_close()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: JsonConfigServer

    def log_message(self, *_: Any) -> None:
        """Say nothing."""

    def do_GET(self) -> None:
        self._handle(None)

    def do_PUT(self) -> None:
        self._handle(self._body())

    def do_PATCH(self) -> None:
        self._handle(self._body())

    def do_POST(self) -> None:
        self._handle(self._body())

    def _body(self) -> Any:
        return json.loads(self.rfile.read(int(self.headers.get("Content-Length", 0))))

    def _handle(self, body: Any) -> None:
        server = self.server
        server.headers_seen.append({name.lower(): value for name, value in self.headers.items()})
        faults = server.faults.get(self.command, [])
        fault = faults.pop(0) if faults else None
        if server.token is not None and self.headers.get("Authorization") != f"Bearer {server.token}":
            self._send(401, {"error": f"no such token: {self.headers.get('Authorization')}"})
        elif fault == "hang":
            server.is_closing.wait(timeout=30)
            self.close_connection = True
        elif fault == "cut":
            self.close_connection = True
        elif fault == "error_before":
            self._send(500, {"error": "database is locked"})
        elif fault == "garbage":
            self._send_text(200, "<html>Sign in</html>")
        elif fault == "redirect":
            self._send(302, {})
        elif self.path not in server.documents:
            self._send(404, {"error": "not found"})
        elif body is None:
            self._read()
        else:
            self._write(body, fault)

    def _read(self) -> None:
        server = self.server
        if server.as_text is not None:
            self._send_text(200, server.as_text)
        elif server.lagging:
            self._send(200, server.lagging.pop())
        else:
            document = server.documents[self.path]
            server.n_read += 1
            server.documents[self.path] = server.set_by_somebody.pop(server.n_read, document)
            self._send(200, document)

    def _write(self, body: Any, fault: Fault | None) -> None:
        server = self.server
        expected = self.headers.get("If-Match")
        if expected is not None and expected != _etag(server.documents[self.path]):
            self._send(412, {})
            return
        if fault != "ignore":
            server.n_written += 1
            old = server.documents[self.path]
            server.lagging = [old] * server.n_lagging_reads
            server.documents[self.path] = body if self.command == "PUT" else _merged(old, body)
        self._send(500 if fault == "error_after" else 200, {})

    def _send(self, status: int, document: Any) -> None:
        self._send_text(status, json.dumps(document), etag=_etag(document) if self.server.has_etags else None)

    def _send_text(self, status: int, text: str, etag: str | None = None) -> None:
        content = text.encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        if etag:
            self.send_header("ETag", etag)
        self.end_headers()
        self.wfile.write(content)


def _etag(document: Any) -> str:
    return f'"{hash(json.dumps(document, sort_keys=True)):x}"'


def _merged(old: Any, patch: Any) -> Any:
    """Return a document after a merge patch (RFC 7396)."""
    if not isinstance(old, dict) or not isinstance(patch, dict):
        return patch
    merged = old | {name: _merged(old.get(name), value) for name, value in patch.items()}
    return {name: value for name, value in merged.items() if patch.get(name, "") is not None}


@pytest.fixture
def config_server() -> Iterator[JsonConfigServer]:
    server = JsonConfigServer()
    yield server
    server.close()
