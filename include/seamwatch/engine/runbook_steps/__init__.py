"""Steps of runbooks that are computed: each takes an incident, looks, and returns what it found; none asks a person."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import wraps
from types import MappingProxyType

from seamwatch.core.incident_life import Incident
from seamwatch.core.runbooks import StepFinding
from seamwatch.engine.deps import Deps
from seamwatch.engine.runbook_steps.changed_lines import changed_lines
from seamwatch.engine.runbook_steps.documents import outdated_documents
from seamwatch.engine.runbook_steps.injection import injected_texts
from seamwatch.engine.runbook_steps.model_alone import (
    benchmark,
    endpoint_now,
    isolation,
    measure_benchmark,
    planned_benchmark,
    planned_endpoint_call,
)
from seamwatch.engine.runbook_steps.pipeline_parts import correlated_changes, fault_location, pipeline_integrity
from seamwatch.engine.runbook_steps.provider import provider_errors
from seamwatch.engine.runbook_steps.records import affected_records, missing_evidence
from seamwatch.engine.runbook_steps.watches import cost_source, input_drift, input_volume, latency_source, retry_loops
from seamwatch.errors import SeamwatchError
from seamwatch.report.runbook_texts import unknown
from seamwatch.report.text import first_sentence
from seamwatch.spec.pipeline import Pipeline

__all__ = ["PLANNED_CALLS", "STEP_FUNCTIONS", "StepFunction", "measure_benchmark"]

StepFunction = Callable[[Deps, Pipeline, Incident], StepFinding]


def _or_unknown(step: StepFunction) -> StepFunction:
    """Return the step so that what it cannot read is told as unknown, never raised."""

    @wraps(step)
    def compute(deps: Deps, pipeline: Pipeline, incident: Incident) -> StepFinding:
        try:
            return step(deps, pipeline, incident)
        except SeamwatchError as error:
            return unknown(f"It could not be read: {first_sentence(str(error))}", str(error).splitlines()[1:])

    return compute


STEP_FUNCTIONS: Mapping[str, StepFunction] = MappingProxyType(
    {
        step.__name__: _or_unknown(step)
        for step in (
            affected_records,
            input_drift,
            benchmark,
            isolation,
            pipeline_integrity,
            fault_location,
            changed_lines,
            correlated_changes,
            cost_source,
            retry_loops,
            input_volume,
            latency_source,
            provider_errors,
            endpoint_now,
            outdated_documents,
            injected_texts,
            missing_evidence,
        )
    }
)
"""By the name of the step in a pipeline file (`spec.runbooks.STEPS`), those that tell somebody left out."""
PLANNED_CALLS: Mapping[str, StepFunction] = MappingProxyType(
    {"benchmark": _or_unknown(planned_benchmark), "endpoint_now": _or_unknown(planned_endpoint_call)}
)
"""What a dry run says in the place of the steps that call a model."""
