"""When the newest record of a pipeline came: what a person needs who asked for a window that holds none."""

from __future__ import annotations

from contextlib import closing
from datetime import datetime
from typing import TYPE_CHECKING

from seamwatch.engine.reading import ALL_TIME, StageReader
from seamwatch.spec.pipeline import Pipeline

if TYPE_CHECKING:
    from seamwatch.engine.deps import Deps


def newest_record_at(deps: Deps, pipeline: Pipeline) -> datetime | None:
    """Return the newest time in the first stage; None where it holds no row with a time.

    Raises:
        StageError: If the stage cannot be read.
    """
    first = pipeline.first_stage
    with closing(StageReader(pipeline, deps.connections, deps.project)) as reader:
        time = reader.time_column(first)
        if time is None:
            return None
        # Within a span rows without a time are left out, which PostgreSQL would give first.
        rows = reader.rows(first, time=time, start=ALL_TIME.start, end=ALL_TIME.end, limit=1, newest_first=True)
    return None if rows.empty else rows[time].iloc[0].to_pydatetime()
