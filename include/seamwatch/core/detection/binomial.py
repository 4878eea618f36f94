"""Upper tails of the binomial and hypergeometric distributions, without a library that takes long to load.

Decisions are made often.
"""

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
        term = math.exp(_log_choices(total, k) + k * math.log(rate) + (total - k) * math.log1p(-rate))
        found += term
        if k > total * rate and term < found * 1e-12:
            break
    return min(found, 1.0)


def probability_of_overlap(n_common: int, one: int, other: int, total: int) -> float:
    """Return the probability that two sets, drawn apart from the same records, share at least `n_common` of them.

    Args:
        n_common: Records in both sets.
        one: Records of the one set.
        other: Records of the other set.
        total: All records; at least as many as each set has.
    """
    least = max(0, one + other - total)
    most = min(one, other)
    if n_common <= least:
        return 1.0
    whole = _log_choices(total, other)
    logs = (_log_choices(one, k) + _log_choices(total - one, other - k) - whole for k in range(n_common, most + 1))
    return min(sum(math.exp(each) for each in logs), 1.0)


def _log_choices(total: int, n: int) -> float:
    return math.lgamma(total + 1) - math.lgamma(n + 1) - math.lgamma(total - n + 1)
