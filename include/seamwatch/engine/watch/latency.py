"""Look at latency: split what is new over the stages, keep it by hour, and judge the last hours against the past."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pandas as pd

from seamwatch.core.detection.hours import last_hour
from seamwatch.core.watch.latency import LOOK_BACK, Shift, find_shift, learn
from seamwatch.core.watch.latency_evaluation import evaluate_as_usual, evaluate_shift
from seamwatch.core.watch.latency_hours import (
    Hour,
    about_records,
    count_hours,
    read_samples,
    take_samples,
)
from seamwatch.core.watch.results import WatchReport
from seamwatch.core.watch.stage_times import Misfit, split_seconds
from seamwatch.engine.deps import Deps
from seamwatch.engine.watch.reading import WatchRead
from seamwatch.report.watch.latency import latency_report
from seamwatch.spec.pipeline import Pipeline
from seamwatch.store.watch import Aggregate
from seamwatch.vocabulary import Watch

HOURS, SAMPLES = "hour", "sample"
"""Series that are kept."""
_MOST_BEFORE, _MOST_NOW = 5000, 2400
"""Sampled records that the source is sought among."""


def look(deps: Deps, pipeline: Pipeline, read: WatchRead, *, now: datetime) -> WatchReport:
    """Return whether the full pipeline takes longer than it did, and what carries it; hours and samples are kept.

    Raises:
        ValueError: If the pipeline's latency is not watched.
    """
    settings = pipeline.monitoring.latency
    if settings is None:
        msg = f"{pipeline.pipeline}: latency is not watched"
        raise ValueError(msg)
    name, since = pipeline.pipeline, now - LOOK_BACK - timedelta(days=1)
    kept = deps.store.aggregates(name, Watch.LATENCY, since=since, series=HOURS)
    known = {one.start_at: Hour.from_json(one.start_at, one.data) for one in kept}
    past = [hour for at, hour in known.items() if at < read.start]
    records = read.records[(read.records["at"] < read.end).to_numpy(dtype=bool)]
    split = split_seconds(pipeline, read.stages, records["seconds"], known=_misfits(past))
    about, notes = about_records(pipeline, read.stages, records.index, ttft=settings.ttft)
    at = pd.to_datetime(records["at"], utc=True)
    new = count_hours(split, at, about, known={start: hour for start, hour in known.items() if start >= read.start})
    samples = take_samples(split, at, about)
    hours = [*past, *new]
    reference = learn([hour for hour in hours if hour.start >= now - LOOK_BACK], now)
    shift = find_shift(hours, reference, now, least_change=settings.least_change) if reference else None
    _keep(deps, name, _marked(new, known, read, shift), samples, read)
    last = deps.store.last_watch_report(name, Watch.LATENCY)
    if shift is None:
        evaluation = evaluate_as_usual(pipeline, hours, reference, last, untimed=split.untimed, notes=notes, now=now)
    else:
        rows = _samples(deps, name, shift)
        evaluation = evaluate_shift(
            pipeline, hours, shift, last, samples=rows, split=split, at=at, notes=notes, now=now
        )
    return latency_report(evaluation)


def _misfits(hours: Sequence[Hour]) -> Mapping[str, Misfit]:
    found: dict[str, Misfit] = {}
    for hour in hours:
        for name, one in hour.misfits.items():
            found[name] = found.get(name, Misfit()) + one
    return found


def _marked(new: Sequence[Hour], known: Mapping[datetime, Hour], read: WatchRead, shift: Shift | None) -> list[Hour]:
    """Return the new hours, the last one with since when it was found slow; marks of hours without a record stay."""
    found = {start: Hour(start=start, found_since=one.found_since) for start, one in known.items() if one.found_since}
    found = {start: one for start, one in found.items() if start >= read.start} | {hour.start: hour for hour in new}
    if shift is not None:
        last = last_hour(read.end)
        hour, since = found.get(last, Hour(start=last)), shift.hours[0].start
        found[last] = replace(hour, found_since=min(hour.found_since or since, since))
    return [found[start] for start in sorted(found)]


def _keep(deps: Deps, name: str, new: Sequence[Hour], samples: Mapping[datetime, Any], read: WatchRead) -> None:
    rows = [Aggregate(series=HOURS, start_at=hour.start, data=hour.to_json()) for hour in new]
    rows += [Aggregate(series=SAMPLES, start_at=start, data=data) for start, data in samples.items()]
    deps.store.put_aggregates(name, Watch.LATENCY, rows, start=read.start, end=read.end)
    deps.store.forget_aggregates(name, Watch.LATENCY, before=read.end - LOOK_BACK - timedelta(days=1))


def _samples(deps: Deps, name: str, shift: Shift) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return sampled records of the hours that are slow, and of those they are compared with."""
    rows = deps.store.aggregates(name, Watch.LATENCY, since=shift.before[0].start, series=SAMPLES)
    found = []
    for hours, most in ((shift.hours, _MOST_NOW), (shift.before, _MOST_BEFORE)):
        counts = {hour.start: hour.total.count for hour in hours}
        found.append(
            read_samples([(one.start_at, one.data) for one in rows if one.start_at in counts], counts, most=most)
        )
    return found[0], found[1]
