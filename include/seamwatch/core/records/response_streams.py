"""A streamed response put together to the body that the same call would have given without streaming.

Streams stand in logs as server-sent events, as lines of JSON or of printed objects, or as a list of their events.
"""

from __future__ import annotations

import json
import re
from base64 import b64decode
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from seamwatch.core.records.comparison import read_json
from seamwatch.core.records.response_errors import read_error
from seamwatch.core.records.response_text import open_text

_LINE_END = re.compile(r"\r\n|\n|\r")
"""The only ends of a line in an event stream; str.splitlines also breaks at characters that may stand in an answer."""
_ESCAPED_END = re.compile(r"(?:\\r)?\\n(?=(?:(?:\\r)?\\n)*(?:data:|event:|id:|retry:|:|$))")
"""An end of a line as a logger escapes it."""
_FIELD = re.compile(r"^(data|event|id|retry)?:")
_END = "[DONE]"
_MARKS = re.compile(
    "choices|type|message|content|candidates|prompt|done|generat|output|completion|error|Exception|metadata|usage|response"
)
"""Of these the names in a stream's first event hold one."""
_Event = Mapping[str, Any]


def is_stream(text: str) -> bool:
    """Return whether the text is written as a stream of server-sent events."""
    return _FIELD.match(text.lstrip("\ufeff \t\r\n")) is not None and "data:" in text


def assemble_text(text: str) -> dict[str, Any] | None:
    """Return the whole body of a stream that stands as text; None if it is none, is broken or ends too early."""
    if is_stream(text):
        events, has_end = _sse_events(text)
    else:
        events, has_end = _line_events(text), False
    return assemble_events(events, has_end=has_end, is_stream=is_stream(text)) if events else None


def assemble_events(events: list[Any], *, has_end: bool = False, is_stream: bool = False) -> dict[str, Any] | None:
    """Return the whole body of a stream given as its events; None if they are none, or end too early.

    Args:
        events: Objects, in order.
        has_end: Whether a mark after them says that nothing is missing.
        is_stream: Whether they came as a stream, so that an error among them is its end whatever the others are.
    """
    opened = [_opened(event) for event in events if isinstance(event, Mapping)]
    if not opened or len(opened) != len(events) or not _MARKS.search(" ".join(map(str, opened[0]))):
        return None
    assemble = next((make for is_mine, make in _KINDS if any(is_mine(event) for event in opened)), None)
    error = next((body for event in opened if (body := _error_body(event)) is not None), None)
    if error is not None and (is_stream or assemble is not None):
        return error
    if assemble is None:
        return None
    try:
        return assemble(opened, has_end)
    except (AttributeError, TypeError, ValueError, KeyError, IndexError):
        return None  # events in a shape that is not their provider's


# How events are written.


def _sse_events(text: str) -> tuple[list[Any], bool]:
    """Return the objects of an event stream, and whether it says that it is whole."""
    if "\n" not in text and "\r" not in text:
        text = _ESCAPED_END.sub("\n", text)
    events: list[Any] = []
    has_end = False
    data: list[str] = []
    for line in [*_LINE_END.split(text.lstrip("\ufeff \t\r\n")), ""]:
        if line.startswith("data:"):
            data.append(line.removeprefix("data:").removeprefix(" "))
        elif not line.strip() and data:
            events += _data_objects(data)
            has_end = has_end or data[-1].strip() == _END
            data = []
    return events, has_end


def _data_objects(data: list[str]) -> Iterator[Any]:
    """Yield what the data lines of one event say; logs often lose the blank lines between events."""
    for text in ["\n".join(data)] if len(data) == 1 or _object(" ".join(data)) is not None else data:
        found = _object(text)
        if found is not None:
            yield found


def _object(text: str) -> Mapping[str, Any] | None:
    try:
        found = read_json(text)
    except (ValueError, RecursionError):
        found = open_text(text)
    return found if isinstance(found, Mapping) else None


