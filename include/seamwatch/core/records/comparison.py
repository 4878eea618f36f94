"""When two values are the same: strictly, in another dress, or by the rule a person gave."""

from __future__ import annotations

import json
import math
import re
import unicodedata
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import msgspec
import numpy as np
import pandas as pd

from seamwatch.errors import DataContractError

_WHOLE = re.compile(r"^[+-]?\d+$")
_NUMBER = re.compile(r"^[+-]?(\d+([.,]\d*)?|[.,]\d+)([eE][+-]?\d+)?$")
_BLANKS = re.compile(r"\s+")
_RELATIVE_TOLERANCE = 1e-9
"""Two floats that differ by less came from the same number by another way of arithmetic; never two whole numbers."""
_SIGNIFICANT_DIGITS = 12
_CANONICAL = json.JSONEncoder(sort_keys=True, ensure_ascii=False, separators=(",", ":"))
_PLAIN_TYPES = frozenset({str, int, bool, type(None)})
"""Of these JSON says the same whatever database they came from."""
_PLAIN_KINDS = frozenset({"string", "integer", "floating", "boolean"})
"""What pandas calls columns of Python values of which == says whether their texts are equal."""


def is_null(value: Any) -> bool:
    """Return whether the value is no data: None, NaN, NaT or pandas' NA."""
    if type(value) in _PLAIN_TYPES or value is pd.NA or value is pd.NaT:
        return value is None or value is pd.NA or value is pd.NaT
    if isinstance(value, Decimal):
        return value.is_nan()
    return isinstance(value, float | np.floating) and math.isnan(value)


def strict_text(value: Any) -> str | None:
    """Return the value as text so that equal values of different storage types have equal texts; None for no data.

    A database may give 5, 5.0 or Decimal("5") for the same cell, 1 for true, and text for JSON. Numbers lose their
    type, times become ISO 8601 in UTC, objects and lists become JSON with sorted keys. Text stays as it is.
    """
    if isinstance(value, str):
        return value
    if is_null(value):
        return None
    if isinstance(value, bool | np.bool_):
        return "true" if value else "false"
    if isinstance(value, int | np.integer):
        return str(int(value))
    if isinstance(value, float | Decimal | np.floating):
        return _number_text(value)
    if isinstance(value, datetime):
        return (value if value.tzinfo else value.replace(tzinfo=UTC)).astimezone(UTC).isoformat()
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, Mapping | list | tuple | np.ndarray):
        return canonical_json(value)
    if isinstance(value, bytes):
        return value.decode("utf-8", errors="replace")
    return str(value)


def loose_text(value: Any) -> str | None:
    """Return the text without what is harmless: case, blanks, Unicode form, a number's formatting, empty for null."""
    text = strict_text(value)
    if text is None:
        return None
    if not text.isascii():
        text = unicodedata.normalize("NFC", text)
    text = " ".join(text.split()).casefold()
    if not text:
        return None
    if not (text[0] in "+-.," or text[0].isdecimal()):  # spares most texts the search for a number
        return text
    if _WHOLE.match(text):  # digit by digit: an account number has more of them than a float keeps
        digits = text.lstrip("+-").lstrip("0") or "0"
        return f"-{digits}" if text.startswith("-") and digits != "0" else digits
    number = as_number(text)
    return text if number is None else _number_text(number)


def as_number(value: Any) -> float | None:
    """Return the value as a float, from a number or a text that is nothing but a number; else None."""
    if isinstance(value, bool | np.bool_) or is_null(value):
        return None
    if isinstance(value, int | float | Decimal | np.integer | np.floating):
        return float(value)
    if isinstance(value, str) and _NUMBER.match(text := value.strip()):
        return float(text.replace(",", "."))
    return None


def canonical_json(value: Any) -> str:
    """Return JSON text that does not depend on the order of keys or on the storage type of numbers."""
    return _CANONICAL.encode(_plain(value))


def document_text(value: Any) -> str | None:
    """Return one text for all spellings of an object or list, given as it is or as JSON; None for anything else.

    It tells apart what `canonical_json` does, but for infinity and null, and is made faster from text.
    """
    try:
        document = _WHOLE_FLOATS.decode(value) if isinstance(value, str) else _plain(value)
    except (ValueError, RecursionError):
        document = _plain(parse_json(value))
    if not isinstance(document, dict | list):
        return None
    try:
        return msgspec.json.encode(document, order="sorted").decode()
    except (TypeError, ValueError):  # half of a surrogate pair
        return canonical_json(document)


