"""When a failed call is tried again, and how long is waited before."""

from __future__ import annotations

import asyncio
import random
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import tenacity

from seamwatch.adapters.models.exchange import Attempt

_SECONDS = re.compile(r"^\d+(\.\d+)?$", re.ASCII)
_PASSING = frozenset({408, 409, 425, 429})
"""Beside 5xx, what providers' own clients try again."""


@dataclass(frozen=True, kw_only=True)
class Patience:
    """How long an endpoint is waited for. Sleep and jitter are arguments so that tests neither wait nor guess."""

    attempts: int = 4
    """Requests for one call, the first one among them."""
    first_wait_s: float = 0.5
    """Doubled before each further attempt."""
    longest_wait_s: float = 60.0
    """Cap of one wait, also of one that the endpoint asks for."""
    deadline_s: float | None = None
    """No further attempt starts after it; default: twice the endpoint's timeout, and at least a minute."""
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    rng: random.Random = field(default_factory=random.Random)

    def retrying(self, timeout_s: float) -> tenacity.AsyncRetrying:
        """Return tenacity's loop over attempts; its result is the last attempt, failed or not."""
        deadline_s = self.deadline_s if self.deadline_s is not None else max(2 * timeout_s, 60.0)
        return tenacity.AsyncRetrying(
            stop=tenacity.stop_any(tenacity.stop_after_attempt(self.attempts), tenacity.stop_before_delay(deadline_s)),
            wait=self._wait_s,
            retry=tenacity.retry_if_result(_may_pass),
            sleep=self.sleep,
            retry_error_callback=_last_attempt,
        )

    def _wait_s(self, state: tenacity.RetryCallState) -> float:
        asked_s = _last_attempt(state).retry_after_s
        if asked_s is not None:
            return min(asked_s, self.longest_wait_s)
        # Jitter keeps calls that failed together from coming back together.
        wait_s = self.first_wait_s * 2.0 ** (state.attempt_number - 1) * self.rng.uniform(1.0, 1.5)
        return min(wait_s, self.longest_wait_s)


def is_passing_status(status: int) -> bool:
    """Return whether an HTTP status says that the same request may be answered later."""
    return status in _PASSING or status >= 500


def retry_after_s(value: str | None, now: datetime) -> float | None:
    """Return the seconds that a Retry-After header asks for, given as seconds or as a date; None if it is neither."""
    if not value:
        return None
    if _SECONDS.match(value):
        return float(value)
    try:
        moment = parsedate_to_datetime(value)
    except ValueError:
        return None
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return max((moment - now).total_seconds(), 0.0)


def _may_pass(attempt: Attempt) -> bool:
    return attempt.may_pass


def _last_attempt(state: tenacity.RetryCallState) -> Attempt:
    assert state.outcome is not None
    attempt: Attempt = state.outcome.result()
    return attempt
