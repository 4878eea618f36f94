"""What a model's response says: the answer, why it ended, what it used. No call is made here.

Responses are read by their shape, whatever protocol is configured and however they were wrapped on their way into a
column. The same code reads responses that were recorded long ago and those of a replay, so the two can be compared.
What fits no known shape, where a body is expected, is unknown: it is counted and said, and never decides.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from seamwatch.core.records.comparison import is_null
from seamwatch.core.records.response_endings import documented_failure
from seamwatch.core.records.response_forms import Form, column_form, live_form, open_body, recognise, resolve
from seamwatch.core.records.response_messages import ToolCall
from seamwatch.core.records.response_shapes import Reading, find_counts, find_model
from seamwatch.core.records.response_streams import assemble_text
from seamwatch.core.records.response_usage import CACHE_NAMES, NO_COUNTS, TokenCounts
from seamwatch.core.records.unknown import Unknown
from seamwatch.errors import DataContractError
from seamwatch.spec.endpoint import Endpoint
from seamwatch.vocabulary import Protocol, UnknownReason

__all__ = [
    "CACHE_NAMES",
    "Form",
    "ParsedResponse",
    "Reading",
    "ToolCall",
    "assemble_text",
    "choose_protocol",
    "column_form",
    "documented_failure",
    "read_answer",
    "read_recorded",
    "read_response",
    "read_usage",
]
_ENDINGS = {
    "/chat/completions": Protocol.OPENAI_CHAT,
    "/completions": Protocol.OPENAI_CHAT,
    "/responses": Protocol.OPENAI_RESPONSES,
    "/messages": Protocol.ANTHROPIC_MESSAGES,
    ":generateContent": Protocol.GEMINI,
    ":streamGenerateContent": Protocol.GEMINI,
    "/converse": Protocol.BEDROCK,
    "/invoke": Protocol.BEDROCK,
    "/api/chat": Protocol.OLLAMA,
    "/api/generate": Protocol.OLLAMA,
    "/invocations": Protocol.MLFLOW,
}


@dataclass(frozen=True, kw_only=True)
class ParsedResponse:
    """What a response says: an answer, a failure that its protocol documents, or neither."""

    text: str | Unknown | None = None
    """The answer itself, tool calls as JSON; None where the body documents that there is none; an `Unknown` where the
    value is no body of a known protocol."""
    finish_reason: str | None = None
    """Why the answer ended, as the provider says it; `error:<code>` for an error body."""
    model: str | None = None
    input_tokens: int | None = None
    """All input tokens, cached ones included."""
    output_tokens: int | None = None
    cached_tokens: int | None = None
    """Of the input tokens, those read from a cache."""
    cache_written_tokens: int | None = None
    """Of the input tokens, those written to a cache."""
    tool_calls: tuple[ToolCall, ...] = ()

    @property
    def failure(self) -> str | None:
        """Return how the answer failed by what its protocol documents; None for an answer, and for the unknown.

        One of `truncated`, `refused`, `rate_limited`, `timed_out`, `error`, `empty`.
        """
        if isinstance(self.text, Unknown):
            return None
        documented = documented_failure(self.finish_reason)
        return documented or (None if self.text is not None and self.text.strip() else "empty")

    @property
    def problem(self) -> str | None:
        """Return for people why a response cannot be used at all; None where it says something."""
        if isinstance(self.text, Unknown):
            is_path = self.text.reason is UnknownReason.UNREADABLE_PATH
            return "nothing stands at the path of the answer" if is_path else "not a body of a known protocol"
        kind, _, code = (self.finish_reason or "").partition(":")
        if kind == "error":
            return f"an error: {code}" if code else "an error without a code"
        return "no answer in the body" if self.text is None and self.finish_reason is None else None


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
    """Return what the response of a call says; nothing is raised.

    Args:
        protocol: How the endpoint speaks.
        body: As it came; a stream too.
        answer_path: For plain JSON, the dotted path of the answer; default: the whole body.
    """
    return _parsed(read_answer(protocol, body, live_form(protocol), answer_path), body)


def read_recorded(
    protocol: Protocol, value: Any, answer_path: str | None = None, *, form: Form = Form.TEXT
) -> ParsedResponse:
    """Return what a recorded response says: a body of any known shape is opened; nothing is raised.

    Args:
        protocol: How the endpoint speaks.
        value: As it came from the column.
        answer_path: For plain JSON, the dotted path of the answer.
        form: What the column holds, as `column_form` says: whether prose is an answer.
    """
    return _parsed(read_answer(protocol, value, form, answer_path), value)


def read_answer(protocol: Protocol, value: Any, form: Form, answer_path: str | None = None) -> Reading:
    """Return what a value says, without what the call used; arguments as for `read_recorded`."""
    return resolve(recognise(protocol, value, answer_path), form, protocol, answer_path)


def read_usage(value: Any) -> tuple[str | None, TokenCounts]:
    """Return the model and the token counts of a recorded response; what it answers is not read."""
    document = None if is_null(value) else open_body(value)
    return (None, NO_COUNTS) if document is None else (find_model(document), find_counts(document))


def _parsed(found: Reading, value: Any) -> ParsedResponse:
    model, counts = read_usage(value)
    return ParsedResponse(
        text=found.text,
        finish_reason=found.finish_reason,
        model=found.model or model,
        input_tokens=counts.input_tokens,
        output_tokens=counts.output_tokens,
        cached_tokens=counts.cached_tokens,
        cache_written_tokens=counts.cache_written_tokens,
        tool_calls=found.tool_calls,
    )
