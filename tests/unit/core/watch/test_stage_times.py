"""Seconds of records over stages: they add up whatever clocks say, and the provider never gets more than it can."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seamwatch.core.records.frames import StageData
from seamwatch.core.watch.latency_hours import about_records
from seamwatch.core.watch.stage_times import Misfit, Split, split_seconds
from seamwatch.spec.pipeline import Pipeline

START = pd.Timestamp(datetime(2026, 3, 2, 9, tzinfo=UTC))
MODEL = {
    "name": "llm",
    "kind": "model",
    "table": "calls",
    "endpoint": "conn",
    "request": "body",
    "response": "answer",
    "status": "status",
    "latency_ms": "ms",
}
CHAIN = [
    {"name": "orders", "kind": "source", "table": "orders"},
    {"name": "request", "kind": "mapping", "table": "requests"},
    {"name": "prompt", "kind": "prompt", "table": "calls", "request": "body"},
    MODEL,
    {"name": "result", "kind": "mapping", "table": "results"},
    {"name": "sink", "kind": "sink", "table": "routing"},
]
BRANCHES = [
    {"name": "orders", "kind": "source", "table": "orders"},
    {"name": "lookup", "kind": "retrieval", "table": "context", "input": "orders"},
    {"name": "request", "kind": "mapping", "table": "requests", "input": "orders"},
    {**MODEL, "input": ["request", "lookup"]},
    {"name": "sink", "kind": "sink", "table": "routing"},
]


def pipeline(stages: list[dict[str, Any]]) -> Pipeline:
    return Pipeline.model_validate({"pipeline": "p", "database": "db", "key": "id", "stages": stages})


def stage(spec: Pipeline, name: str, times: list[float] | None, **columns: list[Any]) -> StageData:
    """Return a stage whose records 0, 1, ... have these seconds since the start; NaN: none."""
    n = len(times or next(iter(columns.values()), [0.0]))
    keys = pd.RangeIndex(n)
    moments = pd.Series(START + pd.to_timedelta(times, unit="s"), index=keys) if times else pd.Series(dtype=object)
    return StageData(
        stage=spec.stage(name), payload=pd.DataFrame(columns, index=keys), times=moments, versions=pd.DataFrame()
    )


def split(
    spec: Pipeline, times: dict[str, list[float] | None], known: dict[str, Misfit] | None = None, **llm: Any
) -> Split:
    stages = {name: stage(spec, name, at, **(llm if name == "llm" else {})) for name, at in times.items()}
    ends = np.array(times[spec.final_stage.name] or []) - np.array(times[spec.first_stage.name] or [])
    return split_seconds(spec, stages, pd.Series(ends), known=known)


def chain(ends_at: float = 10.0, *, called: float = 8.0, ms: float = 5000.0) -> Split:
    """Return one record: request at 2 s, call's row at `called`, result at 9 s, sink at `ends_at`."""
    times: dict[str, list[float] | None] = {
        "orders": [0.0],
        "request": [2.0],
        "prompt": [called],
        "llm": [called],
        "result": [9.0],
        "sink": [ends_at],
    }
    return split(pipeline(CHAIN), times, ms=[ms], status=["ok"])


def seconds(found: Split, row: int = 0) -> dict[str, float]:
    return {name: round(value, 6) for name, value in found.parts.iloc[row].items() if value}


def test_a_row_written_when_the_call_ends_leaves_its_queueing_to_the_model() -> None:
    # Request at 2, row at 8 of a call of 5 seconds: one second was waited before it.
    assert seconds(chain()) == {"request|own": 2, "llm|own": 1, "llm|provider": 5, "result|own": 1, "sink|own": 1}


def test_a_row_written_when_the_call_starts_gives_the_provider_what_comes_behind_it() -> None:
    # Row at 3, result at 9: the call of 5 seconds fits only behind its row; 0.5 s of it would fit before another.
    found = chain(called=3.0)
    assert seconds(found) == {"request|own": 2, "llm|own": 1, "llm|provider": 5, "result|own": 1, "sink|own": 1}


