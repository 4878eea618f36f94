"""What holds for any data: the core's laws, searched for a counterexample."""

from __future__ import annotations

import string
from base64 import b64encode
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import pandas as pd
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from seamwatch.core.attribution.causes import BaseRates, find_causes
from seamwatch.core.attribution.minimal_repairs import delta_debug, search_together, smallest_repairs
from seamwatch.core.detection.onset import onset_index
from seamwatch.core.detection.rates import wilson_interval
from seamwatch.core.records.comparison import (
    at_path,
    is_null,
    leaves,
    loose_text,
    normalise,
    parse_json,
    strict_text,
    values_equal,
)
from seamwatch.core.records.field_maps import apply_field_map
from seamwatch.core.records.outcomes import judge_by_truth
from seamwatch.core.records.reconciliation import discrepancies, reconcile, set_field
from seamwatch.core.records.references import FunctionReference
from seamwatch.core.records.unknown import Unknown
from seamwatch.core.results import Verdict
from seamwatch.spec.mapping import MappingSpec
from seamwatch.spec.pipeline import Comparator, Stage
from seamwatch.vocabulary import DiscrepancyKind, Responsibility

SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(10**18), 10**18),
    st.floats(),
    st.text(max_size=12),
    st.sampled_from(["1,50", " Router", "{", '{"a": 1}', "2026-01-05", "[1]", "NaN", "1e400", "٣", "-0"]),
)
NAMES = st.text(string.ascii_lowercase, min_size=1, max_size=6)
LEAVES = SCALARS.filter(lambda value: not isinstance(value, str) or value[:1] not in ("{", "["))
DOCUMENTS = st.recursive(
    LEAVES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3), max_leaves=8
)
BRANCHES = st.lists(DOCUMENTS, min_size=1, max_size=3) | st.dictionaries(NAMES, DOCUMENTS, min_size=1, max_size=3)
OBJECTS = st.dictionaries(
    NAMES,
    st.recursive(LEAVES, lambda inner: st.dictionaries(NAMES, inner, max_size=3), max_leaves=6),
    min_size=1,
    max_size=3,
)
"""Without lists: a list needs a list to be set in."""
CELLS = st.one_of(
    SCALARS,
    DOCUMENTS,
    st.decimals().filter(lambda number: not number.is_snan()),  # no database has one, and pandas cannot hold it
    st.binary(max_size=4),
    st.dates(),
    st.datetimes(),
    st.datetimes(timezones=st.just(UTC)),
    st.just(pd.NaT),
    st.just(pd.NA),
)
STAGE = Stage.model_validate({"name": "s", "kind": "mapping", "table": "t"})


def _frame(rows: list[tuple[Any, Any]]) -> pd.DataFrame:
    index = pd.RangeIndex(len(rows), name="key")
    return pd.DataFrame(
        {name: pd.Series([row[k] for row in rows], index=index, dtype=object) for k, name in enumerate("ab")}
    )


ROWS = st.lists(st.tuples(CELLS, CELLS), max_size=6)


@given(CELLS)
def test_texts_of_texts_are_themselves(value: Any) -> None:
    strict, loose = strict_text(value), loose_text(value)
    assert strict_text(strict) == strict
    assert loose_text(loose) == loose
    assert loose_text(strict) == loose


@given(CELLS, CELLS)
def test_what_is_strictly_equal_is_loosely_equal(left: Any, right: Any) -> None:
    if strict_text(left) == strict_text(right):
        assert loose_text(left) == loose_text(right)
        assert values_equal(left, right, how="auto")


@given(st.integers(), st.integers())
def test_whole_numbers_are_equal_only_to_themselves(left: int, right: int) -> None:
    for how in ("auto", "exact", "text", "number"):
        assert values_equal(left, str(right), how=how) is (left == right)


@given(CELLS, CELLS, st.sampled_from(["auto", "exact", "text", "number", "date", "set"]))
def test_comparators_are_symmetric_and_never_raise(left: Any, right: Any, how: str) -> None:
    one, other = values_equal(left, right, how=how), values_equal(right, left, how=how)
    assert (one.reason if isinstance(one, Unknown) else one) == (other.reason if isinstance(other, Unknown) else other)


@given(CELLS, st.sampled_from(["auto", "exact", "text", "number", "date", "set"]))
def test_every_value_equals_itself_by_every_comparator(value: Any, how: str) -> None:
    assert values_equal(value, value, how=how) is True
    if how != "set":
        assert values_equal(value, strict_text(value), how=how) is True


@given(st.decimals(allow_nan=False, allow_infinity=False), st.decimals(allow_nan=False, allow_infinity=False))
def test_decimals_are_equal_only_to_themselves(left: Decimal, right: Decimal) -> None:
    for how in ("auto", "exact", "number"):
        assert values_equal(left, right, how=how) is (left == right)


