"""Airflow in a process of its own, in which the demo runs its DAGs one after the other by `dag.test()`.

A process of its own, because Airflow reads its settings at import and writes its log to wherever standard output goes.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import sys
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from types import TracebackType
from typing import Self

from seamwatch.core.results import Window
from seamwatch.errors import SeamwatchError
from seamwatch_demo.airflow import free_port, is_listening, wait_until

_API_START_S = 60.0
PARTS = ("validate", "isolate", "incidents")
AIRFLOW_USER = "admin"
"""Of the demo's Airflow; its password is the same."""


@dataclass(frozen=True, kw_only=True)
class DagOutcome:
    """How one DAG run ended."""

    dag_id: str
    state: str
    failed_tasks: tuple[str, ...]


class DagRunner:
    """Runs the DAGs of a pipeline for a window, in Airflow, one at a time; Airflow's API server answers meanwhile."""

    def __init__(self, project_dir: Path, env: Mapping[str, str], log: Path) -> None:
        """Start the process; Airflow's database is made on the first use.

        Args:
            project_dir: Holds `dags`.
            env: Airflow's and Seamwatch's settings.
            log: Where Airflow's log goes.
        """
        context = multiprocessing.get_context("spawn")
        self._log = log
        self._ours, theirs = context.Pipe()
        self._api_port = free_port()
        own_api = {
            "conn_type": "http",
            "host": "127.0.0.1",
            "port": self._api_port,
            "schema": "http",
            "login": AIRFLOW_USER,
            "password": AIRFLOW_USER,
        }
        known = {**env, "AIRFLOW_CONN_AIRFLOW_API": json.dumps(own_api)}
        arguments = (theirs, project_dir, known, log, self._api_port)
        self._process = context.Process(target=_serve, args=arguments, daemon=True)
        self._process.start()
        theirs.close()

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        """End the process."""
        self._ours.close()
        self._process.join(30)
        if self._process.is_alive():
            self._process.kill()

    @property
    def api_url(self) -> str:
        """Return the address of Airflow's API server, with Seamwatch's plugin in it, once it answers.

        Raises:
            SeamwatchError: If it does not answer in time.
        """
        port = self._api_port
        wait_until(
            lambda: is_listening(port),
            within_s=_API_START_S,
            what=f"Airflow's API server does not answer; see {self._log}",
        )
        return f"http://127.0.0.1:{port}"

    def run(self, pipeline: str, part: str, window: Window) -> DagOutcome:
        """Return how the DAG `<pipeline>__<part>` ended; SeamwatchError, naming the log, if Airflow itself failed."""
        return self.run_with(pipeline, part, {"from": window.start.isoformat(), "to": window.end.isoformat()})

    def run_with(self, pipeline: str, part: str, conf: Mapping[str, str]) -> DagOutcome:
        """Return how the DAG `<pipeline>__<part>` ended with a configuration of its run; errors as `run`."""
        try:
            self._ours.send((f"{pipeline}__{part}", dict(conf)))
            answer = self._ours.recv()
        except (EOFError, OSError) as error:
            msg = f"Airflow's process ended; see {self._log}"
            raise SeamwatchError(msg) from error
        if isinstance(answer, str):
            msg = f"{answer}; see {self._log}"
            raise SeamwatchError(msg)
        outcome: DagOutcome = answer
        return outcome


def _serve(pipe: Connection, project_dir: Path, env: dict[str, str], log: Path, api_port: int) -> None:
    os.environ.update(env)
    with log.open("ab", buffering=0) as file:
        os.dup2(file.fileno(), sys.stdout.fileno())
        os.dup2(file.fileno(), sys.stderr.fileno())
    # Only now: Airflow reads its settings when it is imported.
    from airflow.dag_processing.dagbag import DagBag
    from airflow.utils.db import initdb

    initdb()
    bag = DagBag(str(project_dir / "dags"))
    threading.Thread(target=_serve_api, args=(api_port,), name="airflow-api", daemon=True).start()
    while True:
        try:
            dag_id, conf = pipe.recv()
        except EOFError:
            return
        dag = bag.dags.get(dag_id)
        if dag is None:
            pipe.send(f"no DAG {dag_id!r}; import errors: {bag.import_errors}")
            continue
        for task in dag.tasks:
            task.retries = 0  # on loopback a failure does not pass by waiting, and somebody is watching
        run = dag.test(run_conf=conf)
        failed = sorted({task.task_id for task in run.get_task_instances() if task.state == "failed"})
        pipe.send(DagOutcome(dag_id=dag_id, state=str(run.state), failed_tasks=tuple(failed)))


def _serve_api(port: int) -> None:
    """Answer HTTP as Airflow's API server does, the routes of its plugins included."""
    import uvicorn
    from airflow.api_fastapi.app import cached_app

    uvicorn.run(cached_app(apps="core"), host="127.0.0.1", port=port, log_level="warning")
