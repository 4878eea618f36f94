"""What an evaluation of the latency comes to, in numbers: whether it shifted, by how much, what carries it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import pandas as pd

from seamwatch.core.detection.hours import HOUR, floor_hour
from seamwatch.core.detection.onset import onset_index
from seamwatch.core.finding import Finding
from seamwatch.core.results import Window
from seamwatch.core.watch.latency import QUANTILE, Reference, Shift, has_enough, latest
from seamwatch.core.watch.latency_hours import Hour
from seamwatch.core.watch.latency_source import (
    WAIT_RECORDS,
    Carrier,
    Source,
    find_carrier,
    means_near,
    name_source,
    part_names,
)
from seamwatch.core.watch.results import WatchReport
from seamwatch.core.watch.stage_times import Part, Role, Split
from seamwatch.spec.objectives import LatencyObjective
from seamwatch.spec.pipeline import Pipeline

_KEYS = 5
_OF_CALLS = ("provider_slow", "timeouts", "repeated_calls", "longer_answers")
"""Kinds that the provider's part of a stage carries."""


@dataclass(frozen=True, kw_only=True)
class Slowdown:
    """A shift of the full pipeline's P95 with what carries it."""

    shift: Shift
    carrier: Carrier
    source: Source
    finding: Finding
    """Without words."""
    is_early: bool
    """Whether too few records came since to say where: it is not reported yet."""


@dataclass(frozen=True, kw_only=True)
class LatencyEvaluation:
    """One evaluation."""

    pipeline: str
    window: Window
    compared: Window | None
    hours: Sequence[Hour]
    """All that is known, oldest first."""
    now: tuple[Hour, ...]
    """Those that were judged."""
    before: tuple[Hour, ...]
    """Those that they were compared with; empty where there is too little of a past."""
    slowdown: Slowdown | None
    still: tuple[str, ...] = ()
    """Kinds that were found before and cannot be called over, as too few records came since."""
    limit: float | None
    """Seconds that are promised for P95 of the full pipeline."""
    untimed: tuple[str, ...]
    """Stages without a time of their own."""
    notes: tuple[str, ...]
    """What was said of the columns read."""

    @property
    def n_records(self) -> int:
        """Return the records that were judged."""
        return sum(hour.total.count for hour in self.now)


def evaluate_as_usual(
    pipeline: Pipeline,
    hours: Sequence[Hour],
    reference: Reference | None,
    last: WatchReport | None,
    *,
    untimed: tuple[str, ...],
    notes: tuple[str, ...],
    now: datetime,
) -> LatencyEvaluation:
    """Return the evaluation of hours that did not shift, or that there is nothing to compare with."""
    recent = latest(hours, now)
    is_over = reference is not None and has_enough(hours, now)
    return LatencyEvaluation(
        pipeline=pipeline.pipeline,
        window=_window(recent, now),
        compared=reference.window if reference is not None else None,
        hours=hours,
        now=tuple(recent),
        before=reference.like(recent) if reference is not None else (),
        slowdown=None,
        still=() if is_over or last is None else last.open_kinds,
        limit=_limit(pipeline),
        untimed=untimed,
        notes=notes,
    )


def evaluate_shift(
    pipeline: Pipeline,
    hours: Sequence[Hour],
    shift: Shift,
    last: WatchReport | None,
    *,
    samples: tuple[pd.DataFrame, pd.DataFrame],
    split: Split,
    at: pd.Series[Any],
    notes: tuple[str, ...],
    now: datetime,
) -> LatencyEvaluation:
    """Return the evaluation of a pipeline that got slower.

    Args:
        pipeline: Its definition.
        hours: All that is known, oldest first.
        shift: What was found.
        last: The report before: the stage that it named is kept as long as it may be.
        samples: Sampled records of the shift's hours, and of those they are compared with.
        split: The records just read.
        at: Their times.
        notes: What was said of the columns read.
        now: The present.
    """
    reported = last.findings[0] if last is not None and last.findings else None
    reported = reported if reported is not None and reported.stage is not None else None
    carrier = _carrier(*samples, shift, reported)
    near = means_near(*samples, carrier.part) if carrier.part is not None else None
    source = name_source(pipeline, carrier, shift, near)
    is_same = reported is not None and (reported.stage, reported.kind) == (source.stage, source.pattern)
    onset = reported.onset if is_same and reported is not None else None
    totals = samples[0][part_names(samples[0])].sum(axis=1)
    finding = Finding(
        responsibility=source.responsibility,
        stage=source.stage,
        kind=source.pattern,
        n_records=shift.n_slow,
        confidence=carrier.confidence,
        onset=onset if onset is not None else _onset(shift, split, at),
        keys=tuple(totals.sort_values(ascending=False).index[:_KEYS]),
    )
    is_new = last is None or not (last.findings or last.still)
    n = sum(hour.total.count for hour in shift.hours)
    return LatencyEvaluation(
        pipeline=pipeline.pipeline,
        window=_window(shift.hours, now),
        compared=Window(start=shift.before[0].start, end=shift.before[-1].start + HOUR),
        hours=hours,
        now=shift.hours,
        before=shift.before,
        slowdown=Slowdown(
            shift=shift,
            carrier=carrier,
            source=source,
            finding=finding,
            is_early=carrier.part is None and n < WAIT_RECORDS and is_new,
        ),
        limit=_limit(pipeline),
        untimed=split.untimed,
        notes=notes,
    )


def _carrier(now: pd.DataFrame, before: pd.DataFrame, shift: Shift, reported: Finding | None) -> Carrier:
    if now.empty or before.empty:
        return Carrier(contributions=(), part=None, share=0.0, confidence=0.0)
    held = None
    if reported is not None and reported.stage is not None:
        held = Part(stage=reported.stage, role=Role.PROVIDER if reported.kind in _OF_CALLS else Role.OWN)
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
    for one in pipeline.slos:
        if isinstance(one, LatencyObjective) and one.stage is None and one.goal == QUANTILE:
            return one.threshold.total_seconds()
    return None
