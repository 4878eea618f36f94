"""The shapes in which providers answer, each recognised by what it holds, whatever protocol was configured."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from seamwatch.core.records.response_errors import ERROR_MARKS, Certainty, read_error
from seamwatch.core.records.response_messages import ASSISTANTS, Message, ToolCall, read_message
from seamwatch.core.records.response_text import open_document
from seamwatch.core.records.response_usage import NO_COUNTS, TokenCounts, read_counts
from seamwatch.core.records.unknown import Unknown

_FINISHES = ("finish_reason", "finishReason", "stop_reason", "stopReason", "done_reason", "completionReason")
_MODELS = ("model", "modelVersion", "model_version", "model_id", "modelId", "model_name")
_MESSAGE_PARTS = ("content", "parts", "tool_calls", "function_call", "refusal")
_ITEM_KINDS = ("message", "reasoning", "function_call", "custom_tool_call")
_PART_KINDS = (
    *("text", "output_text", "refusal", "thinking", "redacted_thinking", "tool_use", "server_tool_use"),
    *_ITEM_KINDS,
)
_WRAPPERS = ("body", "response", "result", "data", "output", "message", "outputBodyJson", "completion", "raw_response")
"""Where logs, batches and gateways put the body that they carry."""
_DEEPEST = 4
_MARKS = frozenset(
    {
        *(
            "choices",
            "output",
            "output_text",
            "completion",
            "content",
            "candidates",
            "promptFeedback",
            "prompt_feedback",
        ),
        *("usageMetadata", "usage_metadata", "modelVersion", "generation", "results", "outputs", "generations"),
        *("completions", "generated_text", "text", "done", "role", "kwargs", "response_metadata", *ERROR_MARKS),
        *_WRAPPERS,
    }
)
"""A document that holds none of these is of no known shape."""
_COHERE_MARKS = ("generation_id", "response_id", "chat_history", "is_finished")
_ENVELOPE_OBJECTS = ("chat.completion", "text_completion", "response", "error")


@dataclass(frozen=True, kw_only=True, slots=True)
class Reading:
    """What a body of a known shape says."""

    text: str | Unknown | None = None
    """The answer; None where the body documents that there is none; unknown where a part of it was left out."""
    finish_reason: str | None = None
    """As the provider says it; `error:<code>` for an error body, `prompt_blocked:<reason>` for a refused prompt."""
    model: str | None = None
    tool_calls: tuple[ToolCall, ...] = ()
    certainty: Certainty = Certainty.SURE


def read_shape(document: Any, *, depth: int = 0) -> Reading | None:
    """Return what a body of any known shape says; None if its shape is not known.

    Args:
        document: An object or list, opened.
        depth: How many wrappers it was taken out of.
    """
    if isinstance(document, list):
        return _read_list(document, depth)
    if not isinstance(document, Mapping) or document.keys().isdisjoint(_MARKS):
        return None
    for read in _SHAPES:
        found = read(document)
        if found is not None:
            return found
    error = read_error(document)
    if error is not None and error.certainty is Certainty.SURE:
        return _error(error.code, document)
    found = _read_wrapped(document, depth) if depth < _DEEPEST else None
    if found is None and error is not None:
        return replace(_error(error.code, document), certainty=error.certainty)
    return found


def looks_like_body(document: Any) -> bool:
    """Return whether this is some provider's envelope, of whatever shape, rather than an answer in JSON."""
    if isinstance(document, list):
        return len(document) == 1 and looks_like_body(document[0])
    if not isinstance(document, Mapping):
        return False
    usage = document.get("usage", document.get("usageMetadata"))
    return (
        any(isinstance(document.get(name), str) for name in _FINISHES)
        or (isinstance(usage, Mapping) and any("oken" in str(name) for name in usage))
        or str(document.get("object")).startswith(_ENVELOPE_OBJECTS)
    )


