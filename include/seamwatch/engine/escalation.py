"""Call the reliability owner of incidents that nobody took on in time."""

from __future__ import annotations

from collections.abc import Iterable

from seamwatch.core.escalation import due_escalations
from seamwatch.core.incident_life import IncidentChange
from seamwatch.engine.announcements import announce_action
from seamwatch.engine.deps import Deps
from seamwatch.errors import StoreError
from seamwatch.secret_redaction import SECRETS
from seamwatch.spec.escalation import EscalationRules
from seamwatch.spec.pipeline import Pipeline
from seamwatch.vocabulary import IncidentSeverity, IncidentState


def escalate(deps: Deps, pipelines: Iterable[str]) -> list[str]:
    """Escalate the incidents of some pipelines that nobody took on in time, with their messages in the outbox.

    Two schedulers that do this at once escalate each incident once.

    Returns what kept single incidents from it; the others go on.
    """
    errors: list[str] = []
    for name in pipelines:
        pipeline = deps.project.pipelines[name]
        for incident_id in _candidates(deps, name, pipeline.escalation):
            try:
                if _due(deps, pipeline, incident_id):
                    _escalate(deps, pipeline, incident_id)
            except Exception as error:
                errors.append(f"escalation of {incident_id}: {SECRETS.redact(str(error))}")
    return errors


def _candidates(deps: Deps, pipeline: str, rules: EscalationRules) -> list[str]:
    """Return the open incidents that may be due: of ten thousand, most are rated too low or were escalated before."""
    severities = [severity for severity in IncidentSeverity if rules.after.of(severity) is not None]
    try:
        return deps.store.unescalated(pipeline, severities)
    except StoreError:
        # A row that is damaged as a whole keeps the database from looking into any: each is read by itself then.
        return deps.store.incident_ids(pipeline, IncidentState.OPEN)


def _due(deps: Deps, pipeline: Pipeline, incident_id: str) -> list[IncidentChange]:
    incident = deps.store.incident(incident_id)
    known = [] if incident is None else [incident]
    return due_escalations(known, pipeline.escalation, now=deps.clock(), quiet_hours=pipeline.quiet_hours)


def _escalate(deps: Deps, pipeline: Pipeline, incident_id: str) -> None:
    with deps.store.deciding(pipeline.pipeline):
        # Read again: somebody may have taken it on, or another scheduler have escalated it.
        due = _due(deps, pipeline, incident_id)
        deps.store.apply_changes(due)
        for change in due:
            announce_action(deps, change)
