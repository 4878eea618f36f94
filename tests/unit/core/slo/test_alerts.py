"""Rules, their evidence and an alert's life, on counts that can be checked by hand."""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from scipy import stats

from seamwatch.core.detection.counts import needed_count
from seamwatch.core.detection.evidence import log_evidence
from seamwatch.core.slo.alerts import (
    AlertState,
    BurnRule,
    Count,
    CountRule,
    Reading,
    Usual,
    UsualPart,
    advance,
    default_rules,
    evidence_needed_by,
    highest_burn,
    read_rule,
    too_many,
    window_lengths,
)
from seamwatch.vocabulary import AlertSeverity

HOUR, TICK = timedelta(hours=1), timedelta(minutes=5)
NOW = datetime(2026, 3, 1, tzinfo=UTC)
USUAL = Usual(page_effect=1.2, ticket_effect=1.2, share=0.025)


def _page(goal: float, hour: int = 1) -> BurnRule:
    return next(
        r for r in default_rules(goal, over=timedelta(days=30)) if isinstance(r, BurnRule) and r.long == hour * HOUR
    )


def _windows(rule: BurnRule, *, bad_share: float, per_hour: float) -> dict[timedelta, Count]:
    return {
        w: Count(bad=round(per_hour * bad_share * (w / HOUR)), total=round(per_hour * (w / HOUR)))
        for w in window_lengths([rule])
    }


@pytest.mark.parametrize(
    ("goal", "hour", "burn"),
    [
        (0.999, 1, 14.4),
        (0.999, 6, 6.0),
        (0.999, 24, 3.0),
        (0.999, 72, 1.0),
        (0.95, 1, 1 + 0.25 * 19),
        (0.8, 1, 2.0),
        (0.8, 6, 1.48),
        (0.8, 24, 1.2),
    ],
)
def test_thresholds_are_the_workbooks_where_these_can_be_reached_easily_and_lower_elsewhere(goal, hour, burn) -> None:
    assert _page(goal, hour).burn == pytest.approx(burn)
    assert _page(goal, hour).burn < highest_burn(goal)


@pytest.mark.parametrize("goal", [0.8, 0.85, 0.9, 0.95])
def test_an_outage_of_60_percent_wrong_answers_pages_within_the_hour_at_every_goal(goal) -> None:
    rule = _page(goal)
    usual = Usual(page_effect=1.2, ticket_effect=1.2, share=(1 - goal) / 2)
    reading = read_rule(rule, _windows(rule, bad_share=0.6, per_hour=50), usual, goal=goal, every=TICK)
    assert reading.fires
    assert reading.long_burn == pytest.approx(0.6 / (1 - goal))


def test_a_single_wrong_answer_of_a_quiet_service_pages_nobody_although_its_burn_is_high() -> None:
    rule = _page(0.99)
    windows = dict.fromkeys(window_lengths([rule]), Count(bad=1, total=4))
    reading = read_rule(rule, windows, USUAL, goal=0.99, every=TICK)
    assert reading.long_burn == pytest.approx(25.0)
    assert reading.evidence < reading.needed
    assert not reading.fires


def test_one_burst_of_a_service_with_bursts_pages_nobody() -> None:
    rule = _page(0.95)
    windows = dict.fromkeys(window_lengths([rule]), Count(bad=12, total=50))
    with_bursts = Usual(page_effect=15.0, ticket_effect=10.0, share=0.025)
    assert not read_rule(rule, windows, with_bursts, goal=0.95, every=TICK).fires


def test_an_outage_of_a_service_with_bursts_is_told_from_long_bursts_by_the_good_events_within_it() -> None:
    rule = _page(0.8)
    usual = Usual(page_effect=13.0, ticket_effect=9.0, share=0.11, mixed=UsualPart(share=0.09, effect=2.2))
    outage, bursts = (Count(bad=60, total=100, mixed=mixed, pairs=38) for mixed in (26, 4))
    for count, fires in ((outage, True), (bursts, False)):
        windows = dict.fromkeys(window_lengths([rule]), count)
        assert read_rule(rule, windows, usual, goal=0.8, every=TICK).fires == fires
        unknown = replace(usual, mixed=None)
        assert not read_rule(rule, windows, unknown, goal=0.8, every=TICK).fires


def test_an_empty_window_is_no_burn_and_no_evidence_and_an_empty_short_one_does_not_object() -> None:
    rule = _page(0.95)
    nothing = dict.fromkeys(window_lengths([rule]), Count(bad=0, total=0))
    reading = read_rule(rule, nothing, USUAL, goal=0.95, every=TICK)
    assert (reading.long_burn, reading.fires, reading.evidence) == (None, False, 0.0)
    windows = {**_windows(rule, bad_share=0.6, per_hour=50), rule.short: Count(bad=0, total=0)}
    assert read_rule(rule, windows, USUAL, goal=0.95, every=TICK).fires


def test_no_page_while_the_short_window_no_longer_burns() -> None:
    rule = _page(0.95)
    windows = {**_windows(rule, bad_share=0.6, per_hour=50), rule.short: Count(bad=0, total=4)}
    assert not read_rule(rule, windows, USUAL, goal=0.95, every=TICK).fires


def test_the_evidence_that_a_page_needs_follows_from_how_often_one_looks() -> None:
    rule = _page(0.95)
    # 0.1 pages in 30 days: one in 300 days, of 288 looks each.
    assert evidence_needed_by(rule, every=TICK) == pytest.approx(300 * 288)
    assert evidence_needed_by(rule, every=2 * TICK) == pytest.approx(150 * 288)


