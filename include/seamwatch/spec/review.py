"""The `review` of a pipeline file: which answers people judge, how many, and what they are shown."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated

from pydantic import BeforeValidator, Field

from seamwatch.spec.base import Duration, Ratio, Spec, as_tuple
from seamwatch.spec.schedule import Schedule

_Fields = Annotated[tuple[str, ...], BeforeValidator(as_tuple, json_schema_input_type=str | list[str])]


class Review(Spec):
    """A sample of answers is drawn by chance, shown to people, and what they say counts as truth that came late."""

    per_week: Annotated[int, Field(ge=1, le=100_000)] = 50
    """Answers drawn in seven days."""
    uniform_share: Annotated[float, Field(ge=0.1, le=1.0)] = 0.5
    """Share of them for which every answer has the same chance; the others are drawn where answers are doubtful."""
    overlap: Ratio = 0.1
    """Share of them put to two people, so that it is known how far people agree."""
    show: _Fields = ()
    """`stage.field`s that a person sees; default: those of the first stage, of retrievals, and of the final stage."""
    forms: Annotated[int, Field(ge=0, le=100)] = 0
    """Answers of each draw that are put as tasks with a form of Airflow's; the others wait on the review page."""
    schedule: Schedule = "@daily"
    """When answers are drawn; each time from those since the last."""
    keep: Duration = timedelta(days=400)
    """How long labels count and are kept, with the texts that people were shown."""
