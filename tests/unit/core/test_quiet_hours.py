"""Until when nobody is told: nights, weekends, daylight saving, and stretches that follow each other."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from seamwatch.core.quiet_hours import quiet_until
from seamwatch.spec.quiet_hours import WEEK, QuietHours

BERLIN = "Europe/Berlin"


def _quiet(begins: str = "22:00", ends: str = "07:00", **more: Any) -> QuietHours:
    return QuietHours.model_validate({"time_zone": BERLIN, "from": begins, "to": ends, **more})


def _utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


NIGHT = _quiet()
WEEKEND = _quiet("00:00", "00:00", days=["sat", "sun"])
WORKDAY_NIGHTS = _quiet(days=["mon", "tue", "wed", "thu"])


@pytest.mark.parametrize(
    ("periods", "at", "expected"),
    [
        ([NIGHT], "2026-01-05T20:59", None),
        ([NIGHT], "2026-01-05T21:00", "2026-01-06T06:00"),  # 22:00 in winter is 21:00 UTC
        ([NIGHT], "2026-01-06T05:59", "2026-01-06T06:00"),
        ([NIGHT], "2026-01-06T06:00", None),
        ([NIGHT], "2026-07-06T20:00", "2026-07-07T05:00"),  # in summer an hour earlier
        ([NIGHT], "2026-03-28T22:00", "2026-03-29T05:00"),  # the night of the clock's step forward is an hour shorter
        ([NIGHT], "2026-10-24T21:00", "2026-10-25T06:00"),  # and back: an hour longer
        ([_quiet("12:00", "13:00")], "2026-01-05T11:30", "2026-01-05T12:00"),
        ([_quiet("12:00", "13:00")], "2026-01-05T12:30", None),
        ([_quiet("02:30", "07:00")], "2026-03-29T00:59", None),  # 02:30 does not come that night: it is 03:30
        ([_quiet("02:30", "07:00")], "2026-03-29T01:30", "2026-03-29T05:00"),
        ([WORKDAY_NIGHTS], "2026-01-09T22:00", None),  # a Friday
        ([WORKDAY_NIGHTS], "2026-01-09T04:00", "2026-01-09T06:00"),  # of Thursday's night
        ([WEEKEND], "2026-01-10T12:00", "2026-01-11T23:00"),  # Saturday and Sunday are one
        ([NIGHT, WEEKEND], "2026-01-09T22:00", "2026-01-12T06:00"),  # Friday's night to Monday's morning
        ([], "2026-01-09T22:00", None),
    ],
)
def test_quiet_hours_end(periods: list[QuietHours], at: str, expected: str | None) -> None:
    assert quiet_until(periods, _utc(at)) == (None if expected is None else _utc(expected))


@given(
    at=st.integers(0, 2 * 365 * 1440).map(lambda minutes: _utc("2026-01-01") + timedelta(minutes=minutes)),
    zone=st.sampled_from([BERLIN, "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu", "UTC"]),
    begins=st.times().map(lambda at: f"{at:%H:%M}"),
    ends=st.times().map(lambda at: f"{at:%H:%M}"),
    days=st.lists(st.sampled_from(WEEK), min_size=1, unique=True),
)
def test_the_end_of_quiet_hours_is_later_and_not_quiet_itself(
    at: datetime, zone: str, begins: str, ends: str, days: list[str]
) -> None:
    period = _quiet(begins, ends, time_zone=zone, days=days)
    end = quiet_until([period], at)
    if end is not None:
        assert at < end <= at + timedelta(days=15)
        if end < at + timedelta(days=13):
            assert quiet_until([period], end) is None
            assert quiet_until([period], at + (end - at) / 2) == end


@pytest.mark.parametrize(
    ("given_text", "problem"),
    [
        ({"time_zone": "Mars/Olympus"}, "is no time zone"),
        ({"time_zone": "../etc/passwd"}, "is no time zone"),
        ({"time_zone": ""}, "is no time zone"),
        ({"from": "25:00"}, "must be a time of a day"),
        ({"from": "22"}, "must be a time of a day"),
        ({"to": 7}, "must be a time of a day"),
        ({"days": []}, "at least 1 item"),
        ({"days": ["someday"]}, "'mon', 'tue'"),
    ],
)
def test_quiet_hours_that_nobody_can_read_are_refused(given_text: dict[str, Any], problem: str) -> None:
    with pytest.raises(ValidationError, match=problem):
        QuietHours.model_validate({"time_zone": BERLIN, "from": "22:00", "to": "07:00", **given_text})
