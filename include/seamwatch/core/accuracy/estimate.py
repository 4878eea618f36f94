"""Accuracy over all answers of some weeks, from a few labels and a judge's predictions on all.

Source of the estimator: A. N. Angelopoulos, S. Bates, C. Fannjiang, M. I. Jordan, T. Zrnic (2023), "Prediction-powered
inference", Science 382; A. N. Angelopoulos, J. C. Duchi, T. Zrnic (2023), "PPI++", arXiv:2311.01453 (the weight of the
predictions); T. Zrnic, E. J. Candes (2024), "Active statistical inference", ICML (labels drawn with unequal
probability). It is the difference estimator of survey sampling: C.-E. Sarndal, B. Swensson, J. Wretman (1992), "Model
assisted survey sampling", chapter 6, normalised by the sum of weights (J. Hajek 1971), and stratified by segment after
the draw (their section 7.6).
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from seamwatch.core.accuracy.labels import Floats, Integers, LabelledSample

LEAST_SEGMENT_LABELS = 20
"""Labels of a segment below which nothing is said of its accuracy alone."""
WEIGHT_SHRINKAGE = 5.0
"""Labels' worth of belief that the predictions say nothing: a judge earns its weight."""
LEAST_SURPRISES = 1.0
"""Labels of which an interval always allows that they were as far from what was expected as can be: any number of
labels, all of them right, would else have no error at all."""


@dataclass(frozen=True, kw_only=True)
class Estimate:
    """An estimated share of right answers."""

    value: float
    """Not clipped: predictions may lead slightly out of [0, 1]."""
    variance: float
    """Of the error against all answers of these weeks; 0 where all of them are labelled."""
    labels: int
    effective_labels: float
    """Equally weighted labels that would be worth as much: L. Kish (1965), "Survey sampling", section 11.7."""
    answers: int


@dataclass(frozen=True, kw_only=True)
class StratifiedEstimates:
    """Of the same labels the whole and its parts."""

    whole: Estimate
    segments: tuple[tuple[str, Estimate], ...]
    """Segments with enough labels; no others."""
    prediction_weight: float
    """Mean weight of a prediction's distance from its mean; 0 where predictions are unknown or say nothing."""
    adjusted: Floats
    """Of each label its outcome less what the prediction explains; its weighted mean by stratum is the estimate."""


@dataclass(frozen=True, kw_only=True)
class _Part:
    """The labels of some segments, taken as one."""

    mean: Estimate
    members: NDArray[np.bool_]
    """Which segments these are."""
    chosen: NDArray[np.bool_]
    """Which labels of the sample these are."""
    adjusted: Floats
    prediction_weights: Floats


def estimate_share(sample: LabelledSample, *, use_predictions: bool = True) -> StratifiedEstimates | None:
    """Return the share of right answers over all answers of the weeks that have labels; None without a label.

    Args:
        sample: Labels and counts.
        use_predictions: False for the weighted mean of people's labels alone, which is not stratified either.
    """
    if sample.week.size == 0:
        return None
    has_labels = np.bincount(sample.week, minlength=len(sample.weeks)) > 0
    answers = sample.answers[has_labels].sum(axis=0)
    labels = np.bincount(sample.segment, minlength=len(sample.segments))
    strata = _strata(labels, answers) if use_predictions else np.zeros(labels.size, dtype=np.int64)
    parts = [
        _estimate_part(sample, answers, strata == number, use_predictions=use_predictions)
        for number in range(int(strata.max()) + 1)
    ]
    adjusted, prediction_weights = np.zeros(sample.week.size), np.zeros(sample.week.size)
    for part in parts:
        adjusted[part.chosen], prediction_weights[part.chosen] = part.adjusted, part.prediction_weights
    return StratifiedEstimates(
        whole=_allow_surprises(_join([part.mean for part in parts], sample.inclusion), 1.0 - sample.inclusion),
        segments=_segments(sample, answers, parts) if use_predictions else (),
        prediction_weight=float(np.average(prediction_weights, weights=1.0 / sample.inclusion)),
        adjusted=adjusted,
    )


def judge_share(sample: LabelledSample) -> float | None:
    """Return the mean prediction over all answers that have one: the judge alone, its error not taken out."""
    predicted = float(sample.predicted.sum())
    return float(sample.prediction_sum.sum()) / predicted if predicted else None


def _strata(labels: Integers, answers: Floats) -> Integers:
    """Return the number of each segment's stratum.

    Segments with too few labels share one; if these are too few together, it takes in the smallest of the others.
    """
    order = np.argsort(labels, kind="stable")
    n_merged = int((labels < LEAST_SEGMENT_LABELS).sum())
    while 0 < n_merged < labels.size and labels[order[:n_merged]].sum() < LEAST_SEGMENT_LABELS:
        if answers[order[:n_merged]].sum() == 0:
            break
        n_merged += 1
    strata = np.zeros(labels.size, dtype=np.int64)
    first = int(n_merged > 0 and answers[order[:n_merged]].sum() > 0)
    strata[order[n_merged:]] = np.arange(labels.size - n_merged) + first
    return strata


