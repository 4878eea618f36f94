"""Agreement of reviewers: worked examples of the sources, missing opinions, and intervals that stay honest."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seamwatch.core.accuracy.agreement import cohen_kappa, krippendorff_alpha
from seamwatch.errors import DataContractError

# K. Krippendorff (2011), section C: four observers, twelve units, values missing.
OBSERVERS = (
    (1, 2, 3, 3, 2, 1, 4, 1, 2, None, None, None),
    (1, 2, 3, 3, 2, 2, 4, 1, 2, 5, None, 3),
    (None, 3, 3, 3, 2, 3, 4, 2, 2, 5, 1, None),
    (1, 2, 3, 3, 2, 4, 4, 1, 2, 5, 1, None),
)


def _opinions(*reviewers: tuple[Any, ...]) -> pd.DataFrame:
    rows = [
        (record, f"r{number}", value) for number, values in enumerate(reviewers) for record, value in enumerate(values)
    ]
    return pd.DataFrame(rows, columns=["record", "reviewer", "value"])


def test_alpha_is_that_of_the_worked_example() -> None:
    found = krippendorff_alpha(_opinions(*OBSERVERS))
    assert found.value == pytest.approx(0.743, abs=0.0005)
    assert (found.n_records, found.n_opinions) == (11, 40)
    assert found.low is not None
    assert found.high is not None
    assert found.low < 0.743 < found.high


def test_kappa_is_that_of_a_worked_table() -> None:
    """Both yes 20, only the first 5, only the second 10, none 15: observed 0.7, by chance 0.5."""
    first = (True,) * 25 + (False,) * 25
    second = (True,) * 20 + (False,) * 5 + (True,) * 10 + (False,) * 15
    found = cohen_kappa(_opinions(first, second), first="r0", second="r1")
    assert found.value == pytest.approx(0.4)
    assert found.observed == pytest.approx(0.7)
    # J. L. Fleiss, J. Cohen, B. S. Everitt (1969) give a standard error of 0.127; ours is wider, since exact.
    assert found.low is not None
    assert found.high is not None
    assert 0.05 < found.low < 0.4 - 1.96 * 0.127 + 0.02
    assert found.high >= 0.63


@pytest.mark.parametrize(
    ("reviewers", "n_records"),
    [((), 0), (((True, False, True),), 0), (((True, None), (None, False)), 0), (((True,) * 8, (True,) * 8), 8)],
    ids=["nobody", "one reviewer", "no record twice", "always the same"],
)
def test_nothing_can_be_said(reviewers: tuple[tuple[Any, ...], ...], n_records: int) -> None:
    found = krippendorff_alpha(_opinions(*reviewers))
    assert (found.value, found.low, found.high, found.n_records) == (None, None, None, n_records)


def test_kappa_of_a_reviewer_who_is_not_there() -> None:
    assert cohen_kappa(_opinions((True, False)), first="r0", second="nobody").value is None


def test_perfect_agreement_of_few_is_not_sure() -> None:
    found = krippendorff_alpha(_opinions((True, False) * 5, (True, False) * 5))
    assert (found.value, found.high) == (1.0, 1.0)
    assert found.low is not None
    assert found.low < 0.6


@pytest.mark.parametrize("measure", ["alpha", "kappa"])
def test_two_opinions_of_one_reviewer_are_refused(measure: str) -> None:
    twice = pd.concat([_opinions((True, False)), _opinions((True, True))])
    with pytest.raises(DataContractError, match="two opinions"):
        krippendorff_alpha(twice) if measure == "alpha" else cohen_kappa(twice, first="r0", second="r1")


def test_a_missing_column_is_said() -> None:
    with pytest.raises(DataContractError, match="value"):
        krippendorff_alpha(_opinions((True,)).drop(columns="value"))


opinions_of_three = st.lists(st.tuples(*[st.sampled_from([True, False, None])] * 3), min_size=1, max_size=30)


@given(opinions_of_three, st.randoms(use_true_random=False))
def test_neither_order_nor_names_matter(rows: list[tuple[Any, ...]], random: Any) -> None:
    columns = list(zip(*rows, strict=True))
    found = krippendorff_alpha(_opinions(*columns))
    random.shuffle(columns)
    other = krippendorff_alpha(_opinions(*columns).sample(frac=1, random_state=1))
    assert (found.value is None) == (other.value is None)
    if found.value is not None and found.low is not None and found.high is not None:
        assert other.value == pytest.approx(found.value)
        assert found.low - 1e-9 <= found.value <= found.high + 1e-9


@pytest.mark.parametrize(("mistakes", "n"), [(0.03, 40), (0.1, 40), (0.1, 120)])
def test_intervals_cover(mistakes: float, n: int) -> None:
    rng = np.random.default_rng(9)
    share = 0.8 * (1 - mistakes) + 0.2 * mistakes
    truth = 1 - 2 * mistakes * (1 - mistakes) / (2 * share * (1 - share))
    covered = 0
    for _ in range(100):
        right = rng.random(n) < 0.8
        said = np.where(rng.random((2, n)) < mistakes, ~right, right)
        found = krippendorff_alpha(_opinions(tuple(said[0]), tuple(said[1])))
        covered += found.low is not None and found.high is not None and found.low <= truth <= found.high
    assert covered / 100 >= 0.94
