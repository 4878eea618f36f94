"""Agreeing on an action in Slack, against a real Slack over HTTP: the button, its form, and what goes wrong."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from faulty_slack import Fault
from parcels import WINDOW
from seamwatch.core.agreed_actions import AgreedAction
from seamwatch.engine.button_presses import ActionReply
from seamwatch.engine.slack_actions import handle_action
from seamwatch.errors import StoreError
from seamwatch.report.block_kit import AGREE_ID
from seamwatch.spec.load import load_project
from seamwatch.vocabulary import Door
from seamwatch_demo.slack_messages import OpenedForm
from slack_desk import Desk, attribute_parcels, open_desk

pytestmark = pytest.mark.integration
WEEK = "2026-W01"


@pytest.fixture(scope="module")
def attributed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return attribute_parcels(tmp_path_factory.mktemp("attributed"))


@pytest.fixture
def desk(attributed: Path, tmp_path: Path) -> Iterator[Desk]:
    with open_desk(Path(shutil.copytree(attributed, tmp_path / "project"))) as desk:
        yield desk


def pressed(desk: Desk, *, user: str = "U0ADA", week: object = WEEK) -> dict[str, Any]:
    return {
        "type": "block_actions",
        "user": {"id": user, "username": "ada"},
        "container": {"channel_id": desk.head.channel_id},
        "trigger_id": desk.slack.workspace.new_trigger(),
        "actions": [{"type": "button", "action_id": AGREE_ID, "value": week}],
    }


def opened(desk: Desk) -> OpenedForm:
    assert handle_action(desk.deps, pressed(desk)) is None
    return desk.slack.workspace.forms[-1]


def sent(desk: Desk, form: OpenedForm, *, user: str = "U0ADA", **more: Any) -> dict[str, Any]:
    """Return the payload of the form, filled in."""
    due = (desk.now[0] + timedelta(days=5)).date().isoformat()
    said = {"text": "Pin the version", "owner": "ada", "due": due, "pipeline": None, "incident": None, **more}
    values = {
        "text": {"value": said["text"]},
        "owner": {"value": said["owner"]},
        "due": {"selected_date": said["due"]},
        "pipeline": {"selected_option": said["pipeline"] and {"value": said["pipeline"]}},
        "incident": {"selected_option": said["incident"] and {"value": said["incident"]}},
    }
    state = {"values": {name: {name: value} for name, value in values.items()}}
    view = {**form.view, "id": form.id, "state": state}
    return {"type": "view_submission", "user": {"id": user, "username": "ada"}, "view": view}


def send(desk: Desk, **more: Any) -> ActionReply:
    reply = handle_action(desk.deps, sent(desk, opened(desk), **more))
    assert reply is not None
    return reply


def agreed(desk: Desk) -> list[AgreedAction]:
    return desk.deps.store.agreed_actions()


def test_what_is_written_in_the_form_is_agreed(desk: Desk) -> None:
    reply = send(desk, pipeline="parcels")
    assert reply.is_done
    (one,) = agreed(desk)
    assert (one.text, one.owner, one.pipeline, one.week) == ("Pin the version", "ada", "parcels", WEEK)
    (event,) = desk.deps.store.agreed_action_events(one.id)
    assert (event.by, event.door) == ("ada (U0ADA)", Door.SLACK)
    ((user, text),) = desk.private
    assert user == "U0ADA"
    assert "Pin the version" in text


def test_an_incident_may_be_chosen_and_names_the_pipeline(desk: Desk) -> None:
    send(desk, incident=desk.incident.id)
    (one,) = agreed(desk)
    assert (one.pipeline, one.incident) == ("parcels", desk.incident.id)


def test_without_a_choice_it_is_about_all_pipelines(desk: Desk) -> None:
    send(desk)
    assert [one.pipeline for one in agreed(desk)] == [None]


def test_one_form_sent_by_eight_at_once_is_one_action_and_another_form_another(desk: Desk) -> None:
    payload = sent(desk, opened(desk))
    with ThreadPoolExecutor(8) as pool:
        replies = list(pool.map(lambda _: handle_action(desk.deps, payload), range(8)))
    assert sum(reply is not None and reply.is_done for reply in replies) == 1
    assert len(agreed(desk)) == 1
    send(desk)
    assert len(agreed(desk)) == 2


def test_who_may_change_nothing_sees_no_form_and_agrees_on_nothing(desk: Desk) -> None:
    reply = handle_action(desk.deps, pressed(desk, user="U0EVE"))
    assert reply is not None
    assert "slack.may_act" in reply.text
    assert desk.slack.workspace.forms == []
    for more in ({}, {"pipeline": "parcels"}, {"incident": desk.incident.id}):
        reply = send(desk, user="U0EVE", **more)
        assert not reply.is_done
    assert agreed(desk) == []
    assert {user for user, _ in desk.private} == {"U0EVE"}


def test_another_slack_changes_nothing(desk: Desk) -> None:
    reply = handle_action(desk.deps, sent(desk, opened(desk), pipeline="parcels"), connection="other_slack")
    assert reply is not None
    assert not reply.is_done
    assert agreed(desk) == []


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"text": None}, "Say what is to be done"),
        ({"text": " \u202e "}, "Say what is to be done"),
        ({"text": "x" * 1_000_000}, "longer than 500 characters"),
        ({"owner": ""}, "Name who does it"),
        ({"due": None}, "Name the day"),
        ({"due": "tomorrow"}, "Name the day"),
        ({"due": "2001-01-01"}, "has passed"),
        ({"incident": "no-such"}, "no such incident"),
        ({"pipeline": "no_such"}, "cannot be read"),
    ],
)
def test_what_is_wrong_is_said_to_the_person(desk: Desk, more: dict[str, Any], said: str) -> None:
    reply = send(desk, **more)
    assert not reply.is_done
    assert said in reply.text
    assert agreed(desk) == []
    assert desk.private[-1][0] == "U0ADA"


@pytest.mark.parametrize("text", ["<!channel> & <@U0ADA>", "\u202etxet", "a\x00b", "\ud800 a", "🙂" * 250])
def test_hostile_text_is_kept_and_shown_as_text(desk: Desk, text: str) -> None:
    assert send(desk, text=text, owner=text[:100]).is_done
    told = json.dumps([one.blocks for one in desk.slack.workspace.private], ensure_ascii=False)
    assert "mrkdwn" not in told
    assert all("<!channel>" not in text for _, text in desk.private)
    assert "\u202e" not in told
    assert "\u202e" not in agreed(desk)[0].text


@pytest.mark.parametrize(
    "change",
    [
        {"view": None},
        {"view": {"id": "V1", "callback_id": AGREE_ID, "private_metadata": "["}},
        {"view": {"id": 7, "callback_id": AGREE_ID, "private_metadata": '{"week": "2026-W01"}'}},
        {"view": {"id": "V1", "callback_id": AGREE_ID, "private_metadata": '{"week": 7}'}},
        {"user": {"id": "<!channel>"}},
    ],
)
def test_a_form_that_cannot_be_read_does_nothing(desk: Desk, change: dict[str, Any]) -> None:
    assert handle_action(desk.deps, {**sent(desk, opened(desk)), **change}) is None
    assert agreed(desk) == []


@pytest.mark.parametrize("values", [None, [], {"text": None}, {"text": {"text": {"value": 7}}}])
def test_values_that_cannot_be_read_are_none(desk: Desk, values: object) -> None:
    payload = sent(desk, opened(desk))
    payload["view"]["state"] = {"values": values}
    reply = handle_action(desk.deps, payload)
    assert reply is not None
    assert not reply.is_done
    assert agreed(desk) == []


@pytest.mark.parametrize("name", ["pipeline", "incident"])
def test_a_choice_that_cannot_be_read_is_not_taken_for_all_pipelines(desk: Desk, name: str) -> None:
    assert handle_action(desk.deps, sent(desk, opened(desk), **{name: {"a": 1}})) is None
    assert agreed(desk) == []


def test_a_week_that_is_none_is_said(desk: Desk) -> None:
    assert handle_action(desk.deps, pressed(desk, week="x" * 1_000)) is None
    reply = handle_action(desk.deps, sent(desk, desk.slack.workspace.forms[-1]))
    assert reply is not None
    assert "is no week" in reply.text
    assert agreed(desk) == []


@pytest.mark.parametrize(
    "fault", [Fault("status", "500"), Fault("reset"), Fault("refuse", "x_y")], ids=lambda f: f.kind
)
def test_a_slack_that_opens_no_form_is_said(desk: Desk, fault: Fault) -> None:
    payload = pressed(desk)
    desk.faults[:] = [fault]
    reply = handle_action(desk.deps, payload)
    assert reply is not None
    assert "could not be opened" in reply.text


def test_a_slack_that_tells_nobody_loses_nothing(desk: Desk) -> None:
    payload = sent(desk, opened(desk))
    desk.faults[:] = [Fault("status", "500")] * 20
    reply = handle_action(desk.deps, payload)
    desk.faults.clear()
    assert reply is not None
    assert reply.is_done
    assert len(agreed(desk)) == 1


def test_what_the_store_did_not_take_is_not_acknowledged(desk: Desk) -> None:
    payload, heard = sent(desk, opened(desk)), []
    desk.deps.store.close()
    (desk.root / "store.db").unlink()
    (desk.root / "store.db").mkdir()
    with pytest.raises(StoreError):
        handle_action(desk.deps, payload, acknowledge=lambda: heard.append(1))
    assert heard == []


def test_the_window_of_the_desk_is_before_the_first_due_day(desk: Desk) -> None:
    form = opened(desk)
    (picker,) = [one["element"] for one in form.view["blocks"] if one["element"]["type"] == "datepicker"]
    assert picker["initial_date"] > WINDOW.end.date().isoformat()


def test_where_nobody_knows_when_a_week_begins_nothing_is_agreed(desk: Desk) -> None:
    form = opened(desk)
    (desk.deps.project.root / "include/settings.yaml").write_text("weekly_review: {time_zone: Mars/Base}\n")
    blind = replace(desk.deps, project=load_project(desk.deps.project.root))
    for payload in (pressed(desk), sent(desk, form, pipeline="parcels")):
        reply = handle_action(blind, payload)
        assert reply is not None
        assert "weekly_review.time_zone: 'Mars/Base' is no time zone" in reply.text
    assert agreed(desk) == []
