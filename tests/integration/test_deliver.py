"""The outbox against a Slack that fails in every way: nothing lost, nothing doubled, nothing that stops another."""

from __future__ import annotations

import json
import shutil
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar

import pytest
import sqlalchemy as sa

from faulty_slack import Fault, FaultySlack
from parcels import WINDOW, fill_database, make_deps, write_project
from seamwatch.adapters.base import ConnectionInfo
from seamwatch.adapters.connections import EnvironmentConnections
from seamwatch.adapters.notify.second_way import webhook_url
from seamwatch.adapters.notify.slack import SlackNotifier
from seamwatch.core.deliveries import DeliveryPart
from seamwatch.core.incident_life import ChangeKind, Incident, IncidentChange
from seamwatch.engine.attribute import attribute_window
from seamwatch.engine.check.channels import check_channels
from seamwatch.engine.deliver import DeliverySummary, deliver_incidents, deliver_pending, describe_undelivered
from seamwatch.engine.deps import Deps
from seamwatch.engine.incidents import decide_incidents
from seamwatch.errors import ProblemLevel
from seamwatch.spec.load import Project
from seamwatch.spec.pipeline import Slack
from seamwatch.spec.second_way import SecondWay
from seamwatch.vocabulary import DeliveryState, IncidentState

pytestmark = pytest.mark.integration


@dataclass
class Desk:
    """An incident of the small pipeline, the Slack that it goes to, and a clock that both follow."""

    deps: Deps
    slack: FaultySlack
    now: list[datetime]
    faults: list[Fault | None] = field(default_factory=list)
    """What becomes of the next calls; those after them go well."""
    pauses: list[float] = field(default_factory=list)

    @property
    def incident(self) -> Incident:
        return next(one for one in self.deps.store.incidents("parcels") if one.headline.startswith("Integration"))

    def deliver(self, after: timedelta = timedelta(0), deps: Deps | None = None) -> DeliverySummary:
        self.now[0] += after
        self.slack.take_late_calls()
        return deliver_pending(deps or self.deps, sleep=self._sleep)

    def deliver_until_quiet(self) -> None:
        for _ in range(12):
            self.deliver(after=timedelta(hours=1))

    def becomes(self, kind: ChangeKind, state: IncidentState, name: str) -> None:
        """Change the incident, and put it into the outbox as a decision does."""
        changed = replace(self.incident, state=state, updated_at=self.now[0])
        if state is IncidentState.RESOLVED:
            changed = replace(changed, resolved_at=self.now[0])
        self.deps.store.apply_changes([IncidentChange(kind=kind, incident=changed)], window=WINDOW)
        for part in (DeliveryPart.HEAD, DeliveryPart.THREAD):
            self.deps.store.enqueue_delivery(
                changed.id,
                dedupe_key=f"{changed.id}/{name}/{part}",
                part=part,
                change=kind,
                channel="#incidents",
                connection="slack_test",
                now=self.now[0],
            )

    def _sleep(self, seconds: float) -> None:
        self.pauses.append(seconds)
        self.now[0] += timedelta(seconds=seconds)


