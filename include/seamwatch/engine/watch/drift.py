"""Look whether inputs and outputs look as they did: keep samples by hour, judge a period once it is over."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta

import pandas as pd

from seamwatch.core.detection.hours import HOUR
from seamwatch.core.detection.seasons import floor_period
from seamwatch.core.results import Window
from seamwatch.core.watch.drift import LONGEST, Period, State, judge
from seamwatch.core.watch.drift_evaluation import evaluate_drift
from seamwatch.core.watch.drift_samples import RECORDS, close_period, hourly_samples
from seamwatch.core.watch.features import Sample
from seamwatch.core.watch.results import WatchReport
from seamwatch.engine.deps import Deps
from seamwatch.engine.watch.embedding import Embedder
from seamwatch.engine.watch.reading import WatchRead
from seamwatch.report.watch.drift import drift_report, first_period_report
from seamwatch.spec.monitoring import DriftWatch
from seamwatch.spec.pipeline import Pipeline
from seamwatch.store.watch import Aggregate
from seamwatch.vocabulary import Watch

_HOUR, _PERIOD, _STATE = "hour/", "period/", "state"
_EMPTY = pd.DataFrame({"right": pd.Series(dtype=float)})


def look(deps: Deps, pipeline: Pipeline, read: WatchRead, *, now: datetime) -> WatchReport:
    """Return what the last whole period came to.

    A look keeps a sample of the records it was handed, by hour. Once a period is over, and `settle` with it, its hours
    become one sample, which is judged; until the next one is over a look returns what was found then.
    """
    settings = pipeline.monitoring.drift
    assert settings is not None
    every = max(settings.every // HOUR, 1) * HOUR  # samples are kept by hour
    settings = settings.model_copy(update={"every": every})
    name, store = pipeline.pipeline, deps.store
    window = settings.reference + LONGEST * every
    kept = store.aggregates(name, Watch.DRIFT, since=floor_period(now - window - every, every), series=_STATE)
    closed = [one.start_at for one in kept]
    start = max([read.start, *(one + every for one in closed)])
    notes = _keep_hours(deps, pipeline, settings, read, start)
    last = store.last_watch_report(name, Watch.DRIFT)
    first_open = max(closed) + every if closed else _first_hour(deps, name, every, now - window)
    report: WatchReport | None = None
    while first_open is not None and first_open + every + pipeline.settle <= now:
        report = _close(deps, pipeline, settings, first_open, notes)
        first_open += every
    if report is not None:
        store.forget_aggregates(name, Watch.DRIFT, before=floor_period(now - window - every, every))
        return report
    if last is not None:
        return last
    return first_period_report(
        name,
        Window(start=read.start, end=max(read.end, read.start + HOUR)),
        n_records=len(read.records),
        ready_at=first_open + every + pipeline.settle if first_open else None,
        notes=notes,
    )


def _keep_hours(deps: Deps, pipeline: Pipeline, settings: DriftWatch, read: WatchRead, start: datetime) -> list[str]:
    """Save the samples of the hours from `start` on, in the place of what an earlier look kept of them."""
    records = read.records[(pd.to_datetime(read.records["at"], utc=True) >= start).to_numpy()]
    records = records[(pd.to_datetime(records["at"], utc=True) < read.end).to_numpy()]
    known = deps.store.aggregates(pipeline.pipeline, Watch.DRIFT, since=start) if settings.embedding else []
    embedder = Embedder.open(deps, settings, {(one.series, one.start_at): one.data for one in known})
    found, notes = hourly_samples(
        pipeline, settings, read.stages, records, add_meaning=embedder.add_meaning if embedder else None
    )
    rows = [
        Aggregate(series=_HOUR + series, start_at=hour, data=sample.to_data())
        for hour, parts in found.items()
        for series, sample in parts.items()
    ]
    if start < read.end:
        deps.store.put_aggregates(pipeline.pipeline, Watch.DRIFT, rows, start=start, end=read.end)
    return [*notes, *(embedder.notes if embedder else ())]


def _first_hour(deps: Deps, name: str, every: timedelta, since: datetime) -> datetime | None:
    kept = deps.store.aggregates(name, Watch.DRIFT, since=since, series=_HOUR + RECORDS)
    return floor_period(kept[0].start_at, every) if kept else None


def _close(deps: Deps, pipeline: Pipeline, settings: DriftWatch, start: datetime, notes: list[str]) -> WatchReport:
    """Return what a period that is over came to; its hours become one sample."""
    name, end = pipeline.pipeline, start + settings.every
    since = start - settings.reference - (LONGEST - 1) * settings.every
    kept = deps.store.aggregates(name, Watch.DRIFT, since=since, until=start)
    past = _periods(kept, settings.every, start)
    hours: dict[datetime, dict[str, Sample]] = {}
    for one in deps.store.aggregates(name, Watch.DRIFT, since=start, until=end):
        if one.series.startswith(_HOUR):
            hours.setdefault(one.start_at, {})[one.series.removeprefix(_HOUR)] = Sample.from_data(one.data)
    stages = [stage.name for stage in pipeline.stages]
    now = close_period(start, list(hours.values()), past, stages=stages, k=settings.sample)
    states = [one.data for one in kept if one.series == _STATE]
    state = State.from_data(states[-1]) if states else State()
    judged = judge(pipeline, settings, [*past, now], state)
    evaluation = evaluate_drift(pipeline, judged, [*past, now], every=settings.every)
    aucs = {stage: one.auc for stage, one in judged.tellings.items()}
    now = replace(now, stages={one: replace(sample, auc=aucs.get(one)) for one, sample in now.stages.items()})
    rows = [Aggregate(series=_STATE, start_at=start, data=evaluation.state.to_data())]
    rows += [
        Aggregate(series=_PERIOD + one, start_at=start, data=sample.to_data()) for one, sample in now.stages.items()
    ]
    records = now.records.rename(
        columns={one: f"{one}|number" if one == "right" else f"{one}|value" for one in now.records}
    )
    rows.append(
        Aggregate(series=_PERIOD + RECORDS, start_at=start, data=Sample(n=len(records), rows=records).to_data())
    )
    deps.store.put_aggregates(name, Watch.DRIFT, rows, start=start, end=end)
    return drift_report(evaluation, notes=notes)


def _periods(kept: list[Aggregate], every: timedelta, end: datetime) -> list[Period]:
    """Return the periods that are kept, oldest first; those in between of which nothing is kept have no samples."""
    found: dict[datetime, dict[str, Sample]] = {}
    for one in kept:
        if one.series.startswith(_PERIOD):
            found.setdefault(one.start_at, {})[one.series.removeprefix(_PERIOD)] = Sample.from_data(one.data)
    periods: list[Period] = []
    start = min(found, default=end)
    while start < end:
        parts: Mapping[str, Sample] = found.get(start, {})
        stages = {name: sample for name, sample in parts.items() if name != RECORDS}
        records = _as_records(parts[RECORDS].rows) if RECORDS in parts else _EMPTY
        periods.append(Period(start=start, stages=stages, records=records))
        start += every
    return periods


def _as_records(rows: pd.DataFrame) -> pd.DataFrame:
    return rows.rename(columns=lambda name: str(name).rpartition("|")[0]) if len(rows.columns) else _EMPTY
