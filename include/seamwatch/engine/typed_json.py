"""Values and frames as JSON and back, with the types that a database gave them."""

from __future__ import annotations

import ipaddress
import math
from collections.abc import Mapping
from dataclasses import is_dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any, cast
from uuid import UUID
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd

from seamwatch.core import benchmark, documents, freshness_results, results
from seamwatch.errors import DataContractError
from seamwatch.store.codec import from_json, to_json

_TAG = "$"


def encode(value: Any) -> Any:
    """Return the value as plain JSON data; what JSON has no form for carries its type.

    Raises:
        DataContractError: If the type is not one that tables, the store or the core hold.
    """
    if value is None or type(value) in (bool, int):
        return value
    if type(value) is float and math.isfinite(value):
        return value
    if isinstance(value, str):
        return str(value)
    if isinstance(value, pd.DataFrame):
        return _encode_frame(value)
    if isinstance(value, list):
        return [encode(part) for part in value]
    if isinstance(value, dict):
        return {_TAG: "dict", "v": [[encode(name), encode(part)] for name, part in value.items()]}
    if is_dataclass(value) and not isinstance(value, type):
        return {_TAG: type(value).__name__, "v": to_json(value)}
    for name, (kind, write, _) in _TYPES.items():
        if isinstance(value, kind):
            return {_TAG: name, "v": write(value)}
    msg = f"a value of type {type(value).__name__} cannot be written to a bundle"
    raise DataContractError(msg)


def decode(data: Any) -> Any:
    """Return what `encode` wrote; DataContractError for anything else."""
    if isinstance(data, list):
        return [decode(part) for part in data]
    if not isinstance(data, dict):
        return data
    kind, value = str(data.get(_TAG)), cast("Any", data.get("v"))
    if kind == "frame":
        return _decode_frame(value)
    if kind == "dict":
        return {decode(name): decode(part) for name, part in value}
    if kind in _TYPES:
        return _TYPES[kind][2](value)
    known = next(
        (getattr(one, kind) for one in (results, benchmark, freshness_results, documents) if hasattr(one, kind)), None
    )
    if isinstance(known, type) and is_dataclass(known):
        return from_json(known, value)
    msg = f"unknown type {kind!r} in a bundle"
    raise DataContractError(msg)


def _moment_text(moment: datetime) -> str:
    """Return the moment in ISO form, and the name of its zone, where it has one, behind a bar."""
    return f"{moment.isoformat()}|{getattr(moment.tzinfo, 'key', '')}"


def _moment(kind: type[Any], text: str) -> Any:
    moment, _, zone = text.partition("|")
    found = kind(moment) if kind is pd.Timestamp else kind.fromisoformat(moment)
    return found.astimezone(ZoneInfo(zone)) if zone else found


def _numpy(data: tuple[str, Any]) -> Any:
    return np.dtype(data[0]).type(decode(data[1]))


_ADDRESSES = (
    *(ipaddress.IPv4Address, ipaddress.IPv4Interface, ipaddress.IPv4Network),
    *(ipaddress.IPv6Address, ipaddress.IPv6Interface, ipaddress.IPv6Network),
)
_TYPES: Mapping[str, tuple[Any, Any, Any]] = {
    "nat": (type(pd.NaT), lambda _: None, lambda _: pd.NaT),
    "na": (type(pd.NA), lambda _: None, lambda _: pd.NA),
    "tuple": (tuple, lambda v: [encode(part) for part in v], lambda v: tuple(decode(part) for part in v)),
    "numpy": ((np.bool_, np.integer, np.floating), lambda v: [str(v.dtype), encode(v.item())], _numpy),
    "float": (float, repr, float),
    "timestamp": (pd.Timestamp, _moment_text, lambda v: _moment(pd.Timestamp, v)),
    "datetime": (datetime, _moment_text, lambda v: _moment(datetime, v)),
    "date": (date, lambda v: v.isoformat(), date.fromisoformat),
    "time": (time, lambda v: v.isoformat(), time.fromisoformat),
    "timedelta": (timedelta, lambda v: [v.days, v.seconds, v.microseconds], lambda v: timedelta(*v)),
    "decimal": (Decimal, str, Decimal),
    "uuid": (UUID, str, UUID),
    "bytes": (bytes, bytes.hex, bytes.fromhex),
    "memory": (
        memoryview,
        lambda v: [v.format, bytes(v).hex()],
        lambda v: memoryview(bytes.fromhex(v[1])).cast(v[0]),
    ),
    "address": (_ADDRESSES, lambda v: [type(v).__name__, str(v)], lambda v: getattr(ipaddress, v[0])(v[1])),
}
"""By tag: the type, and how it is written and read. The first that fits counts: a Timestamp is a datetime as well."""
_NO_TIME = np.iinfo(np.int64).min
"""How numpy holds a missing point in time."""


def _encode_frame(frame: pd.DataFrame) -> dict[str, Any]:
    return {
        _TAG: "frame",
        "v": {
            "columns": [
                {"name": encode(name), "dtype": str(frame[name].dtype), "values": _encode_column(frame[name])}
                for name in frame.columns
            ],
            "index": {
                "name": encode(frame.index.name),
                "dtype": str(frame.index.dtype),
                "values": _encode_column(frame.index.to_series()),
            },
        },
    }


def _encode_column(column: pd.Series[Any]) -> list[Any]:
    if column.dtype == object or str(column.dtype) in ("str", "string"):
        return [encode(value) for value in column.to_numpy(dtype=object)]
    if str(column.dtype).startswith("datetime64"):
        # Units since 1970 in UTC, so that no clock time or zone can change; the year 9999 has no nanoseconds.
        numbers = column.to_numpy(dtype=f"datetime64[{_unit(str(column.dtype))}]").astype(np.int64)
        return [None if number == _NO_TIME else int(number) for number in numbers]
    return [None if pd.isna(value) else encode(value.item() if hasattr(value, "item") else value) for value in column]


def _decode_frame(data: Mapping[str, Any]) -> pd.DataFrame:
    index = _decode_column(data["index"])
    columns = {number: _decode_column(column) for number, column in enumerate(data["columns"])}
    frame = pd.DataFrame(
        {number: column.set_axis(range(len(index))) for number, column in columns.items()}, index=range(len(index))
    )
    frame.columns = pd.Index([decode(column["name"]) for column in data["columns"]])
    return frame.set_axis(pd.Index(index, name=decode(data["index"]["name"])), axis=0)


def _decode_column(data: Mapping[str, Any]) -> pd.Series[Any]:
    values, dtype = data["values"], data["dtype"]
    if dtype == "object" or dtype in ("str", "string"):
        texts: pd.Series[Any] = pd.Series([decode(value) for value in values], dtype=dtype)
        return texts
    if dtype.startswith("datetime64"):
        numbers = np.array([_NO_TIME if value is None else value for value in values], dtype=np.int64)
        moments: pd.Series[Any] = pd.Series(numbers.view(f"datetime64[{_unit(dtype)}]"))
        typed: pd.Series[Any] = moments.dt.tz_localize("UTC").astype(dtype) if "," in dtype else moments
        return typed
    found: pd.Series[Any] = pd.Series([decode(value) for value in values], dtype=None if values else dtype)
    return found.astype(dtype)


def _unit(dtype: str) -> str:
    """Return the unit of `datetime64[us, UTC]`: `us`."""
    return dtype.removeprefix("datetime64[").partition(",")[0].removesuffix("]")
