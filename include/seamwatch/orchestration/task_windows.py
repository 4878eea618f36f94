"""Which window a task is about: that of its params, of the events that started its run, or of its data interval."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import TYPE_CHECKING, Any

from seamwatch.core.results import Window
from seamwatch.errors import DataContractError
from seamwatch.orchestration.data_events import window_of_events

if TYPE_CHECKING:
    from airflow.sdk import Context

    from seamwatch.orchestration.operators import StepOperator


def open_window(task: StepOperator, context: Context) -> str:
    """Return the id of the run's window: the params `from` and `to`, what its events name, else its data interval."""
    given = param_window(context)
    if given is not None:
        return given.id
    events = _events(task, context)
    if events:
        return window_of_events(event.extra for event in events).id
    start, end = context.get("data_interval_start"), context.get("data_interval_end")
    if start is None or end is None or start >= end:
        msg = f"{task.dag_id}: this run has no data interval; fill in the params 'from' and 'to'"
        raise DataContractError(msg)
    return Window(start=start, end=end).id


def find_windows(task: StepOperator, context: Context) -> list[str]:
    """Return the ids of all windows that started the run, oldest first, or the params' own.

    Asset events that queue up while the DAG is busy start one run together, but Airflow hands that run only those up
    to the first of them (3.3, `_create_dag_runs_asset_triggered`); the others would wait for whatever comes next. So
    the later events of the asset are read too. A window that the next run meets again gives the same results.
    """
    given = param_window(context)
    if given is not None:
        return [given.id]
    return sorted(_windows_of(task, _events(task, context)))


def _windows_of(task: StepOperator, events: Iterable[Any]) -> set[str]:
    found = {window for event in events for window in (event.extra or {}).get("windows", ())}
    if not found:
        msg = f"{task.dag_id}: started by no window; fill in the params 'from' and 'to'"
        raise DataContractError(msg)
    return found


def _events(task: StepOperator, context: Context) -> list[Any]:
    """Return the asset events that started the run, and later ones; none where a schedule or a person started it."""
    if not task.inlets:
        return []
    events: list[Any] = [event for of_asset in context["triggering_asset_events"].values() for event in of_asset]
    run_after = context["dag_run"].run_after.isoformat()
    for asset in task.inlets:
        events += context["inlet_events"][asset].after(run_after)
    return events


def own_window(task: StepOperator, context: Context) -> Window:
    """Return the window that started the run, the oldest of several, or the params' own.

    Two tasks of a run agree on it, whenever they run: events that came later do not count here.
    """
    given = param_window(context)
    if given is not None:
        return given
    triggering = (event for of_asset in context["triggering_asset_events"].values() for event in of_asset)
    return Window.from_id(min(_windows_of(task, triggering)))


def task_window(task: StepOperator) -> Window:
    """Return the window that the task before handed on."""
    if not isinstance(task.window, str):
        msg = f"{task.dag_id}.{task.task_id} has no window: the task that finds it failed"
        raise DataContractError(msg)
    return Window.from_id(task.window)


def param_window(context: Context) -> Window | None:
    """Return the window of the params `from` and `to`; None where a person gave none."""
    params = context.get("params") or {}
    given = {name: params.get(name) or None for name in ("from", "to")}
    if not any(given.values()):
        return None
    lacking = [name for name, text in given.items() if text is None]
    if lacking:
        msg = f"the params 'from' and 'to' go together; {lacking[0]!r} is empty"
        raise DataContractError(msg)
    return Window(start=_moment("from", str(given["from"])), end=_moment("to", str(given["to"])))


def _moment(param: str, text: str) -> datetime:
    try:
        return datetime.fromisoformat(text)
    except ValueError as error:
        msg = f"param {param!r}: {text!r} is no ISO 8601 time; write it as 2026-11-23T08:00:00+01:00"
        raise DataContractError(msg) from error
