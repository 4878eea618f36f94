"""The object or list that a value is or holds, however often it was wrapped on its way into a column.

JSON within JSON, the text of a Python object, bytes in any storage type, a code fence: each is opened, until nothing
is left to open. Every step gives something shorter, so it ends.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from seamwatch.core.records.json_text import read_json
from seamwatch.core.records.python_repr import read_repr
from seamwatch.core.records.unknown import Unknown
from seamwatch.core.records.values import is_null
from seamwatch.vocabulary import UnknownReason

SAMPLE = 80
"""Characters of an unreadable value that are shown."""
_BLANKS = " \t\r\n\f\v\ufeff\x00"
_HEX = re.compile(r"\\x(?:[0-9a-fA-F]{2})+")
"""How PostgreSQL writes bytes as text."""
_FENCE = re.compile(r"^[ \t]*(`{3,}|~{3,})[^\r\n`]*\r?\n(.*?)(?:^[ \t]*\1[ \t]*$|\Z)", re.DOTALL | re.MULTILINE)
_MARKS = ("```", "~~~")
_LANGUAGE = re.compile(r"[\w+-]*\s")
_OBJECT = re.compile(r"[A-Za-z_][\w.]*[(=]")
"""How the text of an object of a client library begins: its name, or that of its first field."""


def open_document(value: Any) -> Any | Unknown:
    """Return the object or list that a value is, or holds as text or bytes; None for no data.

    Args:
        value: As it came from a column, or stands within another document.

    Returns:
        A mapping or list; None for null, blank text and the text `null`; else an `Unknown` with the beginning of what
        stood there. An `Unknown` stays itself.
    """
    if isinstance(value, Mapping | list | tuple | Unknown):
        return value
    if is_null(value):
        return None
    text = as_text(value)
    document = open_text(text) if text is not None else None
    if isinstance(document, Mapping | list):
        return document
    if text is not None and text.strip(_BLANKS) in ("", "null", "None"):
        return None
    return unreadable(value if text is None else text)


def unreadable(value: Any) -> Unknown:
    """Return what stands in the place of a body or document that fits no known form."""
    return Unknown(reason=UnknownReason.UNREADABLE_BODY, sample=str(value)[:SAMPLE])


def as_text(value: Any) -> str | None:
    """Return text or bytes, in whatever type a database gives them, as text; None for anything else."""
    if isinstance(value, str):
        return value
    if isinstance(value, memoryview):
        value = value.tobytes()
    if not isinstance(value, bytes | bytearray):
        return None
    encoding = "utf-16" if value[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"
    return value.decode(encoding, errors="replace")


def open_text(text: str, *, in_prose: bool = True) -> Any:
    """Return the object or list that a text holds, else the innermost text that could be opened.

    Args:
        text: As it stands.
        in_prose: Whether to open a code fence that has other text around it too.
    """
    while True:
        opened = _open_once(text, in_prose)
        if not isinstance(opened, str):
            return text if opened is None else opened
        text = opened


def own_text(text: str, *, has_document: bool = True) -> str:
    """Return an answer's text without what its storage put around it: bytes as text, and quotes around JSON.

    A code fence is the model's own and stays; quotes around a bare word may be, and stay as well.
    """
    while True:
        inner = unquote(text) if has_document else unhex(text)
        if inner is None:
            return text
        text = inner


def unhex(text: str) -> str | None:
    """Return what PostgreSQL wrote as bytes in hexadecimal digits; None if the text is something else."""
    text = text.strip(_BLANKS)
    return as_text(bytes.fromhex(text[2:])) if text[:2] == "\\x" and _HEX.fullmatch(text) else None


def unquote(text: str) -> str | None:
    """Return what a string of JSON or Python, or bytes as text, hold; None if the text is none of them."""
    text = text.strip(_BLANKS)
    if text[:1] == '"':
        try:
            inner = read_json(text)
        except (ValueError, RecursionError):
            inner = None
        if isinstance(inner, str):
            return inner
    if text[:1] in ("'", '"') or text[:2] in ("b'", 'b"'):
        inner = _printed(text)
        return inner if isinstance(inner, str) else None
    return unhex(text)


def _open_once(text: str, in_prose: bool) -> Any:
    """Return what one wrapping holds: an object, a list, or a shorter text; None if there is none."""
    text = text.strip(_BLANKS)
    if text[:1] in ("{", "["):
        try:
            return _not_scalar(read_json(text))
        except (ValueError, RecursionError):
            pass
    inner = _unescape(text)
    if inner is None:
        inner = unquote(text)
    if inner is not None:
        return inner
    if text[:1] in ("{", "[", "(") or _OBJECT.match(text):
        printed = _printed(text)
        if printed is not None:
            return printed
    is_whole = text[:3] in _MARKS
    return _fenced(text) if in_prose or is_whole else None


def _printed(text: str) -> Any:
    try:
        return _not_scalar(read_repr(text))
    except (ValueError, SyntaxError, RecursionError, MemoryError):
        return None


def _not_scalar(value: Any) -> Any:
    return value if isinstance(value, dict | list | str) else None


def _unescape(text: str) -> str | None:
    r"""Return JSON that lost the quotes around it (`{\"id\": ...}`), or has those of a CSV file (`{""id"": ...}`)."""
    inner = text[1:-1] if text[:1] == text[-1:] == '"' and text[1:2] in ("{", "[") else text
    if inner[:1] not in ("{", "["):
        return None
    start = inner[1:].lstrip(_BLANKS + "[{")
    try:
        if start.startswith('\\"'):
            unescaped = read_json(f'"{inner}"')
            return unescaped if isinstance(unescaped, str) else None
        if start.startswith('""'):
            doubled = inner.replace('""', '"')
            return doubled if isinstance(read_json(doubled), dict | list) else None
    except (ValueError, RecursionError):
        pass
    return None


def _fenced(text: str) -> str | None:
    """Return what stands in the one code fence that holds a document; None if none does, or several do."""
    if not any(mark in text for mark in _MARKS):
        return None
    inner = text.partition("\n")[2].rpartition("\n")[0].strip(_BLANKS)
    if all(part[:3] in _MARKS and part[-3:] in _MARKS for part in (text, inner)):
        return inner  # a fence within a fence
    blocks = [match[2] for match in _FENCE.finditer(text)]
    blocks = blocks or [_LANGUAGE.sub("", block, count=1) for block in text.split("```")[1::2]]
    holding = [block for block in blocks if isinstance(open_text(block), dict | list)]
    return holding[0] if len(holding) == 1 else None
