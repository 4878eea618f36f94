"""Forms that Slack shows for what needs a reason or another incident; `pressed_buttons` reads what is sent by them."""

from __future__ import annotations

import json
from collections.abc import Sequence

from seamwatch.core.incident_life import Incident
from seamwatch.report.action_forms import LONGEST_REASON_CHARS
from seamwatch.report.block_kit import OPTION_VALUE_CHARS, Json, action_id, option, plain_text
from seamwatch.vocabulary import IncidentAction

WHY, INTO = "why", "into"
"""By which names a form says what was written and chosen."""
INCIDENT, CHANNEL = "incident", "channel"
"""What a form keeps of the press that opened it."""

# Slack's documented limits (docs.slack.dev, reference of views and input blocks).
_TITLE_CHARS = 24
_LABEL_CHARS = 2_000
_DESCRIPTION_CHARS = 75
MOST_TARGETS = 100


def merge_targets(incident: Incident, others: Sequence[Incident]) -> list[Incident]:
    """Return the incidents that a form can offer to merge into, at most as many as Slack takes."""
    found = [one for one in others if one.id != incident.id and one.is_open and len(one.id) <= OPTION_VALUE_CHARS]
    return found[:MOST_TARGETS]


def incident_form(
    incident: Incident, action: IncidentAction, *, channel: str, targets: Sequence[Incident] = ()
) -> Json | None:
    """Return the form of an action as Slack wants it; None where there is none of it.

    Args:
        incident: What the action is asked for.
        action: A merge or a void.
        channel: Id of the channel where it was chosen, where the person is told what became of it; may be empty.
        targets: Incidents to merge into, at most `MOST_TARGETS`; a merge needs one.
    """
    if action is IncidentAction.VOID:
        said = "It counts as nobody's fault, and what it took from error budgets is refunded."
        inputs = [_reason("Why", is_needed=True)]
        title, send = "Void this incident", "Void"
    elif action is IncidentAction.MERGE and targets:
        said = "From now on, what shows its cause is added to the other incident. It can be split off again."
        inputs = [_choice("The incident that has its cause", targets), _reason("Why", is_needed=False)]
        title, send = "Merge this incident", "Merge"
    else:
        return None
    return {
        "type": "modal",
        "callback_id": action_id(action),
        "private_metadata": json.dumps({INCIDENT: incident.id, CHANNEL: channel}),
        "title": plain_text(title, _TITLE_CHARS),
        "submit": plain_text(send, _TITLE_CHARS),
        "close": plain_text("Cancel", _TITLE_CHARS),
        "blocks": [
            {"type": "section", "text": plain_text(incident.headline, _LABEL_CHARS)},
            {"type": "context", "elements": [plain_text(said, _LABEL_CHARS)]},
            *inputs,
        ],
    }


def _reason(label: str, *, is_needed: bool) -> Json:
    written = {"type": "plain_text_input", "action_id": WHY, "multiline": True, "max_length": LONGEST_REASON_CHARS}
    return {
        "type": "input",
        "block_id": WHY,
        "optional": not is_needed,
        "label": plain_text(label, _LABEL_CHARS),
        "element": written,
    }


def _choice(label: str, targets: Sequence[Incident]) -> Json:
    options = [
        {**option(one.id, one.headline), "description": plain_text(one.id, _DESCRIPTION_CHARS)} for one in targets
    ]
    return {
        "type": "input",
        "block_id": INTO,
        "label": plain_text(label, _LABEL_CHARS),
        "element": {"type": "static_select", "action_id": INTO, "options": options},
    }
