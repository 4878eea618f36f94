"""Quantile sketches: errors bounded, merging exact, intervals that hold, JSON that comes back."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seamwatch.core.detection.sketch import ACCURACY, SMALLEST, Sketch, merged

numbers = st.floats(min_value=0.0, max_value=1e12, allow_subnormal=False)
anything = st.one_of(numbers, st.floats(min_value=-1e6, max_value=-1e-6), st.just(math.nan), st.just(math.inf))
shares = st.floats(min_value=0.0, max_value=1.0)


def exact(values: list[float], q: float) -> float:
    return float(np.quantile(values, q, method="inverted_cdf"))


@given(st.lists(numbers, min_size=1, max_size=60), shares)
def test_a_quantile_is_within_one_per_cent_of_the_exact_one(values: list[float], q: float) -> None:
    wanted, found = exact(values, q), Sketch.of(values).quantile(q)
    assert found is not None
    assert abs(found - wanted) <= max(ACCURACY * wanted, SMALLEST)


@given(st.lists(st.lists(anything, max_size=20), max_size=5))
def test_merged_sketches_are_the_sketch_of_all(parts: list[list[float]]) -> None:
    assert merged(Sketch.of(part) for part in parts) == Sketch.of([value for part in parts for value in part])


@given(st.lists(numbers, min_size=1, max_size=40), st.lists(shares, min_size=2, max_size=6))
def test_quantiles_rise_with_the_share(values: list[float], qs: list[float]) -> None:
    found = [one for one in Sketch.of(values).quantiles(sorted(qs)) if one is not None]
    assert found == sorted(found)
    assert min(values) - SMALLEST <= found[0] <= found[-1] <= max(values)


@given(st.lists(anything, max_size=30))
def test_what_is_kept_as_json_comes_back(values: list[float]) -> None:
    sketch = Sketch.of(values)
    assert Sketch.from_json(json.loads(json.dumps(sketch.to_json()))) == sketch


@given(st.lists(numbers, min_size=1, max_size=40), numbers)
def test_what_lies_above_is_counted_up_to_the_width_of_a_bucket(values: list[float], bound: float) -> None:
    above = Sketch.of(values).count_above(bound)
    width = (1 + ACCURACY) / (1 - ACCURACY)
    assert sum(v > max(bound, SMALLEST) * width for v in values) <= above <= sum(v > bound for v in values)


def test_what_cannot_be_is_left_out_and_counted() -> None:
    sketch = Sketch.of([1.0, -3.0, math.inf, -math.inf, math.nan, 0.0, 1e-12])
    assert (sketch.count, sketch.zeros, sketch.left_out) == (3, 2, 3)
    assert sketch.total == pytest.approx(1.0)
    assert sketch.quantile(0.5) == 0.0


def test_nothing_has_no_quantile() -> None:
    assert Sketch().quantile(0.5) is None
    assert Sketch().mean is None
    assert Sketch().interval(0.5) == (None, None)
    assert Sketch.of([]) == Sketch() == merged([])
    assert Sketch().to_json() == {}


def test_ranks_of_the_interval_cover_as_often_as_asked_and_no_pair_inside_them_does() -> None:
    # The chance that the r-th and s-th of n values enclose a quantile is that of r to s - 1 values below it.
    values = np.arange(1.0, 17.0)
    low, high = (round(one or 0.0) for one in Sketch.of(values).interval(0.75))
    assert (low, high) == (8, 16)
    chance = [math.comb(16, k) * 0.75**k * 0.25 ** (16 - k) for k in range(17)]
    assert sum(chance[low:high]) >= 0.95
    assert sum(chance[: low + 1]) > 0.025
    assert sum(chance[high - 1 :]) > 0.025


def test_too_few_values_bound_one_side_only() -> None:
    low, high = Sketch.of([1.0, 2.0, 3.0, 4.0, 5.0]).interval(0.95)
    assert low is not None
    assert high is None


def test_the_interval_holds_as_often_as_it_says() -> None:
    rng = np.random.default_rng(5)
    truth = math.exp(1.6448536269514722)  # P95 of a standard lognormal
    bounds = [Sketch.of(rng.lognormal(size=200)).interval(0.95) for _ in range(600)]
    held = np.mean([(low or 0.0) <= truth <= (high or math.inf) for low, high in bounds])
    assert 0.94 <= held <= 0.99


def test_an_hour_is_kept_in_little_room() -> None:
    values = np.random.default_rng(1).lognormal(0.5, 0.6, size=2_000)
    assert len(json.dumps(Sketch.of(values).to_json())) < 1_600
