"""What a finish reason says of an answer: whether its provider documents that it is no whole answer of the model."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any

from seamwatch.core.records.comparison import is_null

_TRUNCATED = frozenset(
    {
        *("length", "max_tokens", "max_output_tokens", "max_completion_tokens", "max_length", "model_length"),
        *("token_limit", "model_context_window_exceeded", "context_window_exceeded", "error_limit", "incomplete"),
        *("pause_turn", "time_limit"),
    }
)
"""The answer ends before its end; `pause_turn`: Anthropic's server paused a long turn that nobody took up again."""
_REFUSED = frozenset(
    {
        *("content_filter", "content_filtered", "refusal", "refused", "safety", "recitation", "blocklist"),
        *("prohibited_content", "spii", "language", "model_armor", "guardrail_intervened", "guardrails", "moderation"),
        *("error_toxic", "image_safety", "image_prohibited_content", "image_recitation"),
    }
)
_ERRORS = frozenset(
    {
        *("error", "failed", "abort", "aborted", "cancelled", "canceled", "user_cancel", "malformed_function_call"),
        *("malformed_response", "malformed_model_output", "malformed_tool_use", "unexpected_tool_call"),
        *("too_many_tool_calls", "missing_thought_signature"),
    }
)
_KINDS_OF_ERROR = (
    ("refused", re.compile(r"content_?(filter|policy)|safety|moderation|guardrail|responsible_?ai|jailbreak")),
    ("rate_limited", re.compile(r"rate_?limit|throttl|quota|exhausted|too_?many_?requests|^429$")),
    ("timed_out", re.compile(r"time_?d?_?out|deadline|^408$|^504$")),
)
_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")


def documented_failure(finish_reason: Any) -> str | None:
    """Return how an answer failed by its finish reason; None where the model ended by itself, or nothing is known.

    A stop for tool calls (`tool_calls`, `function_call`, `tool_use`) is an answer.

    Args:
        finish_reason: As the provider says it, or `error:<code>`, `prompt_blocked:<reason>`.

    Returns:
        `truncated`, `refused`, `rate_limited`, `timed_out` or `error`.
    """
    return None if is_null(finish_reason) else _failure(str(finish_reason))


@lru_cache(maxsize=4096)  # a column of finish reasons has few
def _failure(reason: str) -> str | None:
    kind, _, code = reason.partition(":")
    # Enumerations of client libraries carry their name: FinishReason.MAX_TOKENS.
    word, code = _snake(kind.rpartition(".")[2]), _snake(code)
    if word == "prompt_blocked" or word in _REFUSED:
        return "refused"
    if word == "error" and code:
        return next((failure for failure, pattern in _KINDS_OF_ERROR if pattern.search(code)), "error")
    if word in _TRUNCATED:
        return "truncated"
    return "error" if word in _ERRORS else None


def _snake(text: str) -> str:
    return re.sub(r"[^a-z0-9]+", "_", _CAMEL.sub("_", text).casefold()).strip("_")
