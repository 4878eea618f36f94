"""How long it takes in a running Airflow from the commit of a batch with bad records until Slack has the message.

A task of the team's own commits the batch and emits the asset that starts the checks; from there on it is all Airflow
and Seamwatch. Each round has a pipeline of its own, since an incident that is known already is told by an edit.
"""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx

from parcels import KEEP_ALL, PIPELINE, TABLES, WINDOW, fill_database, records, write_project
from seamwatch_demo.airflow import Standalone, airflow_env, free_port, wait_until
from seamwatch_demo.slack_receiver import SlackReceiver

ROOT = Path(__file__).parents[3]
N_RECORDS, N_BAD = 300, 20
FAULTS = {"labelled": "code_table", "expectation": "source_garbled"}
"""By what a round measures: records that a broken mapping makes wrong, and ones that a critical expectation refuses."""
_MOST_S = 600.0
_LOADER = '''\
"""The team's own DAGs (Airflow): each commits one batch and emits the asset of its pipeline."""

import sqlite3
import time
from pathlib import Path

from airflow.sdk import DAG, Asset, task

FOLDER = Path({folder!r})


def commit(name: str) -> float:
    database = sqlite3.connect(FOLDER / f"{{name}}.db")
    database.execute("ATTACH DATABASE ? AS batch", [str(FOLDER / f"{{name}}-batch.db")])
    for table in {tables!r}:
        database.execute(f"INSERT INTO main.{{table}} SELECT * FROM batch.{{table}}")
    database.commit()
    at = time.time()
    database.close()
    return at


def make(name: str) -> None:
    asset = Asset(f"batch_{{name}}")
    with DAG(f"load_{{name}}", schedule=None):

        @task(outlets=[asset])
        def load(*, outlet_events: object = None) -> None:
            (FOLDER / f"{{name}}-committed").write_text(str(commit(name)))
            outlet_events[asset].extra = {{"from": {start!r}, "to": {end!r}}}

        load()


for name in {names!r}:
    make(name)
'''


@dataclass(frozen=True, kw_only=True)
class Round:
    """One batch on its way to Slack."""

    what: str
    """Key of `FAULTS`."""
    seconds: float
    steps: tuple[tuple[str, float, float], ...]
    """Each task with when it began and ended, in seconds after the commit."""

    @property
    def work_s(self) -> float:
        """Return the seconds of the tasks without which there is no message: the longest check, and what follows it."""
        lasted = {name: end - begin for name, begin, end in self.steps}
        checks = [seconds for name, seconds in lasted.items() if name.endswith(".check")]
        return max(checks) + lasted["isolate.attribute"] + lasted["incidents.decide"]


def measure(folder: Path, *, n_rounds: int) -> list[Round]:
    """Return the rounds, each kind in turn; SeamwatchError if a message does not come within ten minutes."""
    names = [(what, f"{what}_{number}") for number in range(n_rounds) for what in FAULTS]
    with SlackReceiver() as slack, _airflow(folder, names, slack) as airflow, airflow.client("admin") as client:
        for _, name in names:
            for dag in (f"load_{name}", f"{name}__validate", f"{name}__isolate", f"{name}__incidents"):
                wait_until(
                    lambda dag=dag: client.get(f"/api/v2/dags/{dag}").status_code == 200,
                    within_s=240,
                    what=f"{dag} was not parsed",
                )
        time.sleep(10)
        return [_round(folder, client, slack, what, name) for what, name in names]


