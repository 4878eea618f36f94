"""Today's benchmark results against the baseline's on the same inputs."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seamwatch.core.benchmark import BenchmarkResult, Comparison, compare_results
from seamwatch.core.detection.rates import holm, worse_p_value
from seamwatch.core.isolation import split_calls


def _run(
    rights: list[bool], *, answers: str = "", twice: list[str] | None = None, model: str = "m-1"
) -> list[BenchmarkResult]:
    return [
        BenchmarkResult(
            key=str(number),
            is_right=is_right,
            answer=answers or ("right" if is_right else "wrong"),
            again=twice[number] if twice and number < len(twice) else None,
            model=model,
        )
        for number, is_right in enumerate(rights)
    ]


def _compared(today: list[BenchmarkResult], baseline: list[BenchmarkResult], **segments: dict[str, str]) -> Comparison:
    found = compare_results(today, baseline, segments)
    assert found is not None
    return found


def test_the_exact_paired_test_is_a_sign_test_on_what_changed() -> None:
    # 10 pairs differ, 9 of them for the worse: (10 + 1) / 2^10.
    assert worse_p_value(9, 1) == pytest.approx(11 / 1024)
    assert worse_p_value(0, 0) == 1.0
    assert worse_p_value(1, 9) > 0.99


def test_holm_adjusts_as_in_the_paper() -> None:
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([]) == []


@given(st.lists(st.floats(0, 1), max_size=8))
def test_adjusting_never_makes_a_p_value_smaller_and_keeps_the_order(p_values: list[float]) -> None:
    adjusted = holm(p_values)
    assert all(p <= a <= 1 for p, a in zip(p_values, adjusted, strict=True))
    assert sorted(range(len(p_values)), key=lambda k: (p_values[k], adjusted[k])) == sorted(
        range(len(p_values)), key=lambda k: (adjusted[k], p_values[k])
    )


def test_a_model_that_lost_inputs_it_had_right_is_degraded() -> None:
    before = _run([True] * 94 + [False] * 6)
    today = _run([False] * 9 + [True] * 86 + [False] * 5)
    found = _compared(today, before)
    assert (found.n_paired, found.n_worse, found.n_better) == (100, 9, 1)
    assert found.standing == "as_before"
    worse = _compared(_run([False] * 14 + [True] * 81 + [False] * 5), before)
    assert worse.standing == "degraded"


def test_a_loss_in_one_segment_is_found_there() -> None:
    rights = [True] * 400
    today = [not 0 <= number < 14 for number in range(400)]
    # Elsewhere chance turned inputs both ways, so that the whole hides it.
    before = [not 100 <= number < 112 for number in range(400)]
    today = [now and not 200 <= number < 206 for number, now in enumerate(today)]
    tiers = {str(number): "gold" if number < 40 else "basic" for number in range(len(rights))}
    found = _compared(_run(today), _run(before), **{"crm.tier": tiers})
    assert found.p_paired > 0.01
    assert (found.segments[0].segment, found.segments[0].value) == ("crm.tier", "gold")
    assert (found.segments[0].n, found.segments[0].n_right, found.segments[0].n_right_before) == (40, 26, 40)
    assert found.standing == "degraded"


def test_another_models_name_is_a_change_though_it_is_as_good() -> None:
    found = _compared(_run([True] * 50, model="m-2"), _run([True] * 50))
    assert (found.model_before, found.model_now, found.model_changed) == ("m-1", "m-2", True)
    assert found.standing == "changed"


def test_answers_that_differ_more_than_the_model_differs_from_itself_are_a_change() -> None:
    before = _run([True] * 100, answers="a", twice=["a"] * 20)
    today = [
        BenchmarkResult(key=one.key, is_right=True, answer="b" if int(one.key) < 30 else "a", again=None, model="m-1")
        for one in before
    ]
    assert _compared(today, before).standing == "changed"
    assert _compared(before, before).standing == "as_before"
    # The same without second answers: it cannot be told from chance.
    once = _run([True] * 100, answers="a")
    assert _compared(today, once).standing == "as_before"


def test_a_model_that_differs_from_itself_as_much_is_unstable_not_changed() -> None:
    rng = random.Random(1)

    def day() -> list[BenchmarkResult]:
        return [
            BenchmarkResult(
                key=str(number),
                is_right=rng.random() < 0.9,
                answer=rng.choice("aaab"),
                again=rng.choice("aaab") if number < 30 else None,
                model="m-1",
            )
            for number in range(150)
        ]

    findings = [_compared(day(), day()).standing for _ in range(200)]
    assert findings.count("unstable") >= 190
    assert findings.count("degraded") <= 6


def test_without_common_inputs_there_is_nothing_to_compare() -> None:
    assert compare_results(_run([True]), [], {}) is None
    unanswered = [BenchmarkResult(key="0", is_right=None, answer=None)]
    assert compare_results(unanswered, _run([True]), {}) is None


@given(st.integers(0, 1000), st.integers(1, 4))
def test_second_answers_are_paid_for_within_the_calls_and_for_a_fifth_at_most(size: int, n_models: int) -> None:
    n_once, n_again = split_calls(size, n_models)
    assert size - n_models < (n_once + n_again) * n_models <= size
    assert n_again * 5 <= n_once
