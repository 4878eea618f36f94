"""Intervals and tests, each with its source; no data gives None, never zero."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import special, stats

from seamwatch.errors import DataContractError

Counts = NDArray[np.float64]


def wilson_interval(good: int, total: int, *, confidence: float = 0.95) -> tuple[float, float] | None:
    """Return the Wilson score interval of a share; None if `total` is 0.

    Raises:
        DataContractError: If `good` is not between 0 and `total`.

    Source: E. B. Wilson (1927), "Probable inference"; formula as in Brown, Cai, DasGupta (2001), section 3.1.1.
    """
    if not 0 <= good <= total:
        msg = f"a share needs 0 <= good <= total; got {good} of {total}"
        raise DataContractError(msg)
    if total == 0:
        return None
    found = stats.binomtest(good, total).proportion_ci(confidence_level=confidence, method="wilson")
    return float(found.low), float(found.high)


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


def onset_index(events: Sequence[bool]) -> int | None:
    """Return where a run of trials, ordered by time, starts to show more events; None if there is no event.

    The split with the largest likelihood of two Bernoulli rates, the later one higher, against a single rate: the
    maximum-likelihood estimate of one change point. The first event at or after it is returned, and the very first
    event where no split is better than none by more than two units of log-likelihood.

    Source: D. V. Hinkley and E. A. Hinkley (1970), "Inference about the change-point in a sequence of binomial
    variables", Biometrika 57(3).
    """
    hits = np.asarray(events, dtype=float)
    if not hits.any():
        return None
    n = len(hits)
    first = int(np.argmax(hits))
    if n < 2:
        return first
    before_n = np.arange(1.0, n)
    before = np.cumsum(hits)[:-1]
    after_n, after = n - before_n, hits.sum() - before
    gain = _log_likelihood(before, before_n) + _log_likelihood(after, after_n)
    gain -= _log_likelihood(np.array([hits.sum()]), np.array([float(n)]))[0]
    gain[after / after_n <= before / before_n] = -np.inf
    best = int(np.argmax(gain))
    start = best + 1 if gain[best] > 2.0 else first
    later = np.flatnonzero(hits[start:])
    return start + int(later[0]) if len(later) else first


def _log_likelihood(good: Counts, total: Counts) -> Counts:
    share = good / total
    with np.errstate(divide="ignore", invalid="ignore"):
        value = good * np.log(share) + (total - good) * np.log1p(-share)
    return np.asarray(np.nan_to_num(value, nan=0.0, posinf=0.0, neginf=0.0), dtype=float)


def log_beta_binomial(count: Counts | float, total: Counts | float, mean: Counts, spread: Counts) -> Counts:
    """Return the log probability of `count` of `total` when the share itself varies; arrays are broadcast.

    Args:
        count: Events, 0 to `total`.
        total: Trials.
        mean: Mean share, inside (0, 1).
        spread: Correlation of two trials, inside (0, 1); near 0 it is the binomial.

    Source: J. G. Skellam (1948), "A probability distribution derived from the binomial distribution by regarding the
    probability of success as variable between the sets of trials", JRSS B 10(2).
    """
    precision = 1.0 / spread - 1.0
    a, b = mean * precision, (1.0 - mean) * precision
    n, k = np.asarray(total, dtype=float), np.asarray(count, dtype=float)
    ways = -np.log1p(n) - special.betaln(n - k + 1.0, k + 1.0)
    return np.asarray(ways + special.betaln(k + a, n - k + b) - special.betaln(a, b), dtype=float)


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