def test_what_earlier_records_told_decides_where_one_record_leaves_it_open() -> None:
    times: dict[str, list[float] | None] = {"orders": [0.0], "llm": [5.0], "sink": [10.0]}
    spec = pipeline([CHAIN[0], MODEL, CHAIN[-1]])
    at_end = split(spec, times, ms=[2000.0], status=["ok"])
    at_start = split(spec, times, {"llm": Misfit(before=9.0, behind=0.0)}, ms=[2000.0], status=["ok"])
    assert seconds(at_end) == {"llm|own": 3, "llm|provider": 2, "sink|own": 5}
    assert seconds(at_start) == {"llm|own": 5, "llm|provider": 2, "sink|own": 3}


def test_the_provider_never_gets_more_than_lies_between_the_models_neighbours() -> None:
    found = seconds(chain(ms=60_000.0))
    assert found["llm|provider"] == 7.0
    assert sum(found.values()) == 10.0


def test_a_prompt_in_the_row_of_its_model_takes_nothing_and_it_is_said() -> None:
    found = chain()
    assert found.untimed == ("prompt",)
    assert not any(name.startswith("prompt") for name in found.parts.columns)


def test_a_stage_without_a_time_leaves_what_it_took_to_the_next() -> None:
    times: dict[str, list[float] | None] = {"orders": [0.0], "request": None, "result": [4.0], "sink": [5.0]}
    spec = pipeline([CHAIN[0], CHAIN[1], CHAIN[4], CHAIN[5]])
    found = split(spec, times)
    assert seconds(found) == {"result|own": 4, "sink|own": 1}
    assert found.untimed == ("request",)


def test_a_model_without_a_time_still_has_its_providers_share() -> None:
    times: dict[str, list[float] | None] = {"orders": [0.0], "llm": None, "sink": [5.0]}
    found = split(pipeline([CHAIN[0], MODEL, CHAIN[-1]]), times, ms=[3000.0], status=["ok"])
    assert seconds(found) == {"llm|provider": 3, "sink|own": 2}


def test_only_the_branch_that_was_waited_for_costs_time() -> None:
    times: dict[str, list[float] | None] = {
        "orders": [0.0, 0.0],
        "lookup": [3.0, 1.0],
        "request": [1.0, 2.0],
        "llm": [4.0, 4.0],
        "sink": [5.0, 5.0],
    }
    found = split(pipeline(BRANCHES), times, ms=[0.0, 0.0], status=["ok", "ok"])
    assert seconds(found, 0) == {"lookup|own": 3, "llm|own": 1, "sink|own": 1}
    assert seconds(found, 1) == {"request|own": 2, "llm|own": 2, "sink|own": 1}


def test_calls_made_again_are_told_apart_from_the_one_that_answered() -> None:
    spec = pipeline(CHAIN)
    times: dict[str, list[float] | None] = {
        "orders": [0.0],
        "request": [1.0],
        "prompt": [12.0],
        "llm": [12.0],
        "result": [13.0],
        "sink": [14.0],
    }
    stages = {name: stage(spec, name, at) for name, at in times.items()}
    model = stage(spec, "llm", [12.0], ms=[2000.0], status=["ok"])
    # The first call ended at 6 after 4 s, so it began at 2; the second one ended at 12 and began at 10.
    versions = pd.DataFrame(
        {
            "_key": [0, 0],
            "_time": [START + pd.Timedelta(seconds=6), START + pd.Timedelta(seconds=12)],
            "ms": [4000.0, 2000.0],
            "status": ["timeout", "ok"],
        }
    )
    stages["llm"] = StageData(stage=model.stage, payload=model.payload, times=model.times, versions=versions)
    found = split_seconds(spec, stages, pd.Series([14.0]))
    assert seconds(found) == {
        "request|own": 1,
        "llm|own": 1,
        "llm|provider": 2,
        "llm|retries": 8,
        "result|own": 1,
        "sink|own": 1,
    }