def test_a_slow_burn_of_twice_the_budget_writes_a_ticket() -> None:
    rule = _page(0.95, 72)
    windows = _windows(rule, bad_share=0.1, per_hour=50)
    assert read_rule(rule, windows, USUAL, goal=0.95, every=TICK).fires
    healthy = _windows(rule, bad_share=0.025, per_hour=50)
    assert not read_rule(rule, healthy, USUAL, goal=0.95, every=TICK).fires


def _count_rule(severity: AlertSeverity) -> CountRule:
    rules = default_rules(0.99, over=timedelta(days=30))
    return next(r for r in rules if isinstance(r, CountRule) and r.severity is severity)


def test_a_quiet_service_gets_a_ticket_by_count() -> None:
    # 72 hours of 5 an hour at 99.9 %: 0.36 bad events are allowed, 0.18 are usual.
    rule = _count_rule(AlertSeverity.TICKET)
    usual = Usual(page_effect=8.0, ticket_effect=1.0, share=0.0005)
    for bad, fires in ((2, False), (3, True)):
        reading = read_rule(rule, {rule.window: Count(bad=bad, total=360)}, usual, goal=0.999, every=TICK)
        assert (reading.fires, reading.needed) == (fires, 3.0)
    busy = read_rule(rule, {rule.window: Count(bad=9000, total=36000)}, USUAL, goal=0.9, every=TICK)
    assert (busy.fires, busy.needed) == (False, math.inf)
    nothing = read_rule(rule, {rule.window: Count(bad=0, total=0)}, USUAL, goal=0.9, every=TICK)
    assert not nothing.fires


def test_bursts_make_a_page_by_count_need_more() -> None:
    rule = _count_rule(AlertSeverity.PAGE)
    counts = [
        float(too_many(rule, 30, budget_share=0.01, usual_share=0.005, effect=effect)) for effect in (1.0, 3.0, 9.0)
    ]
    assert counts[0] == rule.least
    assert counts == sorted(counts)
    assert counts[2] > 15


def test_the_needed_count_by_hand() -> None:
    # Poisson with mean 1: P(at least 4) is 1.9 %, P(at least 5) 0.37 %.
    assert needed_count(1.0, 1.0, 0.019) == 4
    assert needed_count(1.0, 1.0, 0.0189) == 5
    # Bursts of a geometric size of mean 2, one every other window: each further event halves the chance, nearly.
    by_hand = sum(
        stats.poisson.pmf(bursts, 0.5) * stats.nbinom.sf(6 - bursts, bursts, 0.5) for bursts in range(1, 7)
    ) + stats.poisson.sf(6, 0.5)
    assert needed_count(1.0, 3.0, by_hand * 1.0001) == 7
    assert needed_count(1.0, 3.0, by_hand * 0.9999) == 8
    assert needed_count(0.0, 1.0, 0.5) == 1


def _reading(*, fires: bool, short_bad: float = 0.0) -> Reading:
    rule = _page(0.95)
    short = Count(bad=short_bad, total=10)
    return Reading(
        rule=rule,
        fires=fires,
        long=Count(bad=30, total=50),
        short=short,
        long_burn=12.0,
        short_burn=short.burn(0.05),
        evidence=1e6,
        needed=86400.0,
    )


def test_an_alert_begins_once_and_ends_after_the_burning_has_ended_for_a_while() -> None:
    state = AlertState(severity=AlertSeverity.PAGE)
    state = advance(state, [_reading(fires=True, short_bad=6)], NOW)
    assert state.since == NOW
    state = advance(state, [_reading(fires=True, short_bad=6)], NOW + TICK)
    assert state.since == NOW
    # Below the threshold, but above half of it: it still burns.
    state = advance(state, [_reading(fires=False, short_bad=2)], NOW + 2 * TICK)
    assert state.quiet_since is None
    state = advance(state, [_reading(fires=False)], NOW + 3 * TICK)
    assert (state.since, state.quiet_since) == (NOW, NOW + 3 * TICK)
    # Burns again before the hold is over: the same alert.
    state = advance(state, [_reading(fires=True, short_bad=6)], NOW + 5 * TICK)
    assert (state.since, state.quiet_since) == (NOW, None)
    state = advance(state, [_reading(fires=False)], NOW + 6 * TICK)
    assert state.since == NOW
    assert advance(state, [_reading(fires=False)], NOW + 12 * TICK) == AlertState(severity=AlertSeverity.PAGE)


def test_a_reading_of_another_severity_begins_nothing() -> None:
    state = AlertState(severity=AlertSeverity.TICKET)
    assert advance(state, [_reading(fires=True, short_bad=6)], NOW) == state


def test_evidence_of_a_binomial_by_hand() -> None:
    # Against 0.4, twice the odds is 4/7, four times 8/11, eight times 16/19; the next, 32/35, is the last below 0.95.
    shares = np.array([4 / 7, 8 / 11, 16 / 19, 32 / 35])
    by_hand = np.mean((shares / 0.4) ** 3 * ((1 - shares) / 0.6) ** 2)
    assert np.exp(log_evidence(3.0, 5.0, healthy_share=0.4, design_effect=1.0)) == pytest.approx(by_hand, rel=1e-4)
    assert log_evidence(0.0, 0.0, healthy_share=0.4, design_effect=1.0) == 0.0
