"""Which verdicts of a week people are asked to judge: drawn by chance, of rare responsibilities more of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

import numpy as np

from seamwatch.core.incident_timeline import ToldVerdict
from seamwatch.core.review.sampling import inclusion_by_weight, permanent_number, systematic_places
from seamwatch.vocabulary import Responsibility


@dataclass(frozen=True, kw_only=True)
class DrawnVerdict:
    """A verdict that was put before people by chance."""

    week: str
    """In which its incident opened, as `2026-W45`."""
    incident_id: str
    pipeline: str
    probability: float
    """With which it was drawn."""
    drawn_at: datetime
    verdict: ToldVerdict
    """As it was told then."""


def draw_by_chance(candidates: Mapping[str, Responsibility], *, n: int, salt: str) -> dict[str, float]:
    """Return the incidents whose verdicts are drawn, with the probability of each.

    Args:
        candidates: Every incident of the week that has a verdict nobody has judged yet, and whose it is said to be.
        n: Wanted size; all are drawn where there are no more.
        salt: Names the draw; another one draws others, the same one the same.

    Of a responsibility with four times as many verdicts twice as many are drawn, so that rare ones have their chance
    too (M. D. Bankier 1988, "Power allocations", The American Statistician 42(3)). A systematic sample, in an order by
    chance within each responsibility, takes its share of every one of them, to within one.
    """
    counts = Counter(candidates.values())
    places = {name: number for number, name in enumerate(Responsibility)}
    ordered = sorted(candidates, key=lambda name: (places[candidates[name]], permanent_number(f"{salt}/{name}"), name))
    weights = np.array([counts[candidates[name]] ** -0.5 for name in ordered])
    inclusion = inclusion_by_weight(weights, n=float(min(n, len(ordered))))
    taken = systematic_places(inclusion, start=permanent_number(salt))
    return {ordered[int(at)]: float(inclusion[at]) for at in taken}
