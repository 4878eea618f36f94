"""Labels of drawn answers as a sample, and estimates as shares of wrong answers over time."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pandas as pd
import pytest

from seamwatch.core.accuracy.change import RestartReason
from seamwatch.core.accuracy.labels import WeekOfAnswers
from seamwatch.core.accuracy.pooling import AccuracyEstimate, ShareInterval
from seamwatch.core.review.items import ReviewItem
from seamwatch.core.review.labels import SETTLED_COLUMNS
from seamwatch.core.review.measured import labelled_sample, weeks_of_answers, wrong_shares
from seamwatch.core.review.spans import ReviewDraw
from seamwatch.core.slo.quality import WrongShare, wrong_by_time
from seamwatch.vocabulary import OutcomeState

MONDAY = datetime(2026, 11, 2, tzinfo=UTC)


def _item(record: str, *, slot: int = 1, prediction: float | None = 0.5) -> ReviewItem:
    return ReviewItem(
        id=f"{record}/{slot}",
        pipeline="p",
        record=record,
        slot=slot,
        record_at=MONDAY + timedelta(days=6, hours=23),
        drawn_at=MONDAY,
        inclusion=0.2,
        is_uniform=True,
        reasons=(),
        segment="A",
        answer="h",
        prediction=prediction,
        predictor="",
        shown=(),
    )


def _settled(rows: dict[str, tuple[OutcomeState, str]]) -> pd.DataFrame:
    values = {record: (state, answer, None, 1, False) for record, (state, answer) in rows.items()}
    return pd.DataFrame.from_dict(values, orient="index", columns=list(SETTLED_COLUMNS), dtype=object)


def test_one_row_an_answer_and_none_for_what_is_undecided_or_another_answer() -> None:
    items = [_item("1"), _item("1", slot=2), _item("2", prediction=None), _item("3"), _item("4"), _item("5")]
    settled = _settled(
        {
            "1": (OutcomeState.RIGHT, "h"),
            "2": (OutcomeState.WRONG, "h"),
            "3": (OutcomeState.PENDING, "h"),
            "4": (OutcomeState.RIGHT, "other"),
        }
    )
    found = labelled_sample(items, settled)
    assert found["record"].tolist() == ["1", "2"]
    assert found["is_right"].tolist() == [True, False]
    assert found["week"].tolist() == [MONDAY.date()] * 2
    assert found["prediction"].isna().tolist() == [False, True]
    assert list(labelled_sample([], settled).columns) == list(found.columns)


def test_draws_of_one_week_and_segment_are_summed() -> None:
    def draw(day: int, n: int) -> ReviewDraw:
        counts = WeekOfAnswers(week=MONDAY.date(), segment="A", answers=n, predicted=n - 1, prediction_sum=n / 2)
        start = MONDAY + timedelta(days=day)
        return ReviewDraw(
            pipeline="p",
            start=start,
            end=start + timedelta(days=1),
            drawn_at=start,
            n_drawn=1,
            predictor="",
            answers=(counts,),
        )

    (found,) = weeks_of_answers([draw(0, 10), draw(1, 30)])
    assert (found.answers, found.predicted, found.prediction_sum) == (40, 38, 20.0)


def _estimate(week: date, pooled_from: date, value: float | None) -> AccuracyEstimate:
    share = None
    if value is not None:
        share = ShareInterval(
            value=value,
            low=value - 0.1,
            high=value + 0.05,
            standard_error=0.01,
            labels=50,
            effective_labels=50.0,
            answers=100,
        )
    return AccuracyEstimate(
        week=week,
        pooled_from=pooled_from,
        reason=RestartReason.FIRST_LABELS,
        restarts=0,
        alpha=0.05,
        accuracy=share,
        people_only=share,
        judge_alone=None,
        prediction_weight=0.0,
        segments=(),
        unplaced=0,
    )


def test_of_every_pool_its_last_estimate_counts_and_pools_do_not_overlap() -> None:
    weeks = [MONDAY.date() + timedelta(days=7 * number) for number in range(5)]
    estimates = [
        _estimate(weeks[0], weeks[0], 0.8),
        _estimate(weeks[1], weeks[0], 0.9),
        _estimate(weeks[2], weeks[2], 0.7),
        _estimate(weeks[3], weeks[2], 0.6),
        _estimate(weeks[4], weeks[4], None),
    ]
    found = wrong_shares(estimates)
    assert [(one.start.date(), one.end.date()) for one in found] == [(weeks[0], weeks[2]), (weeks[2], weeks[4])]
    assert [one.value for one in found] == pytest.approx([0.1, 0.4])
    assert (found[0].low, found[0].high) == pytest.approx((0.05, 0.2))
    assert wrong_shares([]) == ()


def test_wrong_answers_are_counted_by_the_share_of_their_time_or_the_nearest() -> None:
    week = timedelta(days=7)
    shares = [
        WrongShare(start=MONDAY, end=MONDAY + week, value=0.1, low=0.0, high=0.2),
        WrongShare(start=MONDAY + week, end=MONDAY + 2 * week, value=0.5, low=0.4, high=0.6),
    ]
    at = pd.DatetimeIndex([MONDAY - week, MONDAY, MONDAY + 1.5 * week, MONDAY + 5 * week])
    wrong, (low, high) = wrong_by_time(pd.Series([10.0, 10.0, 10.0, 10.0], index=at), shares)
    assert wrong.tolist() == [1.0, 1.0, 5.0, 5.0]
    assert (low, high) == pytest.approx((8.0, 16.0))
    empty, bounds = wrong_by_time(pd.Series([], index=pd.DatetimeIndex([], tz="UTC"), dtype=float), shares)
    assert (len(empty), bounds) == (0, (0.0, 0.0))
