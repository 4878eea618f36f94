"""Which day and which week it is where the weekly review is held."""

from __future__ import annotations

from datetime import date
from zoneinfo import ZoneInfo

from seamwatch.core.retention import digests_since
from seamwatch.core.weekly_review.week import ReviewWeek
from seamwatch.engine.deps import Deps


def review_time_zone(deps: Deps) -> str:
    """Return the time zone in which weeks begin.

    Raises:
        SpecError: If the project's settings cannot be read: then nobody knows when a week begins, and another zone
            would put what is agreed on a Sunday evening into another week than it was agreed in.
    """
    return deps.project.readable_settings().weekly_review.time_zone


def review_today(deps: Deps) -> date:
    """Return the day that it is there; raise as `review_time_zone` does."""
    return deps.clock().astimezone(ZoneInfo(review_time_zone(deps))).date()


def this_week(deps: Deps) -> ReviewWeek:
    """Return the week that it is there, which is not over yet; raise as `review_time_zone` does."""
    return ReviewWeek.containing(deps.clock(), time_zone=review_time_zone(deps))


def last_week(deps: Deps) -> ReviewWeek:
    """Return the last week that is over, whose review is held now; raise as `review_time_zone` does."""
    return this_week(deps).before()


def oldest_told_week(deps: Deps) -> ReviewWeek:
    """Return the oldest week whose digests are kept; of one before it nobody knows any more which channels were told.

    Raises:
        SpecError: As `review_time_zone` does.
    """
    since = digests_since(deps.project.readable_settings().store, now=deps.clock())
    return ReviewWeek.containing(since, time_zone=review_time_zone(deps))


def named_week(deps: Deps, name: str) -> ReviewWeek:
    """Return the week of a name as `2026-W45`.

    Raises:
        DataContractError: If it is no week of the calendar.
        SpecError: As `review_time_zone` does.
    """
    return ReviewWeek.of(name, time_zone=review_time_zone(deps))
