"""Alerts on error budgets and incidents: which open incident explains a burning budget, and which one has none."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from seamwatch.core.finding import Finding
from seamwatch.core.incident_life import Incident
from seamwatch.core.results import Window
from seamwatch.core.slo.status import ObjectiveStatus, SloStatus, Stretch
from seamwatch.core.watch.results import Column, Fact, Table, Unit, WatchReport
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
class Alerted:
    """An alert that an open incident explains; of a page and a ticket of one objective the page."""

    incident: str
    objective: str
    severity: AlertSeverity
    since: datetime


def tell_budgets(
    status: SloStatus, known: Iterable[Incident], *, pipeline: str, window: Window
) -> tuple[WatchReport, tuple[Alerted, ...]]:
    """Return the budgets that burn without an incident that explains it, and the alerts that one explains.

    Args:
        status: The last look.
        known: Incidents of the pipeline.
        pipeline: Its name.
        window: What was looked at.

    A budget that burns is an effect. Where an incident is open that can be its cause, the alert is told there; else
    it is an incident of its own, undetermined, and stays so until the alert is over.
    """
    known = list(known)
    own = {one.kind for one in known if one.watch is Watch.BUDGET and one.is_open}
    found: list[Finding] = []
    alerted: list[Alerted] = []
    for one in status.objectives:
        firing = [alert for alert in one.alerts if alert.since is not None]
        if not firing:
            continue
        since = min(alert.since for alert in firing if alert.since is not None)
        cause = _explanation(one, known, since)
        if cause is not None and one.objective not in own:
            if not cause.is_open:
                continue
            worst = min(firing, key=lambda alert: list(AlertSeverity).index(alert.severity))
            assert worst.since is not None
            alerted.append(
                Alerted(incident=cause.id, objective=one.objective, severity=worst.severity, since=worst.since)
            )
            continue
        is_page = any(alert.severity is AlertSeverity.PAGE for alert in firing)
        found.append(_found(one, cause, since=since, is_page=is_page))
    report = WatchReport(
        watch=Watch.BUDGET,
        pipeline=pipeline,
        window=window,
        compared=None,
        n_records=int(sum(one.events for one in status.objectives)),
        findings=tuple(found),
        facts=tuple(
            Fact(label=f"{one.objective} left", value=one.budget.left, unit=Unit.SHARE) for one in status.objectives
        ),
        tables=(_table(status),),
    )
    return report, tuple(alerted)


def known_stretches(kind: str, known: Iterable[Incident]) -> list[Stretch]:
    """Return when a kind of objective had incidents: what alerts learn of the past leaves them out.

    An incident counts from its first window on; a watch's look may reach further back than what it found, and counts
    from when the incident opened.
    """
    watches = _EXPLAINED_BY.get(kind, (None,))
    return [
        (one.first_window.start if one.watch is None else one.opened_at, one.last_window.end)
        for one in known
        if one.watch in watches
    ]


def _explanation(one: ObjectiveStatus, known: list[Incident], since: datetime) -> Incident | None:
    """Return the incident that was open since an alert began, or is; an alert may outlast its cause by its window."""
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


def _found(one: ObjectiveStatus, cause: Incident | None, *, since: datetime, is_page: bool) -> Finding:
    budget = one.budget
    left = "an unknown share" if budget.left is None else f"{max(budget.left, 0.0):.0%}"
    burn = "" if budget.burn is None else f" burns {budget.burn:.2g} times as fast as it may"
    how = "Page" if is_page else "Ticket"
    why = (
        f"Incident {cause.id} opened meanwhile and may be its cause: {cause.headline}"
        if cause is not None
        else "No incident is open that explains it: the causes that are known were not found to have changed."
    )
    bad = f"{one.bad:,.0f} of {one.judged:,.0f} events were bad in its window. " if one.goal is not None else ""
    return Finding(
        responsibility=Responsibility.UNDETERMINED,
        stage=None,
        kind=one.objective,
        headline=f"{how}: the error budget of {one.objective}{burn or ' is short'}, {left} of it is left",
        explanation=f"{bad}{why}",
        n_records=int(one.bad),
        confidence=0.0,
        onset=since,
        steps=(
            f"Look at the records that were debited of {one.objective} since {since:%Y-%m-%d %H:%M} UTC: "
            "are they of one segment, version or time of day?",
            "Run the attribution of the last windows again, once truths have arrived.",
            "If they were a planned test, void the incident: `seamwatch void` refunds its debits.",
        ),
    )


def _table(status: SloStatus) -> Table:
    return Table(
        title="Error budgets",
        columns=(
            Column(name="objective"),
            Column(name="goal", unit=Unit.SHARE),
            Column(name="good", unit=Unit.SHARE),
            Column(name="left", unit=Unit.SHARE),
            Column(name="burn", unit=Unit.NUMBER),
            Column(name="gone at", unit=Unit.MOMENT),
        ),
        rows=tuple(
            (
                one.objective,
                one.goal,
                one.sli,
                one.budget.left,
                one.budget.burn,
                one.budget.gone_at.isoformat() if one.budget.gone_at is not None else None,
            )
            for one in status.objectives
        ),
        note="Burn is how many times faster than allowed the budget was spent in the last day.",
        is_main=True,
    )
