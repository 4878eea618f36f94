"""Suites run by Great Expectations on real SQLite files and on frames."""

from __future__ import annotations

import io
import json
import logging
import sqlite3
import subprocess
import sys
from collections.abc import Collection, Sequence
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import sqlalchemy as sa

from seamwatch.adapters.stages.sql import SqlStageSource
from seamwatch.core.results import Check
from seamwatch.engine.reading import read_some
from seamwatch.errors import SpecError
from seamwatch.validation.run import ReadRows, ValidationOutcome, failing_keys, validate_frame, validate_query
from seamwatch.validation.suites import SuiteFile, load_suite
from seamwatch.vocabulary import CheckStatus, Severity

N = 3000
BAD = [n for n in range(N) if n % 3 == 0]
ALL = "SELECT * FROM calls"

Expectation = dict[str, Any]
IN_SET: Expectation = {
    "type": "expect_column_values_to_be_in_set",
    "kwargs": {"column": "queue", "value_set": ["billing"]},
}


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> sa.URL:
    """Return a database whose `queue` is wrong in every third of its calls."""
    path = tmp_path_factory.mktemp("stage") / "calls.db"
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("CREATE TABLE calls (id INTEGER, queue TEXT, score REAL, at TEXT)")
        rows = ((n, "x:y" if n in set(BAD) else "billing", n / 10, f"2026-01-31T{n % 24:02d}:00:00") for n in range(N))
        connection.executemany("INSERT INTO calls VALUES (?, ?, ?, ?)", rows)
        connection.execute("CREATE TABLE keyless (id INTEGER, queue TEXT)")
        connection.executemany("INSERT INTO keyless VALUES (?, ?)", [(None, "x"), (7, "x"), (None, "billing")])
    return sa.make_url(f"sqlite:///{path}")


def suite_of(*expectations: Expectation) -> SuiteFile:
    return SuiteFile(path=Path("expectations/support/calls.json"), name="calls", expectations=expectations)


def run(database: sa.URL, expectations: Sequence[Expectation], query: str = ALL, **more: Any) -> ValidationOutcome:
    given = {"key_column": "id", "stage": "calls", "label": "support.calls"} | more
    return validate_query(database, query, suite=suite_of(*expectations), **given)


def check_of(database: sa.URL, kind: str, query: str = ALL, severity: str | None = None, **kwargs: Any) -> Check:
    given: Expectation = {"type": kind, "kwargs": kwargs} | ({"severity": severity} if severity else {})
    (check,) = run(database, [given], query).checks
    return check


def test_pass_says_what_was_expected_and_seen(database: sa.URL) -> None:
    outcome = run(database, [{"type": "expect_column_values_to_not_be_null", "kwargs": {"column": "id"}}])
    (check,) = outcome.checks
    assert check == Check(
        stage="calls",
        expectation="expect_column_values_to_not_be_null",
        column="id",
        status=CheckStatus.PASSED,
        expected="a value in every row",
        observed="0 of 3,000 rows",
        n_rows=N,
        n_failed=0,
    )
    assert outcome.n_rows == N


def test_every_failing_key_comes_back(database: sa.URL) -> None:
    (check,) = run(database, [IN_SET]).checks
    assert check.status is CheckStatus.FAILED
    assert check.is_critical
    assert check.n_failed == len(BAD) == 1000
    assert sorted(map(int, check.failing_keys)) == BAD
    assert check.observed == "1,000 of 3,000 rows, e.g. x:y"


@pytest.mark.parametrize("cap", [0, 5, 250])
def test_keys_are_capped_and_counts_are_whole(database: sa.URL, cap: int) -> None:
    (check,) = run(database, [IN_SET], keys_cap=cap).checks
    assert len(check.failing_keys) == cap
    assert check.n_failed == 1000
    frame = pd.DataFrame({"id": range(N), "queue": "x"})
    (check,) = validate_frame(frame, suite=suite_of(IN_SET), key_column="id", stage="s", keys_cap=cap).checks
    assert len(check.failing_keys) == cap
    assert check.n_failed == N


