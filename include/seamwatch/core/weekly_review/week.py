"""A week of the calendar, as reviews name it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from seamwatch.core.results import Window
from seamwatch.errors import DataContractError

_NAME = re.compile(r"(\d{4})-?W(\d{2})", re.ASCII)
HISTORY = 4
"""Weeks before that stand beside a week's figures."""


@dataclass(frozen=True, kw_only=True, order=True)
class ReviewWeek:
    """An ISO 8601 week, from Monday to Sunday in one time zone; 167 or 169 hours long where the clocks change."""

    year: int
    number: int
    time_zone: str = "UTC"

    @classmethod
    def of(cls, name: str, *, time_zone: str = "UTC") -> ReviewWeek:
        """Return the week of a name as `2026-W45`.

        Raises:
            DataContractError: If it is no week of the calendar.
        """
        found = _NAME.fullmatch(name.strip())
        try:
            if found is None:
                raise ValueError
            year, number = int(found[1]), int(found[2])
            date.fromisocalendar(year, number, 1) + timedelta(weeks=1)
        except (ValueError, OverflowError) as error:
            msg = f"{name!r} is no week; write it as 2026-W45 (ISO 8601: the year, W, and the week from 01 to 52 or 53)"
            raise DataContractError(msg) from error
        return cls(year=year, number=number, time_zone=time_zone)

    @classmethod
    def containing(cls, moment: datetime, *, time_zone: str = "UTC") -> ReviewWeek:
        """Return the week of an aware moment."""
        year, number, _ = moment.astimezone(ZoneInfo(time_zone)).isocalendar()
        return cls(year=year, number=number, time_zone=time_zone)

    @property
    def name(self) -> str:
        """Return it as `2026-W45`."""
        return f"{self.year:04d}-W{self.number:02d}"

    @property
    def first_day(self) -> date:
        """Return its Monday."""
        return date.fromisocalendar(self.year, self.number, 1)

    @property
    def window(self) -> Window:
        """Return from midnight of its Monday to midnight of the next one, in its zone."""
        return Window(start=self._midnight(0), end=self._midnight(1))

    def before(self, n: int = 1) -> ReviewWeek:
        """Return the week that lies so many weeks before."""
        year, number, _ = (self.first_day - timedelta(weeks=n)).isocalendar()
        return ReviewWeek(year=year, number=number, time_zone=self.time_zone)

    def with_history(self) -> tuple[ReviewWeek, ...]:
        """Return the weeks before it, oldest first, and itself."""
        return tuple(self.before(n) for n in range(HISTORY, -1, -1))

    def _midnight(self, weeks: int) -> datetime:
        day = self.first_day + timedelta(weeks=weeks)
        return datetime.combine(day, time(), tzinfo=ZoneInfo(self.time_zone)).astimezone(UTC)
