"""Escalation by the delivery run: once under two schedulers, in the thread, to the reliability owner."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from file_notifier import FileNotifier
from parcels import WINDOW, fill_database, make_deps, write_project
from seamwatch.core.incident_life import ChangeKind, Incident
from seamwatch.engine.attribute import attribute_window
from seamwatch.engine.deliver import deliver_pending
from seamwatch.engine.deps import Deps
from seamwatch.engine.escalation import escalate
from seamwatch.engine.incident_actions import act_on_incident
from seamwatch.engine.incidents import decide_incidents
from seamwatch.vocabulary import Door, IncidentAction, IncidentState

pytestmark = pytest.mark.integration
RULES = "\nescalation: {after: {sev1: 15m, sev2: 1h, sev3: 1h, sev4: 1h}}\n"


@dataclass
class Desk:
    """The incident of a small pipeline, a channel that is a file, and a clock."""

    root: Path
    deps: Deps
    now: list[datetime]

    @property
    def incident(self) -> Incident:
        return next(one for one in self.deps.store.incidents("parcels") if one.headline.startswith("Integration"))

    def deliver(self, after: timedelta = timedelta(0)) -> None:
        self.now[0] += after
        deliver_pending(self.deps)

    def replies(self, word: str) -> list[dict[str, Any]]:
        lines = FileNotifier(self.root / "messages.jsonl").lines()
        return [line for line in lines if line.get("thread") and word in json.dumps(line["blocks"])]

    def events(self) -> list[str]:
        return [one.kind for one in self.deps.store.incident_events(self.incident.id)]


@pytest.fixture(scope="module")
def attributed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("attributed")
    write_project(root)
    pipeline = root / "include" / "pipelines" / "parcels.yaml"
    pipeline.write_text(pipeline.read_text() + RULES)
    url = f"sqlite:///{root / 'parcels.db'}"
    fill_database(url, "code_table")
    deps = make_deps(root, {"AIRFLOW_CONN_PARCELS_DB": url})
    attribute_window(deps, deps.project.pipeline("parcels"), WINDOW)
    deps.store.close()
    return root


@pytest.fixture
def desk(attributed: Path, tmp_path: Path) -> Iterator[Desk]:
    root = tmp_path / "project"
    shutil.copytree(attributed, root)
    now = [WINDOW.end + timedelta(hours=2)]
    notifier = FileNotifier(root / "messages.jsonl")
    deps = replace(make_deps(root, {}), clock=lambda: now[0], notifier=lambda _: notifier)
    decide_incidents(deps, deps.project.pipeline("parcels"), WINDOW)
    yield Desk(root=root, deps=deps, now=now)
    deps.store.close()


def test_an_incident_that_nobody_takes_on_calls_the_reliability_owner_once(desk: Desk) -> None:
    desk.deliver()
    desk.deliver(after=timedelta(minutes=5))
    assert desk.replies("Nobody took this on") == []
    for _ in range(4):
        desk.deliver(after=timedelta(hours=1))
    (reply,) = desk.replies("Nobody took this on")
    assert "<@U0REL>" in json.dumps(reply["blocks"])
    assert desk.events().count(ChangeKind.ESCALATED) == 1
    assert desk.incident.state is IncidentState.OPEN


@pytest.mark.parametrize("action", [IncidentAction.ACKNOWLEDGE, IncidentAction.MITIGATE, IncidentAction.RESOLVE])
def test_what_somebody_took_on_calls_nobody(desk: Desk, action: IncidentAction) -> None:
    act_on_incident(desk.deps, desk.incident.id, action, by="ana", door=Door.COMMAND_LINE)
    desk.deliver(after=timedelta(days=1))
    assert ChangeKind.ESCALATED not in desk.events()


def test_a_mute_that_is_over_leaves_time_to_act(desk: Desk) -> None:
    act_on_incident(desk.deps, desk.incident.id, IncidentAction.MUTE, by="ana", door=Door.COMMAND_LINE)
    desk.deliver(after=timedelta(hours=4))
    assert desk.events()[-1] == ChangeKind.UNMUTED
    desk.deliver(after=timedelta(hours=1))
    assert desk.events()[-1] == ChangeKind.ESCALATED


def test_two_schedulers_escalate_once(desk: Desk) -> None:
    desk.now[0] += timedelta(hours=3)
    others = [replace(make_deps(desk.root, {}), clock=lambda: desk.now[0]) for _ in range(2)]
    with ThreadPoolExecutor(2) as pool:
        errors = list(pool.map(lambda deps: escalate(deps, ["parcels"]), others))
    assert errors == [[], []]
    assert desk.events().count(ChangeKind.ESCALATED) == 1
    for one in others:
        one.store.close()


@pytest.mark.parametrize("damaged", ["{}", "no JSON at all"])
def test_an_incident_that_cannot_be_read_keeps_no_other_from_being_escalated(desk: Desk, damaged: str) -> None:
    engine = sa.create_engine(f"sqlite:///{desk.root / 'store.db'}")
    with engine.begin() as connection:
        connection.execute(
            sa.text(
                "INSERT INTO seamwatch_incidents (id, pipeline, fingerprint, state, opened_at, incident) "
                "SELECT 'a-damaged', pipeline, 'f0', state, opened_at, :damaged FROM seamwatch_incidents LIMIT 1"
            ),
            {"damaged": damaged},
        )
    engine.dispose()
    desk.now[0] += timedelta(hours=3)
    errors = escalate(desk.deps, ["parcels"])
    # A row without any severity is as one that was never rated: nobody knows how soon somebody is needed.
    assert [error.partition(": ")[0] for error in errors] == ([] if damaged == "{}" else ["escalation of a-damaged"])
    (found,) = [one for one in desk.deps.store.incident_ids("parcels", IncidentState.OPEN) if one != "a-damaged"]
    assert [one.kind for one in desk.deps.store.incident_events(found)].count(ChangeKind.ESCALATED) == 1
