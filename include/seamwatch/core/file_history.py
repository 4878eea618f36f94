"""What version control tells of some files near the onset of an incident."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

BEFORE, AFTER = timedelta(days=3), timedelta(hours=1)
"""How long before an onset, and after it, a commit may lie to be told: it is deployed later, and clocks are off."""


@dataclass(frozen=True, kw_only=True)
class Commit:
    """One commit, as its author wrote it: untrusted text."""

    id: str
    at: datetime
    """When it was committed; aware, UTC."""
    author: str
    subject: str
    lines: tuple[str, ...] = ()
    """Changed lines with their sign, each after its file's name: `mappings/x.py: -old`."""


@dataclass(frozen=True, kw_only=True)
class FileHistory:
    """What a repository tells of some files."""

    commits: tuple[Commit, ...]
    tracked: tuple[Path, ...]
    """The files that the repository keeps."""
    is_shallow: bool
    """Whether earlier commits are missing from the clone."""


def nearest_first(histories: Iterable[FileHistory], onset: datetime) -> tuple[Commit, ...]:
    """Return all commits, the last before the onset first, then those before it, then those after.

    A commit that several histories tell of stands once, with the lines of each.
    """
    found: dict[str, Commit] = {}
    for commit in (one for history in histories for one in history.commits):
        known = found.get(commit.id)
        lines = commit.lines if known is None else (*known.lines, *commit.lines)
        found[commit.id] = Commit(
            id=commit.id, at=commit.at, author=commit.author, subject=commit.subject, lines=tuple(dict.fromkeys(lines))
        )
    return tuple(sorted(found.values(), key=lambda one: (one.at > onset, abs(one.at - onset), one.id)))


def untracked(files: Sequence[Path], histories: Iterable[FileHistory]) -> tuple[Path, ...]:
    """Return the files that no repository keeps: of those nothing is known."""
    kept = {path for history in histories for path in history.tracked}
    return tuple(path for path in files if path not in kept)
