"""A message on its way to a channel."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from seamwatch.core.incidents import ChangeKind
from seamwatch.vocabulary import DeliveryState


class DeliveryPart(StrEnum):
    """Which part of an incident's conversation a message is; each is sent by itself, so that neither is said twice."""

    HEAD = "head"
    """The one message of the incident: posted once, then changed in place."""
    THREAD = "thread"
    """An answer below it."""


@dataclass(frozen=True, kw_only=True)
class Delivery:
    """One message of the outbox."""

    id: int
    incident_id: str
    part: DeliveryPart
    change: ChangeKind
    """What happened to the incident, and is told."""
    channel: str
    connection: str
    state: DeliveryState
    attempts: int
    created_at: datetime
    sent_at: datetime | None = None
    message_id: str | None = None
    """As the notifier named it."""
    last_error: str | None = None
