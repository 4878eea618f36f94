"""Trial, when it is asked for: one call of every model endpoint, with a request that was recorded."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from seamwatch.core.records.comparison import canonical_json, parse_json
from seamwatch.core.records.frames import ANSWER
from seamwatch.core.replays import ModelAnswer, ModelCall
from seamwatch.engine.check.places import in_pipeline
from seamwatch.engine.check.sample import Sample
from seamwatch.errors import AdapterError, DataContractError, Problem, ProblemLevel, SpecError
from seamwatch.spec.pipeline import Pipeline, Stage
from seamwatch.vocabulary import StageKind

AskModel = Callable[[Pipeline, Stage, ModelCall], ModelAnswer]
"""Asks a model once: priced, tagged and within the pipeline's budget."""


def check_endpoints(sample: Sample, ask: AskModel) -> Iterator[Problem]:
    """Yield what came back from every endpoint: as a note where it is an answer, else as a problem."""
    for stage, data in sample.stages():
        if stage.kind is not StageKind.MODEL or stage.endpoint is None:
            continue
        path = f"stages.{stage.name}.endpoint"
        bodies = data.payload[stage.request].dropna() if stage.request in data.payload else None
        if bodies is None or not len(bodies):
            text = f"no request is recorded at {stage.name}: not called"
            yield in_pipeline(sample.pipeline, path, text, ProblemLevel.NOTE)
            continue
        body = parse_json(bodies.iloc[0])
        text = body if isinstance(body, str) else canonical_json(body)
        call = ModelCall(key=str(bodies.index[0]), body=text, purpose="check")
        try:
            answer = ask(sample.pipeline, stage, call)
        except (AdapterError, DataContractError, SpecError) as error:
            yield in_pipeline(sample.pipeline, path, f"could not be called: {error}")
            continue
        yield _reported(sample, stage, path, answer)


def _reported(sample: Sample, stage: Stage, path: str, answer: ModelAnswer) -> Problem:
    if not answer.is_ok or answer.text is None:
        what = answer.detail or answer.status
        text = f"was called with the request of one record and gave no answer ({answer.status}): {what}"
        return in_pipeline(sample.pipeline, path, text)
    price = "of unknown price" if answer.cost_usd is None else f"for {answer.cost_usd:.6f} USD"
    took = "" if answer.latency_ms is None else f" in {answer.latency_ms:.0f} ms"
    model = f" as {answer.model}" if answer.model else ""
    text = f"answered{took}{model}, {price}: {sample.shown(stage, ANSWER, answer.text)}"
    return in_pipeline(sample.pipeline, path, text, ProblemLevel.NOTE)