def test_only_the_rows_of_the_query_are_looked_at(database: sa.URL) -> None:
    query = "SELECT * FROM calls WHERE at >= '2026-01-31T03:00' AND at < '2026-01-31T04:00' AND queue <> 'a:b %'"
    (check,) = run(database, [IN_SET], query).checks
    assert check.n_rows == N / 24
    assert {int(key) % 24 for key in check.failing_keys} == {3}


@pytest.mark.parametrize("severity", list(Severity))
def test_severity_is_respected(database: sa.URL, severity: Severity) -> None:
    check = check_of(database, severity=severity, kind=IN_SET["type"], **IN_SET["kwargs"])
    assert check.severity is severity
    assert check.is_critical is (severity is Severity.CRITICAL)


def test_severity_of_older_files_stands_in_meta(database: sa.URL) -> None:
    (check,) = run(database, [{**IN_SET, "meta": {"severity": "warning", "notes": "x"}}]).checks
    assert check.severity is Severity.WARNING


def test_rows_without_a_key_are_counted_and_name_no_record(database: sa.URL) -> None:
    check = check_of(database, query="SELECT * FROM keyless", kind=IN_SET["type"], **IN_SET["kwargs"])
    assert check.n_failed == 2
    assert check.failing_keys == ("7",)


def test_results_keep_the_order_of_the_suite_even_when_two_are_equal(database: sa.URL) -> None:
    row_count = {"type": "expect_table_row_count_to_equal", "kwargs": {"value": N}}
    broken = {"type": "expect_bogus", "kwargs": {}}
    checks = run(database, [IN_SET, broken, row_count, {**IN_SET, "severity": "info"}, IN_SET]).checks
    assert [(c.expectation, c.severity, c.status) for c in checks] == [
        (IN_SET["type"], Severity.CRITICAL, CheckStatus.FAILED),
        ("expect_bogus", Severity.CRITICAL, CheckStatus.ERROR),
        ("expect_table_row_count_to_equal", Severity.CRITICAL, CheckStatus.PASSED),
        (IN_SET["type"], Severity.INFO, CheckStatus.FAILED),
        (IN_SET["type"], Severity.CRITICAL, CheckStatus.FAILED),
    ]


def test_empty_window_passes_and_says_that_there_was_no_row(database: sa.URL) -> None:
    outcome = run(database, [IN_SET], "SELECT * FROM calls WHERE id < 0")
    assert outcome.n_rows == 0
    (check,) = outcome.checks
    assert check.status is CheckStatus.PASSED
    assert check.observed == "no row to look at"


ERRORS: dict[str, tuple[str, dict[str, Any], str]] = {
    "missing column": ("expect_column_values_to_not_be_null", {"column": "nope"}, '"nope"'),
    "unknown type": ("expect_column_value_to_be_in_set", {"column": "queue"}, "did you mean 'expect_column_values_to"),
    "refused arguments": ("expect_column_values_to_be_in_set", {"column": "queue"}, "value_set"),
    "raises inside": (
        "expect_column_values_to_match_regex",
        {"column": "queue", "regex": "("},
        "user-defined",
    ),
}


@pytest.mark.parametrize("name", ERRORS)
def test_what_cannot_run_is_an_error_and_never_a_pass(database: sa.URL, name: str) -> None:
    kind, kwargs, says = ERRORS[name]
    broken, healthy = run(database, [{"type": kind, "kwargs": kwargs}, IN_SET]).checks
    assert broken.status is CheckStatus.ERROR
    assert broken.is_critical
    assert says in (broken.error or "")
    assert "SELECT" not in (broken.error or "")
    assert broken.observed == "it could not be checked"
    assert healthy.status is CheckStatus.FAILED, "one broken expectation takes no other with it"


