"""A few records of every stage, read as a window is: what the trials are run on."""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from seamwatch.core.records.frames import StageData, key_text
from seamwatch.core.records.references import FieldMapReference, FunctionReference, Reference
from seamwatch.core.results import Window
from seamwatch.engine.check.places import in_pipeline
from seamwatch.engine.reading import ALL_TIME, StageReader
from seamwatch.engine.references import load_reference, with_copies
from seamwatch.engine.window import WindowData, WindowReader
from seamwatch.errors import AdapterError, DataContractError, Problem, ProblemLevel, SpecError
from seamwatch.spec.load import Project, line_of
from seamwatch.spec.pipeline import Pipeline, Stage

RECORDS = 50
"""Newest records of the first stage; more would not show more of what is wrong everywhere."""
_SHOWN = 40


@dataclass(frozen=True, kw_only=True)
class Sample:
    """What was read for a pipeline, and what it is judged with."""

    project: Project
    pipeline: Pipeline
    reader: SampleReader
    data: WindowData
    references: Mapping[str, Reference]
    """By stage, those that can be loaded; a sink without one has a copy of its input."""

    def stages(self) -> Iterator[tuple[Stage, StageData]]:
        """Yield every stage that was read."""
        for stage in self.pipeline.stages:
            if stage.name in self.data.stages:
                yield stage, self.data.stages[stage.name]

    def inputs(self, stage: Stage) -> dict[str, pd.DataFrame] | None:
        """Return the payloads that a stage is made from; None where one was not read."""
        if not stage.input or any(name not in self.data.stages for name in stage.input):
            return None
        return {name: self.data.stages[name].payload for name in stage.input}

    def shown(self, stage: Stage, field: str, value: Any) -> str:
        """Return a value for a message: cut short, and not at all where `bundle.redact` names the field."""
        redacted = {name for name in self.pipeline.bundle.redact if name.startswith(f"{stage.name}.")}
        if any(f"{stage.name}.{field}".startswith(name) for name in redacted):
            return "(redacted)"
        text = repr(value.item() if isinstance(value, np.generic) else value)
        return text if len(text) <= _SHOWN else f"{text[: _SHOWN - 3]}..."

    def at_reference(
        self, stage: Stage, text: str, *, field: str = "", level: ProblemLevel = ProblemLevel.ERROR
    ) -> Problem:
        """Return a problem of a stage's reference, with the line of its function or of the field in its map."""
        reference = self.references.get(stage.name)
        if isinstance(reference, FieldMapReference):
            file = f"include/mappings/{reference.name}"
            line = line_of(self.project.root / file, f"fields.{field}" if field else "fields")
            return Problem(file=file, line=line, path=f"fields.{field}" if field else "fields", text=text, level=level)
        if isinstance(reference, FunctionReference):
            file = f"include/mappings/{reference.name.partition(':')[0].removesuffix('.py')}.py"
            return Problem(file=file, line=_line_of(reference), path=reference.name, text=text, level=level)
        return in_pipeline(self.pipeline, f"stages.{stage.name}", text, level)


def _line_of(reference: FunctionReference) -> int | None:
    code = getattr(inspect.unwrap(reference.function), "__code__", None)
    return code.co_firstlineno if code is not None else None


class SampleReader(StageReader):
    """Reads the newest rows of a span of time only."""

    def counted_rows(self, stage: Stage, **selection: Any) -> tuple[pd.DataFrame, int]:
        """Return rows of a stage, of a span of time the newest `RECORDS`."""
        if selection.get("start") is not None:
            selection |= {"limit": RECORDS, "newest_first": True}
        return super().counted_rows(stage, **selection)

    def unknown_keys(self, keys: pd.Series[Any]) -> pd.Index[Any]:
        """Return the different keys that the first stage does not hold at any time."""
        return self.unknown(pd.Index(key_text(keys).unique()), as_text=True)


def read_sample(
    project: Project, pipeline: Pipeline, reader: SampleReader, sound: list[Stage]
) -> tuple[Sample | None, list[Problem]]:
    """Return the newest records at every stage that can be read, and what could not be.

    Args:
        project: Where references lie.
        pipeline: With its endpoints' protocols settled.
        reader: Of the pipeline.
        sound: Stages whose tables have the columns that are named.
    """
    problems: list[Problem] = []
    readable = []
    for stage in sound:
        try:
            if stage == pipeline.first_stage or reader.time_column(stage) is not None:
                reader.rows(stage, time=reader.time_column(stage), start=ALL_TIME.start, end=ALL_TIME.end)
            readable.append(stage)
        except (AdapterError, DataContractError) as error:
            path = f"stages.{stage.name}" + (".time" if stage.time is not None else "")
            problems.append(in_pipeline(pipeline, path, str(error)))
    if pipeline.first_stage not in readable:
        return None, problems
    try:
        data = WindowReader(reader, _settled(pipeline, reader)).read(only={stage.name for stage in readable})
    except (AdapterError, DataContractError) as error:
        problems.append(in_pipeline(pipeline, "stages", str(error)))
        return None, problems
    references = with_copies(
        pipeline, _references(project, pipeline), {n: list(one.payload.columns) for n, one in data.stages.items()}
    )
    sample = Sample(project=project, pipeline=pipeline, reader=reader, data=data, references=references)
    return sample, problems


def _settled(pipeline: Pipeline, reader: SampleReader) -> Window:
    """Return a span whose newest records had time to reach the last stage, as far as there are such records."""
    first = pipeline.first_stage
    time = reader.time_column(first) or ""
    rows = reader.rows(first, time=time, start=ALL_TIME.start, end=ALL_TIME.end)
    if not len(rows):
        return ALL_TIME
    end = pd.Timestamp(rows[time].max()).to_pydatetime() - pipeline.settle
    is_enough = len(reader.rows(first, time=time, start=ALL_TIME.start, end=end)) >= min(len(rows), RECORDS // 2)
    return Window(start=ALL_TIME.start, end=end) if is_enough else ALL_TIME


def _references(project: Project, pipeline: Pipeline) -> dict[str, Reference]:
    found = {}
    for stage in pipeline.stages:
        try:
            reference = load_reference(project, stage)
        except (SpecError, DataContractError):
            continue  # reported by check_files
        if reference is not None:
            found[stage.name] = reference
    return found
