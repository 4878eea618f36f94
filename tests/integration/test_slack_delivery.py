"""Messages over real HTTP: our notifier against the local receiver, and against servers that misbehave."""

from __future__ import annotations

import json
import socket
import threading
import time
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import httpx
import pytest

from file_notifier import FileNotifier
from seamwatch.adapters.base import ConnectionInfo, Notifier, PostedMessage
from seamwatch.adapters.notify.slack import SlackNotifier, split_message_id
from seamwatch.errors import HistoryUnreadable, MessageGone, NotifyError
from seamwatch_demo.slack_receiver import SlackReceiver
from seamwatch_demo.slack_workspace import Workspace

pytestmark = pytest.mark.integration

TOKEN = "xoxb-very-secret"
SECTION = {"type": "section", "text": {"type": "plain_text", "text": "hello"}}


def connection(url: str, **extra: object) -> ConnectionInfo:
    return ConnectionInfo(
        conn_id="slack_api_default",
        conn_type="slack",
        password=TOKEN,
        extra={"base_url": f"{url}/api/", "timeout": "5", **extra},
    )


@pytest.fixture
def receiver():
    with SlackReceiver() as running:
        yield running


@contextmanager
def answering(*answers: tuple[int, dict[str, str], bytes]):
    """A server that gives these answers in turn, the last one for ever; yields its address and the paths asked."""
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            status, headers, body = answers[min(len(asked), len(answers) - 1)]
            asked.append(self.path)
            self.send_response(status)
            for name, value in {
                "Content-Length": str(len(body)),
                "Content-Type": "application/json",
                **headers,
            }.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format, *args):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}", asked
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def refusing(code: str, **more: object) -> tuple[int, dict[str, str], bytes]:
    return 200, {}, json.dumps({"ok": False, "error": code, **more}).encode()


def test_head_thread_and_update_arrive(receiver):
    slack = SlackNotifier(connection(receiver.url))
    assert slack.check() == "Local as seamwatch"
    head = slack.post("#ai-incidents", "head", [SECTION])
    reply = slack.post("#ai-incidents", "more", [SECTION], thread=head)
    slack.update("#ai-incidents", head, "head, resolved", [SECTION, {"type": "divider"}])
    first, second = receiver.messages
    assert (first.channel, first.text, first.n_edits) == ("#ai-incidents", "head, resolved", 1)
    assert split_message_id(head) == (first.channel_id, first.ts)
    assert second.thread_ts == first.ts
    assert split_message_id(reply)[1] == second.ts


def test_notifiers_are_of_one_kind(receiver, tmp_path):
    kinds: list[Notifier] = [
        SlackNotifier(connection(receiver.url)),
        FileNotifier(tmp_path / "deep" / "messages.jsonl"),
    ]
    for notifier in kinds:
        head = notifier.post("#c", "text", [SECTION])
        notifier.post("#c", "reply", [SECTION], thread=head)
        notifier.update("#c", head, "new", [SECTION])
        with pytest.raises(MessageGone):
            notifier.update("#c", f"{head}9", "new", [SECTION])


def test_file_keeps_every_message(tmp_path):
    notifier = FileNotifier(tmp_path / "messages.jsonl")
    assert notifier.lines() == []
    head = notifier.post("#c", "größer <x>", [SECTION])
    notifier.update("#c", head, "new", [])
    first, second = notifier.lines()
    assert (first["do"], first["text"], first["blocks"]) == ("post", "größer <x>", [SECTION])
    assert (second["do"], second["id"], second["text"]) == ("update", head, "new")


