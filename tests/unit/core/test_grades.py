"""Grades of verdicts: what is counted, what the sample tells of the rest, and when a stated confidence is corrected."""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seamwatch.core.grade_estimates import grades, hypergeometric_bounds
from seamwatch.core.grades import Grade, JudgedVerdict, NotGraded, correction_for
from seamwatch.vocabulary import Responsibility

MODEL, PROVIDER = Responsibility.MODEL, Responsibility.PROVIDER


def verdicts(n: int, **what: Any) -> list[JudgedVerdict]:
    known: dict[str, Any] = {"responsibility": MODEL, "stated": 0.95, **what}
    return [JudgedVerdict(incident=f"i-{n}-{at}-{sorted(what.items())}", **known) for at in range(n)]


def whole(*parts: list[JudgedVerdict]) -> Grade:
    return grades([one for part in parts for one in part])[0]


ASKED = {"had_chance": True, "probability": 0.25}
RIGHT, WRONG = {"by_people": True}, {"by_people": False}


def test_where_nobody_knows_of_any_verdict_the_grade_says_nothing() -> None:
    (grade,) = grades([])
    assert (grade.n_verdicts, grade.precision, grade.low, grade.high, grade.stated) == (0, None, 0.0, 1.0, None)
    asked_nobody = whole(verdicts(40))
    assert (asked_nobody.precision, asked_nobody.low, asked_nobody.high) == (None, 0.0, 1.0)
    assert (asked_nobody.is_overconfident, asked_nobody.factor) == (False, 1.0)


def test_what_people_say_unasked_is_never_taken_for_the_rest() -> None:
    grade = whole(verdicts(8, **WRONG), verdicts(2, **RIGHT), verdicts(90))
    assert (grade.n_called_wrong, grade.n_called_right) == (8, 2)
    assert grade.precision is None
    assert (grade.low, grade.high) == (0.02, 0.92)


def test_a_census_has_no_error() -> None:
    grade = whole(verdicts(3, by_fix=True), verdicts(1, by_fix=False), verdicts(5, **RIGHT), verdicts(1, **WRONG))
    assert (grade.n_confirmed, grade.n_refuted, grade.n_called_right, grade.n_called_wrong) == (3, 1, 5, 1)
    assert (grade.precision, grade.low, grade.high) == (0.8, 0.8, 0.8)


def test_the_sample_speaks_for_the_verdicts_that_nobody_spoke_of() -> None:
    rest = [*verdicts(18, **ASKED, **RIGHT), *verdicts(2, **ASKED, **WRONG), *verdicts(60, had_chance=True)]
    grade = whole(verdicts(20, **WRONG), rest)
    low, high = hypergeometric_bounds(18, 20, 80)
    assert grade.precision == pytest.approx(0.9 * 80 / 100)
    assert (grade.low, grade.high) == (low / 100, high / 100)
    assert (grade.n_sampled, grade.n_sample_open) == (20, 0)


def test_words_after_the_draw_bound_the_interval_and_are_no_part_of_the_sample() -> None:
    asked = verdicts(10, **ASKED, **RIGHT)
    quiet = whole(asked, verdicts(30, had_chance=True))
    spoken = whole(asked, verdicts(25, had_chance=True), verdicts(5, had_chance=True, **WRONG))
    assert quiet.precision == 1.0
    assert spoken.precision == spoken.high == 35 / 40
    assert quiet.low == spoken.low < spoken.high


def test_verdicts_that_had_no_chance_may_be_all_wrong_or_all_right() -> None:
    asked = verdicts(10, had_chance=True, probability=1.0, by_people=True)
    grade = whole(asked, verdicts(10))
    assert (grade.precision, grade.low, grade.high) == (1.0, 0.5, 1.0)


def test_who_was_not_answered_is_counted_and_taken_to_be_as_the_others() -> None:
    grade = whole(verdicts(16, **ASKED, **RIGHT), verdicts(4, **ASKED), verdicts(60, had_chance=True))
    assert (grade.n_sampled, grade.n_sample_open, grade.precision) == (20, 4, 1.0)
    assert grade.low == hypergeometric_bounds(16, 16, 80)[0] / 80


def test_a_verdict_that_was_likelier_to_be_drawn_counts_for_less() -> None:
    often = {"had_chance": True, "probability": 0.8}
    seldom = {"had_chance": True, "probability": 0.2}
    grade = whole(verdicts(8, **often, **RIGHT), verdicts(2, **seldom, **WRONG), verdicts(10, had_chance=True))
    assert grade.precision == pytest.approx(10 / 20)


def test_people_count_more_than_fixes_and_contradictions_are_counted() -> None:
    disputed = verdicts(1, by_people=False, by_fix=True, is_disputed=True)
    grade = whole(disputed, verdicts(3, by_fix=True))
    assert (grade.n_called_wrong, grade.n_confirmed, grade.n_disputed, grade.precision) == (1, 3, 1, 0.75)
    assert (grade.n_judged, grade.n_right) == (4, 3)


