"""Counts whose share itself varies: the beta-binomial, for whatever tests rates of bad events."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import special

Floats = NDArray[np.float64]


def log_sequence(count: Floats | float, total: Floats | float, a: Floats | float, b: Floats | float) -> Floats:
    """Return the log probability of one sequence of `total` trials with `count` events; arrays are broadcast.

    Args:
        count: Events, 0 to `total`.
        total: Trials.
        a: First parameter of the share's Beta distribution, above 0.
        b: Second one; 1 and 1 for a share that may be anything.
    """
    n, k = np.asarray(total, dtype=float), np.asarray(count, dtype=float)
    return np.asarray(special.betaln(k + a, n - k + b) - special.betaln(a, b), dtype=float)


def log_beta_binomial(count: Floats | float, total: Floats | float, mean: Floats, spread: Floats) -> Floats:
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
    n, k = np.asarray(total, dtype=float), np.asarray(count, dtype=float)
    ways = -np.log1p(n) - special.betaln(n - k + 1.0, k + 1.0)
    return np.asarray(ways + log_sequence(k, n, mean * precision, (1.0 - mean) * precision), dtype=float)
