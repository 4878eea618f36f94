"""One attempt at a call, as the sender and the meter speak of it."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

from seamwatch.core.replays import ModelAnswer, ModelCall


@dataclass(frozen=True, kw_only=True)
class Attempt:
    """What one request over the wire came to."""

    answer: ModelAnswer
    has_left: bool = True
    """False where the endpoint cannot have seen the request, so that it cannot have cost anything."""
    may_pass: bool = False
    """The failure may be over at the next attempt."""
    retry_after_s: float | None = None
    """The wait that the endpoint asked for."""


Send = Callable[[ModelCall], Awaitable[Attempt]]
Gate = Callable[[ModelCall, Send], Awaitable[Attempt]]
"""Stands around every attempt: it sends, or answers itself where the call may not leave."""


async def open_gate(call: ModelCall, send: Send) -> Attempt:
    """Let every attempt through."""
    return await send(call)


@runtime_checkable
class Gated(Protocol):
    """An endpoint that has a gate around every attempt, retries among them."""

    def ask_with(self, calls: Sequence[ModelCall], gate: Gate) -> list[ModelAnswer]:
        """Return one answer per call, in order."""
        ...


def run_async(work: Coroutine[Any, Any, list[ModelAnswer]]) -> list[ModelAnswer]:
    """Run to the end and return the result, also where the caller stands inside a running loop."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return asyncio.run(work)
    answers: list[ModelAnswer] = []
    failures: list[BaseException] = []

    def run() -> None:
        try:
            answers.extend(asyncio.run(work))
        except BaseException as error:  # raised again in the caller's thread
            failures.append(error)

    thread = threading.Thread(target=run, name="seamwatch-calls")
    thread.start()
    thread.join()
    if failures:
        raise failures[0]
    return answers
