"""Content words of a text by their stems, in the languages that people write to a service in."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from importlib.resources import files

from seamwatch.core.evaluation.texts import normal_text

_WORD = re.compile(r"[^\W\d_]+")
_STOP = frozenset((files("seamwatch.core.evaluation") / "stop_words.txt").read_text(encoding="utf-8").split())
_NEGATIVE = frozenset(
    {"not", "never", "none", "cannot", "without", "nicht", "kein", "keine", "keinen", "nie", "ohne", "pas", "jamais"}
    | {"sans", "nunca", "sin", "non"}
)
_GERMAN = frozenset(
    {"der", "die", "das", "und", "ist", "nicht", "ein", "eine", "sie", "wir", "ich", "mit", "für", "von", "zu", "auf"}
    | {"den", "dem", "werden", "wird", "kann", "können", "ihre", "ihr", "bitte"}
)
_SUFFIXES = (
    *("ements", "ement", "ations", "ation", "itions", "ition", "ments", "ment", "ically", "ings", "ing", "edly", "ers"),
    *("ies", "ied", "ier", "able", "ible", "ions", "ion", "ungen", "ung", "lich", "ern", "ed", "er", "ly", "es"),
    *("en", "em", "al", "e", "s", "y", "i"),
)
_SHORTEST_STEM = 4


def content_stems(text: str) -> frozenset[str]:
    """Return the stems of the words of a text that carry meaning, negations left out."""
    return frozenset(ordered_stems(text))


def ordered_stems(text: str) -> Iterator[str]:
    """Yield the same stems in the order of the text."""
    return (stem(word) for word in content_words(text) if word not in _NEGATIVE)


def content_words(text: str) -> list[str]:
    """Return the words of a text that carry meaning in their normal form, in order."""
    words = _WORD.findall(normal_text(text).replace("'", ""))
    return [word for word in words if word not in _STOP and (len(word) > 2 or not word.isascii())]


def is_german(text: str) -> bool:
    """Return whether a text is German, which writes every noun with a capital letter."""
    words = _WORD.findall(text.casefold())
    return sum(word in _GERMAN for word in words) >= max(1, round(0.12 * len(words)))


@lru_cache(maxsize=100_000)
def stem(word: str) -> str:
    """Return a word without one ending of its inflection: what remains has at least four letters."""
    if word.endswith("s") and not word.endswith("ss") and len(word) == _SHORTEST_STEM:
        return word[:-1]
    for suffix in _SUFFIXES:
        if word.endswith(suffix) and len(word) - len(suffix) >= _SHORTEST_STEM:
            rest = word[: -len(suffix)]
            return rest[:-1] if rest[-1] == rest[-2] and len(rest) > _SHORTEST_STEM else rest
    return word
