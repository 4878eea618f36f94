"""The `slos` of a pipeline file: what is promised, over which window, who is called, and what a spent budget stops."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Annotated, Any, Literal, Self

from pydantic import ConfigDict, Field, model_validator

from seamwatch.spec.base import Duration, Name, Ratio, Spec
from seamwatch.spec.time_zone import TimeZone
from seamwatch.vocabulary import AlertSeverity

Goal = Annotated[float, Field(gt=0.0)]
Usd = Annotated[float, Field(gt=0.0)]

LEAST_BUDGET = 3.0
"""Fewer bad events than this in a window's budget, and chance alone spends it: a service that uses half of such a
budget on average overspends it in one window of five."""
_QUANTILE = re.compile(r"^p(\d{1,2}(?:\.\d+)?)$")


class BurnAlert(Spec):
    """One rule: the budget burns so fast over a long window, and still does over a short one."""

    severity: AlertSeverity
    """`page` calls somebody now, `ticket` is for working hours."""
    long: Duration
    """Window that shows how much was burnt."""
    short: Duration
    """Window that shows that it still burns; a twelfth of the long one is usual."""
    burn: Annotated[float, Field(ge=1.0)]
    """Times as fast as the goal allows; must be below 1 / (1 - goal), or it can never fire."""

    @model_validator(mode="after")
    def _short_within_long(self) -> Self:
        if self.short >= self.long:
            msg = f"the short window ({self.short}) must be shorter than the long one ({self.long})"
            raise ValueError(msg)
        return self


class _Objective(Spec):
    """What all objectives have."""

    name: Name | None = None
    """Default: its kind; two of one kind need names."""
    over: Duration = timedelta(days=28)
    """Rolling window that the budget is of."""
    alerts: tuple[BurnAlert, ...] = ()
    """Rules; default: two pages and two tickets with thresholds by the goal, and a count for quiet services."""
    expected_per_hour: Annotated[float, Field(gt=0.0)] | None = None
    """Records that are expected, if known: `seamwatch check` then says whether the goal can be judged at all."""

    @property
    def id(self) -> str:
        """Return the name by which budgets and alerts know it."""
        kind: str = self.kind  # type: ignore[attr-defined]
        return self.name or kind


class _Shared(_Objective):
    """An objective whose budget is a share of events."""

    goal: Goal
    """Share of good events, below 1."""

    @model_validator(mode="after")
    def _can_be_judged(self) -> Self:
        problems = [*goal_problems(self.goal), *alert_problems(self.goal, self.alerts)]
        if not problems and self.expected_per_hour is not None:
            problems = traffic_problems(self.goal, self.over, self.expected_per_hour)
        if problems:
            raise ValueError("; ".join(problems))
        return self


class AccuracyObjective(_Shared):
    """A share of the judged answers is right."""

    kind: Literal["accuracy"]
    stage: Literal["final"] | Name = "final"
    """What is judged: `final`, the stage that the outcome is of, or a model stage with truths of its own."""


def _allow_quantiles(schema: dict[str, Any]) -> None:
    """Let editors take `p95: 2s` for a threshold and a goal."""
    schema["patternProperties"] = {_QUANTILE.pattern: {"type": "string"}}
    schema["required"] = [name for name in schema["required"] if name != "threshold"]


class LatencyObjective(_Shared):
    """A share of the records is faster than a threshold."""

    model_config = ConfigDict(json_schema_extra=_allow_quantiles)

    kind: Literal["latency"]
    goal: Goal = 0.95
    """Share of records; `p95: 2s` is short for a goal of 0.95 and a threshold of 2s."""
    threshold: Duration
    """A record that takes longer is a bad event."""
    stage: Name | None = None
    """Default: the full pipeline, first stage to last."""

    @model_validator(mode="before")
    @classmethod
    def _read_quantile(cls, data: Any) -> Any:
        """Take `p95: 2s` for a goal and a threshold."""
        if not isinstance(data, dict):
            return data
        found = {key: m for key in data if isinstance(key, str) and (m := _QUANTILE.match(key))}
        if not found:
            return data
        if len(found) > 1 or "threshold" in data or "goal" in data:
            given = ", ".join([*found, *(key for key in ("goal", "threshold") if key in data)])
            msg = f"one objective has one threshold; got {given}: write an objective, with a name, for each"
            raise ValueError(msg)
        (key, match) = next(iter(found.items()))
        rest = {name: value for name, value in data.items() if name != key}
        return {**rest, "goal": round(float(match[1]) / 100.0, 10), "threshold": data[key]}


class CostObjective(_Objective):
    """An upper bound in USD: on a share of the queries, or on what a day or month of the calendar costs."""

    kind: Literal["cost"]
    goal: Goal = 0.99
    """With `per_query_usd`: share of queries that cost no more. A day or month has its bound as its budget."""
    per_query_usd: Usd | None = None
    """A query that costs more is a bad event."""
    per_day_usd: Usd | None = None
    """What a day of the calendar may cost."""
    per_month_usd: Usd | None = None
    """What a month of the calendar may cost."""
    time_zone: TimeZone = "UTC"
    """Whose days and months."""

    @model_validator(mode="after")
    def _one_bound(self) -> Self:
        bounds = [name for name in ("per_query_usd", "per_day_usd", "per_month_usd") if getattr(self, name) is not None]
        if len(bounds) != 1:
            msg = (
                f"a cost objective needs exactly one of per_query_usd, per_day_usd, per_month_usd; got "
                f"{', '.join(bounds) or 'none'}: write an objective, with a name, for each"
            )
            raise ValueError(msg)
        if self.per_query_usd is None:
            # A dump holds the defaults too, and must load again.
            defaults = {name: type(self).model_fields[name].default for name in ("goal", "over", "alerts")}
            money = [name for name, default in defaults.items() if getattr(self, name) != default]
            if money:
                msg = f"{bounds[0]} is a bound of the calendar and has no {' or '.join(money)}; remove it"
                raise ValueError(msg)
            return self
        problems = [*goal_problems(self.goal), *alert_problems(self.goal, self.alerts)]
        if not problems and self.expected_per_hour is not None:
            problems = traffic_problems(self.goal, self.over, self.expected_per_hour)
        if problems:
            raise ValueError("; ".join(problems))
        return self

    @property
    def period(self) -> Literal["day", "month"] | None:
        """Return the calendar's period that is bounded; None: each query is."""
        if self.per_query_usd is not None:
            return None
        return "day" if self.per_day_usd is not None else "month"


