"""Accuracy from fifty labels a week: whether all intervals of a year hold the truth, how wide, and how soon a fall."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

import numpy as np
from numpy.typing import NDArray

from review.populations import Population
from review.simulated_years import ANSWERS, MONDAY, WEEKS, Year, inclusion, simulate_year
from seamwatch.core.accuracy.change import RestartReason
from seamwatch.core.accuracy.pooling import estimate_weeks

Floats = NDArray[np.float64]
EFFICIENT_Z = 1.959964
"""Of an interval of 95 % at a time that was fixed beforehand."""


@dataclass(frozen=True, kw_only=True)
class Measured:
    """Of each simulated year (first axis) and week (second axis)."""

    is_covered: NDArray[np.bool_]
    """Whether the interval holds the accuracy over all answers of the weeks that it pools."""
    half_width: Floats
    people_half_width: Floats
    pool_first: NDArray[np.int64]
    """Number of the first week of the pool."""
    restarts: NDArray[np.int64]
    is_by_labels: NDArray[np.bool_]
    """Whether the pool began because of people's labels."""
    judge_error: Floats
    """Mean prediction of the pool less the truth."""

    @property
    def years_covered(self) -> int:
        """Years of which every interval holds the truth."""
        return int(self.is_covered.all(axis=1).sum())


def measure(
    population: Population, *, years: int, seed: int, uniform: bool = False, fall_week: int | None = None
) -> Measured:
    """Return what the product says of simulated years, beside the truth."""
    rng = np.random.default_rng(seed)
    drawn = inclusion(population, uniform=uniform)
    rows = [_measure_year(simulate_year(population, drawn, rng, fall_week=fall_week)) for _ in range(years)]
    columns = [np.array(column) for column in zip(*rows, strict=True)]
    return Measured(
        is_covered=columns[0].astype(bool),
        half_width=columns[1],
        people_half_width=columns[2],
        pool_first=columns[3].astype(np.int64),
        restarts=columns[4].astype(np.int64),
        is_by_labels=columns[5].astype(bool),
        judge_error=columns[6],
    )


def _measure_year(year: Year) -> list[list[float]]:
    answers, right = np.concatenate([[0.0], year.answers.cumsum()]), np.concatenate([[0.0], year.right.cumsum()])
    found: list[list[float]] = [[] for _ in range(7)]
    for number, estimate in enumerate(estimate_weeks(year.labels, year.weeks)):
        first = (estimate.pooled_from - MONDAY) // timedelta(weeks=1)
        truth = (right[number + 1] - right[first]) / (answers[number + 1] - answers[first])
        known, people = estimate.accuracy, estimate.people_only
        row = (
            known is None or known.low <= truth <= known.high,
            np.nan if known is None else known.half_width,
            np.nan if people is None else people.half_width,
            first,
            estimate.restarts,
            estimate.reason == RestartReason.LABELS,
            np.nan if estimate.judge_alone is None else estimate.judge_alone - truth,
        )
        for column, value in zip(found, row, strict=True):
            column.append(float(value))
    return found


def efficient_half_width(population: Population, *, uniform: bool) -> Floats:
    """Return by week the half-width of the efficient interval of a fixed time, with everything about the judge known.

    The same draw, the same strata, the weight of the predictions and the variance as they are in the population: no
    interval by this estimator that covers 95 % at a time fixed beforehand is narrower.
    """
    drawn = inclusion(population, uniform=uniform)
    variance = 0.0
    for number in np.unique(population.segment):
        chosen = population.segment == number
        weight = (1 - drawn[chosen]) / drawn[chosen]
        right = population.is_right[chosen] - population.is_right[chosen].mean()
        centred = population.prediction[chosen] - population.prediction[chosen].mean()
        slope = float((weight * right * centred).sum() / (weight * centred**2).sum())
        errors = float((weight * (right - slope * centred) ** 2).mean())
        variance += chosen.mean() * errors / ANSWERS
    return EFFICIENT_Z * np.sqrt(variance / np.arange(1, WEEKS + 1))
