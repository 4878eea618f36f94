"""Of what kind a column's values are, in words: values of two kinds are never equal."""

from __future__ import annotations

import numbers
from datetime import date
from typing import Any

from seamwatch.core.records.comparison import as_number, is_null, parse_json


def kind_of(values: Any) -> str | None:
    """Return in words what most of the values are; None where all are null."""
    known = [value for value in values if not is_null(value)]
    kinds = [_kind(value) for value in known]
    return max(set(kinds), key=kinds.count) if kinds else None


def _kind(value: Any) -> str:
    if isinstance(value, bool) or str(value).strip().casefold() in ("true", "false"):
        return "true or false"
    if as_number(value) is not None or isinstance(value, numbers.Number):
        return "numbers"
    if isinstance(value, date):
        return "times"
    return "objects or lists" if isinstance(parse_json(value), dict | list) else "text"
