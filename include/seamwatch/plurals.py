"""How nouns and verbs follow a count, in every layer: `1 record is`, `1,200 records are`."""

from __future__ import annotations


def plural(n: int, one: str, many: str | None = None) -> str:
    """Return a count with its noun, and with what else depends on it, as `1 record` and `2 records`."""
    return f"{n:,} {agree(n, one, many or one + 's')}"


def agree(n: int, one: str, many: str) -> str:
    """Return the word that goes with a count which stands elsewhere, as in `1 of 5 records differs`."""
    return one if n == 1 else many
