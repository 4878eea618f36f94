"""Validate everything that a person wrote, against the files and the databases that it names."""

from __future__ import annotations

import difflib
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

from seamwatch.adapters.base import Connections
from seamwatch.adapters.knowledge.indexes import open_index
from seamwatch.adapters.knowledge.place import Place
from seamwatch.adapters.knowledge.sources import open_source
from seamwatch.core.records.field_maps import source_fields
from seamwatch.core.records.frames import ANSWER
from seamwatch.core.records.references import FieldMapReference
from seamwatch.engine.check_files import check_files, unused_folders
from seamwatch.engine.reading import StageReader
from seamwatch.engine.references import load_reference
from seamwatch.errors import AdapterError, DataContractError, Problem, SpecError
from seamwatch.spec.document import stage_fields
from seamwatch.spec.load import Project, line_of
from seamwatch.spec.pipeline import Benchmark, Pipeline, Stage, Truth
from seamwatch.vocabulary import Protocol, StageKind

_NEWER_THAN_ALL = "9999-01-01T00:00:00+00:00"


def check_project(project: Project, connections: Connections, *, only: str | None = None) -> list[Problem]:
    """Return every problem of the project, or of one pipeline: files, references, suites, connections, columns."""
    problems = [p for file, found in project.broken.items() if only in (None, _stem(file)) for p in found]
    for name, pipeline in project.pipelines.items():
        if only in (None, name):
            problems += check_pipeline(project, pipeline, connections)
    if only is None:
        problems += unused_folders(project)
    return problems


def check_pipeline(project: Project, pipeline: Pipeline, connections: Connections) -> list[Problem]:
    """Return every problem of one pipeline that only its surroundings show."""
    problems = [*check_files(project, pipeline)]
    reader = StageReader(pipeline, connections)
    try:
        for stage in pipeline.stages:
            problems += _check_stage(project, pipeline, stage, reader)
        problems += _check_truths(pipeline, reader)
    finally:
        reader.close()
    for name in pipeline.knowledge_bases:
        problems += _check_knowledge_base(project, pipeline, name, connections)
    for stage in pipeline.stages:
        if stage.endpoint is not None and stage.endpoint.protocol is not Protocol.CALLABLE:
            problems += _tried(pipeline, f"stages.{stage.name}.endpoint", connections, stage.endpoint.connection)
    if pipeline.slack is not None:
        problems += _tried(pipeline, "slack.connection", connections, pipeline.slack.connection)
    # One missing connection is one problem, however many stages need it.
    once = {(problem.file, problem.text): problem for problem in reversed(problems)}
    return [_with_line(project, problem) for problem in reversed(once.values())]


def _with_line(project: Project, problem: Problem) -> Problem:
    path = project.root / problem.file
    if problem.line is not None or path.suffix not in (".yaml", ".yml") or not path.is_file():
        return problem
    return replace(problem, line=line_of(path, problem.path))


def _stem(file: str) -> str:
    return file.rpartition("/")[2].rpartition(".")[0]


def _problem(pipeline: Pipeline, path: str, text: str) -> Problem:
    return Problem(file=f"include/pipelines/{pipeline.pipeline}.yaml", path=path, text=text)


def _tried(pipeline: Pipeline, path: str, connections: Connections, conn_id: str) -> list[Problem]:
    try:
        connections.get(conn_id)
    except AdapterError as error:
        return [_problem(pipeline, path, str(error))]
    return []


def _check_stage(project: Project, pipeline: Pipeline, stage: Stage, reader: StageReader) -> Iterator[Problem]:
    path = f"stages.{stage.name}"
    try:
        source = reader.source(pipeline.stage_database(stage))
        columns = source.columns(stage.table or stage.query or "", is_query=stage.query is not None)
        reader.time_column(stage)
    except AdapterError as error:
        yield _problem(pipeline, path, str(error))
        return
    named = {f"{path}.{name}": column for name, column in _named_columns(pipeline, stage).items()}
    for place, column in (named | _fields_elsewhere(pipeline, stage)).items():
        if column not in columns and column.partition(".")[0] not in columns:
            near = difflib.get_close_matches(column, list(columns), n=1)
            hint = f"; did you mean {near[0]!r}?" if near else ""
            text = f"{stage.relation} has no column {column!r}{hint} Known: {', '.join(columns)}"
            yield _problem(pipeline, place, text)
    yield from _check_map(project, pipeline, stage, reader, columns)


