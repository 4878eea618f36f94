"""A window with missing truths is looked at again when its age has doubled, and not for ever."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from seamwatch.core.results import Window
from seamwatch.core.revisits import MOST, PendingWindow, due_revisits

END = datetime(2026, 5, 1, tzinfo=UTC)
WEEK = timedelta(days=7)
HOUR = timedelta(hours=1)


def _pending(last_age: timedelta, *, shift: timedelta = timedelta(0)) -> PendingWindow:
    window = Window(start=END + shift - HOUR, end=END + shift)
    return PendingWindow(window=window, attributed_at=window.end + last_age)


def _is_due(last_age: timedelta, age: timedelta) -> bool:
    return bool(due_revisits([_pending(last_age)], now=END + age, late_after=WEEK))


def test_it_is_due_when_its_age_has_doubled() -> None:
    assert not _is_due(HOUR, HOUR * 2 - timedelta(seconds=1))
    assert _is_due(HOUR, HOUR * 2)


def test_a_window_attributed_at_its_end_waits_a_quarter_of_an_hour() -> None:
    assert not _is_due(timedelta(0), timedelta(minutes=14))
    assert _is_due(timedelta(seconds=30), timedelta(minutes=16))


def test_it_is_looked_at_once_beyond_the_time_that_truths_are_waited_for() -> None:
    assert _is_due(WEEK, WEEK * 2)
    assert not _is_due(WEEK + HOUR, WEEK * 4)


def test_a_week_of_waiting_costs_a_handful_of_looks() -> None:
    looks, last = 0, timedelta(0)
    for minutes in range(0, 14 * 24 * 60, 15):
        age = timedelta(minutes=minutes)
        if _is_due(last, age):
            looks, last = looks + 1, age
    assert looks <= 12
    assert last >= WEEK


def test_a_run_takes_the_oldest_first_and_not_too_many() -> None:
    pending = [_pending(timedelta(0), shift=-HOUR * n) for n in range(40)]
    due = due_revisits(pending, now=END + HOUR, late_after=WEEK)
    assert len(due) == MOST
    assert due == sorted(due)
    assert due[0] == pending[-1].window
