"""For which protocol a recorded request was written, by its shape: another one cannot replay it as it was sent."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

from seamwatch.core.records.response_text import open_document
from seamwatch.vocabulary import Protocol

_TAKES_ANY = frozenset({Protocol.JSON, Protocol.CALLABLE, Protocol.MLFLOW, Protocol.BEDROCK})
"""Protocols whose endpoints take requests of whatever shape their model wants."""
_SAMPLED = 50


def request_protocol(request: Any) -> Protocol | None:
    """Return the protocol that a request was surely written for; None where it may be for several, or for none."""
    document = open_document(request)
    if not isinstance(document, Mapping):
        return None
    if isinstance(document.get("contents"), list):
        return Protocol.GEMINI
    messages = document.get("messages")
    if not isinstance(messages, list):
        return Protocol.OPENAI_RESPONSES if isinstance(document.get("input"), str | list) else None
    is_converse = "modelId" in document or "inferenceConfig" in document or any(map(_has_bare_parts, messages))
    if is_converse:
        return Protocol.BEDROCK
    return Protocol.ANTHROPIC_MESSAGES if "anthropic_version" in document else None


def foreign_requests(protocol: Protocol, requests: Iterable[Any]) -> tuple[Protocol, int, int] | None:
    """Return for which other protocol most requests were written, how many of how many; None if for none.

    Args:
        protocol: How the endpoint speaks.
        requests: As recorded; the first ones without null are looked at.
    """
    if protocol in _TAKES_ANY:
        return None
    found = [request_protocol(request) for _, request in zip(range(_SAMPLED), requests, strict=False)]
    counts = Counter(one for one in found if one is not None and one is not protocol)
    if not counts:
        return None
    other, n = counts.most_common(1)[0]
    return (other, n, len(found)) if 2 * n > len(found) else None


def _has_bare_parts(message: Any) -> bool:
    """Return whether a message's content are parts without a type, as only Converse writes them."""
    content = message.get("content") if isinstance(message, Mapping) else None
    return (
        isinstance(content, list)
        and bool(content)
        and all(isinstance(part, Mapping) and "type" not in part and len(part) == 1 for part in content)
    )
