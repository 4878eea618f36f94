"""What kind of damage a field has, told from what was recorded and what should have been."""

from __future__ import annotations

import html
import re
import unicodedata
from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any
from urllib.parse import unquote

import numpy as np
import pandas as pd

from seamwatch.core.records.comparison import as_number, at_path, is_null, loose_text, strict_text
from seamwatch.core.records.reconciliation import Reconciliation
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
_TOKEN = re.compile(r"[-+]?\d(?:[\w.,:/+-]*\w)?|\w+|\s|.")
"""Numbers and dates with their sign and without the full stop after them, words, single other characters."""
_MOST_LOOKED_UP = 200_000
"""Records among which the owner of a value is looked for; of JSON columns a tenth, as each is parsed."""

Pair = tuple[Any, Any]
"""Recorded, expected."""


@dataclass(frozen=True, kw_only=True)
class FieldPattern:
    """A kind of damage, and how it shows."""

    name: str
    words: str
    """As a clause: `recorded is 100 times what is expected`."""
    n_matching: int = 0
    """Discrepancies that it explains."""
    n_seen: int = 0
    """Discrepancies that were looked at."""


def name_patterns(
    reconciled: Mapping[str, Reconciliation], keys: pd.Index[Any], times: pd.Series[Any] | None = None
) -> dict[tuple[str, str], FieldPattern]:
    """Return the patterns of the fields that differ in these records, by stage and field; unclear ones are missing.

    Args:
        reconciled: By stage.
        keys: Records to look at.
        times: Of the records by key, for what came earlier; None takes the order of the expected payloads.
    """
    found: dict[tuple[str, str], FieldPattern] = {}
    for stage, result in reconciled.items():
        rows = result.discrepancies
        rows = rows[rows["key"].isin(keys).to_numpy() & (rows["kind"] != DiscrepancyKind.FORMAT).to_numpy()]
        for name, mine in rows.groupby("field", sort=False):
            chosen = mine.iloc[np.unique(np.linspace(0, len(mine) - 1, min(len(mine), _MOST)).astype(int))]
            pairs = list(zip(chosen["recorded"], chosen["expected"], strict=True))
            pattern = name_pattern(pairs)
            if pattern is None or pattern.name in ("default", "date"):
                pattern = _of_others(chosen, result.expected, str(name), times) or pattern
            if pattern is not None:
                found[stage, str(name)] = pattern
    return found


def name_pattern(pairs: Sequence[Pair]) -> FieldPattern | None:
    """Return the pattern of a field from its recorded and expected values; None where none explains most of them."""
    if len(pairs) < _FEWEST:
        return None
    views = [list(pairs)]
    if any(_is_long(*pair) for pair in pairs):
        cuts = [_differing_tokens(*pair) if _is_long(*pair) else (*pair, pair) for pair in pairs]
        views = [[(r, e) for r, e, _ in cuts], [first for _, _, first in cuts], views[0]]
    for look in _LOOKS:
        for view in views:
            pattern = look(view)
            if pattern is not None:
                limit = _limit(pairs) if pattern.name == "truncated" else ""
                return replace(pattern, words=pattern.words + limit, n_seen=len(pairs))
    return None


def _is_long(recorded: Any, expected: Any) -> bool:
    return isinstance(recorded, str) and isinstance(expected, str) and max(len(recorded), len(expected)) > _LONG


