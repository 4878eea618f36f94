"""Build the judge of a pipeline: by truth table, evaluator function or expectation suite, and by people's labels."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

import pandas as pd

from seamwatch.core.records.frames import positions, require_columns
from seamwatch.core.records.keys import KeyMismatch
from seamwatch.core.records.notes import key_note
from seamwatch.core.records.outcomes import (
    UNREADABLE,
    Judge,
    judge_by_evaluator,
    judge_by_failures,
    judge_by_truth,
    judge_fields,
)
from seamwatch.core.records.unknown import Unknown
from seamwatch.core.records.value_kinds import kind_of
from seamwatch.core.results import FieldAccuracy
from seamwatch.core.review.labels import first_known, judge_by_people, settle_labels
from seamwatch.engine.keyed_tables import KeyedTable
from seamwatch.engine.reading import StageReader
from seamwatch.engine.references import load_function
from seamwatch.engine.window import WindowData
from seamwatch.errors import Problem, SpecError
from seamwatch.plurals import plural
from seamwatch.spec.pipeline import Outcome, Pipeline
from seamwatch.spec.review import Review
from seamwatch.validation.run import failing_keys
from seamwatch.validation.suites import load_suite
from seamwatch.vocabulary import OutcomeState, UnknownReason

if TYPE_CHECKING:
    from seamwatch.engine.deps import Deps  # its store is heavy to import, and `check` needs none

_BY_KEY = 20_000
"""Up to this many records the truth is looked up by key; beyond, the table is read whole, which is then cheaper."""
_FEWEST = 5
"""Fewer records that are all wrong may be so by chance."""
_SAMPLED = 400
"""Values that are looked at to tell what a column holds."""


@dataclass(frozen=True, kw_only=True)
class JudgedWindow:
    """The outcomes of a window's records, and what judges them again under repairs."""

    judge: Judge
    outcomes: pd.DataFrame
    """Index key; state, reason."""
    truth: pd.DataFrame
    """Labels by key; empty where there are none."""
    fields: tuple[FieldAccuracy, ...] = ()
    """How each final field stands against its label."""
    notes: tuple[str, ...] = ()
    """What is to be said of the labels."""


def judge_records(deps: Deps, pipeline: Pipeline, reader: StageReader, final: pd.DataFrame) -> JudgedWindow:
    """Return the outcomes of the records of a window by their final payloads, index key.

    Raises:
        SpecError: If the pipeline has no outcome, or its function or suite is broken.
        StageError: If the truth cannot be read.
    """
    outcome = pipeline.outcome
    if outcome is None:
        text = "no 'outcome': without a truth, an evaluator, a suite or people no answer can be called wrong"
        raise SpecError([Problem(file=f"include/pipelines/{pipeline.pipeline}.yaml", text=text)])
    by_people = _judge_by_people(deps, pipeline)
    if outcome.truth is not None:
        found = _judge_by_labels(outcome, read_truth(pipeline, reader, final.index), final)
        return found if by_people is None else _with_people(found, by_people, final)
    judge = _absent_is_wrong(_rule(deps, pipeline, outcome, by_people))
    return JudgedWindow(judge=judge, outcomes=judge(final), truth=pd.DataFrame(index=final.index[:0]))


def judged_fields(pipeline: Pipeline, final: pd.DataFrame) -> tuple[str, ...]:
    """Return the final fields that people judge."""
    outcome = pipeline.outcome
    named = () if outcome is None else outcome.judged or tuple(outcome.compare)
    return named or tuple(map(str, final.columns))


def _rule(deps: Deps, pipeline: Pipeline, outcome: Outcome, by_people: Judge | None) -> Judge:
    """Return the judge without a truth table; what people say counts over what a function or a suite says."""
    if outcome.people:
        assert by_people is not None
        return by_people
    if outcome.evaluator is not None:
        name = outcome.evaluator
        function = load_function(deps.project, name)
        rule: Judge = partial(judge_by_evaluator, evaluator=function, name=name)
    else:
        assert outcome.suite is not None
        suite = load_suite(deps.project.suite_path(pipeline, outcome.suite))
        rule = lambda final: judge_by_failures(final, failing_keys(final, suite))  # noqa: E731
    return rule if by_people is None else lambda final: first_known(by_people(final), rule(final))


def _judge_by_people(deps: Deps, pipeline: Pipeline) -> Judge | None:
    """Return the judge by people's labels; None where nobody is asked."""
    assert pipeline.outcome is not None
    if pipeline.review is None and not pipeline.outcome.people:
        return None
    keep = (pipeline.review or Review()).keep
    settled = settle_labels(deps.store.labels(pipeline.pipeline, since=deps.clock() - keep))
    return lambda final: judge_by_people(final, settled, judged_fields(pipeline, final))


def _with_people(found: JudgedWindow, by_people: Judge, final: pd.DataFrame) -> JudgedWindow:
    """Return the window judged by truths, and where none has arrived, by people."""
    by_truth = found.judge
    return replace(
        found,
        judge=lambda final: first_known(by_truth(final), by_people(final)),
        outcomes=first_known(found.outcomes, by_people(final)),
    )


