"""Read what else the tables hold, when there is an incident, and let the core say what switched with it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pandas as pd

from seamwatch.core.attribution.correlated_changes import find_switches
from seamwatch.core.finding import Finding, Switch
from seamwatch.core.interventions import World
from seamwatch.core.records.frames import ANSWER, key_text
from seamwatch.core.results import Verdict, Window
from seamwatch.engine.deps import Deps
from seamwatch.engine.reading import StageReader
from seamwatch.engine.window import WindowReader, open_window
from seamwatch.spec.pipeline import Pipeline, Stage
from seamwatch.vocabulary import Responsibility, StageKind

_MOST_READ = 200_000
"""Records of a window beyond which only what is in memory already is searched, not every column of every table."""
_LOOK_BACK = 8
"""Windows before this one, of its length, that are read at most to see what changed where a cause began before it."""
_DAY = timedelta(days=1)
_BEFORE, _AFTER = timedelta(hours=2), timedelta(hours=1)
"""How far from an onset that a watch tells to the hour a switch may lie."""


def with_switches(
    deps: Deps,
    rows: WindowReader,
    world: World,
    causes: tuple[Finding, ...],
    verdicts: Sequence[Verdict],
    times: pd.Series[Any],
) -> tuple[Finding, ...]:
    """Return the causes, those that are a change with what switched near their onset.

    Args:
        deps: The store knows which records earlier windows lost to the cause.
        rows: The window, and its pipeline; nothing is read in a healthy one.
        world: What was recorded, and what the references make.
        causes: As `find_causes` returned them.
        verdicts: Of the window.
        times: Aware time by key (as text), for judged records.
    """
    changes = [cause for cause in causes if cause.is_change]
    if not changes:
        return causes
    pipeline, window = rows.pipeline, rows.window
    start = _start(window, changes)
    times = pd.concat([_earlier_times(rows.reader, pipeline, start, window), times])
    times = times[~times.index.duplicated(keep="last")]
    known = [*_earlier_verdicts(deps, pipeline, start, window), *verdicts]
    # A prompt and its model may share a table: its columns are told once, as the later stage's.
    stages = {(pipeline.stage_database(stage), stage.relation): stage for stage in pipeline.stages}.values()
    tables = {stage.name: _table(rows, stage, start, world) for stage in stages}
    return tuple(
        replace(
            cause,
            changed=find_switches(
                _columns(pipeline, world, tables, cause),
                cause,
                frozenset(v.key for v in known if (v.responsibility, v.stage) == (cause.responsibility, cause.stage)),
                times,
            ),
        )
        if cause.is_change
        else cause
        for cause in causes
    )


def _start(window: Window, changes: Sequence[Finding]) -> Any:
    """Return from when on records are read: a window more than the earliest onset, where that lies before this one."""
    span = window.end - window.start
    earliest = min(cause.onset_low or window.start - span for cause in changes)
    if earliest >= window.start:
        return window.start
    return max(earliest - span, window.start - _LOOK_BACK * span)


def _earlier_times(reader: StageReader, pipeline: Pipeline, start: Any, window: Window) -> pd.Series[Any]:
    first = pipeline.first_stage
    time = reader.time_column(first)
    if start >= window.start or time is None:
        return pd.Series(dtype="datetime64[us, UTC]")
    rows = reader.rows(first, time=time, start=start, end=window.start)
    times = pd.to_datetime(pd.Series(rows[time].to_numpy(), index=key_text(rows[pipeline.stage_key(first)])), utc=True)
    return times[times.index.notna()]


def _earlier_verdicts(deps: Deps, pipeline: Pipeline, start: Any, window: Window) -> list[Verdict]:
    earlier = [w for w in deps.store.windows(pipeline.pipeline, limit=200) if start < w.end and w.end <= window.start]
    return [verdict for one in earlier for verdict in deps.store.verdicts(pipeline.pipeline, one)]


def _table(opened: WindowReader, stage: Stage, start: Any, world: World) -> pd.DataFrame:
    """Return all columns of a stage by key (as text), the last row of a key; its payloads where it has no time."""
    pipeline, window = opened.pipeline, opened.window
    time = opened.reader.time_column(stage)
    payload = world.recorded[stage.name]
    if time is None or len(payload) > _MOST_READ:
        return payload.set_axis(payload.index.map(str))
    end = window.end + (pipeline.settle if stage != pipeline.first_stage else timedelta(0))
    rows = opened.all_columns(stage, start=start, end=end)
    key = pipeline.stage_key(stage)
    rows = rows[rows[key].notna().to_numpy()].sort_values(time, kind="stable").drop_duplicates(key, keep="last")
    table = rows.drop(columns=[key, time]).set_axis(pd.Index(key_text(rows[key])))
    if "_model" in payload.columns and stage.model is None:
        table = table.assign(model=payload["_model"].set_axis(payload.index.map(str)).reindex(table.index))
    return table


def _columns(
    pipeline: Pipeline, world: World, tables: Mapping[str, pd.DataFrame], cause: Finding
) -> dict[tuple[str, str], pd.Series[Any]]:
    """Return the columns that may explain the cause: nothing that it damaged itself, and nothing that follows."""
    # Attempts, error codes and empty columns beside a call that failed follow from the failure.
    failed = cause.stage if cause.responsibility is Responsibility.PROVIDER else None
    effects = {name: _effects(pipeline, world, pipeline.stage(name), cause) for name in tables}
    return {
        (name, str(column)): table[column]
        for name, table in tables.items()
        for column in table.columns
        if str(column) not in effects[name] and (name != failed or column in ("model", pipeline.stage(name).model))
    }


def _effects(pipeline: Pipeline, world: World, stage: Stage, cause: Finding) -> set[str]:
    """Return columns of a stage that are what is to be explained: damaged fields, what references make, answers."""
    found = {field.partition(".")[0] for field in cause.fields} | set(cause.fields)
    reconciled = world.reconciled.get(stage.name)
    if reconciled is not None:
        found |= {str(column).partition(".")[0] for column in reconciled.expected.columns}
    if stage.kind is StageKind.SINK and reconciled is not None and not reconciled.is_checked:
        found |= {str(column) for name in stage.input for column in world.recorded[name].columns}
    model = [s for s in pipeline.stages if s.kind is StageKind.MODEL and s.relation == stage.relation]
    for one in (stage, *model):
        found |= {
            column
            for column in (one.request, one.response, one.status, one.finish_reason, one.latency_ms)
            if column is not None
        }
        found |= {column for column in (one.input_tokens, one.output_tokens, one.cost_usd) if column is not None}
    if stage == pipeline.final_stage and pipeline.outcome is not None:
        found |= set(pipeline.outcome.compare)
    return found | {ANSWER, "_finish_reason", "_model"}


def switches_since(deps: Deps, pipeline: Pipeline, cause: Finding, until: datetime) -> tuple[Switch, ...] | None:
    """Return what switched near the onset of something that no verdict names records of, as a cost or a latency.

    All records since the onset count as affected, those of the day before as the others.

    Args:
        deps: What it needs.
        pipeline: Its tables are read, all columns of them.
        cause: With its onset.
        until: Aware time; records of a day from the onset on are read at most.

    Returns:
        None where the onset is not known, or there are too many records to read every column of.

    Raises:
        StageError, AdapterError: If a table cannot be read.
    """
    if cause.onset is None or until <= cause.onset:
        return None
    window = Window(start=cause.onset - _DAY, end=min(until, cause.onset + _DAY))
    with open_window(deps, pipeline, window) as rows:
        first = rows.read(only=()).stages[pipeline.first_stage.name]
        if len(first.payload) > _MOST_READ:
            return None
        times = first.times.set_axis(first.times.index.map(str)).dropna()
        columns: dict[tuple[str, str], pd.Series[Any]] = {}
        for stage in {(pipeline.stage_database(one), one.relation): one for one in pipeline.stages}.values():
            columns |= _changing_columns(rows, stage, cause, window)
    near = replace(cause, onset_low=cause.onset - _BEFORE, onset_high=cause.onset + _AFTER)
    return find_switches(columns, near, frozenset(times.index[(times >= cause.onset).to_numpy()]), times)


def _changing_columns(
    rows: WindowReader, stage: Stage, cause: Finding, window: Window
) -> dict[tuple[str, str], pd.Series[Any]]:
    """Return the columns of a stage that say how it was made, by key as text: nothing of what is measured of a call."""
    time = rows.reader.time_column(stage)
    if time is None:
        return {}
    settle = rows.pipeline.settle if stage != rows.pipeline.first_stage else timedelta(0)
    table = rows.all_columns(stage, start=window.start, end=window.end + settle)
    key = rows.pipeline.stage_key(stage)
    table = table[table[key].notna().to_numpy()].sort_values(time, kind="stable").drop_duplicates(key, keep="last")
    own = {stage.request, stage.response, stage.status, stage.finish_reason, *stage.measures, key, time}
    damaged = set(cause.fields) if cause.stage == stage.name else set()
    index = pd.Index(key_text(table[key]))
    return {
        (stage.name, str(column)): table[column].set_axis(index)
        for column in table.columns
        if column not in own and str(column) not in damaged
    }
