"""On what an expectation can run: a query, the table behind it, or the rows themselves."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from enum import StrEnum
from itertools import chain
from typing import Any

import pandas as pd

from seamwatch.core.results import Check
from seamwatch.validation.findings import NOT_IN_A_DATABASE
from seamwatch.validation.suites import named_columns
from seamwatch.vocabulary import CheckStatus

NUMBER = "seamwatch_number"
"""Results come in an order of their own: each expectation carries its place in the suite, under this name."""
_OF_TYPES = frozenset(
    {"expect_column_values_to_be_of_type", "expect_column_values_to_be_in_type_list", "expect_column_type_to_be"}
)
_OF_TABLES = frozenset({"expect_table_row_count_to_equal_other_table"})
_MISREAD = "in the stage's query"
"""In the reasons why a query is not handed on to Great Expectations."""


class Ground(StrEnum):
    """What an expectation is run on."""

    QUERY = "query"
    TABLE = "table"


def needed_ground(kind: str, *, has_table: bool) -> Ground | str:
    """Return what an expectation has to run on in a database, or why it cannot run."""
    if kind in _OF_TABLES:
        return (
            "it compares whole tables, and a window is a part of one: use expect_table_row_count_to_be_between, or "
            "unexpected_rows_expectation with a query of your own"
        )
    if kind not in _OF_TYPES:
        return Ground.QUERY
    if has_table:
        return Ground.TABLE
    return "a database knows no types of a query's columns: make the query a view and name it as the stage's table"


def needs_rows(check: Check) -> bool:
    """Return whether a check has to be run on the rows: its database could not, or not say which rows fail."""
    if check.status is CheckStatus.ERROR:
        return check.error == NOT_IN_A_DATABASE or _MISREAD in (check.error or "")
    return check.n_rows is not None and bool(check.n_failed) and not check.failing_keys


def needed_columns(expectations: Sequence[Mapping[str, Any]], key: str) -> frozenset[str] | None:
    """Return the columns that expectations need of rows; None for all, where one of them may need any."""
    named = [[column for _, column in named_columns(given)] for given in expectations]
    is_open = any((given.get("kwargs") or {}).get("row_condition") for given in expectations)
    return None if is_open or not all(named) else frozenset({key, *chain.from_iterable(named)})


def as_written(rows: pd.DataFrame) -> pd.DataFrame:
    """Return the rows with objects and lists as the JSON text that expectations about JSON read."""
    return rows.map(lambda value: json.dumps(value, default=str) if isinstance(value, dict | list) else value)


def merge_results(first: Any, second: Any, *, taken: Collection[int]) -> Any:
    """Return Great Expectations' result of a suite with some expectations' results taken from another one."""
    if first is None or second is None:
        return first if second is None else second
    kept = [one for one in first.results if one.expectation_config.meta[NUMBER] not in taken]
    results = sorted([*kept, *second.results], key=lambda one: one.expectation_config.meta[NUMBER])
    first.results = results
    n_met = sum(bool(one.success) for one in results)
    first.success = n_met == len(results)
    first.statistics = {
        "evaluated_expectations": len(results),
        "successful_expectations": n_met,
        "unsuccessful_expectations": len(results) - n_met,
        "success_percent": 100 * n_met / len(results) if results else None,
    }
    return first
