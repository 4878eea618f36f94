"""Numbers, exactly: what a storage type or a text says, in which notation, and when two are the same."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import ROUND_DOWN, ROUND_HALF_EVEN, ROUND_HALF_UP, Context, Decimal
from typing import Any, Literal

import numpy as np

DecimalSign = Literal[".", ","]
Exponents = Literal["none", "signed", "all"]
"""`7e40008` may be a hash, `1e-05` is how programs write a small number: the first is read where a column says so."""
RoundMode = Literal["half_up", "half_even"]

FLOAT_NOISE = 1e-15
"""Largest relative difference of one number reached by two ways of float arithmetic: some four units in the last place
(IEEE 754 binary64 has one at 2.2e-16). Only where one side is a float; decimals, integers and texts are exact."""
EXACT_BELOW = 2**53
"""A float holds every whole number up to here, and not beyond."""
_LONGEST = 400
"""Digits before or after the point up to which a number is written out; a float has no more."""
_ROUNDINGS = {"half_up": ROUND_HALF_UP, "half_even": ROUND_HALF_EVEN}
_ARITHMETIC = Context(prec=60, traps=[])
"""Digits that products and differences keep: no unit of money or measure has more."""
_PLAIN = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)\Z")
_SCIENTIFIC = {
    "signed": re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)[eE][+-]\d{1,6}\Z"),
    "all": re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)[eE][+-]?\d{1,6}\Z"),
}
_DECIMAL_COMMA = re.compile(r"[+-]?(?:\d+,\d*|,\d+)\Z")
_GROUPED: dict[DecimalSign, re.Pattern[str]] = {
    ".": re.compile(r"[+-]?(?!0)\d{1,3}(?:(?:,\d{3})+|(?:,\d{2})+,\d{3})(?:\.\d+)?\Z"),
    ",": re.compile(r"[+-]?(?!0)\d{1,3}(?:\.\d{3})+(?:,\d+)?\Z"),
}
"""Thousands by the other sign; lakh and crore (12,34,567) too."""
_SPACED = re.compile(r"[+-]?\d{1,3}(?:[ \u00a0\u2009\u202f'\u2019]\d{3})+(?:[.,]\d+)?\Z")


@dataclass(frozen=True, kw_only=True, slots=True)
class Number:
    """A number as it was held."""

    value: Decimal
    """Exact; of a float the shortest decimal that makes the same float."""
    is_float: bool = False
    """Whether arithmetic may have left noise in its last digits."""


def number_of(value: Any) -> Number | None:
    """Return the number that a numeric storage type holds; None for text, booleans, NaN and all else."""
    if isinstance(value, (bool, np.bool_)):
        return None
    if isinstance(value, (int, np.integer)):
        return Number(value=Decimal(int(value)))
    if isinstance(value, Decimal):
        return None if value.is_nan() else Number(value=value)
    if isinstance(value, (np.float16, np.float32, np.longdouble)):
        value = float(str(value))  # a narrow float's own digits: 747.06, not 747.0599975585938
    if isinstance(value, float) and not math.isnan(value):
        return Number(value=Decimal(repr(float(value))), is_float=True)
    return None


def same_numbers(left: Number, right: Number) -> bool:
    """Return whether two numbers are the same: exactly, or but for noise where one of them is a float.

    Whole numbers have no such noise: they differ by one or are the same, as far as a float can tell them apart.
    """
    if left.value == right.value:
        return True
    if not (left.is_float or right.is_float):
        return False
    a, b = float(left.value), float(right.value)
    if not (math.isfinite(a) and math.isfinite(b)):
        return False
    if _is_whole(left.value) and _is_whole(right.value):
        return abs(a) >= EXACT_BELOW and a == b
    return math.isclose(a, b, rel_tol=FLOAT_NOISE, abs_tol=0.0)


def read_number(text: str, *, exponents: Exponents, decimal: DecimalSign | None = None) -> tuple[Decimal, ...]:
    """Return every number that a text may mean, the same one once; empty where it is none.

    Args:
        text: As it stands; blanks around it and a typographic minus do not matter.
        exponents: Whether `1e5` is a number, or only `1e+05` and `1e-05`, or neither.
        decimal: The sign before the fraction, where the column shows it; the other one groups thousands.

    `1,234.50`, `1.234,50`, `1 234,50` and `1'234.50` read in one way, `1,234` in two unless `decimal` is given.
    A point alone is a decimal point, as every program writes it, unless `decimal` says otherwise.
    """
    text = text.strip().replace("\u2212", "-")
    if decimal is not None and _GROUPED[decimal].match(text):
        return (_from_grouped(text, decimal),)
    if _PLAIN.match(text):
        return (Decimal(text),)
    if exponents != "none" and _SCIENTIFIC[exponents].match(text):
        return (Decimal(text),)
    found: list[Decimal] = []
    if _DECIMAL_COMMA.match(text) and decimal != ".":
        found.append(Decimal(text.replace(",", ".")))
    if decimal is None:
        found += (_from_grouped(text, sign) for sign, form in _GROUPED.items() if form.match(text))
    if not found and _DECIMAL_COMMA.match(text):
        found.append(Decimal(text.replace(",", ".")))
    if not found and _SPACED.match(text):
        found.append(Decimal(re.sub(r"[ \u00a0\u2009\u202f'\u2019]", "", text).replace(",", ".")))
    return tuple(dict.fromkeys(found))


def _from_grouped(text: str, decimal: DecimalSign) -> Decimal:
    return Decimal(text.replace("," if decimal == "." else ".", "").replace(",", "."))


def shown_decimal_sign(texts: Iterable[str]) -> DecimalSign | None:
    """Return the decimal sign that a column's numbers show; None where none does, or they do not agree.

    `12.5` and `1,234.50` show a point, `12,5` and `1.234,50` a comma; `1,234` and `1.234` show nothing.
    """
    shown: set[DecimalSign] = set()
    for text in map(str.strip, texts):
        if "," not in text and "." not in text:
            continue
        is_grouped = {sign: bool(form.match(text)) for sign, form in _GROUPED.items()}
        as_point = is_grouped["."] or bool(_PLAIN.match(text))
        as_comma = is_grouped[","] or bool(_DECIMAL_COMMA.match(text))
        if as_point != as_comma:
            shown.add("." if as_point else ",")
    return shown.pop() if len(shown) == 1 else None


def number_text(value: Decimal) -> str:
    """Return the one text of a number: every digit, no zeros at either end, no exponent."""
    if not value.is_finite():
        return str(float(value))
    if abs(value.adjusted()) > _LONGEST:
        return str(value.normalize(_ARITHMETIC))
    text = format(value, "f")
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    return "0" if text in ("-0", "") else text


def float_text(value: float) -> str:
    """Return the one text of a float, without the noise of arithmetic, but with every digit before the point."""
    if not math.isfinite(value):
        return str(value)
    if value.is_integer():
        return str(int(value)) if abs(value) < EXACT_BELOW else number_text(Decimal(repr(value)))
    text = format(value, ".15g")
    if abs(float(text) - value) > FLOAT_NOISE * abs(value):
        text = repr(value)
    return number_text(Decimal(text)) if "e" in text else text


def as_plain(value: Decimal) -> int | float | Decimal:
    """Return the number as a float, which people's functions compute with; as it is where a float would lose digits."""
    as_float = float(value)
    if not math.isfinite(as_float) or Decimal(repr(as_float)) == value:
        return as_float
    return int(value) if _is_whole(value) else value