def _differing_tokens(recorded: str, expected: str) -> tuple[str, str, Pair]:
    """Return the middles in which two long texts differ, and the first two tokens in which these do.

    A value that a prompt repeats makes the middle reach from its first place to its last; its first place says enough.
    Where the recorded middle is empty because the text ends early, the word before it is kept: it was cut, not missing.
    """
    left, right = (_TOKEN.findall(part) for part in _near_difference(recorded, expected))
    start = 0
    while start < min(len(left), len(right)) and left[start] == right[start]:
        start += 1
    end = 0
    while end < min(len(left), len(right)) - start and left[-1 - end] == right[-1 - end]:
        end += 1
    middle, wanted = left[start : len(left) - end], right[start : len(right) - end]
    if not "".join(middle).strip() and "".join(wanted).strip():
        before = next((number for number in range(start - 1, -1, -1) if not left[number].isspace()), None)
        if before is not None and left[before][0].isalnum() and "\n" not in left[before:start]:
            kept = left[before:start]
            middle, wanted = [*kept, *middle], [*kept, *wanted]
    same = len(middle) == len(wanted)
    first = next((pair for pair in zip(middle, wanted, strict=same) if pair[0] != pair[1]), ("", "")) if same else None
    joined = ("".join(middle).strip(), "".join(wanted).strip())
    return *joined, first or joined


def _near_difference(left: str, right: str) -> Pair:
    """Return the part of two texts from a few words before their first difference to the end of the last one's word.

    Found by halving, so that a prompt of many pages costs little.
    """
    shortest = min(len(left), len(right))
    start = bisect_left(range(1, shortest + 1), True, key=lambda n: left[:n] != right[:n])
    end = bisect_left(range(1, shortest - start + 1), True, key=lambda n: left[-n:] != right[-n:])
    start = left.rfind(" ", 0, max(start - _LONG, 0)) + 1
    blank = left.find(" ", len(left) - end)
    n_after = len(left) - blank if end and blank >= 0 else 0
    return left[start : len(left) - n_after], right[start : len(right) - n_after]


def _enough(pairs: Sequence[Pair]) -> float:
    return max(EXPLAINED * len(pairs), _FEWEST)


def _missing(pairs: Sequence[Pair]) -> FieldPattern | None:
    n = sum(is_null(r) or r == "" for r, _ in pairs)
    return FieldPattern(name="missing", words="recorded is empty", n_matching=n) if n >= _enough(pairs) else None


def _encoding(pairs: Sequence[Pair]) -> FieldPattern | None:
    texts = [(r, e) for r, e in pairs if isinstance(r, str) and isinstance(e, str)]
    kinds = Counter(kind for r, e in texts if (kind := _broken_text(r, e)) is not None)
    if not kinds or kinds.total() < _enough(pairs):
        return None
    return FieldPattern(name="encoding", words=kinds.most_common(1)[0][0], n_matching=kinds.total())


def _broken_text(recorded: str, expected: str) -> str | None:
    if not expected.isascii() and (words := _broken_letters(recorded, expected)) is not None:
        return words
    if "&" in recorded and html.unescape(recorded) == expected:
        return "HTML entities were left in"
    if "\\" in recorded and _unescaped(recorded) == expected:
        return "escaped characters were left in"
    if "%" in recorded and unquote(recorded) == expected:
        return "URL escapes were left in"
    return None


def _broken_letters(recorded: str, expected: str) -> str | None:
    """Return what became of the characters beyond ASCII."""
    for codec in ("cp1252", "latin-1"):
        once = expected.encode("utf-8", errors="replace").decode(codec, errors="replace")
        if recorded == once:
            return f"UTF-8 was read as {codec}"
        if recorded == once.encode("utf-8").decode(codec, errors="replace"):
            return f"UTF-8 was read as {codec}, twice"
    if _is_replaced(recorded, expected):
        return "characters beyond ASCII were replaced"
    if recorded == expected.encode("ascii", "ignore").decode():
        return "characters beyond ASCII were left out"
    if recorded == unicodedata.normalize("NFKD", expected).encode("ascii", "ignore").decode():
        return "accents were left out"
    return None


def _is_replaced(recorded: str, expected: str) -> bool:
    """Return whether `?` or U+FFFD stands in place of characters beyond ASCII, and of nothing else."""
    pairs = zip(recorded, expected, strict=False)
    is_same_length = len(recorded) == len(expected)
    return is_same_length and all(r == e or (not e.isascii() and r in "?\ufffd") for r, e in pairs)


