"""What a watch found, in the one form in which it is kept, decided on and told."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from seamwatch.core.finding import Finding
from seamwatch.core.results import Window
from seamwatch.vocabulary import Watch


class Unit(StrEnum):
    """What the numbers of a column, chart or fact are, so that whoever tells them can write them."""

    TEXT = "text"
    COUNT = "count"
    SHARE = "share"
    """0 to 1, written in per cent."""
    SECONDS = "seconds"
    USD = "usd"
    NUMBER = "number"
    P_VALUE = "p_value"
    MOMENT = "moment"
    """ISO 8601 text of an aware time."""


Cell = str | int | float | None
"""None where nothing is known: said, never guessed. Moments are ISO 8601 text."""


@dataclass(frozen=True, kw_only=True)
class Column:
    """A column of a table."""

    name: str
    unit: Unit = Unit.TEXT


@dataclass(frozen=True, kw_only=True)
class Table:
    """Figures that belong together."""

    title: str
    """A sentence without a full stop: `What the change of the cost per hour is made of`."""
    columns: tuple[Column, ...]
    rows: tuple[tuple[Cell, ...], ...]
    note: str = ""
    """How to read it, in a sentence."""
    is_main: bool = False
    """Whether it stands in messages too, where there is room for one table of few rows."""


@dataclass(frozen=True, kw_only=True)
class Line:
    """One line of a chart over time."""

    name: str
    points: tuple[tuple[datetime, float], ...]


@dataclass(frozen=True, kw_only=True)
class Chart:
    """Lines over time, or parts stacked over time."""

    title: str
    unit: Unit
    lines: tuple[Line, ...]
    is_stacked: bool = False
    mark: datetime | None = None
    """When what is told began."""
    limit: float | None = None
    """A bound that was promised."""


@dataclass(frozen=True, kw_only=True)
class Fact:
    """One figure of the summary."""

    label: str
    value: Cell
    unit: Unit = Unit.TEXT
    note: str = ""


@dataclass(frozen=True, kw_only=True)
class WatchReport:
    """One look of one watch."""

    watch: Watch
    pipeline: str
    window: Window
    """What was looked at."""
    compared: Window | None
    """What it was compared with; None where there is no past yet."""
    n_records: int
    findings: tuple[Finding, ...] = ()
    """Worst first; empty: all is as it was."""
    still: tuple[str, ...] = ()
    """Kinds of finding that are not found and yet cannot be called over, as too few records came since."""
    facts: tuple[Fact, ...] = ()
    tables: tuple[Table, ...] = ()
    charts: tuple[Chart, ...] = ()
    notes: tuple[str, ...] = ()
    """What a reader must know to trust the numbers: columns that are missing, models without a price."""

    @property
    def open_kinds(self) -> tuple[str, ...]:
        """Return the kinds that are found, and those that cannot be called over."""
        return tuple(dict.fromkeys((*(one.kind for one in self.findings if one.kind is not None), *self.still)))
