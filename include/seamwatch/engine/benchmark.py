"""Measure the model alone on its benchmark inputs, and compare it with its baseline on the same ones."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pandas as pd

from seamwatch.core.attribution.unchecked_fields import unmade_obstacle
from seamwatch.core.benchmark import BenchmarkResult, Comparison, compare_results
from seamwatch.core.finding import Finding
from seamwatch.core.interventions import World
from seamwatch.core.isolation import BenchmarkScore, obstacle, score_benchmark, split_calls, spread_sample
from seamwatch.core.records.comparison import strict_text
from seamwatch.core.records.frames import stage_data
from seamwatch.core.results import IsolationResult
from seamwatch.engine.causes import accepted_accuracy
from seamwatch.engine.deps import Deps
from seamwatch.engine.isolate import Models
from seamwatch.engine.reading import StageReader, read_relation
from seamwatch.plurals import plural
from seamwatch.report.verdict_texts import describe_reason
from seamwatch.spec.pipeline import Benchmark, Pipeline
from seamwatch.vocabulary import Responsibility, StageKind

_CONFIRMING = 30
"""Tries that show whether the model is grossly worse, where nothing else says so."""


@dataclass(frozen=True, kw_only=True)
class BenchmarkInputs:
    """The rows of a benchmark table; all indexes are the input's key."""

    payloads: pd.DataFrame
    """In the shape of the first stage."""
    rows: pd.DataFrame
    """Every column, the truths among them."""


def isolate(
    deps: Deps,
    pipeline: Pipeline,
    reader: StageReader,
    world: World,
    models: Models,
    causes: Sequence[Finding],
    *,
    reproduced: float | None,
) -> IsolationResult:
    """Return what the model does when it is called alone; the benchmark is asked only if a cause is a change."""
    stage = next((s for s in reversed(pipeline.stages) if s.kind is StageKind.MODEL), None)
    accepted = accepted_accuracy(deps, pipeline)
    measured: BenchmarkScore | None = None
    compared: Comparison | None = None
    notes: list[str] = []
    wanted = benchmark_size(pipeline, causes)
    if pipeline.benchmark is not None and wanted:
        size = min(wanted, models.calls_for_benchmark())
        if size < wanted:
            notes.append(f"the budget left {size:,} of {plural(wanted, 'call')} for the benchmark")
        hindrance = obstacle(pipeline, world.references) or unmade_obstacle(world)
        if hindrance is not None:
            notes.append(describe_reason(hindrance))
        elif size >= calls_per_input(pipeline):
            measured, compared = measure_now(
                deps, pipeline, pipeline.benchmark, reader, world, models, size=size, accepted=accepted
            )
    names = world.recorded[stage.name]["_model"].dropna() if stage else pd.Series(dtype=object)
    return IsolationResult(
        stage=stage.name if stage else None,
        model=str(names.mode().iloc[0]) if len(names) else None,
        calls=models.calls,
        cost_usd=models.cost_usd,
        n_benchmark=measured.n_judged if measured else 0,
        n_right=measured.n_right if measured else 0,
        accuracy=measured.accuracy if measured else None,
        accuracy_low=measured.accuracy_low if measured else None,
        accuracy_high=measured.accuracy_high if measured else None,
        baseline_accuracy=accepted,
        p_degraded=measured.p_degraded if measured else None,
        reproduced=reproduced,
        standing=compared.standing if compared else None,
        n_paired=compared.n_paired if compared else 0,
        n_better=compared.n_better if compared else 0,
        n_worse=compared.n_worse if compared else 0,
        p_paired=compared.p_paired if compared else None,
        n_changed_answers=compared.n_changed_answers if compared else 0,
        n_repeated=compared.n_repeated if compared else 0,
        n_unstable=compared.n_unstable if compared else 0,
        model_before=compared.model_before if compared else None,
        model_changed=compared.model_changed if compared else None,
        segments=compared.segments if compared else (),
        notes=(*models.notes, *(measured.notes if measured else ()), *notes),
    )


