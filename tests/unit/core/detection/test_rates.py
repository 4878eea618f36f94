"""Intervals and tests against numbers worked by hand or printed in the literature."""

from __future__ import annotations

import pytest

from seamwatch.core.detection.rates import (
    excess_p_value,
    jeffreys_mean,
    shortfall_p_value,
    wilson_interval,
)
from seamwatch.errors import DataContractError


@pytest.mark.parametrize(
    ("good", "total", "low", "high"),
    [
        # R. G. Newcombe (1998), "Two-sided confidence intervals for the single proportion", table I, method 3.
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0.0000, 0.1611),
        (1, 29, 0.0061, 0.1718),
    ],
)
def test_wilson_interval_is_that_of_the_literature(good: int, total: int, low: float, high: float) -> None:
    assert wilson_interval(good, total) == pytest.approx((low, high), abs=5e-5)


def test_wilson_interval_is_mirrored_and_wider_when_surer() -> None:
    low, high = wilson_interval(3, 10) or (0.0, 0.0)
    assert wilson_interval(7, 10) == pytest.approx((1 - high, 1 - low))
    sure_low, sure_high = wilson_interval(3, 10, confidence=0.99) or (0.0, 0.0)
    assert sure_low < low
    assert sure_high > high


def test_no_data_has_no_interval_and_no_evidence() -> None:
    assert wilson_interval(0, 0) is None
    assert shortfall_p_value(0, 0, base_rate=0.9) is None
    assert excess_p_value(0, 0, base_rate=0.1) == 1.0
    assert jeffreys_mean(0, 0) == 0.5


@pytest.mark.parametrize(("good", "total"), [(-1, 5), (6, 5), (1, 0)])
def test_an_impossible_share_is_refused(good: int, total: int) -> None:
    with pytest.raises(DataContractError, match=f"got {good} of {total}"):
        wilson_interval(good, total)


@pytest.mark.parametrize(
    ("count", "total", "rate", "p"),
    [
        (3, 3, 0.5, 0.125),
        (2, 3, 0.5, 0.5),
        (1, 2, 0.1, 0.19),
        (0, 9, 0.1, 1.0),
        (1, 5, 0.0, 0.0),
        (5, 5, 1.0, 1.0),
    ],
)
def test_excess_is_the_exact_tail_from_the_count_on(count: int, total: int, rate: float, p: float) -> None:
    assert excess_p_value(count, total, base_rate=rate) == pytest.approx(p)


@pytest.mark.parametrize(("good", "total", "rate", "p"), [(0, 3, 0.5, 0.125), (1, 3, 0.5, 0.5), (3, 3, 0.5, 1.0)])
def test_shortfall_is_the_exact_tail_up_to_the_count(good: int, total: int, rate: float, p: float) -> None:
    assert shortfall_p_value(good, total, base_rate=rate) == pytest.approx(p)


def test_jeffreys_mean_is_pulled_from_the_edge() -> None:
    assert jeffreys_mean(0, 4) == pytest.approx(0.1)
    assert jeffreys_mean(4, 4) == pytest.approx(0.9)