@given(
    st.sampled_from([16, 20, 28, 32, 48, 64]).flatmap(lambda n: st.tuples(*[st.binary(min_size=n, max_size=n)] * 2)),
    st.data(),
)
def test_hashes_are_equal_only_to_themselves_in_every_spelling(pair: tuple[bytes, bytes], data: st.DataObject) -> None:
    name = {16: "md5", 20: "sha1", 28: "sha224", 32: "sha256", 48: "sha384", 64: "sha512"}[len(pair[0])]

    def spelt(digest: bytes) -> str:
        base64 = b64encode(digest).decode()
        forms = [digest.hex(), digest.hex().upper(), f"{name}:{digest.hex()}", f"{name}-{base64}"]
        return data.draw(st.sampled_from([*forms, base64] if base64.endswith("=") else forms))

    assert values_equal(spelt(pair[0]), spelt(pair[1]), how="auto") is (pair[0] == pair[1])
    assert values_equal(spelt(pair[0]), spelt(pair[0]), how="auto") is True


@given(st.datetimes(timezones=st.just(UTC)), st.datetimes(timezones=st.just(UTC)), st.data())
def test_moments_are_equal_only_to_themselves_in_every_dress(left: datetime, right: datetime, data: Any) -> None:
    assume(date(2, 1, 1) <= min(left, right).date() <= max(left, right).date() < date(9999, 12, 1))
    zone = timezone(timedelta(hours=data.draw(st.integers(-12, 12))))

    def dressed(at: datetime) -> Any:
        forms: list[Any] = [at, at.isoformat(), at.astimezone(zone).isoformat(" "), at.replace(tzinfo=None)]
        forms += [at.isoformat().replace("+00:00", "Z"), pd.Timestamp(at)]
        return data.draw(st.sampled_from(forms))

    assert values_equal(dressed(left), dressed(right), how="auto") is (left == right)
    assert values_equal(dressed(left), dressed(left), how="auto") is True


@given(
    CELLS, st.lists(st.sampled_from(["strip", "casefold", "collapse_blanks", "number", "date", "sorted"]), max_size=3)
)
def test_rules_never_raise(value: Any, steps: list[str]) -> None:
    text = normalise(value, steps)
    assert text is None or isinstance(text, str)


@given(ROWS)
def test_nothing_differs_from_itself(rows: list[tuple[Any, Any]]) -> None:
    frame = _frame(rows)
    assert not len(discrepancies(frame, frame, STAGE))
    assert not len(discrepancies(frame, frame.map(strict_text).astype(object), STAGE))


@given(ROWS, st.randoms(use_true_random=False))
def test_the_order_of_rows_is_irrelevant_to_reconciliation(rows: list[tuple[Any, Any]], random: Any) -> None:
    recorded, source = _frame(rows), _frame([(b, a) for a, b in rows])
    recorded = recorded.iloc[: max(len(rows) - 1, 0)]
    copy = FunctionReference(name="copy", function=lambda df: df, mode="frame")

    def found(order: list[int], kept: list[int]) -> Any:
        result = reconcile(STAGE, recorded.loc[kept], {"source": source.loc[order]}, copy)
        rows = sorted(
            (r.key, r.field, repr(r.recorded), repr(r.expected), r.kind) for r in result.discrepancies.itertuples()
        )
        return rows, sorted(result.lost), dict(sorted(result.crossed.items()))

    order, kept = list(source.index), list(recorded.index)
    in_order = found(order, kept)
    random.shuffle(order)
    random.shuffle(kept)
    assert found(order, kept) == in_order


@given(st.lists(st.tuples(SCALARS, SCALARS), max_size=6), st.randoms(use_true_random=False))
def test_the_order_of_rows_is_irrelevant_to_outcomes(rows: list[tuple[Any, Any]], random: Any) -> None:
    frame = _frame(rows)
    compare = {"a": Comparator(column="b")}
    in_order = judge_by_truth(frame[["a"]], frame[["b"]], compare)
    order = list(frame.index)
    random.shuffle(order)
    shuffled = judge_by_truth(frame[["a"]].loc[order], frame[["b"]], compare)
    pd.testing.assert_frame_equal(shuffled.sort_index(), in_order)


VERDICTS = st.lists(
    st.tuples(
        st.sampled_from(Responsibility),
        st.sampled_from([None, "a", "b"]),
        st.lists(st.sampled_from("xyz"), unique=True),
        st.sampled_from([None, "lost"]),
    ),
    min_size=1,
    max_size=40,
)


@given(VERDICTS, st.integers(0, 60), st.randoms(use_true_random=False))
def test_shares_add_up_to_one_in_any_order(rows: list[tuple[Any, ...]], n_right: int, random: Any) -> None:
    verdicts = [
        Verdict(
            key=str(k),
            responsibility=who,
            stage=stage,
            fields=tuple(fields),
            confidence=0.5,
            explanation="",
            pattern=what,
        )
        for k, (who, stage, fields, what) in enumerate(rows)
    ]
    n = len(rows) + n_right
    times = pd.Series(pd.date_range("2026-01-05", periods=n, freq="min", tz="UTC"), index=[str(k) for k in range(n)])
    causes = find_causes(verdicts, times, n_judged=n, base=BaseRates())
    assert sum(cause.share for cause in causes) == pytest.approx(1.0)
    assert sum(cause.n_records for cause in causes) == len(verdicts)
    random.shuffle(verdicts)
    again = find_causes(verdicts, times, n_judged=n, base=BaseRates())

    def told(found: Any) -> Any:
        return {(c.responsibility, c.stage, c.n_records, c.is_change, c.onset, frozenset(c.fields)) for c in found}

    assert told(again) == told(causes)


