"""Loops within a record: the same request again and again, a context that grows call by call, retries after errors.

How long such runs usually are is learnt from the past, as an agent may make twelve calls with a growing context every
day. A run is a loop where one as long is expected less than once in many months: beyond the longest usual runs their
lengths are taken to fall off geometrically, as peaks over a threshold do that have no heavy tail. Many runs that are
each short of that are found by their number (e-values, see `core.detection.evidence`).

Source: J. Pickands (1975), "Statistical inference using extreme order statistics", Annals of Statistics 3(1); the
shape of the tail is not estimated but set to that of the geometric distribution.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Any

import numpy as np
import pandas as pd

from seamwatch.core.detection.clustering import page_effect, sum_blocks, usual_share
from seamwatch.core.detection.evidence import log_evidence, needed_evidence
from seamwatch.core.watch.cost_hours import HourSums


class Loop(StrEnum):
    """Kinds of loops; the values are the patterns of what is found."""

    REPEAT = "retry_loop"
    """The same request again though it was answered."""
    GROWTH = "growing_context"
    """Each request longer than the one before."""
    RETRY = "retries_after_errors"
    """The same request again after the provider failed."""


FALSE_PER_MONTH = 0.1
"""Loops expected in 30 healthy days, of each kind."""
LEAST_RECORDS = 100
"""So many records tell what is usual."""
_RARE_RUNS, _RARE_SHARE = 30.0, 0.01
"""Runs are rare that so many of the past were as long as, or such a share of them."""
_PEAKS, _PEAK_SHARE = 100.0, 0.001
"""The longest so many runs of the past, or such a share of them, tell how the tail falls off: as few as still tell it,
for the lengths of most agents' runs fall off faster the longer they are."""
_DOUBT = 0.5
"""How many standard errors their mean is raised by. Chosen on simulated pasts of other seeds than the benchmark's, with
tails that are geometric, lighter and mixed: loops expected in a healthy month stay below `FALSE_PER_MONTH` on average
over pasts."""
_LEAST_OF_HOUR = 20
_ABOVE_HIGHEST = 1.25
"""So many times the share of rare runs in the worst hour of the past is needed, beside the evidence."""
_NEEDED = math.log(needed_evidence(FALSE_PER_MONTH, over=timedelta(days=30), every=timedelta(minutes=5)))
_MONTH_HOURS = 30 * 24


@dataclass(frozen=True, kw_only=True)
class UsualRuns:
    """How long runs of one kind are."""

    records: float
    rare: int
    """Runs from this length on are rare; their number is watched."""
    rare_share: float
    """Share of the records that have one, raised by its standard error."""
    highest_share: float
    """In any hour with records enough to tell: the provider's bad hours come again, and are no news."""
    effect: float
    """How much such runs come in bursts: the variance of their number, in variances of independent ones."""
    threshold: int
    """A single run of this length is a loop."""


def longest_runs(attempts: pd.DataFrame) -> dict[Loop, pd.Series[Any]]:
    """Return by kind the length of the longest run of each record with several calls, in calls.

    Args:
        attempts: Oldest first, of records with several calls: `_key`; `request` a hash of it; `size` of the request in
            tokens or characters (NaN: unknown); `is_error` whether the provider failed (as 429, 5xx, timeout).
    """
    first_of = attempts.groupby("_key", sort=False)
    again = attempts.duplicated(["_key", "request"], keep="first").to_numpy()
    # Whether the last call with the same request failed at the provider: then asking again is right.
    failed_before = attempts.groupby(["_key", "request"], sort=False)["is_error"].shift(1).fillna(False).to_numpy(bool)
    keys = attempts["_key"]
    counts = {}
    for kind, chosen in ((Loop.REPEAT, again & ~failed_before), (Loop.RETRY, again & failed_before)):
        by_request = pd.Series(chosen, index=attempts.index).groupby([keys, attempts["request"]], sort=False).sum()
        counts[kind] = by_request.groupby(level=0, sort=False).max() + 1
    fresh = attempts[~again & attempts["size"].notna().to_numpy()]
    size = fresh["size"].astype(float)
    grows = (size > size.groupby(fresh["_key"], sort=False).shift(1)).to_numpy()
    run = pd.Series(np.cumsum(~grows), index=fresh.index)
    lengths = fresh.groupby([fresh["_key"], run], sort=False).size().groupby(level=0, sort=False).max()
    counts[Loop.GROWTH] = lengths.reindex(first_of.size().index).fillna(1)
    return {kind: found.astype(int) for kind, found in counts.items()}


