"""Actions and runbooks of a pipeline file: what is taken, and what a mistake is told."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from seamwatch.spec.pipeline import Pipeline
from seamwatch.spec.runbooks import STEPS, WELL_KNOWN_ACTIONS, builtin_runbooks, step_name
from seamwatch.vocabulary import RunbookKind


def _pipeline(**keys: object) -> Pipeline:
    stages = [{"name": "intake", "kind": "source", "table": "intake"}]
    return Pipeline.model_validate({"pipeline": "returns", "database": "db", "key": "id", "stages": stages, **keys})


def test_every_kind_has_a_built_in_runbook_of_known_steps() -> None:
    runbooks = builtin_runbooks()

    assert set(runbooks) == set(RunbookKind)
    used = {step.step for runbook in runbooks.values() for step in runbook.steps if step.step is not None}
    actions = {step.action for runbook in runbooks.values() for step in runbook.steps if step.action is not None}
    assert used == set(STEPS)
    assert actions == set(WELL_KNOWN_ACTIONS)


def test_own_runbook_orders_leaves_out_and_adds_steps() -> None:
    own = [
        "benchmark",
        {"function": "checks:cache", "link": "https://wiki/x"},
        {"note": "Call the desk."},
    ]
    pipeline = _pipeline(runbooks={"model_degradation": own})

    steps = pipeline.runbooks[RunbookKind.MODEL_DEGRADATION].steps
    assert [step_name(one) for one in steps] == ["benchmark", "cache", "note_call_the_desk"]


@pytest.mark.parametrize(
    ("keys", "text"),
    [
        ({"runbooks": {"model_degradation": ["benchmarks"]}}, "unknown step 'benchmarks'"),
        ({"runbooks": {"model_degradation": [{"step": "benchmark", "dag": "x"}]}}, "exactly one of step, action"),
        ({"runbooks": {"model_degradation": [{"action": "restart"}]}}, "the action 'restart', which `actions` has not"),
        ({"runbooks": {"model_degradation": ["benchmark", "benchmark"]}}, "two steps named 'benchmark'"),
        ({"runbooks": {"model_degradation": [{"note": "x", "link": "javascript:alert(1)"}]}}, "begins with https://"),
        ({"runbooks": {"outage": ["benchmark"]}}, "model_degradation"),
        ({"actions": {"roll_back": {"kind": "magic"}}}, "mlflow_alias"),
        ({"actions": {"again": {"kind": "run_again", "check": "windos"}}}, "unknown check 'windos'; known: benchmark"),
        ({"actions": {"cap": {"kind": "litellm", "connection": "g", "key": "k"}}}, "needs a limit"),
        ({"actions": {"r": {"kind": "sql", "table": "t", "where": {"a": 1}, "column": "m"}}}, "value and value_from"),
        ({"actions": {"r": {"kind": "sql", "table": "t", "where": {}, "column": "m", "value": 1}}}, "where"),
    ],
)
def test_mistakes_are_named(keys: dict[str, object], text: str) -> None:
    with pytest.raises(ValidationError) as error:
        _pipeline(**keys)

    assert text in str(error.value)