def spellings(text: str) -> set[str]:
    """Return the text, and where it is JSON how programs mostly write that: close or spaced, in ASCII or not."""
    try:
        close = msgspec.json.format(text, indent=-1)
        texts = {text, close, msgspec.json.format(text, indent=0)}
        if not text.isascii() or "\\u" in text:
            document = read_json(text)
            texts |= {
                json.dumps(document, ensure_ascii=is_ascii, separators=separators)
                for is_ascii in (True, False)
                for separators in (None, (",", ":"))
            }
    except (ValueError, RecursionError):
        return {text}
    return texts


def read_json(text: str) -> Any:
    """Return what `json.loads` does, in a quarter of the time where the text is plain JSON.

    Raises:
        ValueError: If it is no JSON.
        RecursionError: If it is nested too deeply.
    """
    try:
        return msgspec.json.decode(text)
    except (ValueError, RecursionError):  # NaN, Infinity, half of a surrogate pair, or no JSON at all
        return json.loads(text)


def may_be_json(value: Any) -> bool:
    """Return whether the value is an object or list, or text that begins like one's JSON."""
    if isinstance(value, str):
        return value.lstrip()[:1] in ("{", "[")
    return type(value) not in _PLAIN_TYPES and isinstance(value, (list, tuple, Mapping))


def parse_json(value: Any) -> Any:
    """Return the object or list that the value is, or holds as JSON text; the value itself if it holds none."""
    if isinstance(value, str) and may_be_json(value):
        try:
            return read_json(value)
        except ValueError:
            return value
    return value


