"""The `quiet_hours` of a pipeline file: when nobody is told but by a page."""

from __future__ import annotations

import re
from datetime import time
from typing import Annotated, Literal

from pydantic import BeforeValidator, ConfigDict, Field

from seamwatch.spec.base import Spec, as_tuple
from seamwatch.spec.time_zone import TimeZone

Weekday = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
WEEK: tuple[Weekday, ...] = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_CLOCK = re.compile(r"(\d{1,2}):(\d{2})")


def _read_clock(value: object) -> object:
    """Return the time of a day from `7:30`; what is one already stays."""
    if isinstance(value, time):
        return value
    found = _CLOCK.fullmatch(value.strip()) if isinstance(value, str) else None
    if found is None or int(found[1]) > 23 or int(found[2]) > 59:
        msg = "must be a time of a day from 00:00 to 23:59, as '22:00'"
        raise ValueError(msg)
    return time(int(found[1]), int(found[2]))


ClockTime = Annotated[time, BeforeValidator(_read_clock, json_schema_input_type=str)]
Weekdays = Annotated[
    tuple[Weekday, ...],
    BeforeValidator(as_tuple, json_schema_input_type=str | list[str]),
    Field(min_length=1),
]


class QuietHours(Spec):
    """A stretch of the day in which notifications are held until its end; pages pass."""

    model_config = ConfigDict(populate_by_name=True)

    time_zone: TimeZone
    """Of the times, as `Europe/Berlin`; its daylight saving counts."""
    begins: ClockTime = Field(alias="from")
    """When they begin, as `22:00`."""
    ends: ClockTime = Field(alias="to")
    """When they end, as `07:00`; not later than they begin: on the next day."""
    days: Weekdays = WEEK
    """Days on which they begin: `mon` to `sun`; default: all."""


def as_periods(value: object) -> object:
    """Return a single stretch as a tuple of one."""
    return (value,) if isinstance(value, dict | QuietHours) else value
