"""Suite files as people write them: each mistake told with file and line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from seamwatch.errors import SpecError
from seamwatch.validation.suites import check_suite, load_suite
from seamwatch.vocabulary import Severity

GOOD = {"type": "expect_column_values_to_not_be_null", "kwargs": {"column": "id"}}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    folder = tmp_path / "expectations" / "support"
    folder.mkdir(parents=True)
    return folder / "calls.json"


def problems_of(path: Path, content: str | dict[str, Any]) -> list[str]:
    path.write_text(content if isinstance(content, str) else json.dumps(content, indent=2))
    with pytest.raises(SpecError) as caught:
        load_suite(path)
    assert check_suite(path) == caught.value.problems
    return [str(problem) for problem in caught.value.problems]


def test_suite_of_great_expectations_is_loaded_as_it_is(path: Path) -> None:
    written = [GOOD, {**GOOD, "severity": "warning", "id": "9f", "meta": {"notes": "why"}}, {**GOOD, "meta": None}]
    path.write_text(
        json.dumps({"name": "calls", "meta": {"great_expectations_version": "1.24"}, "expectations": written})
    )
    suite = load_suite(path)
    assert (suite.name, suite.file) == ("calls", "expectations/support/calls.json")
    assert list(suite.expectations) == written
    assert [suite.severity(n) for n in range(3)] == [Severity.CRITICAL, Severity.WARNING, Severity.CRITICAL]
    assert check_suite(path) == []


def test_suite_without_a_name_has_its_files(path: Path) -> None:
    path.write_text(json.dumps({"expectations": [GOOD]}))
    assert load_suite(path).name == "calls"


def test_missing_file_is_told(path: Path) -> None:
    with pytest.raises(SpecError, match=r"expectations/support/calls\.json: no such suite file"):
        load_suite(path)


def test_broken_json_is_told_with_its_line(path: Path) -> None:
    (problem,) = problems_of(path, '{\n "expectations": [\n  {"type": }\n ]}')
    assert problem == "expectations/support/calls.json:3: is no JSON: Expecting value, column 12"


def test_other_encoding_is_told(path: Path) -> None:
    path.write_bytes(b'{"name": "\xe9"}')
    with pytest.raises(SpecError, match="is no UTF-8 text"):
        load_suite(path)


@pytest.mark.parametrize("content", [{}, [], {"expectations": []}, {"expectations": {"type": "x"}}])
def test_suite_without_expectations_is_refused(path: Path, content: Any) -> None:
    (problem,) = problems_of(path, content)
    assert "holds no expectations; a suite is {" in problem


def test_all_mistakes_are_told_at_once_each_with_its_line(path: Path) -> None:
    content = """{
  "meta": {"type": "the word alone is no expectation"},
  "expectations": [
    {"type": "expect_column_to_exist", "kwargs": {"column": "type"}},
    {"kwargs": {}}, {"type": 7},
    {
      "kwargs": [],
      "type": "expect_column_to_exist"
    },
    {"type": "expect_column_to_exist", "kwargs": {"column": "[,]"}, "severity": "fatal"},
    {"type": "expect_column_to_exist", "meta": {"severity": "fatal"}, "mostly": 0.9}
  ]
}"""
    file = "expectations/support/calls.json"
    assert problems_of(path, content) == [
        f"{file}:5 expectations.1: needs a 'type', as expect_column_values_to_not_be_null",
        f"{file}:5 expectations.2: needs a 'type', as expect_column_values_to_not_be_null",
        f"{file}:6 expectations.3.kwargs: must be an object, got []",
        f"{file}:10 expectations.4.severity: unknown severity 'fatal'; known: critical, warning, info",
        f"{file}:11 expectations.5.mostly: unknown; an expectation has type, kwargs, severity and meta",
        f"{file}:11 expectations.5.severity: unknown severity 'fatal'; known: critical, warning, info",
    ]


def test_deep_check_knows_types_and_arguments(path: Path) -> None:
    wrong = [
        GOOD,
        {"type": "expect_column_values_to_be_in_sett", "kwargs": {}},
        {"type": "expect_column_values_to_be_in_set", "kwargs": {"value_set": ["a"]}},
        {"type": "expect_column_values_to_not_be_null", "kwargs": {"column": "id", "mostly": 7}},
        {"type": "expect_column_values_to_not_be_null", "kwargs": {"column": "id", "nonsense": 7}},
    ]
    path.write_text('{"expectations": [\n' + ",\n".join(map(json.dumps, wrong)) + "]}")
    assert len(load_suite(path).expectations) == len(wrong), "the light check does not know Great Expectations' types"
    unknown, lacking, out_of_range, nonsense = check_suite(path)
    assert (unknown.line, unknown.path) == (3, "expectations.1.type")
    assert "did you mean 'expect_column_values_to_be_in_set'?" in unknown.text
    assert (lacking.line, lacking.path) == (4, "expectations.2.kwargs")
    assert "column: " in lacking.text
    assert "mostly: " in out_of_range.text
    assert "nonsense: " in nonsense.text
