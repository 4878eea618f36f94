"""What must hold of ledgers, budgets, evidence and gates for any input."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from scipy import stats

from seamwatch.core.detection.beta_binomial import log_beta_binomial
from seamwatch.core.detection.clustering import interrupted, page_effect, sum_blocks, ticket_effect, usual_share
from seamwatch.core.detection.evidence import log_evidence
from seamwatch.core.detection.windows import rolling_window
from seamwatch.core.slo.alerts import BurnRule, all_evidence, default_rules, highest_burn, most_mixed
from seamwatch.core.slo.budget import Pace, Spent, rolling_budget
from seamwatch.core.slo.ledger import Debit, Ledger, Ruling
from seamwatch.core.slo.policy import next_state
from seamwatch.core.slo.quality import Judged, extrapolate
from seamwatch.spec.objectives import BudgetPolicy
from seamwatch.vocabulary import DebitKind, GateState

NOW = datetime(2026, 3, 1, tzinfo=UTC)
WEEK = timedelta(days=7)
hours = st.integers(-24 * 10, 24)
debits = st.builds(
    lambda record, kind, at, late, amount, incident: Debit(
        objective="accuracy",
        kind=kind,
        record=f"r{record}",
        at=NOW + timedelta(hours=at),
        told_at=NOW + timedelta(hours=at + late),
        amount=float(amount),
        incident=incident,
    ),
    st.integers(0, 30),
    st.sampled_from(list(DebitKind)),
    hours,
    st.integers(0, 72),
    st.integers(0, 5),
    st.sampled_from([None, "I1", "I2"]),
)
rulings = st.builds(
    lambda incident, is_void, at: Ruling(
        incident=incident, is_void=is_void, reason="planned test", by="ada", at=NOW + timedelta(hours=at)
    ),
    st.sampled_from(["I1", "I2"]),
    st.booleans(),
    st.integers(0, 48),
)


def _spent_and_refunded(ledger: Ledger) -> tuple[float, float]:
    """Return what counts of the week's debits, and what a ruling refunds."""
    counted = ledger.counted("accuracy", start=NOW - WEEK, end=NOW)
    return sum(d.amount for d, back in counted if not back), sum(d.amount for d, back in counted if back)


@given(st.lists(debits, max_size=40), st.lists(rulings, max_size=4), st.randoms())
def test_the_sum_of_the_ledger_is_an_independent_recount_in_any_order(made, ruled, random) -> None:
    entries = [*made, *ruled]
    random.shuffle(entries)
    cut = len(entries) // 2
    # Told in two parts, and the second part twice.
    ledger = Ledger().post(entries[:cut]).post(entries[cut:]).post(entries[cut:])
    spent, refunded = _spent_and_refunded(ledger)

    last = {}
    for one in sorted(made, key=lambda d: (d.told_at, d.amount, d.incident or "", d.at)):
        last[one.record, one.kind] = one
    voided = set()
    for ruling in sorted(ruled, key=lambda r: (r.at, r.is_void)):
        (voided.add if ruling.is_void else voided.discard)(ruling.incident)
    within = [d for d in last.values() if NOW - WEEK <= d.at < NOW]
    assert spent == sum(d.amount for d in within if d.incident not in voided)
    assert refunded == sum(d.amount for d in within if d.incident in voided)


@given(st.lists(debits, max_size=30))
def test_voiding_an_incident_and_taking_it_back_leaves_what_is_spent_and_two_audit_entries(made) -> None:
    ledger = Ledger().post(made)
    before, _ = _spent_and_refunded(ledger)
    voided = ledger.post([Ruling(incident="I1", is_void=True, reason="test", by="ada", at=NOW)])
    mine = sum(d.amount for d in ledger.debits.values() if d.incident == "I1" and NOW - WEEK <= d.at < NOW)
    assert _spent_and_refunded(voided) == (before - mine, mine)
    back = voided.post([Ruling(incident="I1", is_void=False, reason="was real", by="bo", at=NOW + WEEK)])
    assert _spent_and_refunded(back) == (before, 0)
    assert len(back.rulings) == 2


@given(
    st.integers(1, 80),
    st.floats(0.0005, 0.6),
    st.floats(1.0, 15.0),
)
def test_the_expectation_of_an_e_value_is_one_on_a_healthy_service(total, share, effect) -> None:
    counts = np.arange(total + 1.0)
    spread = np.array(np.clip((effect - 1) / max(total - 1, 1), 1e-7, 0.999))
    chance = np.exp(log_beta_binomial(counts, float(total), np.array(share), spread))
    e_values = np.exp(log_evidence(counts, float(total), healthy_share=share, design_effect=effect))
    assert (chance * e_values).sum() == pytest.approx(1.0, abs=1e-4)


@given(st.integers(1, 500), st.floats(0.001, 0.5), st.floats(1.0, 20.0))
def test_more_bad_events_are_more_evidence_and_fewer_than_healthy_none(total, share, effect) -> None:
    logs = log_evidence(np.arange(total + 1.0), float(total), healthy_share=share, design_effect=effect)
    assert (np.diff(logs) > -1e-9).all()
    assert logs[0] <= 0.0


@given(st.integers(1, 300), st.floats(0.01, 0.5), st.floats(0.3, 1.0))
def test_bursts_are_less_evidence_than_as_many_single_events(total, share, part) -> None:
    bad = np.array(float(round(total * part)))
    assume(bad != 1)  # a single bad event comes in no burst
    single, bursts = (log_evidence(bad, float(total), healthy_share=share, design_effect=d) for d in (1.0, 6.0))
    # Of two or three events neither says anything; what has to be damped is evidence that might call somebody.
    assert bursts <= max(float(single), 2.0) + 1e-6


