"""Fields of one fault are damaged in the same records; those of two only as often as chance has it."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seamwatch.core.detection.field_groups import group_fields


@pytest.mark.parametrize(
    ("damaged", "groups"),
    [
        ({}, []),
        ({"a": {1, 2}}, [("a",)]),
        ({"a": {1, 2, 3}, "b": {4, 5}}, [("a",), ("b",)]),
        ({"a": set(range(20)), "b": set(range(18))}, [("a", "b")]),
        ({"a": set(range(50)), "b": set(range(25, 75))}, [("a",), ("b",)]),
        ({"a": set(range(40)), "b": set(range(35)), "c": set(range(60, 90))}, [("a", "b"), ("c",)]),
        ({"a": set(range(100)), "b": set(range(30))}, [("a", "b")]),
        ({"a": set(range(9)), "b": set()}, [("a",)]),
    ],
)
def test_fields_that_are_damaged_together_are_one_group(
    damaged: dict[str, set[int]], groups: list[tuple[str, ...]]
) -> None:
    found = group_fields(damaged, n_records=100)
    assert [one.fields for one in found] == groups
    assert [one.keys for one in found] == [frozenset().union(*(damaged[name] for name in group)) for group in groups]


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
def test_two_faults_that_strike_by_chance_stay_two_and_one_in_both_fields_is_one(share: float) -> None:
    rng = np.random.default_rng(3)
    one, other = (set(np.flatnonzero(rng.random(400) < share).tolist()) for _ in range(2))
    assert len(group_fields({"a": one, "b": other}, n_records=400)) == 2
    # Of a fault in both fields, some records show it in one of them only.
    assert len(group_fields({"a": one, "b": {key for key in one if key % 10}}, n_records=400)) == 1


def _damaged(n: int, first: int = 0) -> frozenset[int]:
    return frozenset(range(first, first + n))


@pytest.mark.parametrize(
    ("one", "other", "n_records", "n_groups"),
    [
        # All 30 of a second fault are among the 48 of 50 that the first strikes: in one of six windows they are.
        (_damaged(48), _damaged(30), 50, 2),
        # The same 48, and 48 of a field less two: no chance.
        (_damaged(48), _damaged(48), 50, 1),
        (_damaged(48), _damaged(46), 50, 1),
        # Half of the records, and a field that follows from it in some of them.
        (_damaged(25), _damaged(8), 50, 1),
        (_damaged(400), _damaged(200), 500, 1),
        # Few records tell nothing: the same ones are one fault, others are two.
        (_damaged(9), _damaged(9), 10, 1),
        (_damaged(9), _damaged(4), 10, 2),
        (_damaged(3), _damaged(3), 5, 1),
    ],
)
def test_what_lies_within_a_fault_of_nearly_all_records_is_of_it_only_where_no_chance_has_it(
    one: frozenset[int], other: frozenset[int], n_records: int, n_groups: int
) -> None:
    assert len(group_fields({"a": one, "b": other}, n_records=n_records)) == n_groups


@given(st.dictionaries(st.text("abcdef", min_size=1, max_size=2), st.frozensets(st.integers(0, 30)), max_size=6))
def test_every_damaged_field_is_in_one_group_and_groups_are_in_order(damaged: dict[str, frozenset[int]]) -> None:
    found = group_fields(damaged, n_records=31)
    assert sorted(name for one in found for name in one.fields) == sorted(
        name for name, keys in damaged.items() if keys
    )
    assert [len(one.keys) for one in found] == sorted((len(one.keys) for one in found), reverse=True)
    assert found == group_fields(dict(reversed(damaged.items())), n_records=31)
