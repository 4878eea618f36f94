"""How often a judge is wrong about wrong answers and about right ones, against people's labels, by segment."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from seamwatch.core.accuracy.labels import Floats, check_labels
from seamwatch.core.detection.rates import exact_bounds

SAYS_RIGHT_FROM = 0.5
"""Prediction from which on a judge calls an answer right."""
CONFIDENCE = 0.95


@dataclass(frozen=True, kw_only=True)
class Rate:
    """A share of all answers of a kind, from a sample of them."""

    value: float
    low: float
    high: float
    n: int
    """Labels that it is from."""


@dataclass(frozen=True, kw_only=True)
class JudgeError:
    """What people's labels say of a judge; a judge that nobody checked has two times None, and is trusted by nobody."""

    sensitivity: Rate | None
    """Of wrong answers the share that the judge calls wrong; None without a wrong one."""
    specificity: Rate | None
    """Of right answers the share that the judge calls right; None without a right one."""
    n_wrong: int
    n_right: int
    n_unknown: int
    """Labels of answers that the judge said nothing of; part of neither rate."""


@dataclass(frozen=True, kw_only=True)
class JudgeErrors:
    """The whole and its segments."""

    whole: JudgeError
    segments: tuple[tuple[str, JudgeError], ...]


def judge_errors(labels: pd.DataFrame) -> JudgeErrors:
    """Return a judge's sensitivity and specificity over all answers, and by segment.

    Args:
        labels: As of `labels.LABEL_COLUMNS`; `prediction` is the judge's, 1.0 and 0.0 for one that says right or wrong.

    Raises:
        DataContractError: If the labels break their contract.
    """
    check_labels(labels)
    return JudgeErrors(
        whole=_judge_error(labels),
        segments=tuple((str(name), _judge_error(part)) for name, part in labels.groupby("segment", sort=True)),
    )


def _judge_error(labels: pd.DataFrame) -> JudgeError:
    prediction = labels["prediction"].to_numpy(dtype=float)
    is_known = ~np.isnan(prediction)
    is_right = labels["is_right"].to_numpy(dtype=bool)
    weight = 1.0 / labels["inclusion"].to_numpy(dtype=float)
    says_right = prediction >= SAYS_RIGHT_FROM
    wrong, right = is_known & ~is_right, is_known & is_right
    return JudgeError(
        sensitivity=weighted_rate(~says_right[wrong], weight[wrong]),
        specificity=weighted_rate(says_right[right], weight[right]),
        n_wrong=int(wrong.sum()),
        n_right=int(right.sum()),
        n_unknown=int((~is_known).sum()),
    )


def weighted_rate(holds: np.ndarray[tuple[int], np.dtype[np.bool_]], weight: Floats) -> Rate | None:
    """Return the weighted share in which something holds, with an exact interval; None without data.

    The interval is that of Clopper and Pearson for as many equally weighted labels as are worth as much: E. L. Korn, B.
    I. Graubard (1998), "Confidence intervals for proportions with small expected number of positive counts estimated
    from survey data", Survey Methodology 24(2). Their number of labels follows from the variance; we take Kish's where
    that is smaller. Where all labels agree there is no variance, and what was not seen may be just what is drawn least
    often: then each label stands for as many answers as the heaviest.
    """
    n = holds.size
    if n == 0:
        return None
    total = float(weight.sum())
    value = float(weight[holds].sum()) / total
    if holds.all() or not holds.any():
        value, size = float(holds.all()), total / float(weight.max())
    else:
        variance = float((weight**2 * (holds - value) ** 2).sum()) / total**2 * n / max(n - 1, 1)
        size = min(total**2 / float((weight**2).sum()), value * (1 - value) / variance)
    low, high = exact_bounds(value, size, confidence=CONFIDENCE)
    return Rate(value=value, low=low, high=high, n=n)
