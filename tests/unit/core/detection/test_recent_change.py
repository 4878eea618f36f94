"""A fault that began inside a window too wide to show it: found by the window's last parts."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from healthy_windows import CAUSE, DAY, STRAY, Judge, false_incidents, found_in_last_quarter, model
from seamwatch.core.attribution.causes import BaseRates, find_causes, is_failing_rate_change
from seamwatch.core.detection.recent_change import (
    LAST_PARTS,
    N_PARTS,
    Parts,
    count_parts,
    part_of,
    start_of_last,
    weigh_window,
)
from seamwatch.core.detection.window_change import FALSE_INCIDENTS, NO_MARK, Budget, Prior, WindowCount
from seamwatch.core.finding import Finding
from seamwatch.core.results import Verdict, Window
from seamwatch.vocabulary import Responsibility

START = datetime(2026, 1, 5, tzinfo=UTC)
WINDOW = Window(start=START, end=START + timedelta(hours=48))
ONSET = WINDOW.end - timedelta(hours=12)
BASE = BaseRates(accuracy=0.8)


def _times(n: int, window: Window = WINDOW) -> pd.Series[Any]:
    step = (window.end - window.start) / n
    return pd.Series([window.start + step * k for k in range(n)], index=[str(k) for k in range(n)])


def _wrong(n: int, before: int, since: int) -> list[str]:
    """Return keys of failing records: every `before`-th one, and every `since`-th one of the last quarter."""
    return [str(k) for k in range(n) if k % (since if k >= 0.75 * n else before) == 0]


def _find(keys: list[str], n: int, base: BaseRates = BASE, window: Window | None = WINDOW) -> Finding:
    verdicts = [
        Verdict(key=key, responsibility=Responsibility.MODEL, stage="m", confidence=0.9, explanation="because")
        for key in keys
    ]
    (cause,) = find_causes(verdicts, _times(n), n_judged=n, base=base, budget=Budget(n_candidates=9), window=window)
    return cause


def test_a_fault_of_the_last_quarter_is_a_change_since_then_though_the_window_is_none() -> None:
    keys = _wrong(400, before=6, since=2)
    whole, cause = _find(keys, 400, window=None), _find(keys, 400)
    assert not whole.is_change
    assert whole.rate.p_value > 0.001
    assert cause.is_change
    assert cause.rate.since is not None
    assert abs(cause.rate.since - ONSET) <= timedelta(hours=4)
    assert cause.onset is not None
    assert abs(cause.onset - ONSET) <= timedelta(hours=4)
    assert cause.rate.n_since > 2 * cause.rate.n_expected_since
    assert sum(cause.rate.n_by_part) == cause.n_records == len(keys)


def test_a_model_that_is_worse_than_its_baseline_all_window_long_is_no_change_of_its_last_part() -> None:
    cause = _find([str(k) for k in range(0, 400, 2)], 400)
    assert cause.is_change
    assert cause.rate.since is None


def test_the_failing_rate_of_a_last_part_is_known_before_any_cause() -> None:
    spans = part_of(_times(400), WINDOW.start, WINDOW.end)
    keys = _wrong(400, before=6, since=2)
    parts = Parts(
        length=WINDOW.end - WINDOW.start,
        judged=count_parts(spans),
        failing=count_parts(spans, pd.Series(1.0, index=keys)),
    )
    given_it = {"n_judged": 400, "base": BASE, "budget": Budget(n_candidates=9)}
    assert is_failing_rate_change(len(keys), **given_it, parts=parts)
    assert not is_failing_rate_change(len(keys), **given_it)


@pytest.mark.parametrize(
    ("prior", "n_records", "struck", "least"),
    [(model(0.94), 400, 0.2, 0.15), (model(0.8), 400, 0.5, 0.25), (model(0.94), 100, 0.5, 0.25)],
)
def test_faults_of_the_last_quarter_are_found_far_more_often(
    prior: Prior, n_records: int, struck: float, least: float
) -> None:
    def share(*, is_whole_only: bool) -> float:
        rng = np.random.default_rng(5)
        found = found_in_last_quarter(
            rng, prior=prior, struck=struck, n_records=n_records, n_windows=150, is_whole_only=is_whole_only
        )
        return found / 150

    assert share(is_whole_only=False) >= share(is_whole_only=True) + least


def test_a_seam_is_found_no_less_often() -> None:
    found = [
        found_in_last_quarter(
            np.random.default_rng(6), prior=STRAY, struck=0.2, n_records=100, n_windows=100, is_whole_only=whole
        )
        for whole in (True, False)
    ]
    assert found[1] >= found[0] > 50


@pytest.mark.parametrize(
    ("season", "spread"), [(0.0, 0.0), (0.5, 0.0), (0.0, 0.003)], ids=["alike", "hours differ", "windows differ"]
)
@pytest.mark.parametrize("accuracy", [0.8, 0.94])
def test_healthy_windows_are_no_incident(accuracy: float, season: float, spread: float) -> None:
    n = false_incidents(
        np.random.default_rng(7),
        accuracy=accuracy,
        n_windows=150,
        n_records=400,
        n_seams=1,
        looks=(1.0,),
        season=season,
        spread=spread,
    )
    assert n <= 1


def test_an_hour_that_is_always_bad_is_learnt_though_it_was_called_an_incident_at_first() -> None:
    judge, rng = Judge(model(0.94)), np.random.default_rng(8)
    rate = np.where(np.arange(600) >= 500, 0.3, 0.012)  # six in a hundred over the day, nearly all at night
    found = [judge.live((rng.random(600) < rate).tolist()) for _ in range(25)]
    assert found[0]
    assert sum(found[6:]) == 0


def test_a_fault_that_fills_windows_teaches_nothing_of_their_last_parts() -> None:
    def window(number: int, failing: int, *, is_change: bool) -> WindowCount:
        start = START - timedelta(days=40 - number)
        return WindowCount(
            start=start,
            end=start + DAY,
            n_judged=480,
            counts={CAUSE: failing * N_PARTS},
            changes={CAUSE: NO_MARK} if is_change else {},
            judged_by_part=(20,) * N_PARTS,
            counts_by_part={CAUSE: (failing,) * N_PARTS},
        )

    parts = Parts(length=DAY, judged=(20,) * N_PARTS, failing=(1,) * 18 + (6,) * 6)
    healthy = [window(k, 1, is_change=False) for k in range(10)]
    struck = [window(10 + k, 10, is_change=True) for k in range(10)]
    p_values = []
    for history in (healthy, healthy + struck):
        found = weigh_window([CAUSE], history, n_records=54, n_judged=480, prior=model(0.95), parts=parts)
        assert found.recent is not None
        p_values.append(found.recent.p_value)
    assert p_values[0] == pytest.approx(p_values[1])
    assert p_values[0] < 1e-6


def test_windows_of_another_length_teach_nothing_and_without_their_parts_nothing_is_tested() -> None:
    parts = Parts(length=DAY, judged=(20,) * N_PARTS, failing=(1,) * 18 + (4,) * 6)

    def p_value(length: timedelta, by_part: tuple[int, ...]) -> float | None:
        past = [
            WindowCount(
                start=START + k * length,
                end=START + (k + 1) * length,
                n_judged=480,
                counts={CAUSE: 42},
                judged_by_part=(20,) * len(by_part),
                counts_by_part={CAUSE: by_part},
            )
            for k in range(12)
        ]
        found = weigh_window([CAUSE], past, n_records=42, n_judged=480, prior=model(0.91), parts=parts)
        return None if found.recent is None else found.recent.p_value

    always = (1,) * 18 + (4,) * 6
    learnt, other = p_value(DAY, always), p_value(2 * DAY, always)
    assert learnt is not None
    assert other is not None
    assert learnt > 0.1
    assert other < 0.05
    assert p_value(DAY, ()) is None


def test_parts_cover_the_window_and_its_last_moment() -> None:
    times = pd.Series([WINDOW.start, ONSET, WINDOW.end - timedelta(seconds=1), pd.NaT], index=list("abcd"))
    spans = part_of(times, WINDOW.start, WINDOW.end)
    assert spans.to_dict() == {"a": 0, "b": 18, "c": 23}
    assert start_of_last(6, WINDOW.start, WINDOW.end) == ONSET
    assert count_parts(spans, pd.Series({"b": 0.25, "z": 1.0}))[18] == 0.25
    assert all(0 < n < N_PARTS for n in LAST_PARTS)


@given(st.lists(st.integers(0, 10**6), max_size=60))
def test_every_record_is_in_one_part(seconds: list[int]) -> None:
    window = Window(start=START, end=START + timedelta(seconds=10**6 + 1))
    times = pd.Series(
        [START + timedelta(seconds=s) for s in seconds], index=range(len(seconds)), dtype="datetime64[ns, UTC]"
    )
    counts = count_parts(part_of(times, window.start, window.end))
    assert len(counts) == N_PARTS
    assert sum(counts) == len(seconds)


def test_the_three_tests_share_the_budget() -> None:
    budget = Budget(n_candidates=9)
    assert 9 * (budget.p_alone + budget.p_recent + 1 / budget.e_run) == pytest.approx(FALSE_INCIDENTS)
