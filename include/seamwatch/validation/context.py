"""Great Expectations, started quietly: no telemetry, no progress bars, no flood of log lines."""

from __future__ import annotations

import logging
import os
from functools import cache
from typing import Any

from seamwatch.errors import Problem, SpecError


@cache
def load_gx() -> Any:
    """Return the module `great_expectations`; imported late, since that takes seconds."""
    os.environ["GX_ANALYTICS_ENABLED"] = "false"
    logging.getLogger("great_expectations").setLevel(logging.ERROR)
    import great_expectations as gx

    return gx


def quiet_context() -> Any:
    """Return an ephemeral context: our suites stay in their own files."""
    context = load_gx().get_context(mode="ephemeral")
    context.variables.progress_bars = {"globally": False, "metric_calculations": False}
    return context


def to_expectation(given: dict[str, Any]) -> Any:
    """Return Great Expectations' own object for one expectation of a suite file.

    Raises:
        SpecError: If its type is unknown.
        ValueError: If its arguments are refused.
    """
    load_gx()
    from great_expectations.exceptions import ExpectationNotFoundError
    from great_expectations.expectations.registry import get_expectation_impl

    try:
        kind = get_expectation_impl(given["type"])
    except ExpectationNotFoundError as error:
        text = f"Great Expectations knows no {given['type']!r}"
        raise SpecError([Problem(file="suite", text=text)]) from error
    arguments = dict(given.get("kwargs") or {})
    if given.get("severity"):
        arguments["severity"] = given["severity"]
    if given.get("meta"):
        arguments["meta"] = given["meta"]
    return kind(**arguments)
