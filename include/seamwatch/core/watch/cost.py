"""Judge what model calls cost: loops within a record, a jump of the cost per hour, and who has to act on it.

| what leads | responsibility | stage | pattern |
| --- | --- | --- | --- |
| the same request again though it was answered | integration | model | `retry_loop` |
| a context that grows call by call | integration | model | `growing_context` |
| the same request again after the provider failed | provider | model | `retries_after_errors` |
| more calls per record, none of these | integration | model | `more_calls` |
| more tokens in per call | integration | prompt, else model | `longer_requests` |
| fewer of them from a cache | integration | prompt, else model | `less_cached` |
| more tokens out per call | model | model | `longer_answers` |
| another mix of models | integration; provider where others were asked for | model | `model_mix` |
| the price per token | provider | model | `price` |
| the cost per call, its tokens not recorded | undetermined | model | `dearer_calls` |
| more records | source_data | the first | `volume` |
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Literal
from zoneinfo import ZoneInfo

import pandas as pd

from seamwatch.core.detection.hours import HOUR, floor_hour, usual_hours
from seamwatch.core.finding import Finding
from seamwatch.core.results import Window
from seamwatch.core.watch.cost_evaluation import Change, CostEvaluation, CostFinding, LoopingRecords
from seamwatch.core.watch.cost_hours import HourSums, mean_hour, whole_hours
from seamwatch.core.watch.cost_jump import LOOK_BACK, Jump, find_jump, timeline, usual_hour
from seamwatch.core.watch.cost_parts import Factor, Source, parts_of_change, source_of_change, source_of_records
from seamwatch.core.watch.cost_present import Present
from seamwatch.core.watch.cost_projection import Projection, project_cost
from seamwatch.core.watch.loop_records import find_loops
from seamwatch.core.watch.loops import Loop
from seamwatch.core.watch.results import WatchReport
from seamwatch.spec.monitoring import CostWatch
from seamwatch.spec.objectives import CostObjective
from seamwatch.spec.pipeline import Pipeline, Stage
from seamwatch.vocabulary import Responsibility, StageKind

_RECENT = 3
"""Whole hours that are compared where there is no jump."""
_LEAST_RECORDS = 5.0
"""Fewer records in the last hours, and nobody can call a jump over."""


@dataclass(frozen=True, kw_only=True)
class Part:
    """Who has to act where a factor leads."""

    responsibility: Responsibility
    pattern: str
    at: StageKind


_PARTS = {
    Factor.RECORDS: Part(responsibility=Responsibility.SOURCE_DATA, pattern="volume", at=StageKind.SOURCE),
    Factor.CALLS: Part(responsibility=Responsibility.INTEGRATION, pattern="more_calls", at=StageKind.MODEL),
    Factor.MIX: Part(responsibility=Responsibility.INTEGRATION, pattern="model_mix", at=StageKind.MODEL),
    Factor.TOKENS_IN: Part(responsibility=Responsibility.INTEGRATION, pattern="longer_requests", at=StageKind.PROMPT),
    Factor.CACHED: Part(responsibility=Responsibility.INTEGRATION, pattern="less_cached", at=StageKind.PROMPT),
    Factor.TOKENS_OUT: Part(responsibility=Responsibility.MODEL, pattern="longer_answers", at=StageKind.MODEL),
    Factor.PRICE: Part(responsibility=Responsibility.PROVIDER, pattern="price", at=StageKind.MODEL),
    Factor.REST: Part(responsibility=Responsibility.UNDETERMINED, pattern="dearer_calls", at=StageKind.MODEL),
}
_LOOPS = {
    Loop.REPEAT: Part(responsibility=Responsibility.INTEGRATION, pattern=Loop.REPEAT.value, at=StageKind.MODEL),
    Loop.GROWTH: Part(responsibility=Responsibility.INTEGRATION, pattern=Loop.GROWTH.value, at=StageKind.MODEL),
    Loop.RETRY: Part(responsibility=Responsibility.PROVIDER, pattern=Loop.RETRY.value, at=StageKind.MODEL),
}
_JUMPS = frozenset(part.pattern for part in _PARTS.values())
KINDS = _JUMPS | frozenset(part.pattern for part in _LOOPS.values())
"""Of findings."""


def evaluate_cost(
    pipeline: Pipeline, settings: CostWatch, present: Present, last: WatchReport | None
) -> CostEvaluation:
    """Return what was found of the cost, and the numbers that speak for it.

    Args:
        pipeline: Its definition.
        settings: Of the watch.
        present: What was read, and the hours that are known.
        last: The report before: what it found and lasts keeps its name.
    """
    zone = ZoneInfo(_calendar(pipeline, None)[1])
    end = floor_hour(present.now)
    reported = {} if last is None else {one.kind: one for one in last.findings if one.kind is not None}
    line = timeline(present.hours, end, zone)
    is_new = last is not None and not last.open_kinds
    jump = find_jump(line, least_change=settings.least_change, since=_since(reported, end), is_new=is_new)
    loops = find_loops(settings, present)
    columns = tuple(present.sources.columns)
    change = _change(present, end, jump, zone)
    findings = _merge(pipeline, present, loops, change if jump is not None else None, reported, columns)
    compared = None
    if change is not None:
        start = max(present.hours[0].start, change.start - LOOK_BACK * HOUR)
        compared = Window(start=start, end=max(change.start, start + HOUR))
    start = present.start if change is None else min(present.start, change.start)
    return CostEvaluation(
        pipeline=pipeline.pipeline,
        window=Window(start=min(start, present.now - timedelta(minutes=1)), end=present.now),
        compared=compared,
        n_records=present.n_records,
        findings=tuple(findings),
        still=() if findings else _still(present, end, last),
        hours=present.hours,
        read_since=present.start,
        change=change,
        loops=tuple(loops),
        source_column=_source_column(findings, columns),
        day=_projection(pipeline, present, "day"),
        month=_projection(pipeline, present, "month"),
        notes=present.notes,
    )


def _projection(pipeline: Pipeline, present: Present, period: Literal["day", "month"]) -> Projection:
    """Return the present day or month, with the bound of the first objective that has one; else of UTC."""
    usual = {one.start for one in usual_hours(present.hours)}
    index = pd.DatetimeIndex([one.start for one in present.hours], tz="UTC")
    frame = pd.DataFrame(
        {"usd": [one.usd for one in present.hours], "is_usual": [one.start in usual for one in present.hours]},
        index=index,
    )
    bound, zone = _calendar(pipeline, period)
    return project_cost(frame, bound, period, zone, present.now)


def _calendar(pipeline: Pipeline, period: str | None) -> tuple[float | None, str]:
    """Return the bound of a day or month in USD and whose days are meant; None and UTC without an objective.

    Days are those of the first objective of the period, else of the calendar's last; of no period those of its first.
    """
    zone = "UTC"
    for one in pipeline.slos:
        if isinstance(one, CostObjective) and one.period is not None:
            if period in (None, one.period):
                return one.per_day_usd or one.per_month_usd, one.time_zone
            zone = one.time_zone
    return None, zone


def _change(present: Present, end: datetime, jump: Jump | None, zone: ZoneInfo) -> Change | None:
    """Return the last hours beside such hours as they usually are; None where the past is too short."""
    start = end - (jump.hours if jump is not None else _RECENT) * HOUR
    hours = whole_hours(present.hours, start, end)
    before = usual_hour(present.hours, hours, zone) if present.hours else None
    if before is None:
        return None
    now = mean_hour(hours)
    return Change(
        start=start,
        end=end,
        before=before,
        now=now,
        parts=parts_of_change(before, now),
        n_records=sum(one.records for one in hours),
        p_value=jump.p_value if jump is not None else None,
    )


def _merge(
    pipeline: Pipeline,
    present: Present,
    loops: Sequence[LoopingRecords],
    change: Change | None,
    reported: Mapping[str, Finding],
    columns: tuple[str, ...],
) -> list[CostFinding]:
    """Return loops and the jump; a jump that loops explain is one finding with the first of them."""
    lead = None if change is None else _leading(change, reported)
    is_loop = lead in (Factor.CALLS, Factor.TOKENS_IN) and bool(loops)
    findings = [
        _loop_finding(present, loop, change if number == 0 and is_loop else None, reported, columns)
        for number, loop in enumerate(loops)
    ]
    if change is not None and lead is not None and not is_loop:
        findings.append(_jump_finding(pipeline, present, change, lead, reported, columns))
    return findings


def _loop_finding(
    present: Present,
    loop: LoopingRecords,
    change: Change | None,
    reported: Mapping[str, Finding],
    columns: tuple[str, ...],
) -> CostFinding:
    """Return a loop as a finding, with the jump that it makes where there is one."""
    source = source_of_records(_values(present.sources, loop.keys), _usual(present), columns)
    onset = min(record.since for record in loop.records)
    same = reported.get(loop.kind.value)
    if same is not None and same.onset is not None:
        onset = min(onset, same.onset)
    finding = Finding(
        responsibility=_LOOPS[loop.kind].responsibility,
        stage=loop.records[0].stage,
        fields=(source.field,) if source else (),
        kind=loop.kind.value,
        n_records=len(loop.keys),
        confidence=0.95 if source else 0.85,
        onset=onset,
        keys=tuple(one.key for one in loop.records[:5]),
    )
    return CostFinding(finding=finding, source=source, change=change, loop=loop)


def _jump_finding(
    pipeline: Pipeline,
    present: Present,
    change: Change,
    lead: Factor,
    reported: Mapping[str, Finding],
    columns: tuple[str, ...],
) -> CostFinding:
    """Return a jump of the cost per hour as a finding."""
    part = _part(present, change, lead)
    source = source_of_change(change.before, change.now, is_volume=lead is Factor.RECORDS, columns=columns)
    stage, onset = _stage(pipeline, change, part.at), change.start
    fields: tuple[str, ...] = (source.field,) if source else ()
    same = reported.get(part.pattern)
    if same is not None and same.stage == stage:
        # What lasts keeps its name and beginning, or one incident would be reported as several.
        fields = same.fields if not fields or _holds(change, same.fields, columns) else fields
        onset = min(filter(None, (same.onset, onset)))
    finding = Finding(
        responsibility=part.responsibility,
        stage=stage,
        fields=fields,
        kind=part.pattern,
        n_records=round(change.n_records),
        confidence=round(min(0.5 + 0.5 * change.share(lead), 0.97), 2),
        onset=onset,
        keys=_keys(present, source),
    )
    return CostFinding(finding=finding, source=source, change=change, lead=lead)


def _leading(change: Change, reported: Mapping[str, Finding]) -> Factor:
    """Return the factor with the largest part; the one that was reported as long as it has half as much."""
    lead = max(change.parts, key=lambda one: change.parts[one])
    same = [one for one in Factor if _PARTS[one].pattern in reported]
    if any(pattern in reported for pattern in Loop):
        same.append(Factor.CALLS)
    kept = [one for one in same if change.parts[one] >= change.parts[lead] / 2.0 > 0]
    return kept[0] if kept else lead


def _part(present: Present, change: Change, lead: Factor) -> Part:
    """Return who has to act; more calls are reported as loops where repeated requests are most of them."""
    if lead is Factor.MIX and _is_switched(present, change):
        return replace(_PARTS[lead], responsibility=Responsibility.PROVIDER)
    if lead is not Factor.CALLS:
        return _PARTS[lead]
    hours = [one for one in present.hours if change.start <= one.start < change.end]
    past = [one for one in usual_hours(present.hours) if one.start < change.start]
    more = change.now.calls / max(change.now.records, 1e-9) - change.before.calls / max(change.before.records, 1e-9)
    for kind in (Loop.RETRY, Loop.REPEAT):
        if more > 0 and _extra(hours, kind) - _extra(past, kind) >= more / 2.0:
            return _LOOPS[kind]
    return _PARTS[lead]


def _is_switched(present: Present, change: Change) -> bool:
    """Return whether the model that came is mostly not the one that was asked for: then the provider changed it.

    A name without a version may be answered by any version of it, the old one or the new one.
    """
    growth = {
        cell[1]: _model_calls(change.now, cell[1]) - _model_calls(change.before, cell[1])
        for cell in (*change.before.cells, *change.now.cells)
    }
    new = max(growth, key=lambda one: growth[one])
    gone = [model for model, more in growth.items() if more < 0]
    asked = present.calls.loc[(present.calls["model"] == new).to_numpy(), "asked"].dropna()
    others = [name != new and (not new.startswith(name) or any(old.startswith(name) for old in gone)) for name in asked]
    return bool(others) and sum(others) > len(others) / 2


def _model_calls(hour: HourSums, model: str) -> float:
    return sum(float(values[0]) for cell, values in hour.cells.items() if cell[1] == model) / max(hour.calls, 1e-9)


def _extra(hours: Sequence[HourSums], kind: Loop) -> float:
    """Return repeated calls per record."""
    counts = [(length, n) for hour in hours for length, n in hour.runs.get(kind.value, {}).items()]
    return sum((length - 1) * n for length, n in counts) / max(sum(n for _, n in counts), 1.0)


def _usual(present: Present) -> HourSums:
    past = [one for one in usual_hours(present.hours) if one.start < present.start]
    return mean_hour(past or list(present.hours))


def _values(sources: pd.DataFrame, keys: Sequence[Any]) -> dict[str, dict[str, int]]:
    chosen = sources.reindex(pd.Index(keys))
    return {
        str(name): {str(value): int(n) for value, n in chosen[name].dropna().value_counts().items()}
        for name in sources.columns
    }


def _stage(pipeline: Pipeline, change: Change, kind: StageKind) -> str | None:
    """Return the stage to look at: the model stage that grew most, or the prompt before it, or the first stage."""
    if kind is StageKind.SOURCE:
        return pipeline.first_stage.name
    growth: dict[str, float] = {}
    for sign, hour in ((1.0, change.now), (-1.0, change.before)):
        for cell, values in hour.cells.items():
            growth[cell[0]] = growth.get(cell[0], 0.0) + sign * float(values[4:].sum())
    if not growth:
        return None
    name = max(growth, key=lambda one: growth[one])
    prompt = _prompt(pipeline, pipeline.stage(name)) if kind is StageKind.PROMPT else None
    return prompt.name if prompt is not None else name


def _prompt(pipeline: Pipeline, model: Stage) -> Stage | None:
    before = [pipeline.stage(name) for name in model.input]
    return next((stage for stage in before if stage.kind is StageKind.PROMPT), None)


def _keys(present: Present, source: Source | None) -> tuple[str, ...]:
    """Return the records that cost most, of the source where one is named."""
    usd = present.calls.groupby("_key")["usd"].sum()
    if source is not None and source.column in present.sources.columns:
        own = present.sources[source.column]
        usd = usd[usd.index.isin(own.index[(own == source.value).to_numpy()])]
    return tuple(str(key) for key in usd.nlargest(5).index)


def _holds(change: Change, fields: tuple[str, ...], columns: tuple[str, ...]) -> bool:
    """Return whether a source that was reported is still among those with more than its share."""
    for is_volume in (False, True):
        source = source_of_change(change.before, change.now, is_volume=is_volume, columns=columns)
        if source is not None and source.field in fields:
            return True
    return False


def _source_column(findings: Sequence[CostFinding], columns: tuple[str, ...]) -> str | None:
    """Return the column whose values are worth a table: that of the first finding's source, else the first."""
    named = [field.partition("=")[0] for one in findings for field in one.finding.fields]
    return next((one for one in columns if one.rpartition(".")[2] in named), columns[0] if columns else None)


def _since(reported: Mapping[str, Finding], end: datetime) -> int | None:
    """Return how many whole hours ago the jump that was reported began; None: there was none."""
    onsets = [one.onset for pattern, one in reported.items() if pattern in _JUMPS and one.onset is not None]
    onsets = [one for one in onsets if one < end]
    if not onsets:
        return None
    return max(1, -int((min(onsets) - end) // HOUR))


def _still(present: Present, end: datetime, last: WatchReport | None) -> tuple[str, ...]:
    """Return what the last report said, where too few records came since to call it over."""
    if last is None:
        return ()
    n = sum(one.records for one in whole_hours(present.hours, end - _RECENT * HOUR, end))
    reported = last.open_kinds
    if present.n_records == 0:
        return reported
    return tuple(one for one in reported if one in _JUMPS) if n < _LEAST_RECORDS else ()
