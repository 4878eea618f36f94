"""How hours usually are, and the periods of a week."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from seamwatch.core.detection.hours import hour_starts
from seamwatch.core.detection.seasons import (
    Timeline,
    UsualHours,
    floor_period,
    log_ratios,
    places_in_week,
    stretch_sums,
)

MONDAY = datetime(2026, 1, 5, tzinfo=UTC)
DAY, HOUR = timedelta(days=1), timedelta(hours=1)
UTC_ZONE = ZoneInfo("UTC")


def line(amounts: np.ndarray, *, is_usual: np.ndarray | None = None, zone: ZoneInfo = UTC_ZONE) -> Timeline:
    n = len(amounts)
    kept = np.ones(n, dtype=bool) if is_usual is None else is_usual
    return Timeline.of(hour_starts(MONDAY, MONDAY + n * HOUR), amounts, np.ones(n), kept, zone)


def test_a_day_of_hours_tells_no_hours_of_the_day_and_three_do() -> None:
    of_day = np.tile(np.arange(24.0), 3)
    short, long = UsualHours.learn(line(of_day[:48])), UsualHours.learn(line(of_day))
    assert short is not None
    assert long is not None
    wanted = line(of_day).upto(5, 1)
    assert short.expected(wanted)[0] == pytest.approx([11.5])
    assert long.expected(wanted)[0] == pytest.approx([4.0])
    assert UsualHours.learn(line(of_day[:23])) is None


def test_weekends_are_told_apart_once_two_of_their_days_are_known() -> None:
    amounts = np.repeat([5.0] * 5 + [1.0] * 2 + [5.0], 24)
    usual = UsualHours.learn(line(amounts))
    assert usual is not None
    assert usual.expected(line(amounts))[0] == pytest.approx(amounts)


def test_hours_that_are_not_usual_and_the_hour_itself_do_not_teach_what_is() -> None:
    amounts = np.full(96, 2.0)
    amounts[10] = 900.0
    is_usual = np.arange(96) != 10
    usual = UsualHours.learn(line(amounts, is_usual=is_usual))
    assert usual is not None
    assert usual.expected(line(amounts))[0] == pytest.approx(np.full(96, 2.0))
    seen = UsualHours.learn(line(amounts))
    assert seen is not None
    assert seen.expected_of_past()[0][10] == pytest.approx(2.0)


def test_days_are_those_of_the_zone() -> None:
    made = line(np.ones(48), zone=ZoneInfo("Asia/Tokyo"))
    assert list(made.hour[:3]) == [9, 10, 11]
    assert len(set(made.day.tolist())) == 3


def test_stretches_end_with_the_last_hour() -> None:
    assert stretch_sums(np.arange(7.0), 3).tolist() == [6.0, 15.0]
    assert stretch_sums(np.arange(2.0), 3).tolist() == []
    ratios = log_ratios(np.array([9.0, 1.0, 3.0]), np.array([0.0, 1.0, 1.0]), 1, more=1.0)
    assert np.exp(ratios) == pytest.approx([10.0, 1.0, 2.0])


def test_a_service_that_never_varies_has_no_ratio_but_one() -> None:
    usual = UsualHours.learn(line(np.full(96, 2.0)))
    assert usual is not None
    assert usual.log_ratios(6, more=1.0) == pytest.approx(np.zeros(16))


@pytest.mark.parametrize(("every", "places"), [(DAY, [0, 1, 2, 3, 4, 5, 6, 0]), (7 * DAY, [0] * 8), (5 * DAY, [0] * 8)])
def test_periods_have_a_place_in_the_week_where_it_is_made_of_them(every: timedelta, places: list[int]) -> None:
    assert places_in_week([MONDAY + n * DAY for n in range(8)], every).tolist() == places


def test_periods_begin_at_multiples_and_weeks_on_monday() -> None:
    at = datetime(2026, 1, 8, 13, 20, tzinfo=UTC)
    assert floor_period(at, DAY) == datetime(2026, 1, 8, tzinfo=UTC)
    assert floor_period(at, 7 * DAY) == MONDAY
    assert floor_period(at, timedelta(hours=6)) == datetime(2026, 1, 8, 12, tzinfo=UTC)
