"""Reconciliation: lost, extra, crossed and discrepant records of one stage."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd
import pytest

from seamwatch.core.records.reconciliation import discrepancies, reconcile, set_field
from seamwatch.core.records.references import FunctionReference, Reference
from seamwatch.core.records.unknown import Unknown
from seamwatch.spec.pipeline import Stage
from seamwatch.vocabulary import DiscrepancyKind, UnknownReason

COPY: Reference = FunctionReference(name="copy", function=lambda df: df, mode="frame")


def _stage(**changes: Any) -> Stage:
    return Stage.model_validate({"name": "request", "kind": "mapping", "table": "requests", **changes})


def _frame(rows: Mapping[Any, Mapping[str, Any]]) -> pd.DataFrame:
    return pd.DataFrame.from_dict(dict(rows), orient="index", dtype=object).rename_axis("key")


def _found(recorded: Any, expected: Any, **stage: Any) -> list[tuple[Any, ...]]:
    rows = discrepancies(_frame({"k": {"x": recorded}}), _frame({"k": {"x": expected}}), _stage(**stage))
    return [(row.field, row.recorded, row.expected, row.kind) for row in rows.itertuples()]


def test_lost_and_extra_records_are_told_apart_from_discrepant_ones() -> None:
    source = _frame({1: {"a": "x"}, 2: {"a": "y"}, 3: {"a": "z"}})
    recorded = _frame({1: {"a": "x"}, 3: {"a": "other"}, 9: {"a": "ghost"}})
    found = reconcile(_stage(), recorded, {"orders": source}, COPY, extra=pd.Index([9]))
    assert found.n_input == 3
    assert found.lost.tolist() == [2]
    assert found.extra.tolist() == [9]
    assert found.discrepancies["key"].tolist() == [3]
    assert found.is_checked


def test_what_cannot_be_compared_is_no_discrepancy_and_is_counted() -> None:
    unread = Unknown(reason=UnknownReason.UNREADABLE_PATH, sample="no json")
    recorded = _frame({1: {"a": unread, "b": "5 EUR"}, 2: {"a": "x", "b": "1,234"}, 3: {"a": "x", "b": "6"}})
    expected = _frame({1: {"a": "x", "b": 5}, 2: {"a": "x", "b": 1234}, 3: {"a": "x", "b": 5}})
    reference = FunctionReference(name="given", function=lambda df: expected, mode="frame")
    found = reconcile(_stage(normalise={"b": "number"}), recorded, {"orders": _frame({1: {}, 2: {}, 3: {}})}, reference)
    assert [(row.key, row.field, row.reason, row.sample) for row in found.unreadable.itertuples()] == [
        (1, "a", UnknownReason.UNREADABLE_PATH, "no json"),
        (1, "b", UnknownReason.NOT_A_NUMBER, "5 EUR"),
        (2, "b", UnknownReason.AMBIGUOUS_FORM, "1,234"),
    ]
    assert [(row.key, row.field) for row in found.discrepancies.itertuples()] == [(3, "b")]


def test_a_reference_makes_nothing_of_an_input_that_cannot_be_read() -> None:
    source = _frame({1: {"a": "x"}, 2: {"a": Unknown(reason=UnknownReason.UNREADABLE_BODY, sample="data: {}")}})
    recorded = _frame({1: {"a": "x"}, 2: {"a": "x"}})
    for mode, function in (("frame", lambda df: df), ("record", lambda row: {**row})):
        reference = FunctionReference(name="copy", function=function, mode=mode)  # type: ignore[arg-type]
        found = reconcile(_stage(), recorded, {"orders": source}, reference)
        assert found.reference_errors == {2: "a: nothing to read there (unreadable_body) in 'data: {}'"}
        assert not len(found.discrepancies)


def test_a_boolean_is_the_number_a_database_holds_it_as_but_in_json_that_is_another_form() -> None:
    assert _found(1, True) == []
    assert [kind for *_, kind in _found("Y", True)] == [DiscrepancyKind.FORMAT]
    assert [kind for *_, kind in _found('{"vip": 1}', {"vip": True})] == [DiscrepancyKind.FORMAT]


def test_a_column_of_words_for_booleans_differs_in_form_only() -> None:
    recorded, expected = _frame({1: {"a": "t"}, 2: {"a": "f"}}), _frame({1: {"a": "true"}, 2: {"a": "true"}})
    kinds = discrepancies(recorded, expected, _stage())["kind"].tolist()
    assert kinds == [DiscrepancyKind.FORMAT, DiscrepancyKind.VALUE]


def test_without_a_reference_a_stage_is_watched_only() -> None:
    source, recorded = _frame({1: {"a": "x"}, 2: {"a": "y"}}), _frame({1: {"a": "other"}})
    found = reconcile(_stage(), recorded, {"orders": source}, None)
    assert not found.is_checked
    assert found.lost.tolist() == [2]
    assert not len(found.discrepancies)


def test_a_record_the_reference_fails_for_is_told_and_is_no_discrepancy() -> None:
    def fussy(order: dict[str, Any]) -> dict[str, Any]:
        return {"a": order["a"].upper()}

    reference = FunctionReference(name="fussy", function=fussy, mode="record")
    source = _frame({1: {"a": "x"}, 2: {"a": None}})
    found = reconcile(_stage(), _frame({1: {"a": "X"}, 2: {"a": "?"}}), {"orders": source}, reference)
    assert list(found.reference_errors) == [2]
    assert not len(found.discrepancies)
    assert found.lost.tolist() == []


def test_crossed_records_are_named_with_their_owners() -> None:
    source = _frame({1: {"a": "x"}, 2: {"a": "y"}, 3: {"a": "z"}})
    recorded = _frame({1: {"a": "y"}, 2: {"a": "x"}, 3: {"a": "z"}})
    assert reconcile(_stage(), recorded, {"orders": source}, COPY).crossed == {1: 2, 2: 1}


def test_a_payload_that_several_records_should_have_is_nobodys() -> None:
    source = _frame({1: {"a": "x"}, 2: {"a": "y"}, 3: {"a": "y"}})
    recorded = _frame({1: {"a": "y"}, 2: {"a": "y"}, 3: {"a": "y"}})
    found = reconcile(_stage(), recorded, {"orders": source}, COPY)
    assert found.crossed == {}
    assert found.discrepancies["key"].tolist() == [1]


def test_a_payload_in_another_format_is_not_crossed() -> None:
    source = _frame({1: {"a": "x"}, 2: {"a": "X"}})
    recorded = _frame({1: {"a": "X"}, 2: {"a": "X"}})
    assert reconcile(_stage(), recorded, {"orders": source}, COPY).crossed == {}


@pytest.mark.parametrize(
    ("recorded", "expected", "kind"),
    [
        (" Router", "router", DiscrepancyKind.FORMAT),
        ("5.00", 5, DiscrepancyKind.FORMAT),
        ("", None, DiscrepancyKind.FORMAT),
        ("routers", "router", DiscrepancyKind.VALUE),
        (None, "router", DiscrepancyKind.VALUE),
        (0, None, DiscrepancyKind.VALUE),
    ],
)
def test_a_difference_in_format_is_not_one_in_value(recorded: Any, expected: Any, kind: DiscrepancyKind) -> None:
    assert _found(recorded, expected) == [("x", recorded, expected, kind)]


@pytest.mark.parametrize(
    ("recorded", "expected"),
    [(5, 5.0), (None, float("nan")), ('{"b":1,"a":[2.0]}', {"a": [2], "b": 1}), (True, "true"), ("[]", [])],
)
def test_the_storage_type_is_no_difference(recorded: Any, expected: Any) -> None:
    assert _found(recorded, expected) == []


def test_json_is_compared_leaf_by_leaf() -> None:
    recorded = {"a": 1, "b": {"c": ["x", "y"]}, "more": True, "gone": None}
    expected = {"a": 1, "b": {"c": ["x", "z"], "d": 5}, "nothing": None}
    assert _found(recorded, expected) == [
        ("x.b.c.1", "y", "z", DiscrepancyKind.VALUE),
        ("x.b.d", None, 5, DiscrepancyKind.MISSING),
        ("x.more", True, None, DiscrepancyKind.UNEXPECTED),
    ]


def test_half_a_json_document_is_one_differing_value() -> None:
    ((name, _, _, kind),) = _found('{"a": 1, "b"', '{"a": 1, "b": 2}')
    assert (name, kind) == ("x", DiscrepancyKind.VALUE)


@pytest.mark.parametrize(
    ("rules", "recorded", "expected", "n"),
    [
        ({"x": "exact"}, "Router", "router", 1),
        ({"x": ["strip", "casefold"]}, " Router", "router", 0),
        ({"x": "sorted"}, "b,a", "a;b", 0),
        ({"x": "null_if_empty"}, "", None, 0),
        ({"x": "casefold"}, {"a": "B"}, {"a": "b"}, 0),
        ({"x.a": "exact", "x": "casefold"}, {"a": "B", "c": "D"}, {"a": "b", "c": "d"}, 1),
    ],
)
def test_a_persons_rule_decides_where_there_is_one(rules: dict[str, Any], recorded: Any, expected: Any, n: int) -> None:
    found = _found(recorded, expected, normalise=rules)
    assert len(found) == n
    assert {kind for *_, kind in found} <= {DiscrepancyKind.VALUE}


def test_ignored_fields_and_those_the_stage_lacks_are_not_compared() -> None:
    recorded, expected = _frame({1: {"a": "x", "run": 1}}), _frame({1: {"a": "x", "run": 2, "b": 3}})
    assert not len(discrepancies(recorded, expected, _stage(ignore=["run"])))


def test_a_gigantic_payload_is_compared_to_its_last_character() -> None:
    text = "word " * 200_000
    assert _found(text, text) == []
    ((_, recorded, _, kind),) = _found(f"{text}a", f"{text}b")
    assert kind is DiscrepancyKind.VALUE
    assert len(recorded) == len(text) + 1


def test_an_empty_window_has_nothing_to_tell() -> None:
    nothing = _frame({1: {"a": "x"}}).iloc[:0]
    found = reconcile(_stage(), nothing, {"orders": nothing}, COPY)
    assert (found.n_input, len(found.lost), len(found.discrepancies), found.crossed) == (0, 0, 0, {})


@pytest.mark.parametrize(
    ("payload", "name", "value", "after"),
    [
        ({"a": 1}, "a", 2, {"a": 2}),
        ({"a.b": 1}, "a.b", 2, {"a.b": 2}),
        ({"a": {"b": [1, 2]}}, "a.b.1", 9, {"a": {"b": [1, 9]}}),
        ({"a": '{"b": 1}'}, "a.c", 2, {"a": {"b": 1, "c": 2}}),
        ({"a": {"b": 1, "c": 2}}, "a.b", None, {"a": {"c": 2}}),
        ({"a": [1]}, "a.1", 2, {"a": [1, 2]}),
        ({"a": [1]}, "a.5", None, {"a": [1]}),
        ({"a": None}, "a.b.c", 1, {"a": {"b": {"c": 1}}}),
        ({"a": [1]}, "a.b", 2, {"a": {"b": 2}}),
        ({"a": [1]}, "a.b", None, {"a": [1]}),
        ({"a": {"b": [{"c": 1}]}}, "a.b.x.y", 2, {"a": {"b": {"x": {"y": 2}}}}),
        ({"a": {"b": 1}}, "a.0", None, {"a": {"b": 1}}),
        ({"a": 1}, "b", 2, {"a": 1, "b": 2}),
        ({"a.b": {"c": 1}}, "a.b.c", 2, {"a.b": {"c": 2}}),
    ],
)
def test_set_field_changes_one_leaf(payload: dict[str, Any], name: str, value: Any, after: dict[str, Any]) -> None:
    before = repr(payload)
    assert set_field(payload, name, value) == after
    assert repr(payload) == before


def test_a_field_is_set_below_a_key_with_dots() -> None:
    payload = {"attributes": '{"app.decision.queue": "a", "n": 1}', "run.id": {"x": 1}}
    assert set_field(payload, "attributes.app.decision.queue", "b")["attributes"] == {"app.decision.queue": "b", "n": 1}
    assert set_field(payload, "run.id.x", 2)["run.id"] == {"x": 2}
