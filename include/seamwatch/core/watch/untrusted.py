"""Text that others wrote, in a form that is read and does nothing: no control, no markup, no link, no mention."""

from __future__ import annotations

import re
import unicodedata

LONGEST_EXCERPT = 160
_INERT = str.maketrans("<>`\n\t|&@", "\u2039\u203a\u02cb\u23ce \u00a6\uff06\uff20")
_LINK = re.compile(r"\b(ht)(tps?:)|\b(f)(tp:)|\b(mail)(to:)", re.IGNORECASE)
_PLAIN = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.:-]{0,31}")
_PATH_STEP = re.compile(r"[A-Za-z_][A-Za-z0-9_-]{0,39}")


def visible(text: str, longest: int = LONGEST_EXCERPT) -> str:
    """Return the text as one line of at most `longest` characters, in which nothing is hidden and nothing acts.

    Characters that are not seen are written by their number; signs of markup, links and mentions are replaced by
    others that look alike.
    """
    parts, size = [], 0
    for letter in _LINK.sub(_unlinked, text[: 4 * longest].strip().replace("\r\n", "\n")).translate(_INERT):
        shown = letter if _is_seen(letter) else f"\u2039U+{ord(letter):04X}\u203a"
        if size + len(shown) > longest - 1:
            parts.append("\u2026")
            break
        parts.append(shown)
        size += len(shown)
    return "".join(parts)


def _unlinked(found: re.Match[str]) -> str:
    return found.group().replace("tt", "xx", 1) if found.group()[:2].lower() == "ht" else f"{found.group()[:-1]}\u2236"


def _is_seen(letter: str) -> bool:
    kind = unicodedata.category(letter)
    # Marks above letters can be heaped up until they cover other lines.
    return (kind[0] not in "CZ" and kind not in ("Mn", "Me")) or letter == " "


def plain_name(value: str) -> str | None:
    """Return a value that may stand in a headline, as an id or a tenant's name; None for what could be prose."""
    return value if _PLAIN.fullmatch(value) else None


def field_name(column: str, path: str) -> str:
    """Return the name of a text within a JSON column, without the numbers of list items.

    The names of keys come from whoever wrote the JSON: what is no plain name is left out.
    """
    steps = [step for step in path.split(".") if step and not step.isdigit()]
    kept = [step if _PATH_STEP.fullmatch(step) else "*" for step in steps[:6]]
    return ".".join([column, *kept])
