"""Of what the example incidents are made: a pipeline, its window, causes, verdicts and checks."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from seamwatch.core.finding import Finding, RateComparison
from seamwatch.core.incident_evaluations import evaluate_attribution
from seamwatch.core.incident_life import ChangeKind, Incident
from seamwatch.core.incident_timeline import IncidentEvent, fold_events
from seamwatch.core.incidents import decide
from seamwatch.core.results import (
    Attribution,
    Check,
    Discrepancy,
    IsolationResult,
    RecordEvidence,
    StageResult,
    Verdict,
    Window,
)
from seamwatch.report import measured
from seamwatch.report.facts import IncidentReport, incident_report
from seamwatch.report.links import Links
from seamwatch.spec.pipeline import Pipeline
from seamwatch.vocabulary import CheckStatus, Door, Responsibility, Severity

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
