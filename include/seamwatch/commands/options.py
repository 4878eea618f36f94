"""Options and arguments that several commands take."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from seamwatch.vocabulary import FailOn

ProjectOption = Annotated[
    Path | None,
    typer.Option("--project", help="Project folder; default: SEAMWATCH_PROJECT_DIR, else the working folder."),
]


PipelineArgument = Annotated[str, typer.Argument(help="Name of the pipeline.")]


FromOption = Annotated[str, typer.Option("--from", help="First moment, ISO 8601; UTC where no zone is given.")]


ToOption = Annotated[str, typer.Option("--to", help="First moment after it, ISO 8601.")]


FailOnOption = Annotated[
    list[FailOn] | None,
    typer.Option(
        "--fail-on",
        help="Exit code 5 where the window shows an incident, 6 where failing records stay undetermined or none could "
        "be judged. May be given twice.",
    ),
]


JsonOption = Annotated[Path | None, typer.Option("--json", help="Write the result as JSON to this file; - for stdout.")]


def parse_moment(text: str, option: str) -> datetime:
    """Return the aware moment that an option gives; UTC where it names no zone.

    Raises:
        BadParameter: If it is no ISO 8601 time.
    """
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        msg = f"{text!r} is no ISO 8601 time, as 2026-11-23 or 2026-11-23T08:00:00+01:00"
        raise typer.BadParameter(msg, param_hint=option) from error
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
