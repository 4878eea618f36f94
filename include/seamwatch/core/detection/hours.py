"""The hours that everything is measured by: where they begin, and which of them tell what is usual."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Protocol, TypeVar

import pandas as pd

HOUR = timedelta(hours=1)
ACCEPTED_AFTER = timedelta(days=7)
"""What was found and has lasted longer is how it is now."""
Span = tuple[datetime, datetime]
"""From the first moment until before the second."""


class MarkedHour(Protocol):
    """What is kept of an hour."""

    @property
    def start(self) -> datetime:
        """Return when it began."""

    @property
    def found_since(self) -> datetime | None:
        """Return since when a look in this hour found something; None: it found nothing."""


Kept = TypeVar("Kept", bound=MarkedHour)


def floor_hour(at: datetime) -> datetime:
    """Return when the hour began that a moment is in, in UTC: hours are kept in it, whatever the zone of a clock."""
    return at.astimezone(UTC).replace(minute=0, second=0, microsecond=0)


def last_hour(now: datetime) -> datetime:
    """Return when the hour began of which the last moment before `now` is: a full hour ends the one before."""
    return floor_hour(now - timedelta(microseconds=1))


def hour_starts(start: datetime, end: datetime) -> list[datetime]:
    """Return the starts, in UTC, of the hours from `start` to before `end`; both are aware, `start` is a full hour."""
    span = start.astimezone(UTC), end.astimezone(UTC)
    return list(pd.date_range(*span, freq="h", inclusive="left").to_pydatetime())


def overlaps(start: datetime, length: timedelta, spans: Iterable[Span]) -> bool:
    """Return whether a period has a part in any of some spans: then it tells nothing of what is usual."""
    return any(since < start + length and start < until for since, until in spans)


def usual_hours(hours: Sequence[Kept]) -> list[Kept]:
    """Return the hours that nothing was found in; what has lasted a week is the new usual.

    Args:
        hours: In order of time; those without a record may be missing.
    """
    spans = [(since, min(until, since + ACCEPTED_AFTER)) for since, until in _found_spans(hours)]
    return [one for one in hours if not overlaps(one.start, HOUR, spans)]


def _found_spans(hours: Iterable[MarkedHour]) -> list[Span]:
    found: list[Span] = []
    for hour in hours:
        if hour.found_since is None:
            continue
        since, until = hour.found_since, hour.start + HOUR
        if found and since <= found[-1][1]:
            since = min(found.pop()[0], since)
        found.append((since, until))
    return found
