"""What all DAGs of a pipeline have: its name, its owner, and a page of documentation."""

from __future__ import annotations

from datetime import timedelta

from seamwatch.orchestration.dag_plan import DagPlan, TaskPlan
from seamwatch.spec.pipeline import Pipeline


def pipeline_dag(
    pipeline: Pipeline,
    part: str,
    description: str,
    tasks: tuple[TaskPlan, ...],
    *,
    schedule: str | None = None,
    every: timedelta | None = None,
    after_asset: str | None = None,
    max_active_runs: int = 4,
    is_about_incident: bool = False,
    has_gate: bool = False,
    has_window: bool = True,
) -> DagPlan:
    """Return the DAG of one part of a pipeline's work.

    Args:
        pipeline: Its definition.
        part: Name of the part; with the pipeline's it is the id of the DAG.
        description: What it does, in one sentence.
        tasks: In any order.
        schedule: Cron expression; None: by `every`, by an asset, or by hand.
        every: How often it runs.
        after_asset: Whose events start it.
        max_active_runs: How many runs there may be at once.
        is_about_incident: A run is asked for an incident, and has no window.
        has_gate: It has a gate that a release may ask.
        has_window: A run by hand is asked for a window.
    """
    return DagPlan(
        id=f"{pipeline.pipeline}__{part}",
        description=description,
        tasks=tasks,
        tags=("seamwatch", pipeline.pipeline),
        pipeline=pipeline.pipeline,
        schedule=schedule,
        every=every,
        after_asset=after_asset,
        owner=pipeline.owners.get("reliability", "seamwatch"),
        doc=_doc(pipeline, description),
        start_date=pipeline.start_date,
        max_active_runs=max_active_runs,
        has_window=has_window and not is_about_incident,
        is_about_incident=is_about_incident,
        has_gate=has_gate,
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
            f"Defined in `include/pipelines/{pipeline.pipeline}.yaml`. By hand: trigger the DAG and fill in what it "
            "asks for, a window (`from` and `to`) or an incident's id.",
        ]
    )
