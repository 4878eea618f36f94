"""Slack by its web API: post a message, reply in its thread, update it in place."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any
from urllib.error import URLError

from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError, SlackClientError
from slack_sdk.http_retry.builtin_handlers import ConnectionErrorRetryHandler, RateLimitErrorRetryHandler
from slack_sdk.web import SlackResponse

from seamwatch.adapters.base import ConnectionInfo
from seamwatch.errors import MessageGone, NotifyError

_TIMEOUT_S = 15
_RATE_LIMIT_RETRIES = 3
_SERVER_ERROR = 500

_RETRYABLE = frozenset(
    {
        "ratelimited",
        "rate_limited",
        "message_limit_exceeded",
        "internal_error",
        "fatal_error",
        "service_unavailable",
        "request_timeout",
        "team_added_to_org",
    }
)
_CODE = re.compile(r"[a-z][a-z0-9_]*")
_NOT_SLACK = "the answer is not one of Slack's; if it stays so, check the connection's base_url and proxy"
_GONE = frozenset({"message_not_found", "thread_not_found", "cannot_reply_to_message"})
_ADVICE = {
    "not_authed": "the connection has no token; put the bot token (xoxb-...) into its password",
    "invalid_auth": "the token is not valid; put a current bot token (xoxb-...) into the connection's password",
    "token_revoked": "the token was revoked; install the Slack app again and renew the connection's password",
    "token_expired": "the token has expired; renew the connection's password",
    "account_inactive": "the app was removed from the workspace; install it again",
    "missing_scope": "the app lacks a scope; it needs chat:write",
    "channel_not_found": "correct slack.channel in the pipeline file, or invite the app if the channel is private",
    "not_in_channel": "invite the app to the channel (/invite @app)",
    "is_archived": "the channel is archived; name another one under slack.channel in the pipeline file",
    "restricted_action": "a workspace policy forbids the app to post there; ask an administrator",
    "cant_update_message": "the message was written by another app; its head will be posted anew",
    "edit_window_closed": "the workspace no longer allows this message to be edited",
    "invalid_blocks": "the message does not meet Slack's rules; this is a defect of Seamwatch, please report it",
    "msg_blocks_too_long": "the message is longer than Slack takes; this is a defect of Seamwatch, please report it",
    "msg_too_long": "the message is longer than Slack takes; this is a defect of Seamwatch, please report it",
}


class SlackNotifier:
    """A Slack workspace as a channel that people read."""

    def __init__(self, connection: ConnectionInfo) -> None:
        """Prepare the client.

        Args:
            connection: `password` is the bot token; extras `base_url`, `timeout` (seconds) and `proxy` are optional.

        Raises:
            NotifyError: If the connection lacks a token or its timeout is no number.
        """
        if not connection.password:
            msg = (
                f"Slack connection {connection.conn_id!r} has no token; put the bot token (xoxb-...) into its password"
            )
            raise NotifyError(msg)
        extra = connection.extra
        self._conn_id = connection.conn_id
        self._client = WebClient(
            token=connection.password,
            base_url=str(extra.get("base_url") or WebClient.BASE_URL),
            timeout=_timeout_s(connection),
            proxy=extra.get("proxy"),
            logger=_silent_logger(),
            retry_handlers=[
                ConnectionErrorRetryHandler(),
                RateLimitErrorRetryHandler(max_retry_count=_RATE_LIMIT_RETRIES),
            ],
        )

    def check(self) -> str:
        """Return the workspace and user that the token belongs to; NotifyError if it is refused."""
        answer = self._call("auth.test", "", self._client.auth_test)
        return f"{answer.get('team')} as {answer.get('user')}"

    def post(self, channel: str, text: str, blocks: Sequence[Mapping[str, Any]], *, thread: str | None = None) -> str:
        """Post and return the message's id, `channel id:ts`: to update a message, Slack wants the id, not the name.

        Raises:
            MessageGone: If `thread` no longer exists. Slack posts such a reply at top level without an error; it is
                deleted again.
            NotifyError: If Slack refuses or cannot be reached.
        """
        home, thread_ts = split_message_id(thread) if thread is not None else (None, None)
        answer = self._call(
            "chat.postMessage",
            channel,
            lambda: self._client.chat_postMessage(
                channel=home or channel,
                text=text,
                blocks=[dict(block) for block in blocks],
                thread_ts=thread_ts,
                mrkdwn=False,
                parse="none",
                link_names=False,
                unfurl_links=False,
                unfurl_media=False,
            ),
        )
        where, ts = str(answer["channel"]), str(answer["ts"])
        if thread_ts is not None and (answer.get("message") or {}).get("thread_ts") != thread_ts:
            self._call("chat.delete", channel, lambda: self._client.chat_delete(channel=where, ts=ts))
            msg = f"Slack channel {channel}: the thread {thread_ts} is gone; post its head anew"
            raise MessageGone(msg)
        return f"{where}:{ts}"

    def update(self, channel: str, message_id: str, text: str, blocks: Sequence[Mapping[str, Any]]) -> None:
        """Replace a message in place; MessageGone if it was deleted, else NotifyError."""
        home, ts = split_message_id(message_id)
        self._call(
            "chat.update",
            channel,
            lambda: self._client.chat_update(
                channel=home or channel,
                ts=ts,
                text=text,
                blocks=[dict(block) for block in blocks],
                parse="none",
                link_names=False,
            ),
        )

    def _call(self, method: str, channel: str, call: Callable[[], SlackResponse]) -> SlackResponse:
        try:
            return call()
        except SlackApiError as error:
            raise self._refused(method, channel, error) from None  # the cause's text repeats the request's headers
        except (URLError, OSError, SlackClientError) as error:
            reason = getattr(error, "reason", None) or type(error).__name__
            msg = f"Slack connection {self._conn_id!r}: {method} did not get through: {reason}"
            raise NotifyError(msg, retryable=True) from None

    def _refused(self, method: str, channel: str, error: SlackApiError) -> NotifyError:
        response = error.response
        data = response.data if isinstance(response, SlackResponse) and isinstance(response.data, dict) else {}
        status = response.status_code if isinstance(response, SlackResponse) else 0
        said_code = str(data.get("error"))
        is_slack = _CODE.fullmatch(said_code) is not None
        code = said_code if is_slack else f"http_{status}"
        where = f"Slack connection {self._conn_id!r}" + (f", channel {channel}" if channel else "")
        said = "; ".join(str(text) for text in data.get("errors") or ())
        advice = _ADVICE.get(code, said) if is_slack else _NOT_SLACK
        message = f"{where}: {method} answered {code}" + (f"; {advice}" if advice else "")
        if code in _GONE:
            return MessageGone(message)
        retryable = not is_slack or code in _RETRYABLE or status == 429 or status >= _SERVER_ERROR
        return NotifyError(message, retryable=retryable)


def split_message_id(message_id: str) -> tuple[str | None, str]:
    """Return the channel's id (None where it is not known) and Slack's `ts` of a message."""
    home, _, ts = message_id.rpartition(":")
    return home or None, ts


def _timeout_s(connection: ConnectionInfo) -> int:
    given = connection.extra.get("timeout", _TIMEOUT_S)
    try:
        return max(1, int(float(given)))
    except (TypeError, ValueError):
        msg = f"Slack connection {connection.conn_id!r}: extra timeout must be seconds as a number; got {given!r}"
        raise NotifyError(msg) from None


def _silent_logger() -> logging.Logger:
    """Return a logger that drops the client's own lines: they hold headers and bodies, and each error is raised too."""
    logger = logging.getLogger(f"{__name__}.client")
    logger.setLevel(logging.CRITICAL)
    return logger
