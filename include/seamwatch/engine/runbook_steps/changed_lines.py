"""Which lines of the files of a stage at fault changed near the onset, as far as they are under git."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path

from seamwatch.adapters.git_history import read_history
from seamwatch.core.file_history import AFTER, BEFORE, FileHistory, nearest_first, untracked
from seamwatch.core.incident_life import Incident
from seamwatch.core.runbooks import StepFinding
from seamwatch.engine.deps import Deps
from seamwatch.errors import AdapterError
from seamwatch.report import runbook_texts as texts
from seamwatch.spec.load import Project
from seamwatch.spec.pipeline import Pipeline, Stage
from seamwatch.vocabulary import Protocol


def changed_lines(deps: Deps, pipeline: Pipeline, incident: Incident) -> StepFinding:
    """Return the commits near the onset that touched the files of the stage at fault, with their changed lines.

    Where the incident names no stage, the files of all stages are looked at.
    """
    if incident.onset is None:
        return texts.unknown("Which lines changed when it began cannot be said: when it began is not known.")
    stages = [one for one in pipeline.stages if incident.stage in (None, one.name)] or list(pipeline.stages)
    files = _files(deps.project, pipeline, stages)
    # A folder may be a link into another repository: that one is asked.
    by_folder: dict[Path, list[Path]] = defaultdict(list)
    for file in files:
        by_folder[file.resolve().parent].append(file.resolve())
    histories: list[FileHistory] = []
    unread: list[str] = []
    for folder, mine in by_folder.items():
        try:
            history = read_history(folder, mine, since=incident.onset - BEFORE, until=incident.onset + AFTER)
        except AdapterError as error:
            unread.append(str(error).replace(str(folder), _shown(deps.project, folder)))
            continue
        histories.append(history)
        unread += [f"{_shown(deps.project, path)} is not under git" for path in untracked(mine, [history])]
        if history.is_shallow:
            unread.append(
                f"the clone of {_shown(deps.project, folder)} is shallow, so that earlier commits are missing from it"
            )
    return texts.changed_lines(
        nearest_first(histories, incident.onset),
        incident.onset,
        files=[_shown(deps.project, file) for file in files],
        unread=unread,
    )


def _files(project: Project, pipeline: Pipeline, stages: list[Stage]) -> list[Path]:
    """Return the files that say what stages make and how they are checked, and the pipeline's own."""
    found: list[Path] = []
    for stage in stages:
        names = [stage.reference] if stage.reference else []
        if stage.endpoint is not None and stage.endpoint.protocol is Protocol.CALLABLE:
            names.append(stage.endpoint.connection)
        for name in names:
            file, colon, _ = name.partition(":")
            found.append(project.mappings_dir / (f"{file.removesuffix('.py')}.py" if colon else file))
        suite = project.suite_path(pipeline, stage.suite or stage.name)
        if suite.is_file():
            found.append(suite)
    folder = project.root / "include" / "pipelines"
    own = folder / f"{pipeline.pipeline}.yml"
    found.append(own if own.is_file() else folder / f"{pipeline.pipeline}.yaml")
    return list(dict.fromkeys(found))


def _shown(project: Project, path: Path) -> str:
    for root in (project.root, project.root.resolve()):
        if path.is_relative_to(root):
            return path.relative_to(root).as_posix()
    return path.as_posix()
