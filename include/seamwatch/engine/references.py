"""Load what a person wrote in `include/mappings/`: functions and field maps, by path."""

from __future__ import annotations

import difflib
import importlib.util
import inspect
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

from seamwatch.core.records.references import (
    CopyReference,
    FieldMapReference,
    FunctionReference,
    Reference,
    choose_mode,
)
from seamwatch.errors import Problem, SpecError
from seamwatch.spec.load import Project, load_mapping
from seamwatch.spec.pipeline import Pipeline, Stage
from seamwatch.vocabulary import StageKind


def load_function(project: Project, name: str) -> Callable[..., Any]:
    """Return the function that `file:function` names in the project's mappings folder.

    Raises:
        SpecError: If the file or the function does not exist, or the file cannot be run.
    """
    file, _, function = name.partition(":")
    path = project.mappings_dir / f"{file.removesuffix('.py')}.py"
    where = path.relative_to(project.root).as_posix()
    if not function:
        text = f"{name!r} must be file:function or file.yaml in include/mappings"
        raise SpecError([Problem(file=where, text=text)])
    module = _load_module(path, where)
    found = getattr(module, function, None)
    if not callable(found):
        known = sorted(name for name, one in vars(module).items() if inspect.isfunction(one))
        near = difflib.get_close_matches(function, known, n=1)
        hint = f"; did you mean {near[0]!r}?" if near else ";"
        text = f"has no function {function!r}{hint} known: {', '.join(known) or 'none'}"
        raise SpecError([Problem(file=where, text=text)])
    return found  # type: ignore[no-any-return]


def _load_module(path: Path, where: str) -> ModuleType:
    if not path.is_file():
        raise SpecError([Problem(file=where, text=_no_such_file(path, "*.py"))])
    name = f"seamwatch_mappings.{path.stem}"
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # so that dataclasses and pickling inside the file find their module
    try:
        spec.loader.exec_module(module)
    except (Exception, SystemExit) as error:
        del sys.modules[name]
        within = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == str(path)]
        line = getattr(error, "lineno", within[-1] if within else None)
        raise SpecError(
            [Problem(file=where, line=line, text=f"cannot be run: {type(error).__name__}: {error}")]
        ) from error
    return module


def _no_such_file(path: Path, pattern: str) -> str:
    known = sorted(one.name for one in path.parent.glob(pattern))
    near = difflib.get_close_matches(path.name, known, n=1)
    hint = f"; did you mean {near[0]}?" if near else ";"
    return f"no such file{hint} known: {', '.join(known) or 'none'}"


def load_reference(project: Project, stage: Stage) -> Reference | None:
    """Return the stage's reference, or None where it has none; SpecError."""
    name = stage.reference
    if name is None:
        return None
    if name.endswith((".yaml", ".yml")):
        path = project.mappings_dir / name
        if not path.exists():
            where = path.relative_to(project.root).as_posix()
            raise SpecError([Problem(file=where, text=_no_such_file(path, "*.y*ml"))])
        return FieldMapReference(name=name, spec=load_mapping(path, file=path.relative_to(project.root).as_posix()))
    function = load_function(project, name)
    return FunctionReference(name=name, function=function, mode=choose_mode(function), body_column=stage.request)


def load_references(
    project: Project,
    pipeline: Pipeline,
    load: Callable[[Project, Stage], Reference | None] = load_reference,
) -> dict[str, Reference]:
    """Return the references of all stages that name one, by stage.

    Args:
        project: Where they lie.
        pipeline: Its stages.
        load: Loads one, or knows it already.

    Raises:
        SpecError: With the mistakes of all.
    """
    found: dict[str, Reference] = {}
    problems: list[Problem] = []
    for stage in pipeline.stages:
        try:
            reference = load(project, stage)
        except SpecError as error:
            problems += error.problems
            continue
        if reference is not None:
            found[stage.name] = reference
    if problems:
        raise SpecError(problems)
    return found


def with_copies(
    pipeline: Pipeline, references: dict[str, Reference], columns: dict[str, list[str]]
) -> dict[str, Reference]:
    """Return the references with a sink that has none taken as a copy of its input.

    Args:
        pipeline: Its stages.
        references: As written.
        columns: By stage, the payload's fields.
    """
    copies = {
        stage.name: CopyReference(name=f"copy of {', '.join(stage.input)}", fields=tuple(columns.get(stage.name, ())))
        for stage in pipeline.stages
        if stage.kind is StageKind.SINK and stage.name not in references
    }
    return {**references, **copies}
