"""The canonical form of a value: one for keys, comparison, labels, lookups, hashes and document ids alike.

A value has two texts. Its strict text does not depend on the type that a database or a program held it in: 5, 5.0 and
Decimal("5.00") are `5`. Its loose text does not depend on spelling either: case, blanks, Unicode form, thousands
separators, leading zeros, the notation of a date, a UUID or a hash. What two texts cannot say, the pair does: a boolean
tells that the other side's `1` or `t` is one, a number that the other side's text is one, a float that it may be noisy.
"""

from __future__ import annotations

import json
import math
import re
import unicodedata
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from enum import Enum
from typing import Any

import numpy as np
import pandas as pd

from seamwatch.core.records.date_forms import DayOrder, Moment, moment_of, read_date, read_iso, shown_day_order
from seamwatch.core.records.identifier_forms import digest_text, identifier_text
from seamwatch.core.records.number_forms import (
    DecimalSign,
    Exponents,
    Number,
    float_text,
    number_of,
    number_text,
    read_number,
    same_numbers,
    shown_decimal_sign,
)
from seamwatch.core.records.unknown import Unknown
from seamwatch.vocabulary import DiscrepancyKind, UnknownReason

# Whoever asks for the type of each value names tuples of types: a union would be made anew with every question.
PLAIN_TYPES = frozenset({str, int, bool, type(None)})
"""Of these JSON says the same whatever database they came from."""
_SAMPLE = 80
"""Characters kept of what could not be read."""
_ZONES_ASKED = 50
"""Pairs of values from which it is told whether two columns hold times with and without a zone."""
_TRUE = frozenset({"true", "t", "yes", "y", "on", "1"})
_FALSE = frozenset({"false", "f", "no", "n", "off", "0"})
_WHOLE = re.compile(r"[+-]?\d+\Z")
_ISO_LIKE = re.compile(r"\d{4}-\d{2}-\d{2}")
_BYTEA = re.compile(r"\\x((?:[0-9a-fA-F]{2})*)\Z")
"""PostgreSQL's text of bytes."""
_CANONICAL = json.JSONEncoder(sort_keys=True, ensure_ascii=False, separators=(",", ":"))


@dataclass(frozen=True, kw_only=True)
class Forms:
    """What the columns that two values stand in show of their notation, where a value alone does not."""

    left_decimal: DecimalSign | None = None
    right_decimal: DecimalSign | None = None
    left_order: DayOrder | None = None
    right_order: DayOrder | None = None
    is_boolean: bool = False
    """Whether both columns hold nothing but words for true and false."""


PLAIN = Forms()


def is_null(value: Any) -> bool:
    """Return whether the value is no data: None, NaN, NaT or pandas' NA."""
    if type(value) in PLAIN_TYPES or value is pd.NA or value is pd.NaT:
        return value is None or value is pd.NA or value is pd.NaT
    if isinstance(value, Decimal):
        return value.is_nan()
    if isinstance(value, (np.datetime64, np.timedelta64)):
        return bool(np.isnat(value))
    return isinstance(value, (float, np.floating)) and math.isnan(value)


def bare(value: Any) -> Any:
    """Return the value of an enumeration's member, and any other value as it is."""
    return value.value if isinstance(value, Enum) else value


def strict_text(value: Any) -> str | None:
    """Return the value as text so that equal values of different storage types have equal texts; None for no data.

    Numbers lose their type and the noise of arithmetic, times become ISO 8601 in UTC (one without a zone is taken as
    UTC), objects and lists become JSON with sorted keys, bytes the text that they hold. Text stays as it is.
    """
    if type(value) is str:
        return value
    if is_null(value):
        return None
    if isinstance(value, (bool, np.bool_)):
        return "true" if value else "false"
    if isinstance(value, Enum):
        return strict_text(value.value)
    if isinstance(value, (int, np.integer)):
        return str(int(value))
    if isinstance(value, float):
        return float_text(float(value))
    if isinstance(value, Decimal):
        return number_text(value)
    if isinstance(value, np.floating):
        return float_text(float(str(value)))
    return _other_text(value)


