"""The main job on a small pipeline, end to end by the engine: every fault from tables to verdict, incident, message."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import sqlalchemy as sa

from parcels import WINDOW, fill_database, make_deps, write_project
from seamwatch.core.results import Attribution
from seamwatch.engine.attribute import attribute_window
from seamwatch.engine.deliver import deliver_pending
from seamwatch.engine.deps import Deps
from seamwatch.engine.incidents import decide_incidents, write_reports
from seamwatch.engine.validate import check_stage
from seamwatch.vocabulary import Basis, Gap, IncidentState, Responsibility


def _deps(root: Path, fault: str, **changes: str) -> Deps:
    write_project(root, **changes)
    url = f"sqlite:///{root / 'parcels.db'}"
    fill_database(url, fault)
    return make_deps(root, {"AIRFLOW_CONN_PARCELS_DB": url})


def _attribute(deps: Deps) -> Attribution:
    return attribute_window(deps, deps.project.pipeline("parcels"), WINDOW)


@pytest.mark.parametrize(
    ("fault", "responsibility", "stage", "fields"),
    [
        ("code_table", Responsibility.INTEGRATION, "request", ("product",)),
        ("unit", Responsibility.INTEGRATION, "request", ("amount",)),
        ("prompt", Responsibility.INTEGRATION, "prompt", ("body.messages.0.content",)),
        ("result", Responsibility.INTEGRATION, "result", ("queue",)),
        ("sink", Responsibility.INTEGRATION, "routing", ("queue",)),
        ("lost", Responsibility.INTEGRATION, "request", ()),
        ("provider", Responsibility.PROVIDER, "router_model", ()),
    ],
)
def test_each_fault_is_attributed_to_its_seam(
    tmp_path: Path, fault: str, responsibility: Responsibility, stage: str, fields: tuple[str, ...]
) -> None:
    found = _attribute(_deps(tmp_path, fault))
    assert found.leading is not None
    assert (found.leading.responsibility, found.leading.stage, found.leading.fields) == (responsibility, stage, fields)
    assert found.leading.confidence > 0.8
    assert sum(cause.share for cause in found.causes) == pytest.approx(1.0)
    assert len(found.verdicts) == found.n_failing


@pytest.mark.parametrize("fault", ["", "format_only", "retried"])
def test_a_healthy_window_is_no_incident(tmp_path: Path, fault: str) -> None:
    deps = _deps(tmp_path, fault)
    found = _attribute(deps)
    assert found.leading is None
    assert {verdict.responsibility for verdict in found.verdicts} == {Responsibility.MODEL}
    assert found.n_pending == 5
    assert decide_incidents(deps, deps.project.pipeline("parcels"), WINDOW) == []


def test_a_fault_behind_the_model_needs_no_call_for_its_own_records(tmp_path: Path) -> None:
    found = _attribute(_deps(tmp_path, "result"))
    mine = [verdict for verdict in found.verdicts if verdict.stage == "result"]
    assert {verdict.basis for verdict in mine} == {Basis.REPAIR}


def test_source_data_that_fails_a_critical_expectation_is_named(tmp_path: Path) -> None:
    # The request was made from a code that has since been broken at the source: nothing further on can be repaired.
    found = _attribute(_deps(tmp_path, "bad_source"))
    assert all(verdict.stage != "router_model" or verdict.key.isdigit() for verdict in found.verdicts)
    assert any(signal.kind == "expectation" and signal.stage == "orders" for signal in found.signals)


def test_without_a_reference_before_the_model_the_verdict_is_undetermined(tmp_path: Path) -> None:
    write_project(tmp_path)
    path = tmp_path / "include/pipelines/parcels.yaml"
    path.write_text(path.read_text().replace(", reference: parcels_request.yaml", ""))
    fill_database(f"sqlite:///{tmp_path / 'parcels.db'}", "code_table")
    deps = make_deps(tmp_path, {"AIRFLOW_CONN_PARCELS_DB": f"sqlite:///{tmp_path / 'parcels.db'}"})
    found = _attribute(deps)
    assert {verdict.responsibility for verdict in found.verdicts} == {Responsibility.UNDETERMINED}
    assert {verdict.gap for verdict in found.verdicts} == {Gap.MISSING_REFERENCE}
    assert "request" in found.verdicts[0].explanation


def test_the_call_budget_is_hard_and_its_end_is_said(tmp_path: Path) -> None:
    write_project(tmp_path)
    path = tmp_path / "include/pipelines/parcels.yaml"
    path.write_text(path.read_text().replace("max_calls_per_run: 2000", "max_calls_per_run: 4"))
    fill_database(f"sqlite:///{tmp_path / 'parcels.db'}", "code_table")
    deps = make_deps(tmp_path, {"AIRFLOW_CONN_PARCELS_DB": f"sqlite:///{tmp_path / 'parcels.db'}"})
    found = _attribute(deps)
    assert found.isolation.calls == 4
    assert Gap.BUDGET_SPENT in {verdict.gap for verdict in found.verdicts}


def test_running_a_window_again_gives_the_same_and_calls_nobody(tmp_path: Path) -> None:
    deps = _deps(tmp_path, "code_table")
    first, second = _attribute(deps), _attribute(deps)
    assert first.isolation.calls > 0
    assert second.isolation.calls == 0
    assert first.verdicts == second.verdicts
    assert deps.store.attribution("parcels", WINDOW) == second


def test_an_incident_is_told_once_and_resolved_by_a_later_healthy_window(tmp_path: Path) -> None:
    deps = _deps(tmp_path, "code_table")
    pipeline = deps.project.pipeline("parcels")
    for _ in range(2):
        _attribute(deps)
        decide_incidents(deps, pipeline, WINDOW)
        write_reports(deps, pipeline, WINDOW)
        deliver_pending(deps)
    incidents = deps.store.incidents("parcels")
    assert [incident.state for incident in incidents] == [IncidentState.OPEN]
    assert [(d.part, d.state) for d in deps.store.deliveries(incidents[0].id)] == [("head", "sent"), ("thread", "sent")]
    page = (tmp_path / "data" / "reports" / incidents[0].id / "report.html").read_text()
    assert "Integration failure at request" in page
    assert "router_model" in page


def test_the_main_job_runs_on_postgresql_tables_and_store_alike(
    tmp_path: Path, postgres_database: Callable[[], str]
) -> None:
    write_project(tmp_path)
    tables, store = postgres_database(), postgres_database()
    fill_database(tables, "code_table")
    url = sa.make_url(tables)
    connection = {
        "conn_type": "postgres",
        "login": url.username,
        "schema": url.database,
        "extra": {"sqlalchemy_query": dict(url.query)},
    }
    env = {"AIRFLOW_CONN_PARCELS_DB": json.dumps(connection)}
    deps = make_deps(tmp_path, env, store_url=store)
    pipeline = deps.project.pipeline("parcels")
    results = [check_stage(deps, pipeline, stage, WINDOW) for stage in pipeline.stages]
    assert [result.stage for result in results if result.is_critical] == ["request"]
    found = _attribute(deps)
    assert found.leading is not None
    assert (found.leading.stage, found.leading.fields) == ("request", ("product",))
    decide_incidents(deps, pipeline, WINDOW)
    assert deliver_pending(deps).n_sent == 2
    assert deps.store.attribution("parcels", WINDOW) == found
