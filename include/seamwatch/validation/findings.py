"""One result of Great Expectations to one `Check`, in a person's words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from seamwatch.core.results import Check
from seamwatch.vocabulary import CheckStatus, Severity

_SHOWN = 3
_VALUE = 60


def to_check(stage: str, given: Mapping[str, Any], severity: Severity, result: Mapping[str, Any], cap: int) -> Check:
    """Return the check of one expectation.

    Args:
        stage: Its stage.
        given: The expectation as it stands in the suite.
        severity: Of the expectation.
        result: Great Expectations' result as JSON.
        cap: Failing keys kept.

    An exception inside an expectation comes as `success: false`; it is told as an error, not as a failure of data.
    """
    kwargs = dict(given.get("kwargs") or {})
    column = kwargs.get("column")
    error = _exception(result.get("exception_info"))
    details = result.get("result") or {}
    n_rows, n_failed = details.get("element_count"), details.get("unexpected_count")
    if (
        error is None
        and not result.get("success")
        and "observed_value" not in details
        and n_failed is None
        and not details
    ):
        error = "it gave no result"
    status = CheckStatus.ERROR if error else CheckStatus.PASSED if result.get("success") else CheckStatus.FAILED
    return Check(
        stage=stage,
        expectation=str(given["type"]),
        column=str(column) if column is not None else _columns(kwargs),
        severity=severity,
        status=status,
        expected=describe(str(given["type"]), kwargs),
        observed=_observed(details, n_rows, n_failed) if error is None else "it could not be checked",
        n_rows=n_rows,
        n_failed=n_failed,
        failing_keys=_keys(details, cap),
        error=error,
    )


def describe(kind: str, kwargs: Mapping[str, Any]) -> str:
    """Return what an expectation wants, in words."""
    low, high = kwargs.get("min_value"), kwargs.get("max_value")
    simple = {
        "expect_column_values_to_not_be_null": "a value in every row",
        "expect_column_values_to_be_null": "no value in any row",
        "expect_column_values_to_be_unique": "no value twice",
        "expect_column_to_exist": "the column exists",
        "expect_column_values_to_be_in_set": f"one of {_listed(kwargs.get('value_set'))}",
        "expect_column_values_to_not_be_in_set": f"none of {_listed(kwargs.get('value_set'))}",
        "expect_column_values_to_match_regex": f"matches {kwargs.get('regex')}",
        "expect_column_values_to_not_match_regex": f"does not match {kwargs.get('regex')}",
        "expect_column_values_to_be_of_type": f"type {kwargs.get('type_')}",
        "expect_column_value_lengths_to_equal": f"length {kwargs.get('value')}",
        "expect_table_row_count_to_equal": f"{kwargs.get('value')} rows",
    }
    if kind in simple:
        return simple[kind]
    what = kind.removeprefix("expect_").replace("_", " ")
    if low is not None or high is not None:
        bounds = (
            f"{low} to {high}" if None not in (low, high) else f"at least {low}" if high is None else f"at most {high}"
        )
        subject = what.replace(" to be between", "").replace("column values", "value").replace("column ", "")
        return f"{subject} {bounds}".strip()
    others = {name: value for name, value in kwargs.items() if name != "column"}
    return f"{what} {_listed([f'{n}={v}' for n, v in others.items()])}".strip() if others else what


def _observed(details: Mapping[str, Any], n_rows: int | None, n_failed: int | None) -> str:
    if n_failed is not None:
        seen = [value for value in details.get("partial_unexpected_list") or []]
        shown = _listed([*dict.fromkeys(str(value) for value in seen)][:_SHOWN])
        return f"{n_failed} of {n_rows} rows{f', e.g. {shown}' if shown else ''}"
    if "observed_value" in details:
        return f"{_short(details['observed_value'])}"
    return "as expected" if n_rows is None else f"{n_rows} rows"


def _exception(info: Any) -> str | None:
    """Return the first exception of a result, whose shape depends on where it was raised."""
    if not isinstance(info, Mapping):
        return None
    if info.get("raised_exception"):
        return _short(info.get("exception_message") or "exception without a message", 300)
    return next((found for part in info.values() if (found := _exception(part)) is not None), None)


def _keys(details: Mapping[str, Any], cap: int) -> tuple[str, ...]:
    rows = details.get("unexpected_index_list") or details.get("partial_unexpected_index_list") or []
    names = details.get("unexpected_index_column_names") or []
    keys = [row.get(names[0]) if isinstance(row, Mapping) and names else row for row in rows]
    return tuple(dict.fromkeys(str(key) for key in keys))[:cap]


def _columns(kwargs: Mapping[str, Any]) -> str | None:
    named = kwargs.get("column_list") or [kwargs[n] for n in ("column_A", "column_B") if n in kwargs]
    return ", ".join(map(str, named)) or None


def _listed(values: Any) -> str:
    given = list(values or [])
    shown = ", ".join(_short(value) for value in given[:8])
    return f"{shown}, ... ({len(given)} in all)" if len(given) > 8 else shown


def _short(value: Any, limit: int = _VALUE) -> str:
    text = str(value)
    return text if len(text) <= limit else f"{text[: limit - 3]}..."
