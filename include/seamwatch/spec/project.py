"""What holds for a whole project: the file `include/settings.yaml`."""

from __future__ import annotations

from datetime import timedelta

from seamwatch.spec.base import Duration, Spec


class StoreSettings(Spec):
    """For how long Seamwatch's own store keeps what it knows."""

    keep: Duration = timedelta(days=180)
    """What is known of single records and windows: verdicts, discrepancies, cached answers, checks, watch reports. Sums
    that an objective or a watch still reads stay for longer where it looks back further."""
    keep_incidents: Duration = timedelta(days=730)
    """Resolved incidents with their messages and the window that they rest on; open ones always stay."""


class ProjectSettings(Spec):
    """Settings of a project, beside its pipelines."""

    store: StoreSettings = StoreSettings()
    """The store of windows, verdicts and incidents."""
