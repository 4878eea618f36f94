"""What a stage should have produced from its input: field maps and functions behind one small protocol."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

import numpy as np
import pandas as pd
from pandas.api.types import infer_dtype

from seamwatch.core.records.comparison import is_null, pick
from seamwatch.core.records.field_maps import RoundingTies, apply_field_map, source_fields, unreadable_text
from seamwatch.core.records.frames import positions, take
from seamwatch.core.records.json_documents import column_of
from seamwatch.core.records.notes import key_note
from seamwatch.core.records.unknown import Unknown
from seamwatch.errors import DataContractError
from seamwatch.plurals import plural
from seamwatch.spec.mapping import MappingSpec

Mode = Literal["frame", "record"]


@dataclass(frozen=True, kw_only=True)
class Expected:
    """Payloads as the reference makes them."""

    frame: pd.DataFrame
    """Index key, columns the fields; without the records it failed for."""
    errors: dict[Any, str] = field(default_factory=dict)
    """Key to why the reference could not make its payload."""
    ties: Mapping[str, RoundingTies] = field(default_factory=dict)
    """By field of a field map: numbers exactly between two roundings."""
    notes: tuple[str, ...] = ()
    """What a reader must know of how they were made."""


class Reference(Protocol):
    """What a stage should have made of its inputs."""

    @property
    def name(self) -> str:
        """Return what stands in the pipeline file."""
        ...

    def expected(self, inputs: Mapping[str, pd.DataFrame]) -> Expected:
        """Return the payloads for the records that are in every input."""
        ...


def shared_keys(inputs: Mapping[str, pd.DataFrame]) -> pd.Index[Any]:
    """Return the keys that reached every input, in the order of the first."""
    frames = list(inputs.values())
    keys = frames[0].index
    for frame in frames[1:]:
        is_there = positions(frame.index, keys) >= 0
        keys = keys if is_there.all() else keys[is_there]
    return keys


def merge_inputs(inputs: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """Return one frame of all inputs' fields, for references that take one argument.

    Raises:
        DataContractError: If two inputs share a field, since nobody can say which one is meant.
    """
    if len(inputs) == 1:
        return next(iter(inputs.values()))
    keys = shared_keys(inputs)
    owner: dict[str, str] = {}
    for stage, frame in inputs.items():
        for column in frame.columns:
            if column in owner:
                msg = (
                    f"inputs {owner[column]!r} and {stage!r} both have a field {column!r}; "
                    "give the reference one parameter per input, or name the field as stage.field"
                )
                raise DataContractError(msg)
            owner[column] = stage
    return pd.concat([frame.reindex(keys) for frame in inputs.values()], axis=1)


@dataclass(frozen=True, kw_only=True)
class FieldMapReference:
    """A declarative field map as a reference."""

    name: str
    spec: MappingSpec
    held: set[str] = field(default_factory=set, compare=False)
    """Paths that some input of this run was seen to hold: there a lacking key is null, also among a few records."""

    def expected(self, inputs: Mapping[str, pd.DataFrame]) -> Expected:
        """Return the mapped payloads; DataContractError if a field is in no input or in more than one."""
        keys = shared_keys(inputs)
        needed = {name: _resolve(inputs, name, self.held).reindex(keys) for name in source_fields(self.spec)}
        made = apply_field_map(self.spec, pd.DataFrame(needed, index=keys), self.held)
        return Expected(
            frame=made.frame.drop(index=list(made.errors)),
            errors=dict(made.errors),
            ties=made.ties,
            notes=tuple(key_note(found, f"lookup of {name}") for name, found in made.mismatches.items()),
        )


def _resolve(inputs: Mapping[str, pd.DataFrame], name: str, held: set[str]) -> pd.Series[Any]:
    stage, _, rest = name.partition(".")
    if stage in inputs and rest:
        return pick(inputs[stage], rest, held)
    holders = [s for s, frame in inputs.items() if column_of(name, frame.columns) is not None]
    if len(holders) == 1:
        return pick(inputs[holders[0]], name, held)
    known = ", ".join(f"{s}.{column}" for s, frame in inputs.items() for column in frame.columns)
    what = f"is in {' and '.join(holders)}; write stage.field" if holders else f"is in no input; known: {known}"
    msg = f"input field {name!r} {what}"
    raise DataContractError(msg)


@dataclass(frozen=True, kw_only=True)
class FunctionReference:
    """A person's Python function as a reference, on a frame or on one record."""

    name: str
    function: Callable[..., Any]
    mode: Mode
    body_column: str | None = None
    """For a prompt: the column that holds the request body, which the function may return bare."""

    def expected(self, inputs: Mapping[str, pd.DataFrame]) -> Expected:
        """Return the payloads; a record for which it raises, or whose inputs are unreadable, is told in `errors`."""
        keys = shared_keys(inputs)
        if not len(keys):
            return Expected(frame=pd.DataFrame(index=keys))
        arguments = [take(frame, positions(frame.index, keys)) for frame in _arrange(self.function, inputs)]
        unread = _unreadable(arguments)
        if unread:
            arguments = [frame.drop(index=list(unread)) for frame in arguments]
        made = self._by_frame(arguments) if self.mode == "frame" else self._by_record(arguments)
        return Expected(frame=made.frame, errors={**unread, **made.errors}) if unread else made

    def _by_record(self, arguments: Sequence[pd.DataFrame]) -> Expected:
        keys = arguments[0].index
        records = [to_records(frame) for frame in arguments]
        payloads: dict[Any, Mapping[str, Any]] = {}
        errors: dict[Any, str] = {}
        for number, key in enumerate(keys):
            try:
                payloads[key] = self._as_payload(self.function(*(part[number] for part in records)))
            except Exception as error:
                errors[key] = f"{self.name} raised {type(error).__name__}: {_short(error)}"
        index = pd.Index(list(payloads), name=keys.name, dtype=keys.dtype)
        return Expected(frame=_from_records(list(payloads.values()), index), errors=errors)

    def _as_payload(self, result: Any) -> Mapping[str, Any]:
        if self.body_column is not None and not (isinstance(result, Mapping) and self.body_column in result):
            return {self.body_column: result}
        if isinstance(result, Mapping):
            return result
        msg = f"must return a dict of fields, got {type(result).__name__}"
        raise TypeError(msg)

    def _by_frame(self, arguments: Sequence[pd.DataFrame]) -> Expected:
        """Call the function on everything; where it raises, halve until the records that break it stand alone."""
        keys = arguments[0].index
        try:
            # A copy that shares its values until one is written to: the recorded payloads stay as they are.
            return Expected(frame=self._as_frame(self.function(*(part.copy(deep=False) for part in arguments)), keys))
        except DataContractError:
            raise
        except Exception as error:
            if len(keys) == 1:
                return Expected(
                    frame=pd.DataFrame(index=keys[:0]),
                    errors={keys[0]: f"{self.name} raised {type(error).__name__}: {_short(error)}"},
                )
        middle = len(keys) // 2
        halves = [
            self._by_frame([part.iloc[:middle] for part in arguments]),
            self._by_frame([part.iloc[middle:] for part in arguments]),
        ]
        frames = [half.frame for half in halves if len(half.frame)]
        return Expected(
            frame=pd.concat(frames) if frames else pd.DataFrame(index=keys[:0]),
            errors={**halves[0].errors, **halves[1].errors},
        )

    def _as_frame(self, result: Any, keys: pd.Index[Any]) -> pd.DataFrame:
        if isinstance(result, pd.Series) or (isinstance(result, list) and self.body_column is not None):
            column = self.body_column or (result.name if isinstance(result, pd.Series) else None)
            if column is None:
                msg = f"{self.name} returned a Series without a name; return a DataFrame"
                raise DataContractError(msg)
            result = pd.DataFrame({column: result})
        elif isinstance(result, Mapping):
            result = pd.DataFrame(result)
        if not isinstance(result, pd.DataFrame):
            msg = f"{self.name} must return a DataFrame with the index it was given, got {type(result).__name__}"
            raise DataContractError(msg)
        if result.index.equals(keys):
            return result
        if len(result) == len(keys) and isinstance(result.index, pd.RangeIndex):
            return result.set_axis(keys)
        if result.index.is_unique and result.index.isin(keys).all():
            return result
        msg = (
            f"{self.name} returned {plural(len(result), 'row')} whose index is not that of the "
            f"{plural(len(keys), 'row')} given"
        )
        raise DataContractError(msg)


