"""The bad share of all answers, where only some of them were judged."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
import pandas as pd

from seamwatch.core.detection.rates import wilson_bounds
from seamwatch.errors import DataContractError


@dataclass(frozen=True, kw_only=True)
class Judged:
    """Answers of one part of the window (a day, a segment) and what was judged of them, drawn by chance within it."""

    answers: int
    judged: int
    wrong: int

    def __post_init__(self) -> None:
        """Refuse counts that do not fit into each other."""
        if not 0 <= self.wrong <= self.judged <= self.answers:
            msg = f"0 <= wrong <= judged <= answers is needed; got {self.wrong}, {self.judged}, {self.answers}"
            raise DataContractError(msg)


@dataclass(frozen=True, kw_only=True)
class Extrapolated:
    """Wrong answers among all, by what was judged of them."""

    wrong: float
    """The estimate, in answers; at least what was judged wrong."""
    low: float
    high: float
    answers: int
    judged: int
    judged_wrong: int


def extrapolate(
    parts: Sequence[Judged], *, confidence: float = 0.95, design_effect: float = 1.0
) -> Extrapolated | None:
    """Return how many answers are wrong, judged or not; None where none was judged.

    Each part stands for all of its answers, so a day that was judged more weighs no more; a part of which nothing was
    judged is taken to be like the others. The interval is Wilson's with the number of independent judgements that has
    the estimate's variance; nothing is uncertain about what was judged, so its bounds narrow as the judged share grows.

    Args:
        parts: Of the window; several need not be told from one where all are judged alike.
        confidence: Of the interval.
        design_effect: Variance in variances of independent answers (`detection/clustering.py`); 1 where judged ones
            were drawn.

    Source: W. G. Cochran (1977), "Sampling techniques", sections 5.3 (strata), 2.8 (finite populations); effective
    size with Wilson's interval as in Dean and Pagano (2015), "Evaluating confidence interval methods for binomial
    proportions in clustered surveys".
    """
    answers, judged, wrong = (sum(getattr(p, name) for p in parts) for name in ("answers", "judged", "wrong"))
    if judged == 0:
        return None
    pooled = (wrong + 0.5) / (judged + 1.0)
    estimate = variance = 0.0
    for part in parts:
        share = part.wrong / part.judged if part.judged else wrong / judged
        # Smoothed with one answer of the whole, or a part of five right ones would seem to be certain.
        smooth = (part.wrong + pooled) / (part.judged + 1.0)
        open_share = 1.0 - part.judged / part.answers if part.answers else 0.0
        estimate += part.wrong + (part.answers - part.judged) * share
        variance += open_share * part.answers**2 * smooth * (1.0 - smooth) / max(part.judged, 1)
    spread = variance * design_effect / answers**2
    if spread == 0.0:
        known = max(estimate, float(wrong))  # a sum of shares may fall short by a rounding
        return Extrapolated(wrong=known, low=known, high=known, answers=answers, judged=judged, judged_wrong=wrong)
    low, high = wilson_bounds(estimate / answers, pooled * (1.0 - pooled) / spread, confidence=confidence)
    return Extrapolated(
        wrong=estimate,
        low=min(max(low * answers, float(wrong)), estimate),
        high=min(max(high * answers, estimate), float(answers - (judged - wrong))),
        answers=answers,
        judged=judged,
        judged_wrong=wrong,
    )


@dataclass(frozen=True, kw_only=True)
class WrongShare:
    """Which share of the answers of some time is wrong, as measured by people's labels (`core/accuracy`)."""

    start: datetime
    end: datetime
    """Itself excluded."""
    value: float
    low: float
    high: float


def wrong_by_time(answers: pd.Series[Any], shares: Sequence[WrongShare]) -> tuple[pd.Series[Any], tuple[float, float]]:
    """Return how many answers are wrong at each time, and the bounds of their sum.

    Args:
        answers: How many there are by aware time.
        shares: Not empty; a time that none covers is taken to be like those nearest to it.
    """
    mids = np.array([one.start.timestamp() + one.end.timestamp() for one in shares]) / 2.0
    at = pd.DatetimeIndex(answers.index).as_unit("ns").asi8 / 1e9
    nearest = np.abs(at[:, None] - mids[None, :]).argmin(axis=1) if len(at) else np.array([], dtype=int)
    counts = answers.to_numpy(dtype=float)
    value, low, high = (np.array([getattr(one, name) for one in shares]) for name in ("value", "low", "high"))
    wrong = pd.Series(counts * value[nearest], index=answers.index)
    return wrong, (float((counts * low[nearest]).sum()), float((counts * high[nearest]).sum()))
