"""Scores are kept under a name that changes with all that they hang on."""

from __future__ import annotations

import shutil
from importlib import resources
from pathlib import Path

import pytest

from seamwatch.core.injection.version import folder_version, scanner_version

FOLDER = Path(str(resources.files("seamwatch.core.injection")))


@pytest.mark.parametrize(
    "name", ["rules.tsv", "data_rules.tsv", "confusables.tsv", "weights.npz", "data_weights.npz", "scan.py"]
)
def test_a_change_of_one_file_is_another_version(name: str, tmp_path: Path) -> None:
    copy = shutil.copytree(FOLDER, tmp_path / "injection")
    assert folder_version(copy) == scanner_version()
    (copy / name).write_bytes((copy / name).read_bytes() + b"\n")
    assert folder_version(copy) != scanner_version()


def test_what_the_interpreter_leaves_beside_the_files_changes_nothing(tmp_path: Path) -> None:
    copy = shutil.copytree(FOLDER, tmp_path / "injection")
    (copy / "__pycache__").mkdir(exist_ok=True)
    (copy / "scan.pyc").write_bytes(b"compiled")
    assert folder_version(copy) == scanner_version()
