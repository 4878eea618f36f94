"""What the benchmark holds for the truth, on cases that can be worked out by hand."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest
from attribution.flow import Stream, Trip
from attribution.incident import Injected, Plan, make_incident
from attribution.model import Facts, Fault, FaultKind, Law, Payload, Shape, Stage, Task
from attribution.shapes import SHAPES
from attribution.truth import cause_of, guilty_models, says, smallest_sets


def _right(facts: Facts) -> Payload:
    return {"sign": "plus" if float(facts.get("x", "0")) > 0 else "minus"}


def _spoil(answer: Payload, which: int) -> Payload:
    return {"sign": ("zero", "minus" if answer["sign"] == "plus" else "plus")[which % 2]}


def _kind(name: str, stage: str, damage: Any) -> FaultKind:
    return FaultKind(name=name, stage=stage, responsibility="integration", fields=("x",), damage=damage)


NEGATE = _kind("negate", "request", lambda payload, _: {"x": -payload["x"]})
NEGATE_AGAIN = _kind("negate_again", "copy", lambda payload, _: {"x": -payload["x"]})
DOUBLE = _kind("double", "request", lambda payload, _: {"x": 2 * payload["x"]})
TO_ZERO = _kind("to_zero", "result", lambda payload, _: {"sign": "zero"})
TO_MINUS_ONE = _kind("to_minus_one", "copy", lambda payload, _: {"x": -1})


def _shape() -> Shape:
    return Shape(
        name="signs",
        stages=(
            Stage(name="source", kind="source"),
            Stage(name="request", kind="mapping", inputs=("source",), make=dict),
            Stage(name="copy", kind="mapping", inputs=("request",), make=dict),
            Stage(name="prompt", kind="prompt", inputs=("copy",), make=lambda p: {"body": {"input": f"x: {p['x']}"}}),
            Stage(
                name="model",
                kind="model",
                inputs=("prompt",),
                task=Task(right=_right, spoil=_spoil, used=lambda facts: (facts.get("x"),)),
            ),
            Stage(name="result", kind="mapping", inputs=("model",), make=_read),
        ),
        draw=lambda rng: {"source": {"x": rng.choice((-1, 1))}},
        truth=lambda sources: {"sign": "plus" if sources["source"]["x"] > 0 else "minus"},
        compare={"sign": {"column": "sign"}},
        faults=(),
        mapping_file="none.py",
    )


def _read(call: Mapping[str, Any]) -> Payload:
    import json

    return dict(json.loads(call["answer"]))


def _stream(*kinds: FaultKind, accuracy: float = 1.0, flip_rate: float = 0.0) -> Stream:
    struck = tuple(Fault(kind=kind, onset=0.0, severity=1.0) for kind in kinds)
    trip = Trip(number=0, sources={"source": {"x": 1}}, truth={"sign": "plus"}, struck=struck)
    law = Law(seed=1, accuracy=accuracy, flip_rate=flip_rate)
    return Stream(shape=_shape(), seed=1, laws={"model": law}, trips=[trip])


def test_a_fault_that_turns_the_answer_is_the_cause() -> None:
    cause = cause_of(_stream(NEGATE), 0)
    assert cause.primary == ("integration", "request")
    assert (cause.fields, cause.faults) == (frozenset({"x"}), frozenset({"negate"}))


def test_a_fault_is_not_the_cause_where_the_model_is_wrong_without_it() -> None:
    cause = cause_of(_stream(NEGATE, accuracy=0.0), 0)
    assert cause.primary == ("model", "model")
    assert not cause.faults


def test_a_fault_that_changes_nothing_is_never_the_cause() -> None:
    cause = cause_of(_stream(DOUBLE, TO_ZERO), 0)
    assert cause.faults == {"to_zero"}


def test_two_faults_that_are_wrong_each_on_its_own_are_a_cause_together() -> None:
    stream = _stream(NEGATE, TO_ZERO)
    assert [len(chosen) for chosen in smallest_sets(stream, 0, stream.trips[0].struck)] == [2]
    assert cause_of(stream, 0).accepted == {("integration", "request"), ("integration", "result")}


def test_two_faults_that_undo_each_other_leave_the_record_right() -> None:
    assert _stream(NEGATE, NEGATE_AGAIN).risk(0, _stream(NEGATE, NEGATE_AGAIN).trips[0].struck) == 0.0


def test_a_later_fault_that_hides_an_earlier_one_is_blamed_with_it() -> None:
    # Whatever comes in, -1 goes on; and without the later fault the earlier one still turns the answer.
    assert cause_of(_stream(NEGATE, TO_MINUS_ONE), 0).faults == {"negate", "to_minus_one"}


@pytest.mark.parametrize(
    ("flip_rate", "expected"),
    [
        (0.3, ("integration", "request")),  # 0.7 to 1.0 wrong with the fault, 0.3 without
        (0.8, ("model", "model")),  # 0.8 wrong without it: the fault does not even halve the risk
    ],
)
def test_chance_is_judged_by_the_law_and_not_by_the_draw(flip_rate: float, expected: tuple[str, str]) -> None:
    assert cause_of(_stream(NEGATE, flip_rate=flip_rate), 0).primary == expected


@pytest.mark.parametrize("seed", range(6))
def test_behind_the_model_the_recorded_answer_decides(seed: int) -> None:
    stream = replace(_stream(TO_ZERO, flip_rate=0.5), seed=seed)
    answer = (stream.recorded(0)["model"] or {})["answer"]
    expected = ("integration", "result") if "plus" in answer else ("model", "model")
    assert cause_of(stream, 0).primary == expected


def test_the_guilty_one_of_two_models_is_the_one_whose_perfection_helps() -> None:
    shape = SHAPES["repairs"]
    incident = make_incident(Plan(family="healthy", shape="repairs", seed=3, n=80, accuracy=0.7))
    stream = incident.stream
    assert {blame for k in incident.causes for blame in guilty_models(stream, k)} == {
        ("model", stage.name) for stage in shape.models
    }
    for k in incident.causes:
        guilty = [stage for _, stage in guilty_models(stream, k) if stage]
        assert stream.risk(k, (), guilty) == 0.0


def test_a_flipped_label_is_its_own_cause() -> None:
    incident = make_incident(Plan(family="single", shape="triage", seed=9, n=200, accuracy=1.0, mislabelled=0.03))
    assert incident.causes
    assert set(incident.causes) == incident.mislabelled
    assert {cause.primary for cause in incident.causes.values()} == {("truth", None)}


def test_what_cannot_be_known_without_the_evidence_is_expected_undetermined() -> None:
    fault = (Injected(name="unit", onset=0.0, severity=1.0),)
    plan = {"family": "removed", "shape": "triage", "seed": 5, "n": 150, "faults": fault, "accuracy": 1.0}
    for removed in ("reference:request", "endpoint"):
        causes = make_incident(Plan(**plan, removed=removed)).causes.values()
        assert {cause.accepted for cause in causes} == {frozenset({("undetermined", None)})}
    behind = {**plan, "faults": (Injected(name="codes_mapped_wrongly", onset=0.0, severity=1.0),)}
    causes = make_incident(Plan(**behind, removed="endpoint")).causes.values()
    assert {cause.accepted for cause in causes} == {frozenset({("integration", "result")})}


@pytest.mark.parametrize("name", SHAPES)
def test_every_fault_of_a_shape_changes_outcomes_and_a_harmless_one_never(name: str) -> None:
    for kind in SHAPES[name].faults:
        fault = Injected(name=kind.name, onset=0.0, severity=1.0)
        incident = make_incident(Plan(family="single", shape=name, seed=5, n=60, accuracy=0.9, faults=(fault,)))
        assert bool(incident.changed[kind.name]) is not kind.is_harmless, kind.name


@pytest.mark.parametrize("name", SHAPES)
def test_a_healthy_pipeline_with_a_perfect_model_is_always_right(name: str) -> None:
    assert not make_incident(Plan(family="healthy", shape=name, seed=7, n=200, accuracy=1.0)).causes


def test_text_that_gives_orders_may_be_named_at_any_stage() -> None:
    accepted = {("adversarial_input", "tickets")}
    assert says(("adversarial_input", "prompt"), accepted)
    assert not says(("model", "triage_model"), accepted)
