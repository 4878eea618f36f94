"""Plans to Airflow DAGs. The only place that knows Airflow's classes for DAGs, groups, assets and params."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from airflow.sdk import DAG, Asset, Param, TaskGroup
from airflow.timetables.interval import CronDataIntervalTimetable

from seamwatch.errors import SpecError
from seamwatch.orchestration.operators import StepOperator
from seamwatch.orchestration.plan import DagPlan, TaskPlan, plan_delivery, plan_pipeline
from seamwatch.spec.load import load_project

_RETRY_DELAY = timedelta(seconds=30)


def build_dags(project_dir: Path) -> dict[str, DAG]:
    """Return the DAGs of every pipeline file without a mistake, by id; see `raise_problems` for the others."""
    project = load_project(project_dir)
    plans = [plan for pipeline in project.pipelines.values() for plan in plan_pipeline(pipeline)]
    return {plan.id: build_dag(plan, project_dir) for plan in [*plans, plan_delivery()]}


def raise_problems(project_dir: Path) -> None:
    """Raise SpecError with the mistakes of all broken pipeline files, if there are any.

    Airflow keeps import errors by DAG file, and an error stops every DAG of its file. So this is called from a file
    of its own: the broken pipelines show there, and the DAGs of the others go on.
    """
    problems = load_project(project_dir).problems
    if problems:
        raise SpecError(problems)


def build_dag(plan: DagPlan, project_dir: Path) -> DAG:
    """Return the DAG of a plan."""
    dag = DAG(
        dag_id=plan.id,
        description=plan.description,
        schedule=_schedule(plan),
        start_date=datetime.fromisoformat(f"{plan.start_date}T00:00:00+00:00"),
        catchup=False,
        max_active_runs=1 if plan.pipeline is None else 4,
        tags=list(plan.tags),
        doc_md=plan.doc,
        params=_window_params() if plan.has_window else {},
        default_args={
            "owner": plan.owner,
            "retry_delay": _RETRY_DELAY,
            "retry_exponential_backoff": True,
            "max_retry_delay": timedelta(minutes=10),
        },
        render_template_as_native_obj=False,
    )
    with dag:
        groups: dict[str, TaskGroup] = {}
        made: dict[str, Any] = {}
        for task in plan.tasks:
            if task.group and task.group not in groups:
                groups[task.group] = TaskGroup(group_id=task.group)
            made[task.full_id] = _task(task, plan, project_dir, groups, made)
            for before in task.after:
                made[before] >> made[task.full_id]
    return dag


def _task(task: TaskPlan, plan: DagPlan, project_dir: Path, groups: dict[str, TaskGroup], made: dict[str, Any]) -> Any:
    arguments: dict[str, Any] = {
        "task_id": task.id,
        "step": task.step,
        "project_dir": str(project_dir),
        "pipeline": None if plan.pipeline is None else plan.pipeline.model_dump(mode="json", by_alias=True),
        "stage": task.stage,
        "has_report_link": task.has_report_link,
        "trigger_rule": task.trigger_rule,
        "retries": task.retries,
    }
    if task.emits:
        arguments["outlets"] = [Asset(task.emits)]
    if task.group:
        arguments["task_group"] = groups[task.group]
    if task.window_from is None:
        return StepOperator(**arguments)
    windows = made[task.window_from].output
    if task.is_mapped:
        return StepOperator.partial(**arguments).expand(window=windows)
    return StepOperator(**arguments, window=windows)


def _schedule(plan: DagPlan) -> Any:
    if plan.after_asset is not None:
        return [Asset(plan.after_asset)]
    if plan.schedule is None or plan.pipeline is None:
        return plan.schedule
    # A window is the data interval of a run, so the timetable must have intervals.
    return CronDataIntervalTimetable(plan.schedule, timezone="UTC")


def _window_params() -> dict[str, Any]:
    about = "ISO 8601 with a time zone. Leave both empty for the run's own window."
    return {
        name: Param(None, type=["null", "string"], format="date-time", title=title, description=about)
        for name, title in (("from", "Window from"), ("to", "Window to"))
    }
