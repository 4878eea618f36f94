"""What the store knows of some weeks, read once for all who ask."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from seamwatch.core.incident_life import Incident
from seamwatch.core.incident_timeline import IncidentEvent
from seamwatch.core.retention import Limits, limits
from seamwatch.core.weekly_review.week import ReviewWeek
from seamwatch.engine.deps import Deps
from seamwatch.spec.pipeline import Pipeline

_WHOLE_HOUR = timedelta(hours=1)
_PART_OF_HOUR = timedelta(minutes=5)


@dataclass(frozen=True, kw_only=True)
class Weeks:
    """The weeks of a review, and what happened to incidents in them."""

    all: tuple[ReviewWeek, ...]
    """Oldest first; the last one is the week."""
    now: datetime
    incidents: Mapping[str, Sequence[Incident]]
    """By pipeline."""
    events: Mapping[str, Sequence[IncidentEvent]]
    """By pipeline, oldest first; all until the end of the week."""

    @property
    def week(self) -> ReviewWeek:
        """Return the week itself."""
        return self.all[-1]

    @property
    def since(self) -> datetime:
        """Return the begin of the oldest week."""
        return self.all[0].window.start

    @property
    def until(self) -> datetime:
        """Return the end of the week; the present where it is not over."""
        return min(self.week.window.end, self.now)

    @property
    def spans(self) -> timedelta:
        """Return how long the spans are that sums are read in, so that none crosses the end of a week."""
        ends = [moment for week in self.all for moment in (week.window.start, week.window.end)]
        is_whole = all(moment.minute == 0 for moment in ends)
        return _WHOLE_HOUR if is_whole and self.until in ends else _PART_OF_HOUR


def read_weeks(deps: Deps, week: ReviewWeek, *, only: Collection[str] | None) -> Weeks:
    """Return the weeks of a review.

    Raises:
        StoreError: If the store cannot be read.
    """
    weeks, now = week.with_history(), deps.clock()
    until = min(week.window.end, now)
    incidents, events = deps.store.incidents_between(weeks[0].window.start, until, pipelines=only)
    pipeline_of = {one.id: one.pipeline for one in incidents}
    incidents_of: dict[str, list[Incident]] = defaultdict(list)
    events_of: dict[str, list[IncidentEvent]] = defaultdict(list)
    for one in incidents:
        incidents_of[one.pipeline].append(one)
    for event in events:
        events_of[pipeline_of[event.incident_id]].append(event)
    return Weeks(all=weeks, now=now, incidents=incidents_of, events=events_of)


def kept(deps: Deps, pipeline: Pipeline | None) -> Limits:
    """Return since when the store has what it knows of a pipeline."""
    return limits(deps.project.readable_settings().store, pipeline, is_removed=pipeline is None, now=deps.clock())
