"""The geometry of charts. Templates draw it, so the charts take the page's colours, light or dark."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from seamwatch.core.results import Window
from seamwatch.report import numbers
from seamwatch.report.facts import IsolationFacts, TimeBin

_LEFT, _RIGHT, _TOP, _BOTTOM = 44, 20, 26, 28
_TIME_WIDTH, _TIME_HEIGHT = 640, 290
_ACCURACY_WIDTH, _ACCURACY_HEIGHT = 440, 132
_NICE_RATIOS = (0.01, 0.02, 0.05, 0.1, 0.2, 0.4, 0.6, 0.8, 1.0)
_TICK_STEPS = tuple(
    timedelta(minutes=m) for m in (1, 2, 5, 10, 15, 30, 60, 120, 180, 360, 720, 1440, 2880, 10080, 43200)
)
_MOST_TICKS = 7


@dataclass(frozen=True, kw_only=True)
class Tick:
    """A mark on an axis."""

    at: float
    label: str


@dataclass(frozen=True, kw_only=True)
class PlotArea:
    """Where a chart over time draws its values: edges in pixels, and what lies at them."""

    left: int
    right: int
    top: int
    base: int
    window: Window
    low: float
    high: float

    def x(self, at: datetime) -> float:
        """Return where a time lies; what is outside of the window lies at its edge."""
        share = (at - self.window.start) / (self.window.end - self.window.start)
        return round(self.left + (self.right - self.left) * min(1.0, max(0.0, share)), 1)

    def y(self, value: float) -> float:
        """Return where a value lies; 0 is the top of the picture."""
        return round(self.base - (self.base - self.top) * (value - self.low) / (self.high - self.low), 1)

    def x_ticks(self, most: int) -> tuple[Tick, ...]:
        """Return the marks of round times, at most so many."""
        return tuple(Tick(at=self.x(at), label=label) for at, label in time_ticks(self.window, most))


@dataclass(frozen=True, kw_only=True)
class Bar:
    """One bin; `height` None: nothing was judged."""

    x: float
    y: float
    width: float
    height: float | None
    is_after_onset: bool
    title: str


@dataclass(frozen=True, kw_only=True)
class TimeChart:
    """Failing share over time."""

    width: int
    height: int
    left: int
    right: int
    top: int
    base: int
    bars: tuple[Bar, ...]
    x_ticks: tuple[Tick, ...]
    y_ticks: tuple[Tick, ...]
    onset_x: float | None
    onset_label: str
    is_onset_label_left: bool
    summary: str
    """For those who do not see the picture."""


@dataclass(frozen=True, kw_only=True)
class AccuracyChart:
    """The model alone against its baseline, on a scale that ends at 100%."""

    width: int
    height: int
    left: int
    right: int
    base: int
    ticks: tuple[Tick, ...]
    low_x: float
    high_x: float
    point_x: float
    point_label: str
    point_anchor: str
    """SVG text anchor that keeps the label off the baseline and inside the picture."""
    baseline_x: float | None
    baseline_label: str
    baseline_anchor: str
    summary: str


def time_chart(bins: Sequence[TimeBin], window: Window, onset: datetime | None) -> TimeChart | None:
    """Return the chart; None when nothing was judged in any bin."""
    ratios = [each.ratio for each in bins if each.ratio is not None]
    if not ratios:
        return None
    highest = next((nice for nice in _NICE_RATIOS if nice >= max(ratios)), 1.0)
    area = PlotArea(
        left=_LEFT,
        right=_TIME_WIDTH - _RIGHT,
        top=_TOP,
        base=_TIME_HEIGHT - _BOTTOM,
        window=window,
        low=0.0,
        high=highest,
    )
    ends = [each.start for each in bins[1:]] + [window.end]
    bars = []
    for each, end in zip(bins, ends, strict=True):
        left, right = area.x(each.start), area.x(end)
        gap = 2 if right - left > 5 else 0.5
        top = area.base if each.ratio is None else area.y(each.ratio)
        bars.append(
            Bar(
                x=round(left + gap / 2, 1),
                y=top,
                width=round(max(0.5, right - left - gap), 1),
                height=None if each.ratio is None else round(area.base - top, 1),
                is_after_onset=onset is not None and end > onset,
                title=(
                    f"{numbers.moment(each.start)}: {numbers.percent(each.ratio)} failing "
                    f"({numbers.count(each.n_failing)} of {numbers.count(each.n_judged)} judged)"
                ),
            )
        )
    onset_x = area.x(onset) if onset is not None and window.start <= onset <= window.end else None
    return TimeChart(
        width=_TIME_WIDTH,
        height=_TIME_HEIGHT,
        left=area.left,
        right=area.right,
        top=area.top,
        base=area.base,
        bars=tuple(bars),
        x_ticks=area.x_ticks(_MOST_TICKS),
        y_ticks=tuple(Tick(at=area.y(r), label=numbers.percent(r)) for r in (0.0, highest / 2, highest)),
        onset_x=onset_x,
        onset_label=f"onset {onset.astimezone(UTC):%H:%M}" if onset is not None else "",
        is_onset_label_left=onset_x is not None and onset_x > _TIME_WIDTH * 0.8,
        summary=(
            f"Share of failing records over time, highest {numbers.percent(max(ratios))}"
            + (f", onset {numbers.moment(onset)}." if onset is not None else ".")
        ),
    )


def accuracy_chart(isolation: IsolationFacts) -> AccuracyChart | None:
    """Return the chart; None when the model's accuracy alone was not measured."""
    if isolation.accuracy is None:
        return None
    low = isolation.accuracy if isolation.accuracy_low is None else isolation.accuracy_low
    high = isolation.accuracy if isolation.accuracy_high is None else isolation.accuracy_high
    least = min(x for x in (low, isolation.baseline) if x is not None)
    step = next(s for s in (0.02, 0.05, 0.1, 0.2, 0.25) if (1 - least) / s <= 4 or s == 0.25)
    floor = max(0.0, 1 - step * math.ceil((1 - least) / step + 0.25))
    left, right = 24, _ACCURACY_WIDTH - 24

    def x_of(ratio: float) -> float:
        return round(left + (right - left) * (ratio - floor) / (1 - floor), 1)

    n_ticks = round((1 - floor) / step)
    ratios = [1 - step * n for n in range(n_ticks, -1, -1)]
    point_x = x_of(isolation.accuracy)
    baseline_x = None if isolation.baseline is None else x_of(isolation.baseline)
    return AccuracyChart(
        width=_ACCURACY_WIDTH,
        height=_ACCURACY_HEIGHT,
        left=left,
        right=right,
        base=_ACCURACY_HEIGHT - _BOTTOM,
        ticks=tuple(Tick(at=x_of(r), label=numbers.percent(round(r, 6))) for r in ratios),
        low_x=x_of(low),
        high_x=x_of(high),
        point_x=point_x,
        point_label=f"alone {numbers.percent(isolation.accuracy)}",
        point_anchor=_point_anchor(point_x, baseline_x),
        baseline_x=baseline_x,
        baseline_label=f"baseline {numbers.percent(isolation.baseline)}",
        baseline_anchor="end" if baseline_x is not None and _is_at_edge(baseline_x) else "middle",
        summary=isolation.sentence,
    )


def _is_at_edge(x: float) -> bool:
    return x > _ACCURACY_WIDTH - 60


def _point_anchor(point_x: float, baseline_x: float | None) -> str:
    if baseline_x is None or abs(point_x - baseline_x) > 45:
        return "end" if _is_at_edge(point_x) else "middle"
    return "end" if point_x < baseline_x or _is_at_edge(point_x) else "start"


def time_ticks(window: Window, most: int) -> list[tuple[datetime, str]]:
    """Return round times inside the window, at most so many, dated where it is longer than a day."""
    span = window.end - window.start
    step = next((s for s in _TICK_STEPS if span / s <= most), span / most)
    form = "%H:%M" if span <= timedelta(days=1) else "%b %d" if step >= timedelta(days=1) else "%b %d %H:%M"
    epoch = datetime(1970, 1, 1, tzinfo=UTC)
    at = epoch + math.ceil((window.start - epoch) / step) * step
    ticks = []
    while at <= window.end:
        ticks.append((at, at.strftime(form)))
        at += step
    return ticks
