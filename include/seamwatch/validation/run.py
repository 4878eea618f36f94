"""Run a suite where the data is: on the database itself, or on a small frame."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd
from sqlalchemy import URL

from seamwatch.core.results import Check
from seamwatch.errors import AdapterError, SpecError
from seamwatch.plurals import plural
from seamwatch.validation.context import load_gx, quiet_context, refusal, to_expectation, without_warnings
from seamwatch.validation.databases import close_source, quoted, read_only, refuse_misread
from seamwatch.validation.docs import write_docs
from seamwatch.validation.findings import NOT_ON_ROWS, broken_check, to_check
from seamwatch.validation.grounds import (
    NUMBER,
    Ground,
    as_written,
    merge_results,
    needed_columns,
    needed_ground,
    needs_rows,
)
from seamwatch.validation.suites import SuiteFile
from seamwatch.vocabulary import CheckStatus, Severity

KEYS_CAP = 1000
"""Failing keys returned per expectation; the counts are always whole."""
ReadRows = Callable[[int, Collection[str] | None], pd.DataFrame]
"""At most so many rows, with these columns as far as there are such; None for all columns."""
_KEY = "_seamwatch_key"
ROWS_CAP = 100_000
"""Rows of a window that are read for expectations that its database cannot run."""


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
    table: str | None = None,
    read_rows: ReadRows | None = None,
    keys_cap: int = KEYS_CAP,
    rows_cap: int = ROWS_CAP,
    data_docs_dir: Path | None = None,
    run_name: str = "",
) -> ValidationOutcome:
    """Return the checks of a suite on the rows of a SELECT, run by the database itself, which is only read.

    Three grounds, since no one of them can run every expectation: the query; the table that it selects from, whose
    columns have types that the database knows; and for what no database can compute (dates and JSON in text, rising
    values, the keys of rows that are not unique) the rows themselves, the first `rows_cap` of them.

    Args:
        url: Of the database.
        query: Must begin with SELECT; the rows of the window.
        suite: What is expected.
        key_column: Names the record, in the failing keys.
        stage: For the checks.
        label: `pipeline.stage`; heads the page and names its place.
        table: The table or view behind the query, `schema.table` allowed; None where a person wrote the query.
        read_rows: Reads the query's rows; None: what the database cannot run is an error.
        keys_cap: Failing keys returned per expectation.
        rows_cap: Rows read for expectations that the database cannot run.
        data_docs_dir: Where the page is written; None for no page.
        run_name: The window's id; names the page.

    What cannot run is a check of status `error`: a missing column, a dead connection, an expectation that raises. On
    an empty window expectations about rows pass, since there is no row that breaks them; `n_rows` is 0 then, and the
    caller says that the window is empty. A query that Great Expectations would hand on as another one, because of a
    `%` or of a colon before a word, is run on its rows.
    """
    address, options = read_only(url)

    def open_query(context: Any) -> Any:
        refuse_misread(query, url)
        source = context.data_sources.add_sql(name="stage", connection_string=address, kwargs=options)
        return source.add_query_asset(name=label, query=query).add_batch_definition_whole_table("window").get_batch()

    def open_table(context: Any) -> Any:
        schema, _, name = (table or "").rpartition(".")
        source = context.data_sources.add_sql(name="stage", connection_string=address, kwargs=options)
        asset = source.add_table_asset(name=label, table_name=quoted(name, url), schema_name=schema or None)
        return asset.add_batch_definition_whole_table("window").get_batch()

    validate = partial(_validate, suite=suite, key_column=key_column, stage=stage, keys_cap=keys_cap)
    kinds = dict(enumerate(str(given["type"]) for given in suite.expectations))
    grounds = {n: needed_ground(kind, has_table=table is not None) for n, kind in kinds.items()}
    found = validate(open_query, only=[n for n, ground in grounds.items() if ground is Ground.QUERY])
    if of_table := [n for n, ground in grounds.items() if ground is Ground.TABLE]:
        found = found.replaced_by(validate(open_table, only=of_table))
    refused = {n: str(ground) for n, ground in grounds.items() if not isinstance(ground, Ground)}
    found = found.replaced_by(_refused(refused, suite, stage))
    if read_rows is not None and (on_rows := [n for n, one in found.checks.items() if needs_rows(one)]):
        try:
            rows = read_rows(rows_cap + 1, needed_columns([suite.expectations[n] for n in on_rows], key_column))
            found = found.replaced_by(_on_rows(validate, rows, cap=rows_cap, only=on_rows, stage=stage))
        except AdapterError as error:
            found = found.replaced_by(_refused(dict.fromkeys(on_rows, str(error)), suite, stage))
    checks = found.in_order() or (_no_expectation(suite, stage),)
    page = None
    if data_docs_dir is not None and found.result is not None:
        page = write_docs(found.result, data_docs_dir, label=label, run_name=run_name)
    return ValidationOutcome(checks=checks, n_rows=_n_rows(checks), data_docs=page)


def validate_frame(
    frame: pd.DataFrame, *, suite: SuiteFile, key_column: str, stage: str, keys_cap: int = KEYS_CAP
) -> ValidationOutcome:
    """Return the checks of a suite on a frame; for data that is small or lies in files."""
    every = range(len(suite.expectations))
    open_batch = partial(_open_frame, frame=frame, name=stage)
    found = _validate(open_batch, suite=suite, key_column=key_column, stage=stage, keys_cap=keys_cap, only=every)
    checks = found.in_order() or (_no_expectation(suite, stage),)
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
        suite.problem(n, "", words)
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


@dataclass(frozen=True, kw_only=True)
class _Found:
    """What one ground says of some expectations."""

    checks: Mapping[int, Check]
    """By place in the suite."""
    result: Any = None
    """Great Expectations' own; None where nothing could be run."""

    def in_order(self) -> tuple[Check, ...]:
        return tuple(self.checks[n] for n in sorted(self.checks))

    def replaced_by(self, other: _Found) -> _Found:
        """Return both, the other's word counting where both speak of one expectation."""
        merged = merge_results(self.result, other.result, taken=set(other.checks))
        return _Found(checks={**self.checks, **other.checks}, result=merged)


