"""A judge's sensitivity and specificity against people's labels."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import date

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seamwatch.core.accuracy.judge_error import judge_errors, weighted_rate
from seamwatch.errors import DataContractError


def _labels(
    rows: Sequence[tuple[bool, float]],
    *,
    inclusion: Sequence[float] | float = 0.1,
    segment: Sequence[str] | str = "all",
) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "record": np.arange(len(rows)),
            "week": date(2026, 1, 5),
            "is_right": np.array([row[0] for row in rows], dtype=bool),
            "inclusion": inclusion,
            "prediction": np.array([row[1] for row in rows], dtype=float),
            "segment": segment,
        }
    )


def test_each_kind_of_answer_has_its_own_rate() -> None:
    rows = [(False, 0.1)] * 18 + [(False, 0.9)] * 2 + [(True, 0.9)] * 60 + [(True, 0.4)] * 20 + [(True, math.nan)] * 3
    found = judge_errors(_labels(rows)).whole
    assert found.sensitivity is not None
    assert found.specificity is not None
    assert found.sensitivity.value == pytest.approx(0.9)
    assert found.specificity.value == pytest.approx(0.75)
    assert (found.n_wrong, found.n_right, found.n_unknown) == (20, 80, 3)
    # Clopper and Pearson's interval of 18 of 20.
    assert (found.sensitivity.low, found.sensitivity.high) == pytest.approx((0.683, 0.988), abs=0.01)


def test_nobody_checked_it() -> None:
    found = judge_errors(_labels([]))
    assert found.whole.sensitivity is None
    assert found.whole.specificity is None
    assert found.segments == ()


def test_a_judge_that_said_nothing_has_no_rates() -> None:
    found = judge_errors(_labels([(True, math.nan)] * 5)).whole
    assert (found.sensitivity, found.specificity, found.n_unknown) == (None, None, 5)


def test_without_an_error_among_few_labels_there_may_still_be_many() -> None:
    found = judge_errors(_labels([(False, 0.0)] * 10)).whole
    assert found.sensitivity is not None
    assert found.sensitivity.value == 1.0
    # The exact one: 0.025 ** (1 / 10).
    assert found.sensitivity.low == pytest.approx(0.6915, abs=1e-4)
    assert found.specificity is None


def test_segments_have_their_own_rates() -> None:
    rows = [(True, 0.9)] * 30 + [(True, 0.2)] * 30
    found = dict(judge_errors(_labels(rows, segment=["mail"] * 30 + ["chat"] * 30)).segments)
    assert found["mail"].specificity is not None
    assert found["chat"].specificity is not None
    assert (found["mail"].specificity.value, found["chat"].specificity.value) == (1.0, 0.0)


def test_labels_stand_for_as_many_answers_as_were_not_drawn() -> None:
    rows = [(True, 0.9)] * 10 + [(True, 0.1)] * 10
    found = judge_errors(_labels(rows, inclusion=[0.1] * 10 + [0.3] * 10)).whole
    assert found.specificity is not None
    assert found.specificity.value == pytest.approx(0.75)


def test_labels_that_break_the_contract_are_refused() -> None:
    with pytest.raises(DataContractError, match="inclusion"):
        judge_errors(_labels([(True, 0.5)], inclusion=0.0))


@given(st.lists(st.tuples(st.booleans(), st.floats(1, 100)), min_size=1, max_size=60))
def test_an_interval_holds_its_rate_and_is_never_a_point(rows: list[tuple[bool, float]]) -> None:
    found = weighted_rate(np.array([row[0] for row in rows]), np.array([row[1] for row in rows]))
    assert found is not None
    assert 0 <= found.low <= found.value <= found.high <= 1
    assert found.low < found.high


@pytest.mark.parametrize(("errors", "n"), [((0.02, 0.02), 15), ((0.05, 0.2), 40), ((0.2, 0.1), 60), ((0.1, 0.0), 40)])
def test_intervals_cover_though_errors_lie_where_fewer_are_drawn(errors: tuple[float, float], n: int) -> None:
    """Half of the answers are drawn twice as often as the other half."""
    rng = np.random.default_rng(5)
    truth, covered = sum(errors) / 2, 0
    for _ in range(600):
        is_rarely_drawn = rng.random(n) < 1 / 3
        is_wrong = rng.random(n) < np.where(is_rarely_drawn, *errors)
        found = weighted_rate(is_wrong, np.where(is_rarely_drawn, 2.0, 1.0))
        covered += found is not None and found.low <= truth <= found.high
    assert covered / 600 >= 0.94
