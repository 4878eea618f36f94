"""Run a suite where the data is: on the database itself, or on a small frame."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pandas as pd
from sqlalchemy import URL

from seamwatch.core.results import Check
from seamwatch.errors import Problem, SpecError
from seamwatch.validation.context import load_gx, quiet_context, refusal, to_expectation, without_warnings
from seamwatch.validation.docs import write_docs
from seamwatch.validation.findings import broken_check, to_check
from seamwatch.validation.suites import SuiteFile
from seamwatch.vocabulary import CheckStatus, Severity

KEYS_CAP = 1000
"""Failing keys returned per expectation; the counts are always whole."""
_PARAMETER = re.compile(r"(?<![:\w\\]):\w+(?!:)")
"""What SQLAlchemy takes for a parameter in a text, also within quotes. Escapes do not survive Great Expectations."""
_HARMLESS = re.compile(r"\bI?LIKE\s+'[^'\\]*'", re.IGNORECASE)
"""Where a percent sign means the same when it is doubled."""
_KEY = "_seamwatch_key"
_NUMBER = "seamwatch_number"
"""Results come in an order of their own: each expectation carries its place in the suite."""


@dataclass(frozen=True, kw_only=True)
class ValidationOutcome:
    """How a suite ended."""

    checks: tuple[Check, ...]
    """One per expectation, in the order of the suite."""
    n_rows: int | None = None
    """Rows looked at; None where no expectation is about rows, or none could be run."""
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
    """Return the checks of a suite on the rows of a SELECT, run by the database itself, which is only read.

    Args:
        url: Of the database.
        query: Must begin with SELECT; the rows of the window.
        suite: What is expected.
        key_column: Names the record, in the failing keys.
        stage: For the checks.
        label: `pipeline.stage`; heads the page and names its place.
        keys_cap: Failing keys returned per expectation.
        data_docs_dir: Where the page is written; None for no page.
        run_name: The window's id; names the page.

    What cannot run is a check of status `error`: a missing column, a dead connection, an expectation that raises. On
    an empty window expectations about rows pass, since there is no row that breaks them; `n_rows` is 0 then, and the
    caller says that the window is empty. A query that Great Expectations would hand on as another one, because of a
    `%` or of a colon before a word, is an error too; a view has neither trouble.
    """
    address, options = _read_only(url)

    def open_batch(context: Any) -> Any:
        _refuse_misread(query, url)
        source = context.data_sources.add_sql(name="stage", connection_string=address, kwargs=options)
        asset = source.add_query_asset(name=label, query=query)
        return asset.add_batch_definition_whole_table("window").get_batch()

    checks, result = _validate(open_batch, suite=suite, key_column=key_column, stage=stage, keys_cap=keys_cap)
    page = None
    if data_docs_dir is not None and result is not None:
        page = write_docs(result, data_docs_dir, label=label, run_name=run_name)
    return ValidationOutcome(checks=checks, n_rows=_n_rows(checks), data_docs=page)


def validate_frame(
    frame: pd.DataFrame, *, suite: SuiteFile, key_column: str, stage: str, keys_cap: int = KEYS_CAP
) -> ValidationOutcome:
    """Return the checks of a suite on a frame; for data that is small or lies in files."""

    def open_batch(context: Any) -> Any:
        asset = context.data_sources.add_pandas(name="stage").add_dataframe_asset(name=stage)
        batch = asset.add_batch_definition_whole_dataframe("window")
        return batch.get_batch(batch_parameters={"dataframe": frame})

    checks, _ = _validate(open_batch, suite=suite, key_column=key_column, stage=stage, keys_cap=keys_cap)
    return ValidationOutcome(checks=checks, n_rows=_n_rows(checks))


def failing_keys(final: pd.DataFrame, suite: SuiteFile) -> set[Any]:
    """Return every key of a frame (its index) that fails any expectation of a suite, uncapped.

    Raises:
        SpecError: If an expectation cannot be run, or is about the table as a whole: nothing could then be called
            right or wrong by it.
    """
    if final.empty:
        return set()
    # The place of a record stands for its key, which may be of any type.
    frame = final.reset_index(drop=True).assign(**{_KEY: range(len(final))})
    outcome = validate_frame(frame, suite=suite, key_column=_KEY, stage="outcome", keys_cap=len(frame))
    problems = [
        Problem(file=suite.file, path=f"expectations.{n}", text=words)
        for n, check in enumerate(outcome.checks)
        if (words := _no_judgement(check)) is not None
    ]
    if problems:
        raise SpecError(problems)
    return {final.index[int(place)] for check in outcome.checks for place in check.failing_keys}


def _no_judgement(check: Check) -> str | None:
    if check.status is CheckStatus.ERROR:
        return f"{check.expectation} cannot be run: {check.error}"
    if check.n_failed is None:
        return f"{check.expectation} is about the table as a whole; it cannot say which record is wrong"
    return None


def _validate(
    open_batch: Callable[[Any], Any], *, suite: SuiteFile, key_column: str, stage: str, keys_cap: int
) -> tuple[tuple[Check, ...], Any]:
    """Return the checks, and Great Expectations' own result, or None where nothing could be run."""
    checks: dict[int, Check] = {}
    expectations = []
    for n, given in enumerate(suite.expectations):
        try:
            arguments = given.get("kwargs") or {}
            made = to_expectation(given["type"], arguments, severity=suite.severity(n), meta={_NUMBER: n})
            expectations.append(made)
        except (ValueError, TypeError) as error:
            checks[n] = broken_check(stage, given, suite.severity(n), refusal(error))
    result, error_text = (
        _run(open_batch, suite.name, expectations, key_column, keys_cap) if expectations else (None, "")
    )
    for one in result.to_json_dict()["results"] if result is not None else []:
        n = one["expectation_config"]["meta"][_NUMBER]
        checks[n] = to_check(stage, suite.expectations[n], suite.severity(n), one, key_column)
    for n, given in enumerate(suite.expectations):
        if n not in checks:
            checks[n] = broken_check(stage, given, suite.severity(n), error_text or "no result came back")
    if not checks:
        nothing = {"type": "suite", "kwargs": {}}
        checks[0] = broken_check(stage, nothing, Severity.CRITICAL, f"{suite.file} holds no expectation")
    # On a frame every failing key comes back, whatever was asked for.
    return tuple(_capped(checks[n], keys_cap) for n in sorted(checks)), result


