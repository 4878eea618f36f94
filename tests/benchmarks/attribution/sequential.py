"""How many records a sequential test would draw, beside those that the sampled mode drew until it had decided."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import replace
from typing import Any

from attribution.rivals import Seen
from attribution.score import IncidentScore
from seamwatch.core.results import Attribution
from seamwatch.vocabulary import Basis


def expected_sample_size(p0: float = 0.5, p1: float = 0.9, *, error: float = 0.05) -> float:
    """Return the mean sample size of a sequential probability ratio test when the share really is `p1`.

    Source: A. Wald (1947), "Sequential Analysis", section 3.4, with equal errors of both kinds.
    """
    bound = math.log((1 - error) / error)
    gain = p1 * math.log(p1 / p0) + (1 - p1) * math.log((1 - p1) / (1 - p0))
    return ((1 - error) * bound - error * bound) / gain


def with_sequential(score: IncidentScore, found: Attribution, seen: Seen) -> IncidentScore:
    """Return the score with the records that were drawn to decide, and those that sequential tests would take.

    What it replayed beyond them, since the budget allowed it, is no part of the comparison.

    A stratum is what failing records have in common before any call: their discrepancies and failed checks.
    """
    marks = _marks(seen)
    replayed = [verdict.key for verdict in found.verdicts if verdict.basis is Basis.REPLAY]
    told = [verdict.key for verdict in found.verdicts if verdict.basis in (Basis.REPLAY, Basis.STRATUM)]
    sampled = {marks.get(key, frozenset()) for key in replayed}
    sizes = Counter(marks.get(key, frozenset()) for key in told)
    each = expected_sample_size()
    return replace(score, n_drawn=found.n_sampled, n_sequential=sum(min(sizes[mark], each) for mark in sampled))


def _marks(seen: Seen) -> dict[str, frozenset[Any]]:
    found: dict[str, set[Any]] = {}
    for stage, counts in seen.damaged.items():
        for key in counts:
            found.setdefault(str(key), set()).add(stage)
    for stage, reconciled in seen.world.reconciled.items():
        rows = reconciled.discrepancies
        for key, name, kind in zip(rows["key"], rows["field"], rows["kind"], strict=True):
            found.setdefault(str(key), set()).add((stage, name, str(kind)))
    return {key: frozenset(marks) for key, marks in found.items()}
