"""Models called over real HTTP, from endpoints that behave well to ones that hang half-way through an answer."""

from __future__ import annotations

import asyncio
import gzip
import json
import logging
import random
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from model_server import ModelServer, Reply, Seen, chat_body
from seamwatch import __version__
from seamwatch.adapters.base import ConnectionInfo
from seamwatch.adapters.models.factory import open_endpoint
from seamwatch.adapters.models.http import MAX_BODY_BYTES, HttpModelEndpoint
from seamwatch.adapters.models.retries import Patience
from seamwatch.core.replays import ModelCall
from seamwatch.errors import AdapterError
from seamwatch.spec.endpoint import Endpoint
from seamwatch.vocabulary import Protocol

pytestmark = pytest.mark.integration

SECRET = "sk-very-secret"
PROMPT = "my card number is 4111"
PRICE = {"input_per_mtok": 1.0, "output_per_mtok": 2.0}


def endpoint_at(
    server: ModelServer | str,
    *,
    path: str = "/v1/chat/completions",
    timeout_s: float = 20,
    concurrency: int = 4,
    waits: list[float] | None = None,
    patience: dict[str, Any] | None = None,
    extra: dict[str, Any] | None = None,
    login: str | None = None,
    **spec: Any,
) -> HttpModelEndpoint:
    slept = waits if waits is not None else []

    async def sleep(seconds: float) -> None:
        slept.append(seconds)

    host = server if isinstance(server, str) else server.url
    info = ConnectionInfo(
        conn_id="support_model", conn_type="http", host=host, login=login, password=SECRET, extra=extra or {}
    )
    spec_ = Endpoint(
        connection="support_model", path=path, timeout=timedelta(seconds=timeout_s), concurrency=concurrency, **spec
    )
    return HttpModelEndpoint(
        spec_, info, pipeline="triage", patience=Patience(sleep=sleep, rng=random.Random(7), **(patience or {}))
    )


def call(body: str = json.dumps({"prompt": PROMPT}), key: str = "T-1", **more: Any) -> ModelCall:
    return ModelCall(key=key, body=body, **more)


def test_openai_answer_with_usage(model_server: ModelServer) -> None:
    model_server.plays(Reply(chat_body()))
    [answer] = endpoint_at(model_server).ask([call()])
    assert (answer.status, answer.text, answer.finish_reason, answer.model) == ("ok", "billing", "stop", "gpt-4o-mini")
    assert (answer.input_tokens, answer.output_tokens, answer.cached_tokens) == (100, 20, 40)
    assert answer.http_status == 200
    assert answer.latency_ms is not None
    assert json.loads(answer.body or "") == chat_body()


def test_anthropic_answer_and_headers(model_server: ModelServer) -> None:
    usage = {"input_tokens": 10, "output_tokens": 5, "cache_read_input_tokens": 90}
    body = {"content": [{"type": "text", "text": "sales"}], "stop_reason": "end_turn", "model": "m", "usage": usage}
    model_server.plays(Reply(body))
    [answer] = endpoint_at(model_server, path="", protocol=Protocol.ANTHROPIC_MESSAGES).ask([call()])
    assert (answer.text, answer.finish_reason) == ("sales", "end_turn")
    assert (answer.input_tokens, answer.cached_tokens, answer.output_tokens) == (100, 90, 5)
    [seen] = model_server.requests
    assert seen.path == "/v1/messages"
    assert seen.headers["x-api-key"] == SECRET
    assert seen.headers["anthropic-version"]
    assert "authorization" not in seen.headers


def test_mlflow_and_json(model_server: ModelServer) -> None:
    model_server.plays(Reply({"predictions": ["billing"]}), Reply({"result": {"queue": "sales"}, "ms": 3}))
    [mlflow] = endpoint_at(model_server, path="/invocations").ask([call()])
    [plain] = endpoint_at(model_server, path="/predict", answer="result.queue").ask([call()])
    assert (mlflow.text, plain.text) == ("billing", "sales")
    assert [seen.path for seen in model_server.requests] == ["/invocations", "/predict"]


