"""Which words of two texts differ, so that a reader's eye lands there."""

from __future__ import annotations

import re
from dataclasses import dataclass
from difflib import SequenceMatcher

from seamwatch.plurals import plural

_WORD = re.compile(r"\w+|\s+|[^\w\s]")
_WHOLE_BELOW_RATIO = 0.3  # with less in common than this, single equal words are chance and only distract
_CONTEXT_CHARS = 60
_LONGEST_CHARS = 20_000  # the comparison is quadratic at worst; what is longer is compared as a whole


@dataclass(frozen=True, kw_only=True)
class Piece:
    """A run of text that is equal on both sides, or differs."""

    text: str
    differs: bool = False


Pieces = tuple[Piece, ...]


def word_diff(recorded: str | None, expected: str | None, *, longest_chars: int = 600) -> tuple[Pieces, Pieces]:
    """Return both texts as pieces, long equal stretches and overlong texts shortened with a note.

    A side that is None has no pieces: the renderer says that there is no value.
    """
    if recorded is None or expected is None or recorded == expected:
        return (
            _shortened(_whole(recorded, differs=recorded != expected), longest_chars),
            _shortened(_whole(expected, differs=recorded != expected), longest_chars),
        )
    if max(len(recorded), len(expected)) > _LONGEST_CHARS:
        left, right = _around_first_difference(recorded, expected)
        return _shortened(left, longest_chars), _shortened(right, longest_chars)
    left_words, right_words = _WORD.findall(recorded), _WORD.findall(expected)
    matcher = SequenceMatcher(None, left_words, right_words, autojunk=False)
    if matcher.ratio() < _WHOLE_BELOW_RATIO:
        left, right = _whole(recorded, differs=True), _whole(expected, differs=True)
        return _shortened(left, longest_chars), _shortened(right, longest_chars)
    found: tuple[list[Piece], list[Piece]] = ([], [])
    for tag, i1, i2, j1, j2 in matcher.get_opcodes():
        for side, words in zip(found, (left_words[i1:i2], right_words[j1:j2]), strict=True):
            if words:
                side.append(Piece(text="".join(words), differs=tag != "equal"))
    return _shortened(_joined(found[0]), longest_chars), _shortened(_joined(found[1]), longest_chars)


def _whole(text: str | None, *, differs: bool) -> Pieces:
    return () if text is None else (Piece(text=text, differs=differs),)


def _joined(pieces: list[Piece]) -> Pieces:
    """Return pieces with differing words that only blanks part made one, so that phrases read as phrases."""
    joined: list[Piece] = []
    for n, piece in enumerate(pieces):
        inside = 0 < n < len(pieces) - 1 and pieces[n - 1].differs and pieces[n + 1].differs
        differs = piece.differs or (inside and piece.text.isspace())
        if joined and joined[-1].differs == differs:
            joined[-1] = Piece(text=joined[-1].text + piece.text, differs=differs)
        else:
            joined.append(Piece(text=piece.text, differs=differs))
    return tuple(joined)


def _around_first_difference(left: str, right: str) -> tuple[Pieces, Pieces]:
    pairs = zip(left, right, strict=False)
    at = next((n for n, (a, b) in enumerate(pairs) if a != b), min(len(left), len(right)))
    return (
        tuple(p for p in (Piece(text=left[:at]), Piece(text=left[at:], differs=True)) if p.text),
        tuple(p for p in (Piece(text=right[:at]), Piece(text=right[at:], differs=True)) if p.text),
    )


def _shortened(pieces: Pieces, longest_chars: int) -> Pieces:
    if sum(len(piece.text) for piece in pieces) <= longest_chars:
        return pieces
    kept: list[Piece] = []
    left = longest_chars
    for n, piece in enumerate(pieces):
        text = piece.text
        if not piece.differs and len(text) > 2 * _CONTEXT_CHARS:
            head = text[:_CONTEXT_CHARS] if n > 0 else ""
            tail = text[-_CONTEXT_CHARS:] if n < len(pieces) - 1 else ""
            text = f"{head} … {tail}"
        if len(text) > left:
            rest = sum(len(p.text) for p in pieces[n:]) - left
            kept.append(Piece(text=f"{text[:left]} … ({plural(rest, 'more character')})", differs=piece.differs))
            break
        kept.append(Piece(text=text, differs=piece.differs))
        left -= len(text)
    return tuple(kept)
