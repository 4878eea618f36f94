"""Trial: labels and benchmark: do they belong to the records, and can they equal what is recorded?"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import pandas as pd

from seamwatch.core.records.comparison import is_null
from seamwatch.core.records.frames import stage_data
from seamwatch.core.records.notes import key_note
from seamwatch.core.records.outcomes import judge_fields
from seamwatch.core.records.references import Reference
from seamwatch.core.records.value_kinds import kind_of
from seamwatch.core.results import FieldAccuracy
from seamwatch.engine.check.keys import mismatch
from seamwatch.engine.check.places import in_pipeline
from seamwatch.engine.check.sample import RECORDS, Sample
from seamwatch.engine.outcomes import read_truth
from seamwatch.errors import AdapterError, DataContractError, Problem, ProblemLevel
from seamwatch.plurals import plural
from seamwatch.spec.pipeline import Benchmark, Comparator, Truth

_MANY = 0.5
"""Share of labels of no record from which their keys are in doubt."""
_FEWEST = 5
"""With fewer labelled records, all of them may be wrong by chance."""


def check_labels(sample: Sample) -> Iterator[Problem]:
    """Yield why labels reach no record, or can equal no final field."""
    pipeline, outcome = sample.pipeline, sample.pipeline.outcome
    final = pipeline.final_stage
    if outcome is None or outcome.truth is None or final.name not in sample.data.stages:
        return
    payload = sample.data.stages[final.name].payload
    if not len(sample.data.stages[pipeline.first_stage.name].payload):
        return
    try:
        read = read_truth(pipeline, sample.reader, sample.data.stages[pipeline.first_stage.name].payload.index)
        some = _some_labels(sample, outcome.truth)
    except (AdapterError, DataContractError) as error:
        yield in_pipeline(pipeline, "outcome.truth", str(error))
        return
    truth = read.frame
    labelled = payload.index[payload.index.isin(truth.index)]
    if read.mismatch is not None:
        path = "outcome.truth.key" if outcome.truth.key else "outcome.truth"
        yield in_pipeline(pipeline, path, key_note(read.mismatch, "labels"))
    elif not len(labelled):
        yield from _unmatched(sample, outcome.truth, some)
    compare = {f: one for f, one in outcome.compare.items() if f in payload and one.column in truth}
    for found in judge_fields(payload.loc[labelled], truth, compare).fields:
        comparator = compare[found.field]
        yield from _accuracy(sample, found, comparator, payload[found.field], some.get(comparator.column))


def _some_labels(sample: Sample, truth: Truth) -> pd.DataFrame:
    source = sample.reader.source(truth.database or sample.pipeline.database)
    relation, is_query = truth.table or truth.query or "", truth.query is not None
    return source.read(
        relation,
        is_query=is_query,
        columns=None,
        time=truth.time,
        limit=RECORDS,
        newest_first=truth.time is not None,
    )


def _unmatched(sample: Sample, truth: Truth, some: pd.DataFrame) -> Iterator[Problem]:
    pipeline = sample.pipeline
    key = truth.key or pipeline.key
    path = "outcome.truth.key" if truth.key else "outcome.truth"
    name = truth.table or "its query"
    if not len(some):
        yield in_pipeline(pipeline, path, f"{name} has no rows yet: not tried", ProblemLevel.NOTE)
        return
    keys = some[key].dropna()
    if not len(keys):
        yield in_pipeline(pipeline, path, f"{key} is null on all of {plural(len(some), 'row')} of {name}")
        return
    unknown = sample.reader.unknown_keys(keys)
    if len(unknown) < _MANY * keys.nunique():
        return  # labels of older records: those of the newest come later
    first = pipeline.first_stage
    known = pd.Series(sample.data.stages[first.name].payload.index)
    is_all = len(unknown) == keys.nunique()
    n_known = "none" if is_all else f"only {keys.nunique() - len(unknown):,}"
    text = f"{n_known} of {plural(keys.nunique(), 'label')} of {name} has the key ({key}) of a record of {first.name}"
    level = ProblemLevel.ERROR if is_all else ProblemLevel.WARNING
    yield in_pipeline(pipeline, path, text + mismatch(pd.Series(unknown), known), level)


def _accuracy(
    sample: Sample,
    found: FieldAccuracy,
    comparator: Comparator,
    values: pd.Series[Any],
    labels: pd.Series[Any] | None,
) -> Iterator[Problem]:
    """Yield a final field that equals its label on no record, cannot be compared, or is of another kind."""
    field, column = found.field, comparator.column
    n_tried = found.n_judged + found.n_unreadable
    kinds = kind_of(values), kind_of(labels if labels is not None else [])
    differ = None not in kinds and kinds[0] != kinds[1]
    value, label = _shown_pair(sample, found, values, labels)
    pair, level = f"e.g. {value} against {label}", ProblemLevel.ERROR
    none = f"{field} equals its truth {column} on none of {plural(n_tried, 'labelled record')}"
    if found.form is not None:
        text = f"{none}, but on {found.n_form} by how: {found.form}, {pair}: set it"
    elif differ and not found.n_right and (n_tried >= _FEWEST or not n_tried):
        text = (
            f"{field} holds {kinds[0]} ({value}), its truth {column} {kinds[1]} ({label}): they are never equal; take "
            "another column, or compare with another 'how'"
        )
    elif found.n_unreadable:
        text = (
            f"{field} cannot be compared with its truth {column} on {found.n_unreadable:,} of "
            f"{plural(n_tried, 'labelled record')} ({found.reason}), {pair}: they stay pending"
        )
        level = ProblemLevel.ERROR if found.n_unreadable == n_tried else ProblemLevel.WARNING
    elif found.n_judged >= _FEWEST and not found.n_right:
        text = f"{none}, {pair}: take another column, or a table of what the values are called there"
    else:
        return
    yield in_pipeline(sample.pipeline, f"outcome.compare.{field}", text, level)


def _shown_pair(
    sample: Sample, found: FieldAccuracy, values: pd.Series[Any], labels: pd.Series[Any] | None
) -> tuple[str, str]:
    """Return a value and a label for a message: of one record where they are known, else of any."""
    pair: tuple[Any, Any] = (_first(values), _first(labels if labels is not None else []))
    for known in (found.forms, found.unreadable):
        pair = known[0] if known else pair
    final = sample.pipeline.final_stage
    return sample.shown(final, found.field, pair[0]), sample.shown(final, found.field, pair[1])


def _first(values: Any) -> Any:
    return next((value for value in values if not is_null(value)), None)


def check_benchmark(sample: Sample) -> Iterator[Problem]:
    """Yield why references make nothing of the benchmark's inputs, or its truths can equal no final field."""
    pipeline, benchmark = sample.pipeline, sample.pipeline.benchmark
    final = pipeline.final_stage
    if benchmark is None or final.name not in sample.data.stages:
        return
    try:
        rows = _benchmark_rows(sample, benchmark)
    except (AdapterError, DataContractError) as error:
        yield in_pipeline(pipeline, "benchmark", str(error))
        return
    if not len(rows):
        text = f"{benchmark.table or 'its query'} has no rows yet: not tried"
        yield in_pipeline(pipeline, "benchmark", text, ProblemLevel.NOTE)
        return
    yield from _benchmark_inputs(sample, benchmark, rows)
    payload = sample.data.stages[final.name].payload
    for field, comparator in benchmark.truth.items():
        if field in payload and comparator.column in rows:
            kinds = kind_of(payload[field]), kind_of(rows[comparator.column])
            if None not in kinds and kinds[0] != kinds[1]:
                text = f"{field} holds {kinds[0]}, the benchmark's {comparator.column} {kinds[1]}: they are never equal"
                yield in_pipeline(pipeline, f"benchmark.truth.{field}", text)


