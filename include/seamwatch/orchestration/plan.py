"""Which DAGs and tasks a pipeline gets: decided here as plain data, made into Airflow's objects in `factory`."""

from __future__ import annotations

from datetime import timedelta

from seamwatch.orchestration.dag_plan import DagPlan, TaskPlan
from seamwatch.orchestration.plan_dag import pipeline_dag
from seamwatch.orchestration.plan_runbook import plan_runbook
from seamwatch.spec.pipeline import Pipeline
from seamwatch.spec.project import WeeklyReviewSettings
from seamwatch.spec.review import Review

_FORM_WAITS = timedelta(days=7)
"""A form that nobody fills in for so long gives its answer back to the review page."""


def validated_asset(pipeline: str) -> str:
    """Return the asset that says: the stages of a window were checked."""
    return f"seamwatch://{pipeline}/validated"


def attributed_asset(pipeline: str) -> str:
    """Return the asset that says: the failures of a window were attributed."""
    return f"seamwatch://{pipeline}/attributed"


def releasable_asset(pipeline: str) -> str:
    """Return the asset that says: the error budgets let releases go on."""
    return f"seamwatch://{pipeline}/releasable"


def loop_asset(pipeline: str) -> str:
    """Return the asset that says: a record is in a loop, and nobody was told of it yet."""
    return f"seamwatch://{pipeline}/loop"


def plan_pipeline(pipeline: Pipeline) -> tuple[DagPlan, ...]:
    """Return the DAGs of a pipeline: validate, isolate, incidents, each starting the next by an asset; others."""
    plans = [_plan_validate(pipeline), _plan_isolate(pipeline), _plan_incidents(pipeline)]
    if pipeline.knowledge_bases:
        plans.append(_plan_freshness(pipeline))
    monitoring = pipeline.monitoring
    if pipeline.slos or any((monitoring.latency, monitoring.cost, monitoring.drift, monitoring.injection)):
        plans.append(_plan_slo(pipeline))
    if _calls_asset(pipeline) is not None:
        plans.append(_plan_calls(pipeline))
    plans.append(plan_runbook(pipeline))
    if pipeline.review is not None and pipeline.outcome is not None:
        plans.append(_plan_review(pipeline, pipeline.review))
    return tuple(plans)


def _plan_validate(pipeline: Pipeline) -> DagPlan:
    """A task group a stage: the check stays green and records what it found, the gate turns red.

    The asset is emitted after the checks, so that a broken stage is attributed all the same: also when a check crashed,
    which its own gate then shows. The gates come after it, for nobody waits for them, and where slots are few they
    would take those of the tasks that a message waits for: also once it has ended, since Airflow's LocalExecutor starts
    tasks in the order in which they were queued, whatever their weights, and the next DAG takes a round of the
    scheduler to begin. So they wait for `window-published`, which takes as long. Ids with a dash meet no stage, whose
    name cannot have one.
    """
    opened, published, handed_on = "open-window", "publish-window", "window-published"
    checks = [
        TaskPlan(id="check", group=one.name, step="check", stage=one.name, after=(opened,), window_from=opened)
        for one in pipeline.stages
    ]
    publish = TaskPlan(
        id=published,
        step="publish_validated",
        after=tuple(check.full_id for check in checks),
        window_from=opened,
        trigger_rule="all_done",
        emits=validated_asset(pipeline.pipeline),
        is_on_the_way=True,
    )
    gates = [
        TaskPlan(
            id="gate",
            group=check.group,
            step="gate",
            stage=check.stage,
            after=(check.full_id, handed_on),
            window_from=opened,
        )
        for check in checks
    ]
    tasks = [TaskPlan(id=opened, step="open_window", listens=pipeline.asset), *checks, publish]
    tasks += [TaskPlan(id=handed_on, step="", kind="end", after=(published,)), *gates]
    return pipeline_dag(
        pipeline,
        "validate",
        "Checks every stage of a window: its expectations, and its seam to the stage before.",
        tuple(tasks),
        schedule=pipeline.schedule,
        after_asset=pipeline.asset,
    )


