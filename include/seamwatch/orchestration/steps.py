"""What the tasks do: one use case of the engine each. Imported when a task runs, never when a DAG file is parsed.

Each imports its use case when it runs: the process of a task, a new one each time, loads what this task needs.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException

from seamwatch.core.results import Check, Window
from seamwatch.errors import AdapterError, DataContractError, StoreError
from seamwatch.orchestration.deps import open_deps
from seamwatch.orchestration.plan import attributed_asset, validated_asset
from seamwatch.orchestration.task_windows import find_windows, open_window, own_window, param_window, task_window
from seamwatch.report.links import Links
from seamwatch.report.text import visible
from seamwatch.spec.pipeline import Pipeline
from seamwatch.vocabulary import RecurringJob, Severity

if TYPE_CHECKING:
    from airflow.sdk import Context

    from seamwatch.core.freshness_results import DocumentAnswers, FreshnessCheck
    from seamwatch.core.incident_life import IncidentChange
    from seamwatch.engine.deps import Deps
    from seamwatch.orchestration.operators import StepOperator

WINDOWS = "windows"
"""Under this name `decide` shows which windows it decided on."""
_KEYS_TOLD = 5


def find_other_windows(task: StepOperator, context: Context) -> list[str]:
    """Return the windows to attribute beside the run's own: started it too, or their missing truths may have come."""
    from seamwatch.engine.attribute import windows_to_revisit

    if param_window(context) is not None:
        return []
    pipeline, found = _pipeline(task), find_windows(task, context)
    with open_deps(task.project_dir) as deps:
        again = [window.id for window in windows_to_revisit(deps, pipeline)]
    return sorted({*found, *again} - {own_window(task, context).id})


def draw_answers(task: StepOperator, context: Context) -> list[str]:
    """Draw answers of the run's window for people to judge; return the ids of those that wait as forms.

    A scheduled window is moved back by `settle`, so that its last records have had their time to arrive.
    """
    from seamwatch.engine.review.draw import draw_for_review

    pipeline = _pipeline(task)
    assert pipeline.review is not None
    window = Window.from_id(open_window(task, context))
    if param_window(context) is None:
        window = Window(start=window.start - pipeline.settle, end=window.end - pipeline.settle)
    with open_deps(task.project_dir) as deps:
        found = draw_for_review(deps, pipeline, window)
        waiting = deps.store.review_items(pipeline.pipeline, is_answered=False, since=window.start)
    task.log.info("%s of %s answers were drawn", found.n_drawn, found.n_answers)
    mine = [one.id for one in waiting if one.record_at < window.end and one.form_task is None]
    return mine[: pipeline.review.forms]


def check(task: StepOperator, context: Context) -> dict[str, int]:
    """Check one stage and record what was found; green also when much was found."""
    from seamwatch.engine.validate import check_stage

    del context
    pipeline = _pipeline(task)
    with open_deps(task.project_dir) as deps:
        result = check_stage(deps, pipeline, pipeline.stage(task.stage or ""), task_window(task))
    return {
        "records": result.n_records,
        "lost": result.n_lost,
        "crossed": result.n_crossed,
        "discrepant": result.n_discrepant,
        "failed_checks": sum(check.is_critical for check in result.checks),
    }


def gate(task: StepOperator, context: Context) -> None:
    """Turn red on a critical finding of the stage, at once: the grid then shows where it broke."""
    del context
    pipeline, window = _pipeline(task), task_window(task)
    stage = pipeline.stage(task.stage or "")
    with open_deps(task.project_dir) as deps:
        found = [r for r in deps.store.stage_results(pipeline.pipeline, window) if r.stage == stage.name]
        if not found:
            msg = f"{pipeline.pipeline}.{stage.name} was not checked in window {window.id}"
            raise DataContractError(msg)
        critical = [one for one in found[0].checks if one.is_critical]
        where = Links.under(deps.ui_url, pipeline=pipeline.pipeline, incident_id="").data_docs_of(found[0].data_docs)
    if critical and stage.on_fail == "block":
        lines = [f"stage {stage.name} of {pipeline.pipeline}, window {window.id}:", *map(_told, critical)]
        raise AirflowFailException("\n".join([*lines, *([f"Data Docs: {where}"] if where else [])]))
    for one in critical:
        task.log.warning("%s", visible(_told(one)))


