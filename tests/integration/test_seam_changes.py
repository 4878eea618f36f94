"""A seam that changed opens an incident by itself, before any label says that answers are wrong; one cause is one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from parcels import WINDOW, fill_database, make_deps, write_project
from seamwatch.core.incident_life import ChangeKind
from seamwatch.engine.attribute import attribute_window
from seamwatch.engine.deps import Deps
from seamwatch.engine.incidents import decide_incidents, decide_on_watches, render_report, report_of
from seamwatch.engine.runbook_steps import STEP_FUNCTIONS
from seamwatch.engine.validate import check_stage
from seamwatch.spec.pipeline import Pipeline
from seamwatch.vocabulary import IncidentState, Responsibility, StepState, Watch

pytestmark = pytest.mark.integration


@pytest.fixture
def desk(tmp_path: Path) -> tuple[Deps, Pipeline, str]:
    write_project(tmp_path)
    url = f"sqlite:///{tmp_path / 'parcels.db'}"
    fill_database(url, "code_table", n=400)
    deps = make_deps(tmp_path, {"AIRFLOW_CONN_PARCELS_DB": url})
    return deps, deps.project.pipeline("parcels"), url


def _execute(url: str, statement: str, **values: Any) -> None:
    engine = sa.create_engine(url)
    with engine.begin() as connection:
        connection.execute(sa.text(statement), values)
    engine.dispose()


def test_a_code_table_that_is_wrong_since_noon_is_an_incident_before_labels_arrive(
    desk: tuple[Deps, Pipeline, str],
) -> None:
    deps, pipeline, url = desk
    _execute(url, "DELETE FROM labels")
    attribution = attribute_window(deps, pipeline, WINDOW)
    assert attribution.leading is None
    (change,) = decide_incidents(deps, pipeline, WINDOW)
    incident = change.incident
    assert (change.kind, incident.watch, incident.stage) == (ChangeKind.OPENED, Watch.SEAM, "request")
    assert incident.responsibility is Responsibility.INTEGRATION
    assert incident.fields[0] == "product"
    report = report_of(deps, pipeline, incident)
    assert "none of these records has an outcome" in report.verdict
    for form in ("html", "md", "json"):
        assert "parcels_request.yaml" in render_report(report, form)
    assert decide_on_watches(deps, pipeline) == []
    assert [one.kind for one in decide_incidents(deps, pipeline, WINDOW)] == [ChangeKind.UPDATED]


def test_attribution_of_the_same_seam_is_one_incident_and_a_repair_ends_it(desk: tuple[Deps, Pipeline, str]) -> None:
    deps, pipeline, url = desk
    assert attribute_window(deps, pipeline, WINDOW).leading is not None
    (change,) = decide_incidents(deps, pipeline, WINDOW)
    assert (change.incident.watch, change.incident.stage) == (None, "request")
    assert deps.store.watch_report("parcels", Watch.SEAM, WINDOW) is not None
    fill_database(url, "", n=400)
    attribute_window(deps, pipeline, WINDOW)
    decide_incidents(deps, pipeline, WINDOW)
    assert {one.state for one in deps.store.incidents("parcels")} == {IncidentState.RESOLVED}


def test_a_healthy_window_opens_nothing(tmp_path: Path) -> None:
    write_project(tmp_path)
    url = f"sqlite:///{tmp_path / 'parcels.db'}"
    fill_database(url, "", n=400)
    deps = make_deps(tmp_path, {"AIRFLOW_CONN_PARCELS_DB": url})
    pipeline = deps.project.pipeline("parcels")
    attribute_window(deps, pipeline, WINDOW)
    assert decide_incidents(deps, pipeline, WINDOW) == []
    report = deps.store.watch_report("parcels", Watch.SEAM, WINDOW)
    assert report is not None
    assert report.findings == ()


def test_the_runbook_of_a_seam_without_labels_tells_its_records_and_what_was_not_checked(
    desk: tuple[Deps, Pipeline, str],
) -> None:
    deps, pipeline, url = desk
    pipeline = pipeline.model_copy(update={"segments": ("orders.code",)})
    _execute(url, "DELETE FROM labels")
    attribute_window(deps, pipeline, WINDOW)
    (change,) = decide_incidents(deps, pipeline, WINDOW)

    def step(name: str) -> tuple[StepState, str, tuple[str, ...]]:
        found = STEP_FUNCTIONS[name](deps, pipeline, change.incident)
        return found.state, found.text, found.details

    day = "2026-01-05 00:00 to 2026-01-06 00:00 UTC"
    _, text, details = step("affected_records")
    assert text == "96 of 400 records (24%) have this cause, since 2026-01-05 07:58 UTC."
    assert details[1] == "By segment nothing is known: not every affected record is named."
    _, _, unchecked = step("pipeline_integrity")
    assert unchecked == (
        "request: 96 records",
        "Not checked in this window: orders, prompt, router_model, result and routing (no reference).",
    )
    assert step("provider_errors")[:2] == (
        StepState.UNKNOWN,
        f"How the provider failed is not known: no record of {day} has an outcome yet.",
    )
    for stage in pipeline.stages:
        check_stage(deps, pipeline, stage, WINDOW)
    _, _, details = step("affected_records")
    assert details[1] == "orders.code is B in 96 of 96 of them, in 50 of 304 of the others (p < 0.0001)."
    _, text, details = step("fault_location")
    assert text == "Seam changed at request, product: 96 of 400 records differ"
    assert details[-2:] == (
        "Example, record 133: product is 'bill', should be 'phone'.",
        "What it should be says include/mappings/parcels_request.yaml.",
    )
