"""Run the cells through the engine, and count what was said without the evidence for it."""

from __future__ import annotations

import json
import logging
import shutil
import tempfile
import warnings
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from functools import cache
from multiprocessing import get_context
from pathlib import Path

from attribution.ask import make_store_template
from attribution.project import NOW, WINDOW
from attribution.server import Server
from write_page import Figure

from evidence import desk
from evidence.cells import Cell
from evidence.window import NAME, UNDETERMINED, Blame, make_records, write_window
from file_notifier import FileNotifier
from seamwatch.adapters.connections import EnvironmentConnections
from seamwatch.core.detection.rates import wilson_interval
from seamwatch.core.results import Attribution
from seamwatch.engine.attribute import attribute_window
from seamwatch.engine.deps import Deps
from seamwatch.spec.load import load_project
from seamwatch.store.repo import Store
from seamwatch.vocabulary import Basis

SURE = 0.5
"""A verdict with more confidence than this claims to know."""


@dataclass
class DeskModel:
    """The desk's model as it answers today, behind the HTTP server."""

    is_degraded: bool
    latency_s: float = 0.0
    calls: int = 0
    replays: int = 0

    def reply(self, content: bytes) -> bytes:
        """Return the response body to a request."""
        said = desk.answer(json.loads(content), is_degraded=self.is_degraded)
        return json.dumps(desk.as_body(said)).encode()


@dataclass(frozen=True, kw_only=True)
class CellScore:
    """What was said of one cell."""

    cell: Cell
    n_failing: int
    n_right: int
    n_asked: int
    """Verdicts that rest on the record's own evidence."""
    wrong: dict[str, int] = field(default_factory=dict)
    """Confident and wrong verdicts on asked records: what was said for what, and how often."""
    leading: str = ""
    """The leading cause, where it is wrong and confident."""
    has_leading: bool = False
    error: str = ""
    """What the engine raised instead of an attribution."""


def run_cells(cells: Sequence[Cell], *, jobs: int) -> list[CellScore]:
    """Return the score of every cell, in order."""
    if jobs <= 1:
        return [_run_cell(cell) for cell in cells]
    with ProcessPoolExecutor(jobs, mp_context=get_context("spawn")) as pool:
        return list(pool.map(_run_cell, cells))


def make_figures(scores: Sequence[CellScore]) -> dict[str, Figure]:
    """Return `confidently_wrong`, `verdict_right` and `attribution_raised` over the cells."""
    n_wrong = sum(sum(score.wrong.values()) + bool(score.leading) for score in scores)
    n_asked = sum(score.n_asked + score.has_leading for score in scores)
    n_raised = sum(bool(score.error) for score in scores)
    provable = [score for score in scores if score.cell.is_provable]
    n_right, n_failing = sum(s.n_right for s in provable), sum(s.n_failing for s in provable)
    right_low, right_high = wilson_interval(n_right, n_failing) or (0.0, 1.0)
    unit = f"of {n_asked} verdicts on asked records and leading causes"
    return {
        "confidently_wrong": Figure(float(n_wrong), *_interval(n_wrong, n_asked), unit, {}),
        "verdict_right": Figure(n_right / n_failing, right_low, right_high, f"share of {n_failing} records", {}),
        "attribution_raised": Figure(float(n_raised), *_interval(n_raised, len(scores)), f"of {len(scores)} cells", {}),
    }


def mistakes(scores: Sequence[CellScore]) -> list[str]:
    """Return a line for every cell that was judged wrongly and confidently, or not at all."""
    lines = []
    for score in scores:
        told = [f"{what} x{n}" for what, n in score.wrong.items()]
        told += [f"leading: {score.leading}"] if score.leading else []
        told += [f"raised {score.error}"] if score.error else []
        if not told and score.cell.is_provable and score.n_right < score.n_failing:
            told = [f"{score.n_right} of {score.n_failing} right"]
        lines += [f"{score.cell.name}: {', '.join(told)}"] if told else []
    return lines


