"""Commands about incidents: list them, print a report, and what people do with one."""

from __future__ import annotations

import getpass
from pathlib import Path
from typing import Annotated, Any

import typer

from seamwatch.commands.dependencies import open_deps, settings_of
from seamwatch.commands.options import JsonOption, ProjectOption, parse_moment
from seamwatch.commands.output import print_line, say, write_json
from seamwatch.errors import StoreError
from seamwatch.vocabulary import Door, IncidentAction, IncidentState, Responsibility


def incidents(
    pipeline: Annotated[str | None, typer.Argument(help="Only this pipeline.")] = None,
    show_all: Annotated[bool, typer.Option("--all", help="Resolved ones too.")] = False,
    project: ProjectOption = None,
    as_json: JsonOption = None,
) -> None:
    """List incidents, newest first."""
    states = None if show_all else {state for state in IncidentState if state.is_open}
    from seamwatch.core.grades import correction_for

    with open_deps(settings_of(project)) as deps:
        found = deps.store.incidents(pipeline, states)
        grades = deps.store.told_grades()
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
            "confidence_corrected": by.corrected(i.confidence)
            if (by := correction_for(grades, i.responsibility)) is not None
            else None,
            "opened_at": i.opened_at.isoformat(),
            "headline": i.headline,
            "undelivered": untold.get(i.id),
        }
        for i in found
    ]
    write_json(as_json, {"incidents": rows})
    if str(as_json) == "-":
        return
    for row in rows:
        print_line(f"{row['state']:<12} {row['severity'] or '-':<4} {row['id']}  {row['headline']}")
        if row["undelivered"]:
            print_line(f"{'':<12} not delivered to its channel: {row['undelivered']}")
    if rows:
        say(f"{len(rows)} {'' if show_all else 'open '}incident{'' if len(rows) == 1 else 's'}")
    else:
        print("no incidents" if show_all else "no open incidents")


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
    """Take on, mute, call mitigated or resolved, reopen, merge, split off or void an incident, or judge its verdict.

    Exit code 1 where that is not possible as the incident stands: then nothing changed.
    """
    _act(
        project,
        action,
        incident_id,
        by=by,
        why=why,
        until=None if until is None else parse_moment(until, "--until"),
        into=into,
        responsibility=responsibility,
        as_json=as_json,
    )


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


def report(
    incident: Annotated[str, typer.Argument(help="Id of the incident, as `seamwatch incidents` lists it.")],
    form: Annotated[str, typer.Option("--format", help="html, md or json.")] = "md",
    project: ProjectOption = None,
) -> None:
    """Print the root-cause report of an incident."""
    from seamwatch.engine.incidents import render_report, report_of

    with open_deps(settings_of(project)) as deps:
        found = deps.store.incident(incident)
        if found is None:
            known = ", ".join(i.id for i in deps.store.incidents(limit=5)) or "none"
            msg = f"no incident {incident!r}; newest: {known}"
            raise StoreError(msg)
        print(render_report(report_of(deps, deps.project.pipeline(found.pipeline), found), form))


def _act(
    project: Path | None, action: IncidentAction, incident_id: str, *, by: str, as_json: Path | None = None, **more: Any
) -> None:
    from seamwatch.engine.incident_actions import act_on_incident
    from seamwatch.report.action_forms import outcome_text
    from seamwatch.report.action_results import refusal_text

    with open_deps(settings_of(project)) as deps:
        name = by.strip() or getpass.getuser()
        done = act_on_incident(deps, incident_id, action, by=name, door=Door.COMMAND_LINE, **more)
    state = {"id": done.incident.id, "state": done.incident.state.value, "refusal": done.refusal, "by": name}
    write_json(as_json, {**state, "still_fails": done.still_fails, "debits": done.n_debits})
    if done.refusal is not None:
        say(refusal_text(done.refusal, done.incident))
        raise typer.Exit(1)
    if str(as_json) != "-":
        print_line(outcome_text(action, done.incident, n_debits=done.n_debits))
