"""What a text says once its disguises are taken off, with the way back to the characters that were written.

Taken off are: characters without width, direction marks and tag characters; letters that only look Latin; HTML tags,
comments and entities; URL, Unicode and hexadecimal escapes; base64 and hex that hold text; spaced letters; and in
readings of their own, since they would garble honest text, leetspeak, rot13 and reversed text. The cost is bounded:
every pattern is linear in the text, texts are cut, and what was decoded is decoded once more at most.
"""

from __future__ import annotations

import base64
import binascii
import codecs
import html
import re
import unicodedata
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from importlib import resources
from urllib.parse import unquote

LONGEST_TEXT = 16_000
"""Of longer texts the first three quarters of this and the last quarter are read."""
DECODE_DEPTH = 2
MOST_CODED = 20
"""Coded parts of one text that are decoded."""
LONGEST_CODED = 8_000


@dataclass(frozen=True, slots=True)
class Reading:
    """One way to read a text."""

    text: str
    starts: list[int] | None = None
    """By character of `text`, where what it stands for begins in the text as written; None: at its own place."""
    ends: list[int] | None = None
    disguised: tuple[tuple[int, int], ...] = ()
    """Parts of `text`, in order, that a person would not have read as they are here."""

    def origin(self, start: int, end: int) -> tuple[int, int]:
        """Return where a part of this reading, not empty, stands in the text as written."""
        if self.starts is None or self.ends is None:
            return start, end
        return min(self.starts[start:end]), max(self.ends[start:end])

    def is_disguised(self, start: int, end: int) -> bool:
        """Return whether a part of this reading was disguised to some extent."""
        return any(a < end and b > start for a, b in self.disguised)


def readings(text: str, longest: int = LONGEST_TEXT) -> Iterator[Reading]:
    """Yield the text without its disguises first (as it is where it has none), then rarer readings of it."""
    plain = unveil(cut(text, longest))
    yield plain
    if len(_LEET.findall(plain.text)) >= 2:
        yield _rewrite(plain, _LEET_WORD, lambda found: found.group().translate(_LEET_LETTERS)) or plain
    for sign, turn in ((_ROT13, _unrotate), (_BACKWARD, _reversed_words)):
        if len(sign.findall(plain.text)) >= 2 and (turned := turn(plain)) is not None:
            yield turned


def cut(text: str, longest: int = LONGEST_TEXT) -> Reading:
    """Return the text, or of one that is too long its beginning and its end."""
    if len(text) <= longest:
        return Reading(text)
    head, tail = longest * 3 // 4, longest // 4
    at = [*range(head), head, *range(len(text) - tail, len(text))]
    return Reading(f"{text[:head]}\n{text[-tail:]}", at, [place + 1 for place in at])


def unveil(reading: Reading) -> Reading:
    """Return the reading without disguises that can be taken off without garbling honest text."""
    for _ in range(DECODE_DEPTH):
        before = reading
        for step in (_plain_letters, _without_markup, _without_escapes, _decoded, _joined_letters):
            reading = step(reading) or reading
        if reading is before:
            break
    return reading


# Letters: without width, of another script, of another form.

_ODD = re.compile(r"[^\x00-\x7f]")
_MARKED = re.compile("[A-Za-z][\u0300-\u036f]+")
_FLAG = re.compile("\U0001f3f4[\U000e0020-\U000e007f]+")
"""The flags of England, Scotland and Wales are written in tag characters."""
_INVISIBLE = frozenset("\u00ad\u034f\u061c\u180e\ufeff") | {
    chr(code)
    for a, b in ((0x200B, 0x200F), (0x202A, 0x202E), (0x2060, 0x206F), (0xFE00, 0xFE0F))
    for code in range(a, b + 1)
}


def _confusables(read: str) -> dict[str, str]:
    """Return by character the Latin letter that it is read as, `anywhere` or `in_latin_words`, from the table."""
    text = resources.files(__package__).joinpath("confusables.tsv").read_text(encoding="utf-8")
    rows = [line.split("\t") for line in text.splitlines()[1:]]
    return {chr(int(code.removeprefix("U+"), 16)): latin for code, latin, where, _ in rows if where == read}


_LATIN_FORMS = _confusables("anywhere")
"""Forms of Latin letters that no normalisation knows: small capitals, letters in black squares."""
_LOOKALIKES = str.maketrans(_confusables("in_latin_words"))
"""Letters of other scripts: honest words consist of them, so only beside Latin ones are they read as Latin."""
_OTHER_SCRIPT = f"[{''.join(map(chr, _LOOKALIKES))}]"
_MIXED = re.compile(rf"\b(?=\w*[A-Za-z])(?=\w*{_OTHER_SCRIPT})\w{{2,40}}\b")
_ALL_ALIKE = re.compile(rf"\b{_OTHER_SCRIPT}{{1,40}}\b")


@lru_cache(maxsize=8192)
def _fold(letter: str) -> str:
    """Return what one character is read as; nothing for one that is not seen."""
    if letter in _INVISIBLE:
        return ""
    if "\U000e0000" <= letter <= "\U000e007f":
        return chr(ord(letter) - 0xE0000) if "\U000e0020" <= letter < "\U000e007f" else ""
    return _LATIN_FORMS.get(letter) or unicodedata.normalize("NFKC", letter)


