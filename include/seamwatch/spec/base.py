"""What every type of the pipeline file is made of: frozen, unknown keys refused, durations as people write them."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    GetJsonSchemaHandler,
    ValidationInfo,
)
from pydantic_core import CoreSchema

from seamwatch.spec.field_docs import field_docs
from seamwatch.spec.yaml_text import scalar_value

Name = Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9_]*$")]
KeyForm = Literal["exact", "trim", "no_leading_zeros", "casefold", "number", "uuid"]
"""How keys are spelt when they are compared: as they are, without blanks around them, without zeros in front, without
regard to case, as numbers (7.0 is 7), or as UUIDs with or without dashes and braces."""
Ratio = Annotated[float, Field(ge=0.0, le=1.0)]

LONGEST_DAYS = 36_525
"""A hundred years. Longer durations would lead out of the calendar of Python and of databases."""
_DURATION = re.compile(r"^\s*(\d{1,20}(?:\.\d{1,20})?)\s*(ms|s|m|h|d|w|y)\s*$")
_BARE_NUMBER = re.compile(r"^\s*[-+]?[\d_]*\.?\d+\s*$")
_UNIT_WORD = re.compile(r"^\s*(\d+)\s*((?:mil|ms|sec|min|hour|hr|day|week|year)[a-z]*)\.?\s*$", re.IGNORECASE)
_UNITS_S = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800, "y": 31_536_000}
_LIKELY_UNITS = {
    "over": ("d",),
    "late_after": ("d",),
    "reference": ("d",),
    "every": ("d", "h"),
    "full_sweep": ("d", "h"),
    "longest_override": ("d", "h"),
    "stale_after": ("h", "m"),
    "timeout": ("s",),
    "threshold": ("ms", "s"),
    "long": ("h", "m"),
    "short": ("m", "h"),
    "check_every": ("h", "m"),
}
"""By field, what people mean who forget the unit; `_OTHER_UNITS` for all others."""
_OTHER_UNITS = ("m", "h", "d")


def _parse_duration(value: object, info: ValidationInfo) -> object:
    """Return the duration of text with a unit; what only Python writes (a timedelta, its ISO 8601 dump) stays."""
    if isinstance(value, timedelta):
        return value
    if isinstance(value, str) and (found := _DURATION.match(value)):
        # Beyond the calendar the number itself would not fit into a timedelta.
        seconds = min(float(found[1]) * _UNITS_S[found[2]], 2 * LONGEST_DAYS * 86_400)
        return timedelta(seconds=seconds)
    if isinstance(value, str) and value.startswith("P"):
        return value
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if is_number or (isinstance(value, str) and _BARE_NUMBER.match(value)):
        shown = _shown(str(value).strip())
        units = _LIKELY_UNITS.get(info.field_name or "", _OTHER_UNITS)
        msg = f"{shown} has no unit: {' or '.join(shown + unit for unit in units)}? (ms, s, m, h, d, w, y)"
        raise ValueError(msg)
    shown = repr(_shown(value)) if isinstance(value, str) else type(value).__name__
    words = _UNIT_WORD.match(value) if isinstance(value, str) else None
    likely = f": {words[1]}{_unit_of(words[2])}?" if words else ";"
    msg = f"{shown} is no duration{likely} write a number and a unit (ms, s, m, h, d, w, y), as 15m or 7d"
    raise ValueError(msg)


def _unit_of(word: str) -> str:
    """Return the sign of a unit that was written as a word."""
    return "ms" if word.lower().startswith(("mil", "ms")) else word[0].lower()


def _not_too_long(value: timedelta) -> timedelta:
    if value > timedelta(days=LONGEST_DAYS):
        msg = "must be at most 100 years"
        raise ValueError(msg)
    return value


def _shown(text: str) -> str:
    return text if len(text) <= 40 else f"{text[:40]}..."


def _parse_scalar(value: object) -> object:
    if isinstance(value, list | tuple | dict):
        msg = "must be text, a number, true, false or null; got a list or a mapping"
        raise ValueError(msg)
    return scalar_value(value)


def as_tuple(value: object) -> object:
    """Return a bare string as a tuple of one."""
    return (value,) if isinstance(value, str) else value


Duration = Annotated[
    timedelta,
    BeforeValidator(_parse_duration, json_schema_input_type=str),
    Field(gt=timedelta(0)),
    AfterValidator(_not_too_long),
]
Names = Annotated[tuple[str, ...], BeforeValidator(as_tuple, json_schema_input_type=str | list[str])]
Scalar = Annotated[
    str | int | float | bool | None,
    BeforeValidator(_parse_scalar, json_schema_input_type=str | int | float | bool | None),
]
"""A value as YAML writes it: quoted, or not a number, it is text."""


class Spec(BaseModel):
    """Base of all that a person writes: frozen, unknown keys refused."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        """Return the JSON schema with the texts below the fields as their descriptions.

        Pydantic reads them itself (`use_attribute_docstrings`), but whenever a class is made: that parses the source of
        every class in every process, half the time that these modules take to be imported.
        """
        found = handler(schema)
        properties = handler.resolve_ref_schema(found).get("properties", {})
        for name, text in field_docs(cls).items():
            field = cls.model_fields.get(name)
            described = None if field is None else properties.get(field.alias or name)
            if described is not None:
                described.setdefault("description", text)
        return found
