"""When enough records of a stratum were replayed."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seamwatch.core.attribution.sequential import fewest_draws, is_decided, spread_order


def _sample_size(share: float, rng: random.Random, confidence: float) -> tuple[int, bool]:
    n = n_leading = 0
    while not is_decided(n_leading, n, confidence=confidence):
        n += 1
        n_leading += rng.random() < share
    return n, n_leading > 0.74 * n


@pytest.mark.parametrize(("share", "is_nearly_all"), [(0.9, True), (0.5, False)])
def test_the_test_errs_no_more_often_than_asked(share: float, is_nearly_all: bool) -> None:
    rng = random.Random(3)
    said = [_sample_size(share, rng, 0.95)[1] for _ in range(2000)]
    assert said.count(is_nearly_all) / len(said) >= 0.94


def test_like_records_are_settled_by_the_fewest_draws() -> None:
    assert fewest_draws(confidence=0.95) == 6
    assert not is_decided(5, 5, confidence=0.95)
    assert fewest_draws(confidence=0.99) > 6


@given(st.integers(0, 200))
def test_the_order_is_of_all_members_and_spread(n: int) -> None:
    members = list(range(n))
    order = spread_order(members)
    assert sorted(order) == members
    if n >= 8:
        assert {4 * place // n for place in order[:8]} == {0, 1, 2, 3}


def test_members_that_were_drawn_are_left_out() -> None:
    assert sorted(spread_order("abcde", taken={"b"})) == ["a", "c", "d", "e"]
