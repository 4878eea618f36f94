"""What kind of damage a field has, told from what was recorded and what should have been."""

from __future__ import annotations

import html
import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pandas as pd

from seamwatch.core.compare import as_number, is_null, loose_text, strict_text
from seamwatch.core.mapping import Reconciliation
from seamwatch.vocabulary import DiscrepancyKind

EXPLAINED = 0.8
"""Share of a field's discrepancies that a pattern must explain to be named; other faults may strike beside it."""
_FEWEST = 3
"""Discrepancies below which any pattern could be chance."""
_MOST = 2000
"""Discrepancies of one field that are looked at, spread evenly."""
_MOST_CODES = 30
_LONG = 60
"""Characters from which a text is compared by the words that differ, as where a value stands within a prompt."""

Pair = tuple[Any, Any]
"""Recorded, expected."""


@dataclass(frozen=True, kw_only=True)
class FieldPattern:
    """A kind of damage, and how it shows."""

    name: str
    words: str
    """As a clause: `recorded is 100 times what is expected`."""


def name_patterns(reconciled: Mapping[str, Reconciliation], keys: pd.Index[Any]) -> dict[tuple[str, str], FieldPattern]:
    """Return the patterns of the fields that differ in these records, by stage and field; unclear ones are missing."""
    found: dict[tuple[str, str], FieldPattern] = {}
    for stage, result in reconciled.items():
        rows = result.discrepancies
        rows = rows[rows["key"].isin(keys).to_numpy() & (rows["kind"] != DiscrepancyKind.FORMAT).to_numpy()]
        for name, mine in rows.groupby("field", sort=False):
            chosen = mine.iloc[np.unique(np.linspace(0, len(mine) - 1, min(len(mine), _MOST)).astype(int))]
            pairs = list(zip(chosen["recorded"], chosen["expected"], strict=True))
            pattern = name_pattern(pairs) or _shifted(chosen, result.expected, str(name))
            if pattern is not None:
                found[stage, str(name)] = pattern
    return found


def name_pattern(pairs: Sequence[Pair]) -> FieldPattern | None:
    """Return the pattern of a field from its recorded and expected values; None where none explains most of them."""
    if len(pairs) < _FEWEST:
        return None
    cut = [_differing_words(*pair) for pair in pairs]
    for look in _LOOKS:
        pattern = look(cut)
        if pattern is not None:
            return pattern
    return None


def _differing_words(recorded: Any, expected: Any) -> Pair:
    """Return the pair, of two long texts only the words in which they differ."""
    if not (isinstance(recorded, str) and isinstance(expected, str) and max(len(recorded), len(expected)) > _LONG):
        return recorded, expected
    left, right = re.split(r"(\s+)", recorded), re.split(r"(\s+)", expected)
    start = 0
    while start < min(len(left), len(right)) and left[start] == right[start]:
        start += 1
    end = 0
    while end < min(len(left), len(right)) - start and left[-1 - end] == right[-1 - end]:
        end += 1
    return "".join(left[start : len(left) - end]), "".join(right[start : len(right) - end])


def _explains(hits: Sequence[bool]) -> bool:
    return sum(hits) >= max(EXPLAINED * len(hits), _FEWEST)


def _missing(pairs: Sequence[Pair]) -> FieldPattern | None:
    if not _explains([is_null(r) or r == "" for r, _ in pairs]):
        return None
    return FieldPattern(name="missing", words="recorded is empty")


def _encoding(pairs: Sequence[Pair]) -> FieldPattern | None:
    texts = [(r, e) for r, e in pairs if isinstance(r, str) and isinstance(e, str)]
    kinds = Counter(kind for r, e in texts if (kind := _broken_text(r, e)) is not None)
    if not kinds or kinds.total() < max(EXPLAINED * len(pairs), _FEWEST):
        return None
    return FieldPattern(name="encoding", words=kinds.most_common(1)[0][0])


def _broken_text(recorded: str, expected: str) -> str | None:
    for codec in ("cp1252", "latin-1"):
        if not expected.isascii() and recorded == expected.encode("utf-8").decode(codec, errors="replace"):
            return f"UTF-8 was read as {codec}"
    if not expected.isascii() and len(recorded) == len(expected):
        pairs = zip(recorded, expected, strict=True)
        if all(r == e or (not e.isascii() and r in "?\ufffd") for r, e in pairs):
            return "characters beyond ASCII were replaced"
    if html.unescape(recorded) == expected:
        return "HTML entities were left in"
    if "\\u" in recorded and _unescaped(recorded) == expected:
        return "escaped characters were left in"
    return None


def _unescaped(text: str) -> str:
    return re.sub(r"\\u([0-9a-fA-F]{4})", lambda found: chr(int(found[1], 16)), text)


