"""Values of a `stage.field` by record, whether the field is payload or any other column of the stage's table."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pandas as pd

from seamwatch.core.records.frames import StageData, stage_data
from seamwatch.core.records.json_documents import at_path, column_of
from seamwatch.engine.check.places import suggestion
from seamwatch.engine.reading import StageReader
from seamwatch.engine.window import WindowData, WindowReader
from seamwatch.errors import DataContractError
from seamwatch.spec.pipeline import Pipeline, Stage
from seamwatch.vocabulary import StageKind

_MODEL = "model"
_MODEL_FIELD = "_model"
"""The model's name in the payload, from its column or from the response."""


@dataclass(frozen=True, kw_only=True)
class StageValues:
    """What a field of a stage holds."""

    by_key: pd.Series[Any]
    """Index key, unique: of the row that gives the payload."""
    attempts: pd.DataFrame
    """`key` and `value` of every row of the records that have more than one."""


def find_field(pipeline: Pipeline, reader: StageReader, name: str) -> tuple[Stage, str]:
    """Return the stage and the field that `stage.field` names.

    Raises:
        DataContractError: If there is no such stage or field; says which there are.
        StageError: If the stage's table cannot be read.
    """
    stage_name, _, field = name.partition(".")
    stages = [stage.name for stage in pipeline.stages]
    if stage_name not in stages or not field:
        msg = (
            f"{name!r} is no stage.field of {pipeline.pipeline}{suggestion(stage_name, stages) or ';'} stages: "
            f"{', '.join(stages)}; give a stage and one of its columns, as {stages[-1]}.version"
        )
        raise DataContractError(msg)
    stage = pipeline.stage(stage_name)
    columns = [*reader.columns(stage)]
    if stage.kind is StageKind.MODEL and _MODEL not in columns:
        columns.append(_MODEL)
    if column_of(field, columns) is None:
        msg = (
            f"{pipeline.pipeline}.{stage_name} ({stage.relation}) has no column {field!r}"
            f"{suggestion(field, columns) or ';'} known: {', '.join(columns)}"
        )
        raise DataContractError(msg)
    return stage, field


def read_values(rows: WindowReader, data: WindowData, stage: Stage, field: str) -> StageValues:
    """Return what a field of a stage holds of the records of a window; null and `Unknown` stay what they are.

    Args:
        rows: The window; its table is read anew only where the field is no part of the payload.
        data: What was read of it.
        stage: A stage of its pipeline.
        field: As of `find_field`: a column, a path in one (`request.model`), or a model's `model`.

    Raises:
        StageError, AdapterError: If the table cannot be read.
    """
    stage = _answering(rows.pipeline, stage)
    known = data.stages[stage.name]
    if column_of(field, known.payload.columns) is not None:
        return _values(known, field)
    if stage.kind is StageKind.MODEL and field == _MODEL:
        return _values(known, _MODEL_FIELD)
    return _values(_all_rows(rows, known, stage), field)


def _answering(pipeline: Pipeline, stage: Stage) -> Stage:
    """Return the model that shares its table with a prompt: its rows are attempts, and the one that answered counts."""
    if stage.kind is not StageKind.PROMPT:
        return stage
    place = (pipeline.stage_database(stage), stage.table, stage.query, pipeline.stage_key(stage))
    return next(
        (
            one
            for one in pipeline.stages
            if one.kind is StageKind.MODEL
            and (pipeline.stage_database(one), one.table, one.query, pipeline.stage_key(one)) == place
        ),
        stage,
    )


def _all_rows(rows: WindowReader, known: StageData, stage: Stage) -> StageData:
    """Return a stage with all columns of its table in the place of its payload."""
    reader, pipeline, window = rows.reader, rows.pipeline, rows.window
    first, key, time = pipeline.first_stage, pipeline.stage_key(stage), reader.time_column(stage)
    # Of a prompt's table only the body is payload, of a sink's every column.
    kind = stage.kind if stage.kind is StageKind.MODEL else StageKind.SINK
    whole = stage.model_copy(update={"fields": (), "ignore": (), "kind": kind})
    if time is None:
        frame = reader.rows_of(whole, pd.Series(known.payload.index, dtype=object))
    else:
        end = window.end if stage == first else window.end + pipeline.settle
        frame = rows.all_columns(stage, start=window.start, end=end)
    as_text = not pd.api.types.is_integer_dtype(known.payload.index.dtype)
    typed = reader.typed(stage, frame, as_text=as_text)
    typed = typed[typed[key].isin(known.payload.index).to_numpy()]
    return stage_data(typed, whole, key=key, time=time)


def _values(data: StageData, field: str) -> StageValues:
    column = column_of(field, data.payload.columns) or field
    path = field.removeprefix(column).removeprefix(".")

    def opened(values: pd.Series[Any]) -> pd.Series[Any]:
        return values.map(lambda cell: at_path(cell, path)) if path else values

    attempts = pd.DataFrame({"key": [], "value": []}, dtype=object)
    if column in data.versions.columns:
        attempts = pd.DataFrame({"key": data.versions["_key"], "value": opened(data.versions[column])})
    return StageValues(by_key=opened(data.payload[column]), attempts=attempts)
