"""Look for loops as soon as calls were written: at a fraction of the cost of a whole look, and in seconds."""

from __future__ import annotations

from datetime import datetime, timedelta

from seamwatch.core.detection.hours import HOUR, floor_hour
from seamwatch.core.results import Window
from seamwatch.core.watch.cost_jump import LOOK_BACK
from seamwatch.core.watch.loop_records import new_loops
from seamwatch.core.watch.loops import Loop
from seamwatch.engine.deps import Deps
from seamwatch.engine.watch.cost import kept_hours
from seamwatch.engine.watch.cost_calls import read_calls, runs_of
from seamwatch.engine.window import open_window
from seamwatch.spec.pipeline import Pipeline
from seamwatch.vocabulary import StageKind, Watch

_AHEAD = timedelta(minutes=5)
"""Records whose clock is ahead by less are read too."""


def look_at_new_calls(deps: Deps, pipeline: Pipeline, *, now: datetime | None = None) -> list[tuple[Loop, str, int]]:
    """Return kind, key and calls of each record in a loop that nobody was told of yet; nothing is saved.

    The records of the last `settle` are read, at the first stage and the models: no price, objective or other watch is
    looked at. What is usual is known from the hours that whole looks have kept; before those nothing is a loop.

    Raises:
        AdapterError: If a table cannot be read.
        DataContractError: If a key column is missing.
    """
    settings = pipeline.monitoring.cost
    models = [one.name for one in pipeline.stages if one.kind is StageKind.MODEL]
    if settings is None or not models:
        return []
    now = now or deps.clock()
    window = Window(start=floor_hour(now - pipeline.settle), end=now + _AHEAD)
    with open_window(deps, pipeline, window) as reader:
        stages = reader.read(models).stages
        calls = read_calls(reader.pipeline, stages).frame
    name = pipeline.pipeline
    return new_loops(
        settings,
        kept_hours(deps, name, since=now - LOOK_BACK * HOUR),
        runs_of(calls),
        deps.store.last_watch_report(name, Watch.COST),
        start=window.start,
        now=now,
    )