def _run(
    open_batch: Callable[[Any], Any], name: str, expectations: list[Any], key_column: str, keys_cap: int
) -> tuple[Any, str]:
    """Return the result, or None and why there is none."""
    context = quiet_context()
    form = {
        "result_format": "COMPLETE",
        "unexpected_index_column_names": [key_column],
        "partial_unexpected_count": keys_cap,  # caps the keys too
        "return_unexpected_index_query": False,
    }
    try:
        with without_warnings():
            batch = open_batch(context)
            suite = context.suites.add(load_gx().ExpectationSuite(name=name, expectations=expectations))
            return batch.validate(suite, result_format=form), ""
    except Exception as error:  # a dead connection raises whatever its driver raises: it is told as the checks' error
        return None, _reason(error)
    finally:
        for source in context.data_sources.all().values():
            if source.type == "sql":
                _close(source)


def _close(source: Any) -> None:
    """Close a data source's connections: one engine tried the connection, another one ran the expectations."""
    if source.execution_engine is not None:
        source.execution_engine.close()
    if source._engine is not None:
        source._engine.dispose()


def _refuse_misread(query: str, url: URL) -> None:
    """Raise ValueError for what a person's query may say and Great Expectations would hand on as something else."""
    if (found := _PARAMETER.search(query)) is not None:
        msg = f"Great Expectations takes {found[0]!r} in the stage's query for a parameter; put the query into a view"
        raise ValueError(msg)
    if url.get_dialect()().paramstyle in ("format", "pyformat") and "%" in _HARMLESS.sub("", query):
        msg = (
            "Great Expectations doubles the % in the stage's query, which then means another; put the query into a view"
        )
        raise ValueError(msg)


def _reason(error: BaseException) -> str:
    """Return the deepest cause, which is the driver's own; those above it repeat it with statements."""
    while (cause := error.__cause__ or error.__context__) is not None:
        error = cause
    return refusal(error) if isinstance(error, Exception) else type(error).__name__


def _read_only(url: URL) -> tuple[str, dict[str, Any]]:
    """Return the address and engine options with which a database refuses to write, where its driver can."""
    options: dict[str, Any] = {}
    if url.get_backend_name() == "sqlite" and url.database and url.database != ":memory:":
        # Opened in the usual way, a file that does not exist would be created.
        url = url.set(database=f"file:{Path(url.database).absolute()}", query={"mode": "ro", "uri": "true"})
    if url.get_backend_name() == "postgresql":
        options["execution_options"] = {"postgresql_readonly": True}
    # A dollar sign would be taken for a variable of Great Expectations' own configuration.
    return url.render_as_string(hide_password=False).replace("$", r"\$"), options


def _n_rows(checks: tuple[Check, ...]) -> int | None:
    return max((check.n_rows for check in checks if check.n_rows is not None), default=None)


def _capped(check: Check, cap: int) -> Check:
    return replace(check, failing_keys=check.failing_keys[:cap]) if len(check.failing_keys) > cap else check
