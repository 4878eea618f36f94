"""How long an answer a request allows: the limit that its protocol reads, and how many answers it asks for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from seamwatch.vocabulary import Protocol

_LIMITS: dict[Protocol, tuple[str, ...]] = {
    Protocol.OPENAI_CHAT: ("max_completion_tokens", "max_tokens"),
    Protocol.OPENAI_RESPONSES: ("max_output_tokens",),
    Protocol.ANTHROPIC_MESSAGES: ("max_tokens", "max_tokens_to_sample"),
    Protocol.GEMINI: (
        "generationConfig.maxOutputTokens",
        "generationConfig.max_output_tokens",
        "generation_config.max_output_tokens",
        "generation_config.maxOutputTokens",
    ),
    Protocol.BEDROCK: (
        "inferenceConfig.maxTokens",
        "inferenceConfig.max_new_tokens",
        "textGenerationConfig.maxTokenCount",
        "max_tokens",
        "max_tokens_to_sample",
        "max_gen_len",
        "maxTokens",
    ),
    Protocol.OLLAMA: ("options.num_predict",),
}
"""By protocol, as dotted paths. A limit that another protocol reads bounds nothing here."""
_OTHER_LIMITS = (
    *dict.fromkeys(path for paths in _LIMITS.values() for path in paths),
    "max_new_tokens",
    "parameters.max_new_tokens",
    "parameters.max_tokens",
    "parameters.maxOutputTokens",
)
"""Where the protocol is a server's own: whatever it may read."""
_CHOICES = (
    "n",
    "best_of",
    "generationConfig.candidateCount",
    "generation_config.candidate_count",
    "num_generations",
    "numResults",
    "parameters.num_return_sequences",
)


@dataclass(frozen=True, kw_only=True)
class OutputLimit:
    """What a request says of the size of its answer."""

    tokens: int | None
    """Most tokens of one answer; None where the request sets no limit that its protocol reads."""
    n_answers: int
    """How many answers are asked for at once."""


def output_limit(request: Any, protocol: Protocol) -> OutputLimit:
    """Return the limit of a request; the largest where it names several, since servers differ in which they take."""
    if not isinstance(request, Mapping):
        return OutputLimit(tokens=None, n_answers=1)
    limits = [n for path in _LIMITS.get(protocol, _OTHER_LIMITS) if (n := _count(request, path)) is not None]
    answers = [n for path in _CHOICES if (n := _count(request, path)) is not None]
    return OutputLimit(tokens=max(limits, default=None), n_answers=max(answers, default=1))


def _count(request: Mapping[str, Any], path: str) -> int | None:
    """Return the whole number from 1 up at a dotted path; anything else (-1, "many") limits nothing."""
    value: Any = request
    for name in path.split("."):
        value = value.get(name) if isinstance(value, Mapping) else None
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return value if type(value) is int and value > 0 else None
