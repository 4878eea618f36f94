"""A service desk as the core sees it: recorded payloads, references and truths, without any table or network."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pandas as pd

from seamwatch.core.interventions import Ask, World
from seamwatch.core.records.outcomes import judge_by_truth
from seamwatch.core.records.reconciliation import reconcile
from seamwatch.core.records.references import CopyReference, FunctionReference, Reference
from seamwatch.core.replays import ModelAnswer, ModelCall
from seamwatch.spec.pipeline import Pipeline, Stage
from seamwatch.vocabulary import OutcomeState

Row = dict[str, Any]
Change = Callable[[Row], Row]

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


def to_request(ticket: Mapping[str, Any]) -> Row:
    return {name: ticket[name] for name in ("text", "priority", "channel")}


def to_prompt(request: Mapping[str, Any]) -> Row:
    return {"text": request["text"], "priority": request["priority"]}


def answer(body: Mapping[str, Any]) -> str:
    """Return what the model says: the topic that it reads, and how urgent its priority is."""
    queue = next((topic for topic in TOPICS if topic in str(body["text"])), "other")
    return json.dumps({"queue": queue, "urgency": "high" if body["priority"] == "P1" else "low"})


def to_result(call: Mapping[str, Any]) -> Row:
    said = json.loads(call["answer"])
    return {"queue": said["queue"], "urgency": said["urgency"]}


def truth_of(ticket: Mapping[str, Any]) -> Row:
    return to_result({"answer": answer(to_prompt(to_request(ticket)))})


def _without(function: Change, fields: Sequence[str]) -> Change:
    return lambda row: {name: value for name, value in function(row).items() if name not in fields}


def references(left_out: Mapping[str, Sequence[str]]) -> dict[str, Reference]:
    functions: dict[str, Change] = {"request": to_request, "prompt": to_prompt, "result": to_result}
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


def make_world(
    tickets: Sequence[Row],
    *,
    left_out: Mapping[str, Sequence[str]] | None = None,
    change: Callable[[int, str, Row], Row] = lambda _, __, row: row,
    say: Callable[[Mapping[str, Any]], str] = answer,
) -> World:
    """Return a window of the desk.

    Args:
        tickets: As they are in truth.
        left_out: By stage, fields that its reference does not make.
        change: Number, stage and payload to the payload as it is recorded and goes on.
        say: The model: request to answer.
    """
    rows: dict[str, list[Row]] = {stage.name: [] for stage in PIPELINE.stages}
    for n, given in enumerate(tickets):

        def at(stage: str, row: Row, number: int = n) -> Row:
            made = change(number, stage, row)
            rows[stage].append(made)
            return made

        body = at("prompt", to_prompt(at("request", to_request(at("tickets", given)))))
        said = at("model", {"body": json.dumps(body), "said": say(body)})["said"]
        at("crm", dict(at("result", to_result({"answer": said}))))
    index = pd.Index(range(len(tickets)), name="key")
    recorded = {name: pd.DataFrame(payloads, index=index, dtype=object) for name, payloads in rows.items()}
    recorded["prompt"] = pd.DataFrame({"body": [json.dumps(row) for row in rows["prompt"]]}, index=index, dtype=object)
    recorded["model"] = recorded["model"].assign(answer=recorded["model"]["said"], _model=None, _finish_reason=None)
    made = references(left_out or {})
    truth = pd.DataFrame([truth_of(ticket) for ticket in tickets], index=index)
    assert PIPELINE.outcome is not None
    compare = PIPELINE.outcome.compare
    return World(
        pipeline=PIPELINE,
        recorded=recorded,
        references=made,
        reconciled={
            stage.name: reconcile(
                stage, recorded[stage.name], {stage.input[0]: recorded[stage.input[0]]}, made.get(stage.name)
            )
            for stage in PIPELINE.stages
            if stage.input
        },
        judge=lambda final: judge_by_truth(final, truth, compare),
        text_responses=frozenset({"model"}),
    )


def outcomes_of(world: World) -> pd.DataFrame:
    return world.judge(world.recorded["crm"])


def failing_of(world: World) -> pd.Index[Any]:
    outcomes = outcomes_of(world)
    return outcomes.index[(outcomes["state"] == OutcomeState.WRONG).to_numpy()]


def asking(say: Callable[[Mapping[str, Any]], str] = answer) -> Ask:
    """Return a way to ask the desk's model."""

    def ask(stage: Stage, calls: Sequence[ModelCall]) -> list[ModelAnswer]:
        assert stage.name == "model"
        return [ModelAnswer(status="ok", text=say(json.loads(call.body))) for call in calls]

    return ask
