"""A streamed response put together to the body that the same call would have given without streaming."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from seamwatch.vocabulary import Protocol


def assemble_stream(protocol: Protocol, text: str) -> str:
    """Return the whole body of a server-sent-event stream; broken events are left out, a broken stream ends early."""
    events = list(_events(text))
    body = _assemble_anthropic(events) if protocol is Protocol.ANTHROPIC_MESSAGES else _assemble_openai(events)
    return json.dumps(body) if events else ""


def _events(text: str) -> Iterator[dict[str, Any]]:
    for line in text.splitlines():
        data = line.removeprefix("data:").strip()
        if line.startswith("data:") and data != "[DONE]":
            try:
                event = json.loads(data)
            except ValueError:
                continue
            if isinstance(event, dict):
                yield event


def _assemble_openai(events: list[dict[str, Any]]) -> dict[str, Any]:
    parts: list[str] = []
    body: dict[str, Any] = {}
    finish = None
    for event in events:
        body.update({name: event[name] for name in ("id", "model", "usage") if event.get(name)})
        for choice in event.get("choices") or []:
            parts.append(str((choice.get("delta") or {}).get("content") or ""))
            finish = choice.get("finish_reason") or finish
    message = {"role": "assistant", "content": "".join(parts)}
    return body | {"choices": [{"index": 0, "message": message, "finish_reason": finish}]}


def _assemble_anthropic(events: list[dict[str, Any]]) -> dict[str, Any]:
    parts: list[str] = []
    body: dict[str, Any] = {}
    usage: dict[str, Any] = {}
    for event in events:
        message = event.get("message") or {}
        body.update({name: message[name] for name in ("id", "model") if message.get(name)})
        usage |= {**(message.get("usage") or {}), **(event.get("usage") or {})}
        delta = event.get("delta") or {}
        parts.append(str(delta.get("text") or ""))
        if delta.get("stop_reason"):
            body["stop_reason"] = delta["stop_reason"]
    return body | {"content": [{"type": "text", "text": "".join(parts)}], "usage": usage}
