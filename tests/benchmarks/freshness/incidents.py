"""Days of the policy assistant with a fault of its index, attributed; what is right is known by serving perfectly."""

from __future__ import annotations

import json
import tempfile
from collections import Counter
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import sqlalchemy as sa
from write_page import Figure

from seamwatch.adapters.connections import EnvironmentConnections
from seamwatch.core.detection.rates import wilson_interval
from seamwatch.core.results import Attribution, Window
from seamwatch.engine.attribute import attribute_window
from seamwatch.engine.deps import Deps
from seamwatch.spec.load import load_project
from seamwatch.store.repo import Store
from seamwatch.vocabulary import Responsibility
from seamwatch_demo.policies.assistant import build_prompt, map_answer
from seamwatch_demo.policies.documents import POPULAR, change_facts, render
from seamwatch_demo.policies.index import chunk_rows
from seamwatch_demo.policies.retriever import Retriever
from seamwatch_demo.policies.tables import METADATA
from seamwatch_demo.policies.world import PolicyWorld

ROOT = Path(__file__).parents[3]
CHUNKS = METADATA.tables["policy_chunks"]
DAY = date(2026, 11, 3)
START = datetime(2026, 11, 3, tzinfo=UTC)
WINDOW = Window(start=START, end=START + timedelta(days=1))
FAULTS = ("stale", "missing", "ghost", "duplicate")
GHOST = "returns_2024.md"


def measure_incidents(days: int, *, seed: int) -> dict[str, Figure]:
    """Return how right attribution is about faults of a knowledge base, by record and by incident."""
    counts: Counter[str] = Counter()
    for number in range(days):
        for fault in (*FAULTS, "healthy"):
            for mode in ("sampled", "exhaustive"):
                with tempfile.TemporaryDirectory() as folder:
                    _one_day(Path(folder), fault, mode, seed + number, counts)

    def share(name: str, of: str) -> Figure:
        low, high = wilson_interval(counts[name], counts[of]) or (0.0, 1.0)
        return Figure(counts[name] / counts[of] if counts[of] else 0.0, low, high, "share", {})

    found = {}
    for mode in ("exhaustive", "sampled"):
        found[f"record_accuracy_{mode}"] = share(f"{mode} right", f"{mode} records")
        found[f"leading_cause_{mode}"] = share(f"{mode} leading", f"{mode} incidents")
        found[f"document_named_{mode}"] = share(f"{mode} named", f"{mode} incidents")
        found[f"false_incidents_{mode}"] = share(f"{mode} false", f"{mode} healthy")
    calls, failing = counts["sampled calls"], counts["sampled records"]
    found["calls_per_failing_record"] = Figure(calls / failing, calls / failing, calls / failing, "calls", {})
    return found


def _one_day(folder: Path, fault: str, mode: str, seed: int, counts: Counter[str]) -> None:
    url = f"sqlite:///{folder / 'dw.db'}"
    engine = sa.create_engine(url)
    with PolicyWorld(folder / "world", warehouse_url=url, seed=seed) as world:
        _plant(world, engine, fault, seed)
        world.live_day(DAY, "stale_policy" if fault == "stale" else "healthy")
        env = world.connections() | {
            "AIRFLOW_CONN_SUPPORT_DW": json.dumps({"conn_type": "sqlite", "host": str(folder / "dw.db")})
        }
        project = load_project(ROOT)
        pipeline = project.pipelines["policy_assistant"]
        pipeline = pipeline.model_copy(update={"isolation": pipeline.isolation.model_copy(update={"mode": mode})})
        store = Store.open(f"sqlite:///{folder / 'store.db'}", migrate_first=True)
        deps = Deps(
            project=project,
            connections=EnvironmentConnections(env),
            store=store,
            data_dir=folder / "data",
            ui_url="",
            clock=lambda: WINDOW.end + timedelta(hours=2),
            notifier=lambda _: None,  # type: ignore[arg-type, return-value]
        )
        found = attribute_window(deps, pipeline, WINDOW)
        truth = _truth(world, engine, [verdict.key for verdict in found.verdicts])
        store.close()
    engine.dispose()
    _score(found, truth, fault, mode, counts)


def _score(found: Attribution, truth: dict[str, Responsibility], fault: str, mode: str, counts: Counter[str]) -> None:
    counts[f"{mode} calls"] += found.isolation.calls
    for verdict in found.verdicts:
        counts[f"{mode} records"] += 1
        counts[f"{mode} right"] += verdict.responsibility is truth[verdict.key]
    if fault == "healthy":
        counts[f"{mode} healthy"] += 1
        counts[f"{mode} false"] += found.leading is not None
        return
    counts[f"{mode} incidents"] += 1
    leading = found.leading
    if leading is not None and leading.responsibility is Responsibility.KNOWLEDGE_BASE:
        counts[f"{mode} leading"] += 1
        counts[f"{mode} named"] += leading.fields == ((GHOST,) if fault == "ghost" else (POPULAR,))


def _plant(world: PolicyWorld, engine: sa.Engine, fault: str, seed: int) -> None:
    """Put the fault into the index as the nightly job leaves it."""
    rows: Callable[[], list[dict[str, Any]]] | None = None
    name = {"ghost": GHOST, "duplicate": POPULAR.upper()}.get(fault)
    if name is not None:
        facts = world.policies[POPULAR]
        changed = change_facts(facts, list(facts), np.random.default_rng(seed))
        document = {name: render(POPULAR, changed, review_by="2027-12-31").encode()}
        rows = lambda: chunk_rows(document, START, world.embedder)  # noqa: E731
    reindex = world.reindex

    def with_plant(at: datetime) -> list[str]:
        done = reindex(at)
        with engine.begin() as connection:
            if fault == "missing":
                connection.execute(sa.delete(CHUNKS).where(CHUNKS.c.document == POPULAR))
            if rows is not None:
                connection.execute(sa.insert(CHUNKS), rows())
        return done

    world.reindex = with_plant  # type: ignore[method-assign]


def _truth(world: PolicyWorld, engine: sa.Engine, keys: list[str]) -> dict[str, Responsibility]:
    """Return what is behind each wrong answer: served from the index as it should be, is the model right?"""
    documents = {name: content for name, content in world.repository.documents().items() if name in world.policies}
    retriever = Retriever(chunk_rows(documents, START, world.embedder), world.embedder)
    reader = world.model_server.service.models[world.model_server.service.serving]
    with engine.connect() as connection:
        labels = {
            key: answer for key, answer in connection.execute(sa.text("SELECT question_id, answer FROM policy_answers"))
        }
        query = sa.text("SELECT question_id, question, locale, product_area FROM policy_requests")
        asked = {row["question_id"]: dict(row) for row in connection.execute(query).mappings()}
    found = {}
    for key in keys:
        served = retriever.search(asked[key]["question"])
        prompt = build_prompt(asked[key], served)["messages"][1]["content"]
        is_right = map_answer(reader.answer(prompt).text)["answer"] == labels[key]
        found[key] = Responsibility.KNOWLEDGE_BASE if is_right else Responsibility.MODEL
    return found
