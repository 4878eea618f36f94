"""A judge in words: measured with its intervals, or said to be measured by nobody yet."""

from __future__ import annotations

from datetime import date

import pandas as pd
import pytest

from seamwatch.core.accuracy.judge_error import JudgeErrors, judge_errors
from seamwatch.core.accuracy.labels import LABEL_COLUMNS
from seamwatch.core.evaluation.judge_answer import Verdict
from seamwatch.core.evaluation.judge_bias import JudgedPair, measure_bias
from seamwatch.core.review.labels import LabelCounts
from seamwatch.report.judge_texts import NOT_MEASURED, bias_sentences, judge_facts, judge_json, judge_sentence
from seamwatch.report.measured_accuracy import accuracy_facts, accuracy_json

COUNTS = LabelCounts(n_records=0, n_right=0, n_wrong=0, n_undecided=0, n_contradicted=0)


def _errors(*groups: tuple[int, bool, float, str]) -> JudgeErrors:
    """Return the errors of a judge by labels: so many of an answer that is right or not, its score and segment."""
    rows = [
        (f"{number}-{one}", date(2026, 11, 2), is_right, 0.1, score, segment)
        for number, (n, is_right, score, segment) in enumerate(groups)
        for one in range(n)
    ]
    frame = pd.DataFrame(rows, columns=list(LABEL_COLUMNS))
    return judge_errors(frame.astype({"is_right": bool, "inclusion": float, "prediction": float}))


MEASURED = _errors((16, False, 0.1, "a"), (4, False, 0.9, "a"), (45, True, 0.9, "a"), (5, True, 0.2, "b"))


def test_a_measured_judge_carries_its_intervals() -> None:
    text = judge_sentence(MEASURED.whole)
    assert text.startswith("By people's labels it finds 80% of wrong answers (")
    assert "accepts 90% of right answers (" in text
    assert NOT_MEASURED not in text
    wrong, right = judge_facts(MEASURED)[:2]
    assert (wrong[1], right[1]) == ("80%", "90%")
    assert wrong[2].endswith("by 20 labels")


@pytest.mark.parametrize(
    ("errors", "says"),
    [
        (None, "fewer than 10 labels of wrong answers (0); fewer than 10 labels of right answers (0)"),
        (_errors((9, False, 0.1, "a"), (9, True, 0.9, "a")), "fewer than 10 labels of wrong answers (9)"),
        (_errors((50, True, 0.9, "a")), "fewer than 10 labels of wrong answers (0); accepts 100% of right answers"),
        (_errors((50, False, 0.1, "a")), "finds 100% of wrong answers (92.9% to 100%); fewer than 10 labels of right"),
        (_errors((50, False, float("nan"), "a"), (50, True, float("nan"), "a")), "labels of right answers (0)"),
    ],
    ids=["no_labels", "few", "only_right", "only_wrong", "never_a_verdict"],
)
def test_a_judge_that_is_not_measured_says_so(errors: JudgeErrors | None, says: str) -> None:
    text = judge_sentence(errors.whole if errors else None)
    assert text.startswith("How often it is wrong is not measured yet: ")
    assert says in text
    assert text.endswith("Do not rely on it alone.")
    assert NOT_MEASURED in [value for _, value, _ in judge_facts(errors)]
    assert judge_json(errors)["is_measured"] is False


def test_segments_are_told_apart_and_only_those_that_are_measured_are_shown() -> None:
    values = {name: value for name, value, _ in judge_facts(MEASURED)}
    assert values["Right answers that the evaluators accept, segment a"] == "100%"
    assert "Right answers that the evaluators accept, segment b" not in values
    one = _errors((20, True, 0.9, "a"), (20, False, 0.1, "a"))
    assert len(judge_facts(one)) == 2


def test_a_segment_is_shown_as_text_and_their_number_is_bounded() -> None:
    errors = _errors(*((2, True, 0.9, f"<b>\n{number}") for number in range(40)))
    facts = judge_facts(errors)
    assert ("Further segments", "20", "not shown") in facts
    assert not any("\n" in name for name, _, _ in facts)


def test_labels_without_a_verdict_are_counted_apart() -> None:
    facts = judge_facts(_errors((12, True, 0.9, "a"), (12, False, 0.1, "a"), (3, True, float("nan"), "a")))
    assert facts[-1] == ("Labelled answers without a verdict", "3", "part of neither")


def test_the_page_of_accuracy_says_what_evaluators_are_worth_even_before_the_first_label() -> None:
    facts = accuracy_facts(None, COUNTS, waiting=3, judge=_errors()).facts
    assert [value for _, value, _ in facts] == [NOT_MEASURED, NOT_MEASURED]
    assert accuracy_facts(None, COUNTS, waiting=3).facts == ()
    document = accuracy_json((), COUNTS, waiting=0, judge=MEASURED)["evaluators"]
    assert document["is_measured"] is True
    assert document["sensitivity"]["value"] == pytest.approx(0.8)
    assert accuracy_json((), COUNTS, waiting=0)["evaluators"] is None


def test_bias_in_words() -> None:
    pair = [JudgedPair(straight=Verdict(word="first"), swapped=Verdict(word=word)) for word in ("first", "second")]
    bias = measure_bias(pairs=pair * 10, lengths=[float(n) for n in range(20)], scores=[n / 20 for n in range(20)])
    order, first, length = bias_sentences(bias)
    assert order.startswith("It changed its mind with the order in 50% of 20 pairs (")
    assert first == "In 100% of these it named whatever stood first."
    assert length.startswith("Its verdicts go with the length of answers by 1.00 (")
    assert length.endswith("Longer answers may also be better.")
    assert bias_sentences(measure_bias(pairs=[], lengths=[], scores=[])) == ()