@pytest.fixture(scope="module")
def attributed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a project whose store has an incident that nobody was told of."""
    root = tmp_path_factory.mktemp("attributed")
    write_project(root)
    url = f"sqlite:///{root / 'parcels.db'}"
    fill_database(url, "code_table")
    deps = make_deps(root, {"AIRFLOW_CONN_PARCELS_DB": url})
    attribute_window(deps, deps.project.pipeline("parcels"), WINDOW)
    decide_incidents(deps, deps.project.pipeline("parcels"), WINDOW)
    deps.store.close()
    return root


@pytest.fixture
def desk(attributed: Path, tmp_path: Path) -> Iterator[Desk]:
    root = tmp_path / "project"
    shutil.copytree(attributed, root)
    now = [WINDOW.end + timedelta(hours=2)]
    faults: list[Fault | None] = []

    def seconds() -> float:
        return now[0].timestamp()

    with FaultySlack(plan=lambda *_: faults.pop(0) if faults else None, clock=seconds) as slack:

        def notifier(conn_id: str) -> SlackNotifier:
            info = ConnectionInfo(
                conn_id=conn_id, conn_type="slack", password="xoxb-1", extra={"base_url": slack.url, "timeout": 3}
            )
            return SlackNotifier(info)

        deps = replace(make_deps(root, {}), clock=lambda: now[0], notifier=notifier)
        yield Desk(deps=deps, slack=slack, now=now, faults=faults)


def _is_told_once(desk: Desk, n_replies: int = 1) -> None:
    desk.deliver_until_quiet()
    (head,) = desk.slack.heads
    assert len(desk.slack.replies(head)) == n_replies
    assert desk.deps.store.undelivered(now=desk.now[0]) == []
    assert desk.deps.store.n_pending_deliveries() == 0
    assert desk.deps.store.head_message(desk.incident.id) == f"{head.channel_id}:{head.ts}"


AMBIGUOUS = [
    Fault("taken_reset"),
    Fault("taken_status", "500"),
    Fault("taken_cut"),
    Fault("taken_garbage", "[]"),
    Fault("taken_garbage", '{"ok": true}'),
    Fault("taken_garbage", '{"ok": false, "error": "internal_error"}'),
    Fault("taken_garbage", '{"ok": false, "error": "a_code_of_the_future"}'),
    Fault("late"),
    Fault("reset"),
    Fault("status", "503"),
]


@pytest.mark.parametrize("fault", AMBIGUOUS, ids=str)
@pytest.mark.parametrize("n_well", [0, 1], ids=["head", "thread"])
def test_a_post_of_unknown_end_is_looked_for_before_it_is_repeated(desk: Desk, fault: Fault, n_well: int) -> None:
    desk.faults[:] = [*[None] * n_well, fault]
    first = desk.deliver()
    assert first.errors
    assert desk.deliver(after=timedelta(seconds=20)).n_sent == 0, "it may still arrive"
    _is_told_once(desk)


def test_every_post_may_be_lost_several_times(desk: Desk) -> None:
    desk.faults[:] = [
        Fault("taken_reset"),
        Fault("status", "502"),
        Fault("late"),
        Fault("taken_cut"),
        Fault("reset"),
    ] * 3
    _is_told_once(desk)


@pytest.mark.parametrize(
    "code", ["invalid_auth", "channel_not_found", "not_in_channel", "is_archived", "missing_scope"]
)
def test_an_error_that_a_person_must_mend_is_temporary(desk: Desk, code: str) -> None:
    desk.faults[:] = [Fault("refuse", code)] * 40
    for _ in range(36):
        summary = desk.deliver(after=timedelta(hours=1))
    assert summary.n_failed == 0
    assert code in summary.undelivered[0]
    assert desk.slack.heads == []
    desk.faults.clear()
    _is_told_once(desk)


def test_what_was_given_up_is_told_when_a_person_says_so(desk: Desk) -> None:
    store, now = desk.deps.store, desk.now[0]
    while (claimed := store.claim_delivery(now, lease=timedelta(minutes=2), owner="me")) is not None:
        store.mark_failed(claimed.id, owner="me", error="invalid_auth", retry_at=None)
    summary = desk.deliver(after=timedelta(hours=1))
    assert (summary.n_sent, summary.n_failed, len(summary.undelivered)) == (0, 2, 2)
    assert store.retry_deliveries(now=desk.now[0]) == 2
    _is_told_once(desk)


def test_a_change_tells_what_was_given_up_before(desk: Desk) -> None:
    desk.faults[:] = [Fault("refuse", "invalid_auth")] * 400
    for _ in range(190):
        desk.deliver(after=timedelta(hours=1))
    desk.faults.clear()
    desk.becomes(ChangeKind.UPDATED, IncidentState.OPEN, "later")
    _is_told_once(desk)


def test_what_is_sent_late_is_the_present_state(desk: Desk) -> None:
    desk.faults[:] = [Fault("refuse", "invalid_auth")] * 5
    desk.deliver()
    for number in range(8):
        desk.becomes(ChangeKind.UPDATED, IncidentState.OPEN, f"seen {number}")
    desk.becomes(ChangeKind.RESOLVED, IncidentState.RESOLVED, "over")
    _is_told_once(desk)
    (head,) = desk.slack.heads
    assert "Resolved: " in head.text
    (reply,) = desk.slack.replies(head)
    assert reply.text.startswith("Resolved")
    assert "Seen again" not in str(reply.blocks)
    assert "Reproduce" in str(reply.blocks), "the evidence was never told before"
    states = [one.state for one in desk.deps.store.deliveries(desk.incident.id)]
    assert set(states) == {DeliveryState.SENT, DeliveryState.TOLD}


def test_an_update_that_arrives_late_never_outlives_the_state(desk: Desk) -> None:
    desk.deliver()
    desk.becomes(ChangeKind.UPDATED, IncidentState.OPEN, "seen")
    desk.faults[:] = [Fault("late")]
    desk.deliver()
    desk.becomes(ChangeKind.RESOLVED, IncidentState.RESOLVED, "over")
    _is_told_once(desk, n_replies=2)
    assert "Resolved: " in desk.slack.heads[0].text


@pytest.mark.parametrize("wait", ["1", "1.5", "Wed, 21 Oct 2026 07:28:00 GMT", "soon", ""])
def test_a_pause_that_slack_asks_for_is_kept_and_is_no_failure(desk: Desk, wait: str) -> None:
    desk.faults[:] = [Fault("limit", wait), Fault("limit", wait)]
    summary = desk.deliver()
    assert summary.errors == ()
    assert summary.n_sent == 2
    assert len(desk.pauses) == 2
    assert min(desk.pauses) >= 1
    _is_told_once(desk)


@pytest.mark.parametrize("code", ["message_not_found", "cant_update_message", "edit_window_closed"])
def test_a_head_that_cannot_be_changed_is_posted_anew_once_and_replies_follow_it(desk: Desk, code: str) -> None:
    desk.deliver()
    (old,) = desk.slack.heads
    desk.becomes(ChangeKind.UPDATED, IncidentState.OPEN, "seen")
    desk.faults[:] = [Fault("refuse", code)]
    desk.deliver_until_quiet()
    (head,) = desk.slack.heads
    assert head.ts != old.ts
    assert len(desk.slack.replies(head)) == 1
    assert desk.deps.store.undelivered(now=desk.now[0]) == []


@pytest.mark.parametrize("n_tries", [1, 2, 5])
def test_a_thread_whose_head_a_person_deleted_is_told_below_a_new_head(desk: Desk, n_tries: int) -> None:
    desk.faults[:] = [None]
    for _ in range(n_tries):
        desk.faults.append(Fault("refuse", "invalid_auth"))
        desk.deliver(after=timedelta(hours=1))
    desk.slack.workspace.messages.clear()
    _is_told_once(desk)


@pytest.mark.parametrize("fault", AMBIGUOUS, ids=str)
def test_a_reply_of_unknown_end_is_looked_for_below_the_head_that_it_went_to(desk: Desk, fault: Fault) -> None:
    desk.faults[:] = [None, fault]
    desk.deliver()
    desk.becomes(ChangeKind.UPDATED, IncidentState.OPEN, "seen")
    desk.faults[:] = [Fault("refuse", "cant_update_message")]
    desk.deliver(after=timedelta(seconds=5))
    _is_told_once(desk)
    tokens = [str(one.metadata) for one in desk.slack.workspace.messages if one.thread_ts is not None]
    assert len(tokens) == len(set(tokens)) == 1


def test_an_archived_channel_is_left_for_the_one_that_the_file_names_now(desk: Desk) -> None:
    desk.deliver()
    pipeline = desk.deps.project.pipeline("parcels")
    assert pipeline.slack is not None
    moved = pipeline.model_copy(update={"slack": pipeline.slack.model_copy(update={"channel": "#elsewhere"})})
    project = replace(desk.deps.project, pipelines={"parcels": moved})
    desk.becomes(ChangeKind.UPDATED, IncidentState.OPEN, "seen")
    desk.faults[:] = [Fault("refuse", "is_archived")]
    desk.deliver(deps=replace(desk.deps, project=project))
    assert "#elsewhere" in [head.channel for head in desk.slack.heads]


def test_a_pipeline_file_with_a_typo_does_not_keep_its_incident_untold(desk: Desk) -> None:
    broken = replace(desk.deps, project=Project(root=desk.deps.project.root))
    for _ in range(4):
        desk.deliver(after=timedelta(minutes=5), deps=broken)
    (head,) = desk.slack.heads
    assert desk.incident.headline in head.text
    assert "its report cannot be made" in str(head.blocks)
    desk.becomes(ChangeKind.UPDATED, IncidentState.OPEN, "seen")
    desk.deliver_until_quiet()
    assert "its report cannot be made" not in str(desk.slack.heads[0].blocks)


def test_without_the_scope_for_reading_a_repeated_message_says_so(desk: Desk) -> None:
    desk.slack.workspace.scopes = ("chat:write",)
    desk.faults[:] = [Fault("taken_reset")]
    desk.deliver_until_quiet()
    first, second = desk.slack.heads
    assert "Possibly repeated" not in str(first.blocks)
    assert "Possibly repeated" in str(second.blocks)
    assert [len(desk.slack.replies(head)) for head in (first, second)] == [0, 1]


def test_a_surplus_message_that_shows_later_is_deleted(desk: Desk) -> None:
    desk.faults[:] = [Fault("reset")]
    desk.deliver()
    desk.deliver(after=timedelta(minutes=2))
    (head,) = desk.slack.heads
    assert head.metadata is not None
    late: dict[str, Any] = {"channel": "#incidents", "text": "late", "metadata": head.metadata}
    desk.slack.workspace.answer("chat.postMessage", late)
    _is_told_once(desk)
    assert desk.slack.heads == [head]


def test_one_message_that_fails_stops_no_other(desk: Desk) -> None:
    _another_incident(desk, "other")
    desk.faults[:] = [Fault("taken_garbage", "{")]
    summary = desk.deliver()
    assert len(summary.errors) == 1
    assert summary.n_sent == 2
    desk.deliver_until_quiet()
    assert sorted(len(desk.slack.replies(head)) for head in desk.slack.heads) == [1, 1]


def test_a_message_that_kills_its_worker_goes_behind_the_others(desk: Desk) -> None:
    store, now = desk.deps.store, desk.now[0]
    crashed = store.claim_delivery(now, lease=timedelta(minutes=2), owner="dead")
    assert crashed is not None
    assert desk.deliver().n_sent == 0
    assert [one.attempts for one in store.deliveries(desk.incident.id)] == [0, 0]
    _is_told_once(desk)


def test_parallel_workers_tell_it_once(desk: Desk) -> None:
    for number in range(4):
        desk.becomes(ChangeKind.UPDATED, IncidentState.OPEN, f"seen {number}")
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: deliver_pending(desk.deps, sleep=lambda _: None), range(4)))
    _is_told_once(desk)


class RecordingNotifier:
    """Stands for a notifier of Airflow: made with arguments, called with a context."""

    told: ClassVar[list[tuple[str, dict[str, Any]]]] = []

    def __init__(self, to: str) -> None:
        self._to = to

    def __call__(self, context: dict[str, Any]) -> None:
        self.notify(context)

    def notify(self, context: dict[str, Any]) -> None:
        if self._to == "nobody":
            msg = "no such address"
            raise RuntimeError(msg)
        self.told.append((self._to, context["alarm"]))


@contextmanager
def webhook(*statuses: int) -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """A webhook that answers with these, the last one for ever; yields its address and what it was sent."""
    sent: list[dict[str, Any]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            status = statuses[min(len(sent), len(statuses) - 1)]
            sent.append({"path": self.path, "authorization": self.headers.get("Authorization"), **body})
            self.send_response(status)
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            """Write nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}", sent
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def _with_second_way(desk: Desk, url: str, **way: Any) -> Deps:
    pipeline = desk.deps.project.pipeline("parcels").model_copy(update={"second_way": SecondWay(**way)})
    connection = json.dumps({"conn_type": "http", "host": url, "password": "key-1", "extra": {"path": "/v2/enqueue"}})
    return replace(
        desk.deps,
        project=replace(desk.deps.project, pipelines={"parcels": pipeline}),
        connections=EnvironmentConnections({"AIRFLOW_CONN_PAGER": connection}),
    )


