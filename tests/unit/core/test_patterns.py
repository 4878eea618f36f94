"""What kind of damage a field has."""

from __future__ import annotations

import json
import random
import re
from collections.abc import Callable
from typing import Any

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seamwatch.core.attribution.patterns import name_pattern, name_patterns
from seamwatch.core.records.reconciliation import reconcile
from seamwatch.core.records.references import Expected
from seamwatch.report.verdict_texts import describe_damage
from seamwatch.spec.pipeline import Stage
from seamwatch.vocabulary import StageKind

AMOUNTS = [12.5, 99.99, 250.0, 1024.75, 7.3, 4321.0, 18.2, 666.6]
CENTS = [534, 1299, 4950, 820, 15999, 2301, 34, 760, 6649]
DATES = ["2026-03-04", "2026-05-11", "2026-01-12", "2026-09-08", "2026-02-10"]
LATE_DATES = ["2026-03-17", "2026-05-21", "2026-08-30", "2026-09-14", "2026-01-28", "2026-02-19"]
NAMES = ["Málaga", "Köln", "Zürich", "São Paulo", "Århus"]
TEXTS = ["the router is broken since monday", "please send the invoice again", "my parcel never came to me"]


def _prompt(value: object) -> str:
    return json.dumps({"text": f"Route this ticket to one of our five queues.\namount: {value} EUR\nthank you."})


def _cut(text: str, words: int) -> str:
    return f"Route this ticket to one of our five queues. It says: {' '.join(text.split()[:words])}\nThank you."


def _lines(text: str, *, product: str = "router", ask: str = "Answer with one queue", without: Any = ()) -> str:
    lines = [
        "You sort tickets of a shop.",
        "Queues: billing, shipping, other.",
        f"Product: {product}",
        f"Ticket: {text}",
        f"{ask}.",
    ]
    return "\n".join(line for number, line in enumerate(lines) if number not in without)


