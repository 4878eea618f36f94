"""Objects and lists, given as they are or as JSON text: read, written in one form, and walked by path."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal
from typing import Any

import msgspec
import pandas as pd

from seamwatch.core.records.json_text import read_json
from seamwatch.core.records.response_text import open_document
from seamwatch.core.records.unknown import Unknown
from seamwatch.core.records.values import PLAIN_TYPES, canonical_json, cut, is_null, plain_json, strict_text
from seamwatch.errors import DataContractError
from seamwatch.vocabulary import UnknownReason

EVERY = "*"
"""Step of a path that takes every item of a list."""
_NO_DATA = frozenset({"", "null", "None"})
"""Texts of a column that holds documents which say that there is none."""


class _Missing:
    """What a path leads to that a document does not hold."""


_MISSING = _Missing()


def document_text(value: Any) -> str | None:
    """Return one text for all spellings of an object or list, given as it is or as JSON; None for anything else.

    It tells apart what `canonical_json` does, but for infinity and null, and is made faster from text.
    """
    try:
        document = _WHOLE_FLOATS.decode(value) if isinstance(value, str) else plain_json(value)
    except (ValueError, RecursionError):
        document = plain_json(parse_json(value))
    if not isinstance(document, (dict, list)):
        return None
    try:
        return msgspec.json.encode(document, order="sorted").decode()
    except (TypeError, ValueError, OverflowError):  # half of a surrogate pair; an integer of more than 64 bits
        return canonical_json(document)


def value_text(value: Any) -> str | None:
    """Return one text for all spellings of a value; None for no value, and for one that cannot be read."""
    if isinstance(value, Unknown):
        return None
    found = document_text(value) if may_be_json(value) else None
    return strict_text(value) if found is None else found


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


def may_be_json(value: Any) -> bool:
    """Return whether the value is an object or list, or text that begins like one's JSON."""
    if isinstance(value, str):
        return value.lstrip()[:1] in ("{", "[")
    return type(value) not in PLAIN_TYPES and isinstance(value, (list, tuple, Mapping))


def parse_json(value: Any) -> Any:
    """Return the object or list that the value is, or holds as JSON text; the value itself if it holds none."""
    if isinstance(value, str) and may_be_json(value):
        try:
            return read_json(value)
        except (ValueError, RecursionError):
            return value
    return value


def leaves(value: Any) -> list[tuple[str, Any]]:
    """Return `(dotted path, scalar)` of every leaf of an object or list; an empty one is a leaf itself."""
    found: list[tuple[str, Any]] = []
    _add_leaves(found, value, "")
    return found


def _add_leaves(found: list[tuple[str, Any]], value: Any, path: str) -> None:
    parts: Iterable[tuple[Any, Any]] = ()
    if type(value) is dict or isinstance(value, Mapping):
        parts = value.items()
    elif isinstance(value, (list, tuple)):
        parts = enumerate(value)
    if not (parts and value):
        found.append((path, value))
        return
    for name, part in parts:
        inner = f"{path}.{name}" if path else str(name)
        if type(part) in PLAIN_TYPES:
            found.append((inner, part))
        else:
            _add_leaves(found, part, inner)


def texts_in(value: Any, *, shortest: int = 1) -> Iterator[tuple[str, str]]:
    """Yield `(dotted path, text)` of every text of at least `shortest` characters in a value; path "" is the value.

    JSON that is nested on purpose until it cannot be walked is one text, as it stands.
    """
    if isinstance(value, (bytes, bytearray, memoryview)):
        value = strict_text(value)
    try:
        found = list(leaves(parse_json(value)))
    except RecursionError:
        found = [("", strict_text(value))]
    for path, leaf in found:
        if isinstance(leaf, str) and len(leaf) >= shortest:
            yield path, leaf


def read_path(value: Any, path: str) -> Any | Unknown:
    """Return what stands at a dotted path, opening JSON text on the way; Unknown where the path cannot be followed.

    A key may have dots itself: of `app.decision.queue` the longest beginning that is a key is taken. A step may be the
    number of an item of a list, or `*` for every item, which gives a list. A path into null is null.
    """
    found = _follow(value, path.split(".")) if path else value
    return unreadable(value) if isinstance(found, _Missing) else found


