"""YAML text to values with their lines: bounded before anything is built, and without YAML 1.1's surprises.

Only `true`, `false`, `null` and numbers as JSON writes them are more than text; `NO`, `on`, `007`, `12:30`, `1_000`,
`1e5` and dates stay as they were written. A number stays text too, of the type `WrittenNumber`: where the schema wants
text it is that text, where it wants a number pydantic reads it, and where both may stand `scalar_value` does.

Source: YAML 1.2.2, section 10.3 (core schema), of which hexadecimal, octal and exponent forms, signs of plus and
leading zeros are left out: in the files that are read here such text is a code or a phone number.
"""

from __future__ import annotations

import re
from collections.abc import Hashable, Iterator
from dataclasses import dataclass, field
from typing import Any

import yaml

Loc = tuple[Hashable, ...]

MOST_BYTES = 1024 * 1024
"""Longest text that is read."""
DEEPEST = 50
"""Most levels of lists and mappings in each other; a pipeline file has about eight."""
MOST_VALUES = 100_000
"""Most values in one document, each alias counted as all that it stands for."""

_NUMBER = re.compile(r"-?(0|[1-9][0-9]*)?(\.[0-9]+)?")
_WORDS = {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}
_NULLS = frozenset({"", "~", "null", "Null", "NULL"})
_MOST_DIGITS = 4000
"""Python reads no longer number from text."""
_TAG = "tag:yaml.org,2002:"
_SCALAR_TAGS = tuple(_TAG + name for name in ("str", "int", "float", "bool", "null"))
_MERGE = "<<"


class WrittenNumber(str):
    """A number as it was written, without quotes."""

    __slots__ = ()


class YamlTextError(ValueError):
    """The text is no YAML that is read here; `line` is 1-based, None where it is not known."""

    def __init__(self, text: str, line: int | None = None) -> None:
        """Keep what is wrong and where."""
        self.line = line
        super().__init__(text)


@dataclass(frozen=True, kw_only=True)
class YamlDocument:
    """One document."""

    data: Any
    """Dicts with text as keys, lists, text, `WrittenNumber`, booleans and None."""
    lines: dict[Loc, int] = field(default_factory=dict)
    """1-based line of every value by its path; that of its key where it has one."""
    problems: list[tuple[Loc, str]] = field(default_factory=list)
    """Keys that stand twice, are null or are no text, by path."""


@dataclass(kw_only=True, slots=True, eq=False)
class _Node:
    """A value while it is read; `parts` holds the values of a list, or keys and values of a mapping in turn."""

    line: int
    is_mapping: bool = False
    parts: list[_Node] | None = None
    """None for a scalar."""
    text: str = ""
    is_plain: bool = False
    """A scalar without quotes."""
    size: int = 1
    """Values in it, itself counted, aliases as what they stand for."""
    height: int = 1
    is_open: bool = False
    """Its end has not been read yet."""


def scalar_value(value: object) -> object:
    """Return a number for a `WrittenNumber`, and everything else as it is.

    Raises:
        ValueError: If the number has more digits than can be read.
    """
    if not isinstance(value, WrittenNumber):
        return value
    if len(value) > _MOST_DIGITS:
        msg = f"a number of {len(value)} digits cannot be read; quote it if it is text"
        raise ValueError(msg)
    return float(value) if "." in value else int(value)


def decode_text(content: bytes) -> str:
    """Return the text of a file, without its byte order mark.

    Raises:
        YamlTextError: If it is too long, or no UTF-8.
    """
    if len(content) > MOST_BYTES:
        msg = f"is longer than {MOST_BYTES // 1024} KiB; such a file is not read"
        raise YamlTextError(msg)
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        msg = "is UTF-16 text, by its byte order mark; save it as UTF-8"
        raise YamlTextError(msg, 1)
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        msg = f"cannot be read as UTF-8 text: byte 0x{content[error.start]:02x} is none; save it as UTF-8"
        raise YamlTextError(msg, line) from error


def read_document(text: str, *, most_values: int = MOST_VALUES) -> YamlDocument:
    """Return the one document of the text; an empty text has null.

    Args:
        text: As `decode_text` gives it.
        most_values: Bound on the values in it, each alias counted as all that it stands for.

    Raises:
        YamlTextError: If it is no YAML, has several documents, or exceeds a bound.
    """
    documents = list(_documents(text, most=1, most_values=most_values))
    return _built(documents[0]) if documents else YamlDocument(data=None)


