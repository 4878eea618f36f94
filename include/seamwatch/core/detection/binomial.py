"""The upper tail of the binomial distribution, without a library that takes long to load: decisions are made often."""

from __future__ import annotations

import math


def probability_of_more(n: int, total: int, *, rate: float) -> float:
    """Return the probability that at least `n` of `total` records have what each has with probability `rate`.

    Args:
        n: Records; none, or fewer, are always reached.
        total: All records; never more of them have it.
        rate: Probability, 0 to 1.
    """
    if n <= 0:
        return 1.0
    if n > total or rate <= 0.0:
        return 0.0
    if rate >= 1.0:
        return 1.0
    found = 0.0
    for k in range(n, total + 1):
        log_choices = math.lgamma(total + 1) - math.lgamma(k + 1) - math.lgamma(total - k + 1)
        term = math.exp(log_choices + k * math.log(rate) + (total - k) * math.log1p(-rate))
        found += term
        if k > total * rate and term < found * 1e-12:
            break
    return min(found, 1.0)
