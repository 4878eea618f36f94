"""Probabilities of classes, from the records around one."""

from __future__ import annotations

import numpy as np
import pandas as pd
from hypothesis import given, settings
from hypothesis import strategies as st

from many_classes import many_classes
from seamwatch.core.label_probabilities import text_probabilities


def test_a_records_own_label_says_nothing_about_it() -> None:
    made = many_classes(300, 4, slip_share=0.0)
    everyone = np.ones(len(made.labels), dtype=bool)
    found = text_probabilities(made.features, made.labels, everyone)
    assert found is not None
    changed = made.labels.copy()
    changed[7] = made.labels[8]
    again = text_probabilities(made.features, changed, everyone)
    assert again is not None
    place = list(found.classes).index(made.labels[7])
    assert np.argsort(found.values[7])[-1] == np.argsort(again.values[7])[-1]
    assert abs(found.values[7, place] - again.values[7, place]) < 0.15


def test_what_is_left_out_is_what_a_fit_without_the_record_would_say() -> None:
    made = many_classes(250, 6)
    learnt = np.ones(len(made.labels), dtype=bool)
    together = text_probabilities(made.features, made.labels, learnt)
    learnt[11] = False
    apart = text_probabilities(made.features, made.labels, learnt)
    assert together is not None
    assert apart is not None
    assert together.classes == apart.classes
    assert np.abs(together.values[11] - apart.values[11]).max() < 0.02


def test_names_codes_and_numbers_are_no_texts() -> None:
    n = 200
    features = pd.DataFrame(
        {
            "amount": range(n),
            "id": [f"ID{number}" for number in range(n)],
            "mail": [f"anna.lee{number}@example.org" for number in range(n)],
        }
    )
    labels = pd.Series(["a", "b"] * (n // 2))
    assert text_probabilities(features, labels, np.ones(n, dtype=bool)) is None


@settings(max_examples=25, deadline=None)
@given(st.lists(st.tuples(st.text(min_size=1, max_size=40), st.sampled_from("abc")), min_size=45, max_size=60))
def test_rows_add_up_to_one_whatever_the_texts_say(rows: list[tuple[str, str]]) -> None:
    features = pd.DataFrame({"text": [f"{text} number {at}" for at, (text, _) in enumerate(rows)]})
    labels = pd.Series([label for _, label in rows])
    found = text_probabilities(features, labels, np.ones(len(rows), dtype=bool))
    assert found is not None
    assert found.values.shape == (len(rows), labels.nunique())
    assert np.allclose(found.values.sum(axis=1), 1.0)
    assert (found.values > 0.0).all()
