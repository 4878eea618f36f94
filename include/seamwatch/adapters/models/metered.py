"""An endpoint whose answers are cached, counted and priced, and which stops at the budget."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from typing import Protocol as TypingProtocol

from seamwatch.adapters.base import AnswerCache, CallBudget
from seamwatch.adapters.models.pricing import Prices
from seamwatch.core.replays import BudgetLimits, ModelAnswer, ModelCall
from seamwatch.vocabulary import Protocol

_NOT_CACHED = frozenset({"timeout", "unreachable", "budget"})
"""Failures that may be over by the next call."""


class Endpoint(TypingProtocol):
    """What is metered: an HTTP endpoint or a function."""

    protocol: Protocol

    @property
    def identity(self) -> str:
        """Return what makes the same body another request."""
        ...

    def ask(self, calls: Sequence[ModelCall]) -> list[ModelAnswer]:
        """Return one answer per call."""
        ...


@dataclass(frozen=True, kw_only=True)
class _Ticket:
    """A call that is not in the cache."""

    call: ModelCall
    request_hash: str


class MeteredEndpoint:
    """Reserves before a call and settles after it; never calls twice for what it has been told already."""

    def __init__(
        self,
        inner: Endpoint,
        *,
        cache: AnswerCache,
        budget: CallBudget,
        pipeline: str,
        run: str,
        day: str,
        scope: str,
        limits: BudgetLimits,
        prices: Prices | None = None,
    ) -> None:
        """Wrap an endpoint.

        Args:
            inner: The endpoint.
            cache: Where answers are kept.
            budget: Where reservations are made.
            pipeline: Whose budget it is.
            run: Id of this run.
            day: UTC day, `2026-11-23`.
            scope: Answers are shared within it (a pipeline's window), and not beyond: a model may change.
            limits: Of the run and the day.
            prices: Default: genai-prices.
        """
        self.protocol = inner.protocol
        self.calls = 0
        """Calls that left."""
        self.unpriced_calls = 0
        self.spent_usd = 0.0
        self._inner = inner
        self._cache = cache
        self._budget = budget
        self._pipeline, self._run, self._day, self._scope = pipeline, run, day, scope
        self._limits = limits
        self._prices = prices or Prices()

    @property
    def cost_usd(self) -> float | None:
        """Return what all calls cost; None if a price is unknown."""
        return None if self.unpriced_calls else self.spent_usd

    def ask(self, calls: Sequence[ModelCall]) -> list[ModelAnswer]:
        """Return one answer per call, in order; beyond the budget the answer's status is `budget`."""
        marks = [(self._hash(call), call.attempt) for call in calls]
        answers: dict[tuple[str, int], ModelAnswer] = {}
        tickets: dict[tuple[str, int], _Ticket] = {}
        for mark, call in zip(marks, calls, strict=True):
            if mark in answers or mark in tickets:
                continue
            known = self._cache.cached_answer(self._scope, *mark)
            if known is not None:
                answers[mark] = replace(known, is_cached=True)
            else:
                tickets[mark] = _Ticket(call=call, request_hash=mark[0])
        answers.update(zip(tickets, self._ask_new(list(tickets.values())), strict=True))
        return [answers[mark] for mark in marks]

    def _ask_new(self, tickets: list[_Ticket]) -> list[ModelAnswer]:
        if not tickets:
            return []
        by_call = {id(ticket.call): ticket for ticket in tickets}
        ask_with = getattr(self._inner, "ask_with", None)
        if ask_with is None:
            return [self._one_by_one(ticket) for ticket in tickets]

        async def around(call: ModelCall, send: Callable[[ModelCall], Awaitable[ModelAnswer]]) -> ModelAnswer:
            # The store blocks; a thread keeps the other calls moving meanwhile.
            reservation = await asyncio.to_thread(self._reserve, call)
            if reservation is None:
                return _SPENT
            try:
                answer = await send(call)
            except BaseException:
                await asyncio.to_thread(self._budget.release, reservation)
                raise
            return await asyncio.to_thread(self._settle, by_call[id(call)], reservation, answer)

        found: list[ModelAnswer] = ask_with([ticket.call for ticket in tickets], around)
        return found

    def _one_by_one(self, ticket: _Ticket) -> ModelAnswer:
        reservation = self._reserve(ticket.call)
        if reservation is None:
            return _SPENT
        return self._settle(ticket, reservation, self._inner.ask([ticket.call])[0])

    def _reserve(self, call: ModelCall) -> int | None:
        usd = self._prices.worst_case_usd(call.body)
        return self._budget.reserve(self._pipeline, self._run, self._day, usd=usd, limits=self._limits)

    def _settle(self, ticket: _Ticket, reservation: int, answer: ModelAnswer) -> ModelAnswer:
        cost = self._prices.cost_usd(answer) if answer.is_ok else 0.0
        self._budget.settle(reservation, usd=cost or 0.0)
        self.calls += 1
        self.spent_usd += cost or 0.0
        self.unpriced_calls += cost is None
        priced = replace(answer, cost_usd=cost)
        is_passing = (
            answer.status in _NOT_CACHED or (answer.http_status or 0) in (408, 429) or (answer.http_status or 0) >= 500
        )
        if not is_passing:
            self._cache.save_answer(
                self._scope,
                ticket.request_hash,
                ticket.call.attempt,
                priced,
                key=ticket.call.key,
                purpose=ticket.call.purpose,
            )
        return priced

    def _hash(self, call: ModelCall) -> str:
        return hashlib.sha256(f"{self._inner.identity}\x1f{call.body}".encode()).hexdigest()


_SPENT = ModelAnswer(status="budget", detail="the budget for model calls is spent")
