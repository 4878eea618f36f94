"""An endpoint whose answers are cached, counted and priced, and which stops at the budget."""

from __future__ import annotations

import asyncio
import hashlib
import threading
from collections.abc import Sequence
from dataclasses import replace
from functools import partial

from seamwatch.adapters.base import AnswerCache, CallBudget, ModelEndpoint
from seamwatch.adapters.models.exchange import Attempt, Gate, Gated, Send
from seamwatch.adapters.models.joint_writes import JointWrites
from seamwatch.adapters.models.pricing import Prices
from seamwatch.adapters.models.reservations import Need, Reservations
from seamwatch.core.replays import BudgetLimits, ModelAnswer, ModelCall

_LASTING_STATUSES = frozenset({400, 413, 414, 422})
"""Refusals of the request itself. Others (401, 404) go away when a person corrects the connection."""
_LATE_STATUSES = frozenset({408, 499, 504, 522, 524, 598, 599})
"""Somebody on the way stopped waiting: the model may have answered nevertheless, and be billed."""

_Mark = tuple[str, int]
"""Request hash and attempt: what makes two calls the same."""


class MeteredEndpoint:
    """Reserves before every request and settles after it; never asks twice for what it has been told already.

    Each request over the wire needs a reservation of its own, a retry too: the limits are those of the wire.
    """

    def __init__(
        self,
        inner: ModelEndpoint,
        *,
        cache: AnswerCache,
        budget: CallBudget,
        pipeline: str,
        run: str,
        day: str,
        scope: str,
        limits: BudgetLimits,
        prices: Prices | None = None,
        max_output_tokens: int | None = None,
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
            max_output_tokens: Of one answer, where the request sets no limit.
        """
        self.protocol = inner.protocol
        self._inner = inner
        self._cache = cache
        self._budget = budget
        self._pipeline, self._run, self._day, self._scope = pipeline, run, day, scope
        self.limits = limits
        """Of the run and the day; may be changed, for the calls from then on."""
        self._prices = prices or Prices()
        self._reservations = Reservations(self._prices, inner.protocol, max_output_tokens)
        self.notes: list[str] = []
        """What the budget could not hold on to, for people."""
        self._lock = threading.Lock()
        self._calls = 0
        self._spent_usd = 0.0
        self._n_unpriced = 0

    @property
    def calls(self) -> int:
        """Return how many requests left, retries among them."""
        return self._calls

    @property
    def cost_usd(self) -> float | None:
        """Return what they cost; None if the price of any is unknown."""
        return None if self._n_unpriced else self._spent_usd

    def ask(self, calls: Sequence[ModelCall]) -> list[ModelAnswer]:
        """Return one answer per call, in order; beyond the budget the answer's status is `budget`.

        Raises:
            StoreError: If the cache or the budget refuses; a call without a reservation is never made.
        """
        answers: dict[_Mark, ModelAnswer] = {}
        new: dict[_Mark, ModelCall] = {}
        marks = [(self._hash(call), call.attempt) for call in calls]
        for mark, answer in self._cache.cached_answers(self._scope, marks).items():
            answers[mark] = replace(answer, is_cached=True)
        for mark, call in zip(marks, calls, strict=True):
            if mark not in answers:
                new.setdefault(mark, call)
        answers.update(zip(new, self._ask_new(list(new.values())), strict=True))
        # The second call of a pair made no request, so whoever adds up costs must not count it.
        given: set[_Mark] = set()
        found = []
        for mark in marks:
            answer = answers[mark]
            found.append(replace(answer, is_cached=True) if mark in given and answer.is_ok else answer)
            given.add(mark)
        return found

    def _ask_new(self, calls: list[ModelCall]) -> list[ModelAnswer]:
        if not calls:
            return []
        if isinstance(self._inner, Gated):
            return self._inner.ask_with(calls, self._gate())
        return [self._ask_here(call) for call in calls]

    def _gate(self) -> Gate:
        """Return the gate of one batch: it reserves, lets the request go, and books what it came to."""
        writes = JointWrites(self._budget.together)
        settled = asyncio.Condition()
        n_open = n_settled = 0

        async def reserve(call: ModelCall) -> tuple[Need, int] | None:
            while True:
                seen = n_settled
                need, reservation = await writes.run(partial(self._reserve, call))
                if reservation is not None:
                    return need, reservation
                # Requests under way hold more money than they will cost: what is left over may do for this one.
                async with settled:
                    while n_settled == seen and n_open:
                        await settled.wait()
                if n_settled == seen:
                    return None

        async def gate(call: ModelCall, send: Send) -> Attempt:
            nonlocal n_open, n_settled
            reserved = await reserve(call)
            if reserved is None:
                return Attempt(answer=_SPENT, has_left=False)
            need, reservation = reserved
            n_open += 1
            try:
                try:
                    attempt = await send(call)
                except asyncio.CancelledError:
                    # Cut off under way: the request may be billed, so what was reserved for it stays spent.
                    self._count(need, None)
                    self._budget.settle(reservation, usd=need.unknown_usd)
                    raise
                booked = self._priced(call, need, attempt)
                await writes.run(partial(self._write, call, reservation, need, booked))
                return booked
            finally:
                async with settled:
                    n_open -= 1
                    n_settled += 1
                    settled.notify_all()

        return gate

    def _ask_here(self, call: ModelCall) -> ModelAnswer:
        need, reservation = self._reserve(call)
        if reservation is None:
            return _SPENT
        attempt = Attempt(answer=self._inner.ask([call])[0])
        booked = self._priced(call, need, attempt)
        self._write(call, reservation, need, booked)
        return booked.answer

    def _reserve(self, call: ModelCall) -> tuple[Need, int | None]:
        need = self._reservations.need(call)
        reservation = self._budget.reserve(
            self._pipeline, self._run, self._day, usd=need.usd, up_to_usd=need.up_to_usd, limits=self.limits
        )
        return need, reservation

    def _priced(self, call: ModelCall, need: Need, attempt: Attempt) -> Attempt:
        """Return the attempt with its cost, after learning from it; nothing is written yet."""
        if not attempt.has_left:
            return attempt
        cost_usd = self._cost_usd(call, attempt.answer)
        answer = replace(attempt.answer, cost_usd=cost_usd)
        if self._reservations.learn(need, answer, cost_usd):
            self._note(
                f"an answer cost ${cost_usd:.4f}, more than the limit of its request allows (${need.usd:.4f}): calls "
                "are made one at a time from then on"
            )
        self._count(need, cost_usd)
        return replace(attempt, answer=answer)

    def _write(self, call: ModelCall, reservation: int, need: Need, attempt: Attempt) -> None:
        """Settle a reservation and keep what will be the same next time; one of unknown cost keeps its money."""
        if not attempt.has_left:
            self._budget.release(reservation)
            return
        cost_usd = attempt.answer.cost_usd
        self._budget.settle(reservation, usd=need.unknown_usd if cost_usd is None else cost_usd)
        if _is_lasting(attempt.answer, attempt):
            mark = (self._hash(call), call.attempt)
            self._cache.save_answer(self._scope, *mark, attempt.answer, key=call.key, purpose=call.purpose)

    def _cost_usd(self, call: ModelCall, answer: ModelAnswer) -> float | None:
        is_counted = answer.input_tokens is not None or answer.output_tokens is not None
        # Providers do not bill a request that they refuse; one that they began to answer they may.
        if answer.status == "http_error" and not is_counted and answer.http_status not in _LATE_STATUSES:
            return 0.0
        return self._prices.cost_usd(answer, call.body)

    def _count(self, need: Need, cost_usd: float | None) -> None:
        """Count a request that left."""
        with self._lock:
            self._calls += 1
            self._spent_usd += cost_usd or 0.0
            self._n_unpriced += cost_usd is None
        if cost_usd is None and need.unknown_usd is None:
            self._note(
                "what a call cost is not known and nothing limits its answer, so that all that was reserved for it "
                "counts as spent; set max_output_tokens at the endpoint"
            )

    def _note(self, what: str) -> None:
        if what not in self.notes:
            self.notes.append(what)

    def _hash(self, call: ModelCall) -> str:
        content = f"{self._inner.identity}\x1f{call.body}".encode("utf-8", "surrogatepass")
        return hashlib.sha256(content).hexdigest()


def _is_lasting(answer: ModelAnswer, attempt: Attempt) -> bool:
    if answer.status == "http_error":
        return answer.http_status in _LASTING_STATUSES
    return answer.is_ok or (answer.status == "garbage" and not attempt.may_pass)


_SPENT = ModelAnswer(status="budget", detail="the budget for model calls is spent")
