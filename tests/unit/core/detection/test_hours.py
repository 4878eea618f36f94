"""Hours, and which of them tell what is usual."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone, tzinfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic_core import TzInfo

from seamwatch.core.detection.hours import (
    ACCEPTED_AFTER,
    HOUR,
    floor_hour,
    hour_starts,
    last_hour,
    overlaps,
    usual_hours,
)

START = datetime(2026, 1, 5, tzinfo=UTC)


@dataclass(frozen=True)
class Kept:
    start: datetime
    found_since: datetime | None = None


def at(number: float) -> datetime:
    return START + number * HOUR


def left_out(hours: list[Kept]) -> list[int]:
    usual = {one.start for one in usual_hours(hours)}
    return [(one.start - START) // HOUR for one in hours if one.start not in usual]


@pytest.mark.parametrize(
    ("now", "begun", "last"),
    [(at(3), at(3), at(2)), (at(3.5), at(3), at(3)), (at(3) + timedelta(microseconds=1), at(3), at(3))],
)
def test_a_full_hour_begins_one_and_ends_the_one_before(now: datetime, begun: datetime, last: datetime) -> None:
    assert floor_hour(now) == begun
    assert last_hour(now) == last


@pytest.mark.parametrize("zone", [TzInfo(0), UTC, *(timezone(timedelta(hours=n)) for n in (0, 5.5, -3))], ids=str)
def test_hours_are_those_of_utc_whatever_the_zone_of_the_clock(zone: tzinfo) -> None:
    now = at(3.75).astimezone(zone)
    assert (floor_hour(now), last_hour(now)) == (at(3), at(3))
    assert floor_hour(now).tzinfo is UTC
    assert hour_starts(at(1).astimezone(zone), now) == [at(1), at(2), at(3)]
    assert hour_starts(at(1), now) == hour_starts(at(1).astimezone(zone), at(3.75))
    assert {one.tzinfo for one in hour_starts(at(1).astimezone(zone), now)} == {UTC}


def test_hours_of_a_span_are_whole_and_its_end_is_not_among_them() -> None:
    assert hour_starts(at(0), at(3)) == [at(0), at(1), at(2)]
    assert hour_starts(at(0), at(2.5)) == [at(0), at(1), at(2)]
    assert hour_starts(at(3), at(3)) == []


@pytest.mark.parametrize(
    ("spans", "is_in"),
    [
        ([], False),
        ([(at(0), at(5))], False),
        ([(at(0), at(5.1))], True),
        ([(at(5.9), at(9))], True),
        ([(at(6), at(9))], False),
        ([(at(1), at(2)), (at(5.2), at(5.3))], True),
    ],
)
def test_an_hour_overlaps_a_span_that_has_any_part_of_it(spans: list[tuple[datetime, datetime]], is_in: bool) -> None:
    assert overlaps(at(5), HOUR, spans) is is_in


def test_hours_since_something_began_are_left_out_up_to_the_one_that_found_it() -> None:
    hours = [Kept(at(n), at(90) + timedelta(minutes=20) if n == 100 else None) for n in range(24 * 12)]
    assert left_out(hours) == list(range(90, 101))


def test_what_has_lasted_a_week_is_the_new_usual_and_what_ended_sooner_never_is() -> None:
    long = [Kept(at(n), at(20) if n >= 22 else None) for n in range(24 * 12)]
    assert left_out(long) == list(range(20, 20 + 24 * 7))
    assert timedelta(days=7) == ACCEPTED_AFTER
    ended = [Kept(at(n), at(20) if 22 <= n < 40 else None) for n in range(24 * 60)]
    assert left_out(ended) == list(range(20, 40))


def test_findings_that_meet_are_one_and_others_are_not() -> None:
    marks = {10: 8, 11: 8, 12: 12, 30: 30}
    hours = [Kept(at(n), at(marks[n]) if n in marks else None) for n in range(40)]
    assert left_out(hours) == [8, 9, 10, 11, 12, 30]


def test_a_mark_in_an_hour_without_records_counts_and_no_mark_leaves_all() -> None:
    hours = [Kept(at(n)) for n in range(10) if n != 5] + [Kept(at(12), at(3))]
    assert left_out(hours) == [3, 4, 6, 7, 8, 9, 12]
    assert usual_hours([Kept(at(n)) for n in range(5)]) == [Kept(at(n)) for n in range(5)]
    assert usual_hours([]) == []


@given(st.dictionaries(st.integers(0, 400), st.integers(0, 60), max_size=6))
def test_no_hour_is_left_out_that_nothing_was_found_in(marks: dict[int, int]) -> None:
    hours = [Kept(at(n), at(n - marks[n]) if n in marks else None) for n in range(401)]
    out = set(left_out(hours))
    assert out <= {n for end, back in marks.items() for n in range(end - back, end + 1)}
