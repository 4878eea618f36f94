"""Listen to Slack until somebody stops it: the process beside the scheduler that takes pressed buttons."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack
from threading import Event

from seamwatch.adapters.notify.slack_socket import Handle, SlackSocket
from seamwatch.engine.button_presses import carry_out_recorded
from seamwatch.engine.deps import Deps
from seamwatch.engine.slack_actions import handle_action
from seamwatch.errors import NotifyError, Problem, SpecError

_RETRY_S = 15.0
OpenDeps = Callable[[], AbstractContextManager[Deps]]


def listen_to_slack(open_deps: OpenDeps, stop: Event, *, say: Callable[[str], None]) -> None:
    """Take pressed buttons until `stop` is set, by the Slack connection of every pipeline that has buttons.

    Pipeline files are read again for each press, so whoever they permit now may act.

    Args:
        open_deps: Gives what a use case needs; opened for each press.
        stop: Ends it; what is being carried out is ended first.
        say: Tells a person what happens.

    Raises:
        SpecError: If no pipeline has buttons.
        AdapterError: If a connection is missing, or Slack refuses it.
    """
    with open_deps() as deps:
        carry_out_recorded(deps)
        slacks = [pipeline.slack for pipeline in deps.project.pipelines.values() if pipeline.slack is not None]
        names = list(dict.fromkeys(slack.connection for slack in slacks if slack.actions))
        known = {name: deps.connections.get(name) for name in names}
    if not known:
        text = "no pipeline has buttons; switch them on by `slack: {channel: ..., actions: true}`"
        raise SpecError([Problem(file="include/pipelines", text=text)])
    with ExitStack() as opened:
        for name, connection in known.items():
            socket = SlackSocket(connection, _handler(open_deps, name))
            opened.callback(socket.close)
            _open(socket, stop, say)
            if not stop.is_set():
                say(f"listening to Slack by connection {name}")
        stop.wait()


def _handler(open_deps: OpenDeps, connection: str) -> Handle:
    def handle(payload: object, acknowledge: Callable[[], None]) -> None:
        with open_deps() as deps:
            handle_action(deps, payload, connection=connection, acknowledge=acknowledge)

    return handle


def _open(socket: SlackSocket, stop: Event, say: Callable[[str], None]) -> None:
    """Connect, as often as it takes where Slack cannot be reached; what Slack refuses ends it."""
    while not stop.is_set():
        try:
            socket.open()
        except NotifyError as error:
            if not error.retryable:
                raise
            wait_s = error.wait_s or _RETRY_S
            say(f"{error}; tried again in {wait_s:.0f} s")
            stop.wait(wait_s)
        else:
            return
