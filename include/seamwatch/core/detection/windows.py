"""The window of an objective: the last so many days, or a day or month of a calendar with its time zone."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Literal
from zoneinfo import ZoneInfo

from seamwatch.errors import DataContractError


@dataclass(frozen=True, kw_only=True)
class Window:
    """From `start` until `end`, both aware and in UTC; `end` is excluded."""

    start: datetime
    end: datetime

    def __post_init__(self) -> None:
        """Refuse a window that is empty or of naive times."""
        if self.start.tzinfo is None or self.end.tzinfo is None or self.end <= self.start:
            msg = f"a window needs aware times, its start before its end; got {self.start} and {self.end}"
            raise DataContractError(msg)

    @property
    def length(self) -> timedelta:
        """Return how long it lasts; a calendar's day has 23, 24 or 25 hours."""
        return self.end - self.start

    def covered(self, first: datetime | None, now: datetime) -> float:
        """Return which share of the window up to `now` there is any history of, 0 to 1.

        Args:
            first: Time of the first event that was ever seen; None: none was.
            now: The present.
        """
        until = min(now, self.end)
        if first is None or until <= self.start:
            return 0.0
        return max(0.0, min(1.0, (until - max(first, self.start)) / (until - self.start)))


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