def _plan_isolate(pipeline: Pipeline) -> DagPlan:
    """The window that started the run is attributed at once, others that are due by one instance each, beside it.

    Each tells the next DAG of its own: a window whose attribution failed is red, keeps the run from passing, and holds
    up no other window. One run at a time: a window that two runs find is attributed by the second from the cache, not
    by both at the model's cost.
    """
    validated, attributed = validated_asset(pipeline.pipeline), attributed_asset(pipeline.pipeline)
    tasks = (
        TaskPlan(id="attribute", step="attribute", listens=validated, emits=attributed, is_on_the_way=True),
        TaskPlan(id="find-others", step="find_other_windows", listens=validated),
        TaskPlan(
            id="attribute-others",
            step="attribute",
            after=("find-others",),
            window_from="find-others",
            is_mapped=True,
            emits=attributed,
        ),
    )
    return pipeline_dag(
        pipeline,
        "isolate",
        "Judges the outcomes, calls the model in isolation and says whose fault each wrong outcome was.",
        tasks,
        after_asset=validated,
        max_active_runs=1,
    )


def _plan_incidents(pipeline: Pipeline) -> DagPlan:
    """One run at a time and one task for all its windows: an incident's life follows the order of the windows.

    `decide` tells Slack what it can at once; `deliver` sends what is left, and is red while any message waits for a
    mended channel. `report` and `deliver` both end the run, so that either failure is seen; what Slack links to is
    rendered from the store and waits for no file.
    """
    attributed = attributed_asset(pipeline.pipeline)
    tasks = (
        TaskPlan(id="decide", step="decide", listens=attributed, has_report_link=True, is_on_the_way=True),
        TaskPlan(id="report", step="report", after=("decide",), listens=attributed, has_report_link=True),
        TaskPlan(id="deliver", step="deliver", after=("decide",), is_on_the_way=True),
        _call_runbooks(pipeline, after="decide"),
    )
    return pipeline_dag(
        pipeline,
        "incidents",
        "Opens, updates and resolves incidents, writes their reports and tells Slack.",
        tasks,
        after_asset=attributed,
        max_active_runs=1,
    )


def _call_runbooks(pipeline: Pipeline, *, after: str, group: str | None = None) -> TaskPlan:
    """One instance for each incident whose runbook was not run yet; none is skipped without a process."""
    return TaskPlan(
        id="call-runbook",
        group=group,
        step="call_runbook",
        after=(after,),
        window_from=after,
        is_mapped=True,
        dag=f"{pipeline.pipeline}__runbook",
    )


def _plan_freshness(pipeline: Pipeline) -> DagPlan:
    """A task group a knowledge base: the check stays green, the gate turns red below the goal; then incidents.

    One run at a time, for checks follow each other by what the one before has listed.
    """
    tasks: list[TaskPlan] = []
    for name in pipeline.knowledge_bases:
        check = TaskPlan(id="check", group=name, step="check_freshness", stage=name)
        tasks += [
            check,
            TaskPlan(id="gate", group=name, step="gate_freshness", stage=name, after=(check.full_id,)),
            TaskPlan(
                id="decide",
                group=name,
                step="decide_on_freshness",
                stage=name,
                after=(check.full_id,),
                has_report_link=True,
            ),
            _call_runbooks(pipeline, after=f"{name}.decide", group=name),
        ]
    decided = tuple(f"{name}.decide" for name in pipeline.knowledge_bases)
    tasks.append(TaskPlan(id="deliver", step="deliver", after=decided, trigger_rule="all_done"))
    return pipeline_dag(
        pipeline,
        "freshness",
        "Checks the knowledge bases: which documents are stale, missing or gone, and which answers rested on them.",
        tuple(tasks),
        every=min(one.check_every for one in pipeline.knowledge_bases.values()),
        max_active_runs=1,
    )


def _plan_slo(pipeline: Pipeline) -> DagPlan:
    """A look every five minutes; incidents of watches and budgets; the gate, red while releases are frozen.

    What a look found is told also where one watch failed, and the run is red then: `decide` waits for `look` to end,
    `deliver` for both.
    """
    gate = TaskPlan(id="gate", step="gate_releases", after=("look",), emits=releasable_asset(pipeline.pipeline))
    tasks = (
        TaskPlan(id="look", step="look_at_objectives"),
        *((gate,) if pipeline.slos else ()),
        TaskPlan(id="decide", step="decide_on_watches", after=("look",), trigger_rule="all_done", has_report_link=True),
        TaskPlan(id="deliver", step="deliver", after=("decide",)),
        _call_runbooks(pipeline, after="decide"),
    )
    return pipeline_dag(
        pipeline,
        "slo",
        "Looks at objectives, latency, cost, drift and injected instructions; tells what is not as it was, and whether "
        "releases may go on.",
        tasks,
        every=timedelta(minutes=5),
        after_asset=loop_asset(pipeline.pipeline) if _calls_asset(pipeline) is not None else None,
        max_active_runs=1,
        has_gate=bool(pipeline.slos),
    )