TEXTS = "SELECT id, at, queue AS word, CASE WHEN id % 3 THEN '{\"x\": 1}' ELSE 'no' END AS body FROM calls"


def rows_of(database: sa.URL, query: str) -> ReadRows:
    return partial(read_some, SqlStageSource(database), query)


@pytest.mark.parametrize(
    ("kind", "kwargs", "n_failed"),
    [
        ("expect_column_values_to_match_strftime_format", {"column": "at", "strftime_format": "%Y-%m-%dT%H:%M:%S"}, 0),
        ("expect_column_values_to_match_strftime_format", {"column": "at", "strftime_format": "%d.%m.%Y"}, N),
        ("expect_column_values_to_be_dateutil_parseable", {"column": "at"}, 0),
        ("expect_column_values_to_be_json_parseable", {"column": "body"}, len(BAD)),
        ("expect_column_values_to_match_json_schema", {"column": "body", "json_schema": {"type": "object"}}, len(BAD)),
        ("expect_column_values_to_match_json_schema", {"column": "body", "json_schema": {"required": ["y"]}}, N),
        ("expect_column_values_to_be_increasing", {"column": "id"}, 0),
        ("expect_compound_columns_to_be_unique", {"column_list": ["word", "at"]}, N),
        ("expect_compound_columns_to_be_unique", {"column_list": ["id", "at"]}, 0),
    ],
)
def test_what_a_database_cannot_compute_is_run_on_its_rows(
    database: sa.URL, kind: str, kwargs: dict[str, Any], n_failed: int
) -> None:
    given = {"type": kind, "kwargs": kwargs}
    (check,) = run(database, [given], TEXTS, read_rows=rows_of(database, TEXTS), keys_cap=N).checks
    assert (check.n_rows, check.n_failed, len(check.failing_keys)) == (N, n_failed, n_failed), check
    assert check.status is (CheckStatus.FAILED if n_failed else CheckStatus.PASSED)


def test_rows_are_read_up_to_a_bound_and_it_is_said(database: sa.URL) -> None:
    given = {"type": "expect_column_values_to_be_increasing", "kwargs": {"column": "id"}}
    (check,) = run(database, [given], read_rows=rows_of(database, ALL), rows_cap=100).checks
    assert check.observed == "0 of 100 rows; only the first 100 rows of the window were read"


def test_only_the_columns_are_read_that_are_needed(database: sa.URL) -> None:
    asked: list[Collection[str] | None] = []

    def read(limit: int, columns: Collection[str] | None) -> pd.DataFrame:
        asked.append(columns)
        return rows_of(database, ALL)(limit, columns)

    given = {"type": "expect_column_values_to_be_increasing", "kwargs": {"column": "score"}}
    condition = {"row_condition": 'queue=="billing"', "condition_parser": "pandas"}
    for more in ({}, condition):
        (check,) = run(database, [given | {"kwargs": {"column": "score", **more}}], read_rows=read).checks
        assert check.n_failed == 0, check
    assert asked == [{"id", "score"}, None]


TYPE: Expectation = {"type": "expect_column_values_to_be_of_type", "kwargs": {"column": "id", "type_": "INTEGER"}}


@pytest.mark.parametrize(("type_", "status"), [("INTEGER", CheckStatus.PASSED), ("TEXT", CheckStatus.FAILED)])
def test_types_are_those_of_the_table_behind_the_query(database: sa.URL, type_: str, status: CheckStatus) -> None:
    given = {"type": TYPE["type"], "kwargs": {"column": "id", "type_": type_}}
    checks = run(database, [given, IN_SET], table="calls", read_rows=rows_of(database, ALL)).checks
    assert [check.status for check in checks] == [status, CheckStatus.FAILED]
    assert checks[0].observed == "INTEGER"


