"""Writes of many calls to a blocking store: what waits at the same time shares one transaction."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any, TypeVar, cast

T = TypeVar("T")
_MOST = 32
"""Pieces of work in one transaction: others who wait for the store must get their turn."""


class JointWrites:
    """Does pieces of work in a thread, in the order in which they came, so that no call waits for a lock in the loop.

    While one transaction is written, what comes in the meantime waits for the next. Each piece sees what those before
    it have written, as if each had a transaction of its own; nobody learns that a piece is done before it is kept. A
    process that dies leaves whole transactions or none, and no call leaves on a reservation that was not kept.

    Source: group commit; DeWitt et al., Implementation Techniques for Main Memory Database Systems, 1984, section 5.2.
    """

    def __init__(self, transaction: Callable[[], AbstractContextManager[None]]) -> None:
        """Keep what makes one transaction of all that a thread does with the store."""
        self._transaction = transaction
        self._waiting: list[tuple[Callable[[], Any], asyncio.Future[Any]]] = []
        self._writer: asyncio.Task[None] | None = None

    async def run(self, work: Callable[[], T]) -> T:
        """Return what the work returns, once it is kept; raise what it raises.

        Args:
            work: Does nothing but read and write the store: it is done again, alone, where its transaction fails.
        """
        done: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._waiting.append((work, done))
        if self._writer is None:
            self._writer = asyncio.create_task(self._write())
        return cast("T", await done)

    async def _write(self) -> None:
        batch: list[tuple[Callable[[], Any], asyncio.Future[Any]]] = []
        try:
            while self._waiting:
                batch, self._waiting = self._waiting[:_MOST], self._waiting[_MOST:]
                # Who waits no longer, since a sibling failed, starts nothing new.
                batch = [(work, done) for work, done in batch if not done.done()]
                results = await asyncio.to_thread(self._do, [work for work, _ in batch])
                for (_, done), (result, error) in zip(batch, results, strict=True):
                    if done.done():
                        continue
                    if error is None:
                        done.set_result(result)
                    else:
                        done.set_exception(error)
        except BaseException:  # the loop ends: nobody may wait for ever
            for _, done in [*batch, *self._waiting]:
                done.cancel()
            self._waiting = []
            raise
        finally:
            self._writer = None

    def _do(self, batch: list[Callable[[], Any]]) -> list[tuple[Any, Exception | None]]:
        """Return results of a batch; where it fails together, of each piece alone: one that fails harms no other."""
        try:
            with self._transaction():
                return [(work(), None) for work in batch]
        except Exception as error:
            if len(batch) == 1:
                return [(None, error)]
            return [self._do([work])[0] for work in batch]
