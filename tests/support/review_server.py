"""An Airflow API server with the plugin's pages, in a process of its own: `python review_server.py PORT`.

Its first line says which token each person logs in with, as JSON; Airflow's database is made where there is none.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

from seamwatch_demo.airflow import free_port

PEOPLE = {"ann": "USER", "bob": "USER", "eve": "VIEWER"}
_REPOSITORY = Path(__file__).parents[2]
_STARTS_WITHIN_S = 120.0


@contextmanager
def review_server(project: Path) -> Iterator[tuple[str, dict[str, str]]]:
    """Serve the pages of a project on loopback; gives the address and the token of each of `PEOPLE`."""
    with tempfile.TemporaryDirectory(prefix="review-server-") as home:
        port = free_port()
        env = {name: value for name, value in os.environ.items() if not name.startswith(("AIRFLOW_", "SEAMWATCH_"))}
        env |= {
            "AIRFLOW_HOME": home,
            "AIRFLOW__API_AUTH__JWT_SECRET": "only-for-tests-" * 8,
            "AIRFLOW__API__BASE_URL": f"http://127.0.0.1:{port}",
            "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
            "AIRFLOW__CORE__PLUGINS_FOLDER": str(_REPOSITORY / "plugins"),
            "AIRFLOW__CORE__DAGS_FOLDER": home,
            "AIRFLOW__USAGE_DATA_COLLECTION__ENABLED": "False",
            "SEAMWATCH_PROJECT_DIR": str(project),
            "SEAMWATCH_DATA_DIR": str(project / "data"),
            "PYTHONPATH": str(_REPOSITORY / "include"),
        }
        with (Path(home) / "server.log").open("w") as log:
            command = [sys.executable, __file__, str(port)]
            process = subprocess.Popen(command, env=env, stdout=subprocess.PIPE, stderr=log, text=True)
        try:
            assert process.stdout is not None
            tokens = json.loads(next((line for line in process.stdout if line.startswith("{")), "{}"))
            address = f"http://127.0.0.1:{port}"
            _wait_for(f"{address}/seamwatch/review", process, Path(home) / "server.log")
            yield address, tokens
        finally:
            process.terminate()
            process.wait(30)
            if process.stdout is not None:
                process.stdout.close()


def _wait_for(address: str, process: subprocess.Popen[str], log: Path) -> None:
    until = time.monotonic() + _STARTS_WITHIN_S
    while time.monotonic() < until and process.poll() is None:
        try:
            if httpx.get(address).status_code == 401:
                return
        except httpx.TransportError:
            time.sleep(0.2)
    msg = f"no page at {address}:\n{log.read_text()[-4000:]}"
    raise RuntimeError(msg)


def _serve(port: int) -> None:
    import uvicorn
    from airflow.api_fastapi.app import cached_app, get_auth_manager
    from airflow.api_fastapi.auth.managers.simple.user import SimpleAuthManagerUser
    from airflow.utils.db import initdb

    initdb()
    app = cached_app()
    manager = get_auth_manager()
    tokens = {
        name: manager.generate_jwt(SimpleAuthManagerUser(username=name, role=role)) for name, role in PEOPLE.items()
    }
    print(json.dumps(tokens), flush=True)
    uvicorn.run(app, host="127.0.0.1", port=port, log_level="warning")


if __name__ == "__main__":
    _serve(int(sys.argv[1]))
