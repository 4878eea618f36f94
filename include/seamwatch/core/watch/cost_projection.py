"""What a day or month of the calendar will cost, and when its bound is reached, by the usual profile of hours."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import Literal
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
from scipy import stats

from seamwatch.core.detection.hours import HOUR, floor_hour
from seamwatch.core.detection.seasons import Floats, Timeline, UsualHours
from seamwatch.core.detection.windows import calendar_window
from seamwatch.core.watch.cost_jump import LOOK_BACK

CONFIDENCE = 0.9
_RECENT = 6
"""Hours that tell the present level."""
_CLEAR = 3.0
"""A level so many standard deviations from the usual one is the present rate, whatever the past."""
_DAYS_ALIKE = 0.5
"""Correlation of neighbouring days, so that many days of a month do not promise more than is known."""
_MOST_FREEDOM = 12


@dataclass(frozen=True, kw_only=True)
class Projection:
    """A day or month of the calendar."""

    start: datetime
    end: datetime
    """UTC; a day on which clocks change has 23 or 25 hours."""
    spent: float
    projected: float | None
    """At its end, at the present rate; None without any past."""
    low: float | None
    high: float | None
    """Of 90 days, 81 end within; None where the past is too short to say."""
    bound: float | None
    gone_at: datetime | None
    """When the bound is reached at the present rate; the present where it is; None: not in this day or month."""


def project_cost(
    hours: pd.DataFrame, bound: float | None, period: Literal["day", "month"], zone: str, now: datetime
) -> Projection:
    """Return what the day or month that `now` is in will cost.

    Args:
        hours: Index the start of each hour (aware, full hours UTC), column `usd`; optional `is_usual`, False for hours
            that say nothing of others. Hours that are missing between known ones cost nothing.
        bound: In USD; None: there is none.
        period: Of the calendar.
        zone: Whose days and months, by its name in the IANA database.
        now: The present; the hour it is in may be among them.

    An hour that two days share, as in zones that are off by half an hour, counts to both by its minutes.
    """
    window, place = calendar_window(period, zone, now), ZoneInfo(zone)
    known = hours[np.asarray(hours.index <= pd.Timestamp(now), dtype=bool)]
    whole = floor_hour(now.astimezone(UTC))
    # What the present hour has cost is spent, though the hour is not over.
    spent = float((known["usd"].to_numpy(dtype=float) * _overlap(known.index, window.start, whole + HOUR)).sum())
    line = _timeline(known, whole, place)
    # The last hours tell the present level, so they must not be what it is compared with.
    usual = (
        (UsualHours.learn(line.upto(len(line.amounts) - _RECENT, LOOK_BACK)) or UsualHours.learn(line))
        if line
        else None
    )
    made = partial(Projection, start=window.start, end=window.end, spent=spent, bound=bound)
    if line is None or usual is None:
        per_hour = _mean_rate(known, now)
        rest = (window.end - now) / HOUR
        return made(
            projected=None if per_hour is None else spent + per_hour * rest,
            low=None,
            high=None,
            gone_at=_reach([(now, rest, per_hour or 0.0)], spent, bound, now),
        )
    ahead = pd.date_range(whole, window.end, freq="h", inclusive="left")
    starts = list(ahead.to_pydatetime())
    empty = np.zeros(len(starts))
    expected, _ = usual.expected(Timeline.of(starts, empty, empty, empty == 0, place))
    level, spread = _level(usual, line)
    parts = _overlap(ahead, now, window.end)
    rest = float((expected * parts).sum()) * level
    error = _spread(usual, max(int(parts.sum()), 1))
    steps = [
        (max(start, now), part, rate * level)
        for start, part, rate in zip(starts, parts.tolist(), expected.tolist(), strict=True)
    ]
    low = high = None
    if error is not None:
        deviation = math.hypot(error[0], spread) * float(stats.t.ppf(0.5 + CONFIDENCE / 2.0, error[1]))
        low, high = spent + rest * math.exp(-deviation), spent + rest * math.exp(deviation)
    return made(projected=spent + rest, low=low, high=high, gone_at=_reach(steps, spent, bound, now))


def _overlap(starts: pd.Index, start: datetime, end: datetime) -> Floats:
    """Return which part of each hour lies in a span, 0 to 1."""
    first = pd.DatetimeIndex(starts)
    until = (pd.Timestamp(end) - first).total_seconds().to_numpy()
    since = (pd.Timestamp(start) - first).total_seconds().to_numpy()
    return np.asarray((np.clip(until, 0, 3600) - np.clip(since, 0, 3600)) / 3600.0, dtype=float)


def _timeline(known: pd.DataFrame, end: datetime, zone: ZoneInfo) -> Timeline | None:
    past = known[np.asarray(known.index < end)]
    if not len(past):
        return None
    start = max(past.index.min(), pd.Timestamp(end) - LOOK_BACK * HOUR)
    span = pd.date_range(start, end, freq="h", inclusive="left")
    usd: Floats = np.asarray(past["usd"].astype(float).reindex(span).fillna(0.0), dtype=np.float64)
    fit = (
        past["is_usual"].astype(float).reindex(span).fillna(1.0).to_numpy() > 0
        if "is_usual" in past.columns
        else np.ones(len(span), dtype=bool)
    )
    # Without counts of records, an hour that cost something had one.
    return Timeline.of(list(span.to_pydatetime()), usd, np.where(usd > 0, 1.0, 0.0), fit, zone)


def _mean_rate(known: pd.DataFrame, now: datetime) -> float | None:
    if not len(known):
        return None
    seen = float((pd.Timestamp(now) - known.index.min()) / pd.Timedelta(HOUR))
    return float(known["usd"].sum()) / max(seen, 1.0)


def _level(usual: UsualHours, line: Timeline) -> tuple[float, float]:
    """Return the present level beside the usual one, and the standard deviation of its logarithm."""
    recent = line.upto(len(line.amounts), _RECENT)
    more = float(usual.past.amounts.mean())
    value = math.log((recent.amounts.sum() + more) / (usual.expected(recent)[0].sum() + more))
    before = usual.log_ratios(_RECENT, more=more)
    if len(before) < 8:
        return math.exp(value), 0.0
    deviation = max(float(np.std(before, ddof=1)), 1e-6)
    carried = float(np.corrcoef(before[:-1], before[1:])[0, 1]) if np.std(before) > 1e-9 else 0.0
    weight = 1.0 if abs(value) > _CLEAR * deviation else min(max(carried, 0.0), 1.0)
    return math.exp(weight * value), weight * deviation


def _spread(usual: UsualHours, hours: int) -> tuple[float, int] | None:
    """Return the standard deviation of the logarithm of what so many hours cost, and its degrees of freedom."""
    logs = usual.log_ratios(min(hours, 24), more=float(usual.past.amounts.mean()))
    if len(logs) < 4:
        return None
    days = max(hours / 24.0, 1.0)
    shrunk = math.sqrt((1.0 - _DAYS_ALIKE) / days + _DAYS_ALIKE)
    return float(np.std(logs, ddof=1)) * shrunk, min(len(logs) - 1, _MOST_FREEDOM)


def _reach(
    steps: list[tuple[datetime, float, float]], spent: float, bound: float | None, now: datetime
) -> datetime | None:
    """Return when a bound is reached; steps are a start, a length in hours and USD per hour."""
    if bound is None:
        return None
    if spent >= bound:
        return now
    for start, length, rate in steps:
        if rate > 0 and spent + rate * length >= bound:
            return start + (bound - spent) / rate * HOUR
        spent += rate * length
    return None
