"""The pure core stays pure: it can be used in a process that has no Airflow, network or database library loaded."""

from __future__ import annotations

import subprocess
import sys

FORBIDDEN = ("airflow", "sqlalchemy", "alembic", "httpx", "slack_sdk", "great_expectations", "sklearn")


def _loaded_by(statement: str) -> set[str]:
    code = f"import sys\n{statement}\nprint(*{{name.partition('.')[0] for name in sys.modules}})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(done.stdout.split())


def test_the_core_loads_nothing_from_outside() -> None:
    loaded = _loaded_by(
        "import seamwatch.core.attribution.records, seamwatch.core.attribution.causes, seamwatch.core.summary, "
        "seamwatch.core.isolation, seamwatch.core.incidents"
    )
    assert not loaded & set(FORBIDDEN)
    assert "pandas" in loaded


def test_the_report_and_the_spec_load_nothing_heavy() -> None:
    assert not _loaded_by("import seamwatch.report.html, seamwatch.report.message, seamwatch.report.block_kit") & {
        *FORBIDDEN,
        "pandas",
        "scipy",
    }
    assert not _loaded_by("import seamwatch.spec.load") & {*FORBIDDEN, "pandas", "numpy", "scipy"}


def test_the_command_line_answers_without_heavy_imports() -> None:
    assert not _loaded_by("import seamwatch.cli") & {*FORBIDDEN, "pandas", "scipy"}
