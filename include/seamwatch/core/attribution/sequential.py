"""When enough records of a stratum were replayed: Wald's sequential test of what most of them have in common."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from math import log
from typing import TypeVar

T = TypeVar("T")

MAJORITY = 0.5
"""Hypothesis 0: the leading kind is no more than half of the stratum."""
NEARLY_ALL = 0.9
"""Hypothesis 1: it is nine in ten."""


def is_decided(n_leading: int, n_drawn: int, *, confidence: float) -> bool:
    """Return whether the draws settle what leads in a stratum, or that nothing does.

    Source: A. Wald (1945), "Sequential tests of statistical hypotheses", Annals of Mathematical Statistics 16(2);
    both errors 1 - `confidence`.
    """
    bound = log(confidence / (1.0 - confidence))
    return abs(_evidence(n_leading, n_drawn)) >= bound - 1e-9


def fewest_draws(*, confidence: float) -> int:
    """Return how many draws settle a stratum whose records are all of one kind."""
    n = 1
    while not is_decided(n, n, confidence=confidence):
        n += 1
    return n


def _evidence(n_leading: int, n_drawn: int) -> float:
    return n_leading * log(NEARLY_ALL / MAJORITY) + (n_drawn - n_leading) * log((1 - NEARLY_ALL) / (1 - MAJORITY))


def spread_order(members: Sequence[T], taken: Collection[T] = ()) -> list[T]:
    """Return the members so that every beginning of the list is spread evenly over them.

    Members are in the order of time; a fault that began in the middle is then met by the first few draws.

    Source: J. G. van der Corput (1935), "Verteilungsfunktionen", Proc. Akad. Wet. Amsterdam 38.
    """
    by_value = sorted(range(len(members)), key=lambda number: _radical_inverse(number + 1))
    place = {number: rank for rank, number in enumerate(by_value)}
    return [members[place[number]] for number in range(len(members)) if members[place[number]] not in taken]


def _radical_inverse(number: int) -> float:
    value, scale = 0.0, 0.5
    while number:
        value += scale * (number & 1)
        number, scale = number >> 1, scale / 2
    return value
