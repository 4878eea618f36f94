"""What tells an outage, or more bursts than usual, from long bursts: counts by tick that can be made by hand."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seamwatch.core.detection.clustering import (
    are_rare,
    design_effect,
    interrupted,
    mixed_effect,
    stretches,
    sum_blocks,
)

TICKS = st.lists(st.integers(0, 9).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))), min_size=1, max_size=40)


def test_a_burst_leaves_few_bad_events_beside_good_ones_and_an_outage_many() -> None:
    total = np.full(6, 4.0)
    burst = np.array([0, 2, 4, 4, 4, 1], dtype=float)
    outage = np.array([2, 3, 2, 2, 3, 3], dtype=float)
    assert burst.sum() == outage.sum()
    assert [float(interrupted(bad, total)[0].sum()) for bad in (burst, outage)] == [3.0, 9.0]
    assert float(interrupted(burst, total)[1].sum()) == 12.0


def test_a_stretch_begins_after_a_tick_without_bad_events_and_an_empty_tick_ends_none() -> None:
    bad = np.array([1, 1, 0, 0, 2, 0, 3, 0, 1], dtype=float)
    total = np.array([2, 1, 0, 1, 2, 0, 3, 1, 1], dtype=float)
    assert stretches(bad, total).tolist() == [1, 0, 0, 0, 1, 0, 0, 0, 1]


@given(TICKS, st.integers(0, 40))
def test_stretches_are_begun_by_bad_events_only_and_empty_ticks_change_none(ticks, place) -> None:
    bad, total = (np.array(values, dtype=float) for values in zip(*ticks, strict=True))
    found = stretches(bad, total)
    assert (found <= (bad > 0)).all()
    assert (found.sum() > 0) == (bad.sum() > 0)
    at = min(place, len(bad))
    again = stretches(np.insert(bad, at, 0.0), np.insert(total, at, 0.0))
    assert np.delete(again, at).tolist() == found.tolist()
    both = stretches(np.stack([bad, bad[::-1]]), np.stack([total, total[::-1]]))
    assert both[0].tolist() == found.tolist()
    # Read backwards there are as many stretches.
    assert both[1].sum() == found.sum()


def test_the_length_of_bursts_is_no_news_to_stretches_and_hardly_any_to_interrupted_events() -> None:
    rng = np.random.default_rng(3)
    total = np.ones(30 * 288)
    starts = np.flatnonzero(rng.random(len(total)) < 0.004)
    bad = np.zeros(len(total))
    for start, length in zip(starts, rng.geometric(0.2, len(starts)), strict=True):
        bad[start : start + length] = 1.0
    by_day = [values.reshape(-1, 288).sum(axis=1) for values in (bad, stretches(bad, total), total)]
    events, begun = (float(design_effect(sum_blocks(one, by_day[2]), guess=2.0)) for one in by_day[:2])
    assert events > 4.0
    assert begun < 2.0


@pytest.mark.parametrize(("per_hour", "goal", "is_so"), [(5, 0.8, True), (50, 0.8, False), (500, 0.99, True)])
def test_bad_events_are_rare_by_what_the_goal_allows_in_a_tick(per_hour: float, goal: float, is_so: bool) -> None:
    assert are_rare(per_hour, budget_share=1 - goal) == is_so


def test_without_a_past_interrupted_events_are_judged_by_a_guess_above_that_of_independent_ones() -> None:
    nothing = sum_blocks(np.zeros(0), np.zeros(0))
    assert float(mixed_effect(nothing)) > 2.0
