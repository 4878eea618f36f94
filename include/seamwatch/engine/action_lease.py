"""A worker's hold on an action: nobody else carries it on while it works, however long that takes."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import uuid4

from seamwatch.engine.deps import Deps

RENEWED_EVERY_S = 20.0
_MARGIN = timedelta(minutes=1)
"""What is left of a lease beside the action's own time-out, should its worker be killed or the store be away."""
_LONGEST = timedelta(days=1)
"""A worker that hangs for so long loses its hold, so that the action is not lost with it."""


@dataclass(frozen=True, kw_only=True)
class Lease:
    """Who works on an action, and for how long nobody else does after its last sign of life."""

    timeout: timedelta
    """Of the action."""
    owner: str = field(default_factory=lambda: uuid4().hex)

    def until(self, now: datetime) -> datetime:
        """Return when it ends, unless it is renewed."""
        return now + self.timeout + _MARGIN


@contextmanager
def renewed(deps: Deps, action_id: str, lease: Lease, *, every_s: float = RENEWED_EVERY_S) -> Iterator[None]:
    """Renew a lease while the block runs: looking, doing and looking again may each take as long as the time-out.

    Whoever leaves by an error lets go of it, so that the next try need not wait; whoever is killed keeps it to its end.
    """
    is_over = threading.Event()
    longest = deps.clock() + _LONGEST

    def renew() -> None:
        while not is_over.wait(every_s):
            with suppress(Exception):  # a store that is away for a moment; the lease lasts longer than that
                now = deps.clock()
                if now > longest or not deps.store.renew_action_lease(
                    action_id, owner=lease.owner, until=lease.until(now)
                ):
                    return

    worker = threading.Thread(target=renew, name="seamwatch-lease", daemon=True)
    worker.start()
    try:
        yield
    except Exception:
        _stop(worker, is_over)
        with suppress(Exception):  # then it ends by itself
            deps.store.renew_action_lease(action_id, owner=lease.owner, until=deps.clock())
        raise
    finally:
        _stop(worker, is_over)


def _stop(worker: threading.Thread, is_over: threading.Event) -> None:
    is_over.set()
    worker.join()
