"""Which buttons a message has: what a person may do with an incident in its state."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from seamwatch.core.agreed_actions import AgreedAction, AgreedWish, allowed_wishes
from seamwatch.report.blocks import ActionButton, ActionMenu, AgreedMenu, Confirmation, FormMenu, Link
from seamwatch.vocabulary import ApprovalAnswer, IncidentAction, IncidentState, Responsibility

_LABELS: Mapping[IncidentAction, str] = {
    IncidentAction.ACKNOWLEDGE: "Acknowledge",
    IncidentAction.MUTE: "Mute 4 h",
    IncidentAction.RESOLVE: "Resolve",
    IncidentAction.REOPEN: "Reopen",
    IncidentAction.SPLIT: "Split off again",
}
"""What needs neither a reason nor another incident, in the order in which it is shown."""
_FORMS: Mapping[IncidentAction, str] = {
    IncidentAction.MERGE: "Merge into another incident …",
    IncidentAction.VOID: "Void: nobody's fault …",
}
"""What needs one of them, and so a form."""
_LABELS_BY_STATE: Mapping[tuple[IncidentAction, IncidentState], str] = {
    (IncidentAction.REOPEN, IncidentState.MUTED): "Unmute",
    (IncidentAction.MUTE, IncidentState.MUTED): "Mute 4 h from now",
}
_CONFIRMATIONS: Mapping[IncidentAction, Confirmation] = {
    IncidentAction.RESOLVE: Confirmation(
        title="Resolve this incident?",
        text="It opens again by itself if a window that begins after now still shows its cause.",
        yes="Resolve",
    ),
}

_AGREED: Mapping[AgreedWish, str] = {
    AgreedWish.DONE: "Done",
    AgreedWish.DROP: "Will not be done",
    AgreedWish.REOPEN: "Open again",
}
"""What needs neither another date nor another owner; those are given on the page."""
_SURE = Confirmation(
    title="Say so of this agreed action?",
    text="Everybody sees it here, on the weekly page and in the next review, with your name. It can be taken back.",
    yes="Say so",
)


def incident_buttons(
    incident_id: str,
    state: IncidentState,
    responsibility: Responsibility,
    actions: Sequence[IncidentAction],
    *,
    asks_verdict: bool = False,
) -> tuple[ActionButton | ActionMenu, ...]:
    """Return the buttons of an incident.

    Args:
        incident_id: The incident.
        state: Its state.
        responsibility: Whose its verdict says it is.
        actions: What a person may ask for; none where no button is to be shown.
        asks_verdict: Whether people are asked if its verdict is right; else they can say so on its page.
    """
    buttons: list[ActionButton | ActionMenu] = [
        ActionButton(
            text=_LABELS_BY_STATE.get((action, state), label),
            action=action,
            incident_id=incident_id,
            is_primary=action is IncidentAction.ACKNOWLEDGE and state is IncidentState.OPEN,
            confirmation=_CONFIRMATIONS.get(action),
        )
        for action, label in _LABELS.items()
        if action in actions
    ]
    if asks_verdict and IncidentAction.CONFIRM in actions:
        buttons.append(
            ActionButton(text="The verdict is right", action=IncidentAction.CONFIRM, incident_id=incident_id)
        )
    if IncidentAction.WRONG in actions:
        others = tuple(one for one in Responsibility if one is not responsibility)
        buttons.append(
            ActionMenu(
                text="Wrong verdict: it was …",
                action=IncidentAction.WRONG,
                incident_id=incident_id,
                options=tuple((one.value, one.value.replace("_", " ").capitalize()) for one in others),
            )
        )
    return tuple(buttons)


def form_menu(incident_id: str, actions: Sequence[IncidentAction]) -> tuple[FormMenu, ...]:
    """Return the menu of what needs a form; none where a person may ask for nothing of it."""
    forms = tuple((action, label) for action, label in _FORMS.items() if action in actions)
    return (FormMenu(incident_id=incident_id, options=forms),) if forms else ()


def agreed_menu(actions: Sequence[AgreedAction]) -> tuple[AgreedMenu, ...]:
    """Return the menu of what may become of agreed actions; none where there are none.

    Args:
        actions: As they are now; open ones may be done or dropped, those that ended may be opened again.
    """
    options = tuple(
        (one.id, wish.value, f"{_AGREED[wish]}: {one.text}")
        for one in actions
        for wish in allowed_wishes(one.state)
        if wish in _AGREED
    )
    return (AgreedMenu(text="What became of it …", options=options, confirmation=_SURE),) if options else ()


def approval_buttons(action_id: str, does: str) -> tuple[ActionButton, ...]:
    """Return the buttons that answer an action which waits; approval asks once more what it does."""
    sure = Confirmation(title="Approve this?", text=does, yes="Approve")
    return (
        ActionButton(
            text="Approve", action=ApprovalAnswer.APPROVE, incident_id=action_id, is_primary=True, confirmation=sure
        ),
        ActionButton(text="Reject", action=ApprovalAnswer.REJECT, incident_id=action_id),
    )


def report_link(url: str, *, is_primary: bool) -> Link:
    """Return the button that opens the report."""
    return Link("Open report", url, is_primary=is_primary)
