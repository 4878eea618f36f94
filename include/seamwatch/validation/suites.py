"""Expectation suites as JSON in `expectations/<pipeline>/<stage>.json`, in Great Expectations' own format."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from seamwatch.errors import Problem, SpecError
from seamwatch.vocabulary import Severity


@dataclass(frozen=True, kw_only=True)
class SuiteFile:
    """A suite as it stands in its file."""

    path: Path
    name: str
    expectations: tuple[dict[str, Any], ...]
    """Each with `type`, `kwargs`, and optionally `severity` and `meta`."""

    def severity(self, number: int) -> Severity:
        """Return how much the expectation of that number matters; critical where nothing is said."""
        given = self.expectations[number]
        return Severity(given.get("severity") or (given.get("meta") or {}).get("severity") or Severity.CRITICAL)


def load_suite(path: Path) -> SuiteFile:
    """Return the suite of a file.

    Raises:
        SpecError: With every mistake that can be seen without running it: no file, no JSON, no expectation, an
            expectation without type, an unknown severity. `check_suite` goes deeper.
    """
    file = "/".join(path.parts[-3:])
    try:
        text = path.read_text(encoding="utf-8")
        document = json.loads(text)
    except OSError as error:
        raise SpecError([Problem(file=file, text=f"no such suite file ({error.strerror})")]) from error
    except ValueError as error:
        line = getattr(error, "lineno", None)
        raise SpecError([Problem(file=file, line=line, text=f"is no JSON: {error}")]) from error
    given = document.get("expectations") if isinstance(document, dict) else None
    if not isinstance(given, list) or not given:
        text = "holds no expectations; a suite is {name, expectations: [{type, kwargs}]} with at least one"
        raise SpecError([Problem(file=file, text=text)])
    problems = [problem for n, one in enumerate(given) for problem in _problems(file, text, n, one)]
    if problems:
        raise SpecError(problems)
    return SuiteFile(path=path, name=str(document.get("name") or path.stem), expectations=tuple(given))


def check_suite(path: Path) -> list[Problem]:
    """Return every mistake of a suite file, also those that only Great Expectations itself can see."""
    try:
        suite = load_suite(path)
    except SpecError as error:
        return error.problems
    from seamwatch.validation.context import to_expectation

    file, found = "/".join(path.parts[-3:]), []
    text = path.read_text(encoding="utf-8")
    for number, given in enumerate(suite.expectations):
        try:
            to_expectation(given)
        except (SpecError, ValueError, TypeError) as error:
            first = str(error).splitlines()
            words = "; ".join(part.strip() for part in first[:3] if part.strip())
            found.append(Problem(file=file, line=_line(text, number), path=f"expectations.{number}", text=words))
    return found


def _problems(file: str, text: str, number: int, given: Any) -> list[Problem]:
    line, path = _line(text, number), f"expectations.{number}"
    if not isinstance(given, dict) or not isinstance(given.get("type"), str):
        return [Problem(file=file, line=line, path=path, text="needs a 'type', as expect_column_values_to_not_be_null")]
    found = []
    if not isinstance(given.get("kwargs", {}), dict):
        found.append(Problem(file=file, line=line, path=f"{path}.kwargs", text="must be an object"))
    severity = given.get("severity") or (given.get("meta") or {}).get("severity")
    if severity is not None and severity not in set(Severity):
        words = f"unknown severity {severity!r}; known: {', '.join(Severity)}"
        found.append(Problem(file=file, line=line, path=f"{path}.severity", text=words))
    return found


def _line(text: str, number: int) -> int | None:
    """Return the line of the `type` of the expectation of that number."""
    seen = -1
    for row, content in enumerate(text.splitlines(), start=1):
        seen += content.count('"type"')
        if seen >= number:
            return row
    return None
