"""A message on its way to a channel, and which messages are told together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from seamwatch.core.incident_life import ChangeKind
from seamwatch.vocabulary import DeliveryState

_FIRST_RETRY = timedelta(seconds=15)
_LAST_RETRY = timedelta(hours=1)


class DeliveryPart(StrEnum):
    """Which part of an incident's conversation a message is; each is sent by itself, so that neither is said twice."""

    HEAD = "head"
    """The one message of the incident: posted once, then changed in place."""
    THREAD = "thread"
    """An answer below it."""
    SECOND_WAY = "second_way"
    """What is told elsewhere, where the channel did not take the head for long."""
    DIGEST = "digest"
    """What quiet hours held of all incidents of a channel; its incident is the first of them."""


_SAID_IN_THREAD = frozenset(
    {
        ChangeKind.OPENED,
        ChangeKind.REOPENED,
        ChangeKind.RESOLVED,
        ChangeKind.ALERTED,
        ChangeKind.SEVERITY_RAISED,
        ChangeKind.ESCALATED,
        ChangeKind.STEP_FAILED,
        ChangeKind.OWNER_TOLD,
        ChangeKind.STAKEHOLDERS_TOLD,
        ChangeKind.ACTION_PROPOSED,
        ChangeKind.ACTION_UNDONE,
        ChangeKind.ACTION_ESCALATED,
        ChangeKind.ROOT_CAUSE_TOLD,
    }
)
"""What is said in the thread too. Whatever else happens is seen in the head, which is edited in place."""


_CALLS = (
    ChangeKind.ALERTED,
    ChangeKind.ESCALATED,
    ChangeKind.STEP_FAILED,
    ChangeKind.OWNER_TOLD,
    ChangeKind.ACTION_PROPOSED,
)
"""What calls somebody without changing what the incident is, and is of no use once it is over."""
_STILL_TRUE = (
    ChangeKind.STAKEHOLDERS_TOLD,
    ChangeKind.ACTION_UNDONE,
    ChangeKind.ACTION_ESCALATED,
    ChangeKind.ROOT_CAUSE_TOLD,
)
"""What is told also of an incident that is over."""


def parts_of(change: ChangeKind) -> tuple[DeliveryPart, ...]:
    """Return what a change of an incident adds to its conversation."""
    return (DeliveryPart.HEAD, DeliveryPart.THREAD) if change in _SAID_IN_THREAD else (DeliveryPart.HEAD,)


@dataclass(frozen=True, kw_only=True)
class Outgoing:
    """A message on its way to a channel."""

    id: int
    channel: str
    connection: str
    state: DeliveryState
    attempts: int
    """Tries that failed."""
    created_at: datetime
    sent_at: datetime | None = None
    message_id: str | None = None
    """As the notifier named it."""
    last_error: str | None = None
    token: str | None = None
    """Ours, sent with the message, so that it can be found in the channel."""
    post_began_at: datetime | None = None
    """When a post began of which nobody knows how it ended; None: nothing of it can be in the channel."""


@dataclass(frozen=True, kw_only=True)
class Delivery(Outgoing):
    """One message of the outbox."""

    incident_id: str
    part: DeliveryPart
    change: ChangeKind
    """What happened to the incident, and is told."""
    thread: str | None = None
    """The head in whose thread the last post began; the incident may have another by now."""


@dataclass(frozen=True, kw_only=True)
class WeeklyDigest(Outgoing):
    """The digest of a week for one channel."""

    week: str
    """As `2026-W45`."""
    pipelines: tuple[str, ...]
    """Those of the review that tell their incidents there."""


def told_changes(waiting: Sequence[ChangeKind]) -> tuple[ChangeKind, ...]:
    """Return which of an incident's waiting changes one message tells, in order; it shows the incident as it is now.

    Of what the incident became in turn only the last is still true. That it opened, or came back, is kept, since the
    evidence is told with it; so are a burning budget and an escalation, unless the incident is over.
    """
    became = [change for change in waiting if change not in (*_CALLS, *_STILL_TRUE)]
    last = became[-1:]
    first = next((one for one in became if one in (ChangeKind.OPENED, ChangeKind.REOPENED)), None)
    told = [first] if first is not None and first not in last else []
    calls = [] if last == [ChangeKind.RESOLVED] else [one for one in _CALLS if one in waiting]
    return (*told, *last, *calls, *(one for one in _STILL_TRUE if one in waiting))


def retry_wait(tries: int) -> timedelta:
    """Return how long to wait after that many tries: doubling, at most an hour."""
    doubled: timedelta = _FIRST_RETRY * 2 ** min(max(tries - 1, 0), 16)
    return min(doubled, _LAST_RETRY)
