"""Every objective of a pipeline at one time: its budget, its alerts, and whether releases may go on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

import pandas as pd

from seamwatch.core.detection.clustering import (
    BLOCK_LAG,
    LOOK_BACK,
    USUAL_LAG,
    BlockSums,
    are_few,
    are_rare,
    block_hours,
    interrupted,
    stretches,
    sum_blocks,
)
from seamwatch.core.detection.windows import calendar_window, rolling_window
from seamwatch.core.results import Window
from seamwatch.core.slo.alerts import (
    AlertState,
    BurnRule,
    Count,
    CountRule,
    Past,
    Usual,
    advance,
    default_rules,
    learn_usual,
    read_rule,
    window_lengths,
)
from seamwatch.core.slo.budget import Budget, Pace, Spent, calendar_budget, rolling_budget
from seamwatch.core.slo.policy import GateDecision
from seamwatch.core.slo.quality import Judged, WrongShare, extrapolate, wrong_by_time
from seamwatch.spec.objectives import AccuracyObjective, CostObjective, Objective
from seamwatch.vocabulary import AlertSeverity, Watch

Stretch = tuple[datetime, datetime]
"""From a moment to before another."""
_COUNTED = ("bad", "judged", "mixed", "pairs", "stretches")
"""Columns of buckets that alerts are judged by."""
_TICKET_AFTER = 0.25
"""Share of a day's or month's bound that is spent before its projection is told as a ticket."""
_CLEARLY_BELOW = 0.9
"""Such a ticket is over once the projection is below this share of the bound."""
_PACE = timedelta(days=1)
"""The future is projected by what was spent in the last so long."""


@dataclass(frozen=True, kw_only=True)
class ObjectiveStatus:
    """One objective at one time."""

    objective: str
    kind: str
    goal: float | None
    """Share of good events; None for a bound of the calendar."""
    window_start: datetime
    window_end: datetime
    events: float
    judged: float
    bad: float
    """Judged bad, refunds included."""
    refunded: float
    budget: Budget
    alerts: tuple[AlertState, ...] = ()
    measured_bad: float | None = None
    """Share of bad events as people's labels measured it; None where every event is judged by itself."""

    @property
    def sli(self) -> float | None:
        """Return the share of good events, as measured, else among those judged; None without any, or for money."""
        if self.measured_bad is not None:
            return 1.0 - self.measured_bad
        return 1.0 - self.bad / self.judged if self.judged and self.goal is not None else None


@dataclass(frozen=True, kw_only=True)
class SloStatus:
    """All objectives of a pipeline."""

    pipeline: str
    at: datetime
    objectives: tuple[ObjectiveStatus, ...]
    gate: GateDecision
    notes: tuple[str, ...] = field(default_factory=tuple)
    watched: dict[Watch, datetime] = field(default_factory=dict)
    """Until when each watch has read; one that failed goes on from there."""


def window_of(objective: Objective, now: datetime) -> Window:
    """Return the window that an objective's budget is of."""
    if isinstance(objective, CostObjective) and objective.period is not None:
        return calendar_window(objective.period, objective.time_zone, now)
    return rolling_window(objective.over, now)


def objective_status(
    objective: Objective,
    buckets: pd.DataFrame,
    refunds: pd.DataFrame,
    before: Sequence[AlertState],
    *,
    now: datetime,
    every: timedelta,
    incidents: Sequence[Stretch] = (),
    wrong: Sequence[WrongShare] = (),
) -> ObjectiveStatus:
    """Return an objective's budget and alerts.

    Args:
        objective: Its definition.
        buckets: Columns of `core.slo.events.BUCKET_COLUMNS`: of its window, and of what its alerts look back on.
        refunds: Columns start_at and amount: debits that a ruling refunds.
        before: Its alerts at the last look.
        now: The present.
        every: How often rules are looked at.
        incidents: Stretches of known incidents, which say nothing of how the service usually is.
        wrong: For an accuracy objective, what people's labels measured, in place of what is judged of each record.
    """
    bare = objective_at(objective, buckets, refunds, now=now, wrong=wrong)
    if isinstance(objective, CostObjective) and objective.period is not None:
        return replace(bare, alerts=_money_alerts(bare.budget, before, window_of(objective, now), now))
    return replace(bare, alerts=_alerts(objective, buckets, before, incidents, now=now, every=every))


