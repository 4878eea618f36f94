"""The review page: who may see and label what, what becomes of each label, and that no text of a record can act."""

from __future__ import annotations

import re
from base64 import b64encode
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from html import unescape
from pathlib import Path

import httpx
import pytest

from plugin_pages import Client
from reviewed_answers import waiting_answer, write_reviewed_project
from seamwatch.core.review.items import Label, ShownText
from seamwatch.store.repo import Store
from seamwatch.vocabulary import Door, LabelKind

PAGE = "/seamwatch/review/parcels"
pytestmark = [
    pytest.mark.integration,
    # Of Airflow's own API server.
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
]


@pytest.fixture
def project(tmp_path: Path) -> Path:
    write_reviewed_project(tmp_path)
    return tmp_path


@pytest.fixture
def store(project: Path) -> Store:
    return open_store(project)


def open_store(project: Path) -> Store:
    from parcels import OPENED

    store = Store.open(f"sqlite:///{project / 'data' / 'seamwatch.db'}")
    OPENED.append(store)
    return store


def shown_item(page: str) -> str | None:
    found = re.search(r'name="item" value="([^"]+)"', page)
    return None if found is None else found[1]


def undo_of(page: str) -> dict[str, str] | None:
    found = re.search(r'name="label" value="(\d+)"', page)
    return None if found is None else {"label": found[1]}


def press(who: httpx.Client, item: str | None, kind: str = "right", **fields: object) -> httpx.Response:
    assert item is not None
    return who.post(f"{PAGE}/label", data={"item": item, "kind": kind, **fields})


def given(store: Store) -> list[Label]:
    return [label for label in store.labels("parcels") if label.withdrawn_at is None]


def test_one_label_after_the_other_until_nothing_is_left(client: Client, store: Store) -> None:
    ann = client("user")
    for n in range(12):
        page = ann.get(PAGE).text
        assert f"{12 - n} left" in page
        answer = press(ann, shown_item(page), ("right", "wrong", "cannot_tell")[n % 3])
        assert (answer.status_code, answer.headers["location"]) == (303, PAGE)
    assert [label.kind for label in given(store)] == [LabelKind.RIGHT, LabelKind.WRONG, LabelKind.CANNOT_TELL] * 4
    assert {(label.by, label.door, label.answer[:5]) for label in given(store)} == {("user", Door.AIRFLOW, "hash-")}
    page = ann.get(PAGE).text
    assert "Nothing is left for you to judge" in page
    assert "took 12 of 480 answers" in page
    assert "parcels__review" in page
    assert "@daily" in page
    assert "12 labels this week" in page
    assert undo_of(page) is not None


def test_what_a_person_needs_stands_on_the_page_and_no_judges_guess(client: Client) -> None:
    page = unescape(client("user").get(PAGE).text)
    for text in ("my parcel 4711-1", "Lost parcels. A parcel", "Returns. What", '"queue": "net"', "counts as lost ten"):
        assert text in page, text
    assert "Drawn more often than others, as evaluators are not sure and its segment is new." in page
    assert "0.123" not in page
    assert "12.3" not in page
    assert "judge (abc)" not in page


def test_who_may_only_read_sees_how_far_it_is_and_no_answer(client: Client, store: Store) -> None:
    page = client("viewer").get(PAGE).text
    assert "12 left" in page
    assert "4711" not in page
    assert shown_item(page) is None
    assert all(one.assigned_to is None for one in store.review_items("parcels"))
    assert press(client("viewer"), "parcels-0001").status_code == 403
    assert client("viewer").post(f"{PAGE}/skip", data={"item": "parcels-0001"}).status_code == 403
    assert client("viewer").post(f"{PAGE}/undo", data={"label": "1"}).status_code == 403
    assert given(store) == []


