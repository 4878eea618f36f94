"""Damage of dates and times: parts swapped, another zone, another unit, the date of processing."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from seamwatch.core.attribution.damage import FEWEST, FieldPattern, Pair, enough, shorten
from seamwatch.core.reasons import Damage, DamageForm
from seamwatch.core.records.comparison import as_number, is_null, strict_text

_FORMS = tuple(DamageForm)
_MONTHS = 12


def find_date_damage(pairs: Sequence[Pair]) -> FieldPattern | None:
    """Return what happened to dates, where most of the expected values are some."""
    known = [(r, e, then) for r, e in pairs if (then := moment_of(e)) is not None]
    if len(known) < enough(len(pairs)):
        return None
    kinds: Counter[Damage] = Counter()
    hours: Counter[float] = Counter()
    for recorded, expected, then in known:
        kinds.update(_date_kinds(recorded, expected, then))
        if (found := moment_of(recorded)) is not None and found != then:
            hours[(found - then).total_seconds() / 3600] += 1
    # Summer time makes two differences of one.
    usual = sorted(shift for shift, _ in hours.most_common(2) if abs(shift) <= 14 and shift % 0.25 == 0)
    if len(usual) == 2 and usual[1] - usual[0] == 1:
        kinds[Damage(form=DamageForm.TWO_HOURS, values=tuple(usual))] = sum(hours[h] for h in usual)
    if kinds:
        damage, n = max(kinds.items(), key=lambda item: (item[1], -_FORMS.index(item[0].form)))
        if n >= enough(len(pairs)):
            return FieldPattern(name="date", damage=damage, n_matching=n)
    return _swapped_where_possible(known, enough(len(pairs))) or _processing_date(known, enough(len(pairs)))


def _swapped_where_possible(known: Sequence[tuple[Any, Any, datetime]], at_least: float) -> FieldPattern | None:
    """Return whether day and month are swapped wherever that makes a date, and one value stands where it makes none."""
    swapped = [
        Damage(form=DamageForm.DAY_AND_MONTH) in _date_kinds(recorded, expected, then)
        for recorded, expected, then in known
        if then.day <= _MONTHS
    ]
    rest = Counter(strict_text(recorded) for recorded, _, then in known if then.day > _MONTHS)
    n_swapped, n_rest = sum(swapped), rest.total()
    if n_swapped < enough(len(swapped)) or not n_rest:
        return None
    instead, n_instead = rest.most_common(1)[0]
    if n_instead < enough(n_rest) or n_swapped + n_instead < at_least:
        return None
    damage = Damage(form=DamageForm.DAY_AND_MONTH_OR, values=(shorten(instead),))
    return FieldPattern(name="date", damage=damage, n_matching=n_swapped + n_instead)


def _processing_date(known: Sequence[tuple[Any, Any, datetime]], at_least: float) -> FieldPattern | None:
    """Return whether all recorded dates are of two days, though expected ones are far apart: when they were made."""
    dates = [(found, then) for r, _, then in known if (found := moment_of(r)) is not None]
    if len({found for found, _ in dates}) < FEWEST:
        return None
    middle = sorted(found for found, _ in dates)[len(dates) // 2]
    near = [abs((found - middle).total_seconds()) <= 86_400 for found, _ in dates]
    far = [abs((then - middle).total_seconds()) > 7 * 86_400 for _, then in dates]
    if min(sum(near), sum(far)) < at_least:
        return None
    damage = Damage(form=DamageForm.PROCESSING_DATE, values=(f"{middle:%Y-%m-%d}",))
    return FieldPattern(name="date", damage=damage, n_matching=sum(near))


def _date_kinds(recorded: Any, expected: Any, then: datetime) -> list[Damage]:
    number = as_number(recorded)
    if number is not None:
        seconds = then.timestamp()
        return [Damage(form=DamageForm.NUMBER_OF_SECONDS)] if number in (seconds, seconds * 1000) else []
    found = moment_of(recorded)
    if found is None:
        return []
    kinds = []
    swapped = (found.day, found.month, found.year) == (then.month, then.day, then.year)
    if swapped and found != then:
        kinds.append(Damage(form=DamageForm.DAY_AND_MONTH))
    is_century = (found.year - then.year) % 100 == 0 and (found.month, found.day) == (then.month, then.day)
    if found.year != then.year and is_century:
        kinds.append(Damage(form=DamageForm.CENTURY))
    if then.year > 1971 and abs(found.timestamp() * 1000 - then.timestamp()) < 1000:
        kinds.append(Damage(form=DamageForm.SECONDS_AS_MILLISECONDS))
    hours = (found - then).total_seconds() / 3600
    if hours and abs(hours) <= 14 and hours % 0.25 == 0:
        kinds.append(Damage(form=DamageForm.HOURS, values=(hours,)))
    elif hours and hours % 24 == 0 and abs(hours) <= 24 * 7:
        kinds.append(Damage(form=DamageForm.DAYS, values=(hours / 24,)))
    return kinds


def moment_of(value: Any) -> datetime | None:
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
