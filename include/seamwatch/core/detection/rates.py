"""Intervals and tests, each with its source; no data gives None, never zero."""

from __future__ import annotations

from collections.abc import Sequence

from scipy import special, stats

from seamwatch.errors import DataContractError


def wilson_interval(good: int, total: int, *, confidence: float = 0.95) -> tuple[float, float] | None:
    """Return the Wilson score interval of a share; None if `total` is 0.

    Raises:
        DataContractError: If `good` is not between 0 and `total`.
    """
    if not 0 <= good <= total:
        msg = f"a share needs 0 <= good <= total; got {good} of {total}"
        raise DataContractError(msg)
    return wilson_bounds(good / total, float(total), confidence=confidence) if total else None


def wilson_bounds(share: float, size: float, *, confidence: float = 0.95) -> tuple[float, float]:
    """Return the Wilson score interval of a share; the number of trials is above 0 and need not be whole.

    Source: E. B. Wilson (1927), "Probable inference"; formula as in Brown, Cai, DasGupta (2001), section 3.1.1.
    """
    return score_bounds(share, size, errors=float(stats.norm.ppf((1 + confidence) / 2)))


def score_bounds(share: float, size: float, *, errors: float) -> tuple[float, float]:
    """Return the shares that are at most so many of their own standard errors away from the one that was seen.

    Source: as of `wilson_bounds`, whose interval this is for any number of standard errors.
    """
    z = errors
    centre = (share + z**2 / (2 * size)) / (1 + z**2 / size)
    half = z / (1 + z**2 / size) * float((share * (1 - share) / size + z**2 / (4 * size**2)) ** 0.5)
    # At the ends the bound is the share itself, but for the rounding.
    return 0.0 if share == 0.0 else max(0.0, centre - half), 1.0 if share == 1.0 else min(1.0, centre + half)


def exact_bounds(share: float, size: float, *, confidence: float = 0.95) -> tuple[float, float]:
    """Return the exact interval of a share; the number of trials is above 0 and need not be whole.

    Source: C. J. Clopper, E. S. Pearson (1934), "The use of confidence or fiducial limits", Biometrika 26(4); for
    numbers that are not whole as in Korn, Graubard (1998), Survey Methodology 24(2).
    """
    seen, tail = share * size, (1 - confidence) / 2
    low = float(special.betaincinv(seen, size - seen + 1, tail)) if seen > 0 else 0.0
    high = float(special.betaincinv(seen + 1, size - seen, 1 - tail)) if seen < size else 1.0
    return low, high


def excess_p_value(count: int, total: int, *, base_rate: float) -> float:
    """Return the exact one-sided binomial p of at least `count` of `total` at the base rate; 1.0 if `total` is 0."""
    if total == 0 or count == 0:
        return 1.0
    return float(stats.binom.sf(count - 1, total, min(max(base_rate, 0.0), 1.0)))


def shortfall_p_value(good: int, total: int, *, base_rate: float) -> float | None:
    """Return the exact one-sided binomial p of at most `good` of `total` at the base rate; None if `total` is 0."""
    if total == 0:
        return None
    return float(stats.binom.cdf(good, total, min(max(base_rate, 0.0), 1.0)))


def jeffreys_mean(count: float, total: int) -> float:
    """Return the posterior mean of a share under Jeffreys' prior Beta(1/2, 1/2); 0.5 with no data.

    Source: Brown, Cai, DasGupta (2001), "Interval estimation for a binomial proportion", section 4.3.
    """
    return (count + 0.5) / (total + 1.0)


def rarer_p_value(n_first: int, first: int, n_second: int, second: int) -> float:
    """Return Fisher's exact one-sided p of so few of the first group having what so many of the second one have.

    Args:
        n_first: Members of the first group that have it.
        first: The first group; 0 gives 1.0, since nothing can be said.
        n_second: Members of the second group that have it.
        second: The second group.

    Source: R. A. Fisher (1935), "The logic of inductive inference", JRSS 98(1).
    """
    if not first or not second:
        return 1.0
    return float(stats.hypergeom.cdf(n_first, first + second, n_first + n_second, first))


def worse_p_value(n_worse: int, n_better: int) -> float:
    """Return the exact one-sided p of so many pairs that got worse, of all pairs that differ; 1.0 if none does.

    Source: Q. McNemar (1947), "Note on the sampling error of the difference between correlated proportions",
    Psychometrika 12(2), in its exact form: a sign test on the discordant pairs.
    """
    return excess_p_value(n_worse, n_worse + n_better, base_rate=0.5)


def holm(p_values: Sequence[float]) -> list[float]:
    """Return p-values adjusted for their number, in the order given; each at most 1.

    Source: S. Holm (1979), "A simple sequentially rejective multiple test procedure", Scand. J. Statist. 6(2).
    """
    order = sorted(range(len(p_values)), key=lambda number: p_values[number])
    adjusted, highest = [0.0] * len(p_values), 0.0
    for rank, number in enumerate(order):
        highest = max(highest, min(1.0, (len(p_values) - rank) * p_values[number]))
        adjusted[number] = highest
    return adjusted
