"""The DAG files as Airflow loads them, and the DAGs as Airflow runs them, on a small pipeline."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from parcels import PIPELINE, WINDOW, fill_database, write_project
from seamwatch.spec.load import load_project
from seamwatch.spec.pipeline import Pipeline
from seamwatch.store.repo import Store
from seamwatch.vocabulary import IncidentState
from seamwatch_demo.slack_receiver import SlackReceiver

if TYPE_CHECKING:
    from airflow.dag_processing.dagbag import DagBag

ROOT = Path(__file__).parents[2]
PARTS = ("validate", "isolate", "incidents")

pytestmark = [
    pytest.mark.integration,
    pytest.mark.usefixtures("airflow_database"),
    # Of Airflow's own code when it runs a DAG in this process.
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
]


@pytest.fixture(scope="module")
def slack() -> Iterator[SlackReceiver]:
    with SlackReceiver() as receiver:
        yield receiver


@pytest.fixture
def project(slack: SlackReceiver, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    write_project(tmp_path)
    url = f"sqlite:///{tmp_path / 'parcels.db'}"
    fill_database(url, "code_table", n=120)
    monkeypatch.setenv("SEAMWATCH_PROJECT_DIR", str(tmp_path))
    monkeypatch.setenv("SEAMWATCH_DATA_DIR", str(tmp_path / "data"))
    database = {"conn_type": "sqlite", "host": str(tmp_path / "parcels.db")}
    connection = {"conn_type": "slack", "password": "xoxb-test", "extra": {"base_url": f"{slack.url}/api/"}}
    monkeypatch.setenv("AIRFLOW_CONN_PARCELS_DB", json.dumps(database))
    monkeypatch.setenv("AIRFLOW_CONN_SLACK_TEST", json.dumps(connection))
    return tmp_path


def load() -> DagBag:
    from airflow.dag_processing.dagbag import DagBag

    return DagBag(str(ROOT / "dags"))


def write_pipeline(project: Path, name: str, old: str = "", new: str = "") -> None:
    text = PIPELINE.replace("ENDPOINT", '"python:parcels:model"').replace("pipeline: parcels", f"pipeline: {name}")
    assert old in text
    (project / f"include/pipelines/{name}.yaml").write_text(text.replace(old, new) if old else text)


def run(bag: DagBag, part: str, conf: dict[str, str] | None = None) -> tuple[str, dict[str, str]]:
    """Return the state of the run, and of each task."""
    given = {"from": WINDOW.start.isoformat(), "to": WINDOW.end.isoformat()} if conf is None else conf
    done = bag.dags[f"parcels__{part}"].test(run_conf=given)
    return str(done.state), {task.task_id: str(task.state) for task in done.get_task_instances()}


def open_store(project: Path) -> Store:
    return Store.open(f"sqlite:///{project / 'data' / 'seamwatch.db'}")


def test_every_pipeline_file_gives_its_dags_and_nothing_else(project: Path) -> None:
    bag = load()
    assert bag.import_errors == {}
    assert set(bag.dags) == {
        "seamwatch__delivery",
        "seamwatch__maintenance",
        "seamwatch__weekly_review",
        *(f"parcels__{part}" for part in (*PARTS, "slo", "runbook")),
    }
    assert {Path(dag.fileloc).name for dag in bag.dags.values()} == {"reliability.py"}


def test_the_dags_survive_the_way_through_airflows_database(project: Path) -> None:
    from airflow.serialization.serialized_objects import DagSerialization

    for dag in load().dags.values():
        known = DagSerialization.from_dict(json.loads(json.dumps(DagSerialization.to_dict(dag))))
        assert {task.task_id for task in known.tasks} == {task.task_id for task in dag.tasks}
        assert known.tags == dag.tags


def test_a_cron_schedule_has_data_intervals_and_the_others_wait_for_assets(project: Path) -> None:
    write_pipeline(project, "hourly", "key: id", 'key: id\nschedule: "0 * * * *"')
    bag = load()
    assert type(bag.dags["hourly__validate"].timetable).__name__ == "CronDataIntervalTimetable"
    assert [asset.uri for asset in bag.dags["hourly__isolate"].timetable.asset_condition.objects] == [
        "seamwatch://hourly/validated"
    ]


def test_an_asset_of_data_starts_the_checks_instead_of_a_schedule(project: Path) -> None:
    write_pipeline(project, "eventful", "key: id", "key: id\nasset: s3://lake/parcels")
    dag = load().dags["eventful__validate"]
    assert [asset.uri for asset in dag.timetable.asset_condition.objects] == ["s3://lake/parcels"]
    assert [asset.uri for asset in dag.get_task("open-window").inlets] == ["s3://lake/parcels"]


def test_an_asset_of_calls_starts_looks_for_loops_and_a_loop_starts_a_whole_look_beside_the_clock(
    project: Path,
) -> None:
    from airflow.serialization.serialized_objects import DagSerialization

    write_pipeline(project, "agents", "key: id", "key: id\nmonitoring: {cost: {calls_asset: s3://lake/calls}}")
    bag = load()
    calls, slo = bag.dags["agents__calls"], bag.dags["agents__slo"]
    assert [asset.uri for asset in calls.timetable.asset_condition.objects] == ["s3://lake/calls"]
    assert [asset.uri for asset in calls.get_task("look").outlets] == ["seamwatch://agents/loop"]
    known = DagSerialization.from_dict(json.loads(json.dumps(DagSerialization.to_dict(slo)))).timetable
    assert type(known).__name__ == "AssetOrTimeSchedule"
    assert [asset.uri for asset in known.asset_condition.objects] == ["seamwatch://agents/loop"]
    alone = DagSerialization.from_dict(json.loads(json.dumps(DagSerialization.to_dict(bag.dags["parcels__slo"]))))
    # By the clock both run alike.
    assert known.timetable.serialize() == alone.timetable.serialize()
    assert known.periodic


def test_a_look_for_loops_that_finds_none_is_skipped_and_starts_nothing(project: Path) -> None:
    write_pipeline(project, "agents", "key: id", "key: id\nmonitoring: {cost: {calls_asset: s3://lake/calls}}")
    done = load().dags["agents__calls"].test()
    assert [(one.task_id, str(one.state)) for one in done.get_task_instances()] == [("look", "skipped")]
    assert str(done.state) == "success"


def test_where_slots_are_few_the_way_to_a_message_goes_before_gates_and_reports(project: Path) -> None:
    dags = load().dags
    weights = {
        f"{part}.{task.task_id}": task.priority_weight
        + sum(dag.get_task(name).priority_weight for name in task.get_flat_relative_ids(upstream=False))
        for part in ("validate", "isolate", "incidents")
        for dag in [dags[f"parcels__{part}"]]
        for task in dag.tasks
    }
    late = (".gate", ".report", ".call-runbook", ".find-others", ".attribute-others")
    aside = [weight for name, weight in weights.items() if name.endswith(late)]
    on_the_way = [weight for name, weight in weights.items() if not name.endswith(late)]
    assert aside
    assert max(aside) < min(on_the_way)


def test_retries_grow(project: Path) -> None:
    dag = load().dags["parcels__validate"]
    check, gate = dag.get_task("orders.check"), dag.get_task("orders.gate")
    assert (check.retries, gate.retries) == (2, 2)
    assert check.retry_exponential_backoff > 1
    assert check.retry_delay < check.max_retry_delay == timedelta(minutes=10)


def test_a_person_may_give_a_window_with_a_time_zone(project: Path) -> None:
    dag = load().dags["parcels__validate"]
    assert dag.params.get_param("from").schema["format"] == "date-time"
    assert dag.params.get_param("to").description.startswith("ISO 8601 with a time zone")


def test_the_parameters_of_every_dag_keep_to_their_own_schemas(project: Path) -> None:
    dags = load().dags
    assert dags["parcels__runbook"].params.get_param("incident").schema["type"] == ["null", "string"]
    for dag in dags.values():
        assert set(dag.params.validate().values()) <= {None}


def test_the_spec_that_travels_with_a_task_is_the_one_that_was_parsed(project: Path) -> None:
    task = load().dags["parcels__validate"].get_task("request.check")
    known = load_project(project).pipeline("parcels")
    assert Pipeline.model_validate(json.loads(json.dumps(task.pipeline))) == known


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("kind: sink", "kind: sunk", "stages.routing.kind"),
        ("key: id", 'key: id\nschedule: "0 25 * * *"', "0 25 * * *"),
        ("key: id", "key: id\nschedule: nonsense", "a cron expression has five fields"),
        ("key: id", "key: id\nstart_date: tomorrow", "tomorrow"),
    ],
)
def test_a_broken_pipeline_is_an_import_error_that_stops_no_other(project: Path, old: str, new: str, told: str) -> None:
    write_pipeline(project, "broken", old, new)
    bag = load()
    assert set(bag.dags) == {
        "seamwatch__delivery",
        "seamwatch__maintenance",
        "seamwatch__weekly_review",
        *(f"parcels__{part}" for part in (*PARTS, "slo", "runbook")),
    }
    ((file, text),) = bag.import_errors.items()
    assert Path(file).name == "reliability_problems.py"
    assert "include/pipelines/broken.yaml" in text
    assert told in text
    assert "parcels.yaml" not in text


def test_parsing_loads_nothing_heavy(project: Path) -> None:
    heavy = ("pandas", "numpy", "scipy", "sklearn", "great_expectations", "matplotlib", "slack_sdk")
    code = (
        "import json, runpy, sys; found = runpy.run_path('dags/reliability.py'); "
        "dags = sorted(name for name in found if '__' in name and not name.startswith('_')); "
        f"print(json.dumps([dags, [name for name in {heavy} if name in sys.modules]]))"
    )
    out = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, env=os.environ, capture_output=True, text=True, check=True
    )
    names, loaded = json.loads(out.stdout.splitlines()[-1])
    assert names == [
        *(f"parcels__{part}" for part in ("incidents", "isolate", "runbook", "slo", "validate")),
        "seamwatch__delivery",
        "seamwatch__maintenance",
        "seamwatch__weekly_review",
    ]
    assert loaded == []


def test_a_task_builds_its_own_dag_and_no_other(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from airflow.sdk.definitions.context import _AIRFLOW_PARSING_CONTEXT_DAG_ID as NAME

    for wanted in ("parcels__isolate", "seamwatch__delivery"):
        whole = load().dags[wanted]
        with monkeypatch.context() as patched:
            patched.setenv(NAME, wanted)
            bag = load()
        assert list(bag.dags) == [wanted]
        assert bag.dags[wanted].task_ids == whole.task_ids
    with monkeypatch.context() as patched:
        patched.setenv(NAME, "parcels__unheard_of")
        assert load().dags == {}


def test_a_broken_seam_is_red_and_is_attributed_all_the_same(project: Path) -> None:
    bag = load()
    state, tasks = run(bag, "validate")
    assert state == "failed"
    assert {name for name, how in tasks.items() if how != "success"} == {"request.gate"}
    # No other window is due.
    others = {"find-others": "success", "attribute-others": "skipped"}
    assert run(bag, "isolate") == ("success", {"attribute": "success", **others})
    state, tasks = run(bag, "incidents")
    assert (state, set(tasks.values())) == ("success", {"success"})
    (incident,) = open_store(project).incidents("parcels")
    assert (incident.state, incident.stage) == (IncidentState.OPEN, "request")
    assert (project / "data" / "reports" / incident.id / "report.html").is_file()


def test_a_gate_says_what_broke_where(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run(load(), "validate")
    told = capsys.readouterr().out
    assert f"AirflowFailException: stage request of parcels, window {WINDOW.id}:" in told
    (line,) = {line for line in told.splitlines() if line.startswith("- product: ")}
    assert "keys " in line


def test_a_stage_that_only_records_keeps_its_gate_green(project: Path) -> None:
    path = project / "include/pipelines/parcels.yaml"
    path.write_text(path.read_text().replace("name: request,", "name: request, on_fail: record,"))
    state, tasks = run(load(), "validate")
    assert (state, set(tasks.values())) == ("success", {"success"})


def test_a_check_that_could_not_run_is_red_and_the_window_is_published_all_the_same(project: Path) -> None:
    path = project / "include/pipelines/parcels.yaml"
    path.write_text(path.read_text().replace("table: results", "table: no_such_table"))
    state, tasks = run(load(), "validate")
    assert state == "failed"
    assert tasks["result.gate"] == "failed"
    assert tasks["publish-window"] == "success"


def test_without_a_connection_every_gate_is_red(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AIRFLOW_CONN_PARCELS_DB")
    state, tasks = run(load(), "validate")
    assert state == "failed"
    assert {name for name, how in tasks.items() if how == "failed"} == {n for n in tasks if n.endswith(".gate")}


@pytest.mark.parametrize(
    "conf",
    [
        {},
        {"from": "2026-01-05T00:00:00+00:00"},
        {"from": "2026-01-06T00:00:00+00:00", "to": "2026-01-05T00:00:00+00:00"},
        {"from": "2026-01-05T00:00:00", "to": "2026-01-06T00:00:00"},
    ],
    ids=["no interval", "half", "backwards", "no zone"],
)
def test_a_run_without_a_sound_window_fails_and_touches_nothing(project: Path, conf: dict[str, str]) -> None:
    state, tasks = run(load(), "validate", conf)
    assert state == "failed"
    assert tasks["open-window"] == "failed"
    assert "success" not in tasks.values()


def test_a_message_that_cannot_be_sent_makes_the_run_red(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AIRFLOW_CONN_SLACK_TEST")
    bag = load()
    run(bag, "isolate")
    state, tasks = run(bag, "incidents")
    assert state == "failed"
    assert {name: how for name, how in tasks.items() if how != "success"} == {"deliver": "failed"}


def test_slack_is_told_by_the_task_that_decides(project: Path, slack: SlackReceiver) -> None:
    bag = load()
    run(bag, "isolate")
    n_before, shown = len(slack.messages), dict[str, Any]()
    context: Any = {
        "params": {"from": WINDOW.start.isoformat(), "to": WINDOW.end.isoformat()},
        "ti": SimpleNamespace(xcom_push=lambda *, key, value: shown.update({key: value})),
    }
    called = bag.dags["parcels__incidents"].get_task("decide").execute(context)
    (head,) = [message for message in slack.messages[n_before:] if message.thread_ts is None]
    assert "Integration failure at request" in head.text
    assert (shown["windows"], len(called)) == ([WINDOW.id], 1)
    # Whoever comes after it has nothing left to tell.
    n_told = len(slack.messages)
    assert run(bag, "incidents")[0] == "success"
    assert [message for message in slack.messages[n_told:] if message.thread_ts is None] == []


def test_an_incident_starts_its_runbook_once_and_only_its_kind_runs(project: Path) -> None:
    bag = load()
    for part in PARTS:
        state, tasks = run(bag, part)
    assert tasks["call-runbook"] == "success"
    with closing(open_store(project)) as store:
        incident = next(one for one in store.incidents("parcels") if one.headline.startswith("Integration"))
    state, tasks = run(bag, "runbook", {"incident": incident.id})
    assert state == "success"
    ran = {name for name, how in tasks.items() if how == "success"}
    assert ran == {"pick", "integration_failure.investigate", "integration_failure.end"}
    assert set(tasks.values()) == {"success", "skipped"}
    with closing(open_store(project)) as store:
        steps = store.runbook_steps(incident.id)
    assert [one.name for one in steps][:2] == ["affected_records", "isolation"]
    assert steps[0].task is not None
    assert steps[0].task.startswith("parcels__runbook/")
    assert run(bag, "incidents")[1]["call-runbook"] == "skipped"


def test_a_step_that_breaks_turns_its_runbook_red_and_stops_no_other(project: Path) -> None:
    own = 'key: id\nrunbooks: {integration_failure: [affected_records, {function: "parcels:no_such"}, fault_location]}'
    (project / "include/pipelines/parcels.yaml").write_text(
        (project / "include/pipelines/parcels.yaml").read_text().replace("key: id", own, 1)
    )
    bag = load()
    for part in PARTS:
        run(bag, part)
    with closing(open_store(project)) as store:
        incident = next(one for one in store.incidents("parcels") if one.headline.startswith("Integration"))
    state, tasks = run(bag, "runbook", {"incident": incident.id})
    assert (state, tasks["integration_failure.investigate"]) == ("failed", "failed")
    with closing(open_store(project)) as store:
        states = {one.name: one.finding.state.value for one in store.runbook_steps(incident.id)}
    assert states == {"affected_records": "found", "no_such": "failed", "fault_location": "found"}


def test_an_action_is_proposed_approved_carried_out_and_checked_by_a_task_each(project: Path) -> None:
    write_pipeline(project, "acting", "key: id", "key: id\nactions: {run_again: {kind: run_again, approve_within: 2h}}")
    dag = load().dags["acting__runbook"]
    group = "integration_failure"
    order = ["investigate", "run_again", "run_again_approve", "run_again_carry_out", "run_again_check", "conclude"]
    for before, after in pairwise(order):
        assert f"{group}.{after}" in dag.get_task(f"{group}.{before}").downstream_task_ids
        assert dag.get_task(f"{group}.{after}").trigger_rule.value == "none_skipped"
    approve = dag.get_task(f"{group}.run_again_approve")
    assert (approve.options, approve.defaults, approve.response_timeout) == (
        ["Approve", "Reject"],
        ["Reject"],
        timedelta(hours=2),
    )
    assert "slack_user" in approve.params
    assert f"{group}.end" in dag.get_task(f"{group}.run_again_check").downstream_task_ids
    assert "stale_knowledge_base.investigate" not in dag.task_ids


def test_a_runbook_without_a_known_incident_fails_and_says_so(project: Path) -> None:
    state, tasks = run(load(), "runbook", {"incident": "parcels-of-no-day"})
    assert state == "failed"
    assert tasks["pick"] == "failed"
