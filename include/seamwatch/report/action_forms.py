"""What a reader of the incident page may do with the incident: which forms stand there, with which choices."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from seamwatch.core.incident_life import JUDGES_VERDICT, Incident, allowed_actions
from seamwatch.report.action_results import result_text
from seamwatch.report.text import shortened, visible
from seamwatch.vocabulary import IncidentAction, IncidentState, Responsibility

LONGEST_REASON_CHARS = 1000
MUTE_HOURS: Mapping[int, str] = {1: "1 hour", 4: "4 hours", 24: "1 day", 72: "3 days"}
"""How long an incident can be muted by its page."""
_BUTTONS: Mapping[IncidentAction, str] = {
    IncidentAction.ACKNOWLEDGE: "Acknowledge",
    IncidentAction.MITIGATE: "A fix is applied",
    IncidentAction.RESOLVE: "Resolve",
    IncidentAction.REOPEN: "Reopen",
    IncidentAction.SPLIT: "Split off again",
    IncidentAction.CONFIRM: "The verdict is right",
}
"""What needs nothing but a press."""
_LABEL_CHARS = 90


@dataclass(frozen=True, kw_only=True)
class ActionDialog:
    """An action that needs a choice or a reason."""

    action: IncidentAction
    label: str
    button: str
    name: str = ""
    """Of the choice, as the form sends it."""
    choice: str = ""
    options: tuple[tuple[str, str], ...] = ()
    """Value and text."""
    needs_reason: bool = False


@dataclass(frozen=True, kw_only=True)
class ActionForms:
    """All forms of a page."""

    path: str
    """Where they are sent."""
    answer_path: str
    """Where answers to the actions of its runbook are sent."""
    buttons: tuple[tuple[IncidentAction, str], ...]
    dialogs: tuple[ActionDialog, ...]
    outcome: str = ""
    """What became of what was asked for last."""
    is_refused: bool = False
    longest_reason: int = LONGEST_REASON_CHARS


def action_forms(
    incident: Incident,
    others: Sequence[Incident],
    *,
    path: str,
    answer_path: str,
    outcome: str = "",
    is_refused: bool = False,
) -> ActionForms:
    """Return the forms for what an incident's state allows.

    Args:
        incident: As it is now.
        others: Open incidents of its pipeline; it may be among them.
        path: Where forms are sent.
        answer_path: Where answers to the actions of its runbook are sent.
        outcome: What became of what was asked for last.
        is_refused: Whether that changed nothing.
    """
    allowed = set(allowed_actions(incident.state))
    if incident.responsibility is Responsibility.UNDETERMINED:
        allowed.discard(IncidentAction.CONFIRM)  # it names nobody: there is nothing to be right
    return ActionForms(
        path=path,
        answer_path=answer_path,
        buttons=tuple((action, _label(action, incident.state)) for action in _BUTTONS if action in allowed),
        dialogs=tuple(one for one in _dialogs(incident, others) if one.action in allowed),
        outcome=outcome,
        is_refused=is_refused,
    )


def outcome_text(action: IncidentAction, incident: Incident, *, n_debits: int | None) -> str:
    """Return what was done, for the page that is shown after it: of the incident as it is by then."""
    is_by_person = incident.state is IncidentState.RESOLVED and incident.resolved_by is not None
    still_fails = action is IncidentAction.RESOLVE and is_by_person and incident.n_records > 0
    text = result_text(incident, still_fails=still_fails, n_debits=n_debits)
    return f"Kept for the grading of verdicts. {text}" if action in JUDGES_VERDICT else text


def _label(action: IncidentAction, state: IncidentState) -> str:
    is_unmute = (action, state) == (IncidentAction.REOPEN, IncidentState.MUTED)
    return "Unmute" if is_unmute else _BUTTONS[action]


def _dialogs(incident: Incident, others: Sequence[Incident]) -> list[ActionDialog]:
    targets = tuple((one.id, _named(one)) for one in others if one.id != incident.id and one.is_open)
    owners = tuple(
        (one.value, one.value.replace("_", " ").capitalize())
        for one in Responsibility
        if one != incident.responsibility
    )
    merge = ActionDialog(
        action=IncidentAction.MERGE,
        label="Merge into another incident",
        button="Merge",
        name="into",
        choice="The incident that has its cause",
        options=targets,
    )
    return [
        ActionDialog(
            action=IncidentAction.MUTE,
            label="Mute",
            button="Mute",
            name="hours",
            choice="For how long nobody is notified of it",
            options=tuple((str(hours), text) for hours, text in MUTE_HOURS.items()),
        ),
        *([merge] if targets else []),
        ActionDialog(
            action=IncidentAction.WRONG,
            label="The verdict is wrong",
            button="Call it wrong",
            name="responsibility",
            choice="Whose it really was",
            options=owners,
        ),
        ActionDialog(
            action=IncidentAction.VOID,
            label="Void: nobody's fault, debits are refunded",
            button="Void",
            needs_reason=True,
        ),
    ]


def _named(incident: Incident) -> str:
    return f"{shortened(visible(incident.headline), _LABEL_CHARS)} ({incident.id})"
