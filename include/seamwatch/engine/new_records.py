"""What is new in a pipeline since its objectives were last looked at: records, and the stages they went through."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import pandas as pd

from seamwatch.core.freshness_answers import rested_on
from seamwatch.core.records.call_endings import has_timed_out, read_statuses
from seamwatch.core.records.frames import StageData, key_text
from seamwatch.core.results import Window
from seamwatch.core.slo.events import RECORD_COLUMNS
from seamwatch.core.slo.status import window_of
from seamwatch.engine.deps import Deps
from seamwatch.engine.outcomes import final_payloads, judge_records
from seamwatch.engine.reading import StageReader
from seamwatch.engine.retrieved_documents import read_served
from seamwatch.engine.watch.cost_calls import record_costs, tariffs
from seamwatch.engine.watch.reading import WatchRead
from seamwatch.engine.window import WindowReader
from seamwatch.spec.monitoring import CostWatch
from seamwatch.spec.objectives import AccuracyObjective, FreshnessObjective, LatencyObjective
from seamwatch.spec.pipeline import Pipeline, Stage
from seamwatch.store.slo import LastLook
from seamwatch.vocabulary import OutcomeState, StageKind

_LATE_EVERY = timedelta(hours=1)
"""How often truths that come late are looked for; each look reads as far back as they are waited for."""
_FIRST_DAYS = timedelta(days=28)
"""What the first look of a watch reads as its past."""
_AT_ONCE = timedelta(days=1)
"""Records are read by so much time, so that memory does not grow with what was not looked at for long."""


@dataclass(frozen=True, kw_only=True)
class Span:
    """What a look has to read."""

    start: datetime
    """A full hour, UTC."""
    fresh: datetime
    """A full hour: what came before was read by an earlier look, and only truths of it may be new."""
    end: datetime
    late_at: datetime
    """When truths that come late were last looked for, this look included."""


@dataclass(frozen=True, kw_only=True)
class NewRecords:
    """Records of a part of a span."""

    window: Window
    stages: Mapping[str, StageData]
    records: pd.DataFrame
    """As `core.slo.events.count_events` takes them."""
    notes: tuple[str, ...]

    @property
    def for_watches(self) -> WatchRead:
        """Return them in the form that watches take."""
        return WatchRead(start=self.window.start, end=self.window.end, stages=self.stages, records=self.records)


def span_to_read(pipeline: Pipeline, last: LastLook | None, watched: Sequence[datetime | None], now: datetime) -> Span:
    """Return from when on records have to be read.

    Args:
        pipeline: Its definition.
        last: The last look at its objectives.
        watched: Until when each of its watches has looked; None: one that never did, and reads the past first.
        now: The present.
    """
    if last is None:
        longest = max((window_of(one, now).length for one in pipeline.slos), default=timedelta(0))
        start = _hour(now - max(longest, _FIRST_DAYS))
        return Span(start=start, fresh=start, end=now, late_at=now)
    until = [last.looked_at, *(now - _FIRST_DAYS if one is None else one for one in watched)]
    fresh = _hour(min(until) - pipeline.settle)
    if now - last.late_at >= _LATE_EVERY and pipeline.outcome is not None:
        start = _hour(last.looked_at - max(pipeline.outcome.late_after, pipeline.settle))
        return Span(start=min(start, fresh), fresh=fresh, end=now, late_at=now)
    return Span(start=fresh, fresh=fresh, end=now, late_at=last.late_at)


def read_new(deps: Deps, pipeline: Pipeline, span: Span) -> Iterator[NewRecords]:
    """Return the records of a span, oldest first, a day at a time; a part lies before `fresh` or behind it.

    Raises:
        AdapterError: If a table cannot be read.
        DataContractError: If a key, truth or compared column is missing.
    """
    start = span.start
    while start < span.end:
        border = span.fresh if start < span.fresh else span.end
        end = min(start + _AT_ONCE, border)
        yield _read(deps, pipeline, Window(start=start, end=end))
        start = end


def _hour(at: datetime) -> datetime:
    return pd.Timestamp(at).tz_convert("UTC").floor("h").to_pydatetime()


def _read(deps: Deps, pipeline: Pipeline, window: Window) -> NewRecords:
    reader = StageReader(pipeline, deps.connections, deps.project)
    try:
        data = WindowReader(reader, window).read()
        first, final = data.stages[pipeline.first_stage.name], data.stages[pipeline.final_stage.name]
        keys = first.payload.index
        records = pd.DataFrame(index=keys, columns=list(RECORD_COLUMNS), dtype=object)
        at = pd.to_datetime(first.times.reindex(keys), utc=True)
        ended = (
            pd.to_datetime(final.times.reindex(keys), utc=True) if len(final.times) else pd.Series(pd.NaT, index=keys)
        )
        records["at"], records["seconds"] = at, (ended - at).dt.total_seconds() if len(final.times) else np.nan
        records["is_done"] = keys.isin(final.payload.index)
        models = [stage for stage in pipeline.stages if stage.kind is StageKind.MODEL]
        if any(one.kind == "cost" for one in pipeline.slos):
            prices = tariffs(pipeline.monitoring.cost or CostWatch())
            records["usd"] = record_costs(pipeline, data.stages, prices).reindex(keys)
        records["is_timeout"] = _timeouts([data.stages[stage.name] for stage in models], keys)
        notes = _add_latencies(pipeline, data.stages, records)
        is_asked = any(isinstance(one, AccuracyObjective) for one in pipeline.slos) or pipeline.monitoring.drift
        if pipeline.outcome is not None and is_asked:
            payloads = final_payloads(pipeline, final.payload, data, keys)
            states = judge_records(deps, pipeline, reader, payloads).outcomes["state"]
            is_right = states.map({OutcomeState.RIGHT: True, OutcomeState.WRONG: False}).astype(object)
            records["is_right"] = is_right.mask(_drawn_by_doubt(deps, pipeline, window, keys))
        for one in pipeline.slos:
            if isinstance(one, FreshnessObjective):
                records["is_stale"] = _stale(deps, pipeline, one, reader, window, keys)
        if len(records) and records["usd"].isna().all() and any(one.kind == "cost" for one in pipeline.slos):
            notes.append("no call has a price (no cost_usd, no model with tokens that has one), and nothing is guessed")
    finally:
        reader.close()
    return NewRecords(
        window=window, stages=data.stages, records=records[records["at"].notna().to_numpy()], notes=tuple(notes)
    )


def _drawn_by_doubt(
    deps: Deps, pipeline: Pipeline, window: Window, keys: pd.Index[Any]
) -> np.ndarray[Any, np.dtype[np.bool_]]:
    """Return which records people judged because they were doubtful: as a sample of all they would mislead."""
    outcome = pipeline.outcome
    if pipeline.review is None or outcome is None or not (outcome.people or outcome.truth is not None):
        return np.zeros(len(keys), dtype=bool)
    items = deps.store.review_items(pipeline.pipeline, is_answered=True, since=window.start)
    doubtful = {item.record for item in items if not item.is_uniform}
    return key_text(pd.Series(keys, dtype=object)).isin(doubtful).to_numpy()


def _timeouts(models: list[StageData], keys: pd.Index[Any]) -> pd.Series[Any]:
    found = pd.Series(False, index=keys)
    for data in models:
        if data.stage.status is not None and data.stage.status in data.payload.columns:
            statuses = data.payload[data.stage.status]
            late = pd.Series(read_statuses(statuses, has_timed_out), index=statuses.index)
            found |= late.reindex(keys, fill_value=False)
    return found


def _add_latencies(pipeline: Pipeline, stages: Any, records: pd.DataFrame) -> list[str]:
    """Add the seconds of single stages that an objective names."""
    notes = []
    for one in pipeline.slos:
        if not isinstance(one, LatencyObjective) or one.stage is None:
            continue
        data: StageData = stages[one.stage]
        column = data.stage.latency_ms
        if column is None or column not in data.payload.columns:
            notes.append(f"{one.id}: stage {one.stage} names no latency_ms, so nothing is known of it")
            records[f"seconds.{one.stage}"] = np.nan
            continue
        measured = pd.to_numeric(data.payload[column], errors="coerce")
        records[f"seconds.{one.stage}"] = measured.reindex(records.index).astype(float) / 1000.0
    return notes


def _stale(
    deps: Deps,
    pipeline: Pipeline,
    objective: FreshnessObjective,
    reader: StageReader,
    window: Window,
    keys: pd.Index[Any],
) -> pd.Series[Any]:
    """Return whether each record rested on outdated documents; None where nobody knows.

    Nobody does where nothing was served, no id is recorded, or one that is neither at the source nor in the index.
    """
    name = objective.knowledge_base
    stage: Stage | None = next((one for one in pipeline.stages if one.knowledge_base == name), None)
    found = pd.Series([None] * len(keys), index=keys, dtype=object)
    if stage is None:
        return found
    findings = deps.store.document_findings(pipeline.pipeline, name, since=window.start)
    served = read_served(
        deps, pipeline, stage, reader, start=window.start, end=window.end + pipeline.settle, findings=findings
    ).served
    stale = set(
        rested_on(served, findings, grace=pipeline.knowledge_bases[name].grace).get("key", pd.Series(dtype=object))
    )
    unknown = set(served.loc[served["is_unknown"].to_numpy(dtype=bool), "key"])
    judged = (set(served["key"]) - unknown) | stale
    texts = key_text(pd.Series(keys, dtype=object))
    return pd.Series([one in stale if one in judged else None for one in texts], index=keys, dtype=object)