def _error(code: str | None, document: Mapping[str, Any]) -> Reading:
    return Reading(finish_reason=f"error:{code}" if code else "error", model=_model(document))


def _say(message: Message, document: Mapping[str, Any], finish: str | None, *, is_text_first: bool = False) -> Reading:
    is_refusal = message.refusal is not None and not message.text and not message.tool_calls
    return Reading(
        text=message.answer(is_text_first=is_text_first),
        finish_reason="refusal" if is_refusal else finish,
        model=_model(document),
        tool_calls=message.tool_calls,
    )


def _read_choices(document: Mapping[str, Any]) -> Reading | None:
    """OpenAI's chat completions and legacy completions, and all who speak like them."""
    choices = document.get("choices")
    if not isinstance(choices, list) or not all(isinstance(one, Mapping) for one in choices):
        return None
    if not choices:
        # Not every list of choices is a provider's: a quiz has one too.
        return (
            Reading(model=_model(document))
            if "object" in document or "model" in document or len(document) == 1
            else None
        )
    choice = next((one for one in choices if one.get("index") == 0), choices[0])
    return _read_choice(choice, document)


def _read_choice(choice: Mapping[str, Any], document: Mapping[str, Any]) -> Reading | None:
    finish = _finish(choice)
    message = choice.get("message")
    if isinstance(message, Mapping):
        return _say(read_message(message), document, finish, is_text_first=finish == "stop")
    text = message if isinstance(message, str) else choice.get("text")
    if isinstance(text, str | Unknown) and (
        "finish_reason" in choice or finish or "object" in document or "model" in document
    ):
        return _say(read_message({"content": text}), document, finish)
    if isinstance(message, Unknown):
        return Reading(text=message, finish_reason=finish, model=_model(document))
    if "delta" in choice or not ("message" in choice or finish is not None):
        return None  # a piece of a stream, or no choice at all
    return Reading(finish_reason=finish, model=_model(document))


def _read_items(document: Mapping[str, Any]) -> Reading | None:
    """OpenAI's Responses."""
    items = document.get("output")
    is_response = document.get("object") == "response"
    if not isinstance(items, list):
        text = document.get("output_text")
        is_known = is_response or ("status" in document and ("model" in document or "id" in document))
        return (
            _say(read_message({"content": text}), document, _status(document))
            if is_known and isinstance(text, str)
            else None
        )
    if not is_response and not any(_kind(item) in _ITEM_KINDS for item in items):
        return _read_pieces(document, items)
    parts: list[Any] = []
    for item in items:
        content = item.get("content") if _kind(item) == "message" else None
        parts += content if isinstance(content, list) else [item if content is None else content]
    found = _say(read_message({"content": parts}), document, _status(document))
    return replace(found, text=None) if str(found.finish_reason).startswith("error") and not found.text else found


def _status(document: Mapping[str, Any]) -> str | None:
    """Return why a response of OpenAI's ended: what made it incomplete, its error, or its status."""
    error = document.get("error")
    if isinstance(error, Mapping) and error:
        return _error(getattr(read_error(document), "code", None), document).finish_reason
    details = document.get("incomplete_details")
    reason = details.get("reason") if isinstance(details, Mapping) else None
    return _text_or_none(reason) or _text_or_none(document.get("status"))


def _read_pieces(document: Mapping[str, Any], items: list[Any]) -> Reading | None:
    """Replicate: a list of pieces of text with a status."""
    if not isinstance(document.get("status"), str) or not all(isinstance(item, str) for item in items):
        return None
    return Reading(text="".join(items) if items else None, finish_reason=document["status"], model=_model(document))


def _read_anthropic(document: Mapping[str, Any]) -> Reading | None:
    """Anthropic's messages, and the completions before them."""
    if isinstance(document.get("completion"), str) and (
        "stop_reason" in document or document.get("type") == "completion"
    ):
        return _say(read_message({"content": document["completion"]}), document, _finish(document))
    is_message = document.get("type") == "message" or "stop_reason" in document
    if not isinstance(document.get("content"), list) or not is_message:
        return None
    return _say(read_message(document), document, _finish(document))


