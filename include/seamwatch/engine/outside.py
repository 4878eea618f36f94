"""How attribution reaches what lies outside of it: tables, models, and the checks that run on a database.

A bundle records all of it, and stands in for all of it later (`engine/bundle.py`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from seamwatch.adapters.base import Connections
from seamwatch.core.results import StageResult, Window
from seamwatch.engine.contexts import Knowledge, read_knowledge
from seamwatch.engine.deps import Deps
from seamwatch.engine.isolate import Models
from seamwatch.engine.reading import StageReader
from seamwatch.engine.validate import check_stage
from seamwatch.engine.window import WindowReader
from seamwatch.spec.load import Project
from seamwatch.spec.pipeline import Pipeline, Stage


@dataclass(frozen=True, kw_only=True)
class Outside:
    """What opens the outside; by default the real one."""

    reader: Callable[[Pipeline, Connections, Project], StageReader] = StageReader
    models: Callable[[Deps, Pipeline, Window], Models] = Models
    check: Callable[[Deps, Pipeline, Stage, Window, WindowReader], StageResult] = check_stage
    knowledge: Callable[..., Knowledge] = read_knowledge
