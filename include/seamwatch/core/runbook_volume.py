"""Whether more records come in than on the days before, at the same hours."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from statistics import fmean

from scipy import stats

from seamwatch.core.detection.hours import HOUR, floor_hour, hour_starts

LEAST_CHANGE = 0.5
"""A spike is more than usual by this share, as of the latency and the cost."""
SIGNIFICANT = 0.01
"""Poisson p of so many records at the rate of the fullest day before, below which it is no chance."""
LEAST_DAYS = 3
"""With fewer days before, nobody knows what is usual."""
_DAYS_BEFORE = 14
_SATURDAY = 5


@dataclass(frozen=True, kw_only=True)
class VolumeComparison:
    """Records of some hours beside the same hours of the days before, each an hour on average."""

    start: datetime
    end: datetime
    per_hour: float
    usual: float
    """On average over the days before."""
    lowest: float
    """On the emptiest of them."""
    highest: float
    """On the fullest of them."""
    n_days: int
    is_spike: bool


def compare_volume(records: Mapping[datetime, float], start: datetime, end: datetime) -> VolumeComparison | None:
    """Return the records of a span of whole hours beside those of the days before; None where too few are known.

    Args:
        records: By full hour; one between the first and the span that is missing had none.
        start: A full hour, in UTC.
        end: A full hour after it, in UTC.

    Days are compared that are working days or weekends as the span's first day is, where there are three of them.
    """
    hours = hour_starts(start, end)
    if not hours or not records:
        return None
    first = min(records)
    n_span = -(-len(hours) // 24)  # a span of more than a day is not compared with itself
    days = [timedelta(days=n) for n in range(n_span, _DAYS_BEFORE + n_span) if start - timedelta(days=n) >= first]
    alike = [day for day in days if _is_weekend(start - day) == _is_weekend(start)]
    chosen = alike if len(alike) >= LEAST_DAYS else days
    if len(chosen) < LEAST_DAYS:
        return None
    past = [sum(records.get(hour - day, 0.0) for hour in hours) for day in chosen]
    now, usual, highest = sum(records.get(hour, 0.0) for hour in hours), fmean(past), max(past)
    is_more = now > (1.0 + LEAST_CHANGE) * usual and now > highest
    n = len(hours)
    return VolumeComparison(
        start=start,
        end=end,
        per_hour=now / n,
        usual=usual / n,
        lowest=min(past) / n,
        highest=highest / n,
        n_days=len(chosen),
        is_spike=is_more and float(stats.poisson.sf(now - 1, highest)) < SIGNIFICANT,
    )


def whole_hours_since(onset: datetime, now: datetime, *, longest: timedelta) -> tuple[datetime, datetime]:
    """Return the full hours from the one that a moment is in, at most so many of them; none where none is over."""
    start, end = floor_hour(onset.astimezone(UTC)), floor_hour(now.astimezone(UTC))
    return start, min(max(start, end), start + longest // HOUR * HOUR)


def _is_weekend(at: datetime) -> bool:
    return at.weekday() >= _SATURDAY
