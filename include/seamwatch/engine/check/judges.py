"""Trial: can each judge model be asked, is its price known, and, when it is asked for, does it answer in the form?"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pandas as pd

from seamwatch.adapters.base import Connections
from seamwatch.adapters.models.http import HttpModelEndpoint
from seamwatch.adapters.models.protocols import model_in_url
from seamwatch.core.evaluation.judge_verdicts import NoVerdict
from seamwatch.core.replays import ModelAnswer
from seamwatch.engine.check.places import in_pipeline
from seamwatch.engine.check.sample import Sample
from seamwatch.engine.evaluation.fields import RecordFields
from seamwatch.engine.evaluation.judge import JudgeRun, OpenJudge, open_judge
from seamwatch.engine.evaluation.judge_texts import judged_texts
from seamwatch.errors import AdapterError, DataContractError, Problem, ProblemLevel, SpecError
from seamwatch.spec.judge import JudgeModel
from seamwatch.spec.load import Project
from seamwatch.spec.pipeline import Pipeline
from seamwatch.vocabulary import Protocol

AskJudge = Callable[[Pipeline, JudgeModel, pd.DataFrame], JudgeRun]
"""Asks a judge about answers: priced, tagged and within its budget."""
_NAMING = (Protocol.OPENAI_CHAT, Protocol.OPENAI_RESPONSES, Protocol.ANTHROPIC_MESSAGES, Protocol.OLLAMA)
"""Protocols whose requests name the model, where the address does not."""
_TOKENS = 1000
_FAILURES = {NoVerdict.NOT_REACHED, NoVerdict.NOT_READABLE, NoVerdict.BUDGET}
"""The judge's own; other answers without a verdict say nothing against its connection."""


def check_judge(
    project: Project, pipeline: Pipeline, connections: Connections, spec: JudgeModel, place: str
) -> Iterator[Problem]:
    """Yield why a judge cannot be asked, or what it costs cannot be counted."""
    try:
        opened = open_judge(project, connections, pipeline.pipeline, spec)
    except SpecError as error:
        yield from error.problems
        return
    except (AdapterError, DataContractError) as error:
        yield in_pipeline(pipeline, f"{place}.endpoint", str(error))
        return
    model = spec.model or (model_in_url(opened.inner.url) if isinstance(opened.inner, HttpModelEndpoint) else None)
    if model is None:
        if opened.inner.protocol in _NAMING:
            text = (
                f"names no model, which requests of the protocol {opened.inner.protocol.value} do; name it with model"
            )
            yield in_pipeline(pipeline, place, text, ProblemLevel.WARNING)
        return
    yield from _price(pipeline, spec, opened, model, place)


def _price(pipeline: Pipeline, spec: JudgeModel, opened: OpenJudge, model: str, place: str) -> Iterator[Problem]:
    call = ModelAnswer(status="ok", model=model, input_tokens=_TOKENS, output_tokens=_TOKENS)
    if opened.inner.protocol is Protocol.CALLABLE or opened.prices.cost_usd(call) is not None:
        return
    text = (
        f"no price is known of {model!r}: the judge is limited by max_calls_per_day only, not by max_usd_per_day; name "
        f"it in the extra 'prices' of the connection {spec.endpoint.connection!r}"
    )
    is_asked = "max_usd_per_day" in spec.model_fields_set
    yield in_pipeline(pipeline, place, text, ProblemLevel.WARNING if is_asked else ProblemLevel.NOTE)


def check_judges_live(sample: Sample, ask: AskJudge) -> Iterator[Problem]:
    """Yield what each judge says of one recorded answer: as a note where it is a verdict, else as a problem."""
    for number, spec in enumerate(sample.pipeline.evaluators):
        if isinstance(spec, JudgeModel):
            yield _tried(sample, spec, f"evaluators.{number}", ask)


def _tried(sample: Sample, spec: JudgeModel, place: str, ask: AskJudge) -> Problem:
    try:
        texts = judged_texts(RecordFields(sample.pipeline, sample.data), spec).dropna().head(1)
    except DataContractError as error:
        return in_pipeline(sample.pipeline, place, f"could not be asked: {error}")
    if not len(texts):
        text = "no record holds all that the judge is shown: not asked"
        return in_pipeline(sample.pipeline, place, text, ProblemLevel.NOTE)
    run = ask(sample.pipeline, spec.model_copy(update={"control": False}), texts)
    said = run.results["reason"].iloc[0]
    if set(run.missing) & _FAILURES:
        why = "; ".join(dict.fromkeys([said, *run.notes]))
        return in_pipeline(sample.pipeline, place, f"was asked about one answer and gave no verdict: {why}")
    price = "of unknown price" if run.cost_usd is None else f"for {run.cost_usd:.6f} USD"
    # What the judge gives as its reason may quote the record.
    text = f"was asked about one answer, {price}: {said.partition(':')[0]}"
    return in_pipeline(sample.pipeline, place, text, ProblemLevel.NOTE)
