"""Each team's own first step of an incident, where it can be said: also that there is nothing for it to do."""

from __future__ import annotations

from collections.abc import Sequence

from seamwatch.core.finding import Finding
from seamwatch.core.incident_life import Incident
from seamwatch.core.results import IsolationResult
from seamwatch.report import numbers
from seamwatch.report.sentences import is_degraded
from seamwatch.spec.pipeline import Pipeline
from seamwatch.vocabulary import Responsibility, StageKind


def role_steps(
    incident: Incident,
    findings: Sequence[Finding],
    isolation: IsolationResult,
    pipeline: Pipeline,
    steps: Sequence[str],
) -> tuple[str, ...]:
    """Return a line for each team concerned, the one that acts first; none where only that one is known.

    Nobody is told that there is nothing to do while it is not known who has to act, or where a cause names them.

    Args:
        incident: As it is now.
        findings: All that the window shows.
        isolation: The model alone.
        pipeline: Whose teams those of `owners` are; the model's is concerned wherever a model was measured.
        steps: What to do next, the first first.
    """
    responsible = incident.responsibility
    if not incident.is_open or responsible is Responsibility.UNDETERMINED or not steps:
        return ()
    named = {one.responsibility for one in findings if one.is_change}
    if Responsibility.UNDETERMINED in named:
        return ()
    others = [role for role in Responsibility if role not in (*named, responsible)]
    lines = [line for role in others if (line := _nothing_to_do(role, isolation, pipeline))]
    return (f"{_team(responsible)}: {steps[0]}", *lines) if lines else ()


def _nothing_to_do(role: Responsibility, isolation: IsolationResult, pipeline: Pipeline) -> str:
    """Return that a team need not act, and what tells so; empty where nothing does."""
    if role is Responsibility.MODEL:
        has_model = any(stage.kind is StageKind.MODEL for stage in pipeline.stages)
        if not has_model or isolation.accuracy is None or is_degraded(isolation):
            return ""
        right = f"{numbers.count(isolation.n_right)} of {numbers.count(isolation.n_benchmark)}"
        return f"{_team(role)}: nothing to do, the model alone is right on clean input {right}."
    if role.value not in pipeline.owners:
        return ""
    return f"{_team(role)}: nothing to do, no cause in this window is theirs."


def _team(role: Responsibility) -> str:
    return f"{role.value.replace('_', ' ').capitalize()} team"
