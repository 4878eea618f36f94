"""When a cause began: the point, the interval, and how often the interval is right."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seamwatch.core.detection.onset import PastWindow, find_onset, onset_index, past_windows
from seamwatch.core.detection.window_change import WindowCount
from seamwatch.vocabulary import Responsibility

START = datetime(2026, 1, 5, tzinfo=UTC)
KEY = (Responsibility.INTEGRATION, "request")
MARK = (frozenset({"amount"}), None)


def _times(n: int) -> pd.Series:  # type: ignore[type-arg]
    return pd.Series([START + timedelta(minutes=k) for k in range(n)])


def test_nothing_struck_has_no_onset() -> None:
    assert find_onset([False] * 10, _times(10), 0.01) is None


def test_a_clear_change_has_a_narrow_interval() -> None:
    found = find_onset([False] * 100 + [True] * 50, _times(150), 0.002)
    assert found is not None
    assert found.at == START + timedelta(minutes=100)
    assert found.low == START + timedelta(minutes=99)
    assert found.high == found.at


def test_a_stray_hit_before_is_not_the_onset() -> None:
    hits = [number == 7 or (number >= 200 and number % 2 == 0) for number in range(400)]
    found = find_onset(hits, _times(400), 0.01)
    assert found is not None
    assert found.at == START + timedelta(minutes=200)
    assert found.low is not None
    assert found.low > START + timedelta(minutes=180)


def test_struck_from_the_first_record_on_it_may_have_begun_before() -> None:
    found = find_onset([number % 2 == 0 for number in range(100)], _times(100), 0.01)
    assert found is not None
    assert (found.at, found.low) == (START, None)


def _past(counts: list[int]) -> list[PastWindow]:
    n = len(counts)
    return [
        PastWindow(start=START - timedelta(hours=n - number), n_judged=60, n_struck=count)
        for number, count in enumerate(counts)
    ]


def test_with_healthy_windows_before_it_began_with_the_window() -> None:
    found = find_onset([number % 2 == 0 for number in range(60)], _times(60), 0.01, _past([0, 1, 0, 0]))
    assert found is not None
    assert found.at == START
    assert found.low is not None
    assert START - timedelta(hours=1) <= found.low <= START


def test_it_may_have_begun_windows_ago() -> None:
    found = find_onset([number % 10 == 0 for number in range(60)], _times(60), 0.002, _past([0] * 10 + [6, 5, 7, 6]))
    assert found is not None
    assert found.at < START
    assert found.low is not None
    assert found.low <= START - timedelta(hours=4) <= found.high


def test_the_windows_before_reach_back_to_the_last_incident_that_was_over() -> None:
    def window(number: int, is_change: bool) -> WindowCount:
        start = START + timedelta(hours=number)
        return WindowCount(
            start=start,
            end=start + timedelta(hours=1),
            n_judged=10,
            counts={KEY: number},
            changes={KEY: MARK} if is_change else {},
        )

    flags = [False, True, True, False, False, True, True]
    history = [window(number, flag) for number, flag in enumerate(flags)]
    found = past_windows(KEY, MARK, history)
    assert [one.n_struck for one in found] == [3, 4, 5, 6]
    other = past_windows(
        KEY, (frozenset({"product"}), None), [window(number, flag) for number, flag in enumerate(flags)]
    )
    assert other == []


@given(
    st.lists(st.booleans(), min_size=1, max_size=60), st.floats(0.001, 0.5), st.lists(st.integers(0, 60), max_size=5)
)
def test_the_point_lies_in_its_interval(hits: list[bool], rate: float, counts: list[int]) -> None:
    found = find_onset(hits, _times(len(hits)), rate, _past(counts))
    assert (found is None) == (not any(hits))
    if found is not None:
        assert found.at <= found.high
        assert found.low is None or found.low <= found.at


@pytest.mark.parametrize(("n", "rate", "struck"), [(400, 0.002, 0.3), (400, 0.05, 0.2), (100, 0.05, 0.5)])
def test_the_interval_holds_the_change_as_often_as_it_says(n: int, rate: float, struck: float) -> None:
    rng = np.random.default_rng(3)
    n_held = n_found = 0
    for _ in range(300):
        first = int(rng.integers(1, n))
        raised = np.where(np.arange(n) >= first, rate + struck * (1 - rate), rate)
        found = find_onset(rng.random(n) < raised, _times(n), rate)
        if found is None:
            continue
        at = START + timedelta(minutes=first - 0.5)
        n_found += 1
        n_held += (found.low is None or found.low <= at) and at <= found.high
    # 95 %, less three standard errors of 300 trials.
    assert n_held / n_found > 0.95 - 3 * (0.05 * 0.95 / n_found) ** 0.5


@pytest.mark.parametrize(
    ("events", "onset"),
    [
        ([], None),
        ([False] * 5, None),
        ([True], 0),
        ([False, True], 1),
        ([False] * 20 + [True] * 20, 20),
        ([False] * 5 + [True] + [False] * 30 + [True] * 20, 36),  # one stray event does not begin a change
        ([False] * 20 + [False, True] * 10, 21),  # the first event of the new rate
        ([True] * 10, 0),
        ([True] * 20 + [False] * 20, 0),  # a falling rate has no onset
        ([True, False] * 10, 0),  # a steady rate begins with its first event
    ],
)
def test_onset_is_where_the_rate_rises(events: list[bool], onset: int | None) -> None:
    assert onset_index(events) == onset
