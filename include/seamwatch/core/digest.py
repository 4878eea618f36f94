"""What quiet hours held of the incidents of a channel, to be told at their end in one message."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from seamwatch.core.incident_life import ChangeKind, Incident


class DigestKind(StrEnum):
    """What became of an incident in quiet hours; each is of one kind."""

    OPENED = "opened"
    OPENED_AND_OVER = "opened_and_over"
    CHANGED = "changed"
    OVER = "over"
    """It had opened before."""


@dataclass(frozen=True, kw_only=True)
class DigestEntry:
    """One incident that quiet hours held something of."""

    incident: Incident
    """As it is at their end."""
    changes: frozenset[ChangeKind]
    """What was held."""
    has_head: bool
    """Whether the channel has a message of it already."""

    @property
    def kind(self) -> DigestKind:
        """Return what became of it."""
        if ChangeKind.OPENED in self.changes:
            return DigestKind.OPENED if self.incident.is_open else DigestKind.OPENED_AND_OVER
        return DigestKind.CHANGED if self.incident.is_open else DigestKind.OVER

    @property
    def is_told(self) -> bool:
        """Return whether the digest says all of it: what is over, and never had a message, needs none any more."""
        return not self.incident.is_open and not self.has_head


@dataclass(frozen=True, kw_only=True)
class Digest:
    """What quiet hours held, the most severe first."""

    entries: tuple[DigestEntry, ...]

    def count(self, *kinds: DigestKind) -> int:
        """Return of how many incidents one of these became."""
        return sum(entry.kind in kinds for entry in self.entries)


def make_digest(entries: Iterable[DigestEntry]) -> Digest:
    """Return the digest: the most severe first, those never rated last; of one severity, what is still open first."""
    return Digest(entries=tuple(sorted(entries, key=_place)))


def _place(entry: DigestEntry) -> tuple[bool, int, bool, datetime, str]:
    incident = entry.incident
    rank = 0 if incident.severity is None else incident.severity.rank
    return incident.severity is None, rank, not incident.is_open, incident.opened_at, incident.id
