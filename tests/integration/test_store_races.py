"""Runs that meet in the store, on SQLite and PostgreSQL: processes, readers beside writers, a person beside a run."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

import store_worker
from seamwatch.core.deliveries import DeliveryPart
from seamwatch.core.finding import Finding, RateComparison
from seamwatch.core.incident_evaluations import evaluate_attribution
from seamwatch.core.incident_life import ChangeKind, Incident, IncidentChange, Request, act
from seamwatch.core.incidents import decide
from seamwatch.core.replays import BudgetLimits
from seamwatch.core.results import Attribution, IsolationResult, Verdict, Window
from seamwatch.errors import StoreError
from seamwatch.store.repo import Store
from seamwatch.vocabulary import Door, IncidentAction, IncidentState, Responsibility

NOW = datetime(2026, 3, 2, 8, tzinfo=UTC)
WINDOW = Window(start=NOW - timedelta(days=1), end=NOW)
NEXT = Window(start=NOW, end=NOW + timedelta(days=1))
AMPLE = BudgetLimits(calls_per_run=10**6, calls_per_day=10**6, usd_per_run=1e6, usd_per_day=1e6)


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'store.db'}"
    make: Callable[[], str] = request.getfixturevalue("postgres_database")
    return make()


@pytest.fixture
def store(url: str) -> Iterator[Store]:
    opened = Store.open(url, migrate_first=True)
    yield opened
    opened.close()


def _attribution(n: int, window: Window = WINDOW) -> Attribution:
    cause = Finding(
        responsibility=Responsibility.INTEGRATION,
        stage="mapping",
        n_records=n,
        share=1.0,
        share_low=0.9,
        share_high=1.0,
        confidence=0.9,
        headline="Integration failure",
        rate=RateComparison(is_change=True),
    )
    verdict = {"responsibility": cause.responsibility, "stage": "mapping", "confidence": 0.9, "explanation": "so"}
    return Attribution(
        pipeline="p",
        window=window,
        n_observed=100,
        n_failing=n,
        n_pending=0,
        n_examined=n,
        causes=(cause,),
        isolation=IsolationResult(stage=None, model=None, calls=0, cost_usd=None),
        verdicts=tuple(Verdict(key=str(number), **verdict) for number in range(n)),
    )


def test_processes_that_meet_migrate_once_and_never_oversell_the_budget(url: str) -> None:
    command = [sys.executable, store_worker.__file__, url, "30"]
    workers = [
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for _ in range(4)
    ]
    for worker in workers:
        assert worker.stdout is not None
        assert worker.stdout.readline() == "ready\n"
    for worker in workers:
        assert worker.stdin is not None
        worker.stdin.write("go\n")
        worker.stdin.flush()
    answers = [worker.communicate(timeout=120) for worker in workers]
    assert [worker.returncode for worker in workers] == [0] * 4, [errors for _, errors in answers]
    limit = store_worker.LIMITS.calls_per_run
    assert sum(int(granted) for granted, _ in answers) == limit
    store = Store.open(url)
    assert store.spent("p", run="run") == store.spent("p", day="2026-03-02") == (limit, limit * 0.25)
    store.close()


def test_reserving_and_settling_never_deadlock(store: Store) -> None:
    def ask_often(_: int) -> None:
        for _ in range(25):
            reservation = store.reserve("p", "r", "d", usd=0.5, limits=AMPLE)
            assert reservation is not None
            store.settle(reservation, usd=0.25)

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(ask_often, range(6)))
    assert store.spent("p", run="r") == (150, 37.5)


def test_a_reader_beside_writers_never_sees_a_mixture(store: Store) -> None:
    store.begin_window("p", WINDOW, now=NOW)
    store.save_attribution(_attribution(1), now=NOW)
    is_over = threading.Event()

    def write() -> None:
        n = 0
        while not is_over.is_set():
            n = n % 60 + 1
            store.save_attribution(_attribution(n), now=NOW)

    with ThreadPoolExecutor(1) as pool:
        writing = pool.submit(write)
        found = [store.attribution("p", WINDOW) for _ in range(200)]
        # A busy machine may give the writer no turn for a while.
        while len({one.n_failing for one in found if one is not None}) < 3 and len(found) < 20_000:
            found.append(store.attribution("p", WINDOW))
        is_over.set()
        writing.result()
    assert [one for one in found if one is None or len(one.verdicts) != one.n_failing] == []
    assert len({one.n_failing for one in found if one is not None}) > 2, "no writer came between the reads"


def _decide(store: Store, window: Window) -> None:
    with store.deciding("p"):
        changes = decide(store.incidents("p", limit=None), evaluate_attribution(_attribution(9, window)), now=NOW)
        store.apply_changes(changes, window=window)


def test_runs_of_two_windows_that_meet_open_one_incident(store: Store) -> None:
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda window: _decide(store, window), [WINDOW, NEXT, WINDOW, NEXT]))
    (incident,) = store.incidents("p")
    assert (incident.first_window, incident.last_window, incident.n_windows) == (WINDOW, NEXT, 2)
    kinds = sorted(event.kind for event in store.incident_events(incident.id))
    assert kinds == ["opened", "updated", "updated", "updated"]


def _acknowledge(store: Store, incident_id: str) -> Incident:
    with store.deciding("p"):
        incident = store.incident(incident_id)
        assert incident is not None
        change = act(incident, Request(action=IncidentAction.ACKNOWLEDGE, by="ada", door=Door.AIRFLOW, at=NOW))
        assert isinstance(change, IncidentChange)
        store.apply_changes([change])
    return change.incident


def test_a_person_who_acknowledges_during_a_decision_is_not_overruled(store: Store) -> None:
    _decide(store, WINDOW)
    (incident,) = store.incidents("p")
    with ThreadPoolExecutor(1) as pool:
        with store.deciding("p"):
            changes = decide(store.incidents("p", limit=None), evaluate_attribution(_attribution(5, NEXT)), now=NOW)
            person = pool.submit(_acknowledge, store, incident.id)
            with pytest.raises(TimeoutError):
                person.result(timeout=0.3)
            store.apply_changes(changes, window=NEXT)
        taken = person.result()
    assert (taken.state, taken.last_window) == (IncidentState.ACKNOWLEDGED, NEXT)
    assert store.incident(incident.id) == taken
    assert [event.kind for event in store.incident_events(incident.id)] == ["opened", "updated", "acknowledged"]


def test_a_decision_that_fails_half_way_leaves_neither_incident_nor_message(store: Store) -> None:
    changes = decide([], evaluate_attribution(_attribution(9)), now=NOW)

    def fail_half_way() -> None:
        with store.deciding("p"):
            store.apply_changes(changes, window=WINDOW)
            store.enqueue_delivery(
                changes[0].incident.id,
                dedupe_key="k",
                part=DeliveryPart.HEAD,
                change=ChangeKind.OPENED,
                channel="#c",
                connection="slack",
                now=NOW,
            )
            assert store.n_pending_deliveries() == 1
            store.enqueue_delivery(
                "unknown",
                dedupe_key="l",
                part=DeliveryPart.HEAD,
                change=ChangeKind.OPENED,
                channel="#c",
                connection="slack",
                now=NOW,
            )

    with pytest.raises(StoreError, match=r"(?i)foreign key"):
        fail_half_way()
    assert store.incidents("p") == []
    assert store.n_pending_deliveries() == 0
    _decide(store, WINDOW)
    assert len(store.incidents("p")) == 1
