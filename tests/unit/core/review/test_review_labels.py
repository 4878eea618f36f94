"""What people's labels make of records: one person's last word, majorities, other answers, corrections."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seamwatch.core.review.items import Label
from seamwatch.core.review.labels import (
    answer_hash,
    count_labels,
    first_known,
    judge_by_people,
    settle_labels,
)
from seamwatch.vocabulary import Door, LabelKind, OutcomeState

NOW = datetime(2026, 11, 2, tzinfo=UTC)
RIGHT, WRONG, UNSURE = LabelKind.RIGHT, LabelKind.WRONG, LabelKind.CANNOT_TELL
BILLING = answer_hash(["billing"])


def _label(number: int, kind: LabelKind, *, by: str = "ann", record: str = "1", **changes: object) -> Label:
    values: dict[str, object] = {
        "pipeline": "p",
        "record_at": NOW,
        "item": None,
        "answer": BILLING,
        "corrected": None,
        "note": "",
        "door": Door.AIRFLOW,
        "at": NOW + timedelta(minutes=number),
        **changes,
    }
    return Label(id=number, record=record, kind=kind, by=by, **values)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("given_labels", "state", "is_contradicted"),
    [
        ([("ann", RIGHT)], "right", False),
        ([("ann", WRONG)], "wrong", False),
        ([("ann", UNSURE)], "pending", False),
        ([("ann", RIGHT), ("ann", WRONG)], "wrong", False),
        ([("ann", RIGHT), ("bob", WRONG)], "pending", True),
        ([("ann", RIGHT), ("bob", WRONG), ("cyd", WRONG)], "wrong", True),
        ([("ann", UNSURE), ("bob", WRONG)], "wrong", False),
    ],
)
def test_of_a_person_the_last_word_counts_and_of_several_the_majority(given_labels, state, is_contradicted) -> None:
    labels = [_label(number, kind, by=by) for number, (by, kind) in enumerate(given_labels)]
    settled = settle_labels(labels)
    assert settled.loc["1", "state"] == state
    assert settled.loc["1", "is_contradicted"] is is_contradicted


def test_a_withdrawn_label_does_not_count_and_no_label_settles_nothing() -> None:
    settled = settle_labels([_label(1, RIGHT, withdrawn_at=NOW)])
    assert len(settled) == 0
    counts = count_labels(settled)
    assert (counts.n_records, counts.n_contradicted) == (0, 0)
    judged = judge_by_people(pd.DataFrame({"queue": ["billing"]}, index=[1]), settled, ["queue"])
    assert judged["state"].tolist() == ["pending"]


@given(st.permutations(range(6)))
def test_the_order_in_which_labels_are_read_does_not_matter(order: list[int]) -> None:
    labels = [_label(n, (RIGHT, WRONG, UNSURE)[n % 3], by="ab"[n % 2], record=str(n // 4)) for n in range(6)]
    expected = settle_labels(labels)
    pd.testing.assert_frame_equal(settle_labels([labels[n] for n in order]).sort_index(), expected.sort_index())


def test_a_label_says_nothing_of_another_answer_but_what_follows_from_its_correction() -> None:
    settled = settle_labels(
        [
            _label(1, WRONG, record="1", corrected={"queue": "Returns"}),
            _label(2, WRONG, record="2"),
            _label(3, RIGHT, record="3"),
        ]
    )
    recorded = pd.DataFrame({"queue": ["billing"] * 4}, index=[1, 2, 3, 4])
    found = judge_by_people(recorded, settled, ["queue"])
    assert found["state"].tolist() == ["wrong", "wrong", "right", "pending"]
    assert found["reason"].tolist() == ["queue", "a person", "", ""]
    repaired = judge_by_people(recorded.assign(queue="returns"), settled, ["queue"])
    assert repaired["state"].tolist() == ["right", "pending", "pending", "pending"]
    assert repaired.loc[2, "reason"] == "people judged another answer"
    other = judge_by_people(recorded.assign(queue="sales"), settled, ["queue"])
    assert other.loc[1, ["state", "reason"]].tolist() == ["wrong", "queue"]


@pytest.mark.parametrize("keys", [[7], ["7"], [7.0], [" 7 "]])
def test_records_are_found_whatever_type_their_key_has(keys: list[object]) -> None:
    settled = settle_labels([_label(1, RIGHT, record="7")])
    final = pd.DataFrame({"queue": ["billing"]}, index=keys)
    assert judge_by_people(final, settled, ["queue"])["state"].tolist() == ["right"]


@given(st.lists(st.one_of(st.none(), st.text(), st.integers(), st.floats(allow_nan=True)), max_size=4))
def test_answers_are_told_apart_by_their_values_alone(values: list[object]) -> None:
    assert answer_hash(values) == answer_hash(list(values))
    assert answer_hash([*values, "x"]) != answer_hash(values)


def test_nothing_answered_is_not_the_same_as_an_empty_text() -> None:
    assert answer_hash([None]) != answer_hash([""])
    assert answer_hash(["ab", "c"]) != answer_hash(["a", "bc"])


def test_what_is_known_stays_and_the_rest_is_filled_in() -> None:
    index = [1, 2, 3, 4]
    truth = pd.DataFrame(
        {"state": ["right", "pending", "pending", "pending"], "reason": ["", "", "unreadable: queue", ""]}, index=index
    )
    people = pd.DataFrame(
        {"state": ["wrong", "wrong", "pending", "pending"], "reason": ["queue", "queue", "", "people disagree"]},
        index=index,
    )
    found = first_known(truth, people)
    assert found["state"].tolist() == [OutcomeState.RIGHT, OutcomeState.WRONG, "pending", "pending"]
    assert found["reason"].tolist() == ["", "queue", "unreadable: queue", "people disagree"]
