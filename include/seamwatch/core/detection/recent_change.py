"""Whether a cause is a change since a moment inside a window, where the whole window is too wide to show it.

A fault of the last quarter of a window adds to a count to which three healthy quarters add their errors too. So the
window is cut into equal spans of time, and some of its last parts (the last two thirds, half, ... twelfth) are each
tested as a window is: against what the same part of healthy windows loses. The smallest p-value counts, times the
number of parts tried; parts overlap, so that this bound is not tight (C. Bonferroni, 1936).

What a part loses may differ from what the window loses, since a day has hours: the rate of each part is learnt from the
same part of the windows before, of the same length. Beforehand it is taken to be that of healthy windows and of what
this window has before the part, known as well as from few records: so hours that differ by a half are no change even
without a history.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from seamwatch.core.detection.window_change import (
    NO_MARK,
    CauseKey,
    Evidence,
    HealthyRate,
    Mark,
    Prior,
    Recent,
    WindowCount,
    fit_healthy,
    healthy_rate,
    series_of,
    tail_probability,
    weigh,
)

Floats = NDArray[np.float64]

N_PARTS = 24
"""Spans into which a window is cut: hours, where it is a day."""
LAST_PARTS = (16, 12, 8, 6, 4, 3, 2)
"""How many of them are tested together, up to the window's end."""
PART_RECORDS, PART_FAILING = 200.0, 4.0
"""Judged records of history that weigh as much as the window's rate for the rate of a part: so many, or more where they
would hold fewer failing records than this. Known from so few, 9 % is no surprise where 6 % is expected, nor 30 % where
20 % is; and of what is rare, twice as much is none."""
_TELLING = 0.001
"""A window that was called a change, and whose count is no rarer than this, was called one by a part of it. Such
windows are learnt from, since otherwise hours that always differ would be an incident for ever."""


@dataclass(frozen=True, kw_only=True)
class Parts:
    """A window cut into equal spans of time."""

    length: timedelta
    """Of the window."""
    judged: Sequence[float]
    """Judged records of each span, in order of time."""
    failing: Sequence[float]
    """Failing records of the cause in each."""


def start_of_last(n_parts: int, start: datetime, end: datetime) -> datetime:
    """Return when the last `n_parts` spans of a window begin."""
    return end - n_parts * ((end - start) / N_PARTS)


