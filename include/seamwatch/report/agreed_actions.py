"""Agreed actions in words: what was agreed, what became of it, and why something was refused."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any

from seamwatch.core.agreed_actions import (
    LONGEST_NOTE_CHARS,
    LONGEST_OWNER_CHARS,
    LONGEST_TEXT_CHARS,
    AgreedAction,
    AgreedRefusal,
    AgreedState,
    is_overdue,
)
from seamwatch.report import numbers
from seamwatch.report.text import shortened, visible

ALL_PIPELINES = "all pipelines"
_NAME_CHARS = 100
_REFUSALS: Mapping[AgreedRefusal, str] = {
    AgreedRefusal.NO_TEXT: "Say what is to be done",
    AgreedRefusal.TEXT_TOO_LONG: f"What is to be done is longer than {LONGEST_TEXT_CHARS} characters: say it shorter, "
    "and link what explains it",
    AgreedRefusal.NO_OWNER: "Name who does it",
    AgreedRefusal.OWNER_TOO_LONG: f"The owner's name is longer than {LONGEST_OWNER_CHARS} characters",
    AgreedRefusal.NO_DUE_DATE: "Name the day until which it is done, as 2026-11-30",
    AgreedRefusal.DUE_IN_THE_PAST: "The day until which it is done has passed: name {today} or a later one",
    AgreedRefusal.NOTE_TOO_LONG: f"The note is longer than {LONGEST_NOTE_CHARS} characters",
    AgreedRefusal.NO_SUCH_INCIDENT: "There is no such incident, or it is too old to be kept",
    AgreedRefusal.NO_SUCH_PIPELINE: "There is no such pipeline; leave it out for what is about all of them",
    AgreedRefusal.OTHER_PIPELINE: "The incident is one of another pipeline: leave the pipeline out",
    AgreedRefusal.NO_SUCH_ACTION: "There is no such agreed action, or it is too old to be kept",
    AgreedRefusal.IS_OPEN: "{id} is open already",
    AgreedRefusal.IS_DONE: "{id} is done already, by {by}, {at}",
    AgreedRefusal.IS_DROPPED: "{id} was dropped by {by}, {at}",
    AgreedRefusal.NOTHING_CHANGES: "{id} is so already: due {due}, {owner}",
    AgreedRefusal.NOT_PERMITTED: "You may not change {pipeline}",
}


def refusal_text(refusal: AgreedRefusal, action: AgreedAction | None, *, today: date) -> str:
    """Return why nothing changed, and what would be right."""
    return _REFUSALS[refusal].format(
        today=today.isoformat(),
        id="It" if action is None else action.id,
        by="somebody" if action is None or action.ended_by is None else _name(action.ended_by),
        at="" if action is None else numbers.moment(action.ended_at),
        due="" if action is None else action.due_on.isoformat(),
        owner="" if action is None else _name(action.owner),
        pipeline=ALL_PIPELINES if action is None else about(action),
    )


def result_text(action: AgreedAction, *, is_new: bool = True) -> str:
    """Return how an action stands after what was asked for."""
    again = "" if is_new else " The same was agreed before; nothing was added."
    return f"{action.id}: {visible(action.text)} ({standing(action)}).{again}"


def standing(action: AgreedAction, *, today: date | None = None) -> str:
    """Return who does it until when, or how it ended.

    Args:
        action: The action.
        today: Where given, what is late is called overdue.
    """
    if action.state is AgreedState.OPEN:
        late = ", overdue" if today is not None and is_overdue(action, today) else ""
        return f"{_name(action.owner)}, due {action.due_on.isoformat()}{late}"
    by = "" if action.ended_by is None else f" by {_name(action.ended_by)}"
    return f"{action.state.value}{by}, {numbers.moment(action.ended_at)}"


def about(action: AgreedAction) -> str:
    """Return what it is about."""
    return ALL_PIPELINES if action.pipeline is None else visible(action.pipeline)


def agreed_json(action: AgreedAction, *, today: date) -> dict[str, Any]:
    """Return an agreed action for programs."""
    return {
        "id": action.id,
        "state": action.state.value,
        "overdue": is_overdue(action, today),
        "pipeline": action.pipeline,
        "incident": action.incident,
        "text": action.text,
        "owner": action.owner,
        "due": action.due_on.isoformat(),
        "week": action.week,
        "agreed_at": numbers.iso(action.agreed_at),
        "agreed_by": action.agreed_by,
        "ended_at": numbers.iso(action.ended_at),
        "ended_by": action.ended_by,
        "note": action.note,
    }


def _name(text: str) -> str:
    return shortened(visible(text), _NAME_CHARS)