def test_who_decides_tells_of_these_incidents_alone(desk: Desk) -> None:
    _another_incident(desk, "other")
    deliver_incidents(desk.deps, [desk.incident.id])
    (head,) = desk.slack.heads
    assert head.text.startswith("parcels: ")
    assert len(desk.slack.replies(head)) == 1
    assert desk.deps.store.n_pending_deliveries() == 2
    deliver_incidents(desk.deps, ["other", desk.incident.id])
    assert (len(desk.slack.heads), desk.deps.store.n_pending_deliveries()) == (2, 0)


@pytest.mark.parametrize("fault", [Fault("reset"), Fault("limit", "20"), Fault("taken_reset")], ids=str)
def test_what_who_decides_could_not_tell_is_delivered_once_later(desk: Desk, fault: Fault) -> None:
    _another_incident(desk, "other")
    desk.faults[:] = [fault]
    deliver_incidents(desk.deps, [desk.incident.id, "other"])
    assert desk.pauses == []
    assert desk.deps.store.n_pending_deliveries() == 4  # the first that fails ends it: whoever decides does not wait
    desk.deliver_until_quiet()
    assert len(desk.slack.heads) == 2
    assert desk.deps.store.n_pending_deliveries() == 0


def test_what_the_channel_does_not_take_goes_to_pagerduty_and_is_resolved_there(desk: Desk) -> None:
    with webhook(503, 202) as (url, sent):
        deps = _with_second_way(desk, url, webhook="pager", form="pagerduty", after="10m")
        desk.faults[:] = [Fault("refuse", "invalid_auth")] * 6
        desk.deliver(deps=deps)
        assert sent == [], "the channel has not been silent for long"
        for _ in range(3):
            desk.deliver(after=timedelta(minutes=20), deps=deps)
        assert [one["event_action"] for one in sent] == ["trigger", "trigger"]
        first = sent[-1]
        assert (first["routing_key"], first["dedup_key"], first["path"]) == ("key-1", desk.incident.id, "/v2/enqueue")
        assert desk.incident.headline in first["payload"]["summary"]
        assert "invalid_auth" in first["payload"]["custom_details"]["reason"]
        desk.faults.clear()
        desk.becomes(ChangeKind.RESOLVED, IncidentState.RESOLVED, "over")
        for _ in range(3):
            desk.deliver(after=timedelta(hours=1), deps=deps)
    assert [one["event_action"] for one in sent] == ["trigger", "trigger", "resolve"]
    assert sent[-1]["dedup_key"] == desk.incident.id
    assert desk.deps.store.undelivered(now=desk.now[0]) == []


