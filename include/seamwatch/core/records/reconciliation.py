"""Reconciliation: what a stage holds against what its reference makes of the recorded inputs, for a whole window."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
from pandas.api.types import infer_dtype

from seamwatch.core.records.comparison import (
    document_text,
    equal_cells,
    is_null,
    leaves,
    loose_text,
    may_be_json,
    normalise,
    parse_json,
    spellings,
    strict_text,
)
from seamwatch.core.records.frames import Positions, positions, take
from seamwatch.core.records.references import Reference, shared_keys
from seamwatch.spec.pipeline import Stage
from seamwatch.vocabulary import DiscrepancyKind

_WHOLE = re.compile(r"-?[0-9]{1,18}$")
_READ_ALL = 20_000
"""Up to this many expected documents are all read to find the owner of a crossed one; of more, the text is found."""
_NUMBERS = frozenset({int, float})
DISCREPANCY_COLUMNS = ("key", "stage", "field", "recorded", "expected", "kind")


@dataclass(frozen=True, kw_only=True)
class Reconciliation:
    """How one stage's records of a window stand against its inputs and its reference."""

    stage: Stage
    n_input: int
    """Records that reached every input."""
    lost: pd.Index[Any]
    """Keys that reached every input and not this stage."""
    extra: pd.Index[Any]
    """Keys that are here and in no source."""
    crossed: Mapping[Any, Any] = field(default_factory=dict)
    """Key to the key of the record whose payload it carries."""
    expected: pd.DataFrame
    """What the reference makes of the recorded inputs; empty without a reference."""
    discrepancies: pd.DataFrame
    """One row per field that differs: key, stage, field, recorded, expected, kind."""
    reference_errors: Mapping[Any, str] = field(default_factory=dict)
    is_checked: bool
    """Whether there was a reference."""


def reconcile(
    stage: Stage,
    recorded: pd.DataFrame,
    inputs: Mapping[str, pd.DataFrame],
    reference: Reference | None,
    *,
    extra: pd.Index[Any] | None = None,
) -> Reconciliation:
    """Return lost, crossed and discrepant records of one stage, found set-based.

    Args:
        stage: The stage.
        recorded: Its payloads, index key.
        inputs: Payloads of its inputs by stage name.
        reference: None means that the stage is watched, not checked.
        extra: Keys of the stage that are in no source, found by whoever read the tables.

    Raises:
        DataContractError: If the reference names fields that are in no input, or returns rows that were not asked for.
    """
    reached = shared_keys(inputs)
    where = positions(recorded.index, reached)
    lost = reached[where < 0]
    nothing = recorded.index[:0]
    if reference is None:
        return Reconciliation(
            stage=stage,
            n_input=len(reached),
            lost=lost,
            extra=nothing if extra is None else extra,
            expected=pd.DataFrame(index=nothing),
            discrepancies=_as_frame([]),
            is_checked=False,
        )
    made = reference.expected(inputs)
    if not made.frame.index.equals(reached):
        where = positions(recorded.index, made.frame.index)
    found = discrepancies(recorded, made.frame, stage, where=where)
    return Reconciliation(
        stage=stage,
        n_input=len(reached),
        lost=lost,
        extra=nothing if extra is None else extra,
        crossed=crossed_records(recorded, made.frame, found, stage, where=where),
        expected=made.frame,
        discrepancies=found,
        reference_errors=made.errors,
        is_checked=True,
    )


def discrepancies(
    recorded: pd.DataFrame, expected: pd.DataFrame, stage: Stage, *, where: Positions | None = None
) -> pd.DataFrame:
    """Return one row per field of a record that differs from what was expected.

    Args:
        recorded: Payloads, index key, unique.
        expected: What the reference makes, index key, unique. A field that the stage has no column for is not compared.
        stage: For its name, `ignore` and `normalise`.
        where: Position in `recorded` of each row of `expected`, -1 where it is not there, if it is known already.

    Returns:
        Columns key, stage, field, recorded, expected (values as they are), kind (`DiscrepancyKind`). A field inside a
        JSON column is named `column.path`. Empty for equal frames. Records in one frame only are left out: they are
        lost or extra, not discrepant.
    """
    columns = [name for name in expected.columns if name in recorded.columns and name not in stage.ignore]
    where = positions(recorded.index, expected.index) if where is None else where
    is_here = where >= 0
    if not is_here.any() or not columns:
        return _as_frame([])
    # Only what is compared is brought into one order; a row that is not here is compared with any other, for nothing.
    left = take(recorded[columns], where.clip(min=0))
    rows: list[tuple[Any, ...]] = []
    for column in columns:
        suspect = np.flatnonzero(~equal_cells(left[column], expected[column]) & is_here)
        if not len(suspect):
            continue
        cells = zip(
            expected.index[suspect],
            left[column].iloc[suspect].to_numpy(dtype=object),
            expected[column].iloc[suspect].to_numpy(dtype=object),
            strict=True,
        )
        if _are_numbers(left[column], expected[column]) and column not in stage.normalise:
            # What is not equal as a number is too far apart for its text to be the same.
            rows += [(key, stage.name, column, was, wanted, DiscrepancyKind.VALUE) for key, was, wanted in cells]
            continue
        # A fault mostly makes few pairs of values: each pair is compared once.
        known: dict[Any, list[tuple[Any, ...]]] = {}
        for key, was, wanted in cells:
            pair = (type(was), was, type(wanted), wanted) if _is_scalar(was) and _is_scalar(wanted) else None
            parts = known.get(pair) if pair is not None else None
            if parts is None:
                parts = list(differing_leaves(column, was, wanted, normalisers=stage.normalise))
                if pair is not None:
                    known[pair] = parts
            rows += [(key, stage.name, *part) for part in parts]
    return _as_frame(rows)


