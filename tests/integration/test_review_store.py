"""Draws, items, labels and evaluations in the store, on SQLite and on a real PostgreSQL."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from seamwatch.core.accuracy.labels import WeekOfAnswers
from seamwatch.core.retention import Limits
from seamwatch.core.review.items import Label, ReviewItem, ShownText
from seamwatch.core.review.spans import EvaluationSummary, ReviewDraw
from seamwatch.store.repo import Store
from seamwatch.vocabulary import Door, LabelKind

NOW = datetime(2026, 11, 2, 8, tzinfo=UTC)
DRAW = ReviewDraw(
    pipeline="p",
    start=NOW - timedelta(days=1),
    end=NOW,
    drawn_at=NOW,
    n_drawn=2,
    predictor="judge@1",
    answers=(WeekOfAnswers(week=date(2026, 10, 26), segment="", answers=100, predicted=90, prediction_sum=81.5),),
)


@pytest.fixture(params=["sqlite", "postgresql"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    if request.param == "sqlite":
        url = f"sqlite:///{tmp_path / 'store.db'}"
    else:
        make: Callable[[], str] = request.getfixturevalue("postgres_database")
        url = make()
    opened = Store.open(url, migrate_first=True)
    yield opened
    opened.close()


def _item(number: int) -> ReviewItem:
    return ReviewItem(
        id=f"i{number}",
        pipeline="p",
        record=str(number),
        slot=1,
        record_at=NOW - timedelta(hours=number + 1),
        drawn_at=NOW,
        inclusion=0.125,
        is_uniform=True,
        reasons=("uncertain",),
        segment="",
        answer="abc",
        prediction=0.25,
        predictor="judge@1",
        shown=(ShownText(title="crm.subject", text="Where is my \x00 parcel?", role="question"),),
    )


def _label(number: int, kind: LabelKind = LabelKind.RIGHT, *, by: str = "ann") -> Label:
    item = _item(number)
    return Label(
        id=0,
        pipeline="p",
        record=item.record,
        record_at=item.record_at,
        item=item.id,
        kind=kind,
        answer=item.answer,
        corrected=None,
        note="",
        by=by,
        door=Door.AIRFLOW,
        at=NOW,
    )


def test_a_span_is_drawn_once(store: Store) -> None:
    assert store.save_draw(DRAW, [_item(1), _item(2)])
    assert not store.save_draw(replace(DRAW, n_drawn=9), [_item(3)])
    assert store.draws("p") == [DRAW]
    assert store.draws("p", since=NOW) == []
    assert [one.id for one in store.review_items("p")] == ["i1", "i2"]
    assert store.review_item("i2") == _item(2)


def test_an_item_is_shown_to_one_person_at_a_time(store: Store) -> None:
    store.save_draw(DRAW, [_item(1)])
    later = NOW + timedelta(minutes=30)
    assert store.assign_item("i1", to="ann", now=NOW, until=later)
    assert not store.assign_item("i1", to="bob", now=NOW, until=later)
    assert store.assign_item("i1", to="ann", now=NOW, until=later)
    assert store.assign_item("i1", to="bob", now=later, until=later + timedelta(minutes=30))
    store.skip_item("i1", by="bob")
    found = store.review_item("i1")
    assert found is not None
    assert (found.assigned_to, found.skipped_by) == (None, ("bob",))


def test_of_two_people_at_once_one_label_is_kept(store: Store) -> None:
    store.save_draw(DRAW, [_item(1)])
    people = [f"person {number}" for number in range(6)]
    with ThreadPoolExecutor(6) as pool:
        kept = list(pool.map(lambda by: store.add_labels([_label(1, by=by)]), people))
    assert sum(kept) == 1
    (label,) = store.labels("p")
    assert label.by == people[kept.index(1)]
    counts = store.count_items("p")
    assert (counts.n_open, counts.n_answered, counts.oldest_open_at) == (0, 1, None)


def test_a_label_is_taken_back_by_who_gave_it_and_once(store: Store) -> None:
    store.save_draw(DRAW, [_item(1)])
    assert store.add_labels([_label(1)]) == 1
    (label,) = store.labels("p")
    assert not store.withdraw_label(label.id, by="bob", now=NOW)
    assert store.withdraw_label(label.id, by="ann", now=NOW)
    assert not store.withdraw_label(label.id, by="ann", now=NOW)
    assert store.count_items("p").n_open == 1
    (kept,) = store.labels("p")
    assert kept.withdrawn_at == NOW
    assert store.add_labels([_label(1, LabelKind.WRONG)]) == 1


def test_labels_are_found_by_record_person_and_time(store: Store) -> None:
    store.save_draw(DRAW, [_item(number) for number in range(4)])
    store.add_labels([_label(0), _label(1, by="bob"), _label(2)])
    assert [one.record for one in store.labels("p", records=["1", "2"])] == ["1", "2"]
    assert [one.record for one in store.labels("p", records=[])] == []
    assert [one.record for one in store.labels("p", by="ann", limit=1)] == ["2"]
    assert store.labels("p", since=NOW + timedelta(seconds=1)) == []
    assert store.labels("other") == []


def test_an_evaluation_made_again_replaces_the_first(store: Store) -> None:
    found = EvaluationSummary(
        evaluator="leak", kind="leak", start=DRAW.start, end=DRAW.end, n_passed=9, n_failed=1, n_unknown=0
    )
    store.save_evaluation("p", found, now=NOW)
    store.save_evaluation("p", replace(found, n_failed=2), now=NOW)
    assert [one.n_failed for one in store.evaluations("p", since=DRAW.start)] == [2]
    assert store.evaluations("p", since=DRAW.end) == []


def test_what_is_too_old_goes_with_the_texts_that_people_were_shown(store: Store) -> None:
    store.save_draw(DRAW, [_item(1)])
    store.add_labels([_label(1)])
    old, far = NOW + timedelta(days=500), NOW - timedelta(days=500)
    kept = Limits(records=far, begun=far, sums=far, incidents=far, labels=None)
    assert store.purge("p", kept) == {}
    counts = store.purge("p", replace(kept, labels=old))
    assert counts == {"drawn spans": 1, "answers to judge": 1, "labels": 1}
    assert store.review_items("p") == []