def _unreadable(inputs: Sequence[pd.DataFrame]) -> dict[Any, str]:
    """Return the records with a field that could not be read, and which: nothing can be made of them."""
    found: dict[Any, str] = {}
    for frame in inputs:
        for name in frame.columns:
            column = frame[name]
            if column.dtype != object or infer_dtype(column, skipna=True) == "string":
                continue
            values = column.to_numpy(dtype=object)
            for at in [at for at, value in enumerate(values) if type(value) is Unknown]:
                found.setdefault(frame.index[at], f"{name}: {unreadable_text(values[at])}")
    return found


@dataclass(frozen=True, kw_only=True)
class CopyReference:
    """The reference of a sink that has none: it should hold what its input held, in the fields that share a name."""

    name: str
    fields: tuple[str, ...]
    """The stage's own payload columns."""

    def expected(self, inputs: Mapping[str, pd.DataFrame]) -> Expected:
        """Return the inputs' fields that the stage has too."""
        merged = merge_inputs(inputs)
        return Expected(frame=merged[[column for column in merged.columns if column in self.fields]])


def choose_mode(function: Callable[..., Any]) -> Mode:
    """Return whether the function wants a frame or one record, by its annotations, else by its parameters' names.

    A parameter annotated as a DataFrame, or named `frame`, `df`, or in the plural (`tickets`, `records`), takes a
    frame; one annotated as a dict or Mapping, or any other name, takes a record.
    """
    parameters = list(inspect.signature(function).parameters.values())
    if not parameters:
        msg = f"reference {function.__name__!r} takes no argument; it needs one for each input, or one for all"
        raise DataContractError(msg)
    annotation = parameters[0].annotation
    if annotation is not inspect.Parameter.empty:
        return "frame" if "DataFrame" in str(annotation) else "record"
    name = parameters[0].name
    return "frame" if name in ("frame", "df", "frames") or name.endswith(("s", "_df", "_frame")) else "record"


