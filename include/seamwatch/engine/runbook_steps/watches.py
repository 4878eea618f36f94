"""What the watches' reports of an incident's time say: drift, cost, loops, volume and latency."""

from __future__ import annotations

from datetime import datetime, timedelta

from seamwatch.core.incident_life import Incident
from seamwatch.core.runbook_volume import compare_volume, whole_hours_since
from seamwatch.core.runbooks import StepFinding
from seamwatch.core.watch.loops import Loop
from seamwatch.core.watch.results import WatchReport
from seamwatch.engine.deps import Deps
from seamwatch.engine.runbook_steps.evidence import watch_report_of
from seamwatch.report import numbers
from seamwatch.report import runbook_texts as texts
from seamwatch.report import runbook_watch_texts as watch_texts
from seamwatch.spec.graph import ancestors
from seamwatch.spec.pipeline import Pipeline
from seamwatch.vocabulary import StageKind, Watch

_PAST = timedelta(days=16)
"""How far back the hours go with which the volume is compared."""
_LONGEST = timedelta(hours=24)
"""Of an incident whose volume is looked at: its first day."""


def input_drift(deps: Deps, pipeline: Pipeline, incident: Incident) -> StepFinding:
    """Return whether what reaches the model, or the incident's stage, looks as it did."""
    report = watch_report_of(deps, pipeline, incident, Watch.DRIFT)
    if isinstance(report, str):
        return texts.unknown(f"Whether inputs drifted is not known: {report}.")
    inputs = {stage.name: stage.input for stage in pipeline.stages}
    ends = [stage.name for stage in pipeline.stages if stage.kind is StageKind.MODEL]
    ends += [incident.stage] if incident.stage in inputs else []
    wanted = set(ends).union(*(ancestors(inputs, end) for end in ends)) or set(inputs)
    places = [stage.name for stage in pipeline.stages if stage.name in wanted]
    return watch_texts.input_drift(report, [one for one in report.findings if one.stage in wanted], places)


def cost_source(deps: Deps, pipeline: Pipeline, incident: Incident) -> StepFinding:
    """Return which workflow, prompt or model the cost comes from."""
    report = _cost(deps, pipeline, incident)
    return report if isinstance(report, StepFinding) else watch_texts.cost_source(report)


def retry_loops(deps: Deps, pipeline: Pipeline, incident: Incident) -> StepFinding:
    """Return whether records ask the model again and again."""
    report = _cost(deps, pipeline, incident)
    if isinstance(report, StepFinding):
        return report
    return watch_texts.retry_loops(report, [kind.value for kind in Loop])


def _cost(deps: Deps, pipeline: Pipeline, incident: Incident) -> WatchReport | StepFinding:
    report = watch_report_of(deps, pipeline, incident, Watch.COST)
    return texts.unknown(f"What calls cost is not known: {report}.") if isinstance(report, str) else report


def input_volume(deps: Deps, pipeline: Pipeline, incident: Incident) -> StepFinding:
    """Return whether more records come in than at the same hours of the days before."""
    onset = incident.onset or incident.first_window.start
    start, end = whole_hours_since(onset, incident.last_window.end, longest=_LONGEST)
    if start == end:
        return texts.unknown(f"No full hour has passed since {numbers.moment(onset)}, so no volume can be compared.")
    records = _records_by_hour(deps, pipeline, start - _PAST, end)
    if not records:
        return texts.unknown(
            "How many records come in is not kept by hour: `monitoring` switches both cost and latency off, or "
            f"`seamwatch slo {pipeline.pipeline}` has not run yet."
        )
    compared = compare_volume(records, start, end)
    if compared is None:
        return texts.unknown(
            f"How many records usually come in is not known: too few days before {numbers.moment(start)}."
        )
    return watch_texts.input_volume(compared)


def _records_by_hour(deps: Deps, pipeline: Pipeline, since: datetime, until: datetime) -> dict[datetime, float]:
    """Return records by full hour, as the cost watch keeps them, else the latency watch."""
    for watch in (Watch.COST, Watch.LATENCY):
        kept = deps.store.aggregates(pipeline.pipeline, watch, since=since, until=until, series="hour")
        if kept:
            return {one.start_at: float(one.data.get("records", 0)) for one in kept}
    return {}


def latency_source(deps: Deps, pipeline: Pipeline, incident: Incident) -> StepFinding:
    """Return which stage takes longer, since when, and how much of it."""
    report = watch_report_of(deps, pipeline, incident, Watch.LATENCY)
    if isinstance(report, str):
        return texts.unknown(f"Which stage takes longer is not known: {report}.")
    return watch_texts.latency_source(report)
