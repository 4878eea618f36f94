"""Seams drawn by chance: how often a healthy one is called changed, and a changed one in its first window."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pandas as pd

from seamwatch.core.detection.window_change import WindowCount
from seamwatch.core.results import Window
from seamwatch.core.watch.seams import Seam, count_seam, evaluate_seams, seam_budget
from seamwatch.engine.causes import BESIDE_STAGES
from seamwatch.spec.pipeline import Pipeline

RECORDS = 400
STRIKES = (0.05, 0.1, 0.2)
"""Shares of a window's records that a change spoils."""
USUAL = (0.0, 0.002, 0.02, 0.1, 0.3)
"""Shares that differ where nothing is wrong: by chance, by a known exception, by a reference that is not exact."""
EXACT = 0.02
"""A reference that differs in more records than this is not exact; a change of 5 % may drown in what always differs."""
DAY = timedelta(days=1)
START = datetime(2026, 1, 5, tzinfo=UTC)
PIPELINE = Pipeline.model_validate(
    {
        "pipeline": "drawn",
        "database": "dw",
        "key": "id",
        "stages": [
            {"name": "orders", "kind": "source", "table": "orders"},
            *({"name": f"seam_{n}", "kind": "mapping", "table": f"t{n}", "reference": "f:g"} for n in range(5)),
        ],
    }
)
SEAMS = PIPELINE.stages[1:]


@dataclass
class Counts:
    """What became of the windows."""

    n_healthy: int = 0
    n_false: int = 0
    n_changed: int = 0
    n_found: int = 0
    n_changed_inexact: int = 0
    """Changes of seams whose reference is not exact."""
    n_found_inexact: int = 0


def measure(n_pipelines: int, *, n_windows: int, seed: int) -> Counts:
    """Return how many healthy windows, and how many changes, were called a change.

    Args:
        n_pipelines: Drawn one after the other, each with five seams that differ as usual in a share of their records.
        n_windows: Healthy windows of each; one that is called changed is false, whichever seam it is. After them one
            seam changes, in all of the window or from some moment in it on.
        seed: Of the draws.
    """
    random, counts = np.random.default_rng(seed), Counts()
    for number in range(n_pipelines):
        usual = random.choice(USUAL, len(SEAMS))
        history: dict[str, list[WindowCount]] = {stage.name: [] for stage in SEAMS}
        for day in range(n_windows):
            counts.n_healthy += 1
            counts.n_false += bool(_look(day, list(_draw(random, usual)), history))
        struck = number % len(SEAMS)
        drawn = list(_draw(random, usual))
        strike = STRIKES[number % len(STRIKES)]
        first = int(random.integers(0, RECORDS // 2)) if number % 2 else 0
        spoiled = first + random.choice(RECORDS - first, round(strike * RECORDS), replace=False)
        drawn[struck] = drawn[struck] | set(spoiled.tolist())
        is_found = SEAMS[struck].name in _look(n_windows, drawn, history)
        if usual[struck] <= EXACT:
            counts.n_changed += 1
            counts.n_found += is_found
        else:
            counts.n_changed_inexact += 1
            counts.n_found_inexact += is_found
    return counts


def _draw(random: np.random.Generator, usual: Any) -> Iterator[set[int]]:
    for share in usual:
        yield set(np.flatnonzero(random.random(RECORDS) < share).tolist())


def _look(day: int, differing: list[set[int]], history: dict[str, list[WindowCount]]) -> set[str]:
    window = Window(start=START + day * DAY, end=START + (day + 1) * DAY)
    times = pd.Series([window.start + at * DAY / RECORDS for at in range(RECORDS)], index=range(RECORDS))
    seams = [
        Seam(
            stage=stage,
            compared=pd.RangeIndex(RECORDS),
            differing=pd.Index(sorted(keys)),
            fields={"product": len(keys)} if keys else {},
            examples=(),
        )
        for stage, keys in zip(SEAMS, differing, strict=True)
    ]
    budget = seam_budget(PIPELINE, seams, beside=BESIDE_STAGES)
    found = evaluate_seams(PIPELINE, window, seams, times, history, budget, judged=(), wrong=())
    changed = {change.seam.stage.name for change in found.changes}
    for seam in seams:
        name = seam.stage.name
        history[name].append(count_seam(seam, times, window, is_change=name in changed))
    return changed
