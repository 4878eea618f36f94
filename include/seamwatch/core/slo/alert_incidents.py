"""Alerts on error budgets and incidents: which open incident explains a burning budget, and which one has none."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from seamwatch.core.finding import Finding
from seamwatch.core.incident_life import Incident
from seamwatch.core.results import Window
from seamwatch.core.slo.alerts import AlertState
from seamwatch.core.slo.status import ObjectiveStatus, SloStatus, Stretch
from seamwatch.vocabulary import AlertSeverity, Responsibility, Watch

_EXPLAINED_BY: dict[str, tuple[Watch | None, ...]] = {
    "accuracy": (None, Watch.DRIFT, Watch.INJECTION),
    "latency": (Watch.LATENCY, None),
    "cost": (Watch.COST, Watch.LATENCY),
    "freshness": (None,),
    "availability": (None, Watch.LATENCY),
}
"""By kind of objective, whose incidents may be what burns its budget, the likeliest first; None: attribution's."""


@dataclass(frozen=True, kw_only=True)
class ExplainedAlert:
    """An alert that an open incident explains; of a page and a ticket of one objective the page."""

    incident: str
    objective: str
    severity: AlertSeverity
    since: datetime


@dataclass(frozen=True, kw_only=True)
class BurningBudget:
    """A budget that burns without an incident that explains it."""

    finding: Finding
    """Without words."""
    status: ObjectiveStatus
    severity: AlertSeverity
    """Of its worst alert."""
    incident: Incident | None
    """One that opened meanwhile and may be the cause."""


@dataclass(frozen=True, kw_only=True)
class BudgetEvaluation:
    """What the error budgets of a pipeline come to."""

    pipeline: str
    window: Window
    objectives: tuple[ObjectiveStatus, ...]
    burning: tuple[BurningBudget, ...]
    explained: tuple[ExplainedAlert, ...]


def evaluate_budgets(
    status: SloStatus, known: Iterable[Incident], *, pipeline: str, window: Window
) -> BudgetEvaluation:
    """Return the budgets that burn without an incident that explains it, and the alerts that one explains.

    Args:
        status: The last evaluation of the objectives.
        known: Incidents of the pipeline.
        pipeline: Its name.
        window: What was evaluated.

    A budget that burns is an effect. Where an incident is open that can be its cause, the alert belongs to it; else
    it is an incident of its own, undetermined, and stays so until the alert is over.
    """
    known = list(known)
    own = {one.kind for one in known if one.watch is Watch.BUDGET and one.is_open}
    burning: list[BurningBudget] = []
    explained: list[ExplainedAlert] = []
    for one in status.objectives:
        firing = [(alert.severity, alert.since) for alert in one.alerts if alert.since is not None]
        if not firing:
            continue
        since = min(at for _, at in firing)
        burnt_since = min(_burnt_since(alert, alert.since) for alert in one.alerts if alert.since is not None)
        severity, worst_since = min(firing, key=lambda alert: list(AlertSeverity).index(alert[0]))
        cause = _explanation(one, known, burnt_since)
        if cause is None or one.objective in own:
            burning.append(BurningBudget(finding=_finding(one, since), status=one, severity=severity, incident=cause))
        elif cause.is_open:
            explained.append(
                ExplainedAlert(incident=cause.id, objective=one.objective, severity=severity, since=worst_since)
            )
    return BudgetEvaluation(
        pipeline=pipeline,
        window=window,
        objectives=tuple(status.objectives),
        burning=tuple(burning),
        explained=tuple(explained),
    )


def firing_alert(evaluation: BudgetEvaluation, incident: Incident) -> AlertSeverity | None:
    """Return the worst alert that fires by an incident, or that the incident itself is; None: none does."""
    firing = [one.severity for one in evaluation.explained if one.incident == incident.id]
    if incident.watch is Watch.BUDGET:
        firing += [one.severity for one in evaluation.burning if one.finding.kind == incident.kind]
    return min(firing, key=list(AlertSeverity).index, default=None)


def _burnt_since(alert: AlertState, since: datetime) -> datetime:
    """Return the first moment of what an alert rests on: what burnt in its short window may be over as it begins."""
    return since if alert.reading is None else since - alert.reading.rule.hold


def _finding(one: ObjectiveStatus, since: datetime) -> Finding:
    return Finding(
        responsibility=Responsibility.UNDETERMINED,
        stage=None,
        kind=one.objective,
        n_records=int(one.bad),
        confidence=0.0,
        onset=since,
    )


def known_stretches(kind: str, known: Iterable[Incident]) -> list[Stretch]:
    """Return when a kind of objective had incidents: what alerts learn of the past leaves them out.

    An incident counts from its first window on; of a watch, which may look further back than what it found reaches,
    from when the incident opened.
    """
    watches = _EXPLAINED_BY.get(kind, (None,))
    return [
        (one.first_window.start if one.watch is None else one.opened_at, one.last_window.end)
        for one in known
        if one.watch in watches
    ]


def _explanation(one: ObjectiveStatus, known: list[Incident], since: datetime) -> Incident | None:
    """Return the incident that was open since an alert's budget burnt, or is; an alert may outlast its cause."""
    for watch in _EXPLAINED_BY.get(one.kind, (None,)):
        fitting = [
            incident
            for incident in known
            if incident.watch is watch
            and (incident.resolved_at is None or incident.resolved_at >= since)
            and (one.kind != "freshness" or incident.responsibility is Responsibility.KNOWLEDGE_BASE)
        ]
        if fitting:
            return max(fitting, key=lambda one: (one.is_open, one.n_records))
    return None
