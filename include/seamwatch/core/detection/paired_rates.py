"""Two rates on the same inputs, and two rates within strata where no inputs are the same: tests and intervals."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt

from scipy import optimize, stats

from seamwatch.errors import DataContractError

_NEAR_ONE = 1.0 - 1e-12


def changed_p_value(n_worse: int, n_better: int) -> float:
    """Return the exact two-sided p of so many pairs that got worse and better; 1.0 if none does.

    Source: Q. McNemar (1947), "Note on the sampling error of the difference between correlated proportions",
    Psychometrika 12(2), in its exact form: a sign test on the discordant pairs. It is not softened by mid-p.
    """
    n = n_worse + n_better
    return min(1.0, 2.0 * float(stats.binom.cdf(min(n_worse, n_better), n, 0.5))) if n else 1.0


def paired_difference_interval(
    n_worse: int, n_better: int, n_pairs: int, *, confidence: float = 0.95
) -> tuple[float, float] | None:
    """Return the interval of (share right after - share right before) on the same inputs; None without any pair.

    Args:
        n_worse: Pairs right before and wrong after.
        n_better: Pairs wrong before and right after.
        n_pairs: All pairs.
        confidence: Of the interval.

    Raises:
        DataContractError: If the counts do not fit.

    Source: T. Tango (1998), "Equivalence test and confidence interval for the difference in proportions for the
    paired-sample design", Statistics in Medicine 17: the differences that the score test does not refuse.
    """
    if min(n_worse, n_better) < 0 or n_worse + n_better > n_pairs:
        msg = f"pairs need 0 <= worse + better <= pairs; got {n_worse} and {n_better} of {n_pairs}"
        raise DataContractError(msg)
    if not n_pairs:
        return None
    z = float(stats.norm.ppf((1 + confidence) / 2))
    found = (n_better - n_worse) / n_pairs

    def excess(difference: float) -> float:
        return abs(_score(n_better, n_worse, n_pairs, difference)) - z

    low = -1.0 if excess(-_NEAR_ONE) <= 0 else float(optimize.brentq(excess, -_NEAR_ONE, found))
    high = 1.0 if excess(_NEAR_ONE) <= 0 else float(optimize.brentq(excess, found, _NEAR_ONE))
    return low, high


def _score(n_better: int, n_worse: int, n: int, difference: float) -> float:
    """Return Tango's score statistic of a difference; 0 where what was found is exactly that difference."""
    gap = n_better - n_worse - n * difference
    if abs(gap) < 1e-9:
        return 0.0
    linear = -n_better - n_worse + (2 * n - n_better + n_worse) * difference
    constant = -n_worse * difference * (1 - difference)
    worse_share = (sqrt(max(linear**2 - 8 * n * constant, 0.0)) - linear) / (4 * n)
    variance = n * (2 * worse_share + difference * (1 - difference))
    return gap / sqrt(variance) if variance > 0 else float("inf") * gap


@dataclass(frozen=True, kw_only=True)
class Stratum:
    """Records of one kind that two releases answered, no two of them alike."""

    n_first: int
    right_first: int
    n_second: int
    right_second: int


@dataclass(frozen=True, kw_only=True)
class StratifiedDifference:
    """How far the second release is from the first, like compared with like."""

    difference: float
    """Share right of the second minus that of the first, weighted by strata."""
    low: float
    high: float
    p_value: float
    n_first: int
    """Records of the first release in strata that both have."""
    n_second: int
    n_strata: int


def stratified_difference(strata: Sequence[Stratum], *, confidence: float = 0.95) -> StratifiedDifference | None:
    """Return the weighted difference of two rates over strata; None where no stratum has records of both.

    Source: S. Greenland, J. M. Robins (1985), "Estimation of a common effect parameter from sparse follow-up data",
    Biometrics 41 (weights of Mantel and Haenszel); variance of T. Sato (1989), "On the variance estimator for the
    Mantel-Haenszel risk difference", Biometrics 45; test of N. Mantel and W. Haenszel (1959), uncorrected.
    """
    both = [one for one in strata if one.n_first and one.n_second]
    if not both:
        return None
    weight = sum(one.n_first * one.n_second / (one.n_first + one.n_second) for one in both)
    total = sum(_weighted(one) for one in both)
    difference = total / weight
    half = float(stats.norm.ppf((1 + confidence) / 2)) * sqrt(max(_variance(both, difference), 0.0)) / weight
    spread = sum(map(_null_variance, both))
    p_value = float(2 * stats.norm.sf(abs(total) / sqrt(spread))) if spread > 0 else 1.0
    return StratifiedDifference(
        difference=difference,
        low=max(-1.0, difference - half),
        high=min(1.0, difference + half),
        p_value=min(1.0, p_value),
        n_first=sum(one.n_first for one in both),
        n_second=sum(one.n_second for one in both),
        n_strata=len(both),
    )


def _weighted(one: Stratum) -> float:
    n = one.n_first + one.n_second
    return (one.right_second * one.n_first - one.right_first * one.n_second) / n


def _variance(strata: Sequence[Stratum], difference: float) -> float:
    found = 0.0
    for one in strata:
        n, first, second = one.n_first + one.n_second, one.n_first, one.n_second
        squares = second**2 * one.right_first - first**2 * one.right_second + first * second * (first - second) / 2
        crossed = one.right_first * (second - one.right_second) + one.right_second * (first - one.right_first)
        found += difference * squares / n**2 + crossed / (2 * n)
    return found


def _null_variance(one: Stratum) -> float:
    n, right = one.n_first + one.n_second, one.right_first + one.right_second
    return one.n_first * one.n_second * right * (n - right) / (n**2 * (n - 1)) if n > 1 else 0.0
