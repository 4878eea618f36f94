"""What a reference leaves out, what it makes for nobody, and what names a row and says nothing in it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seamwatch.core.records.coverage import (
    is_id,
    is_time,
    made_fields,
    misplaced_in,
    misplaced_outputs,
    unmade_fields,
)
from seamwatch.core.records.references import CopyReference, FieldMapReference, FunctionReference
from seamwatch.report.seam_texts import describe_misplaced
from seamwatch.spec.mapping import MappingSpec
from seamwatch.spec.pipeline import Stage


def _stage(**given: Any) -> Stage:
    return Stage.model_validate({"name": "request", "kind": "mapping", "table": "ai_requests", **given})


PAYLOAD = pd.DataFrame(
    {
        "text": [f"ticket number {n} is open" for n in range(12)],
        "priority": ["high", "low", "low"] * 4,
        "trace_id": [f"0f{n:02d}-77aa-{n * 7919:06x}" for n in range(12)],
        "mapped_at": [f"2026-11-01T10:{n:02d}:30Z" for n in range(12)],
        "due": [f"2026-11-{n + 1:02d}" for n in range(12)],
        "_model": [None] * 12,
    }
)


@pytest.mark.parametrize(
    ("given", "made", "expected"),
    [
        ({}, {"text", "priority", "due"}, ()),
        ({}, {"text"}, ("priority", "due")),
        ({"ignore": ["due"]}, {"text"}, ("priority",)),
        ({}, {"txt", "priority", "due"}, ("text",)),
        ({}, None, ()),
        ({"kind": "source"}, set(), ()),
    ],
    ids=["all made", "left out", "ignored", "misnamed", "not known", "a source"],
)
def test_fields_that_no_reference_makes(
    given: dict[str, Any], made: set[str] | None, expected: tuple[str, ...]
) -> None:
    assert unmade_fields(_stage(**given), PAYLOAD, made) == expected


@pytest.mark.parametrize(
    ("name", "values", "expected"),
    [
        ("ticket_id", [f"T{n}" for n in range(10)], True),
        ("queue_id", ["Q1", "Q2"] * 5, False),
        ("uuid", [f"3f1c9a{n:04d}-aaaa-bbbb" for n in range(10)], True),
        ("batch", list(range(100, 110)), True),
        ("amount_cents", [500, 20, 777, 13, 900, 41, 612, 88, 5, 300], False),
        ("text", [f"case {n} is open" for n in range(10)], False),
        ("queue_id", ["Q1", "Q2", "Q3"], False),
        ("due", [f"2026-11-{n:02d}" for n in range(1, 11)], False),
        ("order_id", [None] * 10, False),
    ],
    ids=[
        "own value and name",
        "an id that others share",
        "uuids",
        "counted up",
        "amounts",
        "sentences",
        "too few to know",
        "dates",
        "nothing in it",
    ],
)
def test_ids_are_values_of_their_own(name: str, values: list[Any], expected: bool) -> None:
    assert is_id(name, pd.Series(values, dtype=object)) is expected


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (["2026-11-01T10:00:05Z", "2026-11-01 11:30"], True),
        ([datetime(2026, 11, 1, 10, tzinfo=UTC), None], True),
        (list(pd.to_datetime(["2026-11-01 10:00", "2026-11-02 09:00"])), True),
        (["2026-11-01", "2026-11-02"], False),
        (["2018-03-23 00:00:00", "2018-03-24T00:00:00Z"], False),
        (["2026-11-01T10:00:05Z", "soon"], False),
        ([None, None], False),
    ],
    ids=["moments", "datetimes", "timestamps", "dates", "midnights", "mixed", "nothing"],
)
def test_moments_are_no_payload_and_dates_are(values: list[Any], expected: bool) -> None:
    assert is_time(pd.Series(values, dtype=object)) is expected


@pytest.mark.parametrize(
    ("output", "fields", "missing", "suggestion"),
    [
        ("txt", {"text", "amount"}, {"text"}, "text"),
        ("queue", {"queue_id", "urgency"}, {"queue_id"}, "queue_id"),
        ("Queue_ID", {"queue_id", "urgency"}, {"queue_id"}, "queue_id"),
        ("payload", {"payload.queue", "score"}, {"payload.queue"}, "payload.queue"),
        ("customer", {"customer_id", "customer_name"}, {"customer_name"}, "customer_name"),
        ("lang", {"text", "amount"}, set(), None),
    ],
    ids=["misspelt", "short", "other case", "a column whose path is the field", "the one that is missing", "no such"],
)
def test_an_output_without_a_column_gets_a_suggestion(
    output: str, fields: set[str], missing: set[str], suggestion: str | None
) -> None:
    (found,) = misplaced_outputs([output], fields, missing=missing)
    assert (found.output, found.suggestion) == (output, suggestion)
    text = describe_misplaced(found, where="ai_requests")
    assert repr(output) in text
    assert "ai_requests" in text
    assert ("did you mean" in text) is (suggestion is not None)


def test_only_the_table_can_tell_where_the_payload_is_a_part_of_it() -> None:
    made = {"txt", "priority"}
    assert [one.output for one in misplaced_in(_stage(), PAYLOAD, made)] == ["txt"]
    assert misplaced_in(_stage(fields=["text", "priority"]), PAYLOAD, made) == []
    assert misplaced_in(_stage(ignore=["txt"]), PAYLOAD, made) == []
    assert misplaced_in(_stage(time="txt"), PAYLOAD, made) == []
    assert misplaced_in(_stage(kind="prompt", request="text"), PAYLOAD[["text"]], {"text", "version"}) == []


def test_what_a_reference_makes_is_known_from_its_file_or_from_what_it_returned() -> None:
    nothing, rows = pd.DataFrame(), pd.DataFrame({"text": ["a"]})
    mapped = FieldMapReference(
        name="m.yaml", spec=MappingSpec.model_validate({"fields": {"text": "text", "tier": "tier"}})
    )
    function = FunctionReference(name="m:f", function=lambda row: row, mode="record")
    assert made_fields(mapped, nothing) == {"text", "tier"}
    assert made_fields(function, rows) == {"text"}
    assert made_fields(function, nothing) is None
    assert made_fields(CopyReference(name="copy", fields=("text",)), rows) == {"text"}


@given(st.sets(st.sampled_from(["text", "priority", "due", "lang", "txt"])))
def test_every_field_is_made_or_named_or_an_id_or_a_time(made: set[str]) -> None:
    unmade = set(unmade_fields(_stage(), PAYLOAD, made))
    misplaced = {one.output for one in misplaced_in(_stage(), PAYLOAD, made)}
    assert unmade | (made - misplaced) == {"text", "priority", "due"}
    assert not unmade & made
    assert misplaced == made - set(PAYLOAD.columns)
