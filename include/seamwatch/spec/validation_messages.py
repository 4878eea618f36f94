"""What pydantic finds wrong in a file, as sentences that say what would be right."""

from __future__ import annotations

import difflib
import re
from collections.abc import Hashable, Iterator, Mapping
from functools import cache
from typing import Any

from pydantic import BaseModel
from pydantic_core import ErrorDetails

from seamwatch.spec.yaml_text import Loc, WrittenNumber

_MOST_CHARS = 80
"""Of a value that is shown."""
_MOST_KNOWN = 12
"""Keys that are listed for a key that is not known."""
_WANTED = {
    "string_type": "must be text",
    "tuple_type": "must be a list, as [first, second]",
    "list_type": "must be a list, as [first, second]",
    "dict_type": "must be a mapping of names to values",
    "model_type": "must be a mapping of names to values",
    "float_parsing": "must be a number",
    "float_type": "must be a number",
    "int_parsing": "must be a whole number",
    "int_type": "must be a whole number",
    "bool_parsing": "must be true or false",
    "bool_type": "must be true or false",
    "enum": "is none of the words that may stand here",
    "literal_error": "is none of the words that may stand here",
}
"""By pydantic's type of error, what is wanted in words for people who do not know Python."""
_QUOTED = re.compile(r"'([^']+)'")
_NUMBER = re.compile(r"-?\d[\d,_]*(?:\.\d+)?|-?\.\d+")
_OWN_MESSAGES = frozenset({"value_error", "seamwatch_graph"})


def problems_of(errors: list[ErrorDetails], kind: type[BaseModel]) -> Iterator[tuple[Loc, str]]:
    """Yield place and sentence of each error; a value that fits none of several types is one error.

    Args:
        errors: Of pydantic, for a document of that kind.
        kind: The type of the whole document, whose keys are named where one is unknown.
    """
    seen: set[Loc] = set()
    for error in errors:
        loc = error["loc"]
        if error["type"] == "extra_forbidden":
            yield loc, f"unknown key {str(loc[-1])!r}; {_known_keys(kind, loc)}"
        elif error["type"] == "missing":
            yield loc, f"{str(loc[-1])!r} is missing"
        elif loc not in seen:
            yield loc, _sentence(error)
        seen.add(loc)


def _sentence(error: ErrorDetails) -> str:
    message = str(error["msg"]).removeprefix("Value error, ")
    if error["type"] in _OWN_MESSAGES:
        return _with_got(message, error)
    got = error.get("input")
    wanted = _WANTED.get(error["type"])
    return _with_got(message, error) if wanted is None else f"{wanted}; got {_shown(got)}{_advice(error, got)}"


def _advice(error: ErrorDetails, got: object) -> str:
    """Return what the person may have meant."""
    kind = error["type"]
    if kind == "string_type":
        quote = "; quote it if it is text" if isinstance(got, bool) else ""
        return "; text that begins with # must be quoted" if got is None else quote
    if kind in ("enum", "literal_error"):
        known = _QUOTED.findall(str(error.get("ctx", {}).get("expected", "")))
        near = difflib.get_close_matches(str(got).lower()[:_MOST_CHARS], known, n=1)
        return f"{f'; did you mean {near[0]!r}?' if near else ';'} known: {', '.join(map(repr, known))}"
    if isinstance(got, str) and (number := _NUMBER.search(got)) and len(got) <= _MOST_CHARS:
        plain = number[0].replace(",", "").replace("_", "")
        if got.rstrip().endswith("%"):
            return f"; write {float(plain) / 100:g}"
        return f"; write {plain}"
    return ""


def _with_got(message: str, error: ErrorDetails) -> str:
    got = error.get("input")
    is_plain = isinstance(got, str | int | float | bool) or got is None
    return f"{message}; got {_shown(got)}" if is_plain and _shown(got) not in message else message


def _shown(value: object) -> str:
    """Return a value as a person wrote it, cut where it is long."""
    if isinstance(value, bool):
        return str(value).lower()
    if value is None:
        return "nothing"
    if isinstance(value, Mapping):
        return "a mapping"
    if isinstance(value, list | tuple):
        return "a list"
    text = str(value)
    cut = text if len(text) <= _MOST_CHARS else f"{text[:_MOST_CHARS]}..."
    return repr(cut) if isinstance(value, str) and not isinstance(value, WrittenNumber) else cut


def _known_keys(kind: type[BaseModel], loc: Loc) -> str:
    known = sorted(_keys_at(kind, loc[:-1]))
    near = difflib.get_close_matches(str(loc[-1])[:_MOST_CHARS], known, n=1)
    advice = f"did you mean {near[0]!r}?" if near else "remove it or correct its name;"
    if not known or len(known) > _MOST_KNOWN:
        return advice.rstrip(";")
    return f"{advice} known: {', '.join(known)}"


@cache
def _schema(kind: type[BaseModel]) -> dict[str, Any]:
    return kind.model_json_schema(by_alias=True, mode="validation")


def _keys_at(kind: type[BaseModel], loc: Loc) -> set[str]:
    """Return the keys that may stand at a place, over all types that may stand there."""
    root = _schema(kind)
    parts = list(_resolved(root, root))
    for step in loc:
        below = [one for part in parts for one in _below(part, step, root)]
        # Where types are told apart by a key, pydantic puts its value into the place; no schema has a part for it.
        parts = below or [part for part in parts if _is_of_kind(part, step)] or parts
    return {key for part in parts for key in part.get("properties", {})}


def _below(part: Mapping[str, Any], step: Hashable, root: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    if isinstance(step, int):
        found = part.get("items", {})
    else:
        found = part.get("properties", {}).get(step) or part.get("additionalProperties") or {}
    return list(_resolved(found, root)) if isinstance(found, Mapping) and found else []


def _is_of_kind(part: Mapping[str, Any], value: Hashable) -> bool:
    return any(one.get("const") == value for one in part.get("properties", {}).values())


def _resolved(part: Mapping[str, Any], root: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """Yield the schemas that a schema stands for: its reference, or each of its alternatives."""
    if "$ref" in part:
        yield from _resolved(root["$defs"][part["$ref"].rpartition("/")[2]], root)
        return
    for union in ("anyOf", "oneOf"):
        for one in part.get(union, ()):
            yield from _resolved(one, root)
    yield part
