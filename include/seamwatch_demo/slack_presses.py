"""What Slack sends when somebody presses a button of a message or sends a form, and how it signs it."""

from __future__ import annotations

import hashlib
import hmac
import json
from itertools import count
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

if TYPE_CHECKING:
    from seamwatch_demo.slack_messages import OpenedForm, SlackMessage

_PRESSES = count(1)


def element_of(message: SlackMessage, action: str) -> dict[str, Any]:
    """Return the button or menu of an action; LookupError where the message has none."""
    rows = [block["elements"] for block in message.blocks if block["type"] == "actions"]
    for element in (one for row in rows for one in row):
        if element.get("action_id") == f"seamwatch:{action}":
            return dict(element)
    msg = f"no button {action!r}"
    raise LookupError(msg)


def payload_of(
    message: SlackMessage, action: str, *, user: str, name: str = "ada", choice: str = "", trigger: str = ""
) -> dict[str, Any]:
    """Return the payload of one press; each call is another press.

    Args:
        message: Where the button stands.
        action: As `ack`.
        user: Id of who presses.
        name: Their name.
        choice: Of a menu, as `model`.
        trigger: With which a form may be opened, as the workspace gives it.
    """
    element, n = element_of(message, action), next(_PRESSES)
    pressed: dict[str, Any] = {
        "type": element["type"],
        "action_id": element["action_id"],
        "block_id": "b1",
        "action_ts": f"1800000000.{n:06d}",
    }
    if choice:
        (option,) = [one for one in element["options"] if one["value"].endswith(f"/{choice}")]
        pressed["selected_option"] = option
    else:
        pressed["value"] = element["value"]
    return {
        "type": "block_actions",
        "user": {"id": user, "username": name, "name": name, "team_id": "T0LOCAL"},
        "api_app_id": "A0LOCAL",
        "token": "deprecated",
        "container": {"type": "message", "message_ts": message.ts, "channel_id": message.channel_id},
        "trigger_id": trigger or f"{n}.1.abc",
        "team": {"id": "T0LOCAL", "domain": "local"},
        "channel": {"id": message.channel_id, "name": "incidents"},
        "message": {"ts": message.ts, "text": message.text, "blocks": message.blocks},
        "response_url": "https://hooks.slack.invalid/actions/T0LOCAL/1/abc",
        "actions": [pressed],
    }


def submission_of(
    form: OpenedForm, *, user: str, name: str = "ada", why: str = "", into: str | None = None
) -> dict[str, Any]:
    """Return the payload of a form that is sent.

    Args:
        form: As it was opened.
        user: Id of who sends it.
        name: Their name.
        why: What they wrote.
        into: Value of what they chose; LookupError where the form does not offer it.
    """
    values: dict[str, Any] = {}
    for block in form.view["blocks"]:
        if block["type"] != "input":
            continue
        element, value = block["element"], {"type": block["element"]["type"]}
        if element["type"] == "static_select":
            (value["selected_option"],) = [one for one in element["options"] if one["value"] == into] or [None]
            if into is not None and value["selected_option"] is None:
                msg = f"no choice {into!r}"
                raise LookupError(msg)
        else:
            value["value"] = why or None
        values[block["block_id"]] = {element["action_id"]: value}
    return {
        "type": "view_submission",
        "team": {"id": "T0LOCAL", "domain": "local"},
        "user": {"id": user, "username": name, "name": name, "team_id": "T0LOCAL"},
        "api_app_id": "A0LOCAL",
        "token": "deprecated",
        "trigger_id": f"{next(_PRESSES)}.1.abc",
        "view": {**form.view, "id": form.id, "team_id": "T0LOCAL", "state": {"values": values}, "hash": "1.abc"},
        "response_urls": [],
    }


def signed(payload: dict[str, Any], secret: str, *, at: float) -> tuple[bytes, dict[str, str]]:
    """Return body and headers of the request by which Slack tells of a press."""
    body = urlencode({"payload": json.dumps(payload)}).encode()
    timestamp = str(int(at))
    signature = hmac.new(secret.encode(), b"v0:" + timestamp.encode() + b":" + body, hashlib.sha256).hexdigest()
    headers = {
        "Content-Type": "application/x-www-form-urlencoded",
        "X-Slack-Request-Timestamp": timestamp,
        "X-Slack-Signature": f"v0={signature}",
    }
    return body, headers
