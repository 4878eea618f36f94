"""Where the seconds of a record went: the time from its first stage to its last, split so that the parts add up.

What a stage took is its own time less the latest of its inputs', along the path that the record took the longest; a
branch that was done earlier cost nothing. Three things keep the parts' sum at the whole, whatever clocks say:

- Every time is brought between the latest of the inputs and the last stage: a clock that is off takes from its
  neighbour and never adds.
- A stage without a time of its own takes nothing, as a prompt that stands in the row of its model; what it took is in
  the stage after it.
- What the provider took (`latency_ms`) never exceeds the gap between the model's neighbours. Whether the time of the
  model's row is the call's start or its end is read from the records: the call must fit behind it or before it, and
  that side is taken in which less of it does not fit (`Misfit`, summed over all that is kept); where both fit, it is
  the end. Had the side been taken wrong, the call's part is right all the same, as it spills over to the other one.

A model has three parts. `provider`: the call that answered. `retries`: from the start of the first attempt to that of
the last, calls that failed and waits between, and the last one too where it failed. `own`: the rest, as queueing and
the own client.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from seamwatch.core.records.call_endings import is_success, read_statuses
from seamwatch.core.records.frames import StageData
from seamwatch.spec.graph import ancestors, topological_order
from seamwatch.spec.pipeline import Pipeline, Stage
from seamwatch.vocabulary import StageKind

Floats = NDArray[np.float64]

LONGEST = timedelta(days=30)
"""What claims to take longer, or less than nothing, is left out and counted."""
_SKEW_S = 1e-3
"""Clocks that are off by less are not told of."""


class Role(StrEnum):
    """What a stage spent time on."""

    OWN = "own"
    PROVIDER = "provider"
    RETRIES = "retries"


@dataclass(frozen=True, kw_only=True, order=True)
class Part:
    """A stage and what it spent time on."""

    stage: str
    role: Role = Role.OWN

    def __str__(self) -> str:
        """Return it as a key: `triage_model|provider`."""
        return f"{self.stage}|{self.role}"

    @classmethod
    def read(cls, text: str) -> Part:
        """Return the part behind a key."""
        stage, _, role = text.partition("|")
        return cls(stage=stage, role=Role(role))


@dataclass(frozen=True, kw_only=True)
class Misfit:
    """Seconds of a model's calls that do not fit before the time of its row, and behind it. Adds up."""

    before: float = 0.0
    behind: float = 0.0

    @classmethod
    def of(cls, rows: pd.DataFrame) -> Misfit:
        """Return the seconds of some records: columns `before`, `behind`."""
        return cls(before=round(float(rows["before"].sum()), 3), behind=round(float(rows["behind"].sum()), 3))

    def __add__(self, other: Misfit) -> Misfit:
        """Return the seconds of both."""
        return Misfit(before=self.before + other.before, behind=self.behind + other.behind)

    @property
    def is_start(self) -> bool:
        """Return whether the row's time is the start of the call."""
        return self.behind < self.before


@dataclass(frozen=True, kw_only=True)
class Split:
    """The seconds of finished records by part."""

    parts: pd.DataFrame
    """Index key; a column a `Part`'s key, in the order of the pipeline; seconds, none negative."""
    seconds: pd.Series[Any]
    """Index key; what each row of `parts` adds up to."""
    skewed: pd.Series[Any]
    """Index key; whether the clock of a stage was off."""
    misfits: Mapping[str, pd.DataFrame]
    """By model; index key; columns `before`, `behind`, as of `Misfit`."""
    untimed: tuple[str, ...]
    """Stages whose time is in the stage after them."""
    absurd: pd.Index[Any]
    """Records left out: negative, or longer than `LONGEST`."""


def split_seconds(
    pipeline: Pipeline,
    stages: Mapping[str, StageData],
    seconds: pd.Series[Any],
    *,
    known: Mapping[str, Misfit] | None = None,
) -> Split:
    """Return where the seconds of each record went.

    Args:
        pipeline: Its stages and their inputs.
        stages: By name; a model's `latency_ms` in its payload.
        seconds: Index key; from the first stage to the final one; NaN where a record has not arrived.
        known: What earlier records told of each model's time.
    """
    values = pd.to_numeric(seconds).astype(float)
    is_fit = (values >= 0.0) & (values <= LONGEST.total_seconds())
    absurd = values.index[(values.notna() & ~is_fit).to_numpy()]
    values = values[is_fit.to_numpy()]
    graph = _Graph(pipeline, stages)
    times, skewed = _times(graph, stages, values)
    own, before = _gaps(graph, times, len(values))
    columns: dict[str, Floats] = {}
    misfits = {}
    for name in graph.order:
        stage = pipeline.stage(name)
        if stage.kind is StageKind.MODEL:
            calls = _Calls.of(stage, stages[name], values.index)
            behind = {child: np.where(before[child] == place, own[child], 0.0) for child, place in graph.behind(name)}
            gap = sum(behind.values(), np.zeros(len(values)))
            misfits[name] = _misfit(calls, own[name], gap).set_axis(values.index)
            is_start = (Misfit.of(misfits[name]) + (known or {}).get(name, Misfit())).is_start
            taken = _split_call(calls, own[name], gap, is_start=is_start)
            rest = np.divide(gap - taken.behind, gap, out=np.ones_like(gap), where=gap > 0)
            for child, share in behind.items():
                own[child] = np.asarray(own[child] - share * (1.0 - rest), dtype=float)
            columns[f"{name}|{Role.PROVIDER}"], columns[f"{name}|{Role.RETRIES}"] = taken.provider, taken.retries
            own[name] = own[name] - taken.before
    for name in graph.order:
        columns[f"{name}|{Role.OWN}"] = np.maximum(own[name], 0.0)
    # In the pipeline's order, a model's own part before its calls.
    names = [str(Part(stage=name, role=role)) for name in graph.order for role in Role]
    parts = pd.DataFrame({name: columns[name] for name in names if name in columns}, index=values.index)
    return Split(
        parts=parts.drop(columns=str(Part(stage=graph.first))) if len(parts.columns) > 1 else parts,
        seconds=values,
        skewed=pd.Series(skewed, index=values.index),
        misfits=misfits,
        untimed=graph.untimed,
        absurd=absurd,
    )


