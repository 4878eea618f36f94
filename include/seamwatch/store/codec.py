"""Dataclasses of the core to JSON and back, exactly."""

from __future__ import annotations

from typing import Any, TypeVar

from pydantic import TypeAdapter

from seamwatch.store.older_forms import renew

T = TypeVar("T")

_ADAPTERS: dict[type[Any], TypeAdapter[Any]] = {}
"""Building one takes milliseconds, so each type has its own, made once."""


def _adapter(kind: type[Any]) -> TypeAdapter[Any]:
    if kind not in _ADAPTERS:
        _ADAPTERS[kind] = TypeAdapter(kind)
    return _ADAPTERS[kind]


def to_json(value: Any, *, without: frozenset[str] = frozenset()) -> dict[str, Any]:
    """Return a dataclass as plain JSON data."""
    found: dict[str, Any] = _adapter(type(value)).dump_python(value, mode="json", exclude=set(without) or None)
    return found


def from_json(kind: type[T], data: Any) -> T:
    """Return the dataclass that `to_json` wrote, in this version or an earlier one."""
    found: T = _adapter(kind).validate_python(renew(kind, data), strict=False)
    return found
