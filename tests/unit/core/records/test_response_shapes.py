"""Shapes of providers without a client library here, by their public references: answers, endings, errors, wrappers."""

from __future__ import annotations

import json
from base64 import b64encode
from typing import Any

import pytest

from seamwatch.core.records.responses import Form, column_form, read_recorded, read_usage
from seamwatch.core.records.unknown import Unknown
from seamwatch.vocabulary import Protocol

OPENAI, MLFLOW, JSON = Protocol.OPENAI_CHAT, Protocol.MLFLOW, Protocol.JSON
CALLS = '[{"arguments": {"queue": "billing"}, "name": "route"}]'
CHAT = {"object": "chat.completion", "choices": [{"message": {"content": "billing"}, "finish_reason": "stop"}]}
MESSAGE = {"type": "message", "content": [{"type": "text", "text": "billing"}], "stop_reason": "end_turn"}
GEMINI = {"candidates": [{"content": {"parts": [{"text": "billing"}]}, "finishReason": "STOP"}]}

ANSWERS: dict[str, tuple[Any, str | None, str | None]] = {
    "Titan": ({"results": [{"outputText": "billing", "completionReason": "FINISH"}]}, "billing", "FINISH"),
    "Titan, truncated": ({"results": [{"outputText": "bil", "completionReason": "LENGTH"}]}, "bil", "LENGTH"),
    "Llama on Bedrock": ({"generation": "billing", "stop_reason": "stop"}, "billing", "stop"),
    "Mistral on Bedrock": ({"outputs": [{"text": "billing", "stop_reason": "stop"}]}, "billing", "stop"),
    "Claude's completions": ({"completion": "billing", "stop_reason": "stop_sequence"}, "billing", "stop_sequence"),
    "Cohere on Bedrock": ({"generations": [{"text": "billing", "finish_reason": "COMPLETE"}]}, "billing", "COMPLETE"),
    "Cohere's first chat": (
        {"text": "billing", "generation_id": "g", "finish_reason": "COMPLETE"},
        "billing",
        "COMPLETE",
    ),
    "AI21": (
        {"completions": [{"data": {"text": "billing"}, "finishReason": {"reason": "endoftext"}}]},
        "billing",
        "endoftext",
    ),
    "DeepSeek on Bedrock": ({"choices": [{"text": "billing", "stop_reason": "stop"}]}, "billing", "stop"),
    "text generation server": ({"generated_text": "billing"}, "billing", None),
    "text generation server, details": (
        [{"generated_text": "billing", "details": {"finish_reason": "eos_token"}}],
        "billing",
        "eos_token",
    ),
    "Replicate": ({"id": "p", "status": "succeeded", "error": None, "output": ["bil", "ling"]}, "billing", "succeeded"),
    "bare message": ({"role": "assistant", "content": "billing"}, "billing", None),
    "bare messages": ([{"role": "assistant", "content": "billing"}], "billing", None),
    "bare choice": (CHAT["choices"][0], "billing", "stop"),  # type: ignore[index]
    "content blocks": ([{"type": "thinking", "thinking": "x"}, {"type": "text", "text": "billing"}], "billing", None),
    "items of a response": (
        [{"type": "reasoning", "summary": []}, {"type": "function_call", "name": "route", "arguments": CALLS[15:35]}],
        CALLS,
        None,
    ),
    "Gemini's content": ({"role": "model", "parts": [{"text": "billing"}]}, "billing", None),
    "telemetry's message": (
        {"role": "assistant", "parts": [{"type": "text", "content": "billing"}], "finish_reason": "stop"},
        "billing",
        "stop",
    ),
    "telemetry's tool call": (
        [
            {
                "role": "assistant",
                "parts": [{"type": "tool_call", "id": "t", "name": "route", "arguments": {"queue": "billing"}}],
                "finish_reason": "tool_call",
            }
        ],
        CALLS,
        "tool_call",
    ),
    "LangChain's message": (
        {"type": "ai", "content": "billing", "response_metadata": {"finish_reason": "stop"}},
        "billing",
        "stop",
    ),
    "LangChain's dump": (
        {"lc": 1, "type": "constructor", "id": ["AIMessage"], "kwargs": {"content": "billing"}},
        "billing",
        None,
    ),
    "LangChain's tool call": (
        {"type": "ai", "content": "", "tool_calls": [{"name": "route", "args": {"queue": "billing"}}]},
        CALLS,
        None,
    ),
    "arguments as an object": (
        {"choices": [{"message": {"function_call": {"name": "route", "arguments": {"queue": "billing"}}}}]},
        CALLS,
        None,
    ),
    "predictions": ({"predictions": ["billing"]}, "billing", None),
    "predictions that are bodies": ({"predictions": [CHAT]}, "billing", "stop"),
    "a batch line of OpenAI": (
        {"id": "b", "custom_id": "1", "response": {"status_code": 200, "body": CHAT}, "error": None},
        "billing",
        "stop",
    ),
    "a batch line of Anthropic": (
        {"custom_id": "1", "result": {"type": "succeeded", "message": MESSAGE}},
        "billing",
        "end_turn",
    ),
    "a batch line of Gemini": ({"key": "1", "response": GEMINI}, "billing", "STOP"),
    "an invocation log of Bedrock": (
        {"schemaType": "ModelInvocationLog", "output": {"outputBodyJson": MESSAGE, "outputTokenCount": 3}},
        "billing",
        "end_turn",
    ),
    "a blocked prompt": ({"promptFeedback": {"blockReason": "OTHER"}}, None, "prompt_blocked:OTHER"),
}
ERRORS: dict[str, tuple[Any, str]] = {
    "vLLM": (
        {"object": "error", "message": "too long", "type": "BadRequestError", "param": None, "code": 400},
        "error",
    ),
    "FastAPI": ({"detail": "Internal Server Error"}, "error"),
    "FastAPI's validation": (
        {"detail": [{"type": "missing", "loc": ["body", "model"], "msg": "Field required", "input": {}}]},
        "error",
    ),
    "MLflow": ({"error_code": "RESOURCE_DOES_NOT_EXIST", "message": "no such model"}, "error"),
    "Azure's gateway": (
        {"statusCode": 429, "message": "Rate limit is exceeded. Try again in 9 seconds."},
        "rate_limited",
    ),
    "Azure's content filter": ({"error": {"code": "content_filter", "message": "filtered", "status": 400}}, "refused"),
    "text generation server": ({"error": "Model is overloaded", "error_type": "overloaded"}, "error"),
    "loading": ({"error": "Model x is loading", "estimated_time": 20.0}, "error"),
    "Amazon": ({"__type": "com.amazon.coral#ThrottlingException", "message": "Rate exceeded"}, "rate_limited"),
    "Amazon's gateway": ({"message": "Endpoint request timed out"}, "error"),
    "Lambda": ({"errorMessage": "Task timed out", "errorType": "Sandbox.Timedout"}, "timed_out"),
    "SageMaker": ({"ErrorCode": "ModelError", "Message": "it failed", "OriginalStatusCode": 500}, "error"),
    "Spring": ({"timestamp": "x", "status": 503, "error": "Service Unavailable", "path": "/v1"}, "error"),
    "RFC 9457": ({"type": "about:blank", "title": "Too Many Requests", "status": 429}, "rate_limited"),
    "gRPC": ({"code": 8, "message": "exhausted", "details": []}, "error"),
    "Gemini in a stream": ([{"error": {"code": 503, "status": "UNAVAILABLE", "message": "x"}}], "error"),
    "an error in Converse's stream": (
        [{"messageStart": {"role": "assistant"}}, {"throttlingException": {"message": "slow down"}}],
        "rate_limited",
    ),
}


