"""What is asked of a model in isolation, and what came back."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class ModelCall:
    """One request for a model, ready to be sent."""

    key: str
    """Record it is asked for; goes into the call's tag."""
    body: str
    """Request body, as JSON text; sent as it stands."""
    attempt: int = 0
    """0 for the first replay of this body; a further sample of a chance answer has the next number."""
    purpose: str = "replay"
    """`replay`, `clean` or `benchmark`: for the tag and the count."""


@dataclass(frozen=True, kw_only=True)
class ModelAnswer:
    """What came back. A provider's failure is an answer too; only `body` None means that there was none at all."""

    status: str
    """`ok`, `http_error`, `timeout`, `unreachable`, `garbage`, `error` (a function raised), `budget`."""
    text: str | None = None
    """The answer itself, taken from the body by protocol."""
    body: str | None = None
    """Response body as it came."""
    http_status: int | None = None
    finish_reason: str | None = None
    model: str | None = None
    input_tokens: int | None = None
    output_tokens: int | None = None
    cached_tokens: int | None = None
    cache_written_tokens: int | None = None
    cost_usd: float | None = None
    latency_ms: float | None = None
    is_cached: bool = False
    """Taken from the store; no call was made."""
    detail: str | None = None
    """For people, when status is not `ok`. Holds no prompt and no secret."""

    @property
    def is_ok(self) -> bool:
        """Return whether the model answered."""
        return self.status == "ok"


@dataclass(frozen=True, kw_only=True)
class BudgetLimits:
    """Hard limits of one run and of one UTC day of one pipeline."""

    calls_per_run: int
    calls_per_day: int
    usd_per_run: float
    usd_per_day: float
    routine_calls_per_day: int | None = None
    """Most calls of the day that samples may take; None: the call is for a change, or a person asked for it."""
    routine_usd_per_day: float | None = None