class _Graph:
    """The stages that a record's seconds are split over, in order; those without a time of their own left out."""

    def __init__(self, pipeline: Pipeline, stages: Mapping[str, StageData]) -> None:
        self.first, self.final = pipeline.first_stage.name, pipeline.final_stage.name
        inputs = {stage.name: tuple(stage.input) for stage in pipeline.stages}
        wanted = ancestors(inputs, self.final) | {self.first, self.final}
        place = {stage.name: number for number, stage in enumerate(pipeline.stages)}
        order = [name for name in topological_order(inputs) if name in wanted]
        shared = _shared(pipeline, inputs, wanted)
        is_timed = {name: bool(len(stages[name].times)) and name not in shared for name in order}
        self.untimed = tuple(sorted((name for name in order if not is_timed[name]), key=place.__getitem__))
        kept: dict[str, tuple[str, ...]] = {}
        reached: dict[str, tuple[str, ...]] = {}
        for name in order:
            behind = tuple(dict.fromkeys(one for given in inputs[name] for one in reached.get(given, ())))
            # Another source waits for the first one's record: what it took counts from there.
            kept[name] = () if name == self.first else behind or (self.first,)
            is_model = pipeline.stage(name).kind is StageKind.MODEL
            is_kept = is_timed[name] or is_model or name in (self.first, self.final)
            reached[name] = (name,) if is_kept else behind or (self.first,)
        self.order = [name for name in order if reached[name] == (name,)]
        self.order.sort(key=lambda name: (name != self.first, order.index(name)))
        self.inputs = {name: kept[name] for name in self.order}
        self.is_timed = is_timed

    def behind(self, name: str) -> list[tuple[str, int]]:
        """Return the stages made from one, and which of their inputs it is."""
        return [(child, given.index(name)) for child, given in self.inputs.items() if name in given]


def _shared(pipeline: Pipeline, inputs: Mapping[str, tuple[str, ...]], wanted: frozenset[str]) -> set[str]:
    """Return the stages that stand in the rows of a later one, as a prompt in those of its model."""
    found = set()
    for stage in pipeline.stages:
        for name in ancestors(inputs, stage.name) if stage.name in wanted else ():
            other = pipeline.stage(name)
            same = (stage.table, stage.query, stage.time, pipeline.stage_database(stage))
            if same == (other.table, other.query, other.time, pipeline.stage_database(other)):
                found.add(name)
    return found - {pipeline.first_stage.name}


def _times(
    graph: _Graph, stages: Mapping[str, StageData], seconds: pd.Series[Any]
) -> tuple[dict[str, Floats], NDArray[np.bool_]]:
    """Return seconds since the first stage at which each stage had each record, between its inputs and the end."""
    keys, end = seconds.index, seconds.to_numpy(dtype=float)
    start = pd.to_datetime(stages[graph.first].times.reindex(keys), utc=True)
    times: dict[str, Floats] = {graph.first: np.zeros(len(keys))}
    skewed = np.zeros(len(keys), dtype=bool)
    for name in graph.order[1:]:
        least = np.max([times[one] for one in graph.inputs[name]], axis=0)
        at = np.full(len(keys), np.nan)
        if name == graph.final:
            at = end
        elif graph.is_timed[name]:
            own = pd.to_datetime(_first_times(stages[name]).reindex(keys), utc=True)
            at = (own - start).dt.total_seconds().to_numpy(dtype=float)
        skewed |= (at < least - _SKEW_S) | (at > end + _SKEW_S)
        times[name] = np.clip(np.where(np.isnan(at), least, at), least, end)
    return times, skewed


def _first_times(data: StageData) -> pd.Series[Any]:
    """Return when a stage had each record; of a prompt in the rows of several attempts, when it was first sent."""
    if data.stage.kind is not StageKind.PROMPT or "_time" not in data.versions.columns or not len(data.versions):
        return data.times
    first = data.versions["_time"].groupby(data.versions["_key"]).min()
    return first.reindex(data.times.index).fillna(data.times)