def test_nobody_who_may_not_read_the_pipeline_learns_of_it(
    client: Client, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    from airflow.api_fastapi.app import get_auth_manager

    admin = client("admin")
    manager = get_auth_manager()
    allowed = manager.is_authorized_dag
    monkeypatch.setattr(
        manager,
        "is_authorized_dag",
        lambda **asked: getattr(asked.get("details"), "id", None) != "parcels__incidents" and allowed(**asked),
    )
    assert admin.get(PAGE).status_code == 404
    assert press(admin, "parcels-0001").status_code == 404
    # Who may change another pipeline labels no answer of this one by its page.
    other = admin.post("/seamwatch/review/letters/label", data={"item": "parcels-0001", "kind": "right"})
    assert other.status_code == 404
    assert "parcels" not in admin.get("/seamwatch/review").text
    assert given(store) == []


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Sec-Fetch-Site": "same-origin"}, 303),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Origin": "http://evil.example"}, 403),
        ({}, 403),
    ],
)
def test_a_forged_form_labels_nothing(
    client: Client, store: Store, headers: dict[str, str], status: int, project: Path
) -> None:
    browser = client(None)
    token = client("user").headers["Authorization"].removeprefix("Bearer ")
    browser.cookies.set("_token", token)
    answer = browser.post(f"{PAGE}/label", data={"item": "parcels-0001", "kind": "right"}, headers=headers)
    assert answer.status_code == status
    assert len(given(store)) == (status == 303)


def test_a_right_value_and_a_note_are_kept_with_wrong(client: Client, store: Store) -> None:
    ann = client("user")
    item = shown_item(ann.get(PAGE).text)
    answer = press(ann, item, "wrong", field=["queue"], corrected=[" Q2 "], note=" a phone ")
    assert answer.status_code == 303
    (label,) = given(store)
    assert (label.corrected, label.note) == ({"queue": "Q2"}, "a phone")


def test_a_right_value_with_right_is_asked_about_and_what_was_typed_stays(client: Client, store: Store) -> None:
    ann = client("user")
    item = shown_item(ann.get(PAGE).text)
    answer = press(ann, item, "right", field=["queue"], corrected=["Q2<b>"], note="why so")
    assert answer.status_code == 422
    assert "A right value goes with Wrong only" in answer.text
    assert shown_item(answer.text) == item
    assert "Q2&lt;b&gt;" in answer.text
    assert 'value="why so"' in answer.text
    assert given(store) == []


@pytest.mark.parametrize(
    ("form", "status"),
    [
        ({"kind": "right", "item": "gone"}, 404),
        ({"kind": "perhaps", "item": "parcels-0001"}, 422),
        ({"kind": "right", "item": "x" * 5000}, 422),
        ({"kind": "right"}, 422),
        ({"kind": "wrong", "item": "parcels-0001", "note": "n" * 4001}, 422),
        ({"kind": "wrong", "item": "parcels-0001", "field": ["queue"], "corrected": ["v" * 1_000_000]}, 422),
        ({"kind": "wrong", "item": "parcels-0001", "field": ["cents"], "corrected": ["1"]}, 422),
        ({"kind": "wrong", "item": "parcels-0001", "field": ["queue"], "corrected": ["1", "2"]}, 422),
        ({"kind": "right", "item": "parcels-0001\0"}, 404),
    ],
)
def test_what_is_no_label_keeps_nothing(client: Client, store: Store, form: dict[str, str], status: int) -> None:
    assert client("user").post(f"{PAGE}/label", data=form).status_code == status
    assert given(store) == []


def test_a_label_taken_back_brings_its_answer_again_and_only_once(client: Client, store: Store) -> None:
    ann = client("user")
    first = shown_item(ann.get(PAGE).text)
    press(ann, first, "wrong")
    second = shown_item(ann.get(PAGE).text)
    press(ann, second, "right")
    page = ann.get(PAGE).text
    assert "Right on ticket-2, just now" in page
    undo = undo_of(page)
    answer = ann.post(f"{PAGE}/undo", data=undo)
    assert answer.status_code == 303
    page = ann.get(answer.headers["location"]).text
    assert shown_item(page) == second
    assert "Wrong on ticket-1" in page
    again = ann.post(f"{PAGE}/undo", data=undo)  # pressed twice: the label before stays
    assert "There was nothing to take back" in ann.get(again.headers["location"]).text
    assert [(label.item, label.kind) for label in given(store)] == [(first, LabelKind.WRONG)]
    press(ann, second, "cannot_tell")
    assert [label.kind for label in given(store)] == [LabelKind.WRONG, LabelKind.CANNOT_TELL]


