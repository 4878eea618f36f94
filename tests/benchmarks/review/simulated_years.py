"""Years of answers of which people label a few, drawn from a population; the product estimates, the truth is known."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from review.populations import SEGMENTS, Population
from seamwatch.core.accuracy.labels import WeekOfAnswers

Floats = NDArray[np.float64]
WEEKS, ANSWERS, LABELS = 52, 100_000, 50
MONDAY = date(2026, 1, 5)


@dataclass(frozen=True, kw_only=True)
class Year:
    """What the product sees of a year, and what is true."""

    labels: pd.DataFrame
    weeks: tuple[WeekOfAnswers, ...]
    answers: Floats
    """All answers by week."""
    right: Floats
    """Right ones by week."""


def inclusion(population: Population, *, uniform: bool) -> Floats:
    """Return each row's probability to be drawn: half of it uniform, half where the judge is uncertain."""
    rate = LABELS / ANSWERS
    if uniform:
        return np.full(population.prediction.size, rate)
    doubt = np.sqrt(population.prediction * (1 - population.prediction))
    return 1 - (1 - rate / 2) * (1 - np.minimum(rate / 2 * doubt / doubt.mean(), 1.0))


def simulate_year(
    population: Population, drawn: Floats, rng: np.random.Generator, *, fall_week: int | None = None, fall: float = 0.1
) -> Year:
    """Return a year in which accuracy is constant, or falls from one week on since more hard inputs come."""
    n_rows = population.is_right.size
    usual = np.full(n_rows, 1.0 / n_rows)
    counts = rng.multinomial(ANSWERS, usual, size=WEEKS)
    if fall_week is not None:
        wrong = 1 - population.accuracy
        harder = np.where(population.is_right, (1 - wrong - fall) / (1 - wrong), (wrong + fall) / wrong) / n_rows
        counts[fall_week:] = rng.multinomial(ANSWERS, harder, size=WEEKS - fall_week)
    labelled = rng.binomial(counts, drawn)
    week, row = np.nonzero(labelled)
    times = labelled[week, row]
    week, row = np.repeat(week, times), np.repeat(row, times)
    mondays = np.array([MONDAY + timedelta(weeks=number) for number in range(WEEKS)], dtype=object)
    labels = pd.DataFrame(
        {
            "record": np.arange(week.size),
            "week": mondays[week],
            "is_right": population.is_right[row],
            "inclusion": drawn[row],
            "prediction": population.prediction[row],
            "segment": np.array(SEGMENTS, dtype=object)[population.segment[row]],
        }
    )
    belongs = np.equal.outer(population.segment, np.arange(len(SEGMENTS))).astype(float)
    answers, sums = counts @ belongs, (counts * population.prediction) @ belongs
    weeks = tuple(
        WeekOfAnswers(
            week=mondays[number],
            segment=name,
            answers=int(answers[number, place]),
            predicted=int(answers[number, place]),
            prediction_sum=float(sums[number, place]),
        )
        for number in range(WEEKS)
        for place, name in enumerate(SEGMENTS)
    )
    return Year(
        labels=labels,
        weeks=weeks,
        answers=counts.sum(axis=1).astype(float),
        right=(counts @ population.is_right.astype(float)),
    )
