"""YAML files to specs, with every mistake found in one pass and told with its file and line."""

from __future__ import annotations

import stat
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from pydantic import ValidationError

from seamwatch.errors import Problem, SpecError
from seamwatch.plurals import plural
from seamwatch.spec.base import Spec
from seamwatch.spec.document import graph_problems
from seamwatch.spec.mapping import MappingSpec
from seamwatch.spec.pipeline import Pipeline
from seamwatch.spec.project import ProjectSettings
from seamwatch.spec.validation_messages import problems_of
from seamwatch.spec.yaml_text import (
    MOST_BYTES,
    MOST_VALUES,
    Loc,
    YamlDocument,
    YamlTextError,
    decode_text,
    read_document,
)

SpecT = TypeVar("SpecT", bound=Spec)
SETTINGS_FILE = "include/settings.yaml"
"""Relative to the project."""
_MOST_CHARS = 200
"""Of the text of an error that nobody foresaw."""
_MOST_VALUES = 20_000
"""In a pipeline file, which every parse of the DAG file reads; a field map with long code tables may have more."""
_MOST_PROBLEMS = 100
"""Of one file that are told, before it is only said how many more there are."""


@dataclass(frozen=True, kw_only=True)
class Project:
    """A folder with `include/pipelines`, `include/mappings` and `expectations`."""

    root: Path
    pipelines: dict[str, Pipeline] = field(default_factory=dict)
    """By name; only files without a mistake."""
    broken: dict[str, list[Problem]] = field(default_factory=dict)
    """By file, relative to the root."""
    settings: ProjectSettings | None = field(default_factory=ProjectSettings)
    """Of `include/settings.yaml`, defaults where there is none; None where it has mistakes, which are in `broken`."""

    @property
    def problems(self) -> list[Problem]:
        """Return the mistakes of all files."""
        return [problem for problems in self.broken.values() for problem in problems]

    @property
    def mappings_dir(self) -> Path:
        """Return the folder with reference functions and field maps."""
        return self.root / "include" / "mappings"

    def suite_path(self, pipeline: Pipeline, name: str) -> Path:
        """Return where the expectation suite of that name lies, whether it exists or not."""
        return self.root / "expectations" / pipeline.pipeline / f"{name}.json"

    def readable_settings(self) -> ProjectSettings:
        """Return the settings; SpecError if their file has mistakes, so that no default decides in their place."""
        if self.settings is None:
            raise SpecError(self.broken[SETTINGS_FILE])
        return self.settings

    def pipeline(self, name: str) -> Pipeline:
        """Return the pipeline; SpecError if its file has mistakes or does not exist."""
        if name in self.pipelines:
            return self.pipelines[name]
        mine = [p for file, problems in self.broken.items() if Path(file).stem == name for p in problems]
        known = ", ".join(sorted(self.pipelines)) or "none"
        missing = Problem(
            file=f"include/pipelines/{name}.yaml", text=f"no pipeline {name!r} in {self.root}; known: {known}"
        )
        raise SpecError(mine or [missing])


def load_project(root: Path) -> Project:
    """Return every pipeline of the project; a broken file is kept in `broken` and stops no other.

    Raises:
        SpecError: If the folder holds no `include/pipelines` at all.
    """
    folder = root / "include" / "pipelines"
    if not folder.is_dir():
        text = "no such folder; a project holds include/pipelines, include/mappings and expectations"
        raise SpecError([Problem(file=str(folder), text=text)])
    project = _with_settings(root)
    for path in sorted([*folder.glob("*.yaml"), *folder.glob("*.yml")]):
        file = _printable(path.relative_to(root).as_posix())
        try:
            pipeline = load_pipeline(path, file=file)
        except SpecError as error:
            project.broken[file] = error.problems
            continue
        name = pipeline.pipeline
        if name != path.stem:
            text = f"pipeline {name!r} stands in {_printable(path.name)}; the file must be named after it"
            project.broken[file] = [Problem(file=file, line=1, path="pipeline", text=text)]
        elif name in project.pipelines:
            text = f"pipeline {name!r} stands in {name}.yaml already; keep one of the two files"
            project.broken[file] = [Problem(file=file, line=1, path="pipeline", text=text)]
        else:
            project.pipelines[name] = pipeline
    return project


def _with_settings(root: Path) -> Project:
    """Return the project without pipelines yet; its settings stop none of them."""
    path = root / SETTINGS_FILE
    if not path.exists():
        return Project(root=root)
    try:
        return Project(root=root, settings=_load(path, SETTINGS_FILE, ProjectSettings, lambda _: []))
    except SpecError as error:
        return Project(root=root, settings=None, broken={SETTINGS_FILE: error.problems})


def _printable(name: str) -> str:
    """Return a file's name as text that can be printed, whatever bytes it is made of."""
    return "".join(sign if sign.isprintable() else ascii(sign)[1:-1] for sign in name)


