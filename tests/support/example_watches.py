"""Example incidents that a watch opened, while an error budget burns."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from example_parts import NOW, ONSET, PIPELINE, START, Example
from seamwatch.core.finding import Finding
from seamwatch.core.incident_evaluations import evaluate_watch
from seamwatch.core.incident_life import ChangeKind
from seamwatch.core.incidents import decide
from seamwatch.core.results import Window
from seamwatch.core.slo.alerts import AlertState
from seamwatch.core.slo.budget import Budget
from seamwatch.core.slo.policy import decide_gate
from seamwatch.core.slo.status import ObjectiveStatus, SloStatus
from seamwatch.core.watch.results import Chart, Column, Fact, Line, Table, Unit, WatchReport
from seamwatch.report import measured
from seamwatch.report.facts import incident_report
from seamwatch.report.links import Links
from seamwatch.vocabulary import AlertSeverity, Responsibility, Watch

HOUR = timedelta(hours=1)
LOOP = WatchReport(
    watch=Watch.COST,
    pipeline="support_triage",
    window=Window(start=NOW - 3 * HOUR, end=NOW),
    compared=Window(start=NOW - timedelta(days=14), end=NOW - 3 * HOUR),
    n_records=312,
    findings=(
        Finding(
            responsibility=Responsibility.INTEGRATION,
            stage="triage_model",
            fields=("prompt_version=v7",),
            kind="retry_loop",
            headline="Retry loop of prompt_version v7: 41 records asked 25 times each, $3.10 an hour instead of $0.42",
            explanation="41 records sent the same request 25 times within minutes; a healthy record is asked once.",
            n_records=41,
            confidence=0.97,
            onset=ONSET,
            keys=("T-48001", "T-48044"),
            steps=("Stop or roll back the release of prompt_version v7.", "Cap the calls of one record at the client."),
        ),
        Finding(
            responsibility=Responsibility.SOURCE_DATA,
            stage="crm_export",
            kind="volume",
            headline="Twice as many records as usual at crm_export",
            explanation="312 records in three hours; 150 are usual.",
            n_records=312,
            confidence=0.8,
        ),
    ),
    facts=(
        Fact(label="Cost per hour", value=3.1, unit=Unit.USD, note="before: $0.42"),
        Fact(label="Projected today", value=48.2, unit=Unit.USD),
        Fact(label="Calls per record", value=4.13, unit=Unit.NUMBER),
    ),
    tables=(
        Table(
            title="What the change of the cost per hour is made of",
            columns=(
                Column(name="part"),
                Column(name="USD per hour", unit=Unit.USD),
                Column(name="share", unit=Unit.SHARE),
            ),
            rows=(("calls per record", 2.4, 0.896), ("records", 0.3, 0.112), ("tokens out", -0.02, -0.008)),
            note="Shapley values; they add up to the change.",
            is_main=True,
        ),
        Table(
            title="Loops",
            columns=(
                Column(name="record"),
                Column(name="calls", unit=Unit.COUNT),
                Column(name="since", unit=Unit.MOMENT),
            ),
            rows=(("T-48001", 25, ONSET.isoformat()), ("<!channel> `|` <script>", None, None)),
        ),
    ),
    charts=(
        Chart(
            title="Cost per hour by model",
            unit=Unit.USD,
            is_stacked=True,
            mark=ONSET,
            limit=2.0,
            lines=tuple(
                Line(name=name, points=tuple((START + n * HOUR, size * (1 + 3 * (n > 2))) for n in range(6)))
                for name, size in (("small", 0.3), ("large", 0.12))
            ),
        ),
    ),
    notes=("2 calls of model x-1 have no known price and are left out.",),
)
"""A look that found a retry loop."""


def watched() -> Example:
    """An incident that a watch opened, while an error budget burns."""
    incident = decide([], evaluate_watch(LOOP), now=NOW)[0].incident
    budget = Budget(
        allowed=40.0,
        spent=37.0,
        spent_low=37.0,
        spent_high=37.0,
        covered=1.0,
        burn=7.2,
        gone_at=NOW + 5 * HOUR,
    )
    page = AlertState(severity=AlertSeverity.PAGE, since=NOW - HOUR)
    objective = ObjectiveStatus(
        objective="cost",
        kind="cost",
        goal=0.99,
        window_start=NOW - timedelta(days=28),
        window_end=NOW,
        events=4000,
        judged=4000,
        bad=37,
        refunded=0,
        budget=budget,
        alerts=(page,),
    )
    gate = decide_gate(PIPELINE.error_budget, {"cost": budget.left}, [], NOW)
    status = SloStatus(pipeline="support_triage", at=NOW, objectives=(objective,), gate=gate)
    links = Links.under("http://localhost:8080", pipeline="support_triage", incident_id=incident.id)
    report = incident_report(incident, measured.of_watch(LOOP), PIPELINE, [], links=links, now=NOW, slo=status)
    return Example(report=report)


def alerted() -> Example:
    return replace(watched(), change=ChangeKind.ALERTED)
