"""What a change of the cost is made of: parts that add up, factors that did not change, the source that is named."""

from __future__ import annotations

from datetime import UTC, datetime
from math import fsum
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seamwatch.core.watch.cost_hours import HourSums
from seamwatch.core.watch.cost_parts import Factor, parts_of_change, source_of_change, source_of_records

AT = datetime(2026, 3, 2, tzinfo=UTC)
PRICES = {"mini": (0.15e-6, 0.075e-6, 0.6e-6), "big": (2e-6, 0.5e-6, 8e-6)}


def hour(
    records: float,
    *,
    calls: float = 1.0,
    mix: dict[str, float] | None = None,
    tokens_in: float = 1000.0,
    cached: float = 0.5,
    tokens_out: float = 100.0,
    price: float = 1.0,
    rest: float = 0.0,
) -> HourSums:
    """Return an hour with these factors, the same for every model."""
    cells = {}
    for model, share in (mix or {"mini": 0.8, "big": 0.2}).items():
        n = records * calls * share
        fresh, read, out = n * tokens_in * (1 - cached), n * tokens_in * cached, n * tokens_out
        p = [price * one for one in PRICES[model]]
        usd = (fresh * p[0], read * p[1], out * p[2], n * rest)
        cells["llm", model, 0] = np.array([n, fresh, read, out, *usd])
    return HourSums(start=AT, records=records, cells=cells)


CHANGES: dict[Factor, dict[str, Any]] = {
    Factor.RECORDS: {"records": 250.0},
    Factor.CALLS: {"calls": 3.0},
    Factor.MIX: {"mix": {"mini": 0.1, "big": 0.9}},
    Factor.TOKENS_IN: {"tokens_in": 4000.0},
    Factor.CACHED: {"cached": 0.1},
    Factor.TOKENS_OUT: {"tokens_out": 900.0},
    Factor.PRICE: {"price": 2.0},
    Factor.REST: {"rest": 0.001},
}


@pytest.mark.parametrize("factor", Factor)
def test_one_factor_that_changed_has_all_of_the_change(factor: Factor) -> None:
    before, now = hour(100.0), hour(**{"records": 100.0, **CHANGES[factor]})
    parts = parts_of_change(before, now)
    assert parts.pop(factor) == pytest.approx(now.usd - before.usd)
    assert max(abs(part) for part in parts.values()) < 1e-15


amounts = st.floats(0.0, 1e6, allow_nan=False)
prices = st.floats(0.0, 1e-3, allow_nan=False)


@st.composite
def hours(draw: st.DrawFn) -> HourSums:
    cells = {}
    for cell in draw(
        st.lists(
            st.tuples(st.sampled_from(["a", "b"]), st.sampled_from(["x", "y", "z"]), st.integers(-2, 2)),
            max_size=5,
            unique=True,
        )
    ):
        calls = draw(st.floats(1.0, 1e5))
        fresh, cached, out = draw(amounts), draw(amounts), draw(amounts)
        usd = (fresh * draw(prices), cached * draw(prices), out * draw(prices), calls * draw(prices))
        cells[cell] = np.array([calls, fresh, cached, out, *usd])
    return HourSums(start=AT, records=draw(st.floats(1.0, 1e5)) if cells else draw(amounts), cells=cells)


@given(hours(), hours())
def test_parts_add_up_to_the_change_to_the_cent(before: HourSums, now: HourSums) -> None:
    parts = parts_of_change(before, now)
    change = now.usd - before.usd
    # Hours that differ a millionfold have parts of either sign that no float adds up any better.
    rounding = 1e-14 * sum(map(abs, parts.values()))
    assert abs(fsum(parts.values()) - change) <= max(1e-9 * max(now.usd, before.usd), rounding)
    assert abs(fsum(parts.values()) - change) < 0.005 or rounding > 0.001


@given(hours(), hours())
def test_what_rose_one_way_falls_the_other_way(before: HourSums, now: HourSums) -> None:
    there, back = parts_of_change(before, now), parts_of_change(now, before)
    size = sum(map(abs, there.values())) + 1e-6  # parts of either sign may be far larger than the change
    assert all(there[one] == pytest.approx(-back[one], abs=1e-9 * size) for one in Factor)


