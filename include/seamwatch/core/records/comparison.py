"""When two values are the same: by their canonical form, or by the rule that a person gave."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from decimal import Decimal, InvalidOperation
from functools import cached_property, partial
from typing import Any, Generic, TypeVar

import msgspec
import numpy as np
import pandas as pd

from seamwatch.core.records.date_forms import Moment
from seamwatch.core.records.json_documents import (
    at_path,
    document_text,
    leaves,
    may_be_json,
    parse_json,
    pick,
    read_path,
    spellings,
)
from seamwatch.core.records.json_text import read_json
from seamwatch.core.records.number_forms import FLOAT_NOISE, Number, distance, multiply, same_numbers
from seamwatch.core.records.unknown import Unknown
from seamwatch.core.records.values import (
    PLAIN,
    Forms,
    boolean_of,
    canonical_json,
    compare_values,
    cut,
    equal_by_readings,
    is_null,
    loose_text,
    read_moments,
    read_numbers,
    shown_forms,
    strict_text,
)
from seamwatch.errors import DataContractError
from seamwatch.vocabulary import DiscrepancyKind, UnknownReason

__all__ = [
    "PairComparison",
    "as_number",
    "at_path",
    "canonical_json",
    "compare_normalised",
    "document_text",
    "equal_cells",
    "is_null",
    "leaves",
    "loose_text",
    "may_be_json",
    "normalise",
    "parse_json",
    "pick",
    "read_json",
    "read_path",
    "spellings",
    "strict_text",
    "values_equal",
]

T = TypeVar("T")
_BLANKS = re.compile(r"\s+")
_PARTS = re.compile(r"[;,|]")
_NUMERIC_KINDS = frozenset({"integer", "floating", "boolean", "decimal", "mixed-integer-float"})
_PLAIN_KINDS = frozenset({"string", "date", "datetime"})
"""What pandas calls columns of Python values of which == says whether they are equal; of numbers across their types."""
COMPARISONS = ("auto", "exact", "text", "number", "date", "set")


def as_number(value: Any) -> float | None:
    """Return the value as a float, from a number or a text that is a number in one reading; else None."""
    if isinstance(value, (bool, np.bool_)) or is_null(value):
        return None
    numbers = read_numbers(value, exponents="signed")
    return float(numbers[0].value) if len(numbers) == 1 else None


def values_equal(
    value: Any,
    wanted: Any,
    *,
    how: str,
    tolerance: float = 0.0,
    scale: float | None = None,
    forms: Forms = PLAIN,
) -> bool | Unknown:
    """Return whether a final field equals its truth; Unknown where that cannot be read off them.

    Args:
        value: What the pipeline gave.
        wanted: What the truth says.
        how: `auto` (booleans, numbers and dates as such, text without case and blanks), `exact`, `text`, `number`,
            `date` or `set`.
        tolerance: Largest absolute difference for `number`.
        scale: For `number`: what the final field is multiplied by.
        forms: What the two columns show of their notation.

    Raises:
        DataContractError: If `how` is unknown.
    """
    if isinstance(value, Unknown) or isinstance(wanted, Unknown):
        return value if isinstance(value, Unknown) else wanted
    if how == "number" or (how == "auto" and scale is not None):
        return _equal_numbers(value, wanted, forms, tolerance=tolerance, scale=scale)
    if how == "date":
        return _equal_dates(value, wanted, forms)
    if how == "set":
        return _as_set(value) == _as_set(wanted)
    if how == "text":
        return _plain_text(value) == _plain_text(wanted)
    if how in ("auto", "exact"):
        kind = _compare_documents(value, wanted, forms)
        return kind if isinstance(kind, Unknown) else kind is None or (how == "auto" and kind is DiscrepancyKind.FORMAT)
    msg = f"unknown comparison {how!r}; known: {', '.join(COMPARISONS)}"
    raise DataContractError(msg)


def _compare_documents(left: Any, right: Any, forms: Forms) -> DiscrepancyKind | Unknown | None:
    """Compare two values; objects and lists, or their JSON texts, leaf by leaf."""
    if not (may_be_json(left) and may_be_json(right)):
        return compare_values(left, right, forms)
    a, b = parse_json(left), parse_json(right)
    if not (isinstance(a, (Mapping, list, tuple)) and isinstance(b, (Mapping, list, tuple))):
        return compare_values(left, right, forms)
    before, after = dict(leaves(a)), dict(leaves(b))
    kinds = [compare_values(before.get(path), after.get(path), forms) for path in {**before, **after}]
    if DiscrepancyKind.VALUE in kinds:
        return DiscrepancyKind.VALUE
    unread = next((kind for kind in kinds if isinstance(kind, Unknown)), None)
    return unread or (DiscrepancyKind.FORMAT if DiscrepancyKind.FORMAT in kinds else None)


def _equal_numbers(value: Any, wanted: Any, forms: Forms, *, tolerance: float, scale: float | None) -> bool | Unknown:
    texts = (strict_text(value), strict_text(wanted))
    if scale is None and texts[0] == texts[1]:
        return True
    if (empty := _one_is_empty(value, wanted)) is not None:
        return empty
    numbers = read_numbers(value, exponents="all", decimal=forms.left_decimal)
    truths = read_numbers(wanted, exponents="all", decimal=forms.right_decimal)
    if not (numbers and truths):
        return _by_text(texts, (bool(numbers), bool(truths)), UnknownReason.NOT_A_NUMBER)
    if scale is not None:
        numbers = tuple(Number(value=multiply(n.value, scale), is_float=n.is_float) for n in numbers)
    return equal_by_readings(numbers, truths, texts, partial(_within, tolerance=Decimal(repr(float(tolerance)))))


def _within(left: Number, right: Number, *, tolerance: Decimal) -> bool:
    return same_numbers(left, right) or (bool(tolerance) and distance(left.value, right.value) <= tolerance)


def _equal_dates(value: Any, wanted: Any, forms: Forms) -> bool | Unknown:
    texts = (strict_text(value), strict_text(wanted))
    if texts[0] == texts[1]:
        return True
    if (empty := _one_is_empty(value, wanted)) is not None:
        return empty
    moments = read_moments(value, forms.left_order), read_moments(wanted, forms.right_order)
    if not (moments[0] and moments[1]):
        return _by_text(texts, (bool(moments[0]), bool(moments[1])), UnknownReason.NOT_A_DATE)
    return equal_by_readings(*moments, texts, _same_day_or_moment)


def _same_day_or_moment(left: Moment, right: Moment) -> bool:
    """Compare two moments, or the days where one of them is no more than a day."""
    if left.is_day or right.is_day:
        return left.at.date() == right.at.date()
    return left.at == right.at


def _one_is_empty(value: Any, wanted: Any) -> bool | None:
    """Return whether two values of which one is empty are both so; None where neither is."""
    is_empty = [loose_text(one) is None for one in (value, wanted)]
    return all(is_empty) if any(is_empty) else None


def _by_text(
    texts: tuple[str | None, str | None], are_read: tuple[bool, bool], reason: UnknownReason
) -> bool | Unknown:
    """Return False for texts that cannot be the same number or date, as one without any digit: else Unknown."""
    unread = [text or "" for text, is_read in zip(texts, are_read, strict=True) if not is_read]
    if any(not any(letter.isdigit() for letter in text) for text in unread):
        return len(unread) == 2 and loose_text(texts[0]) == loose_text(texts[1])
    return loose_text(texts[0]) == loose_text(texts[1]) or Unknown(reason=reason, sample=cut(unread[0]))


def _plain_text(value: Any) -> str:
    """Return the text without case, blanks and Unicode form; every digit and sign stays."""
    text = strict_text(value) or ""
    return " ".join(unicodedata.normalize("NFC", text).split()).casefold()


def _as_set(value: Any) -> frozenset[str | None]:
    value = parse_json(value)
    if isinstance(value, str):
        value = [part for part in _PARTS.split(value) if part.strip()]
    parts = value if isinstance(value, (list, tuple, set, frozenset)) else [] if is_null(value) else [value]
    return frozenset(loose_text(part) for part in parts)


def normalise(value: Any, steps: Sequence[str]) -> str | None:
    """Return the text of a value after the steps of a rule that change text; None for no data.

    `number` and `date` are no change of a text: they say how two of them are compared (`compare_normalised`).
    """
    text = strict_text(value)
    for step in steps:
        if text is None:
            return None
        text = _STEPS.get(step, _unchanged)(text)
    return text


def compare_normalised(
    recorded: Any, expected: Any, steps: Sequence[str], forms: Forms = PLAIN
) -> DiscrepancyKind | Unknown | None:
    """Return how two values differ by the rule of a stage's `normalise`: None for equal, or `value`.

    Unknown where the rule says `number` or `date` and one of them may be one, but cannot be read.
    """
    if isinstance(recorded, Unknown) or isinstance(expected, Unknown):
        return recorded if isinstance(recorded, Unknown) else expected
    left, right = normalise(recorded, steps), normalise(expected, steps)
    if left == right:
        return None
    if not (isinstance(recorded, str) and isinstance(expected, str)) and compare_values(recorded, expected) is None:
        return None  # the same value in two storage types
    how = next((step for step in reversed(steps) if step in ("number", "date")), None)
    if how is None or left is None or right is None:
        return DiscrepancyKind.VALUE
    is_text = [isinstance(value, str) for value in (recorded, expected)]
    values = (left if is_text[0] else recorded, right if is_text[1] else expected)
    is_equal = (
        _equal_numbers(*values, forms, tolerance=0.0, scale=None) if how == "number" else _equal_dates(*values, forms)
    )
    return is_equal if isinstance(is_equal, Unknown) else None if is_equal else DiscrepancyKind.VALUE


def _unchanged(text: str) -> str:
    return text


_STEPS: dict[str, Callable[[str], str | None]] = {
    "strip": str.strip,
    "casefold": str.casefold,
    "collapse_blanks": lambda text: _BLANKS.sub(" ", text).strip(),
    "null_if_empty": lambda text: text if text.strip() else None,
    "sorted": lambda text: "\x1f".join(sorted(part.strip() for part in _PARTS.split(text))),
}


class PairComparison(Generic[T]):
    """Compares the values of two columns pair by pair, each pair once, with what the columns show of their notation."""

    def __init__(
        self, left: Iterable[Any], right: Iterable[Any], compare: Callable[[Any, Any, Forms], T | Unknown]
    ) -> None:
        """Look at no value yet.

        Args:
            left: All values of the first column.
            right: All values of the second.
            compare: Compares two values under the forms of their columns.
        """
        self._left, self._right = left, right
        self._compare: Callable[[Any, Any, Forms], T | Unknown] = compare
        self._known: dict[Any, T | Unknown] = {}

    @cached_property
    def _forms(self) -> Forms:
        return shown_forms(self._left, self._right)

    def __call__(self, left: Any, right: Any) -> T | Unknown:
        """Return what the comparison says of a pair."""
        pair = (type(left), left, type(right), right)
        try:
            found = self._known.get(pair)
        except TypeError:  # a list or an object
            return self._of_pair(left, right)
        if found is None and pair not in self._known:
            found = self._known[pair] = self._of_pair(left, right)
        return found  # type: ignore[return-value]

    def _of_pair(self, left: Any, right: Any) -> T | Unknown:
        found = self._compare(left, right, PLAIN)
        if isinstance(found, Unknown):
            return self._compare(left, right, self._forms) if found.reason is UnknownReason.AMBIGUOUS_FORM else found
        is_different = found is False or found is DiscrepancyKind.VALUE
        if (is_different and _are_one_boolean(left, right)) or _may_be_thousands(left, right):
            return self._compare(left, right, self._forms)
        return found


def _are_one_boolean(left: Any, right: Any) -> bool:
    """Return whether two values, one of them text, may be words for the same boolean."""
    if not (isinstance(left, str) or isinstance(right, str)):
        return False
    meant = boolean_of(left)
    return meant is not None and meant is boolean_of(right)


def _may_be_thousands(left: Any, right: Any) -> bool:
    """Return whether one of two values is `1.234`: a thousand or so where its column has a decimal comma."""
    texts = [value for value in (left, right) if isinstance(value, str)]
    if not any([_THOUSANDS_OR_FRACTION.match(text) for text in texts]):
        return False
    return len({text.strip() for text in texts}) == len(texts)


_THOUSANDS_OR_FRACTION = re.compile(r"\s*[+-]?[1-9]\d{0,2}\.\d{3}\s*\Z")


def equal_cells(left: pd.Series[Any], right: pd.Series[Any]) -> np.ndarray[Any, np.dtype[np.bool_]]:
    """Return for two aligned columns where they are surely equal; False means: look closer.

    Vectorised, so that only the few cells that may differ pay for `compare_values`.
    """
    dtypes = (left.dtype, right.dtype)
    are_integers = all(pd.api.types.is_integer_dtype(dtype) for dtype in dtypes)
    if not are_integers and all(pd.api.types.is_numeric_dtype(dtype) for dtype in dtypes):
        return _equal_floats(left, right)
    if left.dtype == right.dtype and left.dtype != object and not isinstance(left.dtype, pd.StringDtype):
        return _equal_of_one_type(left, right)
    if all(pd.api.types.is_datetime64_any_dtype(dtype) for dtype in dtypes):
        return _equal_of_one_type(pd.to_datetime(left, utc=True), pd.to_datetime(right, utc=True))
    a, b = left.to_numpy(dtype=object), right.to_numpy(dtype=object)
    equal = np.zeros(len(a), dtype=bool)
    kinds = [pd.api.types.infer_dtype(column, skipna=True) for column in (left, right)]
    if set(kinds) <= _NUMERIC_KINDS or (kinds[0] == kinds[1] and kinds[0] in _PLAIN_KINDS):
        with suppress(TypeError, InvalidOperation):  # pandas' NA neither equals anything nor does not
            equal = np.asarray(a == b, dtype=bool)
    suspects = np.flatnonzero(~equal)
    equal[suspects] = pd.isna(a[suspects]) & pd.isna(b[suspects])
    suspects = suspects[~equal[suspects]]
    equal[suspects] = [_surely_equal(x, y) for x, y in zip(a[suspects], b[suspects], strict=True)]
    return equal


def _equal_of_one_type(left: pd.Series[Any], right: pd.Series[Any]) -> np.ndarray[Any, np.dtype[np.bool_]]:
    both_null = left.isna().to_numpy() & right.isna().to_numpy()
    same = left.reset_index(drop=True) == right.reset_index(drop=True)
    return same.to_numpy(dtype=bool, na_value=False) | both_null


def _equal_floats(left: pd.Series[Any], right: pd.Series[Any]) -> np.ndarray[Any, np.dtype[np.bool_]]:
    a, b = left.to_numpy(dtype=float, na_value=np.nan), right.to_numpy(dtype=float, na_value=np.nan)
    equal = a == b
    suspects = np.flatnonzero(~equal)
    a, b = a[suspects], b[suspects]
    with np.errstate(over="ignore"):  # a difference too large for a float is no small one
        close = np.abs(a - b) <= FLOAT_NOISE * np.maximum(np.abs(a), np.abs(b))
    close &= np.isfinite(a) & np.isfinite(b)
    equal[suspects] = (close & ~((a == np.rint(a)) & (b == np.rint(b)))) | (np.isnan(a) & np.isnan(b))
    return np.asarray(equal)


def _surely_equal(left: Any, right: Any) -> bool:
    if type(left) is type(right) and isinstance(left, (str, int, float)) and left == right:
        return True
    return may_be_json(left) and may_be_json(right) and _same_document(left, right)


def _same_document(left: Any, right: Any) -> bool:
    """Return whether two objects or lists, or their JSON texts, are surely the same but for spacing.

    Python's == sees no difference between true and 1, the written form none between a time and its text: only what is
    the same for both is surely the same. A difference in the order of keys needs a closer look.
    """
    try:
        a = msgspec.json.decode(left) if isinstance(left, str) else left
        b = msgspec.json.decode(right) if isinstance(right, str) else right
        return bool(a == b) and msgspec.json.encode(a) == msgspec.json.encode(b)
    except (msgspec.MsgspecError, TypeError, ValueError, OverflowError, RecursionError):
        return False
