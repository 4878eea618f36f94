"""The share of right verdicts, by what people and fixes said of them.

What people say unasked is mostly of wrong verdicts, and fixes are made where a verdict is believed: neither is a sample
of anything. Both are taken for what they are, facts of single verdicts; of all others only those speak that were drawn
by chance (`verdict_sampling`), weighted by how likely they were to be drawn.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

import numpy as np
from scipy import stats

from seamwatch.core.grades import Grade, JudgedVerdict, NotGraded
from seamwatch.vocabulary import Responsibility

CONFIDENCE = 0.95
MARGIN = 0.02
"""By so much a stated confidence may be above the share of right verdicts: what the calibration promises."""


def grades(verdicts: Sequence[JudgedVerdict], not_graded: Iterable[NotGraded] = ()) -> tuple[Grade, ...]:
    """Return the grade of all verdicts, then of each responsibility that has any.

    Args:
        verdicts: All that were told in the time, each incident once; no sample of them.
        not_graded: Of each incident without a verdict why it has none; counted.
    """
    reasons = list(not_graded)
    whole = _grade(
        None,
        verdicts,
        n_names_nobody=reasons.count(NotGraded.NAMES_NOBODY),
        n_void=reasons.count(NotGraded.VOID),
    )
    parts = [(name, [one for one in verdicts if one.responsibility is name]) for name in Responsibility]
    return (whole, *(_grade(name, mine) for name, mine in parts if mine))


def _grade(
    responsibility: Responsibility | None,
    verdicts: Sequence[JudgedVerdict],
    *,
    n_names_nobody: int = 0,
    n_void: int = 0,
) -> Grade:
    by_people = [one.by_people for one in verdicts if one.by_people is not None]
    by_fix = [one.by_fix for one in verdicts if one.by_people is None and one.by_fix is not None]
    sampled = [one for one in verdicts if one.probability is not None]
    precision, low, high = _precision(verdicts)
    stated = float(np.mean([one.stated for one in verdicts])) if verdicts else None
    is_overconfident = stated is not None and high < stated - MARGIN
    factor = min(precision / stated, 1.0) if is_overconfident and precision is not None and stated else 1.0
    return Grade(
        responsibility=responsibility,
        n_verdicts=len(verdicts),
        n_called_wrong=by_people.count(False),
        n_called_right=by_people.count(True),
        n_confirmed=by_fix.count(True),
        n_refuted=by_fix.count(False),
        n_sampled=len(sampled),
        n_sample_open=sum(one.by_people is None for one in sampled),
        precision=precision,
        low=low,
        high=high,
        stated=stated,
        is_overconfident=is_overconfident,
        factor=factor,
        n_disputed=sum(one.is_disputed for one in verdicts),
        n_names_nobody=n_names_nobody,
        n_void=n_void,
    )


def _precision(verdicts: Sequence[JudgedVerdict]) -> tuple[float | None, float, float]:
    """Return the share of right verdicts among all that were told, with its interval.

    Three parts, added up. Verdicts known whether they were drawn or not, by a fix or by people before the draw,
    count as they are. Verdicts that never had a chance to be drawn, and that nobody knows of, may be all wrong or all
    right. Of all others those that were drawn and answered are the sample. That people spoke unasked of one of them
    after the draw takes nothing out of what the sample speaks for, since nobody knows of which of those drawn they
    would have spoken unasked too; it bounds the interval, as a fact.
    """
    n = len(verdicts)
    if not n:
        return None, 0.0, 1.0
    coverable = [one for one in verdicts if one.had_chance and one.by_fix is None]
    others = [one for one in verdicts if not (one.had_chance and one.by_fix is None)]
    n_right = sum(one.is_right is True for one in others)
    n_unknown = sum(one.is_right is None for one in others)
    share, low, high = _sampled_right(coverable)
    lowest, highest = (n_right + low) / n, (n_right + high + n_unknown) / n
    if share is None:
        return (lowest if lowest == highest else None), lowest, highest
    value = (n_right + share * (len(coverable) + n_unknown)) / n
    return min(max(value, lowest), highest), lowest, highest


def _sampled_right(verdicts: Sequence[JudgedVerdict]) -> tuple[float | None, float, float]:
    """Return the share of right ones that the sample tells, and between how many of all of them are right.

    The share is weighted by 1 / probability (J. Hajek 1971); the bounds are those of the hypergeometric distribution,
    exact where all had the same probability. Where they had not, the sample counts as so many draws with the same one
    as its weights are worth (L. Kish 1965, "Survey sampling", section 11.7), as E. L. Korn and B. I. Graubard (1998),
    Survey Methodology 24(2), do it for the binomial distribution.
    """
    n = len(verdicts)
    known = [one.by_people for one in verdicts if one.by_people is not None]
    least, most = known.count(True), n - known.count(False)
    answered = [one for one in verdicts if one.probability is not None and one.by_people is not None]
    if not answered:
        return None, least, most
    weights = np.array([1.0 / one.probability for one in answered if one.probability is not None])
    is_right = np.array([bool(one.by_people) for one in answered])
    share = float((weights * is_right).sum() / weights.sum())
    size = max(math.floor(float(weights.sum() ** 2 / (weights**2).sum()) + 1e-9), 1)
    low, high = hypergeometric_bounds(share * size, size, n)
    return share, max(low, least), min(high, most)


def hypergeometric_bounds(seen: float, size: int, total: int, *, confidence: float = CONFIDENCE) -> tuple[int, int]:
    """Return between how many of `total` have what `seen` of `size` had that were drawn without putting back.

    Args:
        seen: At most `size`; one that is not whole is rounded outwards.
        size: At most `total`.
        total: Of all.
        confidence: Of the interval, by equal tails.

    Source: the test inverted, as C. J. Clopper, E. S. Pearson (1934) do for the binomial distribution; W. G. Cochran
    (1977), "Sampling techniques", section 3.6.
    """
    tail = (1 - confidence) / 2
    fewest, most = math.floor(seen + 1e-9), math.ceil(seen - 1e-9)
    possible = np.arange(total + 1)
    at_least = stats.hypergeom.sf(fewest - 1, total, possible, size)
    at_most = stats.hypergeom.cdf(most, total, possible, size)
    return int(possible[at_least > tail][0]), int(possible[at_most > tail][-1])
