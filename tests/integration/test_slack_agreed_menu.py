"""What became of an agreed action, said in the menu of a weekly digest: by whom, once, kept, and shown there."""

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
from seamwatch.core.agreed_actions import AgreedAction, AgreedState, AgreedWish
from seamwatch.engine.agreed_actions import add_agreed_action, change_agreed_action
from seamwatch.engine.button_presses import carry_out_recorded
from seamwatch.engine.deliver import deliver_pending
from seamwatch.engine.slack_actions import handle_action, record_action
from seamwatch.engine.weekly_review.calendar import last_week, review_today
from seamwatch.engine.weekly_review.close import close_week
from seamwatch.report.block_kit import AGREED_ID
from seamwatch.spec.load import load_project
from seamwatch.vocabulary import Door
from seamwatch_demo.slack_messages import SlackMessage
from slack_desk import Desk, attribute_parcels, open_desk
from slack_presses import element_of, payload_of

pytestmark = pytest.mark.integration
ADA = "ada (U0ADA)"


@pytest.fixture(scope="module")
def attributed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return attribute_parcels(tmp_path_factory.mktemp("attributed"))


@pytest.fixture
def desk(attributed: Path, tmp_path: Path) -> Iterator[Desk]:
    with open_desk(Path(shutil.copytree(attributed, tmp_path / "project"))) as desk:
        yield desk


def agree(desk: Desk, text: str = "Pin the version", *, pipeline: str | None = "parcels") -> AgreedAction:
    due_on = review_today(desk.deps) + timedelta(days=7)
    done = add_agreed_action(
        desk.deps, text=text, owner="grace", due_on=due_on, by="bob", door=Door.AIRFLOW, pipeline=pipeline
    )
    assert done.action is not None
    return done.action


def tell(desk: Desk) -> SlackMessage:
    """Close the last week, deliver its digest, and return it as the channel holds it."""
    close_week(desk.deps, last_week(desk.deps))
    assert deliver_pending(desk.deps).errors == ()
    return digest(desk)


def digest(desk: Desk) -> SlackMessage:
    (found,) = [one for one in desk.slack.heads if one.text.startswith("Weekly review")]
    return found


def choices(message: SlackMessage) -> list[str]:
    return [one["text"]["text"] for one in element_of(message, "agreed")["options"]]


def choose(desk: Desk, one: AgreedAction, wish: str, *, user: str = "U0ADA") -> dict[str, Any]:
    """Return the payload of a choice, also of one that the message offers no more."""
    payload = payload_of(digest(desk), "agree", user=user)
    chosen = {"text": {"type": "plain_text", "text": "…"}, "value": f"{one.id}/{wish}"}
    pressed = {**payload["actions"][0], "type": "static_select", "action_id": AGREED_ID, "selected_option": chosen}
    return {**payload, "actions": [pressed]}


def said(desk: Desk) -> str:
    return json.dumps(digest(desk).blocks, ensure_ascii=False)


def trail(desk: Desk, one: AgreedAction) -> list[tuple[str, str, Door]]:
    return [(event.kind.value, event.by, event.door) for event in desk.deps.store.agreed_action_events(one.id)]


def test_it_is_done_and_opened_again_in_the_digest_which_shows_both(desk: Desk) -> None:
    one = agree(desk)
    message = tell(desk)
    assert choices(message) == ["Done: Pin the version", "Will not be done: Pin the version"]
    assert element_of(message, "agreed")["confirm"]["title"]["text"] == "Say so of this agreed action?"

    reply = handle_action(desk.deps, choose(desk, one, "done"), connection="slack_test")
    assert reply is not None
    assert reply.is_done
    ended = desk.deps.store.agreed_action(one.id)
    assert ended is not None
    assert (ended.state, ended.ended_by, ended.ended_at) == (AgreedState.DONE, ADA, desk.now[0])
    assert digest(desk).ts == message.ts
    assert f"by {ADA}" in said(desk)
    assert choices(digest(desk)) == ["Open again: Pin the version"]
    assert desk.private[-1][0] == "U0ADA"
    assert "done by" in desk.private[-1][1]

    handle_action(desk.deps, choose(desk, one, "reopen"))
    assert choices(digest(desk)) == ["Done: Pin the version", "Will not be done: Pin the version"]
    handle_action(desk.deps, choose(desk, one, "drop", user="U0TEAM"))
    assert [(kind, door) for kind, _, door in trail(desk, one)] == [
        ("added", Door.AIRFLOW),
        ("done", Door.SLACK),
        ("reopened", Door.SLACK),
        ("dropped", Door.SLACK),
    ]


