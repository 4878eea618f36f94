"""The geometry of the charts of a weekly review; a template draws them in the page's colours."""

from __future__ import annotations

import math
from calendar import monthrange
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from seamwatch.core.weekly_review.facts import (
    CostWeek,
    IncidentsWeek,
    ObjectiveWeek,
    PipelineWeek,
    TimeTo,
    WeeklyReview,
)
from seamwatch.core.weekly_review.week import HISTORY, ReviewWeek
from seamwatch.report import numbers
from seamwatch.report.charts import Tick
from seamwatch.report.line_charts import nice_ticks
from seamwatch.report.weekly_review import sentences
from seamwatch.report.weekly_review.sections import Trend
from seamwatch.vocabulary import Responsibility

_WIDTH, _HEIGHT = 460, 190
_LEFT, _RIGHT, _TOP, _BASE = 58, 448, 14, 160
_MOST_LINES = 6
"""Further ones are told in the tables; the page has as many colours."""
_MOST_OVERSPENT = -0.5
"""A budget that is overspent by more is drawn here."""
_BAR_SHARE = 0.56
_ROW, _NAMES = 27, 96
_FASTEST_S, _SLOWEST_S = 10.0, 30 * 86_400.0
_SPARK_WIDTH, _SPARK_HEIGHT, _SPARK_BAR = 45, 14, 7


@dataclass(frozen=True, kw_only=True)
class WeekLine:
    """One figure over the weeks; gaps where it is not known."""

    name: str
    d: str
    points: tuple[tuple[float, float], ...]
    number: int
    """Of its colour, from 1."""


@dataclass(frozen=True, kw_only=True)
class WeekBar:
    """One week, or what is expected of one; height None: not known."""

    x: float
    y: float
    width: float
    height: float | None
    label: str
    is_now: bool = False
    is_forecast: bool = False
    low_y: float | None = None
    high_y: float | None = None

    @property
    def middle(self) -> float:
        """Return where its label stands."""
        return round(self.x + self.width / 2, 1)


@dataclass(frozen=True, kw_only=True)
class WeekChart:
    """Lines or bars over weeks, ready to be drawn."""

    title: str
    summary: str
    """For those who do not see the picture."""
    y_ticks: tuple[Tick, ...]
    x_ticks: tuple[Tick, ...]
    lines: tuple[WeekLine, ...] = ()
    bars: tuple[WeekBar, ...] = ()
    zero_y: float | None = None
    """Where a budget is spent; None: the axis itself."""
    n_hidden: int = 0
    width: int = _WIDTH
    height: int = _HEIGHT
    left: int = _LEFT
    right: int = _RIGHT
    top: int = _TOP
    base: int = _BASE


@dataclass(frozen=True, kw_only=True)
class RowMark:
    """One row of a chart of rows: a name, and where its values lie."""

    name: str
    y: int
    x: float | None
    """Of the value of the week, or where its bar ends; None: not known."""
    label: str
    worst_x: float | None = None
    before: tuple[float, ...] = ()


@dataclass(frozen=True, kw_only=True)
class RowChart:
    """Rows of values that lie beside each other."""

    title: str
    summary: str
    rows: tuple[RowMark, ...]
    ticks: tuple[Tick, ...]
    height: int
    width: int = _WIDTH
    left: int = _NAMES
    right: int = _RIGHT


def budgets_chart(review: WeeklyReview) -> WeekChart | None:
    """Return how much of each budget was left at the end of each week; of many those with least left."""
    found = [
        (one, each)
        for one in review.pipelines
        for each in one.objectives
        if sum(value is not None for value in _left_by_week(each)) > 1
    ]
    found.sort(key=lambda pair: math.inf if pair[1].left is None else pair[1].left)
    shown = found[:_MOST_LINES]
    if not shown:
        return None
    values = [value for _, one in shown for value in _left_by_week(one) if value is not None]
    ticks = nice_ticks(min(0.0, *values), max(1.0, *values))
    lines = tuple(
        _line(_objective_name(pipeline, one, review), _left_by_week(one), ticks, number)
        for number, (pipeline, one) in enumerate(shown, start=1)
    )
    least = shown[0][1]
    return WeekChart(
        title="Error budget left at the end of each week",
        summary=f"Error budgets over {HISTORY + 1} weeks; the least: {_name(least)}, {numbers.left(least.left)}.",
        y_ticks=_y_ticks(ticks, numbers.percent),
        x_ticks=_x_ticks(review.week),
        lines=lines,
        zero_y=_y(0.0, ticks),
        n_hidden=len(found) - len(shown),
    )


