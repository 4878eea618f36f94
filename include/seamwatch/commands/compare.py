"""The command that compares two releases of a part of a pipeline."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Annotated

import typer

from seamwatch.commands.dependencies import open_deps, settings_of
from seamwatch.commands.options import JsonOption, PipelineArgument, ProjectOption, parse_moment
from seamwatch.commands.output import write_json

_SPAN = timedelta(days=28)


def compare(
    pipeline: PipelineArgument,
    first: Annotated[str, typer.Argument(help="A release: a value of the field.")],
    second: Annotated[str, typer.Argument(help="The release that is compared with it.")],
    by: Annotated[
        str, typer.Option("--by", help="The stage.field that names a record's release, as prompt.version or llm.model.")
    ],
    start: Annotated[
        str | None, typer.Option("--from", help="First moment, ISO 8601; default: 28 days before --to.")
    ] = None,
    end: Annotated[str | None, typer.Option("--to", help="First moment after it, ISO 8601; default: now.")] = None,
    inputs: Annotated[
        list[str] | None,
        typer.Option(
            "--input",
            help="A stage.field in which two inputs must agree to be the same; may be given more than once. Default: "
            "all fields of the sources.",
        ),
    ] = None,
    replay: Annotated[
        int,
        typer.Option(
            "--replay",
            min=0,
            help="Ask the model anew about so many inputs of one release, with its own request and with the other's, "
            "within the isolation budget.",
        ),
    ] = 0,
    markdown: Annotated[
        Path | None, typer.Option("--markdown", help="Write the page to this file, as Markdown.")
    ] = None,
    project: ProjectOption = None,
    as_json: JsonOption = None,
) -> None:
    """Compare two releases on the inputs that both answered: which got worse or better, and in which segments."""
    from seamwatch.core.results import Window
    from seamwatch.engine.compare import compare_releases
    from seamwatch.report.comparison import comparison_page, print_comparison, render_comparison
    from seamwatch.report.comparison_json import comparison_json

    with open_deps(settings_of(project)) as deps:
        until = deps.clock() if end is None else parse_moment(end, "--to")
        since = until - _SPAN if start is None else parse_moment(start, "--from")
        spec = deps.project.pipeline(pipeline)
        found = compare_releases(
            deps,
            spec,
            Window(start=since, end=until),
            by,
            (first, second),
            inputs=inputs or (),
            replays=replay,
        )
    page = comparison_page(found, spec)
    if markdown is not None:
        markdown.parent.mkdir(parents=True, exist_ok=True)
        markdown.write_text(render_comparison(page), encoding="utf-8")
    write_json(as_json, comparison_json(found, spec))
    if str(as_json) != "-":
        print_comparison(page)
