"""Steps at the end of series: how often chance makes one, how soon a real one is found, what a season is."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seamwatch.core.detection.step_change import LENGTHS, find_steps

NO_SEASON = np.zeros(41, dtype=np.int64)
WEEK = np.arange(41, dtype=np.int64) % 7


def healthy(rng: np.random.Generator, *, n: float = 200.0, own: float = 0.0, series: int = 100) -> np.ndarray:
    return rng.normal(0.0, np.sqrt(1.0 / n + own**2), (41, series))


def sizes(means: np.ndarray, n: float = 200.0) -> np.ndarray:
    return np.full(means.shape, n)


@pytest.mark.parametrize("own", [0.0, 0.15])
def test_chance_makes_steps_as_often_as_p_says(own: float) -> None:
    rng = np.random.default_rng(5)
    means = np.concatenate([healthy(rng, own=own, series=400) for _ in range(5)], axis=1)
    steps = find_steps(means, sizes(means), WEEK)
    for row in range(len(LENGTHS)):
        for p in (0.1, 0.01):
            assert (steps.p_value[row] < p).mean() < 1.35 * p


def test_a_small_step_is_found_by_a_longer_span_than_a_large_one() -> None:
    means = healthy(np.random.default_rng(1))
    means[-1:, 0] += 1.0
    means[-8:, 1] += 0.2
    steps = find_steps(means, sizes(means), NO_SEASON)
    assert steps.p_value[LENGTHS.index(1), 0] < 1e-8
    assert steps.size[LENGTHS.index(1), 0] == pytest.approx(1.0, abs=0.25)
    assert steps.p_value[LENGTHS.index(1), 1] > 1e-5
    assert steps.p_value[LENGTHS.index(8), 1] < 1e-7
    assert steps.size[LENGTHS.index(8), 1] == pytest.approx(0.2, abs=0.1)


def test_a_day_of_the_week_is_compared_with_its_like() -> None:
    rng = np.random.default_rng(2)
    means = healthy(rng)
    means[WEEK == 40 % 7] += 0.5  # the weekday that the last period is
    by_week = find_steps(means, sizes(means), WEEK)
    assert by_week.p_value[0].min() > 1e-4
    means[-1] -= 0.5  # this time it is as any other day: that is the change
    assert np.median(find_steps(means, sizes(means), WEEK).p_value[0]) < 1e-3


def test_a_weekday_that_was_never_seen_is_no_step() -> None:
    means = healthy(np.random.default_rng(3))[:6]
    means[5] += 0.5  # the first Saturday
    steps = find_steps(means, sizes(means), np.arange(6, dtype=np.int64))
    assert steps.p_value.min() > 1e-4


def test_a_series_that_always_jumps_is_judged_by_its_own_jumps() -> None:
    means = healthy(np.random.default_rng(4))
    means[:, 7] += np.random.default_rng(6).normal(0.0, 0.5, 41)
    means[-1, 7] = 1.0
    steps = find_steps(means, sizes(means), NO_SEASON)
    assert steps.p_value[0, 7] > 1e-3


def test_too_short_a_past_and_no_series_say_nothing() -> None:
    means = healthy(np.random.default_rng(1))[:3]
    assert find_steps(means, sizes(means), NO_SEASON[:3]).lengths == ()
    none = find_steps(np.zeros((9, 0)), np.zeros((9, 0)), NO_SEASON[:9])
    assert none.p_value.shape == (4, 0)


def test_periods_that_are_left_out_have_no_weight() -> None:
    means = healthy(np.random.default_rng(8))
    known = sizes(means)
    clean = find_steps(means, known, NO_SEASON)
    means[20:25, 0], known[20:25, 0] = 50.0, 0.0
    left_out = find_steps(means, known, NO_SEASON)
    assert left_out.p_value[0, 0] == pytest.approx(clean.p_value[0, 0], abs=0.2)
    assert abs(left_out.level[0, 0]) < 0.1
    known[-1, 1] = 0.0
    assert find_steps(means, known, NO_SEASON).p_value[0, 1] == 1.0


@settings(max_examples=25, deadline=None)
@given(shift=st.floats(-5, 5), scale=st.sampled_from([1.0, -1.0]), seed=st.integers(0, 99))
def test_level_and_sign_of_a_series_do_not_matter(shift: float, scale: float, seed: int) -> None:
    means = healthy(np.random.default_rng(seed), series=12)
    one, other = (find_steps(each, sizes(means), WEEK) for each in (means, scale * means + shift))
    assert np.allclose(one.p_value, other.p_value, rtol=1e-6, atol=1e-9)
    assert np.allclose(one.size, scale * other.size, atol=1e-8)
