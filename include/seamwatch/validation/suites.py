"""Expectation suites as JSON in `expectations/<pipeline>/<stage>.json`, in Great Expectations' own format."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from seamwatch.errors import Problem, SpecError
from seamwatch.vocabulary import Severity

_OLDER_KEYS = {
    "expectation_suite_name": "call it 'name'",
    "data_asset_type": "remove it",
    "evaluation_parameters": "call it 'suite_parameters'",
    "ge_cloud_id": "call it 'id'",
}
"""Keys of a suite, and what has become of them (Great Expectations, migration guide 0.18 to 1.0)."""
_SHAPE = '{"name": ..., "expectations": [{"type": ..., "kwargs": {...}}]}'


@dataclass(frozen=True, kw_only=True)
class SuiteFile:
    """A suite as it stands in its file."""

    path: Path
    name: str
    expectations: tuple[dict[str, Any], ...]
    """Each with `type`, and optionally `kwargs`, `severity` and `meta`."""
    lines: Mapping[int, int] = field(default_factory=dict)
    """The line on which each expectation begins, by its number."""

    @property
    def file(self) -> str:
        """Return its path as a person knows it: `expectations/<pipeline>/<stage>.json`."""
        return _told(self.path)

    def problem(self, number: int, part: str, text: str) -> Problem:
        """Return a problem of the expectation of that number, or of a part of it (`kwargs.column`)."""
        path = f"expectations.{number}.{part}".rstrip(".")
        return Problem(file=self.file, line=self.lines.get(number), path=path, text=text)

    def severity(self, number: int) -> Severity:
        """Return how much the expectation of that number matters; critical where nothing is said."""
        return Severity(_severity(self.expectations[number]) or Severity.CRITICAL)


def load_suite(path: Path) -> SuiteFile:
    """Return the suite of a file, without loading Great Expectations.

    Raises:
        SpecError: With every mistake that can be seen so: no file, no JSON, no expectation, an expectation without
            type, an unknown severity. `check_suite` goes deeper.
    """
    file = _told(path)
    try:
        text = path.read_text(encoding="utf-8")
        document = json.loads(text)
    except OSError as error:
        raise SpecError([Problem(file=file, text=f"no such suite file ({error.strerror})")]) from error
    except UnicodeDecodeError as error:
        raise SpecError([Problem(file=file, text="is no UTF-8 text")]) from error
    except json.JSONDecodeError as error:
        problem = Problem(file=file, line=error.lineno, text=f"is no JSON: {error.msg}, column {error.colno}")
        raise SpecError([problem]) from error
    given = document.get("expectations") if isinstance(document, dict) else None
    if not isinstance(given, list) or not given:
        text = f"holds no expectations; a suite is {_SHAPE} with at least one, or no file at all"
        raise SpecError([Problem(file=file, text=text)])
    lines = _lines(text)
    problems = [
        Problem(file=file, line=lines.get(n), path=f"expectations.{n}{part}", text=words)
        for n, one in enumerate(given)
        for part, words in _mistakes(one)
    ]
    if problems:
        raise SpecError(problems)
    return SuiteFile(path=path, name=str(document.get("name") or path.stem), expectations=tuple(given), lines=lines)


def check_suite(path: Path) -> list[Problem]:
    """Return every mistake of a suite file, also those that only Great Expectations itself can see."""
    try:
        suite = load_suite(path)
    except SpecError as error:
        return [*_older_keys(path), *error.problems]
    from seamwatch.validation.context import UnknownExpectation, refusal, to_expectation

    found = _older_keys(path)
    for n, given in enumerate(suite.expectations):
        try:
            to_expectation(given["type"], given.get("kwargs") or {}, severity=suite.severity(n), meta={})
        except UnknownExpectation as error:
            found.append(suite.problem(n, "type", str(error)))
        except (ValueError, TypeError) as error:
            found.append(suite.problem(n, "kwargs", f"{given['type']} refuses its kwargs: {refusal(error)}"))
    return found


_COLUMN_ARGUMENTS = ("column", "column_A", "column_B", "column_list")


def named_columns(given: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return the columns that an expectation is about, each with the argument that names it."""
    kwargs = given.get("kwargs") or {}
    found = []
    for argument in _COLUMN_ARGUMENTS:
        named = kwargs.get(argument)
        found += [(argument, str(column)) for column in ([named] if isinstance(named, str) else named or [])]
    return found


def _older_keys(path: Path) -> list[Problem]:
    """Return the keys of a whole suite that Great Expectations before 1.0 wrote, each with its new name."""
    try:
        text = path.read_text(encoding="utf-8")
        document = json.loads(text)
    except (OSError, ValueError):
        return []
    found = []
    for older, newer in _OLDER_KEYS.items():
        if isinstance(document, dict) and older in document:
            line = text.count("\n", 0, text.find(f'"{older}"')) + 1
            words = f"is of Great Expectations before 1.0; {newer}"
            found.append(Problem(file=_told(path), line=line, path=older, text=words))
    return found


def _told(path: Path) -> str:
    return "/".join(path.parts[-3:])


def _severity(given: dict[str, Any]) -> Any:
    """Return the severity where newer files have it, or where older ones kept it."""
    return given.get("severity") or (given.get("meta") or {}).get("severity")


def _mistakes(given: Any) -> list[tuple[str, str]]:
    """Return where in an expectation something is wrong, and what."""
    if isinstance(given, dict) and "type" not in given and "expectation_type" in given:
        words = "is of Great Expectations before 1.0; call it 'type'"
        return [(".expectation_type", words), *_mistakes({"type": str(given["expectation_type"]), **_newer(given)})]
    if not isinstance(given, dict) or not isinstance(given.get("type"), str):
        return [("", "needs a 'type', as expect_column_values_to_not_be_null")]
    wrong = [(f".{p}", f"must be an object, got {given[p]!r}") for p in ("kwargs", "meta") if not _is_object(given, p)]
    unknown = sorted(
        set(given) - {"type", "kwargs", "meta", "severity", "id", "description", "notes", "rendered_content"}
    )
    wrong += [(f".{part}", "unknown; an expectation has type, kwargs, severity and meta") for part in unknown]
    severity = _severity(given) if _is_object(given, "meta") else given.get("severity")
    if severity is not None and severity not in list(Severity):
        wrong.append((".severity", f"unknown severity {severity!r}; known: {', '.join(Severity)}"))
    return wrong


def _newer(given: dict[str, Any]) -> dict[str, Any]:
    return {part: value for part, value in given.items() if part != "expectation_type"}


def _is_object(given: dict[str, Any], part: str) -> bool:
    return given.get(part) is None or isinstance(given[part], dict)


def _lines(text: str) -> dict[int, int]:
    """Return the line on which each expectation begins, of a text that is known to be JSON."""
    opening = re.search(r'"expectations"\s*:\s*\[', text)
    decoder, lines = json.JSONDecoder(), dict[int, int]()
    at = opening.end() if opening else len(text)
    while found := re.compile(r"[\s,]*(?=[^\s,\]])").match(text, at):
        lines[len(lines)] = text.count("\n", 0, found.end()) + 1
        _, at = decoder.raw_decode(text, found.end())
    return lines
