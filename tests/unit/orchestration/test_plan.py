"""Which tasks a pipeline gets, and in which order; no Airflow is needed to know."""

from __future__ import annotations

import json
import subprocess
import sys
from datetime import UTC, datetime

import pytest
from croniter import croniter

from seamwatch.core.watcher_status import DELIVERY_EVERY, MAINTENANCE_AT, SHARED, SLO_EVERY
from seamwatch.orchestration.plan import (
    DagPlan,
    TaskPlan,
    attributed_asset,
    loop_asset,
    plan_delivery,
    plan_maintenance,
    plan_pipeline,
    plan_weekly_review,
    validated_asset,
)
from seamwatch.spec.pipeline import Pipeline
from seamwatch.spec.project import WeeklyReviewSettings
from seamwatch.vocabulary import RecurringJob


def pipeline(**changes: object) -> Pipeline:
    given: dict[str, object] = {
        "pipeline": "triage",
        "description": "Routes tickets.",
        "database": "dw",
        "key": "id",
        "schedule": "*/15 * * * *",
        "owners": {"reliability": "@U01", "knowledge_base": "@U02"},
        "stages": [
            {"name": "export", "kind": "source", "table": "tickets"},
            {"name": "publish", "kind": "mapping", "table": "requests", "reference": "triage.yaml", "input": "export"},
        ],
    }
    return Pipeline.model_validate(given | changes)


@pytest.fixture
def plans() -> dict[str, DagPlan]:
    return {plan.id.rpartition("__")[2]: plan for plan in plan_pipeline(pipeline())}


def tasks(plan: DagPlan) -> dict[str, TaskPlan]:
    found = {task.full_id: task for task in plan.tasks}
    assert len(found) == len(plan.tasks)
    return found


def ends(plan: DagPlan) -> set[str]:
    """Return the tasks that decide whether Airflow calls the run a success."""
    before = {name for task in plan.tasks for name in task.after}
    return set(tasks(plan)) - before


def test_a_stage_is_a_group_of_a_check_and_a_gate(plans: dict[str, DagPlan]) -> None:
    assert set(tasks(plans["validate"])) == {
        "open-window",
        "export.check",
        "export.gate",
        "publish.check",
        "publish.gate",
        "publish-window",
        "window-published",
    }
    gate = tasks(plans["validate"])["export.gate"]
    assert (gate.after, gate.retries, gate.stage) == (("export.check", "window-published"), 2, "export")
    assert tasks(plans["validate"])["window-published"].after == ("publish-window",)


def test_gates_too_are_tried_again_so_that_none_is_red_because_the_store_was_away(plans: dict[str, DagPlan]) -> None:
    tried_once = [task for plan in plans.values() for task in plan.tasks if not task.retries]
    assert [task.full_id for task in tried_once if task.kind == "step"] == []


def test_the_window_is_published_after_every_check_however_it_ended_and_before_the_gates(
    plans: dict[str, DagPlan],
) -> None:
    publish = tasks(plans["validate"])["publish-window"]
    assert set(publish.after) == {"export.check", "publish.check"}
    assert publish.trigger_rule == "all_done"
    assert publish.emits == validated_asset("triage") == "seamwatch://triage/validated"


@pytest.mark.parametrize(
    ("part", "expected"),
    [
        ("validate", {"export.gate", "publish.gate"}),
        ("isolate", {"attribute", "attribute-others"}),
        ("incidents", {"report", "deliver", "call-runbook"}),
    ],
)
def test_every_failure_reaches_an_end_of_the_run(plans: dict[str, DagPlan], part: str, expected: set[str]) -> None:
    plan = plans[part]
    assert ends(plan) == expected
    # A task after which only `all_done` tasks come could fail without the run failing.
    by_id = tasks(plan)
    for name in set(by_id) - ends(plan):
        after = [task for task in plan.tasks if name in task.after]
        assert any(task.trigger_rule == "all_success" for task in after), name


def test_each_dag_starts_the_next_by_an_asset(plans: dict[str, DagPlan]) -> None:
    assert plans["validate"].after_asset is None
    assert plans["validate"].schedule == "*/15 * * * *"
    assert plans["isolate"].after_asset == validated_asset("triage")
    assert tasks(plans["isolate"])["attribute"].emits == attributed_asset("triage")
    assert plans["incidents"].after_asset == attributed_asset("triage")
    for part, names in (("isolate", ("attribute", "find-others")), ("incidents", ("decide", "report"))):
        assert {tasks(plans[part])[name].listens for name in names} == {plans[part].after_asset}


def test_the_way_to_a_message_is_a_process_a_step_once_the_checks_are_done(plans: dict[str, DagPlan]) -> None:
    assert tasks(plans["isolate"])["attribute"].after == ()
    assert tasks(plans["incidents"])["decide"].after == ()


def test_windows_are_attributed_side_by_side_and_decided_in_order(plans: dict[str, DagPlan]) -> None:
    assert [task.id for task in plans["isolate"].tasks if task.is_mapped] == ["attribute-others"]
    assert [task.id for task in plans["incidents"].tasks if task.is_mapped] == ["call-runbook"]
    assert plans["isolate"].max_active_runs == plans["incidents"].max_active_runs == 1


