"""What a kind of damage is: its name, how it shows, and how much of a field it must explain to be named."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from seamwatch.core.reasons import Damage

EXPLAINED = 0.8
"""Share of a field's discrepancies that a pattern must explain to be named; other faults may strike beside it."""
FEWEST = 3
"""Discrepancies below which any pattern could be chance."""
_SHOWN = 30
"""Characters of a value within a sentence."""

Pair = tuple[Any, Any]
"""Recorded, expected."""


@dataclass(frozen=True, kw_only=True)
class FieldPattern:
    """A kind of damage, and how it shows."""

    name: str
    damage: Damage
    n_matching: int = 0
    """Discrepancies that it explains."""

    @property
    def is_part(self) -> bool:
        """Return whether a value within the text is damaged, not the whole of it."""
        return self.damage.is_part


Detector = Callable[[Sequence[Pair]], FieldPattern | None]
"""Recorded and expected values of one field to the pattern that explains most of them, or None."""


def enough(n: int) -> float:
    """Return how many of so many discrepancies a pattern must explain to be named."""
    return max(EXPLAINED * n, FEWEST)


def shorten(text: str | None) -> str:
    """Return a value as it is shown within a sentence: in one line, of a long one the beginning."""
    if text is None or not text.strip():
        return "empty"
    line = " ".join(text.splitlines())
    return f"{line[:_SHOWN]}\u2026" if len(line) > _SHOWN else line
