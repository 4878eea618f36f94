"""What the text of a Python object says, as `print` and logs write it: read by a grammar, nothing is run.

Literals (`{'queue': 'x'}`), objects of client libraries (`ChatCompletion(id='x', choices=[Choice(...)])`, or only their
fields, `id='x' choices=[...]`), enumerations (`<FinishReason.STOP: 'STOP'>`) and what stands around values
(`OrderedDict(...)`, `Decimal('1')`). A part that its library left out (`<... 3 more items ...>`) is an `Unknown`.
"""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass
from typing import Any

from seamwatch.core.records.unknown import Unknown
from seamwatch.vocabulary import UnknownReason

_LONGEST = 2_000_000
"""Characters; no answer's repr is longer."""
_DEEPEST = 100
"""Levels within each other; documents of providers have about ten."""
_TOKEN = re.compile(
    r"""\s*(?:
    (?P<string>[bBuU]?(?:\"{3}(?:[^\\]|\\.)*?\"{3}|'{3}(?:[^\\]|\\.)*?'{3}|'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*"))
    |(?P<number>[+-]?(?:\d[\d_]*\.?\d*|\.\d+)(?:[eE][+-]?\d+)?(?![\w.]))
    |(?P<elided><\.\.\.[^<>]*\.\.\.>|<dict\ len=\d+>|\.\.\.)
    |(?P<enum><[A-Za-z_][\w.]*:\s*(?=['"\d+-]))
    |(?P<object><[A-Za-z_][^<>]*>)
    |(?P<name>[A-Za-z_]\w*(?:\.\w+)*)
    |(?P<mark>[\[\]{}(),:=>])
    )""",
    re.VERBOSE | re.DOTALL,
)
_CONSTANTS = {"None": None, "True": True, "False": False, "null": None, "true": True, "false": False}
_NOT_FINITE = frozenset({"nan", "inf"})


def read_repr(text: str) -> Any:
    """Return the value that the text of a Python object says, objects as dicts of their fields.

    Raises:
        ValueError: If it is no such text, or is longer or deeper than any answer.
    """
    if len(text) > _LONGEST:
        msg = "longer than any answer"
        raise ValueError(msg)
    tokens = _Tokens.of(text)
    if tokens.kind == "name" and tokens.mark_after() == "=":
        return tokens.fields()
    value = tokens.value(depth=0)
    tokens.expect("")
    return value


