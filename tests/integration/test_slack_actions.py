"""Buttons in Slack against a real Slack over HTTP, with everything that can go wrong between a press and its effect."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from faulty_slack import Fault
from parcels import WINDOW, make_deps
from seamwatch.adapters.connections import EnvironmentConnections
from seamwatch.core.incident_life import ChangeKind, IncidentChange
from seamwatch.engine.announcements import announce
from seamwatch.engine.attribute import attribute_window
from seamwatch.engine.check.channels import check_channels
from seamwatch.engine.deliver import deliver_pending
from seamwatch.engine.incident_actions import act_on_incident
from seamwatch.engine.incidents import decide_incidents
from seamwatch.engine.slack_actions import handle_action
from seamwatch.vocabulary import Door, IncidentAction, IncidentState
from seamwatch_demo.slack_messages import SlackMessage
from slack_desk import Desk, attribute_parcels, open_desk
from slack_presses import element_of, payload_of

pytestmark = pytest.mark.integration

SUPPORT = Path(__file__).parents[1] / "support"


@pytest.fixture(scope="module")
def attributed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return attribute_parcels(tmp_path_factory.mktemp("attributed"))


@pytest.fixture
def desk(attributed: Path, tmp_path: Path) -> Iterator[Desk]:
    with open_desk(Path(shutil.copytree(attributed, tmp_path / "project"))) as desk:
        yield desk


def labels(message: SlackMessage) -> list[str]:
    rows = [block["elements"] for block in message.blocks if block["type"] == "actions"]
    return [one.get("text", one.get("placeholder", {"text": "⋯"}))["text"] for row in rows for one in row]


def test_a_press_changes_the_incident_and_its_head_shows_it_at_once(desk: Desk) -> None:
    assert labels(desk.head) == ["Acknowledge", "Mute 4 h", "Resolve", "Wrong verdict: it was …", "Open report", "⋯"]
    desk.press("ack")
    assert desk.incident.state is IncidentState.ACKNOWLEDGED
    assert desk.by_people() == [("acknowledged", "ada (U0ADA)", Door.SLACK)]
    assert "Acknowledged by ada (U0ADA) in Slack" in json.dumps(desk.head.blocks)
    assert labels(desk.head) == ["Mute 4 h", "Resolve", "Wrong verdict: it was …", "Open report", "⋯"]
    assert desk.private == []


def test_what_somebody_did_before_an_incident_came_back_is_not_said_of_it_any_more(desk: Desk) -> None:
    desk.press("ack")
    desk.now[0] += timedelta(hours=1)
    back = replace(desk.incident, state=IncidentState.OPEN, acknowledged_by=None, updated_at=desk.now[0])
    change = IncidentChange(kind=ChangeKind.REOPENED, incident=back, door=Door.DETECTOR)
    desk.deps.store.apply_changes([change], window=WINDOW)
    announce(desk.deps, desk.deps.project.pipeline("parcels"), [change], WINDOW, desk.now[0])
    deliver_pending(desk.deps)
    shown = json.dumps(desk.head.blocks)
    assert "Back again since" in shown
    assert "Acknowledged by" not in shown
    desk.press("ack")
    assert "Acknowledged by ada" in json.dumps(desk.head.blocks)


def test_the_same_press_told_twice_has_one_effect(desk: Desk) -> None:
    payload = payload_of(desk.head, "wrong", user="U0ADA", choice="model")
    assert handle_action(desk.deps, payload).is_done
    assert handle_action(desk.deps, payload) is None
    assert len(desk.by_people()) == 1
    (event,) = [one for one in desk.deps.store.incident_events(desk.incident.id) if one.by]
    assert (event.kind, event.why) == ("called_wrong", "really model")


def test_one_press_told_by_eight_at_once_has_one_effect(desk: Desk) -> None:
    payload = payload_of(desk.head, "wrong", user="U0ADA", choice="provider")
    with ThreadPoolExecutor(8) as pool:
        replies = list(pool.map(lambda _: handle_action(desk.deps, payload), range(8)))
    assert sum(reply is not None and reply.is_done for reply in replies) == 1
    assert len(desk.by_people()) == 1


def test_a_second_press_changes_nothing_and_says_so_to_that_person_alone(desk: Desk) -> None:
    payloads = [payload_of(desk.head, "ack", user=user) for user in ("U0ADA", "U0TEAM")]
    n_messages = len(desk.slack.workspace.messages)
    for payload in payloads:
        handle_action(desk.deps, payload)
    assert [by for _, by, _ in desk.by_people()] == ["ada (U0ADA)"]
    ((user, text),) = desk.private
    assert user == "U0TEAM"
    assert f"{desk.incident.id} is so already" in text
    assert len(desk.slack.workspace.messages) == n_messages


@pytest.mark.parametrize("action", ["ack", "mute", "resolve"])
def test_a_press_without_permission_changes_nothing(desk: Desk, action: str) -> None:
    before, edits = desk.incident, desk.head.n_edits
    reply = desk.press(action, user="U0EVE", name="<!channel> ada")
    assert not reply.is_done
    assert (desk.incident, desk.by_people(), desk.head.n_edits) == (before, [], edits)
    ((user, text),) = desk.private
    assert user == "U0EVE"
    assert "slack.may_act" in text


def test_who_is_in_a_group_may_act(desk: Desk) -> None:
    desk.press("ack", user="U0TEAM", name="")
    assert desk.by_people() == [("acknowledged", "U0TEAM", Door.SLACK)]


def test_a_group_that_no_longer_exists_permits_nobody_and_is_said(desk: Desk) -> None:
    del desk.slack.workspace.groups["S0TEAM"]
    desk.press("ack", user="U0TEAM")
    assert desk.incident.state is IncidentState.OPEN
    ((_, text),) = desk.private
    assert "S0TEAM" in text
    assert "no_such_subteam" in text
    desk.press("ack", user="U0ADA")  # a person who is named is not asked for by a group
    assert desk.incident.state is IncidentState.ACKNOWLEDGED


def test_a_group_that_may_not_be_read_permits_nobody(desk: Desk) -> None:
    desk.slack.workspace.scopes = ("chat:write",)
    desk.press("ack", user="U0TEAM")
    assert desk.incident.state is IncidentState.OPEN
    assert "usergroups:read" in desk.private[0][1]


def test_by_default_the_owners_may_act(desk: Desk) -> None:
    deps = desk.with_slack(may_act=())
    handle_action(deps, payload_of(desk.head, "ack", user="U0ADA"))
    assert desk.incident.state is IncidentState.OPEN
    handle_action(deps, payload_of(desk.head, "ack", user="U0REL"))
    assert desk.incident.state is IncidentState.ACKNOWLEDGED


def test_a_resolved_incident_is_not_acknowledged_and_can_be_reopened(desk: Desk) -> None:
    stale = payload_of(desk.head, "ack", user="U0ADA")
    desk.press("resolve")
    assert desk.private
    assert "still showed" in desk.private[-1][1]
    handle_action(desk.deps, stale)
    assert desk.incident.state is IncidentState.RESOLVED
    assert "is over" in desk.private[-1][1]
    assert labels(desk.head) == ["Reopen", "Wrong verdict: it was …", "Open report", "⋯"]
    desk.press("reopen")
    assert desk.incident.state is IncidentState.OPEN
    assert "Acknowledge" in labels(desk.head)


def test_a_mute_lasts_four_hours_from_the_press(desk: Desk) -> None:
    pressed_at = desk.now[0]
    desk.press("mute")
    assert desk.incident.muted_until == pressed_at + timedelta(hours=4)
    desk.now[0] += timedelta(hours=4)
    deliver_pending(desk.deps)
    assert desk.incident.state is IncidentState.OPEN


def test_a_merged_incident_can_only_be_split_off_though_its_target_is_resolved_meanwhile(desk: Desk) -> None:
    first = desk.incident
    target = replace(first, id="parcels-other", fingerprint="other", headline="Another cause")
    desk.deps.store.apply_changes([IncidentChange(kind=ChangeKind.OPENED, incident=target)], window=WINDOW)
    stale = payload_of(desk.head, "ack", user="U0ADA")
    by = {"by": "ada", "door": Door.COMMAND_LINE}
    assert act_on_incident(desk.deps, first.id, IncidentAction.MERGE, into=target.id, **by).refusal is None
    assert act_on_incident(desk.deps, target.id, IncidentAction.RESOLVE, **by).refusal is None
    deliver_pending(desk.deps)
    assert labels(desk.head)[0] == "Split off again"
    handle_action(desk.deps, stale)
    assert desk.incident.state is IncidentState.MERGED
    assert target.id in desk.private[-1][1]
    desk.press("split")
    assert desk.incident.state is IncidentState.OPEN


def test_a_button_in_a_channel_that_the_file_no_longer_names_still_counts(desk: Desk) -> None:
    payload = payload_of(desk.head, "ack", user="U0EVE"), payload_of(desk.head, "ack", user="U0ADA")
    deps = desk.with_slack(channel="#elsewhere")
    handle_action(deps, payload[0])
    assert desk.slack.workspace.private[0].channel_id == desk.head.channel_id
    handle_action(deps, payload[1])
    assert desk.incident.state is IncidentState.ACKNOWLEDGED
    assert "Acknowledged by ada" in json.dumps(desk.head.blocks)
    assert desk.head.channel == "#incidents"


def test_another_slack_does_not_act_on_the_pipeline(desk: Desk) -> None:
    reply = handle_action(desk.deps, payload_of(desk.head, "ack", user="U0ADA"), connection="slack_of_others")
    assert reply is not None
    assert not reply.is_done
    assert desk.incident.state is IncidentState.OPEN


def test_buttons_that_were_switched_off_do_nothing(desk: Desk) -> None:
    handle_action(desk.with_slack(actions=False), payload_of(desk.head, "ack", user="U0ADA"))
    assert desk.incident.state is IncidentState.OPEN
    assert "switched off" in desk.private[0][1]


def run_killed(desk: Desk, payload: dict[str, Any], *, when: str, url: str) -> int:
    command = [sys.executable, str(SUPPORT / "press_worker.py"), str(desk.root), url, when]
    paths = [str(SUPPORT), str(Path(__file__).parents[2] / "include")]
    return subprocess.run(
        command, input=json.dumps(payload).encode(), env={"PYTHONPATH": ":".join(paths)}, timeout=60, check=False
    ).returncode


def test_a_process_killed_between_a_press_and_its_effect_leaves_it_to_the_next_delivery(desk: Desk) -> None:
    payload = payload_of(desk.head, "wrong", user="U0ADA", choice="model")
    assert run_killed(desk, payload, when="recorded", url=desk.slack.url) == -9
    assert desk.by_people() == []
    assert len(desk.deps.store.presses_to_carry_out()) == 1
    deliver_pending(desk.deps)
    assert desk.by_people() == [("called_wrong", "ada (U0ADA)", Door.SLACK)]
    deliver_pending(desk.deps)
    handle_action(desk.deps, payload)
    assert len(desk.by_people()) == 1


def test_a_process_killed_after_the_effect_leaves_the_head_to_the_next_delivery(desk: Desk) -> None:
    payload = payload_of(desk.head, "ack", user="U0ADA")
    desk.faults[:] = [Fault("taken_kill")]
    address = desk.slack.url_of(0).replace("/0/", "/PID/")
    assert run_killed(desk, payload, when="never", url=address) == -9
    assert desk.deps.store.presses_to_carry_out() == []
    assert desk.incident.state is IncidentState.ACKNOWLEDGED
    desk.now[0] += timedelta(minutes=5)
    deliver_pending(desk.deps)
    handle_action(desk.deps, payload)
    assert len(desk.by_people()) == 1
    assert "Acknowledged by ada" in json.dumps(desk.head.blocks)
    assert len([one for one in desk.slack.heads if "Integration" in one.text]) == 1


def test_a_store_that_refuses_the_effect_gets_it_later_and_once(desk: Desk) -> None:
    engine = sa.create_engine(f"sqlite:///{desk.root / 'store.db'}")
    with engine.begin() as connection:
        connection.exec_driver_sql(
            "CREATE TRIGGER broken BEFORE INSERT ON seamwatch_incident_events BEGIN SELECT RAISE(ABORT, 'broken'); END"
        )
    reply = desk.press("ack")
    assert not reply.is_done
    assert "tried again" in desk.private[0][1]
    assert desk.incident.state is IncidentState.OPEN
    deliver_pending(desk.deps)  # said once, not by each try
    assert len(desk.private) == 1
    with engine.begin() as connection:
        connection.exec_driver_sql("DROP TRIGGER broken")
    engine.dispose()
    deliver_pending(desk.deps)
    deliver_pending(desk.deps)
    assert desk.by_people() == [("acknowledged", "ada (U0ADA)", Door.SLACK)]
    assert desk.incident.state is IncidentState.ACKNOWLEDGED


def test_what_never_can_be_carried_out_is_given_up_and_holds_nothing_up(desk: Desk) -> None:
    payload = payload_of(desk.head, "ack", user="U0ADA")
    payload["actions"][0]["action_id"] = "seamwatch:void"  # a void needs a reason, which no button can give
    handle_action(desk.deps, payload)
    assert desk.incident.state is IncidentState.OPEN
    assert "could not be carried out" in desk.private[0][1]
    assert desk.deps.store.presses_to_carry_out() == []


def test_what_was_pressed_days_ago_is_not_carried_out(desk: Desk) -> None:
    payload = payload_of(desk.head, "resolve", user="U0ADA")
    assert run_killed(desk, payload, when="recorded", url=desk.slack.url) == -9
    desk.now[0] += timedelta(days=2)
    deliver_pending(desk.deps)
    assert desk.incident.state is IncidentState.OPEN
    assert "press again" in desk.private[0][1]


@pytest.mark.parametrize(
    "name", ["<!channel>", "<https://evil.example|ada>", "\u202eada", "a\x00da", "x" * 1_000_000, "\ud800", "*b* @here"]
)
def test_any_name_is_shown_as_text_and_kept_short(desk: Desk, name: str) -> None:
    payload = payload_of(desk.head, "ack", user="U0ADA", name=name)
    payload["message"]["text"] = "x" * 1_000_000
    assert handle_action(desk.deps, payload).is_done
    ((_, by, _),) = desk.by_people()
    assert by is not None
    assert len(by) < 120
    shown = json.dumps(desk.head.blocks, ensure_ascii=False)
    assert "\u202e" not in shown
    markup = [text for text in _texts(desk.head.blocks) if "evil" in text or "channel>" in text]
    assert markup == []


def _texts(value: object) -> list[str]:
    """Return the texts that Slack reads as markup."""
    if isinstance(value, list):
        return [text for one in value for text in _texts(one)]
    if not isinstance(value, dict):
        return []
    own = [value["text"]] if value.get("type") == "mrkdwn" else []
    return own + [text for one in value.values() for text in _texts(one)]


def _changed(payload: dict[str, Any], **changed: Any) -> dict[str, Any]:
    return {**payload, **changed}


@pytest.mark.parametrize(
    "change",
    [
        {"type": "view_submission"},
        {"actions": []},
        {"actions": "ack"},
        {"actions": [None]},
        {"actions": [{"action_id": "seamwatch:ack"}]},
        {"actions": [{"action_id": "seamwatch:delete_all", "value": "x"}]},
        {"actions": [{"action_id": "other:ack", "value": "x"}]},
        {"actions": [{"action_id": 7, "value": 7}]},
        {"actions": [{"action_id": "seamwatch:ack", "value": "x" * 1_000_000}]},
        {"actions": [{"action_id": "seamwatch:wrong", "selected_option": {"value": "x/nobody"}}]},
        {"user": None},
        {"user": {"id": "<!channel>"}},
        {"user": {"id": ["U0ADA"]}},
    ],
)
def test_a_payload_that_cannot_be_read_does_nothing(desk: Desk, change: dict[str, Any]) -> None:
    payload = _changed(payload_of(desk.head, "ack", user="U0ADA"), **change)
    assert handle_action(desk.deps, payload) is None
    assert desk.incident.state is IncidentState.OPEN
    assert desk.private == []


@pytest.mark.parametrize("payload", [None, [], "x", 7, {}, {"type": "block_actions"}])
def test_what_is_no_payload_does_nothing(desk: Desk, payload: object) -> None:
    assert handle_action(desk.deps, payload) is None


def test_an_incident_that_does_not_exist_is_said(desk: Desk) -> None:
    payload = payload_of(desk.head, "ack", user="U0ADA")
    payload["actions"][0]["value"] = "<!channel> parcels-1"
    assert not handle_action(desk.deps, payload, connection="slack_test").is_done
    ((_, text),) = desk.private
    assert "no incident &lt;!channel&gt; parcels-1" in text


def test_a_slack_that_tells_nobody_anything_changes_no_effect(desk: Desk) -> None:
    desk.faults[:] = [Fault("status", "500")] * 20
    assert desk.press("resolve").is_done
    assert desk.incident.state is IncidentState.RESOLVED
    desk.faults.clear()
    desk.now[0] += timedelta(hours=1)
    deliver_pending(desk.deps)
    assert desk.head.text.startswith("parcels: Resolved")


def test_every_menu_choice_is_kept_for_grading(desk: Desk) -> None:
    choices = [one["value"].rpartition("/")[2] for one in element_of(desk.head, "wrong")["options"]]
    for choice in choices:
        desk.press("wrong", choice=choice)
    whys = [one.why for one in desk.deps.store.incident_events(desk.incident.id) if one.by]
    assert whys == [f"really {choice}" for choice in choices]
    assert desk.incident.state is IncidentState.OPEN


def test_on_postgresql_a_press_told_by_two_at_once_has_one_effect(desk: Desk, postgres_database: Any) -> None:
    deps = make_deps(desk.root, {}, store_url=postgres_database())
    deps = replace(deps, clock=desk.deps.clock, notifier=desk.deps.notifier)
    url = f"sqlite:///{desk.root / 'parcels.db'}"
    running = replace(deps, connections=make_deps(desk.root, {"AIRFLOW_CONN_PARCELS_DB": url}).connections)
    attribute_window(running, running.project.pipeline("parcels"), WINDOW)
    decide_incidents(running, running.project.pipeline("parcels"), WINDOW)
    payload = payload_of(desk.head, "wrong", user="U0ADA", choice="provider")
    with ThreadPoolExecutor(4) as pool:
        replies = list(pool.map(lambda _: handle_action(running, payload), range(4)))
    assert sum(reply is not None and reply.is_done for reply in replies) == 1
    assert len([one for one in running.store.incident_events(desk.incident.id) if one.by]) == 1


@pytest.mark.parametrize(
    ("extra", "n_found"),
    [({}, 1), ({"app_token": "xapp-1"}, 0), ({"signing_secret": "abc"}, 0), ({"app_token": ""}, 1)],
)
def test_check_says_where_nobody_hears_of_presses(desk: Desk, extra: dict[str, str], n_found: int) -> None:
    known = json.dumps({"conn_type": "slack", "password": "xoxb-1", "extra": {"base_url": desk.slack.url, **extra}})
    connections = EnvironmentConnections({"AIRFLOW_CONN_SLACK_TEST": known})
    found = list(check_channels(desk.deps.project.pipeline("parcels"), connections))
    assert [one.path for one in found if "nobody hears" in one.text] == ["slack.actions"] * n_found