def _other_text(value: Any) -> str:
    if isinstance(value, np.datetime64):
        value = pd.Timestamp(value)
    if isinstance(value, datetime):
        moment = moment_of(value)
        return str(value) if moment is None else moment.at.isoformat()
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, (timedelta, np.timedelta64)):
        return str(pd.Timedelta(value).to_pytimedelta())
    if isinstance(value, (Mapping, list, tuple, np.ndarray, set, frozenset)):
        return canonical_json(value)
    if isinstance(value, (bytes, bytearray, memoryview)):
        data = bytes(value)
        try:
            return data.decode()
        except UnicodeDecodeError:
            return f"\\x{data.hex()}"
    if isinstance(value, Unknown):
        return f"(unreadable: {value.reason.value}: {value.sample})"
    return str(value)


def loose_text(value: Any) -> str | None:
    """Return the text without what is harmless: case, blanks, Unicode form, notation; None for null and empty.

    A text that reads in more than one way, as `1,234`, stays as it is.
    """
    if type(value) is str:
        text = value
    else:
        if isinstance(value, (bytes, bytearray, memoryview)) and (digest := _digest_of(value)):
            return digest
        text = strict_text(value) or ""
    if not text.isascii():
        text = unicodedata.normalize("NFC", text)
    text = " ".join(text.split())
    if not text:
        return None
    if len(text) >= 22 and (identifier := identifier_text(text)):
        return identifier
    text = text.casefold()
    if not (text[0] in "+-.,\u2212" or text[0].isdecimal()):  # spares most texts the search for a number
        return text
    if _WHOLE.match(text):
        digits = str(text.lstrip("+-").lstrip("0") or "0")
        return f"-{digits}" if text.startswith("-") and digits != "0" else digits
    if _ISO_LIKE.match(text):
        moment = read_iso(text)
        return text if moment is None else moment.text
    numbers = read_number(text, exponents="none")
    return number_text(numbers[0]) if len(numbers) == 1 else text


def _digest_of(value: bytes | bytearray | memoryview) -> str | None:
    """Return the digits of a hash held as bytes: too many for one that happens to be text."""
    data = bytes(value)
    if data.isascii() and data.decode().isprintable():
        return None
    return digest_text(data)


def canonical_json(value: Any) -> str:
    """Return JSON text that does not depend on the order of keys or on the storage type of numbers."""
    return _CANONICAL.encode(plain_json(value))


def plain_json(value: Any) -> Any:
    """Return the value as what JSON knows: objects, lists, text, true, false, null, and numbers of one type."""
    if type(value) in PLAIN_TYPES:
        return value
    if type(value) is dict or isinstance(value, Mapping):
        return {str(name): plain_json(part) for name, part in value.items()}
    if isinstance(value, (set, frozenset)):
        return sorted((plain_json(part) for part in value), key=_CANONICAL.encode)
    if isinstance(value, (list, tuple, np.ndarray)):
        return [plain_json(part) for part in value]
    if isinstance(value, (bool, np.bool_)):
        return bool(value)
    if isinstance(value, (int, np.integer)) and not isinstance(value, Enum):
        return int(value)
    if isinstance(value, (float, np.floating, Decimal)):
        if is_null(value):
            return None
        if isinstance(value, Decimal) and value == value.to_integral_value() and value.adjusted() < 400:
            return int(value)
        number = float(value)
        return int(number) if number.is_integer() else number
    return strict_text(value)


def boolean_of(value: Any) -> bool | None:
    """Return the truth value of a boolean, of 0 and 1, and of the usual words for it; None for anything else."""
    if isinstance(value, (bool, np.bool_)):
        return bool(value)
    text = (strict_text(value) or "").strip().casefold()
    return True if text in _TRUE else False if text in _FALSE else None


