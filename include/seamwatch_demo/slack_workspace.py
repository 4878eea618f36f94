"""The local Slack's channels and messages, and Slack's own rules for them."""

from __future__ import annotations

import hashlib
import json
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from seamwatch_demo.slack_messages import Json, OpenedForm, PrivateMessage, SlackMessage
from seamwatch_demo.slack_rules import message_error, view_error

if TYPE_CHECKING:
    from seamwatch_demo.slack_app import SlackApp

_TRIGGER_S = 3.0
"""So long after a press Slack lets its app open a form."""
_TOMBSTONE = "This message was deleted."


@dataclass
class Workspace:
    """Channels and messages, and Slack's rules for them. One lock guards it all."""

    log: Path | None = None
    scopes: tuple[str, ...] = ("chat:write", "channels:history", "channels:read", "usergroups:read")
    """What the token may do."""
    least_gap_s: float = 0.0
    """Shortest time between two posts to one channel; Slack itself wants about one second."""
    clock: Callable[[], float] = time.time
    messages: list[SlackMessage] = field(default_factory=list)
    private: list[PrivateMessage] = field(default_factory=list)
    """What single people were shown."""
    forms: list[OpenedForm] = field(default_factory=list)
    """What was opened, oldest first."""
    groups: dict[str, list[str]] = field(default_factory=dict)
    """Who is in a user group, by the ids of both."""
    app: SlackApp | None = None
    """Who is told of what is pressed on the page; None: nobody."""
    socket_url: str | None = None
    """Where Socket Mode is spoken; None: the app has no valid token for it."""
    _triggers: dict[str, float | None] = field(default_factory=dict)
    """When presses were made with which a form may be opened; None: one was."""
    _names: dict[str, str] = field(default_factory=dict)
    _last_post_at: dict[str, float] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _n_posted: int = 0

    def answer(self, method: str, arguments: Mapping[str, Any]) -> tuple[Json, float | None]:
        """Return Slack's answer, and the seconds to wait where the caller was too fast."""
        methods = {
            "auth.test": self._auth_test,
            "chat.postMessage": self._post,
            "chat.update": self._update,
            "chat.delete": self._delete,
            "conversations.history": self._history,
            "conversations.replies": self._replies,
            "conversations.list": self._list,
            "chat.postEphemeral": self._tell,
            "apps.connections.open": self._open_socket,
            "usergroups.users.list": self._group,
            "views.open": self._open_form,
        }
        with self._lock:
            if method not in methods:
                return refused("unknown_method"), None
            if method == "chat.postMessage" and (wait_s := self._wait_s(arguments)) > 0:
                return refused("ratelimited"), wait_s
            answer = methods[method](arguments)
            if self.log is not None:
                self.log.parent.mkdir(parents=True, exist_ok=True)
                with self.log.open("a", encoding="utf-8") as log:
                    log.write(json.dumps({"method": method, "arguments": dict(arguments), "answer": answer}) + "\n")
            return answer, None

    def new_trigger(self) -> str:
        """Return what a press of now allows to be opened, once and for three seconds."""
        with self._lock:
            trigger = f"{len(self._triggers) + 1}.{int(self.clock())}.local"
            self._triggers[trigger] = self.clock()
            return trigger

    def restore(self, log: Path) -> None:
        """Let the messages stand here that an earlier workspace logged; nothing where it logged none."""
        if not log.exists():
            return
        kept, self.log, clock = self.log, None, self.clock
        for line in log.read_text(encoding="utf-8").splitlines():
            call = json.loads(line)
            if call["method"] in ("chat.postMessage", "chat.update", "chat.delete") and call["answer"]["ok"]:
                posted_at = float(call["answer"]["ts"])
                self.clock = lambda posted_at=posted_at: posted_at  # type: ignore[misc]
                self.answer(call["method"], call["arguments"])
        self.log, self.clock = kept, clock

    def threads(self) -> dict[str, list[tuple[SlackMessage, list[SlackMessage]]]]:
        """Return, by channel, each head with its replies in order."""
        with self._lock:
            found: dict[str, list[tuple[SlackMessage, list[SlackMessage]]]] = {}
            for head in (m for m in self.messages if m.thread_ts is None):
                replies = [m for m in self.messages if (m.thread_ts, m.channel_id) == (head.ts, head.channel_id)]
                found.setdefault(head.channel, []).append((head, replies))
            return found

    def _auth_test(self, _arguments: Mapping[str, Any]) -> Json:
        return {"ok": True, "team": "Local", "user": "seamwatch", "team_id": "T0LOCAL", "user_id": "U0SEAMWATCH"}

    def _wait_s(self, arguments: Mapping[str, Any]) -> float:
        now, channel = self.clock(), str(arguments.get("channel"))
        wait_s = self._last_post_at.get(channel, float("-inf")) + self.least_gap_s - now
        if wait_s <= 0:
            self._last_post_at[channel] = now
        return wait_s

    def _post(self, arguments: Mapping[str, Any]) -> Json:
        channel = arguments.get("channel")
        if not isinstance(channel, str) or not channel.strip("#"):
            return refused("channel_not_found")
        if problem := message_error(arguments.get("text"), arguments.get("blocks")):
            return refused(*problem)
        channel_id = channel if channel in self._names else _channel_id(channel)
        self._names.setdefault(channel_id, f"#{channel.lstrip('#')}")
        self._n_posted += 1
        thread = arguments.get("thread_ts")
        has_thread = any(m.ts == thread and m.channel_id == channel_id for m in self.messages)
        message = SlackMessage(
            channel=self._names[channel_id],
            channel_id=channel_id,
            ts=f"{int(self.clock())}.{self._n_posted:06d}",
            text=str(arguments.get("text") or ""),
            blocks=list(arguments.get("blocks") or []),
            thread_ts=str(thread) if has_thread else None,  # as Slack does: no parent, no thread, no error
            metadata=arguments.get("metadata"),
        )
        self.messages.append(message)
        return {"ok": True, "channel": channel_id, "ts": message.ts, "message": _body(message)}

    def _open_socket(self, _arguments: Mapping[str, Any]) -> Json:
        return refused("invalid_auth") if self.socket_url is None else {"ok": True, "url": self.socket_url}

    def _open_form(self, arguments: Mapping[str, Any]) -> Json:
        trigger = str(arguments.get("trigger_id"))
        if trigger not in self._triggers:
            return refused("invalid_arguments", ["invalid `trigger_id`"])
        pressed_at = self._triggers[trigger]
        if pressed_at is None:
            return refused("exchanged_trigger_id")
        if self.clock() - pressed_at > _TRIGGER_S:
            return refused("expired_trigger_id")
        if problem := view_error(arguments.get("view")):
            return refused(*problem)
        self._triggers[trigger] = None
        form = OpenedForm(id=f"V0LOCAL{len(self.forms) + 1}", view=dict(arguments["view"]))
        self.forms.append(form)
        return {"ok": True, "view": {**form.view, "id": form.id}}

    def _tell(self, arguments: Mapping[str, Any]) -> Json:
        if arguments.get("channel") not in self._names:
            return refused("channel_not_found")
        if problem := message_error(arguments.get("text"), arguments.get("blocks")):
            return refused(*problem)
        user, blocks = str(arguments.get("user")), list(arguments.get("blocks") or [])
        text = str(arguments.get("text") or "")
        self.private.append(PrivateMessage(channel_id=arguments["channel"], user=user, text=text, blocks=blocks))
        return {"ok": True, "message_ts": f"{int(self.clock())}.{len(self.private):06d}"}

    def _group(self, arguments: Mapping[str, Any]) -> Json:
        if "usergroups:read" not in self.scopes:
            return refused("missing_scope")
        users = self.groups.get(str(arguments.get("usergroup")))
        return refused("no_such_subteam") if users is None else {"ok": True, "users": users}

    def _update(self, arguments: Mapping[str, Any]) -> Json:
        message = self._find(arguments)
        if isinstance(message, str):
            return refused(message)
        if problem := message_error(arguments.get("text"), arguments.get("blocks")):
            return refused(*problem)
        message.text, message.blocks = str(arguments.get("text") or ""), list(arguments.get("blocks") or [])
        message.n_edits += 1
        return {"ok": True, "channel": message.channel_id, "ts": message.ts, "message": _body(message)}

    def _delete(self, arguments: Mapping[str, Any]) -> Json:
        message = self._find(arguments)
        if isinstance(message, str):
            return refused(message)
        if any((m.channel_id, m.thread_ts) == (message.channel_id, message.ts) for m in self.messages):
            message.is_deleted, message.text, message.blocks, message.metadata = True, _TOMBSTONE, [], None
        else:
            self.messages.remove(message)
        return {"ok": True, "channel": message.channel_id, "ts": message.ts}

    def _history(self, arguments: Mapping[str, Any]) -> Json:
        if not {"channels:history", "groups:history"} & set(self.scopes):
            return refused("missing_scope")
        if arguments.get("channel") not in self._names:
            return refused("channel_not_found")
        heads = [m for m in self.messages if m.channel_id == arguments["channel"] and m.thread_ts is None]
        return _page("messages", [_body(m) for m in reversed(heads) if _is_after(m, arguments)], arguments)

    def _replies(self, arguments: Mapping[str, Any]) -> Json:
        if not {"channels:history", "groups:history"} & set(self.scopes):
            return refused("missing_scope")
        head = self._find(arguments, or_deleted=True)
        if isinstance(head, str):
            return refused("thread_not_found" if head == "message_not_found" else head)
        replies = [m for m in self.messages if (m.channel_id, m.thread_ts) == (head.channel_id, head.ts)]
        listed = [head, *(one for one in replies if _is_after(one, arguments))]
        return _page("messages", [_body(one) for one in listed], arguments)

    def _list(self, arguments: Mapping[str, Any]) -> Json:
        if not {"channels:read", "groups:read"} & set(self.scopes):
            return refused("missing_scope")
        channels: list[Json] = [{"id": one, "name": name.lstrip("#")} for one, name in self._names.items()]
        return _page("channels", channels, arguments)

    def _find(self, arguments: Mapping[str, Any], *, or_deleted: bool = False) -> SlackMessage | str:
        """Return the message, or Slack's error code; a name is not enough here, Slack wants the channel's id."""
        if arguments.get("channel") not in self._names:
            return "channel_not_found"
        wanted = (arguments["channel"], arguments.get("ts"))
        found = (m for m in self.messages if (m.channel_id, m.ts) == wanted and (or_deleted or not m.is_deleted))
        return next(found, "message_not_found")


def refused(code: str, reasons: list[str] | None = None) -> Json:
    """Return Slack's answer to a call that it does not take."""
    return {"ok": False, "error": code} | ({"errors": reasons} if reasons else {})


def _channel_id(channel: str) -> str:
    return "C" + hashlib.sha256(channel.lstrip("#").encode()).hexdigest()[:9].upper()


def _body(message: SlackMessage) -> Json:
    body: Json = {"type": "message", "text": message.text, "blocks": message.blocks, "ts": message.ts}
    more = {"thread_ts": message.thread_ts, "metadata": message.metadata}
    return body | {name: value for name, value in more.items() if value}


def _is_after(message: SlackMessage, arguments: Mapping[str, Any]) -> bool:
    return float(message.ts) >= float(arguments.get("oldest") or 0)


def _page(name: str, items: list[Json], arguments: Mapping[str, Any]) -> Json:
    """Return one page of a list, and the cursor of the next where there is one."""
    start, size = int(arguments.get("cursor") or 0), int(arguments.get("limit") or 100)
    following = str(start + size) if start + size < len(items) else ""
    return {"ok": True, name: items[start : start + size], "response_metadata": {"next_cursor": following}}