RESPONSE = {
    "object": "response",
    "status": "completed",
    "error": None,
    "model": "m",
    "output": [{"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "sales"}]}],
    "usage": {"input_tokens": 9, "input_tokens_details": {"cached_tokens": 4}, "output_tokens": 2},
}
GEMINI = {
    "candidates": [{"content": {"role": "model", "parts": [{"text": "sales"}]}, "finishReason": "STOP"}],
    "usageMetadata": {"promptTokenCount": 9, "cachedContentTokenCount": 4, "candidatesTokenCount": 2},
    "modelVersion": "m",
}
CONVERSE = {
    "output": {"message": {"role": "assistant", "content": [{"text": "sales"}]}},
    "stopReason": "end_turn",
    "usage": {"inputTokens": 5, "cacheReadInputTokens": 4, "outputTokens": 2, "totalTokens": 11},
}
OLLAMA = {"model": "m", "message": {"role": "assistant", "content": "sales"}, "done": True, "done_reason": "stop"}
KEY = {"x-goog-api-key": SECRET}
BEARER = {"authorization": f"Bearer {SECRET}"}


@pytest.mark.parametrize(
    ("given", "body", "path", "headers", "counts"),
    [
        ({"path": "/v1/responses"}, RESPONSE, "/v1/responses", BEARER, (9, 4, 2)),
        ({"path": "", "protocol": "openai_responses"}, RESPONSE, "/v1/responses", BEARER, (9, 4, 2)),
        ({"path": "/v1beta/models/m:generateContent"}, GEMINI, "/v1beta/models/m:generateContent", KEY, (9, 4, 2)),
        ({"path": "/model/a.b-v1:0/converse", "login": "x"}, CONVERSE, "/model/a.b-v1:0/converse", BEARER, (9, 4, 2)),
        (
            {"path": "/model/meta/invoke"},
            {"generation": "sales", "prompt_token_count": 9, "generation_token_count": 2, "stop_reason": "stop"},
            "/model/meta/invoke",
            BEARER,
            (9, None, 2),
        ),
        (
            {"path": "", "protocol": "ollama"},
            OLLAMA | {"prompt_eval_count": 9, "eval_count": 2},
            "/api/chat",
            BEARER,
            (9, None, 2),
        ),
    ],
)
def test_newer_protocols_are_addressed_and_read(
    model_server: ModelServer, given: dict[str, Any], body: Any, path: str, headers: Any, counts: Any
) -> None:
    model_server.plays(Reply(body))
    sent = json.dumps({"contents": [{"parts": [{"text": PROMPT}]}]})
    [answer] = endpoint_at(model_server, **given).ask([call(sent)])
    assert (answer.status, answer.text) == ("ok", "sales")
    assert (answer.input_tokens, answer.cached_tokens, answer.output_tokens) == counts
    [seen] = model_server.requests
    assert (seen.path, seen.body.decode()) == (path, sent)
    assert {name: seen.headers[name] for name in ("x-goog-api-key", "authorization") if name in seen.headers} == headers


@pytest.mark.parametrize(
    ("path", "body", "content_type"),
    [
        (
            "/v1beta/models/m:streamGenerateContent",
            [
                {"candidates": [{"content": {"parts": [{"text": "sal"}]}}]},
                {"candidates": [{"content": {"parts": [{"text": "es"}]}, "finishReason": "STOP"}]},
            ],
            "application/json",
        ),
        (
            "/api/chat",
            "".join(
                json.dumps(OLLAMA | {"message": {"role": "assistant", "content": piece}, "done": not piece}) + "\n"
                for piece in ("sal", "es", "")
            ),
            "application/x-ndjson",
        ),
        (
            "/v1/responses",
            f"event: response.created\ndata: {json.dumps({'type': 'response.created', 'response': {}})}\n\n"
            f"event: response.completed\ndata: {json.dumps({'type': 'response.completed', 'response': RESPONSE})}\n\n",
            "text/event-stream",
        ),
    ],
)
def test_streams_of_newer_protocols(model_server: ModelServer, path: str, body: Any, content_type: str) -> None:
    model_server.plays(Reply(body, content_type=content_type))
    [answer] = endpoint_at(model_server, path=path).ask([call()])
    assert (answer.status, answer.text) == ("ok", "sales")


@pytest.mark.parametrize("protocol", ["gemini", "bedrock"])
def test_a_protocol_whose_path_names_the_model_needs_one(protocol: str) -> None:
    with pytest.raises(AdapterError, match=r"'support_model'.*needs the path that names its model, as /"):
        endpoint_at("http://h", path="", protocol=protocol)


@pytest.mark.parametrize(
    "body",
    ['{"b": 1,   "a":\t"ü\\u00fc"}\n', '{"stream":false,"x":1e400}', "not json at all", "", '{"a": "\u2028"}'],
)
def test_body_goes_out_as_it_was(model_server: ModelServer, body: str) -> None:
    model_server.plays(Reply(chat_body()))
    endpoint_at(model_server).ask([call(body)])
    assert model_server.requests[0].body == body.encode()


def test_calls_are_tagged(model_server: ModelServer) -> None:
    model_server.plays(Reply(chat_body()))
    endpoint_at(model_server).ask([call(key="Müller, Ana", purpose="benchmark")])
    headers = model_server.requests[0].headers
    assert headers["x-seamwatch-replay"] == "benchmark"
    assert headers["x-seamwatch-pipeline"] == "triage"
    assert headers["user-agent"] == f"seamwatch/{__version__}"
    assert headers["content-type"] == "application/json"
    assert headers["authorization"] == f"Bearer {SECRET}"
    assert len(headers["x-seamwatch-record"]) == 16
    assert "ller" not in headers["x-seamwatch-record"]


def test_connection_headers_and_basic_login(model_server: ModelServer) -> None:
    model_server.plays(Reply({"predictions": [1]}))
    endpoint_at(
        model_server, path="/invocations", login="ana", extra={"headers": {"user-agent": "x", "X-Team": "t"}}
    ).ask([call()])
    headers = model_server.requests[0].headers
    assert headers["authorization"].startswith("Basic ")
    assert (headers["x-team"], headers["user-agent"]) == ("t", "x")


def test_rate_limit_is_waited_for_as_asked(model_server: ModelServer) -> None:
    limited = Reply({"error": {}}, status=429, headers={"Retry-After": "7"})
    model_server.plays(limited, limited, Reply(chat_body()))
    waits: list[float] = []
    [answer] = endpoint_at(model_server, waits=waits).ask([call()])
    assert answer.is_ok
    assert waits == [7, 7]


def test_retry_after_is_capped_and_beyond_the_deadline_not_waited_for(model_server: ModelServer) -> None:
    model_server.plays(Reply(status=429, headers={"Retry-After": "86400"}))
    waits: list[float] = []
    [answer] = endpoint_at(model_server, waits=waits, patience={"attempts": 2, "longest_wait_s": 30}).ask([call()])
    assert waits == [30]
    assert (answer.status, answer.http_status) == ("http_error", 429)
    [answer] = endpoint_at(model_server, waits=waits, patience={"deadline_s": 10}).ask([call()])
    assert waits == [30]
    assert answer.http_status == 429


def test_server_errors_are_tried_four_times_with_growing_waits(model_server: ModelServer) -> None:
    model_server.plays(Reply("<html>stack trace</html>", status=500))
    waits: list[float] = []
    [answer] = endpoint_at(model_server, waits=waits).ask([call()])
    assert (answer.status, answer.http_status, answer.text) == ("http_error", 500, None)
    assert len(model_server.requests) == 4
    assert waits == sorted(waits)
    assert len(set(waits)) == 3


@pytest.mark.parametrize(("status", "hint"), [(401, "password"), (403, "key"), (404, "path"), (400, "recorded")])
def test_refusals_are_not_retried_and_say_what_to_check(model_server: ModelServer, status: int, hint: str) -> None:
    model_server.plays(Reply({"error": {"message": f"bad key {SECRET}, prompt {PROMPT}"}}, status=status))
    [answer] = endpoint_at(model_server).ask([call()])
    assert (answer.status, answer.http_status) == ("http_error", status)
    assert len(model_server.requests) == 1
    assert "support_model" in (answer.detail or "")
    assert hint in (answer.detail or "")


def test_redirects_are_not_followed(model_server: ModelServer) -> None:
    model_server.plays(Reply(status=307, headers={"Location": "http://127.0.0.1:1/steal"}))
    [answer] = endpoint_at(model_server).ask([call()])
    assert (answer.status, answer.http_status) == ("http_error", 307)
    assert "redirect" in (answer.detail or "")
    assert len(model_server.requests) == 1


@pytest.mark.parametrize("hang_after", [0, 10])
def test_hanging_endpoint_hits_the_timeout_also_within_the_body(model_server: ModelServer, hang_after: int) -> None:
    model_server.plays(Reply(chat_body(), hang_after=hang_after))
    [answer] = endpoint_at(model_server, timeout_s=0.2, patience={"attempts": 2}).ask([call()])
    assert answer.status == "timeout"
    assert len(model_server.requests) == 2


def test_an_answer_that_drips_in_for_ever_hits_the_timeout(model_server: ModelServer) -> None:
    model_server.plays(Reply(b"x" * 100, drip_s=0.05))
    [answer] = endpoint_at(model_server, timeout_s=0.3, patience={"attempts": 1}).ask([call()])
    assert answer.status == "timeout"


def test_a_dead_endpoint_is_given_up_for_the_rest_of_the_batch(model_server: ModelServer) -> None:
    model_server.plays(Reply(hang_after=0))
    endpoint = endpoint_at(model_server, timeout_s=0.1, concurrency=5, patience={"attempts": 1})
    answers = endpoint.ask([call(key=str(n)) for n in range(40)])
    assert {answer.status for answer in answers} == {"timeout", "unreachable"}
    assert len(model_server.requests) < 10  # those under way when the fifth failed still end by themselves
    assert "not asked" in (answers[-1].detail or "")
    assert "not asked" in (endpoint.ask([call()])[0].detail or "")


def test_scattered_failures_do_not_give_up_the_endpoint(model_server: ModelServer) -> None:
    dead, well = Reply(cut_after=0), Reply(chat_body())
    model_server.plays(*[dead, dead, dead, dead, well] * 6)
    answers = endpoint_at(model_server, concurrency=1, patience={"attempts": 1}).ask([call() for _ in range(30)])
    assert sum(answer.is_ok for answer in answers) == 6
    assert len(model_server.requests) == 30


def test_refused_connection_is_unreachable() -> None:
    server = ModelServer()
    url = server.url
    server.close()
    [answer] = endpoint_at(url).ask([call()])
    assert answer.status == "unreachable"
    assert "refuses connections" in (answer.detail or "")


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> ssl.SSLContext:
    """Return a server's side of TLS with a certificate that nobody has signed but itself."""
    key = ec.generate_private_key(ec.SECP256R1())
    name, now = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")]), datetime.now(UTC)
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    file = tmp_path_factory.mktemp("tls") / "server.pem"
    plain = serialization.NoEncryption()
    private = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain)
    file.write_bytes(made.public_bytes(serialization.Encoding.PEM) + private)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file)
    return context


