"""Random schedules of changes, workers, kills and faults of Slack: is anything lost, doubled or stale in the end?

Each worker is a process of its own, killed between Slack's yes and its note, or at any moment. Time is a number that
all processes share; a request whose connection broke may be taken half a minute later.
"""

from __future__ import annotations

import ctypes
import multiprocessing
import os
import random
import shutil
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from faulty_slack import Fault, FaultySlack
from parcels import WINDOW, fill_database, make_deps, write_project
from seamwatch.adapters.base import ConnectionInfo
from seamwatch.adapters.connections import EnvironmentConnections
from seamwatch.adapters.notify.slack import SlackNotifier
from seamwatch.core.deliveries import DeliveryPart, parts_of
from seamwatch.core.incident_life import ChangeKind, Incident, IncidentChange
from seamwatch.engine.attribute import attribute_window
from seamwatch.engine.deliver import deliver_pending
from seamwatch.engine.deps import Deps
from seamwatch.engine.incidents import decide_incidents
from seamwatch.spec.load import Project, load_project
from seamwatch.store.repo import Store
from seamwatch.vocabulary import DeliveryState, IncidentState

_FAULTS = (
    *[Fault(kind) for kind in ("taken_kill", "taken_reset", "taken_cut", "reset", "late")],
    *[Fault("taken_status", "500"), Fault("status", "503"), Fault("limit", "1.5"), Fault("limit", "soon")],
    *[Fault("taken_garbage", body) for body in ("[]", '{"ok": false, "error": "internal_error"}')],
)
_REFUSALS = ("invalid_auth", "channel_not_found", "not_in_channel", "missing_scope")
_NOT_CHANGED = ("edit_window_closed", "cant_update_message")
_CHANGES = {
    IncidentState.OPEN: (ChangeKind.UPDATED, ChangeKind.UPDATED, ChangeKind.RESOLVED, ChangeKind.ALERTED),
    IncidentState.RESOLVED: (ChangeKind.REOPENED,),
}
_WORKER_S = 20.0
"""A worker that takes longer hangs, and is a failure of the benchmark."""
_LAST_HOURS = 30


@dataclass(kw_only=True)
class Counts:
    """What was found in the end, over all schedules."""

    n_schedules: int = 0
    n_incidents: int = 0
    n_kills: int = 0
    n_faults: int = 0
    lost: int = 0
    duplicate_heads: int = 0
    duplicate_replies: int = 0
    stale_heads: int = 0
    notes: list[str] = field(default_factory=list)


def write_template(root: Path, store_url: str | None = None) -> None:
    """Write a project whose store has a window with an attribution, and the incident that it opened."""
    write_project(root)
    url = f"sqlite:///{root / 'parcels.db'}"
    fill_database(url, "code_table")
    deps = make_deps(root, {"AIRFLOW_CONN_PARCELS_DB": url}, store_url=store_url)
    pipeline = deps.project.pipeline("parcels")
    attribute_window(deps, pipeline, WINDOW)
    decide_incidents(deps, pipeline, WINDOW)
    deps.store.close()


def measure(
    template: Path, folder: Path, *, n: int, seed: int, make_store: Callable[[Path], str], counts: Counts
) -> None:
    """Add what became of `n` schedules; `make_store` returns the URL of a store that is as the template's."""
    for number in range(n):
        root = folder / str(number)
        shutil.copytree(template, root)
        with _schedule(root, make_store(root), random.Random(f"{seed}/{number}")) as schedule:
            schedule.play()
            schedule.settle()
            schedule.judge(counts, f"schedule {seed}/{number}")
        shutil.rmtree(root)


@contextmanager
def _schedule(root: Path, store_url: str, rng: random.Random) -> Iterator[_Schedule]:
    now = multiprocessing.Value(ctypes.c_double, (WINDOW.end + timedelta(hours=2)).timestamp())
    schedule = _Schedule(root=root, store_url=store_url, rng=rng, now=now, project=load_project(root))
    with FaultySlack(plan=schedule.fault, clock=lambda: now.value) as slack:
        schedule.slack = slack
        yield schedule


