"""Frames go through JSON and come back as they were."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from ipaddress import ip_address, ip_network
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pandas.testing import assert_frame_equal

from seamwatch.engine.typed_json import decode, encode
from seamwatch.errors import DataContractError

BERLIN = ZoneInfo("Europe/Berlin")
PLUS_TWO = timezone(timedelta(hours=2))
COLUMNS: dict[str, Any] = {
    "year 9999": pd.Series([datetime(9999, 12, 31, 23, 59, 59, 999999, tzinfo=UTC), None]),
    "year 1600, no zone": pd.Series([datetime(1600, 2, 29), None]),  # noqa: DTZ001
    "a zone by name": pd.Series(
        [datetime(2026, 10, 25, 2, 30, fold=f, tzinfo=ZoneInfo("Europe/Berlin")) for f in (0, 1)]
    ),
    "an offset": pd.Series([datetime(2026, 1, 1, tzinfo=PLUS_TWO)]),
    "zones that differ": pd.Series(
        [datetime(2026, 1, 1, tzinfo=z) for z in (PLUS_TWO, UTC, ZoneInfo("Asia/Tokyo"))], dtype=object
    ),
    "nanoseconds": pd.Series(pd.to_datetime([1, None], unit="ns")),
    "dates": pd.Series([date(2026, 1, 1), None]),
    "times": pd.Series([time(8, 30, 0, 1), None]),
    "spans": pd.Series([timedelta(days=99999, microseconds=1), None], dtype=object),
    "decimals beside other numbers": pd.Series([Decimal("1.10"), 1, 1.0, True, "1", b"1", None], dtype=object),
    "great numbers": pd.Series([10**30, -(2**63)], dtype=object),
    "unsigned": pd.Series([2**63 + 1], dtype="uint64"),
    "floats": pd.Series([0.1, -0.0, np.inf, -np.inf, np.nan, 5e-324]),
    "half as wide": pd.Series([1.5, np.nan], dtype="float32"),
    "whole with gaps": pd.Series([1, None], dtype="Int64"),
    "numpy's own": pd.Series([np.float32(1.5), np.int16(3), np.bool_(True), np.float64("nan")], dtype=object),
    "nothing, in four ways": pd.Series([None, float("nan"), pd.NaT, pd.NA], dtype=object),
    "addresses": pd.Series([ip_address("10.0.0.1"), ip_network("fd00::/8"), UUID(int=7)], dtype=object),
    "bytes": pd.Series([b"\x00\xff", b""], dtype=object),
    "JSON": pd.Series([{"a": [1, 2.5, None, {"$": "frame", "v": 1}]}, [], "{}"], dtype=object),
    "half a character": pd.Series(["\ud800", "é😀", "", None], dtype=object),
    "no rows": pd.Series([], dtype="datetime64[us, UTC]"),
}


@pytest.mark.parametrize("name", COLUMNS)
def test_a_column_comes_back_with_its_types(name: str) -> None:
    frame = pd.DataFrame({"a": COLUMNS[name]})
    again = decode(json.loads(json.dumps(encode(frame))))
    assert_frame_equal(again, frame)
    assert [(type(v), repr(v)) for v in again["a"]] == [(type(v), repr(v)) for v in frame["a"]]


def test_bytes_as_a_driver_hands_them_over_come_back_so() -> None:
    value = memoryview(b"ab").cast("c")
    again = decode(json.loads(json.dumps(encode(value))))
    assert (again, again.format) == (value, "c")


def test_what_no_table_holds_is_refused() -> None:
    with pytest.raises(DataContractError, match="type set cannot be written"):
        encode({1, 2})
    with pytest.raises(DataContractError, match="unknown type 'eval'"):
        decode({"$": "eval", "v": "1"})


LEAVES = (
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text() | st.binary() | st.decimals()
)
VALUES = st.recursive(
    LEAVES, lambda part: st.lists(part) | st.dictionaries(st.text(), part) | st.tuples(part), max_leaves=6
)


@given(values=st.lists(VALUES, max_size=5))
def test_any_value_comes_back(values: list[Any]) -> None:
    again = decode(json.loads(json.dumps(encode(values))))
    assert repr(again) == repr(values)
