from __future__ import annotations

import json
from typing import Any

import pytest

from seamwatch.core.records.request_shapes import foreign_requests, request_protocol
from seamwatch.vocabulary import Protocol

CHAT = {"model": "m", "messages": [{"role": "user", "content": "hi"}]}
PARTS = {"messages": [{"role": "user", "content": [{"type": "text", "text": "hi"}]}]}
CONVERSE = {"messages": [{"role": "user", "content": [{"text": "hi"}]}]}
GEMINI = {"contents": [{"parts": [{"text": "hi"}]}]}


@pytest.mark.parametrize(
    ("request_", "protocol"),
    [
        (GEMINI, Protocol.GEMINI),
        ({"model": "m", "input": "hi"}, Protocol.OPENAI_RESPONSES),
        ({"model": "m", "input": [{"role": "user", "content": "hi"}]}, Protocol.OPENAI_RESPONSES),
        (CONVERSE, Protocol.BEDROCK),
        (CHAT | {"modelId": "m"}, Protocol.BEDROCK),
        (CHAT | {"anthropic_version": "bedrock-2023-05-31"}, Protocol.ANTHROPIC_MESSAGES),
        (CHAT, None),
        (PARTS, None),
        ({"prompt": "hi"}, None),
        ({"messages": []}, None),
        ("hi", None),
        (None, None),
    ],
)
def test_a_request_tells_its_protocol_where_only_one_writes_so(request_: Any, protocol: Protocol | None) -> None:
    assert request_protocol(request_) is protocol
    assert request_protocol(json.dumps(json.dumps(request_))) is protocol


def test_requests_for_another_protocol_are_counted_where_they_are_most() -> None:
    mixed = [json.dumps(GEMINI)] * 3 + [json.dumps(CHAT)]
    assert foreign_requests(Protocol.OPENAI_CHAT, mixed) == (Protocol.GEMINI, 3, 4)
    assert foreign_requests(Protocol.GEMINI, mixed) is None
    assert foreign_requests(Protocol.JSON, mixed) is None
    assert foreign_requests(Protocol.OPENAI_CHAT, [json.dumps(GEMINI), json.dumps(CHAT)]) is None
    assert foreign_requests(Protocol.OPENAI_CHAT, []) is None
