"""What tasks make of their run: which windows, and errors that Airflow may or may not try again."""

from __future__ import annotations

import gc
from contextlib import nullcontext
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.sdk.exceptions import AirflowFailException

from parcels import write_project
from seamwatch.errors import AdapterError, DataContractError, StoreError
from seamwatch.orchestration import steps
from seamwatch.orchestration.operators import IncidentOperator, ReportLink, StepOperator
from seamwatch.spec.load import load_project

DAY = "20260105T000000Z-20260106T000000Z"
NEXT = "20260106T000000Z-20260107T000000Z"
LATER = "20260107T000000Z-20260108T000000Z"
ASSET = "seamwatch://parcels/validated"
START = datetime(2026, 1, 7, tzinfo=UTC)
TASK: Any = SimpleNamespace(dag_id="parcels__incidents", task_id="decide", inlets=[ASSET])
SCHEDULED: Any = SimpleNamespace(dag_id="parcels__validate", task_id="open-window", inlets=[])


class AssetEvents:
    """Events of an asset by their minute, as Airflow hands them to a task."""

    def __init__(self, by_minute: dict[int, list[str]]) -> None:
        self.by_minute = by_minute

    def after(self, moment: str) -> list[SimpleNamespace]:
        since = datetime.fromisoformat(moment)
        return [
            SimpleNamespace(extra={"windows": windows})
            for minute, windows in self.by_minute.items()
            if START + timedelta(minutes=minute) > since
        ]


def run_with(params: dict[str, str | None], triggering: list[list[str]], later: dict[int, list[str]]) -> Any:
    return {
        "params": params,
        "triggering_asset_events": {ASSET: [SimpleNamespace(extra={"windows": one}) for one in triggering]},
        "dag_run": SimpleNamespace(run_after=START),
        "inlet_events": {ASSET: AssetEvents(later)},
    }


def test_every_event_that_started_the_run_brings_its_windows_oldest_first_and_once() -> None:
    assert steps.find_windows(TASK, run_with({}, [[NEXT], [DAY], [NEXT]], {})) == [DAY, NEXT]


def test_events_that_came_while_the_run_was_queued_are_not_left_behind() -> None:
    assert steps.find_windows(TASK, run_with({}, [[NEXT]], {-5: ["long ago"], 5: [DAY]})) == [DAY, NEXT]


def test_a_window_given_by_hand_wins_over_what_triggered_the_run() -> None:
    params: dict[str, str | None] = {"from": "2026-01-05T01:00:00+01:00", "to": "2026-01-06T00:00:00Z"}
    assert steps.find_windows(TASK, run_with(params, [[NEXT]], {5: [NEXT]})) == [DAY]


@pytest.mark.parametrize("triggering", [[], [[]]])
def test_a_run_that_nothing_started_says_what_to_do(triggering: list[list[str]]) -> None:
    with pytest.raises(DataContractError, match="fill in the params 'from' and 'to'"):
        steps.find_windows(TASK, run_with({"from": None, "to": None}, triggering, {}))