def read_documents(text: str) -> list[YamlDocument]:
    """Return every document of the text; YamlTextError as for `read_document`."""
    return [_built(root) for root in _documents(text)]


def _documents(text: str, *, most: int | None = None, most_values: int = MOST_VALUES) -> Iterator[_Node]:
    """Yield the root of every document, read event by event, so that each bound stops the reading where it is hit."""
    parser = _parser(text)
    n_documents = 0
    try:
        while parser.check_event():
            event = parser.get_event()
            line: int = event.start_mark.line + 1
            if isinstance(event, yaml.DocumentStartEvent):
                if n_documents == most:
                    msg = "a second document begins here (---); a file holds one"
                    raise YamlTextError(msg, line)
                n_documents += 1
                yield _composed(parser, most_values)
    except yaml.YAMLError as error:
        raise _syntax_error(text, error) from error
    finally:
        parser.dispose()


def _parser(text: str) -> Any:
    """Return PyYAML's parser, the one in C where there is one."""
    try:
        return getattr(yaml, "CSafeLoader", yaml.SafeLoader)(text)
    except UnicodeEncodeError as error:
        line = text.count("\n", 0, error.start) + 1
        msg = f"is no valid YAML: half of a sign (U+{ord(text[error.start]):04X}) stands alone; remove it"
        raise YamlTextError(msg, line) from error
    except yaml.YAMLError as error:
        raise _syntax_error(text, error) from error


def _composed(parser: Any, most_values: int) -> _Node:
    """Return the root of the document whose start was just read."""
    anchors: dict[str, _Node] = {}
    path: list[_Node] = []
    n_values = 0
    while True:
        event = parser.get_event()
        if isinstance(event, yaml.CollectionEndEvent):
            node = path.pop()
            node.is_open = False
        else:
            node = _node(event, anchors)
            n_values += node.size
            if n_values > most_values:
                msg = f"stands for more than {most_values:,} values, aliases written out; such a document is not read"
                raise YamlTextError(msg, event.start_mark.line + 1)
            if len(path) + node.height > DEEPEST:
                msg = f"lists and mappings stand more than {DEEPEST} levels deep in each other"
                raise YamlTextError(msg, event.start_mark.line + 1)
            if isinstance(event, yaml.CollectionStartEvent):
                path.append(node)
                continue
        if not path:
            return node
        _append(path[-1], node)


def _append(parent: _Node, node: _Node) -> None:
    assert parent.parts is not None
    parent.parts.append(node)
    parent.size += node.size
    parent.height = max(parent.height, node.height + 1)


def _node(event: Any, anchors: dict[str, _Node]) -> _Node:
    """Return what begins with the event, or what its alias stands for."""
    line = event.start_mark.line + 1
    if isinstance(event, yaml.AliasEvent):
        name = str(event.anchor)
        known = anchors.get(name)
        if known is None:
            msg = f"*{name} refers to &{name}, which does not stand before it; quote it if it is text"
            raise YamlTextError(msg, line)
        if known.is_open:
            msg = f"*{name} stands within &{name}: it would hold itself"
            raise YamlTextError(msg, line)
        return known
    if isinstance(event, yaml.ScalarEvent):
        _refuse_tag(event, line, _SCALAR_TAGS)
        is_plain = not event.style and event.tag in (None, *_SCALAR_TAGS[1:])
        node = _Node(line=line, text=event.value, is_plain=is_plain)
    else:
        is_mapping = isinstance(event, yaml.MappingStartEvent)
        _refuse_tag(event, line, (_TAG + ("map" if is_mapping else "seq"),))
        node = _Node(line=line, is_mapping=is_mapping, parts=[], is_open=True)
    if event.anchor is not None:
        anchors[event.anchor] = node
    return node


def _refuse_tag(event: Any, line: int, known: tuple[str, ...]) -> None:
    if event.tag not in (None, "!", *known):
        tag = event.tag.replace(_TAG, "!!")
        msg = f"is no valid YAML here: a word that begins with ! is a tag, and {tag} is none; quote it if it is text"
        raise YamlTextError(msg, line)


def _built(root: _Node) -> YamlDocument:
    document = YamlDocument(data=None)
    document.lines[()] = root.line
    return YamlDocument(data=_value(root, (), document), lines=document.lines, problems=document.problems)


