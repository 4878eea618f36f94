"""Whether a pipeline's messages can be sent, and looked for where an answer of the channel was lost."""

from __future__ import annotations

from collections.abc import Iterator

from seamwatch.adapters.base import Connections
from seamwatch.adapters.notify.second_way import open_second_way
from seamwatch.adapters.notify.slack import CHANNEL_SCOPES, HISTORY_SCOPES, SlackNotifier
from seamwatch.engine.check.places import check_connection, in_pipeline
from seamwatch.errors import AdapterError, NotifyError, Problem, ProblemLevel
from seamwatch.spec.pipeline import Pipeline, Slack

_NAMED_BY_ID = ("C", "G", "D")


def check_channels(pipeline: Pipeline, connections: Connections) -> Iterator[Problem]:
    """Yield what keeps the messages of a pipeline from being sent, or from being sent once."""
    if pipeline.slack is not None:
        missing = list(check_connection(pipeline, "slack.connection", connections, pipeline.slack.connection))
        yield from missing or _check_slack(pipeline, connections, pipeline.slack.connection, pipeline.slack.channel)
        if pipeline.slack.actions and not missing:
            yield from _check_way_in(pipeline, connections, pipeline.slack)
    if pipeline.second_way is not None and pipeline.slack is None:
        text = "is gone only where slack takes no message, and no slack is named; name its channel"
        yield in_pipeline(pipeline, "second_way", text)
    if pipeline.second_way is not None:
        try:
            open_second_way(pipeline.second_way, connections)
        except AdapterError as error:
            yield in_pipeline(pipeline, "second_way", str(error))


def _check_way_in(pipeline: Pipeline, connections: Connections, slack: Slack) -> Iterator[Problem]:
    """Yield a warning where buttons are shown and Slack has no way to tell that they were pressed."""
    extra = connections.get(slack.connection).extra
    if not extra.get("app_token") and not extra.get("signing_secret"):
        text = (
            f"buttons are shown, and nobody hears of their presses: connection {slack.connection!r} has neither the "
            "extra app_token (for `seamwatch slack`) nor signing_secret (for requests to the plugin); add one"
        )
        yield in_pipeline(pipeline, "slack.actions", text, ProblemLevel.WARNING)


def _check_slack(pipeline: Pipeline, connections: Connections, connection: str, channel: str) -> Iterator[Problem]:
    try:
        scopes = SlackNotifier(connections.get(connection)).scopes()
    except NotifyError as error:
        level = ProblemLevel.NOTE if error.retryable else ProblemLevel.WARNING
        yield in_pipeline(pipeline, "slack.connection", str(error), level)
        return
    if scopes is None:
        return
    if "chat:write" not in scopes:
        text = "the app lacks the scope chat:write, so no message can be sent; add it and install the app again"
        yield in_pipeline(pipeline, "slack.connection", text, ProblemLevel.WARNING)
    needed = [HISTORY_SCOPES] if channel.startswith(_NAMED_BY_ID) else [HISTORY_SCOPES, CHANNEL_SCOPES]
    for one in needed:
        if not scopes & set(one):
            text = (
                f"the app has none of the scopes {', '.join(one)}: a message whose answer is lost cannot be looked "
                "for, and is posted again, marked as possibly repeated; add one (groups: for private channels)"
            )
            yield in_pipeline(pipeline, "slack.connection", text, ProblemLevel.WARNING)
