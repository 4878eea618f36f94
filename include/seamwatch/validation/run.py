"""Run a suite where the data is: on the database itself, or on a small frame."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
from sqlalchemy import URL

from seamwatch.core.results import Check
from seamwatch.errors import SpecError
from seamwatch.validation.context import load_gx, quiet_context, to_expectation
from seamwatch.validation.docs import build_docs
from seamwatch.validation.findings import to_check
from seamwatch.validation.suites import SuiteFile
from seamwatch.vocabulary import CheckStatus

KEYS_CAP = 1000
"""Failing keys returned per expectation; the counts are always whole."""
_KEY = "_seamwatch_key"


@dataclass(frozen=True, kw_only=True)
class ValidationOutcome:
    """How a suite ended."""

    checks: tuple[Check, ...]
    data_docs: str | None = None
    """Path of the page below the Data Docs folder."""


def validate_query(
    url: URL,
    query: str,
    *,
    suite: SuiteFile,
    key_column: str,
    stage: str,
    label: str,
    keys_cap: int = KEYS_CAP,
    data_docs_dir: Path | None = None,
    run_name: str = "",
) -> ValidationOutcome:
    """Return the checks of a suite on the rows of a SELECT, run by the database itself.

    What cannot run is a check of status `error`: a missing column, a dead connection, an expectation that raises. On
    an empty window expectations about rows pass, since there is no row that breaks them; the caller says that the
    window is empty.
    """

    def open_batch(context: Any) -> Any:
        source = context.data_sources.add_sql(name="stage", connection_string=url.render_as_string(hide_password=False))
        asset = source.add_query_asset(name=label, query=query)
        return asset.add_batch_definition_whole_table("window").get_batch()

    return _validate(open_batch, suite, key_column, stage, keys_cap, data_docs_dir, label, run_name)


def validate_frame(
    frame: pd.DataFrame, *, suite: SuiteFile, key_column: str, stage: str, keys_cap: int = KEYS_CAP
) -> ValidationOutcome:
    """Return the checks of a suite on a frame; for data that is small or lies in files."""

    def open_batch(context: Any) -> Any:
        asset = context.data_sources.add_pandas(name="stage").add_dataframe_asset(name=stage)
        batch = asset.add_batch_definition_whole_dataframe("window")
        return batch.get_batch(batch_parameters={"dataframe": frame})

    return _validate(open_batch, suite, key_column, stage, keys_cap, None, stage, "")


def failing_keys(final: pd.DataFrame, suite: SuiteFile) -> set[Any]:
    """Return every key of a frame (its index) that fails any expectation of a suite, uncapped.

    Raises:
        SpecError: If an expectation cannot be run, since nothing could then be called right.
    """
    if not len(final):
        return set()
    by_text = {str(key): key for key in final.index}
    frame = final.reset_index(drop=True).assign(**{_KEY: list(by_text)})
    outcome = validate_frame(frame, suite=suite, key_column=_KEY, stage="outcome", keys_cap=len(frame))
    broken = [check for check in outcome.checks if check.status is CheckStatus.ERROR]
    if broken:
        from seamwatch.errors import Problem

        file = "/".join(suite.path.parts[-3:])
        raise SpecError([Problem(file=file, path=c.expectation, text=f"cannot be run: {c.error}") for c in broken])
    return {by_text[key] for check in outcome.checks for key in check.failing_keys}


def _validate(
    open_batch: Any,
    suite: SuiteFile,
    key_column: str,
    stage: str,
    keys_cap: int,
    data_docs_dir: Path | None,
    label: str,
    run_name: str,
) -> ValidationOutcome:
    gx = load_gx()
    context = quiet_context()
    try:
        batch = open_batch(context)
    except Exception as error:  # a broken connection raises whatever its driver raises
        return ValidationOutcome(checks=tuple(_broken(suite, stage, n, error) for n in range(len(suite.expectations))))
    runnable, checks = _runnable(suite, stage)
    collection = context.suites.add(gx.ExpectationSuite(name=suite.name, expectations=[e for _, e in runnable]))
    form = {
        "result_format": "COMPLETE",
        "unexpected_index_column_names": [key_column],
        "partial_unexpected_count": keys_cap,
    }
    result = batch.validate(collection, result_format=form)
    # The order of results is not that of the suite: each carries its own configuration.
    left = {number: expectation for number, expectation in runnable}
    for one in result.to_json_dict()["results"]:
        number = _number_of(one, left, suite)
        checks[number] = to_check(stage, suite.expectations[number], suite.severity(number), one, keys_cap)
        left.pop(number)
    for number in left:
        checks[number] = _broken(suite, stage, number, RuntimeError("no result came back"))
    docs = build_docs(context, result, data_docs_dir, label, run_name) if data_docs_dir is not None else None
    return ValidationOutcome(checks=tuple(checks[number] for number in sorted(checks)), data_docs=docs)


def _runnable(suite: SuiteFile, stage: str) -> tuple[list[tuple[int, Any]], dict[int, Check]]:
    runnable: list[tuple[int, Any]] = []
    checks: dict[int, Check] = {}
    for number, given in enumerate(suite.expectations):
        try:
            runnable.append((number, to_expectation(given)))
        except (SpecError, ValueError, TypeError) as error:
            checks[number] = _broken(suite, stage, number, error)
    return runnable, checks


def _number_of(result: dict[str, Any], left: dict[int, Any], suite: SuiteFile) -> int:
    config = result["expectation_config"]
    same_type = [n for n in left if suite.expectations[n]["type"] == config["type"]]
    kwargs = {name: value for name, value in config["kwargs"].items() if name != "batch_id"}
    exact = [
        n
        for n in same_type
        if all(kwargs.get(name) == value for name, value in (suite.expectations[n].get("kwargs") or {}).items())
    ]
    candidates: Sequence[int] = exact or same_type or list(left)
    return candidates[0]


def _broken(suite: SuiteFile, stage: str, number: int, error: BaseException) -> Check:
    given = suite.expectations[number]
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return Check(
        stage=stage,
        expectation=str(given["type"]),
        column=(given.get("kwargs") or {}).get("column"),
        severity=suite.severity(number),
        status=CheckStatus.ERROR,
        expected="the expectation can be run",
        observed="it could not be checked",
        error=(lines[0] if lines else type(error).__name__)[:300],
    )
