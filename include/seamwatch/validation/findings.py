"""One result of Great Expectations to one `Check`, in a person's words."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from seamwatch.core.results import Check
from seamwatch.plurals import plural
from seamwatch.validation.wording import describe, listed, shorten
from seamwatch.vocabulary import CheckStatus, Severity

_SHOWN = 3
_ERROR = 300
_NULLS = frozenset({"expect_column_values_to_not_be_null", "expect_column_values_to_be_null"})
_ROWS = "unexpected_rows_expectation"
"""Its query finds the rows that should not be; they come whole, and 200 of them at most."""
NOT_IN_A_DATABASE = "Great Expectations cannot run it in a database, and there are no rows to run it on"
NOT_ON_ROWS = "Great Expectations runs it in a database only"
_NO_PROVIDER = re.compile(r"No provider found for .* using (\w+)")
_OF_PROGRAMS = re.compile(
    r"^'[^']*'$|index out of range|has no attribute|object is not|unsupported operand|NoneType|positional argument"
)
"""Messages that speak to whoever wrote Great Expectations, and to nobody else."""


def to_check(stage: str, given: Mapping[str, Any], severity: Severity, result: Mapping[str, Any], key: str) -> Check:
    """Return the check of one expectation.

    Args:
        stage: Its stage.
        given: The expectation as it stands in the suite.
        severity: Of the expectation.
        result: Great Expectations' result as JSON.
        key: Column that names the record.

    An exception inside an expectation comes as `success: false`; it is told as an error, not as a failure of data.
    """
    error = _exception(result.get("exception_info"))
    if error is not None:
        return broken_check(stage, given, severity, error)
    kind, details = str(given["type"]), result.get("result") or {}
    n_failed = details.get("observed_value") if kind == _ROWS else details.get("unexpected_count")
    is_about_rows = kind == _ROWS or "element_count" in details
    return Check(
        stage=stage,
        expectation=kind,
        column=_column(given),
        severity=severity,
        status=CheckStatus.PASSED if result.get("success") else CheckStatus.FAILED,
        expected=describe(kind, given.get("kwargs") or {}),
        observed=_observed(kind, details, n_failed, is_met=bool(result.get("success"))),
        n_rows=details.get("element_count"),
        n_failed=n_failed if is_about_rows else None,
        failing_keys=_keys(kind, details, key),
    )


def broken_check(stage: str, given: Mapping[str, Any], severity: Severity, error: str) -> Check:
    """Return the check of an expectation that could not be run; never a pass."""
    kind = str(given["type"])
    return Check(
        stage=stage,
        expectation=kind,
        column=_column(given),
        severity=severity,
        status=CheckStatus.ERROR,
        expected=describe(kind, given.get("kwargs") or {}),
        observed="it could not be checked",
        error=shorten(error, _ERROR),
    )


def _exception(info: Any) -> str | None:
    """Return the first exception of a result, whose shape depends on where it was raised."""
    if not isinstance(info, Mapping):
        return None
    if info.get("raised_exception"):
        # The statement and its parameters stand on the lines that follow.
        lines = [line.strip() for line in str(info.get("exception_message") or "").splitlines() if line.strip()]
        return _plainly(lines[0]) if lines else "an exception without a message"
    return next((found for part in info.values() if (found := _exception(part)) is not None), None)


def _plainly(message: str) -> str:
    if (missing := _NO_PROVIDER.search(message)) is not None:
        return NOT_ON_ROWS if missing[1].startswith("Pandas") else NOT_IN_A_DATABASE
    if _OF_PROGRAMS.search(message):
        return f"Great Expectations cannot run it on these columns, or does not find them: it raised {message!r}"
    return message


def _column(given: Mapping[str, Any]) -> str | None:
    kwargs = given.get("kwargs") or {}
    named = [kwargs[name] for name in ("column", "column_A", "column_B") if kwargs.get(name)]
    return ", ".join(map(str, named or kwargs.get("column_list") or [])) or None


def _observed(kind: str, details: Mapping[str, Any], n_failed: int | None, *, is_met: bool) -> str:
    n_rows = details.get("element_count")
    shown = [] if kind in _NULLS else list(dict.fromkeys(map(shorten, details.get("partial_unexpected_list") or [])))
    example = f", e.g. {listed(shown[:_SHOWN])}" if shown else ""
    if n_rows is not None:
        unjudged = details.get("missing_count") if kind not in _NULLS else 0
        aside = f"; {unjudged} without a value are not judged" if unjudged else ""
        failing = "an unknown number" if n_failed is None else f"{n_failed:,}"
        return f"{failing} of {plural(n_rows, 'row')}{example}{aside}" if n_rows else "no row to look at"
    if kind == _ROWS and n_failed is not None:
        return plural(n_failed, "row")
    if kind == "expect_column_to_exist":
        return "it does" if is_met else "there is none, or not at its place"
    return _observed_of_table(details, example)


def _observed_of_table(details: Mapping[str, Any], example: str) -> str:
    mismatched = (details.get("details") or {}).get("mismatched")
    if isinstance(mismatched, Mapping):
        return "; ".join(f"{what}: {listed(names)}" for what, names in mismatched.items())
    value = details.get("observed_value")
    if isinstance(value, Mapping) and {"quantiles", "values"} <= value.keys():
        return ", ".join(
            f"{shorten(q * 100)} %: {shorten(v)}" for q, v in zip(value["quantiles"], value["values"], strict=True)
        )
    if value is None:
        return example.removeprefix(", ") or "nothing to see"
    return listed(value) if isinstance(value, list) else shorten(value)


def _keys(kind: str, details: Mapping[str, Any], key: str) -> tuple[str, ...]:
    """Return the keys that fail, as text, each once; rows without a key belong to no record."""
    rows = details.get("unexpected_index_list") or details.get("partial_unexpected_index_list") or []
    if kind == _ROWS:
        rows = (details.get("details") or {}).get("unexpected_rows") or []
    keys = [row.get(key) for row in rows if isinstance(row, Mapping)]
    return tuple(dict.fromkeys(_key_text(one) for one in keys if one is not None))


def _key_text(key: Any) -> str:
    """Return the key as `core.frames.key_text` writes it: a whole number that came as a float loses its `.0`."""
    return str(int(key)) if isinstance(key, float) and key.is_integer() else str(key).strip()