@contextmanager
def answering_socket(talk: Callable[[socket.socket], None]) -> Iterator[tuple[str, list[int]]]:
    """Yield the address of a server that talks to every connection below HTTP, and a list with one entry for each."""
    listener, seen = socket.create_server(("127.0.0.1", 0)), list[int]()

    def serve() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            seen.append(1)
            with connection, suppress(OSError):
                talk(connection)

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield f"https://localhost:{listener.getsockname()[1]}", seen
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join()


def test_a_certificate_that_nobody_signed_is_told_and_not_tried_again(certificate: ssl.SSLContext) -> None:
    def talk(connection: socket.socket) -> None:
        certificate.wrap_socket(connection, server_side=True).close()

    with answering_socket(talk) as (url, seen):
        [answer] = endpoint_at(url).ask([call()])
    assert answer.status == "unreachable"
    assert answer.detail == "support_model: its TLS certificate is not accepted (self-signed certificate)"
    assert len(seen) == 1


def test_a_server_without_tls_behind_https_is_told() -> None:
    with answering_socket(lambda connection: connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")) as (url, seen):
        [answer] = endpoint_at(url).ask([call()])
    assert answer.status == "unreachable"
    assert "TLS cannot be set up (wrong version number); check whether its address begins with http" in str(
        answer.detail
    )
    assert len(seen) == 1


def test_a_server_that_hangs_up_while_tls_is_set_up_is_told_and_tried_again() -> None:
    with answering_socket(lambda connection: connection.close()) as (url, seen):
        [answer] = endpoint_at(url).ask([call()])
    assert answer.status == "unreachable"
    assert "refuses" not in str(answer.detail)
    assert "while" in str(answer.detail)
    assert len(seen) >= 4


def test_an_unknown_host_is_told() -> None:
    [answer] = endpoint_at("http://no-such-host.invalid", patience={"attempts": 1}).ask([call()])
    assert "support_model: its host is unknown (" in str(answer.detail)


def test_connection_cut_before_any_answer_is_retried(model_server: ModelServer) -> None:
    model_server.plays(Reply(cut_after=0), Reply(chat_body()))
    [answer] = endpoint_at(model_server).ask([call()])
    assert answer.is_ok
    assert len(model_server.requests) == 2


def test_half_an_answer_is_garbage_not_an_answer(model_server: ModelServer) -> None:
    model_server.plays(Reply(chat_body(), cut_after=60))
    [answer] = endpoint_at(model_server).ask([call()])
    assert (answer.status, answer.http_status, answer.text) == ("garbage", 200, None)
    assert len(model_server.requests) == 4


@pytest.mark.parametrize(
    ("body", "word"),
    [
        (b"", "no answer"),
        (b"<html>proxy login</html>", "an HTML page, as a login or a proxy gives"),
        (b'{"choices": [{"mess', "not a body of a known protocol"),
        (b'{"choices": []}', "no answer"),
        (b"\xff\xfe\x00", "not a body of a known protocol"),
        (b"[" * 200_000, "not a body of a known protocol"),
        (b'{"error": {"type": "overloaded_error", "message": "prompt: my card number"}}', "overloaded_error"),
    ],
)
def test_garbage_is_told_and_not_retried(model_server: ModelServer, body: bytes, word: str) -> None:
    model_server.plays(Reply(body))
    [answer] = endpoint_at(model_server).ask([call()])
    assert (answer.status, answer.text, answer.http_status) == ("garbage", None, 200)
    assert word in (answer.detail or "")
    assert len(model_server.requests) == 1


def test_gigantic_answer_is_garbage(model_server: ModelServer) -> None:
    bomb = gzip.compress(b" " * (MAX_BODY_BYTES + 1))
    model_server.plays(Reply(b"x" * (MAX_BODY_BYTES + 1)), Reply(bomb, headers={"Content-Encoding": "gzip"}))
    for _ in range(2):
        [answer] = endpoint_at(model_server).ask([call()])
        assert (answer.status, answer.body) == ("garbage", None)
        assert "10 MiB" in (answer.detail or "")


def test_wrongly_compressed_answer_is_garbage(model_server: ModelServer) -> None:
    model_server.plays(Reply(b"plain", headers={"Content-Encoding": "gzip"}))
    [answer] = endpoint_at(model_server).ask([call()])
    assert answer.status == "garbage"


def test_big_request_and_answer_arrive_whole(model_server: ModelServer) -> None:
    text = "ä" * 1_000_000
    model_server.plays(Reply(chat_body(text)))
    [answer] = endpoint_at(model_server).ask([call(json.dumps({"prompt": text}))])
    assert answer.text == text
    assert len(model_server.requests[0].body) > 1_000_000


def test_tool_calls_are_the_answer_and_nothing_is_executed(model_server: ModelServer) -> None:
    tool = {"id": "1", "type": "function", "function": {"name": "route", "arguments": '{"queue":  "billing"}'}}
    message = {"role": "assistant", "content": None, "tool_calls": [tool]}
    model_server.plays(Reply(chat_body(choices=[{"message": message, "finish_reason": "tool_calls"}])))
    [answer] = endpoint_at(model_server).ask([call()])
    assert json.loads(answer.text or "") == [{"name": "route", "arguments": {"queue": "billing"}}]
    assert answer.finish_reason == "tool_calls"
    assert len(model_server.requests) == 1


def sse(*events: dict[str, Any], done: str = "data: [DONE]\n\n") -> Reply:
    text = "".join(f"event: x\ndata: {json.dumps(event, ensure_ascii=False)}\n\n" for event in events)
    return Reply(text + done, content_type="text/event-stream; charset=utf-8")


def test_streamed_chat_is_put_together(model_server: ModelServer) -> None:
    pieces = [
        {"model": "gpt-4o-mini", "choices": [{"index": 0, "delta": {"content": part}}]}
        for part in ("bil", "l\u2028", "ing")
    ]
    end = {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}
    usage = {"choices": [], "usage": {"prompt_tokens": 8, "completion_tokens": 3}}
    model_server.plays(sse(*pieces, end, usage))
    body = '{"stream": true, "messages": []}'
    [answer] = endpoint_at(model_server).ask([call(body)])
    assert (answer.text, answer.finish_reason, answer.model) == ("bill\u2028ing", "stop", "gpt-4o-mini")
    assert (answer.input_tokens, answer.output_tokens) == (8, 3)
    assert model_server.requests[0].body == body.encode()


def test_streamed_messages_are_put_together(model_server: ModelServer) -> None:
    model_server.plays(
        sse(
            {"type": "message_start", "message": {"model": "m", "usage": {"input_tokens": 9, "output_tokens": 1}}},
            {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
            {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "sa"}},
            {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "les"}},
            {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 4}},
            {"type": "message_stop"},
            done="",
        )
    )
    [answer] = endpoint_at(model_server, path="/v1/messages").ask([call()])
    assert (answer.text, answer.finish_reason, answer.model) == ("sales", "end_turn", "m")
    assert (answer.input_tokens, answer.output_tokens) == (9, 4)


