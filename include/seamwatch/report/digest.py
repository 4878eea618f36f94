"""What quiet hours held, as one message: how many incidents, and a line for each that fits on one screen."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from seamwatch.core.digest import Digest, DigestEntry, DigestKind
from seamwatch.core.incident_life import ChangeKind
from seamwatch.report import numbers, sentences
from seamwatch.report.blocks import (
    Block,
    Bullets,
    Buttons,
    Heading,
    Link,
    Message,
    Paragraph,
    Run,
    Small,
    plain,
    strong,
)
from seamwatch.report.links import Links
from seamwatch.report.message import REPEAT
from seamwatch.report.text import joined
from seamwatch.vocabulary import IncidentState

_MOST_LINES = 10
_LINES_A_LIST = 3
"""So many lines are within the limits of one list, whatever they say: no line is cut off without being counted."""
_HEADLINE_CHARS = 140
_REST_CHARS = 200
_CHANGES: Mapping[ChangeKind, str] = {
    ChangeKind.REOPENED: "back again",
    ChangeKind.SEVERITY_RAISED: "more severe than before",
    ChangeKind.ALERTED: "an error budget burns by it",
    ChangeKind.ESCALATED: "nobody took it on in time",
}
"""What a line says of one that had opened before; of any other change the state says it all."""


@dataclass(frozen=True, kw_only=True)
class DigestLine:
    """What stands on the line of an incident besides the incident."""

    entry: DigestEntry
    owner_role: str | None
    """Key of `owners` in the pipeline file; None: nobody is named."""
    links: Links


def digest_message(digest: Digest, lines: Sequence[DigestLine], *, is_repeat: bool = False) -> Message:
    """Return the message, which has no thread. It calls nobody: the incidents' own messages after it do.

    Args:
        digest: What quiet hours held.
        lines: One for each of its entries, in their order; at least one.
        is_repeat: The channel may hold the same message already, and cannot be asked.
    """
    counted = joined(tuple(_counts(digest)))
    n_more = len(lines) - _MOST_LINES
    blocks: list[Block] = [
        Heading(f"Quiet hours are over: {_incidents(len(digest.entries))}", None),
        Paragraph((plain(f"{counted[0].upper()}{counted[1:]}."),)),
        *(Bullets(tuple(map(_line, some))) for some in _batched(lines[:_MOST_LINES], _LINES_A_LIST)),
    ]
    if n_more > 0:
        blocks.append(Small(f"And {n_more:,} more: see the list of incidents."))
    if any(entry.incident.is_open for entry in digest.entries):
        blocks.append(Small("What is still open has a message of its own, with its buttons."))
    if is_repeat:
        blocks.append(Small(REPEAT))
    blocks.append(Buttons((Link("Incidents", lines[0].links.incidents),)))
    text = f"Quiet hours are over: {counted}"
    return Message(head=tuple(blocks), thread=(), fallback=text, thread_fallback=text)


def _counts(digest: Digest) -> Iterator[str]:
    n_over = digest.count(DigestKind.OPENED_AND_OVER)
    if n_opened := digest.count(DigestKind.OPENED, DigestKind.OPENED_AND_OVER):
        yield f"{n_opened:,} opened" + (f" ({n_over:,} of them over already)" if n_over else "")
    if n_changed := digest.count(DigestKind.CHANGED):
        yield f"{n_changed:,} changed"
    if n_resolved := digest.count(DigestKind.OVER):
        yield f"{n_resolved:,} resolved"


def _incidents(n: int) -> str:
    return f"{n:,} incident{'' if n == 1 else 's'}"


def _line(line: DigestLine) -> tuple[Run, ...]:
    incident = line.entry.incident
    severity = "not rated" if incident.severity is None else incident.severity.value.upper()
    owner = "no owner is named" if line.owner_role is None else f"{line.owner_role.replace('_', ' ')} owner"
    return (
        strong(f"{severity}  "),
        Run(text=_clip(incident.headline, _HEADLINE_CHARS), url=line.links.report),
        plain(_clip(f"  {incident.pipeline}  ·  {_what(line.entry)}  ·  {owner}", _REST_CHARS)),
    )


def _clip(text: str, limit: int) -> str:
    return text if len(text) <= limit else f"{text[: limit - 1]}…"


def _batched(lines: Sequence[DigestLine], n: int) -> Iterator[Sequence[DigestLine]]:
    for start in range(0, len(lines), n):
        yield lines[start : start + n]


def _what(entry: DigestEntry) -> str:
    """Return what became of an incident."""
    incident = entry.incident
    if entry.kind is DigestKind.OPENED_AND_OVER and incident.state is IncidentState.RESOLVED and incident.resolved_at:
        return f"new, open for {numbers.duration(incident.resolved_at - incident.opened_at)}, resolved"
    state = sentences.state(incident)
    said = [text for change, text in _CHANGES.items() if change in entry.changes]
    if entry.kind is DigestKind.CHANGED and said:
        return f"{joined(tuple(said))}, {state[0].lower()}{state[1:]}"
    is_new = entry.kind in (DigestKind.OPENED, DigestKind.OPENED_AND_OVER)
    return f"{'new, ' if is_new else ''}{state[0].lower()}{state[1:]}"
