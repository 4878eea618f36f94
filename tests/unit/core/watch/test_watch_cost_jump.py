"""Whether hours are dearer than usual: days and weekends learnt, jumps found, and what lasts held until it is over."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from seamwatch.core.detection.seasons import Timeline
from seamwatch.core.watch.cost_hours import HourSums
from seamwatch.core.watch.cost_jump import find_jump, usual_hour

START = datetime(2026, 3, 2, tzinfo=UTC)
ZONE = ZoneInfo("UTC")


def traffic(days: float, *, per_hour: float = 200.0, seed: int = 1, weekend: float = 0.3) -> np.ndarray:
    rng = np.random.default_rng(seed)
    at = np.arange(round(days * 24))
    usual = per_hour * (1 + 0.8 * np.sin(2 * np.pi * at / 24)) * np.where((at // 24) % 7 >= 5, weekend, 1.0)
    return rng.poisson(usual * rng.gamma(20, 1 / 20, len(at)))


def line(records: np.ndarray, each: np.ndarray | float = 0.01) -> Timeline:
    starts = [START + number * timedelta(hours=1) for number in range(len(records))]
    usd = records * each
    return Timeline.of(starts, usd, records.astype(float), np.ones(len(records), dtype=bool), ZONE)


def test_days_and_weekends_are_no_jump_and_a_dearer_record_is() -> None:
    records = traffic(17)
    each = np.full(len(records), 0.01)
    found = [find_jump(line(records[:end], each[:end]), least_change=0.5) for end in range(26, len(records))]
    assert not any(found[24 * 8 :])
    each[-2:] = 0.03
    jump = find_jump(line(records, each), least_change=0.5)
    assert jump is not None
    assert jump.hours == 2
    assert 2.0 < jump.ratio < 4.5
    assert find_jump(line(records, np.where(each > 0.02, 0.013, each)), least_change=0.5) is None


def test_too_little_of_a_past_or_of_the_present_says_nothing() -> None:
    assert find_jump(line(np.array([], dtype=int)), least_change=0.5) is None
    assert find_jump(line(traffic(0.5)), least_change=0.5) is None
    quiet = np.zeros(24 * 10, dtype=int)
    quiet[::50] = 1
    assert find_jump(line(quiet, np.where(np.arange(240) > 235, 9.0, 0.01)), least_change=0.5) is None
    assert find_jump(line(np.zeros(240, dtype=int)), least_change=0.5) is None


@pytest.mark.parametrize("hours_since", [7, 9, 13])
def test_a_dear_hour_long_after_a_jump_was_over_is_no_return_of_it(hours_since: int) -> None:
    records, each = traffic(15), np.full(15 * 24, 0.01)
    each[-24:-hours_since] = 0.05
    during = line(records[:-hours_since], each[:-hours_since])
    assert find_jump(during, least_change=0.5) is not None
    each[-1] = 0.0135
    assert find_jump(line(records, each), least_change=0.5) is None


def test_what_was_found_holds_until_the_cost_is_clearly_below() -> None:
    records, each = traffic(15), np.full(15 * 24, 0.01)
    each[-4:] = 0.0138
    at = line(records, each)
    assert find_jump(at, least_change=0.5) is None
    held = find_jump(at, least_change=0.5, since=4)
    assert held is not None
    assert held.hours == 4
    each[-4:] = 0.01
    assert find_jump(line(records, each), least_change=0.5, since=4) is None


def test_a_job_of_every_week_is_no_jump() -> None:
    records, each = traffic(15, weekend=1.0), np.full(15 * 24, 0.01)
    for day in (0, 7, 14):
        each[day * 24 + 3] = 0.1
    ends = range(14 * 24 + 1, 15 * 24)
    assert not any(find_jump(line(records[:end], each[:end]), least_change=0.5) for end in ends)


def test_an_hour_is_compared_with_the_same_hours_of_other_days() -> None:
    cells = [{("llm", "x", 0): np.array([1, 0, 0, 0, 0, 0, 0, float(n % 24)])} for n in range(24 * 6)]
    hours = [HourSums(start=START + n * timedelta(hours=1), records=1.0, cells=one) for n, one in enumerate(cells)]
    usual = usual_hour(hours, [hours[-1], hours[-1]], ZONE)
    assert usual is not None
    assert usual.usd == pytest.approx(23.0)
    both = usual_hour(hours[:-4], hours[-4:-2], ZONE)
    assert both is not None
    assert both.usd == pytest.approx((20 + 21) / 2)
    assert usual_hour(hours[:20], hours[20:21], ZONE) is None


def test_hours_of_a_jump_that_is_over_are_no_evidence_of_another_one_and_hours_since_are() -> None:
    records, each = traffic(15, seed=2), np.full(15 * 24, 0.01)
    each[-14:-4] = 0.05
    each[-1] = 0.0135
    is_usual = np.ones(len(records), dtype=bool)
    is_usual[-14:-4] = False
    hours = replace(line(records, each), is_usual=is_usual)
    assert find_jump(hours, least_change=0.5) is not None
    assert find_jump(hours, least_change=0.5, is_new=True) is None
    each[-3:] = 0.05
    back = find_jump(replace(line(records, each), is_usual=is_usual), least_change=0.5, is_new=True)
    assert back is not None
    assert back.hours == 3
