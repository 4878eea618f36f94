"""A deadline for the whole of a call: clients time out each read, so that a server that drips holds them for ever."""

from __future__ import annotations

import contextvars
import functools
import threading
from collections.abc import Callable
from typing import Any, Generic, TypeVar

T = TypeVar("T")


class DeadlinePassed(TimeoutError):
    """A call took longer than it may; whether it had an effect is not known."""


def within(seconds: float, call: Callable[[], T], *, give_up: Callable[[], object] | None = None) -> T:
    """Return what a call returns, or raise what it raises.

    The call runs in a thread of its own. After its time this goes on without it; the thread ends with the process at
    the latest, and earlier if `give_up` takes from it what it waits for.

    Args:
        seconds: Longest wait, looking up names and all reads among it.
        call: Must not depend on the thread it runs in.
        give_up: Called after the deadline, as to close the client's connections; what it raises is left out.

    Raises:
        DeadlinePassed: If the call is not over in time.
    """
    running = _Running(contextvars.copy_context(), call)
    running.start()
    running.join(seconds)
    if running.is_over.is_set():
        return running.result()
    if give_up is not None:
        threading.Thread(target=_quietly, args=(give_up,), name="seamwatch-give-up", daemon=True).start()
    msg = f"no whole answer within {seconds:g} s"
    raise DeadlinePassed(msg)


class WithinDeadline:
    """An object of a foreign library, with a deadline on every call of its methods."""

    def __init__(self, inner: Any, seconds: float) -> None:
        """Wrap the object; its other attributes are given as they are."""
        self._inner = inner
        self._seconds = seconds

    def __getattr__(self, name: str) -> Any:
        """Return the attribute, a method with its deadline."""
        found = getattr(self._inner, name)
        if not callable(found):
            return found

        @functools.wraps(found)
        def call(*args: Any, **named: Any) -> Any:
            return within(self._seconds, lambda: found(*args, **named))

        return call


class _Running(threading.Thread, Generic[T]):
    def __init__(self, context: contextvars.Context, call: Callable[[], T]) -> None:
        super().__init__(name="seamwatch-call", daemon=True)
        self.is_over = threading.Event()
        self._context, self._call = context, call
        self._found: list[T] = []
        self._error: BaseException | None = None

    def run(self) -> None:
        try:
            self._found.append(self._context.run(self._call))
        except BaseException as error:  # raised again in the caller's thread
            self._error = error
        self.is_over.set()

    def result(self) -> T:
        if self._error is not None:
            raise self._error
        return self._found[0]


def _quietly(action: Callable[[], object]) -> None:
    try:
        action()
    except Exception:  # nobody is left who could do anything about it
        return