def load_pipeline(path: Path, *, file: str | None = None) -> Pipeline:
    """Return the pipeline of one file; SpecError with all its mistakes, each with its line."""
    return _load(path, file or path.name, Pipeline, graph_problems)


def load_mapping(path: Path, *, file: str | None = None) -> MappingSpec:
    """Return the field map of one file; SpecError with all its mistakes, each with its line."""
    return _load(path, file or path.name, MappingSpec, lambda _: [])


def line_of(path: Path, place: str) -> int | None:
    """Return the line of a dotted place (`stages.answer.table`) in a file, or of the nearest part above it.

    None where the file cannot be read any more: whoever asks has a problem to tell, and tells it without a line.
    """
    try:
        document = read_document(_text(path))
    except (OSError, YamlTextError):
        return None
    lines = {_dotted(loc, document.data): line for loc, line in document.lines.items()}
    parts = place.split(".")
    return next((lines[p] for n in range(len(parts), 0, -1) if (p := ".".join(parts[:n])) in lines), None)


def _load(path: Path, file: str, kind: type[SpecT], further_problems: Callable[[Any], list[tuple[Loc, str]]]) -> SpecT:
    """Return what the file holds; whatever goes wrong with one file is that file's problem, and a SpecError."""
    try:
        return _read(path, file, kind, further_problems)
    except SpecError:
        raise
    except YamlTextError as error:
        raise SpecError([Problem(file=file, line=error.line, text=str(error))]) from error
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise SpecError([Problem(file=file, text=f"cannot be read: {reason}")]) from error
    except Exception as error:
        text = f"cannot be loaded: {type(error).__name__}: {str(error)[:_MOST_CHARS]}"
        raise SpecError([Problem(file=file, text=text)]) from error


def _read(path: Path, file: str, kind: type[SpecT], further_problems: Callable[[Any], list[tuple[Loc, str]]]) -> SpecT:
    document = read_document(_text(path), most_values=_MOST_VALUES if kind is Pipeline else MOST_VALUES)
    data = document.data
    if not isinstance(data, dict):
        raise SpecError([Problem(file=file, line=1, text="must be a mapping of names to values; got no mapping")])
    found = [*document.problems]
    n_more = 0
    spec: SpecT | None = None
    try:
        spec = kind.model_validate(data)
    except ValidationError as error:
        errors = [e for e in error.errors(include_url=False) if e["type"] != "seamwatch_graph"]
        n_more = max(len(errors) - _MOST_PROBLEMS, 0)
        found += problems_of(errors[:_MOST_PROBLEMS], kind)
    found += further_problems(data)
    if spec is None or found:
        n_more += max(len(found) - 2 * _MOST_PROBLEMS, 0)
        places = [(_written(document, loc), text) for loc, text in found[: 2 * _MOST_PROBLEMS]]
        places += [((), f"has {plural(n_more, 'more mistake')}")] if n_more else []
        raise SpecError(
            [Problem(file=file, line=_line(document, loc), path=_dotted(loc, data), text=text) for loc, text in places]
        )
    return spec


def _text(path: Path) -> str:
    """Return the text of a regular file; of a pipe or a device, which might never end, nothing is read.

    Raises:
        OSError: If it cannot be read.
        YamlTextError: If it is no regular file, too long, or no UTF-8 text.
    """
    if not stat.S_ISREG(path.stat().st_mode):
        msg = "is no regular file; remove it or give it another ending than .yaml"
        raise YamlTextError(msg)
    with path.open("rb") as file:
        return decode_text(file.read(MOST_BYTES + 1))


def _written(document: YamlDocument, loc: Loc) -> Loc:
    """Return a place as it stands in the file, with a key that is missing there as its last part.

    Parts that pydantic adds (the kind of an objective, the type tried) stand in no file and are passed over.
    """
    known: Loc = ()
    data = document.data
    for step in loc:
        if (*known, step) in document.lines:
            known, data = (*known, step), _step(data, step)
    is_missing = known[-1:] != loc[-1:] and isinstance(data, dict) and loc[-1] not in data.values()
    return (*known, loc[-1]) if is_missing and loc else known


def _line(document: YamlDocument, loc: Loc) -> int | None:
    return document.lines.get(loc, document.lines.get(loc[:-1]))


def _dotted(loc: Loc, data: Any) -> str:
    """Return the path as `stages.answer.table`: a stage by its name, not by its number."""
    parts: list[str] = []
    for step in loc:
        data = _step(data, step)
        is_named = isinstance(step, int) and isinstance(data, dict) and isinstance(data.get("name"), str)
        parts.append(data["name"] if is_named else str(step))
    return ".".join(parts)


def _step(data: Any, step: Hashable) -> Any:
    try:
        return data[step]
    except (KeyError, IndexError, TypeError):
        return None
