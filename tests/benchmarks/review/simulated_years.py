"""Years of answers of which people label a few, drawn from a population; the product estimates, the truth is known."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from review.populations import SEGMENTS, Population
from seamwatch.core.accuracy.labels import WeekOfAnswers
from seamwatch.core.review.sampling import inclusion_probabilities

Floats = NDArray[np.float64]
WEEKS, ANSWERS, LABELS = 52, 100_000, 50
UNIFORM_SHARE = 0.5
MONDAY = date(2026, 1, 5)
MONDAYS = np.array([MONDAY + timedelta(weeks=number) for number in range(WEEKS)], dtype=object)


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
    """Return each row's probability to be drawn by the product: half of the sample uniform, half where it is
    doubtful."""
    n = LABELS * population.prediction.size / ANSWERS
    candidates = pd.DataFrame(
        {
            "prediction": population.prediction,
            "is_disputed": False,
            "is_failing": population.prediction < 0.5,
            "is_new_segment": False,
        }
    )
    return inclusion_probabilities(candidates, n=n, uniform_share=1.0 if uniform else UNIFORM_SHARE)


def draw_labels(population: Population, drawn: Floats, rng: np.random.Generator, *, weeks: int) -> pd.DataFrame:
    """Return people's labels of some weeks in which all rows are equally frequent."""
    counts = np.full((weeks, population.is_right.size), ANSWERS / population.is_right.size)
    return _labels(population, drawn, _drawn_rows(counts, drawn, rng))


def _drawn_rows(counts: Floats, drawn: Floats, rng: np.random.Generator) -> NDArray[np.int64]:
    """Return how often each row (second axis) is drawn in each week (first axis): as many a week as people label.

    The product draws a fixed number of records, each with its own probability, none twice; of 100,000 answers in a
    random order that is a draw in proportion to these probabilities.
    """
    wanted = counts * drawn
    return np.array([rng.multinomial(LABELS, week / week.sum()) for week in wanted])


def _labels(population: Population, drawn: Floats, labelled: NDArray[np.int64]) -> pd.DataFrame:
    week, row = np.nonzero(labelled)
    times = labelled[week, row]
    week, row = np.repeat(week, times), np.repeat(row, times)
    return pd.DataFrame(
        {
            "record": np.arange(week.size),
            "week": MONDAYS[week],
            "is_right": population.is_right[row],
            "inclusion": drawn[row],
            "prediction": population.prediction[row],
            "segment": np.array(SEGMENTS, dtype=object)[population.segment[row]],
        }
    )


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
    labels = _labels(population, drawn, _drawn_rows(counts, drawn, rng))
    belongs = np.equal.outer(population.segment, np.arange(len(SEGMENTS))).astype(float)
    answers, sums = counts @ belongs, (counts * population.prediction) @ belongs
    weeks = tuple(
        WeekOfAnswers(
            week=MONDAYS[number],
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