def test_file_that_cannot_be_written_is_told(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(NotifyError, match="messages cannot be written to"):
        FileNotifier(tmp_path / "file" / "messages.jsonl").post("#c", "text", [])


def test_gone_thread_leaves_no_stray_message(receiver):
    slack = SlackNotifier(connection(receiver.url))
    head = slack.post("#c", "head", [SECTION])
    receiver.workspace.messages.clear()
    with pytest.raises(MessageGone, match="is gone; post its head anew") as caught:
        slack.post("#c", "reply", [SECTION], thread=head)
    assert not caught.value.retryable
    assert receiver.messages == []


@pytest.mark.parametrize(
    ("header", "least", "most"),
    [
        ("1", 1, 1),
        ("1.5", 1.5, 1.5),
        ("0", 1, 1),
        ("Wed, 01 Jan 2020 00:00:00 GMT", 1, 1),
        ("soon", 30, 30),
        ("nan", 30, 30),
    ],
)
def test_too_fast_is_told_with_the_pause_and_not_repeated(header, least, most):
    limited = (429, {"Retry-After": header}, b'{"ok": false, "error": "ratelimited"}')
    with answering(limited) as (url, asked), pytest.raises(NotifyError, match="ratelimited") as caught:
        SlackNotifier(connection(url)).post("#c", "text", [SECTION])
    assert caught.value.wait_s is not None
    assert least <= caught.value.wait_s <= most
    assert not caught.value.may_have_arrived
    assert len(asked) == 1


def test_a_post_is_found_by_its_token_and_a_surplus_one_can_be_removed(receiver):
    slack = SlackNotifier(connection(receiver.url))
    since = datetime.now(UTC)
    head = slack.post("#c", "head", [SECTION], token="t1")
    reply = slack.post("#c", "reply", [SECTION], thread=head, token="t2")
    again = slack.post("#c", "head", [SECTION], token="t1")
    slack.post("#other", "head", [SECTION], token="t1")
    assert [one.id for one in slack.find("#c", "t1", since=since)] == [head, again]
    assert slack.find("#c", "t2", since=since, known=head) == []
    assert slack.find("#c", "t2", since=since, threads=[head]) == [PostedMessage(id=reply, thread=head)]
    assert slack.find("#c", "t3", since=since, threads=[f"{head}9"]) == []
    slack.delete(again)
    slack.delete(again)
    assert [one.id for one in slack.find("#c", "t1", since=since, known=reply)] == [head]


def test_a_history_is_read_over_all_its_pages(receiver):
    slack = SlackNotifier(connection(receiver.url))
    since = datetime.now(UTC)
    first = slack.post("#c", "head", [SECTION], token="t")
    for _ in range(450):
        receiver.workspace.answer("chat.postMessage", {"channel": "#c", "text": "noise"})
    assert [one.id for one in slack.find("#c", "t", since=since)] == [first]


@pytest.mark.parametrize(
    "scopes", [("chat:write",), ("chat:write", "channels:read"), ("chat:write", "channels:history")]
)
def test_a_history_that_may_not_be_read_is_told(receiver, scopes):
    slack = SlackNotifier(connection(receiver.url))
    slack.post("#c", "head", [SECTION], token="t")
    receiver.workspace.scopes = scopes
    with pytest.raises(HistoryUnreadable, match="missing_scope"):
        slack.find("#c", "t", since=datetime.now(UTC))
    assert slack.scopes() == frozenset(scopes)


def test_a_server_that_drips_is_left_at_the_deadline():
    def drip(listener: socket.socket) -> None:
        with listener.accept()[0] as connection, suppress(OSError):
            connection.recv(65536)
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n")
            for _ in range(40):
                connection.sendall(b" ")
                time.sleep(0.1)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=drip, args=(listener,))
        thread.start()
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        began = time.monotonic()
        with pytest.raises(NotifyError, match="no answer in time") as caught:
            SlackNotifier(connection(url, timeout="1")).post("#c", "text", [SECTION])
        thread.join()
    assert time.monotonic() - began < 5
    assert caught.value.may_have_arrived


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"null",
        b'"ok"',
        b"{",
        b'{"ok": true}',
        b'{"ok": true, "channel": 5, "ts": null}',
        b'{"ok": "yes"',
        b"\xff",
    ],
)
@pytest.mark.parametrize("status", [200, 201, 500, 503])
def test_an_answer_that_is_not_understood_leaves_it_open(status, body):
    with answering((status, {}, body)) as (url, asked), pytest.raises(NotifyError) as caught:
        SlackNotifier(connection(url)).post("#c", "text", [SECTION])
    assert caught.value.may_have_arrived
    assert caught.value.wait_s is None
    assert len(asked) == 1