@given(hours(), st.sampled_from(["prices", "records"]))
def test_a_factor_that_did_not_change_has_no_part(before: HourSums, what: str) -> None:
    scale = np.ones(8)
    scale[4:] = 2.0 if what == "prices" else 1.0
    cells = {cell: values * scale * (3.0 if what == "records" else 1.0) for cell, values in before.cells.items()}
    records = before.records * (3.0 if what == "records" else 1.0)
    now = HourSums(start=AT, records=records, cells=cells)
    parts = parts_of_change(before, now)
    moved = {Factor.RECORDS} if what == "records" else {Factor.PRICE, Factor.REST}
    assert all(abs(parts[one]) <= 1e-9 * max(now.usd, 1e-9) for one in Factor if one not in moved)


def test_a_new_model_is_another_mix_and_a_higher_tier_longer_requests() -> None:
    before = HourSums(start=AT, records=10.0, cells={("llm", "x", 0): np.array([10, 1e4, 0, 1e3, 0.1, 0, 0.2, 0.0])})
    other = HourSums(start=AT, records=10.0, cells={("llm", "y", 0): np.array([10, 1e4, 0, 1e3, 0.5, 0, 0.9, 0.0])})
    parts = parts_of_change(before, other)
    assert parts[Factor.MIX] == pytest.approx(1.1)
    longer = HourSums(start=AT, records=10.0, cells={("llm", "x", 1): np.array([10, 9e4, 0, 1e3, 1.8, 0, 0.2, 0.0])})
    parts = parts_of_change(before, longer)
    assert parts[Factor.TOKENS_IN] == pytest.approx(1.7)


def test_nothing_before_is_all_records() -> None:
    now = hour(50.0)
    parts = parts_of_change(HourSums(start=AT), now)
    assert parts[Factor.RECORDS] == pytest.approx(now.usd)
    assert all(part == 0.0 for part in parts_of_change(HourSums(start=AT), HourSums(start=AT)).values())


def with_sources(records: float, **sources: dict[str, tuple[float, float]]) -> HourSums:
    return HourSums(start=AT, records=records, sources=sources)


def test_the_value_that_explains_most_with_least_is_the_source() -> None:
    before = with_sources(100, tenant={"a": (50, 0.5), "b": (50, 0.5)}, version={"v6": (100, 1.0)})
    # A release to everybody in the same hour as one tenant that asks for dearer answers.
    now = with_sources(100, tenant={"a": (50, 0.5), "b": (50, 2.5)}, version={"v7": (100, 3.0)})
    found = source_of_change(before, now, is_volume=False, columns=("version", "tenant"))
    assert found is not None
    assert found.field == "version=v7"  # it holds all of it, the tenant had half of the records
    split = with_sources(100, tenant={"a": (50, 0.5), "b": (50, 2.5)}, version={"v6": (90, 2.7), "v7": (10, 0.3)})
    found = source_of_change(before, split, is_volume=False, columns=("version", "tenant"))
    assert found is not None
    assert found.field == "tenant=b"


def test_a_release_is_not_blamed_for_a_busy_tenant_and_nobody_for_what_all_do() -> None:
    before = with_sources(100, tenant={"a": (50, 0.5), "b": (50, 0.5)}, version={"v6": (100, 1.0)})
    busy = with_sources(300, tenant={"a": (50, 0.5), "b": (250, 2.5)}, version={"v7": (300, 3.0)})
    found = source_of_change(before, busy, is_volume=True, columns=("version", "tenant"))
    assert found is not None
    assert found.field == "tenant=b"
    everybody = with_sources(100, tenant={"a": (50, 1.5), "b": (50, 1.5)}, version={"v6": (100, 3.0)})
    assert source_of_change(before, everybody, is_volume=False, columns=("version", "tenant")) is None


def test_one_struck_record_names_only_what_was_never_there() -> None:
    before = with_sources(100, tenant={"a": (90, 0.5), "b": (10, 0.5)}, version={"v6": (100, 1.0)})
    columns = ("tenant", "version")
    found = source_of_records({"tenant": {"b": 1}, "version": {"v7": 1}}, before, columns)
    assert found is not None
    assert found.field == "version=v7"
    assert source_of_records({"tenant": {"b": 1}, "version": {"v6": 1}}, before, columns) is None
    several = source_of_records({"tenant": {"b": 5}, "version": {"v6": 5}}, before, columns)
    assert several is not None
    assert several.field == "tenant=b"
