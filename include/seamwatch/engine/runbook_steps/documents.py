"""Which documents of knowledge bases were not as they are at the source."""

from __future__ import annotations

from seamwatch.core.incident_life import Incident
from seamwatch.core.runbooks import StepFinding
from seamwatch.engine.deps import Deps
from seamwatch.report import runbook_texts as texts
from seamwatch.spec.pipeline import Pipeline


def outdated_documents(deps: Deps, pipeline: Pipeline, incident: Incident) -> StepFinding:
    """Return the outdated documents of the last check by answers affected: of the incident's stage, else of all."""
    name = pipeline.pipeline
    served = [one for one in pipeline.stages if one.knowledge_base is not None]
    stages = [one for one in served if one.name == incident.stage] or served
    bases = dict.fromkeys(one.knowledge_base for one in stages if one.knowledge_base is not None)
    if not bases:
        return texts.unknown(
            f"No stage of {name} serves a knowledge base; `knowledge_bases` in {name}.yaml defines one."
        )
    checks = [check for base in bases for check in deps.store.freshness_checks(name, base)]
    if not checks:
        return texts.unknown(
            f"{', '.join(bases)} was not checked yet; the DAG {name}__freshness or `seamwatch freshness {name}` does."
        )
    return texts.outdated_documents(checks)
