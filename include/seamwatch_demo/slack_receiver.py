"""A Slack-compatible receiver on loopback: takes messages by Slack's own API, holds them to its limits, shows them.

python -m seamwatch_demo.slack_receiver --port 8899 --log build/demo/slack.jsonl
"""

from __future__ import annotations

import argparse
import hashlib
import json
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import parse_qsl, urlsplit

import httpx

from seamwatch_demo.slack_app import SlackApp
from seamwatch_demo.slack_page import render_form, render_page
from seamwatch_demo.slack_rules import message_error, view_error

Json = dict[str, Any]
_MOST_BODY_BYTES = 4_000_000
_TRIGGER_S = 3.0
"""So long after a press Slack lets its app open a form."""
_TOMBSTONE = "This message was deleted."


@dataclass
class SlackMessage:
    """One message as it stands now."""

    channel: str
    """Name, as `#ai-incidents`."""
    channel_id: str
    ts: str
    text: str
    blocks: list[Json]
    thread_ts: str | None = None
    n_edits: int = 0
    metadata: Json | None = None
    is_deleted: bool = False
    """Only its replies are left: Slack then shows that a message was deleted, and keeps the thread."""


@dataclass(frozen=True, kw_only=True)
class PrivateMessage:
    """What one person alone was shown in a channel."""

    channel_id: str
    user: str
    text: str
    blocks: list[Json]


@dataclass(frozen=True, kw_only=True)
class OpenedForm:
    """A form that a person is shown."""

    id: str
    view: Json
    """As it was opened."""


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
                return _refused("unknown_method"), None
            if method == "chat.postMessage" and (wait_s := self._wait_s(arguments)) > 0:
                return _refused("ratelimited"), wait_s
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
            return _refused("channel_not_found")
        if problem := message_error(arguments.get("text"), arguments.get("blocks")):
            return _refused(*problem)
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
        return _refused("invalid_auth") if self.socket_url is None else {"ok": True, "url": self.socket_url}

    def _open_form(self, arguments: Mapping[str, Any]) -> Json:
        trigger = str(arguments.get("trigger_id"))
        if trigger not in self._triggers:
            return _refused("invalid_arguments", ["invalid `trigger_id`"])
        pressed_at = self._triggers[trigger]
        if pressed_at is None:
            return _refused("exchanged_trigger_id")
        if self.clock() - pressed_at > _TRIGGER_S:
            return _refused("expired_trigger_id")
        if problem := view_error(arguments.get("view")):
            return _refused(*problem)
        self._triggers[trigger] = None
        form = OpenedForm(id=f"V0LOCAL{len(self.forms) + 1}", view=dict(arguments["view"]))
        self.forms.append(form)
        return {"ok": True, "view": {**form.view, "id": form.id}}

    def _tell(self, arguments: Mapping[str, Any]) -> Json:
        if arguments.get("channel") not in self._names:
            return _refused("channel_not_found")
        if problem := message_error(arguments.get("text"), arguments.get("blocks")):
            return _refused(*problem)
        user, blocks = str(arguments.get("user")), list(arguments.get("blocks") or [])
        text = str(arguments.get("text") or "")
        self.private.append(PrivateMessage(channel_id=arguments["channel"], user=user, text=text, blocks=blocks))
        return {"ok": True, "message_ts": f"{int(self.clock())}.{len(self.private):06d}"}

    def _group(self, arguments: Mapping[str, Any]) -> Json:
        if "usergroups:read" not in self.scopes:
            return _refused("missing_scope")
        users = self.groups.get(str(arguments.get("usergroup")))
        return _refused("no_such_subteam") if users is None else {"ok": True, "users": users}

    def _update(self, arguments: Mapping[str, Any]) -> Json:
        message = self._find(arguments)
        if isinstance(message, str):
            return _refused(message)
        if problem := message_error(arguments.get("text"), arguments.get("blocks")):
            return _refused(*problem)
        message.text, message.blocks = str(arguments.get("text") or ""), list(arguments.get("blocks") or [])
        message.n_edits += 1
        return {"ok": True, "channel": message.channel_id, "ts": message.ts, "message": _body(message)}

    def _delete(self, arguments: Mapping[str, Any]) -> Json:
        message = self._find(arguments)
        if isinstance(message, str):
            return _refused(message)
        if any((m.channel_id, m.thread_ts) == (message.channel_id, message.ts) for m in self.messages):
            message.is_deleted, message.text, message.blocks, message.metadata = True, _TOMBSTONE, [], None
        else:
            self.messages.remove(message)
        return {"ok": True, "channel": message.channel_id, "ts": message.ts}

    def _history(self, arguments: Mapping[str, Any]) -> Json:
        if not {"channels:history", "groups:history"} & set(self.scopes):
            return _refused("missing_scope")
        if arguments.get("channel") not in self._names:
            return _refused("channel_not_found")
        heads = [m for m in self.messages if m.channel_id == arguments["channel"] and m.thread_ts is None]
        return _page("messages", [_body(m) for m in reversed(heads) if _is_after(m, arguments)], arguments)

    def _replies(self, arguments: Mapping[str, Any]) -> Json:
        if not {"channels:history", "groups:history"} & set(self.scopes):
            return _refused("missing_scope")
        head = self._find(arguments, or_deleted=True)
        if isinstance(head, str):
            return _refused("thread_not_found" if head == "message_not_found" else head)
        replies = [m for m in self.messages if (m.channel_id, m.thread_ts) == (head.channel_id, head.ts)]
        listed = [head, *(one for one in replies if _is_after(one, arguments))]
        return _page("messages", [_body(one) for one in listed], arguments)

    def _list(self, arguments: Mapping[str, Any]) -> Json:
        if not {"channels:read", "groups:read"} & set(self.scopes):
            return _refused("missing_scope")
        channels: list[Json] = [{"id": one, "name": name.lstrip("#")} for one, name in self._names.items()]
        return _page("channels", channels, arguments)

    def _find(self, arguments: Mapping[str, Any], *, or_deleted: bool = False) -> SlackMessage | str:
        """Return the message, or Slack's error code; a name is not enough here, Slack wants the channel's id."""
        if arguments.get("channel") not in self._names:
            return "channel_not_found"
        wanted = (arguments["channel"], arguments.get("ts"))
        found = (m for m in self.messages if (m.channel_id, m.ts) == wanted and (or_deleted or not m.is_deleted))
        return next(found, "message_not_found")


