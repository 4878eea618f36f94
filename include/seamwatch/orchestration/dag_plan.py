"""DAGs and tasks as plain data, and what a whole project has of them: what `plan` decides and `factory` makes."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Literal


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
    kind: Literal["step", "approval", "label_form", "end"] = "step"
    """`approval` waits for a person's consent, `label_form` for their judgement of an answer; `end` does nothing, needs
    no process, and fails with those before it."""
    text_from: str | None = None
    """Task whose result a person reads before approving."""
    dag: str | None = None
    """Another DAG that it starts."""
    timeout: timedelta | None = None
    """Longest wait."""
    part: str | None = None
    """Part of a runbook that it is about."""
    window_from: str | None = None
    """Task that finds its window, or windows; or the runs of runbooks that are to be started."""
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
    pipeline: str | None = None
    """Name of the pipeline that its tasks are about; None: of all."""
    schedule: str | None = None
    """Cron expression or preset."""
    every: timedelta | None = None
    """Span between two runs, for what has no windows."""
    after_asset: str | None = None
    """Asset that starts it."""
    owner: str = "seamwatch"
    doc: str = ""
    has_window: bool = True
    """Whether a person may give it a window by hand."""
    is_about_incident: bool = False
    """Whether it is run for one incident, which is a parameter of the run."""
    has_gate: bool = False
    """Whether a release may ask it, by a parameter of the run."""
    is_about_week: bool = False
    """Whether a person may give it a week by hand."""
    start_date: str = "2026-01-01"
    max_active_runs: int = 4


@dataclass(frozen=True, kw_only=True)
class ProjectPlan:
    """All DAGs of a project."""

    shared: tuple[DagPlan, ...] = ()
    """Those that serve every pipeline."""
    dags: dict[str, tuple[DagPlan, ...]] = field(default_factory=dict)
    """By pipeline."""
    specs: dict[str, dict[str, Any]] = field(default_factory=dict)
    """What its file says, as JSON has it, by pipeline: it travels in the arguments of the tasks."""
