"""How wide an interval must be that stays valid though somebody looks after every label."""

from __future__ import annotations

import math
from collections.abc import Callable

from scipy import optimize

_EDGE = 1e-6
CONFIDENCE = 0.95
"""Probability that every interval of all weeks holds what it is of."""
GUESS = (9.0, 1.0)
"""Beta distribution of accuracy as most services have it, 0.9 as if of ten labels: near it few labels say most."""
SOON, LATE = 15.0, 300.0
"""Of Beta distributions around each candidate how many of people's labels they are worth: for intervals that are narrow
after about so many labels and more, whatever accuracy is and however much a judge helps."""
WEIGHTS = (0.2, 0.5, 0.3)
"""Of these three; any would be valid. With them an interval is 1.59 to 1.7 times that of a fixed time from 50 labels to
the 2,600 of a year, for accuracies from 0.6 to 0.95."""
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


def anytime_interval(share: float, size: float, *, labels: float, alpha: float) -> tuple[float, float]:
    """Return the shares that so many labels do not weigh against by 1 / alpha or more.

    For each candidate the labels' probability under a mixture of Beta distributions is divided by that under the
    candidate itself. For the true share this ratio exceeds 1 / alpha at any time ever with a probability of at most
    alpha (J. Ville 1939), whatever the mixture. For labels that all count alike that is exact, however few they are;
    for weighted and adjusted ones `size` is how many such labels would be as exact, and it is so in the limit of many.

    Args:
        share: Estimated share, 0 to 1.
        size: Labels that it is worth, above 0; need not be whole.
        labels: Labels that there are.
        alpha: Probability of ever missing.

    Source: H. Robbins (1970), "Statistical methods related to the law of the iterated logarithm", Ann. Math. Statist.
    41(5), section 2 (the mixture of binomials); in the limit I. Waudby-Smith, D. Arbour, R. Sinha, E. H. Kennedy, A.
    Ramdas (2024), "Time-uniform central limit theory and asymptotic confidence sequences", Ann. Statist. 52(6), also
    for shares that vary from week to week: it is then the mean over the labels so far that is covered.
    """
    right, wrong, worth = share * size, (1 - share) * size, size / labels
    of_guess = math.log(WEIGHTS[0]) + _log_beta(right + GUESS[0], wrong + GUESS[1]) - _log_beta(*GUESS)

    def log_evidence(candidate: float) -> float:
        parts = [of_guess]
        for near, weight in ((SOON * worth, WEIGHTS[1]), (LATE * worth, WEIGHTS[2])):
            a, b = near * candidate, near * (1 - candidate)
            parts.append(math.log(weight) + _log_beta(right + a, wrong + b) - _log_beta(a, b))
        largest = max(parts)
        mixed = largest + math.log(sum(math.exp(part - largest) for part in parts))
        return mixed - right * math.log(candidate) - wrong * math.log1p(-candidate) + math.log(alpha)

    low, high = _root(log_evidence, _EDGE, share), _root(log_evidence, 1 - _EDGE, share)
    return min(low, share), max(high, share)


def _root(log_evidence: Callable[[float], float], edge: float, share: float) -> float:
    """Return where between an edge and the estimate the evidence is just not enough; the edge itself if it never is."""
    inside = min(max(share, _EDGE), 1 - _EDGE)
    if inside == edge or log_evidence(edge) <= 0:
        return round(edge)
    if log_evidence(inside) >= 0:
        return share  # so many labels that nothing but the estimate is left
    return float(optimize.brentq(log_evidence, edge, inside, xtol=1e-7))


def _log_beta(a: float, b: float) -> float:
    return math.lgamma(a) + math.lgamma(b) - math.lgamma(a + b)
