"""Trial: suites on a few rows: can each expectation run on what its stage is, and does anything meet it?"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import partial
from typing import Any

from seamwatch.adapters.connections import database_url
from seamwatch.engine.check.places import suggestion
from seamwatch.engine.check.sample import RECORDS, Sample
from seamwatch.engine.reading import read_some
from seamwatch.errors import Problem, SpecError
from seamwatch.plurals import plural
from seamwatch.spec.pipeline import Stage
from seamwatch.validation.run import failing_keys, validate_query
from seamwatch.validation.suites import SuiteFile, check_suite, load_suite, named_columns
from seamwatch.vocabulary import CheckStatus

_FEWEST = 5


def check_expectations(sample: Sample, connections: Any) -> Iterator[Problem]:
    """Yield the expectations that name a column that is not there, cannot run, or fail on every row tried."""
    pipeline = sample.pipeline
    for stage, data in sample.stages():
        path = sample.project.suite_path(pipeline, stage.suite or stage.name)
        if not path.is_file() or check_suite(path):
            continue  # reported by check_files
        suite = load_suite(path)
        known = sample.reader.columns(stage)
        lacking = {n: list(_missing(given, known)) for n, given in enumerate(suite.expectations)}
        for n, missing in lacking.items():
            for place, column in missing:
                hint = suggestion(column, known)
                text = f"{stage.relation} has no column {column!r}{hint} Known: {', '.join(known)}"
                yield suite.problem(n, f"kwargs.{place}", text)
        kept = [n for n, missing in lacking.items() if not missing]
        if kept and len(data.payload):
            yield from _tried(sample, stage, suite, kept, connections)
    yield from _outcome_suite(sample)


def _missing(given: Mapping[str, Any], known: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    if str(given["type"]).startswith("expect_table_columns_to_match"):
        return  # these say themselves which are missing
    yield from ((argument, column) for argument, column in named_columns(given) if column not in known)


def _tried(sample: Sample, stage: Stage, suite: SuiteFile, kept: list[int], connections: Any) -> Iterator[Problem]:
    database = sample.pipeline.stage_database(stage)
    source, relation = sample.reader.source(database), stage.table or stage.query or ""
    query = source.window_query(
        relation, is_query=stage.query is not None, time=None, start=None, end=None, limit=RECORDS
    )
    outcome = validate_query(
        database_url(connections.get(database)),
        query,
        suite=replace(suite, expectations=tuple(suite.expectations[n] for n in kept)),
        key_column=sample.pipeline.stage_key(stage),
        stage=stage.name,
        label=f"{sample.pipeline.pipeline}.{stage.name}",
        table=stage.table,
        read_rows=partial(read_some, source, query),
    )
    for n, check in zip(kept, outcome.checks, strict=True):
        if check.status is CheckStatus.ERROR:
            yield suite.problem(n, "", f"{check.expectation} cannot be run on {stage.relation}: {check.error}")
        elif check.n_failed is not None and check.n_rows and check.n_failed == check.n_rows >= _FEWEST:
            text = (
                f"{check.expectation} fails on each of {plural(check.n_rows, 'row')} tried "
                f"({check.observed}); expected: "
            )
            yield suite.problem(n, "", text + check.expected)


def _outcome_suite(sample: Sample) -> Iterator[Problem]:
    outcome, final = sample.pipeline.outcome, sample.pipeline.final_stage
    if outcome is None or outcome.suite is None or final.name not in sample.data.stages:
        return
    path = sample.project.suite_path(sample.pipeline, outcome.suite)
    if not path.is_file() or check_suite(path):
        return  # reported by check_files
    try:
        failing_keys(sample.data.stages[final.name].payload, load_suite(path))
    except SpecError as error:
        yield from error.problems
