"""Rows to payloads: attempts, duplicates, null keys, key types."""

from __future__ import annotations

from typing import Any

import pandas as pd
import pytest

from seamwatch.core.records.frames import key_text, require_columns, split_versions, stage_data
from seamwatch.core.records.unknown import Unknown
from seamwatch.errors import DataContractError
from seamwatch.spec.pipeline import Stage

MAPPING = Stage.model_validate({"name": "request", "kind": "mapping", "table": "requests"})
MODEL = Stage.model_validate(
    {
        "name": "answer",
        "kind": "model",
        "table": "calls",
        "request": "body",
        "response": "answer",
        "status": "status",
        "endpoint": "python:a:b",
    }
)


def _at(minute: int) -> pd.Timestamp:
    return pd.Timestamp("2026-01-05T08:00:00Z") + pd.Timedelta(minutes=minute)


def _calls(*rows: tuple[Any, int, str | None, Any]) -> pd.DataFrame:
    frame = pd.DataFrame(rows, columns=["id", "at", "answer", "status"], dtype=object)
    return frame.assign(at=pd.to_datetime([_at(minute) for minute in frame["at"]], utc=True), body="{}")


def test_payloads_are_all_columns_but_key_time_and_ignored_ones() -> None:
    stage = MAPPING.model_copy(update={"ignore": ("run_id", "not_there")})
    rows = pd.DataFrame({"id": [1], "at": [_at(0)], "a": ["x"], "run_id": [7]})
    data = stage_data(rows, stage, key="id", time="at")
    assert data.payload.to_dict("index") == {1: {"a": "x"}}
    assert data.times.to_dict() == {1: _at(0)}


def test_fields_choose_columns_and_open_json() -> None:
    stage = MAPPING.model_copy(update={"fields": ("a", "doc.x.0")})
    rows = pd.DataFrame({"id": [1, 2], "a": ["x", "y"], "b": [0, 0], "doc": ['{"x": [5]}', "no json"]})
    data = stage_data(rows, stage, key="id", time=None)
    assert list(data.payload.columns) == ["a", "doc.x.0"]
    assert data.payload.at[1, "doc.x.0"] == 5
    assert isinstance(data.payload.at[2, "doc.x.0"], Unknown)
    assert not len(data.times)


def test_the_last_row_of_a_record_counts_and_the_others_are_kept_as_versions() -> None:
    rows = pd.DataFrame({"id": [1, 2, 1], "at": [_at(9), _at(1), _at(2)], "a": ["late", "only", "early"]})
    data = stage_data(rows, MAPPING, key="id", time="at")
    assert data.payload["a"].to_dict() == {2: "only", 1: "late"}
    assert data.n_duplicate_keys == 1
    assert data.versions["a"].tolist() == ["early", "late"]


def test_of_several_attempts_the_last_successful_one_counts() -> None:
    rows = _calls((1, 0, "first", "ok"), (1, 1, "second", 200), (1, 2, None, "503"), (1, 3, "rest", "timeout"))
    data = stage_data(rows, MODEL, key="id", time="at")
    assert data.payload.at[1, "answer"] == "second"
    assert data.times[1] == _at(1)


def test_where_no_attempt_succeeded_the_last_one_counts() -> None:
    data = stage_data(_calls((1, 5, None, "503"), (1, 1, None, "timeout")), MODEL, key="id", time="at")
    assert data.payload.at[1, "status"] == "503"


def test_an_attempt_without_an_answer_is_no_success_whatever_its_status() -> None:
    data = stage_data(_calls((1, 0, "yes", "ok"), (1, 1, None, "ok")), MODEL, key="id", time="at")
    assert data.payload.at[1, "answer"] == "yes"


def test_rows_without_a_key_are_counted_and_belong_to_nobody() -> None:
    rows = pd.DataFrame({"id": ["a", None, float("nan"), "b"], "x": [1, 2, 3, 4]})
    data = stage_data(rows, MAPPING, key="id", time=None)
    assert data.n_null_keys == 2
    assert data.payload["x"].to_dict() == {"a": 1, "b": 4}


def test_an_empty_table_gives_empty_payloads() -> None:
    rows = pd.DataFrame({"id": [], "at": pd.to_datetime([], utc=True), "a": []})
    data = stage_data(rows, MAPPING, key="id", time="at")
    assert (len(data.payload), len(data.versions), data.n_null_keys, data.n_duplicate_keys) == (0, 0, 0, 0)


@pytest.mark.parametrize(("key", "time", "missing"), [("number", None, "number"), ("id", "moment", "moment")])
def test_a_missing_column_is_told_with_stage_table_and_known_ones(key: str, time: str | None, missing: str) -> None:
    rows = pd.DataFrame({"id": [1], "a": [2]})
    with pytest.raises(DataContractError, match=rf"stage request \(requests\): no column {missing}; known: id, a"):
        stage_data(rows, MAPPING, key=key, time=time)