def publish_validated(task: StepOperator, context: Context) -> None:
    """Tell the next DAG that the window's stages were checked."""
    from seamwatch.engine.heartbeat import note_job

    if param_window(context) is None:
        pipeline = _pipeline(task)
        with open_deps(task.project_dir) as deps:
            note_job(deps, pipeline, RecurringJob.VALIDATE)
    _publish(context, validated_asset(_pipeline(task).pipeline), [task_window(task).id])


def attribute(task: StepOperator, context: Context) -> dict[str, int]:
    """Attribute one window, the run's own where it is given no other, and tell the next DAG that it was."""
    from seamwatch.engine.attribute import attribute_window
    from seamwatch.engine.heartbeat import note_job

    pipeline = _pipeline(task)
    window = own_window(task, context) if task.window is None else task_window(task)
    with open_deps(task.project_dir) as deps:
        is_asked = param_window(context) is not None
        found = attribute_window(deps, pipeline, window, is_asked=is_asked)
        if not is_asked:
            note_job(deps, pipeline, RecurringJob.ISOLATE)
    task.log.info("%s", visible(found.leading.headline) if found.leading else "no incident")
    _publish(context, attributed_asset(pipeline.pipeline), [window.id])
    return {"failing": found.n_failing, "pending": found.n_pending, "calls": found.isolation.calls}


def decide(task: StepOperator, context: Context) -> list[list[str]]:
    """Open, update and resolve incidents, window by window; tell of them; return whose runbooks are to be run."""
    from seamwatch.engine.heartbeat import note_job
    from seamwatch.engine.incidents import decide_incidents
    from seamwatch.orchestration.runbook_tasks import called_runbooks

    pipeline, windows = _pipeline(task), find_windows(task, context)
    context["ti"].xcom_push(key=WINDOWS, value=windows)
    with open_deps(task.project_dir) as deps:
        changes = [change for one in windows for change in decide_incidents(deps, pipeline, Window.from_id(one))]
        if param_window(context) is None:
            note_job(deps, pipeline, RecurringJob.INCIDENTS)
        _tell(task, deps, changes)
        task.report_url = _report_url(deps.ui_url, pipeline, {change.incident.id for change in changes})
        return called_runbooks(deps, pipeline, changes, context)


def report(task: StepOperator, context: Context) -> int:
    """Write the reports of the windows' incidents; return how many files."""
    from seamwatch.engine.incidents import write_reports

    pipeline, windows = _pipeline(task), find_windows(task, context)
    with open_deps(task.project_dir) as deps:
        written = [path for one in windows for path in write_reports(deps, pipeline, Window.from_id(one))]
        task.report_url = _report_url(deps.ui_url, pipeline, {path.parent.name for path in written})
    return len(written)


def _tell(task: StepOperator, deps: Deps, changes: Sequence[IncidentChange]) -> None:
    """Send what is due of the incidents at once: who reads it need not wait for another task to start.

    What was not sent stays in the outbox for `deliver`, which comes next and is red where that fails too.
    """
    from seamwatch.engine.deliver import deliver_incidents

    try:
        deliver_incidents(deps, dict.fromkeys(change.incident.id for change in changes))
    except StoreError as error:
        task.log.warning("not delivered yet, left to the next delivery: %s", visible(str(error)))


def check_freshness(task: StepOperator, context: Context) -> dict[str, int]:
    """Check a knowledge base, as of the window's end where a person gave one; green also when much is outdated."""
    from seamwatch.engine.freshness import check_knowledge_base
    from seamwatch.engine.heartbeat import note_job

    pipeline, given = _pipeline(task), param_window(context)
    with open_deps(task.project_dir) as deps:
        found = check_knowledge_base(deps, pipeline, task.stage or "", now=given.end if given is not None else None)
        if given is None:
            note_job(deps, pipeline, RecurringJob.FRESHNESS, subject=task.stage)
    for note in found.notes:
        task.log.warning("%s", visible(note))
    answers = (
        {} if found.answers is None else {"answers": found.answers.n_with_ids, "affected": found.answers.n_affected}
    )
    return {"documents": found.n_source, "looked_at": found.n_changed, **answers, **found.by_reason}


