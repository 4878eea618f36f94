"""Dates and times: what a storage type or a text says, in which notation, as one moment in UTC."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, timezone
from typing import Any, Literal

import numpy as np
import pandas as pd

DayOrder = Literal["dmy", "mdy"]

_TIME = (
    r"(?:[T ,]+(?P<hour>\d{1,2}):(?P<minute>\d{2})(?::(?P<second>\d{2})(?:[.,](?P<fraction>\d{1,9}))?)?"
    r"\s*(?P<zone>Z|UTC|GMT|[+-]\d{2}(?::?\d{2})?)?)?\Z"
)
_ISO = re.compile(r"(?P<year>\d{4})-(?P<month>\d{2})-(?P<day>\d{2})" + _TIME, re.IGNORECASE)
_COMPACT = re.compile(
    r"(?P<year>(?:19|20|21)\d{2})(?P<month>\d{2})(?P<day>\d{2})"
    r"(?:T(?P<hour>\d{2})(?P<minute>\d{2})(?:(?P<second>\d{2})(?P<fraction>))?(?P<zone>Z|[+-]\d{2}(?::?\d{2})?)?)?\Z"
)
_YEAR_FIRST = re.compile(r"(?P<year>\d{4})([/.])(?P<month>\d{1,2})\2(?P<day>\d{1,2})" + _TIME, re.IGNORECASE)
_DAY_FIRST = re.compile(r"(?P<day>\d{1,2})\.\s?(?P<month>\d{1,2})\.\s?(?P<year>\d{4})" + _TIME, re.IGNORECASE)
_EITHER = {
    "dmy": re.compile(r"(?P<day>\d{1,2})([/-])(?P<month>\d{1,2})\2(?P<year>\d{4})" + _TIME, re.IGNORECASE),
    "mdy": re.compile(r"(?P<month>\d{1,2})([/-])(?P<day>\d{1,2})\2(?P<year>\d{4})" + _TIME, re.IGNORECASE),
}
_NAMED = (
    re.compile(
        r"(?:[a-z]{3,9},?\s+)?(?P<day>\d{1,2})(?:st|nd|rd|th)?[\s-]+(?P<month>[a-z]{3,9})\.?,?[\s-]+(?P<year>\d{4})"
        + _TIME,
        re.IGNORECASE,
    ),
    re.compile(
        r"(?:[a-z]{3,9},\s+)?(?P<month>[a-z]{3,9})\.?\s+(?P<day>\d{1,2})(?:st|nd|rd|th)?,?\s+(?P<year>\d{4})" + _TIME,
        re.IGNORECASE,
    ),
)
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_LONG_MONTHS = (
    *("january", "february", "march", "april", "may", "june", "july", "august", "september", "october", "november"),
    "december",
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Moment:
    """A date or a time as it was held."""

    at: datetime
    """Aware, UTC; a day is its first moment."""
    is_day: bool
    """Whether it says no time of day."""
    is_naive: bool
    """Whether it says no zone; it is taken as UTC."""

    @property
    def is_midnight(self) -> bool:
        """Return whether it is the first moment of a day."""
        return self.at.time() == time(0) and not getattr(self.at, "nanosecond", 0)

    @property
    def text(self) -> str:
        """Return the one text of the moment; of the first moment of a day, the day."""
        return self.at.date().isoformat() if self.is_midnight else self.at.isoformat()


def moment_of(value: Any) -> Moment | None:
    """Return the moment that a date or time type holds; None for text and all else."""
    if isinstance(value, np.datetime64):
        value = pd.Timestamp(value)
    if value is pd.NaT or not isinstance(value, date):
        return None
    if not isinstance(value, datetime):
        return Moment(at=datetime.combine(value, time(), tzinfo=UTC), is_day=True, is_naive=True)
    return _as_moment(value, is_day=False)


def read_iso(text: str) -> Moment | None:
    """Return the moment of a text in ISO 8601 with four digits of a year and dashes; None for any other text."""
    found = _ISO.match(text.strip())
    return _from_parts(found.groupdict()) if found else None


def read_date(text: str, order: DayOrder | None = None) -> tuple[Moment, ...]:
    """Return every moment that a text may mean, the same one once; empty where it is none.

    Args:
        text: As it stands.
        order: Whether the day or the month comes first in `03/04/2018`, where the column shows it.

    Read are ISO 8601, `20180323`, `2018/03/23`, `23.03.2018`, `23 Mar 2018`, `March 23, 2018` (in English), each
    with or without a time, and `23/03/2018` where only one order makes a date. Years have four digits.
    """
    text = text.strip()
    for form in (_ISO, _COMPACT, _YEAR_FIRST, _DAY_FIRST, *_NAMED):
        if (found := form.match(text)) and (moment := _from_parts(found.groupdict())):
            return (moment,)
    found_by = {name: form.match(text) for name, form in _EITHER.items()}
    moments = {name: _from_parts(found.groupdict()) for name, found in found_by.items() if found}
    if order is not None and moments.get(order):
        moments = {order: moments[order]}
    return tuple(dict.fromkeys(moment for moment in moments.values() if moment is not None))


def shown_day_order(texts: Iterable[str]) -> DayOrder | None:
    """Return whether a column's dates have the day or the month first; None where none shows it, or they disagree."""
    shown: set[DayOrder] = set()
    for text in texts:
        orders: list[DayOrder] = [
            name  # type: ignore[misc]
            for name, form in _EITHER.items()
            if (found := form.match(text.strip())) and _from_parts(found.groupdict())
        ]
        if len(orders) == 1:
            shown.add(orders[0])
    return shown.pop() if len(shown) == 1 else None


def _from_parts(parts: dict[str, str | None]) -> Moment | None:
    month = _month(parts["month"] or "")
    fraction = (parts.get("fraction") or "").ljust(9, "0")
    try:
        value = datetime(  # noqa: DTZ001 - its zone follows
            int(parts["year"] or 0),
            month,
            int(parts["day"] or 0),
            int(parts.get("hour") or 0),
            int(parts.get("minute") or 0),
            int(parts.get("second") or 0),
            int(fraction[:6]),
        )
        zone = _zone(parts.get("zone"))
    except ValueError:
        return None
    whole: datetime = value if fraction[6:] == "000" else pd.Timestamp(value) + pd.Timedelta(int(fraction[6:]), "ns")
    return _as_moment(whole if zone is None else whole.replace(tzinfo=zone), is_day=parts.get("hour") is None)


def _month(text: str) -> int:
    if text.isdigit():
        return int(text)
    name = text.casefold()
    if name in _LONG_MONTHS:
        return _LONG_MONTHS.index(name) + 1
    return _MONTHS.index("sep" if name == "sept" else name) + 1 if name in (*_MONTHS, "sept") else 0


def _zone(text: str | None) -> timezone | None:
    if not text:
        return None
    if text.upper() in ("Z", "UTC", "GMT"):
        return UTC
    digits = text[1:].replace(":", "").ljust(4, "0")
    offset = timedelta(hours=int(digits[:2]), minutes=int(digits[2:]))
    return timezone(-offset if text[0] == "-" else offset)


def _as_moment(value: datetime, *, is_day: bool) -> Moment | None:
    is_naive = value.tzinfo is None
    try:
        at = value.replace(tzinfo=UTC) if is_naive else value.astimezone(UTC)
    except (OverflowError, ValueError):  # the first and the last day of the calendar in another zone
        return None
    return Moment(at=at, is_day=is_day, is_naive=is_naive)
