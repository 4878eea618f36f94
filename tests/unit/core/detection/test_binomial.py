"""The upper tail of the binomial distribution is that of scipy, at the ends too."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from seamwatch.core.detection.binomial import probability_of_more


@given(total=st.integers(0, 300), n=st.integers(-1, 301), rate=st.floats(0.0, 1.0))
def test_the_tail_is_that_of_the_binomial_distribution(total: int, n: int, rate: float) -> None:
    tail = float(stats.binom.sf(n - 1, total, rate))
    assert probability_of_more(n, total, rate=rate) == pytest.approx(tail, rel=1e-6, abs=1e-12)


@pytest.mark.parametrize(
    ("n", "total", "rate", "probability"),
    [(0, 10, 0.2, 1.0), (11, 10, 0.9, 0.0), (10, 10, 1.0, 1.0), (1, 10, 0.0, 0.0), (1, 1, 0.3, 0.3)],
)
def test_the_ends_are_exact(n: int, total: int, rate: float, probability: float) -> None:
    assert probability_of_more(n, total, rate=rate) == pytest.approx(probability)
