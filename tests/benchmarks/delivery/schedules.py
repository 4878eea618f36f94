"""Random schedules of changes, people, workers, kills and faults of Slack: is anything lost, doubled or stale?

People press buttons, incidents that nobody takes on are escalated, and nights are quiet hours with a digest at their
end. Each worker is a process of its own, killed between Slack's yes and its note, or at any moment. Time is a number
that all processes share; a request whose connection broke may be taken half a minute later.
"""

from __future__ import annotations

import ctypes
import json
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
from functools import partial
from pathlib import Path
from typing import Any

from delivery import clicks
from faulty_slack import Fault, FaultySlack
from parcels import PIPELINE, WINDOW, fill_database, make_deps, write_project
from seamwatch.adapters.base import ConnectionInfo
from seamwatch.adapters.connections import EnvironmentConnections
from seamwatch.adapters.notify.slack import SlackNotifier
from seamwatch.core.deliveries import Delivery, DeliveryPart
from seamwatch.core.escalation import due_escalations
from seamwatch.core.incident_life import ChangeKind, Incident, IncidentChange, over, reopened
from seamwatch.core.quiet_hours import quiet_until
from seamwatch.core.results import Window
from seamwatch.core.slo.alert_incidents import ExplainedAlert
from seamwatch.engine.announcements import announce, announce_alerts
from seamwatch.engine.attribute import attribute_window
from seamwatch.engine.deliver import deliver_pending
from seamwatch.engine.deps import Deps
from seamwatch.engine.incidents import decide_incidents
from seamwatch.spec.load import Project, load_project
from seamwatch.store.repo import Store
from seamwatch.vocabulary import AlertSeverity, DeliveryState, IncidentSeverity, IncidentState

_FAULTS = (
    *[Fault(kind) for kind in ("taken_kill", "taken_reset", "taken_cut", "reset", "late")],
    *[Fault("taken_status", "500"), Fault("status", "503"), Fault("limit", "1.5"), Fault("limit", "soon")],
    *[Fault("taken_garbage", body) for body in ("[]", '{"ok": false, "error": "internal_error"}')],
)
_REFUSALS = ("invalid_auth", "channel_not_found", "not_in_channel", "missing_scope")
_NOT_CHANGED = ("edit_window_closed", "cant_update_message")
_SEEN = (ChangeKind.UPDATED, ChangeKind.UPDATED, ChangeKind.RESOLVED, ChangeKind.ALERTED, ChangeKind.SEVERITY_RAISED)
_CHANGES = {
    IncidentState.OPEN: _SEEN,
    IncidentState.ACKNOWLEDGED: _SEEN,
    IncidentState.MUTED: (ChangeKind.RESOLVED,),
    IncidentState.RESOLVED: (ChangeKind.REOPENED,),
}
"""What detectors may say of an incident, by its state."""
_QUIET = '\nquiet_hours: {time_zone: UTC, from: "22:00", to: "07:00"}\n'
_STARTS = (timedelta(hours=19), timedelta(hours=22, minutes=5), timedelta(hours=29), timedelta(hours=33))
"""After the window's end, which is at midnight: an evening, two hours of a night, and a morning."""
_SEVERITIES = (IncidentSeverity.SEV1, IncidentSeverity.SEV2, IncidentSeverity.SEV3, IncidentSeverity.SEV3)
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
    n_clicks: int = 0
    n_escalations: int = 0
    n_digests: int = 0
    n_in_digest: int = 0
    """Incidents that a digest told of in full: they opened, or came back, and were over within quiet hours."""
    clicks_lost: int = 0
    clicks_twice: int = 0
    notes: list[str] = field(default_factory=list)