def gate_freshness(task: StepOperator, context: Context) -> None:
    """Turn red where fewer answers rest on up-to-date documents than the goal asks for."""
    from seamwatch.core.staleness import outdated_in_answers
    from seamwatch.report.freshness_texts import signals

    del context
    pipeline = _pipeline(task)
    with open_deps(task.project_dir) as deps:
        found = _last_check(deps, pipeline, task.stage or "")
    if found.is_breached:
        critical = [one for one in signals(found) if one.severity is Severity.CRITICAL]
        lines = [*(one.text for one in critical), *(_told_document(one) for one in outdated_in_answers(found))]
        raise AirflowFailException("\n".join(lines))


def decide_on_freshness(task: StepOperator, context: Context) -> list[list[str]]:
    """Open, update and resolve the incident of a knowledge base; return whose runbooks are to be run."""
    from seamwatch.engine.incidents import decide_on_freshness as decide_freshness_incidents
    from seamwatch.engine.incidents import write_reports_of
    from seamwatch.orchestration.runbook_tasks import called_runbooks

    pipeline = _pipeline(task)
    with open_deps(task.project_dir) as deps:
        found = _last_check(deps, pipeline, task.stage or "")
        changes = decide_freshness_incidents(deps, pipeline, found)
        _tell(task, deps, changes)
        written = write_reports_of(deps, pipeline, [change.incident for change in changes])
        task.report_url = _report_url(deps.ui_url, pipeline, {path.parent.name for path in written})
        return called_runbooks(deps, pipeline, changes, context)


def look_at_objectives(task: StepOperator, context: Context) -> dict[str, float]:
    """Look at the objectives, as of the window's end where a person gave one; return what is left of each budget."""
    from seamwatch.engine.heartbeat import note_job, tell_monitor
    from seamwatch.engine.slo import look_at_objectives as look

    pipeline, given = _pipeline(task), param_window(context)
    with open_deps(task.project_dir) as deps:
        status = look(deps, pipeline, now=given.end if given is not None else None)
        if given is None:
            note_job(deps, pipeline, RecurringJob.SLO)
            tell_monitor(deps)
    for note in status.notes:
        task.log.warning("%s", visible(note))
    return {one.objective: one.budget.left for one in status.objectives if one.budget.left is not None}


def look_at_calls(task: StepOperator, context: Context) -> list[str]:
    """Return the records in a loop that nobody was told of yet; skipped without one, so that no whole look starts."""
    from seamwatch.engine.watch.new_calls import look_at_new_calls

    del context
    with open_deps(task.project_dir) as deps:
        found = look_at_new_calls(deps, _pipeline(task))
    for kind, key, n in found:
        task.log.warning("%s: %s calls of the record %s", kind.value, n, visible(key))
    if not found:
        raise AirflowSkipException("no record is in a loop that is not reported yet")
    return [key for _, key, _ in found[:_KEYS_TOLD]]


def decide_on_watches(task: StepOperator, context: Context) -> list[list[str]]:
    """Open, update and resolve the incidents of watches and error budgets; return whose runbooks are to be run."""
    from seamwatch.engine.incidents import decide_on_watches as decide_watch_incidents
    from seamwatch.engine.incidents import write_reports_of
    from seamwatch.orchestration.runbook_tasks import called_runbooks

    pipeline = _pipeline(task)
    with open_deps(task.project_dir) as deps:
        changes = decide_watch_incidents(deps, pipeline)
        _tell(task, deps, changes)
        written = write_reports_of(deps, pipeline, [change.incident for change in changes])
        task.report_url = _report_url(deps.ui_url, pipeline, {path.parent.name for path in written})
        return called_runbooks(deps, pipeline, changes, context)


def gate_releases(task: StepOperator, context: Context) -> str:
    """Turn red while a spent error budget freezes releases; else say so to the DAGs that release.

    The answer is kept where the run names a release: a look by the clock only shows what is, and no release asked.
    """
    from seamwatch.engine.slo import gate as decide_gate
    from seamwatch.engine.slo import keep_gate_answer

    pipeline, release = _pipeline(task), (context.get("params") or {}).get("release")
    with open_deps(task.project_dir) as deps:
        decision = decide_gate(deps, pipeline)
        problem = keep_gate_answer(deps, pipeline, decision, release=str(release)) if release else None
    if problem is not None:
        task.log.warning("%s", visible(problem))
    if not decision.allowed:
        raise AirflowFailException(f"releases of {pipeline.pipeline} are frozen: {decision.reason}")
    return decision.reason