@given(st.integers(2, 200), st.floats(0.0005, 0.3))
def test_independent_events_interrupt_no_more_of_the_bad_ones_than_is_taken_for_the_most(total, share) -> None:
    counts = np.arange(total + 1.0)
    mixed, pairs = interrupted(counts, np.full_like(counts, total))
    assert (mixed <= pairs).all()
    assert ((mixed >= 0) & (mixed <= counts)).all()
    assert mixed[0] == mixed[-1] == 0.0  # where all is good or bad, none interrupts the other
    expected = (stats.binom(total, share).pmf(counts) * mixed).sum()
    assert expected <= most_mixed(share) * pairs[0] + 1e-9


@given(st.lists(st.floats(-30.0, 30.0), min_size=1, max_size=9), st.floats(-30.0, 30.0), st.floats(0.01, 0.99))
def test_evidence_of_two_kinds_lies_between_them(logs, other, weight) -> None:
    first, second = np.array(logs), np.full(len(logs), other)
    found = all_evidence(first, second, weight=weight)
    assert ((found >= np.minimum(first, second) - 1e-9) & (found <= np.maximum(first, second) + 1e-9)).all()


@given(st.floats(0.5, 0.99999), st.integers(1, 90))
def test_every_default_rule_can_be_reached_and_asks_for_more_than_is_sustainable(goal, days) -> None:
    for rule in default_rules(goal, over=timedelta(days=days)):
        if isinstance(rule, BurnRule):
            assert 1.0 <= rule.burn < highest_burn(goal)


@given(st.lists(st.tuples(st.integers(0, 30), st.integers(0, 200)), min_size=2, max_size=60), st.integers(1, 59))
def test_sums_of_blocks_add_up_and_what_is_learnt_stays_in_bounds(rows, cut) -> None:
    bad = np.array([min(k, n) for k, n in rows], dtype=float)
    total = np.array([n for _, n in rows], dtype=float)
    whole, parts = sum_blocks(bad, total), sum_blocks(bad[:cut], total[:cut]) + sum_blocks(bad[cut:], total[cut:])
    assert whole == parts
    assert parts - sum_blocks(bad[cut:], total[cut:]) == sum_blocks(bad[:cut], total[:cut])
    assert page_effect(whole) >= 1.0
    assert ticket_effect(whole) >= 1.0
    assert 0.0 < usual_share(whole, budget_share=0.05) <= 0.05


@given(st.lists(st.tuples(st.integers(0, 27 * 24), st.integers(1, 5)), max_size=25), st.integers(0, 40))
def test_the_day_on_which_the_budget_is_gone_is_the_first_on_which_the_window_overspends(rows, pace) -> None:
    window = rolling_window(timedelta(days=28), NOW)
    spent = [Spent(at=NOW - timedelta(hours=h), amount=float(n)) for h, n in rows]
    budget = rolling_budget(
        window,
        spent,
        goal=0.9,
        events=500.0,
        first_event=NOW - timedelta(days=60),
        pace=Pace(amount=float(pace), over=timedelta(days=1)),
        pace_events=20.0,
    )

    def at(hour: int) -> float:
        still = sum(s.amount for s in spent if s.at + window.length > NOW + timedelta(hours=hour))
        return still + pace * min(hour, 28 * 24) / 24

    # Just before an hour nothing of that hour has left yet, so the hour before bounds it from above.
    over = [hour for hour in range(28 * 24 + 1) if at(hour) >= budget.allowed]
    if budget.gone_at is None:
        assert not over
    else:
        hour = (budget.gone_at - NOW) / timedelta(hours=1)
        assert not [h for h in over if h < hour - 1e-6]
        passed = int(np.ceil(hour - 1e-9))
        before = sum(s.amount for s in spent if s.at + window.length >= budget.gone_at - timedelta(seconds=1))
        assert before + pace * hour / 24 >= budget.allowed - 1e-6, (hour, passed)


@given(st.lists(st.floats(-1.0, 1.0), max_size=40))
def test_a_frozen_budget_stays_frozen_until_enough_is_left(lefts) -> None:
    policy, state = BudgetPolicy(), GateState.OK
    for left in lefts:
        before, state = state, next_state(policy, left, state)
        if left <= policy.freeze_at:
            assert state is GateState.FROZEN
        elif left >= policy.unfreeze_at:
            assert state is (GateState.WARN if left <= policy.warn_at else GateState.OK)
        else:
            assert (state is GateState.FROZEN) == (before is GateState.FROZEN)
        assert next_state(policy, None, state) is state


@given(
    st.lists(st.tuples(st.integers(0, 60), st.integers(0, 60), st.integers(0, 60)).map(sorted), min_size=1, max_size=6),
)
def test_an_extrapolation_holds_its_estimate_and_what_was_judged(rows) -> None:
    parts = [Judged(wrong=a, judged=b, answers=c) for a, b, c in rows]
    found = extrapolate(parts)
    if found is None:
        assert sum(p.judged for p in parts) == 0
        return
    assert found.judged_wrong <= found.low <= found.wrong + 1e-9
    assert found.wrong <= found.high + 1e-9
    assert found.high <= found.answers - (found.judged - found.judged_wrong) + 1e-9
    if found.judged == found.answers:
        assert found.low == found.high == found.wrong == found.judged_wrong
