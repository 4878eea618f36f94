"""Reconciliation: what a stage holds against what its reference makes of the recorded inputs, for a whole window."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from seamwatch.core.compare import equal_cells, is_null, leaves, loose_text, normalise, parse_json, strict_text
from seamwatch.core.frames import positions, take
from seamwatch.core.references import Reference, shared_keys
from seamwatch.spec.pipeline import Stage
from seamwatch.vocabulary import DiscrepancyKind

_WHOLE = re.compile(r"-?[0-9]{1,18}$")
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
    lost = reached[positions(recorded.index, reached) < 0]
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
    found = discrepancies(recorded, made.frame, stage)
    return Reconciliation(
        stage=stage,
        n_input=len(reached),
        lost=lost,
        extra=nothing if extra is None else extra,
        crossed=crossed_records(recorded, made.frame, found),
        expected=made.frame,
        discrepancies=found,
        reference_errors=made.errors,
        is_checked=True,
    )


def discrepancies(recorded: pd.DataFrame, expected: pd.DataFrame, stage: Stage) -> pd.DataFrame:
    """Return one row per field of a record that differs from what was expected.

    Args:
        recorded: Payloads, index key, unique.
        expected: What the reference makes, index key, unique. A field that the stage has no column for is not compared.
        stage: For its name, `ignore` and `normalise`.

    Returns:
        Columns key, stage, field, recorded, expected (values as they are), kind (`DiscrepancyKind`). A field inside a
        JSON column is named `column.path`. Empty for equal frames. Records in one frame only are left out: they are
        lost or extra, not discrepant.
    """
    columns = [name for name in expected.columns if name in recorded.columns and name not in stage.ignore]
    where = positions(recorded.index, expected.index)
    is_here = where >= 0
    keys = expected.index if is_here.all() else expected.index[is_here]
    if not len(keys) or not columns:
        return _as_frame([])
    # Only what is compared is brought into one order, and nothing that is in it already.
    left = take(recorded[columns], where[is_here]).set_axis(keys)
    right = expected if len(keys) == len(expected) else expected.loc[is_here]
    rows: list[tuple[Any, ...]] = []
    for column in columns:
        suspect = np.flatnonzero(~equal_cells(left[column], right[column]))
        if not len(suspect):
            continue
        cells = zip(
            keys[suspect],
            left[column].iloc[suspect].to_numpy(dtype=object),
            right[column].iloc[suspect].to_numpy(dtype=object),
            strict=True,
        )
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


def differing_leaves(
    column: str, recorded: Any, expected: Any, *, normalisers: Mapping[str, Sequence[str]]
) -> Iterator[tuple[str, Any, Any, DiscrepancyKind]]:
    """Yield `(field, recorded, expected, kind)` of what differs in one cell, leaf by leaf where it holds JSON."""
    was, wanted = parse_json(recorded), parse_json(expected)
    if not (isinstance(wanted, Mapping | list | tuple) and isinstance(was, Mapping | list | tuple)):
        kind = _kind(recorded, expected, normalisers.get(column))
        if kind is not None:
            yield column, recorded, expected, kind
        return
    before, after = dict(leaves(was)), dict(leaves(wanted))
    for path in dict.fromkeys([*after, *before]):
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
    return value is None or isinstance(value, str | int | float)


def _kind(recorded: Any, expected: Any, steps: Sequence[str] | None) -> DiscrepancyKind | None:
    if steps is not None:
        return None if normalise(recorded, steps) == normalise(expected, steps) else DiscrepancyKind.VALUE
    if strict_text(recorded) == strict_text(expected):
        return None
    return DiscrepancyKind.FORMAT if loose_text(recorded) == loose_text(expected) else DiscrepancyKind.VALUE


def crossed_records(recorded: pd.DataFrame, expected: pd.DataFrame, found: pd.DataFrame) -> dict[Any, Any]:
    """Return the records that carry the whole payload of another one, and of which.

    Only a payload that exactly one record should have can be recognised: ten records with the label `billing` tell
    nothing about each other. So the expected payload must be unique in the window, and differ from the record's own, in
    more than one column where there are several: one wrong label makes a small payload look like another by chance.
    """
    differing = found.loc[found["kind"] != DiscrepancyKind.FORMAT]
    n_wrong = differing["field"].map(_column_of(expected)).groupby(differing["key"]).nunique()
    columns = [name for name in expected.columns if name in recorded.columns]
    suspects = n_wrong.index[(n_wrong > (1 if len(columns) > 1 else 0)).to_numpy()]
    if not len(suspects) or not columns:
        return {}
    marks = _row_marks(recorded.loc[suspects, columns])
    candidates = _narrow(expected[columns], recorded.loc[suspects, columns])
    owners: dict[tuple[str, ...], Any] = {}
    shared: set[tuple[str, ...]] = set()
    for key, mark in zip(candidates.index, _row_marks(candidates), strict=True):
        if mark in owners:
            shared.add(mark)
        owners[mark] = key
    return {
        key: owners[mark]
        for key, mark in zip(suspects, marks, strict=True)
        if mark in owners and mark not in shared and owners[mark] != key
    }


def _narrow(expected: pd.DataFrame, suspects: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of `expected` that may equal one of the suspects: for most no value has to be read as text."""
    for column in expected.columns:
        cells = expected[column]
        texts = {_mark(value) for value in suspects[column].to_numpy(dtype=object)}
        if pd.api.types.infer_dtype(cells, skipna=True) == "string":
            # JSON is compared as what it says, so text that begins like it stays in; so does no data, as no text.
            begins = cells.str.lstrip().str[:1]
            may_be = cells.isin(texts) | cells.isna() | begins.isin(["{", "["])
        elif pd.api.types.is_integer_dtype(cells.dtype):
            may_be = cells.isin([int(text) for text in texts if _WHOLE.match(text)]) | cells.isna()
        else:
            continue
        expected = expected[may_be.to_numpy(dtype=bool)]
    return expected


def _column_of(expected: pd.DataFrame) -> Callable[[str], str]:
    """Return a function from a field, which may be a path into a JSON column, to its column."""
    columns = [str(name) for name in expected.columns]
    return lambda name: next((c for c in columns if name == c or name.startswith(f"{c}.")), name)


def _row_marks(frame: pd.DataFrame) -> list[tuple[str, ...]]:
    columns = [[_mark(value) for value in frame[name].to_numpy(dtype=object)] for name in frame]
    return list(zip(*columns, strict=True))


def _mark(value: Any) -> str:
    return strict_text(parse_json(value)) or ""


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
