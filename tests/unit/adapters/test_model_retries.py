from __future__ import annotations

import asyncio
import random
from datetime import UTC, datetime

import pytest

from seamwatch.adapters.models.exchange import Attempt
from seamwatch.adapters.models.retries import Patience, is_passing_status, retry_after_s
from seamwatch.core.replays import ModelAnswer

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
FAILED = Attempt(answer=ModelAnswer(status="http_error"), may_pass=True)


def waits_of(*attempts: Attempt, seed: int = 1, **named: float) -> tuple[Attempt, list[float]]:
    left, waits = list(attempts), []

    async def sleep(seconds: float) -> None:
        waits.append(seconds)

    async def attempt() -> Attempt:
        return left.pop(0)

    patience = Patience(sleep=sleep, rng=random.Random(seed), **named)
    return asyncio.run(patience.retrying(10)(attempt)), waits


def test_the_last_attempt_is_the_result() -> None:
    done = Attempt(answer=ModelAnswer(status="ok"))
    assert waits_of(FAILED, FAILED, done)[0] is done
    assert waits_of(done)[1] == []
    last = Attempt(answer=ModelAnswer(status="timeout"), may_pass=True)
    assert waits_of(FAILED, FAILED, FAILED, last)[0] is last


def test_waits_double_with_jitter_up_to_the_cap() -> None:
    _, waits = waits_of(*[FAILED] * 6, attempts=6, first_wait_s=1.0, longest_wait_s=5.0)
    for wait, least in zip(waits, [1, 2, 4, 5, 5], strict=True):
        assert least <= wait <= min(least * 1.5, 5.0)
    assert waits_of(*[FAILED] * 4, seed=2)[1] != waits_of(*[FAILED] * 4, seed=3)[1]
    assert waits_of(*[FAILED] * 4, seed=2)[1] == waits_of(*[FAILED] * 4, seed=2)[1]


def test_no_attempt_starts_after_the_deadline() -> None:
    slow = Attempt(answer=ModelAnswer(status="http_error"), may_pass=True, retry_after_s=30.0)
    assert waits_of(slow, deadline_s=20.0)[1] == []


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("7", 7.0),
        ("0.5", 0.5),
        ("Mon, 23 Nov 2026 12:00:30 GMT", 30.0),
        ("Mon, 23 Nov 2026 11:00:00 GMT", 0.0),
        ("soon", None),
        ("-3", None),
        ("nan", None),
        ("²", None),
        ("", None),
        (None, None),
    ],
)
def test_retry_after_in_seconds_or_as_a_date(value: str | None, seconds: float | None) -> None:
    assert retry_after_s(value, NOW) == seconds


def test_which_statuses_may_pass() -> None:
    statuses = (200, 400, 401, 403, 404, 408, 409, 422, 425, 429, 500, 502, 503, 504, 529)
    assert [status for status in statuses if is_passing_status(status)] == [408, 409, 425, 429, 500, 502, 503, 504, 529]
