"""Reconciliation: what a stage holds against what its reference makes of the recorded inputs, for a whole window."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
from pandas.api.types import infer_dtype

from seamwatch.core.records.comparison import (
    PairComparison,
    compare_normalised,
    document_text,
    equal_cells,
    is_null,
    leaves,
    may_be_json,
    parse_json,
    spellings,
    strict_text,
)
from seamwatch.core.records.coverage import (
    Misplaced,
    made_fields,
    misplaced_in,
    unmade_fields,
    watched_otherwise,
)
from seamwatch.core.records.field_maps import RoundingTies
from seamwatch.core.records.frames import Positions, positions, take
from seamwatch.core.records.json_documents import column_of
from seamwatch.core.records.keys import KeyMismatch
from seamwatch.core.records.notes import UTC_NOTE, key_note, tie_note, unreadable_notes
from seamwatch.core.records.number_forms import FLOAT_NOISE, float_text
from seamwatch.core.records.references import Reference, shared_keys
from seamwatch.core.records.unknown import Unknown
from seamwatch.core.records.values import Forms, compare_values, mixes_zones
from seamwatch.spec.pipeline import Stage
from seamwatch.vocabulary import DiscrepancyKind

_FLOAT = re.compile(r"-?[0-9]+(\.[0-9]+)?(E[+-]?[0-9]+)?\Z")
_WHOLE = re.compile(r"-?[0-9]{1,18}$")
_SCALARS = frozenset({str, int, float, bool, type(None)})
_DOCUMENTS = (dict, list, tuple, Mapping)  # the abstract class last: to ask it takes longest
_READ_ALL = 20_000
"""Up to this many expected documents are all read to find the owner of a crossed one; of more, the text is found."""
DISCREPANCY_COLUMNS = ("key", "stage", "field", "recorded", "expected", "kind")
UNREADABLE_COLUMNS = ("key", "stage", "field", "reason", "sample")


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
    unreadable: pd.DataFrame = field(default_factory=lambda: _as_frame([], UNREADABLE_COLUMNS))
    """One row per field that cannot be compared, as one side cannot be read: key, stage, field, reason, sample."""
    reference_errors: Mapping[Any, str] = field(default_factory=dict)
    is_checked: bool
    """Whether there was a reference."""
    unmade: tuple[str, ...] = ()
    """Payload fields that the reference does not make, ids and times left out: they were compared with nothing."""
    misplaced: tuple[Misplaced, ...] = ()
    """Outputs of the reference that are no field of the stage: they were compared with nothing."""
    mismatch: KeyMismatch | None = None
    """Keys of the records, and of this stage, that would meet in another form: they are neither lost nor extra."""
    notes: tuple[str, ...] = ()
    """What a reader must know of how values and keys were compared."""


def reconcile(
    stage: Stage,
    recorded: pd.DataFrame,
    inputs: Mapping[str, pd.DataFrame],
    reference: Reference | None,
    *,
    extra: pd.Index[Any] | None = None,
    mismatch: KeyMismatch | None = None,
) -> Reconciliation:
    """Return lost, crossed and discrepant records of one stage, found set-based.

    Args:
        stage: The stage.
        recorded: Its payloads, index key.
        inputs: Payloads of its inputs by stage name.
        reference: None means that the stage is watched, not checked.
        extra: Keys of the stage that are in no source, found by whoever read the tables.
        mismatch: Keys that would match in another form, found likewise.

    Raises:
        DataContractError: If the reference names fields that are in no input, or returns rows that were not asked for.
    """
    reached = shared_keys(inputs)
    where = positions(recorded.index, reached)
    lost = reached[where < 0]
    if mismatch is not None:
        lost = lost[~lost.isin(list(mismatch.left))]
    nothing = recorded.index[:0]
    if reference is None:
        return Reconciliation(
            stage=stage,
            n_input=len(reached),
            lost=lost,
            extra=nothing if extra is None else extra,
            expected=pd.DataFrame(index=nothing),
            discrepancies=_as_frame([], DISCREPANCY_COLUMNS),
            is_checked=False,
            unmade=unmade_fields(stage, recorded, watched_otherwise(stage)),
            mismatch=mismatch,
            notes=_key_notes(stage, mismatch),
        )
    made = reference.expected(inputs)
    makes = made_fields(reference, made.frame)
    if not made.frame.index.equals(reached):
        where = positions(recorded.index, made.frame.index)
    compared = compare_payloads(recorded, made.frame, stage, where=where)
    found, tie_notes = _without_ties(compared.discrepancies, made.ties)
    return Reconciliation(
        stage=stage,
        n_input=len(reached),
        lost=lost,
        extra=nothing if extra is None else extra,
        crossed=crossed_records(recorded, made.frame, found, stage, where=where),
        expected=made.frame,
        discrepancies=found,
        unreadable=compared.unreadable,
        reference_errors=made.errors,
        is_checked=True,
        unmade=unmade_fields(stage, recorded, makes),
        misplaced=tuple(misplaced_in(stage, recorded, makes)),
        mismatch=mismatch,
        notes=(
            *_key_notes(stage, mismatch),
            *made.notes,
            *unreadable_notes(compared.unreadable, len(made.frame)),
            *tie_notes,
            *(f"{', '.join(compared.mixed_zones)}: {UTC_NOTE}" for _ in compared.mixed_zones[:1]),
        ),
    )


def _key_notes(stage: Stage, mismatch: KeyMismatch | None) -> tuple[str, ...]:
    return () if mismatch is None else (key_note(mismatch, stage.relation),)


def _without_ties(found: pd.DataFrame, ties: Mapping[str, RoundingTies]) -> tuple[pd.DataFrame, list[str]]:
    """Return the discrepancies without numbers that were rounded the other way at a tie, and what is said of these.

    Where the map names how ties are rounded, another way stays a discrepancy.
    """
    is_kept = np.ones(len(found), dtype=bool)
    notes = []
    for name, of_field in ties.items():
        rows = np.flatnonzero((found["field"] == name).to_numpy())
        others = [of_field.others.get(key) for key in found["key"].to_numpy()[rows]]
        recorded = found["recorded"].to_numpy()[rows]
        is_other = [o is not None and _are_equal(r, o) for r, o in zip(recorded, others, strict=True)]
        if any(is_other):
            notes.append(tie_note(name, sum(is_other), of_field.mode))
        if of_field.mode is None:
            is_kept[rows[is_other]] = False
    return (found if is_kept.all() else found[is_kept].reset_index(drop=True)), notes


def _are_equal(left: Any, right: Any) -> bool:
    kind = compare_values(left, right)
    return kind is None or kind is DiscrepancyKind.FORMAT


def discrepancies(
    recorded: pd.DataFrame, expected: pd.DataFrame, stage: Stage, *, where: Positions | None = None
) -> pd.DataFrame:
    """Return one row per field of a record that differs from what was expected; see `compare_payloads`."""
    return compare_payloads(recorded, expected, stage, where=where).discrepancies


@dataclass(frozen=True, kw_only=True)
class Compared:
    """Payloads beside what they should be."""

    discrepancies: pd.DataFrame
    """Fields that differ: key, stage, field, recorded, expected (values as they are), kind (`DiscrepancyKind`)."""
    unreadable: pd.DataFrame
    """Fields that cannot be compared: key, stage, field, reason (`UnknownReason`), sample."""
    mixed_zones: tuple[str, ...]
    """Columns in which times without a zone were compared with times that have one."""


def compare_payloads(
    recorded: pd.DataFrame, expected: pd.DataFrame, stage: Stage, *, where: Positions | None = None
) -> Compared:
    """Return the fields of records that differ from what was expected, and those that cannot be compared.

    Args:
        recorded: Payloads, index key, unique.
        expected: What the reference makes, index key, unique. A field that the stage has no column for is not compared.
        stage: For its name, `ignore` and `normalise`.
        where: Position in `recorded` of each row of `expected`, -1 where it is not there, if it is known already.

    Returns:
        A row per field of a record; a field inside a JSON column is named `column.path`. Empty for equal frames.
        Records in one frame only are left out: they are lost or extra, not discrepant.
    """
    columns = [name for name in expected.columns if name in recorded.columns and name not in stage.ignore]
    where = positions(recorded.index, expected.index) if where is None else where
    is_here = where >= 0
    rows: list[tuple[Any, ...]] = []
    unread: list[tuple[Any, ...]] = []
    mixed: list[str] = []
    if is_here.any() and columns:
        # Only what is compared is brought into one order; a row that is not here is compared with any other.
        left = take(recorded[columns], where.clip(min=0))
        for column in columns:
            suspect = np.flatnonzero(~equal_cells(left[column], expected[column]) & is_here)
            if len(suspect):
                _compare_column(left[column], expected[column], suspect, stage, rows, unread)
            if mixes_zones(left[column], expected[column], suspect):
                mixed.append(str(column))
    return Compared(
        discrepancies=_as_frame(rows, DISCREPANCY_COLUMNS),
        unreadable=_as_frame(unread, UNREADABLE_COLUMNS),
        mixed_zones=tuple(mixed),
    )


def _compare_column(
    recorded: pd.Series[Any],
    expected: pd.Series[Any],
    suspect: Positions,
    stage: Stage,
    rows: list[tuple[Any, ...]],
    unread: list[tuple[Any, ...]],
) -> None:
    """Add what differs among the suspect cells of one column, and what cannot be compared."""
    column = str(expected.name)
    cells = zip(
        expected.index[suspect],
        recorded.iloc[suspect].to_numpy(dtype=object),
        expected.iloc[suspect].to_numpy(dtype=object),
        strict=True,
    )
    if _are_numbers(recorded, expected) and column not in stage.normalise:
        # What is not equal as a number is too far apart for its text to be the same.
        rows += [(key, stage.name, column, was, wanted, DiscrepancyKind.VALUE) for key, was, wanted in cells]
        return
    compare = LeafComparison(recorded, expected, normalisers=stage.normalise)
    # A fault mostly makes few pairs of values: each pair is compared once.
    known: dict[Any, list[Leaf]] = {}
    for key, was, wanted in cells:
        types = type(was), type(wanted)
        pair = (*types, was, wanted) if types[0] in _SCALARS and types[1] in _SCALARS else None
        parts = known.get(pair) if pair is not None else None
        if parts is None:
            parts = list(compare.differing(column, was, wanted))
            if pair is not None:
                known[pair] = parts
        for name, before, after, kind in parts:
            if isinstance(kind, Unknown):
                unread.append((key, stage.name, name, kind.reason, kind.sample))
            else:
                rows.append((key, stage.name, name, before, after, kind))


def _are_numbers(*columns: pd.Series[Any]) -> bool:
    """Return whether the columns hold numbers of full width: a narrow float has other digits than it seems."""
    return all(
        pd.api.types.is_numeric_dtype(column.dtype)
        and not pd.api.types.is_bool_dtype(column.dtype)
        and column.dtype not in ("float32", "float16", "Float32")
        for column in columns
    )


Leaf = tuple[str, Any, Any, DiscrepancyKind | Unknown]
"""Field, recorded, expected, and how they differ."""


class LeafComparison:
    """Compares the cells of two columns, leaf by leaf where they hold JSON."""

    def __init__(
        self, recorded: Iterable[Any], expected: Iterable[Any], *, normalisers: Mapping[str, Sequence[str]]
    ) -> None:
        """Look at no cell yet.

        Args:
            recorded: The whole column as recorded, for what it shows of its notation.
            expected: And as it should be.
            normalisers: By field, what makes two values equal.
        """
        self._normalisers = normalisers
        self._of_cells = PairComparison[DiscrepancyKind | None](recorded, expected, compare_values)
        self._columns = recorded, expected
        self._by_rule: dict[tuple[str, ...], PairComparison[DiscrepancyKind | None]] = {}

    def differing(self, column: str, recorded: Any, expected: Any) -> Iterator[Leaf]:
        """Yield what differs in one cell, or cannot be compared."""
        is_json = may_be_json(recorded) and may_be_json(expected)
        was, wanted = (parse_json(recorded), parse_json(expected)) if is_json else (None, None)
        if not (isinstance(wanted, _DOCUMENTS) and isinstance(was, _DOCUMENTS)):
            kind = self._kind(recorded, expected, self._normalisers.get(column))
            if kind is not None:
                yield column, recorded, expected, kind
            return
        before, after = dict(leaves(was)), dict(leaves(wanted))
        for path in dict.fromkeys([*after, *before]):
            mine, other = before.get(path), after.get(path)
            if type(mine) is type(other) and type(mine) in _SCALARS and mine == other:
                continue  # as most leaves of most documents
            name = f"{column}.{path}" if path else column
            kind = self._leaf_kind(path, before, after, self._normalisers.get(name, self._normalisers.get(column)))
            if kind is not None:
                yield name, mine, other, kind

    def _leaf_kind(
        self, path: str, before: Mapping[str, Any], after: Mapping[str, Any], steps: Sequence[str] | None
    ) -> DiscrepancyKind | Unknown | None:
        if path not in before:
            return None if is_null(after[path]) else DiscrepancyKind.MISSING
        if path not in after:
            return None if is_null(before[path]) else DiscrepancyKind.UNEXPECTED
        was, wanted = before[path], after[path]
        kind = self._kind(was, wanted, steps)
        # JSON has a type of its own for true: who reads 1 in its place may not take it for that.
        is_boolean = isinstance(was, bool) is not isinstance(wanted, bool)
        return DiscrepancyKind.FORMAT if kind is None and is_boolean and not (steps or is_null(was)) else kind

    def _kind(self, recorded: Any, expected: Any, steps: Sequence[str] | None) -> DiscrepancyKind | Unknown | None:
        if type(recorded) is type(expected) and type(recorded) in _SCALARS and recorded == expected:
            return None
        if steps is None:
            return self._of_cells(recorded, expected)
        rule = tuple(steps)
        if rule not in self._by_rule:
            compare = partial(_compare_by_rule, steps=rule)
            self._by_rule[rule] = PairComparison[DiscrepancyKind | None](*self._columns, compare)
        return self._by_rule[rule](recorded, expected)


def _compare_by_rule(
    recorded: Any, expected: Any, forms: Forms, *, steps: Sequence[str]
) -> DiscrepancyKind | Unknown | None:
    return compare_normalised(recorded, expected, steps, forms)


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
    may_own = np.arange(len(expected))
    # Numbers first, which are looked through fastest, then the column with the most values among those carried, which
    # tells most: few rows are left for the others.
    are_texts = {name: not pd.api.types.is_numeric_dtype(expected[name].dtype) for name in columns}
    for name in sorted(columns, key=lambda name: (are_texts[name], -len(set(marks[name])))):
        if not any(mark[:1] in ("{", "[") for mark in marks[name]):
            may_own = may_own[_may_have(expected[name].take(may_own), set(marks[name]))]
        elif len(expected) > _READ_ALL and _stands_for_expected(recorded[name], stage):
            texts = {text for value in carried[name].dropna() for text in spellings(value)}
            texts.update(marks[name])
            is_odd = where < 0
            is_odd[positions(expected.index, pd.Index(found["key"].unique().tolist()))] = True
            is_spelt = np.append(_may_have(recorded[name], texts), False)  # the last one for records that are not here
            may_own = may_own[is_odd[may_own] | is_spelt[where[may_own]]]
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
    cells = zip(*(found[name].to_numpy() for name in ("key", "field", "kind")), strict=True)
    wrong = dict.fromkeys((key, columns[name]) for key, name, kind in cells if kind != DiscrepancyKind.FORMAT)
    return [key for key, n_columns in Counter(key for key, _ in wrong).items() if n_columns >= at_least]


def _stands_for_expected(column: pd.Series[Any], stage: Stage) -> bool:
    """Return whether a recorded column is text that says what is expected, wherever no difference was found."""
    name = str(column.name)
    is_ruled = name in stage.ignore or any(one == name or one.startswith(f"{name}.") for one in stage.normalise)
    return not is_ruled and infer_dtype(column, skipna=True) == "string"


def _may_have(column: pd.Series[Any], marks: Collection[str]) -> np.ndarray[Any, np.dtype[np.bool_]]:
    """Return where a cell may have one of the marks; objects and lists by their text as it is."""
    if pd.api.types.is_integer_dtype(column.dtype):
        found = column.isin([int(mark) for mark in marks if _WHOLE.match(mark)]).to_numpy()
    elif column.dtype == np.float64:
        found = _is_near(column.to_numpy(), [float(mark) for mark in marks if _FLOAT.match(mark)])
    elif infer_dtype(column, skipna=True) == "string":
        found = column.isin(list(marks)).to_numpy()
    else:
        return np.ones(len(column), dtype=bool)
    return found | column.isna().to_numpy() if "" in marks else found


def _is_near(
    values: np.ndarray[Any, np.dtype[np.float64]], marks: Collection[float]
) -> np.ndarray[Any, np.dtype[np.bool_]]:
    """Return where a value is one of the marks, but for the noise that a float's text leaves out."""
    known = np.array([-np.inf, *sorted(marks), np.inf])
    with np.errstate(invalid="ignore", over="ignore"):  # of infinity no difference can be taken: it may be a mark
        found: np.ndarray[Any, np.dtype[np.bool_]] = np.isinf(values)
        # As a narrow float a value near a mark is the mark or next to it. That leaves few to be looked for among them.
        narrow = known.astype(np.float32)
        beside = [np.nextafter(narrow, np.float32(end)) for end in (-np.inf, np.inf)]
        at = np.flatnonzero(pd.Series(values.astype(np.float32)).isin(np.concatenate([narrow, *beside])))
        above = np.searchsorted(known, values[at]).clip(min=1, max=len(known) - 1)
        noise = 2 * FLOAT_NOISE * np.abs(values[at])
        for neighbour in (known[above - 1], known[above]):
            found[at] |= np.abs(neighbour - values[at]) <= noise
    return found


