"""Show a person in Slack the form of what needs a reason or another incident; nothing is changed before it is sent."""

from __future__ import annotations

from seamwatch.core.button_presses import ActionReply, FormRequest
from seamwatch.core.incident_life import Incident, refusal_by_state
from seamwatch.engine.button_presses import connection_of, tell_person
from seamwatch.engine.deps import Deps
from seamwatch.engine.slack_permissions import denial
from seamwatch.errors import SeamwatchError
from seamwatch.report.action_results import refusal_text
from seamwatch.report.slack_forms import MOST_TARGETS, incident_form, merge_targets
from seamwatch.secret_redaction import SECRETS
from seamwatch.vocabulary import IncidentAction, IncidentState


def open_form(deps: Deps, request: FormRequest, *, connection: str | None) -> ActionReply | None:
    """Return why a form could not be opened, which the person is told too; None where they see it.

    Args:
        deps: What it needs.
        request: What somebody chose.
        connection: The Slack that told of it; None: that of the incident's pipeline.
    """
    try:
        text = _shown(deps, request, connection)
    except Exception as error:  # this form's failure; nothing was written yet that could be lost
        said = SECRETS.redact(str(error) if isinstance(error, SeamwatchError) else type(error).__name__)
        text = (
            f"The form for {request.incident_id} could not be opened: {said}. Choose it once more, or use the page of "
            f"the incident in Airflow or `seamwatch incident {request.action} {request.incident_id}`."
        )
    if not text:
        return None
    tell_person(deps, request, text, connection=connection)
    return ActionReply(text=text, is_done=False, is_private=True)


def _shown(deps: Deps, request: FormRequest, connection: str | None) -> str:
    """Return why no form is shown; empty where it is."""
    incident = deps.store.incident(request.incident_id)
    if incident is None:
        return f"There is no incident {request.incident_id}: it is too old to be kept."
    if denied := denial(deps, incident, request.user_id, connection=connection):
        return denied
    refusal = refusal_by_state(incident, request.action)
    if refusal is not None:
        return refusal_text(refusal, incident)
    targets = _targets(deps, incident) if request.action is IncidentAction.MERGE else []
    form = incident_form(incident, request.action, channel=request.channel, targets=targets)
    if form is None:
        return f"{incident.pipeline} has no other open incident that {incident.id} could be merged into."
    known = connection or connection_of(deps, incident.id)
    assert known is not None, "whoever may act does so by the Slack of the pipeline file"
    deps.notifier(known).open_form(request.trigger, form)
    return ""


def _targets(deps: Deps, incident: Incident) -> list[Incident]:
    open_states = {state for state in IncidentState if state.is_open}
    # One more than is offered: the incident itself is among them.
    return merge_targets(incident, deps.store.incidents(incident.pipeline, open_states, limit=MOST_TARGETS + 1))