def unreadable(value: Any) -> Unknown:
    """Return what stands for a path that a document does not hold."""
    return Unknown(reason=UnknownReason.UNREADABLE_PATH, sample=cut(strict_text(value)))


def at_path(value: Any, path: str) -> Any:
    """Return what stands at a dotted path as `read_path` does, None where there is nothing: for what may be left out.

    A body may say how many tokens it took or not; a field that is compared is read by `read_path` or `pick`.
    """
    found = read_path(value, path)
    return None if isinstance(found, Unknown) else found


def _follow(value: Any, steps: list[str]) -> Any | Unknown | _Missing:
    while steps:
        if type(value) is dict and steps[0] in value and len(steps) == 1:  # as most paths end
            return value[steps[0]]
        value = parse_json(value)
        if isinstance(value, (str, bytes, bytearray, memoryview)):  # within a code fence, or JSON in JSON
            opened = open_document(value)
            value = value if isinstance(opened, Unknown) else opened
        if isinstance(value, Mapping):
            return _follow_keys(value, steps)
        if isinstance(value, Unknown):
            return value
        if is_null(value) or (isinstance(value, str) and value.strip() in _NO_DATA):
            return None
        if not isinstance(value, (list, tuple)):
            return unreadable(value)
        if steps[0] == EVERY:
            parts = [_follow(part, steps[1:]) for part in value]
            return [None if isinstance(part, _Missing) else part for part in parts]
        if not steps[0].isdecimal() or int(steps[0]) >= len(value):
            return _MISSING
        value, steps = value[int(steps[0])], steps[1:]
    return value


def _follow_keys(value: Mapping[str, Any], steps: list[str]) -> Any | Unknown | _Missing:
    for length in range(len(steps), 0, -1):
        key = ".".join(steps[:length])
        if key in value:
            found = _follow(value[key], steps[length:])
            if not isinstance(found, _Missing):
                return found
    return _MISSING


def pick(frame: pd.DataFrame, name: str, held: set[str] | None = None) -> pd.Series[Any]:
    """Return a field: a column, or the rest of a dotted path inside a column that holds JSON.

    Args:
        frame: Columns by name; one may have dots in its name, the longest that begins the path is taken.
        name: Of the field.
        held: Paths that some document is known to hold, of the same frame or a larger one; those seen are added.

    Returns:
        A key that some documents hold is null where others lack it. A path that none holds, or a text that is no
        document, is Unknown.

    Raises:
        DataContractError: If no column begins the path.
    """
    column, path = split_field(name, frame.columns)
    if not path:
        return frame[column]
    values = [_follow(value, path.split(".")) for value in frame[column].to_numpy(dtype=object)]
    held = set() if held is None else held
    if name not in held and any(not (value is None or isinstance(value, (_Missing, Unknown))) for value in values):
        held.add(name)
    made: list[Any] = [
        value if not isinstance(value, _Missing) else None if name in held else unreadable(document)
        for value, document in zip(values, frame[column].to_numpy(dtype=object), strict=True)
    ]
    return pd.Series(made, index=frame.index, dtype=object)


def split_field(name: str, columns: Iterable[Any]) -> tuple[str, str]:
    """Return the column of a field and the path inside it, empty for the column itself.

    Raises:
        DataContractError: If no column begins the path.
    """
    column = column_of(name, columns)
    if column is None:
        msg = f"no input field {name!r}; known: {', '.join(map(str, columns))}"
        raise DataContractError(msg)
    return column, name[len(column) + 1 :]


def column_of(name: str, columns: Iterable[Any]) -> str | None:
    """Return the column that holds a field: that of its name, else the longest that begins its path; None for none."""
    known = set(columns)
    parts = name.split(".")
    candidates = (".".join(parts[:length]) for length in range(len(parts), 0, -1))
    return next((column for column in candidates if column in known), None)


def _json_number(text: str) -> int | float:
    number = float(text)
    if not number.is_integer():
        return number
    return int(number) if abs(number) < 2**53 else int(Decimal(text))


_WHOLE_FLOATS = msgspec.json.Decoder(float_hook=_json_number)
"""Reads 1.0 as 1, as databases that know but one kind of number give it back."""
