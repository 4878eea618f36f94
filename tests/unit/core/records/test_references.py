"""References: how a person's function is called, and that one bad record stops no other."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pandas as pd
import pytest

from seamwatch.core.records.references import (
    CopyReference,
    FieldMapReference,
    FunctionReference,
    choose_mode,
    merge_inputs,
    shared_keys,
    to_records,
)
from seamwatch.errors import DataContractError
from seamwatch.spec.mapping import MappingSpec


def _frame(keys: list[Any], **columns: list[Any]) -> pd.DataFrame:
    return pd.DataFrame(columns, index=pd.Index(keys, name="key"))


ORDERS = _frame([1, 2, 3, 4], cents=[100, 200, 300, 400])


def _reference(function: Callable[..., Any], body_column: str | None = None) -> FunctionReference:
    return FunctionReference(
        name="maps:function", function=function, mode=choose_mode(function), body_column=body_column
    )


def _on_frame(frame: pd.DataFrame) -> pd.DataFrame:
    return frame


def _on_record(order: dict[str, Any]) -> dict[str, Any]:
    return order


def _on_mapping(orders: Mapping[str, Any]) -> Mapping[str, Any]:
    return orders


@pytest.mark.parametrize(
    ("function", "mode"),
    [
        (_on_frame, "frame"),
        (_on_record, "record"),
        (_on_mapping, "record"),  # the annotation is stronger than the name
        (lambda df: df, "frame"),
        (lambda tickets: tickets, "frame"),
        (lambda orders_df: orders_df, "frame"),
        (lambda ticket: ticket, "record"),
        (lambda x, tickets: x, "record"),
    ],
)
def test_the_mode_is_chosen_by_annotation_else_by_name(function: Callable[..., Any], mode: str) -> None:
    assert choose_mode(function) == mode


def test_a_function_without_arguments_is_refused() -> None:
    def nothing() -> None: ...

    with pytest.raises(DataContractError, match="'nothing' takes no argument"):
        choose_mode(nothing)


def test_a_record_function_that_raises_is_told_for_its_record() -> None:
    def to_eur(order: dict[str, Any]) -> dict[str, Any]:
        if order["cents"] == 300:
            raise ValueError("odd amount\nsecret second line")
        return {"eur": order["cents"] / 100}

    made = _reference(to_eur).expected({"orders": ORDERS})
    assert made.frame["eur"].to_dict() == {1: 1.0, 2: 2.0, 4: 4.0}
    assert made.errors == {3: "maps:function raised ValueError: odd amount"}
    assert made.frame.index.dtype == ORDERS.index.dtype


def test_a_record_function_gets_plain_values_and_none_for_no_data() -> None:
    seen: list[dict[str, Any]] = []

    def look(order: dict[str, Any]) -> dict[str, Any]:
        seen.append(order)
        return {}

    _reference(look).expected({"orders": _frame([1, 2], n=[1.0, None], t=["a", None])})
    assert seen == [{"n": 1.0, "t": "a"}, {"n": None, "t": None}]
    assert type(seen[0]["n"]) is float


@pytest.mark.parametrize("result", [None, 5, ["a"]])
def test_a_record_function_that_returns_no_dict_is_told_for_each_record(result: Any) -> None:
    made = _reference(lambda order: result).expected({"orders": ORDERS})
    assert not len(made.frame)
    assert list(made.errors) == [1, 2, 3, 4]
    assert f"must return a dict of fields, got {type(result).__name__}" in made.errors[1]


def test_a_frame_function_is_called_once_and_halved_down_to_the_records_that_break_it() -> None:
    calls: list[int] = []
    keys = list(range(64))

    def to_eur(orders: pd.DataFrame) -> pd.DataFrame:
        calls.append(len(orders))
        return pd.DataFrame({"eur": orders["cents"].map(int) / 100})

    sound = _frame(keys, cents=[str(key) for key in keys])
    assert _reference(to_eur).expected({"orders": sound}).errors == {}
    assert calls == [64]

    calls.clear()
    broken = sound.assign(cents=["x" if key in (5, 40) else str(key) for key in keys])
    made = _reference(to_eur).expected({"orders": broken})
    assert sorted(made.errors) == [5, 40]
    assert "raised ValueError" in made.errors[5]
    assert made.frame["eur"].to_dict() == {key: key / 100 for key in keys if key not in (5, 40)}
    assert len(calls) < 64 / 2


def test_a_frame_function_that_breaks_on_all_records_tells_each() -> None:
    made = _reference(lambda orders: orders["nope"]).expected({"orders": ORDERS})
    assert not len(made.frame)
    assert list(made.errors) == [1, 2, 3, 4]


def test_a_frame_function_cannot_spoil_what_was_recorded() -> None:
    def spoil(frame: pd.DataFrame) -> pd.DataFrame:
        frame["cents"] = 0
        return frame

    orders = ORDERS.copy()
    made = _reference(spoil).expected({"orders": orders})
    assert made.frame["cents"].tolist() == [0, 0, 0, 0]
    pd.testing.assert_frame_equal(orders, ORDERS)


@pytest.mark.parametrize(
    ("function", "made"),
    [
        (lambda df: pd.DataFrame({"eur": [1, 2, 3, 4]}), {1: 1, 2: 2, 3: 3, 4: 4}),  # a fresh index, in order
        (lambda df: df.rename(columns={"cents": "eur"}).iloc[::-1], {4: 400, 3: 300, 2: 200, 1: 100}),
        (lambda df: df["cents"].rename("eur"), {1: 100, 2: 200, 3: 300, 4: 400}),
        (lambda df: {"eur": df["cents"]}, {1: 100, 2: 200, 3: 300, 4: 400}),
        (lambda df: df.rename(columns={"cents": "eur"}).iloc[:2], {1: 100, 2: 200}),
    ],
)
def test_a_frame_function_may_return_what_can_be_told_apart(function: Callable[..., Any], made: dict[int, int]) -> None:
    assert _reference(function).expected({"orders": ORDERS}).frame["eur"].to_dict() == made


@pytest.mark.parametrize(
    ("function", "said"),
    [
        (lambda df: df.set_axis([7, 8, 9, 10]), "4 rows whose index is not that of the 4 rows given"),
        (lambda df: pd.concat([df, df]), "8 rows whose index is not that of the 4 rows"),
        (lambda df: df.iloc[:2].reset_index(drop=True), "2 rows whose index is not that of the 4 rows"),
        (lambda df: 5, "must return a DataFrame with the index it was given, got int"),
        (lambda df: pd.Series([1, 2, 3, 4]), "a Series without a name"),
    ],
)
def test_rows_that_belong_to_nobody_are_refused(function: Callable[..., Any], said: str) -> None:
    with pytest.raises(DataContractError, match=f"maps:function .*{said}"):
        _reference(function).expected({"orders": ORDERS})


def test_a_prompt_may_return_the_body_bare() -> None:
    made = _reference(lambda order: {"messages": [order["cents"]]}, "body").expected({"orders": ORDERS})
    assert made.frame["body"].tolist() == [{"messages": [cents]} for cents in (100, 200, 300, 400)]
    made = _reference(lambda order: "text", "body").expected({"orders": ORDERS})
    assert made.frame["body"].tolist() == ["text"] * 4
    made = _reference(lambda order: {"body": "named"}, "body").expected({"orders": ORDERS})
    assert made.frame["body"].tolist() == ["named"] * 4
    made = _reference(lambda df: [str(c) for c in df["cents"]], "body").expected({"orders": ORDERS})
    assert made.frame["body"].to_dict() == {1: "100", 2: "200", 3: "300", 4: "400"}


CUSTOMERS = _frame([3, 1, 9], name=["Cy", "Al", "Zo"])


def test_several_inputs_are_handed_over_by_name() -> None:
    def join(customers: pd.DataFrame, orders: pd.DataFrame) -> pd.DataFrame:
        return pd.DataFrame({"text": customers["name"] + orders["cents"].astype(str)})

    made = _reference(join).expected({"orders": ORDERS, "customers": CUSTOMERS})
    assert made.frame["text"].to_dict() == {1: "Al100", 3: "Cy300"}


def test_several_inputs_are_handed_over_in_order_where_the_names_are_others() -> None:
    def join(first: dict[str, Any], second: dict[str, Any]) -> dict[str, Any]:
        return {"text": f"{second['name']}{first['cents']}"}

    made = _reference(join).expected({"orders": ORDERS, "customers": CUSTOMERS})
    assert made.frame["text"].to_dict() == {1: "Al100", 3: "Cy300"}


def test_one_argument_gets_all_inputs_merged() -> None:
    made = _reference(lambda r: {"text": f"{r['name']}{r['cents']}"}).expected(
        {"orders": ORDERS, "customers": CUSTOMERS}
    )
    assert made.frame["text"].to_dict() == {1: "Al100", 3: "Cy300"}


def test_a_number_of_arguments_that_fits_no_inputs_is_refused() -> None:
    with pytest.raises(DataContractError, match=r"takes 3 arguments, the stage has 2 inputs \(orders, customers\)"):
        _reference(lambda a, b, c: {}).expected({"orders": ORDERS, "customers": CUSTOMERS})


def test_an_argument_with_a_default_is_no_input() -> None:
    made = _reference(lambda order, factor=2: {"n": order["cents"] * factor}).expected({"orders": ORDERS})
    assert made.frame["n"].tolist() == [200, 400, 600, 800]


def test_inputs_that_share_a_field_cannot_be_merged() -> None:
    clash = CUSTOMERS.assign(cents=0)
    with pytest.raises(DataContractError, match="'orders' and 'customers' both have a field 'cents'"):
        merge_inputs({"orders": ORDERS, "customers": clash})


def test_a_field_map_reads_a_shared_field_by_its_stage() -> None:
    inputs = {"orders": ORDERS, "customers": CUSTOMERS.assign(cents=0)}
    clash = MappingSpec.model_validate({"fields": {"n": "cents"}})
    with pytest.raises(DataContractError, match=r"'cents' is in orders and customers; write stage\.field"):
        FieldMapReference(name="m.yaml", spec=clash).expected(inputs)
    clear = MappingSpec.model_validate({"fields": {"n": "orders.cents", "who": "name"}})
    made = FieldMapReference(name="m.yaml", spec=clear).expected(inputs)
    assert made.frame.to_dict("index") == {1: {"n": 100, "who": "Al"}, 3: {"n": 300, "who": "Cy"}}


def test_a_field_map_leaves_out_the_records_it_fails_for() -> None:
    spec = MappingSpec.model_validate({"fields": {"n": {"from": "cents", "cast": "integer"}}})
    orders = _frame([1, 2], cents=["5", "five"])
    made = FieldMapReference(name="m.yaml", spec=spec).expected({"orders": orders})
    assert made.frame["n"].to_dict() == {1: 5}
    assert list(made.errors) == [2]


def test_a_field_map_on_a_field_that_is_nowhere_names_what_is_there() -> None:
    spec = MappingSpec.model_validate({"fields": {"n": "amount"}})
    with pytest.raises(DataContractError, match=r"'amount' is in no input; known: orders\.cents"):
        FieldMapReference(name="m.yaml", spec=spec).expected({"orders": ORDERS})


def test_an_empty_window_calls_nobody() -> None:
    def never(order: dict[str, Any]) -> dict[str, Any]:
        raise AssertionError("called without a record")

    made = _reference(never).expected({"orders": ORDERS.iloc[:0]})
    assert (len(made.frame), made.errors) == (0, {})


def test_a_copy_expects_the_fields_that_share_a_name() -> None:
    made = CopyReference(name="copy", fields=("cents", "loaded_at")).expected({"orders": ORDERS.assign(code="A")})
    assert list(made.frame.columns) == ["cents"]


def test_shared_keys_keep_the_order_of_the_first_input() -> None:
    assert shared_keys({"customers": CUSTOMERS, "orders": ORDERS}).tolist() == [3, 1]


def test_records_are_dicts_of_plain_values() -> None:
    assert to_records(_frame(["a"], n=[1], t=[pd.NaT])) == [{"n": 1, "t": None}]