@given(st.integers(1, 24), st.data())
def test_delta_debug_is_enough_and_no_part_can_be_left_out(n: int, data: st.DataObject) -> None:
    parts = list(range(n))
    # Any one of these sets is enough, and so is all that holds one: a monotone experiment.
    ways = data.draw(st.lists(st.sets(st.sampled_from(parts), min_size=1), min_size=1, max_size=3))

    def is_enough(some: Any) -> bool:
        return any(way <= set(some) for way in ways)

    found = search_together({0: delta_debug(parts)}, lambda keys, some: keys if is_enough(some) else [])[0]
    assert is_enough(found)
    assert not any(is_enough([part for part in found if part != out]) for out in found)


@given(st.lists(st.sets(st.sampled_from("abcd"), min_size=1), min_size=1, max_size=6))
def test_smallest_repairs_are_enough_and_smallest(needs: list[set[str]]) -> None:
    def cures(keys: pd.Index[Any], repairs: frozenset[str]) -> pd.Index[Any]:
        return keys[[needs[key] <= repairs for key in keys]]

    found = smallest_repairs(pd.RangeIndex(len(needs)), "abcd", cures)
    assert found == {key: (frozenset(wanted),) for key, wanted in enumerate(needs)}


@given(OBJECTS)
def test_a_document_can_be_rebuilt_from_its_leaves(document: Any) -> None:
    built: dict[str, Any] = {"x": None}
    for path, value in leaves(document):
        built = set_field(built, f"x.{path}", value)
    for path, value in leaves(document):
        assert strict_text(at_path(built["x"], path)) == strict_text(value)


@given(BRANCHES, SCALARS.filter(lambda value: not is_null(value)), st.data())
def test_a_leaf_that_is_set_is_read_back_and_no_other_changes(document: Any, value: Any, data: st.DataObject) -> None:
    before = dict(leaves(document))
    path = data.draw(st.sampled_from(sorted(before)))
    after = set_field({"x": document}, f"x.{path}", value)["x"]
    assert at_path(after, path) == value
    others = {name: repr(leaf) for name, leaf in leaves(after) if name != path}
    assert others == {name: repr(leaf) for name, leaf in before.items() if name != path}


RULES = st.fixed_dictionaries(
    {"from": st.just("a")},
    optional={
        "strip": st.booleans(),
        "case": st.sampled_from(["lower", "upper", "title"]),
        "cast": st.sampled_from(["text", "integer", "number", "boolean", "json"]),
        "lookup": st.just({"A": 1, "1": "one", "true": None}),
        "scale": st.sampled_from([0.01, 100, -1e300]),
        "round": st.integers(0, 12),
        "date": st.sampled_from([{}, {"in": "%d/%m/%Y"}, {"out": "%Y"}]),
        "default": st.sampled_from([None, "other"]),
    },
)


@given(st.lists(CELLS, max_size=5), RULES)
def test_a_field_map_never_raises_and_tells_bad_values_by_record(cells: list[Any], rule: dict[str, Any]) -> None:
    spec = MappingSpec.model_validate({"fields": {"made": rule, "text": {"template": "<{a}>"}, "same": "a"}})
    inputs = pd.DataFrame({"a": pd.Series(cells, dtype=object)})
    made = apply_field_map(spec, inputs)
    frame, errors = made.frame, made.errors
    assert frame.index.equals(inputs.index)
    assert set(errors) <= set(inputs.index)
    assert all(message.startswith("made: ") for message in errors.values())
    assert all(text.startswith("<") for text in frame["text"])


@given(st.integers(0, 500), st.integers(0, 500))
def test_a_share_lies_in_its_interval(good: int, bad: int) -> None:
    assume(good + bad)
    found = wilson_interval(good, good + bad)
    assert found is not None
    low, high = found
    assert -1e-12 <= low <= good / (good + bad) + 1e-12
    assert good / (good + bad) - 1e-12 <= high <= 1 + 1e-12


@given(st.lists(st.booleans(), max_size=40))
def test_an_onset_is_an_event(events: list[bool]) -> None:
    index = onset_index(events)
    assert (index is None) is (not any(events))
    assert index is None or events[index]


@given(CELLS)
def test_parsing_never_raises(value: Any) -> None:
    parsed = parse_json(value)
    assert isinstance(parsed, dict | list) or parsed is value


def test_kinds_of_difference_are_told_by_name() -> None:
    frame = _frame([(Decimal("1.0"), date(2026, 1, 5))] * 2)
    other = _frame([("1.0 ", datetime(2026, 1, 5, tzinfo=UTC)), (1, datetime(2026, 1, 5, 8, tzinfo=UTC))])
    assert discrepancies(frame, other, STAGE)["kind"].tolist() == [DiscrepancyKind.FORMAT, DiscrepancyKind.VALUE]