def test_a_last_call_that_failed_is_no_answer_of_the_provider() -> None:
    times: dict[str, list[float] | None] = {"orders": [0.0], "llm": [5.0], "sink": [6.0]}
    found = split(pipeline([CHAIN[0], MODEL, CHAIN[-1]]), times, ms=[4000.0], status=["timeout"])
    assert seconds(found) == {"llm|own": 1, "llm|retries": 4, "sink|own": 1}


def test_statuses_that_are_objects_and_endless_tokens_tell_nothing() -> None:
    spec = pipeline([CHAIN[0], {**MODEL, "input_tokens": "tin"}, CHAIN[-1]])
    times: dict[str, list[float] | None] = {"orders": [0.0, 0.0], "llm": [5.0, 5.0], "sink": [6.0, 6.0]}
    odd: list[Any] = [{"code": 504}, [504, None]]
    found = split(spec, times, ms=[4000.0, 4000.0], status=odd, tin=[1, 1])
    assert seconds(found) == seconds(found, 1) == {"llm|own": 1, "llm|provider": 4, "sink|own": 1}
    llm = stage(spec, "llm", [5.0, 5.0], ms=[1.0, 1.0], status=odd, tin=[float("inf"), 7.0])
    again = pd.DataFrame({"_key": [0, 0, 0], "status": ["timeout", odd[0], "ok"], "ms": 1.0, "_time": START})
    about, _ = about_records(spec, {"llm": replace(llm, versions=again)}, pd.RangeIndex(2), ttft=None)
    assert about["input_tokens"].isna().tolist() == [True, False]
    assert about[["retries", "timeouts", "repeats"]].to_numpy().tolist() == [[2, 1, 0], [0, 0, 0]]


def test_clocks_that_are_off_are_counted_and_add_nothing() -> None:
    # The request is stamped a second before its order, and the result after the sink.
    times: dict[str, list[float] | None] = {
        "orders": [0.0, 0.0],
        "request": [-1.0, 1.0],
        "result": [4.0, 9.0],
        "sink": [5.0, 5.0],
    }
    found = split(pipeline([CHAIN[0], CHAIN[1], CHAIN[4], CHAIN[5]]), times)
    assert found.skewed.tolist() == [True, True]
    assert seconds(found, 0) == {"result|own": 4, "sink|own": 1}
    assert seconds(found, 1) == {"request|own": 1, "result|own": 4}


def test_latencies_that_cannot_be_are_left_out_and_counted() -> None:
    spec = pipeline([CHAIN[0], CHAIN[5]])
    stages = {"orders": stage(spec, "orders", [0.0] * 4), "sink": stage(spec, "sink", [0.0] * 4)}
    found = split_seconds(spec, stages, pd.Series([-1.0, 1e8, np.nan, 2.0]))
    assert found.parts.index.tolist() == [3]
    assert found.absurd.tolist() == [0, 1]


def test_a_negative_latency_of_a_call_is_no_latency() -> None:
    assert seconds(chain(ms=-4000.0)) == {"request|own": 2, "llm|own": 6, "result|own": 1, "sink|own": 1}


@given(
    st.lists(
        st.tuples(*[st.one_of(st.floats(-50, 50), st.just(float("nan")))] * 4, st.floats(0, 60), st.floats(0, 90_000)),
        min_size=1,
        max_size=8,
    ),
    st.booleans(),
)
def test_parts_are_never_negative_and_add_up_to_the_whole(rows: list[tuple[float, ...]], is_start: bool) -> None:
    columns = list(zip(*rows, strict=True))
    times: dict[str, list[float] | None] = {"orders": [0.0] * len(rows), "sink": list(columns[4])}
    times |= {name: list(columns[at]) for at, name in enumerate(("lookup", "request", "llm"))}
    known = {"llm": Misfit(before=1e9 * is_start, behind=1e9 * (not is_start))}
    spec = pipeline(BRANCHES)
    found = split(
        spec, {one.name: times[one.name] for one in spec.stages}, known, ms=list(columns[5]), status=["ok"] * len(rows)
    )
    assert (found.parts.to_numpy() >= 0).all()
    assert found.parts.sum(axis=1).to_numpy() == pytest.approx(found.seconds.to_numpy(), abs=1e-6)