def test_stream_that_ends_early_is_garbage(model_server: ModelServer) -> None:
    model_server.plays(sse({"choices": [{"index": 0, "delta": {"content": "bil"}}]}, done=""))
    [answer] = endpoint_at(model_server).ask([call()])
    assert (answer.status, answer.text) == ("garbage", None)


def test_answers_keep_the_order_and_the_limit_and_reuse_connections(model_server: ModelServer) -> None:
    def echo(seen: Seen) -> Reply:
        return Reply(chat_body(json.loads(seen.body)["n"]))

    model_server.plays(echo)
    calls = [call(json.dumps({"n": str(n)}), key=str(n)) for n in range(40)]
    answers = endpoint_at(model_server, concurrency=4).ask(calls)
    assert [answer.text for answer in answers] == [str(n) for n in range(40)]
    assert model_server.most_at_once <= 4
    assert model_server.n_connections <= 4


def test_as_many_calls_are_under_way_as_allowed(model_server: ModelServer) -> None:
    # Each reply waits for five others: with less concurrency than six the barrier breaks.
    model_server.plays(Reply(chat_body(), meet=threading.Barrier(6)))
    answers = endpoint_at(model_server, concurrency=6).ask([call(key=str(n)) for n in range(12)])
    assert all(answer.is_ok for answer in answers)


