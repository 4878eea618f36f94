"""Great Expectations, started quietly: no telemetry, no progress bars, no log lines."""

from __future__ import annotations

import difflib
import logging
import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

from seamwatch.vocabulary import Severity


class UnknownExpectation(ValueError):
    """Great Expectations knows no expectation of that type."""


@cache
def load_gx() -> Any:
    """Return the module `great_expectations`; imported late, since that takes seconds."""
    os.environ["GX_ANALYTICS_ENABLED"] = "false"
    # When an expectation raises, its errors come back in the results and are told there. Its log lines would repeat
    # them with whole tracebacks, statements and parameters, which may hold people's data. A level would not do: some
    # of its loggers set their own.
    logger = logging.getLogger("great_expectations")
    logger.addHandler(logging.NullHandler())
    logger.propagate = False
    with without_warnings():
        import great_expectations as gx

        import seamwatch.validation.metrics  # noqa: F401 - takes the place of some of its metrics

    return gx


@contextmanager
def without_warnings() -> Iterator[None]:
    """Keep back the warnings of Great Expectations' own code, which speak to its developers."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def quiet_context() -> Any:
    """Return an ephemeral context: our suites stay in their own files."""
    context = load_gx().get_context(mode="ephemeral")
    context.variables.progress_bars = {"globally": False, "metric_calculations": False}
    return context


def to_expectation(kind: str, arguments: dict[str, Any], *, severity: Severity, meta: dict[str, Any]) -> Any:
    """Return Great Expectations' own object for one expectation.

    Raises:
        UnknownExpectation: If there is none of that type.
        ValueError, TypeError: If its arguments are refused.
    """
    load_gx()
    from great_expectations.exceptions import ExpectationNotFoundError
    from great_expectations.expectations.registry import (
        get_expectation_impl,
        list_registered_expectation_implementations,
    )

    try:
        implementation = get_expectation_impl(kind)
    except ExpectationNotFoundError as error:
        raise UnknownExpectation(_unknown(kind, list_registered_expectation_implementations())) from error
    with without_warnings():
        return implementation(**arguments, severity=severity.value, meta=meta)


def _unknown(kind: str, known: list[str]) -> str:
    near = difflib.get_close_matches(kind, known, n=1)
    hint = f"; did you mean {near[0]!r}?" if near else ""
    return f"Great Expectations knows no {kind!r}{hint}"


def refusal(error: Exception) -> str:
    """Return why an expectation's arguments were refused, in one line."""
    if hasattr(error, "errors"):
        told = error.errors()
        return "; ".join(f"{'.'.join(map(str, one['loc']))}: {one['msg']}".removeprefix("__root__: ") for one in told)
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[0] if lines else type(error).__name__