def test_a_webhook_of_ones_own_gets_plain_fields(desk: Desk) -> None:
    with webhook(200) as (url, sent):
        deps = _with_second_way(desk, url, webhook="pager", after="10m")
        desk.faults[:] = [Fault("refuse", "channel_not_found")] * 4
        for _ in range(3):
            desk.deliver(after=timedelta(minutes=20), deps=deps)
    (told,) = sent
    assert (told["incident"], told["state"], told["authorization"]) == (desk.incident.id, "open", "Bearer key-1")


def test_any_notifier_of_airflow_is_a_second_way(desk: Desk) -> None:
    RecordingNotifier.told.clear()
    path = f"{__name__}.RecordingNotifier"
    desk.faults[:] = [Fault("refuse", "channel_not_found")] * 20
    for arguments in ({"to": "nobody"}, {"wrong": 1}, {"to": "ada"}):
        deps = _with_second_way(desk, "", notifier=path, arguments=arguments, after="10m")
        desk.deliver(after=timedelta(hours=2), deps=deps)
    ((to, alarm),) = RecordingNotifier.told
    assert (to, alarm["incident"]) == ("ada", desk.incident.id)


@pytest.mark.parametrize(
    "way", [{}, {"webhook": "a", "notifier": "a.b"}, {"notifier": "b"}, {"webhook": "a", "arguments": {"x": 1}}]
)
def test_a_second_way_is_one_way(way: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"webhook|notifier|arguments"):
        SecondWay(**way)