def _plain_letters(reading: Reading) -> Reading | None:
    if reading.text.isascii():
        return None
    found = _rewrite(reading, _FLAG, lambda flag: " ", is_disguise=False) or reading
    if any(_fold(letter) != letter for letter in set(found.text) if letter > "\x7f"):
        found = _rewrite(found, _ODD, lambda one: _fold(one.group()), is_disguise=_is_veiling) or found
    found = _rewrite(found, _MARKED, _composed, is_disguise=False) or found
    mixed = _rewrite(found, _MIXED, _as_latin)
    if mixed is not None:
        # Who mixes letters within words leaves short words that consist of look-alikes alone.
        found = _rewrite(mixed, _ALL_ALIKE, _as_latin) or mixed
    return None if found is reading else found


def _as_latin(word: re.Match[str]) -> str:
    return word.group().translate(_LOOKALIKES)


def _is_veiling(found: re.Match[str]) -> bool:
    """Return whether a character hides or dresses up a Latin letter: honest texts have soft hyphens, not these."""
    letter, text = found.group(), found.string
    if letter in _INVISIBLE:
        before, after = text[found.start() - 1 : found.start()], text[found.end() : found.end() + 1]
        return letter != "\u00ad" and before.isascii() and before.isalpha() and after.isascii() and after.isalpha()
    folded = _fold(letter)
    return len(folded) == 1 and folded.isascii() and folded.isalpha()


def _composed(found: re.Match[str]) -> str:
    letter = unicodedata.normalize("NFC", found.group()[:2])
    return letter if len(letter) == 1 else letter[0]


# Markup, and what a reader of the page would not see.

_COMMENT = re.compile(r"<!--((?:(?!--!?>|<!--).){1,4000})--!?>", re.DOTALL)
_COMMENT_SIGN = re.compile(r"<!--|--!?>|^\[//\]:\s*#\s*|<!\[CDATA\[|\]\]>", re.MULTILINE)
_TAG = re.compile(
    r"</?(?:a|abbr|article|b|blockquote|body|br|button|center|code|dd|div|dl|dt|em|font|footer|form|h[1-6]|head|header|hr"
    r"|html|i|img|input|label|li|link|main|meta|nav|ol|p|pre|s|section|small|span|strong|style|sub|sup|svg|table|tbody"
    r"|td|text|th|thead|title|tr|u|ul)\b(?:[^<>]{0,400})>",
    re.IGNORECASE,
)
_SPOKEN = re.compile(
    r"\b(?:alt|title|content|aria-label|value|placeholder)\s*=\s*(?:\"([^\"]*)\"|'([^']*)')", re.IGNORECASE
)
_INLINE = re.compile(r"</?(?:a|abbr|b|code|em|font|i|s|small|span|strong|sub|sup|u)\b", re.IGNORECASE)


def _without_markup(reading: Reading) -> Reading | None:
    if "<" not in reading.text and "[//]" not in reading.text:
        return None
    # A page does not show its comments: an order in one is hidden, and goes with the whole of it.
    found = _rewrite(reading, _COMMENT, lambda one: f" \n{one.group(1)}\n ") or reading
    found = _rewrite(found, _COMMENT_SIGN, lambda one: " \n ", is_disguise=False) or found
    found = _rewrite(found, _TAG, _spoken, is_disguise=False) or found
    return None if found is reading else found


def _spoken(tag: re.Match[str]) -> str:
    said = "\n".join(a or b for a, b in _SPOKEN.findall(tag.group()))
    return f"\n{said}\n" if said else "" if _INLINE.match(tag.group()) else "\n"


# Escapes and codes.

_ESCAPE = re.compile(
    r"(?:%[0-9A-Fa-f]{2})+|&#\d{1,7};|&#x[0-9A-Fa-f]{1,6};|&[a-z]{2,8};|\\u[0-9A-Fa-f]{4}|\\x[0-9A-Fa-f]{2}"
)
_CODED = re.compile(
    r"(?<![0-9A-Fa-f])(?:[0-9A-Fa-f]{2}[ :]?){12,}(?![0-9A-Za-z])|(?<![A-Za-z0-9+/_-])[A-Za-z0-9+/_-]{16,}={0,2}"
)
_WORD = re.compile(r"[^\W\d_]{2,}")


def _without_escapes(reading: Reading) -> Reading | None:
    if not any(sign in reading.text for sign in "%&\\"):
        return None
    return _rewrite(
        reading, _ESCAPE, _unescaped, is_disguise=lambda one: one.group()[0] in "%\\" and len(one.group()) > 3
    )


def _unescaped(found: re.Match[str]) -> str:
    part = found.group()
    if part[0] == "%":
        return unquote(part, errors="strict") if _is_utf8(part) else part
    return html.unescape(part) if part[0] == "&" else chr(int(part[2:], 16))


def _is_utf8(part: str) -> bool:
    try:
        unquote(part, errors="strict")
    except UnicodeDecodeError:
        return False
    return True