def objective_at(
    objective: Objective,
    buckets: pd.DataFrame,
    refunds: pd.DataFrame,
    *,
    now: datetime,
    wrong: Sequence[WrongShare] = (),
) -> ObjectiveStatus:
    """Return an objective's budget at a moment, without alerts.

    Args:
        objective: Its definition.
        buckets: As for `objective_status`; longer ones than five minutes are fine where none crosses the moment.
        refunds: As for `objective_status`.
        now: The moment.
        wrong: As for `objective_status`.
    """
    window = window_of(objective, now)
    inside = buckets[((buckets["start_at"] >= window.start) & (buckets["start_at"] < window.end)).to_numpy()]
    back = refunds[((refunds["start_at"] >= window.start) & (refunds["start_at"] < window.end)).to_numpy()]
    refunded = float(back["amount"].sum())
    first = buckets["start_at"].min().to_pydatetime() if len(buckets) else None
    is_money = isinstance(objective, CostObjective) and objective.period is not None
    spent = _spent(objective, inside, back, is_money=is_money, wrong=wrong)
    recent = [one for one in spent if one.at >= now - _PACE]
    pace = Pace(amount=sum(one.amount for one in recent), over=_PACE)
    events, judged, bad = (float(inside[name].sum()) for name in ("total", "judged", "bad"))
    if isinstance(objective, CostObjective) and objective.period is not None:
        bound = objective.per_day_usd or objective.per_month_usd or 0.0
        budget = calendar_budget(window, spent, bound=bound, now=now, first_event=first, pace=pace)
    else:
        whole = inside[(inside["start_at"] >= now - _PACE).to_numpy()]
        budget = rolling_budget(
            window,
            spent,
            goal=objective.goal,
            events=events,
            first_event=first,
            pace=pace,
            pace_events=float(whole["total"].sum()),
            interval=_interval(objective, inside, refunded, wrong),
        )
    return ObjectiveStatus(
        objective=objective.id,
        kind=objective.kind,
        goal=None if is_money else objective.goal,
        window_start=window.start,
        window_end=window.end,
        events=events,
        judged=judged,
        bad=bad,
        refunded=refunded,
        budget=budget,
        measured_bad=_measured(objective, inside, wrong),
    )


def _money_alerts(
    budget: Budget, before: Sequence[AlertState], window: Window, now: datetime
) -> tuple[AlertState, ...]:
    """Return the alerts of a calendar's bound: a ticket while it will not do at this pace, a page once it is gone.

    A ticket waits until a part of the budget is spent, as the first hours of a day say little of its end, and holds
    until the projection is clearly below the bound. A new day or month begins anew.
    """
    known = {state.severity: state.since for state in before if state.since is not None and state.since >= window.start}
    projected = budget.projected or budget.spent
    needed = _CLEARLY_BELOW if AlertSeverity.TICKET in known else 1.0
    is_short = budget.spent >= _TICKET_AFTER * budget.allowed and projected >= needed * budget.allowed
    fires = {AlertSeverity.PAGE: budget.spent >= budget.allowed, AlertSeverity.TICKET: is_short}
    return tuple(
        AlertState(severity=severity, since=known.get(severity, now) if fires[severity] else None)
        for severity in AlertSeverity
    )


def _spent(
    objective: Objective, inside: pd.DataFrame, back: pd.DataFrame, *, is_money: bool, wrong: Sequence[WrongShare]
) -> list[Spent]:
    """Return what counts against the budget, by time, refunds taken off; what was not judged is extrapolated."""
    amounts = inside.set_index("start_at")["usd" if is_money else "bad"].astype(float)
    is_measured = bool(wrong) and isinstance(objective, AccuracyObjective)
    if is_measured:
        amounts, _ = wrong_by_time(inside.set_index("start_at")["total"].astype(float), wrong)
    if not is_money:
        amounts = amounts.sub(back.groupby("start_at")["amount"].sum(), fill_value=0.0).clip(lower=0.0)
    if isinstance(objective, AccuracyObjective) and not is_measured:
        judged, total = float(inside["judged"].sum()), float(inside["total"].sum())
        amounts = amounts * (total / judged if judged else 0.0)
    amounts = amounts[amounts.to_numpy() != 0]
    times = pd.DatetimeIndex(amounts.index).to_pydatetime()
    return [Spent(at=at, amount=n) for at, n in zip(times, amounts.tolist(), strict=True)]