def _segments(sample: LabelledSample, answers: Floats, strata: list[_Part]) -> tuple[tuple[str, Estimate], ...]:
    """Return every segment with enough labels by itself, also one that shares a stratum."""
    found = []
    labels = np.bincount(sample.segment, minlength=len(sample.segments))
    for number in np.flatnonzero(labels >= LEAST_SEGMENT_LABELS):
        members = np.arange(labels.size) == number
        alone = next((one for one in strata if np.array_equal(one.members, members)), None)
        part = alone or _estimate_part(sample, answers, members, use_predictions=True)
        found.append((sample.segments[number], _allow_surprises(part.mean, 1.0 - sample.inclusion[part.chosen])))
    return tuple(found)


def _estimate_part(
    sample: LabelledSample, answers: Floats, members: NDArray[np.bool_], *, use_predictions: bool
) -> _Part:
    """Return the estimate of the segments of one stratum."""
    chosen = members[sample.segment]
    is_right, inclusion = sample.is_right[chosen], sample.inclusion[chosen]
    centred = _centred_predictions(sample, members, chosen) if use_predictions else np.zeros(is_right.size)
    weights = _prediction_weights(is_right, centred, 1.0 / inclusion)
    adjusted = is_right - weights * centred
    return _Part(
        mean=_weighted_mean(adjusted, inclusion, answers=int(answers[members].sum())),
        members=members,
        chosen=chosen,
        adjusted=adjusted,
        prediction_weights=weights,
    )


def _centred_predictions(sample: LabelledSample, members: NDArray[np.bool_], chosen: NDArray[np.bool_]) -> Floats:
    """Return predictions less the mean over all predicted answers of the same week and stratum; 0 where unknown.

    Over all these answers the mean of the result is exactly 0, so that subtracting any multiple of it leaves the
    estimate unbiased, wherever the predictions are wrong.
    """
    week, prediction = sample.week[chosen], sample.prediction[chosen]
    predicted, sums = (
        sample.predicted[:, members].sum(axis=1)[week],
        sample.prediction_sum[:, members].sum(axis=1)[week],
    )
    is_known = ~np.isnan(prediction) & (predicted > 0)
    centred = np.zeros(week.size)
    centred[is_known] = prediction[is_known] - sums[is_known] / predicted[is_known]
    return centred


def _prediction_weights(is_right: Floats, centred: Floats, weight: Floats) -> Floats:
    """Return for each label how much its prediction counts, fitted to all the other labels.

    The weight that leaves the least variance is the slope of a regression with squared sampling weights (PPI++, section
    6; Zrnic and Candes 2024). Each label is adjusted with a slope that it had no part in, so that fitting adds no bias
    and hides no variance: E. Wu, J. A. Gagnon-Bartsch (2018), "The LOOP estimator", Evaluation Review 42(4). A slope
    below 0, a judge worse than none, counts as 0.
    """
    n = is_right.size
    if n < 3:
        return np.zeros(n)
    squared = weight**2
    products, predictions, squares = squared * is_right * centred, squared * centred, squared * centred**2
    total = weight.sum()
    mean_of_others = ((weight * is_right).sum() - weight * is_right) / (total - weight)
    covariance = products.sum() - products - mean_of_others * (predictions.sum() - predictions)
    spread = squares.sum() - squares
    slope = np.divide(covariance, spread, out=np.zeros(n), where=spread > 1e-12 * max(float(squares.sum()), 1e-300))
    return np.asarray(np.maximum(slope, 0.0) * (n - 1) / (n - 1 + WEIGHT_SHRINKAGE), dtype=float)


def _weighted_mean(values: Floats, inclusion: Floats, *, answers: int) -> Estimate:
    """Return the mean weighted by 1 / inclusion, with the variance of its linear form (Sarndal et al., section 5.5)."""
    weight = 1.0 / inclusion
    total, n = float(weight.sum()), values.size
    value = float((weight * values).sum()) / total
    errors = (1.0 - inclusion) * (weight * (values - value)) ** 2
    return Estimate(
        value=value,
        variance=float(errors.sum()) / total**2 * n / max(n - 1, 1),
        labels=n,
        effective_labels=_effective(weight),
        answers=answers,
    )


def _join(parts: list[Estimate], inclusion: Floats) -> Estimate:
    """Return the strata weighted by their answers."""
    answers = sum(one.answers for one in parts)
    shares = [one.answers / answers for one in parts]
    return Estimate(
        value=sum(share * one.value for share, one in zip(shares, parts, strict=True)),
        variance=sum(share**2 * one.variance for share, one in zip(shares, parts, strict=True)),
        labels=sum(one.labels for one in parts),
        effective_labels=_effective(1.0 / inclusion),
        answers=answers,
    )


def _effective(weight: Floats) -> float:
    return float(weight.sum()) ** 2 / float((weight**2).sum())


def _allow_surprises(estimate: Estimate, unlabelled: Floats) -> Estimate:
    """Return the estimate with a variance of at least that of `LEAST_SURPRISES` labels that were not as expected."""
    least = float(unlabelled.mean()) * LEAST_SURPRISES / estimate.effective_labels**2
    return replace(estimate, variance=max(estimate.variance, least))
