"""The form of a weekly review in words: sections of sentences and tables, which every renderer draws its own way.

Every text in it is untrusted; addresses are ours.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from seamwatch.report.blocks import Run

Line = tuple[Run, ...]


class Tone(StrEnum):
    """How a cell stands out."""

    NONE = ""
    BAD = "bad"
    WARN = "warn"
    GOOD = "good"


@dataclass(frozen=True, kw_only=True)
class Trend:
    """The same figure over weeks, oldest first; None: not known."""

    values: tuple[float | None, ...]
    low: float
    """Where the picture begins."""
    high: float
    text: str
    """The weeks before in words."""


@dataclass(frozen=True, kw_only=True)
class Cell:
    """What stands in one place of a table."""

    text: str = ""
    note: str = ""
    tone: Tone = Tone.NONE
    address: str = ""
    """Where it leads; empty: nowhere."""
    trend: Trend | None = None
    """The weeks before, drawn beside the text where there can be a picture."""
    lines: tuple[Line, ...] = ()
    """A list instead of the text."""


Row = tuple[Cell, ...]


@dataclass(frozen=True, kw_only=True)
class Column:
    """The head of a column."""

    name: str
    is_number: bool = False


@dataclass(frozen=True, kw_only=True)
class Table:
    """Rows, the ones that need a look first; the rest stands folded behind its summary."""

    title: str
    columns: tuple[Column, ...]
    rows: tuple[Row, ...]
    folded: tuple[Row, ...] = ()
    folded_summary: str = ""


class Picture(StrEnum):
    """A chart of the week."""

    BUDGETS = "budgets"
    COST = "cost"
    TIMES = "times"
    RESPONSIBILITIES = "responsibilities"


@dataclass(frozen=True, kw_only=True)
class Section:
    """One thing that a meeting goes through."""

    key: str
    title: str
    lead: Line = ()
    items: tuple[Line, ...] = ()
    is_ordered: bool = False
    beside: Table | None = None
    """A small table that stands beside the pictures."""
    tables: tuple[Table, ...] = ()
    pictures: tuple[Picture, ...] = ()
    """Drawn where there can be pictures; what they show stands in the sentences and tables too."""
    lists: tuple[tuple[str, tuple[Line, ...]], ...] = ()
    """Further lists with their titles."""
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class WeeklyText:
    """A weekly review in words."""

    week: str
    title: str
    status: str
    """Whether it is as it was told, and since when."""
    summary: str
    sections: tuple[Section, ...]
    notes: tuple[str, ...]
