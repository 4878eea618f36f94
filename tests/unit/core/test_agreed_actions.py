"""The table of an agreed action: what may be agreed, and what people may do with it then."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seamwatch.core.agreed_actions import (
    LONGEST_NOTE_CHARS,
    LONGEST_OWNER_CHARS,
    LONGEST_TEXT_CHARS,
    AgreedAction,
    AgreedActionEvent,
    AgreedChange,
    AgreedRefusal,
    AgreedRequest,
    AgreedState,
    AgreedWish,
    agree,
    allowed_wishes,
    change,
    is_overdue,
    one_line,
)
from seamwatch.vocabulary import Door

NOW = datetime(2026, 11, 9, 9, tzinfo=UTC)
TODAY = NOW.date()
DAY = timedelta(days=1)
TEXTS = st.text(st.characters(codec=None), max_size=60)


def asked(**more: Any) -> AgreedAction | AgreedRefusal:
    values: dict[str, Any] = {
        "text": "Pin the version of the prompt",
        "owner": "ada",
        "due_on": TODAY + 7 * DAY,
        "pipeline": "parcels",
        "incident": None,
        "week": "2026-W45",
        "by": "bob",
        "at": NOW,
        "today": TODAY,
    }
    return agree(**{**values, **more})


def agreed(**more: Any) -> AgreedAction:
    found = asked(**more)
    assert isinstance(found, AgreedAction), found
    return found


def request(wish: AgreedWish, **more: Any) -> AgreedRequest:
    values: dict[str, Any] = {"by": "eve", "door": Door.AIRFLOW, "at": NOW + 2 * DAY, "today": TODAY + 2 * DAY}
    if wish is AgreedWish.CHANGE:
        values["owner"] = "grace"
    return AgreedRequest(wish=wish, **{**values, **more})


def done(action: AgreedAction, wish: AgreedWish, **more: Any) -> AgreedActionEvent:
    event = change(action, request(wish, **more))
    assert isinstance(event, AgreedActionEvent), event
    return event


OPEN = agreed()
DONE = done(OPEN, AgreedWish.DONE).action
DROPPED = done(OPEN, AgreedWish.DROP).action


def test_what_is_agreed_is_open_and_says_all_of_itself() -> None:
    found = agreed(text="  Pin the\n version \t of the prompt ", owner=" ada ", incident="parcels-1")
    assert (found.text, found.owner, found.incident) == ("Pin the version of the prompt", "ada", "parcels-1")
    assert (found.state, found.ended_at, found.ended_by, found.note) == (AgreedState.OPEN, None, None, "")
    assert (found.agreed_at, found.agreed_by, found.week) == (NOW, "bob", "2026-W45")


@pytest.mark.parametrize(
    ("more", "refusal"),
    [
        ({"text": ""}, AgreedRefusal.NO_TEXT),
        ({"text": " \n\t "}, AgreedRefusal.NO_TEXT),
        ({"text": "\x00\x1b"}, AgreedRefusal.NO_TEXT),
        ({"text": "\u200b\u202e"}, AgreedRefusal.NO_TEXT),
        ({"text": "\ud800"}, AgreedRefusal.NO_TEXT),
        ({"text": "x" * (LONGEST_TEXT_CHARS + 1)}, AgreedRefusal.TEXT_TOO_LONG),
        ({"text": "x" * 1_000_000}, AgreedRefusal.TEXT_TOO_LONG),
        ({"owner": ""}, AgreedRefusal.NO_OWNER),
        ({"owner": "\u2028 "}, AgreedRefusal.NO_OWNER),
        ({"owner": "x" * (LONGEST_OWNER_CHARS + 1)}, AgreedRefusal.OWNER_TOO_LONG),
        ({"due_on": None}, AgreedRefusal.NO_DUE_DATE),
        ({"due_on": TODAY - DAY}, AgreedRefusal.DUE_IN_THE_PAST),
        ({"due_on": date.min}, AgreedRefusal.DUE_IN_THE_PAST),
    ],
)
def test_what_cannot_be_agreed_is_refused_with_its_reason(more: dict[str, Any], refusal: AgreedRefusal) -> None:
    assert asked(**more) is refusal


@pytest.mark.parametrize("due_on", [TODAY, TODAY + DAY, date.max])
def test_today_and_any_later_day_may_be_agreed(due_on: date) -> None:
    assert agreed(due_on=due_on).due_on == due_on


def test_the_longest_text_and_owner_are_taken_whole() -> None:
    found = agreed(text="x" * LONGEST_TEXT_CHARS, owner="y" * LONGEST_OWNER_CHARS)
    assert (len(found.text), len(found.owner)) == (LONGEST_TEXT_CHARS, LONGEST_OWNER_CHARS)


@pytest.mark.parametrize(
    "more",
    [
        {"text": "Another thing"},
        {"owner": "grace"},
        {"due_on": TODAY + 8 * DAY},
        {"pipeline": None},
        {"incident": "parcels-1"},
        {"week": "2026-W46"},
        {"token": "form-1"},
    ],
)
def test_what_differs_in_anything_is_another_action(more: dict[str, Any]) -> None:
    assert agreed(**more).id != OPEN.id


def test_the_same_sent_twice_is_one_action_whoever_sends_it_and_when() -> None:
    assert agreed(by="eve", at=NOW + timedelta(minutes=1), text=" Pin the version of  the prompt").id == OPEN.id
    assert agreed(token="form-1").id == agreed(token="form-1", week="2026-W46").id


@pytest.mark.parametrize(
    ("action", "wish", "becomes"),
    [
        (OPEN, AgreedWish.DONE, AgreedState.DONE),
        (OPEN, AgreedWish.DROP, AgreedState.DROPPED),
        (OPEN, AgreedWish.REOPEN, AgreedRefusal.IS_OPEN),
        (OPEN, AgreedWish.CHANGE, AgreedState.OPEN),
        (DONE, AgreedWish.DONE, AgreedRefusal.IS_DONE),
        (DONE, AgreedWish.DROP, AgreedRefusal.IS_DONE),
        (DONE, AgreedWish.REOPEN, AgreedState.OPEN),
        (DONE, AgreedWish.CHANGE, AgreedRefusal.IS_DONE),
        (DROPPED, AgreedWish.DONE, AgreedRefusal.IS_DROPPED),
        (DROPPED, AgreedWish.DROP, AgreedRefusal.IS_DROPPED),
        (DROPPED, AgreedWish.REOPEN, AgreedState.OPEN),
        (DROPPED, AgreedWish.CHANGE, AgreedRefusal.IS_DROPPED),
    ],
)
def test_every_wish_in_every_state(
    action: AgreedAction, wish: AgreedWish, becomes: AgreedState | AgreedRefusal
) -> None:
    event = change(action, request(wish))
    assert (event if isinstance(event, AgreedRefusal) else event.action.state) == becomes
    assert (wish in allowed_wishes(action.state)) == isinstance(becomes, AgreedState)


@pytest.mark.parametrize(
    ("wish", "kind"), [(AgreedWish.DONE, AgreedChange.DONE), (AgreedWish.DROP, AgreedChange.DROPPED)]
)
def test_the_end_says_who_when_and_why(wish: AgreedWish, kind: AgreedChange) -> None:
    event = done(OPEN, wish, why="  in the release\nof Tuesday ")
    assert (event.kind, event.by, event.door, event.at) == (kind, "eve", Door.AIRFLOW, NOW + 2 * DAY)
    assert event.why == event.action.note == "in the release of Tuesday"
    assert (event.action.ended_by, event.action.ended_at) == ("eve", NOW + 2 * DAY)
    assert replace(event.action, state=AgreedState.OPEN, ended_at=None, ended_by=None, note="") == OPEN


def test_opened_again_it_is_as_it_was() -> None:
    event = done(done(OPEN, AgreedWish.DONE, why="so we thought").action, AgreedWish.REOPEN, why="it was not")
    assert event.action == OPEN
    assert (event.kind, event.why) == (AgreedChange.REOPENED, "it was not")


@pytest.mark.parametrize(
    ("more", "refusal"),
    [
        ({"owner": None}, AgreedRefusal.NOTHING_CHANGES),
        ({"owner": "ada", "due_on": OPEN.due_on}, AgreedRefusal.NOTHING_CHANGES),
        ({"owner": " "}, AgreedRefusal.NO_OWNER),
        ({"owner": "x" * 101}, AgreedRefusal.OWNER_TOO_LONG),
        ({"due_on": TODAY}, AgreedRefusal.DUE_IN_THE_PAST),
        ({"why": "x" * (LONGEST_NOTE_CHARS + 1)}, AgreedRefusal.NOTE_TOO_LONG),
    ],
)
def test_a_change_that_cannot_be_is_refused(more: dict[str, Any], refusal: AgreedRefusal) -> None:
    assert change(OPEN, request(AgreedWish.CHANGE, **more)) is refusal


def test_date_and_owner_change_alone_or_together() -> None:
    later = OPEN.due_on + DAY
    assert done(OPEN, AgreedWish.CHANGE, owner=" grace ").action == replace(OPEN, owner="grace")
    assert done(OPEN, AgreedWish.CHANGE, owner=None, due_on=later).action == replace(OPEN, due_on=later)
    assert done(OPEN, AgreedWish.CHANGE, due_on=later).action == replace(OPEN, owner="grace", due_on=later)


def test_an_overdue_action_may_change_hands_and_keep_its_date() -> None:
    late = request(AgreedWish.CHANGE, today=OPEN.due_on + 3 * DAY, due_on=OPEN.due_on)
    event = change(OPEN, late)
    assert isinstance(event, AgreedActionEvent)
    assert event.action == replace(OPEN, owner="grace")


def test_overdue_is_what_is_open_after_its_day() -> None:
    assert not is_overdue(OPEN, OPEN.due_on)
    assert is_overdue(OPEN, OPEN.due_on + DAY)
    assert not is_overdue(DONE, OPEN.due_on + DAY)
    assert not is_overdue(DROPPED, OPEN.due_on + DAY)


@given(text=TEXTS, owner=TEXTS)
def test_whatever_is_written_becomes_one_line_that_a_store_takes_or_is_refused(text: str, owner: str) -> None:
    found = asked(text=text, owner=owner)
    if isinstance(found, AgreedRefusal):
        assert found in (AgreedRefusal.NO_TEXT, AgreedRefusal.NO_OWNER)
        return
    for kept in (found.text, found.owner):
        assert kept == kept.strip() != ""
        assert len(kept.splitlines()) == 1
        assert "\x00" not in kept
        kept.encode()


@given(text=TEXTS)
def test_a_line_stays_as_it_is(text: str) -> None:
    assert one_line(one_line(text)) == one_line(text)


@given(st.lists(st.tuples(st.sampled_from(list(AgreedWish)), st.integers(0, 400)), max_size=12))
def test_after_any_wishes_it_ended_exactly_where_it_is_not_open(wishes: list[tuple[AgreedWish, int]]) -> None:
    action = OPEN
    for wish, hours in wishes:
        at = NOW + timedelta(hours=hours)
        event = change(action, request(wish, at=at, today=at.date(), owner=f"owner {hours}"))
        if isinstance(event, AgreedActionEvent):
            assert event.action != action
            action = event.action
        assert (action.ended_at is None) == (action.ended_by is None) == (action.state is AgreedState.OPEN)
        assert (action.id, action.text, action.agreed_at) == (OPEN.id, OPEN.text, OPEN.agreed_at)
