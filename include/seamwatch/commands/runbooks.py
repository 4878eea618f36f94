"""The command that shows and runs a runbook by hand."""

from __future__ import annotations

import getpass
from typing import Annotated, Any

import typer

from seamwatch.commands.dependencies import open_deps, settings_of
from seamwatch.commands.options import JsonOption, ProjectOption
from seamwatch.commands.output import print_line, say, write_json
from seamwatch.errors import DataContractError, StoreError
from seamwatch.vocabulary import Door


def runbook(
    incident_id: Annotated[str, typer.Argument(metavar="ID", help="As `seamwatch incidents` lists it.")],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what it finds and would do; keep nothing.")] = False,
    approve: Annotated[str | None, typer.Option("--approve", metavar="ACTION", help="Approve what waits.")] = None,
    reject: Annotated[str | None, typer.Option("--reject", metavar="ACTION", help="Reject what waits.")] = None,
    undo: Annotated[
        str | None, typer.Option("--undo", metavar="ACTION", help="Take back what was carried out.")
    ] = None,
    by: Annotated[str, typer.Option("--by", help="Who does it; default: the name you are logged in with.")] = "",
    project: ProjectOption = None,
    as_json: JsonOption = None,
) -> None:
    """Run the runbook of an incident, or answer what it proposed.

    Its steps run by themselves up to the first action, which waits for `--approve` and is proved by measurement. Exit
    code 1 where an answer counts no more, or an action did not help.
    """
    from seamwatch.engine.actions import carry_out, check
    from seamwatch.engine.actions import undo as take_back
    from seamwatch.engine.approvals import answer_action, open_airflow_approval
    from seamwatch.engine.runbooks import run_by_hand, run_on
    from seamwatch.report.runbook import action_sentence, step_line

    if sum(one is not None for one in (approve, reject, undo)) > 1 or (dry_run and (approve or reject or undo)):
        msg = "give one of --dry-run, --approve, --reject and --undo"
        raise DataContractError(msg)
    who = by or getpass.getuser()
    with open_deps(settings_of(project)) as deps:
        incident = deps.store.incident(incident_id)
        if incident is None:
            msg = f"no incident {incident_id!r}; `seamwatch incidents` lists them"
            raise StoreError(msg)
        pipeline = deps.project.pipeline(incident.pipeline)
        name = approve or reject or undo
        if name is None:
            ran = run_by_hand(deps, pipeline, incident, is_dry=dry_run, tell=lambda one: print_line(step_line(one)))
            waiting = [] if dry_run else [one for one in deps.store.actions_of(incident.id) if one.state == "waiting"]
            for one in waiting:
                say(f"{one.name} waits: seamwatch runbook {incident.id} --approve {one.name}")
            write_json(as_json, {"steps": [_step(one) for one in ran], "waiting": [one.name for one in waiting]})
            return
        known = [one for one in deps.store.actions_of(incident.id) if name in (one.name, one.id)]
        if not known:
            msg = f"no action {name!r} was proposed for {incident.id}; `seamwatch runbook {incident.id}` does"
            raise DataContractError(msg)
        action = known[-1]
        if undo is not None:
            after = take_back(deps, action.id, by=who, door=Door.COMMAND_LINE)
        else:
            after = answer_action(
                deps,
                action,
                approves=approve is not None,
                by=who,
                door=Door.COMMAND_LINE,
                airflow=lambda: open_airflow_approval(deps, pipeline),
            )
            if after is not None and approve is not None and after.task is None:
                carry_out(deps, after.id)
                after = check(deps, after.id)
                run_on(deps, pipeline, incident, after, tell=lambda one: print_line(step_line(one)))
        now = after or deps.store.action(action.id) or action
        print_line(f"{now.name}: {action_sentence(now)}")
        write_json(as_json, {"action": now.id, "state": now.state.value, "why": now.why})
        if after is None or (after.state in ("escalated", "undone") and undo is None):
            raise typer.Exit(1)


def _step(step: Any) -> dict[str, Any]:
    return {
        "name": step.name,
        "state": step.finding.state.value,
        "text": step.finding.text,
        "details": list(step.finding.details),
    }
