"""Which stratum leaves most doubt of what leads, and how many verdicts a budget of calls gets right."""

from __future__ import annotations

import json
import random
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import pytest

import desk_world as desk
from seamwatch.core.attribution.evidence import gather
from seamwatch.core.attribution.records import attribute_records
from seamwatch.core.attribution.sampling import Spending, doubtful_strata
from seamwatch.core.replays import ModelAnswer, ModelCall
from seamwatch.spec.pipeline import Isolation, Stage
from seamwatch.vocabulary import Basis, Responsibility


def _widest(sizes: dict[str, int], counts: dict[str, dict[str, int]], fixed: dict[str, float] | None = None) -> object:
    found = doubtful_strata(sizes, {name: Counter(c) for name, c in counts.items()}, fixed or {}, confidence=0.95)
    return found[0] if found else None


def test_a_clear_lead_needs_no_more_replays() -> None:
    assert _widest({"a": 400, "b": 60}, {"a": {"before": 6}, "b": {"model": 6}}) is None


def test_a_mixed_stratum_that_could_turn_the_lead_is_drawn_from_again() -> None:
    counts = {"a": {"before": 4, "model": 5}, "b": {"model": 6}}
    assert _widest({"a": 400, "b": 60}, counts) == "a"


def test_what_a_healthy_window_has_is_no_lead() -> None:
    counts = {"a": {"before": 4, "model": 5}, "b": {"model": 60}}
    sizes = {"a": 60, "b": 300}
    assert _widest(sizes, counts, {"model": -330.0}) == "a"
    assert _widest({"b": 300}, {"b": {"model": 6}}, {"model": -330.0}) is None


def test_a_stratum_that_was_replayed_to_the_end_leaves_no_doubt() -> None:
    counts = {"a": {"before": 5, "model": 4}}
    assert _widest({"a": 9}, counts) is None


@pytest.mark.parametrize("budget", [100, 200])
def test_what_a_budget_reaches_is_what_it_can_reach_where_nothing_tells_the_models_own_errors(budget: int) -> None:
    """A model misses one in five by chance: of n records no c replays get more than (c + 0.8 (n - c)) / n right."""
    rng = random.Random(8)
    tickets = [{"text": f"my bill since day {n}", "priority": "P1", "channel": "mail"} for n in range(400)]
    missed = {str(ticket["text"]) for ticket in tickets if rng.random() < 0.2}
    calls = 0

    def say(body: Mapping[str, Any]) -> str:
        said = json.loads(desk.answer(body))
        return json.dumps({**said, "queue": "other"} if body["text"] in missed else said)

    def ask(_: Stage, asked: Sequence[ModelCall]) -> list[ModelAnswer]:
        nonlocal calls
        calls += len(asked)
        return [ModelAnswer(status="ok", text=say(json.loads(call.body))) for call in asked]

    world = desk.make_world(
        tickets, change=lambda _, stage, row: {**row, "priority": "P2"} if stage == "request" else row, say=say
    )
    evidence = gather(world, desk.failing_of(world), {})
    spending = Spending(is_worth_it=lambda _: True, calls_left=lambda: budget - calls)
    verdicts = attribute_records(evidence, ask, Isolation(), spending).verdicts
    n_replayed = sum(verdict.basis is Basis.REPLAY for verdict in verdicts)
    n_right = sum(
        verdict.responsibility
        is (Responsibility.MODEL if tickets[int(verdict.key)]["text"] in missed else Responsibility.INTEGRATION)
        for verdict in verdicts
    )
    n, share = len(verdicts), 1.0 - len(missed) / len(tickets)
    reachable = (n_replayed + share * (n - n_replayed)) / n
    assert n == 400
    assert n_right / n == pytest.approx(reachable, abs=0.02)
    # Clean and recorded request of each would be two calls, and nothing left for a second look.
    assert budget / 2 < n_replayed <= calls <= budget
