"""Where a problem stands: in the pipeline's file, a field map or a suite."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from dataclasses import replace

from seamwatch.adapters.base import Connections
from seamwatch.errors import AdapterError, Problem, ProblemLevel
from seamwatch.spec.load import Project, line_of
from seamwatch.spec.pipeline import Pipeline


def in_pipeline(pipeline: Pipeline, path: str, text: str, level: ProblemLevel = ProblemLevel.ERROR) -> Problem:
    """Return a problem at a dotted path (`stages.answer.table`) of the pipeline's file."""
    return Problem(file=f"include/pipelines/{pipeline.pipeline}.yaml", path=path, text=text, level=level)


def with_line(project: Project, problem: Problem) -> Problem:
    """Return the problem with the line of its path in a YAML file, or of the nearest part above it that is there."""
    path = project.root / problem.file
    if problem.line is not None or path.suffix not in (".yaml", ".yml") or not path.is_file():
        return problem
    return replace(problem, line=line_of(path, problem.path) or 1)


def suggestion(name: str, known: Iterable[str]) -> str:
    """Return `; did you mean 'x'?`, or nothing where no known name is near."""
    near = difflib.get_close_matches(name, list(known), n=1)
    return f"; did you mean {near[0]!r}?" if near else ""


def check_connection(pipeline: Pipeline, path: str, connections: Connections, conn_id: str) -> list[Problem]:
    """Return why a connection cannot be had, if so."""
    try:
        connections.get(conn_id)
    except AdapterError as error:
        return [in_pipeline(pipeline, path, str(error))]
    return []
