"""When two values are the same: strictly, in another dress, by a rule."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd
import pytest

from seamwatch.core.records.comparison import (
    as_number,
    at_path,
    equal_cells,
    is_null,
    leaves,
    loose_text,
    normalise,
    parse_json,
    strict_text,
    values_equal,
)
from seamwatch.errors import DataContractError

BERLIN = timezone(timedelta(hours=1))


@pytest.mark.parametrize("value", [None, float("nan"), np.float64("nan"), Decimal("NaN"), pd.NA, pd.NaT])
def test_no_data_is_null_in_every_dress(value: Any) -> None:
    assert is_null(value)
    assert strict_text(value) is None
    assert loose_text(value) is None
    assert as_number(value) is None


@pytest.mark.parametrize("value", ["", 0, False, [], "nan"])
def test_empty_is_not_null(value: Any) -> None:
    assert not is_null(value)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (5, "5"),
        (5.0, "5"),
        (Decimal("5.00"), "5"),
        (np.int64(5), "5"),
        (0.1 + 0.2, "0.3"),
        (-0.0, "0"),
        (4000123412341234.0, "4000123412341234"),
        (Decimal("12345678901234567890"), "12345678901234567890"),
        (123456789012.00002, "123456789012"),
        (float("-inf"), "-inf"),
        (True, "true"),
        (np.False_, "false"),
        ("5.0", "5.0"),
        (datetime(2026, 1, 5, 9, tzinfo=BERLIN), "2026-01-05T08:00:00+00:00"),
        (datetime(2026, 1, 5, 8), "2026-01-05T08:00:00+00:00"),  # noqa: DTZ001 - a database without zones
        (date(2026, 1, 5), "2026-01-05"),
        ({"b": 1.0, "a": [Decimal("2.5"), None]}, '{"a":[2.5,null],"b":1}'),
        (b"abc", "abc"),
    ],
)
def test_strict_text_does_not_depend_on_the_storage_type(value: Any, text: str) -> None:
    assert strict_text(value) == text


@pytest.mark.parametrize(
    ("left", "right"),
    [
        ("Router ", "router"),
        ("two  words", "Two\nwords"),
        ("1,50", 1.5),
        ("007", 7),
        ("Cafe\u0301", "Café"),
        ("  ", None),
        ("1e3", 1000),
        ("4000123412341234.0", 4000123412341234),
        ("-0", 0),
        ("+0049", 49),
    ],
)
def test_harmless_differences_are_loose_only(left: Any, right: Any) -> None:
    assert strict_text(left) != strict_text(right)
    assert loose_text(left) == loose_text(right)


@pytest.mark.parametrize(
    ("left", "right"),
    [
        ("1.5", "15"),
        ("router", "routers"),
        ("1,234.5", "1234.5"),
        (0, None),
        ("4000123412341234", "4000123412341235"),
        (9007199254740993, "9007199254740992"),
        (np.int64(9007199254740993), 9007199254740992),
        (-5, "5"),
        (4000123412341234.0, 4000123412341235.0),
        (float("inf"), "inf!"),
    ],
)
def test_other_values_stay_apart(left: Any, right: Any) -> None:
    assert loose_text(left) != loose_text(right)


@pytest.mark.parametrize(
    ("how", "value", "wanted", "tolerance", "same"),
    [
        ("auto", "12.0", 12, 0.0, True),
        ("auto", " Billing", "billing", 0.0, True),
        ("exact", "Billing", "billing", 0.0, False),
        ("exact", 5, Decimal(5), 0.0, True),
        ("text", "a  b", "A b", 0.0, True),
        ("number", "9.99", 10, 0.01, True),
        ("number", "9.98", 10, 0.01, False),
        ("number", 0.1 + 0.2, 0.3, 0.0, True),
        ("number", 4_000_000_001, 4_000_000_000, 0.0, False),
        ("number", "ten", 10, 0.0, False),
        ("number", "ten", None, 0.0, True),
        ("set", "b; A", ["a", "b"], 0.0, True),
        ("set", '["a","b","b"]', "b,a", 0.0, True),
        ("set", "a", "a,b", 0.0, False),
        ("set", None, [], 0.0, True),
    ],
)
def test_comparators(how: str, value: Any, wanted: Any, tolerance: float, same: bool) -> None:
    assert values_equal(value, wanted, how=how, tolerance=tolerance) is same
    assert values_equal(wanted, value, how=how, tolerance=tolerance) is same


def test_an_unknown_comparator_is_told_with_the_known_ones() -> None:
    with pytest.raises(DataContractError, match="unknown comparison 'near'; known: auto, exact, text, number, set"):
        values_equal(1, 1, how="near")


@pytest.mark.parametrize(
    ("steps", "left", "right", "same"),
    [
        (["strip"], " a ", "a", True),
        (["strip"], "A", "a", False),
        (["casefold"], "STRASSE", "straße", True),
        (["collapse_blanks"], " a   b ", "a b", True),
        (["number"], "1.50", 1.5, True),
        (["exact"], "1.50", "1.5", False),
        (["date"], "2026-01-05T09:00:00+01:00", "2026-01-05T08:00:00Z", True),
        (["date"], "2026-01-05", date(2026, 1, 5), True),
        (["date"], "soon", "soon", True),
        (["null_if_empty"], " ", None, True),
        (["sorted"], "b;a", "a, b", True),
        (["strip", "casefold"], " A", "a ", True),
    ],
)
def test_normalise_rules(steps: list[str], left: Any, right: Any, same: bool) -> None:
    assert (normalise(left, steps) == normalise(right, steps)) is same


def test_json_is_parsed_where_it_is_json_and_left_where_it_only_looks_so() -> None:
    assert parse_json('{"a": [1]}') == {"a": [1]}
    assert parse_json("[half") == "[half"
    assert parse_json("5") == "5"


def test_leaves_name_every_scalar_and_empty_branch_by_its_path() -> None:
    assert dict(leaves({"a": [{"b": 1}, 2], "c": {}, "d": None})) == {"a.0.b": 1, "a.1": 2, "c": {}, "d": None}


@pytest.mark.parametrize(
    ("path", "value"),
    [("a.b.1.c", 7), ("a.b.5", None), ("a.nope.c", None), ("a.b.1.c.d", None), ("inner.x", 1)],
)
def test_at_path_opens_json_text_on_the_way(path: str, value: Any) -> None:
    assert at_path({"a": '{"b": [0, {"c": 7}]}', "inner": {"x": 1}}, path) == value


@pytest.mark.parametrize(
    ("left", "right", "same"),
    [
        (pd.Series([1, 2, None]), pd.Series([1.0, 3.0, None]), [True, False, True]),
        (pd.Series(["a", "b", None]), pd.Series(["a", "B", None]), [True, False, True]),
        (pd.Series(["1", 1, True], dtype=object), pd.Series([1, 1, 1], dtype=object), [False, True, False]),
        (pd.Series([1e10 + 1e-3]), pd.Series([1e10]), [True]),
        (pd.Series([4_000_000_001]), pd.Series([4_000_000_000]), [False]),
        (pd.Series([4_000_000_001, None]), pd.Series([4_000_000_000, None]), [False, True]),
        (pd.Series([2**53 + 1], dtype="Int64"), pd.Series([2**53]), [False]),
        (pd.Series([2**53 + 1, None], dtype="Int64"), pd.Series([2**53 + 1, None], dtype="Int64"), [True, True]),
    ],
)
def test_equal_cells_never_calls_different_cells_equal(left: Any, right: Any, same: list[bool]) -> None:
    assert equal_cells(left, right).tolist() == same


def test_equal_cells_compares_times_of_one_zone_and_looks_closer_at_others() -> None:
    at = pd.Series(pd.to_datetime([datetime(2026, 1, 5, tzinfo=UTC), None]))
    assert equal_cells(at, at.copy()).tolist() == [True, True]