def test_ask_works_in_a_thread_and_under_a_running_loop(model_server: ModelServer) -> None:
    model_server.plays(Reply(chat_body()))
    endpoint = endpoint_at(model_server)

    async def inside() -> str | None:
        return endpoint.ask([call()])[0].text

    async def outside() -> str | None:
        return (await asyncio.to_thread(endpoint.ask, [call()]))[0].text

    assert asyncio.run(inside()) == asyncio.run(outside()) == "billing"
    assert endpoint.ask([]) == []


@pytest.mark.parametrize(
    "reply",
    [
        Reply({"error": {"code": f"{SECRET} {PROMPT}"}}),
        Reply(f"{SECRET} {PROMPT}", status=500),
        Reply(f"{SECRET} {PROMPT}", status=401),
        Reply(f"{SECRET} {PROMPT}", cut_after=9),
        Reply(f"{SECRET} {PROMPT}"),
        Reply(hang_after=0),
    ],
)
def test_details_hold_no_secret_and_no_prompt(model_server: ModelServer, reply: Reply) -> None:
    model_server.plays(reply)
    [answer] = endpoint_at(model_server, timeout_s=0.3, patience={"attempts": 1}).ask([call()])
    assert not answer.is_ok
    assert answer.detail
    assert SECRET not in answer.detail
    assert "4111" not in answer.detail


