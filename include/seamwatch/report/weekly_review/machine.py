"""A weekly review for programs: every figure under its own name, unrounded; what is not known is null."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from datetime import date, datetime
from enum import Enum
from typing import Any

from seamwatch.core.weekly_review.changes import changes_since
from seamwatch.core.weekly_review.facts import WeeklyReview
from seamwatch.core.weekly_review.week import ReviewWeek
from seamwatch.report import numbers
from seamwatch.report.text import shortened
from seamwatch.secret_redaction import SECRETS

_TEXT_CHARS = 2_000
"""Of any text that people or systems wrote."""


def weekly_json(review: WeeklyReview) -> dict[str, Any]:
    """Return the review as JSON-ready values: names of the facts, times in ISO 8601, units in the names."""
    plain = _plain(review)
    assert isinstance(plain, dict)
    return {"week": plain.pop("week"), "changes": _plain(changes_since(review)), **plain}


def _plain(value: object) -> Any:
    if isinstance(value, ReviewWeek):
        return _week(value)
    if is_dataclass(value) and not isinstance(value, type):
        return {field.name: _plain(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, Mapping):
        return {_key(key): _plain(each) for key, each in value.items()}
    if isinstance(value, tuple | list):
        return [_plain(each) for each in value]
    return _scalar(value)


def _scalar(value: object) -> Any:
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, datetime):
        return numbers.iso(value)
    if isinstance(value, date):
        return value.isoformat()
    return _text(value) if isinstance(value, str) else value


def _key(key: object) -> str:
    return str(key.value) if isinstance(key, Enum) else _text(str(key))


def _text(text: str) -> str:
    return shortened(SECRETS.redact_record(text[: 2 * _TEXT_CHARS]), _TEXT_CHARS)


def _week(week: ReviewWeek) -> dict[str, Any]:
    window = week.window
    return {
        "name": week.name,
        "time_zone": week.time_zone,
        "start": numbers.iso(window.start),
        "end": numbers.iso(window.end),
    }
