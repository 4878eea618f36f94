"""How a database writes a point in time, and how the same moment is written to compare with it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime
from enum import StrEnum
from typing import Any

import pandas as pd

from seamwatch.errors import StageError

_ISO = re.compile(
    r"^\d{4}-\d{2}-\d{2}(?P<sep>[ T])\d{2}:\d{2}(:\d{2}(?P<fraction>\.\d+)?)?(?P<zone>Z|[+-]\d{2}:?\d{2})?$"
)
_DAY = re.compile(r"^\d{4}-\d{2}-\d{2}$")
_NAMES = re.compile(r"(^|_)(at|time|timestamp|datetime|date|ts|on)$", re.IGNORECASE)
_MILLISECONDS_FROM = 1e11
"""An epoch number beyond this cannot be seconds: it would be the year 5138."""


class TimeForm(StrEnum):
    """How a column holds its times."""

    NATIVE = "native"
    NATIVE_AWARE = "native_aware"
    TEXT_T = "text_t"
    TEXT_BLANK = "text_blank"
    DAY = "day"
    EPOCH_S = "epoch_s"
    EPOCH_MS = "epoch_ms"


def detect_form(values: Iterable[Any], *, where: str) -> TimeForm:
    """Return the form of the values; StageError if they are no times, or of several forms that do not compare."""
    forms = {_form_of(value) for value in values if value is not None}
    forms.discard(None)
    if not forms:
        return TimeForm.NATIVE
    if None in forms or len(forms) > 1:
        known = ", ".join(sorted(str(form) for form in forms))
        msg = f"{where} holds times in several forms ({known}); rows would be lost between them"
        raise StageError(msg)
    return next(form for form in forms if form is not None)


def _form_of(value: Any) -> TimeForm | None:
    if isinstance(value, datetime):
        return TimeForm.NATIVE_AWARE if value.tzinfo else TimeForm.NATIVE
    if isinstance(value, date):
        return TimeForm.DAY
    if isinstance(value, int | float):
        return TimeForm.EPOCH_MS if abs(value) > _MILLISECONDS_FROM else TimeForm.EPOCH_S
    found = _ISO.match(str(value).strip())
    if found:
        zone = found["zone"]
        if zone not in (None, "Z", "+00:00", "+0000"):
            msg = f"time {value!r} has the offset {zone}; text times compare only in UTC, cast them in a query"
            raise StageError(msg)
        return TimeForm.TEXT_T if found["sep"] == "T" else TimeForm.TEXT_BLANK
    if _DAY.match(str(value).strip()):
        return TimeForm.DAY
    msg = f"{value!r} is no time; expected a timestamp, ISO 8601 text or an epoch number"
    raise StageError(msg)


def as_bound(moment: datetime, form: TimeForm) -> Any:
    """Return the moment as the column would hold it, so that `>=` and `<` are right for every row.

    ISO texts are cut to the second: a bound without fraction or zone sorts before every row of the same second.
    """
    utc = moment.astimezone(UTC)
    match form:
        case TimeForm.NATIVE_AWARE:
            return utc
        case TimeForm.NATIVE:
            return utc.replace(tzinfo=None)
        case TimeForm.TEXT_T:
            return f"{utc:%Y-%m-%dT%H:%M:%S}"
        case TimeForm.TEXT_BLANK:
            return f"{utc:%Y-%m-%d %H:%M:%S}"
        case TimeForm.DAY:
            return f"{utc:%Y-%m-%d}"
        case TimeForm.EPOCH_MS:
            return int(utc.timestamp() * 1000)
        case _:
            return utc.timestamp()


def parse_times(column: pd.Series[Any], form: TimeForm, *, where: str) -> pd.Series[Any]:
    """Return aware UTC times; a naive one is UTC. StageError names a value that is no time."""
    try:
        if form is TimeForm.EPOCH_MS:
            return pd.to_datetime(pd.to_numeric(column), unit="ms", utc=True)
        if form is TimeForm.EPOCH_S:
            return pd.to_datetime(pd.to_numeric(column), unit="s", utc=True)
        return pd.to_datetime(
            column, utc=True, format="ISO8601" if column.dtype == object or str(column.dtype) == "str" else None
        )
    except (ValueError, TypeError) as error:
        msg = f"{where} holds a value that is no time: {error}"
        raise StageError(msg) from error


def find_time_column(columns: Mapping[str, str], *, where: str) -> str | None:
    """Return the one time column, or None where there is none.

    Args:
        columns: Name to type family.
        where: For the message.

    Raises:
        StageError: If there are several; one must be named.
    """
    found = [name for name, family in columns.items() if family == "time"]
    if not found:
        found = [name for name, family in columns.items() if family in ("text", "other") and _NAMES.search(name)]
    if len(found) > 1:
        msg = f"{where} has several time columns ({', '.join(found)}); name the right one with 'time'"
        raise StageError(msg)
    return found[0] if found else None
