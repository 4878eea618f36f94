"""Airflow DAGs of every pipeline in include/pipelines; what they are is decided in seamwatch.orchestration."""

import os
from pathlib import Path

from airflow.sdk import get_parsing_context

from seamwatch.orchestration.factory import build_dags

_PROJECT = Path(os.environ.get("SEAMWATCH_PROJECT_DIR") or Path(__file__).resolve().parents[1])

# In the process of a task Airflow names the DAG that it needs; building those of all pipelines costs it a start.
globals().update(build_dags(_PROJECT, only=get_parsing_context().dag_id))
