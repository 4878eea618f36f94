"""Slack by its web API: post a message, reply in its thread, update it in place, look what a channel holds.

Every call is made once: a repeated post is a second message. What a failed call leaves open is told by the error.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient

from seamwatch.adapters.base import ConnectionInfo, PostedMessage
from seamwatch.adapters.notify.slack_errors import SlackAnswer, explain_exception, explain_refusal
from seamwatch.errors import HistoryUnreadable, MessageGone, NotifyError

_TIMEOUT_S = 15
_MOST_TIMEOUT_S = 30
"""A lease of a message outlasts a call; see `engine/conversation.py`."""
_EVENT = "seamwatch_message"
"""Type of the metadata under which a message carries our token."""
_CLOCK_SKEW = timedelta(minutes=5)
_MEMBERS_FOR_S = 180.0
_MEMBERS: dict[tuple[str, str, str], tuple[float, frozenset[str]]] = {}
"""Who was in a group when it was read, by base URL, token and group: Slack lets a few reads a minute pass."""
_GROUP_METHOD = "usergroups.users.list"
_PAGE = 200
_MOST_PAGES = 50
HISTORY_SCOPES = ("channels:history", "groups:history")
"""With one of them, a message of unknown end is looked for before it is posted again."""
CHANNEL_SCOPES = ("channels:read", "groups:read")
"""With one of them, a channel is found by its name before the first message to it arrived."""


class SlackNotifier:
    """A Slack workspace as a channel that people read."""

    def __init__(self, connection: ConnectionInfo) -> None:
        """Prepare the client.

        Args:
            connection: `password` is the bot token; extras `base_url`, `timeout` (seconds for a whole call) and `proxy`
                are optional.

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
        self._options: dict[str, Any] = {
            "token": connection.password,
            "base_url": str(extra.get("base_url") or AsyncWebClient.BASE_URL),
            "timeout": _timeout_s(connection),
            "proxy": extra.get("proxy"),
            "logger": _silent_logger(),
            "retry_handlers": [],  # the client's own would post again after a reset
        }

    def check(self) -> str:
        """Return the workspace and user that the token belongs to; NotifyError if it is refused."""
        answer = self._call("auth.test", "", lambda client: client.auth_test())
        return f"{answer.data.get('team')} as {answer.data.get('user')}"

    def scopes(self) -> frozenset[str] | None:
        """Return what the token may do; None where Slack does not say. NotifyError if it is refused."""
        answer = self._call("auth.test", "", lambda client: client.auth_test())
        said = answer.headers.get("x-oauth-scopes")
        return None if said is None else frozenset(scope.strip() for scope in said.split(",") if scope.strip())

    def post(
        self,
        channel: str,
        text: str,
        blocks: Sequence[Mapping[str, Any]],
        *,
        thread: str | None = None,
        token: str | None = None,
    ) -> str:
        """Post and return the message's id, `channel id:ts`: to update a message, Slack wants the id, not the name.

        Raises:
            MessageGone: If `thread` no longer exists. Slack posts such a reply at top level without an error; it is
                deleted again.
            NotifyError: If Slack refuses or cannot be reached.
        """
        home, thread_ts = split_message_id(thread) if thread is not None else (None, None)
        arguments: dict[str, Any] = {
            "channel": home or channel,
            "text": text,
            "blocks": [dict(block) for block in blocks],
            "thread_ts": thread_ts,
            "mrkdwn": False,
            "parse": "none",
            "link_names": False,
            "unfurl_links": False,
            "unfurl_media": False,
        }
        if token is not None:
            arguments["metadata"] = {"event_type": _EVENT, "event_payload": {"token": token}}
        answer = self._call("chat.postMessage", channel, lambda client: client.chat_postMessage(**arguments))
        where, ts = answer.data.get("channel"), answer.data.get("ts")
        if not isinstance(where, str) or not isinstance(ts, str):
            msg = f"{self._place(channel)}: chat.postMessage answered without the message's channel and ts"
            raise NotifyError(msg, retryable=True, may_have_arrived=True)
        if thread_ts is not None and _thread_of(answer.data) != thread_ts:
            self._delete_stray(f"{where}:{ts}")
            msg = f"Slack channel {channel}: the thread {thread_ts} is gone; post its head anew"
            raise MessageGone(msg)
        return f"{where}:{ts}"

    def update(self, channel: str, message_id: str, text: str, blocks: Sequence[Mapping[str, Any]]) -> None:
        """Replace a message in place; MessageGone if it was deleted or is not ours to change, else NotifyError."""
        home, ts = split_message_id(message_id)
        arguments: dict[str, Any] = {
            "channel": home or channel,
            "ts": ts,
            "text": text,
            "blocks": [dict(block) for block in blocks],
            "parse": "none",
            "link_names": False,
        }
        self._call("chat.update", channel, lambda client: client.chat_update(**arguments))

    def find(
        self, channel: str, token: str, *, since: datetime, threads: Sequence[str] = (), known: str | None = None
    ) -> list[PostedMessage]:
        """Return the messages that carry the token, oldest first; see `Notifier.find`."""
        homes = [home for one in threads or (known,) if one and (home := split_message_id(one)[0])]
        found: dict[str, str | None] = {}
        for where in dict.fromkeys(homes or [self._channel_id(channel)]):  # a thread may be in an earlier channel
            listing: dict[str, Any] = {
                "channel": where,
                "oldest": f"{(since - _CLOCK_SKEW).timestamp():.6f}",
                "inclusive": True,
                "include_all_metadata": True,
                "limit": _PAGE,
            }
            held = self._history(channel, listing)
            for home, head in map(split_message_id, threads):
                if home in (None, where):
                    held += self._replies(channel, {**listing, "ts": head})
            for one in held:
                if _token_of(one) == token:
                    ts, below = str(one.get("ts")), one.get("thread_ts")
                    found[f"{where}:{ts}"] = f"{where}:{below}" if isinstance(below, str) and below != ts else None
        return [PostedMessage(id=one, thread=found[one]) for one in sorted(found)]

    def _history(self, channel: str, listing: dict[str, Any]) -> list[Mapping[str, Any]]:
        return self._pages(
            "conversations.history",
            channel,
            "messages",
            lambda client, page: client.conversations_history(**page),
            listing,
        )

    def _replies(self, channel: str, listing: dict[str, Any]) -> list[Mapping[str, Any]]:
        try:
            return self._pages(
                "conversations.replies",
                channel,
                "messages",
                lambda client, page: client.conversations_replies(**page),
                listing,
            )
        except MessageGone:
            return []  # no head, no replies

    def delete(self, message_id: str) -> None:
        """Remove a message; nothing happens where it is gone already. NotifyError if Slack refuses."""
        home, ts = split_message_id(message_id)
        try:
            self._call("chat.delete", home or "", lambda client: client.chat_delete(channel=home or "", ts=ts))
        except MessageGone:
            return

    def tell_privately(self, channel: str, user: str, text: str, blocks: Sequence[Mapping[str, Any]]) -> None:
        """Show one person alone a message in a channel; NotifyError if Slack refuses or cannot be reached."""
        arguments: dict[str, Any] = {
            "channel": channel,
            "user": user,
            "text": text,
            "blocks": [dict(block) for block in blocks],
            "parse": "none",
            "link_names": False,
        }
        self._call("chat.postEphemeral", channel, lambda client: client.chat_postEphemeral(**arguments))

    def open_form(self, trigger: str, form: Mapping[str, Any]) -> None:
        """Open a modal for who pressed; NotifyError if Slack refuses, as three seconds after the press."""
        self._call("views.open", "", lambda client: client.views_open(trigger_id=trigger, view=dict(form)))

    def group_members(self, group: str) -> frozenset[str]:
        """Return the ids of the people in a user group, at most three minutes old; NotifyError if it cannot be read."""
        place = (self._options["base_url"], self._options["token"], group)
        now = time.monotonic()
        read_at, known = _MEMBERS.get(place, (-_MEMBERS_FOR_S, frozenset()))
        if now - read_at < _MEMBERS_FOR_S:
            return known
        answer = self._call(_GROUP_METHOD, "", lambda client: client.usergroups_users_list(usergroup=group))
        users = answer.data.get("users")
        if not isinstance(users, list):
            msg = f"{self._place('')}: {_GROUP_METHOD} answered without users"
            raise NotifyError(msg, retryable=True)
        found = frozenset(one for one in users if isinstance(one, str))
        _MEMBERS[place] = (now, found)
        return found

    def _delete_stray(self, message_id: str) -> None:
        try:
            self.delete(message_id)
        except NotifyError as error:
            raise NotifyError(str(error), retryable=True, may_have_arrived=True, wait_s=error.wait_s) from None

    def _channel_id(self, channel: str) -> str:
        """Return the id of a channel that is named; names are not enough to look into one."""
        name = channel.removeprefix("#")
        known = self._pages(
            "conversations.list",
            channel,
            "channels",
            lambda client, page: client.conversations_list(**page),
            {"types": "public_channel,private_channel", "exclude_archived": True, "limit": _PAGE},
        )
        for one in known:
            if channel == one.get("id") or name == one.get("name"):
                return str(one["id"])
        msg = f"{self._place(channel)}: no channel of that name is listed, so nobody can look what it holds"
        raise HistoryUnreadable(msg)

    def _pages(
        self,
        method: str,
        channel: str,
        what: str,
        call: Callable[[AsyncWebClient, dict[str, Any]], Awaitable[Any]],
        listing: dict[str, Any],
    ) -> list[Mapping[str, Any]]:
        """Return what a method lists, all pages of it; HistoryUnreadable where the token may not, or it is too much."""
        found: list[Mapping[str, Any]] = []
        page = dict(listing)
        for _ in range(_MOST_PAGES):
            answer = self._call(method, channel, lambda client, page=page: call(client, page))  # type: ignore[misc]
            items = answer.data.get(what)
            if not isinstance(items, list):
                msg = f"{self._place(channel)}: {method} answered without {what}"
                raise NotifyError(msg, retryable=True)
            found += [item for item in items if isinstance(item, Mapping)]
            following = answer.data.get("response_metadata")
            cursor = following.get("next_cursor") if isinstance(following, Mapping) else None
            if not cursor:
                return found
            page = {**listing, "cursor": cursor}
        msg = f"{self._place(channel)}: {method} lists more than {_MOST_PAGES * _PAGE:,} {what}; not all were read"
        raise HistoryUnreadable(msg)

    def _call(self, method: str, channel: str, call: Callable[[AsyncWebClient], Awaitable[Any]]) -> SlackAnswer:
        """Return an answer that Slack meant as a success; else raise what is known of the call."""

        async def ask() -> SlackAnswer:
            return SlackAnswer.of(await call(AsyncWebClient(**self._options)))

        try:
            return asyncio.run(ask())
        except SlackApiError as error:
            raised = explain_refusal(self._place(channel), method, SlackAnswer.of(error.response))
        except Exception as error:  # whatever a client or a network may raise: this call's, and nobody else's
            raised = explain_exception(self._place(channel), method, error)
        raise raised from None  # the cause's text repeats the request's headers

    def _place(self, channel: str) -> str:
        return f"Slack connection {self._conn_id!r}" + (f", channel {channel}" if channel else "")


