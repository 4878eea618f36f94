"""A declarative field map applied to a frame of inputs."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from typing import Any

import pandas as pd

from seamwatch.core.records.comparison import as_number, at_path, canonical_json, is_null, parse_json, strict_text
from seamwatch.errors import DataContractError
from seamwatch.spec.mapping import DateFormat, FieldMap, MappingSpec

_PLACE = re.compile(r"\{([^{}]+)\}")
_TRUE, _FALSE = frozenset({"true", "t", "yes", "y", "1"}), frozenset({"false", "f", "no", "n", "0"})


def apply_field_map(spec: MappingSpec, inputs: pd.DataFrame) -> tuple[pd.DataFrame, dict[Any, str]]:
    """Return the payload that the map makes of each row, and the rows that it cannot be made for.

    Args:
        spec: The field map.
        inputs: One row per record, index key, columns the fields of the inputs.

    Returns:
        A frame with the same index and one column per mapped field, and `{key: why}` for records of which a value
        could not be cast, scaled or read as a date. Their other fields are still made.

    Raises:
        DataContractError: If a field that the map names is not among the inputs.
    """
    errors: dict[Any, str] = {}
    made = {name: _make_field(name, field, inputs, errors) for name, field in spec.fields.items()}
    return pd.DataFrame(made, index=inputs.index), errors


def source_fields(spec: MappingSpec) -> frozenset[str]:
    """Return the input fields that the map reads."""
    named = {field.from_ for field in spec.fields.values() if field.from_ is not None}
    for field in spec.fields.values():
        named.update(_PLACE.findall(field.template or ""))
    return frozenset(named)


def pick(inputs: pd.DataFrame, name: str) -> pd.Series[Any]:
    """Return an input field: a column, or the rest of a dotted path inside a column that holds JSON.

    Raises:
        DataContractError: If no column begins the path.
    """
    if name in inputs.columns:
        return inputs[name]
    parts = name.split(".")
    for length in range(len(parts) - 1, 0, -1):
        column = ".".join(parts[:length])
        if column in inputs.columns:
            path = ".".join(parts[length:])
            return inputs[column].map(partial(_at, path=path)).astype(object)
    msg = f"no input field {name!r}; known: {', '.join(map(str, inputs.columns))}"
    raise DataContractError(msg)


def _at(value: Any, path: str) -> Any:
    return at_path(value, path)


def _make_field(name: str, field: FieldMap, inputs: pd.DataFrame, errors: dict[Any, str]) -> pd.Series[Any]:
    if "constant" in field.model_fields_set:
        return pd.Series([field.constant] * len(inputs), index=inputs.index, dtype=object)
    if field.template is not None:
        return _fill_template(field.template, inputs)
    assert field.from_ is not None
    column = pick(inputs, field.from_)
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
            errors.setdefault(key, f"{name}: {result}")
            result = None
        made.append(field.default if is_null(result) else result)
    return pd.Series(made, index=inputs.index, dtype=object)


def _run(steps: list[Callable[[Any], Any]], value: Any) -> Any:
    for step in steps:
        if is_null(value):
            return None
        try:
            value = step(value)
        except (ValueError, TypeError, OverflowError) as error:
            return ValueError(str(error))
    return value


def _steps(field: FieldMap) -> list[Callable[[Any], Any]]:
    steps: list[Callable[[Any], Any]] = []
    if field.strip:
        steps.append(lambda value: value.strip() if isinstance(value, str) else value)
    if field.case:
        change = getattr(str, field.case)
        steps.append(lambda value: change(value) if isinstance(value, str) else value)
    if field.cast:
        steps.append(_CASTS[field.cast])
    if field.lookup is not None:
        table = field.lookup
        steps.append(lambda value: table.get(strict_text(value) or ""))
    if field.scale is not None:
        factor = field.scale
        steps.append(lambda value: _as_float(value) * factor)
    if field.round is not None:
        places = field.round
        steps.append(lambda value: round(_as_float(value), places))
    if field.date is not None:
        form = field.date
        steps.append(lambda value: _redate(value, form))
    return steps


def _as_float(value: Any) -> float:
    number = as_number(value)
    if number is None:
        msg = f"{_quoted(value)} is no number"
        raise ValueError(msg)
    return number


def _as_integer(value: Any) -> int:
    number = _as_float(value)
    if not number.is_integer():
        msg = f"{_quoted(value)} is no whole number"
        raise ValueError(msg)
    return int(number)


def _as_boolean(value: Any) -> bool:
    text = (strict_text(value) or "").strip().casefold()
    if text in _TRUE or text in _FALSE:
        return text in _TRUE
    msg = f"{_quoted(value)} is neither true nor false"
    raise ValueError(msg)


def _as_json(value: Any) -> Any:
    parsed = parse_json(value)
    if isinstance(parsed, dict | list):
        return canonical_json(parsed)
    msg = f"{_quoted(value)} is no JSON object or list"
    raise ValueError(msg)


_CASTS: dict[str, Callable[[Any], Any]] = {
    "text": strict_text,
    "integer": _as_integer,
    "number": _as_float,
    "boolean": _as_boolean,
    "json": _as_json,
}


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


def _fill_template(template: str, inputs: pd.DataFrame) -> pd.Series[Any]:
    columns = {name: pick(inputs, name).to_numpy(dtype=object) for name in dict.fromkeys(_PLACE.findall(template))}
    texts = [
        _PLACE.sub(lambda place, row=row: strict_text(columns[place[1]][row]) or "", template)  # type: ignore[misc]
        for row in range(len(inputs))
    ]
    return pd.Series(texts, index=inputs.index, dtype=object)


def _quoted(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
