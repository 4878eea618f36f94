"""The smallest sets of repairs that are enough, and each repair's share in the cure."""

from __future__ import annotations

from collections.abc import Callable, Collection, Generator, Hashable, Iterable, Mapping, Sequence
from itertools import combinations
from math import comb
from typing import Any, TypeVar

import pandas as pd

T = TypeVar("T")
K = TypeVar("K", bound=Hashable)
Q = TypeVar("Q", bound=Hashable)
R = TypeVar("R")

Search = Generator[Q, bool, R]
"""Asks one question after the other, each once the one before it is answered, and returns what it found."""

TurnsRight = Callable[["pd.Index[Any]", frozenset[str]], "pd.Index[Any]"]
"""Records and a set of repairs to the records whose outcome it turns right."""

Sets = tuple[frozenset[str], ...]
"""Every smallest set that is enough, in the order of the candidates: any one of them would do."""


def smallest_repairs(
    keys: pd.Index[Any], candidates: Sequence[str], turns_right: TurnsRight, *, largest: int = 3
) -> dict[Any, Sets]:
    """Return for each record every smallest set of repairs that turns it right.

    Args:
        keys: Records that all candidates together turn right.
        candidates: Repairs, most likely first: sets that come first in this order are named first.
        turns_right: The experiment, run for many records at once.
        largest: Sets beyond this size are not searched; a record that needs more gets all candidates.
    """
    sets: dict[Any, Sets] = {}
    left = keys
    for size in range(1, min(len(candidates) - 1, largest) + 1):
        if not len(left):
            return sets
        for chosen in combinations(candidates, size):
            for key in turns_right(left, frozenset(chosen)):
                sets[key] = (*sets.get(key, ()), frozenset(chosen))
        left = left[~left.isin(list(sets))]
    sets.update(dict.fromkeys(left, (frozenset(candidates),)))
    return sets


def shapley_shares(sets: Iterable[frozenset[str]]) -> dict[str, float]:
    """Return each repair's share in the cure; the shares add up to one.

    Args:
        sets: Smallest sets of repairs that are enough; a larger set is enough if it holds one of them.

    The share is the Shapley value of the game in which a set of repairs is worth one when it is enough: two repairs
    that are both needed, or of which either would do, have half each.

    Source: L. S. Shapley (1953), "A value for n-person games"; L. S. Shapley and M. Shubik (1954) for such games.
    """
    winning = tuple(sets)
    players = sorted(frozenset().union(*winning))
    n = len(players)

    def is_enough(team: frozenset[str]) -> bool:
        return any(one <= team for one in winning)

    shares = dict.fromkeys(players, 0.0)
    for player in players:
        others = [name for name in players if name != player]
        for size in range(n):
            weight = 1.0 / (n * comb(n - 1, size))
            for team in combinations(others, size):
                before = frozenset(team)
                shares[player] += weight * (is_enough(before | {player}) and not is_enough(before))
    return shares


def delta_debug(parts: Sequence[T]) -> Search[tuple[T, ...], list[T]]:
    """Return a subset that is enough and of which no single part can be left out; asks of one subset after the other.

    Args:
        parts: Together enough.

    Source: A. Zeller and R. Hildebrandt (2002), "Simplifying and isolating failure-inducing input", IEEE TSE 28(2),
    algorithm ddmin; here what is minimised is the repair, not the failure.
    """
    left = list(parts)
    grain = 2
    while len(left) > 1:
        size = -(-len(left) // grain)
        chunks = [left[start : start + size] for start in range(0, len(left), size)]
        smaller = yield from first_enough(chunks)
        if smaller is not None:
            left, grain = smaller, 2
            continue
        rests = [[p for chunk in chunks if chunk is not out for p in chunk] for out in chunks] if grain > 2 else []
        smaller = yield from first_enough(rests)
        if smaller is not None:
            left, grain = smaller, max(grain - 1, 2)
            continue
        if grain >= len(left):
            break
        grain = min(grain * 2, len(left))
    return left


def first_enough(tried: Iterable[Sequence[T]]) -> Search[tuple[T, ...], list[T] | None]:
    """Return the first of the subsets that is enough; None if none is."""
    for subset in tried:
        if (yield tuple(subset)):
            return list(subset)
    return None


def search_together(searches: Mapping[K, Search[Q, R]], holds: Callable[[Sequence[K], Q], Collection[K]]) -> dict[K, R]:
    """Return what each search finds; what several ask next is asked once for all of them.

    Args:
        searches: By record, its own search.
        holds: The experiment: records and a question to those of which the answer is yes.

    An experiment costs about the same for one record as for hundreds: asked of each by itself, the searches of a window
    take as many experiments as it has records.
    """
    found: dict[K, R] = {}
    said: dict[K, bool | None] = dict.fromkeys(searches)
    while said:
        asked: dict[Q, list[K]] = {}
        for key, answer in said.items():
            try:
                question = next(searches[key]) if answer is None else searches[key].send(answer)
            except StopIteration as end:
                found[key] = end.value
            else:
                asked.setdefault(question, []).append(key)
        said = {}
        for question, keys in asked.items():
            yes = set(holds(keys, question))
            said.update({key: key in yes for key in keys})
    return found
