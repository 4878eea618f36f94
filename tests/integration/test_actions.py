"""Actions on a real table: only approved ones, once, whatever breaks off; what did not help is undone."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from file_notifier import FileNotifier
from parcels import WINDOW, fill_database, make_deps, write_project
from seamwatch.core.action_life import FINAL, ActionRun
from seamwatch.core.incident_life import Incident
from seamwatch.engine.actions import answer, carry_out, check, propose, settle_actions, undo
from seamwatch.engine.attribute import attribute_window
from seamwatch.engine.deliver import deliver_pending
from seamwatch.engine.deps import Deps
from seamwatch.engine.incident_actions import act_on_incident
from seamwatch.engine.incidents import decide_incidents
from seamwatch.errors import AdapterError
from seamwatch.vocabulary import ActionState, Door, IncidentAction, IncidentState

pytestmark = pytest.mark.integration
ACTIONS = """
actions:
  route_back:
    kind: sql
    table: model_routes
    where: {name: parcels}
    column: model
    value_from: previous
    approve_within: 1h
    check: "checks:helped"
    check_within: 2h
  route_back_too:
    {kind: sql, table: model_routes, where: {name: parcels}, column: model, value: third, check: none}
  route_back_once_more:
    {kind: sql, table: model_routes, where: {name: parcels}, column: model, value_from: previous, check: none}
  restart:
    {kind: command, command: [sh, -c, "echo do >> runs"], undo: [sh, -c, "echo undo >> runs"], check: "checks:helped"}
  no_way_back:
    {kind: sql, table: model_routes, where: {name: parcels}, column: model, value_from: previous,
     check: "checks:helped", if_no_help: escalate}
"""
CHECKS = """
from pathlib import Path

def helped(incident):
    said = Path(__file__).with_name("said.txt").read_text().strip()
    return {"yes": True, "no": False}.get(said, said) if said != "breaks" else 1 / 0
