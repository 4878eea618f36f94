"""The plan of a project, read from its files, or from what was kept when they were the same.

Airflow reads a DAG file every few seconds, each time in a new process. Most of such a read would be spent on the types
of pipeline files and on files that have not changed. So the plan is kept beside the store, as JSON, under a hash of all
that it was made from: the files and the code. Nothing depends on it: where it cannot be read or written, or is not
this user's own, the plan is made anew, and so it is while any file has a mistake.
"""

from __future__ import annotations

import hashlib
import os
import stat
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import msgspec
import pydantic

import seamwatch
from seamwatch.errors import Problem
from seamwatch.orchestration.dag_plan import ProjectPlan
from seamwatch.settings import Settings

_KEPT = "dag-plan.json"
_MOST_BYTES = 64 * 1024 * 1024
"""Of all files together: more is made anew each time."""
_CODE = (
    "spec",
    "orchestration/plan.py",
    "orchestration/plan_dag.py",
    "orchestration/plan_runbook.py",
    "orchestration/dag_plan.py",
    "vocabulary.py",
    "errors.py",
)
"""What makes a plan of the same files another one, in the folder of the package."""


def plan_project(project_dir: Path) -> tuple[ProjectPlan, list[Problem]]:
    """Return the plan of all pipeline files without a mistake, and the mistakes of the others.

    Raises:
        SpecError: If the folder holds no `include/pipelines` at all.
    """
    kept = Settings.from_env(project_dir=project_dir).data_dir / "cache" / _KEPT
    made_from = _hash_of_files(project_dir)
    if made_from is not None and (known := _read(kept, made_from)) is not None:
        return known, []
    plan, problems = _plan(project_dir)
    # A file that was written meanwhile would be kept under the hash of what it was before.
    if made_from is not None and not problems and made_from == _hash_of_files(project_dir):
        _write(kept, made_from, plan)
    return plan, problems


def _plan(project_dir: Path) -> tuple[ProjectPlan, list[Problem]]:
    from seamwatch.orchestration.plan import plan_delivery, plan_maintenance, plan_pipeline, plan_weekly_review
    from seamwatch.spec.load import load_project

    project = load_project(project_dir)
    shared = [plan_delivery(), plan_maintenance()]
    if project.settings is not None:
        shared.append(plan_weekly_review(project.settings.weekly_review))
    plan = ProjectPlan(
        shared=tuple(shared),
        dags={name: plan_pipeline(pipeline) for name, pipeline in project.pipelines.items()},
        specs={name: one.model_dump(mode="json", by_alias=True) for name, one in project.pipelines.items()},
    )
    return plan, project.problems


def _hash_of_files(project_dir: Path) -> str | None:
    """Return a hash of all that a plan is made from; None where it cannot be read."""
    found = hashlib.sha256(f"{pydantic.VERSION} {msgspec.__version__}".encode())
    n_bytes = 0
    try:
        for path in _code_files():
            known = path.stat()
            found.update(f"{path} {known.st_size} {known.st_mtime_ns}\n".encode("utf-8", "surrogateescape"))
        for path in _project_files(project_dir):
            # A pipe or a device might never end; the loader tells what is wrong with it.
            known = path.stat()
            n_bytes += known.st_size
            if not stat.S_ISREG(known.st_mode) or n_bytes > _MOST_BYTES:
                return None
            content = path.read_bytes()
            found.update(b"%s\0%d\0" % (os.fsencode(path), len(content)))
            found.update(content)
    except OSError:
        return None
    return found.hexdigest()


def _code_files() -> Iterator[Path]:
    root = Path(seamwatch.__file__).parent
    for name in _CODE:
        path = root / name
        # With the runbooks, which are YAML.
        yield from sorted(one for one in path.iterdir() if one.suffix in (".py", ".yaml")) if path.is_dir() else [path]


def _project_files(project_dir: Path) -> list[Path]:
    folder, settings = project_dir / "include" / "pipelines", project_dir / "include" / "settings.yaml"
    found = sorted([*folder.glob("*.yaml"), *folder.glob("*.yml")])
    return [*found, settings] if settings.exists() else found


def _read(kept: Path, made_from: str) -> ProjectPlan | None:
    """Return the plan that was kept under the hash; None where there is none that can be read and trusted."""
    try:
        with kept.open("rb") as file:
            known = os.fstat(file.fileno())
            if known.st_uid != os.geteuid() or known.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
                return None
            if file.readline().strip() != made_from.encode():
                return None
            return msgspec.json.decode(file.read(), type=ProjectPlan)
    except (OSError, ValueError, msgspec.MsgspecError):
        return None


def _write(kept: Path, made_from: str, plan: ProjectPlan) -> None:
    """Keep the plan, whole or not at all, also where several processes write at once."""
    content = made_from.encode() + b"\n" + msgspec.json.encode(plan)
    with suppress(OSError):
        kept.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=kept.parent, prefix=_KEPT)
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(content)
            Path(name).replace(kept)
        except OSError:
            Path(name).unlink(missing_ok=True)
