"""A whole Airflow on this machine: its settings, and `airflow standalone` started and stopped cleanly."""

from __future__ import annotations

import json
import os
import secrets
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import httpx

from seamwatch.errors import SeamwatchError

_START_S = 300
"""It takes 40 seconds on two free cores; a machine that is busy with other work needs several times that."""
_STOP_S = 60


def airflow_env(
    home: Path, project_dir: Path, *, port: int, data_dir: Path, users: Mapping[str, str]
) -> dict[str, str]:
    """Return the environment of an Airflow that shows a project.

    Args:
        home: Airflow's own folder.
        project_dir: Holds `dags`, `plugins` and `include`, or is shown by them through `SEAMWATCH_PROJECT_DIR`.
        port: Of the API server and UI, on loopback.
        data_dir: Where Seamwatch keeps its store, reports and Data Docs.
        users: Name to role; the password is the name.
    """
    home.mkdir(parents=True, exist_ok=True)
    passwords = home / "passwords.json"
    passwords.write_text(json.dumps({name: name for name in users}), encoding="utf-8")
    secret = home / "jwt_secret"
    if not secret.exists():
        secret.write_text(secrets.token_hex(64), encoding="utf-8")
    root = Path(__file__).resolve().parents[2]
    url = f"http://127.0.0.1:{port}"
    return {
        "AIRFLOW_HOME": str(home),
        "AIRFLOW__API__BASE_URL": url,
        "AIRFLOW__API__HOST": "127.0.0.1",
        "AIRFLOW__API__PORT": str(port),
        "AIRFLOW__API__WORKERS": "1",
        "AIRFLOW__API_AUTH__JWT_SECRET": secret.read_text(encoding="utf-8"),
        "AIRFLOW__CORE__AUTH_MANAGER": "airflow.api_fastapi.auth.managers.simple.simple_auth_manager.SimpleAuthManager",
        "AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION": "False",
        "AIRFLOW__CORE__DAGS_FOLDER": str(root / "dags"),
        "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"{url}/execution/",
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__PARALLELISM": "3",
        "AIRFLOW__CORE__PLUGINS_FOLDER": str(root / "plugins"),
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": str(passwords),
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS": ",".join(f"{name}:{role}" for name, role in users.items()),
        "AIRFLOW__DAG_PROCESSOR__REFRESH_INTERVAL": "10",
        "AIRFLOW__LOGGING__LOGGING_LEVEL": "WARNING",
        "AIRFLOW__LOGGING__TRIGGER_LOG_SERVER_PORT": str(free_port()),
        "AIRFLOW__LOGGING__WORKER_LOG_SERVER_PORT": str(free_port()),
        "AIRFLOW__USAGE_DATA_COLLECTION__ENABLED": "False",
        "SEAMWATCH_DATA_DIR": str(data_dir),
        "SEAMWATCH_PROJECT_DIR": str(project_dir),
        "SEAMWATCH_UI_URL": url,
    }


def free_port() -> int:
    """Return a port of the loopback interface that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def is_listening(port: int) -> bool:
    """Return whether somebody answers at a port of the loopback interface."""
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", port)) == 0


class Standalone:
    """`airflow standalone` as a context: up when entered, gone when left."""

    def __init__(self, env: Mapping[str, str], log: Path) -> None:
        """Prepare; nothing is started yet."""
        self.url = env["AIRFLOW__API__BASE_URL"]
        # Standalone starts its parts by the command `airflow`, which must be this environment's own.
        path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
        self._env = {**os.environ, **env, "PATH": path}
        self._log = log
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        """Start it and wait until scheduler, DAG processor and API server are healthy.

        Raises:
            SeamwatchError: If it ends, or is not healthy in time; names its log file.
        """
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "airflow", "standalone"],
                env=self._env,
                stdout=log,
                stderr=subprocess.STDOUT,
                stdin=subprocess.DEVNULL,
                start_new_session=True,
                # A shell that starts jobs in the background makes them ignore SIGINT, which is how Airflow ends.
                preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),  # noqa: PLW1509
            )
        try:
            wait_until(self._is_healthy, within_s=_START_S, what=f"Airflow is not healthy; see {self._log}")
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        """Stop it."""
        self.stop()

    def stop(self) -> None:
        """End it by SIGINT, the only signal that takes its children along; by force if it does not hear."""
        process = self._process
        if process is None or process.poll() is not None:
            return
        process.send_signal(signal.SIGINT)
        try:
            process.wait(_STOP_S)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()

    def _is_healthy(self) -> bool:
        assert self._process is not None
        if self._process.poll() is not None:
            msg = f"Airflow ended with code {self._process.returncode}; see {self._log}"
            raise SeamwatchError(msg)
        try:
            parts = httpx.get(f"{self.url}/api/v2/monitor/health", timeout=5).json()
        except (httpx.HTTPError, ValueError):
            return False
        return all(parts.get(name, {}).get("status") == "healthy" for name in ("scheduler", "dag_processor"))

    def client(self, user: str) -> httpx.Client:
        """Return an HTTP client that is logged in; the password is the name."""
        answer = httpx.post(f"{self.url}/auth/token", json={"username": user, "password": user}, timeout=30)
        answer.raise_for_status()
        token = answer.json()["access_token"]
        return httpx.Client(base_url=self.url, headers={"Authorization": f"Bearer {token}"}, timeout=30)


def wait_until(is_so: Callable[[], Any], *, within_s: float, what: str, every_s: float = 0.5) -> Any:
    """Return the first true value of `is_so`; SeamwatchError with `what` if none comes in time."""
    deadline = time.monotonic() + within_s
    while time.monotonic() < deadline:
        if found := is_so():
            return found
        time.sleep(every_s)
    raise SeamwatchError(f"{what} (waited {within_s:g} s)")
