"""Accuracy week by week: labels of earlier weeks are pooled while nothing says that accuracy changed."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

import pandas as pd

from seamwatch.core.accuracy.change import RestartReason, find_change
from seamwatch.core.accuracy.confidence_sequence import anytime_factor, pool_alpha
from seamwatch.core.accuracy.estimate import Estimate, StratifiedEstimates, estimate_share, judge_share
from seamwatch.core.accuracy.labels import LabelledSample, WeekOfAnswers, read_sample
from seamwatch.core.detection.rates import score_bounds


@dataclass(frozen=True, kw_only=True)
class ShareInterval:
    """A share of right answers with an interval that stays valid however often it is looked at."""

    value: float
    low: float
    high: float
    standard_error: float
    labels: int
    effective_labels: float
    answers: int
    """What it is of: all answers of the pooled weeks that have labels."""

    @property
    def half_width(self) -> float:
        """Half of what the interval spans."""
        return (self.high - self.low) / 2


@dataclass(frozen=True, kw_only=True)
class AccuracyEstimate:
    """What is known of accuracy at the end of one week."""

    week: date
    pooled_from: date
    """First week whose labels count; without a label the first that may have some."""
    reason: RestartReason
    """Why the pool begins there."""
    restarts: int
    """Pools before this one."""
    alpha: float
    """Probability with which the intervals of this pool may miss, all weeks together."""
    accuracy: ShareInterval | None
    """None without a label."""
    people_only: ShareInterval | None
    """The same from people's labels alone."""
    judge_alone: float | None
    """Mean prediction over all answers of the pool; its error is in it. None without a prediction."""
    prediction_weight: float
    """How much the predictions count, 0 for not at all."""
    segments: tuple[tuple[str, ShareInterval], ...]
    """Segments with enough labels, each interval valid by itself."""
    unplaced: int
    """Labels that belong to no known answers, of all weeks."""


def estimate_weeks(labels: pd.DataFrame, weeks: Sequence[WeekOfAnswers]) -> tuple[AccuracyEstimate, ...]:
    """Return accuracy at the end of every week that has answers, in order; empty without any.

    An interval is of all answers of the weeks from `pooled_from` on that have labels. All of them, over all weeks there
    will ever be, hold what they are of with a probability of `confidence_sequence.CONFIDENCE`.

    Args:
        labels: Columns `labels.LABEL_COLUMNS`, one row a record; the order makes no difference.
        weeks: Counts of all answers, labelled or not.

    Raises:
        DataContractError: If labels or counts break the contract of `labels.read_sample`.
    """
    sample = read_sample(labels, weeks)
    found: list[AccuracyEstimate] = []
    first, restarts, reason = 0, 0, RestartReason.FIRST_LABELS
    for last in range(len(sample.weeks)):
        pool = sample.between(first, last)
        estimates = estimate_share(pool)
        history = sample.between(0, last)
        change = find_change(pool, estimates, history=history) if estimates else None
        if change is not None:
            first, restarts, reason = first + change.first, restarts + 1, change.reason
            pool = sample.between(first, last)
            estimates = estimate_share(pool)
        found.append(_estimate(pool, estimates, reason=reason, restarts=restarts))
    return tuple(found)


def _estimate(
    pool: LabelledSample, estimates: StratifiedEstimates | None, *, reason: RestartReason, restarts: int
) -> AccuracyEstimate:
    alpha = pool_alpha(restarts)
    people = estimate_share(pool, use_predictions=False)
    return AccuracyEstimate(
        week=pool.weeks[-1],
        pooled_from=pool.weeks[int(pool.week[0])] if pool.week.size else pool.weeks[0],
        reason=reason,
        restarts=restarts,
        alpha=alpha,
        accuracy=_interval(estimates.whole, alpha) if estimates else None,
        people_only=_interval(people.whole, alpha) if people else None,
        judge_alone=judge_share(pool),
        prediction_weight=estimates.prediction_weight if estimates else 0.0,
        segments=tuple((name, _interval(one, alpha)) for name, one in estimates.segments) if estimates else (),
        unplaced=pool.unplaced,
    )


def _interval(estimate: Estimate, alpha: float) -> ShareInterval:
    """Return the score interval (Wilson's) with the anytime-valid number of standard errors.

    Few labels err to one side: where by luck few wrong ones were drawn, the estimate is too high and its error seems
    too small. Wilson's interval takes the variance that each candidate value would have, here that of as many equally
    weighted labels as would estimate as exactly, and never leaves [0, 1].
    """
    value = _clip(estimate.value)
    smoothed = (value * estimate.effective_labels + 1) / (estimate.effective_labels + 2)
    low, high = value, value
    if estimate.variance > 0:
        size = smoothed * (1 - smoothed) / estimate.variance
        low, high = score_bounds(value, size, errors=anytime_factor(estimate.labels, alpha=alpha))
    return ShareInterval(
        value=value,
        low=low,
        high=high,
        standard_error=math.sqrt(estimate.variance),
        labels=estimate.labels,
        effective_labels=estimate.effective_labels,
        answers=estimate.answers,
    )


def labels_to_halve(estimate: AccuracyEstimate) -> int | None:
    """Return how many more labels, drawn as those so far, would halve the interval; None without a label.

    More than three times those so far: an interval that stays valid for ever narrows a little slower than by the root
    of the number of labels.
    """
    if estimate.accuracy is None:
        return None
    labels = estimate.accuracy.labels
    wanted = anytime_factor(labels, alpha=estimate.alpha) / math.sqrt(labels) / 2
    low, high = labels, 64 * labels
    while high - low > 1:
        middle = (low + high) // 2
        if anytime_factor(middle, alpha=estimate.alpha) / math.sqrt(middle) > wanted:
            low = middle
        else:
            high = middle
    return high - labels


def _clip(value: float) -> float:
    return min(max(value, 0.0), 1.0)
