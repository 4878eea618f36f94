"""Truth labels that the records around them contradict."""

from __future__ import annotations

import random

import pandas as pd
import pytest

from many_classes import many_classes
from seamwatch.core.suspect_truths import FEWEST_RECORDS, explained_by_seams, suspect_truths
from seamwatch.vocabulary import DiscrepancyKind

QUEUES = ("billing", "technical", "sales", "fraud", "vip")
WORDS = {"billing": ("invoice", "refund"), "technical": ("crash", "login"), "sales": ("quote", "offer")}


def _window(n: int, *, accuracy: float, seed: int = 3) -> tuple[pd.DataFrame, pd.Series, pd.Series, set[int]]:
    """Return payloads, labels of which every fiftieth is wrong, answers of a model that errs at random, and which."""
    rng = random.Random(seed)
    rows, labels, answers, wrong = [], [], [], set()
    for key in range(n):
        topic, tier, amount = rng.choice(list(WORDS)), rng.choice("ABC"), rng.randrange(10, 1000)
        text = f"{rng.choice(WORDS[topic])} {rng.choice(('hello', 'thanks', 'please'))} {rng.randrange(1000)}"
        truth = "fraud" if amount > 800 else "vip" if tier == "C" and amount > 400 else topic
        others = [queue for queue in QUEUES if queue != truth]
        rows.append({"tier": tier, "amount": amount, "text": text})
        answers.append(truth if rng.random() < accuracy else rng.choice(others))
        labels.append(rng.choice(others) if key % 50 == 7 else truth)
        if key % 50 == 7 and answers[-1] == truth:
            wrong.add(key)
    return pd.DataFrame(rows), pd.Series(labels), pd.Series(answers), wrong


def _doubted(features: pd.DataFrame, labels: pd.Series, answers: pd.Series) -> set[int]:
    return set(suspect_truths(features, labels, answers, labels.index[labels != answers]).index)


@pytest.mark.parametrize("accuracy", [0.88, 0.97])
def test_wrong_labels_are_doubted_and_model_errors_are_not(accuracy: float) -> None:
    features, labels, answers, wrong = _window(1200, accuracy=accuracy)
    doubted = _doubted(features, labels, answers)
    assert len(doubted & wrong) >= 0.5 * len(wrong)
    assert len(doubted - wrong) <= 0.1 * len(doubted)


def test_a_large_window_is_learnt_from_a_part_of_it() -> None:
    features, labels, answers, wrong = _window(9000, accuracy=0.97)
    doubted = _doubted(features, labels, answers)
    assert len(doubted & wrong) >= 0.8 * len(wrong)


def test_labels_that_the_payload_does_not_tell_are_never_doubted() -> None:
    rng = random.Random(1)
    features = pd.DataFrame({"text": [f"w{rng.randrange(9)}" for _ in range(400)]})
    labels = pd.Series([rng.choice(QUEUES) for _ in range(400)])
    assert not _doubted(features, labels, labels.shift(1, fill_value="vip"))


def test_few_records_numbers_and_agreement_say_nothing() -> None:
    features, labels, answers, _ = _window(1200, accuracy=0.9)
    few = slice(0, FEWEST_RECORDS - 1)
    assert not _doubted(features.iloc[few], labels.iloc[few], answers.iloc[few])
    numbers = pd.Series(range(1200))
    assert not _doubted(features, numbers, numbers + 1)
    assert not _doubted(features, labels, labels)


def test_a_rule_that_the_payload_does_not_show_is_no_slip() -> None:
    features, _, answers, _ = _window(1200, accuracy=1.0)
    hidden = [key for key in answers.index[answers == "billing"] if key % 9 == 0]
    labels = answers.copy()
    labels[hidden] = "vip"  # say, a contract that only people know of
    assert len(hidden) > 10
    assert len(_doubted(features, labels, answers)) <= 3


@pytest.mark.parametrize(("accuracy", "share"), [(0.8, 0.3), (0.9, 0.5), (0.97, 0.5)])
def test_of_77_classes_of_texts_slips_are_doubted_and_hardly_a_right_label(accuracy: float, share: float) -> None:
    made = many_classes(1200, 77, accuracy=accuracy)
    doubted = _doubted(made.features, made.labels, made.answers)
    assert len(doubted & made.slips) >= share * len(made.slips)
    assert len(doubted - made.slips) <= 0.01 * len(made.labels)
    assert len(doubted - made.slips) <= 0.1 * len(doubted)


def test_classes_that_texts_do_not_tell_are_never_doubted() -> None:
    made = many_classes(1200, 5)
    rng = random.Random(2)
    shuffled = made.labels.sample(frac=1.0, random_state=3).reset_index(drop=True)
    answers = shuffled.where([rng.random() < 0.99 for _ in range(len(shuffled))], "card_late")
    assert not _doubted(made.features, shuffled, answers)


def test_answers_of_one_class_in_the_place_of_another_are_a_rule_and_no_slips() -> None:
    made = many_classes(1200, 9, accuracy=1.0, slip_share=0.0)
    labels = made.answers.replace({"card_lost": "card_late", "pin_lost": "pin_late"})
    assert (labels != made.answers).sum() >= 20
    assert not _doubted(made.features, labels, made.answers)


def test_failing_records_that_seams_explain_are_not_the_models_errors() -> None:
    made = many_classes(1200, 78)
    struck = pd.Index(range(0, 1200, 3))
    answers = made.answers.copy()
    answers[struck] = "no_queue"
    failing = made.labels.index[made.labels != answers]
    slips = made.slips - set(struck)
    without = set(suspect_truths(made.features, made.labels, answers, failing).index)
    doubted = set(suspect_truths(made.features, made.labels, answers, failing, explained=struck).index)
    assert len(doubted & slips) > len(without & slips)
    assert len(doubted & slips) >= 0.5 * len(slips)
    assert len(doubted - slips) <= 2
    assert not doubted & set(struck)


def test_a_seam_explains_what_it_changed_unless_right_records_differ_there_too() -> None:
    right, failing = pd.Index(range(100)), pd.Index(range(100, 110))
    lost = pd.DataFrame({"key": [100, 101, 3], "kind": DiscrepancyKind.VALUE})
    form = pd.DataFrame({"key": [102], "kind": DiscrepancyKind.FORMAT})
    usual = pd.DataFrame({"key": list(range(0, 110, 2)), "kind": DiscrepancyKind.VALUE})
    assert list(explained_by_seams([lost, form, usual], right, failing)) == [100, 101]
    assert list(explained_by_seams([], right, failing)) == []
