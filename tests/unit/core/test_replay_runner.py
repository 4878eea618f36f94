"""Which requests the replay runner asks, how often, what it makes of the answers, and which repairs are enough."""

from __future__ import annotations

import json
import random
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pandas as pd
import pytest

import desk_world as desk
from seamwatch.core.attribution.chance import Kind
from seamwatch.core.attribution.evidence import Evidence, gather
from seamwatch.core.attribution.replay_runner import ReplayRunner
from seamwatch.core.attribution.sufficient_repairs import find_fields, find_fields_by_replay, find_sufficient_repairs
from seamwatch.core.interventions import EVERYTHING, Ask, Repairs, run_trial
from seamwatch.core.replays import ModelAnswer, ModelCall
from seamwatch.spec.pipeline import Isolation, Stage
from seamwatch.vocabulary import Gap, OutcomeState

TICKETS = [
    {"text": f"my {desk.TOPICS[n % 3]} since day {n}", "priority": ("P1", "P2")[n // 3 % 2], "channel": "mail"}
    for n in range(60)
]
Say = Callable[[Mapping[str, Any]], str]


class Model:
    """A model that counts what it is asked; what it does not answer fails with `status`."""

    def __init__(self, say: Say = desk.answer, *, status: str = "ok", most: int | None = None) -> None:
        self.say, self.status, self.most = say, status, most
        self.asked: Counter[str] = Counter()
        self.purposes: Counter[str] = Counter()

    def __call__(self, stage: Stage, calls: Sequence[ModelCall]) -> list[ModelAnswer]:
        del stage
        return [self._one(call) for call in calls]

    def _one(self, call: ModelCall) -> ModelAnswer:
        if self.status != "ok":
            return ModelAnswer(status=self.status)
        if self.most is not None and self.asked.total() >= self.most:
            return ModelAnswer(status="budget")
        self.asked[call.key] += 1
        self.purposes[call.purpose] += 1
        return ModelAnswer(status="ok", text=self.say(json.loads(call.body)), model="rules-1")


def evidence_of(
    damage: Mapping[str, Callable[[desk.Row], desk.Row]] | None = None, *, say: Say = desk.answer
) -> Evidence:
    """Return the evidence on a window in which every fourth record is damaged, or whose model says something else."""
    damage = damage or {}

    def change(number: int, stage: str, row: desk.Row) -> desk.Row:
        return damage[stage](row) if stage in damage and number % 4 == 0 else row

    world = desk.make_world(TICKETS, change=change, say=say)
    return gather(world, desk.failing_of(world), {})


def run(evidence: Evidence, ask: Ask | None, **settings: Any) -> ReplayRunner:
    runner = ReplayRunner(evidence, ask, Isolation.model_validate(settings))
    runner.replay(evidence.failing, {})
    return runner


def other_priority(row: desk.Row) -> desk.Row:
    return {**row, "priority": "P2" if row["priority"] == "P1" else "P1"}


def never_fraud(body: Mapping[str, Any]) -> str:
    """Answer as a model that does not know fraud."""
    said = json.loads(desk.answer(body))
    return json.dumps({**said, "queue": "other" if said["queue"] == "fraud" else said["queue"]})


def leading(runner: ReplayRunner) -> Counter[Kind]:
    return Counter(max(kinds, key=lambda kind: kinds[kind]) for kinds in runner.kinds({}).values())


def test_a_damaged_request_is_asked_clean_and_as_recorded() -> None:
    evidence, model = evidence_of({"request": other_priority}), Model()
    runner = run(evidence, model)
    assert leading(runner) == {Kind.BEFORE: 15}
    assert runner.n_replayed == len(evidence.failing) == 15
    assert runner.reproduced == 1.0
    # Every one clean and as recorded; four are asked clean a second time, to see whether the model answers by chance.
    assert Counter(model.asked.values()) == {2: 11, 3: 4}
    assert model.purposes == {"clean": 19, "replay": 15}
    assert runner.gaps == {}


def test_a_sample_stops_asking_recorded_requests_once_enough_of_a_stratum_were_wrong_again() -> None:
    tickets = [{**ticket, "text": f"{ticket['text']}, {n}"} for n in range(4) for ticket in TICKETS]

    def change(_: int, stage: str, row: desk.Row) -> desk.Row:
        return other_priority(row) if stage == "request" else row

    world = desk.make_world(tickets, change=change)
    evidence = gather(world, desk.failing_of(world), {})
    purposes = {}
    for mode in ("sampled", "exhaustive"):
        model = Model()
        assert leading(run(evidence, model, mode=mode)) == {Kind.BEFORE: 240}
        purposes[mode] = model.purposes["replay"]
    assert purposes["exhaustive"] == 240
    assert purposes["sampled"] < 60


def test_a_sample_asks_all_recorded_requests_where_some_come_out_right() -> None:
    rng = random.Random(5)
    lucky = {str(ticket["text"]) for ticket in TICKETS if rng.random() < 0.3}
    evidence = evidence_of({"request": other_priority})

    def healed(body: Mapping[str, Any]) -> str:
        """Answer rightly what was wrong then, whatever priority the request has."""
        number = next((n for n, ticket in enumerate(TICKETS) if ticket["text"] == body["text"]), 0)
        return desk.answer({**body, "priority": TICKETS[number]["priority"]} if body["text"] in lucky else body)

    runner = run(evidence, Model(healed))
    n_lucky = sum(TICKETS[key]["text"] in lucky for key in evidence.failing)
    assert n_lucky
    assert leading(runner) == {Kind.CHANCE: n_lucky, Kind.BEFORE: 15 - n_lucky}


def test_a_model_that_is_wrong_again_on_the_request_as_recorded_is_asked_once() -> None:
    evidence, model = evidence_of(say=never_fraud), Model(never_fraud)
    runner = run(evidence, model)
    assert leading(runner) == {Kind.STILL_WRONG: 20}
    assert runner.reproduced == 1.0
    assert set(model.asked.values()) == {1}
    assert {answer.text for answer in runner.isolated.values()} >= {'{"queue": "other", "urgency": "high"}'}


def test_a_model_that_is_right_now_was_wrong_by_chance_or_is_another_one() -> None:
    evidence = evidence_of(say=never_fraud)
    runner = run(evidence, Model())
    assert leading(runner) == {Kind.CHANCE: 20}
    assert runner.reproduced == 0.0


def test_a_model_that_answers_by_chance_is_asked_again_but_never_more_often_than_allowed() -> None:
    rng = random.Random(3)

    def moody(body: Mapping[str, Any]) -> str:
        return never_fraud(body) if rng.random() < 0.4 else desk.answer(body)

    evidence, model = evidence_of({"request": other_priority}), Model(moody)
    runner = run(evidence, model, repeats=5)
    assert runner.law.slip > run(evidence, Model()).law.slip
    assert max(model.asked.values()) > 2
    assert max(model.asked.values()) <= 2 * 5


@pytest.mark.parametrize(
    ("ask", "gap"),
    [
        (None, Gap.ENDPOINT_UNREACHABLE),
        (Model(status="unreachable"), Gap.ENDPOINT_UNREACHABLE),
        (Model(status="timeout"), Gap.ENDPOINT_UNREACHABLE),
        (Model(status="budget"), Gap.BUDGET_SPENT),
    ],
    ids=["no endpoint", "cannot be reached", "does not answer", "no money left"],
)
def test_what_was_not_answered_is_no_evidence_and_says_why(ask: Ask | None, gap: Gap) -> None:
    evidence = evidence_of({"request": other_priority})
    runner = run(evidence, ask)
    assert runner.kinds({}) == {}
    assert (runner.n_replayed, runner.reproduced) == (0, None)
    assert set(runner.gaps.values()) == {gap}
    found = runner.usual_outcomes(evidence.failing, {"request": EVERYTHING})
    assert (len(found.right), len(found.wrong), set(found.unknown.values())) == (0, 0, {gap})
    assert all(runner.gap_of(key, {"request": EVERYTHING}) is gap for key in evidence.failing)


def test_a_budget_that_ends_on_the_way_leaves_the_rest_unknown() -> None:
    evidence, model = evidence_of({"request": other_priority}), Model(most=6)
    runner = run(evidence, model)
    assert runner.n_replayed == 6
    assert set(runner.gaps.values()) == {Gap.BUDGET_SPENT}
    assert len(runner.gaps) >= len(evidence.failing) - 6


@pytest.mark.parametrize(("n_recorded", "share"), [(0, 0.0), (1, 0.0), (2, 1.0), (6, 1.0)])
def test_records_that_the_budget_allowed_one_request_of_two_are_told_by_the_others(
    n_recorded: int, share: float
) -> None:
    evidence = evidence_of({"request": other_priority})
    runner = run(evidence, Model(most=len(evidence.failing) + n_recorded), mode="exhaustive")
    half_asked = [key for key in evidence.failing if key in runner.gaps]
    kinds = runner.kinds({})
    assert len(half_asked) == len(evidence.failing) - n_recorded
    assert sum(key in kinds for key in half_asked) == share * len(half_asked)
    assert all(max(kinds[key], key=lambda kind: kinds[key][kind]) is Kind.BEFORE for key in kinds)


def test_no_records_ask_nobody() -> None:
    evidence, model = evidence_of({"request": other_priority}), Model()
    runner = ReplayRunner(evidence, model, Isolation())
    found = runner.usual_outcomes(evidence.failing[:0], {"request": EVERYTHING})
    assert (len(found.right), len(found.wrong), found.unknown, model.asked.total()) == (0, 0, {}, 0)


def test_another_model_than_the_recorded_one_is_trusted_less() -> None:
    evidence = evidence_of({"request": other_priority})
    evidence.world.recorded["model"]["_model"] = "rules-0"
    runner = run(evidence, Model())
    assert all(0.0 < runner.trust_in_model(key) < 1.0 for key in evidence.failing)
    evidence.world.recorded["model"]["_model"] = "rules-1"
    assert all(run(evidence, Model()).trust_in_model(key) == 1.0 for key in evidence.failing[:1])


# Which repairs are enough.


def damage_three(row: desk.Row) -> desk.Row:
    """Damage the priority, which the model reads, and the text and the channel so that no answer changes."""
    return {**other_priority(row), "text": f"{row['text']} please", "channel": "fax"}


@pytest.mark.parametrize("is_exhaustive", [True, False])
def test_of_several_damaged_fields_only_those_that_the_outcome_needs_are_repaired(is_exhaustive: bool) -> None:
    evidence, model = evidence_of({"request": damage_three}), Model()
    runner = run(evidence, model)
    assert set(evidence.fields_of(evidence.failing[0], "request")) == {"text", "priority", "channel"}
    found = find_fields_by_replay(evidence, evidence.failing, ["request"], runner, is_exhaustive=is_exhaustive)
    assert found == {key: {"request": ("priority",)} for key in evidence.failing}


def test_a_single_damaged_field_needs_no_call() -> None:
    evidence, model = evidence_of({"request": other_priority}), Model()
    runner = ReplayRunner(evidence, model, Isolation())
    found = find_fields_by_replay(evidence, evidence.failing, ["request"], runner, is_exhaustive=True)
    assert found == {key: {"request": ("priority",)} for key in evidence.failing}
    assert model.asked.total() == 0


@pytest.mark.parametrize("n", [1, 4])
def test_searching_the_fields_of_four_times_the_records_takes_no_more_batches_of_calls(n: int) -> None:
    tickets = [{**ticket, "text": f"{ticket['text']}, {k}"} for k in range(n) for ticket in TICKETS]
    batches: list[int] = []

    def change(number: int, stage: str, row: desk.Row) -> desk.Row:
        if stage != "request":
            return row
        # Which of the three fields is needed differs, and is known of no record before it is asked.
        return damage_three(row) if number % 2 else {**row, "text": "my bill", "channel": "fax"}

    def ask(stage: Stage, calls: Sequence[ModelCall]) -> list[ModelAnswer]:
        batches.append(len(calls))
        return Model()(stage, calls)

    world = desk.make_world(tickets, change=change)
    evidence = gather(world, desk.failing_of(world), {})
    runner = run(evidence, ask, mode="exhaustive")
    batches.clear()
    find_fields_by_replay(evidence, evidence.failing, ["request"], runner, is_exhaustive=True)
    assert len(batches) <= 20
    assert sum(batches) >= len(evidence.failing)


def other_queue(row: desk.Row) -> desk.Row:
    return {**row, "queue": "Q0"}


def other_urgency(row: desk.Row) -> desk.Row:
    return {**row, "urgency": "none"}


@pytest.mark.parametrize(
    ("damage", "sets", "fields"),
    [
        ({"result": other_queue}, [{"result"}], {"result": ("queue",)}),
        ({"crm": other_urgency}, [{"crm"}], {"crm": ("urgency",)}),
        (
            {"result": other_queue, "crm": other_urgency},
            [{"result", "crm"}],
            {"crm": ("urgency",), "result": ("queue",)},
        ),
        ({"result": lambda row: other_queue(other_urgency(row))}, [{"result"}], {"result": ("queue", "urgency")}),
    ],
    ids=["mapping", "sink", "both, each of another field", "two fields at once"],
)
def test_behind_the_model_the_smallest_repair_is_found_without_a_call(
    damage: dict[str, Callable[[desk.Row], desk.Row]], sets: list[set[str]], fields: dict[str, tuple[str, ...]]
) -> None:
    evidence = evidence_of(damage)

    def cures(keys: pd.Index[Any], repairs: Repairs) -> pd.Index[Any]:
        return run_trial(evidence.world, keys, repairs, None).keys_with(OutcomeState.RIGHT)

    ((found, keys),) = find_sufficient_repairs(evidence, evidence.failing, ["result", "crm"], cures).items()
    assert [set(one) for one in found] == sets
    assert sorted(keys) == sorted(evidence.failing)
    chosen = found[0]
    assert find_fields(evidence, keys, chosen) == dict.fromkeys(evidence.failing, fields)
