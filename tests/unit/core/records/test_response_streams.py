from __future__ import annotations

import json
from typing import Any

import pytest

from seamwatch.core.records.response_streams import assemble_text
from seamwatch.core.records.responses import read_response
from seamwatch.core.records.unknown import Unknown
from seamwatch.vocabulary import Protocol

OPENAI, ANTHROPIC = Protocol.OPENAI_CHAT, Protocol.ANTHROPIC_MESSAGES


def stream(*events: Any, end: str = "\n") -> str:
    return "".join(f"data: {json.dumps(event, ensure_ascii=False)}{end}{end}" for event in events)


def delta(finish_reason: str | None = None, index: int = 0, **part: Any) -> dict[str, Any]:
    return {"choices": [{"index": index, "delta": part, "finish_reason": finish_reason}]}


def answer(protocol: Protocol, text: str) -> tuple[str | None, str | None]:
    parsed = read_response(protocol, text)
    assert not isinstance(parsed.text, Unknown)
    return parsed.text, parsed.finish_reason


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_text_with_any_line_end_and_odd_characters(end: str) -> None:
    text = stream(delta(content="a\u2028\x85"), delta(content="b\n"), delta("stop"), end=end)
    assert answer(OPENAI, text) == ("a\u2028\x85b\n", "stop")


def test_data_on_several_lines_and_without_a_blank_line_at_the_end() -> None:
    text = 'data:{"choices": [{"delta":\ndata: {"content": "x"}}]}\n\n: comment\n\n' + stream(delta("stop")).strip()
    assert answer(OPENAI, text) == ("x", "stop")


def test_only_the_first_choice_counts() -> None:
    assert answer(OPENAI, stream(delta(content="a"), delta("stop", index=1, content="b"), delta("length"))) == (
        "a",
        "length",
    )


def test_tool_calls_come_in_pieces() -> None:
    name = delta(tool_calls=[{"index": 0, "function": {"name": "route", "arguments": ""}}])
    pieces = [delta(tool_calls=[{"index": 0, "function": {"arguments": part}}]) for part in ('{"queue"', ': "x"}')]
    text, finish_reason = answer(OPENAI, stream(name, *pieces, delta("tool_calls")))
    assert json.loads(text or "") == [{"name": "route", "arguments": {"queue": "x"}}]
    assert finish_reason == "tool_calls"


def test_refusal_comes_in_pieces() -> None:
    assert answer(OPENAI, stream(delta(refusal="I "), delta(refusal="cannot"), delta("stop"))) == (
        "I cannot",
        "refusal",
    )


def test_anthropic_tool_use_comes_in_pieces() -> None:
    text, finish_reason = answer(
        ANTHROPIC,
        stream(
            {"type": "message_start", "message": {"model": "m", "content": [], "usage": {"input_tokens": 1}}},
            {
                "type": "content_block_start",
                "index": 0,
                "content_block": {"type": "tool_use", "name": "route", "input": {}},
            },
            {
                "type": "content_block_delta",
                "index": 0,
                "delta": {"type": "input_json_delta", "partial_json": '{"queue": '},
            },
            {"type": "content_block_delta", "index": 0, "delta": {"type": "input_json_delta", "partial_json": '"x"}'}},
            {"type": "content_block_stop", "index": 0},
            {"type": "message_delta", "delta": {"stop_reason": "tool_use"}},
        ),
    )
    assert json.loads(text or "") == [{"name": "route", "arguments": {"queue": "x"}}]
    assert finish_reason == "tool_use"


@pytest.mark.parametrize("protocol", [OPENAI, ANTHROPIC])
def test_error_within_the_stream_is_the_body(protocol: Protocol) -> None:
    text = stream(delta(content="a"), {"type": "error", "error": {"type": "overloaded_error"}})
    assert read_response(protocol, text).problem == "an error: overloaded_error"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "<html>",
        "data: [DONE]\n\n",
        stream(delta(content="half an ans")),
        stream({"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "half"}}),
        stream({"choices": "x", "delta": "y"}),
        stream([1], "x", 7),
        "data: " + "[" * 100_000 + "\n\n",
    ],
)
def test_broken_stream_is_no_body(text: str) -> None:
    assert assemble_text(text) is None


def test_arguments_that_the_end_cut_off_are_kept_and_the_answer_is_truncated() -> None:
    text = stream(
        {"type": "content_block_start", "index": 0, "content_block": {"type": "tool_use", "name": "route"}},
        {"type": "content_block_delta", "index": 0, "delta": {"type": "input_json_delta", "partial_json": '{"a'}},
        {"type": "message_delta", "delta": {"stop_reason": "max_tokens"}},
    )
    parsed = read_response(ANTHROPIC, text)
    assert [(call.name, call.arguments) for call in parsed.tool_calls] == [("route", '{"a')]
    assert parsed.failure == "truncated"
