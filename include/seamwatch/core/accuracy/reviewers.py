"""Reviewers who say the same of everything, or differ from the others: found by tests and said, never left out.

Whether a label of theirs counts is for people to decide: the one who differs may be the only one who is careful.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

import numpy as np
import pandas as pd
from scipy import stats

from seamwatch.core.accuracy.labels import Floats
from seamwatch.core.detection.rates import holm, rarer_p_value, worse_p_value
from seamwatch.errors import DataContractError

REVIEW_COLUMNS = ("record", "reviewer", "is_right")
"""One row an opinion: key, who, and whether the answer is right (null: could not tell). A column `stratum`, where there
is one, names answers that are alike, as those of one segment: reviewers are compared within it."""
LEAST_LABELS = 10
"""Labels of a reviewer below which nothing is said."""
SIGNIFICANCE = 0.01
"""Probability of saying anything of a team whose members all judge alike."""


class ReviewerTrait(StrEnum):
    """How a reviewer stands out."""

    SAYS_RIGHT_TO_ALL = "says_right_to_all"
    SAYS_WRONG_TO_ALL = "says_wrong_to_all"
    MORE_OFTEN_RIGHT = "more_often_right"
    """Calls more answers right than others do of answers that are alike."""
    MORE_OFTEN_WRONG = "more_often_wrong"
    DISAGREES = "disagrees"
    """On the same answers differs from the others more often than they do from each other."""


@dataclass(frozen=True, kw_only=True)
class ReviewerFinding:
    """One way in which one reviewer stands out."""

    reviewer: str
    trait: ReviewerTrait
    p_value: float
    """How likely this is by chance, all comparisons taken into account (Holm)."""
    n: int
    """Labels of the reviewer, or for `disagrees` pairs of opinions with others."""
    share: float
    """Share called right, or for `disagrees` share of these pairs that differ."""
    others: float | None
    """The same of the others; None where no two of them judged one record."""


def find_unlike_reviewers(opinions: pd.DataFrame) -> tuple[ReviewerFinding, ...]:
    """Return reviewers who stand out, the surest first; nobody where there are too few labels or but one reviewer.

    Args:
        opinions: Columns `REVIEW_COLUMNS` and perhaps `stratum`; one opinion of one reviewer on one record.

    Raises:
        DataContractError: If a column is missing or a reviewer judges one record twice.
    """
    if missing := [name for name in REVIEW_COLUMNS if name not in opinions]:
        msg = f"opinions need the columns {', '.join(REVIEW_COLUMNS)}; missing: {', '.join(missing)}"
        raise DataContractError(msg)
    known = opinions[opinions["is_right"].notna()].copy()
    if known.duplicated(["record", "reviewer"]).any():
        msg = "a reviewer has two opinions on one record; the last word counts: leave the others out"
        raise DataContractError(msg)
    known["is_right"] = known["is_right"].astype(bool)
    if "stratum" not in known:
        known["stratum"] = ""
    tested = [
        finding
        for reviewer in sorted(known["reviewer"].unique())
        if (known["reviewer"] != reviewer).any()
        for finding in _test_reviewer(known, reviewer)
    ]
    adjusted = holm([one.p_value for one in tested])
    found = [
        ReviewerFinding(
            reviewer=one.reviewer, trait=one.trait, p_value=p_value, n=one.n, share=one.share, others=one.others
        )
        for one, p_value in zip(tested, adjusted, strict=True)
        if p_value <= SIGNIFICANCE
    ]
    return tuple(sorted(found, key=lambda one: (one.p_value, one.reviewer, one.trait)))


def _test_reviewer(known: pd.DataFrame, reviewer: str) -> list[ReviewerFinding]:
    is_own = known["reviewer"] == reviewer
    own, others = known[is_own], known[~is_own]
    found = []
    if len(own) >= LEAST_LABELS:
        found.append(_test_share(own, others, reviewer))
    if (pairs := _test_pairs(own, others, reviewer)) is not None:
        found.append(pairs)
    return found


def _test_share(own: pd.DataFrame, others: pd.DataFrame, reviewer: str) -> ReviewerFinding:
    """Compare the share called right with that of the others on answers that are alike, two-sided."""
    n_right, n, others_share = int(own["is_right"].sum()), len(own), float(others["is_right"].mean())
    low, high = _stratified_p_values(own, others)
    return ReviewerFinding(
        reviewer=reviewer,
        trait=_share_trait(n_right, n, is_more=high < low),
        p_value=min(1.0, 2 * min(low, high)),
        n=n,
        share=n_right / n,
        others=others_share,
    )


def _share_trait(n_right: int, n: int, *, is_more: bool) -> ReviewerTrait:
    if n_right == n and is_more:
        return ReviewerTrait.SAYS_RIGHT_TO_ALL
    if n_right == 0 and not is_more:
        return ReviewerTrait.SAYS_WRONG_TO_ALL
    return ReviewerTrait.MORE_OFTEN_RIGHT if is_more else ReviewerTrait.MORE_OFTEN_WRONG


def _stratified_p_values(own: pd.DataFrame, others: pd.DataFrame) -> tuple[float, float]:
    """Return the exact probabilities of so few and of so many called right, given how many are in each stratum.

    Within a stratum it is Fisher's hypergeometric distribution; over strata the sum's. Source: D. R. Cox, E. J. Snell
    (1989), "Analysis of binary data", section 2.5 (the exact test for several two-by-two tables).
    """
    chances: Floats = np.ones(1)
    for stratum, part in own.groupby("stratum"):
        beside = others[others["stratum"] == stratum]
        n_right, n = int(part["is_right"].sum() + beside["is_right"].sum()), len(part) + len(beside)
        chances = np.convolve(chances, stats.hypergeom.pmf(np.arange(len(part) + 1), n, n_right, len(part)))
    n_own = int(own["is_right"].sum())
    return min(1.0, float(chances[: n_own + 1].sum())), min(1.0, float(chances[n_own:].sum()))


def _test_pairs(own: pd.DataFrame, others: pd.DataFrame, reviewer: str) -> ReviewerFinding | None:
    """Compare how often the reviewer differs from others on one record with how often these differ from each other.

    Two questions, the smaller of their p-values counts twice: does the reviewer differ in one direction (an exact sign
    test), or more often (Fisher's exact test)?
    """
    pairs = own.merge(others, on="record", suffixes=("", "_other"))
    if len(pairs) < LEAST_LABELS:
        return None
    more = int((pairs["is_right"] & ~pairs["is_right_other"]).sum())
    fewer = int((~pairs["is_right"] & pairs["is_right_other"]).sum())
    among = others.merge(others, on="record", suffixes=("", "_other"))
    among = among[among["reviewer"] < among["reviewer_other"]]
    n_among = int((among["is_right"] != among["is_right_other"]).sum())
    sign = 2 * min(worse_p_value(more, fewer), worse_p_value(fewer, more))
    often = rarer_p_value(n_among, len(among), more + fewer, len(pairs))
    return ReviewerFinding(
        reviewer=reviewer,
        trait=ReviewerTrait.DISAGREES,
        p_value=min(1.0, 2 * min(sign, often)),
        n=len(pairs),
        share=(more + fewer) / len(pairs),
        others=n_among / len(among) if len(among) else None,
    )
