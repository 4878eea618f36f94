"""Secrets and payment numbers in a text, by their known forms and check digits; placeholders are none."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from seamwatch.secret_redaction import secret_shapes

SecretKind = Literal["credential", "card number", "bank account"]


@dataclass(frozen=True, kw_only=True)
class Secret:
    """One secret in a text."""

    kind: SecretKind
    value: str
    """In one form for all ways to write it."""
    written: str


_PLACEHOLDER = re.compile(
    r"example|sample|placeholder|dummy|redacted|changeme|change_me|insert|replace|your[-_ ]?"
    r"|my[-_ ]?(?:key|token|secret|password)"
    r"|x{4,}|\*{3,}|\.{3,}|0{8,}|1234567|abcdef|<[^>]*>|\{[^}]*\}|\$\{|\[[^\]]*\]",
    re.IGNORECASE,
)
_MORE_KEYS = re.compile(
    r"\bsk_(?:live|test)_\w{16,}|\bSG\.[\w-]{16,}\.[\w-]{16,}|\bAC[0-9a-f]{32}\b|\bxai-[\w-]{20,}|\bya29\.[\w-]{20,}"
    r"|\bAKCp[\w]{10,}|\bshp(?:at|ss|ca)_[0-9a-fA-F]{32}|\bkey-[0-9a-z]{32}\b|\b\d{8,10}:[\w-]{35}\b|\bglsa_\w{20,}"
    r"|\bsecret_[A-Za-z0-9]{32,}|\bnvapi-[\w-]{20,}|\bAGE-SECRET-KEY-1\w{20,}"
    r"|\b(?:ssh-rsa|ssh-ed25519) AAAA[\w+/=]{40,}"
)
_NAMED = re.compile(
    r"\b(?:pass(?:word|wort|phrase|code)|mot de passe|contrase\u00f1a|pwd|pin|secret|api[ _-]?key"
    r"|access[ _-]?(?:key|token)|(?:auth|bearer)[ _-]?token|token|secret[ _-]?key|zugangscode|kennwort)\b"
    r"(?: (?:for|of|f\u00fcr|to)(?: [\w-]+){1,3})?"
    r"\s*(?:is now|is set to|is|was|lautet|ist|es|est|[:=])\s*[:=]?\s*[\"'`]?(?P<value>[^\s\"'`<>,;]{4,200})",
    re.IGNORECASE,
)
_DIGITS = re.compile(r"(?<![\w.-])\d(?:[ -]?\d){11,18}(?![\w-]|\.\d)")
_IBAN = re.compile(r"\b[A-Z]{2}\d{2}(?:[ -]?[A-Z0-9]){11,30}\b")
_IBAN_LENGTHS = {
    **{"AT": 20, "BE": 16, "BG": 22, "CH": 21, "CY": 28, "CZ": 24, "DE": 22, "DK": 18, "EE": 20, "ES": 24, "FI": 18},
    **{"FR": 27, "GB": 22, "GR": 27, "HR": 21, "HU": 28, "IE": 22, "IS": 26, "IT": 27, "LI": 21, "LT": 20, "LU": 20},
    **{"LV": 21, "MC": 27, "MT": 31, "NL": 18, "NO": 15, "PL": 28, "PT": 25, "RO": 24, "SE": 24, "SI": 19, "SK": 24},
    **{"TR": 26, "AE": 23, "SA": 24, "IL": 23, "UA": 29, "RS": 22, "BA": 20, "AL": 28, "GE": 22, "KZ": 20},
}
_CARD = re.compile(
    r"(?:4\d{12}(?:\d{3}){0,2}|5[1-5]\d{14}"
    r"|2(?:2[2-9]\d|[3-6]\d\d|7[01]\d|720)\d{12}|3[47]\d{13}|3(?:0[0-5]|[68]\d)\d{11}"
    r"|6(?:011|5\d\d|4[4-9]\d)\d{12}|35(?:2[89]|[3-8]\d)\d{12})\Z"
)
_LEAST_BITS = 2.5
"""Entropy by character of a key that a machine made; words and repeated signs have less, or no digit."""


def find_secrets(text: str) -> list[Secret]:
    """Return the secrets of a text, each once.

    They are keys, tokens, private keys, passwords that are named as such, card numbers (prefix, length, Luhn) and bank
    accounts (IBAN: length of the country, remainder of 97).
    """
    found = [*_credentials(text), *_cards(text), *_accounts(text)]
    return list({(one.kind, one.value): one for one in found}.values())


def _credentials(text: str) -> Iterator[Secret]:
    spans = [*secret_shapes(text), *(match.span() for match in _MORE_KEYS.finditer(text))]
    for start, end in spans:
        written = text[start:end].strip("\"'`.,;")
        is_pem = "PRIVATE KEY" in written
        if len(written) >= 6 and (is_pem or (_looks_made(written) and not _PLACEHOLDER.search(written))):
            yield Secret(kind="credential", value=written, written=written)
    for match in _NAMED.finditer(text):
        written = match["value"].rstrip(".)!?")
        if len(written) >= 4 and _is_password(written) and not _PLACEHOLDER.search(written):
            yield Secret(kind="credential", value=written, written=written)


def _looks_made(written: str) -> bool:
    """Return whether a key has digits and letters in no order, and is no chain of words."""
    has_both = any(map(str.isdigit, written)) and any(map(str.isalpha, written))
    return has_both and entropy_bits(written) >= min(_LEAST_BITS, math.log2(max(len(written), 2)) - 1.0)


def _is_password(written: str) -> bool:
    """Return whether what follows `password is` is one: a word of a sentence has no digit or sign within it."""
    if re.fullmatch(r"\d{1,3}|\d+[-\u2013]\d+|[\d.,]+%?", written):
        return re.fullmatch(r"\d{4,8}", written) is not None
    signs = [
        any(map(str.isalpha, written)),
        any(map(str.isdigit, written)),
        bool(re.search(r"[!@#$%^&*_+=~]", written)),
    ]
    return sum(signs) >= 2


def entropy_bits(text: str) -> float:
    """Return Shannon's entropy of the signs of a text, in bits by sign; 0.0 for an empty one."""
    n = len(text)
    return -sum(count / n * math.log2(count / n) for count in Counter(text).values()) if n else 0.0


def _cards(text: str) -> Iterator[Secret]:
    for match in _DIGITS.finditer(text):
        digits = re.sub(r"\D", "", match[0])
        if _CARD.match(digits) and len(set(digits)) > 1 and passes_luhn(digits):
            yield Secret(kind="card number", value=digits, written=match[0])


def _accounts(text: str) -> Iterator[Secret]:
    for match in _IBAN.finditer(text):
        plain = re.sub(r"[ -]", "", match[0])
        length = _IBAN_LENGTHS.get(plain[:2])
        # What follows in capital letters may have been taken for a part of it.
        if length is not None and len(plain) >= length and passes_mod_97(plain[:length]):
            yield Secret(kind="bank account", value=plain[:length], written=match[0])


def passes_luhn(digits: str) -> bool:
    """Return whether the last digit is the check digit of the others (ISO/IEC 7812-1)."""
    doubled = [int(digit) * (1 + place % 2) for place, digit in enumerate(reversed(digits))]
    return sum(number - 9 if number > 9 else number for number in doubled) % 10 == 0


def passes_mod_97(iban: str) -> bool:
    """Return whether the check digits of an IBAN without blanks are right (ISO 13616, ISO/IEC 7064)."""
    moved = iban[4:] + iban[:4]
    return int("".join(str(int(sign, 36)) for sign in moved)) % 97 == 1