def _validate(
    open_batch: Callable[[Any], Any],
    *,
    suite: SuiteFile,
    key_column: str,
    stage: str,
    keys_cap: int,
    only: Iterable[int],
) -> _Found:
    checks: dict[int, Check] = {}
    expectations = []
    wanted = list(only)
    for n in wanted:
        given = suite.expectations[n]
        try:
            arguments = given.get("kwargs") or {}
            made = to_expectation(given["type"], arguments, severity=suite.severity(n), meta={NUMBER: n})
            expectations.append(made)
        except (ValueError, TypeError) as error:
            checks[n] = broken_check(stage, given, suite.severity(n), refusal(error))
    result, error_text = (
        _run(open_batch, suite.name, expectations, key_column, keys_cap) if expectations else (None, "")
    )
    for one in result.to_json_dict()["results"] if result is not None else []:
        n = one["expectation_config"]["meta"][NUMBER]
        checks[n] = to_check(stage, suite.expectations[n], suite.severity(n), one, key_column)
    for n in wanted:
        if n not in checks:
            error_text = error_text or "no result came back"
            checks[n] = broken_check(stage, suite.expectations[n], suite.severity(n), error_text)
    # On a frame every failing key comes back, whatever was asked for.
    return _Found(checks={n: _capped(check, keys_cap) for n, check in checks.items()}, result=result)


def _refused(reasons: Mapping[int, str], suite: SuiteFile, stage: str) -> _Found:
    return _Found(
        checks={n: broken_check(stage, suite.expectations[n], suite.severity(n), why) for n, why in reasons.items()}
    )


def _on_rows(validate: Callable[..., _Found], rows: pd.DataFrame, *, cap: int, only: list[int], stage: str) -> _Found:
    """Run expectations on the first rows themselves, and say so if there were more."""
    found = validate(partial(_open_frame, frame=as_written(rows.iloc[:cap]), name=stage), only=only)
    aside = f"; only the first {plural(cap, 'row')} of the window were read" if len(rows) > cap else ""
    # What runs in a database only keeps its error of there, which says what to do.
    checks = {
        n: replace(check, observed=check.observed + aside)
        for n, check in found.checks.items()
        if check.error != NOT_ON_ROWS
    }
    return replace(found, checks=checks)


def _open_frame(context: Any, *, frame: pd.DataFrame, name: str) -> Any:
    asset = context.data_sources.add_pandas(name="stage").add_dataframe_asset(name=name)
    batch = asset.add_batch_definition_whole_dataframe("window")
    return batch.get_batch(batch_parameters={"dataframe": frame})


def _no_expectation(suite: SuiteFile, stage: str) -> Check:
    nothing = {"type": "suite", "kwargs": {}}
    return broken_check(stage, nothing, Severity.CRITICAL, f"{suite.file} holds no expectation")


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
                close_source(source)


def _reason(error: BaseException) -> str:
    """Return the deepest cause, which is the driver's own; those above it repeat it with statements."""
    while (cause := error.__cause__ or error.__context__) is not None:
        error = cause
    return refusal(error) if isinstance(error, Exception) else type(error).__name__


def _n_rows(checks: tuple[Check, ...]) -> int | None:
    return max((check.n_rows for check in checks if check.n_rows is not None), default=None)


def _capped(check: Check, cap: int) -> Check:
    return replace(check, failing_keys=check.failing_keys[:cap]) if len(check.failing_keys) > cap else check
