"""Call the reliability owner of incidents that nobody took on in time."""

from __future__ import annotations

from collections.abc import Iterable

from seamwatch.core.escalation import due_escalations
from seamwatch.engine.announcements import announce_action
from seamwatch.engine.deps import Deps
from seamwatch.secret_redaction import SECRETS
from seamwatch.spec.escalation import EscalationRules
from seamwatch.vocabulary import IncidentState


def escalate(deps: Deps, pipelines: Iterable[str]) -> list[str]:
    """Escalate the incidents of some pipelines that nobody took on in time, with their messages in the outbox.

    Two schedulers that do this at once escalate each incident once.

    Returns what kept single incidents from it; the others go on.
    """
    errors: list[str] = []
    for name in pipelines:
        rules = deps.project.pipelines[name].escalation
        for incident_id in deps.store.incident_ids(name, IncidentState.OPEN):
            try:
                if _is_due(deps, incident_id, rules):
                    _escalate(deps, name, incident_id, rules)
            except Exception as error:
                errors.append(f"escalation of {incident_id}: {SECRETS.redact(str(error))}")
    return errors


def _is_due(deps: Deps, incident_id: str, rules: EscalationRules) -> bool:
    incident = deps.store.incident(incident_id)
    return incident is not None and bool(due_escalations([incident], rules, now=deps.clock()))


def _escalate(deps: Deps, pipeline: str, incident_id: str, rules: EscalationRules) -> None:
    with deps.store.deciding(pipeline):
        # Read again: somebody may have taken it on, or another scheduler have escalated it.
        incident = deps.store.incident(incident_id)
        due = [] if incident is None else due_escalations([incident], rules, now=deps.clock())
        deps.store.apply_changes(due)
        for change in due:
            announce_action(deps, change)