def test_each_responsibility_has_its_own_grade_and_what_names_nobody_is_counted_apart() -> None:
    found = grades(
        [*verdicts(3, **RIGHT), *verdicts(1, responsibility=PROVIDER, **WRONG)],
        [NotGraded.VOID, NotGraded.NAMES_NOBODY, NotGraded.NAMES_NOBODY],
    )
    assert [(one.responsibility, one.precision) for one in found] == [(None, 0.75), (MODEL, 1.0), (PROVIDER, 0.0)]
    assert [(one.n_names_nobody, one.n_void) for one in found] == [(2, 1), (0, 0), (0, 0)]


def test_confidence_is_corrected_only_where_even_the_upper_end_is_below_it() -> None:
    exact = {"had_chance": True, "probability": 1.0}
    within = grades([*verdicts(94, **exact, **RIGHT), *verdicts(6, **exact, **WRONG)])
    assert within[1].is_overconfident is False
    assert correction_for(within, MODEL) is None
    below = grades([*verdicts(90, **exact, **RIGHT), *verdicts(10, **exact, **WRONG)])
    assert below[1].is_overconfident is True
    found = correction_for(below, MODEL)
    assert found is not None
    assert found.corrected(0.95) == pytest.approx(0.9)
    assert (found.responsibility, found.n_judged, found.n_right) == (MODEL, 100, 90)
    under = grades(verdicts(50, stated=0.6, **exact, **RIGHT))
    assert (under[1].factor, correction_for(under, MODEL)) == (1.0, None)


def test_of_a_responsibility_with_few_verdicts_those_of_all_speak() -> None:
    many = [*verdicts(70, **RIGHT), *verdicts(30, **WRONG)]
    few = verdicts(3, responsibility=PROVIDER, **WRONG)
    found = correction_for(grades([*many, *few]), PROVIDER)
    assert found is not None
    assert found.responsibility is None
    assert found.factor == pytest.approx(70 / 103 / 0.95)
    assert correction_for(grades(few), PROVIDER) is None
    assert correction_for((), MODEL) is None


def test_bounds_of_a_small_urn_are_those_of_all_its_samples() -> None:
    """Count, over every sample of every urn of six, how often the interval misses: never above 5 %."""
    for n_right in range(7):
        urn = [at < n_right for at in range(6)]
        for size in range(1, 7):
            drawn = [sum(sample) for sample in combinations(urn, size)]
            missed = sum(not low <= n_right <= high for low, high in (hypergeometric_bounds(k, size, 6) for k in drawn))
            assert missed / len(drawn) <= 0.05
            assert hypergeometric_bounds(n_right, 6, 6) == (n_right, n_right)


@st.composite
def _judged(draw: st.DrawFn) -> list[JudgedVerdict]:
    one = st.builds(
        JudgedVerdict,
        incident=st.uuids().map(str),
        responsibility=st.sampled_from([MODEL, PROVIDER, Responsibility.INTEGRATION]),
        stated=st.floats(0.0, 1.0),
        by_people=st.sampled_from([True, False, None]),
        by_fix=st.sampled_from([True, False, None, None]),
        had_chance=st.booleans(),
        probability=st.none(),
    )
    found = draw(st.lists(one, max_size=30))
    sampled = draw(st.lists(st.none() | st.floats(0.01, 1.0), min_size=len(found), max_size=len(found)))
    return [replace(v, probability=p if v.had_chance else None) for v, p in zip(found, sampled, strict=True)]


@given(_judged())
def test_any_grade_holds_together(judged: list[JudgedVerdict]) -> None:
    for grade in grades(judged):
        mine = [one for one in judged if grade.responsibility in (None, one.responsibility)]
        assert grade.n_verdicts == len(mine)
        assert 0.0 <= grade.low <= grade.high <= 1.0
        assert grade.precision is None or grade.low - 1e-12 <= grade.precision <= grade.high + 1e-12
        assert 0.0 <= grade.factor <= 1.0
        assert grade.n_judged == sum(one.is_right is not None for one in mine)
        if mine:
            # Whatever the unknown ones are, what is known stays inside.
            assert grade.low >= sum(one.is_right is True for one in mine) / len(mine) - 1e-12
            assert grade.high <= 1 - sum(one.is_right is False for one in mine) / len(mine) + 1e-12


@given(_judged(), st.randoms())
def test_the_order_of_verdicts_changes_no_count_and_no_bound(judged: list[JudgedVerdict], random: Any) -> None:
    mixed = list(judged)
    random.shuffle(mixed)
    for one, other in zip(grades(judged), grades(mixed), strict=True):
        assert (one.low, one.high, one.n_judged) == (other.low, other.high, other.n_judged)
        assert one.precision == pytest.approx(other.precision)
