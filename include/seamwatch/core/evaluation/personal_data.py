"""Personal data of other records in an answer: values of named fields that are not this record's own."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

import pandas as pd

from seamwatch.core.evaluation.texts import normal_text, read_text

_WORD = re.compile(r"\w+")
_NUMBER = re.compile(r"\+?\(?\d(?:[\d\s().\-/]*\d)?")
_SHORTEST, _FEWEST_DIGITS, _PHONE_DIGITS = 4, 5, 8
"""Shorter texts and numbers stand in any answer; the last eight digits of a telephone number are its own, in whatever
form its country and area are written."""
_MOST_WORDS = 20
"""A longer value is a text and identifies nobody."""
_MOST_GROUPS = 8
"""Groups of digits of one telephone number."""
_MOST_OWNERS = 3
_COMMON = 0.05
"""A text without digits or @ that more records than both have is a city or a first name, and names nobody."""

_Words = tuple[str, ...]


class PersonalData:
    """The values of named fields of a window's records, found in a text however they are spelt."""

    def __init__(self, fields: Mapping[str, pd.Series[Any]]) -> None:
        """Learn the values.

        Args:
            fields: `stage.field` to values, index key.
        """
        self._texts: dict[str, list[tuple[_Words, str]]] = {}
        """By first word, the words of values and the field."""
        self._numbers: dict[str, str] = {}
        """By digits, the field."""
        owners: dict[_Words, set[Any]] = {}
        first_field: dict[_Words, str] = {}
        n = max((len(values) for values in fields.values()), default=0)
        for field, values in fields.items():
            for key, value in zip(values.index, values.to_numpy(dtype=object), strict=True):
                text = read_text(value)
                for line in text.splitlines() if isinstance(text, str) else ():
                    self._learn(field, key, line, owners, first_field)
        for words, who in owners.items():
            is_identifying = any(map(_has_digit, words)) or len(words) > 2
            if is_identifying or len(who) <= max(_MOST_OWNERS, _COMMON * n):
                self._texts.setdefault(words[0], []).append((words, first_field[words]))

    def _learn(
        self, field: str, key: Any, line: str, owners: dict[_Words, set[Any]], first_field: dict[_Words, str]
    ) -> None:
        digits = _digits(line)
        if digits is not None:
            self._numbers.setdefault(digits, field)
            return
        words = tuple(_WORD.findall(normal_text(line)))
        if (
            0 < len(words) <= _MOST_WORDS
            and sum(map(len, words)) >= _SHORTEST
            and not all(word.isdigit() for word in words)
        ):
            owners.setdefault(words, set()).add(key)
            first_field.setdefault(words, field)

    def find(self, text: str) -> dict[_Words, str]:
        """Return what of the values stands in a text, as words, with the field of each."""
        words = _WORD.findall(normal_text(text))
        found: dict[_Words, str] = {}
        for place, word in enumerate(words):
            for wanted, field in self._texts.get(word, ()):
                if tuple(words[place : place + len(wanted)]) == wanted:
                    found[wanted] = field
        for digits in _all_digits(text):
            if digits in self._numbers:
                found[(digits,)] = self._numbers[digits]
        return found


def _has_digit(word: str) -> bool:
    return any(map(str.isdigit, word))


def _digits(line: str) -> str | None:
    """Return the telling digits of a value that is a number or a telephone number; None for anything else."""
    plain = line.strip()
    if not _NUMBER.fullmatch(plain) or len(re.sub(r"\D", "", plain)) < _FEWEST_DIGITS:
        return None
    return _telling(plain)


def _telling(written: str) -> str:
    digits = re.sub(r"\D", "", written)
    return digits[-_PHONE_DIGITS:]


def _all_digits(text: str) -> Iterator[str]:
    """Yield the telling digits of every number, and of every part of one that blanks may have put together."""
    for line in text.splitlines():
        for match in _NUMBER.finditer(line):
            groups = match[0].split()
            for start in range(len(groups)):
                for end in range(start + 1, min(start + _MOST_GROUPS, len(groups)) + 1):
                    part = "".join(groups[start:end])
                    if len(re.sub(r"\D", "", part)) >= _FEWEST_DIGITS:
                        yield _telling(part)
