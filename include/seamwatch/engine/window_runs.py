"""Run one window from its stages to its incidents, as the DAGs do in turn."""

from __future__ import annotations

from seamwatch.core.incident_life import IncidentChange
from seamwatch.core.results import Window
from seamwatch.engine.attribute import attribute_window
from seamwatch.engine.deps import Deps
from seamwatch.engine.incidents import decide_incidents, write_reports
from seamwatch.engine.validate import check_stage
from seamwatch.engine.window import open_window
from seamwatch.spec.pipeline import Pipeline


def run_window(deps: Deps, pipeline: Pipeline, window: Window) -> list[IncidentChange]:
    """Return what a window changes: its stages checked, its failures attributed, its incidents decided and reported.

    Raises:
        SeamwatchError: As each of these steps does.
    """
    with open_window(deps, pipeline, window) as opened:
        for stage in pipeline.stages:
            check_stage(deps, pipeline, stage, window, opened)
        attribute_window(deps, pipeline, window, is_asked=True, opened=opened)
    changes = decide_incidents(deps, pipeline, window)
    write_reports(deps, pipeline, window)
    return changes
