"""What attribution says of an incident: through the engine, as a user gets it."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from attribution.incident import Incident
from attribution.project import NOW, WINDOW
from attribution.server import Played, Server
from file_notifier import FileNotifier
from seamwatch.adapters.connections import EnvironmentConnections
from seamwatch.core.results import Attribution
from seamwatch.engine.attribute import attribute_window
from seamwatch.engine.deps import Deps
from seamwatch.engine.validate import check_stage
from seamwatch.spec.load import load_project
from seamwatch.spec.pipeline import Pipeline
from seamwatch.store.repo import Store

NO_LIMIT = 10_000_000


@dataclass(frozen=True, kw_only=True)
class Said:
    """The attribution of an incident in one mode."""

    attribution: Attribution
    seconds: float
    calls: int
    """As the server counted them."""
    replays: int
    """Of these, those about records of the window, not about the benchmark set."""


def make_store_template(folder: Path) -> Path:
    """Return a migrated, empty store to be copied for each incident."""
    path = folder / "template.db"
    Store.open(f"sqlite:///{path}", migrate_first=True).close()
    return path


@contextmanager
def open_deps(incident: Incident, root: Path, template: Path, *, name: str, env: Mapping[str, str]) -> Iterator[Deps]:
    """Yield the world outside the core for an incident that was written to `root`, with an empty store."""
    store_path = root / f"{name}.db"
    shutil.copy(template, store_path)
    store = Store.open(f"sqlite:///{store_path}")
    try:
        yield Deps(
            project=load_project(root),
            connections=EnvironmentConnections({"AIRFLOW_CONN_BENCH_DB": f"sqlite:///{root / 'data.db'}", **env}),
            store=store,
            data_dir=root / "data",
            ui_url="http://127.0.0.1:8080",
            clock=lambda: NOW,
            notifier=lambda _: FileNotifier(root / "messages.jsonl"),
        )
    finally:
        store.close()


def check_sources(incident: Incident, root: Path, template: Path) -> Path:
    """Return a store that holds what the suites say of the sources, as the validation before attribution leaves it."""
    with open_deps(incident, root, template, name="checked", env={}) as deps:
        pipeline = deps.project.pipeline(incident.shape.name)
        for stage in pipeline.stages:
            if stage.name in incident.shape.suites:
                check_stage(deps, pipeline, stage, WINDOW)
    return root / "checked.db"


def ask(incident: Incident, root: Path, server: Server, template: Path, *, mode: str, latency_s: float = 0.0) -> Said:
    """Return the attribution of an incident that was written to `root`, in the default mode or `exhaustive`."""
    laws = incident.laws_today
    names = {stage.name: f"{root.name}-{mode}-{stage.name}" for stage in incident.shape.models}
    for stage in incident.shape.models:
        assert stage.task is not None
        server.models[names[stage.name]] = Played(
            task=stage.task, law=laws[stage.name], protocol=stage.protocol, latency_s=latency_s
        )
    env = endpoints(incident, server, names)
    with open_deps(incident, root, template, name=mode, env=env) as deps:
        pipeline = _with_mode(deps.project.pipeline(incident.shape.name), mode)
        started = time.perf_counter()
        attribution = attribute_window(deps, pipeline, WINDOW)
        seconds = time.perf_counter() - started
    played = [server.models.pop(name) for name in names.values()]
    return Said(
        attribution=attribution,
        seconds=seconds,
        calls=sum(model.calls for model in played),
        replays=sum(model.replays for model in played),
    )


def endpoints(incident: Incident, server: Server, names: Mapping[str, str]) -> dict[str, str]:
    """Return the connections of the models; where the endpoint is part of what was removed, none."""
    if incident.plan.removed == "endpoint":
        return {}
    return {
        f"AIRFLOW_CONN_BENCH_{stage.upper()}": json.dumps({"conn_type": "http", "host": server.url(name)})
        for stage, name in names.items()
    }


def _with_mode(pipeline: Pipeline, mode: str) -> Pipeline:
    """Return the pipeline as it is for the default mode; for the exhaustive one without limits of calls or money."""
    if mode == "sampled":
        return pipeline
    changes = {
        "mode": "exhaustive",
        "max_calls_per_run": NO_LIMIT,
        "max_calls_per_day": NO_LIMIT,
        "max_usd_per_run": float(NO_LIMIT),
        "max_usd_per_day": float(NO_LIMIT),
    }
    isolation = pipeline.isolation.model_copy(update=changes)
    return pipeline.model_copy(update={"isolation": isolation})
