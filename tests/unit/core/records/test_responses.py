from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seamwatch.core.records.response_usage import TokenCounts, read_counts
from seamwatch.core.records.responses import (
    Form,
    ParsedResponse,
    choose_protocol,
    column_form,
    read_recorded,
    read_response,
)
from seamwatch.core.records.unknown import Unknown
from seamwatch.errors import DataContractError
from seamwatch.spec.endpoint import Endpoint
from seamwatch.vocabulary import Protocol, UnknownReason

OPENAI, ANTHROPIC, MLFLOW, JSON = (
    Protocol.OPENAI_CHAT,
    Protocol.ANTHROPIC_MESSAGES,
    Protocol.MLFLOW,
    Protocol.JSON,
)


def chat(message: Any, finish_reason: str | None = "stop") -> dict[str, Any]:
    return {"choices": [{"message": message, "finish_reason": finish_reason}]}


@pytest.mark.parametrize(
    ("protocol", "body", "text", "finish_reason"),
    [
        (OPENAI, chat({"content": "billing"}), "billing", "stop"),
        (OPENAI, chat({"content": ""}, "length"), "", "length"),
        (
            OPENAI,
            chat({"content": [{"type": "text", "text": "bil"}, {"text": "ling"}, {"text": None}]}),
            "billing",
            "stop",
        ),
        (OPENAI, chat({"content": None}, "content_filter"), None, "content_filter"),
        (OPENAI, chat({"content": None, "refusal": "I cannot"}), "I cannot", "refusal"),
        (OPENAI, {"choices": [{"text": "billing", "finish_reason": "stop"}]}, "billing", "stop"),
        (
            OPENAI,
            chat(
                {"content": None, "tool_calls": [{"function": {"name": "f", "arguments": '{"b":1, "a":2}'}}]},
                "tool_calls",
            ),
            '[{"arguments": {"a": 2, "b": 1}, "name": "f"}]',
            "tool_calls",
        ),
        (
            OPENAI,
            chat({"content": "billing", "tool_calls": [{"function": {"name": "f", "arguments": "{}"}}]}),
            "billing",
            "stop",
        ),
        (
            ANTHROPIC,
            {
                "content": [{"type": "thinking", "thinking": "hm"}, {"type": "text", "text": "sales"}],
                "stop_reason": "end_turn",
            },
            "sales",
            "end_turn",
        ),
        (
            ANTHROPIC,
            {"content": [{"type": "tool_use", "name": "f", "input": {"b": 1, "a": 2}}], "stop_reason": "tool_use"},
            '[{"arguments": {"a": 2, "b": 1}, "name": "f"}]',
            "tool_use",
        ),
        (ANTHROPIC, {"content": [], "stop_reason": "refusal"}, None, "refusal"),
        (MLFLOW, {"predictions": ["billing"]}, "billing", None),
        (MLFLOW, {"predictions": {"queue": "billing"}}, '{"queue": "billing"}', None),
        (MLFLOW, {"predictions": [1, 2]}, "[1, 2]", None),
        (MLFLOW, ["billing"], "billing", None),
        (MLFLOW, chat({"content": "billing"}), "billing", "stop"),
        (JSON, {"b": 1, "a": "ü"}, '{"a": "ü", "b": 1}', None),
        (JSON, "billing", "billing", None),
        (JSON, {"answer": "x", "finish_reason": "length"}, '{"answer": "x", "finish_reason": "length"}', "length"),
    ],
)
def test_answer_and_finish_reason(protocol: Protocol, body: Any, text: str | None, finish_reason: str | None) -> None:
    parsed = read_response(protocol, json.dumps(body))
    assert (parsed.text, parsed.finish_reason, parsed.problem) == (text, finish_reason, None)
    assert read_recorded(protocol, json.dumps(body)) == parsed
    assert read_recorded(protocol, body) == parsed


UNREAD = "not a body of a known protocol"
NONE = "no answer in the body"


