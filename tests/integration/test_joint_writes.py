"""Many calls share transactions of the budget, and it is as if each had one of its own: also where a process dies."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seamwatch.adapters.models.joint_writes import JointWrites
from seamwatch.core.replays import BudgetLimits
from seamwatch.errors import StoreError
from seamwatch.store.repo import Store

pytestmark = pytest.mark.integration
LIMITS = BudgetLimits(calls_per_run=9, calls_per_day=12, usd_per_run=0.6, usd_per_day=0.8)


@contextmanager
def opened(path: Path) -> Iterator[Store]:
    store = Store.open(f"sqlite:///{path}", migrate_first=True)
    try:
        yield store
    finally:
        store.close()


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with opened(tmp_path / "store.db") as one:
        yield one


def reserve(store: Store, usd: float = 0.1, up_to_usd: float = 0.0, run: str = "r") -> int | None:
    return store.reserve("p", run, "2026-01-01", usd=usd, up_to_usd=up_to_usd, limits=LIMITS)


def run_all(works: list[Callable[[], Any]], store: Store) -> list[Any]:
    """Return what each piece came to, its error in place of a result."""

    async def run() -> list[Any]:
        writes = JointWrites(store.together)
        return await asyncio.gather(*(writes.run(work) for work in works), return_exceptions=True)

    return asyncio.run(run())


MONEY = st.sampled_from([0.0, 0.05, 0.1, 0.3, float("inf")])
STEPS = st.lists(
    st.tuples(st.just("reserve"), MONEY.filter(lambda usd: usd < 1), MONEY)
    | st.tuples(
        st.sampled_from(["settle", "release"]), st.integers(0, 8), st.none() | st.sampled_from([0.0, 0.02, 0.2])
    ),
    max_size=14,
)


def play(store: Store, steps: list[Any], how: Callable[[list[Callable[[], Any]]], list[Any]], pipeline: str) -> Any:
    """Return which reservations were made, and what is spent, of steps of which later ones close earlier ones."""
    made: list[int | None] = []

    def do(kind: str, what: Any, more: Any) -> None:
        if kind == "reserve":
            made.append(store.reserve(pipeline, "r", "d", usd=what, up_to_usd=more, limits=LIMITS))
        elif what < len(made) and made[what] is not None:
            store.settle(made[what], usd=more) if kind == "settle" else store.release(made[what])

    how([partial(do, *step) for step in steps])
    return [one is not None for one in made], store.spent(pipeline, run="r"), store.spent(pipeline, day="d")


@settings(deadline=None, max_examples=25)
@given(steps=STEPS)
def test_together_is_as_one_after_the_other(tmp_path_factory: pytest.TempPathFactory, steps: list[Any]) -> None:
    folder = tmp_path_factory.mktemp("budget")
    with opened(folder / "store.db") as store:
        alone = play(store, steps, lambda works: [work() for work in works], "alone")
        together = play(store, steps, lambda works: run_all(works, store), "together")
        assert together[0] == alone[0]
        for (n_calls, usd), (n_calls_alone, usd_alone) in zip(together[1:], alone[1:], strict=True):
            assert n_calls == n_calls_alone
            assert usd == pytest.approx(usd_alone)


def test_what_waits_shares_a_transaction(store: Store) -> None:
    n_transactions = 0

    @contextmanager
    def counted() -> Iterator[None]:
        nonlocal n_transactions
        n_transactions += 1
        with store.together():
            yield

    async def run() -> list[Any]:
        writes = JointWrites(counted)
        return await asyncio.gather(*(writes.run(partial(reserve, store)) for _ in range(8)))

    made = asyncio.run(run())
    assert [one is not None for one in made] == [True] * 6 + [False] * 2
    assert n_transactions < 8


def test_a_piece_that_fails_harms_no_other(store: Store) -> None:
    def fail() -> None:
        reserve(store)
        msg = "refused"
        raise StoreError(msg)

    found = run_all([partial(reserve, store), fail, partial(reserve, store)], store)
    assert [type(one) for one in found] == [int, StoreError, int]
    assert store.spent("p", run="r") == (2, pytest.approx(0.2))


def test_two_schedulers_never_pass_the_cap(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    made: list[Any] = []
    with opened(path):
        pass

    def schedule(run: str) -> None:
        with opened(path) as store:
            made.extend(run_all([partial(reserve, store, 0.1, run=run)] * 8, store))

    threads = [threading.Thread(target=schedule, args=(name,)) for name in ("a", "b")]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert sum(isinstance(one, int) for one in made) == 8  # of 0.8 a day
    assert sum(one is None for one in made) == 8
    with opened(path) as store:
        assert store.spent("p", day="2026-01-01") == (8, pytest.approx(0.8))


@pytest.mark.parametrize(("dies", "n_kept"), [("within", 0), ("after", 2)])
def test_a_worker_that_dies_leaves_whole_transactions(tmp_path: Path, dies: str, n_kept: int) -> None:
    path = tmp_path / "store.db"
    code = f"""
import os
from seamwatch.core.replays import BudgetLimits
from seamwatch.store.repo import Store
limits = BudgetLimits(calls_per_run=9, calls_per_day=12, usd_per_run=0.6, usd_per_day=0.8)
store = Store.open("sqlite:///{path}", migrate_first=True)
with store.together():
    for _ in range(2):
        assert store.reserve("p", "r", "2026-01-01", usd=0.1, limits=limits)
    if {dies!r} == "within":
        os._exit(9)
os._exit(9)
"""
    done = subprocess.run([sys.executable, "-c", code], env=dict(os.environ), check=False)
    assert done.returncode == 9
    with opened(path) as store:
        # What was reserved is found again, and counts: the calls may have left.
        assert store.spent("p", run="r") == (n_kept, pytest.approx(0.1 * n_kept))
        made = run_all([partial(reserve, store)] * 9, store)
        assert sum(isinstance(one, int) for one in made) == 6 - n_kept
