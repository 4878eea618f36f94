"""Response bodies of many protocols, as logs keep them, around one and the same answer.

The shapes follow the public API references of the providers; the content is our own.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

Body = dict[str, Any]
Shape = Callable[[str], Any]
"""The recorded value around an answer's text."""
_AT = "2026-03-02T00:00:00Z"


def _chat(message: Body, finish: str = "stop", **more: Any) -> Body:
    return {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 1772409600,
        "model": "m-1",
        "choices": [
            {"index": 0, "message": {"role": "assistant", **message}, "logprobs": None, "finish_reason": finish}
        ],
        "usage": {"prompt_tokens": 50, "completion_tokens": 12, "total_tokens": 62},
        **more,
    }


def _tool(text: str) -> Body:
    call = {"id": "call_1", "type": "function", "function": {"name": "route", "arguments": text}}
    return _chat({"content": None, "tool_calls": [call]}, "tool_calls")


def _function(text: str) -> Body:
    return _chat({"content": None, "function_call": {"name": "route", "arguments": text}}, "function_call")


def _legacy(text: str) -> Body:
    choice = {"index": 0, "text": text, "logprobs": None, "finish_reason": "stop"}
    return {"id": "cmpl-1", "object": "text_completion", "model": "m-1", "choices": [choice]}


def _responses(text: str) -> Body:
    part = {"type": "output_text", "text": text, "annotations": []}
    return {
        "id": "resp_1",
        "object": "response",
        "status": "completed",
        "error": None,
        "incomplete_details": None,
        "model": "m-1",
        "output": [
            {"type": "reasoning", "id": "rs_1", "summary": []},
            {"type": "message", "id": "msg_1", "role": "assistant", "status": "completed", "content": [part]},
        ],
        "usage": {"input_tokens": 50, "input_tokens_details": {"cached_tokens": 0}, "output_tokens": 12},
    }


def _responses_call(text: str) -> Body:
    item = {"type": "function_call", "id": "fc_1", "call_id": "call_1", "name": "route", "arguments": text}
    return {**_responses(text), "output": [item]}


def _anthropic(content: list[Body], stop: str = "end_turn") -> Body:
    return {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": "m-1",
        "content": content,
        "stop_reason": stop,
        "stop_sequence": None,
        "usage": {"input_tokens": 50, "cache_read_input_tokens": 0, "output_tokens": 12},
    }


def _gemini(text: str) -> Body:
    return {
        "candidates": [{"content": {"role": "model", "parts": [{"text": text}]}, "finishReason": "STOP", "index": 0}],
        "usageMetadata": {"promptTokenCount": 50, "candidatesTokenCount": 12, "totalTokenCount": 62},
        "modelVersion": "m-1",
    }


def _converse(text: str) -> Body:
    return {
        "output": {"message": {"role": "assistant", "content": [{"text": text}]}},
        "stopReason": "end_turn",
        "usage": {"inputTokens": 50, "outputTokens": 12, "totalTokens": 62},
        "metrics": {"latencyMs": 300},
    }


def _ollama_chat(text: str) -> Body:
    message = {"role": "assistant", "content": text}
    return {
        "model": "m-1",
        "created_at": "2026-03-02T00:00:00Z",
        "message": message,
        "done": True,
        "done_reason": "stop",
    }


def _ollama_generate(text: str) -> Body:
    return {"model": "m-1", "created_at": _AT, "response": text, "done": True, "done_reason": "stop"}


def _pieces(text: str) -> list[str]:
    return [text[at : at + 9] for at in range(0, len(text), 9)]


def _events(documents: list[Any], *, end: str = "", named: bool = False) -> str:
    names = [f"event: {document['type']}\n" if named else "" for document in documents]
    return "".join(f"{name}data: {json.dumps(d)}\n\n" for name, d in zip(names, documents, strict=True)) + end


def _chat_stream(text: str) -> str:
    def chunk(delta: Body, finish: str | None = None) -> Body:
        choice = {"index": 0, "delta": delta, "finish_reason": finish}
        return {"id": "chatcmpl-1", "object": "chat.completion.chunk", "model": "m-1", "choices": [choice]}

    parts = [chunk({"role": "assistant", "content": ""}), *(chunk({"content": piece}) for piece in _pieces(text))]
    return _events([*parts, chunk({}, "stop")], end="data: [DONE]\n\n")


