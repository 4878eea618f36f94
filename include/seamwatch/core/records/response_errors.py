"""Error bodies: what a provider, its gateway, its server or its client library writes where there is no answer."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum
from typing import Any

_CODE = re.compile(r"^[A-Za-z0-9_.-]{1,64}$")
"""What an error's code looks like; anything longer may be a sentence that quotes the prompt."""
_NAMESPACE = re.compile(r"^.*[#/:]")
_CODE_NAMES = ("code", "Code", "type", "status", "Type", "error_type")
_TOP_NAMES = (
    *("__type", "error_code", "errorType", "error_type", "ErrorCode", "errorCode", "code", "type"),
    *("status", "statusCode", "OriginalStatusCode"),
)
_BESIDE = frozenset(
    [
        "error",
        "error_type",
        "error_code",
        "errorCode",
        "errorType",
        "errorMessage",
        "errors",
        "Message",
        "ErrorCode",
        "__type",
        "code",
        "detail",
        "details",
        "estimated_time",
        "id",
        "instance",
        "LogStreamArn",
        "message",
        "msg",
        "object",
        "OriginalMessage",
        "OriginalStatusCode",
        "param",
        "path",
        "request_id",
        "requestId",
        "stack_trace",
        "stackTrace",
        "status",
        "statusCode",
        "success",
        "timestamp",
        "title",
        "trace_id",
        "type",
        "warnings",
    ]
)
"""What stands beside the words of an error, and nothing of an answer."""
_MARKS = ("error_type", "estimated_time", "errorType", "__type", "ErrorCode", "OriginalStatusCode")
_WORDS = ("error", "detail", "message", "Message", "msg", "errorMessage", "title")
ERROR_MARKS = frozenset({*_WORDS, "Error", "object"})
"""A document that holds none of these is no error."""
_UPPER = re.compile(r"^[A-Z][A-Z_]{4,60}$")
_TEXTS = (
    re.compile(r"^Error code: (?P<code>\d{3}) - "),
    re.compile(r"^An error occurred \((?P<code>\w+)\) when calling the \w+ operation"),
    re.compile(r"^[45]\d\d (?P<code>[A-Z_]{3,40})\. \{"),
    re.compile(r"^litellm\.(?:exceptions\.)?(?P<code>[A-Z]\w+): "),
)
"""How client libraries put an error into words: openai and anthropic, botocore, google-genai, litellm."""
_TEXT_END = re.compile(r"\(status code: (?P<code>[45]\d\d)\)$")
"""How ollama does; a model's answer may end so too."""


class Certainty(IntEnum):
    """How surely a body is an error, and no answer that looks like one."""

    POSSIBLE = 0
    """Only a `message`: an error where bodies are expected."""
    LIKELY = 1
    """Only an `error` or a `detail` in words: an error where bodies are expected, and never surely an answer."""
    SURE = 2


@dataclass(frozen=True, kw_only=True, slots=True)
class ErrorBody:
    """An error in the place of an answer."""

    code: str | None = None
    """Its code or kind; None where it has none, or one that may quote the prompt."""
    certainty: Certainty = Certainty.SURE


def read_error(document: Any) -> ErrorBody | None:
    """Return the error that a body is; None if it is none. `"error": null` is no error."""
    if isinstance(document, list) and len(document) == 1:
        document = document[0]
    if not isinstance(document, Mapping):
        return None
    for name in ("error", "Error"):
        error = document.get(name)
        if isinstance(error, Mapping) and error:
            return ErrorBody(code=_code(error, _CODE_NAMES) or _code(document, _TOP_NAMES))
    if document.get("object") == "error" or _is_request_problem(document.get("detail")):
        return ErrorBody(code=_code(document, _TOP_NAMES))
    words = [name for name in _WORDS if isinstance(document.get(name), str)]
    if not words or not document.keys() <= _BESIDE:
        return None
    code = _code(document, _TOP_NAMES) or _short(document.get("error"))
    return ErrorBody(code=code, certainty=_certainty(document, words[0]))


def _certainty(document: Mapping[str, Any], words: str) -> Certainty:
    is_marked = any(document.get(name) is not None for name in _MARKS) or document.get("type") == "error"
    is_coded = bool(_UPPER.match(str(document.get("error_code"))))
    if is_marked or is_coded or _has_failed_status(document):
        return Certainty.SURE
    return Certainty.LIKELY if words in ("error", "detail") else Certainty.POSSIBLE


def _is_request_problem(detail: Any) -> bool:
    """Return whether this is FastAPI's list of what is wrong with a request."""
    return (
        isinstance(detail, list)
        and bool(detail)
        and all(isinstance(one, Mapping) and {"loc", "msg"} <= one.keys() for one in detail)
    )


def read_error_text(text: str) -> ErrorBody | None:
    """Return the error that a client library put into words; None if the text is something else."""
    text = text.strip("\ufeff \t\r\n")
    match = next((found for form in _TEXTS if (found := form.match(text))), None)
    if match is not None:
        return ErrorBody(code=match["code"])
    match = _TEXT_END.search(text)
    return ErrorBody(code=match["code"], certainty=Certainty.POSSIBLE) if match is not None else None


def _has_failed_status(document: Mapping[str, Any]) -> bool:
    """Return whether a status beside the words is one of HTTP's for errors, or of gRPC's, which come with details."""
    for name in ("status", "statusCode", "code"):
        status = document.get(name)
        if isinstance(status, str) and status.isdigit():
            status = int(status)
        if type(status) is int and (
            400 <= status < 600 or (name == "code" and 0 < status < 17 and "details" in document)
        ):
            return True
    return False


def _code(part: Mapping[str, Any], names: tuple[str, ...]) -> str | None:
    return next((code for name in names if (code := _short(part.get(name))) is not None), None)


def _short(value: Any) -> str | None:
    if isinstance(value, bool) or not isinstance(value, str | int):
        return None
    text = _NAMESPACE.sub("", str(value))
    return text if _CODE.match(text) and text not in ("error", "Error", "blank") else None
