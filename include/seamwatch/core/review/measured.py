"""Labels of drawn answers as the sample that accuracy is estimated from, and estimates as shares of wrong answers."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime, time, timedelta

import pandas as pd

from seamwatch.core.accuracy.labels import LABEL_COLUMNS, WeekOfAnswers
from seamwatch.core.accuracy.pooling import AccuracyEstimate
from seamwatch.core.review.candidates import week_of
from seamwatch.core.review.items import ReviewItem
from seamwatch.core.review.spans import ReviewDraw
from seamwatch.core.slo.quality import WrongShare
from seamwatch.vocabulary import OutcomeState

_WEEK = timedelta(days=7)


def labelled_sample(items: Iterable[ReviewItem], settled: pd.DataFrame) -> pd.DataFrame:
    """Return the drawn answers that people called right or wrong, columns `LABEL_COLUMNS`, one row a record.

    Answers of which nobody could tell, or of which people do not agree, are left out, as are labels of other answers
    than the one that was drawn.

    Args:
        items: Drawn answers.
        settled: As `labels.settle_labels` returns.
    """
    rows = {}
    for item in items:
        if item.record not in settled.index:
            continue
        label = settled.loc[item.record]
        if label["answer"] != item.answer or label["state"] is OutcomeState.PENDING:
            continue
        rows[item.record] = (
            item.record,
            week_of(pd.Timestamp(item.record_at)),
            label["state"] is OutcomeState.RIGHT,
            item.inclusion,
            float("nan") if item.prediction is None else item.prediction,
            item.segment,
        )
    frame = pd.DataFrame(list(rows.values()), columns=list(LABEL_COLUMNS))
    return frame.astype({"is_right": bool, "inclusion": float, "prediction": float})


def weeks_of_answers(draws: Iterable[ReviewDraw]) -> tuple[WeekOfAnswers, ...]:
    """Return how many answers there were by week and segment, draws of one week summed."""
    sums: dict[tuple[date, str], tuple[int, int, float]] = {}
    for one in (answers for draw in draws for answers in draw.answers):
        known = sums.get((one.week, one.segment), (0, 0, 0.0))
        sums[one.week, one.segment] = (
            known[0] + one.answers,
            known[1] + one.predicted,
            known[2] + one.prediction_sum,
        )
    return tuple(
        WeekOfAnswers(week=week, segment=segment, answers=n, predicted=predicted, prediction_sum=total)
        for (week, segment), (n, predicted, total) in sorted(sums.items())
    )


def wrong_shares(estimates: Sequence[AccuracyEstimate]) -> tuple[WrongShare, ...]:
    """Return what is measured of each stretch of weeks, oldest first: of every pool its last and surest estimate.

    Args:
        estimates: One a week, in order.
    """
    found: list[WrongShare] = []
    before: date | None = None
    for one in reversed(estimates):
        if one.accuracy is None or (before is not None and one.week >= before):
            continue
        found.append(
            WrongShare(
                start=_monday(one.pooled_from),
                end=_monday(one.week) + _WEEK,
                value=1.0 - one.accuracy.value,
                low=1.0 - one.accuracy.high,
                high=1.0 - one.accuracy.low,
            )
        )
        before = one.pooled_from
    return tuple(reversed(found))


def _monday(day: date) -> datetime:
    return datetime.combine(day, time(), tzinfo=UTC)