@pytest.mark.parametrize(
    ("pairs", "name", "words"),
    [
        ([(1.0445 * a, a) for a in AMOUNTS], "unit", "1.04 times"),
        ([(_prompt(f"{100 * a:.0f}."), _prompt(f"{a}.")) for a in AMOUNTS], "unit", "100 times"),
        ([(_prompt(f"{100 * a} or {100 * a}"), _prompt(f"{a} or {a}")) for a in AMOUNTS], "unit", "100 times"),
        ([(_prompt(int(a)), _prompt(a)) for a in AMOUNTS if a != int(a)], "rounded", "last digits"),
        ([(_prompt(-a), _prompt(a)) for a in AMOUNTS], "sign", "opposite"),
        ([(abs(a), a) for a in (-3, -4, -5.5, -9)], "sign", "lost"),
        ([(0, a) for a in AMOUNTS], "default", "always 0"),
        ([(_cut(t, 3), _cut(t, 9)) for t in TEXTS], "truncated", "beginning"),
        ([(t[:12], t) for t in TEXTS], "truncated", "12 characters"),
        ([(_prompt(""), _prompt(a)) for a in AMOUNTS], "missing", "lacks a part"),
        ([(_lines(t, without=[2]), _lines(t)) for t in TEXTS], "missing_lines", "recorded lacks a line of"),
        ([(_lines(t, without=[0]), _lines(t)) for t in TEXTS], "missing_lines", "recorded lacks a line of"),
        ([(_lines(t, without=[1, 3]), _lines(t)) for t in TEXTS], "missing_lines", "lacks 2 lines of"),
        ([(_lines(t, without=[n]), _lines(t)) for n, t in enumerate(TEXTS)], "missing_lines", "lacks a line of"),
        (
            [(_lines(t, without=range(1, n + 2)), _lines(t)) for n, t in enumerate(TEXTS)],
            "missing_lines",
            "lacks lines",
        ),
        ([(_lines(t), _lines(t, without=[1])) for t in TEXTS], "extra_lines", "has a line beside"),
        ([(_lines(t, without=[4]), _lines(t)) for t in TEXTS], "truncated", "only the beginning"),
        ([(_lines(t, without=[2, 3, 4]), _lines(t)) for t in TEXTS], "truncated", "only the beginning"),
        ([(_lines(t)[:105], _lines(t)) for t in TEXTS], "truncated", "105 characters"),
        (
            [(f"{_lines(t)} Done. All well.", f"{_lines(t)} Done. All well. Bye then.") for t in TEXTS],
            "truncated",
            "begin",
        ),
        ([(_lines(t, product=""), _lines(t, product=f"p{n}")) for n, t in enumerate(TEXTS)], "missing", "lacks a part"),
        (
            [(_lines(t, ask="Say one word"), _lines(t)) for t in TEXTS],
            "replaced",
            "recorded says Say one word, expected ",
        ),
        ([(f"0{m}/0{d}/2026", f"0{d}/0{m}/2026") for m, d in ((1, 2), (3, 4), (9, 5))], "date", "day and month"),
        ([(f"2026-0{m}-01T0{m // 6 + 6}:00", f"2026-0{m}-01T05:00") for m in range(1, 9)], "date", "+1 or +2 hours"),
        ([(f"2026-11-23T1{i}:00", f"20{i}1-0{i + 1}-01T00:00") for i in range(6)], "date", "about 2026-11-23"),
        ([(n.encode("ascii", "ignore").decode(), n) for n in NAMES], "encoding", "left out"),
        ([(_prompt(f"M &amp; {a}"), _prompt(f"M & {a}")) for a in AMOUNTS], "encoding", "HTML"),
        ([(100 * a, a) for a in AMOUNTS], "unit", "100 times"),
        ([(round(a / 1000, 2), a) for a in AMOUNTS], "unit", "0.001 times"),
        ([(str(100 * a), a) for a in AMOUNTS], "unit", "100 times"),
        ([(_prompt(100 * a), _prompt(a)) for a in AMOUNTS], "unit", "100 times"),
        ([(1.8 * a + 32, a) for a in AMOUNTS], "unit", "Fahrenheit"),
        ([(-a, a) for a in AMOUNTS], "sign", "opposite"),
        ([(round(a), a) for a in AMOUNTS if a != round(a)], "rounded", "last digits"),
        ([(f"{d[:4]}-{d[8:]}-{d[5:7]}", d) for d in DATES], "date", "day and month"),
        (
            [(f"{d[:4]}-{d[8:]}-{d[5:7]}", d) for d in DATES] + [("2026-11-05", d) for d in LATE_DATES],
            "date",
            "day and month are swapped, and recorded is 2026-11-05 where that makes no date",
        ),
        (
            [(f"{d[:4]}-{d[8:]}-{d[5:7]}", d) for d in DATES] + [(None, d) for d in LATE_DATES[:3]],
            "date",
            "recorded is empty where that makes no date",
        ),
        ([(f"{d}T02:00:00+00:00", f"{d}T00:00:00+00:00") for d in DATES], "date", "+2 hours"),
        ([(f"19{d[2:]}", d) for d in DATES], "date", "century"),
        ([(n.encode().decode("latin-1"), n) for n in NAMES], "encoding", "UTF-8 was read as"),
        ([(n.encode("ascii", "replace").decode(), n) for n in NAMES], "encoding", "replaced"),
        ([("Tom &amp; " + n, "Tom & " + n) for n in NAMES], "encoding", "HTML"),
        ([(t[:12], t) for t in TEXTS], "truncated", "beginning"),
        ([("unknown", n) for n in NAMES], "default", "always unknown"),
        ([(None, n) for n in NAMES], "missing", "empty"),
        ([("bill", "phone")] * 4 + [("phone", "router")] * 3, "code_table", "phone comes as bill"),
        ([("Q77", f"q{n}") for n in range(5)], "default", "always Q77"),
        ([("Straße  1", n) for n in NAMES], "default", "always Straße  1"),
        ([("Q77", "Q10")] * 4 + [("Q10", "q77")] * 3, "code_table", "Q10 comes as Q77"),
        ([("q77", "Q10")] * 3 + [("Q10", "Q77")] * 4, "code_table", "Q77 comes as Q10"),
        ([(a // 100, a) for a in CENTS], "unit", "0.01 times"),
        ([(round(a / 100), a) for a in CENTS], "unit", "0.01 times"),
        ([(-(-a // 100), a) for a in CENTS], "unit", "0.01 times"),
        ([(-(a // 100), -a) for a in CENTS], "unit", "0.01 times"),
        ([(a, a // 100) for a in CENTS], "unit", "100 times what is expected, expected in whole numbers"),
        ([(str(round(a / 100)), str(a)) for a in CENTS], "unit", "0.01 times"),
        ([(round(a / 1000, 1), a) for a in CENTS], "unit", "0.001 times what is expected, recorded in steps of 0.1"),
        ([(a // 60, a) for a in CENTS], "unit", "0.0167 times"),
        ([(_prompt(a // 100), _prompt(a)) for a in CENTS], "unit", "0.01 times"),
    ],
)
def test_damage_is_named(pairs: list[tuple[Any, Any]], name: str, words: str) -> None:
    pattern = name_pattern(pairs)
    assert pattern is not None
    assert (pattern.name, words in describe_damage(pattern.damage)) == (name, True)


def test_damage_without_a_rule_has_no_name() -> None:
    dates = [("2026-03-01", "2026-08-14")] * 4 + [("2026-04-02", "2026-09-19")] * 4
    assert name_pattern(dates) is None, "dates are no codes"
    rng = random.Random(1)
    assert name_pattern([(rng.random(), rng.random()) for _ in range(50)]) is None
    assert name_pattern([(rng.random() / 250, rng.random() / 250) for _ in range(50)]) is None
    assert name_pattern([(f"a{rng.random()}", f"b{rng.random()}") for _ in range(50)]) is None


@given(st.integers(0, 10_000), st.integers(12, 60))
def test_small_numbers_that_fit_any_factor_have_no_unit(seed: int, n: int) -> None:
    rng = random.Random(seed)
    pairs = [(rng.randint(0, 9), rng.choice([250, 400, 720, 880])) for _ in range(n)]
    pattern = name_pattern(pairs)
    assert pattern is None or pattern.name != "unit"


def test_a_few_records_could_be_chance() -> None:
    assert name_pattern([(100.0, 1.0), (200.0, 2.0)]) is None


@given(st.lists(st.floats(1, 1e6), min_size=5, max_size=40, unique=True), st.sampled_from([0.01, 0.001, 60, 100, 1000]))
def test_a_constant_factor_is_a_unit(expected: list[float], factor: float) -> None:
    pattern = name_pattern([(value * factor, value) for value in expected])
    assert pattern is not None
    assert pattern.name == "unit"


@given(st.lists(st.tuples(st.one_of(st.none(), st.text(), st.floats()), st.one_of(st.none(), st.text()))))
def test_any_values_are_borne(pairs: list[tuple[Any, Any]]) -> None:
    name_pattern(pairs)


class _Made:
    def __init__(self, frame: pd.DataFrame) -> None:
        self.frame = frame

    def expected(self, inputs: Any) -> Expected:
        return Expected(frame=self.frame, errors={})


@pytest.mark.parametrize(
    ("damage", "name"),
    [
        (lambda v: v * 100, "unit"),
        (lambda v: v.shift(1, fill_value=5.0), "shifted"),
        (lambda v: v.shift(-3, fill_value=5.0), "shifted"),
        (lambda v: v.where(v.index < 9, v.iloc[4]), "stale"),
        (lambda v: v.where(v.index % 7 == 0).ffill(), "stale"),
        (lambda v: v * 0 + 77777.0, "default"),
    ],
)
def test_patterns_are_named_by_stage_and_field(damage: Callable[[pd.Series[Any]], pd.Series[Any]], name: str) -> None:
    rng = random.Random(4)
    keys = pd.Index(range(60), name="key")
    amounts = pd.Series([round(rng.uniform(1, 900), 2) for _ in keys], index=keys)
    expected = pd.DataFrame({"amount": amounts, "note": "same"})
    recorded = expected.assign(amount=damage(amounts))
    stage = Stage(name="request", kind=StageKind.MAPPING, table="requests", input=("orders",))
    found = reconcile(stage, recorded, {"orders": recorded}, _Made(expected))
    patterns = name_patterns({"request": found}, keys)
    assert {place: pattern.name for place, pattern in patterns.items()} == {("request", "amount"): name}


def test_the_order_of_time_tells_who_came_before() -> None:
    rng = random.Random(4)
    keys = pd.Index(rng.sample(range(60), 60), name="key")
    expected = pd.DataFrame({"doc": [json.dumps({"name": f"n{key}"}) for key in keys]}, index=keys)
    recorded = pd.DataFrame({"doc": [json.dumps({"name": f"n{key - 1}"}) for key in keys]}, index=keys)
    stage = Stage(name="request", kind=StageKind.MAPPING, table="requests", input=("orders",))
    found = {"request": reconcile(stage, recorded, {"orders": recorded}, _Made(expected))}
    times = pd.Series(pd.Timestamp("2026-01-01") + pd.to_timedelta(keys, unit="h"), index=keys)
    pattern = name_patterns(found, keys, times)["request", "doc.name"]
    assert (pattern.name, pattern.n_matching) == ("shifted", 59)
    assert name_patterns(found, keys) == {}


def _lookup_faults(
    product_of: Callable[[int], Any], old: Callable[[Any], Any], new: Callable[[Any], Any], *, n: int = 80
) -> Any:
    """Return the patterns of a mapping that looks `team` up by `product` in an outdated table."""
    keys = pd.Index(range(n), name="key")
    orders = pd.DataFrame({"order": [f"o{key}" for key in keys], "product": [product_of(key) for key in keys]}, keys)
    expected = pd.DataFrame({"team": [new(value) for value in orders["product"]]}, keys)
    recorded = pd.DataFrame({"team": [old(value) for value in orders["product"]]}, keys)
    stage = Stage(name="request", kind=StageKind.MAPPING, table="requests", input=("orders",))
    found = {"request": reconcile(stage, recorded, {"orders": orders}, _Made(expected))}
    return name_patterns(found, keys, recorded={"orders": orders})


@pytest.mark.parametrize("number_of_products", [6, 25])
@pytest.mark.parametrize("form", [lambda n: f"P-{n}", lambda n: n, lambda n: json.dumps({"code": f"P-{n}"})])
def test_an_outdated_lookup_keyed_by_an_input_is_a_code_table(
    number_of_products: int, form: Callable[[int], Any]
) -> None:
    products = [form(n) for n in range(number_of_products)]
    old = {product: f"Team {n % 4}a" for n, product in enumerate(products)}
    new = {product: f"Team {n // 2 % 4}b" for n, product in enumerate(products)}
    found = _lookup_faults(lambda key: products[key % number_of_products], old.get, new.get)
    pattern = found["request", "team"]
    assert pattern.name == "code_table"
    shown = re.fullmatch(
        r"where orders\.product(?:\.code)? is (\S+), (Team .b) is expected and (Team .a) recorded, for example",
        describe_damage(pattern.damage),
    )
    assert shown is not None, pattern.damage
    product = next(
        one for one in products if shown[1] in (str(one), json.loads(str(one))["code"] if "{" in str(one) else "")
    )
    assert (new[product], old[product]) == (shown[2], shown[3])


def test_one_value_for_all_is_the_key_of_no_lookup() -> None:
    # Nearly all records have one pair of values; the others have each their own, so no table by what is expected is.
    def value(side: str) -> Callable[[str], str]:
        numbers = iter(range(400))
        return lambda _: f"{side}{max(next(numbers) - 350, 0)}"

    assert _lookup_faults(lambda _: "one and only", value("a"), value("b"), n=400) == {}


def test_values_that_follow_from_no_input_are_no_code_table() -> None:
    rng = random.Random(8)
    found = _lookup_faults(
        lambda key: f"P-{key % 9}", lambda _: f"a{rng.randint(0, 3)}", lambda _: f"b{rng.randint(0, 3)}"
    )
    assert found == {}


@given(st.lists(st.tuples(st.text(), st.text(min_size=61)), min_size=3))
def test_any_long_texts_are_borne(pairs: list[tuple[str, str]]) -> None:
    name_pattern(pairs)
