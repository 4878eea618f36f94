"""What holds for a whole project: the file `include/settings.yaml`."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated

from pydantic import Field

from seamwatch.spec.base import Duration, Spec
from seamwatch.spec.schedule import Schedule
from seamwatch.spec.time_zone import TimeZone


class StoreSettings(Spec):
    """For how long Seamwatch's own store keeps what it knows."""

    keep: Duration = timedelta(days=180)
    """What is known of single records and windows: verdicts, discrepancies, cached answers, checks, watch reports. Sums
    that an objective or a watch still reads stay for longer where it looks back further."""
    keep_incidents: Duration = timedelta(days=730)
    """Resolved incidents with their messages and the window that they rest on, agreed actions that were done or
    dropped, and the digests of weekly reviews; open ones always stay."""


class WeeklyReviewSettings(Spec):
    """The weekly operational review of all pipelines."""

    time_zone: TimeZone = "UTC"
    """In which a week begins, on Monday at midnight."""
    schedule: Schedule = "0 7 * * 1"
    """When the week before is closed and its digest sent; in UTC."""
    verdicts: Annotated[int, Field(ge=0, le=1000)] = 5
    """Verdicts of a week that are drawn by chance and put before people; 0: none."""


class ProjectSettings(Spec):
    """Settings of a project, beside its pipelines."""

    store: StoreSettings = StoreSettings()
    """The store of windows, verdicts and incidents."""
    weekly_review: WeeklyReviewSettings = WeeklyReviewSettings()
    """When weeks are closed and reported, and how our own verdicts are graded."""
