"""Whether a document is what its chunks in the index hold: each of them stands in it, and together they cover it.

Chunks overlap, are cut within words, and lose blanks and separators; loaders leave out front matter, headings and
markup, and put titles before a chunk. None of that is a change. What was added at the source stands in no chunk, what
was removed or edited stands in a chunk alone.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

_FRONT_MATTER = re.compile(r"\A\ufeff?---[ \t]*\r?\n(.*?)^(?:---|\.\.\.)[ \t]*(?:\r?\n|\Z)", re.DOTALL | re.MULTILINE)
_HEADING = re.compile(r"^[ \t]{0,3}#{1,6}[ \t]+.*$|^.+\r?\n[ \t]*(?:={3,}|-{3,})[ \t]*$", re.MULTILINE)
_COMMENT = re.compile(r"<!--.*?-->", re.DOTALL)
_LINK = re.compile(r"!?\[([^\[\]]*)\]\([^()\s]*(?:\s+\"[^\"]*\")?\)")
_MARKUP = re.compile(
    r"\*\*|__|~~|`+|^[ \t]*(?:#{1,6}|>|[-*+]|\d{1,3}[.)])[ \t]+|^[ \t]*(?:[-*_=][ \t]*){3,}$", re.MULTILINE
)
"""Signs of Markdown that a loader of plain text leaves out."""
_HAS_MARKUP = re.compile(r"\*\*|\]\(|^[ \t]{0,3}#{1,6}[ \t]|^```", re.MULTILINE)
_ITEM = re.compile(r"[-*+|]\s|\d{1,3}[.)]\s")
_LABEL = re.compile(r"(?:title|document|source|section|chapter|page|file|url)\s*:", re.IGNORECASE)
_WORD = re.compile(r"\w+")
_MOST_TITLE_LINES = 4
_MOST_TITLE_CHARS = 120
_MOST_PREFIX_WORDS = 40
_SENTENCE_END = (".", "!", "?", ";", ",")


@dataclass(frozen=True, kw_only=True)
class _Form:
    """A text without its blanks."""

    text: str
    headings: tuple[tuple[int, int], ...]
    """Where its headings stand in `text`."""


def is_same_text(text: str, chunks: Sequence[str], *, is_whole: bool = True, name: str = "") -> bool:
    """Return whether a document's text is what was indexed of it.

    Args:
        text: The document as it is.
        chunks: The texts of its chunks, in any order.
        is_whole: Whether all chunks of the document are there; where some are known to be missing, those that are
            there say nothing of what stands in none of them.
        name: Its id, whose words may stand in a title before a chunk.

    Either as it is written, or as a loader of plain text leaves it, where no chunk holds markup.
    """
    front = _FRONT_MATTER.match(text)
    body = text[front.end() :] if front else text
    titles = frozenset(_words(" ".join([front[1] if front else "", name, *_headings(body)])))
    forms = [_form(body)]
    if front:
        forms.append(_form(text))
    if not any(_HAS_MARKUP.search(chunk) for chunk in chunks):
        forms.append(_form(_plain(body)))
    return any(_is_made_of(form, chunks, titles, is_whole=is_whole) for form in forms)


def _is_made_of(form: _Form, chunks: Sequence[str], titles: frozenset[str], *, is_whole: bool) -> bool:
    spans: list[tuple[int, int]] = []
    firsts = Counter(line for chunk in chunks for line in {*_first_lines(chunk)})
    repeated = frozenset(line for line, count in firsts.items() if count > 1)
    for chunk in chunks:
        if not _squeezed(chunk):
            continue
        rests = _without_title(chunk, titles, repeated)
        found = next((places for one in rests if (places := _places(form.text, one))), None)
        if found is None:
            return False
        spans += found
    return not is_whole or _is_covered(form, spans)


def _is_covered(form: _Form, spans: Iterable[tuple[int, int]]) -> bool:
    """Return whether nothing that says something stands in no span.

    Headings may be left out of all chunks, and are then no part of the text; where one of them stands in a chunk, all
    must.
    """
    spans = sorted(spans)
    is_without_headings = not any(start <= a and b <= end for a, b in form.headings for start, end in spans)
    if is_without_headings:
        spans = sorted([*spans, *form.headings])
    at = 0
    for start, end in [*spans, (len(form.text), len(form.text))]:
        if any(sign.isalnum() for sign in form.text[at:start]):
            return False
        at = max(at, end)
    return True


def _places(text: str, part: str) -> list[tuple[int, int]]:
    """Return every place of a part of a text without blanks."""
    found, at = [], text.find(part)
    while at >= 0:
        found.append((at, at + len(part)))
        at = text.find(part, at + 1)
    return found


def _first_lines(chunk: str) -> list[str]:
    return [line.strip() for line in chunk.strip().splitlines()[:_MOST_TITLE_LINES]]


def _without_title(chunk: str, titles: frozenset[str], repeated: frozenset[str]) -> Iterator[str]:
    """Yield a chunk without blanks: as it is, then without what may be a title before it, the shortest first.

    A title is made of words of the document's own headings, front matter and name. Or it is one of a few short first
    lines that end no sentence and are no items of a list, where it stands apart (a blank line after it, a heading, a
    label as `Title:`) or before several chunks: anything else may be a line that was removed at the source.
    """
    yield _squeezed(chunk)
    lines = chunk.strip().splitlines()
    for n, title in enumerate(_first_lines(chunk)[: len(lines) - 1], start=1):
        if len(title) > _MOST_TITLE_CHARS or title.endswith(_SENTENCE_END) or _ITEM.match(title):
            break
        stands_apart = not lines[n].strip() or title.startswith("#") or _LABEL.match(title)
        if (stands_apart or title in repeated) and (rest := _squeezed("\n".join(lines[n:]))):
            yield rest
    for n, word in enumerate(_WORD.finditer(chunk)):
        if n >= _MOST_PREFIX_WORDS or word[0].casefold() not in titles:
            return
        if rest := _squeezed(chunk[word.end() :].lstrip(" \t\r\n:>|/\\-\u2013\u2014\u00b7\u2022.")):
            yield rest


def _form(text: str) -> _Form:
    headings = []
    for heading in _HEADING.finditer(text):
        start = len(_squeezed(text[: heading.start()]))
        headings.append((start, start + len(_squeezed(heading[0]))))
    return _Form(text=_squeezed(text), headings=tuple(headings))


def _plain(text: str) -> str:
    """Return Markdown as a loader of plain text leaves it."""
    return _MARKUP.sub("", _LINK.sub(r"\1", _COMMENT.sub("", text)))


def _headings(text: str) -> list[str]:
    first = next((line for line in text.splitlines() if line.strip()), "")
    return [*(heading[0] for heading in _HEADING.finditer(text)), first if len(first) <= _MOST_TITLE_CHARS else ""]


def _words(text: str) -> Iterator[str]:
    return (word.casefold() for word in _WORD.findall(text))


def _squeezed(text: str) -> str:
    """Return a text without blanks and signs that nobody sees, in one Unicode form."""
    composed = unicodedata.normalize("NFC", text)
    return "".join(
        "".join(part for part in composed.split()).replace("\u200b", "").replace("\ufeff", "").split("\u00ad")
    )