def _judge_by_labels(outcome: Outcome, labels: Labels, final: pd.DataFrame) -> JudgedWindow:
    assert outcome.truth is not None
    where = f"truth {outcome.truth.table or 'query'}"
    require_columns(labels.frame, tuple({c.column for c in outcome.compare.values()}), where=where)
    judged = judge_fields(final, labels.frame, outcome.compare)
    form_only, outcomes = judged.form_only, judged.outcomes
    if labels.mismatch is not None:
        # No label is late that lies there under another spelling of the key.
        reason = outcomes["reason"].mask(outcomes.index.isin(list(labels.mismatch.left)), f"{UNREADABLE}: key")
        outcomes = outcomes.assign(reason=reason)
    keys = () if labels.mismatch is None else (key_note(labels.mismatch, "labels"),)
    return JudgedWindow(
        judge=lambda final: judge_by_truth(final, labels.frame, outcome.compare, form_only),
        outcomes=outcomes,
        truth=labels.frame,
        fields=judged.fields,
        notes=(*keys, *_never_equal_notes(outcome, judged.fields, final, labels.frame)),
    )


def _never_equal_notes(
    outcome: Outcome, fields: Iterable[FieldAccuracy], final: pd.DataFrame, truth: pd.DataFrame
) -> Iterator[str]:
    """Yield the fields that are right on no record and of another kind than their labels."""
    for found in fields:
        if found.n_right or found.n_judged < _FEWEST or found.field not in final.columns:
            continue
        column = outcome.compare[found.field].column
        kinds = kind_of(final[found.field].dropna().iloc[:_SAMPLED]), kind_of(truth[column].dropna().iloc[:_SAMPLED])
        if None not in kinds and kinds[0] != kinds[1]:
            yield (
                f"{found.field} holds {kinds[0]}, its truth {column} {kinds[1]}: they are never equal, so that all "
                f"{plural(found.n_judged, 'labelled record')} count as wrong; take another column, or compare with "
                "another 'how'"
            )


def final_payloads(pipeline: Pipeline, recorded: pd.DataFrame, data: WindowData, keys: pd.Index[Any]) -> pd.DataFrame:
    """Return the final payloads of the records; what a record holds is unknown where its key is spelt otherwise there.

    Args:
        pipeline: Its definition.
        recorded: Payloads of the judged stage, index key.
        data: The window, which knows keys that match in another form only.
        keys: The records.
    """
    final = recorded.reindex(keys)
    mismatch = data.mismatches.get(pipeline.final_stage.name)
    if mismatch is None:
        return final
    unknown = Unknown(reason=UnknownReason.NO_MATCHING_KEY, sample=mismatch.example[0])
    is_unmatched = keys.isin(list(mismatch.left))
    final = final.astype(object)
    for name in final.columns:
        values = [unknown if is_one else value for is_one, value in zip(is_unmatched, final[name], strict=True)]
        final[name] = pd.Series(values, index=keys, dtype=object)
    return final


def _absent_is_wrong(judge: Judge) -> Judge:
    """Return a judge that calls a record without any final payload wrong: it was lost on the way."""

    def judge_all(final: pd.DataFrame) -> pd.DataFrame:
        there = final.notna().any(axis=1).to_numpy()
        lost = pd.DataFrame({"state": OutcomeState.WRONG, "reason": "lost"}, index=final.index[~there], dtype=object)
        return pd.concat([judge(final[there]), lost]).reindex(final.index) if not there.all() else judge(final)

    return judge_all


@dataclass(frozen=True, kw_only=True)
class Labels:
    """The truth labels of some records."""

    frame: pd.DataFrame
    """Index key, unique."""
    mismatch: KeyMismatch | None
    """Records that would have a label if keys were compared in another form."""


def read_truth(pipeline: Pipeline, reader: StageReader, keys: pd.Index[Any]) -> Labels:
    """Return the truth labels of the records, index key, the last row of a key where there are several."""
    assert pipeline.outcome is not None
    truth = pipeline.outcome.truth
    assert truth is not None
    relation, is_query, key = truth.table or truth.query or "", truth.query is not None, truth.key or pipeline.key
    table = KeyedTable(
        source=reader.source(truth.database or pipeline.database),
        relation=relation,
        is_query=is_query,
        key=key,
        form=truth.key_form or pipeline.key_form,
    )
    require_columns(pd.DataFrame(columns=list(table.columns)), (key,), where=f"truth {truth.table or 'query'}")
    rows = table.rows(keys, time=truth.time) if len(keys) <= _BY_KEY else table.all_rows(time=truth.time)
    rows = rows[rows[key].notna().to_numpy()]
    if truth.time is not None:
        rows = rows.sort_values(truth.time, kind="stable")
    found = rows[key]
    rows = rows.assign(**{key: table.like(found, keys)})
    rows = rows[rows[key].notna().to_numpy()].drop_duplicates(key, keep="last").set_index(key)
    rows.index = rows.index.astype(keys.dtype)
    missing = keys[positions(rows.index, keys) < 0]
    mismatch = table.mismatch(missing, None if len(keys) <= _BY_KEY else found) if len(missing) else None
    if mismatch is not None:
        mismatch = replace(mismatch, n_left=len(keys), n_matching=len(keys) - len(missing))
    return Labels(frame=rows, mismatch=mismatch)


def stage_truths(pipeline: Pipeline, truth: pd.DataFrame) -> Mapping[str, pd.DataFrame]:
    """Return by stage the labels of its own fields, for stages that name some."""
    return {
        stage.name: pd.DataFrame({name: truth[c.column] for name, c in stage.truth.items()}).dropna()
        for stage in pipeline.stages
        if stage.truth
    }