def _interval(count: int, total: int) -> tuple[float, float]:
    low, high = wilson_interval(count, total) or (0.0, 1.0)
    return low * total, high * total


@cache
def _world() -> tuple[Path, Server, Path]:
    logging.disable(logging.WARNING)
    warnings.simplefilter("ignore")
    memory = Path("/dev/shm")
    root = Path(tempfile.mkdtemp(prefix="seamwatch-evidence-", dir=memory if memory.is_dir() else None))
    return root, Server(), make_store_template(root)


def _run_cell(cell: Cell) -> CellScore:
    root, server, template = _world()
    folder = root / "cell"
    folder.mkdir()
    try:
        records = make_records(cell)
        write_window(cell, records, folder)
        accepted = {str(number): record.accepted for number, record in enumerate(records) if record.accepted}
        try:
            said = _attribute(cell, folder, server, template)
        except Exception as error:
            return CellScore(cell=cell, n_failing=len(accepted), n_right=0, n_asked=0, error=repr(error))
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return score(cell, accepted, said)


def _attribute(cell: Cell, folder: Path, server: Server, template: Path) -> Attribution:
    fault = desk.FAULTS.get(cell.fault)
    server.models["desk"] = DeskModel(is_degraded=fault is not None and fault.is_degraded)  # type: ignore[assignment]
    shutil.copy(template, folder / "store.db")
    store = Store.open(f"sqlite:///{folder / 'store.db'}")
    connections = EnvironmentConnections(
        {
            "AIRFLOW_CONN_BENCH_DB": f"sqlite:///{folder / 'data.db'}",
            "AIRFLOW_CONN_DESK_MODEL": json.dumps({"conn_type": "http", "host": server.url("desk")}),
        }
    )
    try:
        deps = Deps(
            project=load_project(folder),
            connections=connections,
            store=store,
            data_dir=folder / "data",
            ui_url="http://127.0.0.1:8080",
            clock=lambda: NOW,
            notifier=lambda _: FileNotifier(folder / "messages.jsonl"),
        )
        return attribute_window(deps, deps.project.pipeline(NAME), WINDOW)
    finally:
        store.close()


def score(cell: Cell, accepted: dict[str, frozenset[Blame]], said: Attribution) -> CellScore:
    """Return how right the verdicts and the leading cause of a cell are."""
    verdicts = {verdict.key: verdict for verdict in said.verdicts}
    n_right = n_asked = 0
    wrong: dict[str, int] = {}
    for key, allowed in accepted.items():
        verdict = verdicts.get(key)
        if verdict is None:
            continue
        blame = str(verdict.responsibility), verdict.stage
        is_right = _is_accepted(blame, allowed)
        n_right += is_right
        n_asked += verdict.basis != Basis.STRATUM
        if not is_right and blame != UNDETERMINED and verdict.confidence > SURE and verdict.basis != Basis.STRATUM:
            what = f"{'/'.join(sorted(name for name, _ in allowed))} -> {blame[0]}@{blame[1]}"
            wrong[what] = wrong.get(what, 0) + 1
    fault = desk.FAULTS.get(cell.fault)
    leading = said.leading
    may_lead = frozenset([(fault.responsibility, fault.stage)] if fault is not None else [])
    is_wrong = (
        leading is not None
        and leading.responsibility != "undetermined"
        and leading.confidence > SURE
        and not _is_accepted((str(leading.responsibility), leading.stage), may_lead)
    )
    return CellScore(
        cell=cell,
        n_failing=len(accepted),
        n_right=n_right,
        n_asked=n_asked,
        wrong=wrong,
        leading=f"{leading.responsibility}@{leading.stage}" if leading is not None and is_wrong else "",
        has_leading=leading is not None,
    )


def _is_accepted(blame: Blame, allowed: frozenset[Blame]) -> bool:
    """Return whether a verdict is one of those that may be given; where an attack passes, any stage may be named."""
    if blame[0] in ("adversarial_input", "undetermined"):
        return blame[0] in {name for name, _ in allowed}
    return blame in allowed
