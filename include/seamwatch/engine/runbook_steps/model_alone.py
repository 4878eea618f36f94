"""What the model does when it is called alone: as it was measured in the incident's window, and now."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta

from seamwatch.core.attribution.unchecked_fields import unmade_obstacle
from seamwatch.core.benchmark_measure import BenchmarkMeasure
from seamwatch.core.incident_life import Incident
from seamwatch.core.interventions import World
from seamwatch.core.isolation import obstacle
from seamwatch.core.records.values import canonical_json, is_null
from seamwatch.core.replays import ModelCall
from seamwatch.core.results import Window
from seamwatch.core.runbooks import StepFinding
from seamwatch.engine.attribute import judge_window
from seamwatch.engine.benchmark import calls_per_input, measure_now
from seamwatch.engine.causes import accepted_accuracy
from seamwatch.engine.deps import Deps
from seamwatch.engine.isolate import Models
from seamwatch.engine.runbook_steps.evidence import attributed_window, attribution_of
from seamwatch.engine.window import WindowReader, open_window
from seamwatch.errors import SeamwatchError
from seamwatch.plurals import plural
from seamwatch.report import numbers
from seamwatch.report import runbook_model_texts as model_texts
from seamwatch.report import runbook_texts as texts
from seamwatch.report.sentences import is_of
from seamwatch.report.text import first_sentence
from seamwatch.report.verdict_texts import describe_reason
from seamwatch.spec.pipeline import Pipeline, Stage
from seamwatch.vocabulary import Basis, Responsibility, StageKind

_RECENT = timedelta(days=1)
"""How much of a long window is read for a request of it."""


def benchmark(deps: Deps, pipeline: Pipeline, incident: Incident) -> StepFinding:
    """Return how the model alone does on its benchmark now, against its baseline."""
    del incident  # the model is measured as it is now
    stage = _last_model(pipeline)
    if stage is None:
        return texts.unknown(f"{pipeline.pipeline} has no model to measure.")
    return model_texts.benchmark(measure_benchmark(deps, pipeline), stage=stage.name, pipeline=pipeline.pipeline)


def measure_benchmark(deps: Deps, pipeline: Pipeline) -> BenchmarkMeasure:
    """Return how the model alone does on its benchmark set now, within the budget; every call is made anew.

    What keeps it from being measured is told in the measure, never raised.
    """
    accepted = None
    try:
        accepted = accepted_accuracy(deps, pipeline)
        return _measure(deps, pipeline, accepted)
    except SeamwatchError as error:
        return BenchmarkMeasure(score=None, baseline_accuracy=accepted, obstacle=_short(error))


def planned_benchmark(deps: Deps, pipeline: Pipeline, incident: Incident) -> StepFinding:
    """Return how many calls the benchmark would take now, without any of them."""
    del incident
    stage, benchmark_set = _last_model(pipeline), pipeline.benchmark
    if stage is None:
        return texts.unknown(f"{pipeline.pipeline} has no model to measure.")
    with _ready(deps, pipeline) as ready:
        if isinstance(ready, str) or benchmark_set is None:
            return texts.unknown(f"{stage.name} would not be measured on the benchmark: {ready}.")
        return model_texts.planned_benchmark(stage.name, size=ready.size, sample=benchmark_set.sample)


@dataclass(frozen=True, kw_only=True)
class _Ready:
    """What the benchmark is measured with."""

    window: WindowReader
    world: World
    models: Models
    size: int
    """Most calls."""


@contextmanager
def _ready(deps: Deps, pipeline: Pipeline) -> Iterator[_Ready | str]:
    """Yield what the benchmark is measured with, or what keeps it from being measured; no model is called."""
    benchmark_set, name = pipeline.benchmark, pipeline.pipeline
    window = next(iter(deps.store.windows(name, limit=1)), None)
    if benchmark_set is None or window is None:
        yield (
            f"no window of {name} was run yet; `seamwatch run {name}` runs one"
            if benchmark_set is not None
            else f"{name}.yaml has no benchmark; add `benchmark: {{table, truth}}`"
        )
        return
    with open_window(deps, pipeline, window) as rows:
        world = judge_window(deps, rows).world
        hindrance = obstacle(rows.pipeline, world.references) or unmade_obstacle(world)
        models = Models(deps, rows.pipeline, window, shares_answers=False)
        models.open_reserve()
        size = min(benchmark_set.sample, models.calls_for_benchmark())
        if hindrance is not None:
            yield describe_reason(hindrance).rstrip(".")
        elif size < calls_per_input(rows.pipeline):
            yield "the budget for model calls is spent (`isolation` in the pipeline file)"
        else:
            yield _Ready(window=rows, world=world, models=models, size=size)


def _measure(deps: Deps, pipeline: Pipeline, accepted: float | None) -> BenchmarkMeasure:
    none = BenchmarkMeasure(score=None, baseline_accuracy=accepted)
    benchmark_set = pipeline.benchmark
    with _ready(deps, pipeline) as ready:
        if isinstance(ready, str) or benchmark_set is None:
            return replace(none, obstacle=str(ready))
        models, size = ready.models, ready.size
        score, compared = measure_now(
            deps,
            ready.window.pipeline,
            benchmark_set,
            ready.window.reader,
            ready.world,
            models,
            size=size,
            accepted=accepted,
        )
    short = (
        (f"The budget left {size:,} of {plural(benchmark_set.sample, 'call')}.",) if size < benchmark_set.sample else ()
    )
    notes = (*short, *score.notes, *models.notes)
    if score.accuracy is None:
        why = next(iter((*models.notes, *score.notes)), "no call was answered").rstrip(".")
        return replace(none, obstacle=why, notes=notes)
    return BenchmarkMeasure(score=score, comparison=compared, baseline_accuracy=accepted, notes=notes)


def isolation(deps: Deps, pipeline: Pipeline, incident: Incident) -> StepFinding:
    """Return what the model did alone in the incident's window, on the benchmark and on the affected records' requests.

    Records count that were replayed by themselves: verdicts of integration say that the model was right on the clean
    request, verdicts of the model that it was wrong again. Of a watch's incident those of all failing records count.
    """
    attribution = attribution_of(deps, incident)
    verdicts = () if attribution is None else attribution.verdicts
    by_chance = ("not_reproduced", "changed_since")
    mine = [one for one in verdicts if incident.watch is not None or is_of(one, incident)]
    replayed = [one for one in mine if one.basis is Basis.REPLAY and one.pattern not in by_chance]
    n_right = sum(one.responsibility is Responsibility.INTEGRATION for one in replayed)
    n_wrong = sum(one.responsibility is Responsibility.MODEL for one in replayed)
    return model_texts.isolation(
        None if attribution is None else attribution.isolation,
        span=numbers.span(incident.last_window if attribution is None else attribution.window),
        n_right=n_right,
        n_replayed=n_right + n_wrong,
        pipeline=pipeline.pipeline,
    )


def endpoint_now(deps: Deps, pipeline: Pipeline, incident: Incident) -> StepFinding:
    """Return whether the model's endpoint answers now, and how fast, by one call with a recorded request."""
    stage = _asked_stage(pipeline, incident)
    if stage is None:
        return texts.unknown(f"{pipeline.pipeline} has no model to call.")
    window = attributed_window(deps, incident) or incident.last_window
    window = Window(start=max(window.start, window.end - _RECENT), end=window.end)
    with open_window(deps, pipeline, window) as rows:
        settled = rows.pipeline.stage(stage.name)
        payload = rows.read(only={stage.name}).payloads[stage.name]
        body = next((one for one in payload.get(settled.request, ()) if not is_null(one)), None)
        if body is None:
            return texts.unknown(f"{stage.name} was not called now: no request was recorded in {numbers.span(window)}.")
        asked = Models(deps, rows.pipeline, window, shares_answers=False)
    asked.open_reserve()
    call = ModelCall(key=incident.id, body=body if isinstance(body, str) else canonical_json(body), purpose="runbook")
    return model_texts.endpoint_now(stage.name, asked.ask(settled, [call])[0])


def planned_endpoint_call(deps: Deps, pipeline: Pipeline, incident: Incident) -> StepFinding:
    """Return which endpoint would be called, without calling it."""
    del deps
    stage = _asked_stage(pipeline, incident)
    if stage is None:
        return texts.unknown(f"{pipeline.pipeline} has no model to call.")
    return model_texts.planned_endpoint_call(stage.name)


def _asked_stage(pipeline: Pipeline, incident: Incident) -> Stage | None:
    models = [one for one in pipeline.stages if one.kind is StageKind.MODEL]
    return next((one for one in models if one.name == incident.stage), None) or _last_model(pipeline)


def _last_model(pipeline: Pipeline) -> Stage | None:
    return next((one for one in reversed(pipeline.stages) if one.kind is StageKind.MODEL), None)


def _short(error: Exception) -> str:
    return first_sentence(str(error)).rstrip(".")
