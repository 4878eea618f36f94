"""Random schedules of actions, people, kills and faults of what is outside: is anything done twice, or unasked for?

A worker is killed at any reading of its clock, call of its store or look-up of a connection: between any two of its
own deeds, and often between what it wrote outside and its note of that. Another one comes some minutes later, or works
at the same time.
"""

from __future__ import annotations

import random
import shutil
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any, cast

from delivery import outside_systems, real_systems
from delivery.outside_systems import OutsideSystem, as_kept
from file_notifier import FileNotifier
from json_config_server import JsonConfigServer
from parcels import PIPELINE, WINDOW, fill_database, make_deps, write_project
from seamwatch.adapters.base import ConnectionInfo
from seamwatch.core.action_life import FINAL, ActionRun
from seamwatch.core.incident_life import ChangeKind
from seamwatch.engine.actions import answer, carry_out, check, propose, settle_actions, undo
from seamwatch.engine.attribute import attribute_window
from seamwatch.engine.deps import Deps
from seamwatch.engine.incident_actions import act_on_incident
from seamwatch.engine.incidents import decide_incidents
from seamwatch.errors import SeamwatchError
from seamwatch.spec.load import Project, load_project
from seamwatch.store.repo import Store
from seamwatch.vocabulary import ActionState, Door, IncidentAction

AT_LEAST = {"undone": 1.0}
AT_MOST = dict.fromkeys(("action_twice", "unapproved", "actions_lost", "outside_differs"), 0.0)
NOTES = """\
Actions: each schedule is one incident whose runbook proposes one action, or two on the same target, and people who
approve, reject, contradict each other, come too late, or let the incident end meanwhile; some set the target by hand.
`action_twice`: an action wrote more than once what it wanted. `unapproved`: something was written before, or without,
an approval in the incident's timeline. `actions_lost`: not over after two days without faults, or escalated or expired
without a call to the reliability owner. `undone`: of actions that wrote something and did not help, or of which nothing
told whether they did, those that are undone, or escalated. `outside_differs`: what is outside is not what the state of
the action and the timeline say, or is no longer what a person set by hand. Not drawn: a person who sets back by hand
what an action has just written, before its worker, killed meanwhile, could note it; a value alone does not tell that
from one that was never written."""
_CHECKS = """
from pathlib import Path

def helped(incident):
    said = Path(__file__).with_name("said.txt").read_text().strip()
    return {"yes": True, "no": False}.get(said, said) if said != "breaks" else 1 / 0
"""
_SYSTEMS = ("sql", "sql", "http", "http", "litellm", "litellm", "quarantine", "command", "command_without_look")
_STORIES = (*["approved"] * 12, "rejected", "rejected", "contradicted", "contradicted", "unanswered", "late", "over")
_SAID = ("yes", "yes", "no", "no", "no", "maybe", "breaks")
Deed = Callable[[Deps], Any]
"""What a worker does; it can be handed to another process."""
_SETTLE: Deed = partial(settle_actions, pipelines=["parcels"])
_MOMENTS = (6, 15, 40)
"""A worker's clock readings, calls of its store and look-ups of connections: short deeds take few, long ones many."""
AFTER_WRITING = -1
"""In the place of a number of moments: at the first one after something was written outside."""
_FINAL_KINDS = {
    ActionState.IMPOSSIBLE: ChangeKind.ACTION_WITHDRAWN,
    ActionState.REJECTED: ChangeKind.ACTION_ANSWERED,
    ActionState.EXPIRED: ChangeKind.ACTION_WITHDRAWN,
    ActionState.OBSOLETE: ChangeKind.ACTION_WITHDRAWN,
    ActionState.HELPED: ChangeKind.ACTION_HELPED,
    ActionState.UNDONE: ChangeKind.ACTION_UNDONE,
    ActionState.ESCALATED: ChangeKind.ACTION_ESCALATED,
}


class Killed(BaseException):
    """The worker's process is gone; nothing of ours may catch this."""


@dataclass(kw_only=True)
class Counts:
    """What was found in the end, over all schedules."""

    n_schedules: int = 0
    n_actions: int = 0
    n_kills: int = 0
    n_faults: int = 0
    n_failed: int = 0
    """Tries that ended with an error, and were made again."""
    n_by_people: int = 0
    """Targets that a person set by hand meanwhile."""
    n_side_by_side: int = 0
    """Actions that two workers carried out at the same time."""
    n_carried_out: int = 0
    n_without_help: int = 0
    n_taken_back: int = 0
    """Of those without help, undone or escalated."""
    n_undone: int = 0
    action_twice: int = 0
    unapproved: int = 0
    actions_lost: int = 0
    outside_differs: int = 0
    notes: list[str] = field(default_factory=list)


