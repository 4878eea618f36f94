"""The command line: the same use cases as the DAGs, on connections from the environment."""

from __future__ import annotations

import getpass
import os
import sys
import traceback
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from seamwatch.errors import ProblemLevel, SeamwatchError
from seamwatch.report.text import json_text, visible, visible_lines
from seamwatch.secret_redaction import SECRETS, redact_logs
from seamwatch.settings import Settings
from seamwatch.vocabulary import Door, FailOn, IncidentAction, Responsibility, Watch

if TYPE_CHECKING:
    from seamwatch.adapters.base import Notifier
    from seamwatch.core.results import Attribution, Window
    from seamwatch.engine.check.endpoints import AskModel
    from seamwatch.engine.deps import Deps
    from seamwatch.spec.load import Project
    from seamwatch.spec.pipeline import Pipeline

app = typer.Typer(
    name="seamwatch",
    help="Whose fault was the wrong answer? Reliability engineering for AI pipelines on Apache Airflow.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

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


def main() -> None:
    """Run the command line; a mistake of a person ends with its message and exit code 1."""
    redact_logs()
    try:
        app()
    except SeamwatchError as error:
        _say(f"seamwatch: {error}")
        sys.exit(1)
    except Exception:  # a defect: its traceback is for its report, and may repeat what a connection held
        _say(traceback.format_exc().rstrip())
        sys.exit(1)


@app.command()
def check(
    pipeline: Annotated[str | None, typer.Argument(help="Only this pipeline.")] = None,
    strict: Annotated[bool, typer.Option("--strict", help="Refuse what is a warning else, as no owner.")] = False,
    live: Annotated[
        bool, typer.Option("--live", help="Call every model endpoint once; costs money, within the budget.")
    ] = False,
    project: ProjectOption = None,
    as_json: JsonOption = None,
) -> None:
    """Validate every pipeline file, reference, suite, table and column, and try them on a few records.

    Exit 1 with all problems.
    """
    from seamwatch.adapters.connections import EnvironmentConnections
    from seamwatch.engine.check import check_project

    settings = _settings(project)
    loaded = _project(settings)
    if pipeline is not None and pipeline not in {*loaded.pipelines, *(Path(file).stem for file in loaded.broken)}:
        loaded.pipeline(pipeline)
    with _asking(settings) if live else nullcontext() as ask:
        found = check_project(loaded, EnvironmentConnections(), only=pipeline, ask=ask)
    fatal = (ProblemLevel.ERROR, ProblemLevel.WARNING) if strict else (ProblemLevel.ERROR,)
    refused = [problem for problem in found if problem.level in fatal]
    notes = [problem for problem in found if problem.level is ProblemLevel.NOTE]
    problems = [vars(problem) for problem in found if problem.level is not ProblemLevel.NOTE]
    _write_json(as_json, {"problems": problems, "notes": list(map(vars, notes)), "pipelines": sorted(loaded.pipelines)})
    for problem in [*notes, *(one for one in found if one.level is not ProblemLevel.NOTE)]:
        _say(str(problem))
    if refused:
        _say(f"{len(refused)} problem{'s' if len(refused) > 1 else ''}")
        raise typer.Exit(1)
    if str(as_json) != "-":
        names = [pipeline] if pipeline else sorted(loaded.pipelines)
        print(f"{', '.join(names) or 'no pipelines'}: no problem found")


@app.command()
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

    errors: tuple[str, ...] = ()
    with _open(project, pipeline, start, end) as (deps, spec, window):
        with open_window(deps, spec, window) as opened:
            for number, stage in enumerate(spec.stages, start=1):
                result = check_stage(deps, spec, stage, window, opened)
                mark = "failed" if result.is_critical else "ok"
                _say(f"[{number}/{len(spec.stages)}] {stage.name}: {mark}, {result.n_records} records")
            _say("attributing ...")
            attribution = attribute_window(deps, spec, window, is_asked=True, opened=opened)
        changes = decide_incidents(deps, spec, window)
        reports = write_reports(deps, spec, window)
        if not no_slack:
            summary = deliver_pending(deps)
            note_delivery(deps)
            errors = summary.errors
            _say(f"delivered {summary.n_sent}, waiting {summary.n_waiting}, given up {summary.n_failed}")
    incidents = [{"id": c.incident.id, "change": c.kind.value, "headline": c.incident.headline} for c in changes]
    document = {
        **attribution_json(attribution),
        "incidents": incidents,
        "reports": [str(path) for path in reports],
    }
    _write_json(as_json, document)
    if str(as_json) != "-":
        print_attribution(attribution)
        print_changes(changes)
        for path in reports:
            if path.suffix == ".html":
                _print(f"report: {path}")
    for error in errors:
        _say(f"delivery: {error}")
    if errors:
        raise typer.Exit(1)
    _exit_on(fail_on, attribution)


@app.command()
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
        with _open(project, pipeline, start, end) as (deps, spec, window):
            if bundle is None:
                attribution = attribute_window(deps, spec, window, is_asked=True)
            else:
                attribution = record(deps, spec, window, bundle)
    if verdicts is not None:
        verdicts.parent.mkdir(parents=True, exist_ok=True)
        verdicts.write_text(verdicts_csv(attribution.verdicts), encoding="utf-8", newline="")
    _write_json(as_json, attribution_json(attribution))
    if str(as_json) != "-":
        print_attribution(attribution)
    _exit_on(fail_on, attribution)


@app.command()
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

    now = _moment(at, "--at") if at is not None else None
    with _deps(_settings(project)) as deps:
        spec = deps.project.pipeline(pipeline)
        names = [knowledge_base] if knowledge_base is not None else list(spec.knowledge_bases)
        unknown = [name for name in names if name not in spec.knowledge_bases]
        if unknown or not names:
            known = ", ".join(spec.knowledge_bases) or "none; define one under knowledge_bases"
            msg = f"{pipeline} has no knowledge base{f' {unknown[0]!r}' if unknown else ''}; known: {known}"
            raise typer.BadParameter(msg)
        checks = [check_knowledge_base(deps, spec, name, is_full=is_full, now=now) for name in names]
    _write_json(as_json, {"pipeline": pipeline, "knowledge_bases": [freshness_json(check) for check in checks]})
    if str(as_json) != "-":
        for found in checks:
            print_freshness(found)
    if any(found.is_breached for found in checks):
        raise typer.Exit(2)


@app.command()
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

    now = _moment(at, "--at") if at is not None else None
    with _deps(_settings(project)) as deps:
        spec = deps.project.pipeline(pipeline)
        status = look_at_objectives(deps, spec, now=now)
        found = [deps.store.last_watch_report(pipeline, watch) for watch in Watch]
        watches = [report for report in found if report is not None]
        if html is not None:
            html.write_text(slo_page(deps, spec), encoding="utf-8")
    _write_json(as_json, slo_json(status, watches))
    if str(as_json) != "-":
        print_slo(status)
        print_watches(watches)


@app.command()
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
        spec = _project(_settings(project)).pipeline(pipeline)
        print(openslo_text(spec.slos, service=pipeline), end="")


@app.command()
def gate(
    pipeline: PipelineArgument,
    override: Annotated[
        str | None, typer.Option("--override", help="Let releases through for this reason; needs --by and --until.")
    ] = None,
    by: Annotated[str | None, typer.Option("--by", help="Who takes the responsibility.")] = None,
    until: Annotated[str | None, typer.Option("--until", help="When the override ends, ISO 8601.")] = None,
    objective: Annotated[str | None, typer.Option("--objective", help="Only this objective is set aside.")] = None,
    project: ProjectOption = None,
    as_json: JsonOption = None,
) -> None:
    """Say whether releases may go on: exit code 0, or 3 where a spent error budget freezes them.

    Exit code 4 where the last look at the budgets is stale and `error_budget.when_stale` is `freeze`.
    """
    from seamwatch.engine.slo import gate as decide
    from seamwatch.engine.slo import let_through
    from seamwatch.report.machine import gate_json

    if override is not None and not (by and until):
        msg = "an override needs --by and --until"
        raise typer.BadParameter(msg)
    with _deps(_settings(project)) as deps:
        spec = deps.project.pipeline(pipeline)
        if override is not None:
            end = _moment(str(until), "--until")
            let_through(deps, spec, reason=override, by=str(by), until=end, objective=objective)
        decision = decide(deps, spec)
    _write_json(as_json, {"pipeline": pipeline, **gate_json(decision)})
    if str(as_json) != "-":
        _print(f"{pipeline}: releases {'may go on' if decision.allowed else 'are frozen'}: {decision.reason}")
    if not decision.allowed:
        raise typer.Exit(3 if decision.is_frozen else 4)


@app.command()
def void(
    incident: Annotated[str, typer.Argument(help="Id of the incident whose debits are refunded.")],
    reason: Annotated[str, typer.Option("--reason", help="Why it was not ours, as a planned test.")],
    by: Annotated[str, typer.Option("--by", help="Who decides it.")],
    undo: Annotated[bool, typer.Option("--undo", help="Take a refund back.")] = False,
    project: ProjectOption = None,
) -> None:
    """Refund what an incident took from the error budgets; as `seamwatch incident void`, or with --undo `reopen`."""
    action = IncidentAction.REOPEN if undo else IncidentAction.VOID
    _act(project, action, incident, by=by, why=reason)


@app.command()
def incident(
    action: Annotated[IncidentAction, typer.Argument(help="What to do with it.")],
    incident_id: Annotated[str, typer.Argument(metavar="ID", help="As `seamwatch incidents` lists it.")],
    by: Annotated[str, typer.Option("--by", help="Who does it; default: the name you are logged in with.")] = "",
    why: Annotated[str, typer.Option("--why", help="Why; a void needs it.")] = "",
    until: Annotated[str | None, typer.Option("--until", help="End of a mute, ISO 8601; default: in 4 hours.")] = None,
    into: Annotated[str | None, typer.Option("--into", help="Id of the incident to merge it into.")] = None,
    responsibility: Annotated[
        Responsibility | None, typer.Option("--responsibility", help="Whose it really was, where a verdict is wrong.")
    ] = None,
    project: ProjectOption = None,
    as_json: JsonOption = None,
) -> None:
    """Take on, mute, call mitigated or resolved, reopen, merge, split off or void an incident, or call it wrong.

    Exit code 1 where that is not possible as the incident stands: then nothing changed.
    """
    _act(
        project,
        action,
        incident_id,
        by=by,
        why=why,
        until=None if until is None else _moment(until, "--until"),
        into=into,
        responsibility=responsibility,
        as_json=as_json,
    )


def _act(
    project: Path | None, action: IncidentAction, incident_id: str, *, by: str, as_json: Path | None = None, **more: Any
) -> None:
    from seamwatch.engine.incident_actions import act_on_incident
    from seamwatch.report.action_results import refusal_text, result_text

    with _deps(_settings(project)) as deps:
        name = by.strip() or getpass.getuser()
        done = act_on_incident(deps, incident_id, action, by=name, door=Door.COMMAND_LINE, **more)
    state = {"id": done.incident.id, "state": done.incident.state.value, "refusal": done.refusal, "by": name}
    _write_json(as_json, {**state, "still_fails": done.still_fails, "debits": done.n_debits})
    if done.refusal is not None:
        _say(refusal_text(done.refusal, done.incident))
        raise typer.Exit(1)
    if str(as_json) != "-":
        _print(result_text(done.incident, still_fails=done.still_fails, n_debits=done.n_debits))


@app.command()
def incidents(
    pipeline: Annotated[str | None, typer.Argument(help="Only this pipeline.")] = None,
    show_all: Annotated[bool, typer.Option("--all", help="Resolved ones too.")] = False,
    project: ProjectOption = None,
    as_json: JsonOption = None,
) -> None:
    """List incidents, newest first."""
    from seamwatch.vocabulary import IncidentState

    states = None if show_all else {state for state in IncidentState if state.is_open}
    with _deps(_settings(project)) as deps:
        found = deps.store.incidents(pipeline, states)
        late = deps.store.undelivered([one.id for one in found], now=deps.clock())
        untold = {one.incident_id: one.last_error for one in reversed(late)}
    rows = [
        {
            "id": i.id,
            "state": i.state.value,
            "severity": i.severity,
            "maintenance": i.maintenance,
            "pipeline": i.pipeline,
            "responsibility": i.responsibility.value,
            "stage": i.stage,
            "confidence": i.confidence,
            "opened_at": i.opened_at.isoformat(),
            "headline": i.headline,
            "undelivered": untold.get(i.id),
        }
        for i in found
    ]
    _write_json(as_json, {"incidents": rows})
    if str(as_json) == "-":
        return
    for row in rows:
        _print(f"{row['state']:<12} {row['severity'] or '-':<4} {row['id']}  {row['headline']}")
        if row["undelivered"]:
            _print(f"{'':<12} not delivered to its channel: {row['undelivered']}")
    if rows:
        _say(f"{len(rows)} {'' if show_all else 'open '}incident{'' if len(rows) == 1 else 's'}")
    else:
        print("no incidents" if show_all else "no open incidents")


@app.command()
def report(
    incident: Annotated[str, typer.Argument(help="Id of the incident, as `seamwatch incidents` lists it.")],
    form: Annotated[str, typer.Option("--format", help="html, md or json.")] = "md",
    project: ProjectOption = None,
) -> None:
    """Print the root-cause report of an incident."""
    from seamwatch.engine.incidents import render_report, report_of
    from seamwatch.errors import StoreError

    with _deps(_settings(project)) as deps:
        found = deps.store.incident(incident)
        if found is None:
            known = ", ".join(i.id for i in deps.store.incidents(limit=5)) or "none"
            msg = f"no incident {incident!r}; newest: {known}"
            raise StoreError(msg)
        print(render_report(report_of(deps, deps.project.pipeline(found.pipeline), found), form))


@app.command()
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

    with _open(project, pipeline, start, end) as (deps, spec, window):
        score = accept_baseline(deps, spec, window, size=calls)
    print(f"{pipeline}: accuracy {score.accuracy:.3f} on {score.n_judged} benchmark inputs, accepted as the baseline")


@app.command()
def deliver(
    retry: Annotated[bool, typer.Option("--retry", help="Try at once, also what was given up.")] = False,
    drop: Annotated[
        str | None, typer.Option(metavar="INCIDENT", help="Send no message of this incident that waits now.")
    ] = None,
    project: ProjectOption = None,
) -> None:
    """Send the messages that wait in the outbox. Exit code 1 while any could not be delivered."""
    from seamwatch.engine.deliver import deliver_pending, describe_undelivered
    from seamwatch.engine.heartbeat import note_delivery, tell_monitor

    with _deps(_settings(project)) as deps:
        if drop is not None:
            if deps.store.incident(drop) is None:
                msg = f"no incident {drop!r}; `seamwatch incidents` lists them"
                raise typer.BadParameter(msg, param_hint="--drop")
            n_dropped = deps.store.drop_deliveries(
                drop, reason="dropped by `seamwatch deliver --drop`", now=deps.clock()
            )
            print(f"{n_dropped} messages of {drop} are not sent")
        if retry:
            deps.store.retry_deliveries(now=deps.clock())
        summary = deliver_pending(deps)
        note_delivery(deps)
        if not summary.errors:
            tell_monitor(deps)
    print(f"delivered {summary.n_sent}, waiting {summary.n_waiting}, given up {summary.n_failed}")
    if summary.errors or summary.undelivered:
        _say(describe_undelivered(summary))
        raise typer.Exit(1)


@app.command()
def slack(project: ProjectOption = None) -> None:
    """Take what people press in Slack, over Slack's Socket Mode, until it is stopped; runs beside the scheduler.

    For pipelines with `slack.actions`. The connection's extra `app_token` is the app-level token. No address of this
    machine needs to be public.
    """
    import signal
    from threading import Event

    from seamwatch.engine.slack_listener import listen_to_slack
    from seamwatch.orchestration.paused import is_airflow_set_up

    settings, stop = _settings(project), Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    listen_to_slack(lambda: _airflow_deps(settings) if is_airflow_set_up() else _deps(settings), stop, say=_say)
    _say("stopped")


@app.command()
def status(
    pipeline: Annotated[str | None, typer.Argument(help="Only this pipeline.")] = None,
    project: ProjectOption = None,
    as_json: JsonOption = None,
) -> None:
    """Say whether Seamwatch itself still works: what ran when, what stands still, which messages wait.

    For a monitor outside: exit code 7 where something stands still, never ran, or waits for too long. It reads the
    store alone, so it answers also where Airflow does not.
    """
    from seamwatch.engine.watcher_status import watcher_status
    from seamwatch.orchestration.paused import paused_dags
    from seamwatch.report.console import print_watcher_status
    from seamwatch.report.watcher_status import status_json

    with _deps(_settings(project)) as deps:
        only = None if pipeline is None else {deps.project.pipeline(pipeline).pipeline}
        found = watcher_status(deps, only=only)
        if not found.is_well and (paused := paused_dags()):
            found = watcher_status(deps, only=only, paused=paused)
    _write_json(as_json, status_json(found))
    if str(as_json) != "-":
        print_watcher_status(found)
    if not found.is_well:
        raise typer.Exit(7)


@app.command()
def migrate(project: ProjectOption = None) -> None:
    """Bring Seamwatch's own store to the newest migration, and look for damage in the file of an SQLite store."""
    from seamwatch.store.repo import Store

    settings = _settings(project)
    store = Store.open(_store_url(settings), migrate_first=True)
    try:
        store.require_undamaged()
    finally:
        store.close()
    print("the store is at the newest migration")


@app.command()
def purge(
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would go.")] = False,
    project: ProjectOption = None,
    as_json: JsonOption = None,
) -> None:
    """Delete from the store what is older than `store.keep` and `store.keep_incidents` of include/settings.yaml."""
    from seamwatch.engine.retention import purge_store

    with _deps(_settings(project)) as deps:
        found = purge_store(deps, is_dry_run=dry_run)
    _write_json(as_json, {"is_dry_run": dry_run, "rows": found.rows, "bytes": found.n_bytes, "notes": found.notes})
    for note in found.notes:
        _say(note)
    if str(as_json) == "-":
        return
    for what, n in found.rows.items():
        print(f"{n:>12,} {what}")
    done = "would be deleted" if dry_run else "deleted"
    print(f"{sum(found.rows.values()):>12,} rows {done}; the file became {found.n_bytes:,} bytes smaller")


@app.command()
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

    run_demo(_settings(project).project_dir, folder)


@contextmanager
def _asking(settings: Settings) -> Iterator[AskModel]:
    """Give what calls a model once: priced, tagged, and booked against the pipeline's budget."""
    from seamwatch.engine.check.live import ask_once

    with _deps(settings) as deps:
        yield lambda pipeline, stage, call: ask_once(deps, pipeline, stage, call)


def _settings(project: Path | None) -> Settings:
    return Settings.from_env(project_dir=project)


def _project(settings: Settings) -> Project:
    from seamwatch.spec.load import load_project

    return load_project(settings.project_dir)


def _store_url(settings: Settings) -> Any:
    """Return the store's URL: the connection `seamwatch_store`, where there is one, else the settings'."""
    from seamwatch.adapters.connections import EnvironmentConnections, database_url
    from seamwatch.errors import ConnectionNotFound

    try:
        return database_url(EnvironmentConnections().get("seamwatch_store"))
    except ConnectionNotFound:
        return settings.store_url


def _airflow_deps(settings: Settings) -> AbstractContextManager[Deps]:
    """Give the same with Airflow's own connections, for a process that runs as one of Airflow's services."""
    os.environ.setdefault("_AIRFLOW_PROCESS_CONTEXT", "server")  # as Airflow's own: its database holds connections
    from seamwatch.orchestration.deps import open_deps

    return open_deps(settings.project_dir)


@contextmanager
def _deps(settings: Settings) -> Iterator[Deps]:
    from seamwatch.adapters.connections import EnvironmentConnections
    from seamwatch.engine.deps import Deps
    from seamwatch.store.repo import Store

    connections = EnvironmentConnections()

    def notifier(conn_id: str) -> Notifier:
        from seamwatch.adapters.notify.slack import SlackNotifier

        return SlackNotifier(connections.get(conn_id))

    store = Store.open(_store_url(settings), migrate_first=True)
    try:
        yield Deps(
            project=_project(settings),
            connections=connections,
            store=store,
            data_dir=settings.data_dir,
            ui_url=settings.ui_url,
            clock=lambda: datetime.now(UTC),
            notifier=notifier,
            heartbeat_url=settings.heartbeat_url,
        )
    finally:
        store.close()


@contextmanager
def _open(project: Path | None, pipeline: str, start: str, end: str) -> Iterator[tuple[Deps, Pipeline, Window]]:
    from seamwatch.core.results import Window

    window = Window(start=_moment(start, "--from"), end=_moment(end, "--to"))
    with _deps(_settings(project)) as deps:
        yield deps, deps.project.pipeline(pipeline), window


def _moment(text: str, option: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        msg = f"{text!r} is no ISO 8601 time, as 2026-11-23 or 2026-11-23T08:00:00+01:00"
        raise typer.BadParameter(msg, param_hint=option) from error
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _exit_on(conditions: list[FailOn] | None, attribution: Attribution) -> None:
    """End with the exit code of the first condition that a window meets: 5 for an incident, 6 for undetermined records.

    A window of which no record was judged is undetermined too: nobody knows.
    """
    leading = attribution.leading or next(iter(attribution.seam_changes), None)
    if FailOn.INCIDENT in (conditions or ()) and leading is not None:
        _say(f"--fail-on incident: {leading.headline}")
        raise typer.Exit(5)
    n_judged, n_unknown = attribution.n_observed - attribution.n_pending, attribution.n_undetermined
    if FailOn.UNDETERMINED in (conditions or ()) and (n_unknown or not n_judged):
        said = f"{n_unknown} of {attribution.n_failing} failing records" if n_judged else "no record could be judged"
        _say(f"--fail-on undetermined: {said}")
        raise typer.Exit(6)


def _say(text: str) -> None:
    """Write to standard error, without secrets and with what would steer a terminal made visible."""
    print(visible_lines(SECRETS.redact(text)), file=sys.stderr, flush=True)


def _print(line: str) -> None:
    """Write one line to standard output, as safely as `_say` does."""
    print(visible(SECRETS.redact_record(line)))


def _write_json(target: Path | None, document: dict[str, Any]) -> None:
    if target is None:
        return
    text = json_text(SECRETS.redact_document(document))
    if str(target) == "-":
        print(text)
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(f"{text}\n", encoding="utf-8")
