"""The DAG file is read every few seconds by Airflow's DAG processor, so it loads no library that only tasks need."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from parcels import write_project

DAG_FILE = Path(__file__).parents[2] / "dags" / "reliability.py"
HEAVY = {"pandas", "numpy", "sklearn", "scipy", "great_expectations", "matplotlib"}
ONLY_FOR_REINDEXING = {
    "airflow.providers.standard.operators.hitl",
    "airflow.providers.standard.operators.trigger_dagrun",
}
"""Operators that few pipelines need; the second loads Airflow's database models."""

_LOAD = """
import runpy, sys
names = runpy.run_path(sys.argv[1])
print("dags", *sorted(name for name in names if "__" in name and not name.startswith("__")))
print("modules", *sorted(sys.modules))
"""


def test_the_dag_file_loads_no_heavy_library(tmp_path: Path) -> None:
    write_project(tmp_path)
    done = subprocess.run(
        [sys.executable, "-c", _LOAD, str(DAG_FILE)],
        env={**os.environ, "SEAMWATCH_PROJECT_DIR": str(tmp_path)},
        capture_output=True,
        text=True,
        check=True,
    )
    told = {words[0]: set(words[1:]) for words in map(str.split, done.stdout.splitlines()) if words}
    # A file that built no DAG would load little, too.
    assert {"parcels__validate", "parcels__isolate", "parcels__incidents"} <= told["dags"]
    assert not {name.partition(".")[0] for name in told["modules"]} & HEAVY
    assert not told["modules"] & ONLY_FOR_REINDEXING
