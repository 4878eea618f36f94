"""The form in Slack by which people agree on an action, and what of it comes back; every field of that is untrusted."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from seamwatch.core.agreed_actions import LONGEST_OWNER_CHARS, LONGEST_TEXT_CHARS
from seamwatch.core.incident_life import Incident
from seamwatch.report.block_kit import AGREE_ID, OPTION_VALUE_CHARS, Json, option, plain_text
from seamwatch.report.pressed_buttons import (
    MOST_TRIGGER_CHARS,
    USER,
    channel_of,
    is_incident_id,
    read_json_mapping,
    read_mapping,
    sound_channel,
    user_name,
)
from seamwatch.report.text import printable

_TEXT, _OWNER, _DUE, _PIPELINE, _INCIDENT = "text", "owner", "due", "pipeline", "incident"
_WEEK, _CHANNEL = "week", "channel"
"""What the form keeps of the press that opened it."""
_WEEK_CHARS = 20
_TITLE_CHARS = 24
_LABEL_CHARS = 2_000
_MOST_CHOICES = 100
"""That Slack takes in one menu."""


@dataclass(frozen=True, kw_only=True)
class AgreeRequest:
    """A press of the button: Slack is to show the form."""

    week: str
    trigger: str
    """With it Slack opens one form, within three seconds."""
    user_id: str
    channel: str
    """Id of the channel where it was pressed; empty where it is not known."""


@dataclass(frozen=True, kw_only=True)
class SentAgreedForm:
    """The form as somebody sent it."""

    token: str
    """Of this form alone, however often Slack tells of it."""
    week: str
    text: str
    owner: str
    due_on: date | None
    pipeline: str | None
    incident: str | None
    user_id: str
    user_name: str
    channel: str

    @property
    def by(self) -> str:
        """Return the person as the audit trail names them: the name may be anybody's, the id is theirs."""
        return f"{self.user_name} ({self.user_id})" if self.user_name else self.user_id


def agreed_slack_form(
    week: str, *, due_on: date, pipelines: Sequence[str], incidents: Sequence[Incident], channel: str
) -> Json:
    """Return the form as Slack wants it.

    Args:
        week: The week whose review agrees on it.
        due_on: The day that stands there first.
        pipelines: Those that the person may change.
        incidents: Those that the action may be linked to.
        channel: Id of the channel where the person is told what became of it; may be empty.
    """
    names = [option(one, one) for one in pipelines if len(one) <= OPTION_VALUE_CHARS]
    causes = [option(one.id, one.headline) for one in incidents if len(one.id) <= OPTION_VALUE_CHARS]
    inputs = [
        _input(_TEXT, "What is to be done", _text(LONGEST_TEXT_CHARS, is_long=True)),
        _input(_OWNER, "Who does it", _text(LONGEST_OWNER_CHARS)),
        _input(_DUE, "Until", {"type": "datepicker", "initial_date": due_on.isoformat()}),
    ]
    if names:
        inputs.append(_input(_PIPELINE, "What it is about; without it, all pipelines", _menu(names), is_needed=False))
    if causes:
        inputs.append(_input(_INCIDENT, "The incident whose cause it takes away", _menu(causes), is_needed=False))
    return {
        "type": "modal",
        "callback_id": AGREE_ID,
        "private_metadata": json.dumps({_WEEK: week, _CHANNEL: channel}),
        "title": plain_text("Agree on an action", _TITLE_CHARS),
        "submit": plain_text("Agree", _TITLE_CHARS),
        "close": plain_text("Cancel", _TITLE_CHARS),
        "blocks": inputs,
    }


def read_agree_request(payload: object) -> AgreeRequest | None:
    """Return the press of the button; None where it is none, or cannot be read."""
    known = read_mapping(payload)
    actions = known.get("actions")
    if known.get("type") != "block_actions" or not isinstance(actions, list) or not actions:
        return None
    pressed, trigger = read_mapping(actions[0]), known.get("trigger_id")
    week, user_id = pressed.get("value"), read_mapping(known.get("user")).get("id")
    if pressed.get("action_id") != AGREE_ID or not isinstance(week, str):
        return None
    is_answerable = isinstance(trigger, str) and 0 < len(trigger) <= MOST_TRIGGER_CHARS
    if not is_answerable or not isinstance(user_id, str) or not USER.fullmatch(user_id):
        return None
    return AgreeRequest(week=week[:_WEEK_CHARS], trigger=str(trigger), user_id=user_id, channel=channel_of(known))


def read_agreed_form(payload: object) -> SentAgreedForm | None:
    """Return the form that somebody sent; None where it is none of these, or cannot be read."""
    known = read_mapping(payload)
    view, user = read_mapping(known.get("view")), read_mapping(known.get("user"))
    about, view_id, user_id = read_json_mapping(view.get("private_metadata")), view.get("id"), user.get("id")
    week = about.get(_WEEK)
    if known.get("type") != "view_submission" or view.get("callback_id") != AGREE_ID or not isinstance(week, str):
        return None
    if not isinstance(view_id, str) or not view_id or not isinstance(user_id, str) or not USER.fullmatch(user_id):
        return None
    values = read_mapping(read_mapping(view.get("state")).get("values"))
    pipeline, incident = _chosen(values, _PIPELINE), _chosen(values, _INCIDENT)
    # A choice that cannot be read is none of "all pipelines".
    if not all(one is None or is_incident_id(one) for one in (pipeline, incident)):
        return None
    return SentAgreedForm(
        token=view_id[:64],
        week=week[:_WEEK_CHARS],
        text=_written(values, _TEXT, LONGEST_TEXT_CHARS),
        owner=_written(values, _OWNER, LONGEST_OWNER_CHARS),
        due_on=_day(_value(values, _DUE).get("selected_date")),
        pipeline=pipeline if is_incident_id(pipeline) else None,
        incident=incident if is_incident_id(incident) else None,
        user_id=user_id,
        user_name=user_name(user),
        channel=sound_channel(about.get(_CHANNEL)),
    )


def _input(name: str, label: str, element: Json, *, is_needed: bool = True) -> Json:
    return {
        "type": "input",
        "block_id": name,
        "optional": not is_needed,
        "label": plain_text(label, _LABEL_CHARS),
        "element": {**element, "action_id": name},
    }


def _text(longest: int, *, is_long: bool = False) -> Json:
    return {"type": "plain_text_input", "multiline": is_long, "max_length": longest}


def _menu(options: list[Json]) -> Json:
    return {"type": "static_select", "options": options[:_MOST_CHOICES]}


def _value(values: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    return read_mapping(read_mapping(values.get(name)).get(name))


def _written(values: Mapping[str, Any], name: str, longest: int) -> str:
    """Return what was written; one character more than is taken tells that it was longer."""
    text = _value(values, name).get("value")
    return printable(text[: longest + 1]) if isinstance(text, str) else ""


def _chosen(values: Mapping[str, Any], name: str) -> object:
    return read_mapping(_value(values, name).get("selected_option")).get("value")


def _day(text: object) -> date | None:
    try:
        return date.fromisoformat(text) if isinstance(text, str) else None
    except ValueError:
        return None
