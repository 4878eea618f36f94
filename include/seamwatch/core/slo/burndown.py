"""How an error budget was used up over its window."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import pandas as pd

from seamwatch.core.slo.status import ObjectiveStatus

_MOST_POINTS = 120


@dataclass(frozen=True, kw_only=True)
class BurnDown:
    """Shares of a budget that were left, by time."""

    objective: str
    left: tuple[tuple[datetime, float], ...]
    even: tuple[tuple[datetime, float], ...]
    """Of a budget that is spent evenly over the window."""


def burn_down(status: ObjectiveStatus, buckets: pd.DataFrame) -> BurnDown | None:
    """Return the share of the budget that was left over the window; None where nothing is allowed or known.

    Args:
        status: The objective now.
        buckets: Columns of `core.slo.events.BUCKET_COLUMNS`; those outside of the window are left out.

    The line ends at what is left now: what was extrapolated or refunded is spread over the window as the debits are.
    """
    budget = status.budget
    inside = buckets[
        ((buckets["start_at"] >= status.window_start) & (buckets["start_at"] < status.window_end)).to_numpy()
    ]
    if budget.left is None or len(inside) < 2:
        return None
    amounts = inside.set_index("start_at")["usd" if status.goal is None else "bad"].astype(float).cumsum()
    counted = float(amounts.iloc[-1])
    used = amounts * (budget.spent / counted) / budget.allowed if counted else amounts
    kept = used.groupby(pd.cut(range(len(used)), min(len(used), _MOST_POINTS), labels=False)).tail(1)
    start = inside["start_at"].iloc[0].to_pydatetime()
    moments = pd.DatetimeIndex(kept.index).to_pydatetime()
    left = ((start, 1.0), *((at, 1.0 - float(share)) for at, share in zip(moments, kept, strict=True)))
    end = left[-1][0]
    return BurnDown(objective=status.objective, left=left, even=((start, 1.0), (end, 1.0 - _elapsed(status, end))))


def _elapsed(status: ObjectiveStatus, at: datetime) -> float:
    length = status.window_end - status.window_start
    return min((at - status.window_start) / length, 1.0) if length else 1.0
