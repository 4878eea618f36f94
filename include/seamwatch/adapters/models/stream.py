"""A streamed response put together to the body that the same call would have given without streaming."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

from seamwatch.vocabulary import Protocol

_LINE_END = re.compile(r"\r\n|\n|\r")
"""The only ends of a line in an event stream; str.splitlines also breaks at characters that may stand in an answer."""


def assemble_stream(protocol: Protocol, text: str) -> str | None:
    """Return the whole body of a server-sent-event stream as JSON; None if it is broken or ends too early."""
    events = list(_events(text))
    error = next((event for event in events if event.get("error")), None)
    if error is not None:
        return json.dumps({"error": error["error"]})
    assemble = _assemble_anthropic if protocol is Protocol.ANTHROPIC_MESSAGES else _assemble_openai
    try:
        body = assemble(events)
    except (AttributeError, TypeError, ValueError):  # events in a shape that is not the protocol's
        return None
    return json.dumps(body) if body is not None else None


def _events(text: str) -> Iterator[dict[str, Any]]:
    """Yield the JSON objects of the stream; an event's data may stand on several lines."""
    data: list[str] = []
    for line in [*_LINE_END.split(text), ""]:
        if line.startswith("data:"):
            data.append(line.removeprefix("data:").removeprefix(" "))
        elif not line and data:
            try:
                event = json.loads("\n".join(data))
            except (ValueError, RecursionError):
                event = None  # the mark [DONE], or the stump at the end of a broken stream
            data = []
            if isinstance(event, dict):
                yield event


def _assemble_openai(events: list[dict[str, Any]]) -> dict[str, Any] | None:
    body: dict[str, Any] = {}
    message: dict[str, Any] = {"role": "assistant", "content": None}
    tools: dict[int, dict[str, str]] = {}
    finish_reason = None
    for event in events:
        body.update({name: event[name] for name in ("id", "model", "usage") if event.get(name)})
        for choice in event.get("choices") or []:
            if choice.get("index", 0) != 0:
                continue
            delta = choice.get("delta") or {}
            for name in ("content", "refusal"):
                if isinstance(delta.get(name), str):
                    message[name] = (message.get(name) or "") + delta[name]
            for part in delta.get("tool_calls") or []:
                tool = tools.setdefault(part.get("index", 0), {"name": "", "arguments": ""})
                for name, piece in (part.get("function") or {}).items():
                    tool[name] = tool.get(name, "") + (piece or "")
            finish_reason = choice.get("finish_reason") or finish_reason
    if finish_reason is None:
        return None
    if tools:
        message["tool_calls"] = [{"function": tools[index]} for index in sorted(tools)]
    return body | {"choices": [{"index": 0, "message": message, "finish_reason": finish_reason}]}


def _assemble_anthropic(events: list[dict[str, Any]]) -> dict[str, Any] | None:
    body: dict[str, Any] = {}
    usage: dict[str, Any] = {}
    blocks: dict[int, dict[str, Any]] = {}
    arguments: dict[int, str] = {}
    for event in events:
        index = event.get("index", 0)
        delta = event.get("delta") or {}
        message = event.get("message") or {}
        body.update({name: message[name] for name in ("id", "model") if message.get(name)})
        usage |= {**(message.get("usage") or {}), **(event.get("usage") or {})}
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
        blocks.setdefault(index, {"type": "tool_use"})["input"] = json.loads(text or "{}")
    return body | {"content": [blocks[index] for index in sorted(blocks)], "usage": usage}
