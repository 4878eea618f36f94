"""When a window is looked at again because truths were still missing."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from seamwatch.core.results import Window

SOONEST = timedelta(minutes=15)
MOST = 24
"""Windows of one run: what is left over comes with the next one."""


@dataclass(frozen=True, kw_only=True)
class PendingWindow:
    """A window with records whose truth had not arrived when it was attributed."""

    window: Window
    attributed_at: datetime


def due_revisits(pending: Iterable[PendingWindow], *, now: datetime, late_after: timedelta) -> list[Window]:
    """Return the windows that are worth another look, oldest first.

    A window is looked at again each time its age has doubled, so that a label that comes after minutes is seen after
    minutes, and one that comes after days costs a handful of looks, not one for every schedule. Beyond `late_after`
    it is looked at one last time, and then left.

    Args:
        pending: Windows with pending records.
        now: Aware time of the decision.
        late_after: The outcome's; truths later than that are not waited for.
    """
    due = [one.window for one in pending if _is_due(one, now, late_after)]
    return sorted(due)[:MOST]


def _is_due(one: PendingWindow, now: datetime, late_after: timedelta) -> bool:
    last_age = max(one.attributed_at - one.window.end, timedelta(0))
    age = now - one.window.end
    return last_age <= late_after and age >= max(2 * last_age, last_age + SOONEST)
