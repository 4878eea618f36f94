"""The app to which the local Slack tells what people press: where its requests go, and who presses on the page."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import httpx

from seamwatch_demo.slack_presses import payload_of, signed, submission_of

if TYPE_CHECKING:
    from seamwatch_demo.slack_messages import OpenedForm, SlackMessage
    from seamwatch_demo.slack_workspace import Workspace

_ANSWER_S = 10.0
_EFFECT_S = 3.0
"""So long the page waits for what a press does, which comes after its answer."""


@dataclass(frozen=True, kw_only=True)
class SlackApp:
    """An app with a request URL, and the person who presses its buttons."""

    request_url: str
    signing_secret: str
    user: str
    """Id of the person."""
    name: str

    def press(self, workspace: Workspace, message: SlackMessage, action_id: str, value: str) -> OpenedForm | None:
        """Tell the app of a press, and return the form that it opens, if it does.

        Args:
            workspace: Where the message stands.
            message: With the button or menu.
            action_id: Of the button or menu.
            value: Of what was chosen in a menu; empty for a button.

        Raises:
            LookupError: If the message has no such button.
            HTTPError: If the app does not answer, or refuses.
        """
        n_forms, n_edits, n_private = len(workspace.forms), message.n_edits, len(workspace.private)
        payload = payload_of(
            message,
            action_id.rpartition(":")[2],
            user=self.user,
            name=self.name,
            choice=value.rpartition("/")[2],
            trigger=workspace.new_trigger(),
        )
        self._tell(payload)
        _wait(lambda: len(workspace.forms) > n_forms or message.n_edits > n_edits or len(workspace.private) > n_private)
        return workspace.forms[-1] if len(workspace.forms) > n_forms else None

    def send(self, workspace: Workspace, form: OpenedForm, *, why: str, into: str | None) -> None:
        """Tell the app of a form that was sent.

        Raises:
            LookupError: If the form does not offer what was chosen.
            HTTPError: If the app does not answer, or refuses.
        """
        before = _state(workspace)
        self._tell(submission_of(form, user=self.user, name=self.name, why=why, into=into))
        _wait(lambda: _state(workspace) != before)

    def _tell(self, payload: dict[str, Any]) -> None:
        body, headers = signed(payload, self.signing_secret, at=time.time())
        httpx.post(self.request_url, content=body, headers=headers, timeout=_ANSWER_S).raise_for_status()


def _state(workspace: Workspace) -> tuple[int, int]:
    return sum(one.n_edits for one in list(workspace.messages)), len(workspace.private)


def _wait(is_so: Callable[[], bool]) -> None:
    """Return when something is so, or after a while."""
    end = time.monotonic() + _EFFECT_S
    while not is_so() and time.monotonic() < end:
        time.sleep(0.05)
