"""The command that tries every pipeline file."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from seamwatch.commands.dependencies import open_deps, project_of, settings_of
from seamwatch.commands.options import JsonOption, ProjectOption
from seamwatch.commands.output import say, write_json
from seamwatch.errors import ProblemLevel
from seamwatch.settings import Settings

if TYPE_CHECKING:
    from seamwatch.engine.check.endpoints import AskModel
    from seamwatch.engine.check.judges import AskJudge


def check(
    pipeline: Annotated[str | None, typer.Argument(help="Only this pipeline.")] = None,
    strict: Annotated[bool, typer.Option("--strict", help="Refuse what is a warning else, as no owner.")] = False,
    live: Annotated[
        bool, typer.Option("--live", help="Call every model endpoint and judge once; costs money, within the budget.")
    ] = False,
    project: ProjectOption = None,
    as_json: JsonOption = None,
) -> None:
    """Validate every pipeline file, reference, suite, table and column, and try them on a few records.

    Exit 1 with all problems.
    """
    from seamwatch.adapters.connections import EnvironmentConnections
    from seamwatch.engine.check import check_project

    settings = settings_of(project)
    loaded = project_of(settings)
    if pipeline is not None and pipeline not in {*loaded.pipelines, *(Path(file).stem for file in loaded.broken)}:
        loaded.pipeline(pipeline)
    with _asking(settings) if live else nullcontext((None, None)) as (ask, ask_judge):
        found = check_project(loaded, EnvironmentConnections(), only=pipeline, ask=ask, ask_judge=ask_judge)
    fatal = (ProblemLevel.ERROR, ProblemLevel.WARNING) if strict else (ProblemLevel.ERROR,)
    refused = [problem for problem in found if problem.level in fatal]
    notes = [problem for problem in found if problem.level is ProblemLevel.NOTE]
    problems = [vars(problem) for problem in found if problem.level is not ProblemLevel.NOTE]
    write_json(as_json, {"problems": problems, "notes": list(map(vars, notes)), "pipelines": sorted(loaded.pipelines)})
    for problem in [*notes, *(one for one in found if one.level is not ProblemLevel.NOTE)]:
        say(str(problem))
    if refused:
        say(f"{len(refused)} problem{'s' if len(refused) > 1 else ''}")
        raise typer.Exit(1)
    if str(as_json) != "-":
        names = [pipeline] if pipeline else sorted(loaded.pipelines)
        print(f"{', '.join(names) or 'no pipelines'}: no problem found")


@contextmanager
def _asking(settings: Settings) -> Iterator[tuple[AskModel, AskJudge]]:
    """Give what calls a model once, and what asks a judge: priced, tagged, and booked against the budget of each."""
    from seamwatch.engine.check.live import ask_once
    from seamwatch.engine.evaluation.judge import ask_judge

    with open_deps(settings) as deps:
        yield (
            lambda pipeline, stage, call: ask_once(deps, pipeline, stage, call),
            lambda pipeline, spec, texts: ask_judge(deps, pipeline, spec, texts),
        )
