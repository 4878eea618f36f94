"""Which records are in a loop: all that are, with their calls; and those that nobody was told of yet."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import numpy as np
import pandas as pd

from seamwatch.core.detection.hours import HOUR, usual_hours
from seamwatch.core.watch.cost_evaluation import LoopingRecords, LoopRecord
from seamwatch.core.watch.cost_hours import HourSums
from seamwatch.core.watch.cost_jump import LOOK_BACK
from seamwatch.core.watch.cost_present import Present
from seamwatch.core.watch.loops import Loop, UsualRuns, are_more, usual_runs
from seamwatch.core.watch.results import WatchReport
from seamwatch.spec.monitoring import CostWatch

_MOST_RECORDS = 50
"""Looping records whose calls are looked at one by one."""
KEYS_REPORTED = 5
"""Looping records that a report names; where it names so many, another one is no news."""


def find_loops(settings: CostWatch, present: Present) -> list[LoopingRecords]:
    """Return the records that are in a loop, by kind; a kind whose records another one explains is left out."""
    past = _usual_past(present.hours, start=present.start, now=present.now)
    found: list[LoopingRecords] = []
    if not past:
        return found
    known: set[Any] = set()
    for kind in (Loop.REPEAT, Loop.GROWTH, Loop.RETRY):
        usual = usual_runs(past, kind, least=settings.loop_calls)
        lengths = present.runs.get(kind)
        if usual is None or lengths is None or lengths.empty:
            continue
        chosen = _loop_lengths(usual, lengths, present.n_records)
        if len(chosen) and not set(chosen.index) <= known:
            known |= set(chosen.index)
            found.append(_looping_records(kind, chosen, usual, present))
    return found


def _loop_lengths(usual: UsualRuns, lengths: pd.Series[Any], n_records: int) -> pd.Series[Any]:
    places = np.bincount(lengths.to_numpy(dtype=int))
    counts = {length: float(places[length]) for length in np.flatnonzero(places).tolist()}
    counts[1] = counts.get(1, 0.0) + n_records - len(lengths)
    bound = usual.rare if are_more(counts, usual) else usual.threshold
    return lengths[(lengths >= bound).to_numpy()].sort_values(ascending=False, kind="stable")


def _looping_records(kind: Loop, lengths: pd.Series[Any], usual: UsualRuns, present: Present) -> LoopingRecords:
    calls = present.calls[present.calls["_key"].isin(lengths.index).to_numpy()]
    by_key = calls.groupby("_key", sort=False)
    records = []
    for key, length in zip(lengths.index[:_MOST_RECORDS], lengths.tolist(), strict=False):
        mine = by_key.get_group(key)
        requests = mine["request"].value_counts()
        request = requests.index[0] if kind is not Loop.GROWTH else mine["request"].iloc[-1]
        same = mine[(mine["request"] == request).to_numpy()] if kind is not Loop.GROWTH else mine
        stage = str(same["stage"].iloc[0])
        records.append(
            LoopRecord(
                key=str(key),
                stage=stage,
                calls=length,
                usd=float(mine["usd"].sum()),
                request=f"{int(request):016x}"[:8],
                since=same["at"].min().to_pydatetime(),
            )
        )
    return LoopingRecords(
        kind=kind,
        records=tuple(records),
        keys=tuple(lengths.index),
        usd=float(calls["usd"].sum()),
        longest=int(lengths.max()),
        usual=usual,
    )


def new_loops(
    settings: CostWatch,
    hours: Sequence[HourSums],
    runs: Mapping[Loop, pd.Series[Any]],
    last: WatchReport | None,
    *,
    start: datetime,
    now: datetime,
) -> list[tuple[Loop, str, int]]:
    """Return kind, key and calls of each record whose single run is a loop that the last report does not tell.

    Runs are judged one by one, by a length that is seldom reached in a month of records: that bound holds however often
    one looks, as after every call. Many runs that are each shorter are found by their number, for which the looks of a
    month are counted: that is left to those by the clock (`find_loops`).

    Args:
        settings: Of the watch.
        hours: That are known, in order of time.
        runs: By kind, the longest run of each record with several calls.
        last: The last report of the cost watch.
        start: Of what was read; hours from here on are no past.
        now: The present.
    """
    past = _usual_past(hours, start=start, now=now)
    found: list[tuple[Loop, str, int]] = []
    for kind in Loop:
        lengths = runs.get(kind)
        if not past or lengths is None or lengths.empty:
            continue
        usual = usual_runs(past, kind, least=settings.loop_calls)
        if usual is None:
            continue
        long = lengths[(lengths >= usual.threshold).to_numpy()]
        found += [(kind, str(key), int(n)) for key, n in long.items() if not _is_reported(last, kind, str(key))]
    return found


def _is_reported(last: WatchReport | None, kind: Loop, key: str) -> bool:
    keys = [one.keys for one in last.findings if one.kind == kind.value] if last is not None else []
    return any(key in named or len(named) >= KEYS_REPORTED for named in keys)


def _usual_past(hours: Sequence[HourSums], *, start: datetime, now: datetime) -> list[HourSums]:
    """Return the hours that runs are learnt from: before what was read, and nothing was found in them."""
    past = [one for one in usual_hours(hours) if one.start < start]
    return [one for one in past if one.start >= now - LOOK_BACK * HOUR]