def _read_gemini(document: Mapping[str, Any]) -> Reading | None:
    """Google's Gemini, in both spellings."""
    feedback = document.get("promptFeedback") or document.get("prompt_feedback")
    candidates = document.get("candidates")
    if isinstance(candidates, list) and candidates and isinstance(candidates[0], Mapping):
        first = candidates[0]
        if not ({"content", "finishReason", "finish_reason", "output"} & first.keys()):
            return None
        content = first.get("content", first.get("output"))
        message = read_message(content) if isinstance(content, Mapping) else read_message({"content": content})
        return _say(message, document, _finish(first))
    if isinstance(feedback, Mapping) and (reason := feedback.get("blockReason") or feedback.get("block_reason")):
        return Reading(finish_reason=f"prompt_blocked:{reason}", model=_model(document))
    is_empty = "usageMetadata" in document or "usage_metadata" in document or "modelVersion" in document
    return Reading(model=_model(document)) if is_empty and candidates in (None, []) else None


def _read_bedrock(document: Mapping[str, Any]) -> Reading | None:
    """Bodies of Amazon Bedrock: Converse and Nova, Titan, Llama, Mistral, AI21."""
    output = document.get("output")
    if isinstance(output, Mapping) and isinstance(output.get("message"), Mapping):
        return _say(read_message(output["message"]), document, _finish(document))
    if isinstance(document.get("generation"), str) and (
        "stop_reason" in document or "generation_token_count" in document
    ):
        return _say(read_message({"content": document["generation"]}), document, _finish(document))
    for name, text in (
        ("results", "outputText"),
        ("outputs", "text"),
        ("generations", "text"),
        ("completions", "data"),
    ):
        first = _first_mapping(document.get(name))
        if first is None or text not in first or (text == "text" and _finish(first) is None and "id" not in document):
            continue
        said = first[text].get("text") if isinstance(first[text], Mapping) else first[text]
        finish = first.get("finishReason")
        reason = finish.get("reason") if isinstance(finish, Mapping) else _finish(first)
        return _say(read_message({"content": said}), document, _text_or_none(reason))
    return None


def _read_generated(document: Mapping[str, Any]) -> Reading | None:
    """Text generation servers of Hugging Face, and Cohere's first chat."""
    details = document.get("details")
    if isinstance(document.get("generated_text"), str):
        finish = _finish(details) if isinstance(details, Mapping) else _finish(document)
        return _say(read_message({"content": document["generated_text"]}), document, finish)
    if isinstance(document.get("text"), str) and any(mark in document for mark in _COHERE_MARKS):
        return _say(read_message({**document, "content": document["text"]}), document, _finish(document))
    return None


def _read_ollama(document: Mapping[str, Any]) -> Reading | None:
    if not isinstance(document.get("done"), bool):
        return None
    message = document.get("message")
    message = message if isinstance(message, Mapping) else {"content": document.get("response")}
    if not isinstance(message.get("content"), str | Unknown | None):
        return None
    return _say(read_message(message), document, _finish(document))


def _read_message_alone(document: Mapping[str, Any]) -> Reading | None:
    """A message, or what holds one: a choice alone, Cohere's chat, Converse's output, LangChain's dumps."""
    if document.get("role") in ASSISTANTS or document.get("type") in ("ai", "AIMessage", "AIMessageChunk"):
        inner = document.get("data") if isinstance(document.get("data"), Mapping) else document
        return _read_assistant(inner, document)
    if document.get("type") == "constructor" and isinstance(document.get("kwargs"), Mapping):
        return _read_assistant(document["kwargs"], document)
    if "response_metadata" in document and "content" in document:
        return _read_assistant(document, document)
    message = document.get("message")
    if not isinstance(message, Mapping) or not any(name in message for name in _MESSAGE_PARTS):
        return None
    is_choice = message.get("role") in ASSISTANTS or _finish(document) is not None
    return _read_choice(document, document) if is_choice else None


