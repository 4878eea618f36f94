"""From when on what the store knows is too old to be kept."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from seamwatch.core.detection import clustering
from seamwatch.core.watch import drift
from seamwatch.spec.objectives import CostObjective
from seamwatch.spec.pipeline import Pipeline
from seamwatch.spec.project import StoreSettings
from seamwatch.spec.review import Review

_WATCHES = timedelta(days=35)
"""The furthest that a watch without settings of its own looks back (cost), a week of doubt included."""
_LONGEST_MONTH = timedelta(days=31)
_MARGIN = timedelta(days=2)
"""Looks come late, and the days of a time zone begin up to a day earlier."""
_ANNOUNCED_LATE = timedelta(weeks=5)
"""After so long a week is announced by nobody but by hand: its digest may be forgotten, whatever the settings say."""
_AT_WORK = timedelta(days=1)
"""A window of long ago that is run today is checked, attributed and told in this time."""
_FIRST = datetime(1, 1, 2, tzinfo=UTC)


@dataclass(frozen=True, kw_only=True)
class Limits:
    """Moments; what ended before them goes."""

    records: datetime
    """What is known of single records and windows."""
    begun: datetime
    """Windows that were first looked at since stay, however old they are: somebody is at work on them."""
    sums: datetime | None
    """Sums of objectives and watches, answers of the gate; None: they stay, as nobody knows how far back is read."""
    incidents: datetime
    """Resolved incidents."""
    labels: datetime | None = None
    """Labels of people, and what they were shown; None: they stay, as nobody knows how long they count."""


def limits(settings: StoreSettings, pipeline: Pipeline | None, *, is_removed: bool = False, now: datetime) -> Limits:
    """Return from when on what is known of a pipeline stays.

    Args:
        settings: Of the project.
        pipeline: Its definition; None where it cannot be read, or was removed.
        is_removed: It has no file any more, so nothing reads its sums.
        now: Aware.
    """
    sums: datetime | None = None
    labels: datetime | None = None
    if pipeline is not None:
        sums = _before(now, max(settings.keep, looks_back(pipeline)))
        labels = _before(now, (pipeline.review or Review()).keep)
    elif is_removed:
        sums = labels = _before(now, settings.keep)
    return Limits(
        records=_before(now, settings.keep),
        begun=_before(now, _AT_WORK),
        sums=sums,
        incidents=_before(now, settings.keep_incidents),
        labels=labels,
    )


def digests_since(settings: StoreSettings, *, now: datetime) -> datetime:
    """Return from when on the digests of weekly reviews are kept: what is in no outbox any more could be sent twice.

    Args:
        settings: Of the project.
        now: Aware.
    """
    return _before(now, max(settings.keep_incidents, _ANNOUNCED_LATE))


def looks_back(pipeline: Pipeline) -> timedelta:
    """Return how old the oldest sum is that the objectives and watches of a pipeline read."""
    spans = [clustering.LOOK_BACK, _WATCHES]
    for objective in pipeline.slos:
        is_calendar = isinstance(objective, CostObjective) and objective.period is not None
        spans.append(_LONGEST_MONTH if is_calendar else objective.over)
    if pipeline.monitoring.drift is not None:
        settings = pipeline.monitoring.drift
        every = max(settings.every, timedelta(hours=1))
        spans.append(settings.reference + (drift.LONGEST + 1) * every)
    return max(spans) + _MARGIN


def _before(now: datetime, span: timedelta) -> datetime:
    """Return the moment a span ago, or the first that a database takes."""
    return now - span if now - _FIRST > span else _FIRST
