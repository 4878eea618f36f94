"""Until when nobody is to be told, by the quiet hours of a pipeline."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from seamwatch.spec.quiet_hours import WEEK, QuietHours

_MOST_STRETCHES = 14
"""Stretches that may follow each other without a gap; hours that are always quiet hold nothing for longer."""


def quiet_until(periods: Sequence[QuietHours], at: datetime) -> datetime | None:
    """Return when the quiet hours end in which a moment lies; None where it lies in none.

    Stretches that follow each other, as a night and a weekend, are one. Times are those of the wall clock: one that
    daylight saving leaves out is that much later, and of one that comes twice the first counts.

    Args:
        periods: Of the pipeline.
        at: Aware time.

    Returns:
        Aware UTC time after `at`.
    """
    start = end = at.astimezone(UTC)
    for _ in range(_MOST_STRETCHES):
        later = [to for period in periods for begin, to in _stretches(period, end) if begin <= end < to]
        if not later:
            break
        end = max(later)
    return end if end > start else None


def _stretches(period: QuietHours, at: datetime) -> Iterator[tuple[datetime, datetime]]:
    """Yield the stretches of quiet hours that may hold a moment, as UTC."""
    zone = ZoneInfo(period.time_zone)
    today = at.astimezone(zone).date()
    for day in (today - timedelta(days=1), today):
        if WEEK[day.weekday()] in period.days:
            is_overnight = period.ends <= period.begins
            last = day + timedelta(days=1) if is_overnight else day
            yield _moment(day, period.begins, zone), _moment(last, period.ends, zone)


def _moment(day: date, clock: time, zone: ZoneInfo) -> datetime:
    return datetime.combine(day, clock, tzinfo=zone).astimezone(UTC)