@pytest.mark.parametrize(("body", "text", "finish"), ANSWERS.values(), ids=ANSWERS)
def test_answers_of_other_providers(body: Any, text: str | None, finish: str | None) -> None:
    for value in (body, json.dumps(body), repr(body), json.dumps(json.dumps(body)).encode()):
        assert column_form(OPENAI, [value]) is Form.BODIES
        parsed = read_recorded(OPENAI, value, form=Form.BODIES)
        assert (parsed.text, parsed.finish_reason) == (text, finish)


@pytest.mark.parametrize(("body", "failure"), ERRORS.values(), ids=ERRORS)
def test_errors_of_other_providers(body: Any, failure: str) -> None:
    for value in (body, json.dumps(body), repr(body)):
        parsed = read_recorded(OPENAI, value, form=Form.BODIES)
        assert (parsed.text, parsed.failure) == (None, failure)
        assert parsed.problem is not None


@pytest.mark.parametrize(
    "answer",
    [
        {"queue": "billing", "error": None},
        {"queue": None, "error": "no such queue"},
        {"choices": ["Paris", "Rome"], "right": 1},
        {"question": "?", "choices": [{"text": "Paris"}, {"text": "Rome"}]},
        {"candidates": [{"name": "Ana", "fit": 0.9}]},
        {"message": "Your invoice is paid."},
        {"status": "approved", "message": "It is within the limit."},
        {"type": "error", "component": "pump", "code": "E42"},
        {"content": "billing"},
        {"response": "billing", "confidence": 0.9},
        {"results": [{"title": "a"}]},
        {"output": "billing"},
        {"role": "manager", "content": "x"},
        {"id": 7, "model": "T4", "object": "van"},
        [{"type": "text", "name": "subject"}],
        [{"queue": "billing"}, {"queue": "fraud"}],
        {},
        [],
    ],
)
def test_answers_in_json_that_only_look_like_bodies_stay_answers(answer: Any) -> None:
    text = json.dumps(answer)
    assert column_form(OPENAI, [text] * 5) is Form.TEXT
    parsed = read_recorded(OPENAI, text, form=Form.TEXT)
    assert (parsed.text, parsed.failure) == (text, None)
    assert isinstance(read_recorded(OPENAI, text, form=Form.BODIES).text, Unknown | None)


