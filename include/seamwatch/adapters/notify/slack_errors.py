"""What a failed call to Slack means for the message: refused, gone, to be sent more slowly, or nobody knows.

Only what Slack documents as a refusal is one. Any other end of a call leaves open whether the message is there.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

import aiohttp

from seamwatch.errors import HistoryUnreadable, MessageGone, NotifyError

_TOO_FAST = 429
_FIRST_FAILURE = 400
_SERVER_ERROR = 500
_WAIT_S = 30.0
"""Where Slack asks for a pause and its length cannot be read."""
_MOST_WAIT_S = 3600.0

_CODE = re.compile(r"[a-z][a-z0-9_]*")
_NOT_SLACK = "the answer is not one of Slack's; if it stays so, check the connection's base_url and proxy"
_DEFECT = "this is a defect of Seamwatch, please report it"
_SLOWER = frozenset({"ratelimited", "rate_limited", "message_limit_exceeded"})
_GONE = {
    "message_not_found": "",
    "thread_not_found": "",
    "cannot_reply_to_message": "",
    "cant_update_message": "the message was written by another app; its head will be posted anew",
    "cant_delete_message": "the message was written by another app",
    "edit_window_closed": "the workspace no longer allows this message to be edited; its head will be posted anew",
    "is_inactive": "the thread is closed; its head will be posted anew",
}
_CLOSED = frozenset({"is_archived", "channel_not_found", "not_in_channel"})
"""Refusals of an update after which its message cannot be changed, though another may be posted elsewhere."""
_UNREADABLE = frozenset(
    {
        "missing_scope",
        "not_allowed_token_type",
        "no_permission",
        "not_in_channel",
        "method_not_supported_for_channel_type",
        "unknown_method",
    }
)
"""Refusals of a look into a channel that say nothing of a post to it."""
_REFUSED = {
    "not_authed": "the connection has no token; put the bot token (xoxb-...) into its password",
    "invalid_auth": "the token is not valid; put a current bot token (xoxb-...) into the connection's password",
    "token_revoked": "the token was revoked; install the Slack app again and renew the connection's password",
    "token_expired": "the token has expired; renew the connection's password",
    "account_inactive": "the app was removed from the workspace; install it again",
    "access_denied": "the token may not do this; install the Slack app again",
    "no_permission": "the app lacks a scope; it needs chat:write",
    "not_allowed_token_type": "the token is no bot token; put a bot token (xoxb-...) into the connection's password",
    "missing_scope": "the app lacks a scope; it needs chat:write",
    "channel_not_found": "correct slack.channel in the pipeline file, or invite the app if the channel is private",
    "not_in_channel": "invite the app to the channel (/invite @app)",
    "is_archived": "the channel is archived; name another one under slack.channel in the pipeline file",
    "restricted_action": "a workspace policy forbids the app to post there; ask an administrator",
    "restricted_action_read_only_channel": "the channel is read-only; name another one under slack.channel",
    "restricted_action_thread_only_channel": "the channel takes replies only; name another one under slack.channel",
    "ekm_access_denied": "an administrator suspended messages; ask one",
    "team_access_not_granted": "the app has no access to this workspace; install it there",
    "invalid_blocks": f"the message does not meet Slack's rules; {_DEFECT}",
    "invalid_blocks_format": f"the message does not meet Slack's rules; {_DEFECT}",
    "invalid_metadata_format": f"the message does not meet Slack's rules; {_DEFECT}",
    "invalid_metadata_schema": f"the message does not meet Slack's rules; {_DEFECT}",
    "metadata_too_large": f"the message does not meet Slack's rules; {_DEFECT}",
    "msg_blocks_too_long": f"the message is longer than Slack takes; {_DEFECT}",
    "msg_too_long": f"the message is longer than Slack takes; {_DEFECT}",
    "user_not_in_channel": "who is to be notified is not in the channel",
    "no_such_subteam": "there is no such user group; correct it in the pipeline file",
    "expired_trigger_id": "Slack lets a form be opened for three seconds after the press; press again",
    "exchanged_trigger_id": "a form was opened for this press already; press again",
    "no_text": f"the message is empty; {_DEFECT}",
    "unknown_method": "what answers knows no such method; check the connection's base_url",
}
"""Refusals after which nothing is in the channel, and what to do. Another code leaves it open."""


@dataclass(frozen=True, kw_only=True)
class SlackAnswer:
    """An answer as far as it could be read."""

    status: int
    headers: Mapping[str, str]
    """Names in lower case."""
    data: Mapping[str, Any]
    """Empty where the body is no JSON object."""

    @classmethod
    def of(cls, response: Any) -> SlackAnswer:
        """Return what can be read of the client's response, or of the bare HTTP response that an error carries."""
        data = getattr(response, "data", None)
        status = getattr(response, "status_code", getattr(response, "status", 0))
        headers = getattr(response, "headers", None) or {}
        return cls(
            status=status if isinstance(status, int) else 0,
            headers={str(name).lower(): str(value) for name, value in headers.items()},
            data=data if isinstance(data, Mapping) else {},
        )


