"""Weeks of the calendar, across years and clock changes."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seamwatch.core.weekly_review.week import HISTORY, ReviewWeek
from seamwatch.errors import DataContractError

BERLIN = "Europe/Berlin"
MOMENTS = st.datetimes(
    min_value=datetime(1990, 1, 1),  # noqa: DTZ001 - hypothesis adds the zone
    max_value=datetime(2100, 1, 1),  # noqa: DTZ001
    timezones=st.just(UTC),
)
ZONES = st.sampled_from(
    ["UTC", BERLIN, "America/New_York", "Asia/Kathmandu", "Pacific/Auckland", "Australia/Lord_Howe"]
)


@pytest.mark.parametrize(
    ("name", "monday"),
    [
        ("2026-W45", date(2026, 11, 2)),
        ("2026W45", date(2026, 11, 2)),
        (" 2026-W45 ", date(2026, 11, 2)),
        ("2026-W01", date(2025, 12, 29)),
        ("2026-W53", date(2026, 12, 28)),
    ],
)
def test_a_name_is_a_week(name: str, monday: date) -> None:
    week = ReviewWeek.of(name)
    assert week.first_day == monday
    assert ReviewWeek.of(week.name) == week


@pytest.mark.parametrize(
    "name",
    [
        "2025-W53",
        "2026-W00",
        "2026-W54",
        "2026-45",
        "W45",
        "",
        "26-W45",
        "2026-W4",
        "9999-W52",
        "\u0662\u0660\u0662\u0666-W\u0664\u0665",
    ],
)
def test_what_is_no_week_is_said(name: str) -> None:
    with pytest.raises(DataContractError, match="is no week; write it as 2026-W45"):
        ReviewWeek.of(name)


def test_a_week_is_an_hour_shorter_or_longer_where_clocks_change() -> None:
    hours = {
        name: ReviewWeek.of(name, time_zone=BERLIN).window.length / timedelta(hours=1)
        for name in ("2026-W12", "2026-W13", "2026-W43")
    }
    assert hours == {"2026-W12": 168, "2026-W13": 167, "2026-W43": 169}
    assert ReviewWeek.of("2026-W13").window.length == timedelta(days=7)


def test_history_ends_with_the_week() -> None:
    names = [one.name for one in ReviewWeek.of("2026-W02").with_history()]
    assert names == ["2025-W50", "2025-W51", "2025-W52", "2026-W01", "2026-W02"]
    assert len(names) == HISTORY + 1


@given(moment=MOMENTS, zone=ZONES)
def test_every_moment_is_in_one_week_and_weeks_follow_each_other(moment: datetime, zone: str) -> None:
    week = ReviewWeek.containing(moment, time_zone=zone)
    assert week.window.start <= moment < week.window.end
    assert week.before().window.end == week.window.start
    assert ReviewWeek.of(week.name, time_zone=zone) == week
