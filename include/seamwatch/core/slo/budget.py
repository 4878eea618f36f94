"""An error budget at one time: what is left, how fast it burns, and when it will be gone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from seamwatch.core.results import Window
from seamwatch.errors import DataContractError


@dataclass(frozen=True, kw_only=True)
class Spent:
    """What was spent at one time: a debit, or a tick's sum of them."""

    at: datetime
    amount: float


@dataclass(frozen=True, kw_only=True)
class Pace:
    """What was spent lately, by which the future is projected."""

    amount: float
    over: timedelta

    def after(self, span: timedelta) -> float:
        """Return what is spent in a span at this pace."""
        return self.amount * (span / self.over)


@dataclass(frozen=True, kw_only=True)
class Budget:
    """An objective's budget, in events or USD."""

    allowed: float
    """What may be spent in a whole window; where history is shorter, at the traffic seen."""
    spent: float
    spent_low: float
    spent_high: float
    """Equal to `spent` where nothing is extrapolated."""
    covered: float
    """Share of the window that there is history of, 0 to 1."""
    burn: float | None
    """How many times faster than allowed it was spent lately; None without events."""
    gone_at: datetime | None
    """When nothing is left at the present pace; the present where it is gone; None: not at this pace."""
    projected: float | None = None
    """Calendar windows: what will be spent at the end, at the present pace."""

    @property
    def left(self) -> float | None:
        """Return the share of the budget that is left, below 0 where overspent; None where nothing is allowed yet."""
        return 1.0 - self.spent / self.allowed if self.allowed > 0 else None


def rolling_budget(
    window: Window,
    spent: Sequence[Spent],
    *,
    goal: float,
    events: float,
    first_event: datetime | None,
    pace: Pace,
    pace_events: float,
    interval: tuple[float, float] | None = None,
) -> Budget:
    """Return the budget of a rolling window.

    A window longer than the history has the budget of a whole window at the traffic seen: the first bad answer of a new
    service does not spend its month. `covered` says how much of it is known.

    Args:
        window: The last so many days; ends now.
        spent: In the window, refunds left out; need not be sorted.
        goal: Share of good events, inside (0, 1).
        events: Good and bad ones of the window.
        first_event: The first that was ever seen.
        pace: What was spent lately.
        pace_events: Events of the same span.
        interval: Bounds of `spent` where it is extrapolated.

    Raises:
        DataContractError: If the goal is not inside (0, 1).
    """
    if not 0.0 < goal < 1.0:
        msg = f"a budget needs a goal inside (0, 1); got {goal}"
        raise DataContractError(msg)
    covered = window.covered(first_event, window.end)
    allowed = (1.0 - goal) * events / covered if covered > 0 else 0.0
    total = sum(one.amount for one in spent)
    low, high = interval or (total, total)
    return Budget(
        allowed=allowed,
        spent=total,
        spent_low=low,
        spent_high=high,
        covered=covered,
        burn=pace.amount / pace_events / (1.0 - goal) if pace_events > 0 else None,
        gone_at=_rolling_end(window, spent, allowed, pace) if allowed > 0 else None,
    )


def calendar_budget(
    window: Window, spent: Sequence[Spent], *, bound: float, now: datetime, first_event: datetime | None, pace: Pace
) -> Budget:
    """Return the budget of a day or month of the calendar: no more than `bound` in it.

    Args:
        window: Of the calendar; `now` is within.
        spent: In the window until now.
        bound: The upper bound, above 0.
        now: The present.
        first_event: The first that was ever seen.
        pace: What was spent lately.

    Raises:
        DataContractError: If the bound is not above 0.
    """
    if not bound > 0.0:
        msg = f"a budget of a day or month needs a bound above 0; got {bound}"
        raise DataContractError(msg)
    total = sum(one.amount for one in spent)
    rest = max(window.end - now, timedelta(0))
    gone_at = now if total >= bound else None
    if gone_at is None and total + pace.after(rest) >= bound:
        gone_at = now + (bound - total) / pace.amount * pace.over
    return Budget(
        allowed=bound,
        spent=total,
        spent_low=total,
        spent_high=total,
        covered=window.covered(first_event, now),
        burn=pace.after(window.length) / bound,
        gone_at=gone_at,
        projected=total + pace.after(rest),
    )


def _rolling_end(window: Window, spent: Sequence[Spent], allowed: float, pace: Pace) -> datetime | None:
    """Return when a rolling window has spent its budget: old debits leave it while new ones enter.

    Between two departures what is spent only grows, so it is looked at just before each of them; once the whole window
    lies in the future, it stays as it is.
    """
    now, total = window.end, sum(one.amount for one in spent)
    if total >= allowed:
        return now
    if pace.amount <= 0:
        return None
    since = now
    for one in [*sorted(spent, key=lambda s: s.at), Spent(at=now, amount=0.0)]:
        leaves = max(one.at + window.length, now)
        # `total` counts everything that has not left by `since`, without what comes at the present pace. All of it has
        # left one window from now, so what is reached later is not reached, however far away that is.
        if (allowed - total) / pace.amount <= window.length / pace.over:
            reaches = now + (allowed - total) / pace.amount * pace.over
            if reaches <= leaves:
                return max(reaches, since)
        total, since = total - one.amount, leaves
    return None