def test_what_is_attributed_beside_the_runs_own_window(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_project(tmp_path)
    monkeypatch.setenv("SEAMWATCH_STORE_URL", f"sqlite:///{tmp_path / 'store.db'}")
    pipeline = load_project(tmp_path).pipeline("parcels").model_dump(mode="json", by_alias=True)
    task: Any = SimpleNamespace(**vars(TASK), pipeline=pipeline, project_dir=tmp_path)
    # The oldest window that started the run is its own; what came later never is.
    started = run_with({}, [[LATER], [NEXT]], {-5: ["long ago"], 5: [DAY]})
    assert steps.find_other_windows(task, started) == [DAY, LATER]
    assert steps.find_other_windows(task, run_with({}, [[NEXT]], {})) == []
    by_hand: dict[str, str | None] = {"from": "2026-01-05T00:00:00Z", "to": "2026-01-06T00:00:00Z"}
    assert steps.find_other_windows(task, run_with(by_hand, [[NEXT]], {5: [NEXT]})) == []
    with pytest.raises(DataContractError, match="fill in the params 'from' and 'to'"):
        steps.find_other_windows(task, run_with({}, [], {}))


def test_a_scheduled_run_takes_its_data_interval() -> None:
    start, end = datetime(2026, 1, 5, tzinfo=UTC), datetime(2026, 1, 6, tzinfo=UTC)
    context: Any = {"params": {}, "data_interval_start": start, "data_interval_end": end}
    assert steps.open_window(SCHEDULED, context) == DAY


def test_a_run_that_data_started_takes_the_window_that_its_events_name() -> None:
    named = [
        {"from": "2026-01-05T00:00:00Z", "to": "2026-01-05T12:00:00Z"},
        {"from": "2026-01-05T13:00:00+01:00", "to": "2026-01-06T01:00:00+01:00"},
    ]
    context = run_with({}, [], {})
    context["triggering_asset_events"] = {ASSET: [SimpleNamespace(extra=one) for one in named]}
    assert steps.open_window(TASK, context) == DAY
    context["params"] = {"from": "2026-01-04T00:00:00Z", "to": "2026-01-05T00:00:00Z"}
    assert steps.open_window(TASK, context).startswith("20260104")


@pytest.mark.parametrize(
    ("extra", "told"),
    [
        (None, "'from': None"),
        ({}, "'from': None"),
        ({"from": "2026-01-05T00:00:00Z"}, "'to': None"),
        ({"from": "2026-01-05", "to": "2026-01-06"}, "time zone"),
        ({"from": 5, "to": []}, "'from': 5"),
        ({"from": "2026-01-06T00:00:00Z", "to": "2026-01-05T00:00:00Z"}, "end after it starts"),
    ],
)
def test_an_event_that_names_no_window_is_told(extra: Any, told: str) -> None:
    context = run_with({}, [], {})
    good = {"from": "2026-01-05T00:00:00Z", "to": "2026-01-06T00:00:00Z"}
    context["triggering_asset_events"] = {ASSET: [SimpleNamespace(extra=one) for one in (good, extra)]}
    with pytest.raises(DataContractError, match=told):
        steps.open_window(TASK, context)


@pytest.mark.parametrize(
    ("params", "told"),
    [
        ({"from": "2026-01-05T00:00:00Z", "to": None}, "'to' is empty"),
        ({"from": "", "to": "2026-01-05T00:00:00Z"}, "'from' is empty"),
        ({"from": "yesterday", "to": "2026-01-05T00:00:00Z"}, "'from': 'yesterday' is no ISO 8601 time"),
        ({"from": "2026-01-05T00:00:00", "to": "2026-01-06T00:00:00"}, "need a time zone"),
        ({"from": "2026-01-06T00:00:00Z", "to": "2026-01-06T00:00:00Z"}, "must end after it starts"),
    ],
)
def test_a_window_that_makes_no_sense_is_told(params: dict[str, str | None], told: str) -> None:
    context: Any = {"params": params}
    with pytest.raises(DataContractError, match=told):
        steps.open_window(SCHEDULED, context)


def operator(step: str, **arguments: Any) -> StepOperator:
    return StepOperator(task_id="task", step=step, project_dir="/nowhere", **arguments)


def test_an_error_that_no_new_try_can_mend_ends_the_task_at_once() -> None:
    context: Any = {"params": {"from": "yesterday", "to": "today"}}
    with pytest.raises(AirflowFailException, match="yesterday"):
        operator("open_window").execute(context)


@pytest.mark.parametrize(
    ("error", "raised"),
    [
        (AdapterError("no answer", retryable=True), AdapterError),
        (AdapterError("no answer", retryable=False), AirflowFailException),
        (StoreError("no answer"), StoreError),
    ],
)
def test_only_what_may_pass_is_tried_again(
    monkeypatch: pytest.MonkeyPatch, error: Exception, raised: type[Exception]
) -> None:
    def database_is_down(task: object, context: object) -> None:
        raise error

    monkeypatch.setattr(steps, "database_is_down", database_is_down, raising=False)
    context: Any = {}
    with pytest.raises(raised, match="no answer"):
        operator("database_is_down").execute(context)


@pytest.mark.parametrize("error", [None, AdapterError("no answer", retryable=True)])
def test_garbage_is_looked_for_seldom_while_a_task_runs_and_as_before_after_it(
    monkeypatch: pytest.MonkeyPatch, error: Exception | None
) -> None:
    before, within = gc.get_threshold(), []

    def work(task: object, context: object) -> None:
        within.append(gc.get_threshold())
        if error is not None:
            raise error

    monkeypatch.setattr(steps, "work", work, raising=False)
    context: Any = {}
    with nullcontext() if error is None else pytest.raises(AdapterError):
        operator("work").execute(context)
    assert within[0][0] > before[0]
    assert gc.get_threshold() == before


def test_the_constructor_does_nothing_and_no_text_of_the_pipeline_is_a_template() -> None:
    task = operator("check", pipeline={"description": "{{ 1 / 0 }}"}, stage="s")
    assert task.template_fields == ("window",)
    assert task.operator_extra_links == ()


def test_the_button_leads_to_what_the_task_found() -> None:
    task = IncidentOperator(task_id="decide", step="decide", project_dir="/nowhere")
    (link,) = task.operator_extra_links
    key: Any = None
    assert (link.name, link.get_link(task, ti_key=key)) == ("Root-cause report", "")
    task.report_url = "http://ui/seamwatch/incidents/x"
    assert ReportLink().get_link(task, ti_key=key) == "http://ui/seamwatch/incidents/x"


class TestDeps:
    """What a task gets from Airflow."""

    def test_the_store_is_the_connection_where_there_is_one(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        from seamwatch.orchestration.deps import open_deps

        write_project(tmp_path)
        monkeypatch.setenv("SEAMWATCH_STORE_URL", f"sqlite:///{tmp_path / 'settings.db'}")
        with open_deps(tmp_path):
            assert (tmp_path / "settings.db").exists()
        monkeypatch.setenv("AIRFLOW_CONN_SEAMWATCH_STORE", f"sqlite:///{tmp_path / 'connection.db'}")
        with open_deps(tmp_path) as deps:
            assert deps.store.incidents() == []
        assert (tmp_path / "connection.db").exists()

    def test_a_connection_that_airflow_does_not_know_is_told(self) -> None:
        from seamwatch.errors import ConnectionNotFound
        from seamwatch.orchestration.deps import AirflowConnections

        with pytest.raises(ConnectionNotFound, match="AIRFLOW_CONN_NO_SUCH"):
            AirflowConnections().get("no_such")

    def test_a_connection_is_carried_over_whole_and_its_password_is_not_shown(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        from seamwatch.orchestration.deps import AirflowConnections

        value = '{"conn_type": "http", "host": "h", "port": 81, "login": "u", "password": "s3cret", "extra": {"a": 1}}'
        monkeypatch.setenv("AIRFLOW_CONN_MODEL", value)
        found = AirflowConnections().get("model")
        assert (found.conn_type, found.host, found.port, found.login) == ("http", "h", 81, "u")
        assert (found.password, found.extra) == ("s3cret", {"a": 1})
        assert "s3cret" not in repr(found)
