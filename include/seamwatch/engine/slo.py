"""Look at the objectives of a pipeline: read what is new, post its events, judge budgets, alerts and the gate."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import pandas as pd

from seamwatch.core.attribution.evidence import provider_failure
from seamwatch.core.frames import StageData, key_text
from seamwatch.core.freshness import rested_on
from seamwatch.core.results import Window
from seamwatch.core.slo.events import BUCKET, RECORD_COLUMNS, Events, count_events
from seamwatch.core.slo.ledger import Ledger, Ruling
from seamwatch.core.slo.policy import GateDecision, Override, decide_gate
from seamwatch.core.slo.status import ObjectiveStatus, SloStatus, objective_status, window_of
from seamwatch.engine.deps import Deps
from seamwatch.engine.outcomes import build_judge
from seamwatch.engine.protocols import with_protocols
from seamwatch.engine.reading import StageReader
from seamwatch.engine.serving import read_served
from seamwatch.errors import DataContractError, Problem, SpecError, StoreError
from seamwatch.spec.objectives import AccuracyObjective, FreshnessObjective, LatencyObjective
from seamwatch.spec.pipeline import Pipeline, Stage
from seamwatch.vocabulary import GateState, OutcomeState, StageKind

EVERY = timedelta(minutes=5)
"""How often objectives are looked at."""
_OLD = timedelta(hours=1)
"""A gate that rests on an older look says so."""
_LATE_EVERY = timedelta(hours=1)
"""How often truths that come late are looked for; each look reads as far back as they are waited for."""
_LOOK_BACK = timedelta(days=28)
"""What alerts learn from a service's past."""


@dataclass(frozen=True, kw_only=True)
class _Read:
    """Records from a moment on."""

    records: pd.DataFrame
    """As `core.slo.events.count_events` takes them."""
    notes: tuple[str, ...]


def look_at_objectives(deps: Deps, pipeline: Pipeline, *, now: datetime | None = None) -> SloStatus:
    """Return the status of every objective, saved.

    What is read grows with the records since the last look and the time they may take (`settle`); once an hour truths
    that come late are looked for, as far back as `outcome.late_after`. Budgets rest on sums that are kept.

    Raises:
        SpecError: If the pipeline has no objective.
        AdapterError: If a table cannot be read.
        DataContractError: If a key, truth or compared column is missing.
    """
    if not pipeline.slos:
        text = "no 'slos': nothing is promised, so nothing can be judged; define an objective"
        raise SpecError([Problem(file=f"include/pipelines/{pipeline.pipeline}.yaml", text=text)])
    pipeline = with_protocols(pipeline, deps)
    now = now or deps.clock()
    last = deps.store.last_look(pipeline.pipeline)
    start, late_at = _start(pipeline, now, last.looked_at if last else None, last.late_at if last else None)
    read = _read(deps, pipeline, Window(start=start, end=now))
    notes = list(read.notes)
    for objective in pipeline.slos:
        events: Events = count_events(objective, read.records, now=now, settle=pipeline.settle)
        deps.store.post_events(pipeline.pipeline, objective.id, events, start=start, end=now)
        if events.n_absurd:
            notes.append(f"{objective.id}: {events.n_absurd} records have a negative number and are left out")
    _link_rulings(deps, pipeline, now)
    found = tuple(
        _status(deps, pipeline, number, now, last.status if last else None) for number in range(len(pipeline.slos))
    )
    status = SloStatus(
        pipeline=pipeline.pipeline,
        at=now,
        objectives=found,
        gate=_gate(deps, pipeline, found, now, last.status if last else None),
        notes=tuple(notes),
    )
    deps.store.save_look(status, late_at=late_at)
    return status


def gate(deps: Deps, pipeline: Pipeline, *, now: datetime | None = None) -> GateDecision:
    """Return whether releases may go on, by the last look and the overrides that hold now.

    Raises:
        StoreError: If the objectives were never looked at.
    """
    now = now or deps.clock()
    last = deps.store.last_look(pipeline.pipeline)
    if last is None:
        msg = (
            f"the objectives of {pipeline.pipeline} were never looked at; run `seamwatch slo {pipeline.pipeline}` first"
        )
        raise StoreError(msg)
    decision = _gate(deps, pipeline, last.status.objectives, now, last.status)
    if now - last.looked_at < _OLD:
        return decision
    return replace(
        decision, reason=f"{decision.reason}; last looked at {last.looked_at:%Y-%m-%d %H:%M} UTC, so look again"
    )


