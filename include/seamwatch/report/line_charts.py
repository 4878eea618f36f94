"""The geometry of charts of lines, or of parts stacked, over time. A template draws it in the page's colours."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from seamwatch.core.results import Window
from seamwatch.core.watch.results import Chart, Line
from seamwatch.report import numbers
from seamwatch.report.charts import PlotArea, Tick

_WIDTH, _HEIGHT = 640, 250
_LEFT, _RIGHT, _TOP, _BOTTOM = 64, 16, 18, 28
_MOST_TICKS = 4
_MOST_LINES = 6
"""Further ones are told in the tables; the page has as many colours."""


@dataclass(frozen=True, kw_only=True)
class Path:
    """One line, or one part of a stack."""

    name: str
    d: str
    number: int
    """Of its colour, from 1."""
    last: str
    """Its last value, in words."""


@dataclass(frozen=True, kw_only=True)
class LineChart:
    """A chart, ready to be drawn."""

    title: str
    width: int
    height: int
    left: int
    right: int
    top: int
    base: int
    paths: tuple[Path, ...]
    is_stacked: bool
    x_ticks: tuple[Tick, ...]
    y_ticks: tuple[Tick, ...]
    limit_y: float | None
    limit_label: str
    mark_x: float | None
    n_hidden: int
    summary: str
    """For those who do not see the picture."""


def line_chart(chart: Chart) -> LineChart | None:
    """Return the chart; None where no line has two points."""
    lines = [line for line in chart.lines if len(line.points) > 1][:_MOST_LINES]
    if not lines:
        return None
    lines = _stacked(lines) if chart.is_stacked else lines
    moments = [at for line in lines for at, _ in line.points]
    window = Window(start=min(moments), end=max(moments))
    values = [value for line in lines for _, value in line.points] + [chart.limit or 0.0]
    ticks = nice_ticks(min(0.0, *values), max(values))
    area = PlotArea(
        left=_LEFT,
        right=_WIDTH - _RIGHT,
        top=_TOP,
        base=_HEIGHT - _BOTTOM,
        window=window,
        low=ticks[0],
        high=ticks[-1],
    )
    paths, floor = [], None
    for number, line in enumerate(lines, start=1):
        points = [(area.x(at), area.y(value)) for at, value in line.points]
        d = "M" + "L".join(f"{x} {y}" for x, y in points)
        if chart.is_stacked:
            below = floor or [(points[0][0], area.y(0.0)), (points[-1][0], area.y(0.0))]
            d += "L" + "L".join(f"{x} {y}" for x, y in reversed(below)) + "Z"
            floor = points
        last = chart.lines[chart.lines.index(line)].points[-1][1] if not chart.is_stacked else line.points[-1][1]
        paths.append(Path(name=line.name, d=d, number=number, last=numbers.measure(last, chart.unit)))
    highest = max(max(value for _, value in line.points) for line in lines)
    is_inside = chart.mark is not None and window.start <= chart.mark <= window.end
    return LineChart(
        title=chart.title,
        width=_WIDTH,
        height=_HEIGHT,
        left=area.left,
        right=area.right,
        top=area.top,
        base=area.base,
        paths=tuple(paths),
        is_stacked=chart.is_stacked,
        x_ticks=area.x_ticks(_MOST_TICKS),
        y_ticks=tuple(Tick(at=area.y(tick), label=numbers.measure(tick, chart.unit)) for tick in ticks),
        limit_y=None if chart.limit is None else area.y(chart.limit),
        limit_label="" if chart.limit is None else f"limit {numbers.measure(chart.limit, chart.unit)}",
        mark_x=area.x(chart.mark) if is_inside and chart.mark is not None else None,
        n_hidden=len([line for line in chart.lines if len(line.points) > 1]) - len(lines),
        summary=f"{chart.title}, {numbers.span(window)}, highest {numbers.measure(highest, chart.unit)}.",
    )


def _stacked(lines: Sequence[Line]) -> list[Line]:
    """Return the lines, each on top of those before it; where one has no point it adds nothing."""
    moments = sorted({at for line in lines for at, _ in line.points})
    sums = dict.fromkeys(moments, 0.0)
    found = []
    for line in lines:
        own = dict(line.points)
        sums = {at: sums[at] + own.get(at, 0.0) for at in moments}
        found.append(Line(name=line.name, points=tuple(sums.items())))
    return found


def nice_ticks(low: float, high: float) -> list[float]:
    """Return three to six round values that reach from at most `low` to at least `high`."""
    span = high - low or abs(high) or 1.0
    power: float = 10.0 ** math.floor(math.log10(span))
    step = next(s for m in (0.2, 0.5, 1.0, 2.0, 5.0, 10.0) if span / (s := m * power) <= 4.5)
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    return [round(step * n, 12) for n in range(first, max(last, first + 1) + 1)]