def _unescaped(text: str) -> str:
    text = re.sub(r"\\u([0-9a-fA-F]{4})", lambda found: chr(int(found[1], 16)), text)
    return text.replace("\\n", "\n").replace("\\t", "\t").replace('\\"', '"').replace("\\/", "/").replace("\\\\", "\\")


def _numbers(pairs: Sequence[Pair]) -> FieldPattern | None:
    numbers = [(as_number(r), as_number(e)) for r, e in pairs]
    known = [(r, e) for r, e in numbers if r is not None and e and abs(r) < np.inf and abs(e) < np.inf]
    if len(known) < _enough(pairs) or min(len(set(side)) for side in zip(*known, strict=True)) < _FEWEST:
        return None
    left, right = (np.array(side, dtype=float) for side in zip(*known, strict=True))
    if Counter(left.tolist()).most_common(1)[0][1] >= _enough(pairs):  # one value for all is a default
        return None
    enough = _enough(pairs)
    factor = float(np.median(left / right))
    # Either side may have been rounded to cents on its way.
    cents = [0.0051 * size for side, size in ((left, 1.0), (right, abs(factor))) if _is_in_cents(side)]
    slack = 1e-6 * np.abs(left) + max(cents, default=0.0)
    if factor and abs(factor - 1.0) > 1e-3 and (n := int((np.abs(left - factor * right) <= slack).sum())) >= enough:
        if abs(factor + 1.0) < 1e-3:
            # Where the sign is lost, numbers without one are no discrepancy.
            words = "recorded has lost its sign" if (right < 0).all() else "recorded has the opposite sign"
            return FieldPattern(name="sign", words=words, n_matching=n)
        return FieldPattern(name="unit", words=f"recorded is {factor:.3g} times what is expected", n_matching=n)
    for words, made in (
        ("recorded is in Fahrenheit, expected in Celsius", 1.8 * right + 32),
        ("recorded is in Celsius, expected in Fahrenheit", (right - 32) / 1.8),
        ("recorded is in Kelvin, expected in Celsius", right + 273.15),
        ("recorded is in Celsius, expected in Kelvin", right - 273.15),
    ):
        if (n := int((np.abs(left - made) <= slack).sum())) >= enough:
            return FieldPattern(name="unit", words=words, n_matching=n)
    for digits in (2, 1, 0, -1, -2, -3):
        size = 10.0**-digits
        near = np.stack([np.round(right, digits), np.trunc(right / size) * size, np.ceil(right / size) * size])
        is_near = (np.abs(near - left) < 1e-9 * np.maximum(1.0, np.abs(left))).any(axis=0) & (left != 0)
        if (n := int(is_near.sum())) >= enough:
            words = "recorded is expected without its last digits"
            return FieldPattern(name="rounded", words=words, n_matching=n)
    return None


def _is_in_cents(numbers: np.ndarray[Any, np.dtype[np.float64]]) -> bool:
    return bool((np.abs(numbers * 100 - np.rint(numbers * 100)) < 1e-6 * np.maximum(1.0, np.abs(numbers))).all())


def _dates(pairs: Sequence[Pair]) -> FieldPattern | None:
    known = [(r, e, then) for r, e in pairs if (then := _moment(e)) is not None]
    if len(known) < _enough(pairs):
        return None
    kinds: Counter[str] = Counter()
    hours: Counter[float] = Counter()
    for recorded, expected, then in known:
        kinds.update(_date_kinds(recorded, expected, then))
        if (found := _moment(recorded)) is not None and found != then:
            hours[(found - then).total_seconds() / 3600] += 1
    # Summer time makes two differences of one.
    usual = sorted(shift for shift, _ in hours.most_common(2) if abs(shift) <= 14 and shift % 0.25 == 0)
    if len(usual) == 2 and usual[1] - usual[0] == 1:
        kinds[f"recorded is {usual[0]:+g} or {usual[1]:+g} hours from what is expected"] = sum(hours[h] for h in usual)
    if kinds:
        words, n = max(kinds.items(), key=lambda item: (item[1], -len(item[0])))
        if n >= _enough(pairs):
            return FieldPattern(name="date", words=words, n_matching=n)
    return _processing_date(known, _enough(pairs))


