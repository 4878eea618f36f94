"""What an expectation wants, in words."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

_VALUE = 60
_LISTED = 8

_WORDS = {
    "expect_column_to_exist": "the column exists",
    "expect_column_values_to_not_be_null": "a value in every row",
    "expect_column_values_to_be_null": "no value in any row",
    "expect_column_values_to_be_unique": "no value twice",
    "expect_column_values_to_be_in_set": "one of {value_set}",
    "expect_column_values_to_not_be_in_set": "none of {value_set}",
    "expect_column_values_to_be_between": "a value {bounds}",
    "expect_column_values_to_match_regex": "text that matches {regex}",
    "expect_column_values_to_not_match_regex": "no text that matches {regex}",
    "expect_column_values_to_match_regex_list": "text that matches {match_on} of {regex_list}",
    "expect_column_values_to_not_match_regex_list": "text that matches none of {regex_list}",
    "expect_column_values_to_match_like_pattern": "text like {like_pattern}",
    "expect_column_values_to_not_match_like_pattern": "no text like {like_pattern}",
    "expect_column_values_to_match_strftime_format": "a time written as {strftime_format}",
    "expect_column_values_to_be_dateutil_parseable": "text that is a time",
    "expect_column_values_to_be_json_parseable": "text that is JSON",
    "expect_column_values_to_match_json_schema": "JSON of the given schema",
    "expect_column_values_to_be_of_type": "type {type_}",
    "expect_column_values_to_be_in_type_list": "one of the types {type_list}",
    "expect_column_values_to_be_increasing": "values that rise",
    "expect_column_values_to_be_decreasing": "values that fall",
    "expect_column_value_lengths_to_equal": "length {value}",
    "expect_column_value_lengths_to_be_between": "length {bounds}",
    "expect_column_value_z_scores_to_be_less_than": "z-score below {threshold}",
    "expect_column_distinct_values_to_be_in_set": "no values but {value_set}",
    "expect_column_distinct_values_to_contain_set": "each of {value_set} occurs",
    "expect_column_distinct_values_to_equal_set": "exactly the values {value_set}",
    "expect_column_most_common_value_to_be_in_set": "the most common value is one of {value_set}",
    "expect_column_unique_value_count_to_be_between": "number of distinct values {bounds}",
    "expect_column_proportion_of_unique_values_to_be_between": "share of distinct values {bounds}",
    "expect_column_proportion_of_non_null_values_to_be_between": "share of rows with a value {bounds}",
    "expect_column_mean_to_be_between": "mean {bounds}",
    "expect_column_median_to_be_between": "median {bounds}",
    "expect_column_sum_to_be_between": "sum {bounds}",
    "expect_column_stdev_to_be_between": "standard deviation {bounds}",
    "expect_column_min_to_be_between": "smallest value {bounds}",
    "expect_column_max_to_be_between": "largest value {bounds}",
    "expect_column_quantile_values_to_be_between": "quantiles {quantiles}",
    "expect_column_pair_values_to_be_equal": "{column_A} equals {column_B}",
    "expect_column_pair_values_a_to_be_greater_than_b": "{column_A} {greater} {column_B}",
    "expect_column_pair_values_to_be_in_set": "{column_A} and {column_B} are one of the pairs {value_pairs_set}",
    "expect_compound_columns_to_be_unique": "{column_list} together never twice",
    "expect_select_column_values_to_be_unique_within_record": "{column_list} differ in every row",
    "expect_multicolumn_sum_to_equal": "{column_list} add up to {sum_total}",
    "expect_multicolumn_values_to_be_unique": "{column_list} differ in every row",
    "expect_table_row_count_to_equal": "{value} rows",
    "expect_table_row_count_to_be_between": "number of rows {bounds}",
    "expect_table_row_count_to_equal_other_table": "as many rows as {other_table_name}",
    "expect_table_column_count_to_equal": "{value} columns",
    "expect_table_column_count_to_be_between": "number of columns {bounds}",
    "expect_table_columns_to_match_set": "the columns {column_set}",
    "expect_table_columns_to_match_ordered_list": "the columns {column_list}, in this order",
    "unexpected_rows_expectation": "its query finds no row",
}


def describe(kind: str, kwargs: Mapping[str, Any]) -> str:
    """Return what an expectation wants; for a type not known here, its name and arguments."""
    if kind in _WORDS:
        wanted = _WORDS[kind].format_map(_Arguments(kwargs))
    else:
        name = kind.removeprefix("expect_").replace("_", " ")
        arguments = listed(f"{n}={v}" for n, v in kwargs.items() if n not in ("column", "mostly"))
        wanted = f"{name} ({arguments})" if arguments else name
    mostly = kwargs.get("mostly")
    return (
        wanted if mostly in (None, 1, 1.0) else f"{wanted}, in at least {shorten(float(str(mostly)) * 100)} % of rows"
    )


def listed(values: Iterable[Any]) -> str:
    """Return the values side by side, long ones and long lists cut."""
    given = list(values)
    shown = ", ".join(shorten(value) for value in given[:_LISTED])
    return f"{shown}, ... ({len(given)} in all)" if len(given) > _LISTED else shown


def shorten(value: Any, limit: int = _VALUE) -> str:
    """Return the value as text of at most that length."""
    text = f"{value:.6g}" if isinstance(value, float) else str(value)
    return text if len(text) <= limit else f"{text[: limit - 3]}..."


class _Arguments(dict[str, str]):
    """An expectation's arguments as words; what is not given is a question mark."""

    def __init__(self, kwargs: Mapping[str, Any]) -> None:
        super().__init__({name: listed(v) if isinstance(v, list) else shorten(v) for name, v in kwargs.items()})
        self["bounds"] = _bounds(kwargs)
        self["greater"] = "is at least" if kwargs.get("or_equal") else "is greater than"
        self["quantiles"] = _quantiles(kwargs.get("quantile_ranges"))
        self.setdefault("match_on", "any")

    def __missing__(self, name: str) -> str:
        return "?"


def _bounds(kwargs: Mapping[str, Any]) -> str:
    low, high = kwargs.get("min_value"), kwargs.get("max_value")
    is_above, is_below = kwargs.get("strict_min"), kwargs.get("strict_max")
    if None not in (low, high) and not is_above and not is_below:
        return f"from {shorten(low)} to {shorten(high)}"
    parts = [] if low is None else [f"{'above' if is_above else 'at least'} {shorten(low)}"]
    parts += [] if high is None else [f"{'below' if is_below else 'at most'} {shorten(high)}"]
    return " and ".join(parts) or "of any size"


def _quantiles(given: Any) -> str:
    if not isinstance(given, Mapping):
        return "?"
    pairs = zip(given.get("quantiles") or [], given.get("value_ranges") or [], strict=False)
    return listed(
        f"{shorten(float(q) * 100)} % {_bounds({'min_value': low, 'max_value': high})}" for q, (low, high) in pairs
    )