class SlackReceiver:
    """The receiver as a server in a thread of its own: `with SlackReceiver() as receiver: receiver.url`."""

    def __init__(self, *, port: int = 0, log: Path | None = None, least_gap_s: float = 0.0) -> None:
        """Bind to loopback; port 0 takes any free one."""
        self.workspace = Workspace(log=log, least_gap_s=least_gap_s)
        handler = type("Handler", (_Handler,), {"workspace": self.workspace})
        self._server = ThreadingHTTPServer(("127.0.0.1", port), handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, name="slack-receiver", daemon=True
        )

    @property
    def url(self) -> str:
        """Return the address of the page; the API is below `/api/`."""
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    @property
    def messages(self) -> list[SlackMessage]:
        """Return every message as it stands now, in the order of posting."""
        return list(self.workspace.messages)

    def save_page(self, path: Path) -> None:
        """Write the page of all channels as one HTML file."""
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(render_page(self.workspace.threads()), encoding="utf-8")

    def start(self) -> None:
        """Answer requests until `stop`."""
        self._thread.start()

    def stop(self) -> None:
        """Answer no more."""
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def wait(self) -> None:
        """Block until another thread stops the receiver."""
        self._thread.join()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


class _Handler(BaseHTTPRequestHandler):
    """One request; a subclass of each server names the workspace."""

    workspace: Workspace

    def do_GET(self) -> None:
        address = urlsplit(self.path)
        if address.path.startswith("/api/"):
            self._call(address.path, dict(parse_qsl(address.query)))
            return
        form = next((one for one in self.workspace.forms if address.path == f"/form/{one.id}"), None)
        if form is not None:
            self._send(200, "text/html; charset=utf-8", render_form(form).encode())
            return
        if address.path != "/":
            self._send(404, "text/plain; charset=utf-8", b"not found\n")
            return
        self._send(200, "text/html; charset=utf-8", self._page().encode())

    def do_POST(self) -> None:
        address = urlsplit(self.path)
        path = address.path
        if path not in ("/press", "/send") and not path.startswith("/api/"):
            self._send(404, "text/plain; charset=utf-8", b"not found\n")
            return
        size = int(self.headers.get("Content-Length") or 0)
        if size > _MOST_BODY_BYTES:
            self._send(413, "text/plain; charset=utf-8", b"too large\n")
            return
        body = self.rfile.read(size)
        if not path.startswith("/api/"):
            self._take_press(path, dict(parse_qsl(body.decode(errors="replace"))))
            return
        arguments = _arguments(self.headers.get("Content-Type", ""), body)
        self._call(path, None if arguments is None else dict(parse_qsl(address.query)) | arguments)

    def _page(self) -> str:
        workspace = self.workspace
        return render_page(workspace.threads(), private=workspace.private, is_live=workspace.app is not None)

    def _take_press(self, path: str, fields: Mapping[str, str]) -> None:
        """Tell the app what somebody pressed or sent on this page, and show what came of it."""
        app = self.workspace.app
        if app is None or self.headers.get("Origin") != f"http://{self.headers.get('Host')}":
            self._send(403, "text/plain; charset=utf-8", b"buttons are pressed on this page, while an app listens\n")
            return
        try:
            address = self._pressed(app, fields) if path == "/press" else self._sent(app, fields)
        except (LookupError, httpx.HTTPError) as error:
            text = f"the press came to nothing: {error}\n"
            self._send(502, "text/plain; charset=utf-8", text.encode())
            return
        self._send(303, "text/plain; charset=utf-8", b"", {"Location": address})

    def _pressed(self, app: SlackApp, fields: Mapping[str, str]) -> str:
        """Return the address to go to after a press; LookupError where there is no such button."""
        channel, _, ts = fields.get("message", "").partition(":")
        found = (one for one in self.workspace.messages if (one.channel_id, one.ts) == (channel, ts))
        message = next(found, None)
        action_id, _, value = (fields.get("pressed") or fields.get("chosen", "")).partition(" ")
        if message is None:
            msg = "no such message"
            raise LookupError(msg)
        form = app.press(self.workspace, message, action_id, value)
        return f"/#m{message.ts}" if form is None else f"/form/{form.id}"

    def _sent(self, app: SlackApp, fields: Mapping[str, str]) -> str:
        """Return the address to go to after a form was sent; LookupError where there is no such form."""
        form = next((one for one in self.workspace.forms if one.id == fields.get("form")), None)
        if form is None:
            msg = "no such form"
            raise LookupError(msg)
        app.send(self.workspace, form, why=fields.get("why", ""), into=fields.get("into"))
        return "/"

    def _call(self, path: str, arguments: Json | None) -> None:
        if not self.headers.get("Authorization", "").removeprefix("Bearer ").strip():
            self._answer(_refused("not_authed"))
            return
        if arguments is None:
            self._answer(_refused("invalid_json"))
            return
        answer, wait_s = self.workspace.answer(path.removeprefix("/api/"), arguments)
        self._answer(answer, wait_s)

    def _answer(self, answer: Json, wait_s: float | None = None) -> None:
        extra = {} if wait_s is None else {"Retry-After": str(max(1, round(wait_s)))}
        extra["X-OAuth-Scopes"] = ",".join(self.workspace.scopes)
        status = 200 if wait_s is None else 429
        self._send(status, "application/json; charset=utf-8", json.dumps(answer).encode(), extra)

    def _send(self, status: int, kind: str, body: bytes, extra: Mapping[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in {"Content-Type": kind, "Content-Length": str(len(body)), **(extra or {})}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Write nothing: the page and the log file tell what came."""


def _arguments(kind: str, body: bytes) -> Json | None:
    """Return a call's arguments from a JSON or form body; None if it is neither."""
    try:
        if kind.startswith("application/json"):
            found = json.loads(body or b"{}")  # the client sends no body for a call without arguments
            return found if isinstance(found, dict) else None
        found = dict(parse_qsl(body.decode(), keep_blank_values=True))
        for name in {"blocks", "metadata", "view"} & set(found):
            found[name] = json.loads(found[name])
    except ValueError:
        return None
    return found


def _channel_id(channel: str) -> str:
    return "C" + hashlib.sha256(channel.lstrip("#").encode()).hexdigest()[:9].upper()


def _refused(code: str, reasons: list[str] | None = None) -> Json:
    return {"ok": False, "error": code} | ({"errors": reasons} if reasons else {})


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


def main(arguments: list[str] | None = None) -> None:
    """Run the receiver until it is interrupted."""
    parser = argparse.ArgumentParser(prog="python -m seamwatch_demo.slack_receiver", description=__doc__)
    parser.add_argument("--port", type=int, default=0, help="0 takes any free one")
    parser.add_argument("--log", type=Path, help="JSON lines file of every call")
    parser.add_argument("--least-gap", type=float, default=1.0, metavar="SECONDS", help="between posts to a channel")
    options = parser.parse_args(arguments)
    with SlackReceiver(port=options.port, log=options.log, least_gap_s=options.least_gap) as receiver:
        print(f"Messages: {receiver.url}/   API: {receiver.url}/api/", flush=True)
        try:
            receiver.wait()
        except KeyboardInterrupt:
            print("stopped", flush=True)


if __name__ == "__main__":
    main()
