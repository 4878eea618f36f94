"""Forms in Slack against a real Slack over HTTP: void and merge, and what goes wrong before and after they are sent."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from faulty_slack import Fault
from parcels import WINDOW
from seamwatch.core.incident_life import ChangeKind, Incident, IncidentChange
from seamwatch.engine.button_presses import ActionReply
from seamwatch.engine.deliver import deliver_pending
from seamwatch.engine.incident_actions import act_on_incident
from seamwatch.engine.slack_actions import handle_action, record_action
from seamwatch.vocabulary import Door, IncidentAction, IncidentState
from seamwatch_demo.slack_messages import OpenedForm
from slack_desk import Desk, attribute_parcels, open_desk
from slack_presses import payload_of, submission_of

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def attributed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return attribute_parcels(tmp_path_factory.mktemp("attributed"))


@pytest.fixture
def desk(attributed: Path, tmp_path: Path) -> Iterator[Desk]:
    with open_desk(Path(shutil.copytree(attributed, tmp_path / "project"))) as desk:
        yield desk


def chosen(desk: Desk, action: str, *, user: str = "U0ADA") -> dict[str, Any]:
    """Return the payload of a choice in the menu of the incident's message."""
    return payload_of(desk.head, "more", user=user, choice=action, trigger=desk.slack.workspace.new_trigger())


def choose(desk: Desk, action: str, *, user: str = "U0ADA") -> ActionReply | None:
    return handle_action(desk.deps, chosen(desk, action, user=user))


def opened(desk: Desk, action: str) -> OpenedForm:
    assert choose(desk, action) is None
    return desk.slack.workspace.forms[-1]


def send(desk: Desk, form: OpenedForm, *, user: str = "U0ADA", **more: Any) -> ActionReply | None:
    return handle_action(desk.deps, submission_of(form, user=user, **more))


def another(desk: Desk, name: str = "parcels-other", headline: str = "Another cause") -> Incident:
    """Return another open incident of the pipeline."""
    found = replace(desk.incident, id=name, fingerprint=name, headline=headline)
    desk.deps.store.apply_changes([IncidentChange(kind=ChangeKind.OPENED, incident=found)], window=WINDOW)
    return found


def by_people(desk: Desk) -> list[tuple[str, str | None, Door | None, str]]:
    events = desk.deps.store.incident_events(desk.incident.id)
    return [(one.kind, one.by, one.door, one.why) for one in events if one.by]


def test_a_void_asks_for_a_reason_and_keeps_it(desk: Desk) -> None:
    form = opened(desk, "void")
    assert desk.incident.state is IncidentState.OPEN
    reply = send(desk, form, why=" a planned test \n of the depot ")
    assert reply is not None
    assert reply.is_done
    assert by_people(desk) == [("voided", "ada (U0ADA)", Door.SLACK, "a planned test \n of the depot")]
    assert desk.incident.state is IncidentState.VOIDED
    assert "Voided by ada" in json.dumps(desk.head.blocks)
    assert desk.private == []


def test_a_merge_asks_for_the_other_incident(desk: Desk) -> None:
    target = another(desk)
    form = opened(desk, "merge")
    (menu,) = [block["element"] for block in form.view["blocks"] if block.get("block_id") == "into"]
    assert [(one["value"], one["text"]["text"]) for one in menu["options"]] == [(target.id, "Another cause")]
    send(desk, form, into=target.id, why="one release")
    assert desk.incident.state is IncidentState.MERGED
    assert desk.incident.merged_into == target.id
    assert by_people(desk) == [("merged", "ada (U0ADA)", Door.SLACK, f"into {target.id}: one release")]


def test_one_form_sent_by_eight_at_once_has_one_effect(desk: Desk) -> None:
    payload = submission_of(opened(desk, "void"), user="U0ADA", why="a test")
    with ThreadPoolExecutor(8) as pool:
        replies = list(pool.map(lambda _: handle_action(desk.deps, payload), range(8)))
    assert sum(reply is not None and reply.is_done for reply in replies) == 1
    assert len(by_people(desk)) == 1
    assert handle_action(desk.deps, payload) is None


def test_a_second_form_for_the_same_incident_is_refused_when_it_is_sent(desk: Desk) -> None:
    first, second = opened(desk, "void"), opened(desk, "void")
    assert first.id != second.id
    send(desk, first, why="a test")
    send(desk, second, why="a test again", user="U0TEAM")
    assert [by for _, by, _, _ in by_people(desk)] == ["ada (U0ADA)"]
    ((user, text),) = desk.private
    assert user == "U0TEAM"
    assert "is so already" in text


