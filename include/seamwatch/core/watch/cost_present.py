"""What an evaluation of the cost is made from: the calls that were read, and the hours that are known."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import pandas as pd

from seamwatch.core.watch.cost_hours import HourSums
from seamwatch.core.watch.loops import Loop


@dataclass(frozen=True, kw_only=True)
class Present:
    """What a look read."""

    start: datetime
    now: datetime
    hours: Sequence[HourSums]
    """All that is known, in order of time, the present hour included."""
    calls: pd.DataFrame
    """As `price_calls` gives them, with `_key`, `stage`, `request` (a hash) and `asked` (the model asked for)."""
    runs: Mapping[Loop, pd.Series[Any]]
    """By kind, the longest run of each record with several calls."""
    n_records: int
    """Of the read, those with one call included."""
    sources: pd.DataFrame
    """Index key, a column of texts for each source."""
    notes: tuple[str, ...]
