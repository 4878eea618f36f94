"""Whatever the core can say survives the way through JSON."""

from __future__ import annotations

import dataclasses
import json
import types
import typing
from datetime import UTC, datetime, timedelta
from enum import Enum

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from seamwatch.core.incident_life import Incident
from seamwatch.core.replays import ModelAnswer
from seamwatch.core.results import Attribution, StageResult, Verdict, Window
from seamwatch.core.watch.results import WatchReport
from seamwatch.store.codec import from_json, to_json
from seamwatch.vocabulary import Responsibility

TIMES = st.datetimes(min_value=datetime(1990, 1, 1), max_value=datetime(2100, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001 - hypothesis adds the zone
WINDOWS = st.builds(
    lambda start, length: Window(start=start, end=start + length),
    TIMES,
    st.timedeltas(min_value=timedelta(microseconds=1), max_value=timedelta(days=400)),
)
LEAVES = {
    str: st.text(st.characters(exclude_categories=["Cs"]), max_size=20),
    int: st.integers(-(2**53), 2**53),
    float: st.floats(allow_nan=False, allow_infinity=False),
    bool: st.booleans(),
    datetime: TIMES,
    Window: WINDOWS,
    types.NoneType: st.none(),
}


def values(kind: typing.Any) -> st.SearchStrategy[typing.Any]:
    """Return values of any type that a result of the core is made of; an unknown one is an error, not a gap."""
    if kind in LEAVES:
        return LEAVES[kind]
    origin, parts = typing.get_origin(kind), typing.get_args(kind)
    if origin in (types.UnionType, typing.Union):
        return st.one_of([values(part) for part in parts])
    if origin is tuple and parts[-1] is Ellipsis:
        return st.lists(values(parts[0]), max_size=2).map(tuple)
    if origin is tuple:
        return st.tuples(*(values(part) for part in parts))
    if origin is dict:
        return st.dictionaries(values(parts[0]), values(parts[1]), max_size=2)
    if issubclass(kind, Enum):
        return st.sampled_from(kind)
    hints = typing.get_type_hints(kind)
    return st.builds(kind, **{field.name: values(hints[field.name]) for field in dataclasses.fields(kind)})


@pytest.mark.parametrize("kind", [Attribution, Incident, ModelAnswer, StageResult, Verdict, WatchReport])
@settings(max_examples=40, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(data=st.data())
def test_a_result_comes_back_from_json_exactly(kind: type[object], data: st.DataObject) -> None:
    value = data.draw(values(kind))
    written = json.dumps(to_json(value), allow_nan=False)
    assert from_json(kind, json.loads(written)) == value


def test_a_part_that_is_kept_elsewhere_can_be_left_out() -> None:
    verdict = Verdict(key="1", responsibility=Responsibility.MODEL, stage=None, confidence=1.0, explanation="so")
    assert to_json(verdict).keys() - to_json(verdict, without=frozenset({"key"})).keys() == {"key"}
