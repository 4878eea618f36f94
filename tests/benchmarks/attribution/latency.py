"""How long concurrent replays take beside the ideal time of the endpoint's latency and limit."""

from __future__ import annotations

import json
import statistics
import time
from pathlib import Path

from write_page import Figure

from attribution.ask import endpoints, open_deps
from attribution.incident import Plan, make_incident, write_incident
from attribution.project import WINDOW
from attribution.server import Played, Server
from seamwatch.core.replays import ModelCall
from seamwatch.engine.isolate import Models
from seamwatch.engine.protocols import with_protocols

CALLS, LATENCY_S, ROUNDS = 200, 0.05, 3


def replay_time(root: Path, server: Server, template: Path) -> Figure:
    """Return seconds of 200 calls at 50 ms, with budget, cache and store at work, over the ideal seconds."""
    incident = make_incident(Plan(family="latency", shape="triage", seed=1, n=CALLS))
    write_incident(incident, root)
    stage = incident.shape.models[0]
    assert stage.task is not None
    name = f"{root.name}-latency"
    server.models[name] = Played(
        task=stage.task, law=incident.laws_today[stage.name], protocol=stage.protocol, latency_s=LATENCY_S
    )
    bodies = [json.dumps((payloads[stage.inputs[0]] or {})["body"]) for payloads in incident.recorded]
    ratios = []
    with open_deps(
        incident, root, template, name="latency", env=endpoints(incident, server, {stage.name: name})
    ) as deps:
        pipeline = with_protocols(deps.project.pipeline(incident.shape.name), deps)
        limit = pipeline.isolation.model_copy(update={"max_calls_per_run": 10 * CALLS})
        pipeline = pipeline.model_copy(update={"isolation": limit})
        models = Models(deps, pipeline, WINDOW)
        target = pipeline.stage(stage.name)
        assert target.endpoint is not None
        ideal_s = -(-CALLS // target.endpoint.concurrency) * LATENCY_S
        for number in range(ROUNDS):
            calls = [ModelCall(key=str(k), body=body, attempt=number) for k, body in enumerate(bodies)]
            started = time.perf_counter()
            answers = models.ask(target, calls)
            ratios.append((time.perf_counter() - started) / ideal_s)
            assert all(answer.is_ok for answer in answers)
    del server.models[name]
    return Figure(statistics.median(ratios), min(ratios), max(ratios), "times the ideal", {"one after the other": 8.0})
