"""Texts below fields reach the schema, though no class reads them when it is made."""

from __future__ import annotations

from seamwatch.spec.actions import DagRun
from seamwatch.spec.base import Spec
from seamwatch.spec.field_docs import field_docs
from seamwatch.spec.pipeline import Pipeline


class Plain(Spec):
    first: int = 1
    """One text,
    of two lines."""
    second: int = 2
    third: int = 3
    "Another."


class Derived(Plain):
    second: int = 4
    """Its own."""
    third: int = 5


def test_the_text_below_a_field_is_its_own_and_a_field_without_one_has_that_of_the_base() -> None:
    assert field_docs(Plain) == {"first": "One text,\nof two lines.", "third": "Another."}
    assert field_docs(Derived) == {**field_docs(Plain), "second": "Its own."}


def test_a_class_without_source_has_no_texts() -> None:
    made = type("Made", (), {"__annotations__": {"a": int}, "__module__": "nowhere"})
    assert field_docs(made) == {}


def test_the_schema_has_the_texts_of_nested_types_too() -> None:
    parts = Pipeline.model_json_schema(by_alias=True)["$defs"]
    assert parts["Stage"]["properties"]["table"]["description"]
    assert DagRun.model_json_schema()["properties"]["timeout"]["description"] == "Longest wait for the action itself."
