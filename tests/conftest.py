"""Options that all tests share."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

# Test folders are no packages; what several of them use stands in tests/support and is imported by its bare name.
sys.path.insert(0, str(Path(__file__).parent / "support"))

pytest_plugins = ["model_server"]


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--update-golden", action="store_true", help="rewrite the golden files, then look at the diff")
