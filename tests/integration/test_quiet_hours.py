"""Quiet hours by a real store: held, not late, told at their end as it is then; pages and people pass."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from file_notifier import FileNotifier
from parcels import WINDOW, fill_database, make_deps, write_project
from seamwatch.core.incident_life import Incident
from seamwatch.engine.attribute import attribute_window
from seamwatch.engine.deliver import DeliverySummary, deliver_pending
from seamwatch.engine.deps import Deps
from seamwatch.engine.incident_actions import act_on_incident
from seamwatch.engine.incidents import decide_incidents
from seamwatch.engine.watcher_status import watcher_status
from seamwatch.vocabulary import Door, IncidentAction, IncidentState

pytestmark = pytest.mark.integration
QUIET = '\nquiet_hours: {time_zone: UTC, from: "00:00", to: "07:00"}\n'
NIGHT = WINDOW.end + timedelta(hours=2)
MORNING = WINDOW.end + timedelta(hours=7)


@dataclass
class Desk:
    """The incident of a small pipeline that was found at night, a channel that is a file, and a clock."""

    root: Path
    deps: Deps
    now: list[datetime]

    @property
    def incident(self) -> Incident:
        return next(one for one in self.deps.store.incidents("parcels") if one.headline.startswith("Integration"))

    def deliver(self, at: datetime) -> DeliverySummary:
        self.now[0] = at
        return deliver_pending(self.deps)

    def told(self) -> list[dict[str, Any]]:
        headline = self.incident.headline
        return [line for line in FileNotifier(self.root / "messages.jsonl").lines() if headline in line["text"]]


@pytest.fixture(scope="module")
def attributed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("attributed")
    write_project(root)
    url = f"sqlite:///{root / 'parcels.db'}"
    fill_database(url, "code_table")
    deps = make_deps(root, {"AIRFLOW_CONN_PARCELS_DB": url})
    attribute_window(deps, deps.project.pipeline("parcels"), WINDOW)
    deps.store.close()
    return root


@pytest.fixture
def make_desk(attributed: Path, tmp_path: Path) -> Iterator[Callable[[str], Desk]]:
    opened: list[Deps] = []

    def make(more: str = "") -> Desk:
        root = tmp_path / "project"
        shutil.copytree(attributed, root)
        pipeline = root / "include" / "pipelines" / "parcels.yaml"
        pipeline.write_text(pipeline.read_text() + QUIET + more)
        now = [NIGHT]
        deps = replace(make_deps(root, {}), clock=lambda: now[0])
        opened.append(deps)
        decide_incidents(deps, deps.project.pipeline("parcels"), WINDOW)
        return Desk(root=root, deps=deps, now=now)

    yield make
    for one in opened:
        one.store.close()


def test_what_was_found_at_night_is_told_in_the_morning_and_is_not_late(make_desk: Callable[[str], Desk]) -> None:
    desk = make_desk("")
    night = [desk.deliver(at) for at in (NIGHT, NIGHT + timedelta(hours=1), MORNING - timedelta(seconds=1))]
    assert [(one.n_sent, one.n_undelivered) for one in night] == [(0, 0)] * 3
    assert night[-1].n_waiting > 0
    assert watcher_status(desk.deps).outboxes == ()
    assert desk.told() == []
    assert desk.deliver(MORNING).n_undelivered == 0
    head, thread = desk.told()
    assert (head["thread"], thread["thread"]) == (None, head["id"])


def test_what_resolves_at_night_is_told_as_resolved(make_desk: Callable[[str], Desk]) -> None:
    desk = make_desk("")
    desk.now[0] = NIGHT + timedelta(hours=1)
    act_on_incident(desk.deps, desk.incident.id, IncidentAction.RESOLVE, by="ana", door=Door.COMMAND_LINE)
    assert desk.incident.state is IncidentState.RESOLVED
    desk.deliver(desk.now[0])
    head, thread = desk.told()
    assert head["text"].startswith("parcels: Resolved: ")
    assert thread["thread"] == head["id"]


def test_what_a_person_does_at_night_shows_at_once(make_desk: Callable[[str], Desk]) -> None:
    desk = make_desk("")
    act_on_incident(desk.deps, desk.incident.id, IncidentAction.ACKNOWLEDGE, by="ana", door=Door.COMMAND_LINE)
    desk.deliver(NIGHT)
    assert len(desk.told()) == 2


def test_a_page_passes(make_desk: Callable[[str], Desk]) -> None:
    any_harm = "{share: 0.01, least_records: 1, many_records: 100}"
    desk = make_desk(f"severity: {{sev1: {any_harm}, sev2: {any_harm}, sev3: {any_harm}}}\n")
    desk.deliver(NIGHT)
    assert len(desk.told()) == 2


def test_a_message_that_fails_in_the_morning_is_late(make_desk: Callable[[str], Desk]) -> None:
    desk = make_desk("")
    (desk.root / "messages.jsonl").mkdir()
    assert desk.deliver(MORNING).n_undelivered > 0
