"""Which causes of a window are a change, against what was accepted and the windows before."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from seamwatch.core.attribution.causes import (
    ACCEPTED_RECORDS,
    BaseRates,
    find_causes,
    is_failing_rate_change,
    lingering_causes,
)
from seamwatch.core.detection.recent_change import Parts, count_parts, part_of
from seamwatch.core.detection.window_change import HISTORY_WINDOWS, Budget, read_history
from seamwatch.core.finding import Finding
from seamwatch.core.results import Verdict, Window
from seamwatch.engine.deps import Deps
from seamwatch.spec.pipeline import Pipeline
from seamwatch.vocabulary import OutcomeState, Responsibility

BESIDE_STAGES = 3
"""Causes beyond one a stage: the provider, adversarial input, undetermined."""


@dataclass(frozen=True, kw_only=True)
class ChangeTest:
    """What tells a change of a window from what healthy windows have."""

    base: BaseRates
    budget: Budget
    n_judged: int
    n_failing: int
    parts: Parts
    """Failing and judged records of the window's spans."""
    times: pd.Series[Any]
    """See `judged_times`."""
    window: Window

    @property
    def is_failing_rate_change(self) -> bool:
        """Return whether more records fail than in healthy windows, whatever their causes."""
        return is_failing_rate_change(
            self.n_failing, n_judged=self.n_judged, base=self.base, budget=self.budget, parts=self.parts
        )

    def causes(self, verdicts: Sequence[Verdict]) -> tuple[Finding, ...]:
        """Return the causes of the window that its verdicts show, those that are a change first."""
        return find_causes(
            verdicts, self.times, n_judged=self.n_judged, base=self.base, budget=self.budget, window=self.window
        )

    def lingering(self, causes: Sequence[Finding]) -> tuple[tuple[Responsibility, str | None], ...]:
        """Return causes of earlier windows that these do not show as a change and yet cannot be called over."""
        return lingering_causes(causes, n_judged=self.n_judged, base=self.base)


def change_test(
    deps: Deps, pipeline: Pipeline, window: Window, outcomes: pd.DataFrame, times: pd.Series[Any]
) -> ChangeTest:
    """Return the test of a window's causes.

    Args:
        deps: The store holds the windows before; the window itself and later ones are not looked at.
        pipeline: Its definition.
        window: The span of time.
        outcomes: Index key; `state`.
        times: See `judged_times`.
    """
    is_judged = outcomes["state"] != OutcomeState.PENDING
    outcome = pipeline.outcome
    are_late = outcome is not None and (outcome.truth is not None or pipeline.review is not None or outcome.people)
    spans = part_of(times, window.start, window.end)
    is_failing = (outcomes["state"] == OutcomeState.WRONG).astype(float)
    return ChangeTest(
        base=base_rates(deps, pipeline, window),
        budget=Budget(
            n_candidates=len(pipeline.stages) + BESIDE_STAGES,
            share_judged=float(is_judged.mean()) if len(is_judged) and are_late else None,
        ),
        n_judged=int(is_judged.sum()),
        n_failing=int(is_failing.sum()),
        parts=Parts(
            length=window.end - window.start,
            judged=count_parts(spans),
            failing=count_parts(spans, is_failing.set_axis(is_failing.index.map(str))),
        ),
        times=times,
        window=window,
    )


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
