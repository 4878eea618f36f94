"""What a model's response says, by protocol: the answer's text, why it ended, and what it used. No call is made here.

The same code reads responses that were recorded long ago and those of a replay, so the two can be compared.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from seamwatch.core.records.comparison import at_path, is_null, parse_json, read_json, strict_text
from seamwatch.errors import DataContractError
from seamwatch.spec.pipeline import Endpoint
from seamwatch.vocabulary import Protocol

_ENDINGS = {
    "/chat/completions": Protocol.OPENAI_CHAT,
    "/messages": Protocol.ANTHROPIC_MESSAGES,
    "/invocations": Protocol.MLFLOW,
}
_ERROR_CODE = re.compile(r"^[A-Za-z0-9_.-]{1,64}$")
"""What an error's code looks like; anything longer may be a sentence that quotes the prompt."""


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
    """Why there is no answer: `empty`, `not JSON`, `no answer in the body`, or `an error: <its code>`."""


def choose_protocol(endpoint: Endpoint, extra: Mapping[str, Any] | None = None) -> Protocol:
    """Return how the endpoint is spoken to: as the file says, as the connection's extra says, or by the path's ending.

    Raises:
        DataContractError: If the extra names a protocol that is not known.
    """
    if endpoint.protocol is not None:
        return endpoint.protocol
    given = extra or {}
    if "protocol" in given:
        try:
            return Protocol(given["protocol"])
        except ValueError:
            msg = (
                f"connection {endpoint.connection!r}: unknown protocol {given['protocol']!r} in its extra; "
                f"known: {', '.join(Protocol)}"
            )
            raise DataContractError(msg) from None
    path = (endpoint.path or str(given.get("path") or "")).partition("?")[0].rstrip("/")
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
        document = read_json(body)
    except (ValueError, RecursionError):
        return ParsedResponse(problem="not JSON")
    return _READERS[protocol](document, answer_path) or ParsedResponse(problem=_why_no_answer(document))


def read_recorded(protocol: Protocol, value: Any, answer_path: str | None = None) -> ParsedResponse:
    """Return what a recorded response says: a body in the protocol's shape is opened, anything else is the answer."""
    if is_null(value):
        return ParsedResponse(problem="empty")
    if isinstance(value, bytes):
        return read_recorded(protocol, value.decode("utf-8", errors="replace"), answer_path)
    document = value
    if isinstance(value, str):
        try:
            document = read_json(value)
        except (ValueError, RecursionError):
            return ParsedResponse(text=value)
    # A bare number or word is an answer already; only quotes around one are the work of JSON.
    is_quoted = protocol is Protocol.JSON and answer_path is None and isinstance(document, str)
    if isinstance(document, Mapping | list) or is_quoted:
        parsed = _READERS[protocol](document, answer_path)
        if parsed is not None:
            return parsed
    if isinstance(document, Mapping) and _is_envelope(protocol, document):
        return ParsedResponse(problem=_why_no_answer(document))
    return ParsedResponse(text=_as_text(value))


def _why_no_answer(document: Any) -> str:
    for path in ("error.code", "error.type", "error_code", "error"):
        code = at_path(document, path)
        if isinstance(code, str | int) and _ERROR_CODE.match(str(code)):
            return f"an error: {code}"
    return "no answer in the body"


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
    text = _content_text(message.get("content", choice.get("text")))
    # Tools are never executed: what the model wants to call is its answer.
    text = text or _tool_text([call.get("function", call) for call in _mappings(message.get("tool_calls"))]) or text
    refusal = _text_or_none(message.get("refusal")) if not text else None
    finish_reason = "refusal" if refusal else _text_or_none(choice.get("finish_reason"))
    if text is None and finish_reason is None:
        return None
    return ParsedResponse(
        text=refusal or text,
        finish_reason=finish_reason,
        model=_text_or_none(document.get("model")),
        input_tokens=_count(at_path(document, "usage.prompt_tokens")),
        output_tokens=_count(at_path(document, "usage.completion_tokens")),
        cached_tokens=_count(at_path(document, "usage.prompt_tokens_details.cached_tokens")),
    )


def _read_anthropic(document: Any, _: str | None) -> ParsedResponse | None:
    content = document.get("content") if isinstance(document, Mapping) else None
    finish_reason = _text_or_none(at_path(document, "stop_reason"))
    if not isinstance(content, list):
        return None
    tools = [
        {"name": part.get("name"), "arguments": part.get("input")}
        for part in _mappings(content)
        if part.get("type") == "tool_use"
    ]
    text = _content_text(content) or _tool_text(tools)
    if text is None and finish_reason is None:
        return None
    fresh = _count(at_path(document, "usage.input_tokens"))
    cached = _count(at_path(document, "usage.cache_read_input_tokens"))
    written = _count(at_path(document, "usage.cache_creation_input_tokens")) or 0
    return ParsedResponse(
        text=text,
        finish_reason=finish_reason,
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


def _content_text(content: Any) -> str | None:
    """Return the text of a message's content, given as text or as a list of parts; None if there is none."""
    if isinstance(content, str):
        return content
    texts = [part["text"] for part in _mappings(content) if isinstance(part.get("text"), str)]
    return "".join(texts) if texts else None


def _tool_text(calls: list[Any]) -> str | None:
    """Return the wanted tool calls as JSON, their arguments opened, so that spacing within them makes no difference."""
    opened = [
        {"name": call.get("name"), "arguments": parse_json(call.get("arguments"))}
        if isinstance(call, Mapping)
        else call
        for call in calls
    ]
    return _as_text(opened) if opened else None


def _mappings(value: Any) -> list[Mapping[str, Any]]:
    return [part for part in value if isinstance(part, Mapping)] if isinstance(value, list) else []


def _as_text(value: Any) -> str:
    if isinstance(value, Mapping | list):
        return json.dumps(value, ensure_ascii=False, sort_keys=True, default=str)
    return strict_text(value) or ""


def _text_or_none(value: Any) -> str | None:
    return value if isinstance(value, str) else None


def _count(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None