def _value(node: _Node, loc: Loc, document: YamlDocument) -> Any:
    """Return the value of a node and note its lines and problems; bounds were kept while it was read."""
    if node.parts is None:
        return _scalar(node)
    if not node.is_mapping:
        for number, part in enumerate(node.parts):
            document.lines[(*loc, number)] = part.line
        return [_value(part, (*loc, number), document) for number, part in enumerate(node.parts)]
    return _mapping(node, loc, document)


def _mapping(node: _Node, loc: Loc, document: YamlDocument) -> dict[str, Any]:
    assert node.parts is not None
    found: dict[str, Any] = {}
    merged: dict[str, Any] = {}
    seen: dict[str, int] = {}
    for key, value in zip(node.parts[::2], node.parts[1::2], strict=True):
        if key.is_plain and key.text == _MERGE:
            merged |= _merged(value, loc, document)
            continue
        name = _key(key, loc, document)
        if name in seen:
            text = f"{name!r} stands twice in one mapping, first on line {seen[name]}; keep one"
            document.problems.append(((*loc, name), text))
        seen.setdefault(name, key.line)
        document.lines[(*loc, name)] = key.line
        found[name] = _value(value, (*loc, name), document)
    return merged | found


def _merged(value: _Node, loc: Loc, document: YamlDocument) -> dict[str, Any]:
    """Return what `<<: *base` or `<<: [*first, *second]` adds, where the mapping does not say it itself."""
    parts = [value] if value.is_mapping else (value.parts or [])
    if not parts or not all(part.is_mapping for part in parts):
        document.problems.append(((*loc, _MERGE), "<< takes a mapping, or a list of them, as <<: *base"))
        document.lines[(*loc, _MERGE)] = value.line
        return {}
    found: dict[str, Any] = {}
    for part in reversed(parts):
        found |= _mapping(part, loc, document)
    return found


def _key(key: _Node, loc: Loc, document: YamlDocument) -> str:
    """Return a key as it was written; a null, a list or a mapping is no key."""
    if key.parts is not None:
        document.problems.append((loc, f"a key on line {key.line} is a list or a mapping; a key must be text"))
        return f"line {key.line}"
    if key.is_plain and key.text in _NULLS:
        text = f"the key {key.text!r} is null; quote it if it is text, or remove it"
        document.problems.append(((*loc, key.text), text))
    return key.text


def _scalar(node: _Node) -> Any:
    if not node.is_plain:
        return node.text
    if node.text in _NULLS:
        return None
    if node.text in _WORDS:
        return _WORDS[node.text]
    is_number = node.text[-1].isdigit() and _NUMBER.fullmatch(node.text) is not None
    return WrittenNumber(node.text) if is_number else node.text


def _syntax_error(text: str, error: yaml.YAMLError) -> YamlTextError:
    """Return the parser's finding in words for a person who does not know how parsers work."""
    if isinstance(error, yaml.reader.ReaderError):
        line = text.encode("utf-8", "surrogatepass")[: error.position].count(b"\n") + 1
        sign = error.character if isinstance(error.character, int) else ord(error.character)
        return YamlTextError(f"is no valid YAML: the sign U+{sign:04X} must not stand in a text file; remove it", line)
    mark: Any = getattr(error, "problem_mark", None)
    what = str(getattr(error, "problem", None) or error)
    if "quoted scalar" in str(getattr(error, "context", "")) and "end of stream" in what:
        mark, what = getattr(error, "context_mark", mark), "the quote that begins here is never closed"
    if mark is None:
        return YamlTextError(f"is no valid YAML: {what}")
    row = text.splitlines()[mark.line] if mark.line < len(text.splitlines()) else ""
    return YamlTextError(f"is no valid YAML: {what}{_advice(what, row, mark.column)}", mark.line + 1)


def _advice(what: str, row: str, column: int) -> str:
    if "\t" in row[: column + 1] and not row[:column].strip():
        return "; a tab stands at the start of the line: indent by blanks"
    if "cannot start any token" in what and column < len(row):
        return f"; text that begins with {row[column]!r} must be quoted"
    if "tag" in what or row[column : column + 1] == "!" or " !" in row:
        return "; a word that begins with ! is a tag in YAML: quote it if it is text"
    if "mapping values are not allowed" in what:
        return "; text that holds a colon and a blank must be quoted"
    return ""
