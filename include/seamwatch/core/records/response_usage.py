"""How many tokens a call took, wherever its body says so. Cached tokens are part of the input, for every provider."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

_PLACES = ("usage", "usageMetadata", "usage_metadata", "meta", "response_metadata", "kwargs")
_INPUT = ("prompt_tokens", "input_tokens", "inputTokens", "promptTokenCount", "prompt_token_count")
_OUTPUT = ("completion_tokens", "output_tokens", "outputTokens", "candidatesTokenCount", "candidates_token_count")
_THOUGHTS = ("thoughtsTokenCount", "thoughts_token_count")
"""Gemini counts what it thought beside what it answered; both are billed as output."""
_TOOL_RESULTS = ("toolUsePromptTokenCount", "tool_use_prompt_token_count")
_OUTPUT_DETAILS = ("completion_tokens_details", "output_tokens_details")
_DETAILS = ("prompt_tokens_details", "input_tokens_details", "input_token_details")
_CACHED = (
    "cached_tokens",
    "cache_read",
    "cache_read_input_tokens",
    "cacheReadInputTokens",
    "cacheReadInputTokenCount",
    "cachedContentTokenCount",
    "cached_content_token_count",
    "prompt_cache_hit_tokens",
)
_WRITTEN = ("cache_creation_input_tokens", "cacheWriteInputTokens", "cacheWriteInputTokenCount")
CACHE_NAMES = frozenset({*_CACHED, *_WRITTEN})
"""What a body with cached tokens holds."""
_FLAT = {
    "prompt_eval_count": "eval_count",
    "inputTextTokenCount": "",
    "prompt_token_count": "generation_token_count",
    "inputTokenCount": "outputTokenCount",
}
"""Input and output where they stand in the body itself: Ollama, Titan, Llama and Bedrock's own measures."""


@dataclass(frozen=True, kw_only=True, slots=True)
class TokenCounts:
    """What a body says that its call took; None where it does not say."""

    input_tokens: int | None = None
    """All input tokens, cached ones included."""
    output_tokens: int | None = None
    cached_tokens: int | None = None
    """Of the input tokens, those read from a cache."""
    cache_written_tokens: int | None = None
    """Of the input tokens, those written to a cache, which some providers bill dearer."""


NO_COUNTS = TokenCounts()


def read_counts(document: Any) -> TokenCounts:
    """Return the token counts of a body; nothing else of it is read."""
    if not isinstance(document, Mapping):
        return NO_COUNTS
    for place in _PLACES:
        part = document.get(place)
        if isinstance(part, Mapping):
            found = _counts_of(part)
            if found is not NO_COUNTS:
                return found
    return _flat_counts(document)


def _counts_of(usage: Mapping[str, Any]) -> TokenCounts:
    for inner in ("tokens", "billed_units", "token_usage", "usage", "usage_metadata"):
        part = usage.get(inner)
        if isinstance(part, Mapping) and (found := _counts_of(part)) is not NO_COUNTS:
            return found
    fresh, output = _first(usage, _INPUT), _first(usage, _OUTPUT)
    if fresh is None and output is None:
        return NO_COUNTS
    details = next((part for name in _DETAILS if isinstance(part := usage.get(name), Mapping)), None)
    cached = _first(details, _CACHED) if details is not None else None
    beside = 0
    if cached is None:
        cached = _first(usage, _CACHED)
        # Where no details are given, Anthropic and Bedrock count what came from or went to a cache beside the input.
        if fresh is not None and details is None and ("input_tokens" in usage or "inputTokens" in usage):
            beside = _beside(usage, fresh, output, cached)
    thoughts, tools = _first(usage, _THOUGHTS) or 0, _first(usage, _TOOL_RESULTS) or 0
    thoughts = thoughts or _thoughts_beside(usage, fresh, output)
    return TokenCounts(
        input_tokens=None if fresh is None else fresh + beside + tools,
        output_tokens=output + thoughts if output is not None else thoughts or None,
        cached_tokens=cached,
        cache_written_tokens=_first(usage, _WRITTEN),
    )


def _beside(usage: Mapping[str, Any], fresh: int, output: int | None, cached: int | None) -> int:
    """Return the tokens that `input` leaves out; none where the body's own total says that it holds all."""
    total = _first(usage, ("totalTokens", "total_tokens"))
    return 0 if total is not None and total == fresh + (output or 0) else (cached or 0) + (_first(usage, _WRITTEN) or 0)


def _thoughts_beside(usage: Mapping[str, Any], fresh: int | None, output: int | None) -> int:
    """Return the tokens of reasoning where the body's own total says that they stand beside the output, as xAI's do."""
    details = next((part for name in _OUTPUT_DETAILS if isinstance(part := usage.get(name), Mapping)), None)
    thoughts = _first(details, ("reasoning_tokens",)) if details is not None else None
    total = _first(usage, ("total_tokens",))
    return thoughts if thoughts and total == (fresh or 0) + (output or 0) + thoughts else 0


def _flat_counts(document: Mapping[str, Any]) -> TokenCounts:
    metrics = document.get("amazon-bedrock-invocationMetrics", document)
    if not isinstance(metrics, Mapping):
        return NO_COUNTS
    for fresh, output in _FLAT.items():
        if fresh in metrics or (output and output in metrics):
            n_output = _count(metrics.get(output)) if output else _titan_output(document)
            return TokenCounts(input_tokens=_count(metrics.get(fresh)), output_tokens=n_output)
    return NO_COUNTS


def _titan_output(document: Mapping[str, Any]) -> int | None:
    results = document.get("results")
    counts = (
        [_count(one.get("tokenCount")) for one in results if isinstance(one, Mapping)]
        if isinstance(results, list)
        else []
    )
    return sum(n for n in counts if n is not None) if any(n is not None for n in counts) else None


def _first(part: Mapping[str, Any], names: tuple[str, ...]) -> int | None:
    return next((n for name in names if (n := _count(part.get(name))) is not None), None)


def _count(value: Any) -> int | None:
    """Return a whole number from 0 up; some providers write it as 12.0."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return value if type(value) is int and value >= 0 else None
