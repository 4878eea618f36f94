"""What people agree to do in a weekly review: who, until when, and what may become of it, as a table."""

from __future__ import annotations

import hashlib
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime
from enum import StrEnum

from seamwatch.vocabulary import Door

LONGEST_TEXT_CHARS, LONGEST_OWNER_CHARS, LONGEST_NOTE_CHARS = 500, 100, 1_000
_ID_CHARS = 12


class AgreedState(StrEnum):
    """Where an agreed action stands."""

    OPEN = "open"
    DONE = "done"
    DROPPED = "dropped"
    """People decided not to do it."""


class Recurrence(StrEnum):
    """Whether the cause came back after the action was done."""

    CAME_BACK = "came_back"
    """What was judged since then shows it again, or still."""
    STAYED_AWAY = "stayed_away"
    """Windows since then were judged, and it was not in them."""
    UNKNOWN = "unknown"
    """Nothing was judged since."""


class AgreedChange(StrEnum):
    """What happened to an agreed action; the strings of its audit trail."""

    ADDED = "added"
    DONE = "done"
    DROPPED = "dropped"
    REOPENED = "reopened"
    CHANGED = "changed"
    """Another date, or another owner."""


class AgreedWish(StrEnum):
    """What a person may ask for once it is agreed; the names of commands and buttons."""

    DONE = "done"
    DROP = "drop"
    REOPEN = "reopen"
    CHANGE = "change"


class AgreedRefusal(StrEnum):
    """Why what a person asked for changes nothing."""

    NO_TEXT = "no_text"
    TEXT_TOO_LONG = "text_too_long"
    NO_OWNER = "no_owner"
    OWNER_TOO_LONG = "owner_too_long"
    NO_DUE_DATE = "no_due_date"
    DUE_IN_THE_PAST = "due_in_the_past"
    NOTE_TOO_LONG = "note_too_long"
    NO_SUCH_INCIDENT = "no_such_incident"
    NO_SUCH_PIPELINE = "no_such_pipeline"
    OTHER_PIPELINE = "other_pipeline"
    """The incident is one of another pipeline."""
    NO_SUCH_ACTION = "no_such_action"
    IS_OPEN = "is_open"
    IS_DONE = "is_done"
    IS_DROPPED = "is_dropped"
    NOTHING_CHANGES = "nothing_changes"
    NOT_PERMITTED = "not_permitted"


@dataclass(frozen=True, kw_only=True)
class AgreedAction:
    """One agreed action as it is now."""

    id: str
    pipeline: str | None
    """None: it is about all of them."""
    text: str
    owner: str
    """Who does it, as written."""
    due_on: date
    agreed_at: datetime
    agreed_by: str
    week: str
    """The week whose review agreed on it, as `2026-W45`."""
    incident: str | None = None
    """The incident whose cause it is to take away."""
    state: AgreedState = AgreedState.OPEN
    ended_at: datetime | None = None
    """When it was done or dropped."""
    ended_by: str | None = None
    note: str = ""
    """What was said at its end."""


@dataclass(frozen=True, kw_only=True)
class AgreedActionEvent:
    """One thing that happened to an agreed action."""

    action: AgreedAction
    """As it was after it."""
    kind: AgreedChange
    by: str
    door: Door
    at: datetime
    why: str = ""


@dataclass(frozen=True, kw_only=True)
class AgreedRequest:
    """What a person asks for."""

    wish: AgreedWish
    by: str
    door: Door
    at: datetime
    today: date
    """The day of `at` where the review is held."""
    why: str = ""
    due_on: date | None = None
    """Another date; None: as it is."""
    owner: str | None = None
    """Another owner; None: as it is."""


_O, _D, _X = AgreedState.OPEN, AgreedState.DONE, AgreedState.DROPPED
_IS_OVER = {_D: AgreedRefusal.IS_DONE, _X: AgreedRefusal.IS_DROPPED}
_WISHES: Mapping[AgreedWish, Mapping[AgreedState, AgreedState | AgreedRefusal]] = {
    AgreedWish.DONE: {_O: _D, **_IS_OVER},
    AgreedWish.DROP: {_O: _X, **_IS_OVER},
    AgreedWish.REOPEN: {_O: AgreedRefusal.IS_OPEN, _D: _O, _X: _O},
    AgreedWish.CHANGE: {_O: _O, **_IS_OVER},
}
"""What a person asks for, by the action's state: what it becomes, or why it cannot be."""
_CHANGES: Mapping[AgreedWish, AgreedChange] = {
    AgreedWish.DONE: AgreedChange.DONE,
    AgreedWish.DROP: AgreedChange.DROPPED,
    AgreedWish.REOPEN: AgreedChange.REOPENED,
    AgreedWish.CHANGE: AgreedChange.CHANGED,
}


