"""All checks of a project, or of one pipeline."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from seamwatch.adapters.base import Connections
from seamwatch.engine.check.columns import check_columns, check_truths
from seamwatch.engine.check.doubts import check_doubts
from seamwatch.engine.check.endpoints import AskModel, check_endpoints
from seamwatch.engine.check.evaluators import check_evaluators
from seamwatch.engine.check.expectations import check_expectations
from seamwatch.engine.check.files import check_files, unused_folders
from seamwatch.engine.check.keys import check_keys
from seamwatch.engine.check.paths import check_paths
from seamwatch.engine.check.places import check_connection, in_pipeline, with_line
from seamwatch.engine.check.prices import check_prices
from seamwatch.engine.check.references import check_references
from seamwatch.engine.check.row_times import check_row_time
from seamwatch.engine.check.sample import SampleReader, read_sample
from seamwatch.engine.check.truths import check_benchmark, check_labels
from seamwatch.engine.protocols import settle_protocols
from seamwatch.errors import Problem, ProblemLevel
from seamwatch.spec.load import Project
from seamwatch.spec.pipeline import Pipeline
from seamwatch.vocabulary import Protocol

if TYPE_CHECKING:
    from seamwatch.engine.check.judges import AskJudge


def check_project(
    project: Project,
    connections: Connections,
    *,
    only: str | None = None,
    ask: AskModel | None = None,
    ask_judge: AskJudge | None = None,
) -> list[Problem]:
    """Return every problem of the project, or of one pipeline, and what else a person should know of it.

    Args:
        project: With its broken files.
        connections: Where databases, endpoints and channels are found.
        only: Name of one pipeline.
        ask: Calls a model endpoint; None: none is called.
        ask_judge: Asks a judge model about answers; None: none is asked.
    """
    problems = [p for file, found in project.broken.items() if only in (None, Path(file).stem) for p in found]
    for name, pipeline in project.pipelines.items():
        if only in (None, name):
            problems += check_pipeline(project, pipeline, connections, ask=ask, ask_judge=ask_judge)
    if only is None:
        problems += unused_folders(project)
    return problems


def check_pipeline(
    project: Project,
    pipeline: Pipeline,
    connections: Connections,
    *,
    ask: AskModel | None = None,
    ask_judge: AskJudge | None = None,
) -> list[Problem]:
    """Return every problem of one pipeline that only its surroundings show: files, tables, and a few of their rows."""
    problems = list(check_files(project, pipeline))
    for name in pipeline.knowledge_bases:
        from seamwatch.engine.check.knowledge import check_knowledge_base  # noqa: PLC0415 - brings git and more

        problems += check_knowledge_base(project, pipeline, name, connections)
    for stage in pipeline.stages:
        if stage.endpoint is not None and stage.endpoint.protocol is not Protocol.CALLABLE:
            path = f"stages.{stage.name}.endpoint"
            problems += check_connection(pipeline, path, connections, stage.endpoint.connection)
    for name, action in pipeline.actions.items():
        for part in ("connection", "database", "key_from"):
            conn_id = getattr(action, part, None)
            if conn_id is not None:
                problems += check_connection(pipeline, f"actions.{name}.{part}", connections, conn_id)
    if pipeline.slack is not None or pipeline.second_way is not None:
        from seamwatch.engine.check.channels import check_channels  # noqa: PLC0415 - brings Slack's client

        problems += check_channels(pipeline, connections)
    reader = SampleReader(settle_protocols(pipeline, connections), connections, project)
    try:
        problems += _check_tables(project, reader, connections, ask, ask_judge)
        problems += check_evaluators(project, pipeline, connections, reader)
    finally:
        reader.close()
    # One missing connection is one problem, however many stages need it; of a guess each stage has its own.
    once = {_identity(problem): problem for problem in reversed(problems)}
    return [with_line(project, problem) for problem in reversed(once.values())]


def _identity(problem: Problem) -> tuple[str, str, str]:
    return problem.file, problem.text, "" if problem.level is ProblemLevel.ERROR else problem.path


def _check_tables(
    project: Project, reader: SampleReader, connections: Connections, ask: AskModel | None, ask_judge: AskJudge | None
) -> Iterator[Problem]:
    """Yield what is wrong with columns, and then what the rows of those stages show whose columns are all there."""
    pipeline, sound = reader.pipeline, []
    for stage in pipeline.stages:
        found = list(check_columns(project, pipeline, stage, reader))
        yield from found
        yield from check_row_time(pipeline, stage, reader)
        if not any(one.path.startswith(f"stages.{stage.name}") for one in found):
            sound.append(stage)
    yield from check_truths(pipeline, reader)
    sample, problems = read_sample(project, pipeline, reader, sound)
    yield from problems
    if sample is None:
        return
    trials = [
        *(partial(trial, sample) for trial in (check_keys, check_paths, check_references, check_labels, check_doubts)),
        *(partial(check_benchmark, sample), partial(check_expectations, sample, connections)),
        partial(check_prices, sample, connections),
    ]
    if ask is not None:
        trials.append(partial(check_endpoints, sample, ask))
    if ask_judge is not None:
        from seamwatch.engine.check.judges import check_judges_live  # noqa: PLC0415 - brings the store

        trials.append(partial(check_judges_live, sample, ask_judge))
    for trial in trials:
        yield from _ended_well(pipeline, trial)


def _ended_well(pipeline: Pipeline, trial: partial[Iterator[Problem]]) -> Iterator[Problem]:
    """Yield what a trial finds; one that ends in an error of its own hides nothing that the others find."""
    try:
        yield from trial()
    except Exception as error:
        what = next(iter(str(error).splitlines()), "")
        text = f"could not be tried to the end ({trial.func.__name__}): {type(error).__name__}: {what}"
        yield in_pipeline(pipeline, "stages", text)
