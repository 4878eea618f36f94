"""The `maintenance` of a pipeline file: planned work, during which incidents are kept and nobody is told."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Self

from pydantic import BeforeValidator, ConfigDict, Field, model_validator

from seamwatch.spec.base import Spec


def _read_moment(value: object) -> object:
    """Return the moment that a text names; what is one already stays."""
    if not isinstance(value, str | datetime):
        msg = "must be a moment with its time zone, as '2026-03-02T22:00+01:00'"
        raise ValueError(msg)
    try:
        at = value if isinstance(value, datetime) else datetime.fromisoformat(value.strip())
    except ValueError:
        at = None
    if at is None or at.tzinfo is None:
        msg = f"{str(value)[:60]!r} is no moment with its time zone; write it as '2026-03-02T22:00+01:00'"
        raise ValueError(msg)
    return at


Moment = Annotated[datetime, BeforeValidator(_read_moment, json_schema_input_type=str)]


class MaintenanceWindow(Spec):
    """Planned work on a pipeline: an incident within it is kept, marked, sent to nobody, and refunded."""

    model_config = ConfigDict(populate_by_name=True)

    begins: Moment = Field(alias="from")
    """When it begins, with its time zone, as `2026-03-02T22:00+01:00`."""
    ends: Moment = Field(alias="to")
    """When it ends."""
    reason: Annotated[str, Field(min_length=1, max_length=200, pattern=r"\S")]
    """What is done; it stands beside the incident, and in the ruling that refunds it."""

    @model_validator(mode="after")
    def _ends_later(self) -> Self:
        if self.ends <= self.begins:
            msg = f"must end after it begins; got {self.begins.isoformat()} to {self.ends.isoformat()}"
            raise ValueError(msg)
        return self