def allowed_wishes(state: AgreedState) -> tuple[AgreedWish, ...]:
    """Return what a person may ask for in a state, in the order of the table."""
    return tuple(wish for wish, by_state in _WISHES.items() if isinstance(by_state[state], AgreedState))


def agree(
    *,
    text: str,
    owner: str,
    due_on: date | None,
    pipeline: str | None,
    incident: str | None,
    week: str,
    by: str,
    at: datetime,
    today: date,
    token: str = "",
) -> AgreedAction | AgreedRefusal:
    """Return a new agreed action, or why there is none.

    Args:
        text: What is to be done; becomes one line.
        owner: Who does it.
        due_on: Until when; today or later.
        pipeline: What it is about; None: all pipelines.
        incident: Whose cause it is to take away.
        week: The week whose review agrees on it, as `2026-W45`.
        by: Who says so.
        at: When, aware.
        today: The day of `at` where the review is held.
        token: Of the form: the same words sent twice by one form, or twice in one week without a form, are one action.
    """
    refusal = _refused_text(text) or _refused_owner(owner) or _refused_date(due_on, today)
    if refusal is not None or due_on is None:
        return refusal or AgreedRefusal.NO_DUE_DATE
    said, who = one_line(text), one_line(owner)
    content = (pipeline or "", incident or "", said, who, due_on.isoformat(), token or week)
    return AgreedAction(
        id=hashlib.sha256("\x1f".join(content).encode()).hexdigest()[:_ID_CHARS],
        pipeline=pipeline,
        text=said,
        owner=who,
        due_on=due_on,
        agreed_at=at,
        agreed_by=by,
        week=week,
        incident=incident,
    )


def change(action: AgreedAction, request: AgreedRequest) -> AgreedActionEvent | AgreedRefusal:
    """Return what a person's request makes of an agreed action, or why nothing changes.

    Args:
        action: As it is now.
        request: What is asked for; whether this person may is for the door to say.
    """
    becomes = _WISHES[request.wish][action.state]
    if isinstance(becomes, AgreedRefusal):
        return becomes
    if len(request.why) > LONGEST_NOTE_CHARS:
        return AgreedRefusal.NOTE_TOO_LONG
    why = one_line(request.why)
    if request.wish is AgreedWish.CHANGE:
        after = _changed(action, request)
    elif becomes is AgreedState.OPEN:
        after = replace(action, state=becomes, ended_at=None, ended_by=None, note="")
    else:
        after = replace(action, state=becomes, ended_at=request.at, ended_by=request.by, note=why)
    if isinstance(after, AgreedRefusal):
        return after
    return AgreedActionEvent(
        action=after, kind=_CHANGES[request.wish], by=request.by, door=request.door, at=request.at, why=why
    )


def _changed(action: AgreedAction, request: AgreedRequest) -> AgreedAction | AgreedRefusal:
    """Return an action with another date or owner; the date it has may stay, though it has passed."""
    due_on = action.due_on if request.due_on is None else request.due_on
    owner = action.owner if request.owner is None else request.owner
    refusal = _refused_owner(owner)
    if due_on != action.due_on:
        refusal = refusal or _refused_date(due_on, request.today)
    if refusal is not None:
        return refusal
    after = replace(action, due_on=due_on, owner=one_line(owner))
    return AgreedRefusal.NOTHING_CHANGES if after == action else after


def is_overdue(action: AgreedAction, today: date) -> bool:
    """Return whether an open action should have been done before today."""
    return action.state is AgreedState.OPEN and action.due_on < today


def one_line(text: str) -> str:
    """Return a text as one line: breaks, controls and what no store takes are blanks, and blanks in a row one."""
    kept = (" " if unicodedata.category(char) in ("Cc", "Cs", "Zl", "Zp") else char for char in text)
    return " ".join("".join(kept).split())


def _refused_text(text: str) -> AgreedRefusal | None:
    # The length first: nothing is done with a text of a megabyte.
    if len(text) > LONGEST_TEXT_CHARS:
        return AgreedRefusal.TEXT_TOO_LONG
    return None if _says_something(text) else AgreedRefusal.NO_TEXT


def _refused_owner(owner: str) -> AgreedRefusal | None:
    if len(owner) > LONGEST_OWNER_CHARS:
        return AgreedRefusal.OWNER_TOO_LONG
    return None if _says_something(owner) else AgreedRefusal.NO_OWNER


def _refused_date(due_on: date | None, today: date) -> AgreedRefusal | None:
    if due_on is None:
        return AgreedRefusal.NO_DUE_DATE
    return AgreedRefusal.DUE_IN_THE_PAST if due_on < today else None


def _says_something(text: str) -> bool:
    """Return whether anything of a text can be seen."""
    return any(char.isprintable() and not char.isspace() for char in text)
