"""What an earlier version wrote into the store opens as what it said then."""

import json
from datetime import UTC, datetime, timedelta

from seamwatch.core.finding import Finding, RateComparison, Switch
from seamwatch.core.incident_life import Incident
from seamwatch.core.results import Attribution, IsolationResult, Window
from seamwatch.core.watch.results import WatchReport
from seamwatch.store.codec import from_json, to_json
from seamwatch.vocabulary import BenchmarkStanding, Gap, IncidentState, Responsibility, Watch

START = datetime(2026, 5, 4, 10, tzinfo=UTC)
WINDOW = Window(start=START, end=START + timedelta(hours=1))

ATTRIBUTION = """{
"pipeline": "p", "window": {"start": "2026-05-04T10:00:00Z", "end": "2026-05-04T11:00:00Z"},
"n_observed": 100, "n_failing": 50, "n_pending": 0, "n_examined": 50, "n_sampled": 0,
"causes": [
  {"responsibility": "integration", "stage": "request_mapping", "fields": ["product"], "n_records": 40,
   "is_estimated": false, "share": 0.8, "share_low": 0.7, "share_high": 0.9, "confidence": 0.97,
   "headline": "A wrong product.", "onset": "2026-05-04T10:00:00Z", "onset_low": "2026-05-04T09:55:00Z",
   "onset_high": "2026-05-04T10:00:00Z", "changed": [{"stage": "crm", "field": "version", "before": "1",
   "after": "2", "at": "2026-05-04T10:00:00Z", "p_value": 0.001}], "pattern": "code_table", "gap": null,
   "n_expected": 2.5, "p_value": 1e-09, "e_value": 1000000.0, "since": "2026-05-04T10:00:00Z", "n_since": 12,
   "n_expected_since": 1.5, "n_by_part": [20, 20], "n_windows": 2, "is_change": true},
  {"responsibility": "undetermined", "stage": null, "fields": [], "n_records": 10, "is_estimated": true,
   "share": 0.2, "share_low": 0.1, "share_high": 0.3, "confidence": 0.4, "headline": "Not known.", "onset": null,
   "onset_low": null, "onset_high": null, "changed": [], "pattern": null, "gap": "budget_spent", "n_expected": 0.0,
   "p_value": 1.0, "e_value": null, "since": null, "n_since": 0, "n_expected_since": 0.0, "n_by_part": [],
   "n_windows": 1, "is_change": false}],
"isolation": {"stage": "llm", "model": "m-1", "calls": 4, "cost_usd": null, "n_benchmark": 9, "n_right": 8,
  "accuracy": null, "accuracy_low": null, "accuracy_high": null, "baseline_accuracy": null, "p_degraded": null,
  "reproduced": null, "finding": "degraded", "n_paired": 9, "n_better": 0, "n_worse": 1, "p_paired": null,
  "n_changed_answers": 0, "n_repeated": 0, "n_unstable": 0, "model_before": null, "model_changed": null,
  "segments": [], "notes": []},
"signals": [], "verdicts": [], "evidence": [], "stages": [], "failing_by_time": [], "is_by_served": false,
"documents": [], "notes": [], "references_in_doubt": [], "fields": [], "n_unreadable": 0, "lingering": []}"""

WATCH_REPORT = """{
"watch": "latency", "pipeline": "p", "window": {"start": "2026-05-04T10:00:00Z", "end": "2026-05-04T11:00:00Z"},
"compared": null, "n_records": 100, "found": [{"responsibility": "provider", "stage": "llm", "fields": ["latency"],
"pattern": "provider_slow", "headline": "Slow.", "explanation": "It was slow.", "n_records": 7, "confidence": 0.9,
"onset": "2026-05-04T10:00:00Z", "keys": ["1", "2"], "steps": ["Look."]}], "still": ["timeouts"], "facts": [],
"tables": [], "charts": [], "notes": []}"""

INCIDENT = """{
"id": "p-202605041100-abcdef", "fingerprint": "abcdef", "pipeline": "p", "responsibility": "provider",
"stage": "llm", "fields": ["latency"], "state": "open", "headline": "Slow.", "confidence": 0.9,
"opened_at": "2026-05-04T11:00:00Z", "updated_at": "2026-05-04T11:00:00Z", "resolved_at": null,
"first_window": {"start": "2026-05-04T10:00:00Z", "end": "2026-05-04T11:00:00Z"},
"last_window": {"start": "2026-05-04T10:00:00Z", "end": "2026-05-04T11:00:00Z"}, "n_windows": 1, "n_records": 7,
"n_judged": null, "resolved_in": null, "watch": "latency", "pattern": "provider_slow"}"""


def test_an_attribution_opens_with_its_causes_and_the_standing_of_its_model() -> None:
    found = from_json(Attribution, json.loads(ATTRIBUTION))
    assert found.isolation == IsolationResult(
        stage="llm",
        model="m-1",
        calls=4,
        cost_usd=None,
        n_benchmark=9,
        n_right=8,
        standing=BenchmarkStanding.DEGRADED,
        n_paired=9,
        n_worse=1,
    )
    assert found.causes == (
        Finding(
            responsibility=Responsibility.INTEGRATION,
            stage="request_mapping",
            fields=("product",),
            kind="code_table",
            n_records=40,
            share=0.8,
            share_low=0.7,
            share_high=0.9,
            confidence=0.97,
            onset=START,
            onset_low=START - timedelta(minutes=5),
            onset_high=START,
            rate=RateComparison(
                is_change=True,
                n_expected=2.5,
                p_value=1e-9,
                e_value=1e6,
                since=START,
                n_since=12,
                n_expected_since=1.5,
                n_by_part=(20, 20),
                n_windows=2,
            ),
            changed=(Switch(stage="crm", field="version", before="1", after="2", at=START, p_value=0.001),),
            headline="A wrong product.",
        ),
        Finding(
            responsibility=Responsibility.UNDETERMINED,
            stage=None,
            n_records=10,
            is_estimated=True,
            share=0.2,
            share_low=0.1,
            share_high=0.3,
            confidence=0.4,
            rate=RateComparison(),
            gap=Gap.BUDGET_SPENT,
            headline="Not known.",
        ),
    )
    assert (found.window, found.leading) == (WINDOW, found.causes[0])


def test_a_report_of_a_watch_opens_with_what_it_found() -> None:
    report = from_json(WatchReport, json.loads(WATCH_REPORT))
    assert report.findings == (
        Finding(
            responsibility=Responsibility.PROVIDER,
            stage="llm",
            fields=("latency",),
            kind="provider_slow",
            n_records=7,
            confidence=0.9,
            onset=START,
            keys=("1", "2"),
            headline="Slow.",
            explanation="It was slow.",
            steps=("Look.",),
        ),
    )
    assert (report.watch, report.open_kinds) == (Watch.LATENCY, ("provider_slow", "timeouts"))


def test_an_incident_opens_with_its_kind() -> None:
    incident = from_json(Incident, json.loads(INCIDENT))
    assert (incident.kind, incident.watch, incident.state) == ("provider_slow", Watch.LATENCY, IncidentState.OPEN)


def test_what_is_in_the_form_of_today_stays_as_it_is() -> None:
    for kind, text in ((Attribution, ATTRIBUTION), (WatchReport, WATCH_REPORT), (Incident, INCIDENT)):
        read = from_json(kind, json.loads(text))
        assert from_json(kind, to_json(read)) == read
