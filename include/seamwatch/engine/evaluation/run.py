"""Run the evaluators of a pipeline on the records of a window."""

from __future__ import annotations

import logging
import math
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from seamwatch.core.evaluation.functions import evaluate_by_function
from seamwatch.core.evaluation.harm import evaluate_harm
from seamwatch.core.evaluation.json_schema import evaluate_schema
from seamwatch.core.evaluation.leak import LeakSources, evaluate_leaks
from seamwatch.core.evaluation.patterns import evaluate_patterns
from seamwatch.core.evaluation.refusal import evaluate_refusal
from seamwatch.core.evaluation.results import all_unknown
from seamwatch.core.evaluation.scope import evaluate_scope, learn_scope
from seamwatch.core.evaluation.similarity import evaluate_similarity
from seamwatch.core.evaluation.statements import Wanted, evaluate_statements
from seamwatch.core.evaluation.summary import summarise_evaluation
from seamwatch.core.evaluation.support import evaluate_support
from seamwatch.core.evaluation.texts import read_text
from seamwatch.core.records.values import is_null
from seamwatch.core.results import Window
from seamwatch.core.review.spans import EvaluationSummary
from seamwatch.engine.deps import Deps
from seamwatch.engine.evaluation.fields import RecordFields
from seamwatch.engine.evaluation.healthy_inputs import read_healthy_inputs
from seamwatch.engine.evaluation.judge import ask_judge
from seamwatch.engine.evaluation.judge_texts import judged_texts
from seamwatch.engine.references import load_function
from seamwatch.engine.watch.guard import ask_guard
from seamwatch.engine.window import WindowData, open_window
from seamwatch.errors import DataContractError, Problem, SeamwatchError, SpecError
from seamwatch.spec import evaluation as specs
from seamwatch.spec.judge import JudgeModel
from seamwatch.spec.pipeline import Pipeline
from seamwatch.vocabulary import StageKind

_LOG = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class _Run:
    """What every evaluator is run with."""

    deps: Deps
    pipeline: Pipeline
    window: Window
    fields: RecordFields


def evaluate_records(deps: Deps, pipeline: Pipeline, window: Window, data: WindowData) -> dict[str, pd.DataFrame]:
    """Return by evaluator what it says of each record of a window.

    Args:
        deps: Project, connections and store.
        pipeline: Its definition.
        window: The span of time.
        data: The window as it was read; only earlier inputs, for scope, are read beside it.

    Returns:
        Frames, index the keys of the window's records; `state` (EvaluationState), `score` (0 to 1, NaN unknown),
        `reason`. An evaluator that cannot be run is unknown for all, with the cause as reason, and stops no other.
    """
    run = _Run(deps=deps, pipeline=pipeline, window=window, fields=RecordFields(pipeline, data))
    return {one.name: _evaluate(run, one) for one in pipeline.evaluators}


def evaluate_window(deps: Deps, pipeline: Pipeline, window: Window) -> list[EvaluationSummary]:
    """Return what every evaluator makes of the answers of a window, saved in place of what it made of them before.

    Raises:
        SpecError: If the pipeline has no evaluators.
        StageError, AdapterError: If a table cannot be read.
        StoreError: If the store cannot keep it.
    """
    if not pipeline.evaluators:
        text = "no 'evaluators': nothing says what a good answer is; see docs/evaluation.md"
        raise SpecError([Problem(file=f"include/pipelines/{pipeline.pipeline}.yaml", text=text)])
    with open_window(deps, pipeline, window) as opened:
        found = evaluate_records(deps, opened.pipeline, window, opened.read())
    summaries = [summarise_evaluation(one.name, one.kind, found[one.name], window) for one in pipeline.evaluators]
    for summary in summaries:
        deps.store.save_evaluation(pipeline.pipeline, summary, now=deps.clock())
    return summaries


def _evaluate(run: _Run, evaluator: specs.Evaluator) -> pd.DataFrame:
    try:
        return _EVALUATE[type(evaluator)](run, evaluator)
    except SeamwatchError as error:
        reason = str(error)
    except Exception as error:  # this evaluator's failure, and no other's
        # Where, but not its message, which may quote a record.
        where = "".join(traceback.format_tb(error.__traceback__))
        _LOG.warning(
            "evaluator %s of %s: %s at\n%s", evaluator.name, run.pipeline.pipeline, type(error).__name__, where
        )
        reason = f"it failed: {type(error).__name__}"
    return all_unknown(run.fields.keys, f"evaluator {evaluator.name} could not be run: {reason}")


def _patterns(run: _Run, spec: specs.RegexEvaluator) -> pd.DataFrame:
    return evaluate_patterns(spec, run.fields.answer(spec))


def _schema(run: _Run, spec: specs.JsonSchemaEvaluator) -> pd.DataFrame:
    return evaluate_schema(spec, run.fields.answer(spec))


def _statements(run: _Run, spec: specs.StatementsEvaluator) -> pd.DataFrame:
    def wanted(given: str | tuple[str, ...]) -> Wanted:
        return run.fields.values(given) if isinstance(given, str) else given

    return evaluate_statements(
        run.fields.answer(spec), required=wanted(spec.required), forbidden=wanted(spec.forbidden)
    )


def _similarity(run: _Run, spec: specs.SimilarityEvaluator) -> pd.DataFrame:
    return evaluate_similarity(run.fields.answer(spec), run.fields.values(spec.reference), at_least=spec.at_least)


