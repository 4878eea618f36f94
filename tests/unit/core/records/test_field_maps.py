"""Field maps: every step, and bad values told record by record while the others go on."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd
import pytest

from seamwatch.core.records.comparison import pick
from seamwatch.core.records.field_maps import apply_field_map, source_fields
from seamwatch.core.records.references import FieldMapReference
from seamwatch.core.records.unknown import Unknown
from seamwatch.errors import DataContractError
from seamwatch.spec.mapping import MappingSpec


def _spec(**fields: Any) -> MappingSpec:
    return MappingSpec.model_validate({"fields": fields})


def _made(rule: dict[str, Any] | str, *values: Any) -> tuple[list[Any], dict[Any, str]]:
    inputs = pd.DataFrame({"x": pd.Series(values, index=range(1, len(values) + 1), dtype=object)})
    made = apply_field_map(_spec(made=rule), inputs)
    assert made.frame.index.tolist() == inputs.index.tolist()
    return made.frame["made"].tolist(), dict(made.errors)


@pytest.mark.parametrize(
    ("rule", "values", "made"),
    [
        ("x", ["a", 5, None], ["a", 5, None]),
        (
            {"from": "x", "lookup": {"A": "router", "7": "seven"}},
            ["A", 7, 7.0, "B"],
            ["router", "seven", "seven", None],
        ),
        ({"from": "x", "lookup": {"A": "router"}, "default": "other"}, ["A", "B", None], ["router", "other", "other"]),
        ({"from": "x", "cast": "text"}, [5.0, True, "a"], ["5", "true", "a"]),
        ({"from": "x", "cast": "integer"}, ["7", 7.0, " 8 "], [7, 7, 8]),
        ({"from": "x", "cast": "number"}, ["1,5", 2], [1.5, 2.0]),
        ({"from": "x", "cast": "boolean"}, ["Yes", 0, True, "f"], [True, False, True, False]),
        ({"from": "x", "cast": "json"}, ['{"b": 1.0, "a": 2}', [1]], ['{"a":2,"b":1}', "[1]"]),
        ({"from": "x", "scale": 0.01, "round": 2}, [1999, "50"], [19.99, 0.5]),
        ({"from": "x", "strip": True, "case": "lower"}, ["  AbC ", 5], ["abc", 5]),
        ({"from": "x", "case": "upper"}, ["abc"], ["ABC"]),
        ({"from": "x", "case": "title"}, ["two words"], ["Two Words"]),
        ({"from": "x", "strip": True, "lookup": {"A": "router"}}, [" A "], ["router"]),
        ({"from": "x", "cast": "integer", "lookup": {"7": "seven"}}, ["07"], ["seven"]),
        ({"from": "x", "date": {"in": "%d/%m/%Y", "out": "%Y-%m-%d"}}, ["05/01/2026"], ["2026-01-05"]),
        ({"from": "x", "date": {"in": "%d.%m.%Y %H:%M"}}, ["05.01.2026 08:30"], ["2026-01-05T08:30:00"]),
        ({"from": "x", "date": {"in": "%d.%m.%Y"}}, ["05.01.2026"], ["2026-01-05"]),
        (
            {"from": "x", "date": {}},
            ["2026-01-05T09:00:00+01:00", datetime(2026, 1, 5, 8, tzinfo=UTC)],
            ["2026-01-05T08:00:00+00:00", "2026-01-05T08:00:00+00:00"],
        ),
        (
            {"from": "x", "cast": "integer"},
            ["1799999999999999001", "1,000", "1,234"],
            [1799999999999999001, 1000, 1234],
        ),
        ({"from": "x", "cast": "integer"}, [Decimal(10**30), "1e3"], [10**30, 1000]),
        ({"from": "x", "cast": "integer", "decimal": ","}, ["1.000", "12.345.678"], [1000, 12345678]),
        ({"from": "x", "cast": "number"}, ["1,234.50", "1.234,50", "1e-05"], [1234.5, 1234.5, 0.00001]),
        ({"from": "x", "cast": "number", "decimal": "."}, ["1,234"], [1234.0]),
        ({"from": "x", "cast": "number"}, ["1799999999999999001"], [1799999999999999001]),
        ({"from": "x", "cast": "number"}, ["12345678901234567.89"], [Decimal("12345678901234567.89")]),
        ({"from": "x", "scale": 0.01}, [74706, "1"], [747.06, 0.01]),
        ({"from": "x", "round": 2}, [2.675, 1.005, 0.125, -0.125], [2.68, 1.01, 0.13, -0.13]),
        ({"from": "x", "round": {"digits": 2, "mode": "half_even"}}, [2.675, 1.005, 0.125], [2.68, 1.0, 0.12]),
        ({"from": "x", "scale": 0.5, "round": 2}, [5.35, "2.01"], [2.68, 1.01]),
        ({"from": "x", "join": ", "}, ['["a", null, 1]', ["b"], []], ["a, 1", "b", ""]),
        ({"from": "x.*.name", "join": "/"}, ['[{"name": "a"}, {"name": "b"}]'], ["a/b"]),
        ({"from": "x.app.queue"}, ['{"app.queue": "q", "app": {}}', '{"app": {"queue": "r"}}'], ["q", "r"]),
        ({"from": "x", "lookup": {"true": "yes", "false": "no"}}, [True, np.False_], ["yes", "no"]),
        ({"from": "x", "lookup": {"1": "yes", "0": "no"}}, [True, False], ["yes", "no"]),
        ({"from": "x", "lookup": {"007": "bond"}}, [7, "007", "7"], ["bond", "bond", None]),
        ({"constant": "email"}, [1, None], ["email", "email"]),
        ({"constant": None}, [1], [None]),
        ({"template": "no. {x}!"}, [7.0, None, "a"], ["no. 7!", "no. !", "no. a!"]),
    ],
)
def test_each_step_makes_what_it_says(rule: Any, values: list[Any], made: list[Any]) -> None:
    got, errors = _made(rule, *values)
    assert errors == {}
    assert [(type(value), value) for value in got] == [(type(value), value) for value in made]


@pytest.mark.parametrize(
    ("rule", "bad", "good", "made", "said"),
    [
        ({"cast": "number"}, "ten", "10", 10.0, "'ten' is no number"),
        ({"cast": "integer"}, 1.5, 2.0, 2, "1.5 is no whole number"),
        ({"cast": "integer"}, float("inf"), 2, 2, "inf"),
        ({"cast": "boolean"}, "maybe", "no", False, "'maybe' is neither true nor false"),
        ({"cast": "json"}, "half {", "[1]", "[1]", "'half {' is no JSON object or list"),
        ({"scale": 2}, "ten", 10, 20.0, "'ten' is no number"),
        ({"round": 1}, True, 1.26, 1.3, "True is no number"),
        ({"date": {"in": "%d/%m/%Y"}}, "2026-01-05", "05/01/2026", "2026-01-05", "2026-01-05"),
        ({"date": {}}, "soon", "2026-01-05", "2026-01-05", "soon"),
        ({"cast": "number"}, "1,234", "1.5", 1.5, "'1,234' reads as 1.234 or 1234; say which with decimal: '.' or ','"),
        ({"join": ","}, "a, b", '["a"]', "a", "'a, b' is no list"),
    ],
)
def test_a_bad_value_is_told_for_its_record_and_the_others_go_on(
    rule: dict[str, Any], bad: Any, good: Any, made: Any, said: str
) -> None:
    got, errors = _made({"from": "x", **rule}, good, bad, good)
    assert list(errors) == [2]
    assert errors[2].startswith("made: ")
    assert said in errors[2]
    assert got == [made, None, made]


def test_a_path_that_no_record_holds_is_told_and_makes_nothing() -> None:
    inputs = pd.DataFrame({"body": ['{"queue": "a"}', "Sorry."]}, index=["k1", "k2"])
    for rule in ({"from": "body.quue"}, {"template": "in {body.quue}"}):
        made = apply_field_map(_spec(made=rule), inputs)
        frame, errors = made.frame, made.errors
        assert frame["made"].isna().all()
        assert list(errors) == ["k1", "k2"]
        assert errors["k1"].startswith("made: body.quue: nothing to read there (unreadable_path)")
    errors = apply_field_map(_spec(made={"from": "body.queue"}), inputs).errors
    assert list(errors) == ["k2"]


def test_a_key_seen_in_the_window_stays_null_among_a_few_records_that_lack_it() -> None:
    reference = FieldMapReference(name="map", spec=_spec(made={"from": "body.queue"}))
    window = pd.DataFrame({"body": ['{"queue": "a"}', "{}"]}, index=["k1", "k2"])
    assert reference.expected({"model": window}).frame["made"].tolist() == ["a", None]
    assert reference.expected({"model": window[1:]}).errors == {}


def test_the_other_fields_of_a_record_with_a_bad_value_are_made() -> None:
    inputs = pd.DataFrame({"x": ["ten", "1"], "y": ["a", "b"]}, index=["k1", "k2"])
    made = apply_field_map(_spec(n={"from": "x", "cast": "number"}, t="y"), inputs)
    frame, errors = made.frame, made.errors
    assert list(errors) == ["k1"]
    assert frame["t"].tolist() == ["a", "b"]


def test_a_long_bad_value_is_cut_in_the_message() -> None:
    _, errors = _made({"from": "x", "cast": "number"}, "z" * 10_000)
    assert len(errors[1]) < 120


def test_a_field_that_no_input_has_is_told_with_those_that_exist() -> None:
    inputs = pd.DataFrame({"x": [1], "y": [2]})
    for rule in ("z", {"from": "z.inner"}, {"template": "{z}"}):
        with pytest.raises(DataContractError, match=r"no input field 'z.*'; known: x, y"):
            apply_field_map(_spec(made=rule), inputs)


def test_a_path_is_followed_into_json_and_a_dotted_column_is_a_column() -> None:
    inputs = pd.DataFrame({"body": ['{"a": {"b": 1}}', "no json", None], "body.a": [7, 8, 9]})
    assert pick(inputs, "body.a").tolist() == [7, 8, 9]
    found, text, null = pick(inputs[["body"]], "body.a.b").tolist()
    assert (found, null) == (1, None)
    assert isinstance(text, Unknown)


@pytest.mark.parametrize(
    "answer",
    [
        '```json\n{"queue": "billing"}\n```',
        'Of course:\n```json\n{"queue": "billing"}\n```',
        json.dumps('{"queue": "billing"}'),
        "{'queue': 'billing'}",
        b'{"queue": "billing"}',
        memoryview(b'{"queue": "billing"}'),
    ],
)
def test_a_path_opens_whatever_a_document_is_wrapped_in(answer: Any) -> None:
    inputs = pd.DataFrame({"answer": [answer, '{"queue": "fraud"}']})
    assert pick(inputs, "answer.queue").tolist() == ["billing", "fraud"]


def test_source_fields_are_all_that_is_read() -> None:
    spec = _spec(a="x", b={"template": "{y} {z}"}, c={"constant": 1})
    assert source_fields(spec) == {"x", "y", "z"}


def test_an_empty_window_makes_an_empty_frame() -> None:
    made = apply_field_map(_spec(a="x", b={"template": "{x}"}), pd.DataFrame({"x": []}))
    frame, errors = made.frame, made.errors
    assert (list(frame.columns), len(frame), errors) == (["a", "b"], 0, {})
