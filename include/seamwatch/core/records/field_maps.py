"""A declarative field map applied to a frame of inputs."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from functools import partial
from typing import Any

import numpy as np
import pandas as pd

from seamwatch.core.records.comparison import canonical_json, is_null, parse_json, pick, strict_text
from seamwatch.core.records.keys import KeyMismatch, explain_key_mismatch, key_in_form
from seamwatch.core.records.number_forms import (
    DecimalSign,
    RoundMode,
    as_plain,
    multiply,
    number_text,
    other_side_of_tie,
    round_number,
)
from seamwatch.core.records.unknown import Unknown
from seamwatch.core.records.values import boolean_of, compare_values, read_numbers
from seamwatch.spec.base import KeyForm
from seamwatch.spec.mapping import DateFormat, FieldMap, MappingSpec, Rounding
from seamwatch.vocabulary import DiscrepancyKind

_PLACE = re.compile(r"\{([^{}]+)\}")
_SAME_CODE = (None, DiscrepancyKind.FORMAT)


@dataclass(frozen=True, kw_only=True)
class RoundingTies:
    """Numbers of one field exactly between two roundings."""

    mode: RoundMode | None
    """How the map says that they are rounded; None: either way is right."""
    others: Mapping[Any, Any]
    """By key, the rounding that was not made."""


@dataclass(frozen=True, kw_only=True)
class MappedFields:
    """What a field map makes of some rows."""

    frame: pd.DataFrame
    """The index of the inputs, one column per mapped field."""
    errors: Mapping[Any, str]
    """By key, why a value could not be read, cast, scaled or made a date. The other fields of the record are made."""
    ties: Mapping[str, RoundingTies]
    """By field that is rounded, where there are any."""
    mismatches: Mapping[str, KeyMismatch]
    """By field with a code table: codes that it would have in another form."""


def apply_field_map(spec: MappingSpec, inputs: pd.DataFrame, held: set[str] | None = None) -> MappedFields:
    """Return what the map makes of each row.

    Args:
        spec: The field map.
        inputs: One row per record, index key, columns the fields of the inputs.
        held: Paths that some record is known to hold (`pick`); those seen here are added.

    Raises:
        DataContractError: If a field that the map names is not among the inputs.
    """
    errors: dict[Any, str] = {}
    made = {name: _make_field(name, field, inputs, errors, held) for name, field in spec.fields.items()}
    read = {name: field for name, field in spec.fields.items() if field.from_ is not None}
    ties = {name: _ties(field, inputs, held) for name, field in read.items() if field.round is not None}
    tables = {name: _lacking(field, inputs, held) for name, field in read.items() if field.lookup is not None}
    return MappedFields(
        frame=pd.DataFrame(made, index=inputs.index),
        errors=errors,
        ties={name: found for name, found in ties.items() if found.others},
        mismatches={name: found for name, found in tables.items() if found is not None},
    )


def source_fields(spec: MappingSpec) -> frozenset[str]:
    """Return the input fields that the map reads."""
    named = {field.from_ for field in spec.fields.values() if field.from_ is not None}
    for field in spec.fields.values():
        named.update(_PLACE.findall(field.template or ""))
    return frozenset(named)


def _make_field(
    name: str, field: FieldMap, inputs: pd.DataFrame, errors: dict[Any, str], held: set[str] | None
) -> pd.Series[Any]:
    if "constant" in field.model_fields_set:
        return pd.Series([field.constant] * len(inputs), index=inputs.index, dtype=object)
    if field.template is not None:
        return _fill_template(name, field.template, inputs, errors, held)
    assert field.from_ is not None
    column = pick(inputs, field.from_, held)
    steps = _steps(field)
    # A column has few distinct values compared with its rows: each is worked out once.
    known: dict[tuple[type, Any], Any] = {}
    made: list[Any] = []
    for key, value in zip(inputs.index, column.to_numpy(dtype=object), strict=True):
        mark = (type(value), value if type(value) is str else strict_text(value))
        if mark not in known:
            known[mark] = _run(steps, value)
        result = known[mark]
        if isinstance(result, ValueError):
            errors.setdefault(key, f"{name}: {field.from_}: {result}")
            result = None
        made.append(field.default if is_null(result) else result)
    return pd.Series(made, index=inputs.index, dtype=object)


def _run(steps: list[Callable[[Any], Any]], value: Any) -> Any:
    if isinstance(value, Unknown):
        return ValueError(unreadable_text(value))
    for step in steps:
        if is_null(value):
            return None
        try:
            value = step(value)
        except (ValueError, TypeError, OverflowError) as error:
            return ValueError(str(error))
    return value


def unreadable_text(value: Unknown) -> str:
    """Return why a value could not be read, as a clause."""
    return f"nothing to read there ({value.reason.value}) in {_quoted(value.sample)}"


def _steps(field: FieldMap) -> list[Callable[[Any], Any]]:
    steps: list[Callable[[Any], Any]] = []
    if field.join is not None:
        steps.append(partial(_join, between=field.join))
    if field.strip:
        steps.append(lambda value: value.strip() if isinstance(value, str) else value)
    if field.case:
        change = getattr(str, field.case)
        steps.append(lambda value: change(value) if isinstance(value, str) else value)
    if field.cast:
        steps.append(partial(_CASTS[field.cast], decimal=field.decimal))
    if field.lookup is not None:
        steps.append(partial(_look_up, table=field.lookup, form=field.key_form))
    if field.scale is not None or field.round is not None:
        steps.append(partial(_calculate, field=field))
    if field.date is not None:
        form = field.date
        steps.append(lambda value: _redate(value, form))
    return steps


def _before(field: FieldMap, name: str) -> FieldMap:
    """Return the map of a field up to one of its steps."""
    steps = ("join", "strip", "case", "cast", "lookup", "scale", "round", "date")
    return field.model_copy(update=dict.fromkeys(steps[steps.index(name) :]))


def _ties(field: FieldMap, inputs: pd.DataFrame, held: set[str] | None) -> RoundingTies:
    """Return the numbers of a field exactly between two roundings, with the neighbour that was not chosen."""
    assert field.from_ is not None
    assert field.round is not None
    steps, rounding = _steps(_before(field, "scale")), field.round
    known: dict[Any, Any] = {}
    others: dict[Any, Any] = {}
    for key, value in zip(inputs.index, pick(inputs, field.from_, held).to_numpy(dtype=object), strict=True):
        mark = (type(value), strict_text(value))
        if mark not in known:
            known[mark] = _other_rounding(_run(steps, value), field, rounding)
        if known[mark] is not None:
            others[key] = known[mark]
    return RoundingTies(mode=rounding.mode, others=others)


def _other_rounding(value: Any, field: FieldMap, rounding: Rounding) -> Any:
    try:
        number = _scaled(value, field)
    except ValueError:
        return None
    nearer = other_side_of_tie(number, rounding.digits)
    if nearer is None:
        return None
    farther = round_number(number, rounding.digits, "half_up")
    made = round_number(number, rounding.digits, rounding.mode or "half_up")
    return as_plain(farther if made == nearer else nearer)


def _lacking(field: FieldMap, inputs: pd.DataFrame, held: set[str] | None) -> KeyMismatch | None:
    """Return the codes that a table would have in another form."""
    assert field.from_ is not None
    assert field.lookup is not None
    steps = _steps(_before(field, "lookup"))
    distinct = {strict_text(value): value for value in pick(inputs, field.from_, held)}
    codes = {_code(_run(steps, value), field) for value in distinct.values()}
    return explain_key_mismatch(codes - {None}, [_code(code, field) for code in field.lookup])


def _code(value: Any, field: FieldMap) -> str | None:
    text = None if isinstance(value, ValueError) else strict_text(value)
    return None if text is None else key_in_form(text, field.key_form) if field.key_form != "exact" else text


def _join(value: Any, *, between: str) -> str:
    items = parse_json(value)
    if not isinstance(items, list | tuple | set | frozenset | np.ndarray):
        msg = f"{_quoted(value)} is no list"
        raise ValueError(msg)
    texts = [strict_text(item) for item in items]
    return between.join(text for text in texts if text is not None)


def _look_up(value: Any, *, table: Mapping[str, Any], form: KeyForm) -> Any:
    """Return the entry of a code: by its text, else of a boolean or a number by the same in another spelling."""
    text = strict_text(value) or ""
    if form != "exact":
        code = key_in_form(text, form)
        return next((entry for name, entry in table.items() if key_in_form(name, form) == code), None)
    if text in table or isinstance(value, str):
        return table.get(text)
    return next((entry for name, entry in table.items() if compare_values(value, name) in _SAME_CODE), None)


def _exact(value: Any, decimal: DecimalSign | None) -> Decimal:
    """Return the one number that a value is, every digit of it."""
    numbers = () if isinstance(value, bool | np.bool_) else read_numbers(value, exponents="all", decimal=decimal)
    if len(numbers) == 1:
        return numbers[0].value
    if numbers:
        readings = " or ".join(number_text(number.value) for number in numbers)
        msg = f"{_quoted(value)} reads as {readings}; say which with decimal: '.' or ','"
    else:
        msg = f"{_quoted(value)} is no number"
    raise ValueError(msg)


def _as_number(value: Any, *, decimal: DecimalSign | None) -> Any:
    return as_plain(_exact(value, decimal))


def _as_integer(value: Any, *, decimal: DecimalSign | None) -> int:
    numbers = [] if isinstance(value, bool | np.bool_) else read_numbers(value, exponents="all", decimal=decimal)
    whole = [number.value for number in numbers if number.value == number.value.to_integral_value()]
    if len(numbers) > 1 and whole:
        # `1,000` is whole as thousands, and as a fraction of zeros that nobody writes.
        return int(max(whole, key=abs))
    exact = whole[0] if whole else _exact(value, decimal)
    if not exact.is_finite() or not whole:
        msg = f"{_quoted(value)} is no whole number"
        raise ValueError(msg)
    return int(exact)


def _as_boolean(value: Any, *, decimal: DecimalSign | None) -> bool:
    found = boolean_of(value)
    if found is None:
        msg = f"{_quoted(value)} is neither true nor false"
        raise ValueError(msg)
    return found


def _as_json(value: Any, *, decimal: DecimalSign | None) -> Any:
    parsed = parse_json(value)
    if isinstance(parsed, dict | list):
        return canonical_json(parsed)
    msg = f"{_quoted(value)} is no JSON object or list"
    raise ValueError(msg)


def _as_text(value: Any, *, decimal: DecimalSign | None) -> str | None:
    return strict_text(value)


_CASTS: dict[str, Callable[..., Any]] = {
    "text": _as_text,
    "integer": _as_integer,
    "number": _as_number,
    "boolean": _as_boolean,
    "json": _as_json,
}


def _calculate(value: Any, *, field: FieldMap) -> Any:
    """Return the number scaled and rounded in decimal arithmetic, as a float where that keeps every digit."""
    number = _scaled(value, field)
    if field.round is not None:
        number = round_number(number, field.round.digits, field.round.mode or "half_up")
    return as_plain(number)


def _scaled(value: Any, field: FieldMap) -> Decimal:
    number = _exact(value, field.decimal)
    return number if field.scale is None else multiply(number, field.scale)


def _redate(value: Any, form: DateFormat) -> str:
    if isinstance(value, datetime):
        moment = value
    elif form.in_ == "iso":
        moment = datetime.fromisoformat(str(value))
    else:
        moment = datetime.strptime(str(value), form.in_)  # noqa: DTZ007 - the zone, where there is one, is in the format
    if form.out != "iso":
        return moment.strftime(form.out)
    if moment.tzinfo:
        return moment.astimezone(UTC).isoformat()
    is_day = (moment.hour, moment.minute, moment.second, moment.microsecond) == (0, 0, 0, 0)
    return moment.date().isoformat() if is_day else moment.isoformat()


def _fill_template(
    name: str, template: str, inputs: pd.DataFrame, errors: dict[Any, str], held: set[str] | None
) -> pd.Series[Any]:
    places = dict.fromkeys(_PLACE.findall(template))
    columns = {place: pick(inputs, place, held).to_numpy(dtype=object) for place in places}
    texts: list[str | None] = []
    for row, key in enumerate(inputs.index):
        values = {place: column[row] for place, column in columns.items()}
        unread = [(place, value) for place, value in values.items() if isinstance(value, Unknown)]
        for place, value in unread:
            errors.setdefault(key, f"{name}: {place}: {unreadable_text(value)}")
        texts.append(None if unread else _PLACE.sub(partial(_text_of, values), template))
    return pd.Series(texts, index=inputs.index, dtype=object)


def _text_of(values: Mapping[str, Any], place: re.Match[str]) -> str:
    return strict_text(values[place[1]]) or ""


def _quoted(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