@dataclass
class _Tokens:
    """The text in parts, and how far it was read."""

    parts: list[tuple[str, str]]
    """Kind and text; the last one is empty."""
    at: int = 0

    @classmethod
    def of(cls, text: str) -> _Tokens:
        parts: list[tuple[str, str]] = []
        at, end = 0, len(text.rstrip())
        while at < end:
            match = _TOKEN.match(text, at)
            if match is None or match.lastgroup is None:
                msg = "no text of a Python object"
                raise ValueError(msg)
            parts.append((match.lastgroup, match[match.lastgroup]))
            at = match.end()
        return cls([*parts, ("end", "")])

    @property
    def kind(self) -> str:
        return self.parts[self.at][0]

    def mark_after(self) -> str:
        """Return the text of the part that follows the next one."""
        return self.parts[min(self.at + 1, len(self.parts) - 1)][1]

    def take(self) -> tuple[str, str]:
        part = self.parts[self.at]
        self.at += part[0] != "end"
        return part

    def expect(self, mark: str) -> None:
        if self.take()[1] != mark:
            msg = f"expected {mark or 'the end'!r}"
            raise ValueError(msg)

    def comes(self, mark: str) -> bool:
        """Return whether the next part is this mark, and pass it."""
        kind, text = self.parts[self.at]
        is_it = kind == "mark" and text == mark
        self.at += is_it
        return is_it

    def value(self, *, depth: int) -> Any:
        if depth > _DEEPEST:
            msg = "deeper than any answer"
            raise ValueError(msg)
        kind, text = self.take()
        if kind == "string":
            return self._string(text)
        if kind == "number":
            return ast.literal_eval(text)
        if kind == "elided":
            return Unknown(reason=UnknownReason.UNREADABLE_BODY, sample=text)
        if kind == "enum":
            value = self.value(depth=depth + 1)
            self.expect(">")
            return value
        if kind == "name":
            return self._named(text, depth)
        if kind == "mark" and text in _READERS:
            return _READERS[text](self, depth + 1)
        if kind == "object":
            return None
        msg = "no text of a Python object"
        raise ValueError(msg)

    def _string(self, text: str) -> str:
        """Return the string, with those that stand right after it: long ones are written in pieces."""
        pieces: list[Any] = [_unquoted(text)]
        while self.kind == "string":
            pieces.append(_unquoted(self.take()[1]))
        return "".join(pieces)

    def _named(self, name: str, depth: int) -> Any:
        if name in _CONSTANTS:
            return _CONSTANTS[name]
        if name in _NOT_FINITE:
            return float(name)
        if not self.comes("("):
            if "." not in name:
                msg = "a bare word is no value"
                raise ValueError(msg)
            return name.rpartition(".")[2]  # a member of an enumeration: FinishReason.STOP
        items, fields = self._arguments(depth + 1)
        if not items:
            return fields
        # What stands around a value, as Decimal('1') or OrderedDict([('a', 1)]); a default factory comes first.
        last = items[-1]
        if len(items) > 1 and items[0] is not None:  # datetime(2026, 1, 2): its parts alone say nothing
            return Unknown(reason=UnknownReason.UNREADABLE_BODY, sample=f"{name}(...)")
        is_pairs = name.endswith("Dict") and isinstance(last, list) and all(_is_pair(one) for one in last)
        return {str(key): value for key, value in last} if is_pairs else last

    def _arguments(self, depth: int) -> tuple[list[Any], dict[str, Any]]:
        items: list[Any] = []
        fields: dict[str, Any] = {}
        while not self.comes(")"):
            if self.kind == "name" and self.mark_after() == "=":
                name = self.take()[1]
                self.expect("=")
                fields[name] = self.value(depth=depth)
            else:
                items.append(self.value(depth=depth))
            if not self.comes(","):
                self.expect(")")
                break
        return items, fields

    def fields(self) -> dict[str, Any]:
        """Return `name=value` pairs to the end, separated by blanks, as pydantic prints an object without its name."""
        found: dict[str, Any] = {}
        while self.kind == "name":
            name = self.take()[1]
            self.expect("=")
            found[name] = self.value(depth=0)
        self.expect("")
        return found

    def items(self, end: str, depth: int) -> list[Any]:
        found: list[Any] = []
        while not self.comes(end):
            found.append(self.value(depth=depth))
            if not self.comes(","):
                self.expect(end)
                break
        return found

    def braces(self, depth: int) -> Any:
        """Return a dict, or a set as a list."""
        found: dict[str, Any] = {}
        members: list[Any] = []
        while not self.comes("}"):
            key = self.value(depth=depth)
            if self.comes(":"):
                found[key if isinstance(key, str) else str(key)] = self.value(depth=depth)
            else:
                members.append(key)
            if not self.comes(","):
                self.expect("}")
                break
        if members and found:
            msg = "neither a dict nor a set"
            raise ValueError(msg)
        # A dict of which all was left out is no empty one.
        return (members[0] if isinstance(members[0], Unknown) else members) if members else found

    def parentheses(self, depth: int) -> Any:
        start = self.at
        items = self.items(")", depth)
        is_tuple = len(items) != 1 or self.parts[self.at - 2][1] == ","
        return items if is_tuple and self.at > start else items[0]


_READERS = {
    "[": lambda tokens, depth: tokens.items("]", depth),
    "{": lambda tokens, depth: tokens.braces(depth),
    "(": lambda tokens, depth: tokens.parentheses(depth),
}


def _is_pair(value: Any) -> bool:
    return isinstance(value, list) and len(value) == 2


def _unquoted(text: str) -> str:
    """Return what a string literal says; bytes as their text."""
    body = text[1:] if text[0] in "uUbB" else text
    quote = body[:3] if body[:3] in ('"""', "'''") else body[:1]
    inner = body[len(quote) : -len(quote)]
    if "\\" not in inner and text[0] not in "bB":
        return inner
    # Printers of long texts leave line ends as they are, which a literal in single quotes may not hold.
    literal = text.replace("\r", "\\r").replace("\n", "\\n") if len(quote) == 1 else text
    value = ast.literal_eval(literal)
    return value.decode("utf-8", errors="replace") if isinstance(value, bytes) else str(value)
