"""One file's mistake stays its own: whatever stands beside a good pipeline file, the good one loads, and soon."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from hostile_files import GOOD, HostileFile, hostile_files
from seamwatch.spec.load import Project, load_project

FILES = hostile_files()
_LONGEST_S = 5.0
"""For one file, on a machine that is busy."""


def _project(root: Path) -> Path:
    folder = root / "include/pipelines"
    folder.mkdir(parents=True)
    (folder / "parcels.yaml").write_text(GOOD)
    return folder


def _assert_told(project: Project, names: list[str]) -> None:
    for name in names:
        file = f"include/pipelines/{name}.yaml"
        problems = project.broken.get(file, [])
        assert problems or name in project.pipelines, f"{name} was dropped without a word"
        assert all(problem.file == file and problem.text and str(problem).isprintable() for problem in problems)
        assert sum(len(str(problem)) for problem in problems) < 500_000


def test_there_are_enough_of_them() -> None:
    assert len({file.name for file in FILES}) == len(FILES) >= 200


@pytest.mark.parametrize("file", FILES, ids=[file.name for file in FILES])
def test_a_good_file_loads_beside_any_other(tmp_path: Path, file: HostileFile) -> None:
    folder = _project(tmp_path)
    file.make(folder / f"{file.name}.yaml")
    began = time.process_time()
    project = load_project(tmp_path)
    assert time.process_time() - began < _LONGEST_S
    assert project.pipelines["parcels"].key == "id"
    _assert_told(project, [file.name])


def test_a_good_file_loads_beside_all_others_together(tmp_path: Path) -> None:
    folder = _project(tmp_path)
    for file in FILES:
        file.make(folder / f"{file.name}.yaml")
    project = load_project(tmp_path)
    assert project.pipelines["parcels"].key == "id"
    _assert_told(project, [file.name for file in FILES])
    assert len(project.broken) > 0.8 * len(FILES)


def test_names_that_cannot_be_printed_are_written_out(tmp_path: Path) -> None:
    folder = _project(tmp_path)
    for name in (b"a\xff.yaml", b"b\n\x1b[31m.yaml", "c\u202e.yaml".encode()):
        Path(str(folder).encode().decode() + "/" + name.decode("utf-8", "surrogateescape")).write_text("a: [")
    project = load_project(tmp_path)
    assert list(project.pipelines) == ["parcels"]
    assert all(file.isascii() and file.isprintable() for file in project.broken)
    assert len(project.problems) == 3
