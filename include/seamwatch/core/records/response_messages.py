"""What a message of a model says: text, calls of tools, what it declines. Thoughts are no part of the answer."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from seamwatch.core.records.comparison import parse_json, strict_text
from seamwatch.core.records.response_text import unreadable
from seamwatch.core.records.unknown import Unknown

ASSISTANTS = ("assistant", "model", "ai", "CHATBOT", "chatbot")
"""Roles of the one that answers; a tuple, since what is looked up in it may be any JSON."""
_TOOL_KINDS = ("tool_use", "function_call", "custom_tool_call", "tool_call", "function", "custom")
"""Kinds of parts by which a model asks its caller to run something; what a provider runs itself is no answer."""
_ACTION_KINDS = ("computer_call", "local_shell_call", "shell_call", "apply_patch_call")
_NAMED_CALLS = ("functionCall", "function_call", "toolUse", "custom", "function")
_ARGUMENTS = ("arguments", "input", "args", "parameters", "action", "operation")
_THOUGHTS = ("thinking", "redacted_thinking", "reasoning", "thought")
_BESIDE_TEXT = ("tool_calls", "function_call", "refusal")
_TEXTS = ("text", "content", "output_text")


@dataclass(frozen=True, kw_only=True, slots=True)
class ToolCall:
    """A call that the model asks for. It is never executed: what the model wants to call is its answer."""

    name: str | None
    arguments: Any
    """Opened, where they came as JSON text."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Message:
    """What a message says."""

    text: str | Unknown | None = None
    refusal: str | None = None
    tool_calls: tuple[ToolCall, ...] = ()

    def answer(self, *, is_text_first: bool = False) -> str | Unknown | None:
        """Return the one text that holds what matters.

        Tool calls are a JSON list of `{"name", "arguments"}`; text beside them stands in the first one as `text`. The
        text of a refusal is the answer where there is nothing else.

        Args:
            is_text_first: The message ended as a text does, so that calls beside it are no answer.
        """
        if isinstance(self.text, Unknown) or not self.tool_calls or (is_text_first and self.text):
            return self.text or self.refusal or self.text
        calls: list[dict[str, Any]] = [{"name": call.name, "arguments": call.arguments} for call in self.tool_calls]
        if self.text:
            calls[0]["text"] = self.text
        return plain_text(calls)


def read_message(message: Mapping[str, Any]) -> Message:
    """Return what a message says, whatever provider wrote it.

    Args:
        message: With `content` (a text or a list of parts), `parts`, `tool_calls`, `function_call`, `refusal`.
    """
    content = message.get("content")
    if type(content) is str and not any(message.get(name) for name in _BESIDE_TEXT):
        return Message(text=content)  # as most messages are
    if isinstance(content, Mapping):
        content = content.get("parts") or [content]
    found = _Parts()
    parts = message.get("parts") if content is None else content
    for part in parts if isinstance(parts, list) else [parts]:
        found.add(part)
    for call in _list_of(message.get("tool_calls")):
        found.add_call(call)
    if isinstance(message.get("function_call"), Mapping | Unknown):
        found.add_call(message["function_call"])
    if isinstance(message.get("refusal"), str):
        found.refusals.append(message["refusal"])
    return found.message()


class _Parts:
    """Parts of a message as they are gathered."""

    def __init__(self) -> None:
        self.texts: list[str] = []
        self.refusals: list[str] = []
        self.calls: list[ToolCall] = []
        self.is_cut = False
        """A part was left out by whatever wrote the message down."""

    def message(self) -> Message:
        text: str | Unknown | None = "".join(self.texts) if self.texts else None
        return Message(
            text=unreadable("a part of the message is left out") if self.is_cut else text,
            refusal="".join(self.refusals) or None,
            tool_calls=tuple(self.calls),
        )

    def add(self, part: Any) -> None:
        if isinstance(part, str):
            self.texts.append(part)
        elif isinstance(part, Unknown):
            self.is_cut = True
        elif isinstance(part, Mapping) and not _is_thought(part):
            self._add_part(part)

    def _add_part(self, part: Mapping[str, Any]) -> None:
        kind = part.get("type")
        if isinstance(part.get("refusal"), str):
            self.refusals.append(part["refusal"])
        elif (
            kind in _TOOL_KINDS
            or kind in _ACTION_KINDS
            or any(isinstance(part.get(name), Mapping | Unknown) for name in _NAMED_CALLS)
        ):
            self.add_call(part)
        else:
            self._add_text(part)

    def _add_text(self, part: Mapping[str, Any]) -> None:
        for name in _TEXTS:
            text = part.get(name)
            if isinstance(text, Mapping):  # {"text": {"value": ...}}
                text = text.get("value")
            if isinstance(text, Unknown):
                self.is_cut = True
            elif isinstance(text, str):
                self.texts.append(text)
                return

    def add_call(self, call: Any) -> None:
        inner = call
        for key in _NAMED_CALLS:
            if isinstance(call, Mapping) and isinstance(call.get(key), Mapping | Unknown):
                inner = call[key]
        if not isinstance(inner, Mapping):
            if isinstance(inner, Unknown):
                self.is_cut = True
            return
        arguments = next((inner[key] for key in _ARGUMENTS if inner.get(key) is not None), None)
        name: Any = inner.get("name") or (inner.get("type") if inner.get("type") in _ACTION_KINDS else None)
        if holds_unknown([name, arguments]):
            self.is_cut = True
        elif name is not None or arguments is not None:
            self.calls.append(ToolCall(name=strict_text(name), arguments=parse_json(arguments)))


def _is_thought(part: Mapping[str, Any]) -> bool:
    return part.get("type") in _THOUGHTS or part.get("thought") is True or "reasoningContent" in part


def holds_unknown(value: Any) -> bool:
    """Return whether a part of an object or list was left out by whatever wrote it down."""
    if isinstance(value, Mapping):
        return any(holds_unknown(part) for part in value.values())
    if isinstance(value, list):
        return any(holds_unknown(part) for part in value)
    return isinstance(value, Unknown)


def plain_text(value: Any) -> str | Unknown:
    """Return an answer as text: objects and lists as JSON with sorted keys."""
    if isinstance(value, Mapping | list):
        if holds_unknown(value):
            return unreadable("a part of the answer is left out")
        return json.dumps(value, ensure_ascii=False, sort_keys=True, default=str)
    return strict_text(value) or ""


def _list_of(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []
