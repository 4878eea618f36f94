"""A real MLflow tracking server over SQLite, from its own environment, once for all tests of a process."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from seamwatch_demo.airflow import free_port, wait_until

MLFLOW = Path(__file__).parents[2] / ".venv-mlflow" / "bin" / "mlflow"


@dataclass(frozen=True)
class MlflowServer:
    """A running server and its registry."""

    url: str
    file: Path

    def call(self, method: str, path: str, **body: Any) -> Any:
        """Return what the REST API answers; a GET takes its fields as query."""
        where = f"{self.url}/api/2.0/mlflow/{path}"
        part = {"params": body} if method == "GET" else {"json": body}
        response = httpx.request(method, where, timeout=60, **part)
        response.raise_for_status()
        return response.json()

    def add_model(self, name: str, *, n_versions: int, champion: int) -> None:
        """Register a model with versions, all ready, and point its champion to one."""
        self.call("POST", "registered-models/create", name=name)
        for _ in range(n_versions):
            self.call("POST", "model-versions/create", name=name, source="s3://models/returns")
        self.point(name, champion)

    def point(self, name: str, version: int, alias: str = "champion") -> None:
        """Point an alias to a version, as a person would."""
        self.call("POST", "registered-models/alias", name=name, alias=alias, version=str(version))

    def version_of(self, name: str, alias: str = "champion") -> str:
        """Return the version that an alias points to."""
        found = self.call("GET", "registered-models/alias", name=name, alias=alias)
        return str(found["model_version"]["version"])

    def break_version(self, name: str, version: int) -> None:
        """Let a version be one whose registration failed, which no call of the API brings about."""
        with sqlite3.connect(self.file, timeout=30) as connection:
            connection.execute(
                "UPDATE model_versions SET status = 'FAILED_REGISTRATION' WHERE name = ? AND version = ?",
                (name, version),
            )
        connection.close()


@contextmanager
def running_mlflow(folder: Path) -> Iterator[MlflowServer]:
    """Start a server whose registry is in a folder, and end it with the block."""
    port = free_port()
    env = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "PYTHONHOME")}
    command = [str(MLFLOW), "server", "--host", "127.0.0.1", "--port", str(port), "--workers", "1"]
    with (folder / "log").open("wb") as log:
        running = subprocess.Popen(
            [*command, "--backend-store-uri", f"sqlite:///{folder / 'mlflow.db'}"],
            cwd=folder,
            env=env | {"MLFLOW_DISABLE_TELEMETRY": "true", "DO_NOT_TRACK": "true"},
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        url = f"http://127.0.0.1:{port}"
        try:
            wait_until(lambda: _is_healthy(url), within_s=240, what="MLflow did not start")
            yield MlflowServer(url, folder / "mlflow.db")
        finally:
            os.killpg(running.pid, signal.SIGKILL)
            running.wait()


@pytest.fixture(scope="session")
def mlflow_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MlflowServer]:
    if not MLFLOW.is_file():
        pytest.fail("MLflow is not installed for the tests: run `make .venv-mlflow/.installed`")
    with running_mlflow(tmp_path_factory.mktemp("mlflow")) as server:
        yield server


def _is_healthy(url: str) -> bool:
    try:
        return httpx.get(f"{url}/health", timeout=5).status_code == 200
    except httpx.HTTPError:
        return False
