"""How one recorded call of a model ended: whether its status says success, and what says that the provider failed."""

from __future__ import annotations

import re
from collections.abc import Callable, Hashable
from functools import lru_cache
from typing import Any

import numpy as np
import pandas as pd

from seamwatch.core.reasons import CallFailure, FailureSign
from seamwatch.core.records.comparison import is_null
from seamwatch.core.records.response_endings import documented_failure
from seamwatch.core.records.unknown import Unknown
from seamwatch.vocabulary import UnknownReason

_SUCCESS_WORDS = frozenset(
    {"ok", "okay", "success", "successful", "succeeded", "completed", "complete", "done", "finished", "true"}
)
_FAILURE_WORDS = frozenset(
    {
        *("error", "errored", "failed", "failure", "fail", "fault", "exception", "fatal", "aborted", "expired"),
        *("cancelled", "canceled", "unavailable", "overloaded", "unreachable", "crashed", "unsuccessful", "false"),
        *("timeout", "timedout", "ratelimit", "ratelimited", "throttled", "unauthorized", "unauthenticated"),
        *("forbidden", "rejected", "refused", "denied", "blocked", "incomplete"),
    }
)
"""Words of which one ends the status of a failed call, whatever stands before it: `api_error`, `ReadTimeout`."""
_OPENING_WORDS = frozenset({"error", "failed", "failure", "timeout", "exception", "fatal"})
"""Those that say it also in front: `timeout after 30 s`."""
_OPENING = re.compile(rf"({'|'.join(sorted(_OPENING_WORDS))})\s*:", re.IGNORECASE)
"""What follows is the reason, whatever its words: `error: no route to host`."""
_FAILURE_STATUSES = frozenset(
    {
        *("rate_limit", "rate_limited", "rate_limit_exceeded", "quota_exceeded", "insufficient_quota", "timed_out"),
        *("deadline_exceeded", "resource_exhausted", "too_many_requests", "bad_gateway", "gateway_time_out"),
        *("permission_denied", "invalid_argument", "failed_precondition", "data_loss", "unimplemented", "internal"),
        *("not_found", "out_of_range", "already_exists", "bad_request", "content_filter", "guardrail_intervened"),
        *("connection_refused", "connection_reset", "connection_closed"),
    }
)
"""Whole statuses of failed calls: gRPC's codes, HTTP's reason phrases, and what providers call their limits."""
_PREFIXES = ("status_code_", "status_", "state_", "code_", "http_status_", "http_")
_NEGATIONS = frozenset({"no", "not", "non", "without", "zero", "0", "never", "free"})
_HTTP = re.compile(
    r"(?:http(?:/\d(?:\.\d)?)?[ _:-]*)?(?:status[ _:=-]*(?:code[ _:=-]*)?)?([1-5]\d\d)(?:\.0+)?(?:\W.*)?"
)
"""An HTTP status as people record it: `503`, `503.0`, `200 OK`, `HTTP/1.1 429 Too Many Requests`, `http_504`."""
_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")

_RATE_LIMITED = re.compile(r"429|rate_?limit|throttl|too_many_requests|quota|resource_exhausted")
_TIMED_OUT = re.compile(r"408|504|time_?d?_?out|deadline")
_DECLINED = re.compile(r"(?<!connection_)refused|rejected|blocked|content_filter|guardrail")
_REFUSAL = re.compile(
    r"^\W*(i['\u2019]?m sorry|i am sorry|sorry|i apologi[sz]e|unfortunately)?[\s,.;:]*(but )?"
    r"(i|as an ai[^.]{0,40}?,? i) "
    r"(can['\u2019]?t|cannot|can not|am unable to|am not able to|won['\u2019]?t|must decline to) "
    r"(help|assist|comply|provide|answer|fulfil+|process|do that|share|engage|discuss|continue)",
    re.IGNORECASE,
)
"""How models decline in so many words; only an answer that begins so is a refusal."""


def read_statuses(statuses: pd.Series[Any], read: Callable[[Any], bool]) -> np.ndarray[Any, np.dtype[np.bool_]]:
    """Return what is read of each status, of equal ones once; False of none.

    A status may be an object or a list, as a column of JSON holds them: then there is no telling which are equal.
    """
    known: dict[Any, bool] = {}
    found = np.zeros(len(statuses), dtype=bool)
    for place, status in enumerate(statuses.to_numpy(dtype=object)):
        if is_null(status):
            continue
        if not isinstance(status, Hashable) or isinstance(status, tuple):
            found[place] = read(status)
            continue
        if status not in known:
            known[status] = read(status)
        found[place] = known[status]
    return found