def _gaps(graph: _Graph, times: Mapping[str, Floats], n: int) -> tuple[dict[str, Floats], dict[str, NDArray[np.intp]]]:
    """Return what each stage took on the longest path of each record, and which of its inputs lay on that path."""
    on_path = {name: np.full(n, name == graph.final) for name in graph.order}
    own: dict[str, Floats] = {graph.first: np.zeros(n)}
    before: dict[str, NDArray[np.intp]] = {}
    for name in reversed(graph.order[1:]):
        given = np.array([times[one] for one in graph.inputs[name]])
        latest = given.argmax(axis=0)
        own[name] = np.where(on_path[name], times[name] - given.max(axis=0), 0.0)
        before[name] = np.where(on_path[name], latest, -1)
        for number, one in enumerate(graph.inputs[name]):
            on_path[one] |= before[name] == number
    return own, before


@dataclass(frozen=True, kw_only=True)
class _Calls:
    """Of each record, in seconds; zero where nothing is recorded."""

    last: Floats
    """The last attempt."""
    earlier: Floats
    """All attempts before it."""
    first: Floats
    """The first one; that of a single attempt too."""
    spread: Floats
    """From the time of the first attempt's row to that of the last one's."""
    is_answered: NDArray[np.bool_]

    @classmethod
    def of(cls, stage: Stage, data: StageData, keys: pd.Index[Any]) -> _Calls:
        """Return what is recorded of a model's calls."""
        column, none = stage.latency_ms, np.zeros(len(keys))
        last: Floats = _milliseconds(data.payload, column).reindex(keys).fillna(0.0).to_numpy(dtype=float)
        is_answered = np.ones(len(keys), dtype=bool)
        if stage.status is not None and stage.status in data.payload.columns:
            failed = read_statuses(data.payload[stage.status], lambda one: is_success(one) is False)
            is_failed = pd.Series(failed, index=data.payload.index).reindex(keys, fill_value=False)
            is_answered = ~is_failed.to_numpy(dtype=bool)
        if not len(data.versions):
            return cls(last=last, earlier=none, first=last, spread=none, is_answered=is_answered)
        took = _milliseconds(data.versions, column).fillna(0.0).groupby(data.versions["_key"])
        earlier = np.maximum(took.sum().reindex(keys).to_numpy(dtype=float) - last, 0.0)
        first = took.first().reindex(keys).to_numpy(dtype=float)
        spread: Floats = none
        if "_time" in data.versions.columns:
            began = data.versions["_time"].groupby(data.versions["_key"]).min()
            ended = data.times.reindex(keys)
            spread = np.asarray((ended - began.reindex(keys)).dt.total_seconds().fillna(0.0), dtype=float)
        return cls(
            last=last,
            earlier=np.nan_to_num(earlier),
            first=np.where(np.isnan(first), last, first),
            spread=np.maximum(spread, 0.0),
            is_answered=is_answered,
        )


def _milliseconds(rows: pd.DataFrame, column: str | None) -> pd.Series[Any]:
    """Return a column of milliseconds in seconds; NaN where it is negative or beyond all measure."""
    if column is None or column not in rows.columns:
        return pd.Series(np.nan, index=rows.index)
    found = pd.to_numeric(rows[column], errors="coerce").astype(float) / 1000.0
    return found.where((found >= 0.0) & (found <= LONGEST.total_seconds()))


def _misfit(calls: _Calls, gap_before: Floats, gap_behind: Floats) -> pd.DataFrame:
    before, behind = (np.maximum(calls.last - gap - _SKEW_S, 0.0) for gap in (gap_before, gap_behind))
    return pd.DataFrame({"before": before, "behind": behind})


@dataclass(frozen=True, kw_only=True)
class _Taken:
    """What a model's calls took, and from which gap."""

    provider: Floats
    retries: Floats
    before: Floats
    behind: Floats


def _split_call(calls: _Calls, gap_before: Floats, gap_behind: Floats, *, is_start: bool) -> _Taken:
    """Return the seconds of the last call and of all that was lost to earlier ones, within the gaps."""
    sides = (gap_behind, gap_before) if is_start else (gap_before, gap_behind)
    liked = np.minimum(calls.last, sides[0])
    spilled = np.minimum(calls.last - liked, sides[1])
    behind, before = (liked, spilled) if is_start else (spilled, liked)
    # Rows that are written at the end: the starts of two calls lie as far apart as their ends less their lengths.
    apart = calls.spread if is_start else calls.spread + calls.first - calls.last
    # Attempts whose rows have one time took what they took all the same.
    lost = np.where(calls.spread > 0, apart, calls.earlier)
    retries = np.clip(lost, 0.0, gap_before - before)
    call = liked + spilled
    return _Taken(
        provider=np.where(calls.is_answered, call, 0.0),
        retries=retries + np.where(calls.is_answered, 0.0, call),
        before=before + retries,
        behind=behind,
    )
