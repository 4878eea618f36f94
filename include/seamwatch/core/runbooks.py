"""Which runbook an incident calls for, and what its steps found."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from seamwatch.core.incident_life import Incident
from seamwatch.vocabulary import Responsibility, RunbookKind, StepState, Watch

_BY_WATCH: Mapping[Watch, RunbookKind] = {
    Watch.COST: RunbookKind.COST_SPIKE,
    Watch.LATENCY: RunbookKind.LATENCY_SPIKE,
    Watch.INJECTION: RunbookKind.PROMPT_INJECTION,
}
_BY_RESPONSIBILITY: Mapping[Responsibility, RunbookKind] = {
    Responsibility.MODEL: RunbookKind.MODEL_DEGRADATION,
    Responsibility.INTEGRATION: RunbookKind.INTEGRATION_FAILURE,
    Responsibility.KNOWLEDGE_BASE: RunbookKind.STALE_KNOWLEDGE_BASE,
    Responsibility.SOURCE_DATA: RunbookKind.SOURCE_DATA,
    Responsibility.PROVIDER: RunbookKind.PROVIDER_FAILURE,
    Responsibility.ADVERSARIAL_INPUT: RunbookKind.PROMPT_INJECTION,
    Responsibility.UNDETERMINED: RunbookKind.UNDETERMINED,
}


@dataclass(frozen=True, kw_only=True)
class StepFinding:
    """What one step of a runbook found for one incident."""

    state: StepState
    text: str
    """One sentence, for people."""
    details: tuple[str, ...] = ()
    """The facts behind it, a line each; few."""


@dataclass(frozen=True, kw_only=True)
class StepRun:
    """One step of one run of a runbook, as it is kept."""

    incident_id: str
    run: str
    """Id of the run, the same for all its steps."""
    runbook: RunbookKind
    number: int
    name: str
    finding: StepFinding
    began_at: datetime
    ended_at: datetime
    task: str | None = None
    """Airflow's task, as `dag/run/task`; None: it was run by hand."""


def runbook_of(incident: Incident) -> RunbookKind:
    """Return the kind of runbook that an incident calls for: by what watch found it, else by whose it is."""
    by_watch = None if incident.watch is None else _BY_WATCH.get(incident.watch)
    return by_watch or _BY_RESPONSIBILITY[incident.responsibility]