def _are_numbers(*columns: pd.Series[Any]) -> bool:
    dtypes = [column.dtype for column in columns]
    return all(pd.api.types.is_numeric_dtype(one) and not pd.api.types.is_bool_dtype(one) for one in dtypes)


def differing_leaves(
    column: str, recorded: Any, expected: Any, *, normalisers: Mapping[str, Sequence[str]]
) -> Iterator[tuple[str, Any, Any, DiscrepancyKind]]:
    """Yield `(field, recorded, expected, kind)` of what differs in one cell, leaf by leaf where it holds JSON."""
    is_json = may_be_json(recorded) and may_be_json(expected)
    was, wanted = (parse_json(recorded), parse_json(expected)) if is_json else (None, None)
    if not (isinstance(wanted, Mapping | list | tuple) and isinstance(was, Mapping | list | tuple)):
        kind = _kind(recorded, expected, normalisers.get(column))
        if kind is not None:
            yield column, recorded, expected, kind
        return
    before, after = dict(leaves(was)), dict(leaves(wanted))
    for path in dict.fromkeys([*after, *before]):
        mine = before.get(path)
        if type(mine) is str and mine == after.get(path):
            continue  # as most leaves of most documents
        name = f"{column}.{path}" if path else column
        if path not in before:
            kind = None if is_null(after[path]) else DiscrepancyKind.MISSING
        elif path not in after:
            kind = None if is_null(before[path]) else DiscrepancyKind.UNEXPECTED
        else:
            kind = _kind(before[path], after[path], normalisers.get(name, normalisers.get(column)))
        if kind is not None:
            yield name, before.get(path), after.get(path), kind


def _is_scalar(value: Any) -> bool:
    return value is None or isinstance(value, (str, int, float))


def _kind(recorded: Any, expected: Any, steps: Sequence[str] | None) -> DiscrepancyKind | None:
    if type(recorded) is type(expected) and _is_scalar(recorded) and recorded == expected:
        return None
    if steps is not None:
        return None if normalise(recorded, steps) == normalise(expected, steps) else DiscrepancyKind.VALUE
    if strict_text(recorded) == strict_text(expected):
        return None
    if type(recorded) in _NUMBERS and type(expected) in _NUMBERS:
        return DiscrepancyKind.VALUE  # a number has no other format than its strict text
    return DiscrepancyKind.FORMAT if loose_text(recorded) == loose_text(expected) else DiscrepancyKind.VALUE


