"""`python -m seamwatch_demo`: run the demo (`make demo`)."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from seamwatch.errors import SeamwatchError
from seamwatch.settings import Settings
from seamwatch_demo.run import run_demo


def main() -> None:
    """Run every scenario; a failure ends with its message and exit code 1."""
    parser = argparse.ArgumentParser(prog="python -m seamwatch_demo", description="Run the demo.")
    parser.add_argument(
        "--folder", type=Path, default=Path("build/demo"), help="where it keeps its data, reports and summary"
    )
    parser.add_argument(
        "--project", type=Path, help="project folder; default: SEAMWATCH_PROJECT_DIR, else the working folder"
    )
    options = parser.parse_args()
    try:
        run_demo(Settings.from_env(project_dir=options.project).project_dir, options.folder)
    except SeamwatchError as error:
        sys.exit(f"seamwatch_demo: {error}")


if __name__ == "__main__":
    main()
