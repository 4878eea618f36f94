"""What a gate decides, by thresholds, hysteresis and overrides."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from seamwatch.core.slo.policy import Override, decide_gate, refuse_too_long
from seamwatch.errors import DataContractError
from seamwatch.spec.objectives import BudgetPolicy
from seamwatch.vocabulary import GateState

NOW = datetime(2026, 3, 1, tzinfo=UTC)
DAY = timedelta(days=1)
POLICY = BudgetPolicy()


def _override(**given: object) -> Override:
    fields: dict[str, object] = {"reason": "security fix", "by": "ada", "at": NOW - DAY, "until": NOW + DAY}
    return Override(**{**fields, **given})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("left", "before", "state", "allowed"),
    [
        (0.6, GateState.OK, GateState.OK, True),
        (0.25, GateState.OK, GateState.WARN, True),
        (0.0, GateState.WARN, GateState.FROZEN, False),
        (0.05, GateState.WARN, GateState.WARN, True),
        (0.05, GateState.FROZEN, GateState.FROZEN, False),
        (0.1, GateState.FROZEN, GateState.WARN, True),
        (0.5, GateState.FROZEN, GateState.OK, True),
        (None, GateState.OK, GateState.OK, True),
        (None, GateState.FROZEN, GateState.FROZEN, False),
    ],
)
def test_states_by_what_is_left_and_what_was_before(left, before, state, allowed) -> None:
    decision = decide_gate(POLICY, {"accuracy": left}, [], NOW, before={"accuracy": before})
    assert (decision.state, decision.allowed, decision.states) == (state, allowed, {"accuracy": state})


def test_one_spent_budget_of_several_freezes_and_the_reason_names_it() -> None:
    decision = decide_gate(POLICY, {"accuracy": -0.2, "latency": 0.9}, [], NOW)
    assert not decision.allowed
    assert decision.reason == "accuracy: the budget is overspent by 20.0%; releases wait until 10% of it is left"


def test_an_override_lets_releases_through_and_stays_a_frozen_budget() -> None:
    decision = decide_gate(POLICY, {"accuracy": -0.2}, [_override()], NOW)
    assert (decision.allowed, decision.state) == (True, GateState.FROZEN)
    assert decision.objectives[0].override == _override()
    assert "let through by ada until 2026-03-02 00:00 UTC: security fix" in decision.reason


@pytest.mark.parametrize(
    "override",
    [
        _override(until=NOW),
        _override(at=NOW + DAY, until=NOW + 2 * DAY),
        _override(objective="latency"),
        _override(at=NOW - 8 * DAY, until=NOW + 300 * DAY),
    ],
)
def test_an_override_that_is_over_or_early_or_for_something_else_or_too_long_does_not_count(override) -> None:
    assert not decide_gate(POLICY, {"accuracy": -0.2}, [override], NOW).allowed


def test_an_override_for_one_of_two_spent_budgets_is_not_enough() -> None:
    left = {"accuracy": -0.2, "latency": -0.1}
    assert not decide_gate(POLICY, left, [_override(objective="accuracy")], NOW).allowed
    assert decide_gate(POLICY, left, [_override()], NOW).allowed


@pytest.mark.parametrize(
    ("age", "is_stale", "said"),
    [
        (timedelta(0), False, ""),
        (timedelta(hours=1), False, ""),
        (
            timedelta(minutes=61),
            True,
            "last looked at 2026-02-28 22:59 UTC, 61 minutes ago: stale, so look again (`seamwatch slo`)",
        ),
        (
            timedelta(days=21),
            True,
            "last looked at 2026-02-08 00:00 UTC, 21 days ago: stale, so look again (`seamwatch slo`)",
        ),
        (-timedelta(days=2), False, ""),
    ],
)
@pytest.mark.parametrize("when_stale", ["warn", "freeze"])
def test_a_stale_look_is_said_and_refused_only_where_the_policy_says_so(age, is_stale, said, when_stale) -> None:
    policy = BudgetPolicy(when_stale=when_stale)
    decision = decide_gate(policy, {"accuracy": 0.9}, [], NOW, looked_at=NOW - age)
    assert (decision.is_stale, decision.looked_at) == (is_stale, NOW - age)
    assert decision.allowed is not (is_stale and when_stale == "freeze")
    assert (decision.state, decision.is_frozen) == (GateState.OK, False)
    assert said in decision.reason
    assert decision.reason.endswith("no budget is short")


def test_an_override_of_everything_lets_through_on_a_stale_look_and_one_of_an_objective_does_not() -> None:
    policy = BudgetPolicy(when_stale="freeze", stale_after=timedelta(minutes=10))
    for override, allowed in ((_override(), True), (_override(objective="accuracy"), False)):
        decision = decide_gate(policy, {"accuracy": -0.2}, [override], NOW, looked_at=NOW - DAY)
        assert (decision.allowed, decision.is_frozen) == (allowed, False)


def test_a_frozen_budget_seen_long_ago_is_frozen_and_stale() -> None:
    decision = decide_gate(BudgetPolicy(when_stale="freeze"), {"accuracy": -0.2}, [], NOW, looked_at=NOW - DAY)
    assert (decision.allowed, decision.is_frozen, decision.is_stale) == (False, True, True)


def test_an_override_that_is_longer_than_the_policy_allows_is_refused() -> None:
    refuse_too_long(POLICY, _override(at=NOW, until=NOW + 7 * DAY))
    said = (
        r"may last 7 days at most \(error_budget.longest_override\); got 9 days, until 2026-03-10T00:00:00\+00:00; "
        r"let it end by 2026-03-08T00:00\+00:00"
    )
    with pytest.raises(DataContractError, match=said):
        refuse_too_long(POLICY, _override(at=NOW, until=NOW + 9 * DAY))


def test_nothing_known_and_nothing_promised_stop_nothing() -> None:
    assert decide_gate(POLICY, {}, [], NOW).allowed
    assert "nothing is known yet of accuracy" in decide_gate(POLICY, {"accuracy": None}, [], NOW).reason


@pytest.mark.parametrize("given", [{"reason": ""}, {"by": " "}, {"until": NOW - 2 * DAY}])
def test_an_override_needs_a_reason_a_name_and_an_end(given) -> None:
    with pytest.raises(DataContractError):
        _override(**given)