def _benchmark_rows(sample: Sample, benchmark: Benchmark) -> pd.DataFrame:
    source = sample.reader.source(benchmark.database or sample.pipeline.database)
    relation, is_query = benchmark.table or benchmark.query or "", benchmark.query is not None
    return source.read(relation, is_query=is_query, columns=None, limit=RECORDS)


def _benchmark_inputs(sample: Sample, benchmark: Benchmark, rows: pd.DataFrame) -> Iterator[Problem]:
    """Try the references that read the first stage on the benchmark's rows."""
    pipeline, first = sample.pipeline, sample.pipeline.first_stage
    recorded = sample.data.stages[first.name].payload
    key = benchmark.key or pipeline.key
    if key not in rows or not len(recorded):
        return
    inputs = stage_data(rows, first.model_copy(update={"ignore": (), "fields": ()}), key=key, time=None).payload
    columns = [name for name in recorded.columns if name in inputs.columns]
    missing = [str(name) for name in recorded.columns if name not in inputs.columns]
    for stage in pipeline.stages:
        reference = sample.references.get(stage.name)
        if stage.input != (first.name,) or reference is None:
            continue
        what = _refusal(reference, {first.name: inputs[columns]})
        if what and not _refusal(reference, {first.name: recorded}):
            text = f"the reference of {stage.name} makes nothing of any of its {plural(len(inputs), 'input')}: {what}"
            text += f"; the benchmark lacks {', '.join(missing)} of {first.name}" if missing else ""
            yield in_pipeline(pipeline, "benchmark", text)


def _refusal(reference: Reference, inputs: Mapping[str, pd.DataFrame]) -> str:
    """Return why a reference makes nothing of any of its inputs; empty where it makes something."""
    try:
        made = reference.expected(inputs)
    except DataContractError as error:
        return str(error)
    return "" if len(made.frame) else next(iter(made.errors.values()), "")
