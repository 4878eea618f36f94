"""Columns that the pipeline names: at stages, in field maps, in the truth."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from seamwatch.core.records.coverage import misplaced_outputs
from seamwatch.core.records.field_maps import source_fields
from seamwatch.core.records.frames import ANSWER
from seamwatch.core.records.json_documents import column_of
from seamwatch.core.records.references import FieldMapReference
from seamwatch.engine.check.places import in_pipeline, suggestion
from seamwatch.engine.reading import StageReader
from seamwatch.engine.references import load_reference
from seamwatch.errors import AdapterError, DataContractError, Problem, SpecError
from seamwatch.report.seam_texts import describe_misplaced
from seamwatch.spec.document import stage_fields
from seamwatch.spec.load import Project
from seamwatch.spec.pipeline import Benchmark, Pipeline, Stage, Truth
from seamwatch.vocabulary import StageKind


def check_columns(project: Project, pipeline: Pipeline, stage: Stage, reader: StageReader) -> Iterator[Problem]:
    """Yield what a stage names and its table does not have."""
    path = f"stages.{stage.name}"
    try:
        columns = reader.columns(stage)
        reader.time_column(stage)
    except AdapterError as error:
        yield in_pipeline(pipeline, path, str(error))
        return
    for place, column in (_named_columns(pipeline, stage) | _fields_elsewhere(pipeline, stage)).items():
        if column_of(column, columns) is None:
            hint = suggestion(column, columns)
            text = f"{stage.relation} has no column {column!r}{hint} Known: {', '.join(columns)}"
            yield in_pipeline(pipeline, place, text)
    yield from _check_map(project, pipeline, stage, reader, columns)


def _named_columns(pipeline: Pipeline, stage: Stage) -> dict[str, str]:
    """Return, by place, the columns that the stage itself and the outcome name."""
    path = f"stages.{stage.name}"
    names = ["time", "request", "response", "status", "finish_reason", "model", "latency_ms", "input_tokens"]
    names += ["output_tokens", "cost_usd", "documents", "contents"]
    found = {f"{path}.key" if stage.key else "key": pipeline.stage_key(stage)}
    found |= {f"{path}.{name}": column for name in names if (column := getattr(stage, name)) is not None}
    found |= {f"{path}.fields.{number}": column for number, column in enumerate(stage.fields)}
    found |= {f"{path}.truth.{column}": column for column in stage.truth}
    if stage is pipeline.final_stage and pipeline.outcome is not None:
        found |= {f"outcome.compare.{column}": column for column in pipeline.outcome.compare}
        found |= {f"outcome.judged.{number}": column for number, column in enumerate(pipeline.outcome.judged)}
    return found


def _fields_elsewhere(pipeline: Pipeline, stage: Stage) -> dict[str, str]:
    """Return, by place, the columns of a stage that other parts of the file name as `stage.field`."""
    found = {}
    for loc, field in stage_fields(pipeline.model_dump()):
        name, _, column = str(field).partition(".")
        if name == stage.name and not (stage.kind is StageKind.MODEL and column.partition(".")[0] == ANSWER):
            found[".".join(map(str, loc))] = column
    return found


def _check_map(
    project: Project, pipeline: Pipeline, stage: Stage, reader: StageReader, columns: Collection[str]
) -> Iterator[Problem]:
    """Check that a field map reads fields its inputs have, and makes only such as the stage has."""
    try:
        reference = load_reference(project, stage)
    except (SpecError, DataContractError):
        return  # reported by check_files
    if not isinstance(reference, FieldMapReference):
        return
    known: set[str] = set()
    for name in stage.input:
        one = pipeline.stage(name)
        try:
            found = reader.columns(one)
        except AdapterError:
            return  # reported where that stage is checked
        known |= {*found, *(f"{name}.{column}" for column in found)}
        if one.kind is StageKind.MODEL:
            known |= {"answer", f"{name}.answer"}
    for field in sorted(source_fields(reference.spec)):
        parts = field.split(".")
        if not any(".".join(parts[:length]) in known for length in range(1, len(parts) + 1)):
            text = f"reads {field!r}, which no input of {stage.name} has; known: {', '.join(sorted(known))}"
            yield Problem(file=f"include/mappings/{stage.reference}", text=text)
    fields = {*columns, *stage.fields}
    missing = [name for name in stage.fields or columns if name not in reference.spec.fields]
    for misplaced in misplaced_outputs(reference.spec.fields, fields, missing=missing):
        file, path = f"include/mappings/{stage.reference}", f"fields.{misplaced.output}"
        yield Problem(file=file, path=path, text=describe_misplaced(misplaced, where=stage.relation))


def check_truths(pipeline: Pipeline, reader: StageReader) -> Iterator[Problem]:
    """Yield what outcome and benchmark name and their tables do not have."""
    outcome, benchmark = pipeline.outcome, pipeline.benchmark
    wanted: list[tuple[str, Truth | Benchmark, str | None, list[str]]] = []
    if outcome is None:
        text = "is missing: without a truth, an evaluator or a suite no answer can be called wrong"
        yield in_pipeline(pipeline, "outcome", text)
    elif outcome.truth is not None:
        columns = [c.column for c in outcome.compare.values()]
        wanted.append(("outcome.truth", outcome.truth, outcome.truth.key, columns))
    if benchmark is not None:
        wanted.append(("benchmark", benchmark, benchmark.key, [c.column for c in benchmark.truth.values()]))
    for path, relation, key, columns in wanted:
        try:
            source = reader.source(relation.database or pipeline.database)
            known = source.columns(relation.table or relation.query or "", is_query=relation.query is not None)
        except AdapterError as error:
            yield in_pipeline(pipeline, path, str(error))
            continue
        for column in (key or pipeline.key, *columns):
            if column not in known:
                yield in_pipeline(pipeline, path, f"has no column {column!r}; known: {', '.join(known)}")