def _anthropic_stream(text: str) -> str:
    start = {**_anthropic([]), "stop_reason": None}
    deltas = [
        {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": piece}}
        for piece in _pieces(text)
    ]
    documents = [
        {"type": "message_start", "message": start},
        {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
        *deltas,
        {"type": "content_block_stop", "index": 0},
        {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 12}},
        {"type": "message_stop"},
    ]
    return _events(documents, named=True)


def _responses_stream(text: str) -> str:
    deltas = [
        {
            "type": "response.output_text.delta",
            "item_id": "msg_1",
            "output_index": 1,
            "content_index": 0,
            "delta": piece,
        }
        for piece in _pieces(text)
    ]
    opened = {"type": "response.created", "response": {**_responses(text), "output": [], "status": "in_progress"}}
    return _events([opened, *deltas, {"type": "response.completed", "response": _responses(text)}], named=True)


def _gemini_stream(text: str) -> str:
    chunks = [_gemini(piece) for piece in _pieces(text)]
    for chunk in chunks[:-1]:
        del chunk["candidates"][0]["finishReason"]
    return _events(chunks)


def _ollama_stream(text: str) -> str:
    lines = [{**_ollama_chat(piece), "done": False} for piece in _pieces(text)]
    return "\n".join(json.dumps(line) for line in [*lines, _ollama_chat("")])


def _in_parts(text: str) -> Body:
    return _chat({"content": [{"type": "text", "text": text}]})


def _with_reasoning(text: str) -> Body:
    return _chat({"content": text, "reasoning_content": "I compare the topics."})


def _custom_tool(text: str) -> Body:
    call = {"id": "call_1", "type": "custom", "custom": {"name": "route", "input": text}}
    return _chat({"content": None, "tool_calls": [call]}, "tool_calls")


_BODIES: Mapping[str, Callable[[str], Any]] = {
    "chat completion": lambda text: _chat({"content": text}),
    "chat completion, error null": lambda text: _chat({"content": text}, error=None),
    "chat completion, content in parts": _in_parts,
    "chat completion, reasoning": _with_reasoning,
    "chat completion, tool call": _tool,
    "chat completion, custom tool": _custom_tool,
    "chat completion, function call": _function,
    "completion": _legacy,
    "bare choice": lambda text: _chat({"content": text})["choices"][0],
    "bare message": lambda text: {"role": "assistant", "content": text},
    "responses": _responses,
    "responses, function call": _responses_call,
    "messages": lambda text: _anthropic([{"type": "text", "text": text}]),
    "messages, thinking": lambda text: _anthropic(
        [{"type": "thinking", "thinking": "I compare.", "signature": "c2ln"}, {"type": "text", "text": text}]
    ),
    "messages, tool use": lambda text: _anthropic(
        [{"type": "tool_use", "id": "toolu_1", "name": "route", "input": json.loads(text)}], "tool_use"
    ),
    "gemini": _gemini,
    "gemini, thoughts": lambda text: {
        **_gemini(text),
        "candidates": [
            {
                "content": {"role": "model", "parts": [{"text": "I compare.", "thought": True}, {"text": text}]},
                "finishReason": "STOP",
            }
        ],
    },
    "converse": _converse,
    "converse, tool use": lambda text: {
        **_converse(text),
        "output": {
            "message": {
                "role": "assistant",
                "content": [{"toolUse": {"toolUseId": "t1", "name": "route", "input": json.loads(text)}}],
            }
        },
        "stopReason": "tool_use",
    },
    "titan": lambda text: {
        "inputTextTokenCount": 50,
        "results": [{"tokenCount": 12, "outputText": text, "completionReason": "FINISH"}],
    },
    "llama on bedrock": lambda text: {
        "generation": text,
        "prompt_token_count": 50,
        "generation_token_count": 12,
        "stop_reason": "stop",
    },
    "mistral on bedrock": lambda text: {"outputs": [{"text": text, "stop_reason": "stop"}]},
    "ollama chat": _ollama_chat,
    "ollama generate": _ollama_generate,
    "mlflow predictions": lambda text: {"predictions": [text]},
    "mlflow predictions, object": lambda text: {"predictions": [json.loads(text)]},
}
_STREAMS: Mapping[str, Shape] = {
    "chat stream": _chat_stream,
    "messages stream": _anthropic_stream,
    "responses stream": _responses_stream,
    "gemini stream": _gemini_stream,
    "ollama stream": _ollama_stream,
}
_WRAPPED = ("chat completion", "messages", "responses", "gemini", "converse", "chat completion, tool call")


def _wrapped() -> Mapping[str, Shape]:
    found: dict[str, Shape] = {}
    for name in _WRAPPED:
        make = _BODIES[name]
        found[f"{name}; JSON in JSON"] = lambda text, make=make: json.dumps(json.dumps(make(text)))
        found[f"{name}; repr"] = lambda text, make=make: repr(make(text))
        found[f"{name}; bytes"] = lambda text, make=make: json.dumps(make(text)).encode()
        found[f"{name}; in a list"] = lambda text, make=make: json.dumps([make(text)])
    return found


def _fenced(text: str) -> str:
    return f"```json\n{text}\n```"


SHAPES: Mapping[str, Shape] = {
    "text": lambda text: text,
    "fenced text": _fenced,
    "text in JSON": json.dumps,
    **{name: (lambda text, make=make: json.dumps(make(text))) for name, make in _BODIES.items()},
    **{
        f"{name}; fenced": (lambda text, make=make: json.dumps(make(_fenced(text))))
        for name, make in _BODIES.items()
        if name in ("chat completion", "messages", "gemini")
    },
    **_STREAMS,
    **_wrapped(),
}
"""Each documented shape, by name."""
