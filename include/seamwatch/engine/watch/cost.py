"""Look at the cost: price every call that is new, keep sums by hour, and judge them against the past."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

import pandas as pd

from seamwatch.core.detection.hours import last_hour
from seamwatch.core.watch.cost import evaluate_cost
from seamwatch.core.watch.cost_hours import HourSums, hour_sums
from seamwatch.core.watch.cost_present import Present
from seamwatch.core.watch.results import WatchReport
from seamwatch.engine.deps import Deps
from seamwatch.engine.watch.cost_calls import priced_calls, read_sources, runs_of, tariffs
from seamwatch.engine.watch.reading import WatchRead
from seamwatch.report.watch.cost import cost_report
from seamwatch.spec.pipeline import Pipeline
from seamwatch.store.watch import Aggregate
from seamwatch.vocabulary import Watch

_LOOKED_AT = timedelta(days=35)
"""A month of the calendar, and the days that its projection begins with."""
KEPT = timedelta(days=70)
"""Ten weeks: a weekly review shows a week of last month beside the four before it."""
_HOURS = "hour"
"""The series that is kept."""


def look(deps: Deps, pipeline: Pipeline, read: WatchRead, *, now: datetime) -> WatchReport:
    """Return what calls cost, whether that is as usual, and if not, where it comes from; sums by hour are kept.

    Raises:
        ValueError: If the pipeline's cost is not watched.
    """
    settings = pipeline.monitoring.cost
    if settings is None:
        msg = f"{pipeline.pipeline}: the cost is not watched"
        raise ValueError(msg)
    name = pipeline.pipeline
    kept = kept_hours(deps, name, since=now - _LOOKED_AT)
    at = pd.to_datetime(read.records["at"], utc=True)
    at = at[((at >= read.start) & (at < read.end)).to_numpy(dtype=bool)]
    calls, _, notes = priced_calls(pipeline, read.stages, tariffs(settings))
    calls = calls[calls["_key"].isin(at.index).to_numpy()]
    runs = runs_of(calls)
    sources, said = read_sources(pipeline, settings, read.stages, at.index)
    if not len(calls) and len(at):
        said = (*said, "no call of a model was recorded, so nothing is known of the cost")
    new = hour_sums(at, calls, {kind.value: lengths for kind, lengths in runs.items()}, sources)
    new = _with_marks(new, [one for one in kept if one.start >= read.start])
    past = [one for one in kept if one.start < read.start]
    present = Present(
        start=read.start,
        now=now,
        hours=[*past, *new],
        calls=calls,
        runs=runs,
        n_records=len(at),
        sources=sources,
        notes=(*notes, *said),
    )
    last = deps.store.last_watch_report(name, Watch.COST)
    report = cost_report(evaluate_cost(pipeline, settings, present, last))
    onsets = [one.onset for one in report.findings if one.onset is not None]
    if onsets:
        new = _marked(new, now, min(onsets))
    rows = [Aggregate(series=_HOURS, start_at=one.start, data=one.to_data()) for one in new]
    deps.store.put_aggregates(name, Watch.COST, rows, start=read.start, end=max(read.end, now))
    deps.store.forget_aggregates(name, Watch.COST, before=now - KEPT)
    return report


def kept_hours(deps: Deps, name: str, *, since: datetime) -> list[HourSums]:
    """Return the hours of a pipeline that earlier looks have kept, oldest first."""
    rows = deps.store.aggregates(name, Watch.COST, since=since, series=_HOURS)
    return [HourSums.of(one.start_at, one.data) for one in rows]


def _with_marks(new: Sequence[HourSums], kept: Sequence[HourSums]) -> list[HourSums]:
    """Return the new sums with what was found in their hours by earlier looks; an hour may hold only that."""
    known = {one.start: one for one in new}
    for one in kept:
        if one.found_since is not None:
            known[one.start] = replace(known.get(one.start, HourSums(start=one.start)), found_since=one.found_since)
    return [known[start] for start in sorted(known)]


def _marked(new: Sequence[HourSums], now: datetime, since: datetime) -> list[HourSums]:
    """Return the hours, the one that now is in or ends with since when it was found to be dear."""
    present = last_hour(now)
    known = {one.start: one for one in new}
    hour = known.get(present, HourSums(start=present))
    known[present] = replace(hour, found_since=min(hour.found_since or since, since))
    return [known[start] for start in sorted(known)]