def split_message_id(message_id: str) -> tuple[str | None, str]:
    """Return the channel's id (None where it is not known) and Slack's `ts` of a message."""
    home, _, ts = message_id.rpartition(":")
    return home or None, ts


def _thread_of(answer: Mapping[str, Any]) -> object:
    message = answer.get("message")
    return message.get("thread_ts") if isinstance(message, Mapping) else None


def _token_of(message: Mapping[str, Any]) -> object:
    metadata = message.get("metadata")
    if not isinstance(metadata, Mapping) or metadata.get("event_type") != _EVENT:
        return None
    payload = metadata.get("event_payload")
    return payload.get("token") if isinstance(payload, Mapping) else None


def _timeout_s(connection: ConnectionInfo) -> int:
    given = connection.extra.get("timeout", _TIMEOUT_S)
    try:
        return min(max(1, int(float(given))), _MOST_TIMEOUT_S)
    except (TypeError, ValueError, OverflowError):
        msg = f"Slack connection {connection.conn_id!r}: extra timeout must be seconds as a number; got {given!r}"
        raise NotifyError(msg) from None


def _silent_logger() -> logging.Logger:
    """Return a logger that drops the client's own lines: they hold headers and bodies, and each error is raised too."""
    logger = logging.getLogger(f"{__name__}.client")
    logger.setLevel(logging.CRITICAL)
    return logger
