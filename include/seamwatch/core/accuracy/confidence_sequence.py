"""How wide an interval must be that stays valid though somebody looks after every label."""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np
from scipy import optimize

CONFIDENCE = 0.95
"""Probability that every interval of all weeks holds what it is of."""
MIXTURE = ((15.0, 0.7), (300.0, 0.3))
"""Numbers of labels that the interval is tuned to, and the weight of each. One number alone is narrow around a few
times that number and wide far from it; with two, an interval is 1.60 to 1.66 times that of a fixed time from 50 labels
to the 2,600 of a year."""
FIRST_POOL_ALPHA = 0.047
"""What the first pool may miss, of the 0.05 in all; pools after a restart share the rest, most of them the next."""


def pool_alpha(restarts: int) -> float:
    """Return the probability with which the intervals of a pool may miss, after so many restarts.

    The sum over all pools that there can ever be is 1 - `CONFIDENCE`: 0.047 for the first, and 0.003 in shares of
    6 / (pi k)^2 for restart k.
    """
    if restarts == 0:
        return FIRST_POOL_ALPHA
    return (1 - CONFIDENCE - FIRST_POOL_ALPHA) * 6 / (math.pi * restarts) ** 2


@lru_cache(maxsize=65_536)
def anytime_factor(labels: int, *, alpha: float) -> float:
    """Return how many standard errors an anytime-valid interval of so many labels extends to each side.

    Were the mean z standard errors away, then n labels would weigh against it by the mixture, over several s, of
    sqrt(s / (s + n)) exp(z^2 / 2 * n / (s + n)), which exceeds 1 / alpha at any time with a probability of at most
    alpha for the true mean (Ville's inequality). The factor is the z at which it reaches 1 / alpha.

    Args:
        labels: Labels so far, above 0.
        alpha: Probability of ever missing.

    Source: H. Robbins (1970), "Statistical methods related to the law of the iterated logarithm", Ann. Math. Statist.
    41(5), the normal mixture; with an estimated variance I. Waudby-Smith, D. Arbour, R. Sinha, E. H. Kennedy, A. Ramdas
    (2024), "Time-uniform central limit theory and asymptotic confidence sequences", Ann. Statist. 52(6), section 2
    (their rho is 1 / sqrt(s)), also for means that vary from week to week: it is then the mean over the labels so far
    that is covered. Valid in the limit of many labels. We depart by mixing two s, which no longer has a closed form.
    """
    scales = np.array([scale for scale, _ in MIXTURE])
    heights = np.log([weight for _, weight in MIXTURE]) + np.log(scales / (scales + labels)) / 2
    slopes = labels / (scales + labels) / 2

    def log_evidence(z: float) -> float:
        return float(np.logaddexp.reduce(heights + slopes * z**2)) + math.log(alpha)

    # Any one of the two alone bounds the root from above.
    highest = math.sqrt(float(((-math.log(alpha) - heights) / slopes).min()))
    return float(optimize.brentq(log_evidence, 0.0, highest * (1 + 1e-9)))
