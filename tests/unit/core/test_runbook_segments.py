"""In which segments affected records lie more often than the others: exact tests on counts."""

from __future__ import annotations

from math import comb

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seamwatch.core.runbook_segments import compare_segments


def test_the_value_that_all_affected_records_have_is_named_with_fishers_exact_p() -> None:
    found = compare_segments({"crm.tier": {"gold": 8}}, {"crm.tier": {"gold": 4, "basic": 28}})
    (one,) = found.concentrated
    assert (one.segment, one.value) == ("crm.tier", "gold")
    assert (one.n_affected, one.affected, one.n_others, one.others) == (8, 8, 4, 32)
    assert one.p_value == pytest.approx(comb(12, 8) / comb(40, 8))
    assert (found.even, found.untold) == ((), ())


def test_p_values_are_adjusted_for_all_values_of_all_segments() -> None:
    alone = compare_segments({"a": {"x": 10}}, {"a": {"x": 10, "y": 30}}).concentrated[0]
    among = compare_segments(
        {"a": {"x": 10}, "b": {"1": 5, "2": 5}}, {"a": {"x": 10, "y": 30}, "b": {"1": 20, "2": 20}}
    ).concentrated[0]
    assert among.p_value == pytest.approx(3 * alone.p_value)


def test_a_segment_in_which_a_value_could_have_stood_out_and_does_not_is_even() -> None:
    found = compare_segments({"crm.tier": {"gold": 10, "basic": 10}}, {"crm.tier": {"gold": 100, "basic": 100}})
    assert (found.concentrated, found.even, found.untold) == ((), ("crm.tier",), ())


def test_too_few_records_to_tell_are_not_called_even() -> None:
    found = compare_segments({"crm.tier": {"gold": 1}}, {"crm.tier": {"gold": 5, "basic": 5}})
    assert (found.concentrated, found.even, found.untold) == ((), (), ("crm.tier",))


@pytest.mark.parametrize("others", [{}, {"crm.tier": {}}])
def test_without_others_nothing_is_told(others: dict[str, dict[str, int]]) -> None:
    found = compare_segments({"crm.tier": {"gold": 50}}, others)
    assert (found.concentrated, found.even, found.untold) == ((), (), ("crm.tier",))


def test_a_segment_without_any_known_value_is_untold() -> None:
    assert compare_segments({"crm.tier": {}}, {"crm.tier": {"gold": 9}}).untold == ("crm.tier",)


@given(st.dictionaries(st.sampled_from("abcdef"), st.tuples(st.integers(1, 40), st.integers(0, 40)), min_size=1))
def test_what_is_named_is_more_frequent_among_the_affected(counts: dict[str, tuple[int, int]]) -> None:
    affected = {"s": {value: pair[0] for value, pair in counts.items()}}
    others = {"s": {value: pair[1] for value, pair in counts.items()}}
    found = compare_segments(affected, others)
    for one in found.concentrated:
        assert one.n_affected * one.others > one.n_others * one.affected
    assert len(found.even) + len(found.untold) + len({one.segment for one in found.concentrated}) == 1
