"""Measure the model alone on its benchmark, and accept what it reaches as the healthy accuracy."""

from __future__ import annotations

from seamwatch.core.attribution.unchecked_fields import unmade_obstacle
from seamwatch.core.isolation import BenchmarkScore, obstacle
from seamwatch.core.results import Window
from seamwatch.engine.attribute import judge_window
from seamwatch.engine.benchmark import measure, read_benchmark
from seamwatch.engine.deps import Deps
from seamwatch.engine.isolate import Models
from seamwatch.engine.protocols import with_protocols
from seamwatch.engine.reading import StageReader
from seamwatch.engine.window import WindowReader
from seamwatch.errors import AdapterError, DataContractError
from seamwatch.report.verdict_texts import describe_reason
from seamwatch.spec.pipeline import Pipeline


def accept_baseline(deps: Deps, pipeline: Pipeline, window: Window, *, size: int) -> BenchmarkScore:
    """Return the score within `size` benchmark calls, saved input by input as the pipeline's baseline.

    Raises:
        DataContractError: If the pipeline has no benchmark, or lacks a reference for it.
        AdapterError: If no call was answered.
    """
    if pipeline.benchmark is None:
        msg = f"{pipeline.pipeline} has no benchmark; add benchmark: {{table, truth}} to its file"
        raise DataContractError(msg)
    benchmark = pipeline.benchmark
    pipeline = with_protocols(pipeline, deps)
    reader = StageReader(pipeline, deps.connections, deps.project)
    models = Models(deps, pipeline, window)
    models.open_reserve()
    try:
        world = judge_window(deps, WindowReader(reader, window)).world
        hindrance = obstacle(pipeline, world.references) or unmade_obstacle(world)
        if hindrance is not None:
            raise DataContractError(f"{pipeline.pipeline}: {describe_reason(hindrance)}")
        inputs = read_benchmark(pipeline, benchmark, reader, world)
        score = measure(pipeline, inputs, world, models, size=size, baseline_accuracy=None)
    finally:
        reader.close()
    if score.accuracy is None:
        told = "; ".join((*models.notes, *score.notes))
        msg = f"{pipeline.pipeline}: no benchmark call was answered: {told}"
        raise AdapterError(msg)
    deps.store.save_baseline(pipeline.pipeline, score.accuracy, score.n_judged, now=deps.clock(), results=score.results)
    return score
