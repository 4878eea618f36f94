"""Whether more records come in than at the same hours of the days before."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from seamwatch.core.runbook_volume import compare_volume, whole_hours_since

HOUR = timedelta(hours=1)
NOON = datetime(2026, 3, 18, 12, tzinfo=UTC)
"""A Wednesday."""


def _past(days: int, per_hour: float, *, weekend: float | None = None) -> dict[datetime, float]:
    start = NOON - timedelta(days=days)
    hours = [start + n * HOUR for n in range(days * 24)]
    return {hour: weekend if weekend is not None and hour.weekday() > 4 else per_hour for hour in hours}


def test_twice_as_many_as_ever_is_a_spike() -> None:
    found = compare_volume(_past(10, 30) | {NOON: 62.0, NOON + HOUR: 58.0}, NOON, NOON + 2 * HOUR)
    assert found is not None
    assert (found.per_hour, found.usual, found.lowest, found.highest) == (60, 30, 30, 30)
    assert found.is_spike


@pytest.mark.parametrize(
    ("now", "why"),
    [(30.0, "as usual"), (44.0, "less than half as many again"), (0.0, "none at all")],
)
def test_no_spike(now: float, why: str) -> None:
    found = compare_volume(_past(10, 30) | {NOON: now}, NOON, NOON + HOUR)
    assert found is not None, why
    assert not found.is_spike, why


def test_what_came_on_another_day_too_is_no_spike() -> None:
    past = _past(10, 30) | {NOON - timedelta(days=2): 70.0}
    found = compare_volume(past | {NOON: 65.0}, NOON, NOON + HOUR)
    assert found is not None
    assert (found.highest, found.is_spike) == (70.0, False)


def test_few_records_are_no_spike_by_chance() -> None:
    found = compare_volume(_past(10, 1) | {NOON: 3.0}, NOON, NOON + HOUR)
    assert found is not None
    assert not found.is_spike


def test_working_days_are_compared_with_working_days() -> None:
    found = compare_volume(_past(14, 30, weekend=2) | {NOON: 31.0}, NOON, NOON + HOUR)
    assert found is not None
    assert (found.usual, found.lowest) == (30, 30)


def test_too_short_a_past_says_nothing() -> None:
    assert compare_volume(_past(2, 30) | {NOON: 90.0}, NOON, NOON + HOUR) is None
    assert compare_volume({}, NOON, NOON + HOUR) is None
    assert compare_volume(_past(10, 30), NOON, NOON) is None


def test_only_hours_that_are_over_are_counted_and_a_day_at_most() -> None:
    minutes = timedelta(minutes=20)
    assert whole_hours_since(NOON + minutes, NOON + minutes + HOUR, longest=24 * HOUR) == (NOON, NOON + HOUR)
    assert whole_hours_since(NOON + minutes, NOON + 2 * minutes, longest=24 * HOUR) == (NOON, NOON)
    assert whole_hours_since(NOON, NOON + 90 * HOUR, longest=24 * HOUR) == (NOON, NOON + 24 * HOUR)