def _line_events(text: str) -> list[Any]:
    """Return objects that stand one a line, or one after the other; none if anything else stands there."""
    text = text.strip("\ufeff \t\r\n")
    if not re.match(r"\{|[A-Za-z_]\w*\(", text):
        return []
    events = _json_objects(text)
    if events:
        return events
    lines = [line for line in _LINE_END.split(text) if line.strip()]
    found = [open_text(line) for line in lines] if len(lines) > 1 else []
    return found if all(isinstance(one, Mapping) for one in found) else []


def _json_objects(text: str) -> list[Any]:
    found: list[Any] = []
    decoder, at = json.JSONDecoder(), 0
    try:
        while at < len(text):
            event, at = decoder.raw_decode(text, at)
            found.append(event)
            while at < len(text) and text[at] in " \t\r\n,":
                at += 1
    except (ValueError, RecursionError):
        return []
    return found


def _opened(event: _Event) -> _Event:
    """Return an event without the wrapping of Amazon's event streams, and without the object of a log around it."""
    chunk = event.get("chunk")
    data = chunk.get("bytes") if isinstance(chunk, Mapping) else event.get("bytes")
    if isinstance(data, str) and len(event) <= 2:
        inner = open_text(data)
        if isinstance(inner, Mapping):
            return inner
        try:
            inner = open_text(b64decode(data, validate=True).decode("utf-8"))
        except ValueError:
            return event
        return inner if isinstance(inner, Mapping) else event
    return event


def _error_body(event: _Event) -> dict[str, Any] | None:
    name = next((name for name in event if name.endswith("Exception")), None)
    if name is not None:  # Amazon's event streams
        return {"error": {"type": name}}
    if event.get("type") == "error" and not isinstance(event.get("error"), Mapping):
        return {"error": {"code": event.get("code"), "type": "error"}}
    return {"error": event["error"]} if event.get("error") and read_error({"error": event["error"]}) else None


# How providers cut an answer into events.


def _assemble_chat(events: list[_Event], has_end: bool) -> dict[str, Any] | None:
    """Chat completions and legacy completions: pieces of the first choice."""
    body: dict[str, Any] = {}
    message: dict[str, Any] = {"role": "assistant", "content": None}
    text: list[str] = []
    tools: dict[int, dict[str, Any]] = {}
    finish_reason, is_legacy, has_pieces = None, False, False
    for event in events:
        body.update({name: event[name] for name in ("id", "model", "usage") if event.get(name)})
        for choice in event.get("choices") or []:
            if (choice.get("index") or 0) != 0:
                continue
            delta = choice.get("delta") or {}
            has_pieces = has_pieces or "delta" in choice or "text" in choice
            if isinstance(choice.get("text"), str):
                is_legacy = True
                text.append(choice["text"])
            _add_delta(message, tools, delta)
            finish_reason = choice.get("finish_reason") or finish_reason
    if not has_pieces or (finish_reason is None and not has_end):
        return None
    if is_legacy:
        return body | {"choices": [{"index": 0, "text": "".join(text), "finish_reason": finish_reason}]}
    if tools:
        message["tool_calls"] = [tools[index] for index in sorted(tools)]
    return body | {"choices": [{"index": 0, "message": message, "finish_reason": finish_reason}]}


def _add_delta(message: dict[str, Any], tools: dict[int, dict[str, Any]], delta: _Event) -> None:
    content = delta.get("content")
    if isinstance(content, list):  # Mistral's reasoning models
        content = "".join(part.get("text") or "" for part in content if part.get("type") == "text")
    for name, piece in (("content", content), ("refusal", delta.get("refusal"))):
        if isinstance(piece, str):
            message[name] = (message.get(name) or "") + piece
    if isinstance(delta.get("function_call"), Mapping):
        _join(message.setdefault("function_call", {}), delta["function_call"])
    for place, part in enumerate(delta.get("tool_calls") or []):
        index = part.get("index")
        tool = tools.setdefault(place if index is None else index, {})
        for name in ("function", "custom"):
            if isinstance(part.get(name), Mapping):
                _join(tool.setdefault(name, {}), part[name])


