"""Read what Slack tells of a pressed button or a sent form: the way back from what `block_kit` and `forms` render.

Every field of a payload is untrusted; of what cannot be read, nothing is done.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from typing import Any, TypeGuard

from seamwatch.core.action_life import incident_of
from seamwatch.core.agreed_actions import AgreedWish
from seamwatch.core.button_presses import ButtonPress, FormRequest
from seamwatch.report.action_forms import LONGEST_REASON_CHARS
from seamwatch.report.block_kit import ACTION_PREFIX, AGREED_ID, FORM_MENU_ID, VALUE_SEPARATOR
from seamwatch.report.slack_forms import CHANNEL, INCIDENT, INTO, WHY
from seamwatch.report.text import printable, shortened, visible
from seamwatch.vocabulary import ApprovalAnswer, IncidentAction, Responsibility

USER = re.compile(r"[UW][A-Z0-9]{2,20}")
_CHANNEL = re.compile(r"[CDG][A-Z0-9]{2,20}")
_INCIDENT_CHARS = 300
_NAME_CHARS = 80
MOST_TRIGGER_CHARS = 300


def read_press(payload: object) -> ButtonPress | None:
    """Return the button of ours that was pressed; None where it is none, or cannot be read.

    A link tells Slack of its press too; nothing is to be done then. A form that was sent is a press as well.
    """
    known = read_mapping(payload)
    if known.get("type") == "view_submission":
        return _read_form(known)
    actions = known.get("actions")
    if known.get("type") != "block_actions" or not isinstance(actions, list) or not actions:
        return None
    pressed, user = read_mapping(actions[0]), read_mapping(known.get("user"))
    asked, user_id = _asked(pressed), user.get("id")
    if asked is None or not isinstance(user_id, str) or not USER.fullmatch(user_id):
        return None
    return ButtonPress(
        key=_key(known, pressed, user_id),
        **asked,
        user_id=user_id,
        user_name=user_name(user),
        channel=channel_of(known),
    )


def _asked(pressed: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return what is asked for, and of what, as fields of a press; None where it cannot be read."""
    if pressed.get("action_id") == AGREED_ID:
        return _asked_of_agreed(pressed)
    action, target = _action(pressed.get("action_id")), _target(pressed)
    if action is None or target is None:
        return None
    answered = target[0] if isinstance(action, ApprovalAnswer) else None
    incident_id = target[0] if answered is None else incident_of(answered)
    return {"incident_id": incident_id, "answered": answered, "action": action, "responsibility": target[1]}


def _asked_of_agreed(pressed: Mapping[str, Any]) -> dict[str, Any] | None:
    chosen = read_mapping(pressed.get("selected_option")).get("value")
    if not isinstance(chosen, str):
        return None
    name, _, wish = chosen.rpartition(VALUE_SEPARATOR)
    # Another date or owner is none of a menu's choices.
    if wish not in list(AgreedWish) or wish == AgreedWish.CHANGE or not is_incident_id(name):
        return None
    return {"incident_id": "", "answered": name, "action": AgreedWish(wish)}


def read_form_request(payload: object) -> FormRequest | None:
    """Return the form that somebody chose in the menu of a message; None where it is none, or cannot be read."""
    known = read_mapping(payload)
    actions = known.get("actions")
    if known.get("type") != "block_actions" or not isinstance(actions, list) or not actions:
        return None
    pressed, user_id = read_mapping(actions[0]), read_mapping(known.get("user")).get("id")
    chosen, trigger = read_mapping(pressed.get("selected_option")).get("value"), known.get("trigger_id")
    if pressed.get("action_id") != FORM_MENU_ID or not isinstance(chosen, str):
        return None
    incident_id, _, action = chosen.rpartition(VALUE_SEPARATOR)
    is_known = action in list(IncidentAction) and is_incident_id(incident_id)
    is_answerable = isinstance(trigger, str) and 0 < len(trigger) <= MOST_TRIGGER_CHARS
    if not is_known or not is_answerable or not isinstance(user_id, str) or not USER.fullmatch(user_id):
        return None
    return FormRequest(
        incident_id=incident_id,
        action=IncidentAction(action),
        trigger=str(trigger),
        user_id=user_id,
        channel=channel_of(known),
    )


