"""A judge model in a pipeline file: its short forms, and what a mistake is told."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from pydantic import ValidationError

from seamwatch.spec.document import graph_problems, stage_fields
from seamwatch.spec.judge import JudgeModel
from seamwatch.spec.pipeline import Pipeline

STAGES = [{"name": "crm", "kind": "source", "table": "a"}, {"name": "reply", "kind": "sink", "table": "b"}]
JUDGE = {"kind": "judge", "endpoint": "judge_model", "model": "m", "rubric": "Right if it names the day."}


def _document(**more: Any) -> dict[str, Any]:
    return {"pipeline": "p", "database": "d", "key": "id", "stages": STAGES, "evaluators": [JUDGE | more]}


def test_an_endpoint_is_written_as_at_a_model_stage() -> None:
    (judge,) = Pipeline.model_validate(_document(endpoint="judge_model/v1/messages")).evaluators
    assert isinstance(judge, JudgeModel)
    assert (judge.name, judge.endpoint.connection, judge.endpoint.path) == ("judge", "judge_model", "/v1/messages")
    assert judge.endpoint.timeout == timedelta(seconds=60)


@pytest.mark.parametrize(
    ("more", "told"),
    [
        ({"rubric": "  "}, "at least 1 character"),
        ({"rubric": None}, "valid string"),
        ({"endpoint": {"connection": "a", "modle": "b"}}, "Extra inputs"),
        ({"pairwise": {}}, "Field required"),
        ({"pairwise": {"against": "crm.old"}, "reference": "crm.good"}, "exclude each other"),
        ({"sample": 0}, "greater than or equal to 1"),
        ({"max_usd_per_day": -1}, "greater than or equal to 0"),
        ({"parameters": {"stop": ["a"]}}, "must be text, a number"),
    ],
)
def test_a_mistake_is_refused_when_the_file_is_loaded(more: dict[str, Any], told: str) -> None:
    with pytest.raises(ValidationError) as caught:
        Pipeline.model_validate(_document(**more))
    assert told in str(caught.value)


def test_every_stage_field_of_a_judge_is_looked_up() -> None:
    document = _document(answer="reply.text", context=["crm.note"], pairwise={"against": "nowhere.old"})
    assert {field for _, field in stage_fields(document)} == {"reply.text", "crm.note", "nowhere.old"}
    ((place, text),) = graph_problems(document)
    assert place == ("evaluators", 0, "pairwise", "against")
    assert "'nowhere.old' must be stage.field with a known stage" in text
