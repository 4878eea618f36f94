"""Steps of a runbook that tell somebody: the owner, the stakeholders, and those who were told before."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from seamwatch.core.incident_life import ChangeKind, Incident
from seamwatch.core.runbooks import StepFinding, StepRun
from seamwatch.engine.announcements import announce_step
from seamwatch.engine.deps import Deps
from seamwatch.report import numbers
from seamwatch.spec.owners import RELIABILITY
from seamwatch.spec.pipeline import Pipeline
from seamwatch.vocabulary import ActionState, Responsibility, StepState


class Telling(Protocol):
    """A step that tells somebody; in a dry run it says whom it would tell."""

    def __call__(self, deps: Deps, pipeline: Pipeline, incident: Incident, *, is_dry: bool) -> StepFinding:
        """Return who was told what."""
        ...


def tell_owner(deps: Deps, pipeline: Pipeline, incident: Incident, *, is_dry: bool) -> StepFinding:
    """Tell the owner of the responsible part what the runbook found, where it found that it is theirs."""
    role = incident.responsibility.value
    known = pipeline.owners.get(role) or pipeline.owners.get(RELIABILITY)
    if known is None:
        text = f"nobody was notified: neither {role} nor {RELIABILITY} is named under `owners`"
        return StepFinding(state=StepState.UNKNOWN, text=text)
    measured = _last(deps, incident, "benchmark")
    is_as_before = measured is not None and measured.finding.state is StepState.CLEAR
    if incident.responsibility is Responsibility.MODEL and is_as_before:
        text = "the model team was not called: the model alone is as before on the benchmark set"
        return StepFinding(state=StepState.CLEAR, text=text)
    who = role.replace("_", " ") if role in pipeline.owners else RELIABILITY
    return _tell(deps, incident, ChangeKind.OWNER_TOLD, f"the {who} owner was sent what was found", is_dry=is_dry)


def tell_stakeholders(deps: Deps, pipeline: Pipeline, incident: Incident, *, is_dry: bool) -> StepFinding:
    """Tell those who pay what a spike costs and where it comes from."""
    if not pipeline.stakeholders:
        text = "nobody was notified: no `stakeholders` are named in the pipeline file"
        return StepFinding(state=StepState.UNKNOWN, text=text)
    text = f"{numbers.plural(len(pipeline.stakeholders), 'stakeholder')} notified of what it costs"
    return _tell(deps, incident, ChangeKind.STAKEHOLDERS_TOLD, text, is_dry=is_dry)


def tell_root_cause(deps: Deps, pipeline: Pipeline, incident: Incident, *, is_dry: bool) -> StepFinding:
    """Tell the root cause to those who were told of the incident, once a repair has proved it."""
    del pipeline
    now = deps.store.incident(incident.id) or incident
    has_helped = any(one.state is ActionState.HELPED for one in deps.store.actions_of(incident.id))
    if now.is_open or not has_helped:
        text = "not announced yet: no repair has proved the root cause; once it is resolved that is announced by itself"
        return StepFinding(state=StepState.UNKNOWN, text=text)
    return _tell(
        deps, incident, ChangeKind.ROOT_CAUSE_TOLD, "those who were notified of it know the root cause", is_dry=is_dry
    )


TELLINGS: Mapping[str, Telling] = {
    "tell_owner": tell_owner,
    "tell_stakeholders": tell_stakeholders,
    "tell_root_cause": tell_root_cause,
}
"""By the name of the step."""


def _tell(deps: Deps, incident: Incident, kind: ChangeKind, text: str, *, is_dry: bool) -> StepFinding:
    if is_dry:
        return StepFinding(state=StepState.NOTE, text=f"Would tell: {text}.")
    steps = deps.store.runbook_steps(incident.id)
    occasion = f"{incident.id}/{steps[-1].run if steps else ''}"
    announce_step(deps, incident.pipeline, incident.id, kind, occasion)
    return StepFinding(state=StepState.FOUND, text=text)


def _last(deps: Deps, incident: Incident, name: str) -> StepRun | None:
    found = [one for one in deps.store.runbook_steps(incident.id) if one.name == name]
    return found[-1] if found else None
