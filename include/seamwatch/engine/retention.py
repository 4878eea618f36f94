"""Forget what is too old, as the project's settings say."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from seamwatch.core.retention import limits
from seamwatch.engine.deps import Deps


@dataclass(frozen=True, kw_only=True)
class Purged:
    """What was too old."""

    rows: dict[str, int]
    """How many, by what they are; what there was none of is missing."""
    n_bytes: int
    """By how much an SQLite file became smaller."""
    notes: tuple[str, ...]


def purge_store(deps: Deps, *, is_dry_run: bool = False) -> Purged:
    """Return what of the store was too old and is deleted.

    Sums of a pipeline whose file cannot be read stay: nobody knows how far back its objectives look.

    Args:
        deps: The project has the settings.
        is_dry_run: Only count.

    Raises:
        SpecError: If the project's settings cannot be read: then nobody knows what may go.
        StoreError: If the store refuses.
    """
    project, now = deps.project, deps.clock()
    keep = project.readable_settings().store
    if not is_dry_run:
        deps.store.begin_age_of_answers(now)
    rows: Counter[str] = Counter()
    notes: list[str] = []
    for name in sorted(deps.store.pipelines()):
        spec = project.pipelines.get(name)
        found = limits(keep, spec, is_removed=not project.broken, now=now)
        if found.sums is None:
            notes.append(f"{name}: its file cannot be read, so sums of its objectives and watches stay")
        rows.update(deps.store.purge(name, found, is_dry_run=is_dry_run))
    ended_before = limits(keep, None, now=now).incidents
    if n_agreed := deps.store.purge_agreed_actions(before=ended_before, is_dry_run=is_dry_run):
        rows["agreed actions"] += n_agreed
    n_bytes = 0 if is_dry_run else deps.store.give_back_space()
    return Purged(rows=dict(rows), n_bytes=n_bytes, notes=tuple(notes))