def _decoded(reading: Reading) -> Reading | None:
    left = MOST_CODED

    def decode(found: re.Match[str]) -> str:
        nonlocal left
        left -= 1
        return (_decode(found.group()[:LONGEST_CODED]) if left >= 0 else None) or found.group()

    return _rewrite(reading, _CODED, decode)


def _decode(part: str) -> str | None:
    """Return the text that hex or base64 holds; None where it holds no text."""
    raws = []
    packed = re.sub(r"[ :]", "", part)
    if re.fullmatch(r"(?:[0-9A-Fa-f]{2})+", packed):
        raws.append(bytes.fromhex(packed))
    if " " not in part and ":" not in part:
        body = part.rstrip("=").replace("-", "+").replace("_", "/")
        with suppress(binascii.Error, ValueError):
            raws.append(base64.b64decode(body[: len(body) - (len(body) % 4 == 1)] + "=" * (-len(body) % 4)))
    for raw in raws:
        try:
            text = raw.decode("utf-8")
        except UnicodeDecodeError:
            continue
        shown = sum(one.isalnum() or one in " .,;:!?'\"()-\n" for one in text)
        if text and shown >= 0.9 * len(text) and sum(map(len, _WORD.findall(text))) >= 0.6 * len(text):
            return f" {text} "
    return None


# Letters set apart, numbers for letters, letters moved.

_SPACED = re.compile(r"(?<!\w)\w(?:[ .*_-]{1,3}\w){7,}(?!\w)")
_GAP = re.compile(r"([ .*_-])([ .*_-]*)")
_LEET = re.compile(r"[A-Za-z][013457$]{1,3}[A-Za-z]")
_LEET_WORD = re.compile(r"(?<!\w)(?=[\w@$]{0,24}[A-Za-z])[A-Za-z013457@$]{2,24}(?!\w)")
_LEET_LETTERS = str.maketrans("013457@$", "oieastas")
_ROT13 = re.compile(
    r"\b(?:gur|naq|lbh|lbhe|nyy|vtaber|cerivbhf|vafgehpgvbaf?|flfgrz|cebzcg|nafjre|bayl|erirny|jvgu|guvf|nobir|ehyrf?)\b",
    re.IGNORECASE,
)
_BACKWARD = re.compile(
    r"\b(?:eht|dna|uoy|ruoy|lla|erongi|suoiverp|s?noitcurtsni|metsys|tpmorp|rewsna|ylno|laever|htiw|siht|evoba|s?elur)\b",
    re.IGNORECASE,
)


def _joined_letters(reading: Reading) -> Reading | None:
    def join(found: re.Match[str]) -> str:
        return _GAP.sub(lambda gap: " " if gap.group(2) else "", found.group())

    return _rewrite(reading, _SPACED, join)


def _unrotate(reading: Reading) -> Reading:
    return Reading(codecs.encode(reading.text, "rot13"), reading.starts, reading.ends, ((0, len(reading.text)),))


def _reversed_words(reading: Reading) -> Reading:
    starts = reading.starts or list(range(len(reading.text)))
    ends = reading.ends or [at + 1 for at in range(len(reading.text))]
    return Reading(reading.text[::-1], starts[::-1], ends[::-1], ((0, len(reading.text)),))


def _rewrite(
    reading: Reading,
    pattern: re.Pattern[str],
    replace: Callable[[re.Match[str]], str],
    *,
    is_disguise: bool | Callable[[re.Match[str]], bool] = True,
) -> Reading | None:
    """Return the reading with matches replaced, each new character standing for the whole match; None: none differs."""
    changes = [(found, new) for found in pattern.finditer(reading.text) if (new := replace(found)) != found.group()]
    if not changes:
        return None
    parts: list[str] = []
    starts: list[int] = []
    ends: list[int] = []
    disguised: list[tuple[int, int]] = []
    moves: list[tuple[int, int]] = []
    """Where kept text begins in the old reading, and how far it moved."""
    at, size = 0, 0

    def keep(until: int) -> None:
        nonlocal size
        moves.append((at, size - at))
        parts.append(reading.text[at:until])
        starts.extend(range(at, until) if reading.starts is None else reading.starts[at:until])
        ends.extend(range(at + 1, until + 1) if reading.ends is None else reading.ends[at:until])
        size += until - at

    for found, new in changes:
        keep(found.start())
        start, end = reading.origin(found.start(), found.end())
        parts.append(new)
        starts.extend([start] * len(new))
        ends.extend([end] * len(new))
        if is_disguise if isinstance(is_disguise, bool) else is_disguise(found):
            disguised.append((size, size + max(len(new), 1)))
        size += len(new)
        at = found.end()
    keep(len(reading.text))
    kept = [(a + shift, b + shift) for a, b in reading.disguised for shift in (_shift(moves, a),)]
    return Reading("".join(parts), starts, ends, tuple(sorted([*kept, *disguised])))


def _shift(moves: list[tuple[int, int]], place: int) -> int:
    return next((shift for at, shift in reversed(moves) if at <= place), 0)