def usual_runs(hours: Sequence[HourSums], kind: Loop, *, least: int) -> UsualRuns | None:
    """Return what past hours say; None if they are too few to say.

    Args:
        hours: Of the past, oldest first, those of incidents left out.
        kind: Which runs.
        least: Shorter runs are never a loop.
    """
    counts: dict[int, float] = {}
    for hour in hours:
        for length, n in hour.runs.get(kind.value, {}).items():
            counts[length] = counts.get(length, 0.0) + n
    records = sum(counts.values())
    if records < LEAST_RECORDS:
        return None
    hours_seen = max((hours[-1].start - hours[0].start).total_seconds() / 3600 + 1, 1.0)
    longest, _ = _above(counts, max(_RARE_RUNS, _RARE_SHARE * records))
    rare = max(longest + 1, (least + 1) // 2)
    runs = [hour.runs.get(kind.value, {}) for hour in hours]
    total = np.array([sum(one.values()) for one in runs], dtype=float)
    long = np.array([sum(n for length, n in one.items() if length >= rare) for one in runs], dtype=float)
    sums = sum_blocks(long, total)
    return UsualRuns(
        records=records,
        rare=rare,
        highest_share=float(np.max(long[total >= _LEAST_OF_HOUR] / total[total >= _LEAST_OF_HOUR], initial=0.0)),
        rare_share=max(float(usual_share(sums, budget_share=0.5)), 1e-9),
        effect=float(page_effect(sums)),
        threshold=max(least, _seldom_reached(counts, months=hours_seen / _MONTH_HOURS)),
    )


def _seldom_reached(counts: Mapping[int, float], *, months: float) -> int:
    """Return the length that `FALSE_PER_MONTH` runs are expected to reach in a month.

    Args:
        counts: Records by the length of their run, of the past.
        months: Of the past, each of 30 days.
    """
    longest, above = _above(counts, max(_PEAKS, _PEAK_SHARE * sum(counts.values())))
    excess = sum(n * (length - longest) for length, n in counts.items() if length > longest)
    # One more peak than was seen, of length one: a past without any says that they are rare, not that none comes.
    peaks = above + 1.0
    mean = (excess + 1.0) / peaks
    mean += _DOUBT * (mean - 1.0 + 0.25) / math.sqrt(peaks)
    expected, beyond = peaks / months, 1.0
    if expected > FALSE_PER_MONTH and mean > 1.0:
        beyond += math.log(expected / FALSE_PER_MONTH) / -math.log1p(-1.0 / mean)
    return longest + math.ceil(beyond)


def _above(counts: Mapping[int, float], most: float) -> tuple[int, float]:
    """Return the least length that at most so many runs are longer than, and how many are."""
    above, longest = 0.0, max(counts)
    while longest > 1 and above + counts.get(longest, 0.0) <= most:
        above += counts.get(longest, 0.0)
        longest -= 1
    return longest, above


def are_more(lengths: Mapping[int, float], usual: UsualRuns) -> bool:
    """Return whether more runs than usual are rare ones.

    Args:
        lengths: Records by the length of their run, of the present.
        usual: Of the same kind.

    The e-value of each look has an expectation of at most one, so the looks of a healthy month that reach the bound
    are at most `FALSE_PER_MONTH` on average.
    """
    n, n_long = sum(lengths.values()), sum(count for length, count in lengths.items() if length >= usual.rare)
    if not n_long or n_long / n <= max(usual.rare_share, _ABOVE_HIGHEST * usual.highest_share):
        return False
    evidence = log_evidence(float(n_long), float(n), healthy_share=usual.rare_share, design_effect=usual.effect)
    return float(evidence) >= _NEEDED