"""


class Killed(BaseException):
    """The process is gone; nothing of ours may catch this."""


@dataclass
class Desk:
    """One incident, a routing table outside, and a clock."""

    root: Path
    deps: Deps
    now: list[datetime]

    @property
    def incident(self) -> Incident:
        return next(one for one in self.deps.store.incidents("parcels") if one.headline.startswith("Integration"))

    @property
    def engine(self) -> sa.Engine:
        return sa.create_engine(f"sqlite:///{self.root / 'parcels.db'}")

    @property
    def route(self) -> str:
        with self.engine.connect() as connection:
            return str(connection.scalar(sa.text("select model from model_routes where name = 'parcels'")))

    @property
    def n_writes(self) -> int:
        with self.engine.connect() as connection:
            return int(connection.scalar(sa.text("select count(*) from writes")) or 0)

    def set_route(self, model: str) -> None:
        with self.engine.begin() as connection:
            connection.execute(
                sa.text("update model_routes set model = :model where name = 'parcels'"), {"model": model}
            )

    def says(self, said: str) -> None:
        (self.root / "include" / "mappings" / "said.txt").write_text(said)

    def propose(self, name: str = "route_back", run: str = "run") -> ActionRun:
        return propose(self.deps, self.deps.project.pipeline("parcels"), self.incident, name, run=run)

    def approve(self, action: ActionRun, by: str = "ann") -> ActionRun | None:
        return answer(self.deps, action.id, approves=True, by=by, door=Door.COMMAND_LINE)

    def state(self, action: ActionRun) -> ActionState:
        now = self.deps.store.action(action.id)
        assert now is not None
        return now.state

    def settle(self, after: timedelta = timedelta(0)) -> None:
        self.now[0] += after
        assert settle_actions(self.deps, ["parcels"]) == []

    def kinds(self) -> list[str]:
        return [one.kind for one in self.deps.store.incident_events(self.incident.id)]

    def messages(self) -> list[dict[str, Any]]:
        deliver_pending(self.deps)
        return FileNotifier(self.root / "messages.jsonl").lines()


@pytest.fixture(scope="module")
def attributed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("attributed")
    write_project(root)
    pipeline = root / "include" / "pipelines" / "parcels.yaml"
    pipeline.write_text(pipeline.read_text() + ACTIONS)
    (root / "include" / "mappings" / "checks.py").write_text(CHECKS)
    url = f"sqlite:///{root / 'parcels.db'}"
    fill_database(url, "code_table")
    with sa.create_engine(url).begin() as connection:
        for statement in (
            "create table model_routes (name text primary key, model text, previous text)",
            "insert into model_routes values ('parcels', 'second', 'first')",
            "create table writes (model text)",
            "create trigger count_writes after update on model_routes begin insert into writes values (new.model); end",
        ):
            connection.execute(sa.text(statement))
    deps = make_deps(root, {"AIRFLOW_CONN_PARCELS_DB": url})
    attribute_window(deps, deps.project.pipeline("parcels"), WINDOW)
    deps.store.close()
    return root


@pytest.fixture
def make_desk(attributed: Path, tmp_path: Path) -> Iterator[Callable[[str], Desk]]:
    opened: list[Deps] = []

    def make(name: str) -> Desk:
        root = tmp_path / name
        shutil.copytree(attributed, root)
        now = [WINDOW.end + timedelta(hours=2)]
        notifier = FileNotifier(root / "messages.jsonl")
        connections = {"AIRFLOW_CONN_PARCELS_DB": f"sqlite:///{root / 'parcels.db'}"}
        deps = replace(make_deps(root, connections), clock=lambda: now[0], notifier=lambda _: notifier)
        decide_incidents(deps, deps.project.pipeline("parcels"), WINDOW)
        opened.append(deps)
        desk = Desk(root=root, deps=deps, now=now)
        desk.says("yes")
        return desk

    yield make
    for deps in opened:
        deps.store.close()


@pytest.fixture
def desk(make_desk: Callable[[str], Desk]) -> Desk:
    return make_desk("project")


def test_proposal_says_what_it_would_do_and_changes_nothing(desk: Desk) -> None:
    action = desk.propose()
    carry_out(desk.deps, action.id)
    desk.settle()

    assert action.plan is not None
    assert action.plan.does == "Sets model_routes.model from 'second' to 'first' where name = 'parcels'"
    assert (desk.state(action), desk.route, desk.n_writes) == (ActionState.WAITING, "second", 0)
    assert desk.deps.store.count_waiting_actions() == {"parcels": 1}
    told = json.dumps(desk.messages())
    assert "Waits for approval" in told
    assert "from 'second' to 'first'" in told


def test_approved_action_is_carried_out_once_checked_and_kept_in_the_timeline(desk: Desk) -> None:
    action = desk.propose()
    approved = desk.approve(action)
    done = carry_out(desk.deps, action.id)
    carry_out(desk.deps, action.id)
    mitigated = desk.incident.state
    helped = check(desk.deps, action.id)

    assert approved is not None
    assert (done.state, helped.state) == (ActionState.DONE, ActionState.HELPED)
    assert (desk.route, desk.n_writes) == ("first", 1)
    assert mitigated is IncidentState.MITIGATED
    steps = [kind for kind in desk.kinds() if kind.startswith(("action", "mitigated"))]
    assert steps == ["action_proposed", "action_answered", "action_begun", "action_done", "mitigated", "action_helped"]
    assert [one.by for one in desk.deps.store.incident_events(desk.incident.id) if one.kind == "action_answered"] == [
        "ann"
    ]
    assert "approved by ann" in json.dumps(desk.messages())


def test_two_people_with_different_answers_the_first_counts(desk: Desk) -> None:
    action = desk.propose()
    rejected = answer(desk.deps, action.id, approves=False, by="ann", door=Door.SLACK)
    approved = desk.approve(action, by="ben")
    carry_out(desk.deps, action.id)

    assert rejected is not None
    assert approved is None
    assert (desk.state(action), desk.n_writes) == (ActionState.REJECTED, 0)


def test_approval_after_the_time_out_changes_nothing_and_the_reliability_owner_is_called(desk: Desk) -> None:
    action = desk.propose()
    desk.settle(timedelta(hours=1, minutes=1))

    assert desk.approve(action) is None
    carry_out(desk.deps, action.id)
    assert (desk.state(action), desk.route) == (ActionState.EXPIRED, "second")
    assert "<@U0REL>" in json.dumps(desk.messages())


def test_approval_after_the_incident_is_over_changes_nothing(desk: Desk) -> None:
    action = desk.propose()
    act_on_incident(desk.deps, desk.incident.id, IncidentAction.RESOLVE, by="ann", door=Door.SLACK)

    assert desk.approve(action) is None
    carry_out(desk.deps, action.id)
    assert (desk.state(action), desk.n_writes) == (ActionState.OBSOLETE, 0)


def test_done_by_a_person_meanwhile_is_not_done_again(desk: Desk) -> None:
    action = desk.propose()
    desk.approve(action)
    desk.set_route("first")
    carry_out(desk.deps, action.id)

    assert (desk.state(action), desk.n_writes) == (ActionState.OBSOLETE, 1)


def test_changed_to_something_else_meanwhile_is_left_as_it_is_and_told(desk: Desk) -> None:
    action = desk.propose()
    desk.approve(action)
    desk.set_route("elsewhere")
    carry_out(desk.deps, action.id)

    assert (desk.state(action), desk.route) == (ActionState.ESCALATED, "elsewhere")
    assert "no longer as it was" in json.dumps(desk.messages())


@pytest.mark.parametrize(
    ("name", "state", "route"), [("route_back", "undone", "second"), ("no_way_back", "escalated", "first")]
)
def test_action_that_did_not_help_is_undone_or_told(desk: Desk, name: str, state: str, route: str) -> None:
    action = desk.propose(name)
    desk.approve(action)
    carry_out(desk.deps, action.id)
    desk.says("no")
    check(desk.deps, action.id)

    assert (desk.state(action), desk.route) == (ActionState(state), route)


@pytest.mark.parametrize("said", ["breaks", "maybe"])
def test_check_that_tells_nothing_decides_nothing_and_is_told_in_time(desk: Desk, said: str) -> None:
    action = desk.propose()
    desk.approve(action)
    carry_out(desk.deps, action.id)
    desk.says(said)
    desk.settle(timedelta(hours=1))
    early = desk.state(action)
    desk.settle(timedelta(hours=1, minutes=1))

    assert (early, desk.state(action), desk.route) == (ActionState.DONE, ActionState.ESCALATED, "first")


def test_person_takes_back_what_helped(desk: Desk) -> None:
    action = desk.propose()
    desk.approve(action)
    carry_out(desk.deps, action.id)
    check(desk.deps, action.id)
    undone = undo(desk.deps, action.id, by="ann", door=Door.COMMAND_LINE)

    assert undone is not None
    assert (undone.state, desk.route) == (ActionState.UNDONE, "second")


def test_undo_of_a_target_that_is_down_is_tried_again_until_it_is_there(desk: Desk) -> None:
    action = desk.propose()
    desk.approve(action)
    carry_out(desk.deps, action.id)
    desk.says("no")
    _take_away(desk)
    with pytest.raises(AdapterError, match=r"is not undone yet: .*; it is tried again until"):
        check(desk.deps, action.id)
    early = desk.state(action)
    desk.now[0] += timedelta(minutes=6)
    (refused,) = settle_actions(desk.deps, ["parcels"])
    _bring_back(desk)
    desk.settle(timedelta(minutes=6))

    assert (early, desk.state(action), desk.route) == (ActionState.UNDOING, ActionState.UNDONE, "second")
    assert "is not undone yet" in refused
    assert "<@U0REL>" not in json.dumps(desk.messages())


def test_undo_of_a_target_that_stays_down_is_escalated_in_the_end(desk: Desk) -> None:
    action = desk.propose()
    desk.approve(action)
    carry_out(desk.deps, action.id)
    _take_away(desk)
    with pytest.raises(AdapterError, match="is not undone yet"):
        undo(desk.deps, action.id, by="ann", door=Door.COMMAND_LINE)
    desk.settle(timedelta(hours=1, minutes=1))
    _bring_back(desk)

    assert (desk.state(action), desk.route) == (ActionState.ESCALATED, "first")
    assert "<@U0REL>" in json.dumps(desk.messages())


def test_person_who_asks_again_need_not_wait_for_the_next_try_to_undo(desk: Desk) -> None:
    action = desk.propose()
    desk.approve(action)
    carry_out(desk.deps, action.id)
    _take_away(desk)
    with pytest.raises(AdapterError, match="is not undone yet"):
        undo(desk.deps, action.id, by="ann", door=Door.COMMAND_LINE)
    _bring_back(desk)
    undone = undo(desk.deps, action.id, by="ann", door=Door.COMMAND_LINE)

    assert undone is not None
    assert (undone.state, desk.route, desk.n_writes) == (ActionState.UNDONE, "second", 2)
    assert undo(desk.deps, action.id, by="ann", door=Door.COMMAND_LINE) is None


def _take_away(desk: Desk) -> None:
    (desk.root / "parcels.db").rename(desk.root / "away.db")


def _bring_back(desk: Desk) -> None:
    (desk.root / "away.db").rename(desk.root / "parcels.db")


def test_second_action_on_one_target_waits_until_the_first_is_over(desk: Desk) -> None:
    first, second = desk.propose(), desk.propose("route_back_too")
    blocked = desk.state(second)
    desk.approve(first)
    carry_out(desk.deps, first.id)
    desk.settle()
    desk.settle()

    now = desk.deps.store.action(second.id)
    assert blocked is ActionState.BLOCKED
    assert now is not None
    assert now.state is ActionState.WAITING
    assert now.plan is not None
    assert now.plan.does.startswith("Sets model_routes.model from 'first' to 'third'")


def test_second_action_that_wants_what_the_first_did_is_over_with_it(desk: Desk) -> None:
    first, second = desk.propose(), desk.propose("route_back_once_more")
    desk.approve(first)
    carry_out(desk.deps, first.id)
    desk.settle()
    desk.settle()

    now = desk.deps.store.action(second.id)
    assert now is not None
    assert (now.state, desk.n_writes) == (ActionState.OBSOLETE, 1)
    assert "is 'first' already" in now.why
    assert desk.propose("route_back_once_more").state is ActionState.OBSOLETE


def test_table_that_is_gone_is_told_and_nothing_is_proposed(desk: Desk) -> None:
    with desk.engine.begin() as connection:
        connection.execute(sa.text("delete from model_routes"))

    with pytest.raises(Exception, match="no row"):
        desk.propose()
    assert desk.deps.store.actions_of(desk.incident.id) == []


def _life(desk: Desk, *, helps: bool) -> None:
    """Go through an action's whole life as its tasks do: whatever was done before is not done again."""
    action = desk.propose()
    desk.approve(action)
    carry_out(desk.deps, action.id)
    desk.says("yes" if helps else "no")
    check(desk.deps, action.id)


