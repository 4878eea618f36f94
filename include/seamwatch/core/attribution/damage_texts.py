"""Damage of texts: nothing there, cut short, lines missing, characters broken; in long texts where they differ."""

from __future__ import annotations

import html
import re
import unicodedata
from bisect import bisect_left
from collections import Counter
from collections.abc import Sequence
from typing import Any
from urllib.parse import unquote

from seamwatch.core.attribution.damage import FieldPattern, Pair, enough, shorten
from seamwatch.core.reasons import Damage, DamageForm
from seamwatch.core.records.comparison import is_null, strict_text

_LONG = 60
"""Characters from which a text is compared by the words that differ, as where a value stands within a prompt."""
_TOKEN = re.compile(r"[-+]?\d(?:[\w.,:/+-]*\w)?|\w+|\s|.")
"""Numbers and dates with their sign and without the full stop after them, words, single other characters."""
_LINE_BREAK = re.compile(r"\r\n|\r|\n|(?<!\\)\\n")
"""Also as it stands within JSON text."""
_CUT_MARKS = " .\u2026\r\n\t"
_PUNCTUATION = ".,;!?)\"'\u2026"
_LABEL_ENDS = (":", "=")
"""A text that ends so lacks the value after it; it was not cut."""


def find_missing(pairs: Sequence[Pair]) -> FieldPattern | None:
    """Return whether nothing is recorded."""
    n = sum(is_null(r) or r == "" for r, _ in pairs)
    return (
        FieldPattern(name="missing", damage=Damage(form=DamageForm.EMPTY), n_matching=n)
        if n >= enough(len(pairs))
        else None
    )


def find_line_damage(pairs: Sequence[Pair]) -> FieldPattern | None:
    """Return whether long texts or texts of several lines end early, or have lines too few or too many.

    Args:
        pairs: Whole texts, not the parts in which they differ.
    """
    texts = [(r, e) for r, e in pairs if is_long(r, e) or (isinstance(r, str) and isinstance(e, str) and "\n" in r + e)]
    n_cut = sum(_ends_early(r, e) for r, e in texts)
    if n_cut >= enough(len(pairs)):
        return _truncated(n_cut)
    for name, form, ways in (
        ("missing_lines", DamageForm.LINES_MISSING, [(r, e) for r, e in texts]),
        ("extra_lines", DamageForm.LINES_EXTRA, [(e, r) for r, e in texts]),
    ):
        lines = [n for fewer, more in ways if (n := _n_missing_lines(fewer, more))]
        if len(lines) >= enough(len(pairs)):
            n_lines, n_same = Counter(lines).most_common(1)[0]
            usual = n_lines if n_same >= enough(len(pairs)) else None
            return FieldPattern(name=name, damage=Damage(form=form, n=usual), n_matching=len(lines))
    return None


def _ends_early(recorded: str, expected: str) -> bool:
    """Return whether a text is the beginning of another, without a whole line or some words at its end."""
    kept = recorded.rstrip(_CUT_MARKS)
    if not kept or not expected.startswith(kept):
        return False
    lost = expected[len(kept) :]
    first, *others = _LINE_BREAK.split(lost)
    if any(line.strip() for line in others):
        return True
    return len(first.split()) > 1 and not kept.endswith(_LABEL_ENDS)


def _n_missing_lines(recorded: str, expected: str) -> int:
    """Return how many lines a text lacks that has all others in their order; 0 where it is not so."""
    have, wanted = ([line.strip() for line in _LINE_BREAK.split(text) if line.strip()] for text in (recorded, expected))
    if not have or len(have) >= len(wanted):
        return 0
    left = iter(wanted)
    return len(wanted) - len(have) if all(line in left for line in have) else 0


def find_truncation(pairs: Sequence[Pair]) -> FieldPattern | None:
    """Return whether texts are only the beginning of what is expected."""
    texts = [(r.rstrip(_CUT_MARKS), e) for r, e in pairs if isinstance(r, str) and isinstance(e, str)]
    n = sum(bool(r) and len(r) < len(e) and e.startswith(r) for r, e in texts)
    return _truncated(n) if n >= enough(len(pairs)) else None


def _truncated(n: int) -> FieldPattern:
    return FieldPattern(name="truncated", damage=Damage(form=DamageForm.BEGINNING), n_matching=n)


