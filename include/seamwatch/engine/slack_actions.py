"""What Slack tells of presses, by whichever way: recorded, acknowledged, carried out, and shown at once.

What needs a reason or another incident opens a form; the form that is sent then is a press like any other.
"""

from __future__ import annotations

from collections.abc import Callable

from seamwatch.core.agreed_actions import AgreedWish
from seamwatch.core.button_presses import ActionReply
from seamwatch.engine.button_presses import carry_out
from seamwatch.engine.deliver import deliver_incident
from seamwatch.engine.deps import Deps
from seamwatch.engine.slack_agreed import open_agreed_form, take_agreed_form
from seamwatch.engine.slack_forms import open_form
from seamwatch.report.agreed_slack_form import read_agree_request, read_agreed_form
from seamwatch.report.pressed_buttons import read_form_request, read_press


def handle_action(
    deps: Deps, payload: object, *, connection: str | None = None, acknowledge: Callable[[], None] = lambda: None
) -> ActionReply | None:
    """Return what became of a pressed button, or of a form that could not be opened.

    None where it is none of ours, was carried out before, or opened a form.

    Args:
        deps: What it needs.
        payload: As Slack sent it; every field of it is untrusted.
        connection: The Slack connection that it came by; None: that of the incident's pipeline.
        acknowledge: Tells Slack that the press has come, which it wants to hear within three seconds; called once the
            press is recorded, so that no press is lost after it.

    Raises:
        StoreError: If the press cannot be recorded; then it is not acknowledged either.
    """
    wanted = read_agree_request(payload)
    if wanted is not None:
        acknowledge()
        return open_agreed_form(deps, wanted, connection=connection)
    sent = read_agreed_form(payload)
    if sent is not None:
        # Kept before Slack hears that it has come: what it does not hear of, the person sends again.
        reply = take_agreed_form(deps, sent, connection=connection)
        acknowledge()
        return reply
    request = read_form_request(payload)
    if request is not None:
        acknowledge()
        return open_form(deps, request, connection=connection)
    press_id = record_action(deps, payload, connection=connection)
    acknowledge()
    return None if press_id is None else answer_action(deps, press_id)


def record_action(deps: Deps, payload: object, *, connection: str | None) -> int | None:
    """Return the id of a press, recorded; None where it is none of ours, and nothing is to be carried out."""
    press = read_press(payload)
    return None if press is None else deps.store.record_press(press, connection=connection, now=deps.clock())


def answer_action(deps: Deps, press_id: int) -> ActionReply | None:
    """Return what became of a recorded button; the message that it stands in shows it at once."""
    recorded, reply = deps.store.press(press_id), carry_out(deps, press_id)
    if recorded is None or reply is None or not reply.is_done:
        return reply
    if not isinstance(recorded.press.action, AgreedWish):  # of these the digest was updated already
        deliver_incident(deps, recorded.press.incident_id)
    return reply
