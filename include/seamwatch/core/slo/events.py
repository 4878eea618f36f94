"""Records to the events that each objective counts: which are judged, which are bad, and what kind of debit that is."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import pandas as pd

from seamwatch.core.slo.ledger import Debit
from seamwatch.spec.objectives import (
    AccuracyObjective,
    AvailabilityObjective,
    CostObjective,
    FreshnessObjective,
    LatencyObjective,
    Objective,
)
from seamwatch.vocabulary import DebitKind

BUCKET = timedelta(minutes=5)
RECORD_COLUMNS = ("at", "seconds", "usd", "is_done", "is_timeout", "is_right", "is_stale")
"""Of a record: aware time of its first stage, seconds until its last, cost of all attempts, whether it reached the last
stage, whether a call of it timed out, whether its outcome is right, whether it rested on an outdated document; None or
NaN where it is not known. The seconds of one stage stand in `seconds.<stage>`."""
BUCKET_COLUMNS = ("start_at", "total", "judged", "bad", "usd")


@dataclass(frozen=True, kw_only=True)
class Events:
    """What one objective counts of some records."""

    buckets: pd.DataFrame
    """Columns `BUCKET_COLUMNS`, one row each five minutes with an event: events, those that are judged, those of them
    that are bad, and what they cost."""
    debits: tuple[Debit, ...]
    n_absurd: int = 0
    """Records left out because their number cannot be: a negative latency or cost."""


def count_events(objective: Objective, records: pd.DataFrame, *, now: datetime, settle: timedelta) -> Events:
    """Return what an objective counts.

    Args:
        objective: Its definition.
        records: Index key; columns `RECORD_COLUMNS`.
        now: The present; a record in the future of a skewed clock is counted once its time has come.
        settle: How long a record may be on its way before it counts as unavailable.
    """
    records = records[(records["at"] <= now).to_numpy()]
    is_judged, is_bad, is_absurd = _judge(objective, records, now=now, settle=settle)
    kept = records[~is_absurd]
    is_judged, is_bad = is_judged[~is_absurd], is_bad[~is_absurd]
    # What is on its way still is no event yet; an answer that was not judged is one all the same.
    is_event = np.ones(len(kept), dtype=bool) if isinstance(objective, AccuracyObjective) else is_judged
    frame = pd.DataFrame(
        {
            "start_at": kept["at"].dt.floor(BUCKET),
            "total": is_event.astype(float),
            "judged": is_judged.astype(float),
            "bad": is_bad.astype(float),
            "usd": np.where(is_event, pd.to_numeric(kept["usd"]).fillna(0.0), 0.0),
        }
    )
    kind = _kinds(objective, kept)
    debits = tuple(
        Debit(objective=objective.id, kind=kind[place], record=str(kept.index[place]), at=at, told_at=now)
        for place, at in zip(np.flatnonzero(is_bad), kept["at"][is_bad].dt.to_pydatetime(), strict=True)
    )
    buckets = frame.groupby("start_at", as_index=False).sum() if len(frame) else frame
    return Events(buckets=buckets[list(BUCKET_COLUMNS)], debits=debits, n_absurd=int(is_absurd.sum()))


def _judge(objective: Objective, records: pd.DataFrame, *, now: datetime, settle: timedelta) -> tuple[Any, Any, Any]:
    """Return which records are judged, which are bad, and which have a number that cannot be."""
    none = np.zeros(len(records), dtype=bool)
    if isinstance(objective, AccuracyObjective):
        return _known(records["is_right"], is_bad=False, none=none)
    if isinstance(objective, FreshnessObjective):
        return _known(records["is_stale"], is_bad=True, none=none)
    if isinstance(objective, AvailabilityObjective):
        is_done = records["is_done"].to_numpy(dtype=bool)
        is_due = is_done | (records["at"] + settle < now).to_numpy()
        return is_due, is_due & ~is_done, none
    if isinstance(objective, LatencyObjective):
        name = "seconds" if objective.stage is None else f"seconds.{objective.stage}"
        seconds = pd.to_numeric(records[name]).to_numpy(dtype=float)
        known, absurd = ~np.isnan(seconds), seconds < 0
        return known & ~absurd, seconds > objective.threshold.total_seconds(), absurd
    usd = pd.to_numeric(records["usd"]).to_numpy(dtype=float)
    known, absurd = ~np.isnan(usd), usd < 0
    bound = objective.per_query_usd
    return known & ~absurd, usd > bound if bound is not None else none, absurd


def _known(column: pd.Series[Any], *, is_bad: bool, none: Any) -> tuple[Any, Any, Any]:
    known = column.notna().to_numpy()
    return known, known & (column == is_bad).to_numpy(dtype=bool), none


def _kinds(objective: Objective, records: pd.DataFrame) -> list[DebitKind]:
    if isinstance(objective, AvailabilityObjective):
        return [DebitKind.TIMEOUT if one else DebitKind.UNAVAILABLE for one in records["is_timeout"].fillna(False)]
    kinds: dict[type[Any], DebitKind] = {
        AccuracyObjective: DebitKind.WRONG_ANSWER,
        LatencyObjective: DebitKind.SLOW_ANSWER,
        CostObjective: DebitKind.OVER_COST,
        FreshnessObjective: DebitKind.STALE_ANSWER,
    }
    return [kinds[type(objective)]] * len(records)
