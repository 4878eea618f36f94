"""The demo's models are trained once for all its tests."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from seamwatch_demo.classifier import TriageModel, load_or_fit
from seamwatch_demo.training import code_version, train


@pytest.fixture(scope="session")
def world_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("world")


@pytest.fixture(scope="session")
def models(world_folder: Path) -> Mapping[str, TriageModel]:
    return load_or_fit(world_folder / f"models-{code_version()}.joblib", train)