def _processing_date(known: Sequence[tuple[Any, Any, datetime]], enough: float) -> FieldPattern | None:
    """Return whether all recorded dates are of two days, though expected ones are far apart: when they were made."""
    dates = [(found, then) for r, _, then in known if (found := _moment(r)) is not None]
    if len({found for found, _ in dates}) < _FEWEST:
        return None
    middle = sorted(found for found, _ in dates)[len(dates) // 2]
    near = [abs((found - middle).total_seconds()) <= 86_400 for found, _ in dates]
    far = [abs((then - middle).total_seconds()) > 7 * 86_400 for _, then in dates]
    if min(sum(near), sum(far)) < enough:
        return None
    words = f"recorded is about {middle:%Y-%m-%d}, whatever is expected"
    return FieldPattern(name="date", words=words, n_matching=sum(near))


def _date_kinds(recorded: Any, expected: Any, then: datetime) -> list[str]:
    number = as_number(recorded)
    if number is not None:
        seconds = then.timestamp()
        return ["recorded is a number of seconds or milliseconds"] if number in (seconds, seconds * 1000) else []
    found = _moment(recorded)
    if found is None:
        return []
    kinds = []
    swapped = (found.day, found.month, found.year) == (then.month, then.day, then.year)
    if swapped and found != then:
        kinds.append("day and month are swapped")
    is_century = (found.year - then.year) % 100 == 0 and (found.month, found.day) == (then.month, then.day)
    if found.year != then.year and is_century:
        kinds.append("the century is another")
    if then.year > 1971 and abs(found.timestamp() * 1000 - then.timestamp()) < 1000:
        kinds.append("seconds were read as milliseconds")
    hours = (found - then).total_seconds() / 3600
    if hours and abs(hours) <= 14 and hours % 0.25 == 0:
        kinds.append(f"recorded is {hours:+g} hours from what is expected")
    elif hours and hours % 24 == 0 and abs(hours) <= 24 * 7:
        kinds.append(f"recorded is {hours / 24:+g} days from what is expected")
    return kinds


def _moment(value: Any) -> datetime | None:
    """Return a date or time from ISO 8601 or from three numbers, day first unless it cannot be; None for all else."""
    if isinstance(value, datetime):
        return None if is_null(value) else value if value.tzinfo else value.replace(tzinfo=UTC)
    text = strict_text(value)
    if text is None:
        return None
    if (parts := re.fullmatch(r"(\d{1,2})([./-])(\d{1,2})\2(\d{4})", text.strip())) is not None:
        day, month, year = int(parts[1]), int(parts[3]), int(parts[4])
        day, month = (month, day) if month > 12 else (day, month)
        text = f"{year:04}-{month:02}-{day:02}"
    if not re.match(r"^\d{4}-\d\d-\d\d", text):
        return None
    try:
        found = datetime.fromisoformat(text)
        found = found if found.tzinfo else found.replace(tzinfo=UTC)
        found.timestamp()
    except (ValueError, OverflowError):
        return None
    return found


def _truncated(pairs: Sequence[Pair]) -> FieldPattern | None:
    texts = [(r.rstrip(" .\u2026"), e) for r, e in pairs if isinstance(r, str) and isinstance(e, str)]
    n = sum(bool(r) and len(r) < len(e) and e.startswith(r) for r, e in texts)
    if n < _enough(pairs):
        return None
    words = "recorded is only the beginning of what is expected"
    return FieldPattern(name="truncated", words=words, n_matching=n)


def _limit(pairs: Sequence[Pair]) -> str:
    """Return the length at which most of the recorded texts end, in words; empty without a common one."""
    lengths = Counter(len(r) for r, e in pairs if isinstance(r, str) and isinstance(e, str) and e.startswith(r))
    length, n = lengths.most_common(1)[0] if lengths else (0, 0)
    return f", {length} characters" if n >= _enough(pairs) else ""


def _default(pairs: Sequence[Pair]) -> FieldPattern | None:
    value, n = Counter(loose_text(r) for r, _ in pairs).most_common(1)[0]
    different = {loose_text(e) for r, e in pairs if loose_text(r) == value}
    if n < _enough(pairs) or len(different) < _FEWEST:
        return None
    return FieldPattern(name="default", words=f"recorded is always {_short(value)}", n_matching=n)


def _code_table(pairs: Sequence[Pair]) -> FieldPattern | None:
    became: dict[str | None, Counter[str | None]] = {}
    for recorded, expected in pairs:
        became.setdefault(loose_text(expected), Counter())[loose_text(recorded)] += 1
    as_written = {loose_text(value): strict_text(value) for pair in pairs for value in pair}
    n_kept = sum(values.most_common(1)[0][1] for values in became.values())
    is_table = len(became) <= min(_MOST_CODES, len(pairs) / 2) and n_kept >= EXPLAINED * len(pairs)
    if not is_table:
        return None
    expected, values = max(became.items(), key=lambda item: item[1].total())
    instead = as_written[values.most_common(1)[0][0]]
    words = f"{_short(as_written[expected])} comes as {_short(instead)}, for example"
    return FieldPattern(name="code_table", words=words, n_matching=n_kept)


def _of_others(
    rows: pd.DataFrame, expected: pd.DataFrame, name: str, times: pd.Series[Any] | None
) -> FieldPattern | None:
    """Return whether each record has what a neighbour (`shifted`) or an earlier record (`stale`) should have.

    Only values that one record alone should have tell whose they are, so most of the column must be such.
    """
    column = next((str(c) for c in expected.columns if name == c or name.startswith(f"{c}.")), None)
    limit = _MOST_LOOKED_UP if name == column else _MOST_LOOKED_UP // 10
    if column is None or len(rows) < _FEWEST or len(expected) > limit:
        return None
    if times is not None:
        expected = expected.loc[times.reindex(expected.index).sort_values(kind="stable").index]
    values = [loose_text(at_path(value, name[len(column) + 1 :])) for value in expected[column]]
    counts = Counter(values)
    owners: dict[str | None, int] = {
        value: at for at, value in enumerate(values) if value is not None and counts[value] == 1
    }
    if len(owners) < EXPLAINED * len(values):
        return None
    places = expected.index.get_indexer(pd.Index(rows["key"]))
    pairs = zip((owners.get(loose_text(value)) for value in rows["recorded"]), places, strict=True)
    steps = [int(place - owner) for owner, place in pairs if owner is not None and place >= 0]
    enough = max(EXPLAINED * len(rows), _FEWEST)
    usual, n = Counter(steps).most_common(1)[0] if steps else (0, 0)
    if n >= enough and usual:
        which = "before" if usual > 0 else "after"
        words = f"the record {which}" if abs(usual) == 1 else f"the record {abs(usual)} {which}"
        return FieldPattern(
            name="shifted", words=f"recorded is what {words} it should have", n_matching=n, n_seen=len(rows)
        )
    if (n := sum(step > 0 for step in steps)) >= enough:
        words = "recorded is what an earlier record should have"
        return FieldPattern(name="stale", words=words, n_matching=n, n_seen=len(rows))
    return None


def _short(text: str | None) -> str:
    return "empty" if text is None else f"{text[:30]}\u2026" if len(text) > 30 else text


_LOOKS: tuple[Callable[[Sequence[Pair]], FieldPattern | None], ...] = (
    _missing,
    _encoding,
    _dates,
    _numbers,
    _truncated,
    _default,
    _code_table,
)
"""In the order of how much each says: a constant factor says more than a table of values."""
