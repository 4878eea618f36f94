"""Carry out what people chose in the menu of a weekly digest: an agreed action is done, dropped or open again."""

from __future__ import annotations

from seamwatch.core.agreed_actions import AgreedRefusal, AgreedWish
from seamwatch.core.button_presses import ActionReply, RecordedPress
from seamwatch.engine.agreed_actions import agreed_action, change_agreed_action
from seamwatch.engine.deps import Deps
from seamwatch.engine.slack_permissions import agreed_denial
from seamwatch.engine.weekly_digest import update_weekly_digests
from seamwatch.engine.weekly_review.calendar import review_today
from seamwatch.report.agreed_actions import refusal_text, result_text
from seamwatch.vocabulary import Door


def carry_out_agreed(deps: Deps, recorded: RecordedPress, wish: AgreedWish) -> ActionReply | None:
    """Return what became of a recorded choice; None where another process was quicker.

    The change and that the press is done are one transaction, so that a press Slack tells of twice, or that is taken up
    again after its process was killed, opens nothing again that somebody has ended since.

    Raises:
        SpecError: If the project's settings cannot be read: then nobody knows which day it is where reviews are held.
        StoreError: If it cannot be kept; then it is carried out later.
    """
    action = agreed_action(deps, recorded.press.answered or "")
    if action is None:
        why = refusal_text(AgreedRefusal.NO_SUCH_ACTION, None, today=review_today(deps))
        return _refused(deps, recorded, f"{why}.")
    denied = agreed_denial(deps, action.pipeline, recorded.press.user_id, connection=recorded.connection)
    if denied:
        return _refused(deps, recorded, denied)
    with deps.store.deciding(action.pipeline or ""):
        if not deps.store.end_press(recorded.id, now=deps.clock()):
            return None
        done = change_agreed_action(deps, action.id, wish, by=recorded.by, door=Door.SLACK)
        deps.store.note_press(recorded.id, result="done" if done.refusal is None else done.refusal.value)
    now = done.action or action
    # Also where nothing changed: whoever pressed saw what is true no longer.
    update_weekly_digests(deps, now)
    if done.refusal is not None:
        said = f"{refusal_text(done.refusal, done.action, today=review_today(deps))}. Nothing was changed."
        return ActionReply(text=said, is_done=False, is_private=True)
    return ActionReply(text=result_text(now), is_done=True, is_private=True)


def _refused(deps: Deps, recorded: RecordedPress, text: str) -> ActionReply | None:
    is_first = deps.store.end_press(recorded.id, now=deps.clock(), result=text)
    return ActionReply(text=text, is_done=False, is_private=True) if is_first else None