OTHER_TABLE: Expectation = {
    "type": "expect_table_row_count_to_equal_other_table",
    "kwargs": {"other_table_name": "keyless"},
}
LIKE: Expectation = {
    "type": "expect_column_values_to_match_like_pattern",
    "kwargs": {"column": "queue", "like_pattern": "b%"},
}


@pytest.mark.parametrize(
    ("given", "more", "says"),
    [
        (TYPE, {}, "a database knows no types of a query's columns: make the query a view"),
        (TYPE | {"kwargs": {"column": "nope", "type_": "TEXT"}}, {"table": "calls"}, "or does not find them"),
        (OTHER_TABLE, {"table": "calls"}, "it compares whole tables, and a window is a part of one"),
        (
            {"type": "expect_column_values_to_be_json_parseable", "kwargs": {"column": "at"}},
            {},
            "cannot run it in a database, and there are no rows to run it on",
        ),
    ],
)
def test_what_cannot_run_says_so_in_a_sentence_and_the_others_run(
    database: sa.URL, given: Expectation, more: dict[str, Any], says: str
) -> None:
    broken, healthy = run(database, [given, IN_SET], **more).checks
    assert broken.status is CheckStatus.ERROR
    assert says in (broken.error or "")
    assert (healthy.status, healthy.n_failed) == (CheckStatus.FAILED, len(BAD))


def test_a_query_that_would_be_misread_is_run_on_its_rows(database: sa.URL) -> None:
    query = "SELECT * FROM calls WHERE queue <> ':none'"
    first, second = run(database, [IN_SET, LIKE], query, read_rows=rows_of(database, query)).checks
    assert (first.status, first.n_failed) == (CheckStatus.FAILED, len(BAD))
    assert second.error == (
        "Great Expectations takes ':none' in the stage's query for a parameter; put the query into a view"
    )


def test_the_page_shows_what_was_run_on_rows(database: sa.URL, tmp_path: Path) -> None:
    given = {"type": "expect_column_values_to_be_increasing", "kwargs": {"column": "id"}}
    more = {"read_rows": rows_of(database, ALL), "data_docs_dir": tmp_path, "run_name": "w"}
    outcome = run(database, [given, TYPE, IN_SET], table="calls", **more)
    text = (tmp_path / str(outcome.data_docs)).read_text()
    assert "No provider found" not in text
    assert "66.67" in text


def test_missing_key_column_is_an_error_where_keys_are_needed(database: sa.URL) -> None:
    (check,) = run(database, [IN_SET], key_column="nope").checks
    assert check.status is CheckStatus.ERROR


def test_missing_file_is_an_error_and_not_created(tmp_path: Path) -> None:
    url = sa.make_url(f"sqlite:///{tmp_path / 'nowhere.db'}")
    outcome = run(url, [IN_SET, IN_SET])
    assert [check.status for check in outcome.checks] == [CheckStatus.ERROR] * 2
    assert outcome.checks[0].error == "unable to open database file"
    assert not (tmp_path / "nowhere.db").exists()


def test_dead_connection_is_an_error_that_shows_no_password(tmp_path: Path) -> None:
    url = sa.make_url("postgresql+psycopg2://watcher:se$cret@127.0.0.1:1/warehouse")
    outcome = run(url, [IN_SET], data_docs_dir=tmp_path)
    (check,) = outcome.checks
    assert check.status is CheckStatus.ERROR
    assert "Connection refused" in (check.error or "")
    assert "cret" not in (check.error or "")
    assert outcome.data_docs is None


def test_missing_table_and_broken_query_are_errors(database: sa.URL) -> None:
    for query, says in (
        ("SELECT * FROM nowhere", "no such table: nowhere"),
        ("DELETE FROM calls", "start with 'SELECT'"),
    ):
        (check,) = run(database, [IN_SET], query).checks
        assert check.status is CheckStatus.ERROR
        assert says in (check.error or "")


