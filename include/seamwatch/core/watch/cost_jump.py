"""Whether the cost is higher than it usually is: by hours that are over, against the same hours of the days before.

Two measures, as the first sees what there is more of and the second needs no guess of the traffic: what the hours cost,
beside what such hours usually cost, and what they cost beside what so many records usually cost. The logarithm of each
ratio over the last 1, 3, 6, 12 and 24 hours is compared with the same ratio of as long stretches of the past, which
tells how much it varies, clusters, days and few records included (t distribution of a new value). Each hour is judged
once by each measure and window, so by the union bound healthy months have `FALSE_PER_MONTH` alarms at most, however
these depend on each other; the looks within an hour see the same whole hours, with more of their late records.

Source: G. J. Hahn, W. Q. Meeker (1991), "Statistical intervals", section 4.2, for the interval of a new value.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

import numpy as np
from scipy import optimize, stats

from seamwatch.core.detection.hours import HOUR, usual_hours
from seamwatch.core.detection.seasons import Floats, Timeline, UsualHours, log_ratios, stretch_sums
from seamwatch.core.watch.cost_hours import HourSums, mean_hour, whole_hours

LOOK_BACK = 14 * 24
"""Hours of the past that others are compared with."""
FALSE_PER_MONTH = 0.1
"""Jumps expected in 30 healthy days."""
WINDOWS = (1, 3, 6, 12, 24)
"""Hours."""
_RECENT = 3
"""Hours, at most, of which the dearest stretch tells whether a jump is over."""
_MEASURES = 2
_LEAST_STRETCHES = 4
_MOST_FREEDOM = 12
"""The t distribution has tails at least this heavy: hours are not normal, however many there are."""
_DOUBT = 3.0
"""Records that are added to both sides of a ratio, so that quiet hours have no endless ones."""
_LEAST_RECORDS = 5.0
"""A window with fewer records, usually and now, says nothing."""
_MONTH_HOURS = 30 * 24


@dataclass(frozen=True, kw_only=True)
class Jump:
    """A cost that is higher than usual."""

    hours: int
    """Whole hours since it began."""
    ratio: float
    """Cost over what is usual, in the window that shows it best."""
    p_value: float
    """Of that window, before the union over all."""


def timeline(hours: Sequence[HourSums], end: datetime, zone: ZoneInfo) -> Timeline:
    """Return the hours before `end`, from the first known one on, as far back as is compared with.

    Args:
        hours: Known ones, in order of time, those after `end` too: an hour tells since when something was found.
        end: A full hour.
        zone: Whose days are meant.
    """
    line = whole_hours(hours, max(hours[0].start, end - (LOOK_BACK + max(WINDOWS)) * HOUR), end) if hours else []
    return _line(line, zone, left_out={one.start for one in hours} - {one.start for one in usual_hours(hours)})


def find_jump(line: Timeline, *, least_change: float, since: int | None = None, is_new: bool = False) -> Jump | None:
    """Return the jump that the last hours are in; None where they are as usual, or nothing can be said.

    Args:
        line: Until the last whole hour.
        least_change: A smaller growth of the cost, as a share, is no jump.
        since: So many hours ago one began that was found by the last look: it is over once the cost is below half of
            that growth, as evidence comes and goes while it lasts.
        is_new: Whether the last look found nothing: hours in which something was found and is over are no evidence.
    """
    n_fresh = len(line.amounts)
    if is_new and not line.is_usual.all():
        n_fresh = int(np.argmin(line.is_usual[::-1]))
    found = [(one, n) for n in WINDOWS if n <= n_fresh and (one := _judge(line, n, least_change)) is not None]
    if not found:
        ratio = recent_ratio(line, since=since) if since else None
        is_still = since is not None and ratio is not None and ratio >= 1.0 + least_change / 2.0
        return Jump(hours=since, ratio=ratio, p_value=1.0) if is_still and since and ratio else None
    (p_value, ratio), length = min(found)
    return Jump(hours=_since_onset(line, length, least_change), ratio=ratio, p_value=p_value)


def recent_ratio(line: Timeline, *, since: int) -> float | None:
    """Return the cost of the last hours, three at most, over what is usual; None where the past is too short.

    Args:
        line: Until the last whole hour.
        since: Hours that are no past.
    """
    end = len(line.amounts)
    usual = UsualHours.learn(line.upto(end - since, LOOK_BACK)) if end > since else None
    if usual is None:
        return None
    window = line.upto(end, min(since, 3))
    return _ratio(window.amounts, usual.expected(window)[0], _DOUBT * usual.each)


def _judge(line: Timeline, length: int, least_change: float) -> tuple[float, float] | None:
    """Return p-value and ratio of the last so many hours if they are a jump."""
    end = len(line.amounts)
    usual = UsualHours.learn(line.upto(end - length, LOOK_BACK)) if end > length else None
    if usual is None:
        return None
    window = line.upto(end, length)
    expected, expected_records = usual.expected(window)
    more = _DOUBT * usual.each
    if more <= 0 or max(window.records.sum(), expected_records.sum()) < _LEAST_RECORDS:
        return None
    ratio = _ratio(window.amounts, expected, more)
    same_weekday = usual.of_same_weekday(window)
    # A job that runs once a week is no jump.
    if ratio < 1.0 + least_change or (
        same_weekday is not None and _ratio(window.amounts, same_weekday, more) < 1.0 + least_change
    ):
        return None
    lately = {n: _ratio(window.amounts[-n:], expected[-n:], more) for n in WINDOWS if n < length or n <= _RECENT}
    is_over = max(ratio for n, ratio in lately.items() if n <= _RECENT) < 1.0 + least_change / 2.0
    # A chance hour is no return of what has been over for longer.
    if is_over or any(ratio < 1.0 + least_change / 2.0 for n, ratio in lately.items() if n > _RECENT):
        return None
    past, past_records = usual.expected_of_past()
    of_now = _of_records(window, expected, expected_records, usual)
    of_past = _of_records(usual.past, past, past_records, usual)
    measures = (
        (expected, expected_records, past, past_records),
        (of_now, window.records, of_past, usual.past.records),
    )
    p_value = min(
        _p_value(
            math.log(_ratio(window.amounts, now, more)),
            float(n.sum()),
            log_ratios(usual.past.amounts, before, length, more=more),
            stretch_sums(n_before, length),
        )
        for now, n, before, n_before in measures
    )
    return (p_value, ratio) if p_value <= FALSE_PER_MONTH / _MONTH_HOURS / len(WINDOWS) / _MEASURES else None


def _of_records(line: Timeline, expected: Floats, expected_records: Floats, usual: UsualHours) -> Floats:
    """Return what is usual of so many records, drawn towards what one costs at any hour as long as few were seen."""
    return line.records * (expected + _DOUBT * usual.each) / (expected_records + _DOUBT)


def _ratio(usd: Floats, expected: Floats | float, more: float) -> float:
    return float((usd.sum() + more) / (np.sum(expected) + more))


def _p_value(value: float, records: float, before: Floats, records_before: Floats) -> float:
    """Return the one-sided p of a new value beside earlier ones.

    Their variance has a part that is the same for all stretches, and one that falls with their records: the quiet
    hours of a night vary more than those of a day. Both are learnt (least squares, neither below 0).
    """
    n = len(before)
    if n < _LEAST_STRETCHES:
        return 1.0
    few, few_before = 1.0 / (records + _DOUBT), 1.0 / (records_before + _DOUBT)
    middle = float(before.mean())
    parts, _ = optimize.nnls(np.column_stack([np.ones(n), few_before]), (before - middle) ** 2)
    # Where nothing ever varied, there is some chance all the same.
    size, size_before = (np.sqrt(np.maximum(parts[0] + parts[1] * one, 1e-6)) for one in (few, few_before))
    spread = float(size) * max(float(np.std((before - middle) / size_before, ddof=1)), 1.0) * math.sqrt(1.0 + 1.0 / n)
    return float(stats.t.sf((value - middle) / spread, min(n - 1, _MOST_FREEDOM)))


def _since_onset(line: Timeline, length: int, least_change: float) -> int:
    """Return how many hours ago the cost rose: where the sum of what is above a bound is largest (CUSUM).

    Source: E. S. Page (1954), "Continuous inspection schemes", Biometrika 41(1/2).
    """
    end = len(line.amounts)
    usual = UsualHours.learn(line.upto(end - length, LOOK_BACK))
    assert usual is not None
    window = line.upto(end, length)
    more = _DOUBT * usual.each
    above = np.log((window.amounts + more) / (usual.expected(window)[0] + more)) - math.log1p(least_change) / 2.0
    return int(np.argmax(np.cumsum(above[::-1]))) + 1


def usual_hour(hours: Sequence[HourSums], like: Sequence[HourSums], zone: ZoneInfo) -> HourSums | None:
    """Return an hour as it usually is, on average over hours that are like some; None where the past is too short.

    Args:
        hours: Of the past, in order of time; those that something was found in are left out.
        like: Whose hours of the day count, each as often as it is there.
        zone: Whose days are meant.
    """
    if not like:
        return None
    end = like[0].start
    start = max(hours[0].start, end - LOOK_BACK * HOUR)
    left_out = {one.start for one in hours} - {one.start for one in usual_hours(hours)}
    past = [one for one in whole_hours(hours, start, end) if one.start not in left_out]
    usual = UsualHours.learn(_line(past, zone))
    if usual is None:
        return None
    ours, theirs = usual.slots(usual.past), usual.slots(_line(like, zone))
    wanted, there = np.bincount(theirs, minlength=48), np.bincount(ours, minlength=48)
    weights = np.divide(wanted, there, out=np.zeros(48), where=there > 0)[ours]
    return mean_hour(past, weights.tolist() if weights.sum() > 0 else None)


def _line(hours: Sequence[HourSums], zone: ZoneInfo, *, left_out: Collection[datetime] = ()) -> Timeline:
    return Timeline.of(
        [one.start for one in hours],
        np.array([one.usd for one in hours]),
        np.array([one.records for one in hours], dtype=float),
        np.array([one.start not in left_out for one in hours], dtype=bool),
        zone,
    )