@pytest.mark.parametrize(
    "code", ["message_not_found", "cant_update_message", "edit_window_closed", "is_archived", "channel_not_found"]
)
def test_a_message_that_cannot_be_changed_any_more_is_gone(code):
    with answering(refusing(code)) as (url, _), pytest.raises(MessageGone):
        SlackNotifier(connection(url)).update("#c", "C1:1.2", "text", [SECTION])


@pytest.mark.parametrize(
    ("answer", "said", "retryable"),
    [
        (refusing("invalid_auth"), "put a current bot token", False),
        (refusing("channel_not_found"), "correct slack.channel", False),
        (refusing("not_in_channel"), "invite the app", False),
        (refusing("is_archived"), "the channel is archived", False),
        (refusing("msg_blocks_too_long"), "longer than Slack takes", False),
        (refusing("some_new_code", errors=["must be less than 3001 characters"]), "must be less than 3001", True),
        (refusing("internal_error"), "internal_error", True),
        ((503, {}, b"<html>busy</html>"), "http_503", True),
        ((200, {}, b"<html>a proxy's login page</html>"), "check the connection's base_url", True),
    ],
)
def test_refusals_say_what_to_do(answer, said, retryable):
    with answering(answer) as (url, _), pytest.raises(NotifyError, match=said) as caught:
        SlackNotifier(connection(url)).post("#c", "text", [SECTION])
    assert caught.value.retryable is retryable
    assert TOKEN not in str(caught.value)
    assert caught.value.__suppress_context__
    assert "slack_api_default" in str(caught.value)


def test_dead_server_is_retryable():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}"
    with pytest.raises(NotifyError, match="did not get through") as caught:
        SlackNotifier(connection(url)).post("#c", "text", [SECTION])
    assert caught.value.retryable
    assert TOKEN not in str(caught.value)


def test_connection_without_token_is_refused():
    with pytest.raises(NotifyError, match="has no token"):
        SlackNotifier(ConnectionInfo(conn_id="s", conn_type="slack"))


def test_timeout_must_be_a_number():
    with pytest.raises(NotifyError, match="timeout must be seconds"):
        SlackNotifier(connection("http://127.0.0.1:1", timeout="soon"))


# The receiver itself: as strict as Slack.


def call(receiver: SlackReceiver, method: str, token: str | None = "x", **arguments: object) -> dict:
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    return httpx.post(f"{receiver.url}/api/{method}", json=arguments, headers=headers).json()


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        ({"channel": "#c"}, "no_text"),
        ({"text": "x"}, "channel_not_found"),
        ({"channel": "#c", "text": "x" * 40_001}, "msg_too_long"),
        ({"channel": "#c", "text": "x", "blocks": "no"}, "invalid_blocks_format"),
        ({"channel": "#c", "text": "x", "blocks": [{"type": "divider"}] * 51}, "invalid_blocks"),
        ({"channel": "#c", "text": "x", "blocks": [{"type": "video"}]}, "invalid_blocks"),
        (
            {"channel": "#c", "blocks": [{"type": "header", "text": {"type": "plain_text", "text": "x" * 151}}]},
            "invalid_blocks",
        ),
        ({"channel": "#c", "blocks": [{"type": "header", "text": {"type": "mrkdwn", "text": "x"}}]}, "invalid_blocks"),
        ({"channel": "#c", "blocks": [{"type": "section", "text": {"type": "mrkdwn", "text": ""}}]}, "invalid_blocks"),
        (
            {"channel": "#c", "blocks": [{"type": "section", "text": {"type": "mrkdwn", "text": "x" * 3001}}]},
            "invalid_blocks",
        ),
        (
            {"channel": "#c", "blocks": [{"type": "section", "fields": [{"type": "plain_text", "text": "x"}] * 11}]},
            "invalid_blocks",
        ),
        (
            {"channel": "#c", "blocks": [{"type": "section", "text": {"type": "mrkdwn", "text": "x" * 2900}}] * 5},
            "msg_blocks_too_long",
        ),
        ({"channel": "#c", "blocks": [{"type": "rich_text", "elements": []}]}, "invalid_blocks"),
        (
            {
                "channel": "#c",
                "blocks": [
                    {
                        "type": "actions",
                        "elements": [
                            {"type": "button", "text": {"type": "plain_text", "text": "x"}, "url": "javascript:1"}
                        ],
                    }
                ],
            },
            "invalid_blocks",
        ),
    ],
)
def test_receiver_refuses_what_slack_refuses(receiver, arguments, error):
    answer = call(receiver, "chat.postMessage", **arguments)
    assert (answer["ok"], answer["error"]) == (False, error)
    assert receiver.messages == []


