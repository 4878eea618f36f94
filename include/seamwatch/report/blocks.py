"""Neutral blocks: what a message says, without any channel's form. Renderers own form, limits and escaping.

Every text in a block is untrusted, with two exceptions: a `Mention` names a person or group from the pipeline file, and
a `Link` or the `url` of a `Run` is an address that we made.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from seamwatch.vocabulary import ApprovalAnswer, IncidentAction, IncidentState


class Emphasis(StrEnum):
    """How a run of text stands out."""

    NONE = "none"
    STRONG = "strong"
    CODE = "code"
    REMOVED = "removed"
    """The part of a recorded text that should not be."""


@dataclass(frozen=True, kw_only=True)
class Run:
    """A run of text."""

    text: str
    emphasis: Emphasis = Emphasis.NONE
    url: str | None = None
    """Where it leads: an address that we made; None: nowhere."""


@dataclass(frozen=True)
class Heading:
    """The title of a message, with the state that it tells of, where it is of one incident."""

    text: str
    state: IncidentState | None


@dataclass(frozen=True)
class Paragraph:
    """Running text."""

    runs: tuple[Run, ...]


@dataclass(frozen=True)
class Facts:
    """Labels (ours) and their values."""

    items: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Bullets:
    """A list; `ordered` numbers it."""

    items: tuple[tuple[Run, ...], ...]
    ordered: bool = False


@dataclass(frozen=True)
class Preformatted:
    """Text to copy, as a command."""

    text: str


@dataclass(frozen=True)
class Mention:
    """Who is to act: told to them, where the channel can."""

    lead: str
    """Words of ours before the mention."""
    target: str | None
    """`@U012AB` or `!subteam^S01`; None: nobody is named."""


@dataclass(frozen=True)
class Small:
    """A line in small print."""

    text: str


@dataclass(frozen=True)
class Link:
    """A button that leads somewhere."""

    text: str
    url: str
    is_primary: bool = False


@dataclass(frozen=True, kw_only=True)
class Confirmation:
    """What is asked before a press counts."""

    title: str
    text: str
    yes: str
    no: str = "Cancel"


@dataclass(frozen=True, kw_only=True)
class ActionButton:
    """A button that changes an incident, or answers an action of its runbook."""

    text: str
    action: IncidentAction | ApprovalAnswer
    incident_id: str
    """Of an answer the id of the action, which begins with that of the incident."""
    is_primary: bool = False
    confirmation: Confirmation | None = None


@dataclass(frozen=True, kw_only=True)
class ActionMenu:
    """A menu whose choice changes an incident."""

    text: str
    action: IncidentAction
    incident_id: str
    options: tuple[tuple[str, str], ...]
    """Value and label of each choice."""
    confirmation: Confirmation | None = None


@dataclass(frozen=True, kw_only=True)
class FormMenu:
    """A menu of what needs a reason or a choice: each opens a form."""

    incident_id: str
    options: tuple[tuple[IncidentAction, str], ...]
    """Action and label of each form."""


@dataclass(frozen=True, kw_only=True)
class AgreedMenu:
    """A menu whose choice says what became of an agreed action."""

    text: str
    options: tuple[tuple[str, str, str], ...]
    """Id of the action, what is said of it, and the label of the choice."""
    confirmation: Confirmation


@dataclass(frozen=True, kw_only=True)
class AgreeButton:
    """A button that opens the form of an agreed action."""

    text: str
    week: str
    """The week whose review it stands in, as `2026-W45`."""


Control = Link | ActionButton | ActionMenu | FormMenu | AgreeButton | AgreedMenu


@dataclass(frozen=True)
class Buttons:
    """Buttons and menus in a row."""

    items: tuple[Control, ...]


@dataclass(frozen=True)
class Divider:
    """A line across."""


Block = Heading | Paragraph | Facts | Bullets | Preformatted | Mention | Small | Buttons | Divider


@dataclass(frozen=True, kw_only=True)
class Message:
    """A head that is kept up to date in place, and what is added to its thread."""

    head: tuple[Block, ...]
    thread: tuple[Block, ...]
    fallback: str
    """The head in one line, for notifications and screen readers."""
    thread_fallback: str


def plain(text: str) -> Run:
    """Return a run without emphasis."""
    return Run(text=text)


def strong(text: str) -> Run:
    """Return a run that stands out."""
    return Run(text=text, emphasis=Emphasis.STRONG)


def code(text: str) -> Run:
    """Return a run set as code."""
    return Run(text=text, emphasis=Emphasis.CODE)
