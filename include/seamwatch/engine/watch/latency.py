"""Look at latency: split what is new over the stages, keep it by hour, and judge the last hours against the past."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pandas as pd

from seamwatch.core.detection.hours import HOUR, floor_hour, last_hour
from seamwatch.core.detection.onset import onset_index
from seamwatch.core.finding import Finding
from seamwatch.core.results import Window
from seamwatch.core.watch.latency import LOOK_BACK, QUANTILE, Reference, Shift, find_shift, has_enough, latest, learn
from seamwatch.core.watch.latency_hours import (
    BESIDE,
    Hour,
    about_records,
    count_hours,
    read_samples,
    take_samples,
)
from seamwatch.core.watch.latency_report import change_table, charts, facts, notes_of, quantile_table, tell
from seamwatch.core.watch.latency_source import WAIT_RECORDS, Carrier, find_carrier, means_near, name_source
from seamwatch.core.watch.results import WatchReport
from seamwatch.core.watch.stage_times import Misfit, Part, Role, Split, split_seconds
from seamwatch.engine.deps import Deps
from seamwatch.engine.watch.reading import WatchRead
from seamwatch.spec.objectives import LatencyObjective
from seamwatch.spec.pipeline import Pipeline
from seamwatch.store.watch import Aggregate
from seamwatch.vocabulary import Watch

HOURS, SAMPLES = "hour", "sample"
"""Series that are kept."""
_MOST_BEFORE, _MOST_NOW = 5000, 2400
"""Sampled records that the source is sought among."""
_KEYS = 5


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
    if shift is None:
        last = deps.store.last_watch_report(name, Watch.LATENCY)
        return _quiet(pipeline, hours, reference, last, (*notes, *notes_of(latest(hours, now), split.untimed)), now)
    return _slow(deps, pipeline, hours, shift, split, at, (*notes, *notes_of(shift.hours, split.untimed)), now)


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


def _quiet(
    pipeline: Pipeline,
    hours: Sequence[Hour],
    reference: Reference | None,
    last: WatchReport | None,
    notes: tuple[str, ...],
    now: datetime,
) -> WatchReport:
    """Return the report of a look that found nothing."""
    recent = latest(hours, now)
    before = reference.like(recent) if reference is not None else ()
    told = () if last is None else last.open_kinds
    if reference is None:
        notes = (*notes, "there is too little of a past to compare with")
    return WatchReport(
        watch=Watch.LATENCY,
        pipeline=pipeline.pipeline,
        window=_window(recent, now),
        compared=reference.window if reference is not None else None,
        n_records=sum(hour.total.count for hour in recent),
        still=() if reference is not None and has_enough(hours, now) else told,
        facts=facts(recent, before, None),
        tables=(quantile_table(recent, before),),
        charts=charts(hours, mark=None, limit=_limit(pipeline)),
        notes=notes,
    )


def _slow(
    deps: Deps,
    pipeline: Pipeline,
    hours: Sequence[Hour],
    shift: Shift,
    split: Split,
    at: pd.Series[Any],
    notes: tuple[str, ...],
    now: datetime,
) -> WatchReport:
    """Return the report of a look that found the pipeline to be slower."""
    last = deps.store.last_watch_report(pipeline.pipeline, Watch.LATENCY)
    told = last.findings[0] if last is not None and last.findings else None
    told = told if told is not None and told.stage is not None else None
    now_rows, before_rows = _samples(deps, pipeline.pipeline, shift)
    carrier = _carrier(now_rows, before_rows, shift, told)
    near = means_near(now_rows, before_rows, carrier.part) if carrier.part is not None else None
    source = name_source(pipeline, carrier, shift, near)
    is_same = told is not None and (told.stage, told.kind) == (source.stage, source.pattern)
    onset = told.onset if is_same and told is not None and told.onset is not None else _onset(shift, split, at)
    keys = tuple(now_rows[_part_names(now_rows)].sum(axis=1).sort_values(ascending=False).index[:_KEYS])
    text = f"{shift.hours[0].start:%Y-%m-%d %H:%M} to {now:%H:%M} UTC"
    found = tell(shift, carrier, source, onset=onset, keys=keys, window_text=text)
    n = sum(hour.total.count for hour in shift.hours)
    is_early = carrier.part is None and n < WAIT_RECORDS and not (last is not None and (last.findings or last.still))
    if is_early:
        notes = (*notes, f"P95 is longer, but {n} records do not yet say where; it is told at {WAIT_RECORDS} records")
    return WatchReport(
        watch=Watch.LATENCY,
        pipeline=pipeline.pipeline,
        window=_window(shift.hours, now),
        compared=Window(start=shift.before[0].start, end=shift.before[-1].start + HOUR),
        n_records=n,
        findings=() if is_early else (found,),
        facts=facts(shift.hours, shift.before, carrier),
        tables=(change_table(carrier), quantile_table(shift.hours, shift.before)),
        charts=charts(hours, mark=onset, limit=_limit(pipeline)),
        notes=notes,
    )


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


def _part_names(rows: pd.DataFrame) -> list[str]:
    return [name for name in rows.columns if name not in (*BESIDE, "weight")]


def _carrier(now: pd.DataFrame, before: pd.DataFrame, shift: Shift, told: Finding | None) -> Carrier:
    if now.empty or before.empty:
        return Carrier(contributions=(), part=None, share=0.0, confidence=0.0)
    held = None
    if told is not None and told.stage is not None:
        is_call = told.kind in ("provider_slow", "timeouts", "repeated_calls", "longer_answers")
        held = Part(stage=told.stage, role=Role.PROVIDER if is_call else Role.OWN)
    return find_carrier(now, before, shift, held=held, seed=int(shift.hours[0].start.timestamp()))


def _onset(shift: Shift, split: Split, at: pd.Series[Any]) -> datetime:
    """Return when records began to be slow: by the record where they were read, else the hour."""
    start = shift.hours[0].start
    seen = at.reindex(split.seconds.index)
    if not len(seen) or seen.min() >= start + HOUR:
        return start
    order = seen[(seen >= start - HOUR).to_numpy()].sort_values(kind="stable")
    slow = (split.seconds.reindex(order.index) > shift.p95_before).tolist()
    place = onset_index(slow)
    return start if place is None else max(order.iloc[place].to_pydatetime(), start)


def _window(hours: Sequence[Hour], now: datetime) -> Window:
    start = hours[0].start if hours else floor_hour(now)
    return Window(start=start, end=now) if start < now else Window(start=start - HOUR, end=now)


def _limit(pipeline: Pipeline) -> float | None:
    """Return the seconds that are promised for P95 of the full pipeline."""
    for one in pipeline.slos:
        if isinstance(one, LatencyObjective) and one.stage is None and one.goal == QUANTILE:
            return one.threshold.total_seconds()
    return None