def test_what_slack_tells_of_twice_has_one_effect_also_after_it_was_opened_again(desk: Desk) -> None:
    one = agree(desk)
    tell(desk)
    payload = choose(desk, one, "done")
    with ThreadPoolExecutor(8) as pool:
        replies = list(pool.map(lambda _: handle_action(desk.deps, payload), range(8)))
    assert [reply.is_done for reply in replies if reply is not None] == [True]
    handle_action(desk.deps, choose(desk, one, "reopen"))
    assert handle_action(desk.deps, payload) is None
    found = desk.deps.store.agreed_action(one.id)
    assert found is not None
    assert found.state is AgreedState.OPEN
    assert [kind for kind, _, _ in trail(desk, one)] == ["added", "done", "reopened"]


def test_of_two_who_end_it_the_first_has_and_the_second_is_told_who(desk: Desk) -> None:
    one = agree(desk)
    tell(desk)
    late = choose(desk, one, "drop")
    change_agreed_action(desk.deps, one.id, AgreedWish.DONE, by="grace", door=Door.COMMAND_LINE)
    reply = handle_action(desk.deps, late)
    assert reply is not None
    assert not reply.is_done
    assert "is done already, by grace" in reply.text
    assert "by grace" in said(desk), "the digest shows by now what was done elsewhere"


def test_who_may_not_and_another_slack_change_nothing(desk: Desk) -> None:
    ours, everybodys = agree(desk), agree(desk, "For all", pipeline=None)
    tell(desk)
    for one in (ours, everybodys):
        for more in ({"user": "U0EVE"}, {}):
            connection = None if more else "other_slack"
            reply = handle_action(desk.deps, choose(desk, one, "done", **more), connection=connection)
            assert reply is not None
            assert not reply.is_done
    assert {one.state for one in desk.deps.store.agreed_actions()} == {AgreedState.OPEN}
    assert "slack.may_act" in desk.private[0][1]
    handle_action(desk.deps, choose(desk, everybodys, "done"))
    found = desk.deps.store.agreed_action(everybodys.id)
    assert found is not None
    assert found.state is AgreedState.DONE


@pytest.mark.parametrize(
    "value",
    ["", "/", "x", "x/", "/done", "x/change", "x/delete", "x" * 400 + "/done", "a\x00b/done", 7, None, ["x/done"]],
)
def test_a_choice_that_cannot_be_read_does_nothing(desk: Desk, value: object) -> None:
    one = agree(desk)
    tell(desk)
    payload = choose(desk, one, "done")
    payload["actions"][0]["selected_option"]["value"] = value
    assert handle_action(desk.deps, payload) is None
    assert [kind for kind, _, _ in trail(desk, one)] == ["added"]


def test_an_action_that_is_not_there_is_said(desk: Desk) -> None:
    one = agree(desk)
    tell(desk)
    reply = handle_action(desk.deps, choose(desk, replace(one, id="0" * 12), "done"))
    assert reply is not None
    assert reply.text == "There is no such agreed action, or it is too old to be kept."