def _join(whole: dict[str, Any], pieces: _Event) -> None:
    for name, piece in pieces.items():
        if isinstance(piece, str):
            whole[name] = whole.get(name, "") + piece
        elif piece is not None:
            whole[name] = piece


def _assemble_responses(events: list[_Event], _: bool) -> dict[str, Any] | None:
    """OpenAI's Responses: the last event holds the whole."""
    for event in reversed(events):
        if event.get("type") in ("response.completed", "response.incomplete", "response.failed"):
            response = event.get("response")
            return dict(response) if isinstance(response, Mapping) else None
    return None


def _assemble_anthropic(events: list[_Event], _: bool) -> dict[str, Any] | None:
    body: dict[str, Any] = {}
    usage: dict[str, Any] = {}
    blocks: dict[int, dict[str, Any]] = {}
    arguments: dict[int, str] = {}
    for event in events:
        index = event.get("index", 0)
        delta = event.get("delta") or {}
        message = event.get("message") or {}
        body.update({name: message[name] for name in ("id", "model") if message.get(name)})
        usage |= {
            name: n for part in (message, event) for name, n in (part.get("usage") or {}).items() if n is not None
        }
        if event.get("type") == "content_block_start":
            blocks[index] = dict(event.get("content_block") or {})
        elif delta.get("type") == "text_delta":
            block = blocks.setdefault(index, {"type": "text"})
            block["text"] = block.get("text", "") + delta.get("text", "")
        elif delta.get("type") == "input_json_delta":
            arguments[index] = arguments.get(index, "") + delta.get("partial_json", "")
        if delta.get("stop_reason"):
            body["stop_reason"] = delta["stop_reason"]
    if "stop_reason" not in body:
        return None
    for index, text in arguments.items():
        # Arguments that the end of the answer cut off stay as they are.
        blocks.setdefault(index, {"type": "tool_use"})["input"] = _object(text) or text or {}
    return body | {"type": "message", "content": [blocks[index] for index in sorted(blocks)], "usage": usage}


def _assemble_gemini(events: list[_Event], _: bool) -> dict[str, Any] | None:
    """Gemini: every event is a body of its own, with the next parts."""
    body: dict[str, Any] = {}
    parts: list[Any] = []
    finish = None
    for event in events:
        body.update({name: value for name, value in event.items() if name != "candidates" and value is not None})
        for candidate in event.get("candidates") or []:
            if (candidate.get("index") or 0) == 0:
                parts += (candidate.get("content") or {}).get("parts") or []
                finish = candidate.get("finishReason") or candidate.get("finish_reason") or finish
    is_blocked = "promptFeedback" in body or "prompt_feedback" in body
    if finish is None:
        return body if is_blocked and not parts else None
    return body | {"candidates": [{"content": {"role": "model", "parts": parts}, "finishReason": finish}]}


def _assemble_converse(events: list[_Event], _: bool) -> dict[str, Any] | None:
    """Bedrock's Converse, and Nova's bodies."""
    body: dict[str, Any] = {}
    blocks: dict[int, dict[str, Any]] = {}
    for event in events:
        start, delta = event.get("contentBlockStart") or {}, event.get("contentBlockDelta") or {}
        if start:
            blocks[start.get("contentBlockIndex", 0)] = dict(start.get("start") or {})
        piece = delta.get("delta") or {}
        block = blocks.setdefault(delta.get("contentBlockIndex", 0), {}) if delta else {}
        if isinstance(piece.get("text"), str):
            block["text"] = block.get("text", "") + piece["text"]
        if "reasoningContent" in piece:
            block["reasoningContent"] = {}
        if isinstance(piece.get("toolUse"), Mapping):
            tool = block["toolUse"] = dict(block.get("toolUse") or {})
            tool["input"] = tool.get("input", "") + piece["toolUse"].get("input", "")
        body.update({name: value for name, value in (event.get("metadata") or {}).items() if name == "usage"})
        if event.get("messageStop"):
            body["stopReason"] = event["messageStop"].get("stopReason")
    if "stopReason" not in body:
        return None
    message = {"role": "assistant", "content": [blocks[index] for index in sorted(blocks)]}
    return body | {"output": {"message": message}}


