"""Forget what is too old, as the project's settings say."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import datetime

from seamwatch.core.retention import limits
from seamwatch.engine.deps import Deps
from seamwatch.engine.weekly_review.calendar import oldest_told_week


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
    rows.update(_of_no_pipeline(deps, before=limits(keep, None, now=now).incidents, is_dry_run=is_dry_run))
    n_bytes = 0 if is_dry_run else deps.store.give_back_space()
    return Purged(rows=dict(rows), n_bytes=n_bytes, notes=tuple(notes))


def _of_no_pipeline(deps: Deps, *, before: datetime, is_dry_run: bool) -> dict[str, int]:
    """Return how many rows that belong to no single pipeline, or to no incident, were too old and are deleted."""
    store = deps.store
    found = {
        "agreed actions": store.purge_agreed_actions(before=before, is_dry_run=is_dry_run),
        "weekly digests": store.weekly_digests.purge(before_week=oldest_told_week(deps).name, is_dry_run=is_dry_run),
        "pressed buttons": store.purge_presses(before=before, is_dry_run=is_dry_run),
    }
    return {what: n for what, n in found.items() if n}