def let_through(
    deps: Deps, pipeline: Pipeline, *, reason: str, by: str, until: datetime, objective: str | None = None
) -> Override:
    """Return the override that was added: a frozen budget lets releases through until then.

    Raises:
        DataContractError: If it has no reason, name or end, or names no objective of the pipeline.
    """
    known = [one.id for one in pipeline.slos]
    if objective is not None and objective not in known:
        msg = f"{pipeline.pipeline} has no objective {objective!r}; known: {', '.join(known)}"
        raise DataContractError(msg)
    override = Override(objective=objective, reason=reason, by=by, at=deps.clock(), until=until)
    deps.store.add_override(pipeline.pipeline, override)
    return override


def void_incident(
    deps: Deps, pipeline: Pipeline, incident_id: str, *, reason: str, by: str, is_void: bool = True
) -> int:
    """Return how many debits an incident has, after they were refunded, or a refund was taken back.

    Raises:
        StoreError: If there is no such incident of the pipeline.
        DataContractError: If there is no reason or name.
    """
    incident = deps.store.incident(incident_id)
    if incident is None or incident.pipeline != pipeline.pipeline:
        msg = f"no incident {incident_id!r} of {pipeline.pipeline}"
        raise StoreError(msg)
    ruling = Ruling(incident=incident_id, is_void=is_void, reason=reason, by=by, at=deps.clock())
    deps.store.rule(pipeline.pipeline, ruling)
    return _link(deps, pipeline, incident_id)


def _start(
    pipeline: Pipeline, now: datetime, looked_at: datetime | None, late_at: datetime | None
) -> tuple[datetime, datetime]:
    """Return from when on records are read, at the start of five minutes, and when late truths were last looked for."""
    longest = max((window_of(one, now).length for one in pipeline.slos), default=timedelta(0))
    if looked_at is None or late_at is None:
        start, late_at = now - max(longest, timedelta(days=1)), now
    elif now - late_at >= _LATE_EVERY and pipeline.outcome is not None:
        start, late_at = looked_at - max(pipeline.outcome.late_after, pipeline.settle), now
    else:
        start = looked_at - pipeline.settle
    return pd.Timestamp(start).floor(BUCKET).to_pydatetime(), late_at


def _read(deps: Deps, pipeline: Pipeline, window: Window) -> _Read:
    reader = StageReader(pipeline, deps.connections)
    try:
        data = reader.read(window)
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
        records["usd"] = _cost([data.stages[stage.name] for stage in models], keys)
        records["is_timeout"] = _timeouts([data.stages[stage.name] for stage in models], keys)
        notes = _add_latencies(pipeline, data.stages, records)
        if any(isinstance(one, AccuracyObjective) for one in pipeline.slos):
            judge, _ = build_judge(deps, pipeline, reader, keys)
            states = judge(final.payload.reindex(keys))["state"]
            records["is_right"] = states.map({OutcomeState.RIGHT: True, OutcomeState.WRONG: False}).astype(object)
        for one in pipeline.slos:
            if isinstance(one, FreshnessObjective):
                records["is_stale"] = _stale(deps, pipeline, one, reader, window, keys)
        if not any(stage.cost_usd for stage in models) and any(one.kind == "cost" for one in pipeline.slos):
            notes.append("no model stage names cost_usd: what a query costs is not known, and not guessed")
    finally:
        reader.close()
    return _Read(records=records[records["at"].notna().to_numpy()], notes=tuple(notes))


def _cost(models: list[StageData], keys: pd.Index[Any]) -> pd.Series[Any]:
    """Return what all attempts of each record cost; NaN where no price is recorded."""
    found = pd.Series(np.nan, index=keys)
    for data in models:
        column = data.stage.cost_usd
        if column is None or column not in data.payload.columns:
            continue
        usd = pd.to_numeric(data.payload[column]).reindex(keys)
        if len(data.versions) and column in data.versions.columns:
            again = pd.to_numeric(data.versions[column]).groupby(data.versions["_key"]).sum(min_count=1)
            usd = again.reindex(keys).fillna(usd)
        found = found.add(usd, fill_value=0.0)
    return found


