"""When something began: a change point over records in order of time.

`find_onset` knows what a healthy service loses and looks into the windows before, and says how uncertain it is; where
nothing is known of the rate before, as of the values of a setting, `onset_index` takes both rates from the records.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import special

from seamwatch.core.detection.beta_binomial import log_sequence
from seamwatch.core.detection.window_change import RUN_LENGTHS, CauseKey, Mark, WindowCount

Floats = NDArray[np.float64]

CREDIBILITY = 0.95
"""Probability that the interval holds the change."""
HEALTHY_RECORDS = 200.0
"""The rate before the change is known about as well as from so many records; those before the change do the rest."""

_PARTS = 20
"""Places tried for a change inside a window before."""


@dataclass(frozen=True, kw_only=True)
class PastWindow:
    """An earlier window: how many of its judged records the cause struck."""

    start: datetime
    n_judged: int
    n_struck: int


@dataclass(frozen=True, kw_only=True)
class Onset:
    """When the cause began."""

    at: datetime
    """First struck record at or after the likeliest change; the start of the window before, where it lies there."""
    low: datetime | None
    """The change is not earlier than this; None: it may lie before all that was looked at."""
    high: datetime
    """The change is not later than this."""


def past_windows(key: CauseKey, mark: Mark, history: Sequence[WindowCount]) -> list[PastWindow]:
    """Return the windows before in which the cause may have begun, oldest first: back to its last incident, if any.

    Another damage at the same place (`mark`) was another incident.
    """
    found: list[PastWindow] = []
    was_healthy = False
    for window in reversed(history[-RUN_LENGTHS[-1] :]):
        is_change = key in window.changes
        if (was_healthy and is_change) or window.had_other(key, mark):
            break
        was_healthy |= not is_change
        found.append(PastWindow(start=window.start, n_judged=window.n_judged, n_struck=window.counts.get(key, 0)))
    return found[::-1]


def find_onset(
    struck: Sequence[bool] | NDArray[np.bool_],
    times: pd.Series[Any],
    healthy_rate: float,
    before: Sequence[PastWindow] = (),
) -> Onset | None:
    """Return when the rate of struck records rose, with an interval that holds the moment at 95 %.

    Args:
        struck: For each judged record in order of time, whether the cause struck it.
        times: Their aware times, in the same order.
        healthy_rate: Share that a healthy window loses to the cause, inside (0, 1).
        before: Windows before, oldest first; the change may lie in one of them.

    Returns:
        None if no record is struck.

    One change point, equally likely beforehand at every record. The rate before it has a Beta prior around the healthy
    rate, the one after it a uniform one; both are integrated out. Of a window before only the count is known: the
    change is equally likely at any part of it. The interval spans the likeliest change points that together have 95 %.

    Source: A. F. M. Smith (1975), "A Bayesian approach to inference about a change-point in a sequence of random
    variables", Biometrika 62(2), section 3 (binomial sequence).
    """
    hits = np.asarray(struck, dtype=float)
    if not hits.any():
        return None
    past = [window for window in before if window.n_judged]
    log_density = np.concatenate([_past_density(hits, past, healthy_rate), _record_density(hits, past, healthy_rate)])
    places = _likeliest(log_density)
    n_past, n_records = len(past), np.array([*(window.n_judged for window in past), *np.ones(len(hits))])
    best = int(np.argmax(log_density - np.log(n_records)))
    first = best - n_past
    at = past[best].start if first < 0 else times.iloc[first + int(np.argmax(hits[first:] > 0))]
    low, high = min(places), max(places)
    return Onset(
        at=_plain(at),
        low=_earliest(low, past, times),
        high=max(_plain(at), _latest(high, past, times)),
    )


def records_surely_before(struck: Sequence[bool] | NDArray[np.bool_], healthy_rate: float) -> int:
    """Return how many records came before the change at 95 %; arguments and source as `find_onset`."""
    hits = np.asarray(struck, dtype=float)
    return min(_likeliest(_record_density(hits, (), healthy_rate))) if hits.any() else len(hits)


def _record_density(hits: Floats, past: Sequence[PastWindow], healthy_rate: float) -> Floats:
    """Return the log density of a change just before each record; before the first one it may be any time earlier."""
    n_hits = np.concatenate([[0.0], np.cumsum(hits)])[:-1]
    n_seen = np.arange(float(len(hits)))
    past_hits, past_seen = sum(w.n_struck for w in past), sum(w.n_judged for w in past)
    return _healthy(past_hits + n_hits, past_seen + n_seen, healthy_rate) + _raised(
        hits.sum() - n_hits, len(hits) - n_seen
    )


def _past_density(hits: Floats, past: Sequence[PastWindow], healthy_rate: float) -> Floats:
    """Return the log density of a change inside each earlier window, at any part of its records."""
    if not past:
        return np.zeros(0)
    struck = np.array([w.n_struck for w in past], dtype=float)
    judged = np.array([w.n_judged for w in past], dtype=float)
    earlier_hits, earlier = np.cumsum(struck) - struck, np.cumsum(judged) - judged
    later_hits, later = struck.sum() - earlier_hits - struck + hits.sum(), judged.sum() - earlier - judged + len(hits)
    raised = (later_hits + 1) / (later + 2)
    share = (np.arange(_PARTS) + 0.5) / _PARTS
    rate = healthy_rate + share * np.maximum(raised - healthy_rate, 0.0)[:, None]
    within = special.logsumexp(
        struck[:, None] * np.log(rate) + (judged - struck)[:, None] * np.log1p(-rate), axis=1, b=1 / _PARTS
    )
    density = _healthy(earlier_hits, earlier, healthy_rate) + within + _raised(later_hits, later)
    return np.asarray(density + np.log(judged), dtype=float)


def _healthy(hits: Floats, seen: Floats, healthy_rate: float) -> Floats:
    return log_sequence(hits, seen, healthy_rate * HEALTHY_RECORDS, (1 - healthy_rate) * HEALTHY_RECORDS)


def _raised(hits: Floats, seen: Floats) -> Floats:
    return log_sequence(hits, seen, 1.0, 1.0)


def _likeliest(log_density: Floats) -> list[int]:
    """Return the smallest set of places that has the asked probability."""
    mass = np.exp(log_density - log_density.max())
    mass /= mass.sum()
    order = np.argsort(-mass, kind="stable")
    n = int(np.searchsorted(np.cumsum(mass[order]), CREDIBILITY)) + 1
    return [int(place) for place in order[:n]]


def _earliest(place: int, past: Sequence[PastWindow], times: pd.Series[Any]) -> datetime | None:
    if place < len(past):
        return past[place].start if place else None
    first = place - len(past)
    if first == 0:
        return None if not past else _plain(times.iloc[0])
    return _plain(times.iloc[first - 1])


def _latest(place: int, past: Sequence[PastWindow], times: pd.Series[Any]) -> datetime:
    if place < len(past):
        return past[place + 1].start if place + 1 < len(past) else _plain(times.iloc[0])
    return _plain(times.iloc[place - len(past)])


def _plain(moment: Any) -> datetime:
    found: datetime = pd.Timestamp(moment).floor("us").to_pydatetime()
    return found


def onset_index(events: Sequence[bool]) -> int | None:
    """Return where a run of trials, ordered by time, starts to show more events; None if there is no event.

    The split with the largest likelihood of two Bernoulli rates, the later one higher, against a single rate: the
    maximum-likelihood estimate of one change point. The first event at or after it is returned, and the very first
    event where no split is better than none by more than two units of log-likelihood.

    Source: D. V. Hinkley and E. A. Hinkley (1970), "Inference about the change-point in a sequence of binomial
    variables", Biometrika 57(3).
    """
    hits = np.asarray(events, dtype=float)
    if not hits.any():
        return None
    n = len(hits)
    first = int(np.argmax(hits))
    if n < 2:
        return first
    before_n = np.arange(1.0, n)
    before = np.cumsum(hits)[:-1]
    after_n, after = n - before_n, hits.sum() - before
    gain = _log_likelihood(before, before_n) + _log_likelihood(after, after_n)
    gain -= _log_likelihood(np.array([hits.sum()]), np.array([float(n)]))[0]
    gain[after / after_n <= before / before_n] = -np.inf
    best = int(np.argmax(gain))
    start = best + 1 if gain[best] > 2.0 else first
    later = np.flatnonzero(hits[start:])
    return start + int(later[0]) if len(later) else first


def _log_likelihood(good: Floats, total: Floats) -> Floats:
    share = good / total
    with np.errstate(divide="ignore", invalid="ignore"):
        value = good * np.log(share) + (total - good) * np.log1p(-share)
    return np.asarray(np.nan_to_num(value, nan=0.0, posinf=0.0, neginf=0.0), dtype=float)
