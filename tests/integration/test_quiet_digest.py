"""What quiet hours held, told to a real Slack at their end: one digest, then what is still open, each once."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from faulty_slack import Fault, FaultySlack
from parcels import PIPELINE, WINDOW, fill_database, make_deps, write_project
from seamwatch.adapters.base import ConnectionInfo
from seamwatch.adapters.notify.slack import SlackNotifier
from seamwatch.core.incident_life import ChangeKind, Incident, IncidentChange
from seamwatch.engine.announcements import announce
from seamwatch.engine.attribute import attribute_window
from seamwatch.engine.deliver import DeliverySummary, deliver_incident, deliver_pending
from seamwatch.engine.deps import Deps
from seamwatch.engine.incident_actions import act_on_incident
from seamwatch.engine.incidents import decide_incidents
from seamwatch.spec.load import load_project
from seamwatch.vocabulary import DeliveryState, Door, IncidentAction, IncidentSeverity, IncidentState
from seamwatch_demo.slack_messages import SlackMessage

pytestmark = pytest.mark.integration
QUIET = '\nquiet_hours: {time_zone: UTC, from: "22:00", to: "07:00"}\n'
EVENING = WINDOW.end - timedelta(hours=4)
NIGHT = WINDOW.end + timedelta(hours=2)
MORNING = WINDOW.end + timedelta(hours=7)


@dataclass
class Night:
    """Pipelines with quiet hours that tell a Slack, and a clock."""

    deps: Deps
    slack: FaultySlack
    now: list[datetime]
    first: Incident
    """Opened before any quiet hours; nothing of it was announced."""

    def tell(self, name: str, kind: ChangeKind, at: datetime, **values: Any) -> Incident:
        """Let a detector change an incident, which the first change of that name makes."""
        self.now[0] = at
        pipeline = values.pop("pipeline", "parcels")
        known = self.deps.store.incident(name) or replace(
            self.first,
            id=name,
            fingerprint=name,
            pipeline=pipeline,
            headline=f"Failure {name}",
            opened_at=at,
            called_at=at,
            severity=IncidentSeverity.SEV3,
        )
        state = IncidentState.RESOLVED if kind is ChangeKind.RESOLVED else IncidentState.OPEN
        resolved_at = at if kind is ChangeKind.RESOLVED else None
        incident = replace(known, state=state, resolved_at=resolved_at, updated_at=at, **values)
        change = IncidentChange(kind=kind, incident=incident)
        with self.deps.store.deciding(pipeline):
            self.deps.store.apply_changes([change], window=WINDOW)
            announce(self.deps, self.deps.project.pipeline(pipeline), [change], WINDOW, at)
        return incident

    def deliver(self, at: datetime) -> DeliverySummary:
        self.now[0] = at
        self.slack.take_late_calls()
        return deliver_pending(self.deps, sleep=lambda _: None)

    def digests(self) -> list[SlackMessage]:
        return [head for head in self.slack.heads if head.text.startswith("Quiet hours are over")]

    def heads(self, name: str) -> list[SlackMessage]:
        return [head for head in self.slack.heads if head.text.endswith(f"Failure {name}")]

    def undelivered(self, name: str) -> list[DeliveryState]:
        sent = (DeliveryState.SENT, DeliveryState.TOLD)
        return [one.state for one in self.deps.store.deliveries(name) if one.state not in sent]


@pytest.fixture(scope="module")
def attributed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("attributed")
    write_project(root)
    pipeline = root / "include" / "pipelines" / "parcels.yaml"
    pipeline.write_text(pipeline.read_text() + QUIET)
    (root / "include" / "pipelines" / "letters.yaml").write_text(
        PIPELINE.replace("ENDPOINT", '"python:parcels:model"').replace("pipeline: parcels", "pipeline: letters") + QUIET
    )
    url = f"sqlite:///{root / 'parcels.db'}"
    fill_database(url, "code_table")
    deps = replace(make_deps(root, {"AIRFLOW_CONN_PARCELS_DB": url}), clock=lambda: WINDOW.end + timedelta(hours=9))
    for name in ("parcels", "letters"):
        attribute_window(deps, deps.project.pipeline(name), WINDOW)
    decide_incidents(deps, deps.project.pipeline("parcels"), WINDOW)
    for one in deps.store.incidents("parcels"):
        deps.store.drop_deliveries(one.id, reason="not of this test", now=WINDOW.end)
    deps.store.close()
    return root


@pytest.fixture
def night(attributed: Path, tmp_path: Path) -> Iterator[Night]:
    root = tmp_path / "project"
    shutil.copytree(attributed, root)
    now = [EVENING]
    with FaultySlack(clock=lambda: datetime.timestamp(now[0])) as slack:
        info = ConnectionInfo(
            conn_id="slack_test", conn_type="slack", password="xoxb-1", extra={"base_url": slack.url, "timeout": 5}
        )
        deps = replace(make_deps(root, {}), clock=lambda: now[0], notifier=lambda _: SlackNotifier(info))
        first = next(one for one in deps.store.incidents("parcels") if one.headline.startswith("Integration"))
        yield Night(deps=deps, slack=slack, now=now, first=first)
        deps.store.close()


def refuse_digests(method: str, arguments: Mapping[str, Any]) -> Fault | None:
    is_digest = method == "chat.postMessage" and "Quiet hours are over" in json.dumps(arguments)
    return Fault("refuse", "invalid_blocks") if is_digest else None


def test_one_digest_comes_first_and_what_is_over_needs_no_message(night: Night) -> None:
    night.tell("old", ChangeKind.OPENED, EVENING)
    night.deliver(EVENING)
    night.tell("open", ChangeKind.OPENED, NIGHT, severity=IncidentSeverity.SEV3)
    night.tell("over", ChangeKind.OPENED, NIGHT, severity=IncidentSeverity.SEV2)
    night.tell("old", ChangeKind.SEVERITY_RAISED, NIGHT, severity=IncidentSeverity.SEV2)
    night.tell("over", ChangeKind.RESOLVED, NIGHT + timedelta(hours=1))
    night.deliver(MORNING - timedelta(seconds=1))
    assert [head.text for head in night.slack.heads] == ["parcels: Failure old"]
    assert night.deliver(MORNING).n_undelivered == 0
    (digest,) = night.digests()
    assert digest.text == "Quiet hours are over: 2 opened (1 of them over already) and 1 changed"
    lines = next(block for block in digest.blocks if block["type"] == "rich_text" and "rich_text_list" in str(block))
    said = [json.dumps(line) for line in lines["elements"][0]["elements"]]
    assert [next(n for n in ("old", "over", "open") if f"Failure {n}" in line) for line in said] == [
        "old",
        "over",
        "open",
    ]
    assert "new, open for 1 h, resolved" in said[1]
    assert "integration owner" in said[1]
    # In the channel: the message of before, the digest, and only then the message of what is still open.
    assert [head.text for head in night.slack.heads] == ["parcels: Failure old", digest.text, "parcels: Failure open"]
    assert "S0INT" not in json.dumps(digest.blocks)
    (head,) = night.heads("open")
    assert json.dumps(head.blocks).count("<!subteam^S0INT>") == 1
    assert night.heads("over") == []
    assert [one.n_edits for one in night.heads("old")] == [1]
    assert all(night.undelivered(name) == [] for name in ("old", "open", "over"))
    night.deliver(MORNING + timedelta(hours=1))
    assert len(night.slack.heads) == 3


def test_two_pipelines_with_one_channel_have_one_digest(night: Night) -> None:
    night.tell("a", ChangeKind.OPENED, NIGHT)
    night.tell("b", ChangeKind.OPENED, NIGHT, pipeline="letters")
    night.deliver(MORNING)
    assert [digest.text for digest in night.digests()] == ["Quiet hours are over: 2 opened"]


def test_a_digest_whose_answer_is_lost_is_not_sent_twice(night: Night) -> None:
    night.tell("open", ChangeKind.OPENED, NIGHT)
    night.tell("over", ChangeKind.OPENED, NIGHT)
    night.tell("over", ChangeKind.RESOLVED, NIGHT + timedelta(hours=1))
    n_calls = [0]

    def lose_first(method: str, _: object) -> Fault | None:
        n_calls[0] += method == "chat.postMessage"
        return Fault("taken_reset") if n_calls[0] == 1 else None

    night.slack.plan = lose_first
    night.deliver(MORNING)
    assert len(night.slack.heads) == 1
    for minutes in (1, 2, 5, 10, 20):
        night.deliver(MORNING + timedelta(minutes=minutes))
    assert (len(night.digests()), len(night.heads("open")), night.heads("over")) == (1, 1, [])


def test_a_digest_that_slack_refuses_holds_nothing_back_for_long(night: Night) -> None:
    night.tell("open", ChangeKind.OPENED, NIGHT)
    night.tell("over", ChangeKind.OPENED, NIGHT)
    night.tell("over", ChangeKind.RESOLVED, NIGHT + timedelta(hours=1))
    night.slack.plan = refuse_digests
    for minutes in (0, 5, 10, 15):
        night.deliver(MORNING + timedelta(minutes=minutes))
    assert (len(night.digests()), len(night.heads("open")), len(night.heads("over"))) == (0, 1, 1)
    night.slack.plan = lambda *_: None
    night.deliver(MORNING + timedelta(hours=2))
    assert night.digests() == []
    assert night.undelivered("open") == [DeliveryState.DROPPED]


def test_a_page_passes_with_all_that_was_held_of_its_incident(night: Night) -> None:
    night.tell("worse", ChangeKind.OPENED, NIGHT, severity=IncidentSeverity.SEV3)
    night.tell("other", ChangeKind.OPENED, NIGHT, severity=IncidentSeverity.SEV3)
    night.tell("worse", ChangeKind.SEVERITY_RAISED, NIGHT + timedelta(hours=1), severity=IncidentSeverity.SEV1)
    night.deliver(NIGHT + timedelta(hours=1))
    assert [head.text for head in night.slack.heads] == ["parcels: Failure worse"]
    night.deliver(MORNING)
    assert [digest.text for digest in night.digests()] == ["Quiet hours are over: 1 opened"]


def test_what_waits_at_once_is_not_held_by_what_comes_after_it(night: Night) -> None:
    night.tell("worse", ChangeKind.OPENED, NIGHT, severity=IncidentSeverity.SEV1)
    night.tell("worse", ChangeKind.REOPENED, NIGHT, severity=IncidentSeverity.SEV3)
    night.deliver(NIGHT)
    assert len(night.heads("worse")) == 1
    night.deliver(MORNING)
    assert len(night.heads("worse")) == 1


def test_who_acts_in_the_morning_sees_it_at_once_though_the_digest_waits(night: Night) -> None:
    night.tell("open", ChangeKind.OPENED, NIGHT)
    night.now[0] = MORNING + timedelta(minutes=1)
    act_on_incident(night.deps, "open", IncidentAction.ACKNOWLEDGE, by="ana", door=Door.COMMAND_LINE)
    deliver_incident(night.deps, "open")
    assert len(night.heads("open")) == 1
    night.deliver(MORNING + timedelta(minutes=5))
    assert (night.digests(), len(night.heads("open"))) == ([], 1)


def test_what_was_merely_seen_again_needs_no_digest(night: Night) -> None:
    night.tell("old", ChangeKind.OPENED, EVENING)
    night.deliver(EVENING)
    night.tell("old", ChangeKind.UPDATED, NIGHT)
    night.tell("old", ChangeKind.SEVERITY_LOWERED, NIGHT, severity=IncidentSeverity.SEV4)
    night.deliver(MORNING)
    assert night.digests() == []
    assert [one.n_edits for one in night.heads("old")] == [1]


def test_an_incident_that_cannot_be_read_keeps_no_other_from_the_digest(night: Night) -> None:
    night.tell("broken", ChangeKind.OPENED, NIGHT)
    night.tell("open", ChangeKind.OPENED, NIGHT)
    engine = sa.create_engine(f"sqlite:///{night.deps.project.root / 'store.db'}")
    with engine.begin() as connection:
        connection.execute(sa.text("UPDATE seamwatch_incidents SET incident = '{}' WHERE id = 'broken'"))
    engine.dispose()
    night.deliver(MORNING)
    assert [digest.text for digest in night.digests()] == ["Quiet hours are over: 1 opened"]
    assert len(night.heads("open")) == 1


@pytest.mark.parametrize("is_moved", [True, False], ids=["moved", "as it was"])
def test_a_channel_that_was_changed_meanwhile_gets_the_message_itself(night: Night, is_moved: bool) -> None:
    night.tell("open", ChangeKind.OPENED, NIGHT)
    if is_moved:
        root = night.deps.project.root
        pipeline = root / "include" / "pipelines" / "parcels.yaml"
        pipeline.write_text(pipeline.read_text().replace("#incidents", "#elsewhere"))
        night.deps = replace(night.deps, project=load_project(root))
    night.deliver(MORNING)
    assert len(night.digests()) == (0 if is_moved else 1)
    assert [head.channel for head in night.heads("open")] == ["#elsewhere" if is_moved else "#incidents"]


def test_what_nobody_could_know_at_night_is_escalated_an_hour_after_it_was_told(night: Night) -> None:
    night.tell("open", ChangeKind.OPENED, NIGHT, severity=IncidentSeverity.SEV2)
    for at in (NIGHT + timedelta(hours=2), MORNING, MORNING + timedelta(minutes=59)):
        night.deliver(at)
        assert night.deps.store.incident("open").escalated is None
    (head,) = night.heads("open")
    assert "<@U0REL>" not in json.dumps([one.blocks for one in night.slack.replies(head)])
    night.deliver(MORNING + timedelta(hours=1))
    assert json.dumps([one.blocks for one in night.slack.replies(head)]).count("<@U0REL>") == 1


def test_an_escalation_in_quiet_hours_waits_for_their_end(night: Night) -> None:
    late = WINDOW.end - timedelta(hours=2, minutes=30)
    night.tell("open", ChangeKind.OPENED, late, severity=IncidentSeverity.SEV2)
    night.deliver(late)
    night.deliver(NIGHT)
    assert night.deps.store.incident("open").escalated is IncidentSeverity.SEV2
    (head,) = night.heads("open")
    assert len(night.slack.replies(head)) == 1
    night.deliver(MORNING)
    assert [digest.text for digest in night.digests()] == ["Quiet hours are over: 1 changed"]
    assert "<@U0REL>" in json.dumps(night.slack.replies(head)[-1].blocks)
