"""Untrusted text, made fit to be shown."""

from __future__ import annotations

import re

# Control characters but tab and line feed, lone surrogates, and the marks that reverse the direction of what follows.
_UNPRINTABLE = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff\u202a-\u202e\u2066-\u2069\ufeff\ufffe\uffff]")


def printable(text: str) -> str:
    """Return the text with every character that would break or disguise its surroundings replaced by a blank."""
    return _UNPRINTABLE.sub(" ", text)


def shortened(text: str, longest_chars: int) -> str:
    """Return the text cut to that length, with an ellipsis where it was cut."""
    return text if len(text) <= longest_chars else f"{text[: longest_chars - 1]}…"