def compare_values(left: Any, right: Any, forms: Forms = PLAIN) -> DiscrepancyKind | Unknown | None:
    """Return how two values differ: None for equal, `format` for another spelling of the same, or `value`.

    Args:
        left: What was recorded.
        right: What it should be.
        forms: What their columns show of their notation.

    Returns:
        Unknown where either is, and where a number or date reads in more than one way and only some ways are equal.
    """
    if type(left) is str and type(right) is str:  # as most values: no storage type says more than the texts do
        return None if left == right else _compare_spellings(left, right, forms, (left, right))
    if isinstance(left, Unknown) or isinstance(right, Unknown):
        return left if isinstance(left, Unknown) else right
    a, b = strict_text(left), strict_text(right)
    if a == b:
        return None
    if a is None or b is None:
        return DiscrepancyKind.FORMAT if loose_text(left) is loose_text(right) is None else DiscrepancyKind.VALUE
    left, right = bare(left), bare(right)
    if isinstance(left, (bool, np.bool_)) or isinstance(right, (bool, np.bool_)):
        return _compare_booleans(left, right)
    numbers, moments = (number_of(left), number_of(right)), (moment_of(left), moment_of(right))
    if numbers[0] is not None and numbers[1] is not None:
        return None if same_numbers(numbers[0], numbers[1]) else DiscrepancyKind.VALUE
    if moments[0] is not None and moments[1] is not None:
        return None if moments[0].at == moments[1].at else DiscrepancyKind.VALUE
    has_number, has_moment = (any(held is not None for held in pair) for pair in (numbers, moments))
    return _compare_spellings(left, right, forms, (a, b), has_number=has_number, has_moment=has_moment)


def _compare_booleans(left: Any, right: Any) -> DiscrepancyKind | None:
    a, b = boolean_of(left), boolean_of(right)
    if a is None or a is not b:
        return DiscrepancyKind.VALUE
    return DiscrepancyKind.FORMAT if isinstance(left, str) or isinstance(right, str) else None


def _compare_spellings(
    left: Any,
    right: Any,
    forms: Forms,
    texts: tuple[str, str],
    *,
    has_number: bool = False,
    has_moment: bool = False,
) -> DiscrepancyKind | Unknown | None:
    """Compare a number or moment with a text, or two texts, of which the strict texts differ."""
    is_alike = loose_text(left) == loose_text(right)
    # Where a column has a decimal comma, `1.234` is not the number that it seems.
    if is_alike and "," not in (forms.left_decimal, forms.right_decimal):
        return DiscrepancyKind.FORMAT
    if has_moment:
        return _by_readings(read_moments(left, forms.left_order), read_moments(right, forms.right_order), texts)
    if isinstance(left, (bytes, bytearray, memoryview)) or isinstance(right, (bytes, bytearray, memoryview)):
        a, b = _as_bytes(left), _as_bytes(right)
        return DiscrepancyKind.FORMAT if a is not None and a == b else DiscrepancyKind.VALUE
    if forms.is_boolean and boolean_of(left) is boolean_of(right) is not None:
        return DiscrepancyKind.FORMAT
    exponents: Exponents = "signed" if has_number else "none"
    numbers = read_numbers(left, exponents=exponents, decimal=forms.left_decimal)
    truths = read_numbers(right, exponents=exponents, decimal=forms.right_decimal) if numbers else ()
    if numbers and truths:
        return _by_readings(numbers, truths, texts)
    return DiscrepancyKind.FORMAT if is_alike else DiscrepancyKind.VALUE


def _as_bytes(value: Any) -> bytes | None:
    if isinstance(value, (bytes, bytearray, memoryview)):
        return bytes(value)
    found = _BYTEA.match(value) if isinstance(value, str) else None
    return bytes.fromhex(found[1]) if found else None


def read_numbers(value: Any, *, exponents: Exponents, decimal: DecimalSign | None = None) -> tuple[Number, ...]:
    """Return every number that a value may mean; empty where it is none. A boolean is 0 or 1."""
    if type(value) is not str:
        held = Number(value=Decimal(int(value))) if isinstance(value, (bool, np.bool_)) else number_of(value)
        if held is not None:
            return (held,)
    text = strict_text(value) if isinstance(value, (str, bytes, bytearray, memoryview)) else None
    if not text or not (text[0] in "+-.,\u2212 " or text.lstrip()[:1].isdecimal()):
        return ()
    return tuple(Number(value=one) for one in read_number(text, exponents=exponents, decimal=decimal))


