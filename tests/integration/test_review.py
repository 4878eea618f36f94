"""Answers judged by people, from the draw to the verdict: a real pipeline, its store, and each way in."""

from __future__ import annotations

import csv
import io
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from parcels import PIPELINE, START, WINDOW, fill_database, make_deps, true_queue, write_project
from seamwatch.core.results import Window
from seamwatch.engine.attribute import attribute_window
from seamwatch.engine.deps import Deps
from seamwatch.engine.review.accuracy import measured_accuracy
from seamwatch.engine.review.draw import draw_for_review
from seamwatch.engine.review.label import label_item, next_item, release_item, show_as_form, take_back
from seamwatch.engine.review.label_files import export_items, import_labels
from seamwatch.engine.review.shown import served_text
from seamwatch.engine.slo import look_at_objectives
from seamwatch.errors import DataContractError, SpecError
from seamwatch.spec.pipeline import Pipeline
from seamwatch.vocabulary import Door, LabelKind, Responsibility

pytestmark = pytest.mark.integration
BY_PEOPLE = PIPELINE.replace(
    "outcome: {truth: labels, compare: {queue: queue}}", "outcome: {people: true, judged: queue}"
)
REVIEW = "review: {per_week: 420, overlap: 0.0}\nsegments: [orders.code]\n"


class Desk:
    """A day of parcels of which some are drawn for people."""

    def __init__(self, root: Path, *, pipeline: str = BY_PEOPLE + REVIEW, fault: str | None = "code_table") -> None:
        write_project(root, pipeline=pipeline)
        self.url = f"sqlite:///{root / 'parcels.db'}"
        fill_database(self.url, fault)
        self.deps: Deps = make_deps(root, {"AIRFLOW_CONN_PARCELS_DB": self.url})
        self.pipeline: Pipeline = self.deps.project.pipeline("parcels")

    def truth(self, record: str) -> str:
        with sa.create_engine(self.url).connect() as connection:
            code, cents = connection.execute(
                sa.text("SELECT code, cents FROM orders WHERE id = :id"), {"id": int(record)}
            ).one()
        return true_queue(code, cents)

    def answer(self, record: str) -> str | None:
        with sa.create_engine(self.url).connect() as connection:
            return connection.scalar(sa.text("SELECT queue FROM routing WHERE id = :id"), {"id": int(record)})

    def wrong_share(self) -> float:
        with sa.create_engine(self.url).connect() as connection:
            rows = connection.execute(
                sa.text("SELECT routing.queue, code, cents FROM routing JOIN orders ON orders.id = routing.id")
            ).all()
        return sum(queue != true_queue(code, cents) for queue, code, cents in rows) / len(rows)

    def judge_all(self, person: str = "ann") -> int:
        n = 0
        while (item := next_item(self.deps, "parcels", person=person)) is not None:
            right = self.truth(item.record)
            is_right = right == self.answer(item.record)
            kind = LabelKind.RIGHT if is_right else LabelKind.WRONG
            found = label_item(
                self.deps,
                item.id,
                kind,
                by=person,
                door=Door.AIRFLOW,
                corrected=None if is_right else {"queue": right},
            )
            assert found.is_kept
            n += 1
        return n


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


def test_what_people_say_of_a_sample_leads_to_the_part_at_fault(desk: Desk) -> None:
    drawn = draw_for_review(desk.deps, desk.pipeline, WINDOW)
    assert drawn.is_new
    assert 59 <= drawn.n_drawn <= 61
    before = attribute_window(desk.deps, desk.pipeline, WINDOW)
    assert before.n_failing == 0
    assert desk.judge_all() == drawn.n_drawn
    after = attribute_window(desk.deps, desk.pipeline, WINDOW)
    assert after.n_observed - after.n_pending == drawn.n_drawn
    assert after.n_failing > 10
    assert after.causes[0].responsibility is Responsibility.INTEGRATION
    assert after.causes[0].stage == "request"


