"""Fields that nobody compared: how far each reaches, and what is left of a verdict against the model."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pytest

import desk_world as desk
from seamwatch.core.attribution.evidence import gather
from seamwatch.core.attribution.field_reach import FieldReach
from seamwatch.core.attribution.records import attribute_records
from seamwatch.core.attribution.unchecked_fields import unchecked_fields, unmade_obstacle
from seamwatch.core.interventions import World
from seamwatch.core.reasons import ReasonKind
from seamwatch.core.results import Verdict
from seamwatch.report.verdict_texts import explain
from seamwatch.spec.pipeline import Isolation
from seamwatch.vocabulary import Gap, Responsibility

TICKETS = [
    {
        "text": f"my {desk.TOPICS[n % 3 if n % 2 else (n + 1) % 3]} since day {n % 9}",
        "priority": ("P1", "P2")[n // 3 % 2],
        "channel": ("mail", "chat")[n % 2],
    }
    for n in range(120)
]


def make_world(
    *, left_out: Mapping[str, Sequence[str]], damage: Mapping[str, Callable[[desk.Row], desk.Row]] | None = None
) -> World:
    """Return a window of the desk in which every third record is damaged at some stages."""
    damage = damage or {}

    def change(number: int, stage: str, row: desk.Row) -> desk.Row:
        return damage[stage](row) if stage in damage and number % 3 == 0 else row

    return desk.make_world(TICKETS, left_out=left_out, change=change)


def attribute(world: World, mode: str, say: Callable[[Mapping[str, Any]], str] = desk.answer) -> dict[str, Verdict]:
    failing = desk.failing_of(world)
    assert len(failing) > 0
    settings = Isolation.model_validate({"mode": mode})
    found = attribute_records(gather(world, failing, {}), desk.asking(say), settings)
    return {verdict.key: verdict for verdict in found.verdicts}


@pytest.mark.parametrize(
    ("left_out", "models", "outcomes"),
    [
        ({}, None, None),
        ({"request": ["priority"]}, {"model"}, set()),
        ({"request": ["channel"]}, None, None),
        ({"result": ["urgency"]}, set(), {"urgency"}),
        ({"result": ["queue"]}, set(), {"queue"}),
    ],
    ids=["all made", "reaches the model", "reaches nothing", "reaches the outcome", "reaches the other field"],
)
def test_how_far_an_unchecked_field_reaches(
    left_out: dict[str, list[str]], models: set[str] | None, outcomes: set[str] | None
) -> None:
    world = make_world(left_out=left_out)
    found = unchecked_fields(world)
    if models is None or outcomes is None:
        assert found == ()
        assert unmade_obstacle(world) is None
        return
    ((stage, (field,)),) = left_out.items()
    expected = FieldReach(stage=stage, field=field, models=frozenset(models), outcomes=frozenset(outcomes))
    assert found == (expected,)
    reason = unmade_obstacle(world)
    assert reason is not None
    assert reason.kind is ReasonKind.BENCHMARK_NOT_MADE
    assert dict(zip(reason.stages, reason.fields, strict=True)) == {stage: (field,)}


def test_a_stage_names_the_fields_that_it_was_not_checked_in() -> None:
    world = make_world(left_out={"request": ["priority", "channel"]})
    assert world.reconciled["request"].unmade == ("priority", "channel")
    assert world.reconciled["prompt"].unmade == ()
    assert world.reconciled["crm"].unmade == ()


@pytest.mark.parametrize("mode", ["sampled", "exhaustive"])
def test_a_wrong_field_that_the_reference_leaves_out_is_not_the_models_fault(mode: str) -> None:
    """Every struck record holds one value in the field, which few right ones hold at that time."""
    damage = {"request": lambda row: {**row, "priority": "P9"}}
    verdicts = attribute(make_world(left_out={"request": ["priority"]}, damage=damage), mode)
    assert {(v.responsibility, v.gap) for v in verdicts.values()} == {
        (Responsibility.UNDETERMINED, Gap.UNCHECKED_FIELD)
    }
    assert all("priority at request" in explain(verdict) for verdict in verdicts.values())


@pytest.mark.parametrize("mode", ["sampled", "exhaustive"])
def test_without_any_sign_in_it_an_unchecked_field_leaves_the_model_a_suspect_at_most(mode: str) -> None:
    """The values are swapped, so that failing and right records hold the same ones."""
    damage = {"request": lambda row: {**row, "priority": "P2" if row["priority"] == "P1" else "P1"}}
    verdicts = attribute(make_world(left_out={"request": ["priority"]}, damage=damage), mode)
    assert {v.responsibility for v in verdicts.values()} == {Responsibility.MODEL}
    assert all(0.0 < verdict.confidence <= 0.5 for verdict in verdicts.values())
    assert all("Not checked: priority at request." in explain(verdict) for verdict in verdicts.values())


@pytest.mark.parametrize("mode", ["sampled", "exhaustive"])
def test_a_wrong_field_behind_the_model_that_no_reference_makes_is_undetermined(mode: str) -> None:
    damage = {"result": lambda row: {**row, "urgency": "high" if row["urgency"] == "low" else "low"}}
    verdicts = attribute(make_world(left_out={"result": ["urgency"]}, damage=damage), mode)
    assert {(v.responsibility, v.gap) for v in verdicts.values()} == {
        (Responsibility.UNDETERMINED, Gap.UNCHECKED_FIELD)
    }


@pytest.mark.parametrize("mode", ["sampled", "exhaustive"])
def test_a_repair_before_the_model_is_not_held_against_a_field_that_was_kept_behind_it(mode: str) -> None:
    """The clean request is answered rightly, but the recorded urgency is kept, since no reference makes it anew."""
    damage = {"request": lambda row: {**row, "priority": "P2" if row["priority"] == "P1" else "P1"}}
    verdicts = attribute(make_world(left_out={"result": ["urgency"]}, damage=damage), mode)
    assert {v.responsibility for v in verdicts.values()} == {Responsibility.UNDETERMINED}


@pytest.mark.parametrize("left_out", [{}, {"request": ["channel"]}, {"result": ["urgency"]}])
def test_a_model_that_is_wrong_by_itself_stays_blamed_where_nothing_unchecked_reaches_it(
    left_out: dict[str, list[str]],
) -> None:
    def worse(body: Mapping[str, Any]) -> str:
        return desk.answer(body).replace("fraud", "other")

    verdicts = attribute(desk.make_world(TICKETS, left_out=left_out, say=worse), "sampled", worse)
    assert {v.responsibility for v in verdicts.values()} == {Responsibility.MODEL}
    assert min(v.confidence for v in verdicts.values()) > 0.9
