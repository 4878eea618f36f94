"""The mark that goes with failing: found where it is there, corrected for how many were tried, blind to mere time."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from seamwatch.core.attribution.contrast import strongest_contrast

N = 200
RNG = np.random.default_rng(7)
FAILING = RNG.random(N) < 0.3
AT = np.arange(N)


def _values(kind: str) -> list[Any]:
    usual = RNG.choice(["low", "mid", "high"], N).tolist()
    sizes = RNG.integers(1, 1000, N).tolist()
    return {
        "one value": ["none" if bad else usual[n] for n, bad in enumerate(FAILING)],
        "no value": [None if bad else usual[n] for n, bad in enumerate(FAILING)],
        "another unit": [size * 100 if bad else size for size, bad in zip(sizes, FAILING, strict=True)],
        "cut short": [("x" * (20 if bad else 60)) + f"{n:03d}" for n, bad in enumerate(FAILING)],
        "nothing": usual,
        "sizes by chance": sizes,
    }[kind]


@pytest.mark.parametrize("kind", ["one value", "no value", "another unit", "cut short"])
def test_what_failing_records_share_is_found(kind: str) -> None:
    found = strongest_contrast(pd.Series(_values(kind), dtype=object), FAILING, AT)
    assert found is not None
    assert found.p_value < 1e-6
    assert found.n_failing > 0.8 * FAILING.sum()
    assert found.n_others < 0.2 * (~FAILING).sum()
    assert (found.mark & FAILING).sum() == found.n_failing


@pytest.mark.parametrize("kind", ["nothing", "sizes by chance"])
def test_what_differs_by_chance_is_no_mark(kind: str) -> None:
    found = strongest_contrast(pd.Series(_values(kind), dtype=object), FAILING, AT)
    assert found is not None
    assert found.p_value > 0.01


def test_what_is_counted_up_goes_with_whatever_began_late_and_is_not_tried() -> None:
    late = AT >= N // 2
    is_failing = late & (RNG.random(N) < 0.9)
    counted = pd.Series(1000 + AT, dtype=object)
    found = strongest_contrast(counted, is_failing, AT)
    assert found is None or found.p_value > 0.01


def test_there_is_nothing_to_compare_where_all_failed_or_none() -> None:
    values = pd.Series(["a", "b"], dtype=object)
    for is_failing in (np.array([True, True]), np.array([False, False])):
        assert strongest_contrast(values, is_failing, np.arange(2)) is None


@given(st.lists(st.tuples(st.sampled_from(["a", "b", None, 3]), st.booleans()), min_size=2, max_size=30))
def test_the_p_value_is_fishers_and_never_smaller_than_the_exact_one(rows: list[tuple[Any, bool]]) -> None:
    values = pd.Series([value for value, _ in rows], dtype=object)
    is_failing = np.array([bad for _, bad in rows])
    found = strongest_contrast(values, is_failing, np.arange(len(rows)))
    if found is None:
        assert is_failing.all() or not is_failing.any()
        return
    n_failing, n_others = int(is_failing.sum()), int((~is_failing).sum())
    table = [[found.n_failing, found.n_others], [n_failing - found.n_failing, n_others - found.n_others]]
    exact = float(stats.fisher_exact(table, alternative="greater").pvalue)
    assert found.p_value >= min(1.0, exact) - 1e-9
