"""How many bad events are too many where there are few, and rates say little.

Bursts begin by chance (Poisson), and have sizes of which each further event is as likely as the one before (geometric):
the Pólya-Aeppli distribution. Its mean is what the service usually has, its variance over its mean the design effect.

Source: N. L. Johnson, A. W. Kemp, S. Kotz (2005), "Univariate Discrete Distributions", section 9.7; the recursion of
A. W. Kemp (1967), "On a contagious distribution suggested for accident data", Biometrics 23(2).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

MOST = 1000
"""Counts beyond this are not looked at: bursts are so large there that one cannot be told from several."""


def needed_count(mean: Floats | float, design_effect: Floats | float, chance: Floats | float) -> Floats:
    """Return the least count that is reached with at most this chance; infinite where it is beyond `MOST`.

    Args:
        mean: Expected bad events of the window, at least 0; all arguments are broadcast.
        design_effect: Variance over mean, at least 1.
        chance: Inside (0, 1).
    """
    expected, effect, rare = np.broadcast_arrays(
        *(np.asarray(given, dtype=float) for given in (mean, design_effect, chance))
    )
    # A geometric size of mean m has E[S^2] / E[S] = 2 m - 1.
    size = (np.maximum(effect, 1.0) + 1.0) / 2.0
    again = 1.0 - 1.0 / size
    bursts = expected / size
    before, now = np.zeros(expected.shape), np.exp(-bursts)
    tail, needed = 1.0 - now, np.full(expected.shape, np.inf)
    needed[tail <= rare] = 1.0
    for count in range(1, MOST):
        if np.isfinite(needed).all():
            break
        n = count - 1
        following = ((bursts * (1 - again) + 2 * again * n) * now - again**2 * max(n - 1, 0) * before) / count
        before, now = now, np.maximum(following, 0.0)
        tail = tail - now
        needed[np.isinf(needed) & (tail <= rare)] = count + 1.0
    return needed
