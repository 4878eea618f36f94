"""Fields that nobody compared: how far each reaches, and what is left of a verdict against the model."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd
import pytest

from seamwatch.core.attribution.evidence import gather
from seamwatch.core.attribution.records import attribute_records
from seamwatch.core.attribution.unchecked_fields import UncheckedField, unchecked_fields, unmade_obstacle
from seamwatch.core.interventions import World
from seamwatch.core.records.outcomes import judge_by_truth
from seamwatch.core.records.reconciliation import reconcile
from seamwatch.core.records.references import CopyReference, FunctionReference, Reference
from seamwatch.core.replays import ModelAnswer, ModelCall
from seamwatch.core.results import Verdict
from seamwatch.spec.pipeline import Isolation, Pipeline, Stage
from seamwatch.vocabulary import Gap, OutcomeState, Responsibility

N = 120
PIPELINE = Pipeline.model_validate(
    {
        "pipeline": "desk",
        "database": "db",
        "key": "id",
        "stages": [
            {"name": "tickets", "kind": "source", "table": "tickets"},
            {"name": "request", "kind": "mapping", "table": "requests", "reference": "m:request"},
            {"name": "prompt", "kind": "prompt", "table": "calls", "request": "body", "reference": "m:prompt"},
            {
                "name": "model",
                "kind": "model",
                "table": "calls",
                "request": "body",
                "response": "said",
                "endpoint": "python:m:model",
            },
            {"name": "result", "kind": "mapping", "table": "results", "reference": "m:result"},
            {"name": "crm", "kind": "sink", "table": "crm"},
        ],
        "outcome": {"truth": "labels", "compare": {"queue": "queue", "urgency": "urgency"}},
    }
)
TOPICS = ("bill", "line", "fraud")


def to_request(ticket: Mapping[str, Any]) -> dict[str, Any]:
    return {"text": ticket["text"], "priority": ticket["priority"], "channel": ticket["channel"]}


def to_prompt(request: Mapping[str, Any]) -> dict[str, Any]:
    return {"text": request["text"], "priority": request["priority"]}


def answer(body: Mapping[str, Any]) -> str:
    queue = next((topic for topic in TOPICS if topic in body["text"]), "other")
    return json.dumps({"queue": queue, "urgency": "high" if body["priority"] == "P1" else "low"})


def to_result(call: Mapping[str, Any]) -> dict[str, Any]:
    said = json.loads(call["answer"])
    return {"queue": said["queue"], "urgency": said["urgency"]}


def _without(function: Any, fields: Sequence[str]) -> Any:
    return lambda row: {name: value for name, value in function(row).items() if name not in fields}


def _references(left_out: Mapping[str, Sequence[str]]) -> dict[str, Reference]:
    functions = {"request": to_request, "prompt": to_prompt, "result": to_result}
    found: dict[str, Reference] = {
        name: FunctionReference(
            name=f"m:{name}",
            function=_without(function, left_out.get(name, ())),
            mode="record",
            body_column="body" if name == "prompt" else None,
        )
        for name, function in functions.items()
    }
    return {**found, "crm": CopyReference(name="copy", fields=("queue", "urgency"))}


def make_world(*, left_out: Mapping[str, Sequence[str]], damage: Mapping[str, Any] | None = None) -> World:
    """Return a window of the desk; `damage` maps a stage to a function of a payload, applied to every third record."""
    damage = damage or {}
    rows: dict[str, list[dict[str, Any]]] = {stage.name: [] for stage in PIPELINE.stages}
    truths = []
    for n in range(N):

        def at(stage: str, row: dict[str, Any], number: int = n) -> dict[str, Any]:
            made = damage[stage](row) if stage in damage and number % 3 == 0 else row
            rows[stage].append(made)
            return made

        ticket = at(
            "tickets",
            {
                "text": f"my {TOPICS[n % 3 if n % 2 else (n + 1) % 3]} since day {n % 9}",
                "priority": ("P1", "P2")[n // 3 % 2],
                "channel": ("mail", "chat")[n % 2],
            },
        )
        request = at("request", to_request(ticket))
        body = at("prompt", to_prompt(request))
        said = answer(body)
        at("model", {"body": json.dumps(body), "said": said, "answer": said})
        result = at("result", to_result({"answer": said}))
        at("crm", dict(result))
        truths.append(to_result({"answer": answer(to_prompt(to_request(ticket)))}))
    index = pd.Index(range(N), name="key")
    recorded = {name: pd.DataFrame(payloads, index=index, dtype=object) for name, payloads in rows.items()}
    bodies = [json.dumps(row) for row in rows["prompt"]]
    recorded["prompt"] = pd.DataFrame({"body": bodies}, index=index, dtype=object)
    recorded["model"] = recorded["model"].assign(_model=None, _finish_reason=None)
    references = _references(left_out)
    truth = pd.DataFrame(truths, index=index)
    assert PIPELINE.outcome is not None
    compare = PIPELINE.outcome.compare
    return World(
        pipeline=PIPELINE,
        recorded=recorded,
        references=references,
        reconciled={
            stage.name: reconcile(
                stage, recorded[stage.name], {stage.input[0]: recorded[stage.input[0]]}, references.get(stage.name)
            )
            for stage in PIPELINE.stages
            if stage.input
        },
        judge=lambda final: judge_by_truth(final, truth, compare),
        text_responses=frozenset({"model"}),
    )


def ask(stage: Stage, calls: Sequence[ModelCall]) -> list[ModelAnswer]:
    assert stage.name == "model"
    return [ModelAnswer(status="ok", text=answer(json.loads(call.body))) for call in calls]


def attribute(world: World, mode: str) -> dict[str, Verdict]:
    outcomes = world.judge(world.recorded["crm"])
    failing = outcomes.index[(outcomes["state"] == OutcomeState.WRONG).to_numpy()]
    assert len(failing) > 0
    found = attribute_records(gather(world, failing, {}), ask, Isolation.model_validate({"mode": mode}))
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
    expected = UncheckedField(stage=stage, field=field, models=frozenset(models), outcomes=frozenset(outcomes))
    assert found == (expected,)
    assert field in (unmade_obstacle(world) or "")


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
    assert all("priority at request" in verdict.explanation for verdict in verdicts.values())


@pytest.mark.parametrize("mode", ["sampled", "exhaustive"])
def test_without_any_sign_in_it_an_unchecked_field_leaves_the_model_a_suspect_at_most(mode: str) -> None:
    """The values are swapped, so that failing and right records hold the same ones."""
    damage = {"request": lambda row: {**row, "priority": "P2" if row["priority"] == "P1" else "P1"}}
    verdicts = attribute(make_world(left_out={"request": ["priority"]}, damage=damage), mode)
    assert {v.responsibility for v in verdicts.values()} == {Responsibility.MODEL}
    assert all(0.0 < verdict.confidence <= 0.5 for verdict in verdicts.values())
    assert all("Not checked: priority at request." in verdict.explanation for verdict in verdicts.values())


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
    def worse(stage: Stage, calls: Sequence[ModelCall]) -> list[ModelAnswer]:
        return [ModelAnswer(status="ok", text=_spoilt(answer(json.loads(call.body)))) for call in calls]

    def _spoilt(said: str) -> str:
        return said.replace("fraud", "other")

    world = make_world(left_out=left_out)
    model = world.recorded["model"]
    said = model["answer"].map(_spoilt)
    wrong = pd.DataFrame({"queue": [json.loads(text)["queue"] for text in said]}, index=model.index)
    recorded = {
        **world.recorded,
        "model": model.assign(said=said, answer=said),
        **{name: world.recorded[name].assign(queue=wrong["queue"]) for name in ("result", "crm")},
    }
    world = World(**{**world.__dict__, "recorded": recorded})
    failing = world.recorded["crm"].index[(wrong["queue"] == "other").to_numpy()]
    found = attribute_records(gather(world, failing, {}), worse, Isolation())
    assert len(found.verdicts) == len(failing) > 0
    assert {v.responsibility for v in found.verdicts} == {Responsibility.MODEL}
    assert min(v.confidence for v in found.verdicts) > 0.9