def _arrange(function: Callable[..., Any], inputs: Mapping[str, pd.DataFrame]) -> list[pd.DataFrame]:
    """Return the inputs in the order of the function's parameters."""
    parameters = [
        p.name for p in inspect.signature(function).parameters.values() if p.default is inspect.Parameter.empty
    ]
    if len(parameters) == 1 or len(inputs) == 1:
        return [merge_inputs(inputs)]
    if len(parameters) != len(inputs):
        msg = (
            f"reference {function.__name__!r} takes {plural(len(parameters), 'argument')}, the stage has "
            f"{plural(len(inputs), 'input')} ({', '.join(inputs)}); take one argument for each, or one for all"
        )
        raise DataContractError(msg)
    names = parameters if set(parameters) == set(inputs) else list(inputs)
    return [inputs[name] for name in names]


def to_records(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """Return the rows as dicts of plain Python values, no data as None."""
    names = [str(name) for name in frame.columns]
    if not names:
        return [{} for _ in range(len(frame))]
    columns = [_plain_values(frame[name]) for name in frame.columns]
    return [dict(zip(names, row, strict=True)) for row in zip(*columns, strict=True)]


def _plain_values(column: pd.Series[Any]) -> list[Any]:
    if isinstance(column.dtype, np.dtype) and column.dtype.kind in "iub":
        return column.to_numpy().tolist()
    if isinstance(column.dtype, np.dtype) and column.dtype.kind == "f":
        return [None if value != value else value for value in column.to_numpy().tolist()]  # noqa: PLR0124 - NaN
    return [value if type(value) is str else _plain(value) for value in column.to_numpy(dtype=object)]


def _from_records(records: list[Mapping[str, Any]], index: pd.Index[Any]) -> pd.DataFrame:
    """Return the records as a frame of objects; column by column where all have the same fields, as they mostly do."""
    names = records[0].keys() if records else ()
    if not all(type(record) is dict and record.keys() == names for record in records):
        return pd.DataFrame(records, index=index, dtype=object)
    return pd.DataFrame(
        {name: pd.Series([record[name] for record in records], index=index, dtype=object) for name in names},
        index=index,
    )


def _plain(value: Any) -> Any:
    if is_null(value):
        return None
    return value.item() if isinstance(value, np.generic) else value


def _short(error: BaseException) -> str:
    """Return the message without what may be data of the record."""
    text = str(error).splitlines()[0] if str(error) else ""
    return text if len(text) <= 120 else f"{text[:117]}..."