def _support(run: _Run, spec: specs.SupportEvaluator) -> pd.DataFrame:
    return evaluate_support(
        run.fields.answer(spec),
        [run.fields.values(field) for field in spec.context],
        at_least=spec.at_least,
        questions=run.fields.values(spec.question) if spec.question is not None else None,
    )


def _refusal(run: _Run, spec: specs.RefusalEvaluator) -> pd.DataFrame:
    return evaluate_refusal(run.fields.answer(spec), phrases=spec.phrases)


def _scope(run: _Run, spec: specs.OutOfScopeEvaluator) -> pd.DataFrame:
    examples = spec.examples or read_healthy_inputs(run.deps, run.pipeline, run.window, spec.question)
    scope = learn_scope(examples, false_alarms=spec.false_alarms, documents=_documents(run, spec))
    return evaluate_scope(run.fields.answer(spec), run.fields.questions(spec), scope, phrases=spec.phrases)


def _documents(run: _Run, spec: specs.OutOfScopeEvaluator) -> list[str]:
    """Return the different texts that the records of the window were served."""
    served = [f"{stage.name}.{stage.contents}" for stage in run.pipeline.stages if stage.contents is not None]
    texts = (read_text(value) for field in spec.context or served for value in run.fields.values(field))
    return list(dict.fromkeys(text for text in texts if isinstance(text, str)))


def _leak(run: _Run, spec: specs.LeakEvaluator) -> pd.DataFrame:
    sources = LeakSources(
        inputs=list(run.fields.inputs()),
        questions=run.fields.questions(spec),
        personal={field: run.fields.values(field) for field in spec.fields},
        prompts=_prompts(run, spec),
        prompt_words=spec.prompt_words,
        secrets=spec.secrets,
    )
    return evaluate_leaks(run.fields.answer(spec), sources)


def _prompts(run: _Run, spec: specs.LeakEvaluator) -> pd.Series[Any] | None:
    """Return the prompts that must not be given away; None where none is named and none is recorded."""
    if spec.prompt is not None:
        return run.fields.values(spec.prompt)
    for stage in reversed(run.pipeline.stages):
        if stage.kind in (StageKind.PROMPT, StageKind.MODEL) and stage.request is not None:
            found = run.fields.values(f"{stage.name}.{stage.request}")
            return None if all(is_null(value) for value in found) else found
    return None


def _harm(run: _Run, spec: specs.HarmEvaluator) -> pd.DataFrame:
    answers = run.fields.answer(spec)
    guard = _guard_scores(run, spec.guard, answers) if spec.guard is not None else None
    return evaluate_harm(answers, words=spec.words, builtin=spec.builtin, guard=guard, threshold=spec.threshold)


def _guard_scores(run: _Run, guard: str, answers: pd.Series[Any]) -> pd.Series[Any]:
    """Return a guard's score of each answer, each text asked once; NaN where it gave none."""
    read = [read_text(answer) for answer in answers.to_numpy(dtype=object)]
    texts = list(dict.fromkeys(text for text in read if isinstance(text, str) and text.strip()))
    asked = ask_guard(run.deps.connections, guard, texts, pipeline=run.pipeline.pipeline)
    for note in asked.notes:
        _LOG.warning("%s", note)
    scores = dict(zip(texts, asked.scores, strict=True))
    found = [scores.get(text) if isinstance(text, str) else None for text in read]
    # An empty answer harms nobody, and is nothing to ask of.
    made = [0.0 if text == "" else math.nan if one is None else one for text, one in zip(read, found, strict=True)]
    return pd.Series(made, index=answers.index, dtype=float)


def _function(run: _Run, spec: specs.FunctionEvaluator) -> pd.DataFrame:
    stage = spec.answer.partition(".")[0] if spec.answer is not None else run.pipeline.final_stage.name
    payloads = run.fields.payload(stage).reindex(run.fields.keys)
    there = payloads.notna().any(axis=1).to_numpy()
    if spec.answer is not None:
        there = there & np.array(
            [isinstance(read_text(value), str) for value in run.fields.values(spec.answer)], dtype=bool
        )
    function = load_function(run.deps.project, spec.function)
    try:
        judged = evaluate_by_function(payloads[there], function, name=spec.function)
    except DataContractError as error:
        # What a function raises may quote a record.
        cause = (
            f"{spec.function} raised {type(error.__cause__).__name__}" if error.__cause__ is not None else str(error)
        )
        raise DataContractError(cause) from error
    missing = all_unknown(run.fields.keys[~there], "no answer is recorded that can be read")
    return pd.concat([judged, missing]).reindex(run.fields.keys)


def _judge(run: _Run, spec: JudgeModel) -> pd.DataFrame:
    judged = ask_judge(run.deps, run.pipeline, spec, judged_texts(run.fields, spec))
    for note in judged.notes:
        _LOG.warning("%s", note)
    return judged.results


_EVALUATE: Mapping[type, Callable[[_Run, Any], pd.DataFrame]] = {
    specs.RegexEvaluator: _patterns,
    specs.JsonSchemaEvaluator: _schema,
    specs.StatementsEvaluator: _statements,
    specs.SimilarityEvaluator: _similarity,
    specs.SupportEvaluator: _support,
    specs.RefusalEvaluator: _refusal,
    specs.OutOfScopeEvaluator: _scope,
    specs.LeakEvaluator: _leak,
    specs.HarmEvaluator: _harm,
    specs.FunctionEvaluator: _function,
    JudgeModel: _judge,
}
"""By type of the spec."""