def test_the_log_says_nothing_of_addresses_and_bodies(
    model_server: ModelServer, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    model_server.plays(Reply(status=500), Reply(chat_body()))
    assert endpoint_at(model_server, path=f"/chat/completions?key={SECRET}").ask([call()])[0].is_ok
    assert caplog.text == ""


class OneConnection:
    def __init__(self, info: ConnectionInfo) -> None:
        self.info = info

    def get(self, conn_id: str) -> ConnectionInfo:
        return self.info


def no_function(name: str) -> Any:
    raise AssertionError(name)


def test_factory_opens_http_and_python_endpoints(model_server: ModelServer) -> None:
    model_server.plays(Reply(chat_body()))
    info = ConnectionInfo(
        conn_id="m", conn_type="http", host=model_server.url, extra={"protocol": "openai_chat", "prices": {"x": PRICE}}
    )
    http, _ = open_endpoint(Endpoint(connection="m"), OneConnection(info), load_callable=no_function)
    assert http.ask([call()])[0].text == "billing"
    assert model_server.requests[0].path == "/v1/chat/completions"
    function = Endpoint(connection="file:function", protocol=Protocol.CALLABLE)
    python, _ = open_endpoint(function, OneConnection(info), load_callable=lambda name: lambda request: f"{name}!")
    assert python.ask([call()])[0].text == "file:function!"


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({"host": None}, "host"),
        ({"host": "ftp://files"}, "web address"),
        ({"extra": {"headers": "x"}}, "headers"),
        ({"extra": {"headers": {"X": "a\nb"}}}, "line break"),
        ({"password": "pässword"}, "ASCII"),
        ({"extra": {"prices": {"gpt": {"input": 1}}}}, "prices"),
        ({"extra": {"prices": "[1]"}}, "prices"),
    ],
)
def test_wrong_connections_are_told_before_any_call(changes: dict[str, Any], word: str) -> None:
    info = ConnectionInfo(**{"conn_id": "m", "conn_type": "http", "host": "127.0.0.1", "password": SECRET} | changes)
    with pytest.raises(AdapterError, match=word) as caught:
        open_endpoint(Endpoint(connection="m"), OneConnection(info), load_callable=no_function)
    assert "'m'" in str(caught.value)
    assert (info.password or "") not in str(caught.value) or not info.password
