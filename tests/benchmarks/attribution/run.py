"""Run plans one after the other in one process, or spread over some."""

from __future__ import annotations

import atexit
import logging
import shutil
import tempfile
import time
import warnings
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import cache
from multiprocessing import get_context
from pathlib import Path

from scipy import stats

from attribution.ask import ask, check_sources, make_store_template
from attribution.incident import Incident, Plan, expected_incident, make_incident, write_incident
from attribution.plans import SMALL_PAIR
from attribution.rivals import look, rival_scores
from attribution.score import Scored, name_of, score_attribution, with_history
from attribution.sequential import with_sequential
from attribution.server import Server
from attribution.truth import Blame


class Worker:
    """What the incidents of one process share: a server, a migrated store to copy, and a folder."""

    def __init__(self) -> None:
        memory = Path("/dev/shm")
        self.root = Path(tempfile.mkdtemp(prefix="seamwatch-bench-", dir=memory if memory.is_dir() else None))
        self.server = Server()
        self.template = make_store_template(self.root)
        self._number = 0

    def close(self) -> None:
        self.server.close()
        shutil.rmtree(self.root, ignore_errors=True)

    def run(self, plan: Plan) -> Scored:
        """Return the scores of one incident."""
        started = time.perf_counter()
        incident = make_incident(plan)
        self._number += 1
        folder = self.root / f"i{self._number}"
        folder.mkdir()
        try:
            write_incident(incident, folder)
            modes = {}
            store = self.template if plan.family == "healthy" else check_sources(incident, folder, self.template)
            # A healthy window is looked at as a user would; replaying everything there shows nothing further. Of the
            # small pairs only the causes are counted.
            is_plain = plan.family in ("healthy", SMALL_PAIR)
            for mode in ("sampled",) if is_plain else ("exhaustive", "sampled"):
                said = ask(incident, folder, self.server, store, mode=mode)
                modes[mode] = score_attribution(incident, said)
            rivals = {}
            if not is_plain and not plan.removed:
                modes["sampled"] = with_history(modes["sampled"], incident, said.attribution)
                seen = look(incident, folder, self.template)
                rivals = rival_scores(incident, seen)
                modes["sampled"] = with_sequential(modes["sampled"], said.attribution, seen)
        finally:
            shutil.rmtree(folder, ignore_errors=True)
        found = detectable(incident)
        return Scored(
            name=plan.name,
            family=plan.family,
            shape=plan.shape,
            facts={
                "faults": [fault.name for fault in plan.faults],
                "severity": max((fault.severity for fault in plan.faults), default=0.0),
                "accuracy": plan.accuracy,
                "flip_rate": plan.flip_rate,
                "mislabelled": plan.mislabelled,
                "late": plan.late,
                "removed": plan.removed,
                "n": plan.n,
                "n_judged": len(incident.labels),
                "baseline_accuracy": incident.baseline_accuracy,
            },
            n_failing=len(incident.causes),
            n_changed=incident.n_changed,
            expected=tuple(sorted(name_of(blame) for blame in expected_incident(incident))),
            is_detectable=bool(found),
            are_all_detectable=found == expected_incident(incident),
            modes=modes,
            rivals=rivals,
            seconds=time.perf_counter() - started,
        )


def detectable(incident: Incident) -> frozenset[Blame]:
    """Return the injected causes that changed so many outcomes that who knew all causes would call it a change.

    Exact one-sided binomial, against the model's true error rate for a fault of the model, and against two in a
    thousand for any other; from three records on. The level is what leaves one false incident in 1,000 healthy windows
    over all causes that could be told apart: one a stage, and three beside.
    """
    level = 0.001 / (len(incident.shape.stages) + 3)
    counts = Counter(cause.primary for cause in incident.causes.values())
    found = set()
    for blame in expected_incident(incident):
        base = 1 - incident.baseline_accuracy if blame[0] == "model" else 0.002
        n = counts[blame]
        if n >= 3 and stats.binom.sf(n - 1, max(len(incident.labels), n), base) < level:
            found.add(blame)
    return frozenset(found)


@cache
def _worker() -> Worker:
    """Return the one worker of this process, made at the first call."""
    logging.disable(logging.WARNING)
    warnings.simplefilter("ignore")
    worker = Worker()
    atexit.register(worker.close)
    return worker


def _run_one(plan: Plan) -> Scored:
    return _worker().run(plan)


def run_all(plans: Sequence[Plan], *, jobs: int) -> Iterator[Scored]:
    """Yield the scores of the plans in their order."""
    if jobs <= 1:
        worker = Worker()
        try:
            yield from map(worker.run, plans)
        finally:
            worker.close()
        return
    with ProcessPoolExecutor(jobs, mp_context=get_context("spawn")) as pool:
        yield from pool.map(_run_one, plans)
