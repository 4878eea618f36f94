"""The model alone on benchmark inputs: every part before and behind it is the reference, only the model is real."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from seamwatch.core.benchmark import BenchmarkResult
from seamwatch.core.detection.rates import shortfall_p_value, wilson_interval
from seamwatch.core.interventions import Ask, Trial, World, run_trial
from seamwatch.core.reasons import Reason, ReasonKind
from seamwatch.core.records.comparison import strict_text
from seamwatch.core.records.outcomes import judge_by_truth
from seamwatch.core.records.references import Reference
from seamwatch.plurals import plural
from seamwatch.spec.pipeline import Pipeline
from seamwatch.vocabulary import OutcomeState, StageKind

REPEAT_EVERY = 5
"""One input in so many is asked a second time."""


@dataclass(frozen=True, kw_only=True)
class BenchmarkScore:
    """How often the model alone was right."""

    n_right: int
    n_judged: int
    accuracy: float | None
    accuracy_low: float | None
    accuracy_high: float | None
    p_degraded: float | None
    """Exact binomial p of so few right answers at the baseline; None without a baseline."""
    notes: tuple[str, ...] = ()
    results: tuple[BenchmarkResult, ...] = ()
    """By input, in the order asked."""


def split_calls(size: int, per_input: int = 1) -> tuple[int, int]:
    """Return how many inputs are asked once, and how many of them a second time, within `size` calls.

    Args:
        size: Calls.
        per_input: Calls that an input takes: one of each model.

    The second answers show how much the model differs from itself on one day: a fifth of the inputs, where there are
    calls for it.
    """
    n_tries = size // per_input
    n_again = n_tries // (REPEAT_EVERY + 1)
    return n_tries - n_again, n_again


def spread_sample(n_rows: int, size: int) -> np.ndarray[Any, np.dtype[np.int64]]:
    """Return `size` row numbers spread evenly over `n_rows`, the same ones every time."""
    size = min(size, n_rows)
    return np.unique((2 * np.arange(size) + 1) * n_rows // (2 * size)) if size else np.arange(0)


def obstacle(pipeline: Pipeline, references: Mapping[str, Reference]) -> Reason | None:
    """Return why the benchmark cannot be run through this pipeline, or None if it can."""
    others = tuple(s.name for s in pipeline.stages[1:] if s.kind is StageKind.SOURCE)
    missing = tuple(
        stage.name
        for stage in pipeline.stages
        if stage.kind not in (StageKind.SOURCE, StageKind.MODEL) and stage.name not in references
    )
    if others:
        return Reason(kind=ReasonKind.BENCHMARK_SOURCES, stages=others)
    if missing:
        return Reason(kind=ReasonKind.BENCHMARK_REFERENCES, stages=missing)
    return None


def score_benchmark(
    pipeline: Pipeline,
    inputs: pd.DataFrame,
    truths: pd.DataFrame,
    references: Mapping[str, Reference],
    ask: Ask,
    *,
    baseline_accuracy: float | None,
    text_responses: frozenset[str] = frozenset(),
    n_again: int = 0,
) -> BenchmarkScore:
    """Return the model's accuracy on benchmark inputs, called through perfect parts.

    Args:
        pipeline: With a `benchmark`.
        inputs: Payloads in the shape of the first stage, index key.
        truths: Index key, the benchmark's truth columns.
        references: By stage, complete (see `obstacle`).
        ask: Calls the model.
        baseline_accuracy: Accepted accuracy, or None.
        text_responses: Model stages whose response column holds the answer's text, not the body.
        n_again: Inputs that are asked a second time.

    An answer that did not come (budget, endpoint) is left out of the count, and said in `notes`.
    """
    assert pipeline.benchmark is not None
    compare = pipeline.benchmark.truth
    nothing = inputs.iloc[:0, :0]
    world = World(
        pipeline=pipeline,
        recorded={
            stage.name: inputs if stage == pipeline.first_stage else nothing.reindex(inputs.index)
            for stage in pipeline.stages
        },
        references=references,
        reconciled={},
        text_responses=text_responses,
        judge=lambda final: judge_by_truth(final, truths, compare),
    )
    trial = run_trial(world, inputs.index, {}, ask, purpose="benchmark", from_scratch=True)
    judged = trial.outcomes[trial.outcomes["state"] != OutcomeState.PENDING]
    results = _results(world, trial, ask, n_again)
    n_right, n_judged = int((judged["state"] == OutcomeState.RIGHT).sum()), len(judged)
    interval = wilson_interval(n_right, n_judged)
    gaps = trial.outcomes["gap"].dropna().value_counts()
    return BenchmarkScore(
        n_right=n_right,
        n_judged=n_judged,
        accuracy=n_right / n_judged if n_judged else None,
        accuracy_low=interval[0] if interval else None,
        accuracy_high=interval[1] if interval else None,
        p_degraded=(
            None if baseline_accuracy is None else shortfall_p_value(n_right, n_judged, base_rate=baseline_accuracy)
        ),
        notes=tuple(
            f"{count:,} of {plural(len(inputs), 'benchmark input')} got no answer: {gap}" for gap, count in gaps.items()
        ),
        results=results,
    )


def _results(world: World, trial: Trial, ask: Ask, n_again: int) -> tuple[BenchmarkResult, ...]:
    """Return what became of each input, some of them asked a second time."""
    keys = trial.outcomes.index
    twice = keys[spread_sample(len(keys), n_again)]
    again: dict[Any, str | None] = {}
    if len(twice):
        second = run_trial(world, twice, {}, ask, attempt=1, purpose="benchmark", from_scratch=True)
        again = _answers(world, second)
    first, names = _answers(world, trial), _models(world, trial)
    rights: dict[Any, bool] = {OutcomeState.RIGHT: True, OutcomeState.WRONG: False}
    return tuple(
        BenchmarkResult(
            key=str(key),
            is_right=rights.get(trial.outcomes.at[key, "state"]),
            answer=first[key],
            again=again.get(key),
            model=names.get(key),
        )
        for key in keys
    )


def _answers(world: World, trial: Trial) -> dict[Any, str | None]:
    """Return a hash of the compared final fields by key; None where the model gave no answer."""
    assert world.pipeline.benchmark is not None
    final = trial.payloads[world.pipeline.final_stage.name]
    fields = [name for name in world.pipeline.benchmark.truth if name in final.columns]
    return {
        key: None if gap is not None else _hash([strict_text(final.at[key, name]) for name in fields])
        for key, gap in trial.outcomes["gap"].items()
    }


def _hash(values: list[str | None]) -> str:
    return hashlib.sha256(repr(values).encode()).hexdigest()[:16]


def _models(world: World, trial: Trial) -> dict[Any, str | None]:
    stage = next(s.name for s in reversed(world.order) if s.kind is StageKind.MODEL)
    return {key: answer.model for key, answer in trial.answers.get(stage, {}).items()}
