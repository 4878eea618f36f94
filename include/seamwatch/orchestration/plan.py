"""Which DAGs and tasks a pipeline gets, as plain data: decided here, made into Airflow's objects in `factory`."""

from __future__ import annotations

from dataclasses import dataclass

from seamwatch.spec.pipeline import Pipeline

STEPS = "seamwatch.orchestration.steps"


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
    window_from: str | None = None
    """Task that finds its window, or windows."""
    is_mapped: bool = False
    """One instance a window; else one task works on what `window_from` found."""
    trigger_rule: str = "all_success"
    retries: int = 2
    emits: str | None = None
    """Asset that it emits."""
    listens: str | None = None
    """Asset whose events it reads."""
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
    schedule: str | None = None
    """Cron expression or preset."""
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


def plan_pipeline(pipeline: Pipeline) -> tuple[DagPlan, ...]:
    """Return the DAGs of a pipeline: validate, isolate, incidents; each starts the next by an asset."""
    return (_plan_validate(pipeline), _plan_isolate(pipeline), _plan_incidents(pipeline))


def _plan_validate(pipeline: Pipeline) -> DagPlan:
    """A task group a stage: the check stays green and records what it found, the gate turns red.

    The asset is emitted after the checks and beside the gates, so that a broken stage is attributed all the same: also
    when a check crashed, which its own gate then shows. Ids with a dash meet no stage, whose name cannot have one.
    """
    tasks = [TaskPlan(id="open-window", step="open_window", retries=0)]
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
            retries=0,
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
        )
    )
    return _dag(
        pipeline,
        "validate",
        "Checks every stage of a window: its expectations, and its seam to the stage before.",
        tuple(tasks),
        schedule=pipeline.schedule,
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
        TaskPlan(id="deliver", step="deliver", after=("decide",)),
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


def _dag(
    pipeline: Pipeline,
    part: str,
    description: str,
    tasks: tuple[TaskPlan, ...],
    *,
    schedule: str | None = None,
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