class FreshnessObjective(_Shared):
    """A share of the answers rests on up-to-date documents."""

    kind: Literal["freshness"]
    goal: Goal = 0.99
    """Share of answers."""
    knowledge_base: Name
    """Name of the knowledge base."""


class AvailabilityObjective(_Shared):
    """A share of the records reaches the last stage, without a timeout or a failed call."""

    kind: Literal["availability"]
    goal: Goal = 0.999
    """Share of records."""


Objective = Annotated[
    AccuracyObjective | LatencyObjective | CostObjective | FreshnessObjective | AvailabilityObjective,
    Field(discriminator="kind"),
]


class BudgetPolicy(Spec):
    """What a spent error budget means for releases; each threshold is a share of the budget that is left."""

    warn_at: Ratio = 0.25
    """So much left, or less, is a warning."""
    freeze_at: Annotated[float, Field(lt=1.0)] = 0.0
    """So much left, or less, freezes releases; below 0 a budget may be overspent first."""
    unfreeze_at: Ratio = 0.1
    """A frozen budget lets releases through again only once so much is left: no flapping around the threshold."""
    longest_override: Duration = timedelta(days=7)
    """An override may last so long; a longer one is refused."""
    stale_after: Duration = timedelta(hours=1)
    """A look at the budgets that is older says nothing of the time since: the gate calls it stale."""
    when_stale: Literal["warn", "freeze"] = "warn"
    """What the gate does on a stale look: it says so (`warn`), or lets no release through (`freeze`)."""

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if not self.freeze_at < self.unfreeze_at:
            msg = (
                f"unfreeze_at ({self.unfreeze_at}) must be above freeze_at ({self.freeze_at}), or releases would be "
                f"frozen and let through in turn"
            )
            raise ValueError(msg)
        if self.warn_at < self.freeze_at:
            msg = f"warn_at ({self.warn_at}) is below freeze_at ({self.freeze_at}): nobody would be warned before"
            raise ValueError(msg)
        return self


def goal_problems(goal: float) -> list[str]:
    """Return what is wrong with a goal."""
    if goal < 1.0:
        return []
    if goal == 1.0:
        return [
            "a goal of 1.0 (100 %) leaves no error budget: the first bad answer breaks it for the whole window; "
            "write at most 0.9999, or an expectation if nothing may ever fail"
        ]
    return [f"a goal is a share below 1; got {goal:g}, write {goal / 100:g} for {goal:g} %"]


def alert_problems(goal: float, alerts: tuple[BurnAlert, ...]) -> list[str]:
    """Return which alerts can never fire: no more than 1 / (1 - goal) times the budget can burn."""
    if goal >= 1.0:
        return []
    highest = 1.0 / (1.0 - goal)
    return [
        f"alerts[{number}] can never fire: a burn of {alert.burn:g} needs {alert.burn * (1 - goal):.0%} bad events; at "
        f"a goal of {goal:g} write a burn below {highest:.3g} ({highest / 2:.3g} is half of the events bad), leave "
        f"alerts out for thresholds that follow from the goal, or raise the goal above {1 - 1 / alert.burn:.4g}"
        for number, alert in enumerate(alerts)
        if alert.burn >= highest
    ]


def traffic_problems(goal: float, over: timedelta, per_hour: float) -> list[str]:
    """Return whether so few events are expected that the budget is spent by chance."""
    events = per_hour * (over / timedelta(hours=1))
    budget = (1.0 - goal) * events
    if budget >= LEAST_BUDGET:
        return []
    days = LEAST_BUDGET / (1.0 - goal) / per_hour / 24.0
    works = [f"over: {_up(days)}d"] if days <= 366 else []
    if events > 2 * LEAST_BUDGET:
        works.append(f"a goal of at most {1.0 - LEAST_BUDGET / events:.4g}")
    told = " or ".join(works) or "more traffic: too few events are expected for any goal"
    return [
        f"{per_hour:g} records an hour over {over.days or over} "
        f"{'days' if over.days else ''} allow {budget:.2g} bad ones at a goal of {goal:g}; chance alone spends a "
        f"budget below {LEAST_BUDGET:g}. What works: {told}"
    ]


def _up(days: float) -> int:
    return int(-(-days // 1))
