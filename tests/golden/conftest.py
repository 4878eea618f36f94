"""Realistic incidents for the golden files, and how those files are compared."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from seamwatch.core.action_life import ActionPlan, ActionRun
from seamwatch.core.finding import Finding, RateComparison, Switch
from seamwatch.core.incident_evaluations import evaluate_attribution, evaluate_watch
from seamwatch.core.incident_life import ChangeKind, Incident, allowed_actions
from seamwatch.core.incident_timeline import IncidentEvent, fold_events
from seamwatch.core.incidents import decide
from seamwatch.core.results import (
    Attribution,
    Check,
    Discrepancy,
    IsolationResult,
    RecordEvidence,
    Signal,
    StagePicture,
    StageResult,
    Verdict,
    Window,
)
from seamwatch.core.runbooks import StepFinding, StepRun
from seamwatch.core.slo.alerts import AlertState
from seamwatch.core.slo.budget import Budget
from seamwatch.core.slo.policy import decide_gate
from seamwatch.core.slo.status import ObjectiveStatus, SloStatus
from seamwatch.core.watch.results import Chart, Column, Fact, Line, Table, Unit, WatchReport
from seamwatch.report import measured
from seamwatch.report.facts import IncidentReport, incident_report
from seamwatch.report.links import Links
from seamwatch.report.runbook import runbook_facts
from seamwatch.spec.pipeline import Pipeline
from seamwatch.vocabulary import (
    ActionState,
    AlertSeverity,
    Basis,
    CheckStatus,
    Door,
    Gap,
    IncidentSeverity,
    IncidentState,
    Responsibility,
    RunbookKind,
    Severity,
    StepState,
    Watch,
)

START = datetime(2026, 11, 23, 8, 0, tzinfo=UTC)
WINDOW = Window(start=START, end=START + timedelta(hours=6))
NOW = START + timedelta(hours=6, minutes=4)
ONSET = START + timedelta(hours=2, minutes=17)

PIPELINE = Pipeline.model_validate(
    {
        "pipeline": "support_triage",
        "description": "Routes customer tickets to a queue.",
        "database": "support_dw",
        "owners": {"reliability": "@U012AB", "model": "!subteam^S01", "integration": "!subteam^S02"},
        "slack": {"channel": "#ai-incidents"},
        "key": "ticket_id",
        "stages": [
            {"name": "crm_export", "kind": "source", "table": "crm_tickets"},
            {
                "name": "request_mapping",
                "kind": "mapping",
                "table": "ai_requests",
                "reference": "support_triage:to_request",
            },
            {"name": "kb_lookup", "kind": "retrieval", "table": "ai_context"},
            {
                "name": "prompt",
                "kind": "prompt",
                "table": "ai_calls",
                "input": ["request_mapping", "kb_lookup"],
                "reference": "support_triage:to_prompt",
            },
            {
                "name": "triage_model",
                "kind": "model",
                "table": "ai_calls",
                "endpoint": "support_model",
                "request": "request",
                "response": "response",
            },
            {
                "name": "response_mapping",
                "kind": "mapping",
                "table": "ai_results",
                "reference": "support_result.yaml",
                "reference_confidence": 0.98,
            },
            {"name": "crm_update", "kind": "sink", "table": "crm_routing"},
        ],
        "outcome": {"truth": "human_labels", "compare": {"queue": "queue"}},
        "benchmark": {"table": "benchmark_tickets", "truth": {"queue": "queue"}, "baseline_accuracy": 0.94},
    }
)

REQUEST_RECORDED = (
    "Customer writes about their Office Phone X2: the box shows a red light and there is no internet since this "
    "morning. Already restarted twice."
)
REQUEST_EXPECTED = REQUEST_RECORDED.replace("Office Phone X2", "Fibre Router R1")


def timeline(healthy: int, broken: int, *, onset: datetime | None = ONSET) -> tuple[tuple[datetime, int, int], ...]:
    bins = []
    for n in range(24):
        at = START + timedelta(minutes=15 * n)
        judged = 52 + (n * 7) % 13
        wobble = (n * 5) % 4 - 1
        failing = (broken if onset is not None and at + timedelta(minutes=15) > onset else healthy) + wobble
        bins.append((at, max(0, failing), judged))
    return tuple(bins)


def cause(responsibility: Responsibility, stage: str | None, headline: str, n: int, of: int, **more: object) -> Finding:
    share = n / of
    return Finding(
        **{
            "responsibility": responsibility,
            "stage": stage,
            "headline": headline,
            "n_records": n,
            "share": share,
            "share_low": max(0.0, share - 0.03),
            "share_high": min(1.0, share + 0.024),
            "confidence": 0.97,
            **more,
        }
    )


BASE_MODEL_CAUSE = cause(
    Responsibility.MODEL,
    "triage_model",
    "The model at triage_model is wrong on clean requests.",
    78,
    463,
    confidence=0.93,
    rate=RateComparison(n_expected=81.4, p_value=0.63),
)
HEALTHY_ISOLATION = IsolationResult(
    stage="triage_model",
    model="triage-classifier-2026-10",
    calls=148,
    cost_usd=0.0412,
    n_benchmark=100,
    n_right=95,
    accuracy=0.95,
    accuracy_low=0.888,
    accuracy_high=0.978,
    baseline_accuracy=0.94,
    p_degraded=0.71,
    reproduced=0.99,
)


def evidence(n: int, responsibility: Responsibility, stage: str | None, **more: object) -> tuple[RecordEvidence, ...]:
    return tuple(
        RecordEvidence(
            key=f"T-{48213 + 17 * i}",
            verdict=Verdict(
                key=f"T-{48213 + 17 * i}",
                responsibility=responsibility,
                stage=stage,
                confidence=0.98,
                explanation=str(more.get("explanation", "")),
            ),
            rows=more.get("rows", ()),  # type: ignore[arg-type]
            recorded_outcome={"queue": "telephony"},
            true_outcome={"queue": "network"},
            recorded_answer=more.get("recorded_answer", '{"queue": "telephony", "priority": 2}'),  # type: ignore[arg-type]
            isolated_answer=more.get("isolated_answer", '{"queue": "network", "priority": 2}'),  # type: ignore[arg-type]
        )
        for i in range(n)
    )


def row(stage: str, field: str, recorded: str | None, expected: str | None) -> Discrepancy:
    return Discrepancy(key="T", stage=stage, field=field, recorded=recorded, expected=expected, kind="value")


def stage_results(**changed: dict[str, object]) -> list[StageResult]:
    found = []
    for stage in PIPELINE.stages:
        is_mapped = stage.reference is not None
        base = StageResult(
            stage=stage.name,
            n_records=1487,
            n_input=None if stage.name == "crm_export" else 1487,
            is_reconciled=is_mapped,
        )
        found.append(replace(base, **changed.get(stage.name, {})))  # type: ignore[arg-type]
    return found


SOURCE_CHECKS = (
    Check(
        stage="crm_export",
        expectation="expect_column_values_to_not_be_null",
        column="subject",
        status=CheckStatus.PASSED,
        expected="no nulls",
        observed="0 of 1,487 rows",
        n_rows=1487,
        n_failed=0,
    ),
    Check(
        stage="crm_export",
        expectation="expect_column_values_to_be_in_set",
        column="language",
        severity=Severity.WARNING,
        status=CheckStatus.FAILED,
        expected="one of de, en, fr",
        observed="6 of 1,487 rows: nl",
        n_rows=1487,
        n_failed=6,
        failing_keys=("T-48001", "T-48044", "T-48317", "T-48422", "T-48519", "T-48640"),
    ),
)


@dataclass(frozen=True)
class Example:
    """One incident with all that its report is made of."""

    report: IncidentReport
    attribution: Attribution | None = None
    """None: a watch found it."""
    change: ChangeKind = ChangeKind.OPENED


def make(
    attribution: Attribution,
    results: list[StageResult],
    change: ChangeKind = ChangeKind.OPENED,
    pipeline: Pipeline = PIPELINE,
    events: tuple[IncidentEvent, ...] = (),
    **incident_change: object,
) -> Example:
    incident: Incident = decide([], evaluate_attribution(replace(attribution, window=WINDOW)), now=NOW)[0].incident
    incident = replace(incident, **incident_change)  # type: ignore[arg-type]
    links = Links.under("http://localhost:8080", pipeline=pipeline.pipeline, incident_id=incident.id)
    shown = measured.of_attribution(attribution)
    report = incident_report(incident, shown, pipeline, results, links=links, now=NOW, timeline=fold_events(events))
    return Example(report=report, attribution=attribution, change=change)


def happened(
    kind: ChangeKind, hours: float, by: str | None = None, door: Door = Door.DETECTOR, why: str = ""
) -> IncidentEvent:
    """Return an event so long before the report; those of detectors rest on windows of six hours each."""
    ago = timedelta(hours=hours)
    window = Window(start=START - ago, end=WINDOW.end - ago).id if door is Door.DETECTOR else None
    return IncidentEvent(
        incident_id="x",
        kind=kind,
        window=window,
        by=by,
        at=NOW - timedelta(hours=hours),
        door=door,
        why=why,
    )


def attribution_of(causes: tuple[Finding, ...], **more: object) -> Attribution:
    n_failing = sum(c.n_records for c in causes)
    return Attribution(
        **{
            "pipeline": "support_triage",
            "window": WINDOW,
            "n_observed": 1487,
            "n_failing": n_failing,
            "n_pending": 22,
            "n_examined": 120,
            "causes": causes,
            "isolation": HEALTHY_ISOLATION,
            **more,
        }
    )


def integration() -> Example:
    leading = cause(
        Responsibility.INTEGRATION,
        "request_mapping",
        "Integration failure at request_mapping: product_name is wrong. The model is not at fault.",
        385,
        463,
        fields=("product_name",),
        onset=ONSET,
        onset_low=ONSET - timedelta(minutes=4),
        onset_high=ONSET,
        changed=(
            Switch(
                stage="request_mapping",
                field="mapping_version",
                before="12",
                after="13",
                at=ONSET - timedelta(minutes=1),
                p_value=3e-9,
            ),
        ),
        rate=RateComparison(is_change=True, n_expected=0.4, p_value=1e-12),
        confidence=0.984,
    )
    verdicts = tuple(
        Verdict(
            key=f"T-{n}",
            responsibility=Responsibility.INTEGRATION,
            stage="request_mapping",
            fields=("product_name",),
            confidence=0.98,
            explanation="",
            basis=Basis.REPLAY if n < 24 else Basis.STRATUM,
        )
        for n in range(385)
    )
    attribution = attribution_of(
        (leading, BASE_MODEL_CAUSE),
        verdicts=verdicts,
        signals=(
            Signal(kind="discrepancy", stage="request_mapping", text="405 of 1,487 records differ", n_records=405),
            Signal(kind="failing_rate", text="463 of 1,465 judged records fail; a healthy window has 88"),
        ),
        evidence=evidence(
            8,
            Responsibility.INTEGRATION,
            "request_mapping",
            explanation=(
                "The model answers rightly once request_mapping (product_name) is done as the reference says, "
                "and wrongly again on the request as recorded."
            ),
            rows=(
                row("request_mapping", "product_name", "Office Phone X2", "Fibre Router R1"),
                row("prompt", "user_message", REQUEST_RECORDED, REQUEST_EXPECTED),
            ),
        ),
        stages=tuple(
            StagePicture(
                name=s.name,
                kind=s.kind.value,
                inputs=s.input,
                n_records=1487,
                n_failed=405 if s.name == "request_mapping" else 0,
                is_reconciled=s.reference is not None,
            )
            for s in PIPELINE.stages
        ),
        failing_by_time=timeline(5, 27),
    )
    results = stage_results(
        crm_export={"checks": SOURCE_CHECKS, "data_docs": "docs/support_triage/crm_export/index.html"},
        request_mapping={
            "n_discrepant": 405,
            "fields": {"product_name": 405},
            "checks": (
                Check(
                    stage="request_mapping",
                    expectation="reconcile",
                    column="product_name",
                    status=CheckStatus.FAILED,
                    expected="as support_triage:to_request makes it",
                    observed="405 of 1,487 records differ: Office Phone X2 instead of Fibre Router R1",
                    n_rows=1487,
                    n_failed=405,
                    failing_keys=tuple(f"T-{48213 + 17 * n}" for n in range(405)),
                ),
            ),
        },
    )
    events = (
        happened(ChangeKind.OPENED, 18),
        happened(ChangeKind.UPDATED, 12),
        happened(ChangeKind.ACKNOWLEDGED, 11.5, by="Ann", door=Door.SLACK),
        happened(ChangeKind.UPDATED, 6),
        happened(ChangeKind.UPDATED, 0),
    )
    return make(attribution, results, events=events)


def model() -> Example:
    leading = cause(
        Responsibility.MODEL,
        "triage_model",
        "The model at triage_model is wrong on clean requests.",
        391,
        391,
        onset=ONSET,
        rate=RateComparison(is_change=True, n_expected=81.4, p_value=1e-9),
    )
    isolation = replace(
        HEALTHY_ISOLATION,
        n_right=71,
        accuracy=0.71,
        accuracy_low=0.615,
        accuracy_high=0.79,
        p_degraded=2e-13,
        cost_usd=None,
        notes=("No price is known for triage-classifier-2026-11.",),
        model="triage-classifier-2026-11",
    )
    attribution = attribution_of(
        (leading,),
        isolation=isolation,
        verdicts=tuple(
            Verdict(
                key=f"T-{n}",
                responsibility=Responsibility.MODEL,
                stage="triage_model",
                confidence=0.97,
                explanation="",
                basis=Basis.REPLAY,
            )
            for n in range(391)
        ),
        evidence=evidence(
            3,
            Responsibility.MODEL,
            "triage_model",
            explanation="triage_model was called alone with a clean request and was wrong again.",
            isolated_answer='{"queue": "telephony", "priority": 2}',
        ),
        failing_by_time=timeline(5, 22),
        n_examined=391,
    )
    return make(attribution, stage_results(crm_export={"checks": SOURCE_CHECKS[:1]}))


def provider() -> Example:
    leading = cause(
        Responsibility.PROVIDER,
        "triage_model",
        "Provider failure at triage_model: truncated answers.",
        64,
        142,
        kind="truncated",
        onset=START + timedelta(hours=5, minutes=31),
        rate=RateComparison(is_change=True, p_value=0.0003),
    )
    attribution = attribution_of(
        (leading, replace(BASE_MODEL_CAUSE, share=78 / 142, share_low=0.467, share_high=0.629)),
        verdicts=tuple(
            Verdict(
                key=f"T-{n}",
                responsibility=Responsibility.PROVIDER,
                stage="triage_model",
                confidence=0.99,
                explanation="",
                basis=Basis.RULE,
                pattern="truncated",
            )
            for n in range(64)
        ),
        evidence=evidence(
            2,
            Responsibility.PROVIDER,
            "triage_model",
            explanation="At triage_model the finish reason was length: the model gave no full answer.",
            recorded_answer='{"queue": "netw',
            isolated_answer='{"queue": "network", "priority": 2}',
        ),
        failing_by_time=timeline(5, 30, onset=START + timedelta(hours=5, minutes=31)),
    )
    return make(attribution, stage_results())


def undetermined() -> Example:
    leading = cause(
        Responsibility.UNDETERMINED,
        None,
        "Undetermined: the evidence does not settle the cause.",
        41,
        41,
        gap=Gap.ENDPOINT_UNREACHABLE,
        rate=RateComparison(is_change=True, n_expected=6.2, p_value=0.004),
        confidence=0.2,
    )
    isolation = IsolationResult(
        stage="triage_model",
        model=None,
        calls=0,
        cost_usd=None,
        notes=("The endpoint support_model could not be reached: connection refused.",),
    )
    attribution = attribution_of(
        (leading,), isolation=isolation, n_observed=60, n_pending=19, n_examined=0, failing_by_time=()
    )
    pipeline = PIPELINE.model_copy(update={"owners": {}, "benchmark": None})
    return make(attribution, [], pipeline=pipeline)


HOSTILE = (
    "<!channel> <@U0EVIL> <https://evil.example|click> *bold* _it_ ~no~ `code` ```pre``` </style>"
    "<script>alert(1)</script> {{ 7*7 }} [link](javascript:alert(1)) | pipe \\ & &amp; \u202egnp "
    "\x00\x07 :tada: @here #general https://evil.example"
)


def hostile() -> Example:
    long = HOSTILE + " lorem ipsum" * 4000
    leading = cause(
        Responsibility.INTEGRATION,
        "request_mapping",
        f"Integration failure at request_mapping: {HOSTILE} is wrong.",
        300,
        300,
        fields=(HOSTILE, *(f"field_{n}" for n in range(40))),
        onset=ONSET,
        rate=RateComparison(is_change=True),
    )
    attribution = attribution_of(
        (leading,),
        evidence=tuple(
            RecordEvidence(
                key=f"{HOSTILE} {n}",
                verdict=Verdict(
                    key=HOSTILE,
                    responsibility=Responsibility.INTEGRATION,
                    stage="request_mapping",
                    confidence=0.9,
                    explanation=long,
                ),
                rows=(row("request_mapping", HOSTILE, long, f"other {long}"), row("prompt", "empty", "", None)),
                recorded_outcome={HOSTILE: HOSTILE},
                recorded_answer=long,
                isolated_answer="x" * 30_000,
            )
            for n in range(30)
        ),
        failing_by_time=timeline(5, 22),
        notes=(HOSTILE, *(f"Note {n}: {HOSTILE}" for n in range(50))),
        signals=(Signal(kind="expectation", stage="prompt", text=HOSTILE),),
    )
    results = stage_results(
        request_mapping={
            "n_discrepant": 300,
            "fields": {HOSTILE: 300},
            "notes": (HOSTILE,),
            "checks": (
                Check(
                    stage="request_mapping",
                    expectation=HOSTILE,
                    column=HOSTILE,
                    status=CheckStatus.ERROR,
                    error=HOSTILE,
                    failing_keys=(HOSTILE,) * 9,
                ),
            ),
        }
    )
    said = happened(ChangeKind.VOIDED, 1, by=HOSTILE, door=Door.AIRFLOW, why=long[:600])
    return make(attribution, results, events=(happened(ChangeKind.OPENED, 2), said))


def resolved() -> Example:
    before = integration().attribution
    later = Window(start=WINDOW.end, end=WINDOW.end + timedelta(hours=6))
    attribution = replace(
        before,
        window=later,
        causes=(replace(BASE_MODEL_CAUSE, share=1.0, share_low=0.953, share_high=1.0),),
        n_failing=78,
        verdicts=(),
        evidence=(),
        stages=(),
        signals=(),
        failing_by_time=tuple((at + timedelta(hours=6), n, of) for at, n, of in timeline(4, 4, onset=None)),
    )
    incident = decide([], evaluate_attribution(before), now=NOW)[0].incident
    incident = replace(incident, state=IncidentState.RESOLVED, resolved_at=NOW + timedelta(hours=6), n_windows=3)
    links = Links.under("http://localhost:8080", pipeline="support_triage", incident_id=incident.id)
    report = incident_report(
        incident,
        measured.of_attribution(attribution),
        PIPELINE,
        stage_results(),
        links=links,
        now=NOW + timedelta(hours=6),
    )
    return Example(report=report, attribution=attribution, change=ChangeKind.RESOLVED)


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


def silent() -> Example:
    """A report that is written while the looks at objectives have stopped."""
    example = integration()
    line = (
        "No look at the objectives and watches of support_triage since 2026-11-23 09:10 UTC: scheduler or DAG stopped?"
    )
    return replace(example, report=replace(example.report, silence=(f"{line} (support_triage__slo)",)))


def acknowledged() -> Example:
    """An incident that a person has taken on, in a pipeline whose messages have buttons."""
    report = replace(
        integration().report,
        state=IncidentState.ACKNOWLEDGED,
        state_text="Acknowledged, open since 2026-11-23 14:04 UTC",
        severity=IncidentSeverity.SEV2,
        severity_text="sev2, 385 of 1,465 judged records (26.3%, 9.1% when it opened)",
        actions=allowed_actions(IncidentState.ACKNOWLEDGED),
        last_action="Acknowledged by ada (U012AB) in Slack, 2026-11-23 14:09 UTC",
    )
    return Example(report=report)


def reopened() -> Example:
    return replace(acknowledged(), change=ChangeKind.REOPENED)


def steps(runbook: RunbookKind, *found: tuple[str, StepState, str]) -> list[StepRun]:
    """Return steps that one run in Airflow made in turn."""
    return [
        StepRun(
            incident_id="x",
            run="run-1",
            runbook=runbook,
            number=number,
            name=name,
            finding=StepFinding(state=state, text=text, details=("one fact behind it",) if number == 1 else ()),
            began_at=NOW,
            ended_at=NOW + timedelta(minutes=number),
            task=f"support_triage__runbook/run-1/{runbook.value}.investigate",
        )
        for number, (name, state, text) in enumerate(found, start=1)
    ]


def action(name: str, runbook: RunbookKind, state: ActionState, *, does: str, undoes: str, **more: object) -> ActionRun:
    plan = ActionPlan(target="x", before="1", after="2", does=does, undoes=undoes)
    known = ActionRun(
        id=f"support_triage-202611230800-1/{name}/1",
        incident_id="support_triage-202611230800-1",
        pipeline="support_triage",
        name=name,
        runbook=runbook.value,
        state=state,
        plan=plan,
        proposed_at=NOW,
        updated_at=NOW,
        answer_by=NOW + timedelta(hours=24),
        task=f"support_triage__runbook/run-1/{runbook.value}.{name}_approve",
    )
    return replace(known, **more)  # type: ignore[arg-type]


def approval() -> Example:
    """A runbook that waits for a person, in a pipeline whose messages have buttons."""
    kind, known = RunbookKind.MODEL_DEGRADATION, model().report
    ran = steps(
        kind,
        ("benchmark", StepState.FOUND, "71 of 100 benchmark inputs right, usually 94.7 (p < 0.0001): it got worse."),
        ("input_drift", StepState.UNKNOWN, "Drift is not watched; add `monitoring.drift`."),
        ("cache_state", StepState.FAILED, "the step failed: RuntimeError: the cache is gone"),
    )
    waits = action(
        "roll_back",
        kind,
        ActionState.WAITING,
        does="Points alias champion of model triage from version 7 to version 6",
        undoes="Points alias champion of model triage back to version 7",
    )
    actions = allowed_actions(IncidentState.OPEN)
    shown = replace(known, runbook=runbook_facts(ran, [waits], known.links), actions=actions)
    return Example(report=shown, change=ChangeKind.ACTION_PROPOSED)


def proved() -> Example:
    """A repair that the window, run again, has proved."""
    kind, known = RunbookKind.INTEGRATION_FAILURE, resolved().report
    ran = steps(kind, ("tell_root_cause", StepState.FOUND, "those who were told of it know the root cause"))
    helped = action(
        "run_again",
        kind,
        ActionState.HELPED,
        does="Runs 1 window of support_triage again",
        undoes="",
        why="its windows no longer show the cause",
        answered_by="ada (U012AB)",
        door=Door.SLACK,
        began_at=NOW,
    )
    return Example(
        report=replace(known, runbook=runbook_facts(ran, [helped], known.links)), change=ChangeKind.ROOT_CAUSE_TOLD
    )


EXAMPLES: dict[str, Callable[[], Example]] = {
    "integration": integration,
    "model": model,
    "provider": provider,
    "undetermined": undetermined,
    "hostile": hostile,
    "resolved": resolved,
    "watched": watched,
    "alerted": alerted,
    "acknowledged": acknowledged,
    "reopened": reopened,
    "silent": silent,
    "approval": approval,
    "proved": proved,
}


@pytest.fixture(params=EXAMPLES)
def example(request: pytest.FixtureRequest) -> tuple[str, Example]:
    """Each example with its name."""
    return request.param, EXAMPLES[request.param]()


@pytest.fixture
def golden(request: pytest.FixtureRequest) -> Callable[[str, str], None]:
    """Compare a text with its golden file; `--update-golden` rewrites it, a missing file fails."""

    def compare(name: str, text: str) -> None:
        path = Path(__file__).parent / name
        if request.config.getoption("--update-golden"):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        assert path.exists(), f"{path} is missing; run pytest --update-golden and look at what it writes"
        assert text == path.read_text(encoding="utf-8"), f"{name} changed; if that is right: pytest --update-golden"

    return compare
