"""Field maps: every step, and bad values told record by record while the others go on."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pandas as pd
import pytest

from seamwatch.core.records.field_maps import apply_field_map, pick, source_fields
from seamwatch.errors import DataContractError
from seamwatch.spec.mapping import MappingSpec


def _spec(**fields: Any) -> MappingSpec:
    return MappingSpec.model_validate({"fields": fields})


def _made(rule: dict[str, Any] | str, *values: Any) -> tuple[list[Any], dict[Any, str]]:
    inputs = pd.DataFrame({"x": pd.Series(values, index=range(1, len(values) + 1), dtype=object)})
    frame, errors = apply_field_map(_spec(made=rule), inputs)
    assert frame.index.tolist() == inputs.index.tolist()
    return frame["made"].tolist(), errors


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


def test_the_other_fields_of_a_record_with_a_bad_value_are_made() -> None:
    inputs = pd.DataFrame({"x": ["ten", "1"], "y": ["a", "b"]}, index=["k1", "k2"])
    frame, errors = apply_field_map(_spec(n={"from": "x", "cast": "number"}, t="y"), inputs)
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
    assert pick(inputs[["body"]], "body.a.b").dropna().tolist() == [1]


def test_source_fields_are_all_that_is_read() -> None:
    spec = _spec(a="x", b={"template": "{y} {z}"}, c={"constant": 1})
    assert source_fields(spec) == {"x", "y", "z"}


def test_an_empty_window_makes_an_empty_frame() -> None:
    frame, errors = apply_field_map(_spec(a="x", b={"template": "{x}"}), pd.DataFrame({"x": []}))
    assert (list(frame.columns), len(frame), errors) == (["a", "b"], 0, {})
