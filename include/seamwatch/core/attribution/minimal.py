"""The smallest set of repairs that is enough."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import combinations
from typing import Any, TypeVar

import pandas as pd

T = TypeVar("T")

Cures = Callable[["pd.Index[Any]", frozenset[str]], "pd.Index[Any]"]
"""Records and a set of repairs to the records whose outcome it turns right."""


def smallest_cures(
    keys: pd.Index[Any], candidates: Sequence[str], cures: Cures, *, largest: int = 3
) -> dict[Any, frozenset[str]]:
    """Return for each record the smallest set of repairs that turns it right, smaller sets tried first.

    Args:
        keys: Records that all candidates together turn right.
        candidates: Repairs, most likely first: of two sets of one size the one that comes first is named.
        cures: The experiment, run for many records at once.
        largest: Sets beyond this size are not searched; a record that needs more gets all candidates.
    """
    found: dict[Any, frozenset[str]] = {}
    left = keys
    for size in range(1, min(len(candidates) - 1, largest) + 1):
        for chosen in combinations(candidates, size):
            if not len(left):
                return found
            cured = cures(left, frozenset(chosen))
            found.update(dict.fromkeys(cured, frozenset(chosen)))
            left = left[~left.isin(cured)]
    found.update(dict.fromkeys(left, frozenset(candidates)))
    return found


def delta_debug(parts: Sequence[T], is_enough: Callable[[Sequence[T]], bool]) -> list[T]:
    """Return a subset that is enough and of which no single part can be left out.

    Args:
        parts: Together enough.
        is_enough: The experiment on a subset.

    Source: A. Zeller and R. Hildebrandt (2002), "Simplifying and isolating failure-inducing input", IEEE TSE 28(2),
    algorithm ddmin; here what is minimised is the repair, not the failure.
    """
    left = list(parts)
    grain = 2
    while len(left) > 1:
        size = -(-len(left) // grain)
        chunks = [left[start : start + size] for start in range(0, len(left), size)]
        smaller = next((chunk for chunk in chunks if is_enough(chunk)), None)
        if smaller is not None:
            left, grain = smaller, 2
            continue
        rests = [[p for chunk in chunks if chunk is not out for p in chunk] for out in chunks] if grain > 2 else []
        smaller = next((rest for rest in rests if is_enough(rest)), None)
        if smaller is not None:
            left, grain = smaller, max(grain - 1, 2)
            continue
        if grain >= len(left):
            break
        grain = min(grain * 2, len(left))
    return left
