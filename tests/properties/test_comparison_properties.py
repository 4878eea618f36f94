"""The fast ways of comparing say what the slow, obvious ones say, whatever the values are."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from seamwatch.core.records.comparison import (
    canonical_json,
    document_text,
    is_null,
    leaves,
    loose_text,
    read_json,
    strict_text,
)
from seamwatch.core.records.frames import positions
from seamwatch.core.records.reconciliation import discrepancies, reconcile
from seamwatch.core.records.references import FunctionReference, to_records
from seamwatch.core.records.unknown import Unknown
from seamwatch.core.records.values import PLAIN, Forms, compare_values, shown_forms
from seamwatch.spec.pipeline import Stage
from seamwatch.vocabulary import DiscrepancyKind

STAGE = Stage.model_validate({"name": "s", "kind": "mapping", "table": "t"})
NASTY = st.sampled_from(
    [
        *(
            None,
            math.nan,
            pd.NaT,
            pd.NA,
            "",
            " ",
            "1",
            1,
            1.0,
            True,
            False,
            0,
            -0.0,
            "true",
            "1.0",
            "01",
            "Ä",
            "A\u0308",
        ),
        *(Decimal("1"), Decimal("1.0"), Decimal("NaN"), 2**53, 2**53 + 1, float(2**53), str(2**53 + 1), 10**30, 1e30),
        *(0.1 + 0.2, 0.3, math.inf, "inf", np.int64(1), np.float64(1.0), np.bool_(True), b"1", "{", "[1", "a\ud800"),
        *(date(2026, 1, 5), datetime(2026, 1, 5), datetime(2026, 1, 5, tzinfo=UTC), "2026-01-05"),  # noqa: DTZ001
        *("2026-01-05T00:00:00Z", "2026-01-05T00:00:00+00:00", "naïve", "NAÏVE", '"a"', "null", "NaN", "[NaN]"),
        *(
            [],
            {},
            "[]",
            "{}",
            (1,),
            [1],
            [True],
            [1.0],
            "[1]",
            "[1.0]",
            "[true]",
            "[ 1 ]",
            '{"a": null}',
            '{"a":1e400}',
        ),
        *({"a": None}, {"a": math.nan}, {"a": math.inf}, {1: "x"}, {"1": "x"}, '{"1": "x"}', [b"x"], ['"']),
        *({"a": datetime(2026, 1, 5, tzinfo=UTC)}, '{"a": "2026-01-05T00:00:00Z"}', {"a": Decimal("1")}, '{"a":"1"}'),
        *('{"a": 1, "a": 2}', {"a": 2}, '{"b": 1, "a": 2}', {"a": 2, "b": 1}, '["\\ud800"]', ["\ud800"], {"a": (1,)}),
    ]
)
SCALARS = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=5), NASTY)
DOCUMENTS = st.recursive(
    SCALARS.filter(lambda value: not isinstance(value, dict | list)),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=2), inner, max_size=3),
    max_leaves=6,
)
CELLS = NASTY | DOCUMENTS


def written(value: Any) -> list[Any]:
    """Return the value and what a database or a careless mapping may make of it."""
    found = [value, strict_text(value), loose_text(value)]
    try:
        found += [json.dumps(value, ensure_ascii=a, separators=s) for a in (True, False) for s in (None, (",", ":"))]
        found += [json.dumps(value, sort_keys=True, indent=1)]
    except (TypeError, ValueError):
        pass
    if isinstance(value, int | float) and math.isfinite(value) and abs(value) < 1e300:
        found += [float(value), int(value), bool(value), Decimal(value), str(value)]
    return found


PAIRS = st.tuples(CELLS, CELLS) | CELLS.flatmap(lambda value: st.tuples(*[st.sampled_from(written(value))] * 2))


def parsed(value: Any) -> Any:
    if isinstance(value, str) and value.lstrip()[:1] in ("{", "["):
        try:
            return json.loads(value)
        except ValueError:
            return value
    return value


def kind_of(was: Any, wanted: Any, forms: Forms = PLAIN) -> DiscrepancyKind | None:
    kind = compare_values(was, wanted, forms)
    return None if isinstance(kind, Unknown) else kind


def kind_of_leaf(was: Any, wanted: Any) -> DiscrepancyKind | None:
    kind = kind_of(was, wanted)
    is_boolean = isinstance(was, bool) is not isinstance(wanted, bool) and not is_null(was)
    return DiscrepancyKind.FORMAT if kind is None and is_boolean else kind


def obvious(was: Any, wanted: Any, forms: Forms) -> list[tuple[str, DiscrepancyKind]]:
    """Return the fields of a cell that differ and how, by each of its leaves; `forms` are what its columns show."""
    before, after = parsed(was), parsed(wanted)
    if not (isinstance(before, Mapping | list | tuple) and isinstance(after, Mapping | list | tuple)):
        kind = kind_of(was, wanted, forms)
        return [] if kind is None else [("a", kind)]
    old, new = dict(leaves(before)), dict(leaves(after))
    found = []
    for path in dict.fromkeys([*new, *old]):
        if path not in old:
            kind = None if is_null(new[path]) else DiscrepancyKind.MISSING
        elif path not in new:
            kind = None if is_null(old[path]) else DiscrepancyKind.UNEXPECTED
        else:
            kind = kind_of_leaf(old[path], new[path])
        if kind is not None:
            found.append((f"a.{path}" if path else "a", kind))
    return found


def objects(values: list[Any]) -> pd.Series[Any]:
    cells = np.empty(len(values), dtype=object)
    for number, value in enumerate(values):
        cells[number] = value
    return pd.Series(cells, dtype=object)


@settings(max_examples=400)
@given(st.lists(PAIRS, min_size=1, max_size=6))
@example([(True, 1)])
@example([([True], "[1]")])
@example([("1", pd.NA), ("1", "1")])
@example([({"a": datetime(2026, 1, 5, tzinfo=UTC)}, '{"a": "2026-01-05T00:00:00Z"}')])
@example([('{"a": null}', {"a": math.inf})])
@example([("false", 0.0)])
@example([("false", 0.0), ("2", 2)])
def test_columns_of_anything_differ_where_their_values_do(pairs: list[tuple[Any, Any]]) -> None:
    recorded = pd.DataFrame({"a": objects([was for was, _ in pairs])})
    expected = pd.DataFrame({"a": objects([wanted for _, wanted in pairs])})
    found = discrepancies(recorded, expected, STAGE)
    forms = shown_forms([was for was, _ in pairs], [wanted for _, wanted in pairs])
    wanted = [(key, *part) for key, (was, wanted) in enumerate(pairs) for part in obvious(was, wanted, forms)]
    assert list(zip(found["key"], found["field"], found["kind"], strict=True)) == wanted


NUMBERS = st.lists(st.tuples(*[st.integers(-(2**60), 2**60) | st.integers(-3, 3)] * 2), min_size=1, max_size=6)


@given(NUMBERS, st.sampled_from(["int64", "Int64", "object", "str"]), st.sampled_from(["int64", "Int64", "object"]))
def test_columns_of_whole_numbers_differ_where_their_texts_do(rows: list[Any], left: str, right: str) -> None:
    recorded = pd.DataFrame({"a": pd.Series([was for was, _ in rows]).astype(left)})
    expected = pd.DataFrame({"a": pd.Series([wanted for _, wanted in rows]).astype(right)})
    found = discrepancies(recorded, expected, STAGE)
    assert found["key"].tolist() == [key for key, (was, wanted) in enumerate(rows) if was != wanted]


@given(st.lists(st.tuples(*[st.none() | st.text("aB ", max_size=2)] * 2), min_size=1, max_size=6), st.booleans())
def test_columns_of_text_differ_where_their_texts_do(rows: list[Any], as_objects: bool) -> None:
    recorded = pd.DataFrame({"a": pd.Series([was for was, _ in rows], dtype="str")})
    expected = pd.DataFrame({"a": pd.Series([wanted for _, wanted in rows], dtype=object if as_objects else "str")})
    found = discrepancies(recorded, expected, STAGE)
    wanted = {key: kind for key, (was, wanted) in enumerate(rows) if (kind := kind_of(was, wanted)) is not None}
    assert dict(zip(found["key"], found["kind"], strict=True)) == wanted


FLOATS = st.floats(-1e20, 1e20) | st.sampled_from(
    [1.0, 1.1, 1e11, 1e11 + 1, 4e9, 4e9 + 1, 0.1 + 0.2, 0.3, 1.7e308, -1.7e308, math.inf, -math.inf, math.nan]
)


@given(st.lists(st.tuples(FLOATS, FLOATS) | FLOATS.map(lambda x: (x, math.nextafter(x, 1e30))), min_size=1, max_size=6))
def test_columns_of_floats_differ_where_their_values_do(rows: list[tuple[float, float]]) -> None:
    recorded, expected = (pd.DataFrame({"a": pd.Series(side)}) for side in zip(*rows, strict=True))
    found = discrepancies(recorded, expected, STAGE)
    assert found["key"].tolist() == [key for key, pair in enumerate(rows) if compare_values(*pair) is not None]
    assert set(found["kind"]) <= {DiscrepancyKind.VALUE}


AMOUNTS = FLOATS | st.sampled_from([-0.0, 5e-324])


@settings(max_examples=300)
@given(st.lists(st.tuples(AMOUNTS, AMOUNTS), min_size=1, max_size=6), st.data())
def test_crossed_numbers_are_those_whose_texts_are_exactly_one_other_s(
    rows: list[tuple[float, float]], data: st.DataObject
) -> None:
    carried = [data.draw(st.sampled_from(rows)) for _ in rows]
    # Noise that the text of a number leaves out is no other number.
    carried = [tuple(data.draw(st.sampled_from([x, math.nextafter(x, 0.0)])) for x in row) for row in carried]
    recorded, made = (pd.DataFrame(side, columns=["a", "b"], dtype=float) for side in (carried, rows))
    reference = FunctionReference(name="f", function=lambda df: made, mode="frame")
    marks = [tuple(strict_text(x) or "" for x in row) for row in rows]
    wanted = {}
    for key, row in enumerate(carried):
        same = [other for other, mark in enumerate(marks) if mark == tuple(strict_text(x) or "" for x in row)]
        if all(map(compare_values, row, rows[key])) and len(same) == 1 and same[0] != key:
            wanted[key] = same[0]
    source = pd.DataFrame({"id": range(len(rows))})
    assert reconcile(STAGE, recorded, {"source": source}, reference).crossed == wanted


ROWS = st.lists(
    st.tuples(st.sampled_from(["x", "y", "é", None]), st.integers(0, 3), st.integers(0, 4)), min_size=1, max_size=8
)


@settings(max_examples=300)
@given(ROWS, st.sampled_from([0, 20_000]), st.data())
def test_crossed_documents_are_those_that_equal_exactly_one_other(
    rows: list[Any], read_all: int, data: st.DataObject
) -> None:
    bodies = [{"text": text, "n": n, "inner": [{"m": m}, 0.5]} for text, n, m in rows]
    carried = [data.draw(st.sampled_from(range(len(rows)))) for _ in rows]
    # Where not every document is read, a spelling with its keys in another order (the last) is not looked for.
    spelled = [data.draw(st.sampled_from(written(bodies[owner])[3 : None if read_all else -1])) for owner in carried]
    recorded = pd.DataFrame({"body": pd.Series(spelled)})
    is_text = data.draw(st.booleans())
    made = pd.DataFrame({"body": pd.Series([json.dumps(body) for body in bodies]) if is_text else objects(bodies)})
    reference = FunctionReference(name="f", function=lambda df: made, mode="frame")
    wanted = {}
    for key, owner in enumerate(carried):
        same = [other for other, body in enumerate(bodies) if body == bodies[owner]]
        if len(same) == 1 and same[0] != key:
            wanted[key] = same[0]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("seamwatch.core.records.reconciliation._READ_ALL", read_all)
        source = pd.DataFrame({"id": range(len(rows))})
        assert reconcile(STAGE, recorded, {"source": source}, reference).crossed == wanted


@settings(max_examples=300)
@given(DOCUMENTS, DOCUMENTS)
@example({"a": 1.0}, {"a": True})
def test_documents_have_one_text_where_their_canonical_json_is_one(left: Any, right: Any) -> None:
    def text(value: Any) -> str | None:
        return canonical_json(value) if isinstance(value, dict | list) else None

    def has_infinity(value: Any) -> bool:
        return any(isinstance(leaf, float | np.floating) and math.isinf(leaf) for _, leaf in leaves(value))

    a, b = text(left), text(right)
    if a is not None and b is not None and not has_infinity(left) and not has_infinity(right):
        assert (document_text(left) == document_text(right)) is (a == b)
        assert document_text(a) == document_text(left)


@given(st.text(max_size=12) | DOCUMENTS.map(repr) | CELLS.map(lambda value: written(value)[-1]))
@example("-0")
@example("123456789012345678901234567890")
@example("1e400")
@example('"\\ud800"')
@example("\ufeff{}")
@example("[" * 3000)
def test_json_is_read_as_the_standard_library_reads_it(text: Any) -> None:
    def result(read: Any) -> Any:
        try:
            return repr(read(text))
        except (ValueError, RecursionError) as error:
            return type(error) if isinstance(error, RecursionError) else ValueError

    if isinstance(text, str):
        assert result(read_json) == result(json.loads)


@given(st.lists(st.integers(-20, 60) | st.integers(), unique=True), st.lists(st.integers(-25, 65) | st.integers()))
def test_keys_stand_where_pandas_finds_them(index: list[int], keys: list[int]) -> None:
    a, b = pd.Index(index), pd.Index(keys)
    assert positions(a, b).tolist() == [index.index(key) if key in index else -1 for key in keys]


@pytest.mark.parametrize("index", [[1, 2, 1], [1, 1]])
def test_a_key_that_stands_twice_is_never_placed_silently(index: list[int]) -> None:
    with pytest.raises(pd.errors.InvalidIndexError):
        positions(pd.Index(index), pd.Index([1]))


@given(st.lists(st.tuples(st.none() | st.integers(-5, 5), st.none() | st.floats(), SCALARS), max_size=5))
def test_records_hold_plain_values(rows: list[Any]) -> None:
    columns = dict(zip("abc", zip(*rows, strict=True), strict=True)) if rows else {"a": [], "b": [], "c": []}
    frame = pd.DataFrame({"a": pd.Series(columns["a"]), "b": pd.Series(columns["b"]), "c": objects(list(columns["c"]))})
    records = to_records(frame)
    for record, (a, b, c) in zip(records, rows, strict=True):
        assert record == {"a": a, "b": None if is_null(b) else b, "c": record["c"]}
        assert strict_text(record["c"]) == strict_text(c)
        assert not any(isinstance(value, np.generic) for value in record.values())
