"""Carry out what people pressed: each press is recorded first, and has one effect, whatever happens in between."""

from __future__ import annotations

import logging
from datetime import timedelta

from seamwatch.core.agreed_actions import AgreedWish
from seamwatch.core.button_presses import ActionReply, ButtonPress, FormRequest, RecordedPress
from seamwatch.core.incident_life import JUDGES_VERDICT
from seamwatch.engine.agreed_presses import carry_out_agreed
from seamwatch.engine.approvals import answer_action, open_airflow_approval
from seamwatch.engine.deps import Deps
from seamwatch.engine.incident_actions import DEFAULT_MUTE, act_on_incident
from seamwatch.engine.slack_permissions import any_connection, denial
from seamwatch.errors import AdapterError, DataContractError, SeamwatchError
from seamwatch.report import block_kit
from seamwatch.report.action_results import refusal_text, result_text
from seamwatch.report.blocks import Paragraph, plain
from seamwatch.report.runbook import action_sentence
from seamwatch.secret_redaction import SECRETS
from seamwatch.spec.pipeline import Pipeline
from seamwatch.vocabulary import ApprovalAnswer, Door, IncidentAction

_LOG = logging.getLogger(__name__)
_MOST_TRIES = 5
_MOST_AGE = timedelta(days=1)
"""What was pressed longer ago, and never carried out, is not what the person wants by now."""


def carry_out(deps: Deps, press_id: int) -> ActionReply | None:
    """Return what became of a recorded press, which the person is told too; None where it was done before.

    Raises:
        StoreError: If the store fails so that not even that can be noted: the press is carried out later.
    """
    recorded = deps.store.press(press_id)
    if recorded is None or recorded.done_at is not None:
        return None
    try:
        reply = _decided(deps, recorded)
    except Exception as error:  # this press's failure, and nobody else's
        reply = _failed(deps, recorded, error)
    if reply is not None and reply.is_private:
        tell_person(deps, recorded.press, reply.text, connection=recorded.connection)
    return reply


def carry_out_recorded(deps: Deps) -> list[str]:
    """Carry out what was recorded and not done, as where its process was killed; return what kept single ones back."""
    errors = []
    for recorded in deps.store.presses_to_carry_out():
        try:
            carry_out(deps, recorded.id)
        except SeamwatchError as error:
            errors.append(f"button of {recorded.press.about}: {error}")
    return errors


def _decided(deps: Deps, recorded: RecordedPress) -> ActionReply | None:
    press, now, asked = recorded.press, deps.clock(), recorded.press.action
    if now - recorded.received_at > _MOST_AGE:
        return _refuse(deps, recorded, f"{press.about}: what you pressed a day ago was never carried out; press again.")
    if isinstance(asked, AgreedWish):
        return carry_out_agreed(deps, recorded, asked)
    incident = deps.store.incident(press.incident_id)
    if incident is None:
        return _refuse(deps, recorded, f"There is no incident {press.incident_id}: it is too old to be kept.")
    if denied := denial(deps, incident, press.user_id, connection=recorded.connection):
        return _refuse(deps, recorded, denied)
    if isinstance(asked, ApprovalAnswer):
        return _answered(deps, recorded, asked)
    with deps.store.deciding(incident.pipeline):
        if not deps.store.end_press(recorded.id, now=now):
            return None  # another process was quicker
        done = act_on_incident(
            deps,
            incident.id,
            asked,
            by=recorded.by,
            door=Door.SLACK,
            until=recorded.received_at + DEFAULT_MUTE if press.action is IncidentAction.MUTE else None,
            responsibility=press.responsibility,
            why=press.why,
            into=press.into,
        )
        deps.store.note_press(recorded.id, result="done" if done.refusal is None else done.refusal.value)
    if done.refusal is not None:
        return ActionReply(text=refusal_text(done.refusal, done.incident), is_done=False, is_private=True)
    text = result_text(done.incident, still_fails=done.still_fails, n_debits=done.n_debits)
    if press.action is IncidentAction.WRONG and press.responsibility is not None:
        really = press.responsibility.value.replace("_", " ")
        text = f"{incident.id}: kept that it was {really}, for the grading of verdicts. Its state is as it was."
    if press.action is IncidentAction.CONFIRM:
        text = f"{incident.id}: kept that its verdict is right, for the grading of verdicts. Its state is as it was."
    is_private = done.still_fails or press.action in JUDGES_VERDICT
    return ActionReply(text=text, is_done=True, is_private=is_private)


def _answered(deps: Deps, recorded: RecordedPress, how: ApprovalAnswer) -> ActionReply | None:
    """Answer an action that waits: its task in Airflow first, where it has one, for that is the approval."""
    action = None if recorded.press.answered is None else deps.store.action(recorded.press.answered)
    if action is None:
        return _refuse(deps, recorded, "There is no such action: it is too old to be kept.")
    pipeline, is_approval = deps.project.pipeline(action.pipeline), how is ApprovalAnswer.APPROVE
    after = answer_action(
        deps,
        action,
        approves=is_approval,
        by=recorded.by,
        door=Door.SLACK,
        airflow=lambda: open_airflow_approval(deps, pipeline),
    )
    now = after or deps.store.action(action.id) or action
    said = f"{action.incident_id}: {action_sentence(now)}."
    if after is None:
        return _refuse(deps, recorded, f"Nothing changed by your answer. {said}")
    is_first = deps.store.end_press(recorded.id, now=deps.clock(), result=now.state.value)
    return ActionReply(text=said, is_done=True, is_private=False) if is_first else None


def _refuse(deps: Deps, recorded: RecordedPress, text: str) -> ActionReply | None:
    """Note that a press changes nothing; return what is said of it, or None where another process said it."""
    is_first = deps.store.end_press(recorded.id, now=deps.clock(), result=text)
    return ActionReply(text=text, is_done=False, is_private=True) if is_first else None


def _failed(deps: Deps, recorded: RecordedPress, error: Exception) -> ActionReply | None:
    """Note that a press could not be carried out; it is tried again, unless it can never be."""
    said = SECRETS.redact(str(error) if isinstance(error, SeamwatchError) else type(error).__name__)
    what = f"{recorded.press.about}: {recorded.press.action.value} could not be carried out: {said}"
    if isinstance(error, DataContractError) or recorded.tries + 1 >= _MOST_TRIES:
        return _refuse(deps, recorded, what)
    _LOG.warning("%s", what)
    deps.store.note_press(recorded.id, result=what, is_failure=True)
    is_news = recorded.tries == 0
    return ActionReply(text=f"{what}. It is tried again within minutes.", is_done=False, is_private=is_news)


def tell_person(deps: Deps, press: ButtonPress | FormRequest, text: str, *, connection: str | None) -> None:
    """Tell who pressed alone; where that cannot be, the incident's message still shows what it is."""
    known = connection or (connection_of(deps, press.incident_id) if press.incident_id else any_connection(deps))
    if known is None or not press.channel:
        return
    about = press.about if isinstance(press, ButtonPress) else press.incident_id
    try:
        blocks = block_kit.render([Paragraph((plain(text),))])
        deps.notifier(known).tell_privately(press.channel, press.user_id, block_kit.fallback(text), blocks)
    except AdapterError as error:
        _LOG.warning("who pressed a button of %s could not be notified of the result: %s", about, error)


def connection_of(deps: Deps, incident_id: str) -> str | None:
    """Return the Slack connection of an incident's pipeline; None where none is known."""
    incident = deps.store.incident(incident_id)
    known: Pipeline | None = None if incident is None else deps.project.pipelines.get(incident.pipeline)
    return None if known is None or known.slack is None else known.slack.connection