def test_receiver_wants_a_token_and_a_known_method(receiver):
    assert call(receiver, "chat.postMessage", token=None, channel="#c", text="x")["error"] == "not_authed"
    assert call(receiver, "chat.obliterate")["error"] == "unknown_method"
    assert call(receiver, "chat.update", channel="#c", ts="1", text="x")["error"] == "channel_not_found"


def test_receiver_reads_forms_and_refuses_garbage(receiver):
    headers = {"Authorization": "Bearer x"}
    form = {"channel": "#c", "text": "x", "blocks": json.dumps([SECTION])}
    assert httpx.post(f"{receiver.url}/api/chat.postMessage", data=form, headers=headers).json()["ok"]
    garbage = httpx.post(
        f"{receiver.url}/api/chat.postMessage",
        content=b"{",
        headers={**headers, "Content-Type": "application/json"},
    )
    assert garbage.json()["error"] == "invalid_json"


def test_receiver_limits_posts_by_channel():
    now = [100.0]
    workspace = Workspace(least_gap_s=1.0, clock=lambda: now[0])

    def post(channel: str) -> float | None:
        return workspace.answer("chat.postMessage", {"channel": channel, "text": "x"})[1]

    assert post("#a") is None
    assert post("#b") is None
    now[0] += 0.25
    assert post("#a") == 0.75
    now[0] += 0.75
    assert post("#a") is None


def test_page_shows_messages_and_runs_no_script(receiver, tmp_path):
    slack = SlackNotifier(connection(receiver.url))
    evil = "<script>alert(1)</script> *bold* <!channel>"
    blocks = [
        {"type": "header", "text": {"type": "plain_text", "text": evil}},
        {"type": "section", "text": {"type": "mrkdwn", "text": "*Where* _it_ `x` <@U012AB> <https://a.example|go>"}},
        {
            "type": "rich_text",
            "elements": [{"type": "rich_text_section", "elements": [{"type": "text", "text": evil}]}],
        },
    ]
    head = slack.post("#c", "x", blocks)
    slack.post("#c", "y", [SECTION], thread=head)
    slack.update("#c", head, "x", blocks)
    page = httpx.get(receiver.url).text
    receiver.save_page(tmp_path / "page.html")
    assert page == (tmp_path / "page.html").read_text(encoding="utf-8")
    assert "<script" not in page
    assert page.count("&lt;script&gt;alert(1)&lt;/script&gt; *bold* &lt;!channel&gt;") == 2
    assert "<b>Where</b> <i>it</i> <code>x</code>" in page
    assert '<span class="mention">@U012AB</span> <a href="https://a.example">go</a>' in page
    assert "1 reply" in page
    assert "(edited)" in page


def test_receiver_keeps_a_log_without_the_token(tmp_path):
    with SlackReceiver(log=tmp_path / "slack.jsonl") as receiver:
        SlackNotifier(connection(receiver.url)).post("#c", "hello", [SECTION])
    written = (tmp_path / "slack.jsonl").read_text()
    assert json.loads(written)["arguments"]["text"] == "hello"
    assert TOKEN not in written
