"""What a text is made of: its kind, and whether an encoding broke its characters."""

from __future__ import annotations

import re

from seamwatch.core.records.comparison import as_number

KINDS = ("number", "date", "code", "symbols", "words")
"""What `kind_of` tells apart."""
_TRAIL = r"[\u0080-\u00bf\u0152-\u0178\u2018-\u2122]"
_MOJIBAKE = re.compile(rf"[\u00c2\u00c3\u00d0\u00d1]{_TRAIL}|\u00e2[\u0080-\u00bf\u20ac]|\u00ef\u00bf\u00bd")
_REPLACED = re.compile(r"[\ufffd\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x84\x86-\x9f\ue000-\uf8ff\ud800-\udfff]")
_ESCAPED = re.compile(
    r"\\u[0-9a-fA-F]{4}|\\x[0-9a-fA-F]{2}|&(?:amp;)*#?\w{2,8};|=[0-9A-F]{2}(?==|\w)|%[0-9A-F]{2}%[0-9A-F]{2}"
)
_LOST_LETTERS = re.compile(r"[^\W\d_]\?+[^\W\d_]")
_DATE = re.compile(r"^\d{1,4}[-./]\d{1,2}[-./]\d{1,4}([T ].*)?$")


def kind_of(text: str) -> str:
    """Return what a text is made of: a number, a date, a code (one word with digits), symbols only, or words."""
    if as_number(text) is not None:
        return "number"
    if _DATE.match(text):
        return "date"
    if not any(letter.isalnum() for letter in text):
        return "symbols"
    if " " not in text and any(letter.isdigit() for letter in text):
        return "code"
    return "words"


def is_garbled(text: str) -> bool:
    """Return whether a text holds characters that an encoding broke: replaced, read as others, escaped or lost."""
    if _REPLACED.search(text) or _ESCAPED.search(text):
        return True
    if text.isascii():
        return bool(_LOST_LETTERS.search(text))
    return bool(_MOJIBAKE.search(text)) or _reads_as_other(text)


def _reads_as_other(text: str) -> bool:
    """Return whether the text is UTF-8 that was read as a one-byte encoding: undone, it is shorter and in order."""
    for encoding in ("latin-1", "cp1252"):
        try:
            undone = text.encode(encoding).decode("utf-8")
        except (UnicodeEncodeError, UnicodeDecodeError):
            continue
        return undone != text
    return False
