"""Commands that keep Seamwatch itself running: delivery, the way in from Slack, status, and the store."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from seamwatch.commands.dependencies import open_airflow_deps, open_deps, settings_of, store_url
from seamwatch.commands.options import JsonOption, ProjectOption
from seamwatch.commands.output import pause, say, write_json
from seamwatch.plurals import agree, plural

if TYPE_CHECKING:
    from seamwatch.engine.deps import Deps


def deliver(
    retry: Annotated[bool, typer.Option("--retry", help="Try at once, also what was given up.")] = False,
    drop: Annotated[
        str | None,
        typer.Option(
            metavar="INCIDENT",
            help="Send no message of this incident that waits now; or no digest of a week, as 2026-W45.",
        ),
    ] = None,
    project: ProjectOption = None,
) -> None:
    """Send the messages that wait in the outbox. Exit code 1 while any could not be delivered."""
    from seamwatch.engine.deliver import deliver_pending, describe_undelivered
    from seamwatch.engine.heartbeat import note_delivery, tell_monitor

    with open_deps(settings_of(project)) as deps:
        if drop is not None:
            print(f"{plural(_drop(deps, drop), 'message')} of {drop} will not be sent")
        if retry:
            deps.store.retry_deliveries(now=deps.clock())
            deps.store.weekly_digests.retry(now=deps.clock())
        summary = deliver_pending(deps, sleep=pause)
        note_delivery(deps)
        if not summary.errors:
            tell_monitor(deps)
    print(f"delivered {summary.n_sent}, waiting {summary.n_waiting}, given up {summary.n_failed}")
    if summary.errors or summary.undelivered:
        say(describe_undelivered(summary))
        raise typer.Exit(1)


def _drop(deps: Deps, what: str) -> int:
    """Return how many messages of an incident, or of a week, need not be sent any more."""
    reason, now, digests = "dropped by `seamwatch deliver --drop`", deps.clock(), deps.store.weekly_digests
    if digests.of_week(what):
        return digests.drop(week=what, reason=reason, now=now)
    if deps.store.incident(what) is None:
        msg = f"no incident {what!r}, nor a week with digests; `seamwatch incidents` lists incidents"
        raise typer.BadParameter(msg, param_hint="--drop")
    return deps.store.drop_deliveries(what, reason=reason, now=now)


def slack(project: ProjectOption = None) -> None:
    """Take what people press in Slack, over Slack's Socket Mode, until it is stopped; runs beside the scheduler.

    For pipelines with `slack.actions`. The connection's extra `app_token` is the app-level token. No address of this
    machine needs to be public.
    """
    import signal
    from threading import Event

    from seamwatch.engine.slack_listener import listen_to_slack
    from seamwatch.orchestration.paused import is_airflow_set_up

    settings, stop = settings_of(project), Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    listen_to_slack(lambda: open_airflow_deps(settings) if is_airflow_set_up() else open_deps(settings), stop, say=say)
    say("stopped")


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

    with open_deps(settings_of(project)) as deps:
        only = None if pipeline is None else {deps.project.pipeline(pipeline).pipeline}
        found = watcher_status(deps, only=only)
        if not found.is_well and (paused := paused_dags()):
            found = watcher_status(deps, only=only, paused=paused)
    write_json(as_json, status_json(found))
    if str(as_json) != "-":
        print_watcher_status(found)
    if not found.is_well:
        raise typer.Exit(7)


def migrate(project: ProjectOption = None) -> None:
    """Bring Seamwatch's own store to the newest migration, and look for damage in the file of an SQLite store."""
    from seamwatch.store.repo import Store

    settings = settings_of(project)
    store = Store.open(store_url(settings), migrate_first=True)
    try:
        store.require_undamaged()
    finally:
        store.close()
    print("the store is at the newest migration")


def purge(
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would go.")] = False,
    project: ProjectOption = None,
    as_json: JsonOption = None,
) -> None:
    """Delete from the store what is older than `store.keep` and `store.keep_incidents` of include/settings.yaml."""
    from seamwatch.engine.retention import purge_store

    with open_deps(settings_of(project)) as deps:
        found = purge_store(deps, is_dry_run=dry_run)
    write_json(as_json, {"is_dry_run": dry_run, "rows": found.rows, "bytes": found.n_bytes, "notes": found.notes})
    for note in found.notes:
        say(note)
    if str(as_json) == "-":
        return
    for what, n in found.rows.items():
        print(f"{n:>12,} {what}")
    done = "would be deleted" if dry_run else "deleted"
    print(
        f"{sum(found.rows.values()):>12,} {agree(sum(found.rows.values()), 'row', 'rows')} {done}; the file "
        f"became {plural(found.n_bytes, 'byte')} smaller"
    )
