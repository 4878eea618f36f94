"""What a model's response says, by protocol: the answer's text, why it ended, and what it used. No call is made here.

The same code reads responses that were recorded long ago and those of a replay, so the two can be compared.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from seamwatch.core.compare import at_path, is_null
from seamwatch.spec.pipeline import Endpoint
from seamwatch.vocabulary import Protocol

_ENDINGS = {
    "/chat/completions": Protocol.OPENAI_CHAT,
    "/messages": Protocol.ANTHROPIC_MESSAGES,
    "/invocations": Protocol.MLFLOW,
}


@dataclass(frozen=True, kw_only=True)
class ParsedResponse:
    """What a response body says."""

    text: str | None = None
    """The answer itself; None if the body holds none."""
    finish_reason: str | None = None
    model: str | None = None
    input_tokens: int | None = None
    """All input tokens, cached ones included."""
    output_tokens: int | None = None
    cached_tokens: int | None = None
    """Of the input tokens, those read from a cache."""
    problem: str | None = None
    """Why there is no answer: `empty`, `not JSON`, `no answer in the body`."""


def choose_protocol(endpoint: Endpoint, extra: Mapping[str, Any] | None = None) -> Protocol:
    """Return how the endpoint is spoken to: as the file says, as the connection's extra says, or by the path's ending."""
    if endpoint.protocol is not None:
        return endpoint.protocol
    named = (extra or {}).get("protocol")
    if named is not None:
        return Protocol(named)
    path = (endpoint.path or str((extra or {}).get("path", ""))).rstrip("/")
    return next((protocol for ending, protocol in _ENDINGS.items() if path.endswith(ending)), Protocol.JSON)


def read_response(protocol: Protocol, body: str | None, answer_path: str | None = None) -> ParsedResponse:
    """Return what a response body says; a broken one has `problem` set, and nothing is raised.

    Args:
        protocol: How the endpoint speaks.
        body: As it came.
        answer_path: For plain JSON, the dotted path of the answer; default: the whole body.
    """
    if body is None or not body.strip():
        return ParsedResponse(problem="empty")
    try:
        document = json.loads(body)
    except ValueError:
        return ParsedResponse(problem="not JSON")
    parsed = _READERS[protocol](document, answer_path)
    return parsed if parsed is not None else ParsedResponse(problem="no answer in the body")


def read_recorded(protocol: Protocol, value: Any, answer_path: str | None = None) -> ParsedResponse:
    """Return what a recorded response says: a body in the protocol's shape is opened, anything else is the answer."""
    if is_null(value):
        return ParsedResponse(problem="empty")
    document = value
    if isinstance(value, str):
        try:
            document = json.loads(value)
        except ValueError:
            return ParsedResponse(text=value)
    elif isinstance(value, bytes):
        return read_recorded(protocol, value.decode("utf-8", errors="replace"), answer_path)
    parsed = _READERS[protocol](document, answer_path) if isinstance(document, Mapping | list) else None
    if parsed is not None:
        return parsed
    if isinstance(document, Mapping) and _is_envelope(protocol, document):
        return ParsedResponse(problem="no answer in the body")
    return ParsedResponse(text=value if isinstance(value, str) else _as_text(value))


def _is_envelope(protocol: Protocol, document: Mapping[str, Any]) -> bool:
    """Return whether the body is the protocol's own, though it holds no answer: an error, or an empty list."""
    marks = {
        Protocol.OPENAI_CHAT: ("choices", "error"),
        Protocol.ANTHROPIC_MESSAGES: ("content", "error"),
        Protocol.MLFLOW: ("predictions", "error_code"),
    }
    return any(mark in document for mark in marks.get(protocol, ()))


def _read_openai(document: Any, _: str | None) -> ParsedResponse | None:
    choice = at_path(document, "choices.0")
    if not isinstance(choice, Mapping):
        return None
    raw = choice.get("message")
    message = raw if isinstance(raw, Mapping) else {}
    content = message.get("content", choice.get("text"))
    if isinstance(content, list):
        content = "".join(str(part.get("text", "")) for part in content if isinstance(part, Mapping))
    text = content if isinstance(content, str) else None
    if not text and message.get("tool_calls"):
        # Tools are never executed: what the model wants to call is its answer.
        text = _as_text([call.get("function", call) for call in message["tool_calls"]])
    is_refusal = not text and isinstance(message.get("refusal"), str)
    return ParsedResponse(
        text=message["refusal"] if is_refusal else text,
        finish_reason="refusal" if is_refusal else _text_or_none(choice.get("finish_reason")),
        model=_text_or_none(document.get("model")),
        input_tokens=_count(at_path(document, "usage.prompt_tokens")),
        output_tokens=_count(at_path(document, "usage.completion_tokens")),
        cached_tokens=_count(at_path(document, "usage.prompt_tokens_details.cached_tokens")),
    )


def _read_anthropic(document: Any, _: str | None) -> ParsedResponse | None:
    content = document.get("content") if isinstance(document, Mapping) else None
    if not isinstance(content, list):
        return None
    texts = [part["text"] for part in content if isinstance(part, Mapping) and isinstance(part.get("text"), str)]
    tools = [
        {"name": part.get("name"), "arguments": part.get("input")}
        for part in content
        if isinstance(part, Mapping) and part.get("type") == "tool_use"
    ]
    fresh = _count(at_path(document, "usage.input_tokens"))
    cached = _count(at_path(document, "usage.cache_read_input_tokens"))
    written = _count(at_path(document, "usage.cache_creation_input_tokens")) or 0
    return ParsedResponse(
        text="".join(texts) or (_as_text(tools) if tools else None),
        finish_reason=_text_or_none(document.get("stop_reason")),
        model=_text_or_none(document.get("model")),
        # This protocol counts cached tokens beside the input; here they are part of it, as elsewhere.
        input_tokens=None if fresh is None else fresh + (cached or 0) + written,
        output_tokens=_count(at_path(document, "usage.output_tokens")),
        cached_tokens=cached,
    )


def _read_mlflow(document: Any, _: str | None) -> ParsedResponse | None:
    if isinstance(document, Mapping) and isinstance(document.get("choices"), list):
        return _read_openai(document, None)
    predictions = document.get("predictions") if isinstance(document, Mapping) else document
    if predictions is None or predictions == []:
        return None
    first = predictions[0] if isinstance(predictions, list) and len(predictions) == 1 else predictions
    return ParsedResponse(text=_as_text(first))


def _read_json(document: Any, answer_path: str | None) -> ParsedResponse | None:
    answer = at_path(document, answer_path) if answer_path else document
    if answer is None:
        return None
    about = document if isinstance(document, Mapping) else {}
    return ParsedResponse(
        text=_as_text(answer),
        finish_reason=_text_or_none(about.get("finish_reason")),
        model=_text_or_none(about.get("model")),
        input_tokens=_count(at_path(document, "usage.input_tokens")),
        output_tokens=_count(at_path(document, "usage.output_tokens")),
    )


_READERS = {
    Protocol.OPENAI_CHAT: _read_openai,
    Protocol.ANTHROPIC_MESSAGES: _read_anthropic,
    Protocol.MLFLOW: _read_mlflow,
    Protocol.JSON: _read_json,
    Protocol.CALLABLE: _read_json,
}


def _as_text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, sort_keys=True)


def _text_or_none(value: Any) -> str | None:
    return value if isinstance(value, str) else None


def _count(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None
