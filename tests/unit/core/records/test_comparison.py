"""When two values are the same: strictly, in another dress, by a rule."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd
import pytest

from seamwatch.core.records.comparison import (
    PairComparison,
    as_number,
    at_path,
    compare_normalised,
    equal_cells,
    is_null,
    leaves,
    loose_text,
    parse_json,
    pick,
    read_path,
    strict_text,
    values_equal,
)
from seamwatch.core.records.unknown import Unknown
from seamwatch.errors import DataContractError
from seamwatch.vocabulary import UnknownReason

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
        ("1,234.5", "1234.5"),
        ("1.234,50", 1234.5),
        ("1.234.567", 1234567),
        ("1 234,50", "1234.50"),
        ("1'234.50", "1234.50"),
        ("12,34,567.50", "1234567.5"),
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
        ("1e3", 1000),
        ("1,234", 1234),
        ("1,234", 1.234),
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
        ("number", "ten", None, 0.0, False),
        ("number", "n/a", "refused", 0.0, False),
        ("number", "n/a", " N/A", 0.0, True),
        ("number", "5 EUR", "5 EUR", 0.0, True),
        ("number", "", None, 0.0, True),
        ("number", "75,706.00", "757,060.00", 0.01, False),
        ("number", "75,706.00", 75706, 0.0, True),
        ("number", "1e5", 100000, 0.0, True),
        ("number", 1799999999999999001, "1799999999999999002", 0.0, False),
        ("number", True, 1, 0.0, True),
        ("auto", "7e40008", "8e40009", 0.0, False),
        ("auto", "1e5", 100000, 0.0, False),
        ("text", "007", 7, 0.0, False),
        ("text", "1.10", "1.1", 0.0, False),
        ("date", "2018-03-23", "2018-03-23 00:00:00", 0.0, True),
        ("date", "23.03.2018", date(2018, 3, 23), 0.0, True),
        ("date", "23 Mar 2018", "March 23, 2018", 0.0, True),
        ("date", "2018-03-23", datetime(2018, 3, 23, 14, 5, tzinfo=UTC), 0.0, True),
        ("date", "2018-03-23T10:00:00Z", "2018-03-23 12:00:00+02:00", 0.0, True),
        ("date", "2018-03-23T10:00:00", "2018-03-23T10:00:01", 0.0, False),
        ("date", "23/03/2018", "2018-03-24", 0.0, False),
        ("date", "soon", "2018-03-24", 0.0, False),
        ("auto", "2018-03-23", "2018-03-23 00:00:00", 0.0, True),
        ("auto", pd.Timestamp("2018-03-23"), "2018-03-23", 0.0, True),
        ("auto", pd.Timestamp("2018-03-23 10:00"), "2018-03-23", 0.0, False),
        ("auto", '{"a": [1, true]}', {"a": [1.0, True]}, 0.0, True),
        ("exact", '{"a": [1]}', {"a": [1.0]}, 0.0, True),
        ("exact", True, 1, 0.0, True),
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
    with pytest.raises(
        DataContractError, match="unknown comparison 'near'; known: auto, exact, text, number, date, set"
    ):
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
        (["date"], "2018-03-23", "2018-03-23 00:00:00", True),
        (["date"], "23/03/2018", "2018-03-23", True),
        (["number"], "n/a", "refused", False),
        (["number"], "1e5", 100000, True),
        (["strip"], 0.1 + 0.2, 0.3, True),
        (["strip"], True, 1, True),
    ],
)
def test_normalise_rules(steps: list[str], left: Any, right: Any, same: bool) -> None:
    assert (compare_normalised(left, right, steps) is None) is same
    assert (compare_normalised(right, left, steps) is None) is same


def test_json_is_parsed_where_it_is_json_and_left_where_it_only_looks_so() -> None:
    assert parse_json('{"a": [1]}') == {"a": [1]}
    assert parse_json("[half") == "[half"
    assert parse_json("5") == "5"


def test_leaves_name_every_scalar_and_empty_branch_by_its_path() -> None:
    assert dict(leaves({"a": [{"b": 1}, 2], "c": {}, "d": None})) == {"a.0.b": 1, "a.1": 2, "c": {}, "d": None}


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("a.b.1.c", 7),
        ("inner.x", 1),
        ("app.decision.queue", "billing"),
        ("inner.deep.er.x", 2),
        ("inner.deep.x", 3),
        ("items.*.name", ["a", None, "b"]),
        ("nothing.at.all", None),
    ],
)
def test_a_path_opens_json_text_and_keys_with_dots_on_the_way(path: str, value: Any) -> None:
    document = {
        "a": '{"b": [0, {"c": 7}]}',
        "inner": {"x": 1, "deep.er": {"x": 2}, "deep": {"x": 3}},
        "app.decision.queue": "billing",
        "items": [{"name": "a"}, {}, {"name": "b"}],
        "nothing": None,
    }
    assert read_path(document, path) == at_path(document, path) == value


@pytest.mark.parametrize("path", ["a.b.5", "a.nope.c", "a.b.1.c.d", "nope"])
def test_a_path_that_cannot_be_followed_is_unknown_and_not_null(path: str) -> None:
    document = {"a": '{"b": [0, {"c": 7}]}'}
    found = read_path(document, path)
    assert isinstance(found, Unknown)
    assert found.reason is UnknownReason.UNREADABLE_PATH
    assert at_path(document, path) is None


def test_a_key_that_some_documents_hold_is_null_where_others_lack_it() -> None:
    frame = pd.DataFrame({"body": ['{"a": 1}', "{}", None, "", "no json"]})
    one, lacking, null, empty, text = pick(frame, "body.a").tolist()
    assert (one, lacking, null, empty) == (1, None, None, None)
    assert isinstance(text, Unknown)
    assert all(isinstance(value, Unknown) for value in pick(frame[1:2], "body.a"))
    assert pick(frame[1:2], "body.a", {"body.a"}).tolist() == [None]


@pytest.mark.parametrize(
    ("how", "value", "wanted", "reason"),
    [
        ("number", "5 EUR", 5, UnknownReason.NOT_A_NUMBER),
        ("number", "1,234", 1234, UnknownReason.AMBIGUOUS_FORM),
        ("auto", "1,234", 1234, UnknownReason.AMBIGUOUS_FORM),
        ("date", 1521763200, "2018-03-23", UnknownReason.NOT_A_DATE),
        ("date", "03/04/2018", "2018-03-04", UnknownReason.AMBIGUOUS_FORM),
        ("auto", "03/04/2018", date(2018, 3, 4), UnknownReason.AMBIGUOUS_FORM),
    ],
)
def test_what_cannot_be_read_is_neither_equal_nor_different(
    how: str, value: Any, wanted: Any, reason: UnknownReason
) -> None:
    for pair in ((value, wanted), (wanted, value)):
        found = values_equal(*pair, how=how)
        assert isinstance(found, Unknown)
        assert found.reason is reason


def test_an_unknown_value_equals_nothing_not_even_itself() -> None:
    unknown = Unknown(reason=UnknownReason.UNREADABLE_BODY, sample="x")
    for how in ("auto", "exact", "text", "number", "date", "set"):
        assert values_equal(unknown, unknown, how=how) is unknown
        assert values_equal(None, unknown, how=how) is unknown
    assert compare_normalised(unknown, unknown, ["number"]) is unknown
    assert not is_null(unknown)


@pytest.mark.parametrize(
    ("value", "wanted", "scale", "same"),
    [(1999, 19.99, 0.01, True), ("1999", "19.99", 0.01, True), (100, 100, 0.01, False), (19.99, 1999, 100, True)],
)
def test_a_scale_brings_the_final_field_to_the_unit_of_its_truth(
    value: Any, wanted: Any, scale: float, same: bool
) -> None:
    assert values_equal(value, wanted, how="auto", scale=scale) is same


@pytest.mark.parametrize(
    ("left", "right", "pair", "same"),
    [
        (["1,234", "12.50"], [1234, 12.5], ("1,234", 1234), True),
        (["1.234", "12,50"], [1234, 12.5], ("1.234", 1234), True),
        (["03/04/2018", "25/04/2018"], ["2018-04-03", "2018-04-25"], ("03/04/2018", "2018-04-03"), True),
        (["03/04/2018", "04/25/2018"], ["2018-04-03", "2018-04-25"], ("03/04/2018", "2018-04-03"), False),
        (["t", "f", None], ["true", "false", "true"], ("t", "true"), True),
        (["t", "f", "g"], ["true", "false", "true"], ("t", "true"), False),
        (["1", "0"], ["yes", "no"], ("1", "yes"), True),
    ],
)
def test_a_column_shows_the_notation_of_its_values(
    left: list[Any], right: list[Any], pair: tuple[Any, Any], same: bool
) -> None:
    how = "date" if "/" in str(pair[0]) else "auto"
    compare = PairComparison[bool](left, right, lambda a, b, forms: values_equal(a, b, how=how, forms=forms))
    assert compare(*pair) is same
    assert compare(*pair) is same


@pytest.mark.parametrize(
    ("left", "right", "same"),
    [
        (pd.Series([1, 2, None]), pd.Series([1.0, 3.0, None]), [True, False, True]),
        (pd.Series(["a", "b", None]), pd.Series(["a", "B", None]), [True, False, True]),
        (pd.Series(["1", 1, True], dtype=object), pd.Series([1, 1, 1], dtype=object), [False, True, False]),
        (pd.Series([1e10 + 1e-3]), pd.Series([1e10]), [False]),
        (pd.Series([0.1 + 0.2, None]), pd.Series([0.3, None]), [True, True]),
        (pd.Series([True, False]), pd.Series([1, 1]), [True, False]),
        (pd.Series([True, None], dtype=object), pd.Series([1.0, None]), [True, True]),
        (pd.Series([Decimal("1.0")], dtype=object), pd.Series([1], dtype=object), [True]),
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
