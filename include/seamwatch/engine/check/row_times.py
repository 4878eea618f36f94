"""Trial: the time of rows, guessed or named, and rows whose time cannot be read."""

from __future__ import annotations

from collections.abc import Iterator

from seamwatch.adapters.stages.times import is_time
from seamwatch.core.records.comparison import is_null
from seamwatch.engine.check.places import in_pipeline
from seamwatch.engine.reading import StageReader
from seamwatch.errors import AdapterError, Problem, ProblemLevel
from seamwatch.plurals import agree, plural
from seamwatch.spec.pipeline import Pipeline, Stage

_PROBED = 500


def check_row_time(pipeline: Pipeline, stage: Stage, reader: StageReader) -> Iterator[Problem]:
    """Yield what was guessed of a stage's time, and how many of some rows have no readable one."""
    path = f"stages.{stage.name}.time"
    try:
        time = reader.row_time(stage)
    except AdapterError:
        return  # reported where the stage's columns are checked
    if time.is_guessed:
        text = f"{time.column} (guessed: the one timestamp that nothing else names; say time: {time.column} to fix it)"
        yield in_pipeline(pipeline, path, text, ProblemLevel.NOTE)
    elif time.column is None and time.passed_over:
        text = f"none, so rows are found by key; {time.aside}"
        yield in_pipeline(pipeline, path, text, ProblemLevel.NOTE)
    if time.column is not None:
        yield from _unreadable(pipeline, stage, reader, path, time.column)


def _unreadable(pipeline: Pipeline, stage: Stage, reader: StageReader, path: str, column: str) -> Iterator[Problem]:
    relation, is_query = stage.table or stage.query or "", stage.query is not None
    try:
        source = reader.source(pipeline.stage_database(stage))
        values = source.read(relation, is_query=is_query, columns=[column], limit=_PROBED)[column].tolist()
    except AdapterError:
        return  # reported where the stage is read
    unreadable = [value for value in values if not is_time(value)]
    is_all = len(unreadable) == len(values)
    if not unreadable or (is_all and any(not is_null(value) for value in values)):
        return  # what holds no times at all is reported where the stage is read
    shown = next((f", e.g. {str(value)[:40]!r}" for value in unreadable if isinstance(value, str)), "")
    text = (
        f"{len(unreadable):,} of {plural(len(values), 'row')} of {stage.relation} "
        f"{agree(len(unreadable), 'has', 'have')} no readable {column}{shown}: "
        f"{agree(len(unreadable), 'it is', 'they are')} in no window; correct them, or take another column"
    )
    yield in_pipeline(pipeline, path, text, ProblemLevel.ERROR if is_all else ProblemLevel.WARNING)