def write_template(root: Path) -> None:
    """Write a project whose store has one incident, and nothing else to tell."""
    write_project(root, pipeline=PIPELINE + outside_systems.ACTIONS + real_systems.ACTIONS)
    (root / "include" / "mappings" / "checks.py").write_text(_CHECKS)
    (root / "route.sh").write_text(outside_systems.ROUTE)
    url = f"sqlite:///{root / 'parcels.db'}"
    fill_database(url, "code_table")
    open_incident(root, f"sqlite:///{root / 'store.db'}")


def open_incident(root: Path, store_url: str) -> None:
    """Let the store of a project have its incident."""
    env = {"AIRFLOW_CONN_PARCELS_DB": f"sqlite:///{root / 'parcels.db'}"}
    deps = make_deps(root, env, store_url=store_url)
    pipeline = deps.project.pipeline("parcels")
    attribute_window(deps, pipeline, WINDOW)
    decide_incidents(deps, pipeline, WINDOW)
    deps.store.close()


def measure(template: Path, folder: Path, *, n: int, seed: int, counts: Counts) -> None:
    """Add what became of `n` schedules."""
    project = load_project(template)
    config, gateway = JsonConfigServer(), outside_systems.FaultyGateway()
    make: dict[str, Callable[[Path], OutsideSystem]] = {
        "sql": outside_systems.RoutingTable,
        "http": lambda _: outside_systems.ConfigurationService(config),
        "litellm": lambda _: outside_systems.GatewayKey(gateway),
        "quarantine": outside_systems.QuarantineTable,
        "command": lambda _: outside_systems.Program(template),
        "command_without_look": lambda _: outside_systems.ProgramWithoutLook(template),
    }
    try:
        for number in range(n):
            rng = random.Random(f"{seed}/{number}")
            root = folder / str(number)
            root.mkdir()
            shutil.copy(template / "store.db", root / "store.db")
            outside = make[_SYSTEMS[number % len(_SYSTEMS)]](root)
            store = Store.open(f"sqlite:///{root / 'store.db'}", migrate_first=False)
            schedule = Schedule(root=root, project=project, store=store, outside=outside, rng=rng)
            play_out(schedule, counts, f"schedule {seed}/{number}")
            shutil.rmtree(root)
    finally:
        config.close()
        gateway.close()


def play_out(schedule: Schedule, counts: Counts, label: str) -> None:
    """Play a schedule to its end, add what became of it, and close what it used."""
    try:
        schedule.play()
        schedule.settle()
        schedule.judge(counts, f"{label} ({schedule.outside.action}, {schedule.story})")
    finally:
        schedule.store.close()
        schedule.outside.close()


def task(deps: Deps, action_id: str) -> None:
    """Do what the runbook's task does after the answer."""
    carry_out(deps, action_id)
    check(deps, action_id)


def propose_named(deps: Deps, incident_id: str, name: str) -> None:
    """Propose an action of the pipeline file for an incident."""
    incident = deps.store.incident(incident_id)
    assert incident is not None
    propose(deps, deps.project.pipeline("parcels"), incident, name, run="run")


@dataclass(kw_only=True)
class _Worker:
    """One process of ours, which is killed after so many moments; None: never."""

    schedule: Schedule
    moments: int | None
    n_written: int = 0
    """How often something was written before it began."""

    def moment(self) -> None:
        if self.moments == AFTER_WRITING:
            if self.schedule.outside.n_written() > self.n_written:
                raise Killed
        elif self.moments is not None:
            if self.moments == 0:
                raise Killed
            self.moments -= 1

    def clock(self) -> datetime:
        self.moment()
        return self.schedule.now

    def get(self, conn_id: str) -> ConnectionInfo:
        """Return a connection of what is outside."""
        self.moment()
        return ConnectionInfo(conn_id=conn_id, **self.schedule.outside.connections()[conn_id])

    def __getattr__(self, name: str) -> Any:
        """Return what the store has under this name; a call of it is a moment."""
        found = getattr(self.schedule.store, name)
        if not callable(found):
            return found

        def call(*args: Any, **kwargs: Any) -> Any:
            self.moment()
            return found(*args, **kwargs)

        return call


