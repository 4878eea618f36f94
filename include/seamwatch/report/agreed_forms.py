"""The forms of agreed actions on a page: plain HTML that works by keyboard, without a script."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date
from urllib.parse import quote

from markupsafe import Markup

from seamwatch.core.agreed_actions import (
    LONGEST_NOTE_CHARS,
    LONGEST_OWNER_CHARS,
    LONGEST_TEXT_CHARS,
    AgreedAction,
    AgreedWish,
    allowed_wishes,
)
from seamwatch.core.incident_life import Incident
from seamwatch.report.agreed_actions import about, standing
from seamwatch.report.html import environment
from seamwatch.report.text import shortened, visible

_BUTTONS = {AgreedWish.DONE: "Done", AgreedWish.DROP: "Drop", AgreedWish.REOPEN: "Open again"}
"""What needs nothing but a press."""
_HEADLINE_CHARS = 90


@dataclass(frozen=True, kw_only=True)
class TypedAction:
    """What stood in the form that was refused, so that nobody writes it twice."""

    text: str = ""
    owner: str = ""
    due: str = ""
    pipeline: str = ""
    incident: str = ""


@dataclass(frozen=True, kw_only=True)
class ShownAction:
    """An agreed action with what its reader may do with it."""

    text: str
    standing: str
    about: str
    path: str
    """Where its forms are sent."""
    buttons: tuple[tuple[AgreedWish, str], ...]
    can_change: bool
    owner: str
    due: str


@dataclass(frozen=True, kw_only=True)
class AgreedForms:
    """All forms of a page."""

    path: str
    """Where a new action is sent."""
    token: str
    """Of this page alone: sent twice it is one action."""
    today: str
    actions: tuple[ShownAction, ...]
    pipelines: tuple[str, ...]
    incidents: tuple[tuple[str, str], ...]
    """Id and text of those that an action may be linked to."""
    typed: TypedAction
    outcome: str
    is_refused: bool
    longest_text: int = LONGEST_TEXT_CHARS
    longest_owner: int = LONGEST_OWNER_CHARS
    longest_note: int = LONGEST_NOTE_CHARS


def agreed_forms(
    actions: Sequence[AgreedAction],
    *,
    path: str,
    token: str,
    today: date,
    pipelines: Collection[str],
    incidents: Sequence[Incident] = (),
    typed: TypedAction | None = None,
    outcome: str = "",
    is_refused: bool = False,
) -> AgreedForms:
    """Return the forms for what somebody may change.

    Args:
        actions: Those that they may change, in the order in which they are shown.
        path: Where a new one is sent; forms of one are sent below it.
        token: Of this page alone.
        today: Where the review is held.
        pipelines: Those that they may change.
        incidents: Those that a new action may be linked to.
        typed: What stood in the form that was refused.
        outcome: What became of what was asked for last.
        is_refused: Whether that changed nothing.
    """
    return AgreedForms(
        path=path,
        token=token,
        today=today.isoformat(),
        actions=tuple(_shown(one, path, today) for one in actions),
        pipelines=tuple(sorted(pipelines)),
        incidents=tuple(
            (one.id, f"{shortened(visible(one.headline), _HEADLINE_CHARS)} ({one.id})") for one in incidents
        ),
        typed=typed or TypedAction(),
        outcome=outcome,
        is_refused=is_refused,
    )


def render_agreed_forms(forms: AgreedForms) -> Markup:
    """Return the forms as a part of a page, whose text is escaped."""
    return Markup(environment().get_template("agreed_forms.html.j2").render(forms=forms))  # noqa: S704 - escaped by its template


def render_agreed_page(forms: AgreedForms, *, week: str, back: str) -> str:
    """Return the forms as a page of their own.

    Args:
        forms: What stands on it.
        week: The week whose review it is.
        back: Address of that review.
    """
    template = environment().get_template("agreed_page.html.j2")
    return template.render(forms=forms, week=week, back=back, graph={"width": 0})


def _shown(action: AgreedAction, path: str, today: date) -> ShownAction:
    allowed = allowed_wishes(action.state)
    return ShownAction(
        text=visible(action.text),
        standing=standing(action, today=today),
        about=about(action),
        path=f"{path}/{quote(action.id, safe='')}",
        buttons=tuple((wish, label) for wish, label in _BUTTONS.items() if wish in allowed),
        can_change=AgreedWish.CHANGE in allowed,
        owner=action.owner,
        due=action.due_on.isoformat(),
    )
