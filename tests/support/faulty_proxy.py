"""A proxy on loopback before a real server: fails before or after that got a request, as it is told."""

from __future__ import annotations

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Literal

import httpx

ProxyFault = Literal["before", "after", "cut", "cut_after", "half"]
_LEFT_OUT = ("transfer-encoding", "content-length", "content-encoding", "connection", "date", "server")


class FaultyProxy(ThreadingHTTPServer):
    """The faults are used up in turn, one for each request that changes something, or for each read."""

    daemon_threads = True

    def __init__(self, target: str) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.client = httpx.Client(base_url=target, timeout=60)
        self.faults: list[ProxyFault] = []
        self.read_faults: list[ProxyFault] = []
        self._thread = threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        self._thread.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Clients that are killed close their side."""

    def close(self) -> None:
        self.shutdown()
        self._thread.join()
        self.server_close()
        self.client.close()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: FaultyProxy

    def log_message(self, *_: Any) -> None:
        """Say nothing."""

    def do_GET(self) -> None:
        self._handle(self.server.read_faults)

    def do_POST(self) -> None:
        self._handle(self.server.faults)

    def _handle(self, faults: list[ProxyFault]) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        # A login is no part of what fails: it would use up the fault that is meant for the change.
        fault = faults.pop(0) if faults and "/auth/" not in self.path else None
        if fault == "before":
            self._send(500, b'{"error": "no"}')
            return
        if fault == "cut":
            self.close_connection = True
            return
        headers = {name: value for name, value in self.headers.items() if name.lower() not in ("host", "connection")}
        answer = self.server.client.request(self.command, self.path, content=body, headers=headers)
        if fault == "cut_after":
            self.close_connection = True
        elif fault == "after":
            self._send(500, b'{"error": "no"}')
        elif fault == "half":
            self._send(answer.status_code, answer.content[: len(answer.content) // 2])
        else:
            self._send(answer.status_code, answer.content, answer.headers)

    def _send(self, status: int, content: bytes, headers: httpx.Headers | None = None) -> None:
        self.send_response(status)
        for name, value in (headers or {}).items():
            if name.lower() not in _LEFT_OUT:
                self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)
