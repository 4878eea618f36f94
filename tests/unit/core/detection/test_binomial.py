"""The upper tails of the binomial and the hypergeometric distribution are those of scipy, at the ends too."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from seamwatch.core.detection.binomial import probability_of_more, probability_of_overlap


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


@given(total=st.integers(1, 200), data=st.data())
def test_the_overlap_is_that_of_the_hypergeometric_distribution(total: int, data: st.DataObject) -> None:
    one, other = data.draw(st.integers(0, total)), data.draw(st.integers(0, total))
    n_common = data.draw(st.integers(0, min(one, other)))
    tail = float(stats.hypergeom.sf(n_common - 1, total, one, other))
    assert probability_of_overlap(n_common, one, other, total) == pytest.approx(tail, rel=1e-6, abs=1e-12)
    assert probability_of_overlap(n_common, other, one, total) == pytest.approx(tail, rel=1e-6, abs=1e-12)
