"""Forms of agreed actions: who may send which, what becomes of them, and that no text of people can act."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from parcels import OPENED
from plugin_pages import Client
from seamwatch.core.agreed_actions import AgreedAction, AgreedState
from seamwatch.core.incident_life import Incident
from seamwatch.core.weekly_review.week import ReviewWeek
from seamwatch.store.repo import Store
from seamwatch.vocabulary import Door

THIS_WEEK = ReviewWeek.containing(datetime.now(UTC))
WEEK = THIS_WEEK.before().name
FORMS = f"/seamwatch/weekly/{WEEK}/agreed"
TODAY = datetime.now(UTC).date()
SOON, PAST = str(TODAY + timedelta(days=5)), str(TODAY - timedelta(days=2))
pytestmark = [
    pytest.mark.integration,
    # Of Airflow's own API server.
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
]


@pytest.fixture
def project(own_project: Path) -> Path:
    return own_project


@pytest.fixture
def store(project: Path) -> Store:
    store = Store.open(f"sqlite:///{project / 'data' / 'seamwatch.db'}")
    OPENED.append(store)
    return store


def send(who: httpx.Client, **more: Any) -> httpx.Response:
    values = {"text": "Pin the version", "owner": "ada", "due": SOON, "token": "form-1"}
    return who.post(FORMS, data={**values, **more})


def one_of(store: Store) -> AgreedAction:
    (found,) = store.agreed_actions()
    return found


def test_an_action_is_agreed_ended_and_opened_again_by_forms(client: Client, store: Store) -> None:
    ann = client("user")
    answer = send(ann, pipeline="parcels")
    assert (answer.status_code, answer.headers["location"]) == (303, f"/seamwatch/weekly/{WEEK}#agreed")
    one = one_of(store)
    assert (one.pipeline, one.week, one.agreed_by, str(one.due_on)) == ("parcels", WEEK, "user", SOON)
    path = f"{FORMS}/{one.id}"
    later = str(TODAY + timedelta(days=9))
    assert ann.post(path, data={"wish": "change", "owner": "grace", "due": later}).status_code == 303
    assert ann.post(path, data={"wish": "done", "why": "release 7"}).status_code == 303
    ended = one_of(store)
    assert (ended.state, ended.owner, ended.note) == (AgreedState.DONE, "grace", "release 7")
    assert ann.post(path, data={"wish": "reopen"}).status_code == 303
    assert ann.post(path, data={"wish": "drop"}).status_code == 303
    trail = [(event.kind.value, event.by, event.door) for event in store.agreed_action_events(one.id)]
    kinds = ("added", "changed", "done", "reopened", "dropped")
    assert trail == [(kind, "user", Door.AIRFLOW) for kind in kinds]


def test_a_form_sent_twice_is_one_action_and_another_form_another(client: Client, store: Store) -> None:
    for token in ("form-1", "form-1", "form-2"):
        assert send(client("user"), token=token).status_code == 303
    assert len(store.agreed_actions()) == 2


def test_the_second_who_ends_it_is_told_who_did(client: Client, store: Store) -> None:
    send(client("user"))
    path = f"{FORMS}/{one_of(store).id}"
    client("admin").post(path, data={"wish": "done"})
    answer = client("user").post(path, data={"wish": "drop"})
    assert answer.status_code == 409
    assert "is done already, by admin" in answer.text
    assert one_of(store).state is AgreedState.DONE


def test_an_incident_names_the_pipeline(client: Client, store: Store, project: Path) -> None:
    (incident,) = store.incidents("letters")
    assert send(client("user"), incident=incident.id).status_code == 303
    assert (one_of(store).pipeline, one_of(store).incident) == ("letters", incident.id)


def test_nobody_without_a_login_and_no_viewer_changes_anything(client: Client, store: Store) -> None:
    send(client("user"))
    path = f"{FORMS}/{one_of(store).id}"
    assert send(client(None), token="2").status_code == 401
    for more in ({}, {"pipeline": "parcels"}, {"incident": store.incidents("parcels")[0].id}):
        assert send(client("viewer"), token="2", **more).status_code == 403
    assert client("viewer").post(path, data={"wish": "done"}).status_code == 403
    assert client(None).post(path, data={"wish": "done"}).status_code == 401
    assert one_of(store).state is AgreedState.OPEN


def test_who_may_change_one_pipeline_agrees_on_that_and_on_all_but_on_no_other(
    client: Client, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    from airflow.api_fastapi.app import get_auth_manager

    def is_theirs(*, method: str, details: Any, user: Any) -> bool:
        return bool(details.id == "parcels__incidents" or (method == "GET" and details.id == "letters__incidents"))

    monkeypatch.setattr(get_auth_manager(), "is_authorized_dag", is_theirs)
    ann = client("user")
    assert send(ann, pipeline="parcels").status_code == 303
    assert send(ann, pipeline="").status_code == 303
    assert send(ann, pipeline="letters").status_code == 403
    assert send(ann, pipeline="hidden").status_code == 404
    assert {one.pipeline for one in store.agreed_actions()} == {"parcels", None}


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"due": PAST}, "has passed"),
        ({"due": ""}, "Name the day"),
        ({"due": "2026-02-30"}, "Name the day"),
        ({"text": " "}, "Say what is to be done"),
        ({"text": "x" * 1_000_000}, "longer than 500 characters"),
        ({"owner": ""}, "Name who does it"),
        ({"incident": "no-such"}, "no such incident"),
        ({"incident": "a\x00b"}, "no such incident"),
    ],
)
def test_what_is_wrong_is_said_with_what_was_typed(
    client: Client, store: Store, more: dict[str, str], said: str
) -> None:
    answer = send(client("user"), **{"text": "Keep <b>this</b>", **more})
    assert answer.status_code == 422
    assert said in answer.text
    assert "text" in more or 'value="Keep &lt;b&gt;this&lt;/b&gt;"' in answer.text
    assert len(answer.text) < 100_000
    assert store.agreed_actions() == []


@pytest.mark.parametrize("week", ["2026-W60", "next", "9999-W01", THIS_WEEK.before(-1).name])
def test_a_week_that_is_none_or_has_not_begun_is_refused(client: Client, week: str) -> None:
    assert client("user").post(f"/seamwatch/weekly/{week}/agreed", data={"text": "x"}).status_code == 404


@pytest.mark.parametrize("name", ["no-such", "x" * 1_000, "%E2%80%AE"])
def test_an_action_that_is_not_there_is_not_found(client: Client, name: str) -> None:
    assert client("user").post(f"{FORMS}/{name}", data={"wish": "done"}).status_code == 404


def test_a_wish_that_nobody_knows_is_refused(client: Client, store: Store) -> None:
    send(client("user"))
    assert client("user").post(f"{FORMS}/{one_of(store).id}", data={"wish": "delete"}).status_code == 422


def test_another_site_sends_no_form(client: Client, store: Store) -> None:
    values = {"text": "x", "owner": "ada", "due": SOON}
    answer = client("user").post(FORMS, data=values, headers={"Sec-Fetch-Site": "cross-site"})
    assert answer.status_code == 403
    assert store.agreed_actions() == []


@pytest.mark.parametrize("text", ["<script>alert(1)</script>", '"><img src=x>', "\u202etxet", "a\x1b[2J"])
def test_no_text_of_people_acts_on_the_page(client: Client, store: Store, text: str) -> None:
    send(client("user"), text=text, owner=text)
    page = send(client("user"), text="", token="2").text
    assert "<script" not in page
    assert "<img" not in page
    assert "\u202e" not in page
    assert "\x1b" not in page
    assert one_of(store).text


def test_the_forms_work_by_keyboard_and_name_every_field(client: Client, store: Store, incident: Incident) -> None:
    send(client("user"), pipeline="parcels")
    page = send(client("user"), text="", token="2").text
    fields = re.findall(r"<(?:input|select)[^>]*>", page)
    labelled = re.findall(r"<label>[^<]+<(?:input|select)", page)
    assert len(labelled) == len([one for one in fields if 'type="hidden"' not in one]) > 5
    assert "<summary>Agree on an action</summary>" in page
    assert "onclick" not in page
    assert incident.id in page


def test_where_nobody_knows_when_a_week_begins_nothing_is_agreed(client: Client, store: Store, project: Path) -> None:
    (project / "include/settings.yaml").write_text("weekly_review: {time_zone: Mars/Base}\n")
    for answer in (send(client("user")), client("user").get(f"/seamwatch/weekly/{WEEK}")):
        assert answer.status_code == 409
        assert "include/settings.yaml:1 weekly_review.time_zone: 'Mars/Base' is no time zone" in answer.text
    assert store.agreed_actions() == []