def crossed_records(
    recorded: pd.DataFrame, expected: pd.DataFrame, found: pd.DataFrame, stage: Stage, *, where: Positions
) -> dict[Any, Any]:
    """Return the records that carry the whole payload of another one, and of which.

    Only a payload that exactly one record should have can be recognised: ten records with the label `billing` tell
    nothing about each other. So the expected payload must be unique in the window, and differ from the record's own, in
    more than one column where there are several: one wrong label makes a small payload look like another by chance.
    In a window of more records than `_READ_ALL` a document that was copied from another record's and rewritten with its
    keys in another order is not recognised.
    """
    columns = [name for name in expected.columns if name in recorded.columns]
    suspects = _mostly_wrong(found, _column_of(expected), at_least=2 if len(columns) > 1 else 1)
    if not suspects or not columns:
        return {}
    carried = recorded[columns].take(positions(recorded.index, pd.Index(suspects)))
    marks = _marks(carried)
    is_odd = (where < 0) | (positions(pd.Index(found["key"].unique().tolist()), expected.index) >= 0)
    may_own = np.arange(len(expected))
    # The column with the most values among those carried tells most: few rows are left for the others.
    for name in sorted(columns, key=lambda name: -len(set(marks[name]))):
        if not any(mark[:1] in ("{", "[") for mark in marks[name]):
            may_own = may_own[_may_have(expected[name].take(may_own), set(marks[name]))]
        elif len(expected) > _READ_ALL and _stands_for_expected(recorded[name], stage):
            texts = {text for value in carried[name].dropna() for text in spellings(value)}
            texts.update(marks[name])
            may_own = may_own[is_odd[may_own] | _may_have(recorded[name].take(where[may_own]), texts)]
    candidates = expected[columns].take(may_own)
    owners: dict[tuple[str, ...], Any] = {}
    shared: set[tuple[str, ...]] = set()
    for key, mark in zip(candidates.index, zip(*_marks(candidates).values(), strict=True), strict=True):
        if mark in owners:
            shared.add(mark)
        owners[mark] = key
    return {
        key: owners[mark]
        for key, mark in zip(suspects, zip(*marks.values(), strict=True), strict=True)
        if mark in owners and mark not in shared and owners[mark] != key
    }


def _mostly_wrong(found: pd.DataFrame, column_of: Callable[[str], str], *, at_least: int) -> list[Any]:
    """Return the keys with so many columns that differ in more than format."""
    columns = {name: column_of(name) for name in found["field"].unique()}
    wrong: dict[Any, set[str]] = {}
    for key, name, kind in zip(found["key"], found["field"], found["kind"], strict=True):
        if kind != DiscrepancyKind.FORMAT:
            wrong.setdefault(key, set()).add(columns[name])
    return [key for key, names in wrong.items() if len(names) >= at_least]


def _stands_for_expected(column: pd.Series[Any], stage: Stage) -> bool:
    """Return whether a recorded column is text that says what is expected, wherever no difference was found."""
    name = str(column.name)
    is_ruled = name in stage.ignore or any(one == name or one.startswith(f"{name}.") for one in stage.normalise)
    return not is_ruled and infer_dtype(column, skipna=True) == "string"


def _may_have(column: pd.Series[Any], marks: Collection[str]) -> np.ndarray[Any, np.dtype[np.bool_]]:
    """Return where a cell may have one of the marks; objects and lists by their text as it is."""
    if pd.api.types.is_integer_dtype(column.dtype):
        found = column.isin([int(mark) for mark in marks if _WHOLE.match(mark)]).to_numpy()
    elif infer_dtype(column, skipna=True) == "string":
        found = column.isin(list(marks)).to_numpy()
    else:
        return np.ones(len(column), dtype=bool)
    return found | column.isna().to_numpy() if "" in marks else found


def _column_of(expected: pd.DataFrame) -> Callable[[str], str]:
    """Return a function from a field, which may be a path into a JSON column, to its column."""
    columns = [str(name) for name in expected.columns]
    return lambda name: next((c for c in columns if name == c or name.startswith(f"{c}.")), name)


def _marks(frame: pd.DataFrame) -> dict[str, list[str]]:
    """Return by column the text by which each cell is known again; an object's or list's in whatever spelling."""
    return {name: [_mark(value) for value in frame[name].to_numpy(dtype=object)] for name in frame.columns}


def _mark(value: Any) -> str:
    document = document_text(value) if may_be_json(value) else None
    return strict_text(value) or "" if document is None else document


def set_field(payload: Mapping[str, Any], name: str, value: Any) -> dict[str, Any]:
    """Return the payload with one field set, where the field may be a path into a JSON column."""
    if name in payload:
        return {**payload, name: value}
    column, _, path = name.partition(".")
    while column not in payload and "." in path:
        step, _, path = path.partition(".")
        column = f"{column}.{step}"
    document = parse_json(payload.get(column))
    return {**payload, column: _set_path(document, path.split("."), value)}


def _set_path(document: Any, steps: list[str], value: Any) -> Any:
    step, rest = steps[0], steps[1:]
    if isinstance(document, list | tuple):
        parts = list(document)
        number = int(step)
        if number >= len(parts):
            return [*parts, _set_path(None, rest, value) if rest else value] if value is not None else parts
        parts[number] = _set_path(parts[number], rest, value) if rest else value
        return parts
    inner = dict(document) if isinstance(document, Mapping) else {}
    if rest:
        inner[step] = _set_path(inner.get(step), rest, value)
    elif value is None:
        inner.pop(step, None)
    else:
        inner[step] = value
    return inner


def _as_frame(rows: list[tuple[Any, ...]]) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=list(DISCREPANCY_COLUMNS), dtype=object)
