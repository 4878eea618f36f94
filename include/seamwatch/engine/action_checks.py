"""Measure whether an action helped: the model alone, later windows, the knowledge base, or the team's own function."""

from __future__ import annotations

import json
from dataclasses import asdict

from seamwatch.core.action_checks import Checked, judge_by_benchmark, judge_by_incident
from seamwatch.core.action_life import ActionPlan, ActionRun
from seamwatch.core.incident_life import Incident
from seamwatch.core.staleness import outdated_in_answers
from seamwatch.engine.deps import Deps
from seamwatch.engine.freshness import check_knowledge_base
from seamwatch.engine.incidents import decide_on_freshness
from seamwatch.engine.references import load_function
from seamwatch.engine.runbook_steps import measure_benchmark
from seamwatch.errors import DataContractError
from seamwatch.plurals import plural
from seamwatch.report import numbers
from seamwatch.spec.actions import Action, ReindexDocuments
from seamwatch.spec.pipeline import Pipeline
from seamwatch.vocabulary import BenchmarkStanding, RunbookKind


def check_of(pipeline: Pipeline, action: ActionRun, spec: Action) -> str:
    """Return how it is measured whether an action helped: as the pipeline file says, else what suits it."""
    if spec.check is not None:
        return spec.check
    if spec.kind == "quarantine":
        return "none"
    if spec.kind == "reindex":
        return "knowledge_base"
    is_about_model = action.runbook == RunbookKind.MODEL_DEGRADATION and spec.kind != "run_again"
    return "benchmark" if is_about_model and pipeline.benchmark is not None else "windows"


def measure(deps: Deps, pipeline: Pipeline, incident: Incident, action: ActionRun, how: str) -> Checked:
    """Return whether an action that was carried out helped.

    Raises:
        SeamwatchError: If what it is measured by cannot be read.
    """
    assert action.done_at is not None
    if how == "none":
        return Checked(is_well=True, text="carried out; nothing measures whether it helped (check: none)")
    if how == "windows":
        is_run_again = pipeline.actions[action.name].kind == "run_again"
        return judge_by_incident(incident, done_at=action.done_at, is_run_again=is_run_again)
    if how == "benchmark":
        found = measure_benchmark(deps, pipeline)
        return judge_by_benchmark(
            found.accuracy,
            n=found.n,
            is_degraded=None if found.standing is None else found.standing is BenchmarkStanding.DEGRADED,
            before=action.measured_before,
            why_unknown=found.obstacle,
        )
    if how == "knowledge_base":
        return _knowledge_base(deps, pipeline, _checked_base(pipeline, incident, action), action)
    return _function(deps, incident, how)


def measured_in_incident(deps: Deps, pipeline: Pipeline, incident: Incident) -> float | None:
    """Return the accuracy of the model alone as the incident's window measured it; None where it did not."""
    found = deps.store.attribution(pipeline.pipeline, incident.last_window)
    return None if found is None else found.isolation.accuracy


def knowledge_base_of(pipeline: Pipeline, incident: Incident) -> str:
    """Return the knowledge base that an incident is about: that of its stage, else the only one.

    Raises:
        DataContractError: If there is no such one.
    """
    stage = next((one for one in pipeline.stages if one.name == incident.stage), None)
    named = None if stage is None else stage.knowledge_base
    if named is None and len(pipeline.knowledge_bases) == 1:
        named = next(iter(pipeline.knowledge_bases))
    if named is None:
        msg = f"{incident.id} is at no stage with a knowledge base; name one under the action's `knowledge_base`"
        raise DataContractError(msg)
    return named


def approved_documents(plan: ActionPlan) -> list[str] | None:
    """Return the documents that a plan hands over to be indexed anew; None where it names none."""
    documents = json.loads(plan.after)
    return documents if isinstance(documents, list) and all(isinstance(one, str) for one in documents) else None


def _checked_base(pipeline: Pipeline, incident: Incident, action: ActionRun) -> str:
    """Return the knowledge base that is checked: the one that the action names, else that of the incident."""
    spec = pipeline.actions[action.name]
    named = spec.knowledge_base if isinstance(spec, ReindexDocuments) else None
    return named or knowledge_base_of(pipeline, incident)


def _knowledge_base(deps: Deps, pipeline: Pipeline, name: str, action: ActionRun) -> Checked:
    """Return whether what was approved is as it should be; what is outdated since then is said, and decides nothing."""
    found = check_knowledge_base(deps, pipeline, name)
    decide_on_freshness(deps, pipeline, found)
    left = {one.document for one in outdated_in_answers(found)}
    is_reindex = isinstance(pipeline.actions[action.name], ReindexDocuments)
    approved = approved_documents(action.plan) if is_reindex and action.plan is not None else None
    mine = left if approved is None else left.intersection(approved)
    others = numbers.plural(len(left - mine), "document")
    besides = f"; {others} outdated since the approval are left for the next time" if left - mine else ""
    if mine:
        return Checked(is_well=False, text=f"{plural(len(mine), 'document')} of {name} still outdated{besides}")
    return Checked(is_well=True, text=f"no document of {name} that was to be indexed anew is outdated{besides}")


def _function(deps: Deps, incident: Incident, how: str) -> Checked:
    said = load_function(deps.project, how)(asdict(incident))
    if said is True or said is False:
        return Checked(is_well=said, text=f"{how} says so")
    return Checked(is_well=None, text=f"{how} must return True or False; got {type(said).__name__}")
