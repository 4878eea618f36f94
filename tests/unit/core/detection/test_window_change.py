"""Healthy rates, the two tests of a change, and how often they are wrong."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from healthy_windows import LOOKS, STRAY, delay, false_incidents, model
from seamwatch.core.detection.beta_binomial import log_beta_binomial
from seamwatch.core.detection.window_change import (
    FALSE_INCIDENTS,
    MIN_RECORDS,
    SEAM_SLACK,
    SPENT_BY_PART,
    Budget,
    Prior,
    Series,
    fault_ratio,
    fit_healthy,
    read_history,
    tail_probability,
    weigh,
)
from seamwatch.vocabulary import Responsibility
from stray_windows import N_SEAMS, false_incident_rate

START = datetime(2026, 1, 5, tzinfo=UTC)
MODEL, INTEGRATION = Responsibility.MODEL, Responsibility.INTEGRATION


def _series(failing: list[int], judged: list[int], sick: frozenset[int] = frozenset()) -> Series:
    return Series(
        failing=np.array(failing, dtype=float),
        judged=np.array(judged, dtype=float),
        is_healthy=np.array([number not in sick for number in range(len(judged))]),
    )


@pytest.mark.parametrize(("mean", "spread"), [(0.05, 0.01), (0.3, 0.1), (0.002, 0.001)])
def test_the_beta_binomial_is_scipys(mean: float, spread: float) -> None:
    counts = np.arange(0.0, 51.0)
    a, b = mean * (1 / spread - 1), (1 - mean) * (1 / spread - 1)
    ours = log_beta_binomial(counts, 50.0, np.array(mean), np.array(spread))
    assert ours == pytest.approx(stats.betabinom.logpmf(counts, 50, a, b), abs=1e-8)


def test_without_spread_it_is_the_binomial() -> None:
    counts = np.arange(0.0, 401.0)
    ours = log_beta_binomial(counts, 400.0, np.array(0.05), np.array(1e-7))
    assert np.exp(ours) == pytest.approx(stats.binom.pmf(counts, 400, 0.05), abs=1e-5)


def test_a_healthy_rate_moves_from_the_prior_to_the_windows_as_they_weigh() -> None:
    prior = Prior(rate=0.05, records=1000)
    nothing = fit_healthy(np.zeros(0), np.zeros(0), prior)
    half = fit_healthy(np.full(10, 10.0), np.full(10, 100.0), prior)
    much = fit_healthy(np.full(200, 10.0), np.full(200, 100.0), prior)
    assert nothing.expected == pytest.approx(0.05)
    assert half.expected == pytest.approx(0.075, abs=0.003)
    assert much.expected == pytest.approx(0.1, abs=0.003)


def test_the_rate_of_a_seam_is_never_learnt_to_be_nothing() -> None:
    assert fit_healthy(np.zeros(300), np.full(300, 400.0), STRAY).expected == pytest.approx(STRAY.least)


def test_the_spread_of_windows_is_learnt() -> None:
    rng = np.random.default_rng(1)
    prior = Prior(rate=0.1, records=1000)
    calm = fit_healthy(rng.binomial(400, 0.1, 60).astype(float), np.full(60, 400.0), prior)
    shares = rng.beta(0.1 * 99, 0.9 * 99, 60)
    wild = fit_healthy(rng.binomial(400, shares).astype(float), np.full(60, 400.0), prior)
    assert calm.weight @ calm.spread < 0.002
    assert 0.005 < wild.weight @ wild.spread < 0.03
    assert tail_probability(wild, 60, np.array([400.0])) > 100 * tail_probability(calm, 60, np.array([400.0]))


@given(st.integers(1, 500), st.floats(0.001, 0.9), st.integers(0, 40))
@settings(deadline=None)
def test_a_tail_is_a_probability_and_falls_with_the_count(n: int, rate: float, n_windows: int) -> None:
    healthy = fit_healthy(np.full(n_windows, 5.0), np.full(n_windows, 100.0), Prior(rate=rate, records=1000))
    tails = [tail_probability(healthy, float(count), np.array([float(n)])) for count in range(0, n + 1, max(1, n // 7))]
    assert tails[0] == 1.0
    assert all(0 <= later <= earlier + 1e-9 for earlier, later in pairwise(tails))


@given(st.integers(1, 300), st.floats(0.001, 0.5))
@settings(deadline=None, max_examples=30)
def test_the_ratio_is_an_e_value_its_mean_in_healthy_windows_is_one(n: int, rate: float) -> None:
    healthy = fit_healthy(np.zeros(0), np.zeros(0), Prior(rate=rate, records=1000))
    total = np.array([float(n)])
    ratios = np.array([fault_ratio(healthy, float(count), total) for count in range(n + 1)])
    tails = np.array([tail_probability(healthy, float(count), total) for count in range(n + 1)])
    probabilities = tails - np.append(tails[1:], 0.0)
    assert float(probabilities @ ratios) == pytest.approx(1.0, abs=0.01)


def test_windows_that_were_an_incident_teach_nothing() -> None:
    failing, judged = [5] * 20 + [60] * 20 + [60], [100] * 41
    naive = weigh(_series(failing, judged), Prior(rate=0.05, records=1000))
    taught = weigh(_series(failing, judged, frozenset(range(20, 40))), Prior(rate=0.05, records=1000))
    assert taught.expected == pytest.approx(0.05, abs=0.005)
    assert naive.expected > 0.1
    assert taught.p_value < 1e-20


def test_a_run_that_is_healthy_again_is_over() -> None:
    prior = Prior(rate=0.002, records=1000, least=0.002)
    struck = [0] * 20 + [4] * 8
    assert weigh(_series([*struck, 3], [100] * 29), prior).e_value > 1e6
    assert weigh(_series([*struck, 0, 0], [100] * 30), prior).e_value == 0.0


def test_an_empty_window_is_no_evidence() -> None:
    found = weigh(_series([0, 0], [100, 0]), STRAY)
    assert found.p_value == 1.0
    assert found.e_value < 1.5


def test_history_counts_a_record_once_and_keeps_what_was_an_incident() -> None:
    def row(day: int, days: int, who: str | None, n: int | None, is_change: bool | None) -> dict[str, object]:
        start = START + timedelta(days=day)
        return {
            "window_start": start, "window_end": start + timedelta(days=days), "n_judged": 100, "n_failing": 0,
            "responsibility": who, "stage": "s" if who else None, "n_records": n, "is_change": is_change,
            "fields": ["a"], "pattern": None,
        }  # fmt: skip

    rows = pd.DataFrame(
        [
            row(0, 1, None, None, None),
            row(1, 1, "integration", 4, False),
            row(1, 1, "model", 6, False),
            row(2, 1, "integration", 40, True),
            row(2, 2, "integration", 44, True),
        ]
    )
    history = read_history(rows)
    assert [(window.start.day, window.end.day) for window in history] == [(5, 6), (6, 7), (7, 9)]
    assert history[0].counts == {}
    assert history[1].counts == {(INTEGRATION, "s"): 4, (MODEL, "s"): 6}
    assert history[2].changes == {(INTEGRATION, "s"): (frozenset("a"), None)}
    assert read_history(rows.iloc[:0]) == ()


def test_the_budget_is_spent_once_over_the_parts_of_a_window() -> None:
    assert sum(spent for _, spent in SPENT_BY_PART) == 1.0
    assert [least for least, _ in SPENT_BY_PART] == sorted((least for least, _ in SPENT_BY_PART), reverse=True)


@pytest.mark.parametrize("accuracy", [0.7, 0.9, 0.98])
def test_healthy_windows_looked_at_again_and_again_are_no_incident(accuracy: float) -> None:
    # The budget is one in 1,000; two of 150 would be thirteen times that.
    rng = np.random.default_rng(11)
    assert false_incidents(rng, accuracy=accuracy, n_windows=150, n_records=100, looks=LOOKS, n_seams=2) <= 1


def test_a_fault_in_two_of_a_hundred_records_is_found_within_ten_windows() -> None:
    rng = np.random.default_rng(5)
    found = [delay(rng, prior=STRAY, struck=0.02, n_records=100, most=20) for _ in range(15)]
    assert sorted(20.5 if one is None else one for one in found)[7] <= 8
    assert sum(one is not None and one <= 10 for one in found) >= 12


def test_a_strong_fault_is_found_in_its_first_window() -> None:
    rng = np.random.default_rng(6)
    assert [delay(rng, prior=STRAY, struck=0.2, n_records=100, n_before=0) for _ in range(10)] == [1] * 10
    assert [delay(rng, prior=model(0.94), struck=0.2, n_records=400, n_before=0) for _ in range(10)] == [1] * 10
    assert MIN_RECORDS == 3


@given(
    count=st.integers(min_value=1, max_value=20),
    n_judged=st.integers(min_value=100, max_value=1000),
    n_before=st.integers(min_value=1, max_value=40),
)
def test_windows_without_a_stray_record_never_hide_a_fault(count: int, n_judged: int, n_before: int) -> None:
    """At the least rate they fitted windows that differ better than windows that are alike, and a fault passed."""
    alone = weigh(_series([count], [n_judged]), STRAY)
    after = weigh(_series([*[0] * n_before, count], [n_judged] * (n_before + 1)), STRAY)
    # Where either is a change, below a seam's part of the budget, the doubt how much windows differ may weigh a little.
    assert after.p_value <= 1.05 * max(alone.p_value, SEAM_SLACK * Budget(n_candidates=20).p_alone)
    assert after.expected <= alone.expected


def test_ten_windows_without_a_stray_record_make_a_small_fault_telling() -> None:
    alone, after = weigh(_series([9], [856]), STRAY), weigh(_series([*[0] * 10, 9], [850] * 10 + [856]), STRAY)
    assert after.p_value < alone.p_value / 10
    assert after.expected >= STRAY.least


@pytest.mark.parametrize(("n_before", "season"), [(0, 0.0), (0, 0.9), (10, 0.0)])
def test_the_seams_of_a_healthy_pipeline_keep_to_the_budget(n_before: int, season: float) -> None:
    rate = false_incident_rate(
        np.random.default_rng(5), n_records=300, n_before=n_before, season=season, n_drawn=500, looks=(0.7, 1.0)
    )
    assert N_SEAMS * rate < FALSE_INCIDENTS
