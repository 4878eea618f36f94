"""Accuracy from few labels: worked numbers, bad input, where pools end, and what an interval must never do."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import date, timedelta
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seamwatch.core.accuracy.change import RestartReason
from seamwatch.core.accuracy.confidence_sequence import CONFIDENCE, anytime_interval, pool_alpha
from seamwatch.core.accuracy.labels import WeekOfAnswers
from seamwatch.core.accuracy.pooling import AccuracyEstimate, estimate_weeks, labels_to_halve
from seamwatch.errors import DataContractError

MONDAY = date(2026, 1, 5)


def _week(
    number: int = 0, *, answers: int = 1_000, predicted: int = 0, total: float = 0.0, segment: str = "all"
) -> WeekOfAnswers:
    return WeekOfAnswers(
        week=MONDAY + timedelta(weeks=number),
        segment=segment,
        answers=answers,
        predicted=predicted,
        prediction_sum=total,
    )


def _labels(
    is_right: Sequence[bool],
    *,
    prediction: Sequence[float] | float = math.nan,
    inclusion: Sequence[float] | float = 0.05,
    number: Sequence[int] | int = 0,
    segment: Sequence[str] | str = "all",
) -> pd.DataFrame:
    weeks = [number] * len(is_right) if isinstance(number, int) else number
    return pd.DataFrame(
        {
            "record": np.arange(len(is_right)),
            "week": [MONDAY + timedelta(weeks=week) for week in weeks],
            "is_right": np.array(is_right, dtype=bool),
            "inclusion": inclusion,
            "prediction": prediction,
            "segment": segment,
        }
    )


def _last(labels: pd.DataFrame, *weeks: WeekOfAnswers) -> AccuracyEstimate:
    return estimate_weeks(labels, weeks)[-1]


def test_no_labels_say_nothing() -> None:
    found = _last(_labels([]), _week(predicted=1_000, total=870.0))
    assert found.accuracy is None
    assert found.people_only is None
    assert found.judge_alone == pytest.approx(0.87)
    assert labels_to_halve(found) is None


def test_no_answers_give_no_weeks() -> None:
    assert estimate_weeks(_labels([True]), ()) == ()


def test_the_plain_mean_where_nothing_is_predicted_and_all_are_drawn_alike() -> None:
    found = _last(_labels([True] * 40 + [False] * 10), _week())
    assert found.accuracy is not None
    assert found.accuracy.value == pytest.approx(0.8)
    # Of 50 of 1,000 drawn, all with probability 0.05: s^2 (1 - 0.05) / 50 with s^2 = 0.8 * 0.2 * 50 / 49.
    assert found.accuracy.standard_error == pytest.approx(math.sqrt(0.95 * 0.16 / 49))
    assert found.accuracy == found.people_only
    assert found.prediction_weight == 0.0


@pytest.mark.parametrize(
    ("is_right", "low", "high"),
    [
        ([True] * 50, (0.7, 0.9), (1.0, 1.0)),
        ([False] * 50, (0.0, 0.0), (0.1, 0.3)),
        ([True], (0.0, 0.1), (1.0, 1.0)),
        ([False], (0.0, 0.0), (0.9, 1.0)),
        ([True, False], (0.0, 0.1), (0.9, 1.0)),
    ],
    ids=["only right", "only wrong", "one right", "one wrong", "one of each"],
)
def test_few_labels_never_look_sure(is_right: list[bool], low: tuple[float, float], high: tuple[float, float]) -> None:
    found = _last(_labels(is_right), _week(answers=100_000)).accuracy
    assert found is not None
    assert low[0] <= found.low <= low[1]
    assert high[0] <= found.high <= high[1]


def test_unequal_draws_are_weighted_back() -> None:
    """Of 100 doubted answers all are labelled and half are wrong; of 900 others 1 in 10, and none is wrong."""
    labels = _labels([True] * 50 + [False] * 50 + [True] * 90, inclusion=[1.0] * 100 + [0.1] * 90)
    found = _last(labels, _week()).accuracy
    assert found is not None
    assert found.value == pytest.approx(0.95)
    assert found.effective_labels == pytest.approx(1_000**2 / (100 + 90 * 100))


def test_everything_labelled_leaves_no_error() -> None:
    found = _last(_labels([True] * 9 + [False], inclusion=1.0), _week(answers=10)).accuracy
    assert found is not None
    assert (found.low, found.value, found.high) == pytest.approx((0.9, 0.9, 0.9))


def test_a_good_judge_narrows_the_interval_and_its_bias_is_taken_out() -> None:
    rng = np.random.default_rng(7)
    is_right = rng.random(20_000) < 0.85
    # Says 0.6 of right answers and 0.1 of wrong ones: on average far below the truth.
    prediction = np.where(is_right, 0.6, 0.1) + rng.uniform(-0.05, 0.05, 20_000)
    drawn = rng.choice(20_000, 200, replace=False)
    labels = _labels(is_right[drawn].tolist(), prediction=prediction[drawn].tolist(), inclusion=0.01)
    found = _last(labels, _week(answers=20_000, predicted=20_000, total=float(prediction.sum())))
    assert found.accuracy is not None
    assert found.people_only is not None
    assert found.judge_alone is not None
    assert found.judge_alone < 0.6
    assert found.accuracy.value == pytest.approx(is_right.mean(), abs=0.02)
    assert found.accuracy.half_width < found.people_only.half_width / 2


def test_a_judge_that_is_worse_than_none_counts_for_nothing() -> None:
    is_right = [True] * 60 + [False] * 40
    labels = _labels(is_right, prediction=[0.2] * 60 + [0.9] * 40)
    found = _last(labels, _week(predicted=1_000, total=480.0))
    assert found.prediction_weight == 0.0
    assert found.accuracy is not None
    assert found.accuracy.value == pytest.approx(0.6)


def test_predictions_of_some_answers_only_are_used_for_these() -> None:
    rng = np.random.default_rng(3)
    is_right = rng.random(10_000) < 0.8
    prediction = np.where(is_right, 0.9, 0.2)
    prediction[5_000:] = np.nan
    drawn = rng.choice(10_000, 400, replace=False)
    labels = _labels(is_right[drawn].tolist(), prediction=prediction[drawn].tolist(), inclusion=0.04)
    found = _last(labels, _week(answers=10_000, predicted=5_000, total=float(np.nansum(prediction))))
    assert found.accuracy is not None
    assert found.people_only is not None
    assert found.accuracy.value == pytest.approx(is_right.mean(), abs=0.04)
    assert found.accuracy.half_width < found.people_only.half_width


def test_segments_with_enough_labels_stand_alone_and_the_others_are_not_made_up() -> None:
    labels = _labels(
        [True] * 30 + [True] * 15 + [False] * 15 + [False] * 3,
        segment=["mail"] * 30 + ["chat"] * 30 + ["phone"] * 3,
    )
    found = _last(labels, *(_week(segment=name, answers=1_000) for name in ("mail", "chat", "phone")))
    assert {name: one.value for name, one in found.segments} == {"mail": 1.0, "chat": 0.5}
    assert found.accuracy is not None
    # Phone has too few labels of its own and shares a stratum with one of the others.
    assert found.accuracy.answers == 3_000
    assert 0.4 < found.accuracy.value < 0.75


def test_labels_of_unknown_weeks_or_segments_are_counted_and_stand_for_nothing() -> None:
    labels = _labels([True, True, False, False], number=[0, 0, 0, 9], segment=["all", "all", "gone", "all"])
    found = _last(labels, _week())
    assert found.unplaced == 2
    assert found.accuracy is not None
    assert found.accuracy.labels == 2


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"inclusion": 0.0}, "inclusion"),
        ({"inclusion": 1.5}, "inclusion"),
        ({"inclusion": math.nan}, "inclusion"),
        ({"prediction": 1.01}, "prediction"),
        ({"prediction": -math.inf}, "prediction"),
        ({"is_right": None}, "is_right"),
        ({"record": "same"}, "repeats? a record"),
    ],
)
def test_labels_that_break_the_contract_are_refused(change: dict[str, Any], text: str) -> None:
    with pytest.raises(DataContractError, match=text):
        estimate_weeks(_labels([True, False]).assign(**change), (_week(),))


@pytest.mark.parametrize(
    "weeks",
    [
        (_week(), _week()),
        (_week(answers=10, predicted=11),),
        (_week(predicted=10, total=10.5),),
        (_week(predicted=10, total=-1.0),),
        (_week(answers=-1),),
    ],
    ids=["twice", "more predicted than answers", "sum too large", "sum negative", "negative"],
)
def test_counts_that_contradict_each_other_are_refused(weeks: tuple[WeekOfAnswers, ...]) -> None:
    with pytest.raises(DataContractError):
        estimate_weeks(_labels([True]), weeks)


def test_labels_pool_over_weeks_while_accuracy_stays() -> None:
    labels = _labels(([True] * 45 + [False] * 5) * 10, number=[week for week in range(10) for _ in range(50)])
    found = estimate_weeks(labels, [_week(number) for number in range(10)])
    assert {one.pooled_from for one in found} == {MONDAY}
    widths = [one.accuracy.half_width for one in found if one.accuracy is not None]
    assert widths == sorted(widths, reverse=True)
    assert len(widths) == 10


def test_labels_that_fall_end_the_pool_where_the_fall_began() -> None:
    labels = _labels(
        ([True] * 48 + [False] * 2) * 10 + ([True] * 30 + [False] * 20) * 2,
        number=[week for week in range(12) for _ in range(50)],
    )
    found = estimate_weeks(labels, [_week(number) for number in range(12)])
    assert found[9].reason is RestartReason.FIRST_LABELS
    assert found[-1].reason is RestartReason.LABELS
    assert found[-1].pooled_from == MONDAY + timedelta(weeks=10)
    assert found[-1].alpha < found[9].alpha
    assert found[-1].accuracy is not None
    assert found[-1].accuracy.value == pytest.approx(0.6)


@pytest.mark.parametrize(
    ("rates", "restarts"),
    [
        ([0.80] * 8 + [0.70], 1),  # moves far
        ([0.80] * 8 + [0.803], 0),  # more than luck, less than matters
        ([0.80, 0.785, 0.81, 0.79, 0.81, 0.785, 0.815, 0.80, 0.78], 0),  # never the same from week to week
    ],
    ids=["fell", "immaterial", "restless"],
)
def test_the_judges_rate_ends_a_pool_where_it_moves_more_than_it_does(rates: list[float], restarts: int) -> None:
    weeks = [
        _week(number, answers=100_000, predicted=100_000, total=100_000 * rate) for number, rate in enumerate(rates)
    ]
    labels = _labels(
        ([True] * 40 + [False] * 10) * 8,
        prediction=[rate + of for rate in rates[:8] for of in [0.1] * 40 + [-0.4] * 10],
        number=[week for week in range(8) for _ in range(50)],
        inclusion=0.0005,
    )
    found = estimate_weeks(labels, weeks)[-1]
    assert found.restarts == restarts
    if restarts:
        # Nobody has labelled an answer of the week in which the judge's rate moved: nothing is known of it yet.
        assert found.reason is RestartReason.JUDGE_RATE
        assert found.accuracy is None


def test_all_pools_together_may_miss_no_more_than_is_promised() -> None:
    assert sum(pool_alpha(number) for number in range(2_000)) <= 1 - CONFIDENCE
    assert all(pool_alpha(number) > pool_alpha(number + 1) for number in range(10))


@pytest.mark.parametrize("labels", [50, 100, 200, 500, 1_000, 2_600])
@pytest.mark.parametrize("share", [0.6, 0.8, 0.9, 0.95])
def test_looking_at_any_time_costs_at_most_seven_tenths_of_the_width(share: float, labels: int) -> None:
    low, high = anytime_interval(share, labels, labels=labels, alpha=pool_alpha(0))
    fixed = 1.959964 * math.sqrt(share * (1 - share) / labels)
    assert 1.5 < (high - low) / 2 / fixed < 1.73


@pytest.mark.parametrize("share", [0.5, 0.9, 0.98])
def test_no_look_of_two_thousand_misses_more_often_than_is_promised(share: float) -> None:
    """At every tenth label of 200 sequences; an interval of a fixed time would miss in most of them."""
    rng = np.random.default_rng(11)
    looks = np.unique(np.geomspace(1, 2_000, 60).astype(int))
    right = (rng.random((200, 2_000)) < share).cumsum(axis=1)[:, looks - 1]
    missed, missed_fixed = np.zeros(200, dtype=bool), np.zeros(200, dtype=bool)
    for place, n in enumerate(looks):
        for count in np.unique(right[:, place]):
            low, high = anytime_interval(count / n, float(n), labels=int(n), alpha=0.05)
            is_this = right[:, place] == count
            missed |= is_this & (not low <= share <= high)
            missed_fixed |= is_this & (abs(count / n - share) > 1.96 * math.sqrt(share * (1 - share) / n))
    assert missed.mean() <= 0.06
    assert missed_fixed.mean() > 0.2


@pytest.mark.parametrize(("share", "size"), [(0.9, 50.0), (1.0, 50.0), (0.0, 3.0), (0.3, 0.5), (0.9, 1e7)])
def test_an_interval_ends_where_the_evidence_is_enough(share: float, size: float) -> None:
    low, high = anytime_interval(share, size, labels=50, alpha=0.05)
    narrower = anytime_interval(share, size, labels=50, alpha=0.1)
    assert 0 <= low <= narrower[0] <= share <= narrower[1] <= high <= 1
    assert (low == 0.0) if share == 0 else low < share
    assert (high == 1.0) if share == 1 else share < high


def test_the_number_of_labels_that_halves_the_interval_does() -> None:
    found = _last(_labels([True] * 160 + [False] * 40), _week(answers=100_000))
    more = labels_to_halve(found)
    assert more is not None
    assert found.accuracy is not None
    assert 3 * 200 < more < 4 * 200
    size = found.accuracy.equal_labels * (200 + more) / 200
    low, high = anytime_interval(0.8, size, labels=200 + more, alpha=found.alpha)
    assert (high - low) / 2 == pytest.approx(found.accuracy.half_width / 2, rel=0.01)


@pytest.mark.parametrize("inclusion", [1.0, 0.0005])
def test_labels_that_halve_the_interval_are_known_for_any_sample(inclusion: float) -> None:
    for n in (1, 2, 10):
        more = labels_to_halve(_last(_labels([True] * n, inclusion=inclusion), _week(answers=100_000)))
        assert more == 0 if inclusion == 1.0 else more is not None and more >= n


drawn_labels = st.lists(
    st.tuples(
        st.booleans(),
        st.one_of(st.just(math.nan), st.floats(0, 1)),
        st.floats(0.001, 1),
        st.integers(0, 3),
        st.sampled_from(["mail", "chat", "phone"]),
    ),
    min_size=1,
    max_size=80,
)


def _drawn(rows: list[tuple[bool, float, float, int, str]]) -> tuple[pd.DataFrame, list[WeekOfAnswers]]:
    labels = _labels(
        [row[0] for row in rows],
        prediction=[row[1] for row in rows],
        inclusion=[row[2] for row in rows],
        number=[row[3] for row in rows],
        segment=[row[4] for row in rows],
    )
    weeks = [
        _week(number, segment=name, answers=500, predicted=400, total=240.0)
        for number in range(4)
        for name in ("mail", "chat", "phone")
    ]
    return labels, weeks


@given(drawn_labels, st.randoms(use_true_random=False))
def test_the_order_of_labels_makes_no_difference(rows: list[tuple[bool, float, float, int, str]], random: Any) -> None:
    labels, weeks = _drawn(rows)
    order = list(range(len(rows)))
    random.shuffle(order)
    for one, other in zip(estimate_weeks(labels, weeks), estimate_weeks(labels.iloc[order], weeks), strict=True):
        assert one.pooled_from == other.pooled_from
        assert (one.accuracy is None) == (other.accuracy is None)
        if one.accuracy is not None and other.accuracy is not None:
            assert one.accuracy.value == pytest.approx(other.accuracy.value, abs=1e-9)
            assert one.accuracy.low == pytest.approx(other.accuracy.low, abs=1e-9)


@given(drawn_labels)
def test_every_interval_holds_its_estimate_and_lies_between_0_and_1(
    rows: list[tuple[bool, float, float, int, str]],
) -> None:
    labels, weeks = _drawn(rows)
    for found in estimate_weeks(labels, weeks):
        for one in (found.accuracy, found.people_only, *(part for _, part in found.segments)):
            assert one is None or 0 <= one.low <= one.value <= one.high <= 1


@given(st.lists(st.booleans(), min_size=2, max_size=60), st.floats(0, 1), st.floats(0.001, 1))
def test_a_constant_prediction_adds_nothing(is_right: list[bool], prediction: float, inclusion: float) -> None:
    labels = _labels(is_right, prediction=prediction, inclusion=inclusion)
    found = _last(labels, _week(predicted=1_000, total=1_000 * prediction)).accuracy
    assert found is not None
    assert found.value == pytest.approx(np.mean(is_right), abs=1e-9)


@given(st.integers(1, 40), st.integers(0, 40))
def test_more_labels_of_the_same_kind_never_widen_the_interval(right: int, wrong: int) -> None:
    few = _last(_labels([True] * right + [False] * wrong), _week(answers=100_000)).accuracy
    many = _last(_labels([True] * 2 * right + [False] * 2 * wrong), _week(answers=100_000)).accuracy
    assert few is not None
    assert many is not None
    assert many.half_width <= few.half_width + 1e-9
