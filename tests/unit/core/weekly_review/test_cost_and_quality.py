"""What a week cost and how good its answers were, with what is not known left open."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime, timedelta

import numpy as np
import pytest

from seamwatch.core.watch.cost_hours import OTHER, HourSums
from seamwatch.core.weekly_review.cost import cost_week, sum_costs
from seamwatch.core.weekly_review.facts import CostWeek
from seamwatch.core.weekly_review.quality import Answers, quality_week
from seamwatch.core.weekly_review.week import ReviewWeek

WEEKS = ReviewWeek.of("2026-W45").with_history()
END = WEEKS[-1].window.end
LATER = END + timedelta(hours=7)


def _hours(usd: float = 1.0, *, weeks: int = 5) -> list[HourSums]:
    first = WEEKS[-weeks].window.start
    return [_hour(first, n, usd) for n in range(int((END - first) / timedelta(hours=1)))]


def _hour(first: datetime, n: int, usd: float) -> HourSums:
    half = usd / 2
    return HourSums(
        start=first + timedelta(hours=n),
        records=10.0,
        cells={
            ("m", "small", 0): np.array([10.0, 0, 0, 0, half, 0, 0, 0]),
            ("m", "large", 0): np.array([2.0, 0, 0, 0, 0, 0, half, 0]),
        },
        unpriced={"odd": 1.0},
        sources={"prompt.version": {"v7": (9.0, usd * 0.9), OTHER: (1.0, usd * 0.1)}},
    )


def _cost(hours: list[HourSums]) -> CostWeek:
    found = cost_week(hours, WEEKS, now=LATER, kept_since=None)
    assert found is not None
    return found


def test_a_week_of_cost_has_its_sums_its_month_and_its_dearest_parts() -> None:
    found = _cost(_hours())
    assert (found.usd, found.n_calls, found.n_records, found.n_unpriced, found.n_hours) == (
        168.0,
        168 * 12.0,
        1680.0,
        168.0,
        168,
    )
    assert found.before == (168.0,) * 4
    assert (found.month, found.month_usd) == (date(2026, 11, 1), pytest.approx(8 * 24.0))
    assert found.forecast_usd == pytest.approx(30 * 24.0, rel=0.02)
    assert [(one.kind, one.name, one.usd, one.usd_before) for one in found.dearest] == [
        ("prompt.version", "v7", pytest.approx(151.2), pytest.approx(151.2)),
        ("model", "large", 84.0, 84.0),
        ("model", "small", 84.0, 84.0),
    ]
    assert found.dearest[1].share == pytest.approx(0.5)


def test_hours_that_are_forgotten_cost_nothing_that_is_known() -> None:
    found = cost_week(_hours(weeks=2), WEEKS, now=LATER, kept_since=WEEKS[-2].window.start)
    assert found is not None
    assert found.before == (None, None, None, 168.0)
    assert cost_week(_hours(weeks=5)[:10], WEEKS, now=LATER, kept_since=None) is None
    late = cost_week(_hours(weeks=1), WEEKS, now=LATER, kept_since=WEEKS[-1].window.start)
    assert late is not None
    assert (late.month_usd, late.forecast_usd) == (None, None)


def test_costs_of_pipelines_add_up_and_an_unknown_part_makes_the_sum_unknown() -> None:
    one = _cost(_hours())
    both = sum_costs([one, _cost(_hours(usd=3.0))])
    assert both is not None
    assert (both.usd, both.before, both.month_usd) == (4 * 168.0, (4 * 168.0,) * 4, pytest.approx(4 * 192.0))
    assert {(part.name, part.usd) for part in both.dearest} == {("small", 336.0), ("large", 336.0)}
    unknown = sum_costs([one, replace(one, before=(None, *one.before[1:]), forecast_usd=None)])
    assert unknown is not None
    assert (unknown.before[0], unknown.before[1], unknown.forecast_usd) == (None, 336.0, None)
    assert sum_costs([]) is None


def test_accuracy_has_an_interval_that_narrows_with_what_is_judged() -> None:
    unjudged, sample = Answers(n_answers=10, n_judged=0, n_wrong=0), Answers(n_answers=1000, n_judged=100, n_wrong=10)
    some = quality_week([None, None, None, None, sample], (), WEEKS)
    every = quality_week([unjudged] * 4 + [Answers(n_answers=1000, n_judged=1000, n_wrong=100)], (), WEEKS)
    assert some is not None
    assert every is not None
    assert (some.accuracy, every.accuracy) == (pytest.approx(0.9), pytest.approx(0.9))
    assert some.low is not None
    assert some.high is not None
    assert 0.8 < some.low < 0.9 < some.high < 0.96
    assert (every.low, every.high) == (pytest.approx(0.9), pytest.approx(0.9))
    assert (some.before, every.before) == ((None,) * 4, (None,) * 4)


def test_a_week_without_answers_or_labels_is_not_perfect() -> None:
    assert quality_week([None] * 5, (), WEEKS) is None
    assert quality_week([None] * 4 + [Answers(n_answers=0, n_judged=0, n_wrong=0)], (), WEEKS) is None
    unjudged = quality_week([None] * 4 + [Answers(n_answers=50, n_judged=0, n_wrong=0)], (), WEEKS)
    assert unjudged is not None
    assert (unjudged.accuracy, unjudged.low, unjudged.high) == (None, None, None)