def _measured(objective: Objective, inside: pd.DataFrame, wrong: Sequence[WrongShare]) -> float | None:
    if not isinstance(objective, AccuracyObjective) or not wrong:
        return None
    total = inside.set_index("start_at")["total"].astype(float)
    if not total.sum():
        return None
    return float(wrong_by_time(total, wrong)[0].sum() / total.sum())


def _interval(
    objective: Objective, inside: pd.DataFrame, refunded: float, wrong: Sequence[WrongShare]
) -> tuple[float, float] | None:
    if not isinstance(objective, AccuracyObjective) or not len(inside):
        return None
    if wrong:
        _, (low, high) = wrong_by_time(inside.set_index("start_at")["total"].astype(float), wrong)
        return max(low - refunded, 0.0), max(high - refunded, 0.0)
    days = inside.assign(day=inside["start_at"].dt.floor("D")).groupby("day")[["total", "judged", "bad"]].sum()
    parts = [
        Judged(answers=int(row["total"]), judged=int(row["judged"]), wrong=int(row["bad"]))
        for row in days.to_dict("records")
    ]
    found = extrapolate(parts)
    if found is None:
        return None
    return max(found.low - refunded, 0.0), max(found.high - refunded, 0.0)


def rules_of(objective: Objective) -> tuple[BurnRule | CountRule, ...]:
    """Return the alert rules of an objective with a goal: its own, or those that follow from the goal."""
    if objective.alerts:
        return tuple(
            BurnRule(severity=one.severity, long=one.long, short=one.short, burn=one.burn) for one in objective.alerts
        )
    return default_rules(objective.goal, over=objective.over)


def _alerts(
    objective: Objective,
    buckets: pd.DataFrame,
    before: Sequence[AlertState],
    incidents: Sequence[Stretch],
    *,
    now: datetime,
    every: timedelta,
) -> tuple[AlertState, ...]:
    rules, buckets = rules_of(objective), _with_parts(buckets)
    usual = _usual(buckets, incidents, 1.0 - objective.goal, now)
    counts = {}
    for length in window_lengths(rules):
        inside = buckets[(buckets["start_at"] >= now - length).to_numpy()]
        bad, total, mixed, pairs, begun = (float(inside[name].sum()) for name in _COUNTED)
        counts[length] = Count(bad=bad, total=total, mixed=mixed, pairs=pairs, stretches=begun)
    readings = [read_rule(rule, counts, usual, goal=objective.goal, every=every) for rule in rules]
    known = {state.severity: state for state in before}
    return tuple(
        advance(known.get(severity, AlertState(severity=severity)), readings, now) for severity in AlertSeverity
    )


def _with_parts(buckets: pd.DataFrame) -> pd.DataFrame:
    """Return buckets in order of time, with their bad events that good ones interrupt, and stretches that begin."""
    ordered = buckets.sort_values("start_at", kind="stable")
    bad, total = ordered["bad"].to_numpy(dtype=float), ordered["judged"].to_numpy(dtype=float)
    mixed, pairs = interrupted(bad, total)
    return ordered.assign(mixed=mixed, pairs=pairs, stretches=stretches(bad, total))


def _usual(buckets: pd.DataFrame, incidents: Sequence[Stretch], budget_share: float, now: datetime) -> Usual:
    """Return what is known of a service's past: how its bad events cluster, and what share it usually has."""
    past = buckets[(buckets["start_at"] >= now - LOOK_BACK).to_numpy()]
    for start, end in incidents:
        past = past[~((past["start_at"] >= start) & (past["start_at"] < end)).to_numpy()]
    hours = max((now - past["start_at"].min()).total_seconds() / 3600, 1.0) if len(past) else 1.0
    per_hour = float(past["judged"].sum()) / hours
    length = f"{block_hours(per_hour)}h"
    blocks = past.groupby(past["start_at"].dt.floor(length))[[*_COUNTED]].sum()

    def known(bad: str, total: str) -> Past:
        return Past(recent=_sums(blocks, bad, total, now - BLOCK_LAG), older=_sums(blocks, bad, total, now - USUAL_LAG))

    return learn_usual(
        known("bad", "judged"),
        budget_share=budget_share,
        mixed=known("mixed", "pairs") if are_few(per_hour) else None,
        stretches=known("stretches", "judged") if are_rare(per_hour, budget_share=budget_share) else None,
    )


def _sums(blocks: pd.DataFrame, bad: str, total: str, until: datetime) -> BlockSums:
    older = blocks[(blocks.index <= until)]
    return sum_blocks(older[bad].to_numpy(dtype=float), older[total].to_numpy(dtype=float))
