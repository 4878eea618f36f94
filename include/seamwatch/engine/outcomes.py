"""Build the judge of a pipeline: by truth table, evaluator function or expectation suite."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import pandas as pd

from seamwatch.core.records.frames import key_text, require_columns
from seamwatch.core.records.outcomes import Judge, judge_by_evaluator, judge_by_failures, judge_by_truth
from seamwatch.engine.reading import StageReader
from seamwatch.engine.references import load_function
from seamwatch.errors import Problem, SpecError
from seamwatch.spec.pipeline import Pipeline
from seamwatch.validation.run import failing_keys
from seamwatch.validation.suites import load_suite
from seamwatch.vocabulary import OutcomeState

if TYPE_CHECKING:
    from seamwatch.engine.deps import Deps  # its store is heavy to import, and `check` needs none

_BY_KEY = 20_000
"""Up to this many records the truth is looked up by key; beyond, the table is read whole, which is then cheaper."""


def build_judge(deps: Deps, pipeline: Pipeline, reader: StageReader, keys: pd.Index[Any]) -> tuple[Judge, pd.DataFrame]:
    """Return the judge for records of a window, and the truth labels by key (empty where there are none).

    Raises:
        SpecError: If the pipeline has no outcome, or its function or suite is broken.
        StageError: If the truth cannot be read.
    """
    outcome = pipeline.outcome
    if outcome is None:
        text = "no 'outcome': without a truth, an evaluator or a suite no answer can be called wrong"
        raise SpecError([Problem(file=f"include/pipelines/{pipeline.pipeline}.yaml", text=text)])
    if outcome.truth is not None:
        truth = read_truth(pipeline, reader, keys)
        wanted = tuple({c.column for c in outcome.compare.values()})
        require_columns(truth, wanted, where=f"truth {outcome.truth.table or 'query'}")
        return (lambda final: judge_by_truth(final, truth, outcome.compare)), truth
    if outcome.evaluator is not None:
        name = outcome.evaluator
        function = load_function(deps.project, name)
        return _absent_is_wrong(lambda final: judge_by_evaluator(final, function, name=name)), pd.DataFrame(
            index=keys[:0]
        )
    assert outcome.suite is not None
    suite = load_suite(deps.project.suite_path(pipeline, outcome.suite))
    judged = _absent_is_wrong(lambda final: judge_by_failures(final, failing_keys(final, suite)))
    return judged, pd.DataFrame(index=keys[:0])


def _absent_is_wrong(judge: Judge) -> Judge:
    """Return a judge that calls a record without any final payload wrong: it was lost on the way."""

    def judge_all(final: pd.DataFrame) -> pd.DataFrame:
        there = final.notna().any(axis=1).to_numpy()
        lost = pd.DataFrame({"state": OutcomeState.WRONG, "reason": "lost"}, index=final.index[~there], dtype=object)
        return pd.concat([judge(final[there]), lost]).reindex(final.index) if not there.all() else judge(final)

    return judge_all


def read_truth(pipeline: Pipeline, reader: StageReader, keys: pd.Index[Any]) -> pd.DataFrame:
    """Return the truth labels of the records, index key, the last row of a key where there are several."""
    assert pipeline.outcome is not None
    truth = pipeline.outcome.truth
    assert truth is not None
    source = reader.source(truth.database or pipeline.database)
    relation, is_query, key = truth.table or truth.query or "", truth.query is not None, truth.key or pipeline.key
    columns = source.columns(relation, is_query=is_query)
    require_columns(pd.DataFrame(columns=list(columns)), (key,), where=f"truth {truth.table or 'query'}")
    selection: dict[str, Any] = {}
    if len(keys) <= _BY_KEY:
        as_number = columns[key] == "number"
        wanted = [int(k) if as_number else str(k) for k in keys if not as_number or str(k).lstrip("-").isdigit()]
        selection = {"key": key, "keys": wanted}
    rows = source.read(relation, is_query=is_query, columns=None, time=truth.time, **selection)
    rows = rows[rows[key].notna().to_numpy()]
    if truth.time is not None:
        rows = rows.sort_values(truth.time, kind="stable")
    if not pd.api.types.is_integer_dtype(keys.dtype):
        rows = rows.assign(**{key: key_text(rows[key])})
    return rows.drop_duplicates(key, keep="last").set_index(key)


def stage_truths(pipeline: Pipeline, truth: pd.DataFrame) -> Mapping[str, pd.DataFrame]:
    """Return by stage the labels of its own fields, for stages that name some."""
    return {
        stage.name: pd.DataFrame({name: truth[c.column] for name, c in stage.truth.items()}).dropna()
        for stage in pipeline.stages
        if stage.truth
    }
