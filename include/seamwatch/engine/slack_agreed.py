"""People agree on an action in Slack: the form behind the button of a weekly digest, and what is sent by it."""

from __future__ import annotations

import logging
from datetime import timedelta

from seamwatch.core.button_presses import ActionReply
from seamwatch.engine.agreed_actions import add_agreed_action
from seamwatch.engine.deps import Deps
from seamwatch.engine.slack_permissions import agreed_denial, any_connection, changeable_pipelines
from seamwatch.engine.weekly_digest import update_weekly_digests
from seamwatch.engine.weekly_review.calendar import named_week, review_today
from seamwatch.errors import AdapterError, SeamwatchError, StoreError
from seamwatch.report import block_kit
from seamwatch.report.agreed_actions import refusal_text, result_text
from seamwatch.report.agreed_slack_form import AgreeRequest, SentAgreedForm, agreed_slack_form
from seamwatch.report.blocks import Paragraph, plain
from seamwatch.secret_redaction import SECRETS
from seamwatch.vocabulary import Door

_LOG = logging.getLogger(__name__)
_FIRST_DUE = timedelta(days=7)
_MOST_INCIDENTS = 100


def open_agreed_form(deps: Deps, request: AgreeRequest, *, connection: str | None) -> ActionReply | None:
    """Return why the form could not be opened, which the person is told too; None where they see it.

    Args:
        deps: What it needs.
        request: The press.
        connection: The Slack that told of it; None: any that a pipeline with buttons names.
    """
    try:
        names, text = changeable_pipelines(deps, request.user_id, connection=connection)
        if names:
            form = agreed_slack_form(
                request.week,
                due_on=review_today(deps) + _FIRST_DUE,
                pipelines=names,
                incidents=deps.store.incidents(names, limit=_MOST_INCIDENTS),
                channel=request.channel,
            )
            deps.notifier(connection or _connection(deps, names)).open_form(request.trigger, form)
            return None
    except Exception as error:  # this form's failure; nothing was written yet that could be lost
        said = SECRETS.redact(str(error) if isinstance(error, SeamwatchError) else type(error).__name__)
        text = (
            f"The form could not be opened: {said}. Press once more, or use the weekly page or `seamwatch agreed add`."
        )
    return _tell(deps, request, text, connection)


def take_agreed_form(deps: Deps, sent: SentAgreedForm, *, connection: str | None) -> ActionReply:
    """Return what became of a form that was sent, which the person is told too; sent twice it is one action.

    Raises:
        StoreError: If it cannot be kept; then Slack must not hear that it has come.
    """
    try:
        is_done, text = _taken(deps, sent, connection)
    except StoreError:
        raise
    except Exception as error:  # this form's failure; the person sends it again
        said = SECRETS.redact(str(error) if isinstance(error, SeamwatchError) else type(error).__name__)
        is_done, text = False, f"Nothing was agreed: {said}."
    return _tell(deps, sent, text, connection, is_done=is_done)


def _taken(deps: Deps, sent: SentAgreedForm, connection: str | None) -> tuple[bool, str]:
    name = sent.pipeline
    if sent.incident is not None:
        incident = deps.store.incident(sent.incident)
        name = name if incident is None else incident.pipeline
    if denied := agreed_denial(deps, name, sent.user_id, connection=connection):
        return False, denied
    done = add_agreed_action(
        deps,
        text=sent.text,
        owner=sent.owner,
        due_on=sent.due_on,
        by=sent.by,
        door=Door.SLACK,
        pipeline=sent.pipeline,
        incident=sent.incident,
        week=named_week(deps, sent.week),
        token=sent.token,
    )
    if done.refusal is not None or done.action is None:
        assert done.refusal is not None
        return False, f"{refusal_text(done.refusal, done.action, today=review_today(deps))}. Nothing was agreed."
    if done.is_new:
        update_weekly_digests(deps, done.action)
    return done.is_new, result_text(done.action, is_new=done.is_new)


def _connection(deps: Deps, names: list[str]) -> str:
    slack = deps.project.pipelines[names[0]].slack
    assert slack is not None, "only pipelines with buttons are among them"
    return slack.connection


def _tell(
    deps: Deps, who: AgreeRequest | SentAgreedForm, text: str, connection: str | None, *, is_done: bool = False
) -> ActionReply:
    """Tell the person alone; where that cannot be, the page still shows what was agreed."""
    known = connection or any_connection(deps)
    if known is not None and who.channel:
        try:
            blocks = block_kit.render([Paragraph((plain(text),))])
            deps.notifier(known).tell_privately(who.channel, who.user_id, block_kit.fallback(text), blocks)
        except AdapterError as error:
            _LOG.warning("who agreed on an action could not be notified of the result: %s", error)
    return ActionReply(text=text, is_done=is_done, is_private=True)
