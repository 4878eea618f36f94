"""What else changed when a cause began."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from typing import Any

import pandas as pd
import pytest

from seamwatch.core.attribution.correlated_changes import find_switches
from seamwatch.core.finding import Finding, RateComparison, Switch
from seamwatch.vocabulary import Responsibility

START = datetime(2026, 1, 5, tzinfo=UTC)
N = 400
FIRST = 160
KEYS = [str(number) for number in range(N)]
TIMES = pd.Series([START + timedelta(minutes=number) for number in range(N)], index=KEYS)


def _cause(low: int | None = FIRST - 8, high: int = FIRST + 8) -> Finding:
    return Finding(
        responsibility=Responsibility.INTEGRATION,
        stage="request",
        n_records=60,
        share=1.0,
        share_low=1.0,
        share_high=1.0,
        confidence=0.9,
        headline="",
        onset=START + timedelta(minutes=FIRST),
        onset_low=None if low is None else START + timedelta(minutes=low),
        onset_high=START + timedelta(minutes=high),
        rate=RateComparison(is_change=True),
    )


def _column(*parts: tuple[int, Any]) -> pd.Series[Any]:
    """Return values by key; each part holds from its record on."""
    values = [[value for first, value in parts if first <= number][-1] for number in range(N)]
    return pd.Series(values, index=KEYS, dtype=object)


def _found(cause: Finding | None = None, struck: frozenset[str] | None = None, **columns: Any) -> tuple[Switch, ...]:
    mine = frozenset(key for key in KEYS[FIRST:] if int(key) % 4 == 0) if struck is None else struck
    return find_switches(
        {("request", name): column for name, column in columns.items()}, cause or _cause(), mine, TIMES
    )


def test_a_version_that_switched_then_is_named() -> None:
    (switch,) = _found(version=_column((0, 12), (FIRST, 13)))
    assert (switch.stage, switch.field, switch.before, switch.after) == ("request", "version", "12", "13")
    assert switch.at == START + timedelta(minutes=FIRST)
    assert switch.p_value < 1e-6


def test_a_version_that_switched_at_another_time_is_not() -> None:
    assert _found(version=_column((0, 12), (60, 13))) == ()
    assert _found(version=_column((0, 12), (300, 13))) == ()


def test_a_value_that_comes_and_goes_is_content() -> None:
    rng = random.Random(1)
    colours = pd.Series([rng.choice(["red", "blue", "green"]) for _ in KEYS], index=KEYS)
    assert _found(colour=colours, number=pd.Series(KEYS, index=KEYS), same=_column((0, "x"))) == ()


@pytest.mark.parametrize("odd", [{"a": 1}, [1], {1}, (1, [2])])
def test_a_column_with_an_object_or_a_list_in_one_record_is_content(odd: object) -> None:
    column = _column((0, 12), (FIRST, 13))
    column.iloc[[1]] = pd.Series([odd], dtype=object).to_numpy()
    assert _found(version=column) == ()


def test_a_product_that_sells_from_then_on_is_content_too() -> None:
    rng = random.Random(4)
    codes = [rng.choice("abcd" if number < FIRST else "abcde") for number in range(N)]
    struck = frozenset(key for key, code in zip(KEYS, codes, strict=True) if code == "e")
    assert _found(struck=struck, code=pd.Series(codes, index=KEYS)) == ()


def test_a_value_that_is_gone_follows_from_a_failure() -> None:
    assert _found(answer_id=_column((0, "x"), (FIRST, None))) == ()


def test_a_switch_that_the_struck_records_do_not_go_with_is_not_named() -> None:
    rng = random.Random(2)
    assert _found(struck=frozenset(rng.sample(KEYS, 60)), version=_column((0, 12), (FIRST, 13))) == ()


def test_of_several_switches_the_one_that_tells_the_records_apart_best_leads() -> None:
    canary = pd.Series(["new" if k >= FIRST and k % 4 == 0 else "old" for k in range(N)], index=KEYS)
    found = _found(version=_column((0, 12), (FIRST, 13)), route=canary)
    assert [switch.field for switch in found] == ["route", "version"]


def test_a_value_that_appears_where_there_was_none_is_named() -> None:
    (switch,) = _found(prompt_version=_column((0, None), (FIRST, "v2")))
    assert (switch.before, switch.after) == ("no value", "v2")


def test_chance_alone_is_named_hardly_ever() -> None:
    rng = random.Random(3)
    named = 0
    for _ in range(200):
        struck = frozenset(key for key in KEYS if rng.random() < 0.05)
        columns = {f"c{k}": _column((0, "a"), (rng.randrange(FIRST - 8, FIRST + 8), "b")) for k in range(4)}
        named += bool(_found(struck=struck, **columns))
    assert named <= 6


def test_without_an_onset_nothing_is_looked_for() -> None:
    from dataclasses import replace

    assert _found(replace(_cause(), onset=None), version=_column((0, 12), (FIRST, 13))) == ()
