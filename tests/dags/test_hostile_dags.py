"""One pipeline file's mistake stays its own in Airflow too: the DAGs of the others load, and in time."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from hostile_files import HostileFile, hostile_files
from parcels import write_project

if TYPE_CHECKING:
    from airflow.dag_processing.dagbag import DagBag

ROOT = Path(__file__).parents[2]
FILES = {file.name: file for file in hostile_files()}
GOOD_DAGS = {f"parcels__{part}" for part in ("validate", "isolate", "incidents", "slo", "runbook")} | {
    "seamwatch__delivery",
    "seamwatch__maintenance",
    "seamwatch__weekly_review",
}
ALONE = (
    "value_start_date_day",
    "value_stage_name_list",
    "value_stage_name_long",
    "value_settle_digits",
    "value_timeout_huge",
    "syntax_alias_of_itself",
    "shape_deep_lists",
    "shape_bomb",
    "bytes_random",
    "entry_pipe",
    "entry_link_to_itself",
)

pytestmark = [
    pytest.mark.integration,
    pytest.mark.usefixtures("airflow_database"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),  # of Airflow's own code when it makes its database
]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    write_project(tmp_path)
    monkeypatch.setenv("SEAMWATCH_PROJECT_DIR", str(tmp_path))
    return tmp_path / "include/pipelines"


def _load(folder: Path, files: list[HostileFile]) -> DagBag:
    from airflow.dag_processing.dagbag import DagBag

    for file in files:
        file.make(folder / f"{file.name}.yaml")
    return DagBag(str(ROOT / "dags"))


@pytest.mark.parametrize("name", ALONE)
def test_the_dags_of_a_good_file_load_beside_a_bad_one(folder: Path, name: str) -> None:
    bag = _load(folder, [FILES[name]])
    assert set(bag.dags) == GOOD_DAGS
    ((file, text),) = bag.import_errors.items()
    assert Path(file).name == "reliability_problems.py"
    assert f"include/pipelines/{name}.yaml" in text
    assert "include/pipelines/parcels.yaml" not in text


def test_what_only_airflow_refuses_is_that_pipelines_error(folder: Path) -> None:
    (text,) = _load(folder, [FILES["value_stage_name_long"]]).import_errors.values()
    assert "value_stage_name_long.yaml: Airflow refuses the DAGs of this pipeline" in text


def test_the_dags_of_a_good_file_load_beside_all_others_within_airflows_time(folder: Path) -> None:
    from airflow.configuration import conf

    began = time.monotonic()
    bag = _load(folder, list(FILES.values()))
    seconds = time.monotonic() - began
    assert set(bag.dags) >= GOOD_DAGS
    assert [Path(file).name for file in bag.import_errors] == ["reliability_problems.py"]
    limit = conf.getfloat("core", "dagbag_import_timeout")
    # Two DAG files read the folder, each within the limit of its own; what is measured here is both.
    assert seconds < limit, f"{len(FILES)} files took {seconds:.1f} s on {os.cpu_count()} cores"