def test_nobody_takes_back_what_another_said(client: Client, store: Store) -> None:
    ann, bob = client("user"), client("op")
    press(ann, shown_item(ann.get(PAGE).text))
    undo = undo_of(ann.get(PAGE).text)
    assert undo_of(bob.get(PAGE).text) is None
    assert bob.post(f"{PAGE}/undo", data=undo).status_code == 303
    assert len(given(store)) == 1


def test_what_was_left_to_others_comes_to_them_only(client: Client) -> None:
    ann, bob = client("user"), client("op")
    first = shown_item(ann.get(PAGE).text)
    answer = ann.post(f"{PAGE}/skip", data={"item": first})
    page = ann.get(answer.headers["location"]).text
    assert shown_item(page) != first
    assert "Left to others." in page
    assert "11 left" in page
    assert "1 left by you to others" in page
    assert shown_item(bob.get(PAGE).text) == first


def test_what_a_person_left_comes_again_when_they_ask_and_to_them_only(client: Client, store: Store) -> None:
    ann, bob = client("user"), client("op")
    bobs = shown_item(bob.get(PAGE).text)
    bob.post(f"{PAGE}/skip", data={"item": bobs})
    while (item := shown_item(page := ann.get(PAGE).text)) is not None:
        ann.post(f"{PAGE}/skip", data={"item": item})
    n_left = 12  # the one that bob left, too
    assert f"Show me again what I left to others ({n_left})" in page
    assert client("viewer").post(f"{PAGE}/again").status_code == 403
    assert ann.post(f"{PAGE}/again").status_code == 303
    assert f"{n_left} left" in ann.get(PAGE).text
    assert [one.id for one in store.open_items("parcels") if "op" in one.skipped_by] == [bobs]
    assert not any("user" in one.skipped_by for one in store.open_items("parcels"))


def test_two_people_get_different_answers_and_the_slower_learns_who_was_quicker(client: Client, store: Store) -> None:
    ann, bob = client("user"), client("op")
    item, other = shown_item(ann.get(PAGE).text), shown_item(bob.get(PAGE).text)
    assert item != other
    assert "1 before somebody else now" in bob.get(PAGE).text
    press(bob, item, "wrong")  # as from a page that stood open for an hour
    late = press(ann, item, "right")
    page = unescape(ann.get(late.headers["location"]).text)
    assert "Not kept: op had judged that answer before you." in page
    assert shown_item(page) != item
    again = press(bob, item, "right")  # a second click on the same page
    assert "That answer had your label already" in bob.get(again.headers["location"]).text
    assert [(label.by, label.kind) for label in given(store)] == [("op", LabelKind.WRONG)]


def test_an_answer_for_two_people_comes_once_to_each(client: Client, tmp_path: Path, project: Path) -> None:
    from dataclasses import replace

    store = open_store(project)
    for item in store.review_items("parcels"):
        store.add_labels([_label(item.id, item.record, by="carl")])
    one = waiting_answer(99)
    with_second = [replace(one, id="twice-1"), replace(one, id="twice-2", slot=2)]
    from seamwatch.core.review.spans import ReviewDraw

    now = datetime(2026, 1, 7, 2, tzinfo=UTC)
    draw = ReviewDraw(
        pipeline="parcels",
        start=now - timedelta(days=1),
        end=now,
        drawn_at=now,
        n_drawn=1,
        predictor="",
        answers=(),
    )
    store.save_draw(draw, with_second)
    ann, bob = client("user"), client("op")
    press(ann, shown_item(ann.get(PAGE).text))
    page = ann.get(PAGE).text
    assert shown_item(page) is None
    assert "1 for a second person than you" in page
    press(bob, shown_item(bob.get(PAGE).text), "wrong")
    assert {label.by for label in given(store) if label.record == "ticket-99"} == {"user", "op"}


def _label(item: str, record: str, *, by: str) -> Label:
    return Label(
        id=0,
        pipeline="parcels",
        record=record,
        record_at=None,
        item=item,
        kind=LabelKind.RIGHT,
        answer="",
        corrected=None,
        note="",
        by=by,
        door=Door.COMMAND_LINE,
        at=datetime(2026, 1, 7, tzinfo=UTC),
    )


