"""Which answers are drawn: the same each time, with probabilities that are what they are said to be."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seamwatch.core.review.sampling import draw_sample


def _candidates(n: int, *, doubtful: int = 0, prediction: float = 0.95) -> pd.DataFrame:
    frame = pd.DataFrame(
        {"prediction": prediction, "is_disputed": False, "is_failing": False, "is_new_segment": False},
        index=[f"r{number}" for number in range(n)],
    )
    frame.iloc[:doubtful, 0] = 0.5
    return frame


@settings(max_examples=60)
@given(
    n=st.integers(0, 300),
    size=st.floats(0.0, 80.0),
    share=st.floats(0.1, 1.0),
    doubtful=st.integers(0, 300),
    salt=st.text(max_size=5),
)
def test_a_sample_has_the_wanted_size_and_says_with_what_probability_each_was_drawn(
    n: int, size: float, share: float, doubtful: int, salt: str
) -> None:
    candidates = _candidates(n, doubtful=min(doubtful, n))
    sample = draw_sample(candidates, n=size, uniform_share=share, salt=salt).sample
    assert abs(len(sample) - min(size, n)) < 1.0 + 1e-6
    assert sample.index.is_unique
    assert sample.index.isin(candidates.index).all()
    assert ((sample["inclusion"] > 0.0) & (sample["inclusion"] <= 1.0)).all()
    again = draw_sample(candidates.sample(frac=1.0, random_state=1), n=size, uniform_share=share, salt=salt).sample
    pd.testing.assert_frame_equal(sample, again)


def test_records_are_drawn_as_often_as_is_said_and_what_is_weighted_back_is_not_biased() -> None:
    candidates = _candidates(200, doubtful=20)
    counts = pd.Series(0.0, index=candidates.index)
    stated: dict[str, float] = {}
    totals, uniform = [], pd.Series(0.0, index=candidates.index)
    for number in range(4_000):
        sample = draw_sample(candidates, n=10, uniform_share=0.5, salt=f"day {number}").sample
        counts[sample.index] += 1.0
        uniform[sample.index[sample["is_uniform"]]] += 1.0
        stated |= sample["inclusion"].to_dict()
        totals.append(float((1.0 / sample["inclusion"]).sum()))
    found = counts / 4_000
    assert np.allclose(found, pd.Series(stated).reindex(found.index), atol=0.025)
    assert np.mean(totals) == pytest.approx(200, rel=0.01)
    doubtful, others = found.iloc[:20], found.iloc[20:]
    assert doubtful.mean() > 1.5 * others.mean()
    assert (uniform / 4_000).to_numpy() == pytest.approx(0.025, abs=0.012)


def test_what_is_doubtful_is_said_and_more_is_drawn_of_it() -> None:
    candidates = _candidates(100)
    candidates.loc["r1", "is_disputed"] = True
    candidates.loc["r2", ["is_failing", "is_new_segment"]] = True
    candidates.loc["r3", "prediction"] = 0.4
    sample = draw_sample(candidates, n=99, uniform_share=0.1, salt="a").sample
    assert sample.loc["r1", "reasons"] == ("evaluators_disagree",)
    assert sample.loc["r2", "reasons"] == ("evaluator_failed", "new_segment")
    assert sample.loc["r3", "reasons"] == ("uncertain",)
    assert sample.loc["r1", "inclusion"] == 1.0


def test_without_any_prediction_all_have_the_same_chance() -> None:
    candidates = _candidates(50, prediction=float("nan"))
    sample = draw_sample(candidates, n=5, uniform_share=0.5, salt="a").sample
    assert sample["inclusion"].to_numpy() == pytest.approx(0.1)


def test_a_share_of_the_sample_is_for_two_people() -> None:
    sample = draw_sample(_candidates(2_000), n=1_000, uniform_share=1.0, overlap=0.1, salt="a").sample
    assert 70 <= int(sample["is_twice"].sum()) <= 130
