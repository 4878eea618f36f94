"""What is odd about an input beside those of before: broken characters, constants, another kind of value, new levels.

Every mark is taken from the values alone, never from how the records ended: so it may be tested against their outcomes.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from seamwatch.core.attribution.text_forms import KINDS, is_garbled, kind_of
from seamwatch.core.records.comparison import as_number, is_null, leaves, may_be_json, parse_json, strict_text
from seamwatch.core.records.languages import guess_language, words_of

Mask = NDArray[np.bool_]

RARE = 0.02
"""Share of the known inputs up to which a mark is none of theirs."""
MOST_FIELDS = 60
"""Of one source; the fullest ones."""
_FEW_LEVELS, _LEVELS_PER_RECORD = 12, 0.2
"""A field with fewer different values, by number or by record, holds categories."""
_ALL_DIFFERENT = 0.95
"""Share of different values from which on a value that comes three times is one too often."""
_REPEATED = 3
_CUT_ALIKE = 0.8
_STRANGE_WORDS = 0.5
_NOTHING = (
    "-",
    "--",
    "?",
    "??",
    "???",
    ".",
    "x",
    "xx",
    "xxx",
    "n/a",
    "na",
    "nan",
    "none",
    "null",
    "nil",
    "#n/a",
    "empty",
)
_UNKNOWN = ("undefined", "unknown", "unspecified", "missing", "not_available", "not_set", "other", "empty")
_SAMPLES = (
    "#ref!",
    "#value!",
    "default",
    "dummy",
    "test",
    "todo",
    "tbd",
    "0000-00-00",
    "1970-01-01",
    "1900-01-01",
    "9999-12-31",
)
_PLACEHOLDERS = frozenset((*_NOTHING, *_UNKNOWN, *_SAMPLES))


@dataclass(frozen=True, kw_only=True)
class InputMark:
    """A mark that some records of a window carry in one field."""

    field: str
    kind: str
    """`encoding`, `missing`, `default`, `other_kind`, `other_field`, `truncated`: damage; else `new_value`, `length`,
    `range`, `language`, `words`."""
    window: Mask
    """Of each record of the window."""
    known: Mask
    """Of each known input."""

    @property
    def is_damage(self) -> bool:
        """Return whether no honest input looks so."""
        return self.kind in DAMAGE


ENCODING = "encoding"
"""The one damage that shows by itself."""
TRUNCATED = "truncated"
"""The one that an honest input may show by chance."""
DAMAGE = frozenset({ENCODING, "missing", "default", "other_kind", "other_field", TRUNCATED})


def input_marks(window: pd.DataFrame, known: pd.DataFrame) -> list[InputMark]:
    """Return the marks that records of a window carry in their source payload.

    Args:
        window: Payloads of one source, index key; cells that hold JSON are opened.
        known: Payloads of the same source that are known, or known to be right; may be empty, and then only broken
            characters and missing values are marks.
    """
    both = open_fields(pd.concat([window, known[[c for c in window.columns if c in known.columns]]]))
    n = len(window)
    fields = {name: _Field(values[:n], values[n:]) for name, values in both.items()}
    levels = {name: field.levels for name, field in fields.items() if field.is_category}
    found: list[InputMark] = []
    for name, field in fields.items():
        elsewhere = frozenset().union(*(theirs for other, theirs in levels.items() if other != name))
        found += [
            InputMark(field=name, kind=kind, window=mask[:n], known=mask[n:])
            for kind, mask in _marks(field, elsewhere)
            if mask[:n].any()
        ]
    return found


def open_fields(payload: pd.DataFrame) -> dict[str, list[Any]]:
    """Return the cells by field; a column that holds JSON by path."""
    found: dict[str, list[Any]] = {}
    for name in payload.columns:
        cells = payload[name].to_list()
        if not any(map(may_be_json, cells[:50])):
            found[str(name)] = cells
            continue
        opened = [dict(leaves(parse_json(cell))) if may_be_json(cell) else {"": cell} for cell in cells]
        counts = Counter(path for one in opened for path in one)
        for path, count in counts.items():
            if count >= max(1, len(cells) // 20):
                found[f"{name}.{path}" if path else str(name)] = [one.get(path) for one in opened]
    fullest = sorted(found, key=lambda name: sum(map(is_null, found[name])))[:MOST_FIELDS]
    return {name: found[name] for name in found if name in fullest}


class _Field:
    """One field of the records of a window and of known inputs, the latter last."""

    def __init__(self, window: Sequence[Any], known: Sequence[Any]) -> None:
        self.n = len(window)
        self.texts = [_text(value) for value in (*window, *known)]
        self.numbers = np.array([_number(text) for text in self.texts])
        self.known = [text for text in self.texts[self.n :] if text is not None]
        self.levels = frozenset(self.known)
        few = max(_FEW_LEVELS, _LEVELS_PER_RECORD * len(self.known))
        self.is_category = bool(self.known) and len(self.levels) <= few and not self._is_amount()
        self.is_varied = len(self.known) > _FEW_LEVELS and len(self.levels) >= _ALL_DIFFERENT * len(self.known)

    def _is_amount(self) -> bool:
        return len(self.levels) > _FEW_LEVELS and bool(np.isfinite(self.numbers[self.n :]).any())

    def where(self, holds: Callable[[str], bool]) -> Mask:
        """Return which cells hold a text of which this is true; each text is asked once."""
        known: dict[str, bool] = {}
        for text in self.texts:
            if text is not None and text not in known:
                known[text] = holds(text)
        return np.array([text is not None and known[text] for text in self.texts], dtype=bool)


def _text(value: Any) -> str | None:
    text = None if is_null(value) else strict_text(value)
    return text.strip() if text is not None and text.strip() else None


def _number(text: str | None) -> float:
    number = as_number(text) if text is not None else None
    return np.nan if number is None or not np.isfinite(number) else float(number)


def _marks(field: _Field, elsewhere: frozenset[str]) -> Iterator[tuple[str, Mask]]:
    garbled = field.where(is_garbled)
    yield ENCODING, garbled
    yield "missing", np.array([text is None for text in field.texts], dtype=bool)
    if not field.known:
        return
    rest = ~garbled
    new = field.where(lambda text: text not in field.levels)
    foreign = rest & field.where(lambda text: text in elsewhere and text not in field.levels)
    yield "other_field", foreign
    rest &= ~foreign
    begun = rest & _begins_known(field)
    default = field.where(lambda text: text.casefold() in _PLACEHOLDERS) & (new if field.is_category else rest)
    if field.is_varied:
        counts = Counter(text for text in field.texts if text is not None)
        default |= field.where(lambda text: counts[text] >= _REPEATED)
    default &= rest & ~begun
    yield "default", default
    rest &= ~default
    usual = Counter(map(kind_of, field.known))
    rare = {kind for kind in KINDS if usual[kind] <= max(1, RARE * len(field.known))}
    other_kind = field.where(lambda text: kind_of(text) in rare)
    yield "other_kind", other_kind & rest & ~begun
    rest &= begun | ~other_kind
    cut = begun | (rest & _of_one_length(field))
    yield TRUNCATED, cut
    rest &= ~cut
    if field.is_category:
        yield "new_value", new & rest
        return
    yield from _marks_of_size(field, rest)
    if not np.isfinite(field.numbers).any():
        yield from _marks_of_words(field, rest)


def _marks_of_size(field: _Field, rest: Mask) -> Iterator[tuple[str, Mask]]:
    numbers = field.numbers
    mine = numbers[field.n :][np.isfinite(numbers[field.n :])]
    if len(mine) * 2 > len(field.known):
        yield "range", rest & ((numbers > mine.max()) | (numbers < mine.min()))
        return
    lengths = np.array([np.nan if text is None else float(len(text)) for text in field.texts])
    theirs = lengths[field.n :][np.isfinite(lengths[field.n :])]
    yield "length", rest & ((lengths < theirs.min()) | (lengths > theirs.max()))


def _shortest(field: _Field) -> int:
    """Return the length of the shortest known text; 0 where the field holds categories or numbers."""
    is_text = not field.is_category and not np.isfinite(field.numbers[field.n :]).any()
    return min(map(len, field.known)) if is_text else 0


def _begins_known(field: _Field) -> Mask:
    """Return which texts are the beginning of a known one, and shorter than all of these."""
    least, ordered = _shortest(field), sorted(field.levels)

    def begins_one(text: str) -> bool:
        place = bisect_left(ordered, text)
        return len(text) < least and place < len(ordered) and ordered[place].startswith(text)

    return field.where(begins_one)


def _of_one_length(field: _Field) -> Mask:
    """Return the texts that are shorter than all known ones, where nearly all of them end at one length."""
    least = _shortest(field)
    short = field.where(lambda text: len(text) < least)
    texts = {text for text, is_short in zip(field.texts, short, strict=True) if is_short and text is not None}
    lengths = Counter(map(len, texts)).most_common(1)
    is_cut = bool(lengths) and lengths[0][1] >= max(_REPEATED, _CUT_ALIKE * len(texts))
    return short if is_cut else np.zeros(len(short), dtype=bool)


def _marks_of_words(field: _Field, rest: Mask) -> Iterator[tuple[str, Mask]]:
    words = {text: words_of(text) for text in field.texts if text is not None}
    languages = Counter(guess_language(text, words[text]) for text in field.known)
    usual = {name for name, count in languages.items() if count > RARE * len(field.known)}
    yield "language", rest & field.where(lambda text: guess_language(text, words[text]) not in usual)
    seen = Counter(word for text in field.known for word in set(words[text]))

    def strange(text: str, *, own: int) -> float:
        mine = words[text]
        return sum(seen[word] <= own for word in mine) / len(mine) if mine else 0.0

    # A known input is held against the others: a word that it alone has is as strange as one that nobody has.
    is_known = np.arange(len(field.texts)) >= field.n
    of_window = field.where(lambda text: strange(text, own=0) > _STRANGE_WORDS)
    of_known = field.where(lambda text: strange(text, own=1) > _STRANGE_WORDS)
    yield "words", rest & np.where(is_known, of_known, of_window)