@pytest.mark.parametrize(
    ("protocol", "body", "problem"),
    [
        (OPENAI, None, NONE),
        (OPENAI, " \n", NONE),
        (OPENAI, '{"choices": [{"mess', UNREAD),
        (OPENAI, "[" * 100_000, UNREAD),
        (OPENAI, "<html>", UNREAD),
        (OPENAI, '{"choices": []}', NONE),
        (OPENAI, '{"choices": [{"message": null}]}', NONE),
        (OPENAI, '{"choices": [{"message": {"tool_calls": [1]}}]}', NONE),
        (OPENAI, '{"choices": [{"message": {"tool_calls": 7}}]}', NONE),
        (OPENAI, "[]", UNREAD),
        (OPENAI, '"billing"', UNREAD),
        (OPENAI, "billing", UNREAD),
        (OPENAI, '{"queue": "billing"}', UNREAD),
        (OPENAI, '{"error": {"code": "insufficient_quota"}}', "an error: insufficient_quota"),
        (OPENAI, '{"error": {"code": null, "type": "server_error"}}', "an error: server_error"),
        (OPENAI, '{"error": "your prompt, my secret, was bad"}', "an error without a code"),
        (ANTHROPIC, '{"type": "message", "content": []}', NONE),
        (ANTHROPIC, '{"type": "error", "error": {"type": "overloaded_error"}}', "an error: overloaded_error"),
        (MLFLOW, '{"predictions": []}', NONE),
        (MLFLOW, '{"error_code": "BAD_REQUEST", "message": "x"}', "an error: BAD_REQUEST"),
        (JSON, "null", NONE),
        (JSON, "billing", UNREAD),
        (JSON, '{"error": "cannot do it"}', UNREAD),
    ],
)
def test_broken_bodies_say_why(protocol: Protocol, body: str | None, problem: str) -> None:
    parsed = read_response(protocol, body)
    assert parsed.problem == problem
    assert isinstance(parsed.text, Unknown) is (problem == UNREAD)


def test_answer_path_opens_json_within_json() -> None:
    body = json.dumps({"data": [{"answer": '{"queue": "billing"}'}]})
    assert read_response(JSON, body, "data.0.answer.queue").text == "billing"
    missing = read_response(JSON, body, "data.1")
    assert isinstance(missing.text, Unknown)
    assert missing.text.reason is UnknownReason.UNREADABLE_PATH
    assert missing.problem == "nothing stands at the path of the answer"
    assert read_response(JSON, '{"answer": null}', "answer").problem == NONE


def test_usage_keeps_cached_tokens_apart() -> None:
    openai = chat({"content": "x"}) | {
        "model": "m",
        "usage": {"prompt_tokens": 100, "completion_tokens": 5, "prompt_tokens_details": {"cached_tokens": 80}},
    }
    usage = {"input_tokens": 15, "output_tokens": 5, "cache_read_input_tokens": 80, "cache_creation_input_tokens": 5}
    anthropic = {"content": [{"type": "text", "text": "x"}], "model": "m", "usage": usage}
    for protocol, body in ((OPENAI, openai), (ANTHROPIC, anthropic)):
        parsed = read_response(protocol, json.dumps(body))
        assert (parsed.model, parsed.input_tokens, parsed.cached_tokens, parsed.output_tokens) == ("m", 100, 80, 5)
        assert parsed.cache_written_tokens == (None if protocol == OPENAI else 5)


def test_reasoning_counts_as_output_once_wherever_the_body_counts_it() -> None:
    details = {"completion_tokens_details": {"reasoning_tokens": 40}}
    within = {"prompt_tokens": 100, "completion_tokens": 50, "total_tokens": 150} | details
    beside = {"prompt_tokens": 100, "completion_tokens": 10, "total_tokens": 150} | details
    gemini = {"promptTokenCount": 100, "candidatesTokenCount": 10, "thoughtsTokenCount": 40, "totalTokenCount": 150}
    for usage in ({"usage": within}, {"usage": beside}, {"usageMetadata": gemini}):
        assert read_counts(usage) == TokenCounts(input_tokens=100, output_tokens=50)


def test_nonsense_usage_is_no_usage() -> None:
    body = chat({"content": "x"}) | {"model": 7, "usage": {"prompt_tokens": "many", "completion_tokens": -1}}
    parsed = read_response(OPENAI, json.dumps(body))
    assert (parsed.model, parsed.input_tokens, parsed.output_tokens) == (None, None, None)


@pytest.mark.parametrize(
    ("protocol", "value", "text"),
    [
        (OPENAI, "billing", "billing"),
        (OPENAI, '{"queue": "billing"}', '{"queue": "billing"}'),
        (OPENAI, '{"queue": "bil', '{"queue": "bil'),
        (OPENAI, '"billing"', '"billing"'),
        (OPENAI, "", ""),
        (OPENAI, "007", "007"),
        (ANTHROPIC, '[{"queue": "billing"}]', '[{"queue": "billing"}]'),
        (MLFLOW, '{"queue": "billing"}', '{"queue": "billing"}'),
        (JSON, "1e5", "1e5"),
        (JSON, "null", "null"),
        (JSON, b"bill\xfcing", "bill\ufffding"),
        (JSON, np.int64(3), "3"),
        (JSON, 2.5, "2.5"),
    ],
)
def test_recorded_text_is_the_answer_itself(protocol: Protocol, value: Any, text: str) -> None:
    assert read_recorded(protocol, value) == ParsedResponse(text=text)


