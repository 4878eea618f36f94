"""Whether accuracy is no longer what it was, so that labels of before say nothing of today."""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from scipy import special

from seamwatch.core.accuracy.estimate import LEAST_SURPRISES, StratifiedEstimates
from seamwatch.core.accuracy.labels import Floats, LabelledSample

RECENT_WEEKS = 3
"""The last one, two and three weeks are compared with the weeks before: a fall by 10 points must be seen by then."""
LABEL_ERRORS = 4.0
"""Standard errors between labels of the last weeks and those before that end a pool: by chance in about one of a
hundred years of weekly tests. An interval after a restart extends at least as far, so that a restart by chance, on
weeks chosen for how far off they are, does not make it miss."""
JUDGE_CHANCE = 1e-3
"""Probability that the judge's rate of a week is as far from that of the weeks before, were it to vary as it did."""
LEAST_DIFFERENCES = 3
"""Steps from week to week from which it is known how much the judge's rate varies by itself."""
MATERIAL_CHANGE = 0.01
"""Change of accuracy, as the judge's rate tells it, below which a pool goes on: its intervals hold the mean."""
MATERIAL_CHANGE_EARLY = 0.05
"""The same while it is not known yet how much the judge's rate varies by itself."""


class RestartReason(StrEnum):
    """Why a pool of labels begins where it does."""

    FIRST_LABELS = "first_labels"
    """Nothing said that accuracy changed since the first label."""
    LABELS = "labels"
    """People's labels of the last weeks differ from those before."""
    JUDGE_RATE = "judge_rate"
    """The judge's rate over all answers moved. Either accuracy did, or the judge or what is asked; labels will tell."""


@dataclass(frozen=True, kw_only=True)
class Change:
    """Where a pool ends and the next one begins."""

    first: int
    """Number of the first week of the next pool."""
    reason: RestartReason
    errors: float
    """How far off in standard errors, negative for a fall."""


def find_change(pool: LabelledSample, estimates: StratifiedEstimates, *, history: LabelledSample) -> Change | None:
    """Return where accuracy changed within the last weeks of a pool; None if nothing says so.

    Args:
        pool: The week in question last.
        estimates: Of the pool.
        history: The pool and all weeks before it: how much the judge's rate varies from week to week.
    """
    return _label_change(pool, estimates.adjusted) or _judge_change(pool, history=history)


def _label_change(sample: LabelledSample, adjusted: Floats) -> Change | None:
    """Return the recent weeks whose labels differ most from those before, where the difference is no chance."""
    n_weeks = len(sample.weeks)
    weight = 1.0 / sample.inclusion
    by_week = [
        np.bincount(sample.week, weights=values, minlength=n_weeks)
        for values in (
            np.ones_like(weight),
            weight,
            weight * adjusted,
            weight**2,
            weight**2 * adjusted,
            weight**2 * adjusted**2,
        )
    ]
    totals = np.array([np.cumsum(one) for one in by_week])
    found: Change | None = None
    for recent in range(1, min(RECENT_WEEKS, n_weeks - 1) + 1):
        first = n_weeks - recent
        before, after = totals[:, first - 1], totals[:, -1] - totals[:, first - 1]
        if by_week[0][first] == 0 or before[0] < 2 or after[0] < 2:
            continue
        errors = _errors_apart(before, after)
        if abs(errors) > max(LABEL_ERRORS, abs(found.errors) if found else 0.0):
            found = Change(first=first, reason=RestartReason.LABELS, errors=errors)
    return found


def _errors_apart(before: Floats, after: Floats) -> float:
    """Return the difference of two weighted means in standard errors, with the mean of both variances for each.

    By the variance of the many labels before, a few surprises among the recent would be too sure; by their own, a fall
    that brings its own variance would be found late.
    """
    means, variances = [], []
    for _, weight, values, squared, cross, squares in (before, after):
        mean = values / weight
        means.append(mean)
        variances.append(
            max(squares - 2 * mean * cross + mean**2 * squared, LEAST_SURPRISES * squared / before[0]) / squared
        )
    variance = (variances[0] + variances[1]) / 2
    error = math.sqrt(variance * (before[3] / before[1] ** 2 + after[3] / after[1] ** 2))
    return float((means[1] - means[0]) / error) if error else 0.0


def _judge_change(pool: LabelledSample, *, history: LabelledSample) -> Change | None:
    """Return the last week as a change where the judge's rate moved by more than it varies and than is immaterial."""
    predicted, sums = pool.predicted.sum(axis=1), pool.prediction_sum.sum(axis=1)
    before = float(predicted[:-1].sum())
    if not (predicted[-1] and before):
        return None
    usual = float(sums[:-1].sum()) / before
    moved = float(sums[-1] / predicted[-1]) - usual
    # The luck of a share is at most that of a coin with the same mean: predictions between 0 and 1 vary less.
    luck = usual * (1 - usual)
    restlessness, n_differences = _restlessness(history)
    n_weeks = int((predicted[:-1] > 0).sum())
    error = math.sqrt(luck * (1 / predicted[-1] + 1 / before) + restlessness * (1 + 1 / n_weeks))
    is_known = n_differences >= LEAST_DIFFERENCES
    bound = -float(special.stdtrit(n_differences if is_known else math.inf, JUDGE_CHANCE / 2)) * error
    material = MATERIAL_CHANGE if is_known else MATERIAL_CHANGE_EARLY
    if abs(moved) <= max(bound, material * _judge_power(pool)):
        return None
    return Change(
        first=len(predicted) - 1, reason=RestartReason.JUDGE_RATE, errors=moved / error if error else math.inf
    )


def _restlessness(history: LabelledSample) -> tuple[float, int]:
    """Return the variance of the judge's weekly rate by itself, the last week apart, and of how many steps it is known.

    Half the squared step from one week to the next; its median, so that single falls and recoveries do not count
    (0.455 is the median of chi-squared with one degree of freedom). The luck of the answers is in it.
    """
    predicted, sums = history.predicted[:-1].sum(axis=1), history.prediction_sum[:-1].sum(axis=1)
    rates = sums[predicted > 0] / predicted[predicted > 0]
    steps = np.diff(rates) ** 2
    if steps.size < LEAST_DIFFERENCES:
        return 0.0, int(steps.size)
    return float(np.median(steps)) / 2 / 0.455, int(steps.size)


def _judge_power(sample: LabelledSample) -> float:
    """Return by how much the mean prediction of right answers is above that of wrong ones, at least 0.2.

    A change of accuracy moves the judge's rate by this multiple: for a judge that says right or wrong it is sensitivity
    + specificity - 1 (W. J. Youden 1950). Without labels of both kinds it is 1, the most there can be.
    """
    is_known = ~np.isnan(sample.prediction)
    weight = np.where(is_known, 1.0 / sample.inclusion, 0.0)
    prediction = np.where(is_known, sample.prediction, 0.0)
    right, wrong = float((weight * sample.is_right).sum()), float((weight * (1 - sample.is_right)).sum())
    if not (right and wrong):
        return 1.0
    of_right = float((weight * sample.is_right * prediction).sum()) / right
    of_wrong = float((weight * (1 - sample.is_right) * prediction).sum()) / wrong
    return max(of_right - of_wrong, 0.2)