def test_a_window_is_drawn_once_and_its_items_say_why_and_with_what_probability(desk: Desk) -> None:
    first = draw_for_review(desk.deps, desk.pipeline, WINDOW)
    again = draw_for_review(desk.deps, desk.pipeline, WINDOW)
    assert (again.n_drawn, again.n_answers, again.is_new) == (first.n_drawn, first.n_answers, False)
    items = desk.deps.store.review_items("parcels")
    assert len(items) == first.n_drawn
    assert sum(1.0 / item.inclusion for item in items) == pytest.approx(first.n_answers, rel=0.05)
    assert {item.segment for item in items} <= {"A", "B", "C"}
    (draw,) = desk.deps.store.draws("parcels")
    assert sum(one.answers for one in draw.answers) == first.n_answers
    titles = {shown.title: shown.role for shown in items[0].shown}
    assert titles["routing.queue"] == "answer"
    assert titles["orders.code"] == "question"


def test_what_the_pipeline_file_redacts_is_shown_to_nobody(tmp_path: Path) -> None:
    desk = Desk(tmp_path, pipeline=BY_PEOPLE + REVIEW + "bundle: {redact: [request.product, orders.cents]}\n")
    draw_for_review(desk.deps, desk.pipeline, WINDOW)
    for item in desk.deps.store.review_items("parcels"):
        texts = " ".join(shown.text for shown in item.shown)
        assert "router" not in texts
        cents = next(shown.text for shown in item.shown if shown.title == "orders.cents")
        assert cents.startswith("[orders.cents-")


def test_without_review_or_outcome_it_is_said_what_is_missing(tmp_path: Path) -> None:
    desk = Desk(tmp_path, pipeline=BY_PEOPLE)
    with pytest.raises(SpecError, match="no 'review'"):
        draw_for_review(desk.deps, desk.pipeline, WINDOW)


def test_truths_that_are_known_are_not_asked_for_and_win_over_people(tmp_path: Path) -> None:
    desk = Desk(tmp_path, pipeline=PIPELINE + REVIEW)
    with sa.create_engine(desk.url).begin() as connection:
        connection.execute(sa.text("DELETE FROM labels WHERE id % 2 = 0"))
    draw_for_review(desk.deps, desk.pipeline, WINDOW)
    items = desk.deps.store.review_items("parcels")
    assert items
    assert all(int(item.record) % 2 == 0 or int(item.record) >= 295 for item in items)  # the last have no label
    before = attribute_window(desk.deps, desk.pipeline, WINDOW)
    n = desk.judge_all()
    after = attribute_window(desk.deps, desk.pipeline, WINDOW)
    assert after.n_pending == before.n_pending - n


def test_two_people_never_have_the_same_answer_before_them_and_one_can_skip(desk: Desk) -> None:
    draw_for_review(desk.deps, desk.pipeline, WINDOW)
    ann = next_item(desk.deps, "parcels", person="ann")
    bob = next_item(desk.deps, "parcels", person="bob")
    assert ann is not None
    assert bob is not None
    assert ann.record != bob.record
    assert next_item(desk.deps, "parcels", person="ann").id == ann.id
    desk.deps.store.skip_item(ann.id, by="ann")
    assert next_item(desk.deps, "parcels", person="ann").id != ann.id


def test_a_second_label_on_one_answer_is_not_kept_and_it_is_said_who_was_quicker(desk: Desk) -> None:
    draw_for_review(desk.deps, desk.pipeline, WINDOW)
    item = next_item(desk.deps, "parcels", person="ann")
    label_item(desk.deps, item.id, LabelKind.RIGHT, by="ann", door=Door.AIRFLOW)
    found = label_item(desk.deps, item.id, LabelKind.WRONG, by="bob", door=Door.TASK)
    assert (found.is_kept, found.answered_by) == (False, "ann")
    taken = take_back(desk.deps, "parcels", by="ann")
    assert taken is not None
    assert taken.item == item.id
    assert take_back(desk.deps, "parcels", by="ann") is None
    assert label_item(desk.deps, item.id, LabelKind.WRONG, by="bob", door=Door.TASK).is_kept