@pytest.mark.parametrize(
    ("scopes", "channel", "found"),
    [
        (("chat:write", "channels:history", "channels:read"), "#incidents", []),
        (("chat:write", "groups:history"), "C012AB", []),
        (("chat:write", "channels:history"), "#incidents", ["channels:read"]),
        (("chat:write",), "#incidents", ["channels:history", "channels:read"]),
        (("channels:history",), "C012AB", ["chat:write"]),
    ],
)
def test_check_says_which_scopes_are_missing(
    desk: Desk, scopes: tuple[str, ...], channel: str, found: list[str]
) -> None:
    desk.slack.workspace.scopes = scopes
    connection = json.dumps({"conn_type": "slack", "password": "xoxb-1", "extra": {"base_url": desk.slack.url}})
    pipeline = desk.deps.project.pipeline("parcels")
    pipeline = pipeline.model_copy(update={"slack": Slack(channel=channel, connection="slack_test")})
    problems = list(check_channels(pipeline, EnvironmentConnections({"AIRFLOW_CONN_SLACK_TEST": connection})))
    assert [problem.level for problem in problems] == [ProblemLevel.WARNING] * len(found)
    assert [scope for scope, problem in zip(found, problems, strict=True) if scope in problem.text] == found


def test_check_says_that_the_token_is_refused_or_slack_does_not_answer(desk: Desk) -> None:
    connection = json.dumps({"conn_type": "slack", "password": "xoxb-1", "extra": {"base_url": desk.slack.url}})
    connections = EnvironmentConnections({"AIRFLOW_CONN_SLACK_TEST": connection})
    pipeline = desk.deps.project.pipeline("parcels")
    desk.faults[:] = [Fault("refuse", "invalid_auth"), Fault("status", "503")]
    levels = [problem.level for _ in range(2) for problem in check_channels(pipeline, connections)]
    assert levels == [ProblemLevel.WARNING, ProblemLevel.NOTE]


