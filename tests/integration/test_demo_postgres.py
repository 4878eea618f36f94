"""The demo's world with its tables in PostgreSQL."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from seamwatch.adapters.connections import EnvironmentConnections, database_url
from seamwatch.core.records.reconciliation import reconcile
from seamwatch.core.results import Window
from seamwatch.engine.reading import StageReader
from seamwatch.engine.references import load_references
from seamwatch.engine.window import WindowReader
from seamwatch.spec.load import load_project
from seamwatch_demo.world import DemoWorld

pytestmark = pytest.mark.integration

ROOT = Path(__file__).parents[2]
START = datetime(2026, 11, 9, tzinfo=UTC)


def test_references_make_what_a_day_in_postgres_holds(tmp_path: Path, postgres_database: Callable[[], str]) -> None:
    with DemoWorld(tmp_path, warehouse_url=postgres_database()) as world:
        world.live_day(date(2026, 11, 9), n_tickets=40)
        connections = EnvironmentConnections(world.connections())
        project = load_project(ROOT)
        pipeline = project.pipelines["support_triage"]
        reader = StageReader(pipeline, connections)
        data = WindowReader(reader, Window(start=START, end=START + timedelta(days=1))).read()
        reader.close()
        assert database_url(connections.get("support_dw")).get_backend_name() == "postgresql"
    for stage in pipeline.stages:
        if stage.reference is None:
            continue
        recorded, inputs = data.payloads[stage.name], {name: data.payloads[name] for name in stage.input}
        found = reconcile(stage, recorded, inputs, load_references(project, pipeline)[stage.name])
        assert found.n_input == 40
        assert found.discrepancies.empty, stage.name
        assert not found.reference_errors
