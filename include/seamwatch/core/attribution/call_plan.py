"""How a run's calls are shared: only so many records are replayed as can be judged, and the benchmark has its part."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from seamwatch.core.attribution.evidence import Evidence
from seamwatch.core.attribution.several_models import models_behind_labels

BENCHMARK_SHARE = 0.25
"""Of a run's calls, what replays and experiments leave for the benchmark at most."""


def kept_for_benchmark(wanted: int, run: int) -> int:
    """Return the calls of a run that only the benchmark may use.

    Args:
        wanted: Calls that it would make.
        run: Calls that the run may make.
    """
    return min(wanted, int(BENCHMARK_SHARE * run))


def calls_per_record(evidence: Evidence, keys: Iterable[Any]) -> float:
    """Return how many calls it likely takes to judge one of the records; 1.0 where there are none.

    A clean request; then either the recorded one, and a try for every stage that may be to blame, or the experiments
    that come before the model is blamed. Each asks every model of the chain, but what tells several models apart asks
    those behind a label alone. Records that are asked and then not judged are calls for nothing.
    """
    per_try = max(len(evidence.models), 1)
    telling_apart = sum(map(len, models_behind_labels(evidence).values()))
    needs = [
        per_try + max(per_try * _repairs(evidence, key), per_try * _experiments(evidence, key) + telling_apart)
        for key in keys
    ]
    return sum(needs) / len(needs) if needs else 1.0


def affordable_records(calls: int, per_record: float) -> int:
    """Return how many records can be replayed and judged with so many calls; at least one where there is a call."""
    return max(int(calls / per_record), min(calls, 1))


def _repairs(evidence: Evidence, key: Any) -> int:
    stages = len(evidence.stages_of(key) & evidence.before_model)
    return stages and 1 + (stages if stages > 1 else 0)


def _experiments(evidence: Evidence, key: Any) -> int:
    n = sum(key in corrections.index for corrections in evidence.world.corrections.values())
    return n + (key in evidence.instructed) + (key in evidence.outdated)