def test_without_permission_no_form_is_shown(desk: Desk) -> None:
    reply = choose(desk, "void", user="U0EVE")
    assert reply is not None
    assert "slack.may_act" in reply.text
    assert desk.slack.workspace.forms == []
    assert [user for user, _ in desk.private] == ["U0EVE"]


def test_a_form_sent_by_somebody_else_without_permission_changes_nothing(desk: Desk) -> None:
    reply = send(desk, opened(desk, "void"), user="U0EVE", why="mine now")
    assert reply is not None
    assert not reply.is_done
    assert desk.incident.state is IncidentState.OPEN
    assert [user for user, _ in desk.private] == ["U0EVE"]


def test_who_lost_their_permission_while_they_wrote_changes_nothing(desk: Desk) -> None:
    form = opened(desk, "void")
    handle_action(desk.with_slack(may_act=("@U0OTHERS",)), submission_of(form, user="U0ADA", why="a test"))
    assert desk.incident.state is IncidentState.OPEN
    assert "slack.may_act" in desk.private[0][1]


def test_a_target_that_is_resolved_meanwhile_takes_nothing_and_is_said(desk: Desk) -> None:
    target = another(desk)
    form = opened(desk, "merge")
    act_on_incident(desk.deps, target.id, IncidentAction.RESOLVE, by="bob", door=Door.COMMAND_LINE)
    reply = send(desk, form, into=target.id)
    assert reply is not None
    assert not reply.is_done
    assert desk.incident.state is IncidentState.OPEN
    assert by_people(desk) == []
    assert len(desk.private) == 1


def test_a_merge_with_nothing_to_merge_into_is_said(desk: Desk) -> None:
    for one in desk.deps.store.incidents("parcels"):
        if one.id != desk.incident.id:
            act_on_incident(desk.deps, one.id, IncidentAction.RESOLVE, by="bob", door=Door.COMMAND_LINE)
    reply = choose(desk, "merge")
    assert reply is not None
    assert "no other open incident" in reply.text
    assert desk.slack.workspace.forms == []


def test_what_is_over_meanwhile_shows_no_form(desk: Desk) -> None:
    stale = chosen(desk, "void")
    act_on_incident(desk.deps, desk.incident.id, IncidentAction.VOID, by="bob", door=Door.AIRFLOW, why="a test")
    reply = handle_action(desk.deps, stale)
    assert reply is not None
    assert "is so already" in reply.text
    assert desk.slack.workspace.forms == []


def test_a_trigger_that_expired_is_said_and_the_next_choice_works(desk: Desk) -> None:
    stale = chosen(desk, "void")
    desk.now[0] += 2 * (WINDOW.end - WINDOW.start)
    reply = handle_action(desk.deps, stale)
    assert reply is not None
    assert not reply.is_done
    assert "expired_trigger_id" in desk.private[0][1]
    assert f"seamwatch incident void {desk.incident.id}" in desk.private[0][1]
    send(desk, opened(desk, "void"), why="a test")
    assert desk.incident.state is IncidentState.VOIDED


def test_a_choice_told_twice_opens_one_form_and_both_are_answered(desk: Desk) -> None:
    payload = chosen(desk, "void")
    assert handle_action(desk.deps, payload) is None
    assert handle_action(desk.deps, payload) is not None
    assert len(desk.slack.workspace.forms) == 1


@pytest.mark.parametrize(
    "fault",
    [
        Fault("status", "500"),
        Fault("reset"),
        Fault("limit", "30"),
        Fault("taken_garbage", "[1"),
        Fault("refuse", "x_y"),
    ],
    ids=lambda fault: fault.kind,
)
def test_a_slack_that_opens_no_form_is_said_to_the_person(desk: Desk, fault: Fault) -> None:
    payload = chosen(desk, "void")
    desk.faults[:] = [fault]
    reply = handle_action(desk.deps, payload)
    assert reply is not None
    assert not reply.is_done
    ((user, text),) = desk.private
    assert user == "U0ADA"
    assert "could not be opened" in text
    assert desk.incident.state is IncidentState.OPEN


def test_a_slack_that_does_nothing_at_all_breaks_nothing(desk: Desk) -> None:
    payload = chosen(desk, "void")
    desk.faults[:] = [Fault("status", "500")] * 20
    assert handle_action(desk.deps, payload) is not None
    desk.faults.clear()
    assert desk.incident.state is IncidentState.OPEN
    send(desk, opened(desk, "void"), why="a test")
    assert desk.incident.state is IncidentState.VOIDED


