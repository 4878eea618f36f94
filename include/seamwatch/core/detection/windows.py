"""The window of an objective: the last so many days, or a day or month of a calendar with its time zone."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Literal
from zoneinfo import ZoneInfo

from seamwatch.core.results import Window


def rolling_window(over: timedelta, now: datetime) -> Window:
    """Return the window that ends now."""
    return Window(start=now.astimezone(UTC) - over, end=now.astimezone(UTC))


def calendar_window(period: Literal["day", "month"], time_zone: str, now: datetime) -> Window:
    """Return the day or month of the time zone that `now` is in; a day on which clocks change has 23 or 25 hours."""
    zone = ZoneInfo(time_zone)
    today = now.astimezone(zone).date()
    first = today if period == "day" else today.replace(day=1)
    last = today + timedelta(days=1) if period == "day" else (first + timedelta(days=32)).replace(day=1)
    return Window(start=_midnight(first, zone), end=_midnight(last, zone))


def _midnight(day: date, zone: ZoneInfo) -> datetime:
    """Return the first moment of a day: the earlier of two midnights, and where clocks skip it, the moment after.

    A midnight that does not exist is read with the offset from before the change, which is that moment.
    """
    return datetime(day.year, day.month, day.day, tzinfo=zone).astimezone(UTC)
