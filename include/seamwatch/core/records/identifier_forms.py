"""Identifiers in their usual spellings: UUIDs, and hashes in hex or base64, with or without their algorithm's name."""

from __future__ import annotations

import base64
import binascii
import re
from uuid import UUID

_DIGEST_BYTES = {"md5": 16, "sha1": 20, "sha224": 28, "sha256": 32, "sha384": 48, "sha512": 64}
_BYTES = frozenset(_DIGEST_BYTES.values())
_HEX_LENGTHS = frozenset(2 * n for n in _BYTES)
_PADDED_LENGTHS = frozenset({24, 28, 40, 44, 88})
"""Of digests in base64 that end in padding, which tells them from words."""
_NAMED = re.compile(r"(md5|sha-?1|sha-?224|sha-?256|sha-?384|sha-?512)[:=-]\s*(\S+)\Z", re.IGNORECASE)
_HEX = re.compile(r"[0-9a-fA-F]+\Z")
_BASE64 = re.compile(r"[A-Za-z0-9+/_-]+={0,2}\Z")
_UUID = re.compile(
    r"(?:urn:uuid:)?(\{)?[0-9a-f]{8}(-?)[0-9a-f]{4}\2[0-9a-f]{4}\2[0-9a-f]{4}\2[0-9a-f]{12}(?(1)\})\Z", re.IGNORECASE
)


def identifier_text(text: str) -> str | None:
    """Return the one text of a UUID or hash, its hex digits in lower case; None for any other text.

    A hash is told by its length: hex digits of 16, 20, 28, 32, 48 or 64 bytes, base64 of as many with its padding, or
    either behind the algorithm's name (`sha256:`, `sha256-`). Names must fit their lengths.
    """
    if len(text) in _HEX_LENGTHS and _HEX.match(text):
        return text.lower()
    if text[:1].lower() in ("s", "m") and (found := _NAMED.match(text)):
        n_bytes = _DIGEST_BYTES[found[1].lower().replace("-", "")]
        if len(found[2]) == 2 * n_bytes and _HEX.match(found[2]):
            return found[2].lower()
        digest = _from_base64(found[2])
        return digest if digest is not None and len(digest) == 2 * n_bytes else None
    if text[-1:] == "=" and len(text) in _PADDED_LENGTHS:
        return _from_base64(text)
    if 32 <= len(text) <= 47 and _UUID.match(text):
        return UUID(text).hex
    return None


def digest_text(data: bytes) -> str | None:
    """Return the hex digits of bytes that may be a hash or UUID, by their number; else None."""
    return data.hex() if len(data) in _BYTES else None


def _from_base64(text: str) -> str | None:
    if not _BASE64.match(text):
        return None
    try:
        data = base64.b64decode(text.replace("-", "+").replace("_", "/") + "=" * (-len(text) % 4))
    except (binascii.Error, ValueError):
        return None
    return digest_text(data)
