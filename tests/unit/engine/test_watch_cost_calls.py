"""Calls as they are read from stages: tokens of columns and bodies, currencies, failures, requests and their runs."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pandas as pd
import pytest

from seamwatch.core.records.frames import StageData, stage_data
from seamwatch.core.watch.loops import Loop
from seamwatch.engine.watch.cost_calls import priced_calls, read_calls, record_costs, runs_of, tariffs
from seamwatch.spec.pipeline import Pipeline

COLUMNS = {"status": "status", "model": "model", "input_tokens": "tin", "output_tokens": "tout", "cost_usd": "usd"}


def pipeline(*named: str, endpoint: str = "models/chat/completions", **cost: Any) -> Pipeline:
    model = {"name": "llm", "kind": "model", "table": "calls", "time": "at", "endpoint": endpoint}
    return Pipeline.model_validate(
        {
            "pipeline": "p",
            "database": "db",
            "key": "id",
            "stages": [
                {"name": "ask", "kind": "source", "table": "asks", "time": "at"},
                {**model, **{name: COLUMNS[name] for name in named}},
            ],
            "monitoring": {"cost": cost},
        }
    )


def stages(spec: Pipeline, *rows: dict[str, Any]) -> dict[str, StageData]:
    at = pd.date_range("2026-03-02T09:00", periods=len(rows), freq="s", tz="UTC")
    empty = {"request": None, "response": None, "status": "200", "model": None, "tin": None, "tout": None, "usd": None}
    frame = pd.DataFrame([{**empty, **row} for row in rows]).assign(at=at)
    return {"llm": stage_data(frame, spec.stage("llm"), key="id", time="at")}


def body(model: str = "gpt-4o-mini", **usage: Any) -> str:
    return json.dumps({"model": model, "choices": [{"message": {"content": "yes"}}], "usage": usage})


def test_columns_come_first_and_bodies_fill_what_is_missing() -> None:
    spec = pipeline("input_tokens", "output_tokens", "status")
    details = {"cached_tokens": 400}
    cached: dict[str, Any] = {"prompt_tokens": 9, "completion_tokens": 9, "prompt_tokens_details": details}
    read = stages(
        spec,
        {"id": 1, "response": body(**cached), "tin": 1000, "tout": 100},
        {"id": 2, "response": body(prompt_tokens=50, completion_tokens=5)},
        {"id": 3, "response": None, "status": "503"},
        {"id": 3, "response": body(prompt_tokens=50, completion_tokens=5), "status": "200"},
        {"id": 4, "response": "yes"},
    )
    frame = read_calls(spec, read).frame.sort_values(["_key", "at"], ignore_index=True)
    assert frame["input"].tolist()[:2] == [1000.0, 50.0]
    assert frame["cached"].tolist()[0] == 400.0
    assert frame["output"].tolist()[:2] == [100.0, 5.0]
    assert frame["is_failed"].tolist() == [False, False, True, False, False]
    assert frame["is_error"].tolist() == [False, False, True, False, False]
    assert spec.monitoring.cost is not None
    calls, _, _ = priced_calls(spec, read, tariffs(spec.monitoring.cost))
    assert calls.sort_values(["_key", "at"])["state"].tolist() == ["priced", "priced", "free", "priced", "unpriced"]


@pytest.mark.parametrize("endpoint", ["models/messages", "models/v1"])
def test_bodies_of_other_protocols_are_read_too(endpoint: str) -> None:
    spec = pipeline(endpoint=endpoint)
    usage = {"input_tokens": 70, "output_tokens": 7}
    text = json.dumps({"model": "m", "content": [{"type": "text", "text": "yes"}], "usage": usage})
    frame = read_calls(spec, stages(spec, {"id": 1, "response": text})).frame
    assert frame[["input", "output"]].iloc[0].tolist() == [70.0, 7.0]
    assert frame["model"].iloc[0] == "m"


RESPONSE = {
    "object": "response",
    "model": "m",
    "status": "completed",
    "output": [{"type": "message", "content": [{"type": "output_text", "text": "yes"}]}],
    "usage": {"input_tokens": 70, "input_tokens_details": {"cached_tokens": 20}, "output_tokens": 7},
}
GEMINI = {
    "candidates": [{"content": {"parts": [{"text": "yes"}]}, "finishReason": "STOP"}],
    "usageMetadata": {"promptTokenCount": 70, "cachedContentTokenCount": 20, "candidatesTokenCount": 7},
    "modelVersion": "m",
}
CHUNKS = (
    {"model": "m", "choices": [{"index": 0, "delta": {"content": "yes"}, "finish_reason": "stop"}]},
    {
        "model": "m",
        "choices": [],
        "usage": {"prompt_tokens": 70, "prompt_tokens_details": {"cached_tokens": 20}, "completion_tokens": 7},
    },
)


@pytest.mark.parametrize(
    "response",
    [
        RESPONSE,
        json.dumps(RESPONSE),
        json.dumps(json.dumps(RESPONSE)),
        repr(RESPONSE),
        json.dumps(RESPONSE).encode(),
        memoryview(json.dumps(RESPONSE).encode()),
        json.dumps(GEMINI),
        json.dumps([GEMINI]),
        "".join(f"data: {json.dumps(chunk)}\n\n" for chunk in CHUNKS) + "data: [DONE]\n\n",
    ],
    ids=["object", "JSON", "JSON in JSON", "repr", "bytes", "buffer", "Gemini", "list", "stream"],
)
def test_tokens_are_read_from_every_shape_once(response: Any) -> None:
    spec = pipeline()
    frame = read_calls(spec, stages(spec, {"id": 1, "response": response})).frame
    assert frame[["input", "cached", "output"]].iloc[0].tolist() == [70.0, 20.0, 7.0]
    assert frame["model"].iloc[0] == "m"


def test_recorded_costs_of_another_currency_are_turned_into_dollars() -> None:
    spec = pipeline("cost_usd", currency="EUR", usd_per_unit=1.1)
    read = stages(
        spec,
        {"id": 1, "response": "yes", "usd": 2.0},
        {"id": 1, "response": "yes", "usd": 3.0},
        {"id": 2, "response": "yes", "usd": -1.0},
        {"id": 3, "response": "yes"},
    )
    assert spec.monitoring.cost is not None
    costs = record_costs(spec, read, tariffs(spec.monitoring.cost))
    assert costs.to_dict() == {1: pytest.approx(5.5)}
    _, absurd, notes = priced_calls(spec, read, tariffs(spec.monitoring.cost))
    assert absurd.usd == 1
    assert any("1 call has a recorded cost that cannot be" in note for note in notes)


def test_a_model_without_a_price_is_priced_as_it_was_asked_for() -> None:
    spec = pipeline()
    asked = json.dumps({"model": "gpt-4o-mini", "messages": []})
    answer = body("our-deployment", prompt_tokens=1_000_000, completion_tokens=0)
    read = stages(spec, {"id": 1, "request": asked, "response": answer})
    assert spec.monitoring.cost is not None
    assert record_costs(spec, read, tariffs(spec.monitoring.cost)).to_dict() == {1: pytest.approx(0.15)}


def test_runs_tell_loops_from_retries_and_requests_that_are_not_recorded_are_none() -> None:
    spec = pipeline("status", "input_tokens")
    rows = [{"id": 1, "request": "a", "response": "yes"}] * 6
    rows += [{"id": 2, "request": "b", "status": one} for one in ("429", "timeout", "500")]
    rows += [{"id": 2, "request": "b", "response": "yes"}]
    rows += [{"id": 3, "response": "yes"}] * 4
    rows += [{"id": 4, "request": f"c{size}", "response": "yes", "tin": size} for size in (5, 6, 9, 8)]
    rows += [{"id": 5, "request": "d", "status": "400"}] * 3
    runs = runs_of(read_calls(spec, stages(spec, *rows)).frame)
    assert runs[Loop.REPEAT].to_dict() == {1: 6, 2: 1, 3: 1, 4: 1, 5: 3}
    assert runs[Loop.RETRY].to_dict() == {1: 1, 2: 4, 3: 1, 4: 1, 5: 1}
    assert runs[Loop.GROWTH].max() == 1  # some calls have no tokens, and the texts are equally long
    grown = [row for row in rows if row["id"] in (2, 4)]
    runs = runs_of(
        read_calls(spec, stages(spec, *(row for row in grown if row.get("tin") or "response" not in row))).frame
    )
    assert runs[Loop.GROWTH].to_dict() == {2: 1, 4: 3}  # failed calls need none


def test_columns_that_were_not_read_are_said() -> None:
    spec = pipeline("cost_usd")
    read = stages(spec, {"id": 1, "response": "yes"})
    read = {"llm": replace(read["llm"], payload=read["llm"].payload.drop(columns="usd"))}
    calls = read_calls(spec, read)
    assert any("llm: the column usd is not among those that were read" in note for note in calls.notes)


def test_models_and_statuses_of_json_columns_are_read_as_what_they_are() -> None:
    spec = pipeline("input_tokens", "output_tokens", "status", "model")
    named = {"name": "a", "at": ["x"]}
    read = stages(
        spec,
        {"id": 1, "response": "yes", "status": {"code": 200}, "model": named, "tin": 5, "tout": 5},
        {"id": 2, "response": "yes", "status": [503], "model": ["a"], "tin": 5, "tout": 5},
        {"id": 3, "response": None, "status": "503", "model": "gpt-4o-mini", "tin": 5, "tout": 5},
    )
    assert read["llm"].payload["_model"].tolist() == ['{"at":["x"],"name":"a"}', '["a"]', "gpt-4o-mini"]
    assert spec.monitoring.cost is not None
    calls, _, _ = priced_calls(spec, read, tariffs(spec.monitoring.cost))
    calls = calls.sort_values("_key")
    assert calls["is_failed"].tolist() == [False, False, True]
    assert calls["state"].tolist() == ["unpriced", "unpriced", "priced"]
