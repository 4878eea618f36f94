"""New records of all stages to samples by hour, and hours to periods: the same sample, however often it is looked."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

import numpy as np
import pandas as pd

from seamwatch.core.detection.seasons import floor_period
from seamwatch.core.records.comparison import at_path, is_null
from seamwatch.core.records.frames import StageData
from seamwatch.core.watch.drift import Period
from seamwatch.core.watch.features import Sample, close, lowest, merge, stage_features
from seamwatch.plurals import plural
from seamwatch.spec.monitoring import DriftWatch
from seamwatch.spec.pipeline import Pipeline

RECORDS = "records"
"""Name beside the stages' under which outcomes and segments are kept."""
AddMeaning = Callable[[str, pd.DataFrame, pd.DataFrame, datetime], pd.DataFrame]
"""Stage, payload, features and hour in; features with those of embeddings out."""


def hourly_samples(
    pipeline: Pipeline,
    settings: DriftWatch,
    stages: Mapping[str, StageData],
    records: pd.DataFrame,
    *,
    add_meaning: AddMeaning | None = None,
) -> tuple[dict[datetime, dict[str, Sample]], list[str]]:
    """Return by hour the sample of each stage, with those of outcomes under `RECORDS`, and notes.

    Only records that can be in the sample of their whole period are opened: those with the lowest hashes of all that
    are read of it, so the cost does not grow with the traffic of a period.
    """
    at = pd.to_datetime(records["at"], utc=True)
    hours = at.dt.floor("h")
    chosen: list[Any] = []
    for _, mine in records.groupby(hours.map({hour: floor_period(hour, settings.every) for hour in hours.unique()})):
        chosen += list(mine.index[lowest(mine.index, settings.sample)])
    sampled = pd.Index(chosen, name="key")
    notes: list[str] = []
    opened = {
        name: _features(pipeline, settings, data, data.payload.index.intersection(sampled), notes)
        for name, data in stages.items()
    }
    outcomes = _record_rows(pipeline, stages, records.loc[sampled], notes)
    counts = {name: hours.reindex(data.payload.index).value_counts() for name, data in stages.items()}
    found: dict[datetime, dict[str, Sample]] = {}
    for hour, mine in records.groupby(hours):
        keys = mine.index.intersection(sampled)
        texts = pd.Index(keys.astype(str), dtype=object)
        parts = {RECORDS: Sample(n=len(mine), rows=outcomes.loc[texts])}
        for name, data in stages.items():
            here = texts.intersection(opened[name].index)
            rows = opened[name].loc[here].dropna(axis=1, how="all")
            if add_meaning is not None and len(rows):
                payload = data.payload.loc[data.payload.index.intersection(keys)]
                rows = add_meaning(
                    name, payload.set_axis(payload.index.astype(str)).loc[here], rows, hour.to_pydatetime()
                )
            parts[name] = Sample(n=int(counts[name].get(hour, 0)), rows=rows)
        found[hour.to_pydatetime()] = parts
    return found, list(dict.fromkeys(notes))


def _features(
    pipeline: Pipeline, settings: DriftWatch, data: StageData, keys: pd.Index[Any], notes: list[str]
) -> pd.DataFrame:
    name = data.stage.name
    rows, n_left_out = stage_features(
        data.payload.loc[keys],
        data.stage,
        ignore=_of_stage(settings.ignore, name),
        hidden=_of_stage(pipeline.bundle.redact, name),
    )
    if n_left_out:
        notes.append(
            f"{name}: {plural(n_left_out, 'column is', 'columns are')} too many and not looked at; name what "
            "matters in fields"
        )
    return rows


def _of_stage(names: Sequence[str], stage: str) -> tuple[str, ...]:
    return tuple(name.removeprefix(f"{stage}.") for name in names if name.startswith(f"{stage}."))


def _record_rows(
    pipeline: Pipeline, stages: Mapping[str, StageData], records: pd.DataFrame, notes: list[str]
) -> pd.DataFrame:
    """Return outcomes (1 right, 0 wrong, NaN not known) and the segments of records; columns end in `|value`."""
    right = records["is_right"].map({True: 1.0, False: 0.0}) if "is_right" in records.columns else np.nan
    made: dict[str, Any] = {"right|number": pd.to_numeric(pd.Series(right, index=records.index), errors="coerce")}
    for segment in pipeline.segments:
        stage, _, name = segment.partition(".")
        payload = stages[stage].payload if stage in stages else pd.DataFrame()
        column, _, path = name.partition(".")
        source = name if name in payload.columns else column
        if source not in payload.columns:
            if len(payload):
                notes.append(f"segment {segment}: no such column at {stage}")
            continue
        values = payload[source].reindex(records.index)
        if source != name:
            values = values.map(lambda cell, path=path: at_path(cell, path))
        made[f"{segment}|value"] = values.map(lambda one: None if is_null(one) else str(one)[:80]).astype(object)
    frame = pd.DataFrame(made, index=records.index)
    return frame.set_axis(pd.Index(records.index.astype(str), dtype=object))


def close_period(
    start: datetime, hours: Sequence[Mapping[str, Sample]], past: Sequence[Period], *, stages: Sequence[str], k: int
) -> Period:
    """Return what is kept of a period that is over."""
    made = {}
    for name in stages:
        merged = merge([one[name] for one in hours if name in one], k=k)
        made[name] = close(merged, [one.stages[name] for one in past if name in one.stages])
    records = merge([one[RECORDS] for one in hours if RECORDS in one], k=k).rows
    return Period(start=start, stages=made, records=as_records(records))


def as_records(rows: pd.DataFrame) -> pd.DataFrame:
    """Return outcomes and segments under their own names."""
    if not len(rows.columns):
        return pd.DataFrame({"right": pd.Series(dtype=float)})
    return rows.rename(columns=lambda name: str(name).rpartition("|")[0])
