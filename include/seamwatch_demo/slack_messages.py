"""What stands in the local Slack: messages, what single people were shown, and opened forms."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

Json = dict[str, Any]


@dataclass
class SlackMessage:
    """One message as it stands now."""

    channel: str
    """Name, as `#ai-incidents`."""
    channel_id: str
    ts: str
    text: str
    blocks: list[Json]
    thread_ts: str | None = None
    n_edits: int = 0
    metadata: Json | None = None
    is_deleted: bool = False
    """Only its replies are left: Slack then shows that a message was deleted, and keeps the thread."""


@dataclass(frozen=True, kw_only=True)
class PrivateMessage:
    """What one person alone was shown in a channel."""

    channel_id: str
    user: str
    text: str
    blocks: list[Json]


@dataclass(frozen=True, kw_only=True)
class OpenedForm:
    """A form that a person is shown."""

    id: str
    view: Json
    """As it was opened."""