def test_an_answer_for_two_people_never_comes_to_one_twice(tmp_path: Path) -> None:
    desk = Desk(tmp_path, pipeline=BY_PEOPLE + REVIEW.replace("overlap: 0.0", "overlap: 1.0"))
    drawn = draw_for_review(desk.deps, desk.pipeline, WINDOW)
    assert len(desk.deps.store.review_items("parcels")) == 2 * drawn.n_drawn
    assert desk.judge_all("ann") == drawn.n_drawn
    assert desk.judge_all("bob") == drawn.n_drawn
    by_record: dict[str, set[str]] = {}
    for label in desk.deps.store.labels("parcels"):
        by_record.setdefault(label.record, set()).add(label.by)
    assert all(people == {"ann", "bob"} for people in by_record.values())


def test_what_a_form_shows_the_page_does_not_until_it_is_given_back(desk: Desk) -> None:
    draw_for_review(desk.deps, desk.pipeline, WINDOW)
    waiting = desk.deps.store.review_items("parcels")
    for item in waiting:
        assert show_as_form(desk.deps, item.id, task=f"t/{item.id}", within=timedelta(days=7)) is not None
    assert next_item(desk.deps, "parcels", person="ann") is None
    release_item(desk.deps, waiting[0].id)
    assert next_item(desk.deps, "parcels", person="ann").id == waiting[0].id


def test_labels_go_out_and_come_in_by_file_and_the_same_file_changes_nothing_twice(desk: Desk) -> None:
    draw_for_review(desk.deps, desk.pipeline, WINDOW)
    rows = list(csv.DictReader(io.StringIO(export_items(desk.deps, desk.pipeline))))
    for row in rows:
        right = desk.truth(row["record"])
        row["label"] = "Right" if right == desk.answer(row["record"]) else "wrong"
        row["corrected"] = "" if row["label"] == "Right" else right
    text = _csv(rows)
    first = import_labels(desk.deps, desk.pipeline, text, by="ann")
    assert (first.n_kept, first.n_known, first.problems) == (len(rows), 0, ())
    second = import_labels(desk.deps, desk.pipeline, text, by="ann")
    assert (second.n_kept, second.n_known, second.problems) == (0, len(rows), ())
    assert len(desk.deps.store.labels("parcels")) == len(rows)
    assert attribute_window(desk.deps, desk.pipeline, WINDOW).causes[0].stage == "request"


def test_lines_that_are_wrong_are_told_with_their_number_and_the_others_kept(desk: Desk) -> None:
    draw_for_review(desk.deps, desk.pipeline, WINDOW)
    items = desk.deps.store.review_items("parcels")
    undrawn = next(str(n) for n in range(1, 500) if str(n) not in {i.record for i in items} and desk.answer(str(n)))
    lines = [
        {"item": items[0].id, "record": "", "label": "right"},
        {"item": "gone", "record": "", "label": "right"},
        {"item": items[1].id, "record": "", "label": "maybe"},
        {"item": "", "record": "999999", "label": "wrong"},
        {"item": "", "record": undrawn, "label": "wrong"},
        {"item": items[2].id, "record": "another", "label": "right"},
        {"item": items[3].id, "record": "", "label": ""},
        {"item": "", "record": "", "label": "right"},
    ]
    found = import_labels(desk.deps, desk.pipeline, _csv(lines), by="ann")
    assert (found.n_kept, found.n_without_chance, found.n_empty) == (2, 1, 1)
    assert [line for line, _ in found.problems] == [3, 4, 5, 7, 9]
    assert {one.record for one in desk.deps.store.labels("parcels")} == {items[0].record, undrawn}


