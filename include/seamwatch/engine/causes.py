"""Which causes of a window are a change, against what was accepted and the windows before."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from seamwatch.core.attribution.causes import ACCEPTED_RECORDS, BaseRates, find_causes, lingering_causes
from seamwatch.core.change import HISTORY_WINDOWS, Budget, read_history
from seamwatch.core.results import Cause, Verdict, Window
from seamwatch.engine.deps import Deps
from seamwatch.spec.pipeline import Pipeline
from seamwatch.vocabulary import OutcomeState, Responsibility

_BESIDE_STAGES = 3
"""Causes beyond one a stage: the provider, adversarial input, undetermined."""


@dataclass(frozen=True, kw_only=True)
class WindowCauses:
    """What struck a window."""

    causes: tuple[Cause, ...]
    """Those that are a change first."""
    lingering: tuple[tuple[Responsibility, str | None], ...]
    """Causes of earlier windows that struck nothing here and yet cannot be called over."""


def window_causes(
    deps: Deps,
    pipeline: Pipeline,
    window: Window,
    verdicts: Sequence[Verdict],
    outcomes: pd.DataFrame,
    times: pd.Series[Any],
) -> WindowCauses:
    """Return the causes of a window.

    Args:
        deps: The store holds the windows before; the window itself and later ones are not looked at.
        pipeline: Its definition.
        window: The span of time.
        verdicts: One per failing record.
        outcomes: Index key; `state`.
        times: See `judged_times`.
    """
    is_judged = outcomes["state"] != OutcomeState.PENDING
    are_late = pipeline.outcome is not None and pipeline.outcome.truth is not None
    n_judged, base = int(is_judged.sum()), base_rates(deps, pipeline, window)
    budget = Budget(
        n_candidates=len(pipeline.stages) + _BESIDE_STAGES,
        share_judged=float(is_judged.mean()) if len(is_judged) and are_late else None,
    )
    causes = find_causes(verdicts, times, n_judged=n_judged, base=base, budget=budget)
    return WindowCauses(causes=causes, lingering=lingering_causes(causes, n_judged=n_judged, base=base))


def judged_times(outcomes: pd.DataFrame, times: pd.Series[Any]) -> pd.Series[Any]:
    """Return the times of the records whose outcome is right or wrong, by key as text."""
    is_judged = (outcomes["state"] != OutcomeState.PENDING).reindex(times.index, fill_value=False)
    known = times[is_judged.to_numpy()]
    return known.set_axis(known.index.map(str))


def base_rates(deps: Deps, pipeline: Pipeline, window: Window) -> BaseRates:
    """Return what a healthy window of the pipeline has, as it was known when this window began."""
    history = read_history(deps.store.cause_history(pipeline.pipeline, window.start, HISTORY_WINDOWS))
    stated = pipeline.benchmark.baseline_accuracy if pipeline.benchmark is not None else None
    if stated is not None:
        return BaseRates(accuracy=stated, accuracy_records=ACCEPTED_RECORDS, history=history)
    stored = deps.store.baseline(pipeline.pipeline)
    if stored is None:
        return BaseRates(history=history)
    return BaseRates(accuracy=stored[0], accuracy_records=float(stored[1]), history=history)


def accepted_accuracy(deps: Deps, pipeline: Pipeline) -> float | None:
    """Return the model's accepted accuracy: as the pipeline file states it, or as it was measured; None if unknown."""
    if pipeline.benchmark is not None and pipeline.benchmark.baseline_accuracy is not None:
        return pipeline.benchmark.baseline_accuracy
    stored = deps.store.baseline(pipeline.pipeline)
    return None if stored is None else stored[0]