def _assemble_ollama(events: list[_Event], _: bool) -> dict[str, Any] | None:
    last = events[-1]
    if last.get("done") is not True:
        return None
    messages = [event["message"] for event in events if isinstance(event.get("message"), Mapping)]
    if not messages:
        return dict(last) | {"response": "".join(event.get("response") or "" for event in events)}
    content = "".join(message.get("content") or "" for message in messages)
    tools = [call for message in messages for call in message.get("tool_calls") or []]
    return dict(last) | {"message": {"role": "assistant", "content": content, "tool_calls": tools}}


def _assemble_cohere(events: list[_Event], _: bool) -> dict[str, Any] | None:
    """Cohere: in version 2 typed events, in version 1 a last event that holds the whole."""
    text: list[str] = []
    tools: list[dict[str, Any]] = []
    for event in events:
        kind, delta = event.get("type") or event.get("event_type"), event.get("delta") or {}
        message = delta.get("message") or {}
        if kind == "stream-end" and isinstance(event.get("response"), Mapping):
            return dict(event["response"]) | {"finish_reason": event.get("finish_reason")}
        if kind == "content-delta":
            text.append((message.get("content") or {}).get("text") or "")
        elif kind == "tool-call-start":
            tools.append({"function": dict((message.get("tool_calls") or {}).get("function") or {})})
        elif kind == "tool-call-delta" and tools:
            _join(tools[-1]["function"], (message.get("tool_calls") or {}).get("function") or {})
        elif kind == "message-end":
            said = {"role": "assistant", "content": "".join(text), "tool_calls": tools}
            return {"message": said, "finish_reason": delta.get("finish_reason"), "usage": delta.get("usage")}
    return None


def _assemble_pieces(events: list[_Event], _: bool) -> dict[str, Any] | None:
    """Bodies that each hold the next piece of text: Llama, Titan, Mistral and Claude's completions on Bedrock, TGI."""
    last = events[-1]
    if isinstance(last.get("generated_text"), str):
        return dict(last)
    for name, finish in (
        ("generation", "stop_reason"),
        ("outputText", "completionReason"),
        ("completion", "stop_reason"),
    ):
        if any(isinstance(event.get(name), str) for event in events):
            reason = next((event[finish] for event in reversed(events) if event.get(finish)), None)
            text = "".join(event.get(name) or "" for event in events)
            body = {"results": [{name: text, finish: reason}]} if name == "outputText" else {name: text, finish: reason}
            return dict(last) | body if reason is not None else None
    pieces = [one for event in events for one in event.get("outputs") or []]
    reason = next((one["stop_reason"] for one in reversed(pieces) if one.get("stop_reason")), None)
    if reason is None:
        return None
    return dict(last) | {"outputs": [{"text": "".join(one.get("text") or "" for one in pieces), "stop_reason": reason}]}


def _type_starts(*starts: str) -> Callable[[_Event], bool]:
    return lambda event: str(event.get("type") or event.get("event_type")).startswith(starts)


def _holds(*names: str) -> Callable[[_Event], bool]:
    return lambda event: any(name in event for name in names)


_KINDS: tuple[tuple[Callable[[_Event], bool], Callable[[list[_Event], bool], dict[str, Any] | None]], ...] = (
    (_holds("choices"), _assemble_chat),
    (_type_starts("response."), _assemble_responses),
    (_type_starts("message_start", "content_block_", "message_delta", "message_stop"), _assemble_anthropic),
    (_holds("messageStart", "contentBlockDelta", "contentBlockStart", "messageStop"), _assemble_converse),
    (_holds("candidates", "promptFeedback", "prompt_feedback"), _assemble_gemini),
    (_holds("done"), _assemble_ollama),
    (_type_starts("message-start", "content-", "message-end", "text-generation", "stream-"), _assemble_cohere),
    (_holds("generation", "outputText", "completion", "outputs", "generated_text"), _assemble_pieces),
)
