"""Plans to Airflow DAGs. The only place that knows Airflow's classes for DAGs, groups, assets and params."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

from airflow.sdk import (
    DAG,
    Asset,
    AssetOrTimeSchedule,
    CronDataIntervalTimetable,
    DeltaTriggerTimetable,
    Param,
    TaskGroup,
)

from seamwatch.errors import Problem, SpecError
from seamwatch.orchestration.dag_plan import DagPlan, TaskPlan
from seamwatch.orchestration.operators import IncidentOperator, StepOperator
from seamwatch.orchestration.project_plan import plan_project

_MOST_CHARS = 300
"""Of an error's text: a mistake in one pipeline must not fill the page of import errors."""
_RETRY_DELAY = timedelta(seconds=30)
_RETRY_FACTOR = 2.0
_MAX_RETRY_DELAY = timedelta(minutes=10)
_ON_THE_WAY = 10
"""Weight of a task that a message to people waits for; that of another is one."""


def build_dags(project_dir: Path, *, only: str | None = None) -> dict[str, DAG]:
    """Return the DAGs of every pipeline file without a mistake, by id; see `raise_problems` for the others.

    Args:
        project_dir: Holds `include/pipelines`.
        only: The one DAG that is wanted, as in the process of a task, which needs no other; None: all.
    """
    dags, _ = _build(project_dir, only)
    return dags


def raise_problems(project_dir: Path) -> None:
    """Raise SpecError with the mistakes of all broken pipeline files, if there are any.

    Airflow keeps import errors by DAG file, and one stops the schedule of every DAG of its file. So this is called
    from a file of its own: the broken pipelines show there, and the DAGs of the others go on.
    """
    _, problems = _build(project_dir)
    if problems:
        raise SpecError(problems)


def _build(project_dir: Path, only: str | None = None) -> tuple[dict[str, DAG], list[Problem]]:
    plan, problems = plan_project(project_dir)
    dags = _build_plans(plan.shared, project_dir, None, only)
    for name, plans in plan.dags.items():
        try:
            dags |= _build_pipeline(plans, project_dir, plan.specs[name], only)
        except Exception as error:
            # What only Airflow can judge, and what nobody foresaw: it must not stop the other pipelines either.
            said = f"{type(error).__name__}: {str(error)[:_MOST_CHARS]}"
            text = f"Airflow refuses the DAGs of this pipeline: {said}"
            problems.append(Problem(file=f"include/pipelines/{name}.yaml", text=text))
    return dags, problems


def _build_plans(
    plans: Iterable[DagPlan], project_dir: Path, spec: dict[str, Any] | None, only: str | None
) -> dict[str, DAG]:
    return {plan.id: build_dag(plan, project_dir, spec) for plan in plans if only in (None, plan.id)}


def _build_pipeline(
    plans: Iterable[DagPlan], project_dir: Path, spec: dict[str, Any], only: str | None
) -> dict[str, DAG]:
    dags = _build_plans(plans, project_dir, spec, only)
    for dag in dags.values():
        dag.validate()  # type: ignore[no-untyped-call]
    return dags


def build_dag(plan: DagPlan, project_dir: Path, spec: dict[str, Any] | None) -> DAG:
    """Return the DAG of a plan; `spec` is what the file of its pipeline says, as JSON has it."""
    dag = DAG(
        dag_id=plan.id,
        description=plan.description,
        schedule=_schedule(plan),
        start_date=datetime.fromisoformat(f"{plan.start_date}T00:00:00+00:00"),
        catchup=False,
        auto_register=False,  # the DAG file names them itself; the file of problems builds them and must not
        max_active_runs=plan.max_active_runs,
        tags=list(plan.tags),
        doc_md=plan.doc,
        default_args={
            "owner": plan.owner,
            "retry_delay": _RETRY_DELAY,
            "retry_exponential_backoff": _RETRY_FACTOR,
            "max_retry_delay": _MAX_RETRY_DELAY,
        },
    )
    shared = {"project_dir": str(project_dir), "pipeline": spec}
    with dag:
        groups: dict[str, TaskGroup] = {}
        made: dict[str, Any] = {}
        for task in plan.tasks:
            if task.group and task.group not in groups:
                groups[task.group] = TaskGroup(group_id=task.group)
            made[task.full_id] = _task(task, shared, groups, made)
            if task.after:
                made[task.full_id].set_upstream([made[before] for before in task.after])
    # Last: Airflow copies the parameters that a DAG has into each of its tasks, once for each class of the operator,
    # and judges their schemas in each DAG. A run reads them from the DAG, and a test judges ours once for all.
    dag.params.update(_params(plan))
    return dag


