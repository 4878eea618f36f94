"""What a recorded call says of the provider: its status, its finish reason, its answer."""

from __future__ import annotations

from typing import Any

import pandas as pd
import pytest

from seamwatch.core.reasons import FailureSign
from seamwatch.core.records.call_endings import call_failure, has_timed_out, is_success, read_statuses
from seamwatch.core.records.unknown import Unknown
from seamwatch.vocabulary import UnknownReason


@pytest.mark.parametrize(
    "status",
    [
        *(200, "204", 200.0, "200 OK", "HTTP/1.1 200 OK", "http_201", "OK", " succeeded ", None, float("nan")),
        *("true", True, "STATUS_CODE_OK", "StatusCode.OK", "Completed", "SUCCESS"),
    ],
)
def test_statuses_that_say_the_provider_answered(status: Any) -> None:
    assert is_success(status) is True


@pytest.mark.parametrize(
    ("status", "pattern"),
    [
        (503, "error"),
        ("429", "rate_limited"),
        (429.0, "rate_limited"),
        ("HTTP/1.1 429 Too Many Requests", "rate_limited"),
        ("503 Service Unavailable", "error"),
        (504, "timed_out"),
        (404, "error"),
        ("error", "error"),
        ("STATUS_CODE_ERROR", "error"),
        ("error: no route to host", "error"),
        ("rate limited", "rate_limited"),
        ("openai.RateLimitError", "rate_limited"),
        ("RESOURCE_EXHAUSTED", "rate_limited"),
        ("timeout", "timed_out"),
        ("APITimeoutError", "timed_out"),
        ("DEADLINE_EXCEEDED", "timed_out"),
        ("overloaded_error", "error"),
        ("connection refused", "error"),
        ("content_filter", "refused"),
        ("incomplete", "truncated"),
        ("false", "error"),
    ],
)
def test_statuses_that_say_it_did_not(status: Any, pattern: str) -> None:
    assert is_success(status) is False
    found = call_failure(status, "billing", None)
    assert found is not None
    assert (found.pattern, found.is_documented) == (pattern, True)


@pytest.mark.parametrize(
    "status",
    [
        *("", 301, 0, 1, "2", 2000, "UNSET", "DEFAULT", "cached", "erledigt", "no_error", "error_free"),
        *("not ok", "completed_with_errors", "pending", "internal_v2"),
    ],
)
def test_a_status_of_unknown_meaning_is_neither_success_nor_failure(status: Any) -> None:
    found = is_success(status)
    assert isinstance(found, Unknown)
    assert (found.reason, found.sample) == (UnknownReason.UNKNOWN_STATUS, str(status))
    assert call_failure(status, "billing", "stop") is None


@pytest.mark.parametrize(
    ("answer", "finish", "pattern", "is_documented"),
    [
        ("half an ans", "length", "truncated", True),
        ("half an ans", "FinishReason.MAX_TOKENS", "truncated", True),
        ("No.", "content_filter", "refused", True),
        ("No.", "SAFETY", "refused", True),
        (None, None, "empty", True),
        ("  ", "stop", "empty", True),
        ("I'm sorry, but I can't help with that request.", "stop", "refused", False),
        ("I cannot assist with this.", None, "refused", False),
    ],
)
def test_an_answer_that_is_not_the_models_last_word(
    answer: str | None, finish: str | None, pattern: str, is_documented: bool
) -> None:
    found = call_failure(200, answer, finish)
    assert found is not None
    assert (found.pattern, found.is_documented) == (pattern, is_documented)


def test_an_empty_text_in_a_readable_body_is_documented_by_nobody() -> None:
    found = call_failure(200, "", "stop", has_body=True)
    assert found is not None
    assert not found.is_documented


def test_a_body_that_cannot_be_read_says_nothing_of_the_provider() -> None:
    assert call_failure(200, Unknown(reason=UnknownReason.UNREADABLE_BODY, sample="data: {"), None) is None


@pytest.mark.parametrize(
    ("answer", "finish"),
    [
        ("billing", "stop"),
        ("billing", "end_turn"),
        ("billing", "a reason nobody knows"),
        ('{"reply": "I cannot help with that"}', "stop"),
        ("I can help with that.", "stop"),
        ("Sorry for the delay, your parcel is on its way.", "stop"),
        ("The customer says: I cannot process my payment.", "stop"),
    ],
)
def test_an_answer_is_the_models_own(answer: str, finish: str) -> None:
    assert call_failure(200, answer, finish) is None


def test_an_error_body_is_told_by_its_code() -> None:
    found = call_failure(None, None, "error:rate_limit_exceeded")
    assert found is not None
    assert (found.pattern, found.is_documented) == ("rate_limited", True)
    assert (found.sign, found.recorded) == (FailureSign.ERROR_CODE, "rate_limit_exceeded")


def test_statuses_of_a_column_are_read_one_by_one_whatever_stands_there() -> None:
    statuses = ["timeout", {"code": 504}, [504], (1, [2]), {1}, None, float("nan"), "ok", "timeout"]
    found = read_statuses(pd.Series(statuses, dtype=object), has_timed_out)
    assert found.tolist() == [True, *[False] * 7, True]
    assert read_statuses(pd.Series(dtype=object), has_timed_out).tolist() == []
