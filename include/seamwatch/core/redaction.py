"""Replace what must not leave by tokens: the same value by the same token, wherever it occurs."""

from __future__ import annotations

import json
from bisect import bisect_right
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from seamwatch.core.records.comparison import is_null
from seamwatch.errors import DataContractError

_SHORTEST = 3
"""A shorter text is only replaced where it is the whole value: as a part it occurs everywhere."""
_CUT_FROM = 16
"""The beginning of a value is replaced as well, where so much of it stands and the text or the quotation ends then."""
_ANCHOR = 8
"""First characters that the search looks for; a shorter value is looked for whole."""
_NESTED = 2
"""How deep values are looked for in JSON that stands as text in JSON: a payload in a prompt in a request body."""
_CUT_ENDS = ('"', "\\", "\u2026", "...")


class Redactor:
    """Learns the values of fields, and replaces them."""

    def __init__(self) -> None:
        """Know nothing yet."""
        self._tokens: dict[str, str] = {}
        """By value in small letters."""
        self._spellings: dict[str, str] = {}
        """By value as it was read."""
        self._search: _Search | None = None

    def learn(self, field: str, values: Iterable[Any]) -> None:
        """Keep the values of a field that are to be replaced; blanks around them and their case do not count.

        Raises:
            DataContractError: If a value is no text: a number or a date has no token that references could bear.
        """
        for value in values:
            if is_null(value):
                continue
            if not isinstance(value, str):
                msg = (
                    f"bundle.redact: {field} holds {type(value).__name__} values; only text can be redacted: name a "
                    "text inside of JSON as stage.column.path, or read the stage by a query without the column"
                )
                raise DataContractError(msg)
            if spelt := value.strip():
                token = self._tokens.setdefault(_fold(spelt), f"[{field.lower()}-{len(self._tokens) + 1}]")
                self._spellings[spelt] = token
        self._search = None

    def text(self, text: str) -> str:
        """Return the text with the values replaced, also where they stand escaped in JSON; the longest that fits.

        What stands in capital letters gets the token in capital letters, so that a reference that changes the case of
        a value still agrees with what was recorded.
        """
        folded = _fold(text)
        whole = self._tokens.get(folded.strip())
        if whole is not None:
            value = text.strip()
            return text.replace(value, _cased(whole, value), 1)
        if self._search is None:
            self._search = _Search.of(self._spellings)
        parts: list[str] = []
        done = 0
        for start, end, token in self._search.hits(folded):
            parts += (text[done:start], _cased(token, text[start:end]))
            done = end
        return "".join((*parts, text[done:])) if parts else text

    def document(self, document: Any) -> Any:
        """Return JSON data with the values replaced in every text, names of members among them."""
        if isinstance(document, str):
            return self.text(document)
        if isinstance(document, dict):
            return {self.document(name): self.document(part) for name, part in document.items()}
        if isinstance(document, list):
            return [self.document(part) for part in document]
        return document

    def frame(self, frame: pd.DataFrame, *, key: str) -> pd.DataFrame:
        """Return the frame with the values replaced in every column of text or JSON but the key's."""
        found = frame.copy()
        for name in frame.columns:
            if name != key and (frame[name].dtype == object or pd.api.types.is_string_dtype(frame[name].dtype)):
                cells = [self.document(cell) for cell in frame[name]]
                found[name] = pd.Series(cells, index=frame.index, dtype=frame[name].dtype)
        return found


@dataclass(frozen=True, kw_only=True)
class _Search:
    """Finds values in folded texts, from left to right, the longest first; time grows with the text, not the values."""

    forms: list[str]
    """As they may stand in a text, in order of their characters."""
    tokens: list[str]
    parents: list[int]
    """The longest other form that each one begins with; -1 for none."""
    anchors: Mapping[int, frozenset[str]]
    """By length, what a value may begin with."""
    longest: int

    @classmethod
    def of(cls, spellings: Mapping[str, str]) -> _Search:
        by_form = {form: token for value, token in spellings.items() for form in _forms(value)}
        forms = sorted(by_form)
        parents: list[int] = []
        open_: list[int] = []
        for number, form in enumerate(forms):
            while open_ and not form.startswith(forms[open_[-1]]):
                open_.pop()
            parents.append(open_[-1] if open_ else -1)
            open_.append(number)
        return cls(
            forms=forms,
            tokens=[by_form[form] for form in forms],
            parents=parents,
            anchors={
                size: frozenset(form[:size] for form in forms if min(len(form), _ANCHOR) == size)
                for size in {min(len(form), _ANCHOR) for form in forms}
            },
            longest=max(map(len, forms), default=0),
        )

    def hits(self, folded: str) -> Iterable[tuple[int, int, str]]:
        """Yield start, end and token of what is to be replaced."""
        at = 0
        for start in self._starts(folded):
            if start < at:
                continue
            length, token = self._at(folded[start : start + self.longest + 1])
            if length:
                yield start, start + length, token
                at = start + length

    def _starts(self, folded: str) -> list[int]:
        """Return where a value may begin, from left to right. Most texts hold none, so this decides the time."""
        return sorted(
            start
            for size, known in self.anchors.items()
            for start in range(len(folded) - size + 1)
            if folded[start : start + size] in known
        )

    def _at(self, rest: str) -> tuple[int, str]:
        """Return the length and token of the longest value that the text begins with; 0 where there is none."""
        before = bisect_right(self.forms, rest) - 1
        # Every form between the longest that fits and the text begins with it, so it is the last one or its ancestor.
        number = before
        while number >= 0:
            if rest.startswith(self.forms[number]):
                return len(self.forms[number]), self.tokens[number]
            number = self.parents[number]
        for number in (before, before + 1):
            if 0 <= number < len(self.forms):
                shared = _shared(rest, self.forms[number])
                if shared >= _CUT_FROM and (shared == len(rest) or rest[shared:].startswith(_CUT_ENDS)):
                    return shared, self.tokens[number].removesuffix("]")
        return 0, ""


def _shared(one: str, other: str) -> int:
    """Return how many characters two texts begin with alike."""
    pairs = zip(one, other, strict=False)
    return next((n for n, (a, b) in enumerate(pairs) if a != b), min(len(one), len(other)))


def _forms(value: str) -> set[str]:
    """Return the value, folded, as it may stand in a text: as it is, and escaped as in JSON, once and again.

    An escape tells the case of its letter by another number, so a value beyond ASCII has forms for small and for
    capital letters too. None is shorter than `_SHORTEST`.
    """
    if len(value) < _SHORTEST:
        return set()
    found = {value} if value.isascii() else {value, value.lower(), value.upper()}
    for _ in range(_NESTED):
        found |= {json.dumps(form, ensure_ascii=is_ascii)[1:-1] for form in found for is_ascii in (True, False)}
    return {_fold(form) for form in found}


def _fold(text: str) -> str:
    """Return the text in small letters, character by character: places stay the same."""
    lowered = text.lower()
    if len(lowered) == len(text):
        return lowered
    return "".join(small if len(small := one.lower()) == 1 else one for one in text)


def _cased(token: str, occurrence: str) -> str:
    return token.upper() if occurrence.isupper() else token