@contextmanager
def _airflow(folder: Path, names: list[tuple[str, str]], slack: SlackReceiver) -> Iterator[Standalone]:
    project = folder / "project"
    write_project(project)
    (project / "include" / "settings.yaml").write_text(KEEP_ALL)
    pipelines, connections = project / "include" / "pipelines", {}
    (pipelines / "parcels.yaml").unlink()
    for what, name in names:
        text = PIPELINE.replace("ENDPOINT", '"python:parcels:model"').replace("parcels_db", f"{name}_db")
        (pipelines / f"{name}.yaml").write_text(
            text.replace("pipeline: parcels", f"pipeline: {name}") + f"asset: batch_{name}\n"
        )
        shutil.copytree(project / "expectations" / "parcels", project / "expectations" / name)
        _prepare(folder, name, FAULTS[what])
        database = {"conn_type": "sqlite", "host": str(folder / f"{name}.db")}
        connections[f"AIRFLOW_CONN_{name.upper()}_DB"] = json.dumps(database)
    dags = folder / "dags"
    shutil.copytree(ROOT / "dags", dags, ignore=shutil.ignore_patterns("__pycache__"))
    loader = _LOADER.format(
        folder=str(folder),
        tables=[table for table in TABLES if table != "benchmark"],
        start=WINDOW.start.isoformat(),
        end=WINDOW.end.isoformat(),
        names=[name for _, name in names],
    )
    (dags / "loader.py").write_text(loader)
    users = {"admin": "admin"}
    env = airflow_env(folder / "airflow", project, port=free_port(), data_dir=folder / "data", users=users)
    slack_connection = {"conn_type": "slack", "password": "xoxb-test", "extra": {"base_url": f"{slack.url}/api/"}}
    env |= {
        **connections,
        "AIRFLOW_CONN_SLACK_TEST": json.dumps(slack_connection),
        "AIRFLOW__CORE__DAGS_FOLDER": str(dags),
    }
    with Standalone(env, folder / "standalone.log") as running:
        yield running


def _prepare(folder: Path, name: str, fault: str) -> None:
    """Write a batch of a day with as many bad records as are wanted, and the database that it goes to, still empty."""
    onset = next(one for one in range(N_RECORDS, 0, -1) if _n_bad(fault, one) >= N_BAD)
    for path in (folder / f"{name}-batch.db", folder / f"{name}.db"):
        fill_database(f"sqlite:///{path}", fault, n=N_RECORDS, unlabelled=0, onset=onset)
    database = sqlite3.connect(folder / f"{name}.db")
    for table in TABLES:
        if table != "benchmark":
            database.execute(f"DELETE FROM {table}")
    database.commit()
    database.close()


def _n_bad(fault: str, onset: int) -> int:
    """Return how many records a fault makes wrong that are right without it."""
    pairs = zip(records(N_RECORDS, fault, onset=onset), records(N_RECORDS, "none"), strict=True)
    return sum(bad.routed != bad.true_queue == good.routed for bad, good in pairs)


def _round(folder: Path, client: httpx.Client, slack: SlackReceiver, what: str, name: str) -> Round:
    client.post(f"/api/v2/dags/load_{name}/dagRuns", json={"logical_date": None}).raise_for_status()
    found: Any = wait_until(
        lambda: next((one for one in slack.messages if one.text.startswith(f"{name}: ")), None),
        within_s=_MOST_S,
        what=f"no message of {name} came",
    )
    committed = float((folder / f"{name}-committed").read_text())
    steps = [
        (f"{part}.{task['task_id']}", *(_seconds(task[key], committed) for key in ("start_date", "end_date")))
        for part in ("validate", "isolate", "incidents")
        for run in client.get(f"/api/v2/dags/{name}__{part}/dagRuns").json()["dag_runs"]
        for task in client.get(f"/api/v2/dags/{name}__{part}/dagRuns/{run['dag_run_id']}/taskInstances").json()[
            "task_instances"
        ]
    ]
    seconds = float(found.ts) - committed
    told = Round(what=what, seconds=seconds, steps=tuple(sorted(steps, key=lambda step: step[1])))
    print(f"{name}: {seconds:.1f} s", file=sys.stderr)
    if os.environ.get("VERBOSE"):
        for step, begin, end in told.steps:
            print(f"  {begin:6.1f} to {end:6.1f} s: {step}", file=sys.stderr)
    return told


def _seconds(at: str | None, since: float) -> float:
    return float("nan") if at is None else datetime.fromisoformat(at).timestamp() - since
