"""A message on its way to a channel."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from seamwatch.vocabulary import DeliveryState


@dataclass(frozen=True, kw_only=True)
class Delivery:
    """One message of the outbox."""

    id: int
    incident_id: str
    kind: str
    """`head` opens the incident's message, `update` changes it and adds to its thread."""
    channel: str
    connection: str
    state: DeliveryState
    attempts: int
    created_at: datetime
    sent_at: datetime | None = None
    channel_id: str | None = None
    """Id under which the channel answered; an update must go there."""
    message_id: str | None = None
    last_error: str | None = None
