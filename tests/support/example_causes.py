"""Example incidents by what was at fault, and how they go on."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from example_parts import (
    BASE_MODEL_CAUSE,
    HEALTHY_ISOLATION,
    NOW,
    ONSET,
    PIPELINE,
    REQUEST_EXPECTED,
    REQUEST_RECORDED,
    SOURCE_CHECKS,
    START,
    WINDOW,
    Example,
    attribution_of,
    cause,
    evidence,
    happened,
    make,
    row,
    stage_results,
    timeline,
)
from seamwatch.core.finding import RateComparison, Switch
from seamwatch.core.incident_evaluations import evaluate_attribution
from seamwatch.core.incident_life import ChangeKind, allowed_actions
from seamwatch.core.incidents import decide
from seamwatch.core.results import Check, IsolationResult, RecordEvidence, Signal, StagePicture, Verdict, Window
from seamwatch.report import measured
from seamwatch.report.facts import incident_report
from seamwatch.report.links import Links
from seamwatch.vocabulary import Basis, CheckStatus, Door, Gap, IncidentSeverity, IncidentState, Responsibility


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
