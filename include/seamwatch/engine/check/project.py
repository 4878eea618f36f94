"""All checks of a project, or of one pipeline."""

from __future__ import annotations

from pathlib import Path

from seamwatch.adapters.base import Connections
from seamwatch.engine.check.columns import check_columns, check_truths
from seamwatch.engine.check.files import check_files, unused_folders
from seamwatch.engine.check.knowledge import check_knowledge_base
from seamwatch.engine.check.places import check_connection, with_line
from seamwatch.engine.reading import StageReader
from seamwatch.errors import Problem
from seamwatch.spec.load import Project
from seamwatch.spec.pipeline import Pipeline
from seamwatch.vocabulary import Protocol


def check_project(project: Project, connections: Connections, *, only: str | None = None) -> list[Problem]:
    """Return every problem of the project, or of one pipeline: files, references, suites, connections, columns."""
    problems = [p for file, found in project.broken.items() if only in (None, Path(file).stem) for p in found]
    for name, pipeline in project.pipelines.items():
        if only in (None, name):
            problems += check_pipeline(project, pipeline, connections)
    if only is None:
        problems += unused_folders(project)
    return problems


def check_pipeline(project: Project, pipeline: Pipeline, connections: Connections) -> list[Problem]:
    """Return every problem of one pipeline that only its surroundings show."""
    problems = list(check_files(project, pipeline))
    reader = StageReader(pipeline, connections, project)
    try:
        for stage in pipeline.stages:
            problems += check_columns(project, pipeline, stage, reader)
        problems += check_truths(pipeline, reader)
    finally:
        reader.close()
    for name in pipeline.knowledge_bases:
        problems += check_knowledge_base(project, pipeline, name, connections)
    for stage in pipeline.stages:
        if stage.endpoint is not None and stage.endpoint.protocol is not Protocol.CALLABLE:
            path = f"stages.{stage.name}.endpoint"
            problems += check_connection(pipeline, path, connections, stage.endpoint.connection)
    if pipeline.slack is not None:
        problems += check_connection(pipeline, "slack.connection", connections, pipeline.slack.connection)
    # One missing connection is one problem, however many stages need it.
    once = {(problem.file, problem.text): problem for problem in reversed(problems)}
    return [with_line(project, problem) for problem in reversed(once.values())]
