"""Which DAGs and tasks a pipeline gets, as plain data: decided here, made into Airflow's objects in `factory`."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Literal

from seamwatch.spec.pipeline import Pipeline

_APPROVED_WITHIN = timedelta(days=2)
"""A runbook that nobody approves by then ends; the next check calls it again."""


@dataclass(frozen=True, kw_only=True)
class TaskPlan:
    """One task."""

    id: str
    step: str
    """Function of `seamwatch.orchestration.steps` that it calls."""
    after: tuple[str, ...] = ()
    """Tasks before it, by full id (`group.task`)."""
    group: str | None = None
    """Task group that it stands in."""
    stage: str | None = None
    """Stage, or knowledge base, that it is about."""
    kind: Literal["step", "approval", "trigger"] = "step"
    """`approval` waits for a person, `trigger` runs another DAG and waits for it."""
    text_from: str | None = None
    """Task whose result a person reads before approving, or that is handed to the other DAG."""
    dag: str | None = None
    """The other DAG."""
    timeout: timedelta | None = None
    """Longest wait."""
    window_from: str | None = None
    """Task that finds its window, or windows."""
    is_mapped: bool = False
    """One instance a window; else one task works on what `window_from` found."""
    trigger_rule: str = "all_success"
    retries: int = 2
    """Of what may pass; a finding of a gate, and an error that a new try cannot mend, is final at once."""
    emits: str | None = None
    """Asset that it emits."""
    listens: str | None = None
    """Asset whose events it reads."""
    is_on_the_way: bool = False
    """Whether a message to people waits for it: where slots are few, it goes before gates and reports."""
    has_report_link: bool = False

    @property
    def full_id(self) -> str:
        """Return the id as Airflow knows it."""
        return f"{self.group}.{self.id}" if self.group else self.id


@dataclass(frozen=True, kw_only=True)
class DagPlan:
    """One DAG."""

    id: str
    description: str
    tasks: tuple[TaskPlan, ...]
    tags: tuple[str, ...]
    pipeline: Pipeline | None = None
    schedule: str | timedelta | None = None
    """Cron expression or preset; a span for what has no windows."""
    after_asset: str | None = None
    """Asset that starts it."""
    owner: str = "seamwatch"
    doc: str = ""
    has_window: bool = True
    """Whether a person may give it a window by hand."""
    start_date: str = "2026-01-01"
    max_active_runs: int = 4


def validated_asset(pipeline: str) -> str:
    """Return the asset that says: the stages of a window were checked."""
    return f"seamwatch://{pipeline}/validated"


def attributed_asset(pipeline: str) -> str:
    """Return the asset that says: the failures of a window were attributed."""
    return f"seamwatch://{pipeline}/attributed"


def releasable_asset(pipeline: str) -> str:
    """Return the asset that says: the error budgets let releases go on."""
    return f"seamwatch://{pipeline}/releasable"


def stale_asset(pipeline: str) -> str:
    """Return the asset that says: answers rest on outdated documents, and the runbook is called for."""
    return f"seamwatch://{pipeline}/stale"


def plan_pipeline(pipeline: Pipeline) -> tuple[DagPlan, ...]:
    """Return the DAGs of a pipeline: validate, isolate, incidents, each starting the next by an asset; others."""
    plans = [_plan_validate(pipeline), _plan_isolate(pipeline), _plan_incidents(pipeline)]
    if pipeline.knowledge_bases:
        plans += [_plan_freshness(pipeline), _plan_staleness(pipeline)]
    monitoring = pipeline.monitoring
    if pipeline.slos or any((monitoring.latency, monitoring.cost, monitoring.drift, monitoring.injection)):
        plans.append(_plan_slo(pipeline))
    return tuple(plans)


def _plan_validate(pipeline: Pipeline) -> DagPlan:
    """A task group a stage: the check stays green and records what it found, the gate turns red.

    The asset is emitted after the checks and beside the gates, so that a broken stage is attributed all the same: also
    when a check crashed, which its own gate then shows. Ids with a dash meet no stage, whose name cannot have one.
    """
    tasks = [TaskPlan(id="open-window", step="open_window", listens=pipeline.asset)]
    checks = []
    for stage in pipeline.stages:
        check = TaskPlan(
            id="check",
            group=stage.name,
            step="check",
            stage=stage.name,
            after=("open-window",),
            window_from="open-window",
        )
        gate = TaskPlan(
            id="gate",
            group=stage.name,
            step="gate",
            stage=stage.name,
            after=(check.full_id,),
            window_from="open-window",
        )
        tasks += [check, gate]
        checks.append(check.full_id)
    tasks.append(
        TaskPlan(
            id="publish-window",
            step="publish_validated",
            after=tuple(checks),
            window_from="open-window",
            trigger_rule="all_done",
            emits=validated_asset(pipeline.pipeline),
            is_on_the_way=True,
        )
    )
    return _dag(
        pipeline,
        "validate",
        "Checks every stage of a window: its expectations, and its seam to the stage before.",
        tuple(tasks),
        schedule=pipeline.schedule,
        after_asset=pipeline.asset,
    )


def _plan_isolate(pipeline: Pipeline) -> DagPlan:
    """One instance of `attribute` for each window that was validated since; each tells the next DAG of its own.

    So a window whose attribution failed is red, keeps the run from passing, and holds up no other window. One run at
    a time: a window that two runs find is attributed by the second from the cache, not by both at the model's cost.
    """
    tasks = (
        _find_windows(validated_asset(pipeline.pipeline), step="find_windows_to_attribute"),
        TaskPlan(
            id="attribute",
            step="attribute",
            after=("find_windows",),
            window_from="find_windows",
            is_mapped=True,
            emits=attributed_asset(pipeline.pipeline),
            is_on_the_way=True,
        ),
    )
    return _dag(
        pipeline,
        "isolate",
        "Judges the outcomes, calls the model in isolation and says whose fault each wrong outcome was.",
        tasks,
        after_asset=validated_asset(pipeline.pipeline),
        max_active_runs=1,
    )


def _plan_incidents(pipeline: Pipeline) -> DagPlan:
    """One run at a time and one task for all its windows: an incident's life follows the order of the windows.

    `report` and `deliver` both end the run, so that either failure is seen; what Slack links to is rendered from the
    store and waits for no file.
    """
    tasks = (
        _find_windows(attributed_asset(pipeline.pipeline)),
        TaskPlan(id="decide", step="decide", after=("find_windows",), window_from="find_windows", has_report_link=True),
        TaskPlan(id="report", step="report", after=("decide",), window_from="find_windows", has_report_link=True),
        TaskPlan(id="deliver", step="deliver", after=("decide",), is_on_the_way=True),
    )
    return _dag(
        pipeline,
        "incidents",
        "Opens, updates and resolves incidents, writes their reports and tells Slack.",
        tasks,
        after_asset=attributed_asset(pipeline.pipeline),
        max_active_runs=1,
    )


def _find_windows(asset: str, *, step: str = "find_windows") -> TaskPlan:
    return TaskPlan(id="find_windows", step=step, listens=asset)


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
            TaskPlan(
                id="call-runbook",
                group=name,
                step="call_staleness_runbook",
                stage=name,
                after=(f"{name}.decide",),
                emits=stale_asset(pipeline.pipeline),
            ),
        ]
    decided = tuple(f"{name}.decide" for name in pipeline.knowledge_bases)
    tasks.append(TaskPlan(id="deliver", step="deliver", after=decided, trigger_rule="all_done"))
    return _dag(
        pipeline,
        "freshness",
        "Checks the knowledge bases: which documents are stale, missing or gone, and which answers rested on them.",
        tuple(tasks),
        schedule=min(one.check_every for one in pipeline.knowledge_bases.values()),
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
    )
    return _dag(
        pipeline,
        "slo",
        "Looks at objectives, latency, cost, drift and injected instructions; tells what is not as it was, and whether "
        "releases may go on.",
        tasks,
        schedule=timedelta(minutes=5),
        max_active_runs=1,
    )


def _plan_staleness(pipeline: Pipeline) -> DagPlan:
    """The runbook of outdated documents: list them by answers affected, re-index once approved, verify."""
    tasks: list[TaskPlan] = []
    for name, knowledge_base in pipeline.knowledge_bases.items():
        find = TaskPlan(
            id="list-documents", group=name, step="list_outdated", stage=name, listens=stale_asset(pipeline.pipeline)
        )
        approve = TaskPlan(
            id="approve-reindex",
            group=name,
            step="",
            stage=name,
            kind="approval",
            after=(find.full_id,),
            text_from=find.full_id,
            timeout=_APPROVED_WITHIN,
            retries=0,
        )
        tasks += [find, approve]
        before = approve
        hook = knowledge_base.reindex
        if hook is not None:
            before = TaskPlan(
                id="reindex",
                group=name,
                step="reindex",
                stage=name,
                after=(approve.full_id,),
                kind="step" if hook.dag is None else "trigger",
                dag=hook.dag,
                text_from=find.full_id,
                timeout=hook.timeout,
                retries=0,
            )
            tasks.append(before)
        verify = TaskPlan(id="verify", group=name, step="verify_reindexed", stage=name, after=(before.full_id,))
        decide = TaskPlan(
            id="decide",
            group=name,
            step="decide_on_freshness",
            stage=name,
            after=(verify.full_id,),
            has_report_link=True,
        )
        tasks += [verify, decide]
    decided = tuple(f"{name}.decide" for name in pipeline.knowledge_bases)
    tasks.append(TaskPlan(id="deliver", step="deliver", after=decided, trigger_rule="none_failed_min_one_success"))
    return _dag(
        pipeline,
        "staleness",
        "Runbook of outdated documents: lists them by answers affected, re-indexes once a person approved, verifies.",
        tuple(tasks),
        after_asset=stale_asset(pipeline.pipeline),
        max_active_runs=1,
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


def _dag(
    pipeline: Pipeline,
    part: str,
    description: str,
    tasks: tuple[TaskPlan, ...],
    *,
    schedule: str | timedelta | None = None,
    after_asset: str | None = None,
    max_active_runs: int = 4,
) -> DagPlan:
    return DagPlan(
        id=f"{pipeline.pipeline}__{part}",
        description=description,
        tasks=tasks,
        tags=("seamwatch", pipeline.pipeline),
        pipeline=pipeline,
        schedule=schedule,
        after_asset=after_asset,
        owner=pipeline.owners.get("reliability", "seamwatch"),
        doc=_doc(pipeline, description),
        start_date=pipeline.start_date,
        max_active_runs=max_active_runs,
    )


def _doc(pipeline: Pipeline, description: str) -> str:
    rows = [
        f"| `{stage.name}` | {stage.kind} | {stage.relation} | {', '.join(stage.input) or '–'} "  # noqa: RUF001
        f"| {stage.reference or ('the endpoint' if stage.endpoint else 'none')} |"
        for stage in pipeline.stages
    ]
    owners = [f"- {role.replace('_', ' ')}: `{mention}`" for role, mention in pipeline.owners.items()]
    return "\n".join(
        [
            f"### {pipeline.pipeline}",
            pipeline.description,
            "",
            description,
            "",
            "| stage | kind | table | made from | reference |",
            "| --- | --- | --- | --- | --- |",
            *rows,
            "",
            *(["**Owners**", "", *owners, ""] if owners else []),
            f"Defined in `include/pipelines/{pipeline.pipeline}.yaml`. For a window of your own, trigger the DAG "
            "and fill in `from` and `to`.",
        ]
    )
