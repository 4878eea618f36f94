"""Commands about agreed actions: what people agree to do in a weekly review, and what became of it."""

from __future__ import annotations

import getpass
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from seamwatch.commands.dependencies import open_deps, settings_of
from seamwatch.commands.options import JsonOption, ProjectOption
from seamwatch.commands.output import print_line, say, write_json
from seamwatch.core.agreed_actions import AgreedWish
from seamwatch.vocabulary import Door

if TYPE_CHECKING:
    from seamwatch.engine.agreed_actions import AgreedResult
    from seamwatch.engine.deps import Deps

agreed = typer.Typer(
    name="agreed",
    help="Actions that people agree on in a weekly review: add, done, drop, reopen, change, list.",
    no_args_is_help=True,
    add_completion=False,
)
_Id = Annotated[str, typer.Argument(metavar="ID", help="As `seamwatch agreed list` shows it.")]
_By = Annotated[str, typer.Option("--by", help="Who says so; default: the name you are logged in with.")]
_Why = Annotated[str, typer.Option("--why", help="What is to be known of it.")]
_Due = Annotated[str | None, typer.Option("--due", help="Day until which it is done, as 2026-11-30.")]


@agreed.command()
def add(
    text: Annotated[str, typer.Argument(help="What is to be done.")],
    owner: Annotated[str, typer.Option("--owner", help="Who does it.")],
    due: Annotated[str, typer.Option("--due", help="Day until which it is done, today or later, as 2026-11-30.")],
    pipeline: Annotated[
        str | None, typer.Option("--pipeline", help="What it is about; default: all pipelines, or the incident's.")
    ] = None,
    incident: Annotated[
        str | None, typer.Option("--incident", help="Id of the incident whose cause it is to take away.")
    ] = None,
    week: Annotated[
        str | None, typer.Option("--week", help="Week whose review agreed on it; default: the last one that is over.")
    ] = None,
    by: _By = "",
    project: ProjectOption = None,
    as_json: JsonOption = None,
) -> None:
    """Agree on an action. The same a second time in one week changes nothing."""
    from seamwatch.engine.agreed_actions import add_agreed_action
    from seamwatch.engine.weekly_review.calendar import named_week

    with open_deps(settings_of(project)) as deps:
        found = add_agreed_action(
            deps,
            text=text,
            owner=owner,
            due_on=_day(due),
            by=by.strip() or getpass.getuser(),
            door=Door.COMMAND_LINE,
            pipeline=pipeline,
            incident=incident,
            week=None if week is None else named_week(deps, week),
        )
        _tell(deps, found, as_json)


@agreed.command()
def done(
    action_id: _Id, by: _By = "", why: _Why = "", project: ProjectOption = None, as_json: JsonOption = None
) -> None:
    """Say that an action is done."""
    _change(project, action_id, AgreedWish.DONE, by=by, why=why, as_json=as_json)


@agreed.command()
def drop(
    action_id: _Id, by: _By = "", why: _Why = "", project: ProjectOption = None, as_json: JsonOption = None
) -> None:
    """Say that an action will not be done."""
    _change(project, action_id, AgreedWish.DROP, by=by, why=why, as_json=as_json)


@agreed.command()
def reopen(
    action_id: _Id, by: _By = "", why: _Why = "", project: ProjectOption = None, as_json: JsonOption = None
) -> None:
    """Open an action again that was called done or dropped."""
    _change(project, action_id, AgreedWish.REOPEN, by=by, why=why, as_json=as_json)


@agreed.command()
def change(
    action_id: _Id,
    due: _Due = None,
    owner: Annotated[str | None, typer.Option("--owner", help="Who does it from now on.")] = None,
    by: _By = "",
    why: _Why = "",
    project: ProjectOption = None,
    as_json: JsonOption = None,
) -> None:
    """Give an open action another date or another owner."""
    day = None if due is None else _day(due)
    _change(project, action_id, AgreedWish.CHANGE, by=by, why=why, due_on=day, owner=owner, as_json=as_json)


@agreed.command(name="list")
def list_agreed(
    pipeline: Annotated[str | None, typer.Argument(help="Only of this pipeline, and of all.")] = None,
    show_all: Annotated[bool, typer.Option("--all", help="Those that are done or dropped too.")] = False,
    project: ProjectOption = None,
    as_json: JsonOption = None,
) -> None:
    """List agreed actions, the one that is due first first."""
    from seamwatch.core.agreed_actions import AgreedState
    from seamwatch.engine.weekly_review.calendar import review_today
    from seamwatch.report.agreed_actions import about, agreed_json, standing
    from seamwatch.report.text import visible

    with open_deps(settings_of(project)) as deps:
        known = deps.store.agreed_actions(pipelines=None if pipeline is None else [pipeline])
        today = review_today(deps)
    shown = [one for one in known if show_all or one.state is AgreedState.OPEN]
    write_json(as_json, {"actions": [agreed_json(one, today=today) for one in shown]})
    if str(as_json) == "-":
        return
    for one in shown:
        print_line(f"{one.id}  {one.state.value:<8} {about(one)}: {visible(one.text)} ({standing(one, today=today)})")
    if not shown:
        print("no agreed actions" if show_all else "no open agreed actions")


def _change(
    project: Path | None,
    action_id: str,
    wish: AgreedWish,
    *,
    by: str,
    why: str,
    as_json: Path | None,
    due_on: date | None = None,
    owner: str | None = None,
) -> None:
    from seamwatch.engine.agreed_actions import change_agreed_action

    name = by.strip() or getpass.getuser()
    with open_deps(settings_of(project)) as deps:
        found = change_agreed_action(
            deps, action_id, wish, by=name, door=Door.COMMAND_LINE, why=why, due_on=due_on, owner=owner
        )
        _tell(deps, found, as_json)


def _tell(deps: Deps, found: AgreedResult, as_json: Path | None) -> None:
    """Say what became of a request; exit code 1 where nothing changed since it was refused."""
    from seamwatch.engine.weekly_review.calendar import review_today
    from seamwatch.report.agreed_actions import agreed_json, refusal_text, result_text

    today, action = review_today(deps), found.action
    document = {"action": None if action is None else agreed_json(action, today=today)}
    write_json(as_json, {**document, "refusal": found.refusal, "is_new": found.is_new})
    if found.refusal is not None:
        say(f"seamwatch: {refusal_text(found.refusal, action, today=today)}")
        raise typer.Exit(1)
    if str(as_json) != "-" and action is not None:
        print_line(result_text(action, is_new=found.is_new))


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text.strip())
    except ValueError as error:
        msg = f"{text!r} is no day of the calendar, as 2026-11-30"
        raise typer.BadParameter(msg, param_hint="--due") from error