def read_moments(value: Any, order: DayOrder | None = None) -> tuple[Moment, ...]:
    """Return every moment that a value may mean where it is to be a date; empty where it is none."""
    held = moment_of(value)
    if held is not None:
        return (held,)
    is_text = isinstance(value, (str, int, np.integer)) and not isinstance(value, bool)
    return read_date(str(value), order) if is_text else ()


def _by_readings(
    lefts: tuple[Number, ...] | tuple[Moment, ...],
    rights: tuple[Number, ...] | tuple[Moment, ...],
    texts: tuple[str, str],
) -> DiscrepancyKind | Unknown:
    is_equal = equal_by_readings(lefts, rights, texts, same_readings)
    if isinstance(is_equal, Unknown):
        return is_equal
    return DiscrepancyKind.FORMAT if is_equal else DiscrepancyKind.VALUE


def same_readings(left: Number | Moment, right: Number | Moment) -> bool:
    """Return whether two numbers, or two moments, are the same."""
    if isinstance(left, Number) and isinstance(right, Number):
        return same_numbers(left, right)
    return isinstance(left, Moment) and isinstance(right, Moment) and left.at == right.at


def equal_by_readings(
    lefts: Sequence[Any], rights: Sequence[Any], texts: tuple[str | None, str | None], same: Callable[[Any, Any], bool]
) -> bool | Unknown:
    """Return whether two values are equal in every way that they read; Unknown where they are in some ways only."""
    found = {same(left, right) for left in lefts for right in rights}
    if found == {True, False}:
        sample = texts[0] if len(lefts) > 1 else texts[1]
        return Unknown(reason=UnknownReason.AMBIGUOUS_FORM, sample=cut(sample))
    return found == {True}


def shown_forms(left: Iterable[Any], right: Iterable[Any]) -> Forms:
    """Return what two columns show of their notation by those of their values that read in one way only."""
    texts: list[set[str]] = [set(), set()]
    others: set[str] = set()
    for values, held in zip((left, right), texts, strict=True):
        for value in values:
            if isinstance(value, str):
                held.add(value)
            elif type(value) is not bool and not is_null(value):
                others.add(strict_text(value) or "")
    words = {text.strip().casefold() for text in (*texts[0], *texts[1], *others)} - {""}
    return Forms(
        left_decimal=shown_decimal_sign(texts[0]),
        right_decimal=shown_decimal_sign(texts[1]),
        left_order=shown_day_order(texts[0]),
        right_order=shown_day_order(texts[1]),
        is_boolean=words <= _TRUE | _FALSE and not words <= {"0", "1"},
    )


def mixes_zones(left: pd.Series[Any], right: pd.Series[Any], at: np.ndarray[Any, Any]) -> bool:
    """Return whether two aligned columns compare times without a zone with times that have one.

    Args:
        left: One column.
        right: The other.
        at: Positions of cells that are not equal as they stand; the first ones are looked at.
    """
    if all(pd.api.types.is_datetime64_any_dtype(column.dtype) for column in (left, right)):
        return (left.dt.tz is None) is not (right.dt.tz is None)
    pairs = ((_is_naive(left.iloc[k]), _is_naive(right.iloc[k])) for k in at[:_ZONES_ASKED])
    return any(None not in pair and pair[0] is not pair[1] for pair in pairs)


def _is_naive(value: Any) -> bool | None:
    """Return whether a time has no zone; None for a mere day, and for what is no time."""
    moment = read_iso(value) if isinstance(value, str) else moment_of(value)
    return None if moment is None or moment.is_day else moment.is_naive


def cut(text: str | None) -> str:
    """Return as much of a text as is kept of what could not be read."""
    return text if text is not None and len(text) <= _SAMPLE else f"{(text or '')[: _SAMPLE - 3]}..." if text else ""
