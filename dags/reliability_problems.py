"""Airflow shows the mistakes of pipeline files as an import error of this file; the DAGs of the others load."""

import os
from pathlib import Path

from seamwatch.orchestration.factory import raise_problems

raise_problems(Path(os.environ.get("SEAMWATCH_PROJECT_DIR") or Path(__file__).resolve().parents[1]))
