"""The review page in a real browser, behind Airflow's own server: keys, held keys, fields, and no script at all."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from parcels import OPENED
from review_browser import Reviewer, browser_page
from review_server import review_server
from reviewed_answers import write_reviewed_project
from seamwatch.core.review.items import Label
from seamwatch.store.repo import Store
from seamwatch.vocabulary import LabelKind

pytestmark = [pytest.mark.integration, pytest.mark.browser]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, str, dict[str, str]]]:
    root = tmp_path_factory.mktemp("reviewed")
    write_reviewed_project(root, n=40)
    with review_server(root) as (address, tokens):
        yield root, address, tokens


@pytest.fixture
def store(site: tuple[Path, str, dict[str, str]]) -> Store:
    store = Store.open(f"sqlite:///{site[0] / 'data' / 'seamwatch.db'}")
    OPENED.append(store)
    return store


@pytest.fixture
def ann(site: tuple[Path, str, dict[str, str]]) -> Iterator[Reviewer]:
    with browser_page(site[1], site[2]["ann"]) as page:
        yield Reviewer(page, site[1])


def given(store: Store) -> list[Label]:
    return [label for label in store.labels("parcels") if label.withdrawn_at is None]


def test_ten_answers_take_one_key_each(ann: Reviewer, store: Store) -> None:
    before = len(given(store))
    items = []
    for n in range(10):
        items.append(ann.item)
        ann.act("123"[n % 3])
    assert ann.n_keys == 10
    assert [label.item for label in given(store)[before:]] == items
    kinds = [LabelKind.RIGHT, LabelKind.WRONG, LabelKind.CANNOT_TELL]
    assert [label.kind for label in given(store)[before:]] == [kinds[n % 3] for n in range(10)]


def test_undo_and_leaving_to_others_are_keys_too(ann: Reviewer, store: Store) -> None:
    before, first = len(given(store)), ann.item
    ann.act("2")
    assert len(given(store)) == before + 1
    ann.act("u")
    assert (ann.item, len(given(store))) == (first, before)
    ann.act("4")
    assert ann.item != first
    assert len(given(store)) == before


def test_a_second_press_and_a_held_key_label_no_answer_that_nobody_read(ann: Reviewer, store: Store) -> None:
    before, page = len(given(store)), ann.page
    with page.expect_navigation():
        page.keyboard.down("1")
        page.keyboard.down("1")  # held: the browser says that it repeats
        page.keyboard.down("1")
    shown = ann.item
    page.keyboard.down("1")  # still held, on the next answer
    page.keyboard.up("1")
    page.keyboard.press("1")  # at once: meant for the answer before
    ann.read()
    assert ann.item == shown
    assert len(given(store)) == before + 1
    ann.act("1")
    assert len(given(store)) == before + 2


@pytest.mark.parametrize("chord", ["Control+1", "Alt+2", "Meta+3", "Shift+Digit1"])
def test_chords_are_the_browsers(ann: Reviewer, store: Store, chord: str) -> None:
    before, shown = len(given(store)), ann.item
    ann.page.keyboard.press(chord)
    ann.read()
    assert ann.item == shown
    assert len(given(store)) == before


def test_digits_in_a_field_are_text_and_enter_says_wrong_with_the_right_value(ann: Reviewer, store: Store) -> None:
    while ann.page.locator("input.value").count() == 0:  # an answer of one line
        ann.act("3")
    before = len(given(store))
    ann.press("c")
    ann.page.keyboard.type("1234u")
    ann.page.keyboard.press("Tab")
    ann.page.keyboard.type("because 1 u")
    ann.page.keyboard.press("Enter")  # in the note: nothing
    ann.read()
    assert len(given(store)) == before
    ann.page.keyboard.press("Shift+Tab")
    ann.act("Enter")
    label = given(store)[-1]
    assert len(given(store)) == before + 1
    assert (label.kind, label.corrected, label.note) == (LabelKind.WRONG, {"queue": "1234u"}, "because 1 u")


def test_escape_leaves_a_field_and_the_note_goes_with_the_key(ann: Reviewer, store: Store) -> None:
    ann.page.locator('input[name="note"]').focus()
    ann.page.keyboard.type("odd 2")
    ann.page.keyboard.press("Escape")
    ann.act("1")
    assert (given(store)[-1].kind, given(store)[-1].note) == (LabelKind.RIGHT, "odd 2")


def test_a_long_right_value_has_lines_of_its_own(ann: Reviewer, store: Store) -> None:
    while ann.page.locator("textarea.value").count() == 0:
        ann.act("3")
    ann.press("c")
    ann.page.keyboard.type("one")
    ann.page.keyboard.press("Enter")
    ann.page.keyboard.type("two")
    ann.act("Control+Enter")
    assert given(store)[-1].corrected == {"queue": "one\r\ntwo"}


def test_in_a_frame_keys_work_without_a_click(
    ann: Reviewer, store: Store, site: tuple[Path, str, dict[str, str]]
) -> None:
    # As Airflow's UI shows it: same origin, with its sandbox.
    before = len(given(store))
    frame = f'<iframe sandbox="allow-scripts allow-same-origin allow-forms" src="{site[1]}/seamwatch/review/parcels">'
    ann.page.route("**/framed", lambda route: route.fulfill(body=f"<!doctype html>{frame}", content_type="text/html"))
    ann.page.goto(f"{site[1]}/framed")
    inner = ann.page.frame_locator("iframe")
    shown = inner.locator('input[name="item"]').get_attribute("value")
    for _ in range(2):
        ann.read()
        ann.page.keyboard.press("1")
        inner.locator(f'input[name="item"]:not([value="{shown}"])').wait_for(state="attached")
        shown = inner.locator('input[name="item"]').get_attribute("value")
    assert len(given(store)) == before + 2


def test_without_script_buttons_do_all_and_enter_in_a_field_does_nothing(
    site: tuple[Path, str, dict[str, str]], store: Store
) -> None:
    with browser_page(site[1], site[2]["bob"], has_script=False) as page:
        bob = Reviewer(page, site[1])
        before, first = len(given(store)), bob.item
        page.fill('input[name="note"]', "why")
        page.press('input[name="note"]', "Enter")
        bob.press("1")
        bob.read()
        assert (bob.item, len(given(store))) == (first, before)
        for name, n in (("Wrong", 1), ("Undo", 0), ("Leave to others", 0), ("Right", 1)):
            with page.expect_navigation():
                page.get_by_role("button", name=name).press("Enter")
            assert len(given(store)) == before + n, name
    assert given(store)[-1].by == "bob"
