"""How the model's provider failed, as verdicts tell it."""

from __future__ import annotations

from seamwatch.core.incident_life import Incident
from seamwatch.core.runbooks import StepFinding
from seamwatch.engine.deps import Deps
from seamwatch.engine.runbook_steps.evidence import attribution_of
from seamwatch.report import numbers
from seamwatch.report import runbook_texts as texts
from seamwatch.spec.pipeline import Pipeline
from seamwatch.vocabulary import Responsibility


def provider_errors(deps: Deps, pipeline: Pipeline, incident: Incident) -> StepFinding:
    """Return the statuses and finish reasons with which the provider failed records of the window, by count."""
    attribution = attribution_of(deps, incident)
    if attribution is None:
        return texts.unknown(
            f"How the provider failed is not known: no window of this time was attributed; the DAG "
            f"{pipeline.pipeline}__isolate or `seamwatch attribute {pipeline.pipeline}` does."
        )
    if attribution.n_observed == attribution.n_pending:
        span = numbers.span(attribution.window)
        return texts.unknown(f"How the provider failed is not known: no record of {span} has an outcome yet.")
    mine = [one for one in attribution.verdicts if one.responsibility is Responsibility.PROVIDER]
    return texts.provider_errors(mine, span=numbers.span(attribution.window))
