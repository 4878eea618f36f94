"""A process of its own that opens the store and races for its budget: `store_worker.py URL NUMBER_OF_ASKS`.

It says `ready` when all is imported, waits for a line, and prints how many calls it was granted.
"""

from __future__ import annotations

import sys

from seamwatch.core.replays import BudgetLimits
from seamwatch.store.repo import Store

LIMITS = BudgetLimits(calls_per_run=50, calls_per_day=70, usd_per_run=100.0, usd_per_day=100.0)


def main(url: str, asks: int) -> None:
    print("ready", flush=True)
    sys.stdin.readline()
    store = Store.open(url, migrate_first=True)
    n_granted = 0
    for _ in range(asks):
        reservation = store.reserve("p", "run", "2026-03-02", usd=0.5, limits=LIMITS)
        if reservation is not None:
            n_granted += 1
            store.settle(reservation, usd=0.25)
    store.close()
    print(n_granted, flush=True)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