def multiply(value: Decimal, factor: float) -> Decimal:
    """Return the product by the decimal that a person wrote: 1999 times 0.01 is 19.99."""
    return _ARITHMETIC.multiply(value, Decimal(repr(factor)))


def distance(left: Decimal, right: Decimal) -> Decimal:
    """Return how far two numbers are apart."""
    return _ARITHMETIC.abs(_ARITHMETIC.subtract(left, right))


def round_number(value: Decimal, digits: int, mode: RoundMode) -> Decimal:
    """Return the number rounded to decimal places; a tie goes away from zero or to the even digit, as `mode` says."""
    if not value.is_finite() or value.adjusted() >= _LONGEST - digits:
        return value
    return value.quantize(Decimal(1).scaleb(-digits), rounding=_ROUNDINGS[mode], context=Context(prec=_LONGEST))


def other_side_of_tie(value: Decimal, digits: int) -> Decimal | None:
    """Return the neighbour nearer to zero of a number exactly between two roundings; None for any other number.

    Half up gives the one away from zero. Half even gives either, and so does rounding a float, whose binary value is
    a little more or less than the decimal that it shows (2.675 becomes 2.67).
    """
    if not value.is_finite() or value.adjusted() >= _LONGEST - digits:
        return None
    context = Context(prec=_LONGEST)
    nearer = value.quantize(Decimal(1).scaleb(-digits), rounding=ROUND_DOWN, context=context)
    is_tie = context.subtract(value, nearer).copy_abs() * 2 == Decimal(1).scaleb(-digits)
    return nearer if is_tie else None


def _is_whole(value: Decimal) -> bool:
    return value.is_finite() and value == value.to_integral_value()
