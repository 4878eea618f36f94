"""Paired and stratified differences against worked numbers, their definitions, and other programs' results."""

from __future__ import annotations

from math import log

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import optimize, stats

from seamwatch.core.detection.paired_rates import (
    Stratum,
    changed_p_value,
    paired_difference_interval,
    stratified_difference,
)
from seamwatch.errors import DataContractError

COUNTS = st.tuples(*[st.integers(0, 40)] * 3)


@given(st.integers(0, 60), st.integers(0, 60))
def test_the_exact_test_is_scipy_s_binomial_test(n_worse: int, n_better: int) -> None:
    n = n_worse + n_better
    expected = stats.binomtest(n_worse, n, 0.5).pvalue if n else 1.0
    assert changed_p_value(n_worse, n_better) == pytest.approx(expected, rel=1e-9)


@settings(max_examples=40)
@given(COUNTS)
def test_the_interval_is_what_the_score_test_does_not_refuse(counts: tuple[int, int, int]) -> None:
    n_worse, n_better, _ = counts
    n = sum(counts)
    if not n:
        assert paired_difference_interval(0, 0, 0) is None
        return
    interval = paired_difference_interval(n_worse, n_better, n)
    assert interval is not None
    assert -1.0 <= interval[0] <= (n_better - n_worse) / n <= interval[1] <= 1.0
    for bound in interval:
        if abs(bound) < 0.99:
            assert _score(n_worse, n_better, n, bound) == pytest.approx(1.959964, abs=2e-3)


def _score(n_worse: int, n_better: int, n: int, difference: float) -> float:
    """Return the score statistic with the most likely share of worse pairs found by search, not by a formula."""

    def unlikely(worse: float) -> float:
        better = worse + difference
        same = 1 - worse - better
        terms = ((n_worse, worse), (n_better, better), (n - n_worse - n_better, same))
        return -sum(count * log(max(share, 1e-300)) for count, share in terms)

    low, high = max(0.0, -difference), (1 - difference) / 2
    worse = optimize.minimize_scalar(unlikely, bounds=(low, high), method="bounded", options={"xatol": 1e-12}).x
    variance = n * (2 * worse + difference * (1 - difference))
    return abs(n_better - n_worse - n * difference) / variance**0.5


@given(COUNTS)
def test_a_swap_of_the_sides_mirrors_the_interval(counts: tuple[int, int, int]) -> None:
    n_worse, n_better, _ = counts
    n = sum(counts)
    one, other = paired_difference_interval(n_worse, n_better, n), paired_difference_interval(n_better, n_worse, n)
    if one is None or other is None:
        assert n == 0
    else:
        assert one == pytest.approx((-other[1], -other[0]), abs=1e-9)


@pytest.mark.parametrize("counts", [(-1, 0, 3), (0, -1, 3), (2, 2, 3)])
def test_counts_that_do_not_fit_are_refused(counts: tuple[int, int, int]) -> None:
    with pytest.raises(DataContractError, match="pairs need"):
        paired_difference_interval(*counts)


STRATA = st.lists(
    st.tuples(st.integers(0, 30), st.integers(0, 30), st.floats(0, 1), st.floats(0, 1)).map(
        lambda one: Stratum(
            n_first=one[0], n_second=one[1], right_first=round(one[0] * one[2]), right_second=round(one[1] * one[3])
        )
    ),
    max_size=6,
)


@given(STRATA)
def test_a_swap_of_the_releases_mirrors_the_stratified_difference(strata: list[Stratum]) -> None:
    swapped = [
        Stratum(
            n_first=one.n_second,
            right_first=one.right_second,
            n_second=one.n_first,
            right_second=one.right_first,
        )
        for one in strata
    ]
    found, other = stratified_difference(strata), stratified_difference(swapped)
    if found is None or other is None:
        assert not any(one.n_first and one.n_second for one in strata)
        return
    assert found.difference == pytest.approx(-other.difference, abs=1e-12)
    assert (found.low, found.high) == pytest.approx((-other.high, -other.low), abs=1e-9)
    assert found.p_value == pytest.approx(other.p_value)


def test_one_stratum_gives_the_plain_difference_and_pearson_s_test() -> None:
    found = stratified_difference([Stratum(n_first=80, right_first=60, n_second=100, right_second=50)])
    assert found is not None
    assert found.difference == pytest.approx(-0.25)
    # Mantel and Haenszel divide by N - 1 where Pearson's statistic has N.
    pearson = stats.chi2_contingency([[60, 20], [50, 50]], correction=False).statistic
    assert found.p_value == pytest.approx(stats.chi2.sf(pearson * 179 / 180, 1))


def test_a_mix_of_segments_that_shifted_is_no_difference() -> None:
    """All records: 84 % against 56 % right; within each segment both are alike (Simpson's paradox)."""
    found = stratified_difference(
        [
            Stratum(n_first=90, right_first=81, n_second=10, right_second=9),
            Stratum(n_first=10, right_first=5, n_second=90, right_second=45),
        ]
    )
    assert found is not None
    assert found.difference == pytest.approx(0.0, abs=1e-12)
    assert found.p_value == pytest.approx(1.0)


def test_without_a_segment_of_both_nothing_is_said() -> None:
    assert stratified_difference([]) is None
    strata = [Stratum(n_first=5, right_first=5, n_second=0, right_second=0)]
    assert stratified_difference(strata) is None
