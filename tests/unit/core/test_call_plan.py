"""How a run's calls are shared among replays, experiments and the benchmark."""

from __future__ import annotations

from dataclasses import replace

import pandas as pd
import pytest

from seamwatch.core.attribution.call_plan import affordable_records, calls_per_record, kept_for_benchmark
from seamwatch.core.attribution.evidence import Evidence
from seamwatch.core.interventions import World
from seamwatch.spec.pipeline import Pipeline

PIPELINE = Pipeline.model_validate(
    {"pipeline": "p", "database": "db", "key": "id", "stages": [{"name": "s", "kind": "source", "table": "t"}]}
)
TWO_MODELS = Pipeline.model_validate(
    {
        "pipeline": "p",
        "database": "db",
        "key": "id",
        "stages": [
            {"name": "text", "kind": "source", "table": "t"},
            {
                "name": "first",
                "kind": "model",
                "input": "text",
                "table": "t",
                "request": "q",
                "response": "r",
                "endpoint": "llm",
            },
            {"name": "class", "kind": "mapping", "input": "first", "table": "t"},
            {
                "name": "second",
                "kind": "model",
                "input": "class",
                "table": "t",
                "request": "q",
                "response": "r",
                "endpoint": "llm",
            },
        ],
    }
)


@pytest.mark.parametrize(
    ("wanted", "run", "kept"), [(25, 400, 25), (100, 400, 100), (200, 400, 100), (25, 10, 2), (25, 3, 0), (0, 400, 0)]
)
def test_the_benchmark_keeps_what_it_wants_up_to_its_part(wanted: int, run: int, kept: int) -> None:
    assert kept_for_benchmark(wanted, run) == kept


@pytest.mark.parametrize(
    ("calls", "per_record", "n"), [(100, 2.0, 50), (7, 2.0, 3), (1, 2.0, 1), (0, 2.0, 0), (9, 1.0, 9), (2, 2.5, 1)]
)
def test_no_more_records_are_replayed_than_can_be_judged(calls: int, per_record: float, n: int) -> None:
    assert affordable_records(calls, per_record) == n


def test_a_record_takes_the_calls_of_its_longest_way_to_a_verdict() -> None:
    def judge(final: pd.DataFrame) -> pd.DataFrame:
        return final

    evidence = Evidence(
        world=World(
            pipeline=PIPELINE,
            recorded={},
            references={},
            reconciled={},
            judge=judge,
            corrections={"s": pd.DataFrame({"a": [1]}, index=["corrected and instructed"])},
        ),
        failing=pd.Index([]),
        signatures={
            "one stage": (("request", "a", "value"), ("result", "a", "value")),
            "two stages": (("prompt", "a", "value"), ("request", "a", "value")),
            "behind": (("result", "a", "value"),),
        },
        lost_at={},
        crossed_at={},
        provider={},
        suspect_source={},
        unreferenced=(),
        before_model=frozenset({"request", "prompt"}),
        models=("m",),
        instructed={"instructed": ("s", ("a",)), "corrected and instructed": ("s", ("a",))},
    )
    expected = {
        "nothing": 1,
        "behind": 1,
        "one stage": 2,
        "two stages": 4,
        "instructed": 2,
        "corrected and instructed": 3,
    }
    assert {key: calls_per_record(evidence, [key]) for key in expected} == expected
    assert calls_per_record(evidence, ["nothing", "one stage"]) == 1.5
    assert calls_per_record(evidence, []) == 1.0


def test_every_try_asks_each_model_and_a_label_between_them_the_one_behind_it() -> None:
    def judge(final: pd.DataFrame) -> pd.DataFrame:
        return final

    world = World(pipeline=TWO_MODELS, recorded={}, references={}, reconciled={}, judge=judge)
    labelled = replace(world, truths={"class": pd.DataFrame({"kind": ["a"]}, index=["nothing"])})
    evidence = Evidence(
        world=world,
        failing=pd.Index([]),
        signatures={"one stage": (("class", "kind", "value"),)},
        lost_at={},
        crossed_at={},
        provider={},
        suspect_source={},
        unreferenced=(),
        before_model=frozenset({"text", "first", "class"}),
        models=("first", "second"),
    )
    assert calls_per_record(evidence, ["nothing"]) == 2
    assert calls_per_record(evidence, ["one stage"]) == 4
    assert calls_per_record(replace(evidence, world=labelled), ["nothing"]) == 3
