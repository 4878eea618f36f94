"""Who may change what by buttons and forms of Slack, as the pipeline files say now."""

from __future__ import annotations

from seamwatch.core.button_presses import groups_of, is_permitted
from seamwatch.core.incident_life import Incident
from seamwatch.engine.deps import Deps
from seamwatch.errors import AdapterError, SpecError
from seamwatch.report.action_results import refusal_text
from seamwatch.spec.pipeline import Slack
from seamwatch.vocabulary import Refusal

_NOT_PERMITTED = "You may not change {}: slack.may_act in its pipeline file names who may"


def denial(deps: Deps, incident: Incident, user_id: str, *, connection: str | None) -> str:
    """Return why a person may not act on an incident; empty where they may.

    Args:
        deps: What it needs.
        incident: What they want to act on.
        user_id: The person, as Slack names them.
        connection: The Slack that told of them; None where that is not known.
    """
    return pipeline_denial(
        deps, incident.pipeline, user_id, connection=connection, refused=refusal_text(Refusal.NOT_PERMITTED, incident)
    )


def pipeline_denial(deps: Deps, name: str, user_id: str, *, connection: str | None, refused: str) -> str:
    """Return why a person may not change a pipeline; empty where they may.

    Args:
        deps: What it needs.
        name: Of the pipeline.
        user_id: The person, as Slack names them.
        connection: The Slack that told of them; None where that is not known.
        refused: What is said where they are not among those who may.
    """
    try:
        pipeline = deps.project.pipeline(name)
    except SpecError:
        return f"The file of pipeline {name} cannot be read, so nobody is known who may act: correct it."
    slack = pipeline.slack
    if slack is None or not slack.actions:
        return f"Buttons of {pipeline.pipeline} are switched off (slack.actions in its pipeline file)."
    if connection is not None and connection != slack.connection:
        return f"{pipeline.pipeline} speaks to another Slack by now (slack.connection in its pipeline file)."
    allowed = slack.may_act or tuple(pipeline.owners.values())
    if is_permitted(user_id, allowed, {}):
        return ""
    members, unread = _members(deps, slack, allowed)
    if is_permitted(user_id, allowed, members):
        return ""
    return " ".join((f"{refused}.", *unread))


def _members(deps: Deps, slack: Slack, mentions: tuple[str, ...]) -> tuple[dict[str, frozenset[str]], list[str]]:
    """Return who is in the groups that are named, and of each group that cannot be read why."""
    members: dict[str, frozenset[str]] = {}
    unread: list[str] = []
    for group in groups_of(mentions):
        try:
            members[group] = deps.notifier(slack.connection).group_members(group)
        except AdapterError as error:
            unread.append(f"Nobody of the group {group} may act, as who is in it cannot be read: {error}.")
    return members, unread


def agreed_denial(deps: Deps, pipeline: str | None, user_id: str, *, connection: str | None) -> str:
    """Return why a person may not change an agreed action; empty where they may.

    Args:
        deps: What it needs.
        pipeline: What the action is about; None: all of them, and whoever may change one of them may change it.
        user_id: The person, as Slack names them.
        connection: The Slack that told of them; None where that is not known.
    """
    if pipeline is None:
        names, why = changeable_pipelines(deps, user_id, connection=connection)
        return "" if names else why
    refused = _NOT_PERMITTED.format(pipeline)
    return pipeline_denial(deps, pipeline, user_id, connection=connection, refused=refused)


def any_connection(deps: Deps) -> str | None:
    """Return the Slack connection of a pipeline with buttons, for what is about no single one; None where none has."""
    slacks = (one.slack for one in deps.project.pipelines.values())
    return next((one.connection for one in slacks if one is not None and one.actions), None)


def changeable_pipelines(deps: Deps, user_id: str, *, connection: str | None) -> tuple[list[str], str]:
    """Return the pipelines that somebody may change by buttons of a Slack, and why not, where there is none."""
    names, why = [], "No pipeline has buttons in this Slack (slack.actions in its pipeline file)."
    for name, pipeline in sorted(deps.project.pipelines.items()):
        slack = pipeline.slack
        if slack is None or not slack.actions or connection not in (None, slack.connection):
            continue
        refused = _NOT_PERMITTED.format(name)
        denied = pipeline_denial(deps, name, user_id, connection=connection, refused=refused)
        if denied:
            why = denied
        else:
            names.append(name)
    return names, why