def test_a_slack_that_updates_nothing_keeps_what_was_said_and_the_next_press_shows_it(desk: Desk) -> None:
    one, other = agree(desk), agree(desk, "Another")
    tell(desk)
    before = said(desk)
    desk.faults.append(Fault("status", "500"))
    reply = handle_action(desk.deps, choose(desk, one, "done"))
    assert reply is not None
    assert reply.is_done
    assert said(desk) == before
    handle_action(desk.deps, choose(desk, other, "done"))
    assert sorted(choices(digest(desk))) == ["Open again: Another", "Open again: Pin the version"]


def test_a_digest_that_was_deleted_is_not_posted_again(desk: Desk) -> None:
    one = agree(desk)
    message = tell(desk)
    payload = choose(desk, one, "done")
    desk.deps.notifier("slack_test").delete(f"{message.channel_id}:{message.ts}")
    n = len(desk.slack.heads)
    reply = handle_action(desk.deps, payload)
    assert reply is not None
    assert reply.is_done
    assert len(desk.slack.heads) == n


def test_a_press_of_a_process_that_was_killed_is_carried_out_later_and_shown(desk: Desk) -> None:
    one = agree(desk)
    tell(desk)
    assert record_action(desk.deps, choose(desk, one, "done"), connection="slack_test") is not None
    assert carry_out_recorded(desk.deps) == []
    assert carry_out_recorded(desk.deps) == []
    assert [kind for kind, _, _ in trail(desk, one)] == ["added", "done"]
    assert choices(digest(desk)) == ["Open again: Pin the version"]


def test_what_was_pressed_a_day_ago_is_not_done_any_more(desk: Desk) -> None:
    one = agree(desk)
    tell(desk)
    record_action(desk.deps, choose(desk, one, "done"), connection="slack_test")
    desk.now[0] += timedelta(days=1, minutes=1)
    carry_out_recorded(desk.deps)
    assert [kind for kind, _, _ in trail(desk, one)] == ["added"]
    assert "press again" in desk.private[-1][1]


def test_where_nobody_knows_when_a_week_begins_it_is_tried_again(desk: Desk) -> None:
    one = agree(desk)
    tell(desk)
    (desk.root / "include/settings.yaml").write_text("weekly_review: {time_zone: Mars/Base}\n")
    blind = replace(desk.deps, project=load_project(desk.root))
    reply = handle_action(blind, choose(desk, one, "done"))
    assert reply is not None
    assert "weekly_review.time_zone: 'Mars/Base' is no time zone" in reply.text
    assert [kind for kind, _, _ in trail(desk, one)] == ["added"]
    carry_out_recorded(desk.deps)
    assert [kind for kind, _, _ in trail(desk, one)] == ["added", "done"]


def test_without_buttons_there_is_no_menu(desk: Desk) -> None:
    agree(desk)
    desk.deps = desk.with_slack(actions=False)
    message = tell(desk)
    assert "Pin the version" in said(desk)
    with pytest.raises(LookupError):
        element_of(message, "agreed")


def test_what_is_agreed_in_the_form_stands_in_the_digest_at_once(desk: Desk) -> None:
    tell(desk)
    opened = payload_of(digest(desk), "agree", user="U0ADA", trigger=desk.slack.workspace.new_trigger())
    handle_action(desk.deps, opened)
    form = desk.slack.workspace.forms[-1]
    due = str(review_today(desk.deps) + timedelta(days=3))
    values = {"text": {"value": "Ask twice"}, "owner": {"value": "ada"}, "due": {"selected_date": due}}
    state = {"values": {name: {name: value} for name, value in values.items()}}
    view = {**form.view, "id": form.id, "state": state}
    handle_action(desk.deps, {"type": "view_submission", "user": {"id": "U0ADA", "username": "ada"}, "view": view})
    assert choices(digest(desk)) == ["Done: Ask twice", "Will not be done: Ask twice"]


def test_hostile_text_stays_text_in_the_menu(desk: Desk) -> None:
    agree(desk, "<!channel> *x* \u202e " + "y" * 400)
    (done, _) = choices(tell(desk))
    assert len(done) <= 75
    assert "\u202e" not in done
