"""Read what Slack tells of a pressed button: the way back from what `block_kit` renders.

Every field of a payload is untrusted; of what cannot be read, nothing is done.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from typing import Any

from seamwatch.core.button_presses import ButtonPress
from seamwatch.report.block_kit import ACTION_PREFIX, VALUE_SEPARATOR
from seamwatch.report.text import shortened, visible
from seamwatch.vocabulary import IncidentAction, Responsibility

_USER = re.compile(r"[UW][A-Z0-9]{2,20}")
_CHANNEL = re.compile(r"[CDG][A-Z0-9]{2,20}")
_INCIDENT_CHARS = 300
_NAME_CHARS = 80


def read_press(payload: object) -> ButtonPress | None:
    """Return the button of ours that was pressed; None where it is none, or cannot be read.

    A link tells Slack of its press too; nothing is to be done then.
    """
    known = _mapping(payload)
    actions = known.get("actions")
    if known.get("type") != "block_actions" or not isinstance(actions, list) or not actions:
        return None
    pressed, user = _mapping(actions[0]), _mapping(known.get("user"))
    action = _action(pressed.get("action_id"))
    user_id = user.get("id")
    target = _target(pressed)
    if action is None or target is None or not isinstance(user_id, str) or not _USER.fullmatch(user_id):
        return None
    channel = _mapping(known.get("channel")).get("id") or _mapping(known.get("container")).get("channel_id")
    return ButtonPress(
        key=_key(known, pressed, user_id),
        incident_id=target[0],
        action=action,
        responsibility=target[1],
        user_id=user_id,
        user_name=_name(user),
        channel=channel if isinstance(channel, str) and _CHANNEL.fullmatch(channel) else "",
    )


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _action(action_id: object) -> IncidentAction | None:
    name = action_id.removeprefix(ACTION_PREFIX) if isinstance(action_id, str) else ""
    is_ours = isinstance(action_id, str) and action_id.startswith(ACTION_PREFIX)
    return IncidentAction(name) if is_ours and name in list(IncidentAction) else None


def _target(pressed: Mapping[str, Any]) -> tuple[str, Responsibility | None] | None:
    """Return the incident that a button names, and what was chosen in a menu."""
    value, chosen = pressed.get("value"), _mapping(pressed.get("selected_option")).get("value")
    responsibility: Responsibility | None = None
    if isinstance(chosen, str):
        value, _, what = chosen.rpartition(VALUE_SEPARATOR)
        if what not in list(Responsibility):
            return None
        responsibility = Responsibility(what)
    if not isinstance(value, str) or not 0 < len(value) <= _INCIDENT_CHARS or not value.isprintable():
        return None
    return value, responsibility


def _name(user: Mapping[str, Any]) -> str:
    name = user.get("username") or user.get("name")
    return shortened(visible(name[: 4 * _NAME_CHARS].strip()), _NAME_CHARS) if isinstance(name, str) else ""


def _key(payload: Mapping[str, Any], pressed: Mapping[str, Any], user_id: str) -> str:
    """Return what is the same however often Slack tells of one press, and of no other press."""
    place = _mapping(payload.get("container")).get("message_ts") or _mapping(payload.get("message")).get("ts")
    when = pressed.get("action_ts") or payload.get("trigger_id") or payload
    chosen = _mapping(pressed.get("selected_option")).get("value")
    team, channel = _mapping(payload.get("team")).get("id"), _mapping(payload.get("channel")).get("id")
    parts = [team, channel, place, user_id, pressed.get("action_id"), pressed.get("value"), chosen, when]
    return hashlib.sha256(json.dumps(parts, sort_keys=True, default=str).encode()).hexdigest()