def _named_columns(pipeline: Pipeline, stage: Stage) -> dict[str, str]:
    names = ["time", "request", "response", "status", "finish_reason", "model", "latency_ms", "input_tokens"]
    names += ["output_tokens", "cost_usd", "documents", "contents"]
    found = {"key": pipeline.stage_key(stage)}
    found |= {name: column for name in names if (column := getattr(stage, name)) is not None}
    found |= {f"fields.{column}": column for column in stage.fields}
    if stage is pipeline.final_stage and pipeline.outcome is not None:
        found |= {f"outcome.compare.{column}": column for column in pipeline.outcome.compare}
    return found


def _fields_elsewhere(pipeline: Pipeline, stage: Stage) -> dict[str, str]:
    """Return, by place, the columns of a stage that segments, redaction and watches name as `stage.field`."""
    found = {}
    for loc, field in stage_fields(pipeline.model_dump()):
        name, _, column = str(field).partition(".")
        if name == stage.name and not (stage.kind is StageKind.MODEL and column == ANSWER):
            found[".".join(map(str, loc))] = column
    return found


def _check_map(
    project: Project, pipeline: Pipeline, stage: Stage, reader: StageReader, columns: object
) -> Iterator[Problem]:
    """Check that a field map reads fields its inputs have, and makes at least one that the stage has."""
    try:
        reference = load_reference(project, stage)
    except (SpecError, DataContractError):
        return  # told by check_files
    if not isinstance(reference, FieldMapReference):
        return
    known: set[str] = set()
    for name in stage.input:
        one = pipeline.stage(name)
        try:
            source = reader.source(pipeline.stage_database(one))
            found = source.columns(one.table or one.query or "", is_query=one.query is not None)
        except AdapterError:
            return  # told by _check_stage
        known |= {*found, *(f"{name}.{column}" for column in found)}
        if one.kind is StageKind.MODEL:
            known |= {"answer", f"{name}.answer"}
    for field in sorted(source_fields(reference.spec)):
        parts = field.split(".")
        if not any(".".join(parts[:length]) in known for length in range(1, len(parts) + 1)):
            text = f"reads {field!r}, which no input of {stage.name} has; known: {', '.join(sorted(known))}"
            yield Problem(file=f"include/mappings/{stage.reference}", text=text)
    if isinstance(columns, dict) and not set(reference.spec.fields) & set(columns):
        text = f"makes {', '.join(reference.spec.fields)}; {stage.relation} has none of these columns"
        yield Problem(file=f"include/mappings/{stage.reference}", text=text)


def _check_knowledge_base(
    project: Project, pipeline: Pipeline, name: str, connections: Connections
) -> Iterator[Problem]:
    """Open source and index, and ask tables for what is newer than any document: it names a column that is missing."""
    spec, path = pipeline.knowledge_bases[name], f"knowledge_bases.{name}"
    with TemporaryDirectory(prefix="seamwatch-check-") as folder:
        place = Place(
            name=f"{pipeline.pipeline}.{name}",
            project_dir=project.root,
            connections=connections,
            database=pipeline.database,
            cache_dir=Path(folder),
        )
        try:
            with closing(open_source(spec.source, place, hash_name=spec.index.hash)) as source:
                if spec.source.kind == "sql" and spec.source.changed_at is not None:
                    source.listing(_NEWER_THAN_ALL, {})
        except AdapterError as error:
            yield _problem(pipeline, f"{path}.source", str(error))
        try:
            with closing(open_index(spec.index, place)) as index:
                if spec.index.kind == "sql":
                    index.listing(_NEWER_THAN_ALL)
        except AdapterError as error:
            yield _problem(pipeline, f"{path}.index", str(error))


def _check_truths(pipeline: Pipeline, reader: StageReader) -> Iterator[Problem]:
    outcome, benchmark = pipeline.outcome, pipeline.benchmark
    wanted: list[tuple[str, Truth | Benchmark, str | None, list[str]]] = []
    if outcome is None:
        text = "is missing: without a truth, an evaluator or a suite no answer can be called wrong"
        yield _problem(pipeline, "outcome", text)
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
            yield _problem(pipeline, path, str(error))
            continue
        for column in (key or pipeline.key, *columns):
            if column not in known:
                yield _problem(pipeline, path, f"has no column {column!r}; known: {', '.join(known)}")
