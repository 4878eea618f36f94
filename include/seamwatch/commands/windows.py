"""Commands about one window of a pipeline: run the main job, attribute, measure the model alone."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from seamwatch.commands.dependencies import open_window_deps
from seamwatch.commands.options import FailOnOption, FromOption, JsonOption, PipelineArgument, ProjectOption, ToOption
from seamwatch.commands.output import pause, print_line, say, write_json
from seamwatch.plurals import plural
from seamwatch.vocabulary import FailOn

if TYPE_CHECKING:
    from seamwatch.core.results import Attribution
    from seamwatch.engine.deps import Deps
    from seamwatch.spec.pipeline import Pipeline


def run(
    pipeline: PipelineArgument,
    start: FromOption,
    end: ToOption,
    no_slack: Annotated[bool, typer.Option("--no-slack", help="Leave the messages in the outbox.")] = False,
    fail_on: FailOnOption = None,
    project: ProjectOption = None,
    as_json: JsonOption = None,
) -> None:
    """Run the main job over one window: validate, isolate, attribute, open incidents, report, deliver.

    Exit code 1 where a message could not be delivered; 5 and 6 by --fail-on.
    """
    from seamwatch.engine.attribute import attribute_window
    from seamwatch.engine.deliver import deliver_pending
    from seamwatch.engine.heartbeat import note_delivery
    from seamwatch.engine.incidents import decide_incidents, write_reports
    from seamwatch.engine.validate import check_stage
    from seamwatch.engine.window import open_window
    from seamwatch.report.console import print_attribution, print_changes
    from seamwatch.report.machine import attribution_json
    from seamwatch.report.stages import stage_findings

    errors: tuple[str, ...] = ()
    with open_window_deps(project, pipeline, start, end) as (deps, spec, window):
        with open_window(deps, spec, window) as opened:
            for number, stage in enumerate(spec.stages, start=1):
                result = check_stage(deps, spec, stage, window, opened)
                mark = "; ".join(("failed" if result.is_critical else "ok", *stage_findings(result)))
                say(f"[{number}/{len(spec.stages)}] {stage.name}, {plural(result.n_records, 'record')}: {mark}")
            say("attributing ...")
            attribution = attribute_window(deps, spec, window, is_asked=True, opened=opened)
        _hint_of_records(deps, spec, attribution)
        changes = decide_incidents(deps, spec, window)
        reports = write_reports(deps, spec, window)
        if not no_slack:
            summary = deliver_pending(deps, sleep=pause)
            note_delivery(deps)
            errors = summary.errors
            say(f"delivered {summary.n_sent}, waiting {summary.n_waiting}, given up {summary.n_failed}")
    incidents = [{"id": c.incident.id, "change": c.kind.value, "headline": c.incident.headline} for c in changes]
    document = {
        **attribution_json(attribution),
        "incidents": incidents,
        "reports": [str(path) for path in reports],
    }
    write_json(as_json, document)
    if str(as_json) != "-":
        print_attribution(attribution)
        print_changes(changes)
        for path in reports:
            if path.suffix == ".html":
                print_line(f"report: {path}")
    for error in errors:
        say(f"delivery: {error}")
    if errors:
        raise typer.Exit(1)
    _exit_on(fail_on, attribution)


def attribute(
    pipeline: Annotated[str | None, typer.Argument(help="Name of the pipeline; none with --from-bundle.")] = None,
    start: Annotated[str | None, typer.Option("--from", help="First moment, ISO 8601; UTC without a zone.")] = None,
    end: Annotated[str | None, typer.Option("--to", help="First moment after it, ISO 8601.")] = None,
    verdicts: Annotated[Path | None, typer.Option(help="Write a row per failing record to this CSV file.")] = None,
    bundle: Annotated[
        Path | None, typer.Option(help="Write definition, evidence and model answers to this file, to replay it later.")
    ] = None,
    from_bundle: Annotated[
        Path | None,
        typer.Option(
            help="Replay such a file: same verdicts, no network, no connections. It runs the references that the file "
            "holds, so trust it as you would trust a repository."
        ),
    ] = None,
    fail_on: FailOnOption = None,
    project: ProjectOption = None,
    as_json: JsonOption = None,
) -> None:
    """Judge the outcomes of a window, isolate the model and say whose fault each wrong one was.

    Exit codes 5 and 6 by --fail-on.
    """
    from seamwatch.engine.attribute import attribute_window
    from seamwatch.engine.bundle import record, replay
    from seamwatch.report.console import print_attribution
    from seamwatch.report.machine import attribution_json, verdicts_csv

    if from_bundle is not None:
        if pipeline or start or end or bundle:
            msg = "a bundle names its pipeline and window: give --from-bundle without PIPELINE, --from, --to, --bundle"
            raise typer.BadParameter(msg)
        attribution = replay(from_bundle)
    else:
        if not (pipeline and start and end):
            msg = "give PIPELINE, --from and --to, or --from-bundle FILE"
            raise typer.BadParameter(msg)
        with open_window_deps(project, pipeline, start, end) as (deps, spec, window):
            if bundle is None:
                attribution = attribute_window(deps, spec, window, is_asked=True)
            else:
                attribution = record(deps, spec, window, bundle)
            _hint_of_records(deps, spec, attribution)
    if verdicts is not None:
        verdicts.parent.mkdir(parents=True, exist_ok=True)
        verdicts.write_text(verdicts_csv(attribution.verdicts), encoding="utf-8", newline="")
    write_json(as_json, attribution_json(attribution))
    if str(as_json) != "-":
        print_attribution(attribution)
    _exit_on(fail_on, attribution)


def baseline(
    pipeline: PipelineArgument,
    start: FromOption,
    end: ToOption,
    calls: Annotated[int, typer.Option(help="Calls to make; one input in five is asked twice.")] = 200,
    project: ProjectOption = None,
) -> None:
    """Measure the model alone on its benchmark, and accept the accuracy as the baseline.

    The window says which recorded rows show how the stages' payloads look.
    """
    from seamwatch.engine.baseline import accept_baseline

    with open_window_deps(project, pipeline, start, end) as (deps, spec, window):
        score = accept_baseline(deps, spec, window, size=calls)
    print(
        f"{pipeline}: accuracy {score.accuracy:.3f} on {plural(score.n_judged, 'benchmark input')}, accepted as "
        "the baseline"
    )


def _hint_of_records(deps: Deps, pipeline: Pipeline, attribution: Attribution) -> None:
    """Say where the records are, if the window holds none: most often its dates or its zone are mistaken."""
    from seamwatch.engine.newest_record import newest_record_at
    from seamwatch.report.numbers import moment

    if attribution.n_observed:
        return
    newest, first = newest_record_at(deps, pipeline), pipeline.first_stage
    came = f"the newest one came {moment(newest)}" if newest is not None else "nor does it hold any other"
    say(f"{first.name} holds no record of the window; {came}")


def _exit_on(conditions: list[FailOn] | None, attribution: Attribution) -> None:
    """End with the exit code of the first condition that a window meets: 5 for an incident, 6 for undetermined records.

    A window of which no record was judged is undetermined too: nobody knows.
    """
    leading = attribution.leading or next(iter(attribution.seam_changes), None)
    if FailOn.INCIDENT in (conditions or ()) and leading is not None:
        say(f"--fail-on incident: {leading.headline}")
        raise typer.Exit(5)
    n_judged, n_unknown = attribution.n_observed - attribution.n_pending, attribution.n_undetermined
    if FailOn.UNDETERMINED in (conditions or ()) and (n_unknown or not n_judged):
        said = (
            f"{n_unknown:,} of {plural(attribution.n_failing, 'failing record')}"
            if n_judged
            else "no record could be judged"
        )
        say(f"--fail-on undetermined: {said}")
        raise typer.Exit(6)