def _numbers(pairs: Sequence[Pair]) -> FieldPattern | None:
    numbers = [(as_number(r), as_number(e)) for r, e in pairs]
    known = [(r, e) for r, e in numbers if r is not None and e]
    if len(known) < max(EXPLAINED * len(pairs), _FEWEST) or len({e for _, e in known}) < 2:
        return None
    left, right = (np.array(side, dtype=float) for side in zip(*known, strict=True))
    enough = max(EXPLAINED * len(pairs), _FEWEST)
    factor = float(np.median(left / right))
    # Either side may have been rounded to cents on its way.
    slack = 1e-6 * np.abs(left) + 0.0051 * max(1.0, abs(factor)) * (np.abs(left) < 1e4)
    if factor and abs(factor - 1.0) > 1e-6 and (np.abs(left - factor * right) <= slack).sum() >= enough:
        exact = float(f"{factor:.3g}")
        if abs(exact + 1.0) < 1e-6:
            return FieldPattern(name="sign", words="recorded has the opposite sign")
        if (np.abs(left - exact * right) <= np.maximum(slack, 2e-3 * np.abs(left))).sum() >= enough:
            return FieldPattern(name="unit", words=f"recorded is {exact:g} times what is expected")
    if (np.abs(left - (1.8 * right + 32)) <= slack).sum() >= enough:
        return FieldPattern(name="unit", words="recorded is in Fahrenheit, expected in Celsius")
    if (np.abs(left - (right - 32) / 1.8) <= slack).sum() >= enough:
        return FieldPattern(name="unit", words="recorded is in Celsius, expected in Fahrenheit")
    for digits in (2, 1, 0, -1, -2, -3):
        rounded = (np.abs(left - np.round(right, digits)) < 1e-9) | (np.abs(left - np.trunc(right)) < 1e-9)
        if rounded.sum() >= enough:
            return FieldPattern(name="rounded", words="recorded is expected without its last digits")
    return None


def _dates(pairs: Sequence[Pair]) -> FieldPattern | None:
    known = [(r, e, then) for r, e in pairs if (then := _moment(e)) is not None]
    if len(known) < max(EXPLAINED * len(pairs), _FEWEST):
        return None
    kinds: Counter[str] = Counter()
    for recorded, _, expected in known:
        kinds.update(_date_kinds(recorded, expected))
    if not kinds:
        return None
    words, n = kinds.most_common(1)[0]
    return FieldPattern(name="date", words=words) if n >= max(EXPLAINED * len(pairs), _FEWEST) else None


def _date_kinds(recorded: Any, expected: datetime) -> list[str]:
    number = as_number(recorded)
    if number is not None:
        seconds = expected.timestamp()
        return ["recorded is a number of seconds or milliseconds"] if number in (seconds, seconds * 1000) else []
    found = _moment(recorded)
    if found is None:
        return []
    kinds = []
    if (found.day, found.month, found.year) == (expected.month, expected.day, expected.year):
        kinds.append("day and month are swapped")
    if found.year != expected.year and (found.year - expected.year) % 100 == 0 and found.month == expected.month:
        kinds.append("the century is another")
    if found != expected:
        hours = (found - expected).total_seconds() / 3600
        if abs(hours) <= 14:
            kinds.append(f"recorded is {hours:+g} hours from what is expected")
        elif hours % 24 == 0 and abs(hours) <= 24 * 7:
            kinds.append(f"recorded is {hours / 24:+g} days from what is expected")
    return kinds


def _moment(value: Any) -> datetime | None:
    if isinstance(value, datetime):
        return value if value.tzinfo else value.replace(tzinfo=UTC)
    text = strict_text(value)
    if text is None or not re.match(r"^\d{4}-\d\d-\d\d", text):
        return None
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return None
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def _truncated(pairs: Sequence[Pair]) -> FieldPattern | None:
    texts = [(r.rstrip(" .\u2026"), e) for r, e in pairs if isinstance(r, str) and isinstance(e, str)]
    hits = [bool(r) and len(r) < len(e) and e.startswith(r) for r, e in texts]
    if len(texts) < len(pairs) * EXPLAINED or not _explains(hits):
        return None
    return FieldPattern(name="truncated", words="recorded is only the beginning of what is expected")


def _default(pairs: Sequence[Pair]) -> FieldPattern | None:
    value, n = Counter(loose_text(r) for r, _ in pairs).most_common(1)[0]
    different = {loose_text(e) for r, e in pairs if loose_text(r) == value}
    if n < max(EXPLAINED * len(pairs), _FEWEST) or len(different) < 3:
        return None
    return FieldPattern(name="default", words=f"recorded is always {_short(value)}")


def _code_table(pairs: Sequence[Pair]) -> FieldPattern | None:
    became: dict[str | None, Counter[str | None]] = {}
    for recorded, expected in pairs:
        became.setdefault(loose_text(expected), Counter())[loose_text(recorded)] += 1
    n_kept = sum(values.most_common(1)[0][1] for values in became.values())
    is_table = len(became) <= min(_MOST_CODES, len(pairs) / 2) and n_kept >= EXPLAINED * len(pairs)
    if not is_table:
        return None
    expected, values = max(became.items(), key=lambda item: item[1].total())
    return FieldPattern(name="code_table", words=f"{_short(expected)} comes as {_short(values.most_common(1)[0][0])}")


def _shifted(rows: pd.DataFrame, expected: pd.DataFrame, name: str) -> FieldPattern | None:
    """Return whether each record has what the record before or after it should have."""
    if name not in expected.columns or len(rows) < _FEWEST:
        return None
    column = expected[name].map(loose_text)
    recorded = [loose_text(value) for value in rows["recorded"]]
    for step, words in ((1, "the record before"), (-1, "the record after")):
        if _explains([a == b for a, b in zip(recorded, column.shift(step).reindex(rows["key"]), strict=True)]):
            return FieldPattern(name="shifted", words=f"recorded is what {words} it should have")
    return None


def _short(text: str | None) -> str:
    return "empty" if text is None else f"{text[:30]}\u2026" if len(text) > 30 else text


_LOOKS: tuple[Callable[[Sequence[Pair]], FieldPattern | None], ...] = (
    _missing,
    _encoding,
    _dates,
    _truncated,
    _numbers,
    _default,
    _code_table,
)
"""In the order of how much each says: a constant factor says more than a table of values."""