def _name(one: ObjectiveWeek) -> str:
    return sentences.name(one.objective)


def _objective_name(pipeline: PipelineWeek, one: ObjectiveWeek, review: WeeklyReview) -> str:
    objective = _name(one)
    return objective if len(review.pipelines) == 1 else f"{sentences.name(pipeline.pipeline)}: {objective}"


def _left_by_week(one: ObjectiveWeek) -> tuple[float | None, ...]:
    values = (*sentences.padded(one.left_before), one.left)
    return tuple(None if value is None else max(value, _MOST_OVERSPENT) for value in values)


def cost_chart(review: WeeklyReview) -> WeekChart | None:
    """Return the cost of each week, and of an average week of the month as it is forecast, with its interval."""
    cost = review.everything.cost
    if cost is None:
        return None
    values = (*sentences.padded(cost.before), cost.usd if cost.n_hours else None)
    if not any(values):
        return None
    expected = [
        None if usd is None else usd * 7 / monthrange(cost.month.year, cost.month.month)[1]
        for usd in (cost.forecast_usd, cost.forecast_low_usd, cost.forecast_high_usd)
    ]
    highest = max(value for value in (*values, *expected) if value is not None)
    ticks = nice_ticks(0.0, highest)
    weeks = [_week_label(week) for week in review.week.with_history()]
    bars = [
        _bar(n, label, value, ticks, is_now=n == HISTORY)
        for n, (label, value) in enumerate(zip(weeks, values, strict=True))
    ]
    bars.append(_forecast(f"{cost.month:%b}", expected, ticks))
    return WeekChart(
        title="Cost of the calls by week",
        summary=_cost_summary(cost),
        y_ticks=_y_ticks(ticks, _short_money),
        x_ticks=tuple(Tick(at=bar.middle, label=bar.label) for bar in bars),
        bars=tuple(bars),
    )


def _cost_summary(cost: CostWeek) -> str:
    forecast = sentences.known(cost.forecast_usd, numbers.money)
    this_week = numbers.money(cost.usd) if cost.n_hours else sentences.NOT_KNOWN
    return (
        f"Cost by week: {sentences.weeks_before(cost.before, numbers.money)}, this week {this_week}; "
        f"forecast of {cost.month:%B}: {forecast}."
    )


def _forecast(label: str, expected: Sequence[float | None], ticks: Sequence[float]) -> WeekBar:
    usd, low, high = expected
    bar = _bar(HISTORY + 1, label, usd, ticks, is_now=False)
    return WeekBar(
        x=bar.x,
        y=bar.y,
        width=bar.width,
        height=bar.height,
        label=bar.label,
        is_forecast=True,
        low_y=None if low is None else _y(low, ticks),
        high_y=None if high is None else _y(high, ticks),
    )


def _bar(n: int, label: str, value: float | None, ticks: Sequence[float], *, is_now: bool) -> WeekBar:
    slot = (_RIGHT - _LEFT) / (HISTORY + 2)
    width = slot * _BAR_SHARE
    y = _BASE if value is None else _y(value, ticks)
    return WeekBar(
        x=round(_LEFT + slot * n + (slot - width) / 2, 1),
        y=y,
        width=round(width, 1),
        height=None if value is None else round(_BASE - y, 1),
        label=label,
        is_now=is_now,
    )


def times_chart(times: Sequence[TimeTo]) -> RowChart | None:
    """Return the median of each step, the slowest, and the medians before, on a logarithmic axis."""
    if not any(one.median_s is not None for one in times):
        return None
    found = [s for one in times for s in (one.median_s, one.worst_s, *one.before) if s is not None]
    low = max(_FASTEST_S, min(found) / 1.5)
    high = max(low * 100, min(_SLOWEST_S, max(found) * 1.5))

    def x(value: float) -> float:
        share = math.log(max(value, low) / low) / math.log(high / low)
        return round(_NAMES + (_RIGHT - _NAMES) * min(1.0, share), 1)

    rows = tuple(
        RowMark(
            name=sentences.PHASES[one.phase],
            y=_ROW * n + 18,
            x=None if one.median_s is None else x(one.median_s),
            label=sentences.known(one.median_s, sentences.seconds),
            worst_x=None if one.worst_s is None else x(one.worst_s),
            before=tuple(x(value) for value in one.before if value is not None),
        )
        for n, one in enumerate(times)
    )
    marks = (
        (60.0, "1 min"),
        (600.0, "10 min"),
        (3_600.0, "1 h"),
        (36_000.0, "10 h"),
        (86_400.0, "1 d"),
        (604_800.0, "7 d"),
    )
    said = "; ".join(f"{row.name.lower()} {row.label}" for row in rows)
    return RowChart(
        title="Time from each step to the next: median, slowest",
        summary=f"Median time: {said}.",
        rows=rows,
        ticks=tuple(_apart([Tick(at=x(value), label=label) for value, label in marks if low <= value <= high])),
        height=_ROW * len(rows) + 40,
    )