def test_query_that_great_expectations_would_misread_is_an_error(database: sa.URL) -> None:
    (check,) = run(database, [IN_SET], "SELECT * FROM calls WHERE queue <> ' :x'").checks
    assert check.status is CheckStatus.ERROR
    assert "takes ':x' in the stage's query for a parameter; put the query into a view" in (check.error or "")


def test_empty_suite_is_an_error(database: sa.URL) -> None:
    (check,) = run(database, []).checks
    assert check.status is CheckStatus.ERROR
    assert check.error == "expectations/support/calls.json holds no expectation"


OBSERVED: list[tuple[str, dict[str, Any], str, str, int | None]] = [
    ("expect_column_mean_to_be_between", {"column": "score", "max_value": 1}, "mean at most 1", "149.95", None),
    ("expect_table_row_count_to_be_between", {"min_value": 9000}, "number of rows at least 9000", "3000", None),
    ("expect_column_to_exist", {"column": "nope"}, "the column exists", "there is none, or not at its place", None),
    (
        "expect_column_distinct_values_to_be_in_set",
        {"column": "queue", "value_set": ["billing"]},
        "no values but billing",
        "e.g. x:y",
        None,
    ),
    (
        "expect_column_quantile_values_to_be_between",
        {"column": "score", "quantile_ranges": {"quantiles": [0.1, 0.5], "value_ranges": [[0, 1], [None, 2]]}},
        "quantiles 10 % from 0 to 1, 50 % at most 2",
        "10 %: 29.9, 50 %: 149.9",
        None,
    ),
    (
        "expect_table_columns_to_match_set",
        {"column_set": ["id", "queue", "score"]},
        "the columns id, queue, score",
        "unexpected: at",
        None,
    ),
    (
        "expect_column_pair_values_a_to_be_greater_than_b",
        {"column_A": "score", "column_B": "id", "or_equal": True},
        "score is at least id",
        "2,999 of 3,000 rows",
        2999,
    ),
    (
        "expect_column_values_to_be_between",
        {"column": "score", "strict_max": True, "max_value": 299.9, "mostly": 1.0},
        "a value below 299.9",
        "1 of 3,000 rows, e.g. 299.9",
        1,
    ),
]


@pytest.mark.parametrize(("kind", "kwargs", "expected", "observed", "n_failed"), OBSERVED)
def test_failure_is_told_in_words(
    database: sa.URL, kind: str, kwargs: dict[str, Any], expected: str, observed: str, n_failed: int | None
) -> None:
    check = check_of(database, kind, **kwargs)
    assert check.status is CheckStatus.FAILED
    assert check.expected == expected
    assert check.observed.startswith(observed)
    assert check.n_failed == n_failed
    assert len(check.failing_keys) == min(n_failed or 0, 1000)


def test_mostly_is_part_of_what_is_expected(database: sa.URL) -> None:
    check = check_of(database, kind=IN_SET["type"], **IN_SET["kwargs"], mostly=0.5)
    assert check.status is CheckStatus.PASSED
    assert check.expected == "one of billing, in at least 50 % of rows"
    assert check.n_failed == 1000


def test_rows_found_by_a_query_of_the_suite_name_their_keys(database: sa.URL) -> None:
    query = "SELECT * FROM {batch} WHERE id IN (3, 4)"
    check = check_of(database, kind="unexpected_rows_expectation", unexpected_rows_query=query)
    assert check.status is CheckStatus.FAILED
    assert (check.n_failed, check.failing_keys, check.observed) == (2, ("3", "4"), "2 rows")


def test_frame_gives_the_same_checks_as_the_database(database: sa.URL) -> None:
    expectations = [IN_SET, {"type": "expect_column_mean_to_be_between", "kwargs": {"column": "score", "max_value": 1}}]
    with sa.create_engine(database).connect() as connection:
        frame = pd.read_sql(ALL, connection)
    on_frame = validate_frame(frame, suite=suite_of(*expectations), key_column="id", stage="calls")
    on_database = run(database, expectations)
    assert on_frame.n_rows == on_database.n_rows
    for mine, theirs in zip(on_frame.checks, on_database.checks, strict=True):
        assert set(mine.failing_keys) == set(theirs.failing_keys)
        assert (mine.status, mine.n_failed, mine.observed) == (theirs.status, theirs.n_failed, theirs.observed)


