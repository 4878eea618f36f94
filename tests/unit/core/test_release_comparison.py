"""Which answers are paired, and what pairs say."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seamwatch.core.release_comparison import (
    UNKNOWN_INPUT,
    Comparison,
    always_different,
    compare_answers,
    number_inputs,
)
from seamwatch.errors import DataContractError
from seamwatch.vocabulary import OutcomeState

START = datetime(2026, 3, 2, tzinfo=UTC)
RIGHT, WRONG, PENDING = OutcomeState.RIGHT, OutcomeState.WRONG, OutcomeState.PENDING


def _answers(rows: list[tuple[str, int, float, OutcomeState]]) -> pd.DataFrame:
    """Return answers from release, input, hour and state; keys count up."""
    frame = pd.DataFrame(rows, columns=["release", "input", "time", "state"])
    frame["time"] = pd.to_datetime([START + timedelta(hours=hour) for hour in frame["time"]], utc=True)
    return frame.astype({"state": object})


def _compare(
    rows: list[tuple[str, int, float, OutcomeState]],
    first: str = "a",
    second: str = "b",
    *,
    segments: dict[str, dict[Any, str]] | None = None,
    more: pd.DataFrame | None = None,
) -> Comparison:
    known = segments or {}
    return compare_answers(_answers(rows), first, second, segments=known, strata=known, more=more)


CASES = {
    "one of each": ([("a", 1, 0, RIGHT), ("b", 1, 9, WRONG)], (1, 1, 0)),
    "the nearest of several": (
        [("a", 1, 0, WRONG), ("a", 1, 5, RIGHT), ("b", 1, 6, RIGHT), ("b", 1, 9, WRONG)],
        (1, 0, 0),
    ),
    "an input counts once": ([("a", 1, hour, RIGHT) for hour in range(9)] + [("b", 1, 20, WRONG)], (1, 1, 0)),
    "pending decides nothing": ([("a", 1, 0, RIGHT), ("b", 1, 1, PENDING)], (0, 0, 0)),
    "the judged one beside a pending one": ([("a", 1, 0, RIGHT), ("b", 1, 1, PENDING), ("b", 1, 2, WRONG)], (1, 1, 0)),
    "unknown inputs are never the same": ([("a", UNKNOWN_INPUT, 0, RIGHT), ("b", UNKNOWN_INPUT, 1, WRONG)], (0, 0, 0)),
    "other releases are left out": ([("a", 1, 0, RIGHT), ("c", 1, 1, WRONG)], (0, 0, 0)),
    "nothing at all": ([], (0, 0, 0)),
}


@pytest.mark.parametrize(("rows", "expected"), CASES.values(), ids=CASES)
def test_pairs(rows: list[tuple[str, int, float, OutcomeState]], expected: tuple[int, int, int]) -> None:
    paired = _compare(rows).paired
    assert (paired.n_pairs, paired.n_worse, paired.n_better) == expected


ROWS = st.lists(
    st.tuples(st.sampled_from("abc"), st.integers(-1, 4), st.integers(0, 12), st.sampled_from([RIGHT, WRONG, PENDING])),
    max_size=40,
)


@settings(max_examples=40)
@given(ROWS)
def test_a_swap_of_the_releases_mirrors_the_result(rows: list[tuple[str, int, float, OutcomeState]]) -> None:
    segments = {"s.x": {key: "even" if row[1] % 2 == 0 else "odd" for key, row in enumerate(rows)}}
    one, other = _compare(rows, segments=segments), _compare(rows, "b", "a", segments=segments)
    assert (one.first, one.second) == (other.second, other.first)
    assert one.n_common_inputs == other.n_common_inputs
    pairs = [(one.paired, other.paired)]
    pairs += [(mine.rates, theirs.rates) for mine, theirs in zip(one.segments, other.segments, strict=True)]
    for mine, theirs in pairs:
        assert (mine.n_pairs, mine.n_worse, mine.n_better) == (theirs.n_pairs, theirs.n_better, theirs.n_worse)
        assert mine.p_value == theirs.p_value
        if mine.difference is not None:
            assert mine.difference == -(theirs.difference or 0.0)
            assert (mine.low, mine.high) == pytest.approx((-theirs.high, -theirs.low), abs=1e-9)  # type: ignore[operator]


@settings(max_examples=40)
@given(ROWS, st.randoms())
def test_the_order_of_rows_is_irrelevant(rows: list[tuple[str, int, float, OutcomeState]], random: Any) -> None:
    answers = _answers(rows)
    order = list(range(len(rows)))
    random.shuffle(order)
    known = compare_answers(answers, "a", "b", segments={}, strata={}, more=None)
    again = compare_answers(answers.iloc[order], "a", "b", segments={}, strata={}, more=None)
    assert known == again
    assert known.pairs.equals(again.pairs)


@settings(max_examples=40)
@given(ROWS)
def test_every_pair_is_of_one_input_and_one_judged_answer_of_each(
    rows: list[tuple[str, int, float, OutcomeState]],
) -> None:
    pairs = _compare(rows).pairs
    assert pairs["input"].is_unique
    for one in pairs.to_dict("records"):
        first, second = rows[one["first"]], rows[one["second"]]
        assert (first[0], second[0], first[1], second[1]) == ("a", "b", one["input"], one["input"])
        assert (first[3] == RIGHT, second[3] == RIGHT) == (one["first_right"], one["second_right"])
        assert PENDING not in (first[3], second[3])


def test_a_segment_that_got_worse_is_named_though_another_got_better() -> None:
    rows, topics = [], {}
    for number in range(80):
        is_returns = number % 2 == 0
        for release in "ab":
            topics[len(rows)] = "returns" if is_returns else "invoice"
            is_right = (release == "a") == is_returns
            rows.append((release, number, float(len(rows)), RIGHT if is_right else WRONG))
    found = _compare(rows, segments={"q.topic": topics})
    assert (found.paired.n_worse, found.paired.n_better) == (40, 40)
    assert not found.paired.differs
    by_value = {one.value: one.rates for one in found.segments}
    assert (by_value["returns"].n_worse, by_value["invoice"].n_better) == (40, 40)
    assert all(one.rates.differs for one in found.segments)


def test_a_pair_whose_records_lie_in_two_values_of_a_segment_belongs_to_neither() -> None:
    rows = [("a", 1, 0.0, RIGHT), ("b", 1, 1.0, WRONG)]
    assert _compare(rows, segments={"q.tier": {0: "gold", 1: "basic"}}).segments == ()


def test_segment_p_values_are_adjusted_for_all_segments() -> None:
    rows, values = [], {}
    for number in range(7):
        for release, state in (("a", RIGHT), ("b", WRONG)):
            values[len(rows)] = "x"
            rows.append((release, number, float(len(rows)), state))
    alone = _compare(rows, segments={"q.one": values}).segments
    among = _compare(rows, segments={f"q.{name}": values for name in ("one", "two", "three")}).segments
    assert alone[0].rates.differs
    assert among[0].rates.p_value == pytest.approx(3 * alone[0].rates.p_value)
    assert not among[0].rates.differs


def test_pairs_by_replay_count_beside_recorded_ones() -> None:
    more = pd.DataFrame({"input": [7], "first": [0], "second": [0], "first_right": [True], "second_right": [False]})
    paired = _compare([("a", 1, 0.0, RIGHT), ("b", 1, 1.0, RIGHT)], more=more).paired
    assert (paired.n_pairs, paired.n_worse, paired.n_right) == (2, 1, 1)


def test_answers_need_their_columns() -> None:
    with pytest.raises(DataContractError, match="no column time"):
        compare_answers(_answers([]).drop(columns="time"), "a", "b", segments={}, strata={}, more=None)


def test_inputs_are_the_same_where_all_their_texts_are() -> None:
    columns = {"q.text": ["x", "x", "x", None, None], "q.tier": ["1", "1", "2", None, "1"]}
    numbers = number_inputs(columns, [True, True, True, True, False])
    assert numbers[0] == numbers[1] != numbers[2]
    assert numbers[3:] == [UNKNOWN_INPUT, UNKNOWN_INPUT]


def test_a_field_without_a_value_twice_is_named() -> None:
    columns = {"q.id": ["1", "2", None], "q.text": ["x", "x", "y"], "q.none": [None, None, None]}
    assert always_different(columns) == ("q.id",)
