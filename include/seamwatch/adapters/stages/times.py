"""How a database writes a point in time, and which comparison selects a window of it in the database itself."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Any, Literal

import pandas as pd
import sqlalchemy as sa

from seamwatch.errors import StageError
from seamwatch.plurals import plural

_ISO = re.compile(r"^\d{4}-\d{2}-\d{2}([ T])\d{2}:\d{2}(:\d{2}(\.\d+)?)?(Z|[+-]\d{2}(:?\d{2})?)?$")
_DAY = re.compile(r"^\d{4}-\d{2}-\d{2}$")
_NAMES = re.compile(r"(^|_)(at|time|timestamp|datetime|ts)$", re.IGNORECASE)
_UTC_ZONES = (None, "Z", "+00:00", "+0000")
_EPOCH_FROM = 1e8
"""A number below this is no epoch: in seconds it would lie before March 1973. It is an id or a duration."""
_MILLISECONDS_FROM = 1e11
"""An epoch number from here on cannot be seconds: it would be the year 5138."""
_EPOCH_BELOW = 1e14
"""Nor can one from here on be milliseconds."""


class TimeForm(StrEnum):
    """How a column holds its times."""

    NATIVE = "timestamps without a time zone"
    NATIVE_AWARE = "timestamps with a time zone"
    NATIVE_DAY = "dates"
    TEXT_T = "text like 2026-01-31T12:00:00"
    TEXT_BLANK = "text like 2026-01-31 12:00:00"
    TEXT_DAY = "text like 2026-01-31"
    EPOCH_S = "epoch seconds"
    EPOCH_MS = "epoch milliseconds"


_TEXT = frozenset({TimeForm.TEXT_T, TimeForm.TEXT_BLANK})


def detect_form(values: Iterable[Any], *, family: str, where: str) -> TimeForm:
    """Return the form of a column's values.

    Args:
        values: A few of them; nulls are passed over.
        family: The column's type family, which decides where every value is null.
        where: For the message.

    Values that are no times are passed over too, as long as most are: `parse_times` reads them as no time, and whoever
    reads the rows counts them.

    Raises:
        StageError: If most values are no times, if one is in a zone other than UTC, or if they are of several forms.
    """
    known = [value for value in values if value is not None]
    unreadable = [value for value in known if not is_time(value)]
    forms = {_form_of(value, where=where) for value in known if is_time(value)}
    if len(unreadable) * 2 > len(known):
        msg = (
            f"{where} holds no times: {_shown(unreadable[0])}; expected a timestamp, ISO 8601 text, or an epoch in s "
            "or ms"
        )
        raise StageError(msg)
    if len(forms) > 1:
        listed = "; ".join(sorted(forms))
        msg = f"{where} holds times in several forms ({listed}); rows would be lost: cast them to one form in a query"
        raise StageError(msg)
    if forms:
        return forms.pop()
    return {"text": TimeForm.TEXT_T, "number": TimeForm.EPOCH_S, "date": TimeForm.NATIVE_DAY}.get(
        family, TimeForm.NATIVE
    )


def is_time(value: Any) -> bool:
    """Return whether a value reads as a time: a timestamp, a date, ISO 8601 text, or an epoch in s or ms."""
    if isinstance(value, str):
        if _DAY.match(value) is None and _ISO.match(value) is None:
            return False
        try:
            datetime.fromisoformat(value)
        except ValueError:  # as 2026-02-30
            return False
        return True
    if isinstance(value, int | float | Decimal) and not isinstance(value, bool):
        return _EPOCH_FROM <= float(value) < _EPOCH_BELOW
    return isinstance(value, date)


def _shown(value: Any) -> str:
    return repr(value[:40] if isinstance(value, str) else value)


def _form_of(value: Any, *, where: str) -> TimeForm:
    if isinstance(value, datetime):
        return TimeForm.NATIVE_AWARE if value.tzinfo else TimeForm.NATIVE
    if isinstance(value, date):
        return TimeForm.NATIVE_DAY
    if not isinstance(value, str):
        return TimeForm.EPOCH_MS if float(value) >= _MILLISECONDS_FROM else TimeForm.EPOCH_S
    found = _ISO.match(value)
    if found is None:
        return TimeForm.TEXT_DAY
    separator, zone = found[1], found[4]
    if zone not in _UTC_ZONES:
        why = "text compares only in UTC: cast it in a query, as SQLite's datetime() does"
        msg = f"{where} holds a text time with the offset {zone}; {why}"
        raise StageError(msg)
    return TimeForm.TEXT_T if separator == "T" else TimeForm.TEXT_BLANK


def within(
    column: sa.ColumnElement[Any], form: TimeForm, start: datetime | None, end: datetime | None, *, dialect: str
) -> Iterator[sa.ColumnElement[bool]]:
    """Yield the conditions of `start` <= column < `end`, right for every row in that form.

    A condition on a whole minute compares the bare column, so that the database can use an index on it.
    """
    if form in _TEXT and dialect == "postgresql":
        column = sa.collate(column, "C")  # a language's order would skip blanks and punctuation
    for bound, is_start in ((start, True), (end, False)):
        if bound is None:
            continue
        utc = bound.astimezone(UTC)
        pairs = _text_pairs(column, form, utc, is_start=is_start) if form in _TEXT else [(column, _literal(utc, form))]
        for left, right in pairs:
            yield left >= right if is_start else left < right


def _text_pairs(
    column: sa.ColumnElement[Any], form: TimeForm, utc: datetime, *, is_start: bool
) -> Iterator[tuple[sa.ColumnElement[Any], sa.ColumnElement[Any]]]:
    """Yield what to compare with what, where times are ISO texts that may lack seconds, fraction or zone.

    Cut to the minute, a bound is the beginning of every text of that minute, so the texts' own order is right. Behind
    the minute it is not: `Z` sorts after `.` and `:`. There the zone, which is always UTC, is taken off first.
    """
    separator = "T" if form is TimeForm.TEXT_T else " "
    minute = utc.replace(second=0, microsecond=0)
    if utc == minute:
        yield column, sa.literal(f"{minute:%Y-%m-%d{separator}%H:%M}")
        return
    coarse = minute if is_start else minute + timedelta(minutes=1)
    yield column, sa.literal(f"{coarse:%Y-%m-%d{separator}%H:%M}")
    bare: sa.ColumnElement[Any] = column
    for zone in _UTC_ZONES:
        bare = sa.func.replace(bare, zone, "") if zone else bare
    fraction = f".{utc:%f}".rstrip("0") if utc.microsecond else ""
    yield bare, sa.literal(f"{utc:%Y-%m-%d{separator}%H:%M:%S}{fraction}")


def _literal(utc: datetime, form: TimeForm) -> sa.ColumnElement[Any]:
    midnight = utc.replace(hour=0, minute=0, second=0, microsecond=0)
    day = (midnight if utc == midnight else midnight + timedelta(days=1)).date()  # a date is its first moment
    epoch_us = (utc - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)
    match form:
        case TimeForm.NATIVE_AWARE:
            return sa.literal(utc, sa.DateTime(timezone=True))
        case TimeForm.NATIVE_DAY:
            return sa.literal(day, sa.Date())
        case TimeForm.TEXT_DAY:
            return sa.literal(day.isoformat())
        case TimeForm.EPOCH_S:
            return sa.literal(epoch_us / 1_000_000 if epoch_us % 1_000_000 else epoch_us // 1_000_000)
        case TimeForm.EPOCH_MS:
            return sa.literal(epoch_us / 1_000 if epoch_us % 1_000 else epoch_us // 1_000)
        case _:
            return sa.literal(utc.replace(tzinfo=None), sa.DateTime())


def parse_times(column: pd.Series[Any], form: TimeForm) -> pd.Series[Any]:
    """Return aware UTC times; a time without a zone is UTC, and a value that is no time is NaT, as null is."""
    if form in (TimeForm.EPOCH_S, TimeForm.EPOCH_MS):
        unit: Literal["s", "ms"] = "s" if form is TimeForm.EPOCH_S else "ms"
        numbers = pd.to_numeric(column, errors="coerce")
        is_epoch = (numbers >= _EPOCH_FROM) & (numbers < _EPOCH_BELOW)
        times: pd.Series[Any] = pd.to_datetime(numbers.where(is_epoch), unit=unit, utc=True)
    else:
        layout = "ISO8601" if form in _TEXT or form is TimeForm.TEXT_DAY else None
        try:
            times = pd.to_datetime(column, utc=True, format=layout)
        except (ValueError, TypeError):
            # Beside times of a database's own, text is what Python's cannot hold, as `infinity`.
            readable = column.map(is_time if layout else _is_moment)
            times = pd.to_datetime(column.where(readable), utc=True, format=layout, errors="coerce")
    in_one_unit: pd.Series[Any] = times.dt.as_unit("us")
    return in_one_unit


def _is_moment(value: Any) -> bool:
    return isinstance(value, date)  # a datetime is a date


def require_within(
    times: pd.Series[Any], form: TimeForm, start: datetime | None, end: datetime | None, *, where: str
) -> None:
    """Raise StageError if a text was selected by its letters though its time lies outside: its form is another one."""
    if form not in _TEXT:
        return
    outside = pd.Series(False, index=times.index)
    if start is not None:
        outside |= times < start
    if end is not None:
        outside |= times >= end
    if outside.any():
        msg = (
            f"{where} holds times in several zones or forms: "
            f"{plural(int(outside.sum()), 'text sorts', 'texts sort')} inside the "
            "window, being outside; cast them to one form in a query"
        )
        raise StageError(msg)


def time_candidates(columns: Mapping[str, str]) -> tuple[list[str], list[str]]:
    """Return the columns that may hold the time of a row: timestamps, and others whose name says it.

    Args:
        columns: Name to type family.

    Databases such as SQLite hold times as text: `updated_at`, `timestamp`. A date is no candidate, whatever it is
    called: it says when something is due or was born, and rows of one day would have no order.
    """
    stamps = [name for name, family in columns.items() if family == "time"]
    named = [name for name, family in columns.items() if family in ("text", "other") and _NAMES.search(name)]
    return stamps, named


def holds_timestamps(values: Iterable[Any]) -> bool:
    """Return whether most values are points in time rather than days, or there is none."""
    known = [value for value in values if not pd.isna(value)]
    n_stamps = sum(is_time(value) and not (isinstance(value, str) and _DAY.match(value)) for value in known)
    return n_stamps * 2 >= len(known)