def _another_incident(desk: Desk, name: str, *, channel: str = "#incidents", connection: str = "slack_test") -> None:
    incident = replace(desk.incident, id=name, fingerprint=name, headline=f"Incident {name}")
    desk.deps.store.apply_changes([IncidentChange(kind=ChangeKind.OPENED, incident=incident)], window=WINDOW)
    for part in (DeliveryPart.HEAD, DeliveryPart.THREAD):
        desk.deps.store.enqueue_delivery(
            name,
            dedupe_key=f"{name}/{part}",
            part=part,
            change=ChangeKind.OPENED,
            channel=channel,
            connection=connection,
            now=desk.now[0],
        )


def _give_up(desk: Desk) -> None:
    store, now = desk.deps.store, desk.now[0]
    while (claimed := store.claim_delivery(now, lease=timedelta(minutes=2), owner="me")) is not None:
        store.mark_failed(claimed.id, owner="me", error="invalid_auth", retry_at=None)


def test_the_old_head_goes_also_where_the_end_of_the_new_one_is_unknown(desk: Desk) -> None:
    desk.deliver()
    desk.becomes(ChangeKind.RESOLVED, IncidentState.RESOLVED, "over")
    desk.faults[:] = [Fault("refuse", "edit_window_closed"), Fault("taken_reset")]
    desk.deliver_until_quiet()
    (head,) = desk.slack.heads
    assert "Resolved: " in head.text


def test_a_head_that_arrived_unseen_and_may_not_be_changed_is_replaced(desk: Desk) -> None:
    desk.faults[:] = [Fault("taken_reset"), None, Fault("refuse", "edit_window_closed"), Fault("taken_reset")]
    desk.deliver()
    desk.becomes(ChangeKind.RESOLVED, IncidentState.RESOLVED, "over")
    desk.deliver_until_quiet()
    assert [head.text for head in desk.slack.heads] == [f"parcels: Resolved: {desk.incident.headline}"]
    assert desk.deps.store.undelivered(now=desk.now[0]) == []


def test_an_old_head_that_cannot_be_deleted_at_once_is_deleted_later(desk: Desk) -> None:
    desk.deliver()
    desk.now[0] += timedelta(days=3)
    desk.becomes(ChangeKind.RESOLVED, IncidentState.RESOLVED, "over")
    desk.faults[:] = [Fault("refuse", "edit_window_closed"), None, Fault("status", "503"), None, Fault("status", "503")]
    desk.deliver_until_quiet()
    (head,) = desk.slack.heads
    assert "Resolved: " in head.text


def test_trying_again_posts_nothing_beside_a_post_of_unknown_end(desk: Desk) -> None:
    _give_up(desk)
    desk.becomes(ChangeKind.UPDATED, IncidentState.OPEN, "later")
    desk.faults[:] = [Fault("taken_reset")]
    desk.deliver()
    desk.deps.store.retry_deliveries(now=desk.now[0])
    desk.deliver()
    _is_told_once(desk)


def test_of_one_incident_two_workers_never_hold_messages_of_a_kind(desk: Desk) -> None:
    _give_up(desk)
    desk.becomes(ChangeKind.UPDATED, IncidentState.OPEN, "later")
    store, now = desk.deps.store, desk.now[0]
    first = store.claim_delivery(now, lease=timedelta(minutes=2), owner="a")
    assert first is not None
    store.retry_deliveries(now=now)
    assert store.claim_delivery(now, lease=timedelta(minutes=2), owner="b") is None


def test_trying_again_never_lets_a_late_update_outlive_the_state(desk: Desk) -> None:
    desk.deliver()
    desk.becomes(ChangeKind.UPDATED, IncidentState.OPEN, "seen")
    desk.faults[:] = [Fault("late")]
    desk.deliver()
    desk.becomes(ChangeKind.RESOLVED, IncidentState.RESOLVED, "over")
    desk.deps.store.retry_deliveries(now=desk.now[0])
    _is_told_once(desk, n_replies=2)
    assert "Resolved: " in desk.slack.heads[0].text


