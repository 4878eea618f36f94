"""Accuracy week by week: labels of earlier weeks are pooled while nothing says that accuracy changed."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

import pandas as pd
from scipy import optimize

from seamwatch.core.accuracy.change import RestartReason, find_change
from seamwatch.core.accuracy.confidence_sequence import anytime_interval, pool_alpha
from seamwatch.core.accuracy.estimate import Estimate, StratifiedEstimates, estimate_share, judge_share
from seamwatch.core.accuracy.labels import LabelledSample, WeekOfAnswers, read_sample


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

    @property
    def equal_labels(self) -> float:
        """Labels, all counting alike, that would be as exact: infinite where every answer is labelled."""
        return _equal_labels(self.value, self.standard_error**2, self.effective_labels)


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
    """Return the anytime-valid interval, as of as many equally weighted labels as would estimate as exactly.

    Few labels err to one side: where by luck few wrong ones were drawn, the estimate is too high and its error seems
    too small. An interval of a share takes the error that each candidate would have, and never leaves [0, 1].
    """
    value = _clip(estimate.value)
    size = _equal_labels(value, estimate.variance, estimate.effective_labels)
    low, high = (
        anytime_interval(value, size, labels=estimate.labels, alpha=alpha) if size < math.inf else (value, value)
    )
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

    More than three times those so far where these are many: an interval that stays valid for ever narrows a little
    slower than by the root of the number of labels. 0 where nothing is left to narrow.
    """
    known = estimate.accuracy
    if known is None:
        return None
    if math.isinf(known.equal_labels) or not known.half_width:
        return 0
    worth = known.equal_labels / known.labels

    def exceeds_half(labels: float) -> float:
        low, high = anytime_interval(known.value, labels * worth, labels=labels, alpha=estimate.alpha)
        return (high - low) / 2 - known.half_width / 2

    wanted: float = optimize.brentq(exceeds_half, known.labels, 1_000 * known.labels, xtol=1e-3)
    return math.ceil(wanted - known.labels)


def _equal_labels(value: float, variance: float, effective_labels: float) -> float:
    smoothed = (value * effective_labels + 1) / (effective_labels + 2)
    return smoothed * (1 - smoothed) / variance if variance > 0 else math.inf


def _clip(value: float) -> float:
    return min(max(value, 0.0), 1.0)
