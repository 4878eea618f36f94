"""How hours usually are, by the hour of the day, on working days and weekends, and how much stretches of them vary."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

LEAST_HOURS = 24
"""A past with fewer hours says nothing."""
_WEEK = timedelta(days=7)
_MONDAY = datetime(2024, 1, 1)  # noqa: DTZ001 - the zone is that of the times it is compared with


@dataclass(frozen=True, kw_only=True, eq=False)
class Timeline:
    """Whole hours one after the other, those without records too."""

    hour: Ints
    """Of the local day; all arrays have one value an hour."""
    weekday: Ints
    day: Ints
    """Number of the local date."""
    amounts: Floats
    """What each hour has of what is measured, as USD."""
    records: Floats
    is_usual: Bools

    @classmethod
    def of(
        cls, starts: Sequence[datetime], amounts: Floats, records: Floats, is_usual: Bools, zone: ZoneInfo
    ) -> Timeline:
        """Return a timeline of hours whose sums are known."""
        local = pd.DatetimeIndex(list(starts), tz="UTC").tz_convert(zone)
        return cls(
            hour=local.hour.to_numpy(dtype=np.int64),
            weekday=local.day_of_week.to_numpy(dtype=np.int64),
            day=np.array([one.toordinal() for one in local], dtype=np.int64),
            amounts=amounts,
            records=records,
            is_usual=is_usual,
        )

    def upto(self, end: int, length: int) -> Timeline:
        """Return the `length` hours before a place, or as many as there are."""
        part = slice(max(end - length, 0), end)
        return Timeline(**{name: values[part] for name, values in vars(self).items()})


@dataclass(frozen=True, kw_only=True, eq=False)
class UsualHours:
    """What hours usually are, by the hour of the day, on working days and weekends, as far as the past can tell.

    Three days tell hours of the day, eight with two days of a weekend tell weekends.
    """

    past: Timeline
    """Only hours that are as usual."""
    by_hour: bool
    by_weekend: bool

    @classmethod
    def learn(cls, past: Timeline) -> UsualHours | None:
        """Return what is usual; None where the past is too short or empty."""
        kept = Timeline(**{name: values[past.is_usual] for name, values in vars(past).items()})
        if len(kept.amounts) < LEAST_HOURS or kept.records.sum() == 0:
            return None
        days = len(np.unique(kept.day))
        weekends = len(np.unique(kept.day[kept.weekday >= 5]))
        return cls(past=kept, by_hour=days >= 3, by_weekend=days >= 8 and weekends >= 2)

    @property
    def each(self) -> float:
        """Return what a record has of it on average."""
        return float(self.past.amounts.sum() / self.past.records.sum())

    def slots(self, line: Timeline) -> Ints:
        """Return which hours are alike."""
        return line.hour * self.by_hour + 24 * (line.weekday >= 5) * self.by_weekend

    def expected(self, line: Timeline) -> tuple[Floats, Floats]:
        """Return the amounts and the records that are usual of some hours."""
        return self._mean(self.past.amounts, line), self._mean(self.past.records, line)

    def _mean(self, values: Floats, line: Timeline) -> Floats:
        own = self.slots(self.past)
        n, total = np.bincount(own, minlength=48), np.bincount(own, values, minlength=48)
        means = np.divide(total, n, out=np.full(48, values.mean()), where=n > 0)
        return np.asarray(means[self.slots(line)], dtype=float)

    def expected_of_past(self) -> tuple[Floats, Floats]:
        """Return what is usual of each past hour by the others that are like it."""
        own = self.slots(self.past)
        n = np.bincount(own, minlength=48)[own]
        found = []
        for values in (self.past.amounts, self.past.records):
            total = np.bincount(own, values, minlength=48)[own]
            alone = (values.sum() - values) / max(len(values) - 1, 1)
            found.append(np.where(n > 1, (total - values) / np.maximum(n - 1, 1), alone))
        return found[0], found[1]

    def of_same_weekday(self, line: Timeline) -> float | None:
        """Return what the same hours of the same weekday have; None where one of them is not known."""
        own, wanted = (one.hour + 24 * one.weekday for one in (self.past, line))
        n, total = np.bincount(own, minlength=168), np.bincount(own, self.past.amounts, minlength=168)
        return float((total[wanted] / n[wanted]).sum()) if (n[wanted] > 0).all() else None

    def log_ratios(self, length: int, *, more: float) -> Floats:
        """Return the logarithms of what past stretches have over what the others say of them, the last one whole.

        Args:
            length: Hours of a stretch.
            more: Added to both sides, so that quiet stretches have no endless ratios.
        """
        return log_ratios(self.past.amounts, self.expected_of_past()[0], length, more=more)


def log_ratios(values: Floats, expected: Floats, length: int, *, more: float) -> Floats:
    """Return the logarithm of values over what is expected, by stretches; as `UsualHours.log_ratios`."""
    return np.asarray(
        np.log((stretch_sums(values, length) + more) / (stretch_sums(expected, length) + more)), dtype=float
    )


def stretch_sums(values: Floats, length: int) -> Floats:
    """Return the sums over stretches of so many hours, the last one whole; the rest at the beginning is left out."""
    n = len(values) // length
    return np.asarray(values[len(values) - n * length :].reshape(n, length).sum(axis=1), dtype=float)


def floor_period(at: datetime, every: timedelta) -> datetime:
    """Return the start of the period that a moment is in; weeks begin on Monday, all others at a multiple."""
    monday = _MONDAY.replace(tzinfo=at.tzinfo)
    return monday + ((at - monday) // every) * every


def places_in_week(starts: Sequence[datetime], every: timedelta) -> Ints:
    """Return the place in the week of each period; all 0 where a week is not made of periods."""
    if every >= _WEEK or _WEEK % every:
        return np.zeros(len(starts), dtype=np.int64)
    monday = _MONDAY.replace(tzinfo=starts[0].tzinfo)
    return np.array([((one - monday) % _WEEK) // every for one in starts], dtype=np.int64)
