"""The cache and the budget of model calls in memory, with the promises of the store's own."""

from __future__ import annotations

import threading
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from seamwatch.core.replays import BudgetLimits, ModelAnswer


@dataclass
class MemoryCache:
    """Keeps the first answer of each call."""

    answers: dict[tuple[str, str, int], ModelAnswer] = field(default_factory=dict)

    def cached_answers(self, scope: str, calls: Collection[tuple[str, int]]) -> dict[tuple[str, int], ModelAnswer]:
        return {call: self.answers[scope, *call] for call in calls if (scope, *call) in self.answers}

    def save_answer(
        self, scope: str, request_hash: str, attempt: int, answer: ModelAnswer, *, key: str, purpose: str
    ) -> None:
        self.answers.setdefault((scope, request_hash, attempt), answer)


@dataclass
class MemoryBudget:
    """Counts reservations of one run on one day."""

    held: dict[int, float] = field(default_factory=dict)
    """Reservation to money, reserved or spent."""
    n_settled: int = 0
    n_released: int = 0
    most_held_usd: float = 0.0
    _n: int = 0
    _lock: threading.RLock = field(default_factory=threading.RLock)

    @contextmanager
    def together(self) -> Iterator[None]:
        with self._lock:
            before = dict(self.held), self.n_settled, self.n_released, self._n
            try:
                yield
            except BaseException:
                self.held, self.n_settled, self.n_released, self._n = before
                raise

    def reserve(
        self, pipeline: str, run: str, day: str, *, usd: float, limits: BudgetLimits, up_to_usd: float = 0.0
    ) -> int | None:
        with self._lock:
            left_usd = limits.usd_per_run - sum(self.held.values())
            if len(self.held) + 1 > limits.calls_per_run or usd > left_usd + 1e-12:
                return None
            self._n += 1
            self.held[self._n] = max(usd, min(up_to_usd, left_usd))
            self.most_held_usd = max(self.most_held_usd, sum(self.held.values()))
            return self._n

    def settle(self, reservation: int, *, usd: float | None) -> None:
        with self._lock:
            assert reservation in self.held
            if usd is not None:
                self.held[reservation] = usd
            self.n_settled += 1

    def release(self, reservation: int) -> None:
        with self._lock:
            del self.held[reservation]
            self.n_released += 1
