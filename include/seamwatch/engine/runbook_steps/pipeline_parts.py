"""Which parts of a pipeline are as they should be, where the fault is, and what changed there when it began."""

from __future__ import annotations

from dataclasses import replace

from seamwatch.core.finding import Finding
from seamwatch.core.incident_life import Incident
from seamwatch.core.results import Attribution, Discrepancy, Verdict
from seamwatch.core.runbooks import StepFinding
from seamwatch.engine.correlated_changes import switches_since
from seamwatch.engine.deps import Deps
from seamwatch.engine.runbook_steps.evidence import attributed_window, own_verdicts, read_evidence
from seamwatch.report import numbers
from seamwatch.report import runbook_texts as texts
from seamwatch.report.links import Links
from seamwatch.report.measured import of_attribution
from seamwatch.report.stages import stage_facts
from seamwatch.spec.pipeline import Pipeline
from seamwatch.vocabulary import Basis, DiscrepancyKind, StageKind, Watch


def pipeline_integrity(deps: Deps, pipeline: Pipeline, incident: Incident) -> StepFinding:
    """Return which stages of the incident's window are as they should be, which are not, and which nobody checked."""
    window = attributed_window(deps, incident) or incident.last_window
    results = deps.store.stage_results(pipeline.pipeline, window)
    attribution = deps.store.attribution(pipeline.pipeline, window)
    if not results and attribution is None:
        name = pipeline.pipeline
        return texts.unknown(
            f"No stage was checked in {numbers.span(window)}; the DAG {name}__validate or `seamwatch run {name}` does."
        )
    measured = (
        of_attribution(attribution) if attribution is not None else read_evidence(deps, pipeline, incident).measured
    )
    links = Links.under(deps.ui_url, pipeline=pipeline.pipeline, incident_id=incident.id)
    needed = (StageKind.MAPPING, StageKind.PROMPT, StageKind.SINK)
    return texts.pipeline_integrity(
        stage_facts(incident, measured, pipeline, results, links),
        without_reference={one.name for one in pipeline.stages if one.kind in needed and one.reference is None},
        span=numbers.span(window),
    )


def fault_location(deps: Deps, pipeline: Pipeline, incident: Incident) -> StepFinding:
    """Return stage, fields and kind of damage, with an example, and the reference that says how it should be."""
    evidence = read_evidence(deps, pipeline, incident)
    cause = evidence.cause
    if cause is None:
        return texts.clear(f"The window {numbers.span(incident.last_window)} no longer shows a fault.")
    stage = next((one for one in pipeline.stages if one.name == incident.stage), None)
    verdict = _surest(own_verdicts(deps, incident), cause) if incident.watch is None else None
    return texts.fault_location(
        cause,
        stage,
        incident.headline,
        verdict=verdict,
        example=_example(deps, pipeline, incident, evidence.measured.attribution, cause),
    )


def correlated_changes(deps: Deps, pipeline: Pipeline, incident: Incident) -> StepFinding:
    """Return which columns of the tables switched their value when the incident began.

    Attribution has looked for them already; of what a watch found, it is looked for now.
    """
    evidence = read_evidence(deps, pipeline, incident)
    cause = evidence.cause
    if cause is not None and evidence.measured.attribution is None and cause.onset is not None:
        # A cost comes from a column's value that is new: there it explains, and is not what is to be explained.
        is_damage = incident.watch in (Watch.SEAM, Watch.DRIFT)
        searched = cause if is_damage else replace(cause, fields=())
        switches = switches_since(deps, pipeline, searched, incident.last_window.end)
        if switches is None:
            return texts.unknown("What changed when it began was not looked for: too many records, or none since.")
        cause = replace(cause, changed=switches)
    affected = "the failing records" if evidence.measured.attribution is not None else "the records since then"
    return texts.correlated_changes(cause, texts.stage_names(pipeline), affected=affected)


def _surest(verdicts: list[Verdict], cause: Finding) -> Verdict | None:
    """Return the verdict that shows the cause best: its own fields, its own replay, the highest confidence."""
    return min(
        verdicts,
        key=lambda one: (
            one.fields != cause.fields,
            one.pattern != cause.kind,
            one.basis is Basis.STRATUM,
            -one.confidence,
        ),
        default=None,
    )


def _example(
    deps: Deps, pipeline: Pipeline, incident: Incident, attribution: Attribution | None, cause: Finding
) -> Discrepancy | None:
    """Return a field of the fault as recorded, beside as it should be: one that reports show, or that the store has."""
    shown = [row for one in attribution.evidence for row in one.rows] if attribution is not None else []
    if not shown:
        kept = deps.store.discrepancies(incident.pipeline, incident.last_window, incident.stage)
        shown = [Discrepancy(**{str(name): value for name, value in row.items()}) for row in kept.to_dict("records")]
    hidden = frozenset(pipeline.bundle.redact)
    mine = [
        one
        for one in shown
        if one.stage == incident.stage
        and one.kind != DiscrepancyKind.FORMAT
        and not {f"{one.stage}.{one.field}", f"{one.stage}.{one.field.partition('.')[0]}"} & hidden
    ]
    return next((one for one in mine if one.field in (*cause.kind_fields, *cause.fields)), None)
