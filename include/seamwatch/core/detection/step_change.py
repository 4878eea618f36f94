"""Whether the last periods of a series lie apart from the ones before, further than periods of its past differ.

Two periods of a healthy service are not two samples of one distribution: Monday is not Sunday, and no Monday is quite
like the next. A test that only knows of sampling error calls that drift every week. Here the mean of a period is

    level + season + its own deviation + sampling error

where the variances of the season (the place in the week) and of the deviation are learnt from the past. A change is a
step of the level that has lasted for the last 1, 2, 3, 5, 8 or 13 periods; a small one that stays is found by the
longer spans.

Sources: D. M. Hawkins, P. Qiu, C. W. Kang (2003), "The changepoint model for statistical process control", J. Qual.
Technol. 35(4), for steps in a series whose level is not known beforehand; G. K. Smyth (2004), "Linear models and
empirical Bayes methods", Stat. Appl. Genet. Mol. Biol. 3(1), for variances that many series with short pasts lend each
other, with the t-distribution that follows. We depart from the latter where it shrinks: a series that varies more than
the others keeps its own variance.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import special, stats

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

LENGTHS = (1, 2, 3, 5, 8, 13)
"""Periods that a step may have lasted."""
LEAST_PAST = 3
"""Periods before the step."""
_UNSEEN = 1e6
"""Variance of a period that is not known: none of its weight is left."""
_SEASON_GUESS = 0.0625
"""Variance of the season while the past is shorter than two weeks: a quarter of a standard deviation."""
_GUESS, _GUESS_DF = 2.0, 4.0
"""Variance of a period in sampling variances, and the degrees of freedom that this guess weighs."""
_FEW_SERIES = 10
"""Of fewer series nothing is learnt about the others."""
_MOST_LENT = 3.0
"""Most degrees of freedom lent by other series, for each of its own."""
_SEASON_WEIGHT = 4.0
_UNLIKE = 0.05
"""A series whose variance is so improbable among the others' is judged by its own degrees of freedom."""


@dataclass(frozen=True, kw_only=True)
class Steps:
    """A step at the end of each series, by how long it has lasted; rows `lengths`, columns the series."""

    lengths: tuple[int, ...]
    size: Floats
    """Estimated height of the step, in the series' own unit."""
    p_value: Floats
    """Two-sided; 1 where nothing can be said."""
    level: Floats
    """Estimated level before the step."""


@dataclass(frozen=True, kw_only=True)
class _Spread:
    """Variances of each series."""

    own: Floats
    """Of a period's own deviation."""
    season: Floats
    df: Floats
    """Degrees of freedom of what is known of them."""


def find_steps(means: Floats, sizes: Floats, seasons: Ints, *, lengths: tuple[int, ...] = LENGTHS) -> Steps:
    """Return the step of each length at the end of each series.

    Args:
        means: Rows periods, oldest first; columns series. The sampling variance of a mean must be 1 / size.
        sizes: In the same shape; 0 where a period is not known or left out.
        seasons: Of each period, its place in the week; all 0 where there is none.
        lengths: How long the step may have lasted; those that leave fewer than `LEAST_PAST` periods are left out.
    """
    n_periods, n_series = means.shape
    used = tuple(length for length in lengths if n_periods - length >= LEAST_PAST)
    empty = np.zeros((len(used), n_series))
    size, level, p_value = empty.copy(), empty.copy(), np.ones_like(empty)
    known = sizes > 0
    means = np.where(known, means, 0.0)
    for row, length in enumerate(used if n_series else ()):
        spread = _spread(means[:-length], sizes[:-length], seasons[:-length], n_seasons=len(np.unique(seasons)))
        can = (known[:-length].sum(axis=0) >= LEAST_PAST) & known[-length:].any(axis=0)
        level[row], size[row], error = _fit(means, sizes, seasons, spread, length)
        t = np.abs(size[row]) / error
        p_value[row] = np.where(can, 2.0 * stats.t.sf(t, spread.df), 1.0)
        size[row] = np.where(can, size[row], 0.0)
    return Steps(lengths=used, size=size, p_value=p_value, level=level)


def _fit(means: Floats, sizes: Floats, seasons: Ints, spread: _Spread, length: int) -> tuple[Floats, Floats, Floats]:
    """Return level, step and the step's standard error by generalised least squares with the variances as they are."""
    n_periods, n_series = means.shape
    step = np.zeros(n_periods)
    step[-length:] = 1.0
    design = np.column_stack([np.ones(n_periods), step])
    own = np.where(sizes > 0, 1.0 / np.maximum(sizes, 1e-9) + spread.own, _UNSEEN)
    covariance = spread.season[:, None, None] * (seasons[:, None] == seasons[None, :])
    covariance[:, np.arange(n_periods), np.arange(n_periods)] += own.T
    right = np.concatenate([np.broadcast_to(design, (n_series, *design.shape)), means.T[:, :, None]], axis=2)
    solved = np.linalg.solve(covariance, right)
    normal = design.T @ solved
    a, b, c = normal[:, 0, 0], normal[:, 0, 1], normal[:, 1, 1]
    determinant = a * c - b * b
    level = (c * normal[:, 0, 2] - b * normal[:, 1, 2]) / determinant
    height = (a * normal[:, 1, 2] - b * normal[:, 0, 2]) / determinant
    return level, height, np.sqrt(a / determinant)


