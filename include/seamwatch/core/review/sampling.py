"""Which answers people are asked to judge: drawn by chance, more often where something is doubtful.

Nothing is drawn at random at run time: each record has a number between 0 and 1 that follows from its key, so that the
same draw made twice draws the same (permanent random numbers, Ohlsson 1995, "Coordination of samples using permanent
random numbers"). The sample is systematic with probabilities proportional to size (Madow 1949, "On the theory of
systematic sampling, II"): of fixed size, and each record's probability is known exactly.
"""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import blake2b
from typing import Any

import numpy as np
import pandas as pd

_LEAST = 0.15
"""Weight of an answer of which nothing is doubtful, among those drawn by doubt."""
_REASONS = ("uncertain", "evaluators_disagree", "evaluator_failed", "new_segment")
CANDIDATE_COLUMNS = ("prediction", "is_disputed", "is_failing", "is_new_segment")


@dataclass(frozen=True, kw_only=True)
class Draw:
    """What was drawn."""

    sample: pd.DataFrame
    """Index record; `inclusion` (0 to 1), `is_uniform`, `reasons` (tuple of words), `is_twice`."""
    n_records: int


def draw_sample(candidates: pd.DataFrame, *, n: float, uniform_share: float, overlap: float = 0.0, salt: str) -> Draw:
    """Return a sample with known probabilities.

    Args:
        candidates: Index record (text, unique); columns `CANDIDATE_COLUMNS`: probability that the answer is right (NaN:
            unknown), whether evaluators contradict each other, whether one failed it, whether its segment is new.
        n: Wanted size; a fraction is one more record with that probability.
        uniform_share: Share of the size for which all have the same chance.
        overlap: Share of the sample that two people judge.
        salt: Names the draw; another one draws others.
    """
    records = candidates.sort_index()
    numbers = np.array([permanent_number(f"{salt}/{record}") for record in records.index])
    order = np.argsort(numbers, kind="stable")
    records, numbers = records.iloc[order], numbers[order]
    inclusion, uniform = _inclusion(_weights(records), n=min(n, float(len(records))), uniform_share=uniform_share)
    taken = systematic_places(inclusion, start=permanent_number(salt))
    thinned = np.array([permanent_number(f"{salt}/uniform/{record}") for record in records.index[taken]])
    twice = np.array([permanent_number(f"{salt}/overlap/{record}") for record in records.index[taken]])
    sample = pd.DataFrame(
        {
            "inclusion": inclusion[taken],
            "is_uniform": thinned * inclusion[taken] < uniform,
            "reasons": _reasons(records)[taken],
            "is_twice": twice < overlap,
        },
        index=records.index[taken],
    )
    return Draw(sample=sample, n_records=len(records))


def inclusion_probabilities(
    candidates: pd.DataFrame, *, n: float, uniform_share: float
) -> np.ndarray[Any, np.dtype[np.float64]]:
    """Return with which probability `draw_sample` draws each candidate; arguments as there, in their order."""
    return _inclusion(_weights(candidates), n=min(n, float(len(candidates))), uniform_share=uniform_share)[0]


def _weights(records: pd.DataFrame) -> np.ndarray[Any, np.dtype[np.float64]]:
    """Return how doubtful each answer is: for the smallest variance, as the spread of what is not known (Neyman)."""
    prediction = records["prediction"].to_numpy(dtype=float)
    known = np.clip(np.nan_to_num(prediction, nan=0.5), 0.0, 1.0)
    weights: np.ndarray[Any, np.dtype[np.float64]] = np.maximum(np.sqrt(known * (1.0 - known)), _LEAST)
    for column, at_least in (("is_disputed", 0.5), ("is_failing", 0.4), ("is_new_segment", 0.5)):
        weights = np.where(records[column].to_numpy(dtype=bool), np.maximum(weights, at_least), weights)
    return weights


def _reasons(records: pd.DataFrame) -> np.ndarray[Any, np.dtype[np.object_]]:
    prediction = records["prediction"].to_numpy(dtype=float)
    is_uncertain = (prediction > 0.2) & (prediction < 0.8)
    marks = np.column_stack(
        [
            is_uncertain,
            *(records[name].to_numpy(dtype=bool) for name in ("is_disputed", "is_failing", "is_new_segment")),
        ]
    )
    found = np.empty(len(records), dtype=object)
    for at, row in enumerate(marks):
        found[at] = tuple(word for word, holds in zip(_REASONS, row, strict=True) if holds)
    return found


def _inclusion(
    weights: np.ndarray[Any, np.dtype[np.float64]], *, n: float, uniform_share: float
) -> tuple[np.ndarray[Any, np.dtype[np.float64]], float]:
    """Return each record's probability, at most 1, with sum n, and the probability within the uniform part."""
    if not len(weights) or n <= 0.0:
        return np.zeros(len(weights)), 0.0
    uniform = uniform_share * n / len(weights)
    # What would be above certainty is handed on to the others, as long as there is any.
    inclusion = uniform + (1.0 - uniform_share) * n * weights / weights.sum()
    for _ in range(50):
        over = inclusion >= 1.0
        surplus = float((inclusion[over] - 1.0).sum())
        inclusion = np.minimum(inclusion, 1.0)
        if surplus <= 1e-12 or over.all():
            break
        room = np.where(over, 0.0, weights)
        inclusion = inclusion + surplus * room / room.sum()
    return np.minimum(inclusion, 1.0), uniform


def inclusion_by_weight(
    weights: np.ndarray[Any, np.dtype[np.float64]], *, n: float
) -> np.ndarray[Any, np.dtype[np.float64]]:
    """Return probabilities in the proportions of the weights, none above 1; their sum is `n`, at most all of them."""
    return _inclusion(weights, n=n, uniform_share=0.0)[0]


def systematic_places(inclusion: np.ndarray[Any, np.dtype[np.float64]], *, start: float) -> np.ndarray[Any, Any]:
    """Return the places of those in whose stretch of the summed probabilities a whole number plus the start falls."""
    ends = np.cumsum(inclusion) - start
    begins = np.concatenate([[-start], ends[:-1]])
    return np.flatnonzero(np.ceil(ends - 1e-12) > np.ceil(begins - 1e-12))


def permanent_number(text: str) -> float:
    """Return the number between 0 and 1, itself excluded, that follows from a text."""
    return int.from_bytes(blake2b(text.encode("utf-8", "surrogatepass"), digest_size=7).digest()) / 2**56
