"""What a recorded call says of the provider."""

from __future__ import annotations

from typing import Any

import pytest

from seamwatch.core.attribution.evidence import provider_failure


@pytest.mark.parametrize(
    ("status", "answer", "finish", "pattern"),
    [
        (503, None, None, "error"),
        ("429", None, None, "rate_limited"),
        (429.0, None, None, "rate_limited"),
        ("rate limited", None, None, "rate_limited"),
        ("timeout", None, None, "timed_out"),
        (504, None, None, "timed_out"),
        (200, "half an ans", "length", "truncated"),
        (200, "", "stop", "empty"),
        (200, "No.", "content_filter", "refused"),
        (200, "I'm sorry, but I can't help with that request.", "stop", "refused"),
        ("ok", "I cannot assist with this.", None, "refused"),
    ],
)
def test_a_failure_of_the_provider_is_named(status: Any, answer: str | None, finish: str | None, pattern: str) -> None:
    found = provider_failure(status, answer, finish)
    assert found is not None
    assert found[0] == pattern


@pytest.mark.parametrize(
    "answer",
    [
        "billing",
        '{"reply": "I cannot help with that"}',
        "I can help with that.",
        "Sorry for the delay, your parcel is on its way.",
        "The customer says: I cannot process my payment.",
    ],
)
def test_an_answer_is_the_models_own(answer: str) -> None:
    assert provider_failure(200, answer, "stop") is None