def write_template(root: Path, store_url: str | None = None) -> None:
    """Write a project whose store has a window with an attribution, and the incident that it opened."""
    plain = '{channel: "#incidents", connection: slack_test}'
    write_project(root, pipeline=PIPELINE.replace(plain, clicks.SLACK) + _QUIET)
    url = f"sqlite:///{root / 'parcels.db'}"
    fill_database(url, "code_table")
    by_day = WINDOW.end + timedelta(hours=9)
    deps = make_deps(root, {"AIRFLOW_CONN_PARCELS_DB": url}, store_url=store_url, now=by_day)
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
    now = multiprocessing.Value(ctypes.c_double, (WINDOW.end + rng.choice(_STARTS)).timestamp())
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

    def __post_init__(self) -> None:
        self.clicks = clicks.Clicks(root=self.root, rng=self.rng)

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
            for number in range(1, self.rng.randint(1, 3)):
                name = f"{first.id}-{number}"
                incident = replace(
                    first,
                    id=name,
                    fingerprint=name,
                    headline=f"Integration failure number {number}",
                    opened_at=self._moment(),
                    called_at=None,
                    severity=self.rng.choice(_SEVERITIES),
                )
                self._tell(store, incident, ChangeKind.OPENED)
        acts = (
            self._work,
            self._work,
            self._work_together,
            self._change,
            self._change,
            self._press,
            self._press,
            self._wait,
        )
        rare = (self._refuse, self._mend, self._lose_file, self._delete_by_hand, self._try_again)
        for _ in range(self.rng.randint(8, 16)):
            (self.rng.choice(acts) if self.rng.random() < 0.85 else self.rng.choice(rare))()

    def settle(self) -> None:
        """Mend everything, and let a day pass."""
        self.refusal, self.has_faults, self.has_file = None, False, True
        for _ in range(_LAST_HOURS):
            self.now.value += 3600
            self.slack.take_late_calls()
            self._end(self._begin(self._deliver), killed_after=None)
            if self._is_quiet():
                continue
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
        counts.n_clicks += len(self.clicks.made)
        with self._store() as store:
            found = self._judge_digests(counts, store, by_token)
            n_lost, n_surplus, notes = self.clicks.judge(self.store_url, store)
            counts.clicks_lost += n_lost
            counts.clicks_twice += n_surplus
            counts.notes += [f"{name}: {one}" for one in (*found, *notes)]
            for incident in store.incidents("parcels"):
                counts.n_incidents += 1
                found = [
                    *self._judge_heads(counts, store, incident),
                    *self._judge_replies(counts, store, incident, by_token),
                    *self._judge_escalations(counts, store, incident),
                ]
                counts.notes += [f"{name}: {incident.id}: {one}" for one in found]

    def _judge_digests(self, counts: Counts, store: Store, by_token: dict[str, int]) -> list[str]:
        """Compare the digests of the channel with those of the outbox."""
        found: list[str] = []
        for row in self._digests(store):
            n = by_token.get(row.token or "", 0)
            counts.n_digests += n
            counts.duplicate_heads += max(n - 1, 0)
            is_lost = row.state is not DeliveryState.DROPPED and (row.state is not DeliveryState.SENT or n == 0)
            is_lost = is_lost and row.token not in self.removed
            counts.lost += is_lost
            found += [f"digest {row.id} is {row.state} and there {n} times"] if is_lost or n > 1 else []
        return found

    def _digests(self, store: Store) -> list[Delivery]:
        rows = [row for incident in store.incidents("parcels") for row in store.deliveries(incident.id)]
        return [row for row in rows if row.part is DeliveryPart.DIGEST]

    def _judge_heads(self, counts: Counts, store: Store, incident: Incident) -> list[str]:
        heads = [head for head in self.slack.heads if head.text.endswith(incident.headline)]
        title = f"Resolved: {incident.headline}" if incident.state is IncidentState.RESOLVED else incident.headline
        wanted = f"parcels: {title}", clicks.expected_actions(incident)
        n_stale = sum((head.text, clicks.actions_of(head)) != wanted for head in heads)
        rows = [row for row in store.deliveries(incident.id) if row.part is DeliveryPart.HEAD]
        was_removed = any(row.token in self.removed for row in rows)
        if not heads and was_removed:
            return []  # a person deleted it, and nothing was to be told since
        if not heads and not incident.is_open and all(row.state is DeliveryState.TOLD for row in rows):
            return self._judge_line(counts, store, incident)
        counts.lost += not heads
        counts.duplicate_heads += max(len(heads) - 1, 0)
        counts.stale_heads += n_stale
        return ([] if len(heads) == 1 else [f"{len(heads)} heads"]) + ([f"{n_stale} stale heads"] if n_stale else [])

    def _judge_line(self, counts: Counts, store: Store, incident: Incident) -> list[str]:
        """Look for the digest that told of an incident in full, so that it has no message of its own."""
        counts.n_in_digest += 1
        digests = [one for one in self.slack.heads if one.text.startswith("Quiet hours are over")]
        n_lines = sum(json.dumps(digest.blocks).count(f'"{incident.headline}"') for digest in digests)
        was_removed = any(row.token in self.removed for row in self._digests(store))
        counts.lost += n_lines == 0 and not was_removed
        return [] if n_lines or was_removed else ["neither a message nor a line of a digest"]

    def _judge_escalations(self, counts: Counts, store: Store, incident: Incident) -> list[str]:
        """Compare how often nobody took an incident on in time with what was told of that; and is one missing?"""
        n_events = sum(event.kind == ChangeKind.ESCALATED for event in store.incident_events(incident.id))
        rows = [row for row in store.deliveries(incident.id) if row.part is DeliveryPart.THREAD]
        n_told = sum(row.change is ChangeKind.ESCALATED for row in rows)
        pipeline, now = self.project.pipeline("parcels"), self._moment()
        n_due = len(due_escalations([incident], pipeline.escalation, now=now, quiet_hours=pipeline.quiet_hours))
        counts.n_escalations += n_events
        counts.lost += n_due + max(n_events - n_told, 0)
        counts.duplicate_replies += max(n_told - n_events, 0)
        return [] if n_due == 0 and n_events == n_told else [f"{n_events} escalations, told {n_told}, due {n_due}"]

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
        """Let a detector change an incident, as every change another window shows it."""
        self.n_changes += 1
        now, pipeline = self._moment(), self.project.pipeline("parcels")
        shift = timedelta(hours=self.n_changes)
        window = Window(start=WINDOW.start + shift, end=WINDOW.end + shift)
        change = IncidentChange(kind=kind, incident=replace(incident, updated_at=now))
        deps = self._deps(store, SlackNotifier(self._connection(self.slack.url)))
        with store.deciding("parcels"):
            store.apply_changes([change], window=window)
            if kind is ChangeKind.ALERTED:
                severity = self.rng.choice((AlertSeverity.PAGE, AlertSeverity.TICKET))
                alert = ExplainedAlert(incident=incident.id, objective="right", severity=severity, since=now)
                announce_alerts(deps, pipeline, [alert], now)
            else:
                announce(deps, pipeline, [change], window, now)

    def _change(self) -> None:
        with self._store() as store:
            incident = self.rng.choice(store.incidents("parcels"))
            self._tell(store, *self._changed(incident, self.rng.choice(_CHANGES[incident.state])))

    def _changed(self, incident: Incident, kind: ChangeKind) -> tuple[Incident, ChangeKind]:
        """Return an incident as a detector changes it, and what that is: one of the worst does not get worse."""
        now = self._moment()
        if kind is ChangeKind.RESOLVED:
            return over(incident, now=now) or incident, kind
        if kind is ChangeKind.REOPENED:
            return replace(reopened(incident), called_at=now), kind
        if kind is ChangeKind.SEVERITY_RAISED:
            worse = [one for one in IncidentSeverity if incident.severity is None or one.rank < incident.severity.rank]
            if worse:
                return replace(incident, severity=worse[-1], called_at=now), kind
            return incident, ChangeKind.UPDATED
        return incident, kind

    def _work(self) -> None:
        self._end(self._begin(self._deliver), killed_after=self._some_time())

    def _work_together(self) -> None:
        workers = [self._begin(self._deliver) for _ in range(2)]
        for worker in workers:
            self._end(worker, killed_after=None)

    def _press(self) -> None:
        """Let somebody press a button, told to one process, or to two at once."""
        click = self.clicks.draw(self.slack, at=self.now.value)
        if click is None:
            return
        workers = [self._begin(partial(clicks.take, click=click)) for _ in range(self.rng.choice((1, 1, 2)))]
        for worker in workers:
            self._end(worker, killed_after=self._some_time())

    def _some_time(self) -> float | None:
        return self.rng.uniform(0.02, 0.4) if self.rng.random() < 0.5 else None

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

    def _begin(self, do: Callable[[Deps], object]) -> int:
        """Return the process id of a new worker."""
        pid = os.fork()
        if pid:
            return pid
        try:
            notifier = SlackNotifier(self._connection(self.slack.url_of(os.getpid())))
            with self._store() as store:
                do(self._deps(store, notifier))
        finally:
            os._exit(0)

    def _deliver(self, deps: Deps) -> None:
        deliver_pending(deps, sleep=self._sleep)

    def _connection(self, address: str) -> ConnectionInfo:
        return ConnectionInfo(
            conn_id="slack_test", conn_type="slack", password="xoxb-1", extra={"base_url": address, "timeout": 5}
        )

    def _deps(self, store: Store, notifier: SlackNotifier) -> Deps:
        return Deps(
            project=self.project if self.has_file else Project(root=self.root),
            connections=EnvironmentConnections({}),
            store=store,
            data_dir=self.root / "data",
            ui_url="http://127.0.0.1:8080",
            clock=self._moment,
            notifier=lambda _: notifier,
        )

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

    def _is_quiet(self) -> bool:
        return quiet_until(self.project.pipeline("parcels").quiet_hours, self._moment()) is not None

    def _moment(self) -> datetime:
        return datetime.fromtimestamp(self.now.value, UTC)

    @contextmanager
    def _store(self) -> Iterator[Store]:
        store = Store.open(self.store_url)
        try:
            yield store
        finally:
            store.close()