def _read_form(known: Mapping[str, Any]) -> ButtonPress | None:
    """Return what a form asks for; it is one press, however often Slack tells of it."""
    view, user = read_mapping(known.get("view")), read_mapping(known.get("user"))
    action, user_id, view_id = _action(view.get("callback_id")), user.get("id"), view.get("id")
    about = read_json_mapping(view.get("private_metadata"))
    incident_id = about.get(INCIDENT)
    if action is None or not is_incident_id(incident_id) or not isinstance(view_id, str) or not view_id:
        return None
    if not isinstance(user_id, str) or not USER.fullmatch(user_id):
        return None
    values = read_mapping(read_mapping(view.get("state")).get("values"))
    why = read_mapping(read_mapping(values.get(WHY)).get(WHY)).get("value")
    into = read_mapping(read_mapping(read_mapping(values.get(INTO)).get(INTO)).get("selected_option")).get("value")
    parts = [read_mapping(known.get("team")).get("id"), user_id, view_id]
    return ButtonPress(
        key=hashlib.sha256(json.dumps(parts, default=str).encode()).hexdigest(),
        incident_id=str(incident_id),
        action=action,
        user_id=user_id,
        user_name=user_name(user),
        channel=sound_channel(about.get(CHANNEL)),
        why=shortened(printable(why[: 2 * LONGEST_REASON_CHARS]).strip(), LONGEST_REASON_CHARS)
        if isinstance(why, str)
        else "",
        into=into if is_incident_id(into) else None,
    )


def read_json_mapping(text: object) -> Mapping[str, Any]:
    """Return the JSON object that a text holds; empty where it holds none."""
    try:
        return read_mapping(json.loads(text)) if isinstance(text, str) else {}
    except (ValueError, RecursionError):
        return {}


def is_incident_id(value: object) -> TypeGuard[str]:
    """Return whether a value can be the id of an incident, or the name of a pipeline."""
    return isinstance(value, str) and 0 < len(value) <= _INCIDENT_CHARS and value.isprintable()


def channel_of(payload: Mapping[str, Any]) -> str:
    """Return the id of the channel where something was pressed; empty where it is not known."""
    named = read_mapping(payload.get("channel")).get("id") or read_mapping(payload.get("container")).get("channel_id")
    return sound_channel(named)


def sound_channel(value: object) -> str:
    """Return the id of a channel; empty for anything else."""
    return value if isinstance(value, str) and _CHANNEL.fullmatch(value) else ""


def read_mapping(value: object) -> Mapping[str, Any]:
    """Return a mapping; empty for anything else."""
    return value if isinstance(value, Mapping) else {}


def _action(action_id: object) -> IncidentAction | ApprovalAnswer | None:
    name = action_id.removeprefix(ACTION_PREFIX) if isinstance(action_id, str) else ""
    is_ours = isinstance(action_id, str) and action_id.startswith(ACTION_PREFIX)
    if is_ours and name in list(ApprovalAnswer):
        return ApprovalAnswer(name)
    return IncidentAction(name) if is_ours and name in list(IncidentAction) else None


def _target(pressed: Mapping[str, Any]) -> tuple[str, Responsibility | None] | None:
    """Return the incident that a button names, and what was chosen in a menu."""
    value, chosen = pressed.get("value"), read_mapping(pressed.get("selected_option")).get("value")
    responsibility: Responsibility | None = None
    if isinstance(chosen, str):
        value, _, what = chosen.rpartition(VALUE_SEPARATOR)
        if what not in list(Responsibility):
            return None
        responsibility = Responsibility(what)
    return (value, responsibility) if is_incident_id(value) else None


def user_name(user: Mapping[str, Any]) -> str:
    """Return how Slack names a person, fit to be shown; empty where it does not."""
    name = user.get("username") or user.get("name")
    return shortened(visible(name[: 4 * _NAME_CHARS].strip()), _NAME_CHARS) if isinstance(name, str) else ""


def _key(payload: Mapping[str, Any], pressed: Mapping[str, Any], user_id: str) -> str:
    """Return what is the same however often Slack tells of one press, and of no other press."""
    place = read_mapping(payload.get("container")).get("message_ts") or read_mapping(payload.get("message")).get("ts")
    when = pressed.get("action_ts") or payload.get("trigger_id") or payload
    chosen = read_mapping(pressed.get("selected_option")).get("value")
    team, channel = read_mapping(payload.get("team")).get("id"), read_mapping(payload.get("channel")).get("id")
    parts = [team, channel, place, user_id, pressed.get("action_id"), pressed.get("value"), chosen, when]
    return hashlib.sha256(json.dumps(parts, sort_keys=True, default=str).encode()).hexdigest()
