"""Which debits of error budgets an incident has: those of the records whose verdict names its cause."""

from __future__ import annotations

from datetime import datetime, timedelta

from seamwatch.core.results import Window
from seamwatch.engine.deps import Deps
from seamwatch.spec.pipeline import Pipeline


def link_late_debits(deps: Deps, pipeline: Pipeline, now: datetime) -> None:
    """Give debits that arrived since to the incidents that people ruled on, as long as any may arrive."""
    wait = max(pipeline.outcome.late_after if pipeline.outcome is not None else timedelta(0), timedelta(days=1))
    for name in {ruling.incident for ruling in deps.store.rulings(pipeline.pipeline)}:
        incident = deps.store.incident(name)
        if incident is not None and incident.last_window.end + wait >= now:
            link_debits(deps, pipeline.pipeline, name)


def link_debits(deps: Deps, pipeline: str, incident_id: str) -> int:
    """Return how many debits an incident has, after they were given to it."""
    incident = deps.store.incident(incident_id)
    if incident is None:
        return 0
    span = Window(start=incident.first_window.start, end=incident.last_window.end)
    records = deps.store.records_of_cause(pipeline, span, incident.responsibility, incident.stage)
    return deps.store.link_debits(pipeline, incident_id, records)