def explain_refusal(place: str, method: str, answer: SlackAnswer) -> NotifyError:
    """Return what an answer that is no success means; `place` and `method` begin its text."""
    code = answer.data.get("error")
    is_slack = isinstance(code, str) and _CODE.fullmatch(code) is not None
    said = code if is_slack else f"http_{answer.status}"
    head = f"{place}: {method} answered {said}"
    if answer.status == _TOO_FAST or said in _SLOWER:
        wait_s = _wait_s(answer.headers.get("retry-after"))
        return NotifyError(f"{head}; it asks for a pause of {wait_s:.0f} s", retryable=True, wait_s=wait_s)
    if is_slack and (said in _GONE or (method == "chat.update" and said in _CLOSED)):
        return MessageGone("; ".join(part for part in (head, _GONE.get(said) or _REFUSED.get(said)) if part))
    if method.startswith("conversations.") and said in _UNREADABLE:
        return HistoryUnreadable("; ".join(part for part in (head, *_needed(answer)) if part))
    if method.startswith("usergroups.") and said == "missing_scope":
        return NotifyError(f"{head}; the app lacks the scope usergroups:read")
    if is_slack and said in _REFUSED:
        return NotifyError("; ".join(part for part in (head, _REFUSED[said], *_reasons(answer)) if part))
    if not is_slack and _FIRST_FAILURE <= answer.status < _SERVER_ERROR:
        # Slack itself answers 200 with a code: a proxy refused, and the message never came as far as Slack.
        return NotifyError(f"{head}; {_NOT_SLACK}", retryable=True)
    advice = "; ".join(_reasons(answer)) if is_slack else _NOT_SLACK
    return NotifyError("; ".join(part for part in (head, advice) if part), retryable=True, may_have_arrived=True)


def explain_exception(place: str, method: str, error: BaseException) -> NotifyError:
    """Return what the error of a call that got no answer means; only a connection that never stood leaves nothing."""
    cause = next((one for one in _causes(error) if isinstance(one, OSError) and one.strerror), error)
    is_over = isinstance(error, TimeoutError)
    reason = "no answer in time" if is_over else getattr(cause, "strerror", None) or type(error).__name__
    never_sent = isinstance(error, aiohttp.ClientConnectorError | aiohttp.InvalidURL)
    msg = f"{place}: {method} did not get through: {reason}"
    return NotifyError(msg, retryable=True, may_have_arrived=not never_sent)


def _causes(error: BaseException) -> Iterator[BaseException]:
    seen: set[int] = set()
    one: BaseException | None = error
    while one is not None and id(one) not in seen:
        seen.add(id(one))
        yield one
        one = one.__cause__ or one.__context__ or getattr(one, "os_error", None)


def _reasons(answer: SlackAnswer) -> tuple[str, ...]:
    reasons = answer.data.get("errors")
    return tuple(str(reason) for reason in reasons) if isinstance(reasons, list) else ()


def _needed(answer: SlackAnswer) -> tuple[str, ...]:
    needed = answer.data.get("needed")
    return (f"it needs the scope {needed}",) if isinstance(needed, str) and needed else ()


def _wait_s(said: str | None) -> float:
    """Return the seconds of a Retry-After header, which may be a number or a date; a pause of our own if neither."""
    if said is None:
        return _WAIT_S
    try:
        seconds = float(said)
    except ValueError:
        try:
            until = parsedate_to_datetime(said)
        except (TypeError, ValueError):
            return _WAIT_S
        until = until if until.tzinfo else until.replace(tzinfo=UTC)
        seconds = (until - datetime.now(UTC)).total_seconds()
    return min(max(seconds, 1.0), _MOST_WAIT_S) if math.isfinite(seconds) else _WAIT_S