def part_of(times: pd.Series[Any], start: datetime, end: datetime) -> pd.Series[Any]:
    """Return in which span of the window each record lies, from 0 on; a record without a time is left out."""
    known = times.dropna()
    return ((known - start) // ((end - start) / N_PARTS)).clip(0, N_PARTS - 1).astype(int)


def count_parts(spans: pd.Series[Any], weights: pd.Series[Any] | None = None) -> tuple[float, ...]:
    """Return how many records, or how much weight, each span has; weights have the records' index."""
    weighed = None if weights is None else weights.reindex(spans.index).fillna(0.0).to_numpy(dtype=float)
    counts = np.bincount(spans.to_numpy(dtype=int), weights=weighed, minlength=N_PARTS)
    return tuple(round(float(n), 9) for n in counts)


def weigh_window(
    keys: Collection[CauseKey],
    history: Sequence[WindowCount],
    *,
    n_records: int,
    n_judged: int,
    prior: Prior,
    parts: Parts | None = None,
    mark: Mark = NO_MARK,
) -> Evidence:
    """Return how far a window's count, its last parts and the run up to it are from healthy ones.

    Args:
        keys: Causes that are taken together.
        history: Windows before, oldest first.
        n_records: Failing records of these causes.
        n_judged: Records whose outcome is right or wrong.
        prior: What is known of the causes' rate without the windows before.
        parts: The window's equal spans; None where they are not known.
        mark: What was damaged.
    """
    series = series_of(keys, history, n_records=n_records, n_judged=n_judged, mark=mark)
    evidence = weigh(series, prior)
    if parts is None:
        return evidence
    healthy = healthy_rate(series, prior)
    return replace(evidence, recent=weigh_last_parts(parts, keys, history, prior=prior, healthy=healthy, mark=mark))


def weigh_last_parts(
    parts: Parts,
    keys: Collection[CauseKey],
    history: Sequence[WindowCount],
    *,
    prior: Prior,
    healthy: HealthyRate,
    mark: Mark = NO_MARK,
) -> Recent | None:
    """Return the last part of the window that is least like those of healthy windows.

    None if nothing fails in any, and where there are windows before whose parts nobody kept: their hours may differ.

    Args:
        parts: Of this window.
        keys: Causes that are taken together.
        history: Windows before, oldest first.
        prior: What is known of the causes' rate without the windows before.
        healthy: What a whole healthy window loses to them, learnt from the windows before.
        mark: What was damaged; windows in which another damage at the same place was an incident are left out.
    """
    alike = [window for window in history if window.n_judged and window.end - window.start == parts.length]
    kept = [window for window in alike if _has_spans(window, keys)]
    if alike and not kept:
        return None
    known = [window for window in kept if _is_telling(window, keys, healthy, mark)]
    past_judged = _last_sums([window.judged_by_part for window in known])
    past_failing = _last_sums([_failing(window, keys) for window in known])
    found: list[Recent] = []
    for number, n_parts in enumerate(LAST_PARTS):
        n_judged, n_failing = round(sum(parts.judged[-n_parts:])), round(sum(parts.failing[-n_parts:]))
        if not n_judged or not n_failing:
            continue
        before = sum(parts.failing[:-n_parts]), sum(parts.judged[:-n_parts])
        rate_before = _rate_with(healthy, *before)
        records = min(prior.records, max(PART_RECORDS, PART_FAILING / rate_before))
        own = replace(prior, rate=rate_before, records=records)
        rate = fit_healthy(past_failing[:, number], past_judged[:, number], own)
        p_value = tail_probability(rate, float(n_failing), np.array([float(n_judged)]))
        found.append(
            Recent(
                n_parts=n_parts,
                n_records=n_failing,
                expected=rate.expected * n_judged,
                p_value=min(1.0, len(LAST_PARTS) * p_value),
            )
        )
    return min(found, key=lambda one: one.p_value, default=None)


def _rate_with(healthy: HealthyRate, n_failing: float, n_judged: float) -> float:
    """Return the rate that healthy windows and what this window has before its last part show together."""
    records = float(healthy.weight @ healthy.records)
    return (healthy.expected * records + n_failing) / (records + n_judged)


def _has_spans(window: WindowCount, keys: Collection[CauseKey]) -> bool:
    mine = [window.counts_by_part.get(key, ()) for key in keys if window.counts.get(key)]
    return all(len(spans) == N_PARTS for spans in (window.judged_by_part, *mine))


def _is_telling(window: WindowCount, keys: Collection[CauseKey], healthy: HealthyRate, mark: Mark) -> bool:
    """Return whether a window before tells what the parts of a healthy one lose."""
    if any(window.had_other(key, mark) for key in keys):
        return False
    if not window.changes:
        return True
    n_failing = float(sum(window.counts.get(key, 0) for key in keys))
    is_of_these = set(window.changes) <= set(keys)
    return is_of_these and tail_probability(healthy, n_failing, np.array([float(window.n_judged)])) >= _TELLING


def _failing(window: WindowCount, keys: Collection[CauseKey]) -> list[int]:
    """Return the failing records of some causes in each span of a window."""
    spans = [window.counts_by_part[key] for key in keys if window.counts.get(key)]
    return [sum(span) for span in zip(*spans, strict=True)] if spans else [0] * N_PARTS


def _last_sums(windows: Sequence[Sequence[int]]) -> Floats:
    """Return by window what each of its last parts has."""
    spans = np.array(windows, dtype=float).reshape(len(windows), N_PARTS)
    return np.asarray(spans[:, ::-1].cumsum(axis=1)[:, np.array(LAST_PARTS) - 1], dtype=float)
