"""How many of a week's answers were right, with the weeks before."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from seamwatch.core.accuracy.pooling import AccuracyEstimate
from seamwatch.core.detection.rates import wilson_interval
from seamwatch.core.slo.quality import Judged, extrapolate
from seamwatch.core.weekly_review.facts import QualityWeek
from seamwatch.core.weekly_review.week import ReviewWeek


@dataclass(frozen=True, kw_only=True)
class Answers:
    """The answers of one week, and what was judged of them."""

    n_answers: int
    n_judged: int
    n_wrong: int


def quality_week(
    weeks: Sequence[Answers | None], estimates: Sequence[AccuracyEstimate], of: Sequence[ReviewWeek]
) -> QualityWeek | None:
    """Return the accuracy of a week; None where nothing is known of it.

    Args:
        weeks: What is known of each week, oldest first, the week itself last; None: nothing.
        estimates: What people's labels measured, one a week in UTC; empty where every judged answer counts.
        of: The weeks, as many.
    """
    mine = weeks[-1]
    if mine is None or mine.n_answers == 0:
        return None
    if estimates:
        measured = {one.week: one.accuracy for one in estimates}
        found = [measured.get(week.first_day) for week in of]
        return QualityWeek(
            n_answers=mine.n_answers,
            n_judged=mine.n_judged,
            n_wrong=mine.n_wrong,
            accuracy=None if found[-1] is None else found[-1].value,
            low=None if found[-1] is None else found[-1].low,
            high=None if found[-1] is None else found[-1].high,
            is_sampled=True,
            before=tuple(None if one is None else one.value for one in found[:-1]),
        )
    low, high = _interval(mine)
    return QualityWeek(
        n_answers=mine.n_answers,
        n_judged=mine.n_judged,
        n_wrong=mine.n_wrong,
        accuracy=_share_right(mine),
        low=low,
        high=high,
        is_sampled=False,
        before=tuple(None if one is None else _share_right(one) for one in weeks[:-1]),
    )


def _share_right(answers: Answers) -> float | None:
    return 1.0 - answers.n_wrong / answers.n_judged if answers.n_judged else None


def _interval(answers: Answers) -> tuple[float | None, float | None]:
    """Return the 95 % interval of the share of right answers among all, judged or not."""
    if answers.n_judged > answers.n_answers:  # answers that were counted by one part, and judged by another
        bounds = wilson_interval(answers.n_judged - answers.n_wrong, answers.n_judged)
        return bounds if bounds is not None else (None, None)
    found = extrapolate([Judged(answers=answers.n_answers, judged=answers.n_judged, wrong=answers.n_wrong)])
    if found is None:
        return None, None
    return 1.0 - found.high / found.answers, 1.0 - found.low / found.answers
