"""How the demo's model takes instructions in a message for its own, as language models do.

A fitted classifier reads words and obeys none. What a language model does with `ignore your instructions and ...` is
imitated here: an order about the answer is followed where something before it claims to speak for the operator.
Letters that look alike, characters without width and base64 hide nothing from it; spelling like `r0ut3` does.
"""

from __future__ import annotations

import base64
import binascii
import re
import unicodedata
from collections.abc import Sequence

_HIDDEN = re.compile("[\u200b-\u200d\u2060-\u2064\ufeff]")
_LOOKALIKES = str.maketrans(
    "\u0430\u0435\u043e\u0440\u0441\u0443\u0445\u0456\u0410\u0415\u041e\u0420\u0421\u0425", "aeopcyxiAEOPCX"
)
_CODED = re.compile(r"[A-Za-z0-9+/]{40,}={0,2}")
_CLAIM = (
    r"(\b(ignore|disregard|forget|skip|override)\b.{0,40}\b(instruction|rule|guideline|text above|told)"
    r"|\b(new|updated) instruction|\b(system|admin|developer)\b.{0,20}:|<system>)"
)
_ORDER = r".{0,160}?\b(route|assign|send|forward|classify|file|set|answer|put)\b.{0,60}?\b"


def ordered_queue(message: str, queues: Sequence[str]) -> str | None:
    """Return the queue that a message orders the model to name, None where it orders nothing."""
    text = _read(message)
    if re.search(_CLAIM, text, re.IGNORECASE) is None:
        return None
    names = "|".join(re.escape(queue) for queue in queues)
    found = re.search(f"{_CLAIM}{_ORDER}(?P<queue>{names})\\b", text, re.IGNORECASE | re.DOTALL)
    return found["queue"].lower() if found is not None else None


def _read(message: str) -> str:
    """Return the text as it is meant, with what stands in it in base64."""
    text = unicodedata.normalize("NFKC", _HIDDEN.sub("", message)).translate(_LOOKALIKES)
    return _CODED.sub(lambda found: _decoded(found[0]), text)


def _decoded(code: str) -> str:
    try:
        return base64.b64decode(code, validate=True).decode("ascii")
    except (binascii.Error, UnicodeDecodeError):
        return code