def _apart(ticks: Sequence[Tick]) -> Iterator[Tick]:
    """Yield the marks whose labels do not touch."""
    last = -math.inf
    for tick in ticks:
        if tick.at - last >= 44:
            last = tick.at
            yield tick


def responsibilities_chart(one: IncidentsWeek) -> RowChart | None:
    """Return the incidents of the week by whose they were."""
    counts: Mapping[Responsibility, int] = {who: n for who, n in one.by_responsibility.items() if n}
    if not counts:
        return None
    most = max(counts.values())
    ordered = sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))
    rows = tuple(
        RowMark(
            name=sentences.cause(who).capitalize(),
            y=_ROW * n + 18,
            x=round(_NAMES + 24 + (_RIGHT - _NAMES - 60) * count / most, 1),
            label=numbers.count(count),
        )
        for n, (who, count) in enumerate(ordered)
    )
    said = ", ".join(f"{row.name.lower()} {row.label}" for row in rows)
    return RowChart(
        title="Incidents by responsibility",
        summary=f"Incidents by responsibility: {said}.",
        rows=rows,
        ticks=(),
        height=_ROW * len(rows) + 10,
        left=_NAMES + 24,
    )


@dataclass(frozen=True, kw_only=True)
class Spark:
    """Small bars, one a week; the last is the week itself."""

    bars: tuple[tuple[float, float, float, bool], ...]
    """Left edge, top and height; whether it is known."""
    width: int = _SPARK_WIDTH
    height: int = _SPARK_HEIGHT
    bar: int = _SPARK_BAR


def spark(trend: Trend) -> Spark:
    """Return a figure over the weeks as small bars."""
    step = _SPARK_WIDTH / max(1, len(trend.values))
    bars = []
    for n, value in enumerate(trend.values):
        share = 0.0 if value is None else (value - trend.low) / (trend.high - trend.low)
        height = 2.0 if value is None else round(max(1.5, (_SPARK_HEIGHT - 2) * min(1.0, max(0.0, share))), 1)
        bars.append((round(step * n, 1), round(_SPARK_HEIGHT - height, 1), height, value is not None))
    return Spark(bars=tuple(bars))


def _line(name: str, values: Sequence[float | None], ticks: Sequence[float], number: int) -> WeekLine:
    d, points, is_drawn = "", [], False
    for n, value in enumerate(values):
        if value is None:
            is_drawn = False
            continue
        x, y = _x(n), _y(value, ticks)
        d += f"{'L' if is_drawn else 'M'}{x} {y}"
        points.append((x, y))
        is_drawn = True
    return WeekLine(name=name, d=d, points=tuple(points), number=number)


def _x(n: int) -> float:
    return round(_LEFT + 14 + (_RIGHT - _LEFT - 34) * n / HISTORY, 1)


def _y(value: float, ticks: Sequence[float]) -> float:
    share = (value - ticks[0]) / (ticks[-1] - ticks[0])
    return round(_BASE - (_BASE - _TOP) * share, 1)


def _x_ticks(week: ReviewWeek) -> tuple[Tick, ...]:
    return tuple(Tick(at=_x(n), label=_week_label(one)) for n, one in enumerate(week.with_history()))


def _week_label(week: ReviewWeek) -> str:
    return f"W{week.number:02d}"


def _y_ticks(ticks: Sequence[float], form: Callable[[float], str]) -> tuple[Tick, ...]:
    return tuple(Tick(at=_y(value, ticks), label=form(value)) for value in ticks)


def _short_money(usd: float) -> str:
    return f"${usd:,.0f}" if usd >= 1 or not usd else numbers.exact_money(usd)
