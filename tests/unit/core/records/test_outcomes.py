"""Outcomes: right, wrong or pending, by truth, by a person's evaluator, by a suite."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from seamwatch.core.records.outcomes import (
    Judgement,
    call_lost_wrong,
    judge_by_evaluator,
    judge_by_failures,
    judge_by_truth,
    judge_fields,
)
from seamwatch.errors import DataContractError
from seamwatch.spec.pipeline import Comparator
from seamwatch.vocabulary import OutcomeState, UnknownReason

RIGHT, WRONG, PENDING = OutcomeState.RIGHT, OutcomeState.WRONG, OutcomeState.PENDING
FINAL = pd.DataFrame({"queue": ["Q1", " q2 ", "Q3", None], "amount": [1.0, 2.0, 3.0, 4.0]}, index=[1, 2, 3, 4])


def _truth(queue: dict[int, Any], **more: dict[int, Any]) -> pd.DataFrame:
    return pd.DataFrame({"label": pd.Series(queue, dtype=object), **{k: pd.Series(v) for k, v in more.items()}})


def test_records_are_right_wrong_or_pending() -> None:
    judged = judge_by_truth(FINAL, _truth({1: "Q1", 2: "Q2", 3: "Q9", 8: "Q1"}), {"queue": Comparator(column="label")})
    assert judged["state"].to_dict() == {1: RIGHT, 2: RIGHT, 3: WRONG, 4: PENDING}
    assert judged["reason"].to_dict() == {1: "", 2: "", 3: "queue", 4: ""}


def test_a_missing_answer_to_a_known_truth_is_wrong() -> None:
    judged = judge_by_truth(FINAL, _truth({4: "Q1"}), {"queue": Comparator(column="label")})
    assert judged.at[4, "state"] == WRONG


def _judge(values: list[Any], labels: list[Any], **comparator: Any) -> Judgement:
    keys = range(len(values))
    final = pd.DataFrame({"total": pd.Series(values, index=keys, dtype=object)})
    truth = pd.DataFrame({"label": pd.Series(labels, index=keys, dtype=object)})
    return judge_fields(final, truth, {"total": Comparator(column="label", **comparator)})


def test_a_record_that_cannot_be_compared_is_pending_and_counted() -> None:
    judged = _judge(["5 EUR", "6", "7", "n/a"], [5, 6, 8, 9], how="number")
    assert judged.outcomes["state"].tolist() == [PENDING, RIGHT, WRONG, WRONG]
    assert judged.outcomes.at[0, "reason"] == "unreadable: total"
    (field,) = judged.fields
    assert (field.n_judged, field.n_right, field.n_unreadable) == (3, 1, 1)
    assert (field.reason, field.unreadable) == (UnknownReason.NOT_A_NUMBER, (("5 EUR", "5"),))


def test_a_wrong_field_decides_beside_one_that_cannot_be_read() -> None:
    final = pd.DataFrame({"a": ["1,234"], "b": ["x"]})
    truth = pd.DataFrame({"a": [1234], "b": ["y"]})
    judged = judge_by_truth(final, truth, {name: Comparator(column=name) for name in "ab"})
    assert judged.loc[0].tolist() == [WRONG, "b"]


def test_each_field_has_its_own_accuracy() -> None:
    final = pd.DataFrame({"a": list("xxxx"), "b": list("yyyz")})
    truth = pd.DataFrame({"a": list("xxxx"), "b": ["y", "q", None, "z"]})
    judged = judge_fields(final, truth, {name: Comparator(column=name) for name in "ab"})
    assert [(one.field, one.n_judged, one.n_right) for one in judged.fields] == [("a", 4, 4), ("b", 3, 2)]


def test_cents_are_compared_with_euros_by_a_scale() -> None:
    assert _judge([1999, 500], ["19.99", 500], scale=0.01).outcomes["state"].tolist() == [RIGHT, WRONG]


DAYS = [f"{day:02}/03/2018" for day in range(10, 30)]
ISO_DAYS = [f"2018-03-{day:02}" for day in range(10, 30)]


@pytest.mark.parametrize(
    ("values", "labels", "how", "form"),
    [
        (DAYS, ISO_DAYS, "auto", "date"),
        (ISO_DAYS, [f"{day} 14:05:00" for day in ISO_DAYS], "auto", "date"),
        (["BILLING"] * 9, ["billing"] * 9, "exact", "auto"),
        (["1e5"] * 9, [100_000] * 9, "auto", "number"),
        (["b;a"] * 9, ["a;b"] * 9, "auto", "set"),
    ],
)
def test_where_every_record_fails_by_form_alone_none_is_wrong(
    values: list[Any], labels: list[Any], how: str, form: str
) -> None:
    judged = _judge(values, labels, how=how)
    assert set(judged.outcomes["state"]) == {PENDING}
    assert judged.form_only == {"total": form}
    assert judged.fields[0].n_form == len(values)
    assert judged.fields[0].forms[0] == (values[0], labels[0] if isinstance(labels[0], str) else "100000")


def test_a_record_that_differs_in_more_than_form_stays_wrong_among_those_that_do_not() -> None:
    judged = _judge(["BILLING"] * 9 + ["OTHER"], ["billing"] * 10, how="exact")
    assert judged.outcomes["state"].tolist() == [PENDING] * 9 + [WRONG]
    assert judged.form_only == {"total": "auto"}


def test_records_of_another_form_are_wrong_where_others_are_right() -> None:
    judged = _judge(["BILLING"] * 9 + ["billing"], ["billing"] * 10, how="exact")
    assert judged.outcomes["state"].tolist() == [WRONG] * 9 + [RIGHT]
    assert judged.form_only == {}


def test_a_trial_excuses_the_form_that_the_window_showed() -> None:
    final, truth = pd.DataFrame({"a": ["X", "Y"]}), pd.DataFrame({"a": ["x", "z"]})
    compare = {"a": Comparator(column="a", how="exact")}
    assert judge_by_truth(final, truth, compare)["state"].tolist() == [WRONG, WRONG]
    assert judge_by_truth(final, truth, compare, {"a": "auto"})["state"].tolist() == [PENDING, WRONG]


def test_a_null_label_is_pending_and_not_an_answer() -> None:
    judged = judge_by_truth(FINAL, _truth({1: None, 4: None}), {"queue": Comparator(column="label")})
    assert set(judged["state"]) == {PENDING}


def test_a_record_with_only_some_of_its_labels_is_pending() -> None:
    truth = _truth({1: "Q9", 2: "Q2"}, sum={1: float("nan"), 2: 2.0})
    compare = {"queue": Comparator(column="label"), "amount": Comparator(column="sum")}
    assert judge_by_truth(FINAL.loc[[1, 2]], truth, compare)["state"].tolist() == [PENDING, RIGHT]


def test_all_wrong_fields_are_named() -> None:
    compare = {"queue": Comparator(column="label"), "amount": Comparator(column="sum", how="number", tolerance=0.5)}
    judged = judge_by_truth(FINAL, _truth({1: "Q9", 2: "Q9"}, sum={1: 9.0, 2: 2.4}), compare)
    assert judged["reason"].to_dict() == {1: "queue;amount", 2: "queue", 3: "", 4: ""}


def test_the_comparator_decides() -> None:
    judged = judge_by_truth(FINAL, _truth({1: "Q1", 2: "Q2"}), {"queue": Comparator(column="label", how="exact")})
    assert judged["state"].tolist()[:2] == [RIGHT, WRONG]


@pytest.mark.parametrize(
    ("compare", "said"),
    [
        ({"route": Comparator(column="label")}, "the judged stage: no column route; known: queue, amount"),
        ({"queue": Comparator(column="lable")}, "the truth: no column lable; known: label"),
    ],
)
def test_a_missing_column_is_told_with_its_side(compare: dict[str, Comparator], said: str) -> None:
    with pytest.raises(DataContractError, match=said):
        judge_by_truth(FINAL, _truth({1: "Q1"}), compare)


def test_a_window_without_records_has_no_outcomes() -> None:
    assert not len(judge_by_truth(FINAL.iloc[:0], _truth({1: "Q1"}), {"queue": Comparator(column="label")}))


@pytest.mark.parametrize(
    "result",
    [
        pd.DataFrame({"state": ["right", "wrong", "pending", None]}, index=[1, 2, 3, 4]),
        pd.Series([True, False, None, None], index=[1, 2, 3, 4], dtype=object),
        pd.Series([np.True_, np.False_, pd.NA, float("nan")], index=[1, 2, 3, 4], dtype=object),
        pd.Series([True, False, None, None], index=[1, 2, 3, 4], dtype="boolean"),
        pd.Series([RIGHT, WRONG, PENDING, PENDING], index=[1, 2, 3, 4]),
    ],
)
def test_an_evaluator_may_return_states_or_booleans(result: Any) -> None:
    judged = judge_by_evaluator(FINAL, lambda final: result, name="maps:judge")
    assert judged["state"].tolist() == [RIGHT, WRONG, PENDING, PENDING]
    assert judged["reason"].tolist() == ["", "", "", ""]


def test_an_evaluators_reasons_are_kept() -> None:
    result = pd.DataFrame({"state": ["wrong"] * 4, "reason": ["too long", None, "", "rude"]}, index=FINAL.index)
    judged = judge_by_evaluator(FINAL, lambda final: result, name="maps:judge")
    assert judged["reason"].tolist() == ["too long", "", "", "rude"]


@pytest.mark.parametrize(
    ("result", "said"),
    [
        (
            pd.Series(["right", "wrong", "perhaps", "right"], index=FINAL.index),
            "returned state 'perhaps'; known: right",
        ),
        (pd.Series([0.9, 0.1, 0.5, 0.2], index=FINAL.index), "returned state 0.9; known: right"),
        (pd.Series([True] * 4), "must return a frame with the index it was given"),
        (pd.Series([True] * 3, index=[1, 2, 3]), "must return a frame with the index it was given"),
        (pd.DataFrame({"ok": [True] * 4}, index=FINAL.index), "and a column 'state'"),
        ([True] * 4, "must return a frame"),
        (None, "must return a frame"),
    ],
)
def test_an_evaluator_that_returns_garbage_is_refused_by_name(result: Any, said: str) -> None:
    with pytest.raises(DataContractError, match=f"evaluator maps:judge .*{said}"):
        judge_by_evaluator(FINAL, lambda final: result, name="maps:judge")


def test_an_evaluator_that_raises_is_told_with_its_error() -> None:
    with pytest.raises(DataContractError, match="evaluator maps:judge raised KeyError: 'nope'"):
        judge_by_evaluator(FINAL, lambda final: final["nope"], name="maps:judge")


def test_an_evaluator_cannot_spoil_the_payloads() -> None:
    def spoil(final: pd.DataFrame) -> Any:
        final["queue"] = "?"
        return pd.Series(True, index=final.index)

    judge_by_evaluator(FINAL, spoil, name="maps:judge")
    assert FINAL["queue"].tolist()[0] == "Q1"


def test_records_that_fail_the_suite_are_wrong() -> None:
    judged = judge_by_failures(FINAL, {2, 99})
    assert judged["state"].tolist() == [RIGHT, WRONG, RIGHT, RIGHT]
    assert judged.at[2, "reason"] == "expectation suite"


def test_a_lost_record_is_wrong_and_not_pending_for_ever() -> None:
    outcomes = judge_by_truth(FINAL, _truth({1: "Q1", 3: "Q9"}), {"queue": Comparator(column="label")})
    told = call_lost_wrong(outcomes, [pd.Index([1, 2]), pd.Index([3])])
    assert told["state"].to_dict() == {1: RIGHT, 2: WRONG, 3: WRONG, 4: PENDING}
    assert told["reason"].to_dict() == {1: "", 2: "lost", 3: "queue", 4: ""}
    assert outcomes.at[2, "state"] == PENDING
