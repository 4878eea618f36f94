"""Forms in which a log keeps a response, readable and not, made from one chat completion."""

from __future__ import annotations

import base64
import gzip
import json
from collections.abc import Callable, Mapping
from typing import Any

Wrap = Callable[[dict[str, Any]], Any]


def content_of(body: dict[str, Any]) -> str:
    return str(body["choices"][0]["message"]["content"])


def _events(body: dict[str, Any]) -> str:
    text = content_of(body)
    pieces = [text[k : k + 7] for k in range(0, len(text), 7)]
    chunks = [
        {"id": "c1", "object": "chat.completion.chunk", "model": "m-1", "choices": [{"index": 0, "delta": delta}]}
        for delta in ({"role": "assistant", "content": ""}, *({"content": piece} for piece in pieces))
    ]
    chunks.append(
        {"id": "c1", "object": "chat.completion.chunk", "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}
    )
    return "".join(f"data: {json.dumps(chunk)}\n\n" for chunk in chunks) + "data: [DONE]\n\n"


def _function_call(body: dict[str, Any]) -> str:
    message = {"role": "assistant", "content": None, "function_call": {"name": "route", "arguments": content_of(body)}}
    return json.dumps({**body, "choices": [{"index": 0, "message": message, "finish_reason": "function_call"}]})


READABLE: Mapping[str, Wrap] = {
    "body": json.dumps,
    "text": content_of,
    "body in JSON text": lambda body: json.dumps(json.dumps(body)),
    "repr of the body": repr,
    "event stream": _events,
    "fenced answer": lambda body: f"```json\n{content_of(body)}\n```",
    "bytes": lambda body: json.dumps(body).encode(),
    "function call": _function_call,
}
UNREADABLE: Mapping[str, Wrap] = {
    "address of a buffer": lambda body: f"<memory at 0x7f{abs(len(str(body))):08x}>",
    "compressed": lambda body: base64.b64encode(gzip.compress(json.dumps(body).encode(), mtime=0)).decode(),
    "cut short": lambda body: json.dumps(body)[:60],
    "placeholder": lambda _: "[redacted]",
    "web page": lambda _: "<html><body>see the log</body></html>",
}