def _spread(means: Floats, sizes: Floats, seasons: Ints, *, n_seasons: int) -> _Spread:
    """Return the variances of each series, learnt from its past and from the other series."""
    known = sizes > 0
    n = known.sum(axis=0)
    sampling = np.where(known, 1.0 / np.maximum(sizes, 1e-9), 0.0).sum(axis=0) / np.maximum(n, 1)
    sampling = np.maximum(sampling, 1e-12)
    can_split = n_seasons > 1 and len(means) >= 2 * n_seasons
    groups = (seasons[:, None] == np.unique(seasons)).astype(float) if can_split else np.ones((len(means), 1))
    counts = groups.T @ known
    group_means = np.divide(groups.T @ means, counts, out=np.zeros_like(counts), where=counts > 0)
    rest = np.where(known, means - groups @ group_means, 0.0)
    df = np.maximum(n - (counts > 0).sum(axis=0), 0).astype(float)
    ratio = np.divide((rest**2).sum(axis=0), df * sampling, out=np.ones_like(df), where=df > 0)
    guess, guess_df = _learn(ratio[df > 0], df[df > 0])
    lent = np.minimum(guess_df, np.maximum(_GUESS_DF, _MOST_LENT * df))
    drawn = (lent * guess + df * ratio) / (lent + df)
    total = np.maximum(np.maximum(drawn, ratio), 1.0)
    season = np.zeros_like(total)
    if can_split:
        season = _season(group_means, counts, total * sampling)
    elif n_seasons > 1:
        season = np.full_like(total, _SEASON_GUESS)
    # What a series that surely varies more than the others has of its own is all that is known of it.
    is_unlike = stats.chi2.sf(df * ratio / guess, np.maximum(df, 1.0)) < _UNLIKE
    return _Spread(own=(total - 1.0) * sampling, season=season, df=np.maximum(np.where(is_unlike, df, lent + df), 1.0))


def _season(group_means: Floats, counts: Floats, variance: Floats) -> Floats:
    """Return the variance between seasons beyond what chance makes of so few periods each."""
    seen = counts > 0
    n = np.maximum(seen.sum(axis=0), 2)
    centre = group_means.sum(axis=0) / n
    between = (np.where(seen, group_means - centre, 0.0) ** 2).sum(axis=0) / (n - 1)
    chance = np.divide(variance, counts, out=np.zeros_like(counts), where=seen).sum(axis=0) / n
    own = np.maximum(between - chance, 0.0)
    drawn = (_SEASON_WEIGHT * own.mean() + (n - 1) * own) / (_SEASON_WEIGHT + n - 1)
    return np.asarray(np.maximum(drawn, own), dtype=float)


def _learn(ratio: Floats, df: Floats) -> tuple[float, float]:
    """Return the variance ratio that series have in common, and the degrees of freedom that this is worth.

    Source: Smyth (2004), section 6.2: moments of the logarithm of the variances.
    """
    if len(ratio) < _FEW_SERIES:
        return _GUESS, _GUESS_DF
    half = df / 2.0
    # A rare value's share varies less than its formula says; the smallest would pull everything down.
    logs = np.log(np.maximum(ratio, 0.1)) - special.digamma(half) + np.log(half)
    excess = float(logs.var(ddof=1) - special.polygamma(1, half).mean())
    if excess <= 0.0:
        return max(float(np.exp(logs.mean())), 1.0), np.inf
    prior = 2.0 * _inverse_trigamma(excess)
    return max(float(np.exp(logs.mean() + special.digamma(prior / 2) - np.log(prior / 2))), 1.0), prior


def _inverse_trigamma(value: float) -> float:
    """Return x with trigamma(x) = value, by Newton's method as in the appendix of Smyth (2004)."""
    if value > 1e7:
        return float(1.0 / np.sqrt(value))
    if value < 1e-6:
        return 1.0 / value
    x = 0.5 + 1.0 / value
    for _ in range(50):
        trigamma = float(special.polygamma(1, x))
        change = trigamma * (1.0 - trigamma / value) / float(special.polygamma(2, x))
        x += change
        if -change / x < 1e-8:
            break
    return float(x)
