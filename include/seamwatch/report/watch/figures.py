"""Tables and charts as all watches build them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from seamwatch.core.watch.results import Cell, Column, Line, Table, Unit

MAIN_ROWS = 8
"""Most rows of a table that stands in messages too."""
REST = "all others"
"""What parts are summed under that are too many to be shown."""
_STACKED = 5


def table(
    title: str, columns: Mapping[str, Unit], rows: Iterable[Sequence[Cell]], *, note: str = "", is_main: bool = False
) -> Table:
    """Return a table with the columns and their units."""
    return Table(
        title=title,
        columns=tuple(Column(name=name, unit=unit) for name, unit in columns.items()),
        rows=tuple(tuple(row) for row in rows),
        note=note,
        is_main=is_main,
    )


def stacked_lines(moments: Sequence[datetime], series: Mapping[str, Sequence[float]]) -> tuple[Line, ...]:
    """Return the largest series as lines in their order, and the sum of all others as the last one."""
    largest = sorted(series, key=lambda name: -sum(series[name]))[:_STACKED]
    drawn = {name: values for name, values in series.items() if name in largest}
    if len(drawn) < len(series):
        others = [values for name, values in series.items() if name not in drawn]
        drawn[REST] = [sum(values) for values in zip(*others, strict=True)]
    return tuple(Line(name=name, points=tuple(zip(moments, values, strict=True))) for name, values in drawn.items())
