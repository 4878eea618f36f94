"""Whether an action helped: from what its incident became, or what was measured."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from seamwatch.core.incident_life import Incident
from seamwatch.plurals import plural
from seamwatch.vocabulary import IncidentState


@dataclass(frozen=True, kw_only=True)
class Checked:
    """What a check says of an action."""

    is_well: bool | None
    """Whether it helped; None: nothing tells yet."""
    text: str
    """What that rests on, in words."""


def judge_by_incident(incident: Incident, *, done_at: datetime, is_run_again: bool = False) -> Checked:
    """Return what an incident tells of an action: its cause is gone, or shown after it, or nothing was seen yet.

    Args:
        incident: As it is now.
        done_at: When the action was carried out.
        is_run_again: Whether the action was to run the same windows again, so that they tell at once.
    """
    if incident.state is IncidentState.RESOLVED and incident.resolved_by is None:
        return Checked(is_well=True, text="its windows no longer show the cause")
    if not incident.is_open:
        return Checked(is_well=True, text=f"its incident is {incident.state.value}")
    if is_run_again:
        return Checked(is_well=False, text="the windows that were run again still show the cause")
    if incident.last_window.start >= done_at:
        return Checked(is_well=False, text="a window that began after it still shows the cause")
    return Checked(is_well=None, text="no window that began after it was seen yet")


def judge_by_benchmark(
    accuracy: float | None, *, n: int, is_degraded: bool | None, before: float | None, why_unknown: str = ""
) -> Checked:
    """Return what a new measurement of the model alone tells of an action.

    Args:
        accuracy: Share of benchmark inputs that it answers rightly now; None: it was not measured.
        n: Inputs that were asked.
        is_degraded: Whether that is worse than its baseline; None: there is none to compare with.
        before: The same share before the action; None: not measured.
        why_unknown: Why it was not measured, in words.
    """
    if accuracy is None or not n:
        return Checked(is_well=None, text=why_unknown or "the model alone could not be measured")
    now = f"the model alone is right on {accuracy:.0%} of {plural(n, 'benchmark input')}"
    was = "" if before is None else f", {before:.0%} before"
    if is_degraded is None and before is None:
        return Checked(is_well=None, text=f"{now}; nothing tells how it should be")
    if is_degraded if is_degraded is not None else accuracy <= (before or 0.0):
        return Checked(is_well=False, text=f"{now}{was}: still worse than it should be")
    return Checked(is_well=True, text=f"{now}{was}")
