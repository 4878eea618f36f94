"""A small pipeline and incident; tests change what they are about."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from seamwatch.core.finding import Finding, RateComparison
from seamwatch.core.incident_life import Incident
from seamwatch.core.results import Attribution, IsolationResult, StageResult, Window
from seamwatch.report.facts import IncidentReport, incident_report
from seamwatch.report.links import Links
from seamwatch.report.measured import of_attribution
from seamwatch.spec.pipeline import Pipeline
from seamwatch.vocabulary import IncidentState, Responsibility

START = datetime(2026, 11, 23, 8, 0, tzinfo=UTC)
PIPELINE = Pipeline.model_validate(
    {
        "pipeline": "triage",
        "database": "dw",
        "key": "id",
        "owners": {"reliability": "@U012AB", "model": "!subteam^S01"},
        "stages": [
            {"name": "crm", "kind": "source", "table": "t"},
            {"name": "request", "kind": "mapping", "table": "r", "reference": "triage:to_request"},
            {
                "name": "answer",
                "kind": "model",
                "table": "a",
                "endpoint": "model_conn",
                "request": "q",
                "response": "a",
            },
            {"name": "sink", "kind": "sink", "table": "s"},
        ],
    }
)
CAUSE = Finding(
    responsibility=Responsibility.INTEGRATION,
    stage="request",
    fields=("product",),
    n_records=30,
    share=0.75,
    share_low=0.6,
    share_high=0.86,
    confidence=0.97,
    headline="Integration failure at request: product is wrong. The model is not at fault.",
    onset=START + timedelta(minutes=20),
    rate=RateComparison(is_change=True, p_value=1e-6),
)
ATTRIBUTION = Attribution(
    pipeline="triage",
    window=Window(start=START, end=START + timedelta(hours=1)),
    n_observed=200,
    n_failing=40,
    n_pending=0,
    n_examined=40,
    causes=(CAUSE,),
    isolation=IsolationResult(stage="answer", model="m-1", calls=0, cost_usd=None),
)


@pytest.fixture
def attribution() -> Attribution:
    return ATTRIBUTION


@pytest.fixture
def make_report() -> Callable[..., IncidentReport]:
    """Return a maker of reports: changes of the cause, the attribution, the incident; stage results."""

    def make(
        cause: dict[str, object] | None = None,
        incident: dict[str, object] | None = None,
        results: tuple[StageResult, ...] = (),
        pipeline: Pipeline = PIPELINE,
        **attribution: object,
    ) -> IncidentReport:
        changed = replace(CAUSE, **(cause or {}))  # type: ignore[arg-type]
        found = replace(ATTRIBUTION, **{"causes": (changed,), **attribution})  # type: ignore[arg-type]
        about = Incident(
            **{
                "id": "triage-1",
                "fingerprint": "f",
                "pipeline": "triage",
                "responsibility": changed.responsibility,
                "stage": changed.stage,
                "fields": changed.fields,
                "state": IncidentState.OPEN,
                "headline": changed.headline,
                "confidence": changed.confidence,
                "opened_at": START,
                "updated_at": START,
                "first_window": found.window,
                "last_window": found.window,
                "n_records": changed.n_records,
                **(incident or {}),
            }  # type: ignore[arg-type]
        )
        links = Links.under("http://af:8080/", pipeline="triage", incident_id=about.id)
        return incident_report(
            about, of_attribution(found), pipeline, results, links=links, now=START + timedelta(hours=2)
        )

    return make