@pytest.mark.parametrize("helps", [True, False])
def test_killed_anywhere_an_action_is_carried_out_once_and_ends(
    make_desk: Callable[[str], Desk], *, helps: bool
) -> None:
    n_reads = _count_clock(make_desk("counted"), helps=helps)
    ends: set[tuple[str, int]] = set()
    for at in range(n_reads):
        desk = make_desk(f"killed_{at}")
        _killed_at(desk, at, helps=helps)
        desk.now[0] += timedelta(minutes=12)
        _life(desk, helps=helps)
        desk.settle(timedelta(minutes=12))
        desk.settle(timedelta(minutes=12))
        (action,) = desk.deps.store.actions_of(desk.incident.id)
        assert action.state in FINAL, (at, action)
        assert desk.incident.state is IncidentState.MITIGATED, (at, action)
        ends.add((desk.route, desk.n_writes))

    assert ends == {("first", 1) if helps else ("second", 2)}


@pytest.mark.parametrize("at", range(8))
def test_killed_as_it_expires_the_reliability_owner_is_called_all_the_same(desk: Desk, at: int) -> None:
    action = desk.propose()
    desk.now[0] += timedelta(hours=1, minutes=1)
    _killed_in(desk, at, lambda: settle_actions(desk.deps, ["parcels"]))
    desk.settle()

    assert desk.state(action) is ActionState.EXPIRED
    assert "<@U0REL>" in json.dumps(desk.messages())