@dataclass(kw_only=True)
class Schedule:
    """One incident, its actions, the people who answer, and the workers that carry them out in this process."""

    root: Path
    project: Project
    store: Store
    outside: OutsideSystem
    rng: random.Random
    now: datetime = WINDOW.end + timedelta(hours=2)
    kills_left: int = 0
    n_kills: int = 0
    n_faults: int = 0
    n_failed: int = 0
    n_side_by_side: int = 0
    is_unapproved: bool = False
    by_person: list[Any] = field(default_factory=list)
    undone_by_person: bool = False
    raised: list[str] = field(default_factory=list)
    """What is no error of ours, and so should not have come out."""

    def __post_init__(self) -> None:
        rng = self.rng
        self.incident_id = next(
            one.id for one in self.store.incidents("parcels") if one.headline.startswith("Integration")
        )
        self.story = rng.choice(_STORIES)
        self.said = rng.choice(_SAID)
        self.kills_left = rng.choice((0, 1, 1, 2, 3))
        self.has_faults = rng.random() < 0.6
        self.second = rng.choice(self.outside.others) if self.outside.others and rng.random() < 0.25 else None
        self.first_value = self.outside.value()
        (self.project.root / "include" / "mappings" / "said.txt").write_text(self.said)

    # What people and workers do.

    def play(self) -> None:
        """Play the schedule: proposed, answered, carried out, with whatever comes between."""
        for _ in range(4):
            self._work(self._proposal(self.outside.action))
            if self._action() is not None:
                break
            self.outside.recover()
            self._pass(1, 3)
        if self.second is not None:
            self._work(self._proposal(self.second))
        self._meanwhile()
        self._answer()
        self._meanwhile()
        for _ in range(self.rng.randrange(2, 6)):
            self._carry_on()
            self._pass(0, 1, 7, 15)

    def settle(self) -> None:
        """Let time go on without faults, until nothing is unfinished or two days are over; kills come to an end."""
        self.outside.recover()
        self.has_faults = False
        if self.story in ("unanswered", "late"):
            self.kills_left = max(self.kills_left, 1)
        for hours in [0.25] * 8 + [6.0] * 8:
            self.now += timedelta(hours=hours)
            self._work(_SETTLE)
            self._answer_second()
            if not self.store.unfinished_actions(["parcels"]):
                break

    def _proposal(self, name: str) -> Deed:
        return partial(propose_named, incident_id=self.incident_id, name=name)

    def _answer(self) -> None:
        """Let people answer, each until the answer was taken."""
        action = self._action()
        if action is None or self.story == "unanswered":
            return
        if self.story == "late":
            self.now += timedelta(minutes=61)
        if self.story == "over":
            self._end_incident()
        people = [("ann", self.story != "rejected")]
        if self.story == "contradicted":
            people = [("ann", self.rng.random() < 0.5), ("ben", self.rng.random() < 0.5)]
        for person, approves in people:
            self._until_done(partial(answer, known=action.id, approves=approves, by=person, door=Door.SLACK))

    def _carry_on(self) -> None:
        """Let the task be tried again, or a look carry on with what is not over, or both at once."""
        self._draw_fault()
        action, draw = self._action(), self.rng.random()
        if action is None:
            return
        if draw < 0.5:
            self._work(partial(task, action_id=action.id))
        elif draw < 0.65:
            self._pass(5, 12)
            self._work(_SETTLE)
        elif draw < 0.8:
            self._side_by_side(action.id)
        elif draw < 0.85 and self.second is None:
            self.undone_by_person |= self._work(partial(undo, action_id=action.id, by="ann", door=Door.SLACK))
        else:
            self._meanwhile()
        self._answer_second()
        self.outside.recover()

    def _side_by_side(self, action_id: str) -> None:
        """Let two workers carry it out at the same time; either may be killed."""
        self.n_side_by_side += 1
        start = threading.Barrier(2)
        kills = [self._draw_kill(), None]

        def run(kill: float | None) -> None:
            start.wait()
            self._run(partial(task, action_id=action_id), kill)

        threads = [threading.Thread(target=run, args=(one,)) for one in kills]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self._look_for_unapproved()

    def _answer_second(self) -> None:
        for one in self.store.actions_of(self.incident_id):
            if one.name == self.second and one.state is ActionState.WAITING:
                self._work(partial(answer, known=one.id, approves=True, by="ann", door=Door.SLACK))
                self._work(partial(task, action_id=one.id))

    def _meanwhile(self) -> None:
        """Let a person set the target by hand, or end the incident, now and then."""
        can_set = self.outside.elsewhere is not None and self.second is None and not self.by_person
        if can_set and self.rng.random() < 0.15:
            action = self._action()
            wanted = None if action is None or action.plan is None else as_kept(action.plan.after)
            value = wanted if wanted is not None and self.rng.random() < 0.5 else self.outside.elsewhere
            self.outside.set_by_person(value)
            self.by_person.append(value)
        if self.rng.random() < 0.04:
            self._end_incident()
        self._pass(0, 1, 5)

    def _end_incident(self) -> None:
        deed = partial(act_on_incident, incident_id=self.incident_id, action=IncidentAction.RESOLVE)
        self._until_done(partial(deed, by="eve", door=Door.SLACK))

    def _pass(self, *minutes: int) -> None:
        self.now += timedelta(minutes=self.rng.choice(minutes))

    # Workers.

    def _work(self, deed: Deed) -> bool:
        """Return whether one worker came to the end of it."""
        is_done = self._run(deed, self._draw_kill())
        self._look_for_unapproved()
        return is_done

    def _until_done(self, deed: Deed) -> None:
        for _ in range(5):
            if self._work(deed):
                return

    def _run(self, deed: Deed, kill: float | None) -> bool:
        """Return whether a worker came to the end; it is killed at a moment, where one is given."""
        moments = None if kill is None else int(kill)
        worker = _Worker(schedule=self, moments=moments, n_written=self.outside.n_written())
        deps = Deps(
            project=self.project,
            connections=worker,
            store=cast("Store", worker),
            data_dir=self.root / "data",
            ui_url="http://127.0.0.1:8080",
            clock=worker.clock,
            notifier=lambda _: FileNotifier(self.root / "messages.jsonl"),
        )
        try:
            deed(deps)
        except Killed:
            self.n_kills += 1
            return False
        except SeamwatchError:
            self.n_failed += 1
            return False
        except Exception as error:  # the benchmark goes on, and tells it
            self.raised.append(f"{type(error).__name__}: {error}")
            return False
        return True

    def _draw_kill(self) -> float | None:
        """Return the moment at which the next worker is killed; None: not at all."""
        if not self.kills_left or self.rng.random() < 0.4:
            return None
        self.kills_left -= 1
        if self.rng.random() < 0.3:
            return AFTER_WRITING
        return self.rng.randrange(self.rng.choice(_MOMENTS))

    def _draw_fault(self) -> None:
        if self.has_faults and self.rng.random() < 0.45:
            self.n_faults += 1
            self.outside.draw_fault(self.rng)

    # What became of it.

    def _action(self) -> ActionRun | None:
        return next((one for one in self.store.actions_of(self.incident_id) if one.name != self.second), None)

    def _events(self, name: str) -> list[tuple[str, str]]:
        """Return kind and words of what the timeline says of an action."""
        events = self.store.incident_events(self.incident_id)
        return [
            (one.kind, one.why.removeprefix(name))
            for one in events
            if one.kind.startswith("action_") and one.why.split(":")[0] == name
        ]

    def _look_for_unapproved(self) -> None:
        """Note whether something was written that nobody had approved by then."""
        if self.is_unapproved or not self.outside.n_written():
            return
        approvals = [one for name in self._names() for one in self._events(name) if one == _APPROVAL]
        self.is_unapproved = not approvals

    def _names(self) -> list[str]:
        return [self.outside.action, *([self.second] if self.second else [])]

    def judge(self, counts: Counts, label: str) -> None:
        """Add what became of it, with a note of everything that is not as it should be."""
        actions = self.store.actions_of(self.incident_id)
        counts.n_schedules += 1
        counts.n_actions += len(actions)
        counts.n_kills += self.n_kills
        counts.n_faults += self.n_faults
        counts.n_failed += self.n_failed
        counts.n_by_people += len(self.by_person)
        counts.n_side_by_side += self.n_side_by_side
        wrong = [("actions_lost", f"raised {one}") for one in self.raised]
        wrong += [("unapproved", "written before anybody approved")] * self.is_unapproved
        for action in actions:
            wrong += self._wrong(action, actions)
            self._count_help(action, counts)
        wrong += [("outside_differs", text) for text in self._differences(actions)]
        wrong += [("outside_differs", text) for text in self.outside.faults_found(self.store)]
        calls = [one for one in self.store.deliveries(self.incident_id) if one.change is ChangeKind.ACTION_ESCALATED]
        n_to_tell = sum(one.state in (ActionState.ESCALATED, ActionState.EXPIRED) for one in actions)
        if len(calls) < n_to_tell:
            said = f"{n_to_tell} escalated or expired, {len(calls)} calls: {self._stories(actions)}"
            wrong.append(("actions_lost", said))
        kinds = {one.kind for one in self.store.incident_events(self.incident_id)}
        if ChangeKind.ACTION_DONE in kinds and not kinds & {ChangeKind.MITIGATED, ChangeKind.RESOLVED}:
            wrong.append(("actions_lost", f"the incident is not watched: {self._stories(actions)}"))
        for name, text in wrong:
            setattr(counts, name, getattr(counts, name) + 1)
            counts.notes.append(f"{label}: {name}: {text}")

    def _wrong(self, action: ActionRun, actions: list[ActionRun]) -> Iterator[tuple[str, str]]:
        events = self._events(action.name)
        n = 0 if action.plan is None else self.outside.n_applied(as_kept(action.plan.after))
        wants_same = [
            one for one in actions if one.began_at and one.plan and action.plan and one.plan.after == action.plan.after
        ]
        if n > len(wants_same):
            yield "action_twice", f"{action.name} wrote {n} times: {events}"
        if self.outside.n_undone() > 1:
            yield "action_twice", f"{action.name} was taken back {self.outside.n_undone()} times: {events}"
        if action.began_at is not None and _APPROVAL not in events:
            yield "unapproved", f"{action.name} began without an approval: {events}"
        if action.state not in FINAL:
            yield "actions_lost", f"{action.name} is {action.state}: {events}"
        elif not events or events[-1][0] != _FINAL_KINDS[action.state]:
            yield "outside_differs", f"{action.name} is {action.state}, but its timeline ends otherwise: {events}"

    def _count_help(self, action: ActionRun, counts: Counts) -> None:
        """Count an action that wrote something, and whether it was taken back where it did not help."""
        if action.began_at is None or action.plan is None:
            return
        if not self.outside.n_applied(as_kept(action.plan.after)):
            return
        counts.n_carried_out += 1
        counts.n_undone += action.state is ActionState.UNDONE
        if self.said == "yes" or action.name == self.second:
            return
        counts.n_without_help += 1
        is_taken_back = action.state in (ActionState.UNDONE, ActionState.ESCALATED)
        counts.n_taken_back += is_taken_back
        if not is_taken_back:
            counts.notes.append(f"{action.name} did not help, and is {action.state}: {self._events(action.name)}")

    def _stories(self, actions: list[ActionRun]) -> list[Any]:
        return [(one.name, one.state.value, self._events(one.name)) for one in actions]

    def _differences(self, actions: list[ActionRun]) -> Iterator[str]:
        """Yield in words where what is outside is not what the actions' states and the timeline say."""
        if not self.outside.has_value:
            return
        found = self.outside.value()
        allowed = _allowed(actions, self.first_value)
        if allowed is None:  # told to a person, who looks
            allowed = [found]
        story = self._stories(actions)
        if not any(_is_like(found, one) for one in (*allowed, *self.by_person)):
            yield f"it is {found}, expected {allowed}: {story}"
        elsewhere = self.outside.elsewhere
        if elsewhere in self.by_person and not _is_like(found, elsewhere):
            yield f"a person set {elsewhere}, and it is {found}: {story}"


_APPROVAL = (ChangeKind.ACTION_ANSWERED.value, ": approved")


def _allowed(actions: list[ActionRun], first: Any) -> list[Any] | None:
    """Return what the target should be after the actions, in the order in which they began; None: anything."""
    now: Any = first
    begun = sorted((one for one in actions if one.began_at is not None), key=lambda one: cast("datetime", one.began_at))
    for action in begun:
        assert action.plan is not None
        if action.state is ActionState.HELPED:
            now = _set(now, as_kept(action.plan.after))
        elif action.state is ActionState.UNDONE or "nothing was changed" in action.why:
            now = _set(now, as_kept(action.plan.before))
        else:
            return None
    return [now]


def _set(now: Any, value: Any) -> Any:
    return now | value if isinstance(now, dict) and isinstance(value, dict) else value


def _is_like(found: Any, wanted: Any) -> bool:
    """Return whether a value is as wanted, in the parts that are wanted."""
    if isinstance(found, dict) and isinstance(wanted, dict):
        return all(found[name] == value for name, value in wanted.items())
    return bool(found == wanted)