def common_length(pairs: Sequence[Pair]) -> int | None:
    """Return the length in characters at which most of the recorded texts end; None without a common one."""
    lengths = Counter(len(r) for r, e in pairs if isinstance(r, str) and isinstance(e, str) and e.startswith(r))
    length, n = lengths.most_common(1)[0] if lengths else (0, 0)
    return length if n >= enough(len(pairs)) else None


def find_replaced_part(pairs: Sequence[Pair]) -> FieldPattern | None:
    """Return whether one and the same text stands in the place of another everywhere, as of another template."""
    (recorded, expected), n = Counter((strict_text(r), strict_text(e)) for r, e in pairs).most_common(1)[0]
    if n < enough(len(pairs)):
        return None
    damage = Damage(form=DamageForm.REPLACED, values=(shorten(recorded), shorten(expected)))
    return FieldPattern(name="replaced", damage=damage, n_matching=n)


def is_long(recorded: Any, expected: Any) -> bool:
    """Return whether texts are compared by the words in which they differ."""
    return isinstance(recorded, str) and isinstance(expected, str) and max(len(recorded), len(expected)) > _LONG


def find_broken_characters(pairs: Sequence[Pair]) -> FieldPattern | None:
    """Return how characters were read or written wrongly."""
    texts = [(r, e) for r, e in pairs if isinstance(r, str) and isinstance(e, str)]
    kinds = Counter(kind for r, e in texts if (kind := _broken_text(r, e)) is not None)
    if not kinds or kinds.total() < enough(len(pairs)):
        return None
    return FieldPattern(name="encoding", damage=kinds.most_common(1)[0][0], n_matching=kinds.total())


def _broken_text(recorded: str, expected: str) -> Damage | None:
    if not expected.isascii() and (damage := _broken_letters(recorded, expected)) is not None:
        return damage
    if "&" in recorded and html.unescape(recorded) == expected:
        return Damage(form=DamageForm.HTML_ENTITIES)
    if "\\" in recorded and _unescaped(recorded) == expected:
        return Damage(form=DamageForm.ESCAPES)
    if "%" in recorded and unquote(recorded) == expected:
        return Damage(form=DamageForm.URL_ESCAPES)
    return None


def _broken_letters(recorded: str, expected: str) -> Damage | None:
    """Return what became of the characters beyond ASCII."""
    for codec in ("cp1252", "latin-1"):
        once = expected.encode("utf-8", errors="replace").decode(codec, errors="replace")
        if recorded == once:
            return Damage(form=DamageForm.UTF8_READ_AS, values=(codec,))
        if recorded == once.encode("utf-8").decode(codec, errors="replace"):
            return Damage(form=DamageForm.UTF8_READ_AS_TWICE, values=(codec,))
    if _is_replaced(recorded, expected):
        return Damage(form=DamageForm.NON_ASCII_REPLACED)
    if recorded == expected.encode("ascii", "ignore").decode():
        return Damage(form=DamageForm.NON_ASCII_LEFT_OUT)
    if recorded == unicodedata.normalize("NFKD", expected).encode("ascii", "ignore").decode():
        return Damage(form=DamageForm.ACCENTS_LEFT_OUT)
    return None


def _is_replaced(recorded: str, expected: str) -> bool:
    """Return whether `?` or U+FFFD stands in place of characters beyond ASCII, and of nothing else."""
    pairs = zip(recorded, expected, strict=False)
    is_same_length = len(recorded) == len(expected)
    return is_same_length and all(r == e or (not e.isascii() and r in "?\ufffd") for r, e in pairs)


def _unescaped(text: str) -> str:
    text = re.sub(r"\\u([0-9a-fA-F]{4})", lambda found: chr(int(found[1], 16)), text)
    return text.replace("\\n", "\n").replace("\\t", "\t").replace('\\"', '"').replace("\\/", "/").replace("\\\\", "\\")


def differing_tokens(recorded: str, expected: str) -> tuple[str, str, Pair]:
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
        if before is not None and _is_text(left[before]) and "\n" not in left[before:start]:
            kept = left[before:start]
            middle, wanted = [*kept, *middle], [*kept, *wanted]
    same = len(middle) == len(wanted)
    first = next((pair for pair in zip(middle, wanted, strict=same) if pair[0] != pair[1]), ("", "")) if same else None
    joined = ("".join(middle).strip(), "".join(wanted).strip())
    return *joined, first or joined


def _is_text(token: str) -> bool:
    """Return whether a text may end with it; after anything else, as the colon of a label, a value is missing."""
    return token[0].isalnum() or token in _PUNCTUATION


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