def test_what_was_dropped_and_arrived_all_the_same_is_deleted(desk: Desk) -> None:
    desk.faults[:] = [Fault("taken_reset")]
    desk.deliver()
    desk.deps.store.drop_deliveries(desk.incident.id, reason="no need", now=desk.now[0])
    desk.becomes(ChangeKind.UPDATED, IncidentState.OPEN, "seen")
    _is_told_once(desk)


def test_a_post_of_unknown_end_is_looked_for_where_it_went(desk: Desk) -> None:
    desk.deliver()
    pipeline = desk.deps.project.pipeline("parcels")
    moved = pipeline.model_copy(update={"slack": Slack(channel="#elsewhere", connection="slack_test")})
    deps = replace(desk.deps, project=replace(desk.deps.project, pipelines={"parcels": moved}))
    desk.becomes(ChangeKind.UPDATED, IncidentState.OPEN, "seen")
    desk.deliver(deps=deps)
    _another_incident(desk, "second", channel="#elsewhere")
    desk.faults[:] = [Fault("taken_reset")]
    for _ in range(12):
        desk.deliver(after=timedelta(hours=1), deps=deps)
    assert [head.channel for head in desk.slack.heads if "second" in head.text] == ["#elsewhere"]


def test_pauses_without_end_are_said(desk: Desk) -> None:
    desk.faults[:] = [Fault("limit", "3600")] * 30
    for _ in range(4):
        summary = desk.deliver(after=timedelta(hours=1))
    assert summary.errors == ()
    assert "it asks for a pause" in summary.undelivered[0]


def test_a_message_that_kills_every_worker_is_said(desk: Desk) -> None:
    for number in range(9):
        now = desk.now[0] + timedelta(minutes=5) * number
        desk.deps.store.claim_delivery(now, lease=timedelta(minutes=2), owner="dies")
    assert [one.attempts for one in desk.deps.store.undelivered(now=now)] == [0, 0]


def test_replies_that_are_always_refused_post_no_head_after_head(desk: Desk) -> None:
    desk.deliver()
    desk.becomes(ChangeKind.UPDATED, IncidentState.OPEN, "seen")
    refused = Fault("refuse", "cannot_reply_to_message")
    desk.slack.plan = lambda _, arguments: refused if arguments.get("thread_ts") else None
    for _ in range(20):
        summary = desk.deliver(after=timedelta(hours=1))
    assert desk.slack.calls.count("chat.postMessage") < 40
    assert any("cannot_reply_to_message" in one for one in summary.undelivered)
    desk.slack.plan = lambda *_: None
    _is_told_once(desk, n_replies=1)


def test_a_dead_connection_holds_up_no_other(desk: Desk) -> None:
    for number in range(12):
        _another_incident(desk, f"dead {number}", channel="#dead")
    desk.deliver()
    calls = len(desk.slack.calls)
    for number in range(12):
        _another_incident(desk, f"dead again {number}", channel="#dead")
    desk.faults[:] = [Fault("reset")] * 12
    assert len(desk.deliver().errors) == 3, "the others of the channel wait for the next run"
    assert len(desk.slack.calls) == calls + 3


def test_an_incident_that_came_back_is_told_in_the_second_way_again(desk: Desk) -> None:
    with webhook(202) as (url, sent):
        deps = _with_second_way(desk, url, webhook="pager", form="pagerduty", after="10m")
        desk.faults[:] = [Fault("refuse", "invalid_auth")] * 90
        for kind, state in (
            (None, None),
            (ChangeKind.RESOLVED, IncidentState.RESOLVED),
            (ChangeKind.REOPENED, IncidentState.OPEN),
        ):
            if kind is not None and state is not None:
                desk.becomes(kind, state, str(kind))
            for _ in range(3):
                desk.deliver(after=timedelta(hours=1), deps=deps)
    assert [one["event_action"] for one in sent] == ["trigger", "resolve", "trigger"]


def test_an_incident_that_cannot_be_read_keeps_no_other_from_being_told(desk: Desk) -> None:
    _another_incident(desk, "damaged")
    engine = sa.create_engine(f"sqlite:///{desk.deps.project.root / 'store.db'}")
    with engine.begin() as connection:
        connection.execute(sa.text("UPDATE seamwatch_incidents SET incident = '{}' WHERE id = 'damaged'"))
    engine.dispose()
    with webhook(202) as (url, _):
        deps = _with_second_way(desk, url, webhook="pager", after="10m")
        desk.now[0] += timedelta(hours=1)
        summary = desk.deliver(deps=deps)
    assert desk.slack.replies(desk.slack.heads[0])
    assert any("damaged" in error for error in summary.errors)