def test_all_missing_columns_are_told_at_once() -> None:
    with pytest.raises(DataContractError, match="here: no column b, c; known: a"):
        require_columns(pd.DataFrame({"a": [1]}), ("a", "b", "c"), where="here")


@pytest.mark.parametrize(
    ("attempts", "chosen"),
    [
        ([("ok", "a"), ("kaputt", "b")], "a"),
        ([("503", "a"), ("kaputt", "b"), ("error", "c")], "b"),
        ([("DEFAULT", "a"), ("DEFAULT", "b")], "b"),
        ([("DEFAULT", "a"), ("DEFAULT", None)], "a"),
        ([("503", "a"), ("timeout", "b")], "b"),
    ],
)
def test_the_payload_is_the_best_attempt_and_an_unknown_status_is_no_failure(
    attempts: list[tuple[str, str | None]], chosen: str
) -> None:
    rows = _calls(*((1, minute, answer, status) for minute, (status, answer) in enumerate(attempts)))
    assert stage_data(rows, MODEL, key="id", time="at").payload["answer"].tolist() == [chosen]


@pytest.mark.parametrize(
    ("keys", "texts"),
    [
        (pd.Series([1, 2]), ["1", "2"]),
        (pd.Series([1.0, None]), ["1"]),
        (pd.Series(["A-1 ", None]), ["A-1"]),
        (pd.Series([4000123412341234.0, None]), ["4000123412341234"]),
        (pd.Series([2**53 + 1], dtype="Int64"), [str(2**53 + 1)]),
        (pd.Series([1.5, 2.0]), ["1.5", "2"]),
    ],
)
def test_key_text_is_the_key_as_people_write_it(keys: Any, texts: list[str]) -> None:
    assert key_text(keys).dropna().tolist() == texts


def test_a_source_corrected_after_it_was_read_gives_both_versions() -> None:
    rows = pd.DataFrame(
        {
            "id": [1, 1, 2, 2, 3],
            "at": [_at(0), _at(10), _at(0), _at(1), _at(0)],
            "code": ["??", "A", "B", "C", "D"],
        }
    )
    data = stage_data(rows, MAPPING, key="id", time="at")
    used, corrected = split_versions(data, pd.Series({1: _at(5), 2: _at(5), 3: _at(5)}))
    assert used["code"].to_dict() == {1: "??", 2: "C", 3: "D"}
    assert corrected["code"].to_dict() == {1: "A"}


def test_a_version_that_changes_nothing_is_no_correction() -> None:
    rows = pd.DataFrame({"id": [1, 1], "at": [_at(0), _at(10)], "code": ["A", "A"]})
    data = stage_data(rows, MAPPING, key="id", time="at")
    _, corrected = split_versions(data, pd.Series({1: _at(5)}))
    assert not len(corrected)


def test_a_source_whose_readers_left_no_time_is_taken_as_it_stands() -> None:
    rows = pd.DataFrame({"id": [1, 1], "at": [_at(0), _at(10)], "code": ["A", "B"]})
    data = stage_data(rows, MAPPING, key="id", time="at")
    used, corrected = split_versions(data, pd.Series(dtype="datetime64[ns, UTC]"))
    assert used.equals(data.payload)
    assert not len(corrected)


@pytest.mark.parametrize("earlier", [None, 1.5, "n/a", 2**60 + 1, True, b"\x00", [1], {"a": None}])
def test_an_earlier_version_may_hold_a_value_of_any_type(earlier: object) -> None:
    rows = pd.DataFrame({"id": [1, 2], "at": [_at(10), _at(0)], "cents": [2**60 + 3, 7], "code": ["A", "B"]})
    data = stage_data(rows, MAPPING, key="id", time="at")
    later = pd.DataFrame({"_key": [1, 1], "_time": [_at(0), _at(10)], "code": ["A", "A"]})
    later["cents"] = pd.Series([earlier, 2**60 + 3], dtype=object)
    used, corrected = split_versions(data, pd.Series({1: _at(5), 2: _at(5)}), later)
    assert used["cents"].tolist() == [7, earlier]
    assert used["code"].tolist() == ["B", "A"]
    assert corrected["cents"].to_dict() == {1: 2**60 + 3}


def test_versions_of_a_source_with_documents_are_opened_as_its_payload_is() -> None:
    stage = MAPPING.model_copy(update={"fields": ("doc.x",)})
    rows = pd.DataFrame({"id": [1, 1], "at": [_at(0), _at(10)], "doc": ['{"x": 5}', '{"x": 6}']})
    data = stage_data(rows, stage, key="id", time="at")
    used, corrected = split_versions(data, pd.Series({1: _at(5)}))
    assert used["doc.x"].to_dict() == {1: 5}
    assert corrected["doc.x"].to_dict() == {1: 6}
