"""Chat completions that say one plain text, as most recorded responses do, read without building their documents."""

from __future__ import annotations

import msgspec


class _Message(msgspec.Struct):
    content: str
    tool_calls: None = None
    function_call: None = None
    refusal: None = None


class _Choice(msgspec.Struct):
    message: _Message
    finish_reason: str


class _Completion(msgspec.Struct):
    choices: tuple[_Choice]
    """Exactly one."""
    model: str


_decode = msgspec.json.Decoder(_Completion).decode


def read_plain_chat(text: str) -> tuple[str, str, str] | None:
    """Return answer, finish reason and model of a chat completion of one choice that holds a text and nothing else.

    None for anything else, whatever it is: whoever asks reads that in the general way (`responses.read_answer`), which
    would say the same of such a completion in five times the time, since every body would become an object first.
    """
    if '"choices"' not in text:  # what is refused costs more than what is read
        return None
    try:
        body = _decode(text)
    except (ValueError, RecursionError):
        return None
    (choice,) = body.choices
    return choice.message.content, choice.finish_reason, body.model