def test_tags_owner_and_documentation_come_from_the_file(plans: dict[str, DagPlan]) -> None:
    for plan in plans.values():
        assert plan.tags == ("seamwatch", "triage")
        assert plan.owner == "@U01"
        assert plan.has_window is not plan.is_about_incident
        assert "| `publish` | mapping | requests | export | triage.yaml |" in plan.doc
        assert "- knowledge base: `@U02`" in plan.doc
        assert "include/pipelines/triage.yaml" in plan.doc


def test_a_query_with_pipes_and_lines_does_not_break_the_table_of_stages() -> None:
    stage = {"name": "export", "kind": "source", "query": "SELECT a || b AS id,\n  c FROM t"}
    doc = plan_pipeline(pipeline(stages=[stage]))[0].doc
    assert "| `export` | source | its query | \N{EN DASH} | none |" in doc


def test_delivery_is_for_all_pipelines_and_never_runs_twice_at_once() -> None:
    plan = plan_delivery()
    assert (plan.id, plan.schedule, plan.max_active_runs, plan.has_window) == (
        "seamwatch__delivery",
        "*/5 * * * *",
        1,
        False,
    )


def test_the_week_is_closed_on_its_own_schedule_and_then_told() -> None:
    plan = plan_weekly_review(WeeklyReviewSettings(schedule="0 6 * * 2"))
    assert (plan.id, plan.schedule, plan.max_active_runs) == ("seamwatch__weekly_review", "0 6 * * 2", 1)
    assert (plan.has_window, plan.is_about_week) == (False, True)
    close, deliver = plan.tasks
    assert (close.step, deliver.step, deliver.after, deliver.retries) == ("close_week", "deliver", (close.id,), 0)


def test_maintenance_deletes_nothing_from_a_damaged_store() -> None:
    plan = plan_maintenance()
    assert (plan.id, plan.schedule, plan.has_window) == ("seamwatch__maintenance", "23 3 * * *", False)
    check, purge = plan.tasks
    assert (check.step, purge.step, purge.after, purge.trigger_rule) == (
        "check_store",
        "purge",
        (check.id,),
        "all_success",
    )


def test_planning_loads_neither_airflow_nor_anything_heavy() -> None:
    heavy = ("airflow", "pandas", "numpy", "sqlalchemy", "great_expectations", "sklearn")
    code = (
        f"import json, sys, seamwatch.orchestration.plan; print(json.dumps([m for m in {heavy} if m in sys.modules]))"
    )
    assert json.loads(subprocess.check_output([sys.executable, "-c", code])) == []


def test_new_calls_start_a_look_for_loops_and_a_loop_a_whole_look(plans: dict[str, DagPlan]) -> None:
    assert "calls" not in plans
    assert plans["slo"].after_asset is None
    told = pipeline(monitoring={"cost": {"calls_asset": "s3://lake/calls"}})
    found = {plan.id.rpartition("__")[2]: plan for plan in plan_pipeline(told)}
    calls, slo = found["calls"], found["slo"]
    # One run at a time, or events that come faster than runs end would start more and more of them.
    assert (calls.after_asset, calls.schedule, calls.max_active_runs) == ("s3://lake/calls", None, 1)
    (look,) = calls.tasks
    assert look.emits == slo.after_asset == loop_asset("triage")
    assert (slo.every, slo.max_active_runs) == (SLO_EVERY, 1)
    assert set(found) - set(plans) == {"calls"}
    off = pipeline(monitoring={"cost": "off"})
    assert "triage__calls" not in {plan.id for plan in plan_pipeline(off)}


def test_what_counts_as_a_missed_run_follows_the_dags_and_their_names() -> None:
    source = {"kind": "git", "connection": "docs", "include": "*.md"}
    index = {"kind": "sql", "table": "chunks", "document": "document", "text": "text"}
    watched = pipeline(knowledge_bases={"handbook": {"source": source, "index": index, "check_every": "3h"}})
    schedules = {plan.id.rpartition("__")[2]: plan.every or plan.schedule for plan in plan_pipeline(watched)}
    jobs = {job.value for job in RecurringJob} - {RecurringJob.DELIVERY.value, RecurringJob.MAINTENANCE.value}
    assert jobs <= set(schedules)
    assert (schedules["slo"], schedules["validate"]) == (SLO_EVERY, watched.schedule)
    assert schedules["freshness"] == watched.knowledge_bases["handbook"].check_every
    delivery = plan_delivery()
    runs = croniter(str(delivery.schedule), datetime(2026, 1, 1, tzinfo=UTC))
    assert delivery.id == f"{SHARED}__{RecurringJob.DELIVERY}"
    maintenance = plan_maintenance()
    assert (maintenance.id, maintenance.schedule) == (f"{SHARED}__{RecurringJob.MAINTENANCE}", MAINTENANCE_AT)
    assert -(runs.get_next(datetime) - runs.get_next(datetime)) == DELIVERY_EVERY


@pytest.mark.parametrize("forms", [0, 5])
def test_answers_are_put_before_people_where_a_review_is_asked_for(forms: int) -> None:
    review = {"review": {"forms": forms}, "outcome": {"people": True}}
    found = {plan.id: plan for plan in plan_pipeline(pipeline(**review))}["triage__review"]
    assert list(tasks(found)) == (["draw", "judge"] if forms else ["draw"])
    assert found.schedule == "@daily"
    assert "triage__review" not in {plan.id for plan in plan_pipeline(pipeline())}