@pytest.mark.parametrize("at", range(12))
def test_undo_that_was_broken_off_is_not_run_again_where_nothing_tells_whether_it_was_run(desk: Desk, at: int) -> None:
    action = desk.propose("restart")
    desk.approve(action)
    carry_out(desk.deps, action.id)
    desk.says("no")
    _killed_in(desk, at, lambda: check(desk.deps, action.id))
    desk.settle(timedelta(minutes=12))

    runs = (desk.root / "runs").read_text().split()
    assert desk.state(action) in (ActionState.UNDONE, ActionState.ESCALATED)
    assert runs in (["do"], ["do", "undo"])
    assert desk.state(action) is ActionState.ESCALATED or runs == ["do", "undo"]


def _killed_in(desk: Desk, at: int, deed: Callable[[], object]) -> None:
    """Do something in a process that is killed at a reading of its clock, where it has that many."""
    sound, n = desk.deps, [0]

    def clock() -> datetime:
        n[0] += 1
        if n[0] > at:
            raise Killed
        return desk.now[0]

    desk.deps = replace(sound, clock=clock)
    with suppress(Killed):
        deed()
    desk.deps = sound


def _count_clock(desk: Desk, *, helps: bool) -> int:
    n = [0]

    def clock() -> datetime:
        n[0] += 1
        return desk.now[0]

    desk.deps = replace(desk.deps, clock=clock)
    _life(desk, helps=helps)
    return n[0]


def _killed_at(desk: Desk, at: int, *, helps: bool) -> None:
    _killed_in(desk, at, lambda: _life(desk, helps=helps))