def test_a_form_that_was_recorded_and_not_carried_out_is_by_the_next_delivery(desk: Desk) -> None:
    payload = submission_of(opened(desk, "void"), user="U0ADA", why="a test")
    assert record_action(desk.deps, payload, connection="slack_test") is not None
    assert desk.incident.state is IncidentState.OPEN
    deliver_pending(desk.deps)
    assert by_people(desk) == [("voided", "ada (U0ADA)", Door.SLACK, "a test")]


@pytest.mark.parametrize("why", ["", "   ", "\x00", "\u202e \ud800"])
def test_a_void_without_a_reason_is_refused_and_said(desk: Desk, why: str) -> None:
    reply = send(desk, opened(desk, "void"), why=why)
    assert reply is not None
    assert not reply.is_done
    assert desk.incident.state is IncidentState.OPEN
    assert len(desk.private) == 1


@pytest.mark.parametrize(
    "why", ["<!channel>", "<https://evil.example|a test>", "\u202etset a", "a\x00b", "x" * 1_000_000, "\ud800 a"]
)
def test_any_reason_is_kept_short_and_shown_as_text(desk: Desk, why: str) -> None:
    reply = send(desk, opened(desk, "void"), why=why)
    assert reply is not None
    assert reply.is_done
    ((_, _, _, kept),) = by_people(desk)
    assert 0 < len(kept) <= 1000
    assert "\u202e" not in json.dumps(desk.head.blocks, ensure_ascii=False)


@pytest.mark.parametrize("headline", ["<!channel> & <b>", "\u202eedis", "x" * 5_000, "\U0001f600" * 200])
def test_slack_takes_the_form_whatever_a_headline_says(desk: Desk, headline: str) -> None:
    target = another(desk, headline=headline)
    form = opened(desk, "merge")
    send(desk, form, into=target.id)
    assert desk.incident.merged_into == target.id


def test_a_hundred_targets_are_offered_of_more(desk: Desk) -> None:
    for n in range(120):
        another(desk, name=f"parcels-{n}")
    another(desk, name="y" * 200)
    form = opened(desk, "merge")
    (menu,) = [block["element"] for block in form.view["blocks"] if block.get("block_id") == "into"]
    assert 90 <= len(menu["options"]) <= 100


@pytest.mark.parametrize(
    "change",
    [
        {"view": None},
        {"view": {"id": "V1", "callback_id": "seamwatch:void", "private_metadata": "["}},
        {"view": {"id": "V1", "callback_id": "seamwatch:void", "private_metadata": "[" * 100_000}},
        {"view": {"id": "V1", "callback_id": "other:void", "private_metadata": '{"incident": "x"}'}},
        {"view": {"id": "V1", "callback_id": "seamwatch:delete", "private_metadata": '{"incident": "x"}'}},
        {"view": {"id": 7, "callback_id": "seamwatch:void", "private_metadata": '{"incident": "x"}'}},
        {"view": {"id": "V1", "callback_id": "seamwatch:void", "private_metadata": '{"incident": 7}'}},
        {"user": {"id": "<!channel>"}},
    ],
)
def test_a_form_that_cannot_be_read_does_nothing(desk: Desk, change: dict[str, Any]) -> None:
    payload = {**submission_of(opened(desk, "void"), user="U0ADA", why="a test"), **change}
    assert handle_action(desk.deps, payload) is None
    assert desk.incident.state is IncidentState.OPEN


@pytest.mark.parametrize(
    "values",
    [None, [], {"why": None}, {"why": {"why": {"value": 7}}}, {"why": {"why": {"value": None}}}, {"why": "a test"}],
)
def test_a_form_whose_values_cannot_be_read_has_no_reason(desk: Desk, values: object) -> None:
    payload = submission_of(opened(desk, "void"), user="U0ADA", why="a test")
    payload["view"]["state"] = {"values": values}
    reply = handle_action(desk.deps, payload)
    assert reply is not None
    assert not reply.is_done
    assert desk.incident.state is IncidentState.OPEN


@pytest.mark.parametrize("trigger", ["", None, 7, "x" * 10_000, "no.such.trigger"])
def test_a_choice_without_a_sound_trigger_changes_nothing(desk: Desk, trigger: object) -> None:
    handle_action(desk.deps, {**chosen(desk, "void"), "trigger_id": trigger})
    assert desk.slack.workspace.forms == []
    assert desk.incident.state is IncidentState.OPEN
