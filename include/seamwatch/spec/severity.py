"""The `severity` of a pipeline file: from which harm on an incident is how severe."""

from __future__ import annotations

from itertools import pairwise
from typing import Annotated, Any, Self

from pydantic import ConfigDict, Field, model_validator

from seamwatch.spec.base import Ratio, Spec
from seamwatch.vocabulary import IncidentSeverity

_LEVELS = ("sev1", "sev2", "sev3")


class SeverityLevel(Spec):
    """The harm from which on an incident has a severity: a share of enough records, or very many records."""

    # What a level does not say is filled in below, so an editor misses nothing.
    model_config = ConfigDict(json_schema_extra=lambda schema: schema.pop("required", None))

    share: Ratio
    """Of the judged records of a window, this part fails by it."""
    least_records: Annotated[int, Field(ge=1)]
    """Records that must fail by it before the share counts: of few records it says little."""
    many_records: Annotated[int, Field(ge=1)]
    """So many failing records are enough, however small their share."""


class SeverityRules(Spec):
    """From which harm on an incident is how severe; what reaches no level is sev4."""

    sev1: SeverityLevel = SeverityLevel(share=0.5, least_records=20, many_records=2000)
    sev2: SeverityLevel = SeverityLevel(share=0.2, least_records=10, many_records=500)
    sev3: SeverityLevel = SeverityLevel(share=0.05, least_records=5, many_records=100)
    page: IncidentSeverity = IncidentSeverity.SEV1
    """At least this where an error budget's page fires by the incident."""
    ticket: IncidentSeverity = IncidentSeverity.SEV3
    """At least this where an error budget's ticket fires by the incident."""
    unknown: IncidentSeverity = IncidentSeverity.SEV3
    """At least this where no outcome is known, so that nobody can say how much it harms."""
    worse_by: Annotated[float, Field(gt=1.0)] = 2.0
    """One level more where the failing share is so many times what it was when the incident opened."""

    @model_validator(mode="before")
    @classmethod
    def _fill_levels(cls, data: Any) -> Any:
        """Fill in what a level does not say from its default."""
        if not isinstance(data, dict):
            return data
        defaults = {name: field.default.model_dump() for name, field in cls.model_fields.items() if name in _LEVELS}
        levels = {name: data[name] for name in _LEVELS if isinstance(data.get(name), dict)}
        return {**data, **{name: {**defaults[name], **level} for name, level in levels.items()}}

    @model_validator(mode="after")
    def _worse_first(self) -> Self:
        levels = zip(_LEVELS, (self.sev1, self.sev2, self.sev3), strict=True)
        for (worse, high), (milder, low) in pairwise(levels):
            for name in ("share", "least_records", "many_records"):
                if getattr(high, name) < getattr(low, name):
                    got = f"{getattr(high, name):g} and {getattr(low, name):g}"
                    msg = f"{name} of {worse} must be at least that of {milder}; got {got}"
                    raise ValueError(msg)
        return self
