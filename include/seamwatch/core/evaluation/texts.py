"""Texts of a record as evaluators read them: one form for all spellings, whole words, sentences, quotations."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from seamwatch.core.records.json_documents import leaves, parse_json
from seamwatch.core.records.unknown import Unknown
from seamwatch.core.records.values import is_null, strict_text

_INVISIBLE = dict.fromkeys([0x00AD, 0x200B, 0x200C, 0x200D, 0x2060, 0xFEFF])
_PLAIN_SIGNS = str.maketrans(
    {
        **dict.fromkeys("\u2018\u2019\u201a\u201b\u02bc\u2032\u00b4`", "'"),
        **dict.fromkeys("\u201c\u201d\u201e\u201f\u00ab\u00bb\u2033", '"'),
        **dict.fromkeys("\u2010\u2011\u2012\u2013\u2014\u2015\u2212", "-"),
    }
)
_ABBREVIATION = re.compile(
    r"(?:\b(?:Mr|Mrs|Ms|Dr|Prof|St|No|Nr|Inc|Ltd|Co|Corp|vs|approx|ca|bzw|usw|etc|Art|Abs|Sec|Fig|Tel|Str|max|min|incl"
    r"|excl|e\.g|i\.e|z\.\s?B|d\.\s?h|u\.\s?a|p\.\s?ej)|\b[A-Z]|^\s*\(?\d{1,2})\.$"
)
"""What ends in a full stop that ends no sentence; also initials, and numbers of items and of days."""
_BREAK = re.compile(r"(?<=[.!?])[\"')\]]*\s+|(?<=[\u3002\uff01\uff1f])|[\r\n]\s*")
_BULLET = re.compile(r"^\s*(?:[-*+\u2022\u00b7>#|]+\s+|\(?\d{1,2}[.)]\s+)+")
_BLANKS = re.compile(r"[^\S\r\n]+")
_MARKUP = re.compile(r"\*\*|__|~~|`+")
_QUOTED = re.compile(r"\"[^\"\n]{1,400}\"|(?<!\w)'(?:[^'\n]|(?<=\w)'(?=\w)){2,400}'(?!\w)|^[ \t]*>.*$", re.MULTILINE)
_SPACELESS = re.compile("[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff]")
"""Letters of scripts that write no blanks between words."""


@dataclass(frozen=True, kw_only=True)
class NotRead:
    """Why there is no text."""

    reason: str


def read_text(value: Any, what: str = "answer") -> str | NotRead:
    """Return a recorded value as text: JSON as its texts and numbers, one a line; or why there is none.

    Args:
        value: As recorded.
        what: The word for it in the reason.
    """
    if isinstance(value, Unknown):
        return NotRead(reason=f"the {what} cannot be read ({value.reason})")
    if is_null(value):
        return NotRead(reason=f"no {what} is recorded")
    document = parse_json(value)
    if isinstance(document, dict | list | tuple):
        try:
            parts = [strict_text(leaf) for _, leaf in leaves(document) if leaf not in ({}, [], ())]
        except RecursionError:
            return NotRead(reason=f"the {what} cannot be read (nested too deeply)")
        return "\n".join(part for part in parts if part is not None)
    return strict_text(value) or ""


def normal_text(text: str) -> str:
    """Return one spelling of a text: compatible Unicode forms, small letters, single blanks, plain quotes."""
    composed = unicodedata.normalize("NFKC", text).translate(_INVISIBLE).translate(_PLAIN_SIGNS)
    return " ".join(unicodedata.normalize("NFKC", composed.casefold()).split())


def whole_words(statement: str) -> re.Pattern[str]:
    """Return the search for a statement in a normal text, not as a part of a longer word or number."""
    wanted = normal_text(statement)
    before = _edge(wanted[:1], r"(?<!\w)", r"(?<!\w)(?<!\d[.,])")
    after = _edge(wanted[-1:], r"(?!\w)", r"(?!\w)(?![.,]\d)")
    return re.compile(before + re.escape(wanted) + after)


def _edge(sign: str, word: str, number: str) -> str:
    if sign.isdigit():
        return number
    return word if (sign.isalnum() or sign == "_") and not _SPACELESS.match(sign) else ""


def sentences(text: str) -> list[str]:
    """Return the sentences of a text, items of lists and lines included, without marks of lists and of markup."""
    plain = _MARKUP.sub("", _BLANKS.sub(" ", text.translate(_INVISIBLE)))
    found: list[str] = []
    start = 0
    for gap in _BREAK.finditer(plain):
        part = plain[start : gap.start()]
        if "\n" not in gap[0] and "\r" not in gap[0] and _ABBREVIATION.search(part):
            continue
        found.append(part)
        start = gap.end()
    found.append(plain[start:])
    return [one for part in found if (one := _BULLET.sub("", part).strip())]


def without_quotations(text: str) -> str:
    """Return a text without what stands in quotation marks or is quoted line by line."""
    return _QUOTED.sub(" ", text.translate(_PLAIN_SIGNS))


def holds_any(text: str, phrases: Sequence[str]) -> bool:
    """Return whether one of the phrases stands in a text as whole words."""
    normal = normal_text(text)
    return any(whole_words(phrase).search(normal) for phrase in phrases if phrase.strip())