def _timeouts(models: list[StageData], keys: pd.Index[Any]) -> pd.Series[Any]:
    found = pd.Series(False, index=keys)
    for data in models:
        if data.stage.status is not None and data.stage.status in data.payload.columns:
            statuses = data.payload[data.stage.status]
            known = {one: provider_failure(one, "x", None) for one in statuses.dropna().unique()}
            late = {one for one, failure in known.items() if failure is not None and failure[0] == "timed_out"}
            found |= statuses.isin(list(late)).reindex(keys, fill_value=False)
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
        records[f"seconds.{one.stage}"] = pd.to_numeric(data.payload[column]).reindex(records.index) / 1000.0
    return notes


def _stale(
    deps: Deps,
    pipeline: Pipeline,
    objective: FreshnessObjective,
    reader: StageReader,
    window: Window,
    keys: pd.Index[Any],
) -> pd.Series[Any]:
    """Return whether each record rested on outdated documents; None where nothing was served, or no id is recorded."""
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
    known = set(served["key"])
    texts = key_text(pd.Series(keys, dtype=object))
    return pd.Series([one in stale if one in known else None for one in texts], index=keys, dtype=object)


def _status(deps: Deps, pipeline: Pipeline, number: int, now: datetime, before: SloStatus | None) -> ObjectiveStatus:
    objective = pipeline.slos[number]
    since = min(window_of(objective, now).start, now - _LOOK_BACK)
    buckets = deps.store.slo_buckets(pipeline.pipeline, objective.id, since=since)
    rulings = deps.store.rulings(pipeline.pipeline)
    refunds = pd.DataFrame({"start_at": pd.to_datetime([], utc=True), "amount": pd.Series(dtype=float)})
    if rulings:
        ledger = Ledger().post([*deps.store.debits(pipeline.pipeline, objective=objective.id, since=since), *rulings])
        back = [one for one, is_refunded in ledger.counted(objective.id, start=since, end=now) if is_refunded]
        starts = pd.to_datetime([one.at for one in back], utc=True).floor(BUCKET)
        refunds = pd.DataFrame({"start_at": starts, "amount": [one.amount for one in back]})
    known = {one.objective: one.alerts for one in before.objectives} if before else {}
    return objective_status(objective, buckets, refunds, known.get(objective.id, ()), now=now, every=EVERY)


def _gate(
    deps: Deps,
    pipeline: Pipeline,
    objectives: tuple[ObjectiveStatus, ...],
    now: datetime,
    before: SloStatus | None,
) -> GateDecision:
    states: dict[str, GateState] = before.gate.states if before is not None else {}
    left = {one.objective: one.budget.left for one in objectives}
    return decide_gate(pipeline.error_budget, left, deps.store.overrides(pipeline.pipeline), now, before=states)


def _link_rulings(deps: Deps, pipeline: Pipeline, now: datetime) -> None:
    """Give debits that arrived since to the incidents that people ruled on, as long as any may arrive."""
    wait = max(pipeline.outcome.late_after if pipeline.outcome is not None else timedelta(0), timedelta(days=1))
    for name in {ruling.incident for ruling in deps.store.rulings(pipeline.pipeline)}:
        incident = deps.store.incident(name)
        if incident is not None and incident.last_window.end + wait >= now:
            _link(deps, pipeline, name)


def _link(deps: Deps, pipeline: Pipeline, incident_id: str) -> int:
    """Give an incident the debits of the records whose verdict names its cause."""
    incident = deps.store.incident(incident_id)
    if incident is None:
        return 0
    windows = [
        one
        for one in deps.store.windows(pipeline.pipeline, limit=1000)
        if incident.first_window.start <= one.start and one.end <= incident.last_window.end
    ]
    records = {
        verdict.key
        for window in windows
        for verdict in deps.store.verdicts(pipeline.pipeline, window)
        if (verdict.responsibility, verdict.stage) == (incident.responsibility, incident.stage)
    }
    return deps.store.link_debits(pipeline.pipeline, incident_id, records)