def _column_of(expected: pd.DataFrame) -> Callable[[str], str]:
    """Return a function from a field, which may be a path into a JSON column, to its column."""
    columns = frozenset(map(str, expected.columns))
    return lambda name: column_of(name, columns) or name


def _marks(frame: pd.DataFrame) -> dict[str, list[str]]:
    """Return by column the text by which each cell is known again; an object's or list's in whatever spelling."""
    return {name: [_mark(value) for value in frame[name].to_numpy(dtype=object)] for name in frame.columns}


def _mark(value: Any) -> str:
    if type(value) is float:
        return "" if value != value else float_text(value)  # noqa: PLR0124 - NaN
    document = document_text(value) if may_be_json(value) else None
    return strict_text(value) or "" if document is None else document


def set_field(payload: Mapping[str, Any], name: str, value: Any) -> dict[str, Any]:
    """Return the payload with one field set, where the field may be a path into a JSON column."""
    if name in payload:
        return {**payload, name: value}
    column = column_of(name, payload) or name.partition(".")[0]
    if column == name:
        return {**payload, name: value}
    steps = name[len(column) + 1 :].split(".")
    return {**payload, column: _set_path(parse_json(payload.get(column)), steps, value)}


def _set_path(document: Any, steps: list[str], value: Any) -> Any:
    if isinstance(document, (list, tuple)) and steps[0].isdecimal():
        return _set_item(list(document), int(steps[0]), steps[1:], value)
    if isinstance(document, (list, tuple)) and value is None:
        return document  # a list holds no such field already
    inner = dict(document) if isinstance(document, Mapping) else {}
    # Of a path with dots in its keys the longest beginning that is a key is meant, as where it was read.
    joined = (".".join(steps[:length]) for length in range(len(steps), 0, -1))
    step = next((key for key in joined if key in inner), steps[0])
    rest = steps[step.count(".") + 1 :]
    if rest:
        inner[step] = _set_path(inner.get(step), rest, value)
    elif value is None:
        inner.pop(step, None)
    else:
        inner[step] = value
    return inner


def _set_item(parts: list[Any], number: int, rest: list[str], value: Any) -> list[Any]:
    if number < len(parts):
        parts[number] = _set_path(parts[number], rest, value) if rest else value
    elif value is not None:
        parts.append(_set_path(None, rest, value) if rest else value)
    return parts


def _as_frame(rows: list[tuple[Any, ...]], columns: Sequence[str]) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=list(columns), dtype=object)
