"""Nobody else carries an action on while its worker lives, however slow what is outside is."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from parcels import WINDOW, fill_database, make_deps, write_project
from seamwatch.core.action_life import ActionPlan, ActionRun
from seamwatch.core.incident_life import ChangeKind
from seamwatch.engine.action_lease import Lease, renewed
from seamwatch.engine.actions import carry_out
from seamwatch.engine.attribute import attribute_window
from seamwatch.engine.deps import Deps
from seamwatch.engine.incidents import decide_incidents
from seamwatch.errors import StoreError
from seamwatch.store.tables import ActionRow
from seamwatch.vocabulary import ActionState

pytestmark = pytest.mark.integration
START = WINDOW.end
ACTION = ActionRun(
    id="INC-1/route_back/abc",
    incident_id="INC-1",
    pipeline="parcels",
    name="route_back",
    runbook="model_degradation",
    state=ActionState.RUNNING,
    plan=ActionPlan(target="t", before="1", after="2", does="Sets it"),
    proposed_at=START,
    updated_at=START,
    answer_by=START + timedelta(hours=1),
    began_at=START,
)


class Clock:
    def __init__(self) -> None:
        self.now = START

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def deps(tmp_path: Path, clock: Clock) -> Deps:
    write_project(tmp_path)
    fill_database(f"sqlite:///{tmp_path / 'parcels.db'}", "code_table", n=60)
    env = {"AIRFLOW_CONN_PARCELS_DB": f"sqlite:///{tmp_path / 'parcels.db'}"}
    made = replace(make_deps(tmp_path, env), clock=clock)
    attribute_window(made, made.project.pipeline("parcels"), WINDOW)
    decide_incidents(made, made.project.pipeline("parcels"), WINDOW)
    incident_id = made.store.incidents("parcels")[0].id
    made.store.add_action(replace(ACTION, incident_id=incident_id), kind=ChangeKind.ACTION_BEGUN, why="")
    return made


def _is_free(deps: Deps) -> bool:
    now = deps.clock()
    return deps.store.lease_action(ACTION, owner="another", now=now, until=now)


def _ends_at(deps: Deps) -> datetime | None:
    engine = sa.create_engine(f"sqlite:///{deps.project.root / 'store.db'}")
    with engine.connect() as connection:
        return connection.scalar(sa.select(ActionRow.lease_until))


def _until(holds: Callable[[], bool]) -> bool:
    """Return whether something holds within some seconds."""
    end = time.monotonic() + 20
    while not holds() and time.monotonic() < end:
        time.sleep(0.01)
    return holds()


def _take(deps: Deps, lease: Lease) -> None:
    now = deps.clock()
    assert deps.store.lease_action(ACTION, owner=lease.owner, now=now, until=lease.until(now))


def test_lease_outlasts_the_time_out_while_its_worker_lives_and_ends_after_it(deps: Deps, clock: Clock) -> None:
    lease = Lease(timeout=timedelta(minutes=10))
    _take(deps, lease)
    with renewed(deps, ACTION.id, lease, every_s=0.01):
        for _ in range(3):  # look, do, look again: each takes its whole time-out
            clock.now += timedelta(minutes=10)
            assert _until(lambda: _ends_at(deps) == lease.until(clock.now))
        assert not _is_free(deps)
    assert not _is_free(deps)
    clock.now += timedelta(minutes=11)
    assert _is_free(deps)


def test_worker_that_ends_by_an_error_lets_go_at_once(deps: Deps) -> None:
    lease = Lease(timeout=timedelta(minutes=10))
    _take(deps, lease)
    with pytest.raises(StoreError, match="no action 'gone'"), renewed(deps, ACTION.id, lease):
        carry_out(deps, "gone")
    assert _is_free(deps)


def test_lease_that_another_worker_took_over_is_not_taken_back(deps: Deps, clock: Clock) -> None:
    lease = Lease(timeout=timedelta(minutes=10))
    _take(deps, lease)
    clock.now += timedelta(minutes=11)
    other = Lease(timeout=timedelta(minutes=10))
    _take(deps, other)
    with renewed(deps, ACTION.id, lease, every_s=0.01):
        time.sleep(0.2)
        clock.now += timedelta(minutes=10)
        time.sleep(0.2)
    clock.now += timedelta(minutes=2)
    assert _is_free(deps)


def test_worker_that_hangs_for_a_day_loses_its_hold(deps: Deps, clock: Clock) -> None:
    lease = Lease(timeout=timedelta(minutes=10))
    _take(deps, lease)
    with renewed(deps, ACTION.id, lease, every_s=0.01):
        clock.now += timedelta(days=1, seconds=1)
        time.sleep(0.2)
        assert _is_free(deps)
