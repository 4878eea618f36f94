"""Months of events at 5-minute ticks, many at a time: healthy, with an outage, or with a slow burn."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
TICKS_PER_HOUR = 12
TICKS = 30 * 24 * TICKS_PER_HOUR
Errors = Literal["independent", "bursts", "patches"]
BURST = 5.0
"""Mean number of bad events in a row where errors come in bursts (geometric)."""
PATCH_SPREAD = 0.02
"""Correlation of two events of one hour where whole hours are better or worse."""


@dataclass(frozen=True)
class Service:
    """What is simulated."""

    goal: float
    per_hour: float
    errors: Errors
    burn: float
    """Of the healthy service: 0.5 uses half of its budget."""

    @property
    def budget(self) -> float:
        return 1.0 - self.goal


@dataclass(frozen=True)
class Fault:
    """From `start` (a tick for each month) on, so many ticks, so many of the events are bad."""

    start: NDArray[np.int64]
    ticks: int
    share: float


def months(
    service: Service, n: int, rng: np.random.Generator, fault: Fault | None = None, ticks: int = TICKS
) -> tuple[Floats, Floats]:
    """Return bad events and all events by month and tick, each of shape (n, ticks)."""
    total = rng.poisson(service.per_hour / TICKS_PER_HOUR, (n, ticks))
    share = service.budget * service.burn
    if service.errors == "bursts":
        bad = _bursts(total, share, rng)
    elif service.errors == "patches":
        precision = 1.0 / PATCH_SPREAD - 1.0
        hours = rng.beta(share * precision, (1 - share) * precision, (n, -(-ticks // TICKS_PER_HOUR)))
        bad = rng.binomial(total, np.repeat(hours, TICKS_PER_HOUR, axis=1)[:, :ticks])
    else:
        bad = rng.binomial(total, share)
    if fault is not None:
        offset = np.arange(ticks) - fault.start[:, None]
        within = (offset >= 0) & (offset < fault.ticks)
        if service.errors == "bursts" and fault.share < 0.5:
            bad = np.where(within, _bursts(total, fault.share, rng), bad)
        else:
            bad = np.where(within, rng.binomial(total, fault.share), bad)
    return bad.astype(float), total.astype(float)


def _bursts(total: NDArray[np.int64], share: float, rng: np.random.Generator) -> NDArray[np.int64]:
    """Return bad events that follow each other: a burst goes on with the next events, also of later ticks."""
    starts = rng.poisson(total * share / BURST)
    new = starts + np.where(starts > 0, rng.negative_binomial(np.maximum(starts, 1), 1.0 / BURST), 0)
    bad, waiting = np.empty_like(total), np.zeros(len(total), dtype=total.dtype)
    for tick in range(total.shape[1]):
        waiting = waiting + new[:, tick]
        bad[:, tick] = np.minimum(waiting, total[:, tick])
        waiting = waiting - bad[:, tick]
    return bad


def turn(before: tuple[Floats, Floats], after: tuple[Floats, Floats]) -> tuple[Floats, Floats]:
    """Return months that go on from the middle as other months do."""
    half = before[0].shape[1] // 2
    bad, total = (
        np.concatenate([first[:, :half], second[:, half:]], axis=1) for first, second in zip(before, after, strict=True)
    )
    return bad, total
