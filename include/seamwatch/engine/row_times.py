"""Which column says when a row was written: the one that is named, or a guess that nothing speaks against.

A wrong guess is worse than none: the column would be taken out of the payload, and a difference in it would be seen by
nobody. So whatever a person's file or function names is payload, and only one column that is left may be guessed.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from seamwatch.core.records.field_maps import source_fields
from seamwatch.errors import SpecError
from seamwatch.spec.document import stage_fields
from seamwatch.spec.load import Project, load_mapping
from seamwatch.spec.pipeline import Pipeline, Stage

_NAMED_COLUMNS = ("request", "response", "status", "finish_reason", "model", "documents", "contents")


@dataclass(frozen=True, kw_only=True)
class RowTime:
    """The time column of a stage."""

    column: str | None
    """None where a stage has none: its rows are then found by key."""
    is_guessed: bool = False
    passed_over: Mapping[str, str] = field(default_factory=dict)
    """Columns that hold times too, and what names them as payload."""

    @property
    def aside(self) -> str:
        """Return why columns were passed over, in words; empty where none was."""
        return "; ".join(f"{column} is payload ({why})" for column, why in self.passed_over.items())


def payload_names(pipeline: Pipeline, stage: Stage, project: Project | None) -> dict[str, str]:
    """Return the columns of a stage that something names as payload, each with what names it.

    Args:
        pipeline: Its stages.
        stage: One of them.
        project: Where field maps and functions lie; None: only the pipeline file is asked.
    """
    named = [getattr(stage, name) for name in _NAMED_COLUMNS]
    found = {name: "the pipeline file names it" for name in (*named, *stage.measures, *stage.truth) if name}
    for part in ("fields", "ignore", "normalise"):
        found |= {name.partition(".")[0]: f"{part} names it" for name in getattr(stage, part)}
    if stage is pipeline.final_stage and pipeline.outcome is not None:
        found |= dict.fromkeys(pipeline.outcome.compare, "outcome.compare names it")
        found |= dict.fromkeys(pipeline.outcome.judged, "outcome.judged names it")
    for loc, name in stage_fields(pipeline.model_dump()):
        of_stage, _, column = str(name).partition(".")
        if of_stage == stage.name:
            found[column.partition(".")[0]] = f"{loc[0]} names it"
    if project is not None:
        for reader in pipeline.stages:
            if reader == stage or stage.name in reader.input:
                found |= _named_by_reference(project, reader, stage)
        if stage is pipeline.final_stage and pipeline.outcome is not None and pipeline.outcome.evaluator:
            found |= _named_by_function(project, pipeline.outcome.evaluator)
    return found


def _named_by_reference(project: Project, reader: Stage, stage: Stage) -> dict[str, str]:
    """Return what the reference of `reader` makes, if that is the stage itself, or else reads of it."""
    name = reader.reference
    if name is None:
        return {}
    if not name.endswith((".yaml", ".yml")):
        return _named_by_function(project, name)
    try:
        spec = load_mapping(project.mappings_dir / name)
    except SpecError:
        return {}  # whoever loads the reference says what is wrong with it
    if reader == stage:
        return dict.fromkeys(spec.fields, f"{name} makes it")
    inputs = (field.removeprefix(f"{stage.name}.").partition(".")[0] for field in source_fields(spec))
    return dict.fromkeys(inputs, f"{name} reads it")


def _named_by_function(project: Project, name: str) -> dict[str, str]:
    file, _, function = name.partition(":")
    path = project.mappings_dir / f"{file.removesuffix('.py')}.py"
    return dict.fromkeys(_texts_of(path, function), f"{name} names it")


def _texts_of(path: Path, function: str) -> frozenset[str]:
    """Return the texts, attributes and keywords in a function and in what it uses of its own file."""
    try:
        module = ast.parse(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, SyntaxError):
        return frozenset()  # whoever loads the reference says what is wrong with it
    parts = dict(_top_level(module))
    texts: set[str] = set()
    waiting, seen = [function], {function}
    while waiting:
        for node in ast.walk(parts.get(waiting.pop(), ast.Module(body=[], type_ignores=[]))):
            match node:
                case ast.Constant(value=str(text)) | ast.Attribute(attr=text) | ast.keyword(arg=str(text)):
                    texts.add(text)
                case ast.Name(id=other) if other in parts and other not in seen:
                    seen.add(other)
                    waiting.append(other)
    return frozenset(texts)


def _top_level(module: ast.Module) -> Iterator[tuple[str, ast.AST]]:
    for node in module.body:
        match node:
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
                yield name, node
            case ast.Assign(targets=targets):
                yield from ((target.id, node) for target in targets if isinstance(target, ast.Name))
            case ast.AnnAssign(target=ast.Name(id=name)):
                yield name, node
