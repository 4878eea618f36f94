"""The command that runs the demo of a clone."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from seamwatch.commands.dependencies import settings_of
from seamwatch.commands.options import ProjectOption
from seamwatch.errors import SeamwatchError


def demo(
    folder: Annotated[Path, typer.Option(help="Where the demo keeps its data, reports and summary.")] = Path(
        "build/demo"
    ),
    project: ProjectOption = None,
) -> None:
    """Run the demo of a clone: a real pipeline, real faults, the DAGs in Airflow, a Slack receiver on loopback."""
    try:
        from seamwatch_demo.run import run_demo
    except ModuleNotFoundError as error:
        msg = (
            f"the demo is no part of the installed package: no module {error.name!r}; "
            "clone Seamwatch's repository and run `make demo` in it"
        )
        raise SeamwatchError(msg) from error

    run_demo(settings_of(project).project_dir, folder)
