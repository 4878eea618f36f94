"""Evaluators of a pipeline file: what is taken, and what a mistake is told."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from seamwatch.spec.document import graph_problems, stage_fields
from seamwatch.spec.pipeline import Pipeline

STAGES = [{"name": "crm", "kind": "source", "table": "a"}, {"name": "reply", "kind": "sink", "table": "b"}]


def _document(*evaluators: dict[str, Any]) -> dict[str, Any]:
    return {"pipeline": "p", "database": "d", "key": "id", "stages": STAGES, "evaluators": list(evaluators)}


def test_an_evaluator_is_named_after_its_kind_unless_it_has_a_name() -> None:
    one, other = Pipeline.model_validate(_document({"kind": "refusal"}, {"kind": "leak", "name": "gdpr"})).evaluators
    assert (one.name, other.name) == ("refusal", "gdpr")


def test_two_of_one_name_are_told() -> None:
    twice = {"kind": "regex", "must": "a"}
    (problem,) = graph_problems(_document(twice, twice))
    assert problem == (("evaluators", 1, "kind"), "two evaluators are called 'regex'; give each a name of its own")
    assert not graph_problems(_document(twice, {**twice, "name": "other"}))


@pytest.mark.parametrize(
    ("evaluator", "told"),
    [
        ({"kind": "regex"}, "must or must_not"),
        ({"kind": "regex", "must": ["ok", "("]}, "'(' is no regular expression"),
        ({"kind": "json_schema", "schema": {"type": "objekt"}}, "is no JSON schema at $.type"),
        ({"kind": "json_schema", "schema": {"properties": {"a": {"pattern": "("}}}}, "$.properties.a.pattern"),
        ({"kind": "json_schema", "schema": {"items": {"$ref": "https://host/s.json"}}}, "only what stands in it"),
        ({"kind": "statements"}, "required or forbidden"),
        ({"kind": "support", "context": []}, "at least 1 item"),
        ({"kind": "harm", "builtin": False}, "words or a guard"),
        ({"kind": "function", "function": "no_colon"}, "should match pattern"),
        ({"kind": "similarity", "reference": "crm.a", "atleast": 0.5}, "Extra inputs"),
    ],
)
def test_a_mistake_is_refused_when_the_file_is_loaded(evaluator: dict[str, Any], told: str) -> None:
    with pytest.raises(ValidationError) as caught:
        Pipeline.model_validate(_document(evaluator))
    assert told in str(caught.value)


def test_every_stage_field_of_an_evaluator_is_looked_up() -> None:
    document = _document(
        {"kind": "support", "answer": "reply.text", "context": ["crm.note", "nowhere.note"], "question": "crm.q"},
        {"kind": "statements", "required": "crm.must", "forbidden": "We cannot help."},
        {"kind": "leak", "fields": "crm.email", "prompt": "crm.prompt"},
    )
    assert [field for place, field in stage_fields(document)] == [
        *("reply.text", "crm.note", "nowhere.note", "crm.q", "crm.must", "crm.email", "crm.prompt"),
    ]
    ((place, text),) = graph_problems(document)
    assert place == ("evaluators", 0, "context", 1)
    assert "'nowhere.note' must be stage.field with a known stage" in text
