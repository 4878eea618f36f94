"""Damage of dates and times: parts swapped, another zone, another unit, the date of processing."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from seamwatch.core.attribution.damage import FEWEST, FieldPattern, Pair, enough
from seamwatch.core.records.comparison import as_number, is_null, strict_text


def find_date_damage(pairs: Sequence[Pair]) -> FieldPattern | None:
    """Return what happened to dates, where most of the expected values are some."""
    known = [(r, e, then) for r, e in pairs if (then := _moment(e)) is not None]
    if len(known) < enough(len(pairs)):
        return None
    kinds: Counter[str] = Counter()
    hours: Counter[float] = Counter()
    for recorded, expected, then in known:
        kinds.update(_date_kinds(recorded, expected, then))
        if (found := _moment(recorded)) is not None and found != then:
            hours[(found - then).total_seconds() / 3600] += 1
    # Summer time makes two differences of one.
    usual = sorted(shift for shift, _ in hours.most_common(2) if abs(shift) <= 14 and shift % 0.25 == 0)
    if len(usual) == 2 and usual[1] - usual[0] == 1:
        kinds[f"recorded is {usual[0]:+g} or {usual[1]:+g} hours from what is expected"] = sum(hours[h] for h in usual)
    if kinds:
        words, n = max(kinds.items(), key=lambda item: (item[1], -len(item[0])))
        if n >= enough(len(pairs)):
            return FieldPattern(name="date", words=words, n_matching=n)
    return _processing_date(known, enough(len(pairs)))


def _processing_date(known: Sequence[tuple[Any, Any, datetime]], at_least: float) -> FieldPattern | None:
    """Return whether all recorded dates are of two days, though expected ones are far apart: when they were made."""
    dates = [(found, then) for r, _, then in known if (found := _moment(r)) is not None]
    if len({found for found, _ in dates}) < FEWEST:
        return None
    middle = sorted(found for found, _ in dates)[len(dates) // 2]
    near = [abs((found - middle).total_seconds()) <= 86_400 for found, _ in dates]
    far = [abs((then - middle).total_seconds()) > 7 * 86_400 for _, then in dates]
    if min(sum(near), sum(far)) < at_least:
        return None
    words = f"recorded is about {middle:%Y-%m-%d}, whatever is expected"
    return FieldPattern(name="date", words=words, n_matching=sum(near))


def _date_kinds(recorded: Any, expected: Any, then: datetime) -> list[str]:
    number = as_number(recorded)
    if number is not None:
        seconds = then.timestamp()
        return ["recorded is a number of seconds or milliseconds"] if number in (seconds, seconds * 1000) else []
    found = _moment(recorded)
    if found is None:
        return []
    kinds = []
    swapped = (found.day, found.month, found.year) == (then.month, then.day, then.year)
    if swapped and found != then:
        kinds.append("day and month are swapped")
    is_century = (found.year - then.year) % 100 == 0 and (found.month, found.day) == (then.month, then.day)
    if found.year != then.year and is_century:
        kinds.append("the century is another")
    if then.year > 1971 and abs(found.timestamp() * 1000 - then.timestamp()) < 1000:
        kinds.append("seconds were read as milliseconds")
    hours = (found - then).total_seconds() / 3600
    if hours and abs(hours) <= 14 and hours % 0.25 == 0:
        kinds.append(f"recorded is {hours:+g} hours from what is expected")
    elif hours and hours % 24 == 0 and abs(hours) <= 24 * 7:
        kinds.append(f"recorded is {hours / 24:+g} days from what is expected")
    return kinds


def _moment(value: Any) -> datetime | None:
    """Return a date or time from ISO 8601 or from three numbers, day first unless it cannot be; None for all else."""
    if isinstance(value, datetime):
        return None if is_null(value) else value if value.tzinfo else value.replace(tzinfo=UTC)
    text = strict_text(value)
    if text is None:
        return None
    if (parts := re.fullmatch(r"(\d{1,2})([./-])(\d{1,2})\2(\d{4})", text.strip())) is not None:
        day, month, year = int(parts[1]), int(parts[3]), int(parts[4])
        day, month = (month, day) if month > 12 else (day, month)
        text = f"{year:04}-{month:02}-{day:02}"
    if not re.match(r"^\d{4}-\d\d-\d\d", text):
        return None
    try:
        found = datetime.fromisoformat(text)
        found = found if found.tzinfo else found.replace(tzinfo=UTC)
        found.timestamp()
    except (ValueError, OverflowError):
        return None
    return found
