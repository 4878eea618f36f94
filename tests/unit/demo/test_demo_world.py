"""Days lived in the demo's world, healthy and faulty, looked at as Seamwatch looks at them."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import httpx
import pandas as pd
import pytest
import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from seamwatch.adapters.connections import EnvironmentConnections
from seamwatch.core.records.reconciliation import Reconciliation, reconcile
from seamwatch.core.results import Window
from seamwatch.engine.reading import StageReader
from seamwatch.engine.references import load_references
from seamwatch.engine.window import WindowData, WindowReader
from seamwatch.spec.load import load_project
from seamwatch.validation.run import validate_query
from seamwatch.validation.suites import check_suite, load_suite
from seamwatch.vocabulary import CheckStatus, Responsibility, Severity
from seamwatch_demo.classifier import TriageModel
from seamwatch_demo.faults import FAULTS
from seamwatch_demo.training import DEGRADED, HEALTHY
from seamwatch_demo.watching import WATCHED
from seamwatch_demo.world import DemoWorld

ROOT = Path(__file__).parents[3]
DAY = date(2026, 11, 9)
MIDNIGHT = datetime(2026, 11, 9, tzinfo=UTC)
WINDOW = Window(start=MIDNIGHT, end=MIDNIGHT + timedelta(days=1))
N_TICKETS = 200
TABLES = ("crm_tickets", "ai_requests", "ai_calls", "ai_results", "crm_routing", "human_labels")


@dataclass(frozen=True)
class Lived:
    """One day, as its tables hold it and as Seamwatch reads it."""

    url: sa.URL
    tables: Mapping[str, pd.DataFrame]
    data: WindowData
    reconciled: Mapping[str, Reconciliation]
    serving_after: str
    health_after: str


def live(folder: Path, fault: str) -> Lived:
    """Live the same day with a fault, in a database of its own."""
    path = folder / f"{fault}.db"
    with DemoWorld(folder, warehouse_url=f"sqlite:///{path}") as world:
        world.live_day(DAY, fault, n_tickets=N_TICKETS)
        pipeline = load_project(ROOT).pipelines["support_triage"]
        reader = StageReader(pipeline, EnvironmentConnections(world.connections()))
        data = WindowReader(reader, WINDOW).read()
        reader.close()
        service = world.model_server.service
        state = service.serving, service.health
    references = load_references(load_project(ROOT), pipeline)
    reconciled = {
        stage.name: reconcile(
            stage, data.payloads[stage.name], {n: data.payloads[n] for n in stage.input}, references[stage.name]
        )
        for stage in pipeline.stages
        if stage.reference is not None
    }
    link = sqlite3.connect(path)
    tables = {table: pd.read_sql_query(f"SELECT * FROM {table}", link) for table in TABLES}
    link.close()
    return Lived(sa.make_url(f"sqlite:///{path}"), tables, data, reconciled, *state)


@pytest.fixture(scope="module")
def days(world_folder: Path, models: Mapping[str, TriageModel]) -> dict[str, Lived]:
    return {name: live(world_folder, name) for name in FAULTS if name not in WATCHED}


@pytest.fixture
def world(world_folder: Path, tmp_path: Path, models: Mapping[str, TriageModel]) -> Iterator[DemoWorld]:
    with DemoWorld(world_folder, warehouse_url=f"sqlite:///{tmp_path / 'dw.db'}") as world:
        yield world


def queues(day: Lived) -> pd.Series:
    return day.tables["crm_routing"].set_index("ticket_id")["queue"]


def is_right(day: Lived) -> pd.Series:
    labels = day.tables["human_labels"].set_index("ticket_id")["queue"]
    return queues(day).reindex(labels.index) == labels


FAULTY = [name for name, fault in FAULTS.items() if fault.injected is not None and name not in WATCHED]
IN_MAPPINGS = [name for name in FAULTY if FAULTS[name].integration != FAULTS["healthy"].integration]


def test_every_stage_of_a_healthy_day_is_what_its_reference_makes(days: dict[str, Lived]) -> None:
    for name, found in days["healthy"].reconciled.items():
        assert found.n_input == N_TICKETS, name
        assert found.is_checked, name
        assert found.discrepancies.empty, name
        assert not found.reference_errors, name
        assert not len(found.lost), name


@pytest.mark.parametrize("name", ["degraded_model", "provider_outage"])
def test_where_the_model_or_its_provider_fails_no_seam_differs(days: dict[str, Lived], name: str) -> None:
    assert all(found.discrepancies.empty for found in days[name].reconciled.values())


@pytest.mark.parametrize("name", IN_MAPPINGS)
def test_a_fault_of_integration_changes_its_own_fields_at_its_own_stage_from_its_onset_on(
    days: dict[str, Lived], name: str
) -> None:
    fault = FAULTS[name]
    assert fault.injected is not None
    for stage, found in days[name].reconciled.items():
        if stage != fault.injected.stage:
            assert found.discrepancies.empty, stage
    found = days[name].reconciled[fault.injected.stage].discrepancies
    assert set(found["field"]) == set(fault.injected.fields)
    times = days[name].data.stages["crm_export"].times
    assert times[found["key"]].min() >= MIDNIGHT + timedelta(hours=fault.onset_hour)


@pytest.mark.parametrize("name", FAULTY)
def test_a_fault_turns_a_clear_share_of_outcomes_wrong(days: dict[str, Lived], name: str) -> None:
    was_right = is_right(days["healthy"])
    turned = was_right & ~is_right(days[name]).reindex(was_right.index)
    assert 0.08 <= turned.mean() <= 0.40
    times = days[name].data.stages["crm_export"].times
    fault = FAULTS[name]
    struck = times[turned.index[turned]]
    assert struck.min() >= MIDNIGHT + timedelta(hours=fault.onset_hour)
    assert struck.max() < MIDNIGHT + timedelta(hours=fault.end_hour)


def test_a_healthy_day_is_mostly_right(days: dict[str, Lived]) -> None:
    assert 0.90 <= is_right(days["healthy"]).mean() <= 0.99


def test_the_same_seed_and_day_give_the_same_answers(
    days: dict[str, Lived], tmp_path: Path, world_folder: Path
) -> None:
    with DemoWorld(world_folder, warehouse_url=f"sqlite:///{tmp_path / 'again.db'}") as world:
        world.live_day(DAY, "provider_outage", n_tickets=N_TICKETS)
    link = sqlite3.connect(tmp_path / "again.db")
    again = pd.read_sql_query("SELECT * FROM crm_routing", link)
    link.close()
    pd.testing.assert_frame_equal(again, days["provider_outage"].tables["crm_routing"])


def test_an_outage_leaves_its_attempts_behind_and_sends_tickets_to_manual_sorting(days: dict[str, Lived]) -> None:
    calls = days["provider_outage"].tables["ai_calls"]
    assert set(calls["status"]) == {"200", "503", "timeout"}
    assert set(calls["finish_reason"].dropna()) == {"stop", "length"}
    assert calls["attempt"].max() == 3
    by_ticket = calls.sort_values("attempt").drop_duplicates("ticket_id", keep="last").set_index("ticket_id")
    is_whole = (by_ticket["status"] == "200") & (by_ticket["finish_reason"] == "stop")
    assert (
        (queues(days["provider_outage"]) == "Q900") == ~is_whole.reindex(queues(days["provider_outage"]).index)
    ).all()
    assert (days["provider_outage"].serving_after, days["provider_outage"].health_after) == (HEALTHY, "up")


def test_a_degraded_model_stays_until_the_next_day(days: dict[str, Lived], world: DemoWorld) -> None:
    assert days["degraded_model"].serving_after == DEGRADED
    assert set(days["degraded_model"].tables["ai_calls"]["model"]) == {HEALTHY, DEGRADED}
    world.switch_model(serving=DEGRADED)
    world.live_day(DAY, n_tickets=5)
    assert world.model_server.service.serving == HEALTHY


def test_calls_are_recorded_as_they_were_sent(days: dict[str, Lived]) -> None:
    calls = days["healthy"].tables["ai_calls"]
    body = json.loads(calls["request"].iloc[0])
    assert body["model"] == "support-triage"
    assert body["temperature"] == 0
    assert json.loads(calls["response"].iloc[0])["usage"]["prompt_tokens"] == calls["input_tokens"].iloc[0]
    assert (calls["latency_ms"] > 0).all()
    assert (calls["cost_usd"] > 0).all()


def test_labels_of_the_latest_tickets_come_with_the_next_day(world: DemoWorld) -> None:
    world.live_day(DAY, n_tickets=150)
    n_first = world.warehouse.count("human_labels")
    assert 130 < n_first < 150
    assert not world.deliver(WINDOW.end)
    world.live_day(DAY + timedelta(days=1), n_tickets=5)
    assert world.warehouse.count("human_labels") > n_first + 5 - 1
    world.deliver(WINDOW.end + timedelta(days=30))
    assert world.warehouse.count("human_labels") == 155


def test_a_day_cannot_be_lived_twice_nor_with_an_unknown_fault(world: DemoWorld) -> None:
    world.live_day(DAY, n_tickets=5)
    with pytest.raises(IntegrityError):
        world.live_day(DAY, n_tickets=5)
    with pytest.raises(KeyError):
        world.live_day(DAY, "gremlins")


def test_connections_open_the_database_and_the_model(world: DemoWorld) -> None:
    connections = EnvironmentConnections(world.connections())
    model = connections.get("support_model")
    answer = httpx.get(
        f"http://{model.host}:{model.port}/v1/models", headers={"Authorization": f"Bearer {model.password}"}
    )
    assert answer.status_code == 200
    assert Path(connections.get("support_dw").host or "").is_file()
    assert world.warehouse.count("benchmark_tickets") == 300


def test_a_world_opened_again_keeps_its_tables(world_folder: Path, world: DemoWorld) -> None:
    world.live_day(DAY, n_tickets=5)
    with DemoWorld(world_folder, warehouse_url=world.warehouse.url.render_as_string(hide_password=False)) as again:
        assert again.warehouse.count("crm_tickets") == 5
        assert again.warehouse.count("benchmark_tickets") == 300


def test_what_is_injected_is_told_in_the_words_of_the_pipeline_file() -> None:
    stages = {stage.name for stage in load_project(ROOT).pipelines["support_triage"].stages}
    for fault in FAULTS.values():
        if fault.injected is not None:
            assert fault.injected.stage in stages
            assert fault.injected.responsibility in set(Responsibility)
    assert FAULTS["healthy"].injected is None


def failed_checks(day: Lived) -> dict[tuple[str, str | None], Severity]:
    """Return what the pipeline's suites find on a day, by stage and column."""
    failed = {}
    for stage in load_project(ROOT).pipelines["support_triage"].stages:
        path = ROOT / "expectations" / "support_triage" / f"{stage.name}.json"
        if not path.is_file():
            continue
        assert check_suite(path) == []
        outcome = validate_query(
            day.url,
            f"SELECT * FROM {stage.table}",
            suite=load_suite(path),
            key_column="ticket_id",
            stage=stage.name,
            label=f"support_triage.{stage.name}",
        )
        assert all(check.status is not CheckStatus.ERROR for check in outcome.checks)
        failed |= {
            (stage.name, check.column): check.severity for check in outcome.checks if check.status is CheckStatus.FAILED
        }
    return failed


@pytest.mark.parametrize(
    ("name", "failed"),
    [
        ("healthy", {}),
        ("stale_code_table", {}),
        ("queue_code_shift", {}),
        ("degraded_model", {}),
        ("unit_change", {("request_mapping", "amount"): Severity.WARNING}),
        (
            "provider_outage",
            {("triage_model", "status"): Severity.WARNING, ("triage_model", "finish_reason"): Severity.WARNING},
        ),
    ],
)
def test_checks_alone_see_some_faults_and_not_others(
    days: dict[str, Lived], name: str, failed: dict[tuple[str, str | None], Severity]
) -> None:
    found = failed_checks(days[name])
    assert {place: severity for place, severity in found.items() if severity is not Severity.INFO} == failed