def test_frame_keys_beside_nulls_are_written_as_whole_numbers() -> None:
    frame = pd.DataFrame({"id": [1.0, None, 3.0], "queue": ["x", "x", "billing"]})
    (check,) = validate_frame(frame, suite=suite_of(IN_SET), key_column="id", stage="calls").checks
    assert check.failing_keys == ("1",)
    assert check.n_failed == 2


def test_failing_keys_are_complete_and_of_the_type_of_the_index() -> None:
    final = pd.DataFrame({"queue": ["x" if n % 2 else "billing" for n in range(N)]}, index=pd.RangeIndex(N, name="key"))
    assert failing_keys(final, suite_of(IN_SET)) == {n for n in range(N) if n % 2}
    named = final.set_axis([f"T-{n}" for n in range(N)])
    assert failing_keys(named, suite_of(IN_SET, {**IN_SET, "severity": "warning"})) == {
        f"T-{n}" for n in range(N) if n % 2
    }
    assert failing_keys(final.iloc[:0], suite_of(IN_SET)) == set()


def test_outcome_suite_that_cannot_judge_is_refused() -> None:
    final = pd.DataFrame({"queue": ["billing"]}, index=["a"])
    missing = {"type": "expect_column_values_to_not_be_null", "kwargs": {"column": "nope"}}
    of_table = {"type": "expect_table_row_count_to_equal", "kwargs": {"value": 1}}
    with pytest.raises(SpecError) as caught:
        failing_keys(final, suite_of(missing, IN_SET, of_table))
    first, second = map(str, caught.value.problems)
    assert first.startswith(
        "expectations/support/calls.json expectations.0: expect_column_values_to_not_be_null cannot"
    )
    assert "expectations.2: expect_table_row_count_to_equal is about the table as a whole" in second


def test_nothing_is_printed_or_logged(
    database: sa.URL, tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    raises = {"type": "expect_column_values_to_match_regex", "kwargs": {"column": "queue", "regex": "("}}
    handler = logging.StreamHandler(io.StringIO())  # on the root, where an application has its own
    monkeypatch.setattr(logging.getLogger(), "handlers", [handler])
    monkeypatch.setattr(logging.getLogger(), "level", logging.INFO)
    run(database, [IN_SET, raises], data_docs_dir=tmp_path)
    assert capfd.readouterr() == ("", "")
    assert handler.stream.getvalue() == ""


def test_first_validation_of_a_process_is_quiet_and_opens_no_connection(database: sa.URL, tmp_path: Path) -> None:
    suite = tmp_path / "calls.json"
    suite.write_text(json.dumps({"name": "calls", "expectations": [IN_SET]}))
    code = f"""
import logging, socket, sys, warnings
logging.basicConfig(level=logging.INFO)
warnings.simplefilter("error")
def refuse(*args): raise AssertionError(f"network: {{args}}")
socket.socket.connect = socket.getaddrinfo = refuse
from pathlib import Path
from sqlalchemy import make_url
from seamwatch.validation.run import validate_query
from seamwatch.validation.suites import load_suite
suite = load_suite(Path({str(suite)!r}))
assert "great_expectations" not in sys.modules
outcome = validate_query(make_url({str(database)!r}), {ALL!r}, suite=suite, key_column="id", stage="calls",
                         label="support.calls", data_docs_dir=Path({str(tmp_path)!r}))
assert outcome.checks[0].n_failed == 1000, outcome
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, cwd=tmp_path)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert load_suite(suite).expectations == (IN_SET,)
