"""Columns of a stage: the family of their types, and their values as they come off a cursor."""

from __future__ import annotations

import re
import uuid
from collections.abc import Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import pandas as pd
import sqlalchemy as sa

UUID = "uuid"
"""Family of ids that a database has a type for; to all others they are `other`."""
_EXACT_BELOW = 2**53
"""A float holds every whole number up to here, and not beyond."""

_CONTROL = re.compile(r"[\x00-\x08\x0e-\x1f]")
"""What text does not hold."""

_FAMILIES: tuple[tuple[type[Any], str], ...] = (
    (sa.Boolean, "boolean"),
    (sa.JSON, "json"),
    (sa.DateTime, "time"),
    (sa.Date, "date"),
    (sa.Numeric, "number"),
    (sa.Float, "number"),
    (sa.Integer, "number"),
    (sa.String, "text"),
    (sa.Uuid, UUID),
)


def family_of_type(kind: sa.types.TypeEngine[Any]) -> str:
    """Return `text`, `number`, `time`, `date`, `json`, `boolean`, `uuid` or `other` for a column of the catalogue."""
    return next((family for base, family in _FAMILIES if isinstance(kind, base)), "other")


def family_of_values(values: Sequence[Any]) -> str:
    """Return the family that all the values belong to; `other` where they are null or differ."""
    known = [value for value in values if value is not None]
    kinds: tuple[tuple[Any, str], ...] = (
        (bool, "boolean"),
        (dict | list, "json"),
        (datetime, "time"),
        (date, "date"),
        (int | float | Decimal, "number"),
        (str, "text"),
        (uuid.UUID, UUID),
    )
    return next((family for kind, family in kinds if known and all(isinstance(v, kind) for v in known)), "other")


def to_frame(names: Sequence[str], rows: Sequence[Sequence[Any]]) -> pd.DataFrame:
    """Return the rows of one fetch, column by column; no value is touched on its own unless it must be."""
    columns = zip(names, zip(*rows, strict=True), strict=True) if rows else ((name, ()) for name in names)
    return pd.DataFrame({name: _series(_without_buffers(values)) for name, values in columns})


def _without_buffers(values: Sequence[Any]) -> Sequence[Any]:
    """Return a column of bytes as text where all of it is text, as bodies of requests are; else as bytes.

    Some drivers hand out buffers of their own, which equal nothing and say nothing.
    """
    if not any(type(value) in (bytes, memoryview) for value in values):
        return values
    plain = [value.tobytes() if type(value) is memoryview else value for value in values]
    if not all(value is None or type(value) is bytes for value in plain):
        return plain
    try:
        texts = [None if value is None else value.decode() for value in plain]
    except UnicodeDecodeError:
        return plain
    return texts if all(text is None or _CONTROL.search(text) is None for text in texts) else plain


def is_uuid(value: object) -> bool:
    """Return whether a value is a UUID or its text."""
    try:
        uuid.UUID(str(value).strip())
    except ValueError:
        return False
    return True


def _series(values: Sequence[Any]) -> pd.Series[Any]:
    """Return the values as pandas infers them, but decimals as numbers, and great whole numbers whole.

    Decimals of scale 0 (the ids of some databases) become whole numbers, others floats: models and references
    compute with floats. Whole numbers with nulls between them become floats, as everywhere in pandas, unless one is
    too great for that: it may be a key.
    """
    series: pd.Series[Any] = pd.Series(values)
    if series.dtype == object and any(isinstance(value, Decimal) for value in values):
        known = [value for value in values if value is not None]
        if all(isinstance(value, Decimal) for value in known):
            is_whole = all(value.is_finite() and value.as_tuple().exponent == 0 for value in known)
            kind = int if is_whole else float
            return _series([None if value is None else kind(value) for value in values])
    if series.dtype == float and series.abs().max() >= _EXACT_BELOW and any(isinstance(v, int) for v in values):
        return pd.Series(values, dtype=object)
    return series


def join_frames(frames: Sequence[pd.DataFrame], names: Sequence[str]) -> pd.DataFrame:
    """Return the frames of several fetches as one; whole numbers too great for a float stay whole."""
    filled = [frame for frame in frames if len(frame)]
    if not filled:
        return pd.DataFrame(columns=pd.Index(names))
    for name in names:
        kinds = {frame[name].dtype.kind for frame in filled}
        if kinds == {"i", "f"} and any(frame[name].abs().max() >= _EXACT_BELOW for frame in filled):
            filled = [frame.astype({name: object}) for frame in filled]
    return pd.concat(filled, ignore_index=True)