@dataclass(kw_only=True)
class _Schedule:
    root: Path
    store_url: str
    rng: random.Random
    now: Any
    project: Project
    slack: FaultySlack = field(init=False)
    refusal: str | None = None
    has_faults: bool = True
    has_file: bool = True
    n_faults: int = 0
    n_kills: int = 0
    n_changes: int = 0
    removed: set[str] = field(default_factory=set)
    """Tokens of the messages that a person deleted."""

    def fault(self, method: str, _: object) -> Fault | None:
        """Return what becomes of the next call to Slack."""
        if self.refusal is not None:
            return Fault("refuse", self.refusal)
        if self.has_faults and method == "chat.update" and self.rng.random() < 0.1:
            return Fault("refuse", self.rng.choice(_NOT_CHANGED))
        if not self.has_faults or self.rng.random() > 0.35:
            return None
        self.n_faults += 1
        return self.rng.choice(_FAULTS)

    def play(self) -> None:
        """Open incidents, and let things happen."""
        with self._store() as store:
            (first,) = store.incidents("parcels")
            for number in range(self.rng.randint(1, 3)):
                incident = first
                if number:
                    name = f"{first.id}-{number}"
                    incident = replace(
                        first, id=name, fingerprint=name, headline=f"Integration failure number {number}"
                    )
                    self._tell(store, incident, ChangeKind.OPENED)
        acts = (self._work, self._work, self._work, self._work_together, self._change, self._change, self._wait)
        rare = (self._refuse, self._mend, self._lose_file, self._delete_by_hand, self._try_again)
        for _ in range(self.rng.randint(6, 14)):
            (self.rng.choice(acts) if self.rng.random() < 0.85 else self.rng.choice(rare))()

    def settle(self) -> None:
        """Mend everything, and let a day pass."""
        self.refusal, self.has_faults, self.has_file = None, False, True
        for _ in range(_LAST_HOURS):
            self.now.value += 3600
            self.slack.take_late_calls()
            self._end(self._begin(), killed_after=None)
            with self._store() as store:
                if (
                    store.n_pending_deliveries() == 0
                    and store.claim_recheck(self._moment() + timedelta(days=2), again_at=self._moment()) is None
                ):
                    return

    def judge(self, counts: Counts, name: str) -> None:
        """Compare what the channel holds with the store."""
        counts.n_schedules += 1
        counts.n_faults += self.n_faults
        counts.n_kills += self.n_kills
        by_token: dict[str, int] = {}
        for message in self.slack.workspace.messages:
            if message.metadata:  # else only its replies are left
                token = message.metadata["event_payload"]["token"]
                by_token[token] = by_token.get(token, 0) + 1
        with self._store() as store:
            for incident in store.incidents("parcels"):
                counts.n_incidents += 1
                found = self._judge_heads(counts, store, incident) + self._judge_replies(
                    counts, store, incident, by_token
                )
                counts.notes += [f"{name}: {incident.id}: {one}" for one in found]

    def _judge_heads(self, counts: Counts, store: Store, incident: Incident) -> list[str]:
        heads = [head for head in self.slack.heads if incident.headline in head.text]
        title = f"Resolved: {incident.headline}" if incident.state is IncidentState.RESOLVED else incident.headline
        n_stale = sum(head.text != f"parcels: {title}" for head in heads)
        was_removed = any(
            row.part is DeliveryPart.HEAD and row.token in self.removed for row in store.deliveries(incident.id)
        )
        if not heads and was_removed:
            return []  # a person deleted it, and nothing was to be told since
        counts.lost += not heads
        counts.duplicate_heads += max(len(heads) - 1, 0)
        counts.stale_heads += n_stale
        return ([] if len(heads) == 1 else [f"{len(heads)} heads"]) + ([f"{n_stale} stale heads"] if n_stale else [])

    def _judge_replies(self, counts: Counts, store: Store, incident: Incident, by_token: dict[str, int]) -> list[str]:
        found: list[str] = []
        for row in store.deliveries(incident.id):
            if row.part is not DeliveryPart.THREAD:
                continue
            n = by_token.get(row.token or "", 0)
            is_told = row.state is DeliveryState.TOLD or (row.state is DeliveryState.SENT and n > 0)
            if not is_told and (row.token or "") not in self.removed:
                counts.lost += 1
                found.append(f"reply {row.id} is {row.state} and not there: {row.last_error}")
            if n > 1:
                counts.duplicate_replies += n - 1
                found.append(f"reply {row.id} is there {n} times")
        return found

    def _tell(self, store: Store, incident: Incident, kind: ChangeKind) -> None:
        self.n_changes += 1
        store.apply_changes([IncidentChange(kind=kind, incident=incident)], window=WINDOW)
        for part in parts_of(kind):
            store.enqueue_delivery(
                incident.id,
                dedupe_key=f"{incident.id}/{self.n_changes}/{part}",
                part=part,
                change=kind,
                channel="#incidents",
                connection="slack_test",
                now=self._moment(),
            )

    def _change(self) -> None:
        with self._store() as store:
            incident = self.rng.choice(store.incidents("parcels"))
            kind = self.rng.choice(_CHANGES[incident.state])
            state = IncidentState.RESOLVED if kind is ChangeKind.RESOLVED else IncidentState.OPEN
            self._tell(store, replace(incident, state=state, updated_at=self._moment()), kind)

    def _work(self) -> None:
        self._end(self._begin(), killed_after=self.rng.uniform(0.02, 0.4) if self.rng.random() < 0.5 else None)

    def _work_together(self) -> None:
        workers = [self._begin() for _ in range(2)]
        for worker in workers:
            self._end(worker, killed_after=None)

    def _wait(self) -> None:
        self.now.value += self.rng.choice((5, 40, 90, 300, 7200))
        self.slack.take_late_calls()

    def _refuse(self) -> None:
        self.refusal = self.rng.choice(_REFUSALS)

    def _mend(self) -> None:
        self.refusal, self.has_file = None, True

    def _try_again(self) -> None:
        with self._store() as store:
            store.retry_deliveries(now=self._moment())

    def _lose_file(self) -> None:
        self.has_file = False

    def _delete_by_hand(self) -> None:
        if not self.slack.heads:
            return
        head = self.rng.choice(self.slack.heads)
        for message in (head, *self.slack.replies(head)):
            if message.metadata:
                self.removed.add(message.metadata["event_payload"]["token"])
            self.slack.workspace.messages.remove(message)

    def _begin(self) -> int:
        """Return the process id of a new worker."""
        pid = os.fork()
        if pid:
            return pid
        try:
            self._deliver()
        finally:
            os._exit(0)

    def _deliver(self) -> None:
        address = self.slack.url_of(os.getpid())
        info = ConnectionInfo(
            conn_id="slack_test", conn_type="slack", password="xoxb-1", extra={"base_url": address, "timeout": 5}
        )
        with self._store() as store:
            deps = Deps(
                project=self.project if self.has_file else Project(root=self.root),
                connections=EnvironmentConnections({}),
                store=store,
                data_dir=self.root / "data",
                ui_url="http://127.0.0.1:8080",
                clock=self._moment,
                notifier=lambda _: SlackNotifier(info),
            )
            deliver_pending(deps, sleep=self._sleep)

    def _end(self, pid: int, *, killed_after: float | None) -> None:
        """Wait for a worker; kill it after so many seconds."""
        until = time.monotonic() + (_WORKER_S if killed_after is None else killed_after)
        while True:
            done, status = os.waitpid(pid, os.WNOHANG)
            if done:
                self.n_kills += os.WIFSIGNALED(status)
                return
            if time.monotonic() > until:
                os.kill(pid, signal.SIGKILL)
                if killed_after is None:
                    os.waitpid(pid, 0)
                    msg = f"a worker hung for {_WORKER_S:.0f} s"
                    raise RuntimeError(msg)
            time.sleep(0.005)

    def _sleep(self, seconds: float) -> None:
        with self.now.get_lock():
            self.now.value += seconds

    def _moment(self) -> datetime:
        return datetime.fromtimestamp(self.now.value, UTC)

    @contextmanager
    def _store(self) -> Iterator[Store]:
        store = Store.open(self.store_url)
        try:
            yield store
        finally:
            store.close()
