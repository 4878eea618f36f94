"""Inputs that a model was measured or used on before a window: its benchmark, and earlier healthy windows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from seamwatch.core.attribution.odd_inputs import KnownInputs
from seamwatch.core.detection.rates import excess_p_value
from seamwatch.core.detection.window_change import WindowCount
from seamwatch.core.interventions import World
from seamwatch.core.results import Window
from seamwatch.engine.benchmark import read_benchmark
from seamwatch.engine.deps import Deps
from seamwatch.engine.outcomes import final_payloads, judge_records
from seamwatch.engine.reading import StageReader
from seamwatch.engine.window import WindowReader
from seamwatch.errors import AdapterError, DataContractError
from seamwatch.spec.pipeline import Pipeline
from seamwatch.vocabulary import OutcomeState, StageKind

_ENOUGH = 200
"""Earlier records that are enough to say what inputs look like."""
_MOST_WINDOWS = 6
"""Earlier spans that are read at most."""
_BACK = (1, 2, 3, 7, 14, 28)
"""How many windows back they lie, where the store knows no healthy one: an incident may have gone on for a while."""
_USUAL_ERRORS = 0.1
"""Share of wrong records of a healthy window, where no baseline says it."""
_STRUCK_BELOW_P = 0.001


def read_known_inputs(
    deps: Deps,
    pipeline: Pipeline,
    reader: StageReader,
    world: World,
    window: Window,
    *,
    history: Sequence[WindowCount],
    accuracy: float | None,
) -> list[KnownInputs]:
    """Return the inputs of the benchmark and of the windows just before that had no incident.

    Args:
        deps: What reading takes.
        pipeline: Its definition.
        reader: Of its stages.
        world: Of the window.
        window: The span of time.
        history: Earlier windows, as far as the store knows them.
        accuracy: Accepted accuracy of the model; None if unknown.

    What cannot be read is left out: it is evidence that is missing, not a failure of the window.
    """
    found: list[KnownInputs] = []
    if pipeline.benchmark is not None:
        try:
            inputs = read_benchmark(pipeline, pipeline.benchmark, reader, world)
            payloads = {pipeline.first_stage.name: inputs.payloads}
            found.append(KnownInputs(payloads=payloads, is_wrong={}, is_of_sources=False))
        except (AdapterError, DataContractError):
            pass
    n = 0
    for span in spans_before(window, history):
        try:
            one = _read_span(deps, pipeline, reader, span)
        except (AdapterError, DataContractError):
            break
        n_wrong, n_judged = sum(one.is_wrong.values()), len(one.is_wrong)
        usual = _USUAL_ERRORS if accuracy is None else 1.0 - accuracy
        if excess_p_value(n_wrong, n_judged, base_rate=usual) < _STRUCK_BELOW_P:
            continue
        found.append(one)
        n += n_judged
        if n >= _ENOUGH:
            break
    return found


def spans_before(window: Window, history: Sequence[WindowCount]) -> Iterator[Window]:
    """Yield earlier spans: windows that were healthy, the latest first, then others of the same length."""
    healthy = [Window(start=one.start, end=one.end) for one in reversed(history) if one.n_judged and not one.changes]
    length = window.end - window.start
    spans = [Window(start=window.start - back * length, end=window.end - back * length) for back in _BACK]
    struck = [one for one in history if one.changes]
    spans = [span for span in spans if not any(one.start < span.end and span.start < one.end for one in struck)]
    yield from list(dict.fromkeys([*healthy[: _MOST_WINDOWS // 2], *spans]))[:_MOST_WINDOWS]


def _read_span(deps: Deps, pipeline: Pipeline, reader: StageReader, span: Window) -> KnownInputs:
    """Return the judged records of a span, as their sources held them."""
    final = pipeline.final_stage.name
    sources = [stage.name for stage in pipeline.stages if stage.kind is StageKind.SOURCE]
    data = WindowReader(reader, span).read(only={*sources, final})
    keys = data.stages[pipeline.first_stage.name].payload.index
    payloads = final_payloads(pipeline, data.stages[final].payload, data, keys)
    states = judge_records(deps, pipeline, reader, payloads).outcomes["state"]
    judged = keys[(states != OutcomeState.PENDING).to_numpy()]
    return KnownInputs(
        payloads={name: data.stages[name].payload.reindex(judged) for name in sources},
        is_wrong={key: states[key] == OutcomeState.WRONG for key in judged},
    )