def test_a_passing_mistake_in_the_file_leaves_no_message_without_its_report(desk: Desk) -> None:
    broken = replace(desk.deps, project=Project(root=desk.deps.project.root))
    for _ in range(5):
        desk.deliver(after=timedelta(minutes=5), deps=broken)
    assert "its report cannot be made" in str(desk.slack.heads[0].blocks)
    _is_told_once(desk)
    assert "its report cannot be made" not in str(desk.slack.heads[0].blocks)
    assert "Reproduce" in str(desk.slack.replies(desk.slack.heads[0])[0].blocks)


def test_a_second_way_that_the_file_names_no_longer_is_left(desk: Desk) -> None:
    with webhook(503) as (url, _):
        deps = _with_second_way(desk, url, webhook="pager", after="10m")
        desk.faults[:] = [Fault("refuse", "invalid_auth")] * 6
        for _ in range(3):
            desk.deliver(after=timedelta(hours=1), deps=deps)
    desk.faults.clear()
    _is_told_once(desk)


@pytest.mark.parametrize(
    "path", ["os.getcwd", "datetime.timedelta", "unittest.mock.Mock", "nowhere.Nothing", "json.no"]
)
def test_check_refuses_what_is_no_notifier(desk: Desk, path: str) -> None:
    deps = _with_second_way(desk, "", notifier=path, arguments={"secret": "R0utingKey"})
    found = [
        one for one in check_channels(deps.project.pipeline("parcels"), deps.connections) if "notifier" in one.text
    ]
    assert len(found) == 1
    assert "R0utingKey" not in found[0].text


@pytest.mark.parametrize(
    ("uri", "address"),
    [
        ("https://hook:8443/services%2FT0", "https://hook:8443/services/T0"),
        ("http://hook", "http://hook"),
        ('{"conn_type": "http", "host": "hook", "schema": "https", "port": 8443}', "https://hook:8443"),
        ('{"conn_type": "http", "host": "https://hook/x"}', "https://hook/x"),
    ],
)
def test_a_webhook_is_named_as_airflow_names_addresses(uri: str, address: str) -> None:
    info = EnvironmentConnections({"AIRFLOW_CONN_HOOK": uri}).get("hook")
    assert webhook_url(info, "json") == address


def test_a_second_way_without_a_channel_is_refused(desk: Desk) -> None:
    deps = _with_second_way(desk, "http://127.0.0.1:9", webhook="pager")
    alone = deps.project.pipeline("parcels").model_copy(update={"slack": None})
    (problem,) = check_channels(alone, deps.connections)
    assert "no slack is named" in problem.text


def test_the_head_and_the_thread_of_a_change_are_made_from_one_report(desk: Desk) -> None:
    loaded: list[str] = []

    def note(_: Any, __: Any, statement: str, *___: Any) -> None:
        if "FROM seamwatch_verdicts" in statement:
            loaded.append(statement)

    sa.event.listen(sa.Engine, "before_cursor_execute", note)
    try:
        assert desk.deliver().n_sent == 2
        assert len(loaded) == 1
        desk.becomes(ChangeKind.UPDATED, IncidentState.OPEN, "later")
        desk.now[0] += timedelta(minutes=1)
        assert desk.deliver().n_sent == 2
        assert len(loaded) == 2
    finally:
        sa.event.remove(sa.Engine, "before_cursor_execute", note)


def test_all_that_was_not_delivered_is_counted_and_a_few_of_it_told(desk: Desk) -> None:
    for number in range(4):
        desk.becomes(ChangeKind.UPDATED, IncidentState.OPEN, f"change {number}")
    store, now = desk.deps.store, desk.now[0]
    n_given_up = 0
    while (claimed := store.claim_delivery(now, lease=timedelta(minutes=2), owner="me")) is not None:
        n_given_up += 1
        store.mark_failed(claimed.id, owner="me", error="invalid_auth", retry_at=None)
    assert n_given_up == 10
    summary = desk.deliver()
    assert (summary.n_undelivered, summary.n_failed, len(summary.undelivered)) == (10, 10, 5)
    said = describe_undelivered(summary)
    assert "not delivered: 10, of them given up: 10" in said
    assert "and 5 more" in said