def deliver(task: StepOperator, context: Context) -> dict[str, int]:
    """Send what waits in the outbox; red while any message could not be sent, with the reasons."""
    from seamwatch.engine.deliver import deliver_pending, describe_undelivered
    from seamwatch.engine.heartbeat import note_delivery, tell_monitor

    del context
    with open_deps(task.project_dir) as deps:
        summary = deliver_pending(deps)
        note_delivery(deps)
        if not summary.errors:
            tell_monitor(deps)
    if summary.errors or summary.undelivered:
        raise AdapterError(describe_undelivered(summary), retryable=not summary.n_failed)
    return {"sent": summary.n_sent, "waiting": summary.n_waiting}


def close_week(task: StepOperator, context: Context) -> dict[str, Any]:
    """Close the last week, or the one that the param `week` names, and put its digests on their way."""
    from seamwatch.engine.weekly_review.calendar import named_week
    from seamwatch.engine.weekly_review.close import close_week as close_the_week
    from seamwatch.engine.weekly_review.close import close_weeks

    name = (context.get("params") or {}).get("week") or None
    with open_deps(task.project_dir) as deps:
        done = close_weeks(deps) if name is None else close_the_week(deps, named_week(deps, str(name)))
    if done is None:
        task.log.info("nothing was watched before the last week was over, so it has no review")
        return {"week": None, "digests": 0}
    if not done.is_new:
        task.log.info("week %s was closed before, and stays as it was reported", done.review.week.name)
    return {"week": done.review.week.name, "digests": done.n_digests}


def check_store(task: StepOperator, context: Context) -> None:
    """Turn red where the file of an SQLite store is damaged; nothing is deleted from it then."""
    del context
    with open_deps(task.project_dir) as deps:
        deps.store.require_undamaged()


def purge(task: StepOperator, context: Context) -> dict[str, int]:
    """Delete from the store what is too old; return how many rows, by what they are."""
    from seamwatch.engine.heartbeat import note_maintenance
    from seamwatch.engine.retention import purge_store

    del context
    with open_deps(task.project_dir) as deps:
        found = purge_store(deps)
        note_maintenance(deps)
    for note in found.notes:
        task.log.warning("%s", note)
    task.log.info("the file became %d bytes smaller", found.n_bytes)
    return found.rows


def _last_check(deps: Deps, pipeline: Pipeline, name: str) -> FreshnessCheck:
    found = deps.store.freshness_checks(pipeline.pipeline, name)
    if not found:
        msg = f"knowledge base {name} of {pipeline.pipeline} was not checked yet; run {pipeline.pipeline}__freshness"
        raise DataContractError(msg)
    return found[0]


def _told_document(one: DocumentAnswers) -> str:
    changed = f", changed {one.changed_at:%Y-%m-%d %H:%M} UTC" if one.changed_at is not None else ""
    indexed = f", indexed {one.indexed_at:%Y-%m-%d %H:%M} UTC" if one.indexed_at is not None else ""
    answers = "answer" if one.n_answers == 1 else "answers"
    return f"- `{one.document}`: {one.reason.replace('_', ' ')}, {one.n_answers} {answers}{changed}{indexed}"


def _pipeline(task: StepOperator) -> Pipeline:
    return Pipeline.model_validate(task.pipeline)


def _publish(context: Context, asset: str, windows: list[str]) -> None:
    from airflow.sdk import Asset

    context["outlet_events"][Asset(asset)].extra.update({"windows": [*windows]})


def _report_url(ui_url: str, pipeline: Pipeline, incidents: set[str]) -> str:
    """Return the address of the report, or of the list where there is not exactly one incident."""
    links = Links.under(
        ui_url, pipeline=pipeline.pipeline, incident_id="".join(incidents) if len(incidents) == 1 else ""
    )
    return links.report if len(incidents) == 1 else links.incidents


def _told(check: Check) -> str:
    where = f"{check.column}: " if check.column else ""
    if check.error is not None:
        return f"- {where}{check.expectation} could not be checked: {check.error}"
    keys = ", ".join(check.failing_keys[:_KEYS_TOLD])
    return f"- {where}expected {check.expected}; {check.observed}{f' (keys {keys}, ...)' if keys else ''}"