def test_recorded_answer_without_its_path_is_the_whole_text() -> None:
    assert read_recorded(JSON, '{"queue": "billing"}', "answer").text == '{"queue": "billing"}'
    assert read_recorded(JSON, '{"answer": "billing"}', "answer").text == "billing"


@pytest.mark.parametrize("value", [None, float("nan")])
def test_nothing_recorded(value: Any) -> None:
    assert read_recorded(OPENAI, value) == ParsedResponse()
    assert ParsedResponse().failure == "empty"


def test_recorded_error_is_no_answer() -> None:
    parsed = read_recorded(OPENAI, '{"error": {"code": "timeout"}}')
    assert (parsed.text, parsed.finish_reason, parsed.failure) == (None, "error:timeout", "timed_out")


KEYS = [
    "choices", "message", "content", "text", "tool_calls", "function", "refusal", "predictions", "error", "usage",
    "delta", "index", "finish_reason", "output", "output_text", "status", "incomplete_details", "type", "role",
    "candidates", "parts", "promptFeedback", "functionCall", "results", "outputText", "generation", "outputs",
    "generations", "completions", "data", "generated_text", "details", "done", "response", "completion",
    "stop_reason", "kwargs", "response_metadata", "additional_kwargs", "body", "result", "detail", "code", "chunk",
    "bytes", "messageStart", "messageStop", "contentBlockDelta", "contentBlockStart", "content_block",
    "partial_json", "event_type", "metadata", "custom", "function_call", "input", "arguments", "name",
]  # fmt: skip
EVENT_KINDS = [
    "message_start", "content_block_start", "content_block_delta", "message_delta", "response.completed", "message",
    "message-end", "tool-call-start", "tool-call-delta", "content-delta", "stream-end", "error", "ai", "constructor",
    "text", "tool_use", "function_call", "output_text", "reasoning",
]  # fmt: skip
json_values = st.recursive(
    st.sampled_from(EVENT_KINDS) | st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(KEYS) | st.text(max_size=3),
            inner,
            max_size=3,
        )
    ),
    max_leaves=12,
)


@given(st.sampled_from(list(Protocol)), json_values, st.none() | st.sampled_from(["content", "a.0.b", "choices.0"]))
def test_no_body_whatever_raises(protocol: Protocol, document: Any, path: str | None) -> None:
    parsed = read_response(protocol, json.dumps(document), path)
    assert (parsed.problem is not None) or (parsed.text is not None) or (parsed.finish_reason is not None)
    for form in Form:
        read_recorded(protocol, document, path, form=form)
        read_recorded(protocol, json.dumps(document), path, form=form)


@given(st.lists(json_values, max_size=4), st.sampled_from(["data: ", "", "event: x\ndata: "]), st.sampled_from(Form))
def test_no_stream_whatever_raises(events: list[Any], start: str, form: Form) -> None:
    for write in (json.dumps, repr):
        text = "\n\n".join(start + write(event) for event in events)
        assert isinstance(read_recorded(OPENAI, text, form=form).text, str | Unknown | None)
    read_recorded(OPENAI, events, form=form)


@given(st.sampled_from(list(Protocol)), st.text(max_size=40) | st.binary(max_size=40), st.sampled_from(Form))
def test_no_text_and_no_bytes_whatever_raise(protocol: Protocol, value: str | bytes, form: Form) -> None:
    parsed = read_recorded(protocol, value, form=form)
    assert isinstance(parsed.text, str | Unknown | None)
    column_form(protocol, [value] * 3)


@pytest.mark.parametrize(
    ("endpoint", "extra", "protocol"),
    [
        ({"protocol": "mlflow", "path": "/v1/messages"}, {"protocol": "json"}, MLFLOW),
        ({"path": "/v1/messages"}, {"protocol": "json"}, JSON),
        ({"path": "/v1/chat/completions/"}, {}, OPENAI),
        ({"path": "/deployments/x/chat/completions?api-version=1"}, {}, OPENAI),
        ({"path": "/v1/messages"}, None, ANTHROPIC),
        ({}, {"path": "/model/invocations"}, MLFLOW),
        ({"path": "/predict"}, {}, JSON),
        ({}, None, JSON),
    ],
)
def test_protocol_is_chosen_by_file_then_connection_then_path(
    endpoint: dict[str, Any], extra: dict[str, Any] | None, protocol: Protocol
) -> None:
    assert choose_protocol(Endpoint(connection="m", **endpoint), extra) is protocol


def test_unknown_protocol_names_the_known_ones() -> None:
    with pytest.raises(DataContractError, match=r"'m': unknown protocol 'grpc'.*openai_chat"):
        choose_protocol(Endpoint(connection="m"), {"protocol": "grpc"})