def _read_assistant(message: Any, document: Mapping[str, Any]) -> Reading | None:
    if not isinstance(message, Mapping) or not any(name in message for name in _MESSAGE_PARTS):
        return None
    about = message.get("response_metadata")
    about = about if isinstance(about, Mapping) else message
    extra = message.get("additional_kwargs")
    found = read_message({**extra, **message} if isinstance(extra, Mapping) else message)
    return _say(found, about, _finish(about) or _finish(document))


_SHAPES: tuple[Callable[[Mapping[str, Any]], Reading | None], ...] = (
    _read_choices,
    _read_items,
    _read_anthropic,
    _read_gemini,
    _read_bedrock,
    _read_generated,
    _read_ollama,
    _read_message_alone,
)


def _read_list(items: list[Any], depth: int) -> Reading | None:
    """A list of one body, or of the parts of one message."""
    if len(items) == 1 and (found := read_shape(items[0], depth=depth)) is not None:
        return found
    kinds = [_kind(item) for item in items]
    if (
        not items
        or not all(kind in _PART_KINDS for kind in kinds)
        or all(kind == "text" and "text" not in item for kind, item in zip(kinds, items, strict=True))
    ):
        return None
    return _read_items({"object": "response", "output": items})


def _read_wrapped(document: Mapping[str, Any], depth: int) -> Reading | None:
    """What a log, a batch or a gateway carries: exactly one member that is a body of a known shape."""
    readings = [read_shape(part, depth=depth + 1) for part in _wrapped_parts(document)]
    found = [reading for reading in readings if reading is not None]
    sure = [reading for reading in found if reading.certainty is Certainty.SURE]
    return sure[0] if len(sure) == 1 else found[0] if len(found) == 1 else None


def _wrapped_parts(document: Mapping[str, Any]) -> Iterator[Mapping[str, Any] | list[Any]]:
    for name in _WRAPPERS:
        part = document.get(name)
        opened = open_document(part) if isinstance(part, str | bytes) and part else part
        if isinstance(opened, Mapping | list):
            yield opened


def _finish(part: Mapping[str, Any]) -> str | None:
    return next((value for name in _FINISHES if isinstance(value := part.get(name), str)), None)


def _model(document: Mapping[str, Any]) -> str | None:
    return next((value for name in _MODELS if isinstance(value := document.get(name), str)), None)


def find_finish(document: Any) -> str | None:
    """Return the finish reason that a document of whatever shape names."""
    return _finish(document) if isinstance(document, Mapping) else None


def find_model(document: Any, *, depth: int = 0) -> str | None:
    """Return the model that a document of whatever shape names, also within what was wrapped around it."""
    if isinstance(document, list) and len(document) == 1:
        document = document[0]
    if not isinstance(document, Mapping):
        return None
    found = _model(document)
    for part in _wrapped_parts(document) if found is None and depth < _DEEPEST else ():
        found = found or find_model(part, depth=depth + 1)
    return found


def find_counts(document: Any, *, depth: int = 0) -> TokenCounts:
    """Return the token counts that a document of whatever shape names, also within what was wrapped around it."""
    if isinstance(document, list) and len(document) == 1:
        document = document[0]
    if not isinstance(document, Mapping):
        return NO_COUNTS
    found = read_counts(document)
    for part in _wrapped_parts(document) if found is NO_COUNTS and depth < _DEEPEST else ():
        found = find_counts(part, depth=depth + 1) if found is NO_COUNTS else found
    return found


def _kind(item: Any) -> Any:
    return item.get("type") if isinstance(item, Mapping) else None


def _first_mapping(value: Any) -> Mapping[str, Any] | None:
    return value[0] if isinstance(value, list) and value and isinstance(value[0], Mapping) else None


def _text_or_none(value: Any) -> str | None:
    return value if isinstance(value, str) else None
