"""Commands about what is promised: freshness of documents, objectives, and whether releases may go on."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from seamwatch.commands.dependencies import open_deps, project_of, settings_of
from seamwatch.commands.options import JsonOption, PipelineArgument, ProjectOption, parse_moment
from seamwatch.commands.output import print_line, say, write_json
from seamwatch.vocabulary import Watch


def freshness(
    pipeline: PipelineArgument,
    knowledge_base: Annotated[
        str | None, typer.Option("--knowledge-base", help="Only this one; default: all of the pipeline.")
    ] = None,
    is_full: Annotated[bool, typer.Option("--full", help="List everything, not only what changed.")] = False,
    at: Annotated[str | None, typer.Option("--at", help="Look back from this moment, ISO 8601; default: now.")] = None,
    project: ProjectOption = None,
    as_json: JsonOption = None,
) -> None:
    """Check the knowledge bases: which documents are stale, missing or gone, why, and how many answers rested on them.

    Exit code 2 where fewer answers rest on up-to-date documents than the goal asks for.
    """
    from seamwatch.engine.freshness import check_knowledge_base
    from seamwatch.report.console import print_freshness
    from seamwatch.report.machine import freshness_json

    now = parse_moment(at, "--at") if at is not None else None
    with open_deps(settings_of(project)) as deps:
        spec = deps.project.pipeline(pipeline)
        names = [knowledge_base] if knowledge_base is not None else list(spec.knowledge_bases)
        unknown = [name for name in names if name not in spec.knowledge_bases]
        if unknown or not names:
            known = ", ".join(spec.knowledge_bases) or "none; define one under knowledge_bases"
            msg = f"{pipeline} has no knowledge base{f' {unknown[0]!r}' if unknown else ''}; known: {known}"
            raise typer.BadParameter(msg)
        checks = [check_knowledge_base(deps, spec, name, is_full=is_full, now=now) for name in names]
    write_json(as_json, {"pipeline": pipeline, "knowledge_bases": [freshness_json(check) for check in checks]})
    if str(as_json) != "-":
        for found in checks:
            print_freshness(found)
    if any(found.is_breached for found in checks):
        raise typer.Exit(2)


def slo(
    pipeline: PipelineArgument,
    at: Annotated[str | None, typer.Option("--at", help="Look from this moment, ISO 8601; default: now.")] = None,
    html: Annotated[Path | None, typer.Option("--html", help="Write the page with its charts to this file.")] = None,
    project: ProjectOption = None,
    as_json: JsonOption = None,
) -> None:
    """Look at the objectives and watches: what is left of each error budget, how fast it burns, what is not as it was.

    Incidents are opened and told by the DAG, not by this command.
    """
    from seamwatch.engine.slo import look_at_objectives
    from seamwatch.engine.slo_page import slo_page
    from seamwatch.report.console import print_slo, print_watches
    from seamwatch.report.machine import slo_json

    now = parse_moment(at, "--at") if at is not None else None
    with open_deps(settings_of(project)) as deps:
        spec = deps.project.pipeline(pipeline)
        status = look_at_objectives(deps, spec, now=now)
        found = [deps.store.last_watch_report(pipeline, watch) for watch in Watch]
        watches = [report for report in found if report is not None]
        if html is not None:
            html.write_text(slo_page(deps, spec), encoding="utf-8")
    write_json(as_json, slo_json(status, watches))
    if str(as_json) != "-":
        print_slo(status)
        print_watches(watches)


def openslo(
    pipeline: Annotated[str | None, typer.Argument(help="Write the objectives of this pipeline as OpenSLO v1.")] = None,
    read: Annotated[
        Path | None,
        typer.Option(
            "--read",
            exists=True,
            dir_okay=False,
            help="Read OpenSLO v1 documents and write the 'slos' of a pipeline file.",
        ),
    ] = None,
    project: ProjectOption = None,
) -> None:
    """Write objectives as OpenSLO v1 documents, or read them: YAML to standard output."""
    from seamwatch.spec.openslo import objectives_text, openslo_text

    if (pipeline is None) == (read is None):
        msg = "name a pipeline to write its objectives, or a file with --read"
        raise typer.BadParameter(msg)
    if read is not None:
        print(objectives_text(read.read_text(encoding="utf-8"), file=str(read)), end="")
    elif pipeline is not None:
        spec = project_of(settings_of(project)).pipeline(pipeline)
        print(openslo_text(spec.slos, service=pipeline), end="")


def gate(
    pipeline: PipelineArgument,
    override: Annotated[
        str | None, typer.Option("--override", help="Let releases through for this reason; needs --by and --until.")
    ] = None,
    by: Annotated[str | None, typer.Option("--by", help="Who takes the responsibility.")] = None,
    until: Annotated[str | None, typer.Option("--until", help="When the override ends, ISO 8601.")] = None,
    objective: Annotated[str | None, typer.Option("--objective", help="Only this objective is set aside.")] = None,
    release: Annotated[
        str | None, typer.Option("--release", help="What asks, as a version; the weekly review names it if it is held.")
    ] = None,
    project: ProjectOption = None,
    as_json: JsonOption = None,
) -> None:
    """Say whether releases may go on: exit code 0, or 3 where a spent error budget freezes them.

    Exit code 4 where the last look at the budgets is stale and `error_budget.when_stale` is `freeze`. The answer is
    kept for the weekly review; where the store cannot take it, that is said and the exit code stays.
    """
    from seamwatch.engine.slo import gate as decide
    from seamwatch.engine.slo import keep_gate_answer, let_through
    from seamwatch.report.machine import gate_json

    if override is not None and not (by and until):
        msg = "an override needs --by and --until"
        raise typer.BadParameter(msg)
    with open_deps(settings_of(project)) as deps:
        spec = deps.project.pipeline(pipeline)
        if override is not None:
            end = parse_moment(str(until), "--until")
            let_through(deps, spec, reason=override, by=str(by), until=end, objective=objective)
        decision = decide(deps, spec)
        problem = keep_gate_answer(deps, spec, decision, release=release)
    if problem is not None:
        say(problem)
    write_json(as_json, {"pipeline": pipeline, **gate_json(decision)})
    if str(as_json) != "-":
        print_line(f"{pipeline}: releases {'may go on' if decision.allowed else 'are frozen'}: {decision.reason}")
    if not decision.allowed:
        raise typer.Exit(3 if decision.is_frozen else 4)