def leaves(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Yield `(dotted path, scalar)` of every leaf of an object or list; an empty one is a leaf itself."""
    if isinstance(value, Mapping) and value:
        for name, part in value.items():
            inner = f"{path}.{name}" if path else str(name)
            if type(part) in _PLAIN_TYPES:
                yield inner, part
            else:
                yield from leaves(part, inner)
    elif isinstance(value, list | tuple) and value:
        for number, part in enumerate(value):
            yield from leaves(part, f"{path}.{number}" if path else str(number))
    else:
        yield path, value


def at_path(value: Any, path: str) -> Any:
    """Return what stands at a dotted path, opening JSON text on the way; None if there is nothing."""
    for step in path.split(".") if path else ():
        if type(value) is dict:  # spares the look at what else it could be
            value = value.get(step)
            continue
        value = parse_json(value)
        if isinstance(value, Mapping):
            value = value.get(step)
        elif isinstance(value, list | tuple) and step.isdigit() and int(step) < len(value):
            value = value[int(step)]
        else:
            return None
    return value


def normalise(value: Any, steps: Sequence[str]) -> str | None:
    """Return the text that two values share when they are equal by the rule; None for no data."""
    text = strict_text(value)
    for step in steps:
        if text is None:
            return None
        text = _STEPS[step](text)
    return text


def values_equal(value: Any, wanted: Any, *, how: str, tolerance: float = 0.0) -> bool:
    """Return whether a final field equals its truth.

    Args:
        value: What the pipeline gave.
        wanted: What the truth says.
        how: `auto` (numbers as numbers, text without case and blanks), `exact`, `text`, `number` or `set`.
        tolerance: Largest absolute difference for `number`, beside the relative one of float arithmetic.

    Raises:
        DataContractError: If `how` is unknown.
    """
    if how == "exact":
        return strict_text(value) == strict_text(wanted)
    if how in ("auto", "text"):
        return loose_text(value) == loose_text(wanted)
    if how == "number":
        a, b = as_number(value), as_number(wanted)
        if a is None or b is None:
            return a is None and b is None
        relative = 0.0 if a.is_integer() and b.is_integer() else _RELATIVE_TOLERANCE
        return math.isclose(a, b, rel_tol=relative, abs_tol=tolerance)
    if how == "set":
        return _as_set(value) == _as_set(wanted)
    msg = f"unknown comparison {how!r}; known: auto, exact, text, number, set"
    raise DataContractError(msg)


def equal_cells(left: pd.Series[Any], right: pd.Series[Any]) -> np.ndarray[Any, np.dtype[np.bool_]]:
    """Return for two aligned columns where they are surely equal; False means: look closer.

    Vectorised, so that only the few cells that may differ pay for `strict_text`.
    """
    dtypes = (left.dtype, right.dtype)
    are_integers = all(pd.api.types.is_integer_dtype(dtype) for dtype in dtypes)
    if not are_integers and all(pd.api.types.is_numeric_dtype(dtype) for dtype in dtypes):
        return _equal_numbers(left, right)
    if left.dtype == right.dtype and left.dtype != object and not isinstance(left.dtype, pd.StringDtype):
        both_null = left.isna().to_numpy() & right.isna().to_numpy()
        same = left.reset_index(drop=True) == right.reset_index(drop=True)
        return same.to_numpy(dtype=bool, na_value=False) | both_null
    a, b = left.to_numpy(dtype=object), right.to_numpy(dtype=object)
    equal = np.zeros(len(a), dtype=bool)
    kind = pd.api.types.infer_dtype(left, skipna=True)
    if kind in _PLAIN_KINDS and kind == pd.api.types.infer_dtype(right, skipna=True):
        with suppress(TypeError):  # pandas' NA neither equals anything nor does not
            equal = np.asarray(a == b, dtype=bool)
    suspects = np.flatnonzero(~equal)
    equal[suspects] = pd.isna(a[suspects]) & pd.isna(b[suspects])
    suspects = suspects[~equal[suspects]]
    equal[suspects] = [_surely_equal(x, y) for x, y in zip(a[suspects], b[suspects], strict=True)]
    return equal


def _equal_numbers(left: pd.Series[Any], right: pd.Series[Any]) -> np.ndarray[Any, np.dtype[np.bool_]]:
    a, b = left.to_numpy(dtype=float, na_value=np.nan), right.to_numpy(dtype=float, na_value=np.nan)
    equal = a == b
    suspects = np.flatnonzero(~equal)
    a, b = a[suspects], b[suspects]
    close = np.isclose(a, b, rtol=_RELATIVE_TOLERANCE, atol=0.0, equal_nan=True)
    equal[suspects] = close & ~((a == np.rint(a)) & (b == np.rint(b)))
    return np.asarray(equal)


def _surely_equal(left: Any, right: Any) -> bool:
    if type(left) is type(right) and isinstance(left, str | int | float) and left == right:
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


def _json_number(text: str) -> int | float:
    number = float(text)
    return int(number) if number.is_integer() else number


_WHOLE_FLOATS = msgspec.json.Decoder(float_hook=_json_number)
"""Reads 1.0 as 1, as databases that know but one kind of number give it back."""


def _number_text(value: float | Decimal | np.floating[Any]) -> str:
    """Return the number without the noise of arithmetic, but with every digit before the point."""
    if not math.isfinite(value):
        return str(float(value))
    if abs(value) >= 10 ** (_SIGNIFICANT_DIGITS - 1):
        return str(round(value))
    return format(float(value) + 0.0, f".{_SIGNIFICANT_DIGITS}g")  # + 0.0 turns -0.0 into 0.0


def _plain(value: Any) -> Any:
    if type(value) in _PLAIN_TYPES:
        return value
    if type(value) is dict or isinstance(value, Mapping):
        return {str(name): _plain(part) for name, part in value.items()}
    if isinstance(value, list | tuple | np.ndarray):
        return [_plain(part) for part in value]
    if isinstance(value, bool | np.bool_):
        return bool(value)
    if isinstance(value, float | np.floating | Decimal | np.integer):
        number = float(value)
        return None if math.isnan(number) else int(number) if number.is_integer() else number
    return value if isinstance(value, str | int) or value is None else strict_text(value)


def _as_set(value: Any) -> frozenset[str | None]:
    value = parse_json(value)
    if isinstance(value, str):
        value = [part for part in re.split(r"[;,|]", value) if part.strip()]
    parts = value if isinstance(value, list | tuple | set | frozenset) else [] if is_null(value) else [value]
    return frozenset(loose_text(part) for part in parts)


def _as_date(text: str) -> str:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return text
    if len(text) <= len("2026-01-01"):
        return moment.date().isoformat()
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC).isoformat()


def _as_plain_number(text: str) -> str:
    number = as_number(text)
    return text if number is None else _number_text(number)


_STEPS: dict[str, Callable[[str], str | None]] = {
    "exact": lambda text: text,
    "strip": str.strip,
    "casefold": str.casefold,
    "collapse_blanks": lambda text: _BLANKS.sub(" ", text).strip(),
    "number": _as_plain_number,
    "date": _as_date,
    "null_if_empty": lambda text: text if text.strip() else None,
    "sorted": lambda text: "\x1f".join(sorted(part.strip() for part in re.split(r"[;,|]", text))),
}