@pytest.mark.parametrize(
    "value",
    [
        '{"error": "no such customer"}',
        '{"detail": "not mine"}',
        '{"id": "chatcmpl-1", "object": "chat.completion", "model": "m-1", "ch',
        "{'id': 'x', 'choices': [{'index': 0, 'mess",
        "ChatCompletion(id='x', choices=[Choice(finish_reason='stop', index=0, mess",
        '{"vendor": "x", "said": "billing", "usage": {"tokens_in": 3}}',
        '{"said": "billing", "stop_reason": "done"}',
        'data: {"vendor": "x", "piece": "bil"}\n\ndata: {"vendor": "x", "piece": "ling"}\n\n',
        'data: {"choices": [{"index": 0, "delta": {"content": "half an ans"}}]}\n\n',
        "<memory at 0x7f54fce0c4c0>",
        "<openai.Stream object at 0x7f54fce0c4c0>",
        b64encode(b"\x1f\x8b\x08" + bytes(40)).decode(),
        b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x02\xff\xab\x56\x2a\x4d",
        "[redacted]",
        "*** ",
        "<filtered by policy>",
    ],
)
def test_what_is_surely_no_answer_is_unknown_in_any_column(value: Any) -> None:
    for form in (Form.TEXT, Form.BODIES):
        text = read_recorded(OPENAI, value, form=form).text
        assert isinstance(text, Unknown) or (form is Form.BODIES and text is None)


@pytest.mark.parametrize(
    ("protocol", "values", "form"),
    [
        (OPENAI, [json.dumps(CHAT)] * 3, Form.BODIES),
        (OPENAI, ["billing"] * 3, Form.TEXT),
        (OPENAI, [json.dumps(CHAT), "billing", "fraud", "fraud"], Form.BODIES),
        (OPENAI, [json.dumps(CHAT), *["billing"] * 9], Form.TEXT),
        (OPENAI, [json.dumps({"error": {"code": "x"}}), *["billing"] * 2], Form.TEXT),
        (OPENAI, [json.dumps({"error": "down"})] * 3, Form.BODIES),
        (OPENAI, [json.dumps({"queue": "billing"})] * 3, Form.TEXT),
        (OPENAI, [json.dumps(CHAT), None, None, None, None, None], Form.BODIES),
        (OPENAI, [None, float("nan"), ""], Form.TEXT),
        (OPENAI, [], Form.TEXT),
        (JSON, [json.dumps({"queue": "billing"})] * 3, Form.TEXT),
        (JSON, [json.dumps(CHAT)] * 3, Form.BODIES),
        (MLFLOW, [json.dumps(["billing"])] * 3, Form.BODIES),
    ],
)
def test_the_column_says_whether_prose_is_an_answer(protocol: Protocol, values: list[Any], form: Form) -> None:
    assert column_form(protocol, values) is form


@pytest.mark.parametrize(
    ("usage", "counts"),
    [
        ({"prompt_tokens": 100, "completion_tokens": 5, "prompt_cache_hit_tokens": 80}, (100, 5, 80)),
        ({"prompt_tokens": 100, "completion_tokens": 5, "cache_read_input_tokens": 80}, (100, 5, 80)),
        ({"input_tokens": 20, "output_tokens": 5, "cache_read_input_tokens": 80}, (100, 5, 80)),
        ({"input_tokens": 100, "output_tokens": 5, "input_tokens_details": {"cached_tokens": 80}}, (100, 5, 80)),
        ({"inputTokens": 20, "outputTokens": 5, "cacheReadInputTokens": 80, "totalTokens": 105}, (100, 5, 80)),
        ({"inputTokens": 100, "outputTokens": 5, "cacheReadInputTokens": 80, "totalTokens": 105}, (100, 5, 80)),
        (
            {"tokens": {"input_tokens": 100.0, "output_tokens": 5.0}, "billed_units": {"input_tokens": 9}},
            (100, 5, None),
        ),
        ({"prompt_tokens": None, "completion_tokens": 5}, (None, 5, None)),
        ({"prompt_tokens": True, "completion_tokens": 1.5}, (None, None, None)),
        ("many", (None, None, None)),
    ],
)
def test_cached_tokens_are_part_of_the_input_for_every_provider(usage: Any, counts: Any) -> None:
    _, found = read_usage(json.dumps({"model": "m", "usage": usage}))
    assert (found.input_tokens, found.output_tokens, found.cached_tokens) == counts


@pytest.mark.parametrize(
    ("text", "as_body"),
    [("null", "empty"), ("None", "empty"), ("The page is gone (status code: 404)", "error")],
)
def test_what_is_a_failure_among_bodies_may_be_an_answer_among_texts(text: str, as_body: str) -> None:
    assert read_recorded(OPENAI, text, form=Form.TEXT).text == text
    parsed = read_recorded(OPENAI, text, form=Form.BODIES)
    assert (parsed.text, parsed.failure) == (None, as_body)
