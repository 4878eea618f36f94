"""Airflow DAGs of every pipeline in include/pipelines; what they are is decided in seamwatch.orchestration."""

import os
from pathlib import Path

from seamwatch.orchestration.factory import build_dags

_PROJECT = Path(os.environ.get("SEAMWATCH_PROJECT_DIR") or Path(__file__).resolve().parents[1])

globals().update(build_dags(_PROJECT))
