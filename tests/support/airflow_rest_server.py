"""A server on loopback that speaks what Airflow 3.3's REST API says of DAGs, runs and tokens, and fails as told."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest


class AirflowRestServer(ThreadingHTTPServer):
    """Runs end when they were looked at often enough, in the state that is told."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.dags: dict[str, dict[str, Any]] = {name: {"is_paused": False} for name in ("retrain", "restore")}
        self.runs: dict[tuple[str, str], dict[str, Any]] = {}
        self.n_started = 0
        self.looks_until_over = 1
        self.ends_as = "success"
        self.fails: dict[str, int] = {}
        """By method, how many of the next requests are answered with 503 before anything happens."""
        self.fails_after_start = False
        self.n_tokens = 0
        self.token = "none-yet"
        self.password = "admin"
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

    def start(self, dag: str, body: dict[str, Any], *, age: timedelta = timedelta()) -> None:
        self.n_started += 1
        queued_at = (datetime.now(UTC) - age).isoformat()
        run = {"dag_id": dag, "state": "queued", "queued_at": queued_at, "n_looks": 0, "conf": body.get("conf")}
        self.runs[dag, body["dag_run_id"]] = run


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: AirflowRestServer

    def log_message(self, *_: Any) -> None:
        """Say nothing."""

    def do_GET(self) -> None:
        self._handle({})

    def do_POST(self) -> None:
        self._handle(json.loads(self.rfile.read(int(self.headers.get("Content-Length", 0)))))

    def _handle(self, body: dict[str, Any]) -> None:
        server = self.server
        if self.path == "/auth/token":
            self._give_token(body)
        elif self.headers.get("Authorization") != f"Bearer {server.token}":
            self._send(401, {"detail": "Invalid JWT token"})
        elif server.fails.get(self.command, 0) > 0:
            server.fails[self.command] -= 1
            self._send(503, {})
        else:
            self._answer(self.path.removeprefix("/api/v2/dags/").split("/"), body)

    def _give_token(self, body: dict[str, Any]) -> None:
        server = self.server
        if set(body) != {"username", "password"} or body["password"] != server.password:
            self._send(401, {"detail": f"Invalid credentials {body}"})
            return
        server.n_tokens += 1
        server.token = f"token-{server.n_tokens}-0123456789"
        self._send(201, {"access_token": server.token})

    def _answer(self, parts: list[str], body: dict[str, Any]) -> None:
        server, dag = self.server, parts[0]
        if dag not in server.dags:
            self._send(404, {"detail": "The Dag with ID was not found"})
        elif len(parts) == 1:
            self._send(200, {"dag_id": dag, **server.dags[dag]})
        elif self.command == "POST":
            self._start(dag, body)
        elif (dag, parts[2]) not in server.runs:
            self._send(404, {"detail": "The DagRun was not found"})
        else:
            run = server.runs[dag, parts[2]]
            run["n_looks"] += 1
            if run["state"] not in ("success", "failed"):
                run["state"] = server.ends_as if run["n_looks"] > server.looks_until_over else "running"
            self._send(200, run)

    def _start(self, dag: str, body: dict[str, Any]) -> None:
        server = self.server
        if "logical_date" not in body:
            self._send(422, {"detail": "logical_date: Field required"})
        elif (dag, body["dag_run_id"]) in server.runs:
            self._send(409, {"detail": "Unique constraint violation"})
        else:
            server.start(dag, body)
            self._send(500 if server.fails_after_start else 200, server.runs[dag, body["dag_run_id"]])

    def _send(self, status: int, document: Any) -> None:
        content = json.dumps(document).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)


@pytest.fixture
def airflow_rest() -> Iterator[AirflowRestServer]:
    server = AirflowRestServer()
    yield server
    server.close()
