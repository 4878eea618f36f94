"""Reviewers who stand out are found and said; the others, and the careful one among few labels, are left in peace."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from seamwatch.core.accuracy.reviewers import ReviewerTrait, find_unlike_reviewers
from seamwatch.errors import DataContractError


def _said(reviewer: str, right: int, wrong: int, *, start: int = 0, stratum: str = "") -> pd.DataFrame:
    return pd.DataFrame(
        {
            "record": [f"{reviewer}/{number}" for number in range(start, start + right + wrong)],
            "reviewer": reviewer,
            "is_right": [True] * right + [False] * wrong,
            "stratum": stratum,
        }
    )


@pytest.mark.parametrize(
    ("parts", "expected"),
    [
        ((_said("ada", 80, 20), _said("bob", 82, 18), _said("cy", 100, 0)), ("cy", ReviewerTrait.SAYS_RIGHT_TO_ALL)),
        ((_said("ada", 80, 20), _said("bob", 82, 18), _said("cy", 0, 60)), ("cy", ReviewerTrait.SAYS_WRONG_TO_ALL)),
        ((_said("ada", 80, 20), _said("bob", 85, 15), _said("cy", 40, 60)), ("cy", ReviewerTrait.MORE_OFTEN_WRONG)),
        ((_said("ada", 50, 50), _said("bob", 45, 55), _said("cy", 90, 10)), ("cy", ReviewerTrait.MORE_OFTEN_RIGHT)),
    ],
    ids=["yes to all", "no to all", "stricter", "milder"],
)
def test_the_one_who_stands_out_is_named_first(
    parts: tuple[pd.DataFrame, ...], expected: tuple[str, ReviewerTrait]
) -> None:
    found = find_unlike_reviewers(pd.concat(parts))
    assert (found[0].reviewer, found[0].trait) == expected
    assert found[0].p_value < 0.01
    assert found[0].n == int((pd.concat(parts)["reviewer"] == "cy").sum())


@pytest.mark.parametrize(
    "opinions",
    [
        _said("ada", 100, 0),
        pd.concat([_said("ada", 98, 2), _said("bob", 100, 0)]),
        pd.concat([_said("ada", 70, 30), _said("bob", 9, 0)]),
        _said("ada", 0, 0),
    ],
    ids=["one reviewer", "nearly all are right", "too few labels", "nobody"],
)
def test_nobody_stands_out(opinions: pd.DataFrame) -> None:
    assert find_unlike_reviewers(opinions) == ()


def test_who_judges_the_hard_segment_is_not_blamed_for_it() -> None:
    parts = [
        _said("ada", 95, 5, stratum="easy"),
        _said("bob", 45, 5, stratum="easy"),
        _said("bob", 10, 10, start=100, stratum="hard"),
        _said("cy", 50, 50, stratum="hard"),
    ]
    assert find_unlike_reviewers(pd.concat(parts)) == ()
    without = pd.concat(parts).drop(columns="stratum")
    assert {one.reviewer for one in find_unlike_reviewers(without)} >= {"ada", "cy"}


def test_who_differs_on_the_same_answers_is_named() -> None:
    rng = np.random.default_rng(2)
    truth = rng.random(60) < 0.5
    said = {"ada": truth, "bob": truth, "cy": np.where(rng.random(60) < 0.4, ~truth, truth)}
    opinions = pd.concat(
        [pd.DataFrame({"record": range(60), "reviewer": name, "is_right": values}) for name, values in said.items()]
    )
    found = [one for one in find_unlike_reviewers(opinions) if one.trait is ReviewerTrait.DISAGREES]
    assert found[0].reviewer == "cy"
    assert found[0].others == 0.0
    assert found[0].share == pytest.approx(float((said["cy"] != truth).mean()))


def test_opinions_of_nothing_are_left_out_and_mistakes_are_said() -> None:
    opinions = pd.concat([_said("ada", 30, 10), _said("bob", 28, 12)]).astype({"is_right": object})
    opinions.iloc[0, 2] = None
    assert find_unlike_reviewers(opinions) == ()
    with pytest.raises(DataContractError, match="two opinions"):
        find_unlike_reviewers(pd.concat([opinions, opinions]))
    with pytest.raises(DataContractError, match="is_right"):
        find_unlike_reviewers(opinions.drop(columns="is_right"))


def test_a_team_that_judges_alike_is_hardly_ever_accused() -> None:
    rng = np.random.default_rng(4)
    accused = 0
    for _ in range(50):
        parts = [_said(name, int(n := rng.binomial(60, 0.85)), 60 - int(n)) for name in ("ada", "bob", "cy", "dee")]
        accused += bool(find_unlike_reviewers(pd.concat(parts)))
    assert accused <= 2
