"""What an evaluation of the cost comes to, in numbers: what changed, who made it, since when."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np

from seamwatch.core.finding import Finding
from seamwatch.core.results import Window
from seamwatch.core.watch.cost_hours import HourSums
from seamwatch.core.watch.cost_parts import Factor, Source
from seamwatch.core.watch.cost_projection import Projection
from seamwatch.core.watch.loops import Loop, UsualRuns


@dataclass(frozen=True, kw_only=True)
class Change:
    """Hours of the present beside such hours as they usually are, an hour on average."""

    start: datetime
    end: datetime
    before: HourSums
    now: HourSums
    parts: Mapping[Factor, float]
    """USD per hour; they add up to the change."""
    n_records: float
    p_value: float | None
    """That chance alone makes as much of a window; None where there is no jump, 1.0 where it only lasts."""

    def share(self, factor: Factor) -> float:
        """Return how much of all that moved a factor makes, 0 where it made the cost less."""
        moved = sum(abs(part) for part in self.parts.values())
        return max(self.parts[factor], 0.0) / moved if moved else 0.0


@dataclass(frozen=True, kw_only=True)
class LoopRecord:
    """A record in a loop."""

    key: str
    stage: str
    calls: int
    """Of the run."""
    usd: float
    """Of all its calls."""
    request: str
    """First digits of a hash of the request."""
    since: datetime


@dataclass(frozen=True, kw_only=True)
class LoopingRecords:
    """Records in a loop of one kind."""

    kind: Loop
    records: tuple[LoopRecord, ...]
    """The longest first; not all where there are many."""
    keys: tuple[Any, ...]
    usd: float
    longest: int
    usual: UsualRuns


@dataclass(frozen=True, kw_only=True)
class CostFinding:
    """A loop or a jump of the cost, with what speaks for it."""

    finding: Finding
    """Without words."""
    source: Source | None
    """The value of a column that it comes from, where one stands out."""
    change: Change | None
    """The jump; of a loop None where it makes none."""
    lead: Factor | None = None
    """What makes most of a jump; None: it is a loop."""
    loop: LoopingRecords | None = None


@dataclass(frozen=True, kw_only=True)
class CostEvaluation:
    """One evaluation."""

    pipeline: str
    window: Window
    compared: Window | None
    """None where there is no past yet."""
    n_records: int
    findings: tuple[CostFinding, ...]
    """Loops, then the jump."""
    still: tuple[str, ...]
    """Kinds that were found before and cannot be called over, as too few records came since."""
    hours: Sequence[HourSums]
    """All that is known, in order of time."""
    read_since: datetime
    """Start of what was read now."""
    change: Change | None
    """The last hours beside usual ones, whether that is a jump or not; None where the past is too short."""
    loops: tuple[LoopingRecords, ...]
    source_column: str | None
    """Whose values are worth a table."""
    day: Projection
    month: Projection
    notes: tuple[str, ...]
    """What was said of the columns read."""


def factor_level(hour: HourSums, factor: Factor) -> float | None:
    """Return a factor of an hour as one number; None where it has none."""
    sums = sum(hour.cells.values(), start=np.zeros(8))
    calls, fresh, cached, output, _, _, _, rest = (float(one) for one in sums)
    pairs = {
        Factor.RECORDS: (hour.records, 1.0),
        Factor.CALLS: (calls, hour.records),
        Factor.TOKENS_IN: (fresh + cached, calls),
        Factor.CACHED: (cached, fresh + cached),
        Factor.TOKENS_OUT: (output, calls),
        Factor.REST: (rest, calls),
    }
    if factor not in pairs:
        return None
    above, below = pairs[factor]
    return above / below if below > 0 else None
