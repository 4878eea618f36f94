"""What every type of the pipeline file is made of: frozen, unknown keys refused, durations as people write them."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

Name = Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9_]*$")]
Ratio = Annotated[float, Field(ge=0.0, le=1.0)]

_DURATION = re.compile(r"^\s*(\d+(?:\.\d+)?)\s*(ms|s|m|h|d|w)\s*$")
_UNITS_S = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}


def _parse_duration(value: object) -> object:
    if isinstance(value, str) and (found := _DURATION.match(value)):
        return timedelta(seconds=float(found[1]) * _UNITS_S[found[2]])
    if isinstance(value, str) and not value.startswith("P"):  # ISO 8601 is what a dump of this type writes
        msg = f"{value!r} is no duration; write a number and a unit (ms, s, m, h, d, w), as 15m or 7d"
        raise ValueError(msg)
    return value


def as_tuple(value: object) -> object:
    """Return a bare string as a tuple of one."""
    return (value,) if isinstance(value, str) else value


Duration = Annotated[timedelta, BeforeValidator(_parse_duration, json_schema_input_type=str), Field(gt=timedelta(0))]
Names = Annotated[tuple[str, ...], BeforeValidator(as_tuple, json_schema_input_type=str | list[str])]


class Spec(BaseModel):
    """Base of all that a person writes: frozen, unknown keys refused."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)
