"""What people agree to do in a weekly review: who, until when, and whether it was done and helped."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum


class AgreedState(StrEnum):
    """Where an agreed action stands."""

    OPEN = "open"
    DONE = "done"
    DROPPED = "dropped"
    """People decided not to do it."""


class Recurrence(StrEnum):
    """Whether the cause came back after the action was done."""

    CAME_BACK = "came_back"
    STAYED_AWAY = "stayed_away"
    """Windows since then were judged, and it was not in them."""
    UNKNOWN = "unknown"
    """Nothing was judged since."""


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
