"""Which of the answers that wait one person is to judge, and in which order."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, kw_only=True)
class OpenItem:
    """An answer that waits, without its texts."""

    id: str
    record: str
    assigned_to: str | None
    assigned_until: datetime | None
    form_task: str | None
    skipped_by: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Queue:
    """The answers that wait, as they are for one person; each counts once."""

    theirs: tuple[str, ...]
    """Ids of those that they may judge now, in the order in which to take them."""
    n_with_others: int
    """Shown to somebody else now, on the page or as a form."""
    n_skipped: int
    """They left these to others."""
    n_judged: int
    """They judged these before; a second person is to."""

    @property
    def n_open(self) -> int:
        """Return all that wait."""
        return len(self.theirs) + self.n_with_others + self.n_skipped + self.n_judged


def queue_of(
    waiting: Iterable[OpenItem], *, person: str, judged: Collection[str], now: datetime, first: str | None = None
) -> Queue:
    """Return what waits for a person.

    Args:
        waiting: In the order in which they were drawn.
        person: Who asks.
        judged: Records of which this person judged an answer.
        now: Aware time; what was shown to another longer ago than agreed is free again.
        first: The one to begin with, where it is theirs to judge.
    """
    theirs: list[OpenItem] = []
    n_judged = n_skipped = n_with_others = 0
    for item in waiting:
        is_leased = item.assigned_until is not None and item.assigned_until > now
        if item.record in judged:
            n_judged += 1
        elif person in item.skipped_by:
            n_skipped += 1
        elif is_leased and (item.form_task is not None or item.assigned_to != person):
            n_with_others += 1
        else:
            theirs.append(item)
    theirs.sort(key=lambda item: (item.id != first, item.assigned_to != person))
    return Queue(
        theirs=tuple(item.id for item in theirs), n_with_others=n_with_others, n_skipped=n_skipped, n_judged=n_judged
    )