def test_an_answer_that_changed_since_it_was_judged_is_not_called_right_or_wrong(desk: Desk) -> None:
    draw_for_review(desk.deps, desk.pipeline, WINDOW)
    n = desk.judge_all()
    record = desk.deps.store.labels("parcels")[0].record
    with sa.create_engine(desk.url).begin() as connection:
        connection.execute(sa.text("UPDATE routing SET queue = 'Q9' WHERE id = :id"), {"id": int(record)})
    corrected = desk.deps.store.labels("parcels")[0].corrected
    after = attribute_window(desk.deps, desk.pipeline, WINDOW)
    assert after.n_observed - after.n_pending == n - (0 if corrected else 1)


@pytest.mark.parametrize(("later", "longer"), [(12, 0), (0, 6), (-6, 12)])
def test_answers_are_not_drawn_from_a_second_time_by_a_window_that_overlaps(
    desk: Desk, later: int, longer: int
) -> None:
    draw_for_review(desk.deps, desk.pipeline, WINDOW)
    start = WINDOW.start + timedelta(hours=later)
    other = Window(start=start, end=start + WINDOW.length + timedelta(hours=longer))
    with pytest.raises(DataContractError, match="overlaps it"):
        draw_for_review(desk.deps, desk.pipeline, other)
    assert len(desk.deps.store.draws("parcels")) == 1
    assert draw_for_review(desk.deps, desk.pipeline, Window(start=WINDOW.end, end=WINDOW.end + WINDOW.length)).is_new


def test_a_window_without_answers_draws_nothing(desk: Desk) -> None:
    far = Window(start=START - timedelta(days=9), end=START - timedelta(days=8))
    found = draw_for_review(desk.deps, desk.pipeline, far)
    assert (found.n_drawn, found.n_answers, found.is_new) == (0, 0, True)


def _csv(rows: list[dict[str, str]]) -> str:
    out = io.StringIO()
    writer = csv.DictWriter(out, fieldnames=list(rows[0]))
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue()


def test_an_accuracy_objective_stands_on_people_s_labels_of_doubtful_and_other_answers(tmp_path: Path) -> None:
    slos = "slos: [{kind: accuracy, goal: 0.9, over: 28d}]\n"
    desk = Desk(tmp_path, pipeline=BY_PEOPLE + REVIEW + slos)
    now = WINDOW.end + timedelta(hours=2)
    unknown = look_at_objectives(desk.deps, desk.pipeline, now=now).objectives[0]
    assert (unknown.judged, unknown.budget.spent) == (0.0, 0.0)
    drawn = draw_for_review(desk.deps, desk.pipeline, WINDOW)
    assert desk.judge_all() == drawn.n_drawn
    estimate = measured_accuracy(desk.deps, desk.pipeline).last
    assert estimate is not None
    truth = 1.0 - desk.wrong_share()
    assert estimate.accuracy.low < truth < estimate.accuracy.high
    found = look_at_objectives(desk.deps, desk.pipeline, now=now + timedelta(hours=2)).objectives[0]
    low, high = found.budget.spent_low, found.budget.spent_high
    assert found.budget.spent == pytest.approx((1.0 - estimate.accuracy.value) * found.events)
    assert low < found.budget.spent < high
    assert found.sli == pytest.approx(estimate.accuracy.value)
    assert 0 < found.judged < drawn.n_drawn


@pytest.mark.parametrize(
    ("documents", "shown"),
    [
        ('[{"id": "a.md", "text": "Ten days."}, {"id": "b.md"}]', "[a.md]\nTen days.\n\n[b.md]\n(no text)"),
        ('["a.md", "b.md"]', '["a.md", "b.md"]'),
        ("plain text", "plain text"),
    ],
)
def test_what_was_retrieved_is_shown_as_people_read_it(documents: str, shown: str) -> None:
    assert served_text(documents) == shown