def _task(task: TaskPlan, shared: dict[str, Any], groups: dict[str, TaskGroup], made: dict[str, Any]) -> Any:
    if task.kind == "approval":
        return _approval(task, groups, made)
    if task.kind == "label_form":
        return _label_form(task, shared, made)
    if task.kind == "end":
        return _end(task, groups)
    kind = IncidentOperator if task.has_report_link else StepOperator
    arguments: dict[str, Any] = {
        **shared,
        "task_id": task.id,
        "step": task.step,
        "stage": task.stage,
        "part": task.part,
        "dag_to_run": task.dag,
        "trigger_rule": task.trigger_rule,
        "retries": task.retries,
        # Airflow adds the weights of all tasks after one to its own.
        "priority_weight": _ON_THE_WAY if task.is_on_the_way else 1,
    }
    if task.listens:
        arguments["inlets"] = [_asset(task.listens)]
    if task.emits:
        arguments["outlets"] = [_asset(task.emits)]
    if task.group:
        arguments["task_group"] = groups[task.group]
    if task.window_from is None:
        return kind(**arguments)
    windows = made[task.window_from].output
    if task.is_mapped:
        return kind.partial(**arguments).expand(window=windows)
    return kind(**arguments, window=windows)


def _end(task: TaskPlan, groups: dict[str, TaskGroup]) -> Any:
    """Return a task that the scheduler ends by itself, without a process."""
    from airflow.providers.standard.operators.empty import EmptyOperator

    return EmptyOperator(task_id=task.id, task_group=groups[task.group] if task.group else None)


def _approval(task: TaskPlan, groups: dict[str, TaskGroup], made: dict[str, Any]) -> Any:
    """Return a task that waits for a person's answer."""
    # Few pipelines have such tasks, and every parse of the DAG file would pay a fifth of a second for this import.
    from seamwatch.orchestration.approval import ApprovalStep, answer_form

    assert task.text_from is not None
    assert task.group is not None
    assert task.timeout is not None
    proposed = made[task.text_from].output
    return ApprovalStep(
        task_id=task.id,
        task_group=groups[task.group],
        # The texts are what the task before returned: they are shown, never taken for templates themselves.
        subject=proposed["subject"],
        body=proposed["text"],
        response_timeout=task.timeout,
        trigger_rule=task.trigger_rule,
        retries=task.retries,
        **answer_form(),
    )


def _label_form(task: TaskPlan, shared: dict[str, Any], made: dict[str, Any]) -> Any:
    """Return a task that shows answers to people, one instance each."""
    from seamwatch.orchestration.label_form import LabelForm, label_form

    assert task.window_from is not None
    mapped = LabelForm.partial(
        task_id=task.id,
        project_dir=shared["project_dir"],
        response_timeout=task.timeout,
        retries=task.retries,
        **label_form(),
    )
    return mapped.expand(item=made[task.window_from].output)


@cache
def _asset(uri: str) -> Asset:
    return Asset(uri)


def _schedule(plan: DagPlan) -> Any:
    if plan.after_asset is not None:
        assets = [_asset(plan.after_asset)]
        if plan.every is not None:
            return AssetOrTimeSchedule(assets=assets, timetable=DeltaTriggerTimetable(plan.every))
        return assets
    if plan.schedule is None or plan.pipeline is None:
        return plan.every or plan.schedule
    # A window is the data interval of a run, so the timetable must have intervals.
    return CronDataIntervalTimetable(plan.schedule, timezone="UTC")


def _params(plan: DagPlan) -> dict[str, Any]:
    if plan.is_about_incident:
        about = "As `seamwatch incidents` and the page of the incident name it."
        return {"incident": Param(None, type=["null", "string"], title="Incident", description=about)}
    if plan.is_about_week:
        about = "ISO 8601, as 2026-W45. Leave it empty for the last one that is over."
        return {"week": Param(None, type=["null", "string"], title="Week", description=about)}
    asked = {}
    if plan.has_gate:
        about = "What asks the gate, as a version: its answer is kept for the weekly review. Empty: nothing asks."
        asked["release"] = Param(None, type=["null", "string"], title="Release", description=about)
    return {**(_window_params() if plan.has_window else {}), **asked}


def _window_params() -> dict[str, Any]:
    about = "ISO 8601 with a time zone. Leave both empty for the window that starts the run by itself."
    return {
        name: Param(None, type=["null", "string"], format="date-time", title=title, description=about)
        for name, title in (("from", "Window from"), ("to", "Window to"))
    }