def has_timed_out(status: Any) -> bool:
    """Return whether a status says that nobody answered in time."""
    failure = call_failure(status, "x", None)
    return failure is not None and failure.pattern == "timed_out"


def is_success(status: Any) -> bool | Unknown:
    """Return whether a recorded status says that the provider answered; Unknown where nobody can tell.

    No status says yes. A number is HTTP's: 2xx is a success, 4xx and 5xx a failure, any other unknown, as 0 and 1 are,
    which mean success in one system and failure in the next. A word is read as far as protocols and client libraries
    document it; any other is unknown, which is neither a failure nor as good as a known success.
    """
    return True if is_null(status) else _read_status(str(status).strip())


@lru_cache(maxsize=4096)  # a column of statuses has few
def _read_status(text: str) -> bool | Unknown:
    http = _HTTP.fullmatch(text.casefold())
    if http is not None:
        kind = int(http[1]) // 100
        return True if kind == 2 else False if kind in (4, 5) else _unknown(text)
    name = _name(text)
    if name in _SUCCESS_WORDS:
        return True
    return False if _OPENING.match(text) or _is_failure(name) else _unknown(text)


def call_failure(status: Any, answer: Any, finish: Any, *, has_body: bool = False) -> CallFailure | None:
    """Return what in a recorded call says that the provider failed, or None if the model really answered.

    Args:
        status: As recorded; null where none is.
        answer: Text of the answer; null or blank if the body holds none; Unknown where the body could not be read,
            which says nothing of the provider.
        finish: Finish reason; null where none is.
        has_body: Whether a readable body without an error came; an empty answer within it is not documented.
    """
    if is_success(status) is False:
        recorded = str(status)
        return CallFailure(pattern=_status_pattern(recorded), sign=FailureSign.STATUS, recorded=recorded)
    pattern = documented_failure(finish)
    if pattern is not None:
        return _finish_failure(str(finish), pattern)
    if isinstance(answer, Unknown):
        return None
    if is_null(answer) or not str(answer).strip():
        return CallFailure(pattern="empty", sign=FailureSign.EMPTY, is_documented=not has_body)
    if _REFUSAL.match(str(answer)):
        return CallFailure(pattern="refused", sign=FailureSign.REFUSAL, is_documented=False)
    return None


def _finish_failure(finish: str, pattern: str) -> CallFailure:
    kind, _, code = finish.partition(":")
    if kind == "error":
        return CallFailure(pattern=pattern, sign=FailureSign.ERROR_CODE if code else FailureSign.ERROR, recorded=code)
    sign = FailureSign.BROKEN_OFF if pattern == "error" else FailureSign.FINISH_REASON
    return CallFailure(pattern=pattern, sign=sign, recorded=finish)


def _name(text: str) -> str:
    """Return a status as one snake_case name without the prefix that systems put before it."""
    last = text.strip().rpartition(".")[2] or text
    name = re.sub(r"[^a-z0-9]+", "_", _CAMEL.sub("_", last).casefold()).strip("_")
    return next((name.removeprefix(prefix) for prefix in _PREFIXES if name.startswith(prefix)), name)


def _is_failure(name: str) -> bool:
    if name in _FAILURE_STATUSES:
        return True
    words = name.split("_")
    if _NEGATIONS & set(words):
        return False
    return words[-1] in _FAILURE_WORDS or words[0] in _OPENING_WORDS


def _status_pattern(status: str) -> str:
    http = _HTTP.fullmatch(status.strip().casefold())
    name = http[1] if http is not None else _name(status)
    patterns = ((_RATE_LIMITED, "rate_limited"), (_TIMED_OUT, "timed_out"), (_DECLINED, "refused"))
    named = next((pattern for mark, pattern in patterns if mark.search(name)), "error")
    return "truncated" if name == "incomplete" else named


def _unknown(text: str) -> Unknown:
    return Unknown(reason=UnknownReason.UNKNOWN_STATUS, sample=text[:80])
