"""Commands about answers that people judge: draw some, write them to a file, take labels in."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from seamwatch.commands.dependencies import open_deps, settings_of
from seamwatch.commands.options import FromOption, JsonOption, PipelineArgument, ProjectOption, ToOption, parse_moment
from seamwatch.commands.output import print_line, say, write_json
from seamwatch.plurals import agree, plural

labels = typer.Typer(
    name="labels", help="Answers for people to judge: draw, export, import.", no_args_is_help=True, add_completion=False
)


@labels.command()
def draw(
    pipeline: PipelineArgument,
    start: FromOption,
    end: ToOption,
    project: ProjectOption = None,
    as_json: JsonOption = None,
) -> None:
    """Draw answers of a window for people to judge, as `<pipeline>__review` does on its schedule."""
    from seamwatch.core.results import Window
    from seamwatch.engine.review.draw import draw_for_review

    window = Window(start=parse_moment(start, "--from"), end=parse_moment(end, "--to"))
    with open_deps(settings_of(project)) as deps:
        found = draw_for_review(deps, deps.project.pipeline(pipeline), window)
    document = {"pipeline": pipeline, "answers": found.n_answers, "drawn": found.n_drawn, "is_new": found.is_new}
    write_json(as_json, document)
    if str(as_json) != "-":
        again = "" if found.is_new else "; they were drawn before, and nothing changed"
        print_line(
            f"{found.n_drawn:,} of {plural(found.n_answers, 'answer')} {agree(found.n_drawn, 'waits', 'wait')} "
            f"for people to judge{again}"
        )


@labels.command(name="export")
def export_labels(
    pipeline: PipelineArgument,
    to: Annotated[Path | None, typer.Option("--to", help="File to write; default: standard output.")] = None,
    project: ProjectOption = None,
) -> None:
    """Write the answers that wait for people as CSV; the columns label, corrected, note and by are for them."""
    from seamwatch.engine.review.label_files import export_items

    with open_deps(settings_of(project)) as deps:
        text = export_items(deps, deps.project.pipeline(pipeline))
    if to is None:
        sys.stdout.write(text)
        return
    to.parent.mkdir(parents=True, exist_ok=True)
    to.write_text(text, encoding="utf-8")
    say(f"wrote {to}")


@labels.command(name="import")
def take_in(
    pipeline: PipelineArgument,
    file: Annotated[Path, typer.Argument(help="CSV with the columns label, and item or record.")],
    by: Annotated[str | None, typer.Option("--by", help="Who labelled, where the file does not say.")] = None,
    project: ProjectOption = None,
    as_json: JsonOption = None,
) -> None:
    """Take labels in from a CSV file; lines that are wrong are reported, and the others kept.

    Exit code 1 where a line was not kept. The same file a second time changes nothing.
    """
    from seamwatch.engine.review.label_files import import_labels

    try:
        text = file.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        msg = f"{file} cannot be read as UTF-8 text: {error}"
        raise typer.BadParameter(msg) from error
    with open_deps(settings_of(project)) as deps:
        found = import_labels(deps, deps.project.pipeline(pipeline), text, by=by)
    write_json(
        as_json,
        {
            "pipeline": pipeline,
            "kept": found.n_kept,
            "known": found.n_known,
            "empty": found.n_empty,
            "not_drawn": found.n_without_chance,
            "problems": [{"line": line, "text": text} for line, text in found.problems],
        },
    )
    if str(as_json) != "-":
        print_line(
            f"{plural(found.n_kept, 'label')} kept, {found.n_known} known before, "
            f"{plural(found.n_empty, 'line')} without a label"
        )
        if found.n_without_chance:
            print_line(
                f"{found.n_without_chance} of them count for outcomes only: their answers were not drawn by chance, or "
                "were judged before"
            )
    for line, text in found.problems:
        say(f"{file}, line {line}: {text}" if line else f"{file}: {text}")
    if found.problems:
        raise typer.Exit(1)


@labels.command()
def accuracy(pipeline: PipelineArgument, project: ProjectOption = None, as_json: JsonOption = None) -> None:
    """Show how many answers are right by people's labels, with an interval that is valid however often one looks."""
    from seamwatch.engine.review.accuracy import evaluator_errors, measured_accuracy, people_notes
    from seamwatch.report.measured_accuracy import accuracy_facts, accuracy_json

    with open_deps(settings_of(project)) as deps:
        spec = deps.project.pipeline(pipeline)
        found = measured_accuracy(deps, spec)
        waiting = deps.store.count_items(pipeline).n_open
    judge = evaluator_errors(spec, found)
    document = accuracy_json(found.weeks, found.counts, waiting=waiting, judge=judge)
    write_json(as_json, {"pipeline": pipeline, **document})
    if str(as_json) != "-":
        facts = accuracy_facts(found.last, found.counts, waiting=waiting, judge=judge, notes=people_notes(found))
        print_line(facts.lead)
        for name, value, note in facts.facts:
            print_line(f"  {name}: {value}{f' ({note})' if note else ''}")
        for note in facts.notes:
            print_line(note)
