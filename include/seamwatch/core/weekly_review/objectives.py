"""What became of an objective in a week, and what was left of its budget at the end."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

import pandas as pd

from seamwatch.core.results import Window
from seamwatch.core.slo.policy import next_state
from seamwatch.core.slo.quality import WrongShare, wrong_by_time
from seamwatch.core.slo.status import ObjectiveStatus, objective_at, window_of
from seamwatch.core.weekly_review.facts import ObjectiveWeek
from seamwatch.core.weekly_review.week import ReviewWeek
from seamwatch.spec.objectives import AccuracyObjective, BudgetPolicy, CostObjective, Objective
from seamwatch.vocabulary import GateState

_INSTANT = timedelta(microseconds=1)


def objective_week(
    objective: Objective,
    sums: pd.DataFrame,
    refunds: pd.DataFrame,
    weeks: Sequence[ReviewWeek],
    *,
    policy: BudgetPolicy,
    now: datetime,
    kept_since: datetime | None,
    wrong: Sequence[WrongShare] = (),
) -> ObjectiveWeek:
    """Return an objective in a week, with the weeks before.

    Args:
        objective: Its definition, as it is now: earlier weeks are judged by it too.
        sums: Columns of `core.slo.events.BUCKET_COLUMNS`, in spans none of which crosses the end of a week.
        refunds: Columns start_at and amount: debits that a ruling refunds.
        weeks: Oldest first; the last one is the week.
        policy: Of the pipeline's error budgets.
        now: A week that is not over ends now.
        kept_since: What is older is gone, so nothing is known of it; None: nothing is.
        wrong: For an accuracy objective, what people's labels measured.
    """
    known = [_Known(objective, sums, refunds, week, now=now, kept_since=kept_since, wrong=wrong) for week in weeks]
    last, is_money = known[-1], isinstance(objective, CostObjective) and objective.period is not None
    left, allowed = last.left(), last.allowed
    return ObjectiveWeek(
        objective=objective.id,
        kind=objective.kind,
        goal=None if is_money else objective.goal,
        events=last.sum("total"),
        judged=last.sum("judged"),
        bad=last.spent(is_money=is_money),
        sli=None if is_money else last.sli(),
        before=tuple(one.told(is_money=is_money) for one in known[:-1]),
        left=left,
        left_before=tuple(one.left() for one in known[:-1]),
        spent=last.spent(is_money=is_money) / allowed if allowed > 0 else None,
        allowed=allowed if allowed > 0 else None,
        gate=None if left is None else next_state(policy, left, GateState.OK),
    )


class _Known:
    """What is known of an objective in one week."""

    def __init__(
        self,
        objective: Objective,
        sums: pd.DataFrame,
        refunds: pd.DataFrame,
        week: ReviewWeek,
        *,
        now: datetime,
        kept_since: datetime | None,
        wrong: Sequence[WrongShare],
    ) -> None:
        self._objective, self._sums, self._refunds, self._wrong = objective, sums, refunds, wrong
        start, end = week.window.start, min(week.window.end, now)
        self.is_known = start < end and (kept_since is None or start >= kept_since)
        self._window = Window(start=start, end=max(end, start + _INSTANT))
        self._inside = _within(sums, self._window)
        self._status = self._at(end) if self.is_known and self._bound is None else None

    @property
    def allowed(self) -> float:
        """Return what the whole budget allows; seven times the bound of a day, which begins anew each day."""
        if not self.is_known:
            return 0.0
        if self._status is not None:
            return self._status.budget.allowed
        return (self._bound or 0.0) * (7 if self._period == "day" else 1)

    @property
    def _period(self) -> str | None:
        return self._objective.period if isinstance(self._objective, CostObjective) else None

    @property
    def _bound(self) -> float | None:
        """Return the bound in USD of a day or month; None: it has none."""
        one = self._objective
        return (one.per_day_usd or one.per_month_usd) if isinstance(one, CostObjective) else None

    def sum(self, name: str) -> float:
        return float(self._inside[name].sum()) if self.is_known else 0.0

    def spent(self, *, is_money: bool) -> float:
        if is_money:
            return self.sum("usd")
        back = float(_within(self._refunds, self._window)["amount"].sum())
        return max(self._bad() - back, 0.0) if self.is_known else 0.0

    def _bad(self) -> float:
        """Return the bad events of the week; where people's labels measured them, those among all."""
        if self._is_measured:
            return float(self._measured().sum())
        return self.sum("bad")

    @property
    def _is_measured(self) -> bool:
        return bool(self._wrong) and isinstance(self._objective, AccuracyObjective)

    def _measured(self) -> pd.Series:
        return wrong_by_time(self._inside.set_index("start_at")["total"].astype(float), self._wrong)[0]

    def sli(self) -> float | None:
        n = self.sum("total" if self._is_measured else "judged")
        return 1.0 - self.spent(is_money=False) / n if n else None

    def told(self, *, is_money: bool) -> float | None:
        """Return the figure that stands beside the week's."""
        if not self.is_known:
            return None
        return self.spent(is_money=True) if is_money else self.sli()

    def left(self) -> float | None:
        """Return the share of the budget that was left at the end of the week, of daily ones on the worst day."""
        if not self.is_known or not self._sums["total"].sum():
            return None
        if self._status is not None:
            return self._status.budget.left
        assert self._bound is not None
        days, end = [], self._window.end
        while end > self._window.start:
            begin = window_of(self._objective, end - _INSTANT).start
            days.append(1.0 - float(_within(self._sums, Window(start=begin, end=end))["usd"].sum()) / self._bound)
            if self._period == "month":
                break
            end = begin  # a day on which clocks change has 23 or 25 hours
        return min(days)

    def _at(self, end: datetime) -> ObjectiveStatus:
        # A day or month of the calendar that begins with the end is not the one that ended.
        return objective_at(self._objective, self._sums, self._refunds, now=end - _INSTANT, wrong=self._wrong)


def _within(frame: pd.DataFrame, window: Window) -> pd.DataFrame:
    """Return the rows of a window; they stand oldest first."""
    first, after = (frame["start_at"].searchsorted(pd.Timestamp(moment)) for moment in (window.start, window.end))
    return frame.iloc[first:after]
