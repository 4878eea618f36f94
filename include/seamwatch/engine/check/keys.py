"""Trial: do the keys of stages and labels match at all?"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pandas as pd

from seamwatch.core.records.frames import StageData
from seamwatch.core.records.notes import key_note
from seamwatch.engine.check.places import in_pipeline
from seamwatch.engine.check.sample import RECORDS, Sample
from seamwatch.errors import AdapterError, DataContractError, Problem, ProblemLevel
from seamwatch.plurals import plural
from seamwatch.spec.pipeline import Stage

_FEWEST_RECORDS = 20
_FEW = 0.5
"""A stage that holds less than this share of the newest records loses them, or names them otherwise."""
_MOST_REPEATED = 0.1
"""A key with fewer distinct values than this share of the rows is hardly one."""


def check_keys(sample: Sample) -> Iterator[Problem]:
    """Yield the stages and labels whose keys match none of the first stage's records."""
    first = sample.pipeline.first_stage
    known = sample.data.stages[first.name]
    if not len(known.payload):
        what = "no rows yet" if not len(newest(sample, first)) else "no rows with a key and a readable time"
        text = f"{first.relation} has {what}: nothing was tried on records"
        yield in_pipeline(sample.pipeline, f"stages.{first.name}", text, ProblemLevel.NOTE)
        return
    yield from _repeated(sample, first)
    for stage, data in sample.stages():
        found = sample.data.mismatches.get(stage.name)
        if found is not None:
            path = f"stages.{stage.name}.key" if stage.key else f"stages.{stage.name}"
            yield in_pipeline(sample.pipeline, path, key_note(found, stage.relation))
        elif stage != first and not len(data.payload):
            yield from _unmatched(sample, stage, data, known)
        elif len(data.payload) < _FEW * len(known.payload):
            text = (
                f"holds {len(data.payload):,} of the {plural(len(known.payload), 'newest record')} of {first.name} only"
            )
            yield in_pipeline(sample.pipeline, f"stages.{stage.name}", text, ProblemLevel.WARNING)


def _repeated(sample: Sample, first: Stage) -> Iterator[Problem]:
    key = sample.pipeline.stage_key(first)
    rows = newest(sample, first)
    n_keys = rows[key].nunique() if key in rows else 0
    if len(rows) >= _FEWEST_RECORDS and n_keys <= _MOST_REPEATED * len(rows):
        text = (
            f"the {plural(len(rows), 'newest row')} of {first.relation} hold {n_keys} different {key}: it "
            "names no record"
        )
        yield in_pipeline(sample.pipeline, f"stages.{first.name}.key" if first.key else "key", text)


def _unmatched(sample: Sample, stage: Stage, data: StageData, known: StageData) -> Iterator[Problem]:
    """Say why a stage holds none of the newest records: no rows, other keys, or records that have not come yet."""
    path = f"stages.{stage.name}"
    key = sample.pipeline.stage_key(stage)
    rows = newest(sample, stage)
    if not len(rows):
        text = f"{stage.relation} has no rows yet: not tried"
        yield in_pipeline(sample.pipeline, path, text, ProblemLevel.NOTE)
        return
    keys = rows[key].dropna()
    path += ".key" if stage.key else ""
    if not len(keys):
        yield in_pipeline(sample.pipeline, path, f"{key} is null on all of the {plural(len(rows), 'newest row')}")
        return
    first = sample.pipeline.first_stage
    n_unknown = len(sample.reader.unknown_keys(keys))
    if n_unknown == keys.nunique():
        text = (
            f"none of the {plural(keys.nunique(), 'newest key')} ({key}) is the key of a record of {first.name}"
            f"{mismatch(keys, pd.Series(known.payload.index))}"
        )
        yield in_pipeline(sample.pipeline, path, text)
        return
    text = (
        f"none of the {plural(len(known.payload), 'newest record')} of {first.name} has reached it; its own "
        "rows are older"
    )
    yield in_pipeline(sample.pipeline, path, text, ProblemLevel.WARNING)


def newest(sample: Sample, stage: Stage) -> pd.DataFrame:
    """Return some rows of a stage, the newest where it has a time."""
    reader = sample.reader
    try:
        time = reader.time_column(stage)
        return reader.rows(stage, time=time, limit=RECORDS, newest_first=time is not None)
    except (AdapterError, DataContractError):
        return pd.DataFrame(columns=[sample.pipeline.stage_key(stage)])


def mismatch(keys: pd.Series[Any], known: pd.Series[Any]) -> str:
    """Return in words what keys look like on both sides."""
    return f": {str(keys.iloc[0])!r} here, {str(known.iloc[0])!r} there"