def _calls_asset(pipeline: Pipeline) -> str | None:
    cost = pipeline.monitoring.cost
    return cost.calls_asset if cost is not None else None


def _plan_calls(pipeline: Pipeline) -> DagPlan:
    """One task after each event that says that new calls were written; a loop that it finds starts a whole look.

    It judges loops alone, by a bound that holds however often one looks; budgets and the other watches count the looks
    of a month, and more of them would be more false alarms. Events that come during a run start one run together, since
    Airflow keeps them until fewer than `max_active_runs` are active.
    """
    look = TaskPlan(id="look", step="look_at_calls", emits=loop_asset(pipeline.pipeline), is_on_the_way=True)
    return pipeline_dag(
        pipeline,
        "calls",
        "Looks for records in a loop as soon as new calls were written; one that is new starts a whole look.",
        (look,),
        after_asset=_calls_asset(pipeline),
        max_active_runs=1,
        has_window=False,
    )


def _plan_review(pipeline: Pipeline, review: Review) -> DagPlan:
    """Answers are evaluated and drawn in one task; some of them wait as forms, one instance each."""
    tasks = [TaskPlan(id="draw", step="draw_answers")]
    if review.forms:
        form = TaskPlan(
            id="judge", step="", kind="label_form", after=("draw",), window_from="draw", timeout=_FORM_WAITS, retries=0
        )
        tasks.append(form)
    return pipeline_dag(
        pipeline,
        "review",
        "Evaluates the answers of a window and draws a sample for people to judge, on the review page or as forms.",
        tuple(tasks),
        schedule=review.schedule,
        max_active_runs=16,
    )


def plan_delivery() -> DagPlan:
    """Return the DAG that sends what is still in the outbox, for channels that were down when it was written."""
    return DagPlan(
        id="seamwatch__delivery",
        description="Sends the messages that wait in the outbox.",
        tasks=(TaskPlan(id="deliver", step="deliver", retries=0),),
        tags=("seamwatch",),
        schedule="*/5 * * * *",
        has_window=False,
        max_active_runs=1,
        doc="Sends the messages that wait in the outbox of **all** pipelines; a message is sent once.",
    )


def plan_maintenance() -> DagPlan:
    """Return the DAG that looks for damage in the store, and deletes from a sound one what is too old."""
    return DagPlan(
        id="seamwatch__maintenance",
        description="Looks for damage in the store and deletes what is too old.",
        tasks=(
            TaskPlan(id="check-store", step="check_store"),
            TaskPlan(id="purge-store", step="purge", after=("check-store",)),
        ),
        tags=("seamwatch",),
        schedule="23 3 * * *",
        has_window=False,
        max_active_runs=1,
        doc="Looks for damage in the store of **all** pipelines, then deletes what is older than `store.keep` and "
        "`store.keep_incidents` of `include/settings.yaml`. Open incidents, and what they rest on, stay.",
    )


def plan_weekly_review(settings: WeeklyReviewSettings) -> DagPlan:
    """Return the DAG that closes the week before and tells it."""
    return DagPlan(
        id="seamwatch__weekly_review",
        description="Closes the last week, keeps its review as it stands, and sends its digests.",
        tasks=(
            TaskPlan(id="close-week", step="close_week"),
            TaskPlan(id="deliver", step="deliver", after=("close-week",), retries=0),
        ),
        tags=("seamwatch",),
        schedule=settings.schedule,
        has_window=False,
        is_about_week=True,
        max_active_runs=1,
        doc="Reviews the week of **all** pipelines: objectives and budgets, cost, quality, incidents and whose they "
        "were, what to fix first, what was agreed. A closed week stays as it was reported; what came later is shown as "
        "a correction. By hand: trigger the DAG and fill in a week as `2026-W45`, or none for the last one.",
    )
