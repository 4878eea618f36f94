"""What the store holds on an incident, read once for a step."""

from __future__ import annotations

from dataclasses import dataclass

from seamwatch.core.finding import Finding
from seamwatch.core.incident_life import Incident
from seamwatch.core.results import Attribution, Verdict, Window
from seamwatch.core.watch.results import WatchReport
from seamwatch.engine.deps import Deps
from seamwatch.engine.incidents import measured_of
from seamwatch.report import numbers
from seamwatch.report.facts import finding_of
from seamwatch.report.measured import Measured
from seamwatch.report.sentences import is_of
from seamwatch.spec.pipeline import Pipeline
from seamwatch.vocabulary import Watch

_RECENT_WINDOWS = 50
"""Attributed windows among which one is sought that a watch's incident lies in."""


@dataclass(frozen=True, kw_only=True)
class IncidentEvidence:
    """What an incident's last window, look or check found."""

    measured: Measured
    cause: Finding | None
    """The finding that the incident is about; None: the window no longer shows it."""


def read_evidence(deps: Deps, pipeline: Pipeline, incident: Incident) -> IncidentEvidence:
    """Return what an incident rests on; StoreError if it is not in the store."""
    measured = measured_of(deps, pipeline, incident)
    return IncidentEvidence(measured=measured, cause=finding_of(incident, measured.findings))


def attributed_window(deps: Deps, incident: Incident) -> Window | None:
    """Return the incident's window if it was attributed, else the newest attributed one that overlaps it."""
    if deps.store.is_attributed(incident.pipeline, incident.last_window):
        return incident.last_window
    last = incident.last_window
    start = min(filter(None, (incident.onset, last.start)))
    known = deps.store.windows(incident.pipeline, limit=_RECENT_WINDOWS)
    near = [one for one in known if one.start < last.end and one.end > start]
    return next((one for one in near if deps.store.is_attributed(incident.pipeline, one)), None)


def attribution_of(deps: Deps, incident: Incident) -> Attribution | None:
    """Return the attribution of `attributed_window`; None where there is none."""
    window = attributed_window(deps, incident)
    return None if window is None else deps.store.attribution(incident.pipeline, window)


def own_verdicts(deps: Deps, incident: Incident) -> list[Verdict]:
    """Return the verdicts of the incident's last window that name its cause."""
    return [one for one in deps.store.verdicts(incident.pipeline, incident.last_window) if is_of(one, incident)]


def watch_report_of(deps: Deps, pipeline: Pipeline, incident: Incident, watch: Watch) -> WatchReport | str:
    """Return what a watch found of the time of an incident, or why that is not known and what would change it."""
    name = pipeline.pipeline
    if incident.watch is watch:
        own = deps.store.watch_report(name, watch, incident.last_window)
        if own is not None:
            return own
    if getattr(pipeline.monitoring, watch.value, None) is None:
        return f"{watch.value} is not watched; remove `{watch.value}: false` from `monitoring` in {name}.yaml"
    last = deps.store.last_watch_report(name, watch)
    if last is None:
        return f"{watch.value} was not evaluated yet; the DAG {name}__slo or `seamwatch slo {name}` does"
    began = incident.onset or incident.first_window.start
    if last.window.end <= began:
        return f"{watch.value} was last evaluated for {numbers.span(last.window)}, before the incident began"
    return last
