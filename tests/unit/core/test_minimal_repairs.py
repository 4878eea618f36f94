"""The smallest set of repairs that is enough."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pandas as pd
import pytest

from seamwatch.core.attribution.minimal_repairs import (
    Search,
    delta_debug,
    search_together,
    shapley_shares,
    smallest_repairs,
)


def _cures(needs: Mapping[str, set[str]], log: list[frozenset[str]]) -> Any:
    """Return an experiment in which each record needs certain repairs; the sets tried are logged."""

    def cures(keys: pd.Index[Any], repairs: frozenset[str]) -> pd.Index[Any]:
        log.append(repairs)
        return keys[[needs[key] <= repairs for key in keys]]

    return cures


def test_each_record_gets_its_own_smallest_set() -> None:
    needs = {"k1": {"a"}, "k2": {"b", "c"}, "k3": {"a", "b", "c"}}
    found = smallest_repairs(pd.Index(list(needs)), ["a", "b", "c"], _cures(needs, []))
    assert found == {key: (frozenset(names),) for key, names in needs.items()}


def test_every_set_that_would_do_is_found_and_the_likelier_named_first() -> None:
    def either(keys: pd.Index[Any], repairs: frozenset[str]) -> pd.Index[Any]:
        return keys if repairs & {"a", "b"} else keys[:0]

    found = smallest_repairs(pd.Index([1]), ["c", "b", "a"], either)
    assert found == {1: (frozenset({"b"}), frozenset({"a"}))}


def test_the_search_ends_when_every_record_has_a_cure() -> None:
    log: list[frozenset[str]] = []
    smallest_repairs(pd.Index(["k"]), ["a", "b", "c"], _cures({"k": {"a"}}, log))
    assert log == [frozenset({"a"}), frozenset({"b"}), frozenset({"c"})]


@pytest.mark.parametrize(
    ("sets", "shares"),
    [
        ([{"a"}], {"a": 1.0}),
        ([{"a", "b"}], {"a": 0.5, "b": 0.5}),
        ([{"a"}, {"b"}], {"a": 0.5, "b": 0.5}),
        ([{"a", "b"}, {"a", "c"}], {"a": 2 / 3, "b": 1 / 6, "c": 1 / 6}),
    ],
)
def test_shares_are_shapley_values(sets: list[set[str]], shares: dict[str, float]) -> None:
    assert shapley_shares([frozenset(one) for one in sets]) == pytest.approx(shares)


def test_a_record_that_needs_more_than_the_largest_set_gets_all() -> None:
    names = list("abcde")
    log: list[frozenset[str]] = []
    found = smallest_repairs(pd.Index(["k"]), names, _cures({"k": set("abcd")}, log), largest=2)
    assert found == {"k": (frozenset(names),)}
    assert max(len(tried) for tried in log) == 2


def test_one_candidate_needs_no_experiment() -> None:
    log: list[frozenset[str]] = []
    assert smallest_repairs(pd.Index([1, 2]), ["a"], _cures({}, log)) == {1: (frozenset("a"),), 2: (frozenset("a"),)}
    assert log == []


def test_no_records_need_nothing() -> None:
    assert smallest_repairs(pd.Index([]), ["a", "b"], _cures({}, [])) == {}


def alone(search: Search[Any, Any], is_enough: Callable[[Sequence[Any]], bool]) -> Any:
    return search_together({"k": search}, lambda keys, some: keys if is_enough(some) else [])["k"]


def test_delta_debug_finds_the_parts_that_are_needed_together() -> None:
    parts = list(range(64))
    tried: list[Sequence[int]] = []

    def is_enough(some: Sequence[int]) -> bool:
        tried.append(some)
        return {3, 40} <= set(some)

    assert sorted(alone(delta_debug(parts), is_enough)) == [3, 40]
    assert len(tried) < 2 * 64  # of 2**64 sets


def test_delta_debug_of_one_part_asks_nobody() -> None:
    assert alone(delta_debug(["a"]), lambda _: False) == ["a"]


def test_searches_of_many_records_ask_each_question_once_for_all_that_have_it_next() -> None:
    parts = list(range(16))
    needs = {key: {3, 12} if key % 2 else {5} for key in range(1_000)}
    asked: list[tuple[int, ...]] = []

    def holds(keys: Sequence[int], some: tuple[int, ...]) -> list[int]:
        asked.append(some)
        return [key for key in keys if needs[key] <= set(some)]

    together = search_together({key: delta_debug(parts) for key in needs}, holds)
    assert {key: set(found) for key, found in together.items()} == needs
    n_together = len(asked)
    for key in (0, 1):
        assert search_together({key: delta_debug(parts)}, holds) == {key: together[key]}
    assert n_together <= len(asked) - n_together


def test_searches_that_ask_nothing_need_no_experiment() -> None:
    found = search_together({1: delta_debug("a"), 2: delta_debug("b")}, lambda _, some: pytest.fail(f"asked {some}"))
    assert found == {1: ["a"], 2: ["b"]}
