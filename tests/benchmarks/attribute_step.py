"""How much processor time the task `attribute` takes, in a new process as Airflow gives it one, imports included."""

from __future__ import annotations

import os
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

# The notifier of `attribution.ask` is that of the tests.
sys.path.append(str(Path(__file__).parents[1] / "support"))

from attribution.ask import check_sources, endpoints, make_store_template
from attribution.incident import Injected, Plan, make_incident, write_incident
from attribution.project import WINDOW
from attribution.server import Played, Server
from write_page import Figure

_STEP = """
import os, sys, time
from collections import defaultdict
from pathlib import Path
from types import SimpleNamespace

def now():
    return time.process_time()

at = [now()]
from airflow.sdk import BaseOperator, ObjectStoragePath
at.append(now())
from seamwatch.orchestration.operators import StepOperator, collecting_seldom
with collecting_seldom():
    from seamwatch.orchestration import steps
    import seamwatch.engine.attribute
at.append(now())
project, name, window, *stores = sys.argv[1:]
from seamwatch.spec.load import load_project
pipeline = load_project(Path(project)).pipeline(name).model_dump(mode="json", by_alias=True, exclude_unset=True)
lasted = []
for store in stores:
    os.environ["AIRFLOW_CONN_SEAMWATCH_STORE"] = store
    began = now()
    task = StepOperator(task_id="attribute", step="attribute", project_dir=project, pipeline=pipeline, window=window)
    found = task.execute({"params": {}, "outlet_events": defaultdict(lambda: SimpleNamespace(extra={}))})
    lasted.append(now() - began)
print(at[1] - at[0], at[2] - at[1], *lasted, found["failing"], found["calls"])
"""
"""Attributes the same window once for each store; prints seconds of imports and of each, failing records and calls."""


@dataclass(frozen=True, kw_only=True)
class _Taken:
    airflow_s: float
    ours_s: float
    first_s: float
    again_s: float

    @property
    def whole_s(self) -> float:
        return self.airflow_s + self.ours_s + self.first_s


def measure_step(*, n: int, rounds: int) -> dict[str, Figure]:
    """Return the seconds of processor time for a window of `n` records of which some are damaged before the model.

    Each round is a process. Beside the whole are its parts: what Airflow imports, what we import before the task
    begins, and what a second attribution takes in the same process. The rest is what is imported or made once while
    the task runs: scikit-learn, the model client, and Airflow's own tables, which it loads with anybody's first query.
    """
    plan = Plan(
        family="step", shape="triage", seed=1, n=n, faults=(Injected(name="code_table", onset=0.3, severity=0.35),)
    )
    with tempfile.TemporaryDirectory(prefix="seamwatch-attribute-") as folder, _world(Path(folder), plan) as env:
        taken = [_attribute(Path(folder), plan.shape, number, env) for number in range(rounds)]
    whole = [one.whole_s for one in taken]
    parts = {
        "Airflow's imports": statistics.median(one.airflow_s for one in taken),
        "our imports": statistics.median(one.ours_s for one in taken),
        "a second attribution": statistics.median(one.again_s for one in taken),
    }
    unit = f"s of processor time, {n:,} records"
    return {"attribute_cpu_seconds": Figure(statistics.median(whole), min(whole), max(whole), unit, parts)}


@contextmanager
def _world(root: Path, plan: Plan) -> Iterator[dict[str, str]]:
    """Yield the environment of the task: tables, checked sources and a model that answers over HTTP."""
    incident = make_incident(plan)
    write_incident(incident, root)
    check_sources(incident, root, make_store_template(root))
    [stage] = incident.shape.models
    assert stage.task is not None
    server = Server()
    server.models[stage.name] = Played(task=stage.task, law=incident.laws_today[stage.name], protocol=stage.protocol)
    try:
        yield {
            **os.environ,
            "AIRFLOW_HOME": str(root / "airflow"),
            "AIRFLOW_CONN_BENCH_DB": f"sqlite:///{root / 'data.db'}",
            "SEAMWATCH_DATA_DIR": str(root / "data"),
            **endpoints(incident, server, {stage.name: stage.name}),
        }
    finally:
        server.close()


def _attribute(root: Path, pipeline: str, number: int, env: dict[str, str]) -> _Taken:
    stores = [root / f"{number}-{which}.db" for which in ("first", "second")]
    for store in stores:
        shutil.copy(root / "checked.db", store)
    urls = [f"sqlite:///{store}" for store in stores]
    command = [sys.executable, "-c", _STEP, str(root), pipeline, WINDOW.id, *urls]
    done = subprocess.run(command, env=env, stdout=subprocess.PIPE, text=True, check=True)
    *seconds, n_failing, n_calls = map(float, done.stdout.splitlines()[-1].split())
    assert n_failing, "without a failing record there is nothing to attribute"
    assert n_calls, "without a call the model was not replayed"
    return _Taken(**dict(zip(("airflow_s", "ours_s", "first_s", "again_s"), seconds, strict=True)))