HOSTILE = (
    "</pre></script><script>document.forms[0].submit()</script><img src=x onerror=alert(1)>"
    "\u202eevil\u202c \u200b zero \x1b[2J {{ 7 * 7 }} {% raw %} ${7*7} </textarea>"
)


def test_texts_of_records_cannot_act_or_hide(client: Client, tmp_path: Path) -> None:
    root = tmp_path / "hostile"
    root.mkdir()
    shown = tuple(
        ShownText(title=f"orders.{HOSTILE[:20]}", text=HOSTILE * times, role=role, n_cut=994_000)  # type: ignore[arg-type]
        for times, role in ((1, "question"), (60, "context"), (3, "step"), (1, "answer"))
    )
    write_reviewed_project(root, items=[waiting_answer(1, shown=shown)])
    page = _page_of(client, root)
    assert page.count("<script") == 1
    assert "<img" not in page
    assert "&lt;script&gt;" in page
    assert "\u202e" not in page
    assert "\\u202e" in page
    assert "\\u200b" in page
    assert "\\x1b[2J" in page
    assert "{{ 7 * 7 }}" in page
    assert "994,000 more characters not shown" in page


def test_a_megabyte_of_text_is_shown_in_bounded_time_and_whole_lists_text_by_text(
    client: Client, tmp_path: Path
) -> None:
    root = tmp_path / "large"
    root.mkdir()
    texts = (
        ShownText(title="orders.text", text="x" * 1_000_000, role="question"),
        ShownText(title="kb.contents", text="[" * 100_000, role="context"),
        ShownText(title="kb.more", text='["one", "two\\nlines"]', role="context"),
        ShownText(title="model.answer", text='{"a": 1, "a": 2}', role="step"),
        ShownText(title="routing.queue", text='["as", "it is"]', role="answer"),
    )
    write_reviewed_project(root, items=[waiting_answer(1, shown=texts)])
    page = unescape(_page_of(client, root))
    assert ">\none</pre>" in page
    assert ">\ntwo\nlines</pre>" in page
    assert '["as", "it is"]' in page
    assert len(page) < 1_300_000


def _page_of(client: Client, root: Path) -> str:
    who = client("user")
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("SEAMWATCH_PROJECT_DIR", str(root))
        patched.setenv("SEAMWATCH_DATA_DIR", str(root / "data"))
        return who.get(PAGE).text


def test_exactly_one_script_may_run_and_only_on_this_page(client: Client) -> None:
    ann = client("user")
    answer = ann.get(PAGE)
    policy = dict(part.strip().partition(" ")[::2] for part in answer.headers["content-security-policy"].split(";"))
    (script,) = re.findall(r"<script>(.*?)</script>", answer.text, re.DOTALL)
    assert policy["script-src"] == f"'sha256-{b64encode(sha256(script.encode()).digest()).decode()}'"
    assert policy["default-src"] == "'none'"
    assert policy["form-action"] == "'self'"
    for path in ("/seamwatch/review", "/seamwatch/", "/seamwatch/incidents", "/seamwatch/review/letters"):
        found = ann.get(path)
        assert found.status_code == 200
        assert "script-src" not in found.headers["content-security-policy"], path
        assert "<script" not in found.text


def test_all_reviews_are_listed_and_the_overview_says_how_many_wait(client: Client) -> None:
    ann = client("user")
    press(ann, shown_item(ann.get(PAGE).text))
    listed = re.sub(r"\s+", " ", ann.get("/seamwatch/review").text)
    assert f'<a href="{PAGE}">parcels</a>' in listed
    cells = re.findall(r'data-label="([^"]+)">([^<]+)<', listed)
    assert cells == [("Waiting", "11"), ("Judged this week", "1"), ("Oldest waiting", "2026-01-06 02:00 UTC")]
    assert "Without a review: letters." in listed
    overview = ann.get("/seamwatch/").text
    assert f'<a href="{PAGE}"><span>11 answers to judge</span></a>' in overview
    assert 'href="/seamwatch/review"' in overview


def test_a_pipeline_without_a_review_says_how_to_begin(client: Client) -> None:
    answer = client("user").get("/seamwatch/review/letters")
    assert answer.status_code == 200
    assert "review: {per_week: 50}" in answer.text
    assert "outcome: {people: true}" not in answer.text
    assert client("user").get("/seamwatch/review/unknown").status_code == 404
