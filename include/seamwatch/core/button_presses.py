"""What somebody pressed in a message or sent by a form, whether it counts, and what became of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from seamwatch.core.agreed_actions import AgreedWish
from seamwatch.spec.owners import GROUP, USER
from seamwatch.vocabulary import ApprovalAnswer, IncidentAction, Responsibility


@dataclass(frozen=True, kw_only=True)
class ButtonPress:
    """What Slack says of one press."""

    key: str
    """Of this press alone, however often Slack tells of it."""
    incident_id: str
    """Empty where an agreed action is meant."""
    action: IncidentAction | ApprovalAnswer | AgreedWish
    responsibility: Responsibility | None = None
    """What was chosen, where a verdict is called wrong."""
    user_id: str
    user_name: str = ""
    """As Slack names them; anybody may call themselves anything."""
    channel: str = ""
    """Id of the channel where it was pressed; empty where it is not known."""
    why: str = ""
    """Reason that was given in a form."""
    into: str | None = None
    """Id of the incident to merge into, chosen in a form."""
    answered: str | None = None
    """Id of the action that is approved or rejected, or of the agreed action that is done, dropped or opened again."""

    @property
    def about(self) -> str:
        """Return the id of what it is about, for messages of ours."""
        return self.incident_id or self.answered or ""


@dataclass(frozen=True, kw_only=True)
class FormRequest:
    """A choice of a menu that needs more than a press: Slack is to show a form for it."""

    incident_id: str
    action: IncidentAction
    trigger: str
    """With it Slack opens one form, within three seconds."""
    user_id: str
    channel: str = ""
    """Id of the channel where it was chosen; empty where it is not known."""


@dataclass(frozen=True, kw_only=True)
class RecordedPress:
    """A press as it was recorded, before anything was done."""

    id: int
    press: ButtonPress
    connection: str | None
    """The Slack that told of it."""
    received_at: datetime
    done_at: datetime | None = None
    """None: it is still to be carried out."""
    tries: int = 0
    """How often it could not be carried out."""

    @property
    def by(self) -> str:
        """Return the person as the audit trail names them: the name may be anybody's, the id is theirs."""
        return f"{self.press.user_name} ({self.press.user_id})" if self.press.user_name else self.press.user_id


@dataclass(frozen=True, kw_only=True)
class ActionReply:
    """What became of a press, for the person who pressed."""

    text: str
    is_done: bool
    """Whether anything was changed."""
    is_private: bool
    """Whether they are notified by a message of their own; else they see it in the incident's."""


def groups_of(mentions: Iterable[str]) -> tuple[str, ...]:
    """Return the ids of the user groups among mentions."""
    return tuple(found[1] for one in mentions if (found := GROUP.fullmatch(one)))


def is_permitted(user_id: str, mentions: Iterable[str], members: Mapping[str, frozenset[str]]) -> bool:
    """Return whether a person is among those who are named, by themselves or by a group.

    Args:
        user_id: The person.
        mentions: `@U012AB` or `!subteam^S01`; what is neither permits nobody.
        members: By id of a group, who is in it; a group that could not be read is missing, and permits nobody.
    """
    known = tuple(mentions)
    users = {found[1] for one in known if (found := USER.fullmatch(one))}
    return user_id in users or any(user_id in members.get(group, frozenset()) for group in groups_of(known))
