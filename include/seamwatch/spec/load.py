"""YAML files to specs, with every mistake found in one pass and told with its file and line."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import ValidationError

from seamwatch.errors import Problem, SpecError
from seamwatch.spec.base import Spec
from seamwatch.spec.document import graph_problems
from seamwatch.spec.mapping import MappingSpec
from seamwatch.spec.pipeline import Pipeline

Loc = tuple[Hashable, ...]
SpecT = TypeVar("SpecT", bound=Spec)


@dataclass(frozen=True, kw_only=True)
class Project:
    """A folder with `include/pipelines`, `include/mappings` and `expectations`."""

    root: Path
    pipelines: dict[str, Pipeline] = field(default_factory=dict)
    """By name; only files without a mistake."""
    broken: dict[str, list[Problem]] = field(default_factory=dict)
    """By file, relative to the root."""

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
    project = Project(root=root)
    for path in sorted([*folder.glob("*.yaml"), *folder.glob("*.yml")]):
        file = path.relative_to(root).as_posix()
        try:
            pipeline = load_pipeline(path, file=file)
        except SpecError as error:
            project.broken[file] = error.problems
            continue
        if pipeline.pipeline != path.stem:
            text = f"pipeline {pipeline.pipeline!r} stands in {path.name}; the file must be named after it"
            project.broken[file] = [Problem(file=file, line=1, path="pipeline", text=text)]
            continue
        project.pipelines[pipeline.pipeline] = pipeline
    return project


def load_pipeline(path: Path, *, file: str | None = None) -> Pipeline:
    """Return the pipeline of one file; SpecError with all its mistakes, each with its line."""
    return _load(path, file or path.name, Pipeline, graph_problems)


def load_mapping(path: Path, *, file: str | None = None) -> MappingSpec:
    """Return the field map of one file; SpecError with all its mistakes, each with its line."""
    return _load(path, file or path.name, MappingSpec, lambda _: [])


def line_of(path: Path, place: str) -> int | None:
    """Return the line of a dotted place (`stages.answer.table`) in a file, or of the nearest part above it."""
    text = path.read_text(encoding="utf-8")
    root, data = _parse(text)
    if root is None:
        return None
    lines = {_dotted(loc, data): line for loc, line in _lines(root).items()}
    parts = place.split(".")
    return next((lines[p] for n in range(len(parts), 0, -1) if (p := ".".join(parts[:n])) in lines), None)


def _load(path: Path, file: str, kind: type[SpecT], further_problems: Callable[[Any], list[tuple[Loc, str]]]) -> SpecT:
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise SpecError([Problem(file=file, text=f"cannot be read as UTF-8 text: {error}")]) from error
    try:
        root, data = _parse(text)
    except yaml.YAMLError as error:
        raise SpecError([_yaml_problem(file, error)]) from error
    if not isinstance(data, dict) or root is None:
        raise SpecError([Problem(file=file, line=1, text="must be a mapping of names to values; got no mapping")])
    lines = _lines(root)
    found = [((*loc,), text) for loc, text in _duplicate_keys(root)]
    spec: SpecT | None = None
    try:
        spec = kind.model_validate(data)
    except ValidationError as error:
        found += [(e["loc"], _words(e)) for e in error.errors() if e["type"] != "seamwatch_graph"]
    found += further_problems(data)
    if spec is None or found:
        raise SpecError(
            [Problem(file=file, line=_line_of(lines, loc), path=_dotted(loc, data), text=text) for loc, text in found]
        )
    return spec


def _parse(text: str) -> tuple[yaml.Node | None, Any]:
    """Return the nodes, which know their lines, and the values made of them; by the C parser where there is one."""
    loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)(text)
    try:
        root = loader.get_single_node()
        return root, None if root is None else loader.construct_document(root)
    finally:
        loader.dispose()


def _yaml_problem(file: str, error: yaml.YAMLError) -> Problem:
    mark = getattr(error, "problem_mark", None)
    what = getattr(error, "problem", None) or str(error)
    return Problem(file=file, line=mark.line + 1 if mark else None, text=f"is no valid YAML: {what}")


def _words(error: Any) -> str:
    """Return pydantic's finding as a sentence that names what was got."""
    if error["type"] == "extra_forbidden":
        return f"unknown key {error['loc'][-1]!r}; remove it or correct its name"
    if error["type"] == "missing":
        return f"{error['loc'][-1]!r} is missing"
    message = str(error["msg"]).removeprefix("Value error, ")
    got = error.get("input")
    plain = isinstance(got, str | int | float | bool) or got is None
    return f"{message}; got {got!r}" if plain and repr(got) not in message else message


def _lines(root: yaml.Node) -> dict[Loc, int]:
    """Return the 1-based line of every value by its path."""
    lines: dict[Loc, int] = {}

    def walk(node: yaml.Node, loc: Loc) -> None:
        lines.setdefault(loc, node.start_mark.line + 1)
        if isinstance(node, yaml.MappingNode):
            for key, value in node.value:
                lines[(*loc, key.value)] = key.start_mark.line + 1
                walk(value, (*loc, key.value))
        elif isinstance(node, yaml.SequenceNode):
            for number, value in enumerate(node.value):
                walk(value, (*loc, number))

    walk(root, ())
    return lines


def _duplicate_keys(node: yaml.Node, loc: Loc = ()) -> list[tuple[Loc, str]]:
    """Return keys that stand twice in one mapping; YAML would keep the last and say nothing."""
    found: list[tuple[Loc, str]] = []
    if isinstance(node, yaml.MappingNode):
        seen: dict[Any, int] = {}
        for key, value in node.value:
            if key.value in seen:
                text = f"{key.value!r} stands twice in one mapping, first on line {seen[key.value]}; keep one"
                found.append(((*loc, key.value), text))
            seen.setdefault(key.value, key.start_mark.line + 1)
            found += _duplicate_keys(value, (*loc, key.value))
    elif isinstance(node, yaml.SequenceNode):
        for number, value in enumerate(node.value):
            found += _duplicate_keys(value, (*loc, number))
    return found


def _line_of(lines: dict[Loc, int], loc: Loc) -> int | None:
    """Return the line of the path, or of the nearest part above it that stands in the file."""
    for length in range(len(loc), -1, -1):
        if loc[:length] in lines:
            return lines[loc[:length]]
    return None


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