def measure_now(
    deps: Deps,
    pipeline: Pipeline,
    benchmark: Benchmark,
    reader: StageReader,
    world: World,
    models: Models,
    *,
    size: int,
    accepted: float | None,
) -> tuple[BenchmarkScore, Comparison | None]:
    """Return the model's score within `size` calls, and how it compares with the baseline on the same inputs.

    Inputs that the baseline was measured on are asked where they are enough. Errors as `read_relation`.
    """
    inputs = read_benchmark(pipeline, benchmark, reader, world)
    baseline = deps.store.baseline_results(pipeline.pipeline)
    chosen = _known_first(inputs, baseline, split_calls(size, calls_per_input(pipeline))[0])
    score = measure(pipeline, chosen, world, models, size=size, baseline_accuracy=accepted)
    return score, compare_results(score.results, baseline, _segments(pipeline, inputs))


def benchmark_size(pipeline: Pipeline, causes: Sequence[Finding]) -> int:
    """Return how many calls the benchmark is worth; few where replays have shown that the model is not the matter.

    Without a change, or without a benchmark, it is not asked.
    """
    changes = {cause.responsibility for cause in causes if cause.is_change}
    if pipeline.benchmark is None or not changes:
        return 0
    is_suspect = bool(changes & {Responsibility.MODEL, Responsibility.UNDETERMINED})
    sample = pipeline.benchmark.sample
    return sample if is_suspect else min(sample, _CONFIRMING * calls_per_input(pipeline))


def calls_per_input(pipeline: Pipeline) -> int:
    """Return how many calls a benchmark input takes: one of each model."""
    return max(1, sum(stage.kind is StageKind.MODEL for stage in pipeline.stages))


def measure(
    pipeline: Pipeline,
    inputs: BenchmarkInputs,
    world: World,
    models: Models,
    *,
    size: int,
    baseline_accuracy: float | None,
) -> BenchmarkScore:
    """Return the model's score on benchmark inputs, spread evenly over the table, within `size` calls."""
    n_once, n_again = split_calls(size, calls_per_input(pipeline))
    chosen = spread_sample(len(inputs.rows), n_once)
    return score_benchmark(
        pipeline,
        inputs.payloads.iloc[chosen],
        inputs.rows.iloc[chosen],
        world.references,
        models.ask,
        baseline_accuracy=baseline_accuracy,
        text_responses=world.text_responses,
        n_again=n_again,
    )


def read_benchmark(pipeline: Pipeline, benchmark: Benchmark, reader: StageReader, world: World) -> BenchmarkInputs:
    """Return the benchmark's inputs; errors as `read_relation`."""
    key = benchmark.key or pipeline.key
    source = reader.source(benchmark.database or pipeline.database)
    rows = read_relation(source, table=benchmark.table, query=benchmark.query, key=key)
    first = pipeline.first_stage
    payload = stage_data(rows, first.model_copy(update={"ignore": ()}), key=key, time=None).payload
    columns = [c for c in world.recorded[first.name].columns if c in payload.columns]
    return BenchmarkInputs(payloads=payload[columns], rows=rows.set_index(key))


def _known_first(inputs: BenchmarkInputs, baseline: Sequence[BenchmarkResult], n_once: int) -> BenchmarkInputs:
    """Return the inputs that the baseline was measured on, if they are enough; else all of them."""
    known = inputs.rows.index.map(str).isin({one.key for one in baseline})
    if known.sum() < min(n_once, len(known)) / 2:
        return inputs
    return BenchmarkInputs(payloads=inputs.payloads[known], rows=inputs.rows[known])


def _segments(pipeline: Pipeline, inputs: BenchmarkInputs) -> Mapping[str, Mapping[str, str]]:
    """Return the value of each input by key, for the segments that a benchmark's columns can tell."""
    found: dict[str, dict[str, str]] = {}
    for segment in pipeline.segments:
        stage, _, field = segment.partition(".")
        if stage == pipeline.first_stage.name and field in inputs.rows.columns:
            texts = ((key, strict_text(value)) for key, value in inputs.rows[field].items())
            found[segment] = {str(key): text for key, text in texts if text is not None}
    return found
